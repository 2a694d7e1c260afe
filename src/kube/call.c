/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/call.h"

#include "base/assert.h"
#include "base/mem.h"
#include "http/client_conn.h"
#include "http/url.h"
#include "kube/config.h"
#include "kube/status.h"

#include <errno.h>

#define NS_PER_MS 1000000ull
/* All of a body may come: whoever gets it takes it at once. */
#define NO_LIMIT (SIZE_MAX / 2)
/* A longer Retry-After is nobody's intent (kube/backoff.h waits less). */
#define RETRY_AFTER_MAX_S 3600

static void on_timeout(struct timer *timer);
static void open_stream(struct kube_call *call);

static uint32_t answer_ms(const struct kube_request *request)
{
    return request->answer_ms ? request->answer_ms : KUBE_ANSWER_MS;
}

struct kube_call *kube_call_new(struct kube_client *client, struct kube_request *request)
{
    ASSERT(!request->state);
    struct kube_call *call = mem_alloc(sizeof *call);
    call->client = client;
    call->request = request;
    call->begin_ns = loop_now_ns(client->loop);
    list_init(&call->by_wait);
    list_init(&call->open.node);
    list_add(&client->calls, &call->node);
    timer_init(&call->timer, on_timeout);
    timer_arm(client->loop, &call->timer, KUBE_ANSWER_MS); /* for a name */
    request->client = client;
    request->state = call;
    return call;
}

/* ---- ends ---- */

/* Nothing of it is under way any more. */
static void detach(struct kube_call *call)
{
    struct stream *stream = call->stream;
    if (call->request)
        call->request->state = NULL;
    call->request = NULL;
    timer_disarm(&call->timer);
    list_remove(&call->by_wait);
    if (call->is_open)
        client_cancel(&call->open);
    call->is_open = false;
    call->stream = NULL;
    if (stream)
        stream_reset(stream, RESET_CANCEL);
}

static void free_if_over(struct kube_call *call)
{
    if (call->request || call->is_busy)
        return;
    list_remove(&call->node);
    if (call->body.ptr)
        explicit_bzero(call->body.ptr, call->body.len);
    strbuf_deinit(&call->body);
    mem_free(call);
}

/* Between them nothing frees the call. */
static bool enter(struct kube_call *call)
{
    bool was_busy = call->is_busy;
    call->is_busy = true;
    return was_busy;
}

static void leave(struct kube_call *call, bool was_busy)
{
    call->is_busy = was_busy;
    free_if_over(call);
}

void kube_call_cancel(struct kube_call *call)
{
    detach(call);
    free_if_over(call);
}

/* Tells the request, which may be sent again or be gone after. */
static void tell(struct kube_call *call, const struct kube_answer *answer)
{
    struct kube_request *request = call->request;
    bool was_busy = enter(call);
    detach(call);
    request->on_done(request, answer);
    leave(call, was_busy);
}

void kube_call_fail(struct kube_call *call, const char *problem)
{
    if (!call->status)
        kube_client_note(call->client, false);
    tell(call, &(struct kube_answer){.problem = problem, .retry_after_ms = call->retry_after_ms});
}

static void fail_address(struct kube_call *call, const char *what, const char *why)
{
    char text[ADDRESS_TEXT];
    struct err err;
    (void)address_format(&call->address, text);
    (void)err_set(&err, "%s %s: %s", what, text, why);
    kube_call_fail(call, err.text);
}

static void finish(struct kube_call *call)
{
    struct status status;
    struct strbuf problem = STRBUF_INIT;
    struct kube_answer answer = {
        .status = call->status, .body = strbuf_str(&call->body), .retry_after_ms = call->retry_after_ms};
    if (answer.status / 100 == 2) {
        tell(call, &answer);
        return;
    }
    status_read(&status, answer.body);
    status_format(&problem, &status, answer.status);
    answer.reason = status.reason;
    answer.problem = problem.ptr;
    tell(call, &answer);
    status_deinit(&status);
    strbuf_deinit(&problem);
}

/* ---- the answer ---- */

static uint32_t silence_ms(const struct kube_call *call)
{
    return call->is_part_of_stream ? call->request->idle_ms : answer_ms(call->request);
}

static void note_progress(struct kube_call *call)
{
    if (silence_ms(call))
        timer_arm(call->client->loop, &call->timer, silence_ms(call));
    else
        timer_disarm(&call->timer);
}

