/* SPDX-License-Identifier: Apache-2.0 */
/* Which statuses are written, when, and what becomes of answers; with a server that is a table. */
#include "app/control_status.h"

#include "base/mem.h"
#include "compile/compile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define OBJECTS 8
#define NS_PER_S 1000000000ull

/* An object of the server: what it has besides its status never changes. */
struct object {
    char *name, *head, *status;
    unsigned version;
    char version_text[16];
    char *json;
};

struct server {
    struct manifests *manifests;
    struct compiled *compiled;
    struct control_status *status;
    struct control_status_from from;
    struct object objects[OBJECTS];
    size_t object_count;
    size_t writes, handed;
    bool is_slow; /* writes are kept until server_answer() */
    int refuses;  /* with this status; 0: it does not */
    struct kube_write kept;
    char *target, *body;
    enum status_flow flow;
};

static void object_render(struct object *object)
{
    char *json = NULL;
    snprintf(object->version_text, sizeof(object->version_text), "%u", object->version);
    assert_true(asprintf(&json, "{%s, \"resourceVersion\": \"%u\"}%s%s}", object->head, object->version,
                         object->status ? ", \"status\": " : "", object->status ? object->status : "") > 0);
    free(object->json);
    object->json = json;
}

static void server_add(struct server *server, const char *name, const char *head)
{
    struct object *object = &server->objects[server->object_count++];
    object->name = strdup(name);
    object->head = strdup(head);
    object->version = 1;
    object_render(object);
}

static struct object *server_object(struct server *server, struct str name)
{
    for (size_t i = 0; i < server->object_count; i++) {
        if (str_eq(str_from_c(server->objects[i].name), name))
            return &server->objects[i];
    }
    return NULL;
}

static bool find(void *user, const struct kind *kind, struct str ns, struct str name, struct control_status_object *out)
{
    struct object *object = server_object(user, name);
    (void)kind;
    (void)ns;
    if (!object)
        return false;
    *out = (struct control_status_object){str_from_c(object->json), str_from_c(object->version_text)};
    return true;
}

static enum status_flow flow(void *user, struct str route, struct str mirror)
{
    struct server *server = user;
    assert_true(str_eq(route, STR("default/r#all")));
    assert_true(str_eq(mirror, STR("default/shop:80")));
    return server->flow;
}

/* Takes the status of what was put, unless it is of an older version. */
static void server_put(struct server *server, struct str target, const char *body, struct kube_write_result *result)
{
    const char *name = strstr(target.ptr, "mirrorpolicies/") ? "p" : strstr(target.ptr, "/r/") ? "r" : "edge";
    struct object *object = server_object(server, str_from_c(name));
    const char *status = strstr(body, "\"status\":");
    char version[40];
    snprintf(version, sizeof(version), "\"resourceVersion\":\"%u\"", object->version);
    *result = (struct kube_write_result){.status = 409, .reason = STR("Conflict"), .problem = "409 Conflict"};
    if (!strstr(body, version))
        return;
    free(object->status);
    object->status = strndup(status + strlen("\"status\":"), strlen(status) - strlen("\"status\":") - 1);
    object->version++;
    object_render(object);
    *result = (struct kube_write_result){.status = 200, .body = str_from_c(object->json)};
}

static void server_answer(struct server *server)
{
    struct kube_write_result result = {.status = server->refuses, .problem = "refused"};
    if (!server->refuses)
        server_put(server, str_from_c(server->target), server->body, &result);
    server->kept.on_written(server->kept.user, str_from_c(server->target), &result);
}

static void write_object(void *user, const struct kube_write *write)
{
    struct server *server = user;
    assert_string_equal(write->method, "PUT");
    free(server->target);
    free(server->body);
    server->target = strndup(write->target.ptr, write->target.len);
    server->body = strndup(write->body.ptr, write->body.len);
    server->kept = *write;
    server->writes++;
    if (!server->is_slow)
        server_answer(server);
}

static void on_object(void *user, const struct kind *kind, struct str json)
{
    struct server *server = user;
    assert_non_null(kind);
    assert_true(json.len > 0);
    server->handed++;
}

#define ROUTE(backend) \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: unseen}\n" \
    "spec: {controllerName: umbra.dev/gateway-controller}\n---\n" \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge}\n" \
    "spec: {gatewayClassName: unseen, listeners: [{name: http, protocol: HTTP, port: 80}]}\n---\n" \
    "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {ports: [{port: 80}]}\n---\n" \
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: shop-1, labels: " \
    "{kubernetes.io/service-name: " \
    "shop}}\naddressType: IPv4\nports: [{port: 80}]\nendpoints: [{addresses: [10.0.0.1]}]\n---\n" \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec: {parentRefs: [{name: " \
    "edge}], " \
    "rules: [{name: all, backendRefs: [{name: " backend \
    ", port: 80}], filters: [{type: RequestMirror, requestMirror: {backendRef: {name: shop, port: 80}}}]}]}\n---\n" \
    "apiVersion: umbra.dev/v1alpha1\nkind: MirrorPolicy\nmetadata: {name: p}\nspec: {targetRefs: [{group: " \
    "gateway.networking.k8s.io, kind: HTTPRoute, name: r}]}\n"
