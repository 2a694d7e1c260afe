/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/client.h"

#include "base/mem.h"
#include "play.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECONDS 1000

/* A request and what became of it. */
struct question {
    struct kube_request request;
    struct strbuf body, problem, reason;
    unsigned begun, parts, answers;
    int status;
    uint32_t retry_after_ms;
    bool is_cancelling; /* in on_part */
};

static void set_text(struct strbuf *text, const char *value)
{
    strbuf_clear(text);
    strbuf_add(text, str_from_c(value ? value : ""));
}

static void on_begin(struct kube_request *request)
{
    CONTAINER_OF(request, struct question, request)->begun++;
}

static void on_part(struct kube_request *request, struct str part)
{
    struct question *question = CONTAINER_OF(request, struct question, request);
    question->parts++;
    strbuf_add(&question->body, part);
    if (question->is_cancelling)
        kube_cancel(request);
}

static void on_done(struct kube_request *request, const struct kube_answer *answer)
{
    struct question *question = CONTAINER_OF(request, struct question, request);
    assert_null(request->state);
    question->answers++;
    question->status = answer->status;
    question->retry_after_ms = answer->retry_after_ms;
    set_text(&question->problem, answer->problem);
    strbuf_clear(&question->reason);
    strbuf_add(&question->reason, answer->reason);
    strbuf_add(&question->body, answer->body);
}

static void ask(struct play *play, struct question *question, const char *method, const char *body)
{
    *question = (struct question){.request = {.method = method,
                                              .target = STR("/api/v1/x?y=1"),
                                              .content_type = STR("application/json"),
                                              .body = str_from_c(body),
                                              .on_begin = on_begin,
                                              .on_part = on_part,
                                              .on_done = on_done}};
    set_text(&question->body, "");
    kube_send(play->client, &question->request);
}

static void ask_stream(struct play *play, struct question *question, uint32_t idle_ms)
{
    *question = (struct question){.request = {.method = "GET",
                                              .target = STR("/stream"),
                                              .is_streaming = true,
                                              .idle_ms = idle_ms,
                                              .on_begin = on_begin,
                                              .on_part = on_part,
                                              .on_done = on_done}};
    set_text(&question->body, "");
    kube_send(play->client, &question->request);
}

static void question_deinit(struct question *question)
{
    kube_cancel(&question->request);
    strbuf_deinit(&question->body);
    strbuf_deinit(&question->problem);
    strbuf_deinit(&question->reason);
}

static void test_a_request_is_answered(void **state)
{
    struct play *play = play_open(NULL);
    struct question question;
    (void)state;
    ask(play, &question, "PUT", "{\"a\":1}");
    struct ask *asked = play_expect(play, "PUT /api/v1/x?y=1 HTTP/1.1");
    assert_true(str_eq(asked->body, STR("{\"a\":1}")));
    assert_true(str_eq(ask_field(asked, "Content-Type"), STR("application/json")));
    assert_true(str_eq(ask_field(asked, "Authorization"), STR("Bearer " PLAY_TOKEN)));
    play_answer(asked, 200, "{\"b\":2}");
    assert_int_equal(question.answers, 1);
    assert_int_equal(question.status, 200);
    assert_string_equal(question.body.ptr, "{\"b\":2}");
    assert_string_equal(question.problem.ptr, "");
    question_deinit(&question);
    play_close(play);
}

static void test_a_refusal_says_why(void **state)
{
    static const struct {
        int status;
        const char *fields, *body, *problem, *reason;
        uint32_t retry_after_ms;
    } cases[] = {
        {403, "", "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"no \\\"x\\\"\",\"code\":403}",
         "403 Forbidden: no \"x\"", "Forbidden", 0},
        {404, "", "404 page not found\n", "404: 404 page not found", "", 0},
        {409, "", "{\"kind\":\"Status\",\"reason\":\"Conflict\"}", "409 Conflict", "Conflict", 0},
        {429, "Retry-After: 3\r\n", "", "429", "", 3000},
        {503, "Retry-After: 99999999\r\n", "<html>", "503", "", 3600000},
        {500, "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", "{\"kind\":\"Status\",", "500", "", 0},
        {301, "Location: /x\r\n", "", "301", "", 0},
    };
    struct play *play = play_open(NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct question question;
        ask(play, &question, "GET", "");
        play_answer_with(play_expect(play, "GET"), cases[i].status, cases[i].fields, str_from_c(cases[i].body));
        assert_int_equal(question.status, cases[i].status);
        assert_string_equal(question.problem.ptr, cases[i].problem);
        assert_string_equal(question.reason.ptr ? question.reason.ptr : "", cases[i].reason);
        assert_int_equal(question.retry_after_ms, cases[i].retry_after_ms);
        question_deinit(&question);
    }
    play_close(play);
}