static void on_head(struct stream *stream, const struct head *head)
{
    struct kube_call *call = stream->user;
    uint64_t seconds;
    if (head->status < 200)
        return;
    call->status = head->status;
    kube_client_note(call->client, true);
    const struct field *retry_after = head_find(head, FIELD_RETRY_AFTER);
    if (retry_after && str_to_u64(retry_after->value, &seconds))
        call->retry_after_ms = (uint32_t)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
    call->is_part_of_stream = call->request->is_streaming && head->status / 100 == 2;
    note_progress(call);
    if (!call->is_part_of_stream || !call->request->on_begin)
        return;
    bool was_busy = enter(call);
    call->request->on_begin(call->request);
    leave(call, was_busy);
}

static void on_data(struct stream *stream, struct slice data)
{
    struct kube_call *call = stream->user;
    struct str part = {data.ptr, data.len};
    note_progress(call);
    if (call->is_part_of_stream) {
        bool was_busy = enter(call);
        call->request->on_part(call->request, part);
        leave(call, was_busy);
    } else if (part.len > KUBE_BODY_MAX - call->body.len) {
        kube_call_fail(call, "the answer is larger than 32 MiB");
    } else {
        strbuf_add(&call->body, part);
    }
}

/* The token may have been replaced since it was read. */
static bool ask_once_more(struct kube_call *call)
{
    if (call->status != 401 || call->has_fresh_token || !kube_client_refresh(call->client))
        return false;
    call->has_fresh_token = true;
    call->status = 0;
    call->retry_after_ms = 0;
    strbuf_clear(&call->body);
    call->begin_ns = loop_now_ns(call->client->loop);
    kube_call_start(call);
    return true;
}

static void on_end(struct stream *stream, const struct field *trailers, uint16_t count)
{
    struct kube_call *call = stream->user;
    (void)trailers;
    (void)count;
    call->stream = NULL;
    if (!ask_once_more(call))
        finish(call);
}

/* A kept connection that died while it was idle, or a server that said that it did not look at the request. */
static bool may_replace(struct kube_call *call, enum reset why)
{
    if (why == RESET_REFUSED && call->refusals < STREAM_REFUSALS) {
        call->refusals++;
        return true;
    }
    bool is_stale = why == RESET_STALE && !call->is_replaced;
    if (!is_stale || !method_is_idempotent(method_from_str(str_from_c(call->request->method))))
        return false;
    call->is_replaced = true;
    call->open.is_fresh = true;
    return true;
}

static const char *reset_words(enum reset why)
{
    switch (why) {
    case RESET_PROTOCOL: return "it does not speak HTTP as it should";
    case RESET_REFUSED: return "it takes no requests";
    case RESET_TIMEOUT: return "it did not go on";
    default: return "the connection broke off";
    }
}

static void on_reset(struct stream *stream, enum reset why)
{
    struct kube_call *call = stream->user;
    call->stream = NULL;
    if (!call->status && may_replace(call, why)) {
        call->begin_ns = loop_now_ns(call->client->loop);
        open_stream(call);
        return;
    }
    fail_address(call, "the answer of", reset_words(why));
}

static void on_credit(struct stream *stream)
{
    (void)stream; /* all has been handed over */
}

static const struct stream_handler handler = {"kube", on_head, on_data, on_end, on_reset, on_credit};

/* ---- the request ---- */

static void add_host(struct strbuf *out, const struct kube_config *config)
{
    bool is_ipv6 = str_find_char(config->host, ':') < config->host.len;
    strbuf_printf(out, is_ipv6 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(config->host), config->port);
}

#define FIELD(label, text) ((struct field){STR(label), text, FIELD_OTHER})

static void send_head(struct stream *stream, const struct kube_call *call)
{
    const struct kube_request *request = call->request;
    const struct kube_config *config = call->client->config;
    struct strbuf target = STRBUF_INIT, host = STRBUF_INIT, bearer = STRBUF_INIT;
    strbuf_add(&target, config->base_path);
    strbuf_add(&target, request->target);
    add_host(&host, config);
    struct field fields[5] = {
        {STR("Host"), strbuf_str(&host), FIELD_HOST},
        FIELD("Accept", STR("application/json")),
        FIELD("User-Agent", STR("umbra/" UMBRA_VERSION)),
    };
    struct head head = {
        .version = HTTP_1_1,
        .method = str_from_c(request->method),
        .method_id = method_from_str(str_from_c(request->method)),
        .target = strbuf_str(&target),
        .authority = strbuf_str(&host),
        .body = request->body.len ? BODY_LENGTH : BODY_NONE,
        .content_length = request->body.len,
        .is_keep_alive = true,
        .fields = fields,
        .field_count = 3,
    };
    url_split_path(head.target, &head.path, &head.query);
    if (request->body.len)
        fields[head.field_count++] = FIELD("Content-Type", request->content_type);
    if (config->token.len) {
        strbuf_printf(&bearer, "Bearer %.*s", STR_ARG(config->token));
        fields[head.field_count++] = (struct field){STR("Authorization"), strbuf_str(&bearer), FIELD_AUTHORIZATION};
    }
    stream_send_head(stream, &head);
    if (bearer.ptr)
        explicit_bzero(bearer.ptr, bearer.len);
    strbuf_deinit(&target);
    strbuf_deinit(&host);
    strbuf_deinit(&bearer);
}

