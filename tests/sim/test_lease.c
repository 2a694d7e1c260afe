/* SPDX-License-Identifier: Apache-2.0 */
/* Who leads, in virtual time: three replicas and one Lease. */
#include "fake_api.h"
#include "kube/lease.h"
#include "twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#define REPLICAS 3

struct replica {
    struct kube_client client;
    struct kube_lease *lease;
    bool is_leader;
};

struct play {
    struct loop *loop;
    struct fake_api api;
    struct replica replicas[REPLICAS];
};

static void on_change(void *user, bool is_holder)
{
    ((struct replica *)user)->is_leader = is_holder;
}

static void begin(struct play *play, unsigned count)
{
    struct err err;
    *play = (struct play){0};
    play->loop = loop_new(&err);
    fake_api_init(&play->api);
    for (unsigned i = 0; i < count; i++) {
        char name[] = "replica-0";
        name[8] = (char)('0' + i);
        play->replicas[i].lease = kube_lease_new(&(struct kube_lease_options){
            .loop = play->loop,
            .client = &play->replicas[i].client,
            .ns = STR("umbra"),
            .name = STR("it"),
            .identity = str_from_c(name),
            .on_change = on_change,
            .user = &play->replicas[i],
        });
    }
}

static unsigned leaders(const struct play *play)
{
    unsigned count = 0;
    for (unsigned i = 0; i < REPLICAS; i++) {
        assert_true(!play->replicas[i].lease ||
                    play->replicas[i].is_leader == kube_lease_is_holder(play->replicas[i].lease));
        count += play->replicas[i].is_leader;
    }
    return count;
}

/* Never two at once. */
static void pass(struct play *play, unsigned seconds)
{
    for (unsigned i = 0; i < seconds * 10; i++) {
        twin_set_ms(play->loop, twin_now_ms(play->loop) + 100);
        twin_turn(play->loop);
        assert_true(leaders(play) <= 1);
    }
}

static struct replica *leader(struct play *play)
{
    for (unsigned i = 0; i < REPLICAS; i++) {
        if (play->replicas[i].is_leader)
            return &play->replicas[i];
    }
    return NULL;
}

static void end(struct play *play)
{
    for (unsigned i = 0; i < REPLICAS; i++)
        kube_lease_free(play->replicas[i].lease);
    fake_api_deinit(&play->api);
    loop_free(play->loop);
}

static void test_one_of_three_leads_and_stays(void **state)
{
    (void)state;
    struct play play;
    begin(&play, 3);
    pass(&play, 3);
    struct replica *first = leader(&play);
    assert_non_null(first);
    assert_true(str_eq(kube_lease_holder(play.replicas[0].lease), kube_lease_holder(play.replicas[2].lease)));
    pass(&play, 300);
    assert_ptr_equal(leader(&play), first);
    end(&play);
}

static void test_a_leader_writes_as_often_as_it_promises_and_others_not_at_all(void **state)
{
    (void)state;
    struct play play;
    begin(&play, 3);
    pass(&play, 5);
    unsigned before = play.api.writes;
    pass(&play, 60);
    unsigned writes = play.api.writes - before;
    assert_in_range(writes, 60000 / LEASE_RENEW_MS / 2, 60000 / LEASE_RENEW_MS + 1);
    end(&play);
}

static void test_another_one_leads_within_20_s_when_the_leader_is_cut_off(void **state)
{
    (void)state;
    struct play play;
    begin(&play, 3);
    pass(&play, 5);
    struct replica *first = leader(&play);
    first->client.is_cut = true;
    fake_api_tell(&play.api);
    pass(&play, 20);
    assert_non_null(leader(&play));
    assert_ptr_not_equal(leader(&play), first);
    assert_false(first->is_leader);
    struct replica *second = leader(&play);
    first->client.is_cut = false;
    fake_api_tell(&play.api);
    pass(&play, 60);
    assert_ptr_equal(leader(&play), second);
    end(&play);
}

static void test_a_leader_that_lets_go_is_followed_at_once(void **state)
{
    (void)state;
    struct play play;
    begin(&play, 2);
    pass(&play, 5);
    struct replica *first = leader(&play);
    kube_lease_release(first->lease);
    pass(&play, 2);
    assert_non_null(leader(&play));
    assert_ptr_not_equal(leader(&play), first);
    end(&play);
}

static void test_nobody_leads_while_the_server_is_away_and_one_does_after(void **state)
{
    (void)state;
    struct play play;
    begin(&play, 3);
    pass(&play, 5);
    for (unsigned i = 0; i < REPLICAS; i++)
        play.replicas[i].client.is_cut = true;
    fake_api_tell(&play.api);
    pass(&play, 3600);
    assert_int_equal(leaders(&play), 0);
    for (unsigned i = 0; i < REPLICAS; i++)
        play.replicas[i].client.is_cut = false;
    fake_api_tell(&play.api);
    pass(&play, 20);
    assert_int_equal(leaders(&play), 1);
    end(&play);
}

static void test_a_holder_of_another_clock_keeps_it_as_long_as_it_renews(void **state)
{
    (void)state;
    struct play play;
    begin(&play, 1);
    for (unsigned i = 0; i < 30; i++) {
        char json[256];
        snprintf(json, sizeof(json),
                 "{\"metadata\":{\"name\":\"it\"},\"spec\":{\"holderIdentity\":\"other\",\"leaseDurationSeconds\":15,"
                 "\"renewTime\":\"1999-01-01T00:00:%02u.000000Z\"}}",
                 i);
        fake_api_set(&play.api, json);
        pass(&play, 5);
        assert_int_equal(leaders(&play), 0);
    }
    pass(&play, 17);
    assert_int_equal(leaders(&play), 1);
    end(&play);
}

static void test_a_missing_right_is_said(void **state)
{
    (void)state;
    struct play play;
    begin(&play, 1);
    play.api.is_forbidden = true;
    fake_api_tell(&play.api);
    pass(&play, 40);
    assert_int_equal(leaders(&play), 0);
    assert_non_null(kube_lease_problem(play.replicas[0].lease));
    assert_non_null(strstr(kube_lease_problem(play.replicas[0].lease), "403 Forbidden"));
    end(&play);
}

static void test_a_lease_that_is_no_lease_is_taken(void **state)
{
    (void)state;
    static const char *const strange[] = {
        "{\"metadata\":{},\"spec\":{\"holderIdentity\":7,\"leaseDurationSeconds\":\"x\",\"renewTime\":[]}}",
        "{\"spec\":null}",
        "{\"spec\":{\"holderIdentity\":\"dead\",\"leaseDurationSeconds\":99999999999,\"renewTime\":\"\"}}",
    };
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        struct play play;
        begin(&play, 1);
        fake_api_set(&play.api, strange[i]);
        pass(&play, 20);
        assert_int_equal(leaders(&play), 1);
        end(&play);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_of_three_leads_and_stays),
        cmocka_unit_test(test_a_leader_writes_as_often_as_it_promises_and_others_not_at_all),
        cmocka_unit_test(test_another_one_leads_within_20_s_when_the_leader_is_cut_off),
        cmocka_unit_test(test_a_leader_that_lets_go_is_followed_at_once),
        cmocka_unit_test(test_nobody_leads_while_the_server_is_away_and_one_does_after),
        cmocka_unit_test(test_a_holder_of_another_clock_keeps_it_as_long_as_it_renews),
        cmocka_unit_test(test_a_missing_right_is_said),
        cmocka_unit_test(test_a_lease_that_is_no_lease_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