static void test_a_stream_comes_in_parts(void **state)
{
    struct play *play = play_open(NULL);
    struct question question;
    (void)state;
    ask_stream(play, &question, 60 * SECONDS);
    struct ask *asked = play_expect(play, "GET /stream");
    play_begin(asked);
    assert_int_equal(question.begun, 1);
    play_send(asked, "ab");
    play_advance_ms(play, 50 * SECONDS);
    play_send(asked, "cd");
    play_advance_ms(play, 50 * SECONDS);
    assert_int_equal(question.parts, 2);
    assert_int_equal(question.answers, 0);
    play_end(asked);
    assert_int_equal(question.answers, 1);
    assert_int_equal(question.status, 200);
    assert_string_equal(question.body.ptr, "abcd");
    question_deinit(&question);
    play_close(play);
}

static void test_a_stream_that_is_cut_is_no_answer(void **state)
{
    struct play *play = play_open(NULL);
    struct question question;
    (void)state;
    ask_stream(play, &question, 0);
    struct ask *asked = play_expect(play, "GET /stream");
    play_begin(asked);
    play_send(asked, "ab");
    play_advance_ms(play, 5000 * SECONDS);
    assert_int_equal(question.answers, 0);
    play_cut(asked);
    assert_int_equal(question.answers, 1);
    assert_int_equal(question.status, 0);
    assert_string_equal(question.problem.ptr, "the answer of 10.0.0.1:6443: the connection broke off");
    question_deinit(&question);
    play_close(play);
}

static void test_silence_ends(void **state)
{
    struct play *play = play_open(NULL);
    struct question question;
    (void)state;
    ask_stream(play, &question, 60 * SECONDS);
    struct ask *asked = play_expect(play, "GET /stream");
    play_begin(asked);
    play_advance_ms(play, 61 * SECONDS);
    assert_int_equal(question.answers, 1);
    assert_string_equal(question.problem.ptr, "the answer of 10.0.0.1:6443: nothing came for too long");
    assert_true(play_is_closed(asked));
    question_deinit(&question);

    ask(play, &question, "GET", "");
    (void)play_expect(play, "GET");
    play_advance_ms(play, KUBE_ANSWER_MS - 1);
    assert_int_equal(question.answers, 0);
    play_advance_ms(play, 2);
    assert_int_equal(question.status, 0);
    assert_string_equal(question.problem.ptr, "the answer of 10.0.0.1:6443: none came in time");
    question_deinit(&question);
    play_close(play);
}

static void test_a_request_may_be_cancelled_at_any_time(void **state)
{
    struct play *play = play_open(NULL);
    struct question question;
    (void)state;
    play->delays_ms[0] = 100;
    ask(play, &question, "GET", "");
    kube_cancel(&question.request);
    kube_cancel(&question.request);
    play_advance_ms(play, SECONDS);
    question_deinit(&question);
    play->delays_ms[0] = 0;
    ask_stream(play, &question, 0);
    struct ask *asked = play_expect(play, "GET /stream");
    play_begin(asked);
    question.is_cancelling = true;
    play_send(asked, "a");
    assert_int_equal(question.parts, 1);
    assert_int_equal(question.answers, 0);
    assert_true(play_is_closed(asked));
    question_deinit(&question);
    play_close(play);
}

static void test_what_is_under_way_ends_with_the_client(void **state)
{
    struct play *play = play_open(NULL);
    struct question first, second;
    (void)state;
    ask_stream(play, &first, 0);
    play_begin(play_expect(play, "GET /stream"));
    play->delays_ms[0] = 100;
    ask(play, &second, "GET", "");
    play_close(play);
    assert_int_equal(first.answers + second.answers, 0);
    question_deinit(&first);
    question_deinit(&second);
}

static void test_failures_to_connect_are_told(void **state)
{
    struct play *play = play_open(NULL);
    struct question question;
    (void)state;
    play->outcomes[1] = 111;
    ask(play, &question, "GET", "");
    play_settle(play);
    assert_string_equal(question.problem.ptr, "connect 10.0.0.1:6443: Connection refused");
    question_deinit(&question);
    play->outcomes[1] = 101; /* ENETUNREACH: at once, within kube_send */
    ask(play, &question, "GET", "");
    assert_string_equal(question.problem.ptr, "connect 10.0.0.1:6443: Network is unreachable");
    question_deinit(&question);
    play->outcomes[1] = 0;
    play->tls_failure = "it is somebody else";
    ask(play, &question, "GET", "");
    play_settle(play);
    assert_string_equal(question.problem.ptr, "TLS with 10.0.0.1:6443: it is somebody else");
    question_deinit(&question);
    play->tls_failure = NULL;
    play->delays_ms[1] = TWIN_NEVER;
    ask(play, &question, "GET", "");
    play_advance_ms(play, KUBE_ANSWER_MS + 1);
    assert_string_equal(question.problem.ptr, "connect 10.0.0.1:6443: no connection in time");
    question_deinit(&question);
    play_close(play);
}