/* Of the time for a connection, or for an answer. */
static uint64_t left_ms(const struct kube_call *call, uint32_t limit_ms)
{
    uint64_t spent_ms = (loop_now_ns(call->client->loop) - call->begin_ns) / NS_PER_MS;
    return spent_ms < limit_ms ? limit_ms - spent_ms : 1;
}

static void on_open(struct client_call *open, struct stream *stream, bool is_reused)
{
    struct kube_call *call = CONTAINER_OF(open, struct kube_call, open);
    (void)is_reused;
    call->is_open = false;
    call->stream = stream;
    stream->handler = &handler;
    stream->user = call;
    timer_arm(call->client->loop, &call->timer, left_ms(call, answer_ms(call->request)));
    bool was_busy = enter(call);
    send_head(stream, call);
    if (call->stream && call->request->body.len) {
        struct slice body = slice_copy(call->request->body);
        stream_send_data(stream, body);
        chunk_unref(body.chunk);
    }
    if (call->stream)
        stream_send_end(stream, NULL, 0);
    if (call->stream)
        stream_pull(stream, NO_LIMIT);
    leave(call, was_busy);
}

/* ---- addresses ---- */

/* The next address, or the end of it. The pool may be gone. */
static void go_on(struct kube_call *call, const struct client_pool *pool, const char *what, const char *why)
{
    kube_client_avoid(call->client, pool);
    if (++call->tried < call->client->address_count)
        open_stream(call);
    else
        fail_address(call, what, why);
}

static void on_fail(struct client_call *open, int error)
{
    struct kube_call *call = CONTAINER_OF(open, struct kube_call, open);
    struct err why;
    call->is_open = false;
    if (error == EPROTO) {
        (void)err_set(&why, "%s", client_pool_tls_failure(open->pool));
        (void)kube_client_refresh(
            call->client); /* perhaps it has another certificate, and its authority is here already */
        go_on(call, open->pool, "TLS with", why.text);
    } else {
        (void)err_set(&why, "%s", strerror(error));
        go_on(call, open->pool, "connect", why.text);
    }
}

static void open_stream(struct kube_call *call)
{
    struct err err;
    struct client_pool *pool = kube_client_pool(call->client, &err);
    if (!pool) {
        kube_call_fail(call, err.text);
        return;
    }
    uint64_t wait_ms = left_ms(call, KUBE_ANSWER_MS);
    if (call->tried + 1 < call->client->address_count && wait_ms > KUBE_CONNECT_MS)
        wait_ms = KUBE_CONNECT_MS;
    timer_arm(call->client->loop, &call->timer, wait_ms);
    call->is_open = true;
    call->address = *client_pool_address(pool);
    call->open.on_open = on_open;
    call->open.on_fail = on_fail;
    call->open.refusals = call->refusals;
    client_open(pool, &call->open);
}

void kube_call_start(struct kube_call *call)
{
    open_stream(call);
}

/* ---- time ---- */

/* All that is on a connection of which nothing is heard is over. */
static void close_if_dead(struct kube_call *call, struct client_conn *conn)
{
    uint64_t silent_ns = loop_now_ns(call->client->loop) - conn->ops->progress_ns(conn);
    if (silent_ns / NS_PER_MS >= KUBE_ANSWER_MS)
        conn->ops->close(conn);
}

static void on_timeout(struct timer *timer)
{
    struct kube_call *call = CONTAINER_OF(timer, struct kube_call, timer);
    struct client_pool *pool = call->open.pool;
    if (list_is_linked(&call->by_wait)) {
        kube_call_fail(call, "resolving the server's name takes too long");
    } else if (call->is_open) {
        client_cancel(&call->open);
        call->is_open = false;
        go_on(call, pool, "connect", "no connection in time");
    } else {
        struct client_conn *conn = call->stream->conn;
        bool is_idle = call->is_part_of_stream;
        struct stream *stream = call->stream;
        call->stream = NULL;
        stream_reset(stream, RESET_TIMEOUT);
        close_if_dead(call, conn);
        fail_address(call, "the answer of", is_idle ? "nothing came for too long" : "none came in time");
    }
}
