/* SPDX-License-Identifier: Apache-2.0 */
#include "app/control_ask.h"

#include "app/ask.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "io/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PIECE (16u * 1024)
#define METRICS_MS 1000

static const char restarting[] = "the analyst is being restarted; ask again in a second";

struct question {
    struct list node;
    struct asker *owner;
    enum ask_kind kind;
    struct relay_call *call; /* NULL: of the metrics */
    struct watch pipe;
    struct timer patience;
    struct task more;
    union {
        struct ask_answer answer;
        char bytes[sizeof(struct ask_answer)];
    } head;
    size_t head_len;
    uint64_t left; /* of the body; ASK_STREAM */
    size_t credit;
};

struct asker {
    struct loop *loop;
    struct watch channel; /* fd -1: there is no analyst */
    const char *why_off;
    struct records records;
    struct list questions;
    struct question *reading; /* the one that is being read; NULL once it is gone */
    unsigned counts[ASK_EVENTS + 1];
    struct timer poll;
    struct strbuf metrics, incoming; /* the last that came whole, and what comes */
    uint64_t metrics_at_ns;          /* 0: never */
    struct analyst_figures figures;
    struct ipc_message message;
};

/* ---- one question ---- */

static void question_free(struct question *question)
{
    struct asker *asker = question->owner;
    if (asker->reading == question)
        asker->reading = NULL;
    if (question->call)
        question->call->question = NULL;
    asker->counts[question->kind]--;
    list_remove(&question->node);
    task_cancel(&question->more);
    timer_disarm(&question->patience);
    loop_remove(asker->loop, &question->pipe);
    close(question->pipe.fd);
    mem_free(question);
}

static bool has_head(const struct question *question)
{
    return question->head_len == sizeof(question->head);
}

static void question_fail(struct question *question, uint16_t status, const char *sentence)
{
    struct relay_call *call = question->call;
    question_free(question);
    if (call)
        call->ops->on_fail(call, status, sentence);
}

static void take_metrics(struct asker *asker)
{
    struct strbuf before = asker->metrics;
    asker->metrics = asker->incoming;
    asker->incoming = before;
    asker->metrics_at_ns = loop_now_ns(asker->loop);
    asker->figures.is_up = true;
    asker->figures.metrics = strbuf_str(&asker->metrics);
}

static void question_end(struct question *question)
{
    struct asker *asker = question->owner;
    struct relay_call *call = question->call;
    bool is_whole = question->left == 0 || question->left == ASK_STREAM;
    question_free(question);
    if (call)
        call->ops->on_end(call, is_whole);
    else if (is_whole)
        take_metrics(asker);
}

/* False: that can be no answer to it. */
static bool check_head(const struct question *question)
{
    const struct ask_answer *answer = &question->head.answer;
    bool is_stream = answer->length == ASK_STREAM;
    return answer->magic == ASK_MAGIC && answer->content < ASK_CONTENT_COUNT && answer->status >= 200 &&
           answer->status <= 599 && answer->status != 204 && answer->status != 304 && /* those have no body */
           (!is_stream || question->kind == ASK_EVENTS);
}

static void take_head(struct question *question)
{
    static const char *const contents[ASK_CONTENT_COUNT] = {
        [ASK_TEXT] = "text/plain; charset=utf-8",
        [ASK_JSON] = "application/json",
        [ASK_EVENT_STREAM] = "text/event-stream",
    };
    const struct ask_answer *answer = &question->head.answer;
    if (!check_head(question)) {
        log_warn("the analyst gave an answer that is none");
        question_fail(question, 502, "the analyst gave an answer that is none");
        return;
    }
    bool is_stream = answer->length == ASK_STREAM;
    question->left = answer->length;
    if (is_stream)
        timer_disarm(&question->patience);
    if (!question->call) {
        question->credit = ASKER_MAX_METRICS;
        strbuf_clear(&question->owner->incoming);
        return;
    }
    struct relay_head head = {
        .status = answer->status,
        .content_type = contents[answer->content],
        .is_stream = is_stream,
        .length = is_stream ? 0 : answer->length,
    };
    question->call->ops->on_head(question->call, &head);
}