/* ---- kept connections ---- */

static void test_a_kept_connection_that_died_is_replaced(void **state)
{
    static const struct {
        const char *method;
        bool is_replaced;
    } cases[] = {{"GET", true}, {"PUT", true}, {"POST", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct play *play = play_open(NULL);
        struct question question;
        ask(play, &question, "GET", "");
        play_answer(play_expect(play, "GET"), 200, "{}");
        question_deinit(&question);
        ask(play, &question, cases[i].method, "x");
        struct ask *asked = play_expect(play, cases[i].method);
        assert_int_equal(play->connects, 1);
        play_cut(asked);
        if (cases[i].is_replaced)
            play_answer(play_expect(play, cases[i].method), 200, "{}");
        assert_int_equal(question.status, cases[i].is_replaced ? 200 : 0);
        question_deinit(&question);
        play_close(play);
    }
}

/* ---- names ---- */

static void test_a_name_is_resolved_and_the_next_address_tried(void **state)
{
    struct play *play = play_open("api.test");
    struct question question;
    (void)state;
    play->names[0] = 2;
    play->names[1] = 3;
    play->names[2] = 4;
    play->name_count = 3;
    play->outcomes[2] = 111;
    play->delays_ms[3] = TWIN_NEVER;
    ask(play, &question, "GET", "");
    play_advance_ms(play, KUBE_CONNECT_MS + 10);
    struct ask *asked = play_expect(play, "GET");
    assert_int_equal(asked->wire->remote.ip[3], 4);
    assert_true(str_eq(ask_field(asked, "Host"), STR("api.test:6443")));
    play_answer(asked, 200, "{}");
    assert_int_equal(question.status, 200);
    question_deinit(&question);
    /* It stays with the one that answered. */
    play_advance_ms(play, 10 * SECONDS);
    ask(play, &question, "GET", "");
    asked = play_expect(play, "GET");
    assert_int_equal(asked->wire->remote.ip[3], 4);
    play_answer(asked, 200, "{}");
    question_deinit(&question);
    play_close(play);
}

static void test_a_name_is_asked_for_anew_after_a_while_or_a_failure(void **state)
{
    struct play *play = play_open("api.test");
    struct question question;
    (void)state;
    play->names[0] = 2;
    play->name_count = 1;
    for (int i = 0; i < 3; i++) {
        ask(play, &question, "GET", "");
        play_answer(play_expect(play, "GET"), 200, "{}");
        question_deinit(&question);
    }
    assert_int_equal(play->questions, 1);
    play_advance_ms(play, 31 * SECONDS);
    play->names[0] = 5;
    ask(play, &question, "GET", "");
    struct ask *asked = play_expect(play, "GET");
    assert_int_equal(asked->wire->remote.ip[3], 5);
    assert_int_equal(play->questions, 2);
    play_answer(asked, 200, "{}");
    question_deinit(&question);
    play_advance_ms(play, 10 * SECONDS);
    play->outcomes[5] = 111;
    ask(play, &question, "GET", "");
    play_settle(play);
    assert_int_equal(question.status, 0);
    question_deinit(&question);
    play->names[0] = 6;
    ask(play, &question, "GET", "");
    assert_int_equal(play_expect(play, "GET")->wire->remote.ip[3], 6);
    assert_int_equal(play->questions, 3);
    question_deinit(&question);
    play_close(play);
}

static void test_a_name_that_is_not_known_is_said_and_old_addresses_stay(void **state)
{
    struct play *play = play_open("api.test");
    struct question question;
    (void)state;
    ask(play, &question, "GET", "");
    assert_string_equal(question.problem.ptr, "api.test can't be resolved (it is unknown)");
    question_deinit(&question);
    play->is_name_slow = true;
    ask(play, &question, "GET", "");
    play_advance_ms(play, KUBE_ANSWER_MS + 1);
    assert_string_equal(question.problem.ptr, "resolving the server's name takes too long");
    question_deinit(&question);
    ask(play, &question, "GET", "");
    play->names[0] = 2;
    play->name_count = 1;
    play_resolve(play);
    play_answer(play_expect(play, "GET"), 200, "{}");
    assert_int_equal(question.status, 200);
    question_deinit(&question);
    play_advance_ms(play, 60 * SECONDS);
    play->name_count = 0;
    play->is_name_slow = false;
    ask(play, &question, "GET", "");
    play_answer(play_expect(play, "GET"), 200, "{}");
    assert_int_equal(question.status, 200);
    question_deinit(&question);
    play_close(play);
}

/* ---- tokens ---- */

static void write_token(const char *path, const char *token)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(token, file);
    fclose(file);
}

