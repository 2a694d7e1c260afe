/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_mux_conn.h"

#include "base/mem.h"
#include "http/http1_format.h"
#include "http/http1_parse.h"

#include <stdio.h>

/* A DATA frame: small, so that streams take turns. */
#define QUANTUM 1000
/* Frames ahead of the socket. */
#define OUT_MAX 8000

static const struct stream_ops mux_stream_ops;

static void run_flush(struct task *task);
static void run_reap(struct task *task);

struct mux_conn *mux_conn_new(struct codec *codec, const struct mux_ops *ops, void *owner)
{
    struct mux_conn *conn = mem_alloc(sizeof *conn);
    conn->codec = codec;
    conn->ops = ops;
    conn->owner = owner;
    conn->next_id = 1;
    list_init(&conn->streams);
    list_init(&conn->dead);
    list_init(&conn->member.node);
    task_init(&conn->flush, run_flush);
    task_init(&conn->reap, run_reap);
    return conn;
}

static void wake(struct mux_conn *conn)
{
    if (!conn->is_closed)
        loop_soon(conn->codec->loop, &conn->flush);
}

/* ---- lifetimes ---- */

static void stream_free(struct mux_stream *ms)
{
    flow_deinit(&ms->waiting);
    strbuf_deinit(&ms->end);
    mem_free(ms);
}

static void run_reap(struct task *task)
{
    struct mux_conn *conn = CONTAINER_OF(task, struct mux_conn, reap);
    struct list *node;
    while ((node = list_take_first(&conn->dead)))
        stream_free(CONTAINER_OF(node, struct mux_stream, node));
    if (!conn->is_closed)
        return;
    flow_deinit(&conn->in);
    flow_deinit(&conn->out);
    mem_free(conn);
}

static void bury(struct mux_stream *ms)
{
    list_remove(&ms->node);
    list_add(&ms->conn->dead, &ms->node);
    ms->has_user = false;
    loop_soon(ms->conn->codec->loop, &ms->conn->reap);
}

static void stream_over(struct mux_stream *ms)
{
    bury(ms);
    ms->conn->ops->on_stream_over(ms->conn);
}

void mux_conn_close(struct mux_conn *conn, enum reset why, int error)
{
    struct list *node;
    if (conn->is_closed)
        return;
    conn->is_closed = true;
    socket_close(&conn->sock, false);
    task_cancel(&conn->flush);
    conn->ops->on_gone(conn, error);
    while ((node = conn->streams.next) != &conn->streams) {
        struct mux_stream *ms = CONTAINER_OF(node, struct mux_stream, node);
        bool has_user = ms->has_user;
        enum reset reason = why == RESET_CLOSED && ms->is_reused && !ms->has_answer ? RESET_STALE : why;
        bury(ms);
        if (has_user)
            ms->stream.handler->on_reset(&ms->stream, reason);
    }
    loop_soon(conn->codec->loop, &conn->reap);
}

struct mux_stream *mux_stream_new(struct mux_conn *conn, unsigned id)
{
    struct mux_stream *ms = mem_alloc(sizeof *ms);
    ms->conn = conn;
    ms->id = id;
    ms->has_user = true;
    ms->stream.ops = &mux_stream_ops;
    ms->stream.peer = &conn->peer;
    ms->stream.send_credit = STREAM_WINDOW;
    ms->stream.progress_ns = loop_now_ns(conn->codec->loop);
    list_add(&conn->streams, &ms->node);
    return ms;
}

/* ---- sending ---- */

void mux_send_frame(struct mux_conn *conn, unsigned id, const char *kind, struct str payload)
{
    char line[64];
    int len = snprintf(line, sizeof line, "%u %s %zu\n", id, kind, payload.len);
    flow_add(&conn->out, line, (size_t)len);
    flow_add(&conn->out, payload.ptr, payload.len);
    wake(conn);
}

