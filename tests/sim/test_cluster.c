/* SPDX-License-Identifier: Apache-2.0 */
/* Which watches a cluster has, over watches whose state the test says: versions that a server does not have, kinds that may not be read, and
 * objects that are wanted by name. */
#include "base/mem.h"
#include "kube/cluster.h"
#include "twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define WATCHES 128

struct kube_watch {
    struct kube_watch_spec spec;
    char path[128], selector[128];
    enum kube_watch_state state;
    uint64_t edition;
};

/* Of the scenario that runs. */
static struct {
    struct kube_watch *watches[WATCHES];
    unsigned begun, changes;
} server;

/* ---- kube/watch.h ---- */

static void copy_text(char *to, size_t size, struct str text)
{
    snprintf(to, size, "%.*s", STR_ARG(text));
}

struct kube_watch *kube_watch_new(struct kube_client *client, const struct kube_watch_spec *spec)
{
    (void)client;
    struct kube_watch *watch = mem_alloc(sizeof(*watch));
    watch->spec = *spec;
    copy_text(watch->path, sizeof(watch->path), spec->path);
    copy_text(watch->selector, sizeof(watch->selector), spec->selector);
    size_t i = 0;
    while (server.watches[i])
        i++;
    assert_true(i < WATCHES);
    server.watches[i] = watch;
    server.begun++;
    return watch;
}

void kube_watch_free(struct kube_watch *watch)
{
    for (size_t i = 0; i < WATCHES; i++)
        server.watches[i] = server.watches[i] == watch ? NULL : server.watches[i];
    mem_free(watch);
}

enum kube_watch_state kube_watch_state(const struct kube_watch *watch)
{
    return watch->state;
}

const char *kube_watch_problem(const struct kube_watch *watch)
{
    return watch->state == KUBE_WATCH_FORBIDDEN ? "403 Forbidden: no" : NULL;
}

uint64_t kube_watch_edition(const struct kube_watch *watch)
{
    return watch->edition;
}

void kube_watch_keep(struct kube_watch *watch, size_t index, struct manifests *read)
{
    (void)watch;
    (void)index;
    (void)read;
}

size_t kube_watch_count(const struct kube_watch *watch)
{
    (void)watch;
    return 0;
}

const struct kube_object *kube_watch_at(const struct kube_watch *watch, size_t index)
{
    (void)watch;
    (void)index;
    return NULL;
}

const struct kube_object *kube_watch_find(const struct kube_watch *watch, struct str ns, struct str name)
{
    (void)watch;
    (void)ns;
    (void)name;
    return NULL;
}

void kube_watch_put(struct kube_watch *watch, struct str json)
{
    (void)watch;
    (void)json;
}

/* ---- plays ---- */

struct play {
    struct loop *loop;
    struct cluster *cluster;
};

static void on_change(void *user)
{
    (void)user;
    server.changes++;
}

static void begin(struct play *play, const struct str *namespaces, size_t count)
{
    struct err err;
    memset(&server, 0, sizeof(server));
    play->loop = loop_new(&err);
    play->cluster = cluster_new(&(struct cluster_options){
        .loop = play->loop,
        .namespaces = namespaces,
        .namespace_count = count,
        .on_change = on_change,
    });
}

static void end(struct play *play)
{
    cluster_free(play->cluster);
    for (size_t i = 0; i < WATCHES; i++)
        assert_null(server.watches[i]);
    loop_free(play->loop);
}

static struct kube_watch *find(const char *path)
{
    for (size_t i = 0; i < WATCHES; i++) {
        if (server.watches[i] && strcmp(server.watches[i]->path, path) == 0)
            return server.watches[i];
    }
    return NULL;
}

static void answer(struct kube_watch *watch, enum kube_watch_state state)
{
    assert_non_null(watch);
    watch->state = state;
    watch->spec.ops->on_change(watch, watch->spec.user);
}