static bool has_token(const struct ask *asked, const char *token)
{
    struct str value = ask_field(asked, "Authorization");
    return str_starts_with(value, STR("Bearer ")) && str_eq(str_slice(value, 7, value.len), str_from_c(token));
}

static void test_a_rotated_token_is_used_at_once_when_the_old_one_is_refused(void **state)
{
    char path[] = "/tmp/kube-token-XXXXXX";
    close(mkstemp(path));
    write_token(path, "one\n");
    struct play *play = play_open_with(NULL, path);
    struct question question;
    (void)state;
    ask(play, &question, "GET", "");
    struct ask *asked = play_expect(play, "GET");
    assert_true(has_token(asked, "one"));
    write_token(path, "two\n");
    play_answer(asked, 401, "{\"kind\":\"Status\",\"reason\":\"Unauthorized\"}");
    assert_int_equal(question.answers, 0);
    asked = play_expect(play, "GET");
    assert_true(has_token(asked, "two"));
    write_token(path, "three\n");
    play_answer(asked, 401, "{\"kind\":\"Status\",\"reason\":\"Unauthorized\"}");
    assert_int_equal(question.status, 401); /* once is enough */
    play_expect_nothing(play);
    question_deinit(&question);
    /* The same token would be refused again: it is not tried. */
    ask(play, &question, "GET", "");
    asked = play_expect(play, "GET");
    play_answer(asked, 401, "");
    if (question.answers == 0)
        play_answer(play_expect(play, "GET"), 401, "");
    question_deinit(&question);
    ask(play, &question, "GET", "");
    play_answer(play_expect(play, "GET"), 401, "");
    assert_int_equal(question.answers, 1);
    play_expect_nothing(play);
    question_deinit(&question);
    play_close(play);
    unlink(path);
}

static void test_a_rotated_token_is_used_after_a_minute(void **state)
{
    char path[] = "/tmp/kube-token-XXXXXX";
    close(mkstemp(path));
    write_token(path, "one");
    struct play *play = play_open_with(NULL, path);
    struct question question;
    (void)state;
    write_token(path, "two");
    play_advance_ms(play, 59 * SECONDS);
    ask(play, &question, "GET", "");
    struct ask *asked = play_expect(play, "GET");
    assert_true(has_token(asked, "one"));
    play_answer(asked, 200, "");
    question_deinit(&question);
    play_advance_ms(play, 2 * SECONDS);
    ask(play, &question, "GET", "");
    asked = play_expect(play, "GET");
    assert_true(has_token(asked, "two"));
    unlink(path);
    play_answer(asked, 200, "");
    question_deinit(&question);
    play_advance_ms(play, 61 * SECONDS);
    ask(play, &question, "GET", "");
    assert_true(has_token(play_expect(play, "GET"), "two"));
    question_deinit(&question);
    play_close(play);
}

static void test_an_endless_answer_is_given_up(void **state)
{
    struct play *play = play_open(NULL);
    struct question question;
    char *block = mem_alloc(1 << 20);
    (void)state;
    ask(play, &question, "GET", "");
    struct ask *asked = play_expect(play, "GET");
    play_begin(asked);
    for (unsigned i = 0; i < KUBE_BODY_MAX >> 20; i++)
        play_send_str(asked, (struct str){block, 1 << 20});
    assert_int_equal(question.answers, 0);
    play_send(asked, "x");
    assert_int_equal(question.status, 0);
    assert_string_equal(question.problem.ptr, "the answer is larger than 32 MiB");
    mem_free(block);
    question_deinit(&question);
    play_close(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_is_answered),
        cmocka_unit_test(test_a_refusal_says_why),
        cmocka_unit_test(test_a_stream_comes_in_parts),
        cmocka_unit_test(test_a_stream_that_is_cut_is_no_answer),
        cmocka_unit_test(test_silence_ends),
        cmocka_unit_test(test_a_request_may_be_cancelled_at_any_time),
        cmocka_unit_test(test_what_is_under_way_ends_with_the_client),
        cmocka_unit_test(test_failures_to_connect_are_told),
        cmocka_unit_test(test_a_kept_connection_that_died_is_replaced),
        cmocka_unit_test(test_a_name_is_resolved_and_the_next_address_tried),
        cmocka_unit_test(test_a_name_is_asked_for_anew_after_a_while_or_a_failure),
        cmocka_unit_test(test_a_name_that_is_not_known_is_said_and_old_addresses_stay),
        cmocka_unit_test(test_a_rotated_token_is_used_at_once_when_the_old_one_is_refused),
        cmocka_unit_test(test_a_rotated_token_is_used_after_a_minute),
        cmocka_unit_test(test_an_endless_answer_is_given_up),
    };
    return cmocka_run_group_tests_name("kube/client", tests, NULL, NULL);
}