static void update_credit(struct mux_stream *ms)
{
    size_t queued = flow_len(&ms->waiting);
    ms->stream.queued = queued;
    ms->stream.send_credit = queued < STREAM_WINDOW ? STREAM_WINDOW - queued : 0;
}

/* One frame of the stream; false when it has nothing to send now. */
static bool send_some(struct mux_stream *ms)
{
    struct str data = str_slice(flow_peek(&ms->waiting), 0, ms->may_send < QUANTUM ? ms->may_send : QUANTUM);
    if (data.len) {
        ms->may_send -= data.len;
        mux_send_frame(ms->conn, ms->id, "DATA", data);
        flow_take(&ms->waiting, data.len);
        ms->stream.progress_ns = loop_now_ns(ms->conn->codec->loop);
        size_t credit = ms->stream.send_credit;
        update_credit(ms);
        if (ms->has_user && !ms->is_send_ended && (!ms->stream.queued || !credit))
            ms->stream.handler->on_credit(&ms->stream);
        return true;
    }
    if (!ms->is_send_ended || ms->is_end_sent || flow_len(&ms->waiting))
        return false;
    ms->is_end_sent = true;
    mux_send_frame(ms->conn, ms->id, "END", strbuf_str(&ms->end));
    if (ms->is_receive_ended) {
        stream_over(ms);
    } else if (!ms->has_user) {
        mux_send_frame(ms->conn, ms->id, "RESET", STR_NONE); /* answered; the rest of the request is not wanted */
        stream_over(ms);
    }
    return true;
}

/* Streams are in the order of their numbers, and any may go while one of them is called. */
static struct mux_stream *next_stream(struct mux_conn *conn, unsigned id)
{
    for (struct list *node = conn->streams.next; node != &conn->streams; node = node->next) {
        struct mux_stream *ms = CONTAINER_OF(node, struct mux_stream, node);
        if (ms->id > id)
            return ms;
    }
    return NULL;
}

/* In turns: a stream without credit holds nobody up. */
static bool frame_round(struct mux_conn *conn)
{
    bool is_any = false;
    struct mux_stream *ms = next_stream(conn, 0);
    while (ms && !conn->is_closed && flow_len(&conn->out) < OUT_MAX) {
        unsigned id = ms->id;
        is_any |= send_some(ms);
        ms = next_stream(conn, id);
    }
    return is_any;
}

static void run_flush(struct task *task)
{
    struct mux_conn *conn = CONTAINER_OF(task, struct mux_conn, flush);
    do {
        while (!conn->is_closed && flow_len(&conn->out)) {
            struct str bytes = flow_peek(&conn->out);
            struct slice piece = {NULL, bytes.ptr, bytes.len};
            ssize_t n = socket_write(&conn->sock, &piece, 1);
            if (n == SOCKET_BROKEN)
                mux_conn_close(conn, RESET_CLOSED, 0);
            else if (n < 0 && conn->ops->on_flushed)
                conn->ops->on_flushed(conn, false);
            if (n < 0)
                return;
            conn->progress_ns = loop_now_ns(conn->codec->loop);
            flow_take(&conn->out, (size_t)n);
        }
    } while (!conn->is_closed && frame_round(conn));
    task_cancel(&conn->flush);
    if (!conn->is_closed && conn->ops->on_flushed)
        conn->ops->on_flushed(conn, true);
}

/* ---- the streams' operations ---- */

static struct mux_stream *of_stream(struct stream *stream)
{
    return CONTAINER_OF(stream, struct mux_stream, stream);
}

static void send_head(struct stream *stream, const struct head *head)
{
    struct mux_stream *ms = of_stream(stream);
    struct http1_framing framing = {.has_length = head->body == BODY_LENGTH};
    char *out = mem_alloc_raw(http1_head_bound(head));
    size_t len;
    if (ms->conn->is_client) {
        ms->method = head->method_id;
        len = http1_format_request(out, head, &framing);
    } else {
        len = http1_format_response(out, head, &framing);
    }
    mux_send_frame(ms->conn, ms->id, "HEAD", (struct str){out, len});
    stream->wire_sent += len;
    mem_free(out);
}