static void pass(struct play *play, unsigned ms)
{
    for (unsigned i = 0; i < ms; i += 100) {
        twin_set_ms(play->loop, twin_now_ms(play->loop) + 100);
        twin_turn(play->loop);
    }
}

/* All that did not answer yet. */
static void answer_all(enum kube_watch_state state)
{
    for (size_t i = 0; i < WATCHES; i++) {
        if (server.watches[i] && server.watches[i]->state == KUBE_WATCH_STARTING)
            answer(server.watches[i], state);
    }
}

static void test_a_version_that_is_absent_gives_way_to_an_older_one(void **state)
{
    (void)state;
    struct play play;
    begin(&play, NULL, 0);
    answer(find("/apis/networking.istio.io/v1/virtualservices"), KUBE_WATCH_ABSENT);
    pass(&play, 200);
    assert_null(find("/apis/networking.istio.io/v1/virtualservices"));
    answer(find("/apis/networking.istio.io/v1beta1/virtualservices"), KUBE_WATCH_SYNCED);
    assert_string_equal(cluster_version(play.cluster, KIND_VIRTUAL_SERVICE, STR("shop"), STR("a")), "v1beta1");
    pass(&play, 100000);
    assert_non_null(find("/apis/networking.istio.io/v1beta1/virtualservices"));
    end(&play);
}

static void test_kinds_that_are_absent_do_not_chase_each_other(void **state)
{
    (void)state;
    struct play play;
    const char *kinds[] = {"virtualservices", "destinationrules"}, *versions[] = {"v1", "v1beta1", "v1alpha3"};
    begin(&play, NULL, 0);
    unsigned begun = server.begun;
    for (size_t i = 0; i < 2 * 3; i++) { /* their answers come one after the other */
        char path[128];
        snprintf(path, sizeof(path), "/apis/networking.istio.io/%s/%s", versions[i / 2], kinds[i % 2]);
        answer(find(path), KUBE_WATCH_ABSENT);
        pass(&play, 200);
    }
    assert_int_equal(server.begun, begun + 4);
    pass(&play, 20000);
    assert_int_equal(server.begun, begun + 4);
    pass(&play, 15000);
    assert_int_equal(server.begun, begun + 6);
    assert_non_null(find("/apis/networking.istio.io/v1/virtualservices"));
    end(&play);
}

static void test_it_is_synced_once_all_have_answered_in_any_way(void **state)
{
    (void)state;
    struct play play;
    begin(&play, NULL, 0);
    assert_false(cluster_is_synced(play.cluster));
    answer(find("/apis/gateway.networking.k8s.io/v1/httproutes"), KUBE_WATCH_FORBIDDEN);
    assert_false(cluster_is_synced(play.cluster));
    for (unsigned i = 0; i < 3; i++) { /* versions */
        answer_all(KUBE_WATCH_ABSENT);
        pass(&play, 200);
    }
    assert_true(cluster_is_synced(play.cluster));
    assert_true(server.changes > 0);
    assert_null(cluster_trouble(play.cluster));
    end(&play);
}

static void test_a_kind_that_may_not_be_read_is_said(void **state)
{
    (void)state;
    struct play play;
    begin(&play, NULL, 0);
    answer(find("/apis/gateway.networking.k8s.io/v1/grpcroutes"), KUBE_WATCH_FORBIDDEN);
    answer_all(KUBE_WATCH_SYNCED);
    struct manifests *manifests = manifests_new();
    cluster_read(play.cluster, manifests);
    assert_int_equal(manifests->problems.count, 1);
    assert_non_null(strstr(manifests->problems.list[0].text.ptr, "what depends on grpcroutes is left out"));
    manifests_unref(manifests);
    end(&play);
}