static void take_data(struct question *question, struct str data)
{
    question->credit -= data.len;
    if (question->left != ASK_STREAM) {
        question->left -= data.len;
        timer_arm(question->owner->loop, &question->patience, ASKER_PIECE_MS);
    }
    if (question->call)
        question->call->ops->on_data(question->call, data);
    else
        strbuf_add(&question->owner->incoming, data);
}

/* What is asked for of the pipe now, at most PIECE. */
static size_t wanted(const struct question *question)
{
    if (!has_head(question))
        return sizeof(question->head) - question->head_len;
    size_t most = question->credit < PIECE ? question->credit : PIECE;
    return question->left < most ? (size_t)question->left : most;
}

/* One read. False: no more can be read now, or the question is gone. */
static bool read_some(struct question *question)
{
    char bytes[PIECE];
    size_t most = wanted(question);
    if (most == 0)
        return false;
    ssize_t got;
    do
        got = read(question->pipe.fd, bytes, most);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return false;
    if (got <= 0 && !has_head(question)) {
        question_fail(question, 503, restarting);
        return false;
    }
    if (got <= 0) {
        question_end(question);
        return false;
    }
    if (has_head(question)) {
        take_data(question, (struct str){bytes, (size_t)got});
        return true;
    }
    memcpy(question->head.bytes + question->head_len, bytes, (size_t)got);
    question->head_len += (size_t)got;
    if (has_head(question))
        take_head(question);
    return true;
}

static void question_read(struct question *question)
{
    struct asker *asker = question->owner;
    asker->reading = question;
    bool is_more = true;
    while (is_more && asker->reading) {
        is_more = read_some(question);
        if (asker->reading && has_head(question) && question->left == 0)
            question_end(question);
    }
    asker->reading = NULL;
}

static void on_pipe(struct watch *watch, uint32_t events)
{
    (void)events;
    question_read(CONTAINER_OF(watch, struct question, pipe));
}

static void on_more(struct task *task)
{
    question_read(CONTAINER_OF(task, struct question, more));
}

static void on_patience_over(struct timer *timer)
{
    struct question *question = CONTAINER_OF(timer, struct question, patience);
    if (has_head(question))
        question_end(question);
    else
        question_fail(question, 504, "the analyst does not answer in time; the traffic goes on without it");
}

static struct question *question_new(struct asker *asker, enum ask_kind kind, struct relay_call *call, int fd)
{
    struct question *question = mem_alloc(sizeof(*question));
    question->owner = asker;
    question->kind = kind;
    question->call = call;
    question->pipe = (struct watch){.fd = fd, .on_ready = on_pipe};
    timer_init(&question->patience, on_patience_over);
    task_init(&question->more, on_more);
    list_init(&question->node);
    list_add(&asker->questions, &question->node);
    asker->counts[kind]++;
    loop_add(asker->loop, &question->pipe);
    timer_arm(asker->loop, &question->patience, ASKER_HEAD_MS);
    return question;
}

static void stop_channel(struct asker *asker)
{
    if (asker->channel.fd < 0)
        return;
    loop_remove(asker->loop, &asker->channel);
    close(asker->channel.fd);
    asker->channel.fd = -1;
}

static bool send_question(struct asker *asker, const struct ask_question *head, struct str path, struct str query,
                          int fd)
{
    struct strbuf text = STRBUF_INIT;
    strbuf_add(&text, (struct str){(const char *)head, sizeof(*head)});
    strbuf_add(&text, path);
    strbuf_add(&text, query);
    bool is_sent = text.len <= IPC_MAX_PAYLOAD && ipc_offer(asker->channel.fd, IPC_QUESTION, strbuf_str(&text), &fd, 1);
    strbuf_deinit(&text);
    return is_sent;
}

static bool ask(struct asker *asker, enum ask_kind kind, struct relay_call *call, const struct relay_question *asked,
                struct err *why)
{
    struct ask_question head = {.kind = kind,
                                .path_len = (uint32_t)asked->path.len,
                                .query_len = (uint32_t)asked->query.len,
                                .last_event = asked->last_event};
    int ends[2];
    if (asker->channel.fd < 0)
        return err_set(why, "%s", asker->why_off ? asker->why_off : restarting);
    if (asker->counts[kind] >= (kind == ASK_EVENTS ? ASK_MAX_LISTENERS : ASKER_MAX_PAGES))
        return err_set(why, "as many are asking already as may; ask again later");
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_errno(why, "no pipe for the answer");
    bool is_sent = send_question(asker, &head, asked->path, asked->query, ends[1]);
    close(ends[1]);
    if (!is_sent) {
        close(ends[0]);
        return err_set(why, "the analyst does not take questions now; ask again later");
    }
    struct question *question = question_new(asker, kind, call, ends[0]);
    if (call)
        call->question = question;
    return true;
}

