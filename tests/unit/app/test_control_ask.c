/* SPDX-License-Identifier: Apache-2.0 */
/* Control's questions, with the test in the analyst's place: it answers well, badly, late or not at all. */
#include "app/control_ask.h"

#include "app/ask.h"
#include "io/timer.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

struct play {
    struct loop *loop;
    struct asker *asker;
    int analyst; /* its end of the channel */
    struct timer tick;
    unsigned ticks_left;
    bool (*is_done)(struct play *play);
    /* what the one who asked heard */
    struct relay_call call;
    struct relay_head head;
    struct strbuf body;
    unsigned heads, fails, ends;
    uint16_t fail_status;
    bool is_whole;
    size_t credit_at_once; /* given with the head */
};

static void on_head(struct relay_call *call, const struct relay_head *head)
{
    struct play *play = CONTAINER_OF(call, struct play, call);
    play->heads++;
    play->head = *head;
    if (play->credit_at_once)
        asker_relay.pull(call, play->credit_at_once);
}

static void on_fail(struct relay_call *call, uint16_t status, const char *sentence)
{
    struct play *play = CONTAINER_OF(call, struct play, call);
    assert_non_null(sentence);
    play->fails++;
    play->fail_status = status;
}

static void on_data(struct relay_call *call, struct str data)
{
    strbuf_add(&CONTAINER_OF(call, struct play, call)->body, data);
}

static void on_end(struct relay_call *call, bool is_whole)
{
    struct play *play = CONTAINER_OF(call, struct play, call);
    play->ends++;
    play->is_whole = is_whole;
}

static const struct relay_call_ops call_ops = {"test", on_head, on_fail, on_data, on_end};

static void on_tick(struct timer *timer)
{
    struct play *play = CONTAINER_OF(timer, struct play, tick);
    if (play->is_done(play) || play->ticks_left-- == 0)
        loop_stop(play->loop);
    else
        timer_arm(play->loop, timer, 2);
}

static void run_until(struct play *play, bool (*is_done)(struct play *))
{
    play->is_done = is_done;
    play->ticks_left = 5000;
    timer_arm(play->loop, &play->tick, 0);
    loop_run(play->loop);
    assert_true(is_done(play));
}

static bool is_over(struct play *play)
{
    return play->fails + play->ends > 0;
}

static bool has_head(struct play *play)
{
    return play->heads > 0;
}

static void open_play(struct play *play)
{
    struct err err;
    int ends[2];
    *play = (struct play){.loop = loop_new(&err), .body = STRBUF_INIT, .credit_at_once = 1 << 20};
    play->asker = asker_new(play->loop);
    timer_init(&play->tick, on_tick);
    play->call.ops = &call_ops;
    assert_true(ipc_pair(ends, &err));
    play->analyst = ends[1];
    asker_set_channel(play->asker, ends[0]);
}

static void close_play(struct play *play)
{
    asker_free(play->asker);
    loop_free(play->loop);
    strbuf_deinit(&play->body);
    close(play->analyst);
}

static void ask(struct play *play, bool is_stream)
{
    struct err err;
    struct relay_question question = {STR("/api/verdict"), STR("route=a"), is_stream, 7};
    play->call.question = NULL;
    if (!asker_relay.ask(play->asker, &play->call, &question, &err))
        fail_msg("%s", err.text);
}

/* The next question of that kind, and the pipe for its answer. */
static int take(struct play *play, enum ask_kind kind)
{
    static struct ipc_message message;
    struct ask_question question;
    for (;;) {
        assert_int_equal(ipc_receive(play->analyst, &message), IPC_OK);
        assert_int_equal(message.type, IPC_QUESTION);
        memcpy(&question, message.payload, sizeof(question));
        if (question.kind == kind)
            break;
        ipc_discard(&message);
    }
    if (kind != ASK_METRICS)
        assert_int_equal(question.path_len, strlen("/api/verdict"));
    return message.fds[0];
}

static void put(int pipe, const void *bytes, size_t len)
{
    assert_int_equal(write(pipe, bytes, len), len);
}

static struct ask_answer good_head(uint64_t length)
{
    return (struct ask_answer){.magic = ASK_MAGIC, .status = 200, .content = ASK_JSON, .length = length};
}

static void test_an_answer_is_relayed(void **state)
{
    (void)state;
    struct play play;
    struct ask_answer head = good_head(5);
    open_play(&play);
    ask(&play, false);
    int pipe = take(&play, ASK_PAGE);
    put(pipe, &head, 3);
    put(pipe, (char *)&head + 3, sizeof(head) - 3);
    put(pipe, "hello and more than was said", 28);
    run_until(&play, is_over);
    assert_int_equal(play.heads, 1);
    assert_int_equal(play.head.status, 200);
    assert_string_equal(play.head.content_type, "application/json");
    assert_true(str_eq(strbuf_str(&play.body), STR("hello")));
    assert_true(play.is_whole);
    assert_null(play.call.question);
    close(pipe);
    close_play(&play);
}

