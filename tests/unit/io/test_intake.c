/* SPDX-License-Identifier: Apache-2.0 */
#include "io/intake.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define LINE "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"
#define LONG_MS 60000

struct meeting {
    struct intake intake;
    struct loop *loop;
    struct timer pulse;
    struct str to_send; /* one byte at each pulse */
    int ends[2];        /* the balancer's, ours */
    unsigned overs;
    enum intake_end end;
    struct proxy_header header;
};

static void on_over(struct intake *intake, enum intake_end end, const struct proxy_header *header)
{
    struct meeting *meeting = CONTAINER_OF(intake, struct meeting, intake);
    meeting->overs++;
    meeting->end = end;
    if (header)
        meeting->header = *header;
    timer_disarm(&meeting->pulse);
    loop_stop(meeting->loop);
}

static void on_pulse(struct timer *timer)
{
    struct meeting *meeting = CONTAINER_OF(timer, struct meeting, pulse);
    if (meeting->to_send.len == 0)
        return;
    assert_int_equal(write(meeting->ends[0], meeting->to_send.ptr, 1), 1);
    meeting->to_send = str_slice(meeting->to_send, 1, meeting->to_send.len);
    timer_arm(meeting->loop, timer, 1);
}

static int begin(void **state)
{
    struct meeting *meeting = calloc(1, sizeof(*meeting));
    struct err err;
    assert_non_null(meeting);
    meeting->loop = loop_new(&err);
    assert_non_null(meeting->loop);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, meeting->ends), 0);
    meeting->intake.on_over = on_over;
    timer_init(&meeting->pulse, on_pulse);
    *state = meeting;
    return 0;
}

static int finish(void **state)
{
    struct meeting *meeting = *state;
    close(meeting->ends[0]);
    close(meeting->ends[1]);
    loop_free(meeting->loop);
    free(meeting);
    return 0;
}

static void say(const struct meeting *meeting, struct str bytes)
{
    assert_int_equal(write(meeting->ends[0], bytes.ptr, bytes.len), bytes.len);
}

static void run(struct meeting *meeting, uint32_t timeout_ms)
{
    intake_start(&meeting->intake, meeting->loop, meeting->ends[1], timeout_ms);
    assert_int_equal(meeting->overs, 0);
    loop_run(meeting->loop);
    assert_int_equal(meeting->overs, 1);
}

static void check_rest(const struct meeting *meeting, const char *want)
{
    char rest[64];
    ssize_t n = read(meeting->ends[1], rest, sizeof(rest));
    assert_int_equal(n, strlen(want));
    assert_memory_equal(rest, want, strlen(want));
}

static void test_what_follows_the_header_is_left(void **state)
{
    struct meeting *meeting = *state;
    say(meeting, STR(LINE "GET /"));
    run(meeting, LONG_MS);
    assert_int_equal(meeting->end, INTAKE_WHOLE);
    assert_int_equal(meeting->header.source.port, 56324);
    check_rest(meeting, "GET /");
}

static void test_a_header_may_come_byte_by_byte(void **state)
{
    struct meeting *meeting = *state;
    meeting->to_send = STR(LINE);
    timer_arm(meeting->loop, &meeting->pulse, 1);
    run(meeting, LONG_MS);
    assert_int_equal(meeting->end, INTAKE_WHOLE);
    assert_int_equal(meeting->to_send.len, 0);
}

static void test_a_client_that_has_ended_its_side_is_taken_with_a_whole_header(void **state)
{
    struct meeting *meeting = *state;
    say(meeting, STR(LINE "GET /"));
    assert_int_equal(shutdown(meeting->ends[0], SHUT_WR), 0);
    run(meeting, LONG_MS);
    assert_int_equal(meeting->end, INTAKE_WHOLE);
    check_rest(meeting, "GET /");
}

static void test_what_does_not_become_a_header_has_its_reason(void **state)
{
    static const struct {
        struct str bytes;
        bool is_closed;
        uint32_t timeout_ms;
        enum intake_end want;
    } cases[] = {
        {STR_INIT("GET / HTTP/1.1\r\n"), false, LONG_MS, INTAKE_BAD},
        {STR_INIT("PROXY TCP4 192.0.2.1"), true, LONG_MS, INTAKE_BAD},
        {{NULL, 0}, true, LONG_MS, INTAKE_GONE},
        {{NULL, 0}, false, 20, INTAKE_TIMEOUT},
        {STR_INIT("PROXY TCP4 192.0.2.1"), false, 20, INTAKE_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct meeting *meeting = *state;
        say(meeting, cases[i].bytes);
        if (cases[i].is_closed)
            assert_int_equal(shutdown(meeting->ends[0], SHUT_WR), 0);
        run(meeting, cases[i].timeout_ms);
        assert_int_equal(meeting->end, cases[i].want);
        finish(state);
        begin(state);
    }
}

static void test_a_look_sees_what_no_event_has_told_of(void **state)
{
    struct meeting *meeting = *state;
    intake_start(&meeting->intake, meeting->loop, meeting->ends[1], LONG_MS);
    assert_false(intake_look(&meeting->intake));
    say(meeting, STR("PROXY"));
    assert_false(intake_look(&meeting->intake));
    say(meeting, STR(" UNKNOWN\r\n"));
    assert_true(intake_look(&meeting->intake));
    assert_int_equal(meeting->end, INTAKE_WHOLE);
    assert_false(meeting->header.has_addresses);
}

static void on_last_pulse(struct timer *timer)
{
    struct meeting *meeting = CONTAINER_OF(timer, struct meeting, pulse);
    loop_stop(meeting->loop);
}

static void test_one_that_is_stopped_says_nothing(void **state)
{
    struct meeting *meeting = *state;
    intake_start(&meeting->intake, meeting->loop, meeting->ends[1], 1);
    intake_stop(&meeting->intake);
    intake_stop(&meeting->intake);
    say(meeting, STR(LINE));
    timer_init(&meeting->pulse, on_last_pulse);
    timer_arm(meeting->loop, &meeting->pulse, 20);
    loop_run(meeting->loop);
    assert_int_equal(meeting->overs, 0);
    check_rest(meeting, LINE);
}

#define meeting_test(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        meeting_test(test_what_follows_the_header_is_left),
        meeting_test(test_a_header_may_come_byte_by_byte),
        meeting_test(test_a_client_that_has_ended_its_side_is_taken_with_a_whole_header),
        meeting_test(test_what_does_not_become_a_header_has_its_reason),
        meeting_test(test_a_look_sees_what_no_event_has_told_of),
        meeting_test(test_one_that_is_stopped_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