#define HEAD(version, kind, name) \
    "\"apiVersion\": \"" version "\", \"kind\": \"" kind "\", \"metadata\": {\"name\": \"" name \
    "\", \"namespace\": \"default\""

static void server_load(struct server *server, const char *yaml)
{
    static const struct compile_options cluster = {.is_cluster = true};
    compiled_free(server->compiled);
    manifests_unref(server->manifests);
    server->manifests = manifests_new();
    manifests_read(server->manifests, STR("cluster"), str_from_c(yaml));
    server->compiled = compile(server->manifests, &cluster);
    server->from.outcomes = &server->compiled->outcomes;
    server->from.load++;
}

/* Knows Gateway, route and policy; the class is one of those that were not listed yet. */
static struct server *server_new(void)
{
    struct server *server = mem_alloc(sizeof(*server));
    server->status = control_status_new(on_object, server);
    server->from = (struct control_status_from){.find = find,
                                                .write = write_object,
                                                .user = server,
                                                .is_leader = true,
                                                .now_ns = NS_PER_S,
                                                .now_s = 1767225600};
    server_add(server, "edge", HEAD("gateway.networking.k8s.io/v1", "Gateway", "edge"));
    server_add(server, "r", HEAD("gateway.networking.k8s.io/v1", "HTTPRoute", "r"));
    server_add(server, "p", HEAD("umbra.dev/v1alpha1", "MirrorPolicy", "p"));
    server_load(server, ROUTE("shop"));
    return server;
}

static void server_free(struct server *server)
{
    control_status_free(server->status);
    compiled_free(server->compiled);
    manifests_unref(server->manifests);
    for (size_t i = 0; i < server->object_count; i++) {
        free(server->objects[i].name);
        free(server->objects[i].head);
        free(server->objects[i].status);
        free(server->objects[i].json);
    }
    free(server->target);
    free(server->body);
    mem_free(server);
}

static size_t update_after(struct server *server, unsigned seconds)
{
    server->from.now_ns += seconds * NS_PER_S;
    server->from.now_s += seconds;
    return control_status_update(server->status, &server->from);
}

static void test_what_differs_is_written_once(void **state)
{
    (void)state;
    struct server *server = server_new();
    assert_int_equal(update_after(server, 0), 3);
    assert_int_equal(server->handed, 3);
    assert_non_null(strstr(server_object(server, STR("r"))->json, "\"2026-01-01T00:00:00Z\""));
    assert_int_equal(update_after(server, 1), 0);
    assert_int_equal(update_after(server, 100), 0);
    assert_int_equal(server->writes, 3);
    server_free(server);
}

static void test_a_change_of_the_rules_is_written_where_it_is_one(void **state)
{
    (void)state;
    struct server *server = server_new();
    (void)update_after(server, 0);
    server_load(server, ROUTE("none"));
    assert_int_equal(update_after(server, 1), 1);
    assert_string_equal(server->target, "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/r/status");
    assert_non_null(strstr(server_object(server, STR("r"))->json, "BackendNotFound"));
    server_load(server, ROUTE("none"));
    assert_int_equal(update_after(server, 1), 0);
    server_free(server);
}

static void test_what_a_later_load_leaves_as_it_was_is_not_looked_at_again(void **state)
{
    (void)state;
    struct server *server = server_new();
    (void)update_after(server, 0);
    assert_int_equal(update_after(server, 1), 0);
    struct object *route = server_object(server, STR("r"));
    char *status = route->status;
    route->status = NULL;
    object_render(route); /* in the version that was looked at, so that only a look would find it */
    server_load(server, ROUTE("shop"));
    assert_int_equal(update_after(server, 1), 0);
    server_load(server, ROUTE("none"));
    assert_int_equal(update_after(server, 1), 1);
    free(status);
    server_free(server);
}

static void test_a_status_that_somebody_took_away_is_written_again(void **state)
{
    (void)state;
    struct server *server = server_new();
    (void)update_after(server, 0);
    assert_int_equal(update_after(server, 1), 0);
    struct object *route = server_object(server, STR("r"));
    free(route->status);
    route->status = NULL;
    route->version++;
    object_render(route);
    assert_int_equal(update_after(server, 1), 1);
    server_free(server);
}

static void test_what_became_of_sockets_is_written_too(void **state)
{
    (void)state;
    static const struct str unavailable[] = {STR_INIT("permission denied")};
    struct server *server = server_new();
    struct arena arena;
    arena_init(&arena, NULL, 0);
    (void)update_after(server, 0);
    struct outcomes outcomes = outcomes_with_ports(server->compiled, unavailable, &arena);
    outcomes.edition = 1;
    assert_int_equal(update_after(server, 1), 0);
    server->from.outcomes = &outcomes;
    assert_int_equal(update_after(server, 1), 1);
    assert_non_null(strstr(server_object(server, STR("edge"))->json, "PortUnavailable"));
    server->from.outcomes = &server->compiled->outcomes;
    assert_int_equal(update_after(server, 1), 1);
    assert_null(strstr(server_object(server, STR("edge"))->json, "PortUnavailable"));
    arena_deinit(&arena);
    server_free(server);
}