static void test_what_is_no_answer_is_a_502(void **state)
{
    (void)state;
    struct ask_answer heads[7];
    for (size_t i = 0; i < 7; i++)
        heads[i] = good_head(1);
    heads[0].magic++;
    heads[1].content = ASK_CONTENT_COUNT;
    heads[2].status = 100;
    heads[3].status = 600;
    heads[4].status = 204;
    heads[5].status = 0;
    heads[6].length = ASK_STREAM; /* of a page */
    for (size_t i = 0; i < 7; i++) {
        struct play play;
        open_play(&play);
        ask(&play, false);
        int pipe = take(&play, ASK_PAGE);
        put(pipe, &heads[i], sizeof(heads[i]));
        run_until(&play, is_over);
        assert_int_equal(play.fail_status, 502);
        assert_int_equal(play.heads, 0);
        close(pipe);
        close_play(&play);
    }
}

static void test_an_analyst_that_ends_first_is_a_503(void **state)
{
    (void)state;
    struct play play;
    open_play(&play);
    ask(&play, false);
    int pipe = take(&play, ASK_PAGE);
    put(pipe, "half", 4);
    close(pipe);
    run_until(&play, is_over);
    assert_int_equal(play.fail_status, 503);
    close_play(&play);
}

static void test_an_answer_that_is_cut_off_is_not_whole(void **state)
{
    (void)state;
    struct play play;
    struct ask_answer head = good_head(UINT64_MAX - 1);
    open_play(&play);
    ask(&play, false);
    int pipe = take(&play, ASK_PAGE);
    put(pipe, &head, sizeof(head));
    put(pipe, "abc", 3);
    close(pipe);
    run_until(&play, is_over);
    assert_int_equal(play.ends, 1);
    assert_false(play.is_whole);
    close_play(&play);
}

static void test_no_more_is_read_than_there_is_credit(void **state)
{
    (void)state;
    struct play play;
    struct ask_answer head = good_head(6);
    open_play(&play);
    play.credit_at_once = 0;
    ask(&play, false);
    int pipe = take(&play, ASK_PAGE);
    put(pipe, &head, sizeof(head));
    put(pipe, "abcdef", 6);
    run_until(&play, has_head);
    assert_int_equal(play.body.len, 0);
    asker_relay.pull(&play.call, 2);
    loop_settle(play.loop);
    assert_true(str_eq(strbuf_str(&play.body), STR("ab")));
    asker_relay.pull(&play.call, 100);
    loop_settle(play.loop);
    assert_true(str_eq(strbuf_str(&play.body), STR("abcdef")));
    assert_true(play.is_whole);
    close(pipe);
    close_play(&play);
}

static void test_who_has_lost_interest_hears_nothing(void **state)
{
    (void)state;
    struct play play;
    struct ask_answer head = good_head(6);
    open_play(&play);
    ask(&play, true);
    asker_relay.cancel(&play.call);
    int pipe = take(&play, ASK_EVENTS);
    assert_int_equal(write(pipe, &head, sizeof(head)), -1);
    assert_int_equal(play.heads + play.fails + play.ends, 0);
    close(pipe);
    close_play(&play);
}

static bool is_up(struct play *play)
{
    return asker_figures(play->asker)->is_up;
}

static bool is_down(struct play *play)
{
    return !is_up(play);
}

static void test_metrics_are_kept_until_the_analyst_is_gone(void **state)
{
    (void)state;
    struct play play;
    struct ask_answer head = good_head(8);
    open_play(&play);
    assert_false(is_up(&play));
    int pipe = take(&play, ASK_METRICS);
    put(pipe, &head, sizeof(head));
    put(pipe, "umbra_x\n", 8);
    close(pipe);
    run_until(&play, is_up);
    assert_true(str_eq(asker_figures(play.asker)->metrics, STR("umbra_x\n")));
    close(play.analyst);
    run_until(&play, is_down);
    assert_int_equal(asker_figures(play.asker)->metrics.len, 0);
    struct err err;
    assert_false(asker_relay.ask(play.asker, &play.call, &(struct relay_question){STR("/"), STR(""), false, 0}, &err));
    asker_set_off(play.asker, "comparing is off");
    assert_false(asker_relay.ask(play.asker, &play.call, &(struct relay_question){STR("/"), STR(""), false, 0}, &err));
    assert_string_equal(err.text, "comparing is off");
    play.analyst = dup(0);
    close_play(&play);
}

static void test_an_analyst_that_speaks_unasked_is_not_listened_to(void **state)
{
    (void)state;
    struct play play;
    open_play(&play);
    assert_true(ipc_send(play.analyst, IPC_PLAN, STR("x"), NULL, 0));
    ask(&play, false);
    int pipe = take(&play, ASK_PAGE);
    close(pipe);
    run_until(&play, is_over);
    struct err err;
    assert_false(asker_relay.ask(play.asker, &play.call, &(struct relay_question){STR("/"), STR(""), false, 0}, &err));
    close_play(&play);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_is_relayed),
        cmocka_unit_test(test_what_is_no_answer_is_a_502),
        cmocka_unit_test(test_an_analyst_that_ends_first_is_a_503),
        cmocka_unit_test(test_an_answer_that_is_cut_off_is_not_whole),
        cmocka_unit_test(test_no_more_is_read_than_there_is_credit),
        cmocka_unit_test(test_who_has_lost_interest_hears_nothing),
        cmocka_unit_test(test_metrics_are_kept_until_the_analyst_is_gone),
        cmocka_unit_test(test_an_analyst_that_speaks_unasked_is_not_listened_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