static void send_data(struct stream *stream, struct slice data)
{
    struct mux_stream *ms = of_stream(stream);
    flow_add(&ms->waiting, data.ptr, data.len);
    stream->wire_sent += data.len;
    update_credit(ms);
    wake(ms->conn);
}

static void send_end(struct stream *stream, const struct field *trailers, uint16_t count)
{
    struct mux_stream *ms = of_stream(stream);
    for (uint16_t i = 0; i < count; i++)
        strbuf_printf(&ms->end, "%.*s: %.*s\r\n", STR_ARG(trailers[i].name), STR_ARG(trailers[i].value));
    ms->is_send_ended = true;
    if (ms->is_receive_ended)
        ms->has_user = false; /* over for its user; its bytes may still wait for credit */
    wake(ms->conn);
}

static void reset(struct stream *stream, enum reset why)
{
    struct mux_stream *ms = of_stream(stream);
    (void)why;
    if (!ms->has_user)
        return;
    ms->has_user = false;
    if (!ms->conn->is_client && ms->is_send_ended) {
        wake(ms->conn);
        return;
    }
    mux_send_frame(ms->conn, ms->id, "RESET", STR_NONE);
    stream_over(ms);
}

static void pull(struct stream *stream)
{
    struct mux_stream *ms = of_stream(stream);
    char number[24];
    if (ms->is_receive_ended || stream->pull_credit <= ms->granted)
        return;
    int len = snprintf(number, sizeof number, "%zu", stream->pull_credit - ms->granted);
    ms->granted = stream->pull_credit;
    mux_send_frame(ms->conn, ms->id, "CREDIT", (struct str){number, (size_t)len});
}

static const struct stream_ops mux_stream_ops = {"fake mux", send_head, send_data, send_end, reset, pull};

/* ---- receiving ---- */

static void receive_end(struct mux_stream *ms, const struct field *trailers, uint16_t count)
{
    bool has_user = ms->has_user;
    ms->is_receive_ended = true;
    if (ms->is_send_ended)
        ms->has_user = false;
    if (has_user)
        ms->stream.handler->on_end(&ms->stream, trailers, count);
    if (ms->is_end_sent && list_is_linked(&ms->node) && !ms->conn->is_closed)
        stream_over(ms);
}

void mux_deliver_head(struct mux_stream *ms, const struct head *head, bool is_last)
{
    if (ms->has_user)
        ms->stream.handler->on_head(&ms->stream, head);
    if (is_last && !ms->is_receive_ended && !ms->conn->is_closed)
        receive_end(ms, NULL, 0);
}

static bool take_data(struct mux_stream *ms, struct str data)
{
    if (data.len > ms->granted)
        return false;
    ms->granted -= data.len;
    ms->stream.pull_credit -= data.len;
    ms->stream.wire_received += data.len;
    if (!ms->has_user)
        return true;
    struct slice piece = slice_copy(data);
    ms->stream.handler->on_data(&ms->stream, piece);
    chunk_unref(piece.chunk);
    return true;
}

static bool take_end(struct mux_stream *ms, struct str lines)
{
    struct field fields[HEAD_MAX_FIELDS];
    struct strbuf section = STRBUF_INIT;
    uint16_t count;
    enum refusal refusal;
    strbuf_add(&section, lines);
    strbuf_add(&section, STR("\r\n"));
    bool is_good = http1_parse_trailers(strbuf_str(&section), fields, &count, &refusal) == PARSE_DONE;
    if (is_good)
        receive_end(ms, fields, count);
    strbuf_deinit(&section);
    return is_good;
}

static void take_reset(struct mux_stream *ms, enum reset why)
{
    bool has_user = ms->has_user;
    stream_over(ms);
    if (has_user)
        ms->stream.handler->on_reset(&ms->stream, why);
}