/* ---- for the admin port ---- */

static bool relay_ask(void *user, struct relay_call *call, const struct relay_question *asked, struct err *why)
{
    return ask(user, asked->is_stream ? ASK_EVENTS : ASK_PAGE, call, asked, why);
}

static void relay_pull(struct relay_call *call, size_t credit)
{
    struct question *question = call->question;
    if (!question || credit <= question->credit)
        return;
    question->credit = credit;
    loop_soon(question->owner->loop, &question->more);
}

static void relay_cancel(struct relay_call *call)
{
    if (call->question)
        question_free(call->question);
}

const struct relay_ops asker_relay = {"analyst", relay_ask, relay_pull, relay_cancel};

/* ---- metrics ---- */

static void read_losses(struct asker *asker)
{
    for (size_t why = 0; why < RING_LOSS_COUNT; why++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < asker->records.workers; i++)
            sum += atomic_load_explicit(&records_page(&asker->records, i)->lost[why], memory_order_relaxed);
        asker->figures.lost[why] = sum;
    }
}

static void ask_metrics(struct asker *asker)
{
    struct err err;
    if (asker->channel.fd >= 0 && asker->counts[ASK_METRICS] == 0)
        (void)!ask(asker, ASK_METRICS, NULL, &(struct relay_question){.path = STR(""), .query = STR("")}, &err);
}

static void refresh(struct asker *asker)
{
    uint64_t now_ns = loop_now_ns(asker->loop);
    if (asker->channel.fd < 0 || now_ns - asker->metrics_at_ns > ASKER_STALE_MS * 1000000ull) {
        asker->figures.is_up = false;
        asker->figures.metrics = STR_NONE;
    }
    asker->figures.why_not = asker->channel.fd >= 0 ? NULL : asker->why_off ? asker->why_off : restarting;
    read_losses(asker);
}

static void on_poll(struct timer *timer)
{
    struct asker *asker = CONTAINER_OF(timer, struct asker, poll);
    refresh(asker);
    ask_metrics(asker);
    timer_arm(asker->loop, timer, METRICS_MS);
}

/* ---- the analysts ---- */

/* It says nothing here; an end of its is its end. */
static void on_channel(struct watch *watch, uint32_t events)
{
    (void)events;
    struct asker *asker = CONTAINER_OF(watch, struct asker, channel);
    enum ipc_result result = ipc_receive(watch->fd, &asker->message);
    if (result == IPC_AGAIN)
        return;
    if (result == IPC_OK)
        ipc_discard(&asker->message);
    stop_channel(asker);
    refresh(asker);
}

struct asker *asker_new(struct loop *loop)
{
    struct asker *asker = mem_alloc(sizeof(*asker));
    asker->loop = loop;
    asker->channel.fd = -1;
    list_init(&asker->questions);
    timer_init(&asker->poll, on_poll);
    on_poll(&asker->poll);
    return asker;
}

void asker_free(struct asker *asker)
{
    timer_disarm(&asker->poll);
    while (!list_is_empty(&asker->questions))
        question_free(CONTAINER_OF(asker->questions.next, struct question, node));
    stop_channel(asker);
    records_close(&asker->records);
    strbuf_deinit(&asker->metrics);
    strbuf_deinit(&asker->incoming);
    mem_free(asker);
}

void asker_set_off(struct asker *asker, const char *why)
{
    asker->why_off = why;
    refresh(asker);
}

void asker_set_records(struct asker *asker, const struct records *records)
{
    records_close(&asker->records);
    asker->records = *records;
}

void asker_set_channel(struct asker *asker, int fd)
{
    stop_channel(asker);
    asker->channel = (struct watch){.fd = fd, .on_ready = on_channel};
    loop_add_shared(asker->loop, &asker->channel);
    refresh(asker);
    ask_metrics(asker);
}

const struct analyst_figures *asker_figures(const struct asker *asker)
{
    return &asker->figures;
}
