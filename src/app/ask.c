/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ask.h"

#include "base/mem.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

struct reply {
    struct list node;
    struct answers *owner;
    struct watch pipe;
    struct strbuf out;
    size_t sent;
    bool is_events;
    uint64_t last_event;
    uint64_t progress_ns; /* when something was last read, or there was nothing to read */
};

static void reply_close(struct reply *reply)
{
    struct answers *answers = reply->owner;
    if (reply->is_events)
        answers->listeners--;
    else
        answers->pages--;
    list_remove(&reply->node);
    loop_remove(answers->loop, &reply->pipe);
    close(reply->pipe.fd);
    strbuf_deinit(&reply->out);
    mem_free(reply);
}

/* As much as the pipe takes. The answer may be gone after. */
static void reply_write(struct reply *reply)
{
    while (reply->sent < reply->out.len) {
        ssize_t written = write(reply->pipe.fd, reply->out.ptr + reply->sent, reply->out.len - reply->sent);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN)
            return;
        if (written <= 0) {
            reply_close(reply);
            return;
        }
        reply->sent += (size_t)written;
        reply->progress_ns = loop_now_ns(reply->owner->loop);
    }
    strbuf_clear(&reply->out);
    reply->sent = 0;
    if (!reply->is_events)
        reply_close(reply);
}

static void on_pipe(struct watch *watch, uint32_t events)
{
    struct reply *reply = CONTAINER_OF(watch, struct reply, pipe);
    if (events & EPOLLERR)
        reply_close(reply); /* nobody reads any more */
    else
        reply_write(reply);
}

static void add_head(struct strbuf *out, uint16_t status, enum ask_content content, uint64_t length)
{
    struct ask_answer head = {.magic = ASK_MAGIC, .status = status, .content = (uint8_t)content, .length = length};
    strbuf_add(out, (struct str){(const char *)&head, sizeof(head)});
}

static void add_sentence(struct strbuf *out, uint16_t status, struct str sentence)
{
    add_head(out, status, ASK_TEXT, sentence.len);
    strbuf_add(out, sentence);
}

static void add_page(struct answers *answers, struct str path, struct str query, struct strbuf *out)
{
    struct analyze_answer page = {.status = 200, .content_type = "", .body = STRBUF_INIT};
    analyze_ask(answers->analyze, path, query, loop_wall_ns(answers->loop), &page);
    bool is_json = page.content_type && strncmp(page.content_type, "application/json", 16) == 0;
    add_head(out, page.status, is_json ? ASK_JSON : ASK_TEXT, page.body.len);
    strbuf_add(out, strbuf_str(&page.body));
    strbuf_deinit(&page.body);
}

static void add_metrics(struct answers *answers, struct strbuf *out)
{
    struct strbuf text = STRBUF_INIT;
    analyze_metrics(answers->analyze, &text);
    add_head(out, 200, ASK_TEXT, text.len);
    strbuf_add(out, strbuf_str(&text));
    strbuf_deinit(&text);
}

static struct reply *reply_new(struct answers *answers, int fd, bool is_events)
{
    struct reply *reply = mem_alloc(sizeof(*reply));
    reply->owner = answers;
    reply->is_events = is_events;
    reply->progress_ns = loop_now_ns(answers->loop);
    reply->pipe = (struct watch){.fd = fd, .on_ready = on_pipe};
    list_init(&reply->node);
    list_add(&answers->list, &reply->node);
    if (is_events)
        answers->listeners++;
    else
        answers->pages++;
    loop_add(answers->loop, &reply->pipe);
    return reply;
}

/* All that is new. False: nothing is. */
static bool add_events(struct reply *reply)
{
    return analyze_events(reply->owner->analyze, &reply->last_event, &reply->out);
}

static void answer_question(struct answers *answers, const struct ask_question *question, const char *text, int fd)
{
    bool is_events = question->kind == ASK_EVENTS;
    bool is_full = is_events ? answers->listeners >= ASK_MAX_LISTENERS : answers->pages >= ASK_MAX_PAGES;
    struct reply *reply = reply_new(answers, fd, is_events && !is_full);
    struct str path = {text, question->path_len}, query = {text + question->path_len, question->query_len};
    if (is_full) {
        add_sentence(&reply->out, 503,
                     is_events ? STR("as many as may already hear of events\n")
                               : STR("the analyst has as many questions as it can take; ask again\n"));
    } else if (is_events) {
        reply->last_event = question->last_event;
        add_head(&reply->out, 200, ASK_EVENT_STREAM, ASK_STREAM);
        if (!add_events(reply))
            strbuf_add(&reply->out, STR(": nothing yet\n\n"));
    } else if (question->kind == ASK_METRICS) {
        add_metrics(answers, &reply->out);
    } else {
        add_page(answers, path, query, &reply->out);
    }
    reply_write(reply);
}

void answers_take(struct answers *answers, struct ipc_message *message)
{
    struct ask_question question;
    if (message->type != IPC_QUESTION || message->fd_count != 1 || message->len < sizeof(question))
        return;
    memcpy(&question, message->payload, sizeof(question));
    if (question.path_len > ASK_MAX_TEXT || question.query_len > ASK_MAX_TEXT ||
        message->len != sizeof(question) + question.path_len + question.query_len)
        return;
    answer_question(answers, &question, message->payload + sizeof(question), message->fds[0]);
    message->fds[0] = -1;
}

static void tick(struct reply *reply, uint64_t now_ns)
{
    uint64_t waited_ms = (now_ns - reply->progress_ns) / 1000000;
    if (reply->out.len > 0) { /* waits to be read */
        if (waited_ms >= ASK_PATIENCE_MS)
            reply_close(reply);
        return;
    }
    bool is_new = add_events(reply);
    if (!is_new && waited_ms >= ASK_HEARTBEAT_MS) {
        strbuf_add(&reply->out, STR(":\n\n"));
        is_new = true;
    }
    if (is_new)
        reply_write(reply);
}

void answers_tick(struct answers *answers)
{
    uint64_t now_ns = loop_now_ns(answers->loop);
    for (struct list *node = answers->list.next, *next; node != &answers->list; node = next) {
        next = node->next;
        tick(CONTAINER_OF(node, struct reply, node), now_ns);
    }
}

void answers_init(struct answers *answers, struct loop *loop, struct analyze *analyze)
{
    *answers = (struct answers){.loop = loop, .analyze = analyze};
    list_init(&answers->list);
}

void answers_deinit(struct answers *answers)
{
    while (!list_is_empty(&answers->list))
        reply_close(CONTAINER_OF(answers->list.next, struct reply, node));
}