static void test_a_change_that_is_none_for_rules_is_told_and_leaves_the_edition(void **state)
{
    (void)state;
    struct play play;
    begin(&play, NULL, 0);
    answer_all(KUBE_WATCH_SYNCED);
    struct kube_watch *watch = find("/apis/gateway.networking.k8s.io/v1/httproutes");
    uint64_t edition = cluster_edition(play.cluster);
    unsigned changes = server.changes;
    answer(watch, KUBE_WATCH_SYNCED);
    assert_int_equal(server.changes, changes + 1);
    assert_int_equal(cluster_edition(play.cluster), edition);
    watch->edition++;
    answer(watch, KUBE_WATCH_SYNCED);
    assert_true(cluster_edition(play.cluster) != edition);
    end(&play);
}

static void test_the_statuses_of_services_and_pods_are_read_and_no_others(void **state)
{
    (void)state;
    struct play play;
    struct resource_want want = {.kind = KIND_POD, .ns = STR("shop"), .name = STR("")};
    begin(&play, NULL, 0);
    cluster_want(play.cluster, &want, 1);
    for (size_t i = 0; i < WATCHES; i++) {
        if (server.watches[i])
            assert_int_equal(server.watches[i]->spec.is_status_read,
                             strstr(server.watches[i]->path, "/services") != NULL ||
                                 strstr(server.watches[i]->path, "/pods") != NULL);
    }
    assert_non_null(find("/api/v1/services"));
    assert_non_null(find("/api/v1/namespaces/shop/pods"));
    end(&play);
}

static void test_secrets_are_read_by_name_as_long_as_they_are_wanted(void **state)
{
    (void)state;
    struct play play;
    const char *path = "/api/v1/namespaces/shop/secrets";
    struct resource_want want = {.kind = KIND_SECRET, .ns = STR("shop"), .name = STR("tls")};
    begin(&play, NULL, 0);
    answer_all(KUBE_WATCH_SYNCED);
    assert_true(cluster_is_synced(play.cluster));
    assert_null(find(path));
    cluster_want(play.cluster, &want, 1);
    struct kube_watch *watch = find(path);
    assert_non_null(watch);
    assert_string_equal(watch->selector, "fieldSelector=metadata.name%3Dtls");
    assert_true(watch->spec.is_secret);
    assert_false(cluster_is_synced(play.cluster));
    answer(watch, KUBE_WATCH_SYNCED);
    assert_true(cluster_is_synced(play.cluster));
    cluster_want(play.cluster, &want, 1);
    assert_ptr_equal(find(path), watch);
    cluster_want(play.cluster, NULL, 0);
    assert_null(find(path));
    end(&play);
}

static void test_named_namespaces_are_read_one_by_one_and_no_others(void **state)
{
    (void)state;
    struct play play;
    const struct str namespaces[] = {STR("shop"), STR("edge")};
    struct resource_want want = {.kind = KIND_SECRET, .ns = STR("far"), .name = STR("tls")};
    begin(&play, namespaces, 2);
    assert_null(find("/api/v1/services"));
    assert_non_null(find("/api/v1/namespaces/shop/services"));
    assert_non_null(find("/api/v1/namespaces/edge/services"));
    assert_non_null(find("/apis/gateway.networking.k8s.io/v1/gatewayclasses"));
    cluster_want(play.cluster, &want, 1);
    assert_null(find("/api/v1/namespaces/far/secrets"));
    end(&play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_version_that_is_absent_gives_way_to_an_older_one),
        cmocka_unit_test(test_kinds_that_are_absent_do_not_chase_each_other),
        cmocka_unit_test(test_it_is_synced_once_all_have_answered_in_any_way),
        cmocka_unit_test(test_a_kind_that_may_not_be_read_is_said),
        cmocka_unit_test(test_a_change_that_is_none_for_rules_is_told_and_leaves_the_edition),
        cmocka_unit_test(test_the_statuses_of_services_and_pods_are_read_and_no_others),
        cmocka_unit_test(test_secrets_are_read_by_name_as_long_as_they_are_wanted),
        cmocka_unit_test(test_named_namespaces_are_read_one_by_one_and_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