static struct mux_stream *find_stream(struct mux_conn *conn, unsigned id)
{
    for (struct list *node = conn->streams.next; node != &conn->streams; node = node->next) {
        struct mux_stream *ms = CONTAINER_OF(node, struct mux_stream, node);
        if (ms->id == id)
            return ms;
    }
    return NULL;
}

/* Of a stream that is over already nothing is wanted, and that is no fault. */
static bool take_frame(struct mux_conn *conn, unsigned id, struct str kind, struct str payload)
{
    uint64_t credit;
    struct mux_stream *ms = find_stream(conn, id);
    bool is_last = str_eq(kind, STR("LAST"));
    if (ms) {
        ms->has_answer = true;
        ms->stream.progress_ns = loop_now_ns(conn->codec->loop);
    }
    if (str_eq(kind, STR("GOAWAY")))
        conn->ops->on_goaway(conn);
    else if (str_eq(kind, STR("LIMIT")) && conn->ops->on_limit && str_to_u64(payload, &credit))
        conn->ops->on_limit(conn, (unsigned)credit);
    else if (str_eq(kind, STR("HEAD")) || is_last)
        conn->ops->on_head(conn, ms, id, payload, is_last);
    else if (!ms)
        return true;
    else if (str_eq(kind, STR("DATA")))
        return take_data(ms, payload);
    else if (str_eq(kind, STR("END")))
        return take_end(ms, payload);
    else if (str_eq(kind, STR("RESET")))
        take_reset(ms, RESET_CLOSED);
    else if (str_eq(kind, STR("REFUSED")))
        take_reset(ms, RESET_REFUSED);
    else if (str_eq(kind, STR("CREDIT")) && str_to_u64(payload, &credit))
        ms->may_send += credit;
    else
        return false;
    wake(conn);
    return true;
}

/* False when more bytes are needed, or the connection is closed. */
static bool take_next(struct mux_conn *conn)
{
    struct str bytes = flow_peek(&conn->in), line = str_slice(bytes, 0, str_find_char(bytes, '\n')), id, kind, len;
    uint64_t number, size;
    if (conn->is_closed || line.len == bytes.len)
        return false;
    struct str rest = line;
    bool is_good = str_next(&rest, ' ', &id) && str_next(&rest, ' ', &kind) && str_next(&rest, ' ', &len) &&
                   str_to_u64(id, &number) && str_to_u64(len, &size);
    if (is_good && bytes.len - line.len - 1 < size)
        return false;
    if (is_good) {
        struct str payload = str_slice(bytes, line.len + 1, line.len + 1 + size);
        flow_take(&conn->in, line.len + 1 + size);
        is_good = take_frame(conn, (unsigned)number, kind, payload);
    }
    if (!is_good)
        mux_conn_close(conn, RESET_PROTOCOL, 0);
    return is_good;
}

static void on_readable(struct socket *sock)
{
    struct mux_conn *conn = CONTAINER_OF(sock, struct mux_conn, sock);
    char buffer[4096];
    ssize_t n;
    while ((n = socket_read(sock, buffer, sizeof buffer)) > 0) {
        conn->progress_ns = loop_now_ns(conn->codec->loop);
        flow_add(&conn->in, buffer, (size_t)n);
    }
    while (take_next(conn))
        ;
    if (n == SOCKET_END || n == SOCKET_BROKEN)
        mux_conn_close(conn, RESET_CLOSED, 0);
}

static void on_writable(struct socket *sock)
{
    wake(CONTAINER_OF(sock, struct mux_conn, sock));
}

static void on_broken(struct socket *sock, int error)
{
    mux_conn_close(CONTAINER_OF(sock, struct mux_conn, sock), RESET_CLOSED, error);
}

const struct socket_ops mux_socket_ops = {"fake mux", on_readable, on_writable, on_broken};