static void test_only_the_leader_writes(void **state)
{
    (void)state;
    struct server *server = server_new();
    server->from.is_leader = false;
    assert_int_equal(update_after(server, 0), 0);
    server->from.is_leader = true;
    assert_int_equal(update_after(server, 1), 3);
    server_free(server);
}

static void test_what_is_under_way_is_not_written_again(void **state)
{
    (void)state;
    struct server *server = server_new();
    server->from.flow = flow;
    server->flow = FLOW_FLOWING;
    server->is_slow = true;
    assert_int_equal(update_after(server, 0), 3);
    assert_int_equal(update_after(server, 5), 0);
    assert_int_equal(update_after(server, 5), 0);
    /* Other rules make another write of the same object. */
    server_load(server, ROUTE("none"));
    assert_int_equal(update_after(server, 1), 1);
    server_free(server);
}

static void test_after_a_conflict_the_newer_object_is_waited_for(void **state)
{
    (void)state;
    struct server *server = server_new();
    (void)update_after(server, 0);
    struct object *route = server_object(server, STR("r"));
    server_load(server, ROUTE("none"));
    server->is_slow = true;
    assert_int_equal(update_after(server, 1), 1);
    route->version = 77; /* somebody was faster, and no event has come yet */
    server_answer(server);
    assert_int_equal(update_after(server, 60), 0);
    object_render(route);
    assert_int_equal(update_after(server, 1), 1);
    server_answer(server);
    assert_non_null(strstr(route->json, "BackendNotFound"));
    server_free(server);
}

static void test_what_was_refused_is_tried_again_after_a_while(void **state)
{
    (void)state;
    struct server *server = server_new();
    (void)update_after(server, 0);
    server_load(server, ROUTE("none"));
    server->refuses = 403;
    assert_int_equal(update_after(server, 1), 1);
    assert_int_equal(update_after(server, 1), 0);
    assert_int_equal(update_after(server, STATUS_RETRY_SECONDS / 2), 0);
    server->refuses = 0;
    assert_int_equal(update_after(server, STATUS_RETRY_SECONDS), 1);
    assert_int_equal(update_after(server, 1), 0);
    server_free(server);
}

static void test_flow_is_written_at_most_once_a_minute(void **state)
{
    (void)state;
    struct server *server = server_new();
    struct object *policy = server_object(server, STR("p"));
    server->from.flow = flow;
    server->flow = FLOW_FLOWING;
    (void)update_after(server, 0);
    assert_non_null(strstr(policy->json, "\"Flowing\""));
    server->flow = FLOW_BREAKER_OPEN;
    for (unsigned second = 1; second < FLOW_SECONDS; second++)
        assert_int_equal(update_after(server, 1), 0);
    assert_int_equal(update_after(server, 1), 1);
    assert_non_null(strstr(policy->json, "\"BreakerOpen\""));
    server->flow = FLOW_FLOWING;
    assert_int_equal(update_after(server, 1), 0);
    /* While it stays, nothing is written, and what comes after a long time is written at once. */
    server->flow = FLOW_BREAKER_OPEN;
    assert_int_equal(update_after(server, 1000), 0);
    server->flow = FLOW_SUSPENDED;
    assert_int_equal(update_after(server, 1), 1);
    server_free(server);
}

static void test_objects_that_are_gone_are_forgotten(void **state)
{
    (void)state;
    struct server *server = server_new();
    (void)update_after(server, 0);
    server->is_slow = true;
    server_load(server, ROUTE("none"));
    assert_int_equal(update_after(server, 1), 1);
    server->object_count = 1;
    assert_int_equal(update_after(server, 1), 0);
    /* An answer that comes late finds nobody. */
    struct kube_write_result gone = {.status = 404, .problem = "404 Not Found"};
    server->kept.on_written(server->kept.user, str_from_c(server->target), &gone);
    server->object_count = 3;
    server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_differs_is_written_once),
        cmocka_unit_test(test_a_change_of_the_rules_is_written_where_it_is_one),
        cmocka_unit_test(test_what_a_later_load_leaves_as_it_was_is_not_looked_at_again),
        cmocka_unit_test(test_a_status_that_somebody_took_away_is_written_again),
        cmocka_unit_test(test_what_became_of_sockets_is_written_too),
        cmocka_unit_test(test_only_the_leader_writes),
        cmocka_unit_test(test_what_is_under_way_is_not_written_again),
        cmocka_unit_test(test_after_a_conflict_the_newer_object_is_waited_for),
        cmocka_unit_test(test_what_was_refused_is_tried_again_after_a_while),
        cmocka_unit_test(test_flow_is_written_at_most_once_a_minute),
        cmocka_unit_test(test_objects_that_are_gone_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
