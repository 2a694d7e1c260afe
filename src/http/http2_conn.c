/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http2_conn.h"

#include "base/assert.h"
#include "base/mem.h"

#define READS_PER_TURN 4 /* of up to CODEC_BUFFER bytes */
#define BULK_READ 16384  /* bytes of one read that only large bodies have */
/* Acknowledgements that wait for a peer which does not read, before nghttp2 calls it a flood. */
#define MAX_OUTBOUND_ACKS 1000
/* All frames that wait for it. More than its streams explain. */
#define MAX_OUTBOUND_FRAMES 4096
#define NS_PER_MS 1000000ull

uint64_t http2_conn_now_ns(const struct http2_conn *conn)
{
    return loop_now_ns(conn->codec->loop);
}

struct http2_list *http2_conn_list(struct http2_conn *conn)
{
    return &conn->codec->http2->list;
}

void http2_conn_wake(struct http2_conn *conn)
{
    if (!conn->is_closed)
        loop_after_events(conn->codec->loop, &conn->flush);
}

/* ---- limits ---- */

static void renew_abuse(struct http2_conn *conn)
{
    uint64_t now_ns = http2_conn_now_ns(conn);
    if (now_ns - conn->abuse.since_ns >= HTTP2_ABUSE_MS * NS_PER_MS)
        conn->abuse = (struct http2_abuse){.since_ns = now_ns};
}

/* Why what the peer does is too much; REFUSAL_NONE. */
static enum refusal judge(const struct http2_abuse *abuse)
{
    if (abuse->resets > HTTP2_MAX_RESETS && abuse->resets > abuse->opened / 2)
        return REFUSAL_HTTP2_RESET_FLOOD;
    if (abuse->pings > HTTP2_MAX_ANSWERED + abuse->content)
        return REFUSAL_HTTP2_PING_FLOOD;
    if (abuse->settings > HTTP2_MAX_ANSWERED)
        return REFUSAL_HTTP2_SETTINGS_FLOOD;
    if (abuse->empty > HTTP2_MAX_EMPTY + 2 * abuse->content)
        return REFUSAL_HTTP2_EMPTY_FLOOD;
    return REFUSAL_NONE;
}

static void note_frame(struct http2_abuse *abuse, const nghttp2_frame_hd *frame)
{
    bool is_ack = frame->flags & NGHTTP2_FLAG_ACK;
    switch (frame->type) {
    case NGHTTP2_DATA:
        if (frame->length || frame->flags & NGHTTP2_FLAG_END_STREAM)
            abuse->content++;
        else
            abuse->empty++;
        break;
    case NGHTTP2_HEADERS: abuse->content++; break;
    case NGHTTP2_RST_STREAM: abuse->resets++; break;
    case NGHTTP2_PING: abuse->pings += !is_ack; break;
    case NGHTTP2_SETTINGS: abuse->settings += !is_ack; break;
    case NGHTTP2_CONTINUATION:
    case NGHTTP2_GOAWAY: break;
    default: abuse->empty++; break;
    }
}

/* ---- what nghttp2 calls while it reads ---- */

/* A connection that was closed, or is to fail, reads no further. */
static int go_on(const struct http2_conn *conn)
{
    return conn->is_closed || conn->fault ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static struct http2_stream *find_stream(struct http2_conn *conn, int32_t id)
{
    return nghttp2_session_get_stream_user_data(conn->session, id);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *frame, void *user)
{
    struct http2_conn *conn = user;
    (void)session;
    renew_abuse(conn);
    note_frame(&conn->abuse, frame);
    conn->fault = judge(&conn->abuse);
    /* nghttp2 looks at no priorities when it was told that there are none. */
    if (frame->type == NGHTTP2_PRIORITY && !frame->stream_id)
        http2_conn_fail(conn, NGHTTP2_PROTOCOL_ERROR, REFUSAL_HTTP2_PROTOCOL);
    return go_on(conn);
}

static void drop_block(struct http2_conn *conn)
{
    if (!conn->block)
        return;
    http2_block_deinit(conn->block);
    slab_give(conn->codec->http2->blocks, conn->block);
    conn->block = NULL;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http2_conn *conn = user;
    (void)session;
    (void)frame;
    drop_block(conn);
    conn->block = slab_take(conn->codec->http2->blocks);
    http2_block_init(conn->block);
    conn->block_ns = http2_conn_now_ns(conn);
    return go_on(conn);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                     uint8_t flags, void *user)
{
    struct http2_conn *conn = user;
    (void)session;
    (void)frame;
    (void)flags;
    if (conn->block && !http2_block_add(conn->block, name, value))
        conn->fault = REFUSAL_HTTP2_HEADER_BOMB;
    return go_on(conn);
}

/* Without this nghttp2 would leave the field out and go on. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                             nghttp2_rcbuf *value, uint8_t flags, void *user)
{
    (void)session;
    (void)frame;
    (void)name;
    (void)value;
    (void)flags;
    (void)user;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
    struct http2_conn *conn = user;
    (void)session;
    (void)error;
    drop_block(conn);
    conn->abuse.resets++;
    /* A stream with a user is told, and counted, when nghttp2 has closed it. */
    if (!find_stream(conn, frame->hd.stream_id))
        conn->ops->on_fault(conn, REFUSAL_HTTP2_PROTOCOL, false);
    return go_on(conn);
}

static void receive_headers(struct http2_conn *conn, struct http2_stream *s, const nghttp2_frame *frame)
{
    if (s) {
        s->stream.progress_ns = http2_conn_now_ns(conn);
        s->stream.wire_received += frame->hd.length + HTTP2_FRAME_HEAD;
    }
    if (conn->block && (!s || s->has_user))
        conn->ops->on_headers(conn, s, frame);
    drop_block(conn);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http2_conn *conn = user;
    struct http2_stream *s;
    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS: receive_headers(conn, find_stream(conn, frame->hd.stream_id), frame); break;
    case NGHTTP2_DATA:
        s = find_stream(conn, frame->hd.stream_id);
        if (!s)
            break;
        s->stream.wire_received += frame->hd.length + HTTP2_FRAME_HEAD;
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
            http2_stream_receive_end(s, false);
        break;
    case NGHTTP2_RST_STREAM:
        s = find_stream(conn, frame->hd.stream_id);
        if (s)
            s->is_peer_reset = true;
        break;
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PING:
    case NGHTTP2_GOAWAY: conn->ops->on_control(conn, frame); break;
    default: break;
    }
    return go_on(conn);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *user)
{
    struct http2_conn *conn = user;
    struct http2_stream *s = find_stream(conn, id);
    (void)flags;
    nghttp2_session_consume_connection(session, len);
    if (s) {
        s->stream.progress_ns = http2_conn_now_ns(conn);
        http2_stream_receive(s, (struct slice){conn->in, (const char *)data, len});
    }
    return go_on(conn);
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct http2_conn *conn = user;
    struct http2_stream *s = find_stream(conn, id);
    (void)session;
    if (!s)
        return 0;
    s->is_open = false;
    s->close_code = code;
    conn->open_streams--;
    http2_conn_note_closed(conn, s);
    return 0;
}

void http2_conn_note_closed(struct http2_conn *conn, struct http2_stream *s)
{
    conn->has_closed = true;
    list_add(&conn->closed, &s->closed);
}

static void tell_closed(struct http2_conn *conn)
{
    struct list *node;
    while ((node = list_take_first(&conn->closed))) {
        struct http2_stream *s = CONTAINER_OF(node, struct http2_stream, closed);
        http2_stream_closed(s);
    }
    bool has_closed = conn->has_closed && !conn->is_closed;
    conn->has_closed = false;
    if (has_closed)
        conn->ops->on_streams_closed(conn);
}

/* ---- what nghttp2 calls while it writes ---- */

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http2_conn *conn = user;
    (void)session;
    struct http2_stream *s;
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
        conn->abuse.content++;
        s = find_stream(conn, frame->hd.stream_id);
        if (!s || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
            break;
        s->is_end_sent = true;
        if (s->is_rest_unwanted && !s->is_end_received)
            nghttp2_submit_rst_stream(conn->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
        break;
    case NGHTTP2_GOAWAY:
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR && !conn->is_failing) {
            conn->is_failing = true; /* nghttp2's own doing */
            if (conn->fault == REFUSAL_NONE)
                conn->fault = REFUSAL_HTTP2_PROTOCOL;
        }
        break;
    default: break;
    }
    return 0;
}

/* A head or trailers that can't be sent (DATA never comes here): their stream has no other end. */
static int on_frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
    struct http2_conn *conn = user;
    (void)error;
    if (frame->hd.type == NGHTTP2_HEADERS && find_stream(conn, frame->hd.stream_id))
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

/* Of what is no DATA, whose streams note it as it is written. */
static void note_frame_out(struct http2_conn *conn, const uint8_t *frame, size_t len)
{
    uint32_t id = 0;
    if (len >= HTTP2_FRAME_HEAD)
        id = ((uint32_t)frame[5] << 24 | (uint32_t)frame[6] << 16 | (uint32_t)frame[7] << 8 | frame[8]) & 0x7fffffff;
    http2_conn_note_out(conn, id ? find_stream(conn, (int32_t)id) : NULL, len);
}

void http2_conn_note_out(struct http2_conn *conn, struct http2_stream *s, size_t len)
{
    conn->out_total += len;
    if (!s)
        return;
    s->in_out += len;
    s->out_mark = conn->out_total;
    s->stream.wire_sent += len;
    list_remove(&s->flushing);
    list_add(&conn->flushing, &s->flushing);
}

/* nghttp2 ends the whole connection when there are more streams than it has announced; RFC 9113 5.1.2 has them refused one by one. So it
 * is told of twice as many, and the peer of those that are served: the number is put right in the frame that nghttp2 made. */
static void announce_streams(char *settings, size_t len)
{
    for (size_t at = HTTP2_FRAME_HEAD; at + 6 <= len; at += 6) {
        if (settings[at] == 0 && settings[at + 1] == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) {
            settings[at + 4] = HTTP2_MAX_STREAMS >> 8;
            settings[at + 5] = (char)(HTTP2_MAX_STREAMS & 0xff);
        }
    }
}

/* Moves frames to `out`; false when nghttp2 can't go on. */
static bool collect_frames(struct http2_conn *conn)
{
    while (conn->out.bytes < HTTP2_OUT_MAX) {
        const uint8_t *frame;
        ssize_t len = nghttp2_session_mem_send(conn->session, &frame);
        if (len <= 0)
            return len == 0;
        char *out = outq_reserve(&conn->out, conn->codec, (size_t)len);
        memcpy(out, frame, (size_t)len);
        if (conn->is_server && !conn->is_settings_sent)
            announce_streams(out, (size_t)len);
        conn->is_settings_sent = true;
        outq_commit(&conn->out, conn->codec, (size_t)len);
        note_frame_out(conn, frame, (size_t)len);
    }
    return true;
}

/* Streams whose bytes have all left. */
static void tell_flushed(struct http2_conn *conn)
{
    uint64_t left = conn->out_total - conn->out.bytes;
    while (!conn->is_closed && !list_is_empty(&conn->flushing)) {
        struct http2_stream *s = CONTAINER_OF(conn->flushing.next, struct http2_stream, flushing);
        if (s->out_mark > left)
            return;
        list_remove(&s->flushing);
        if (s->sending.bytes)
            outq_settle(&s->sending);
        http2_stream_flushed(s);
    }
}

/* One round; true when there may be more to send. */
static bool flush_round(struct http2_conn *conn)
{
    bool was_empty = !conn->out.bytes;
    if (!collect_frames(conn)) {
        conn->ops->on_broken(conn, 0);
        return false;
    }
    size_t before = conn->out.bytes;
    enum outq_flush flushed = before ? outq_flush(&conn->out, &conn->sock) : OUTQ_EMPTY;
    if (flushed == OUTQ_BROKEN) {
        conn->ops->on_broken(conn, 0);
        return false;
    }
    if (was_empty || conn->out.bytes < before)
        conn->left_ns = http2_conn_now_ns(conn);
    if (conn->out.bytes < before)
        conn->progress_ns = conn->left_ns;
    tell_closed(conn);
    tell_flushed(conn);
    return !conn->is_closed && flushed == OUTQ_EMPTY && before >= HTTP2_OUT_MAX;
}

static void end_failing(struct http2_conn *conn)
{
    enum refusal why = conn->fault;
    if (why != REFUSAL_NONE && conn->is_failing) {
        conn->fault = REFUSAL_NONE;
        conn->ops->on_fault(conn, why, true);
    }
    if (!conn->is_closed && !conn->out.bytes && !nghttp2_session_want_read(conn->session) &&
        !nghttp2_session_want_write(conn->session))
        conn->ops->on_finished(conn);
}

void http2_conn_flush(struct http2_conn *conn)
{
    if (conn->is_closed || conn->is_discarding)
        return;
    if (flush_round(conn))
        loop_later(conn->codec->loop, &conn->resume);
    if (!conn->is_closed && conn->ops->on_flushed)
        conn->ops->on_flushed(conn);
    if (!conn->is_closed)
        end_failing(conn);
}

static void run_flush(struct task *task)
{
    http2_conn_flush(CONTAINER_OF(task, struct http2_conn, flush));
}

/* ---- reading ---- */

void http2_conn_fail(struct http2_conn *conn, uint32_t code, enum refusal why)
{
    if (conn->is_failing || conn->is_closed)
        return;
    conn->is_failing = true;
    conn->fault = why;
    nghttp2_session_terminate_session(conn->session, code);
    http2_conn_wake(conn);
}

/* After nghttp2 gave up. */
static void fail_reading(struct http2_conn *conn, ssize_t error)
{
    if (conn->fault != REFUSAL_NONE)
        http2_conn_fail(conn, NGHTTP2_ENHANCE_YOUR_CALM, conn->fault);
    else if (error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
        http2_conn_fail(conn, NGHTTP2_ENHANCE_YOUR_CALM, REFUSAL_HTTP2_CONTINUATION_FLOOD);
    else if (error == NGHTTP2_ERR_FLOODED)
        http2_conn_fail(conn, NGHTTP2_ENHANCE_YOUR_CALM, REFUSAL_HTTP2_PING_FLOOD);
    else
        http2_conn_fail(conn, NGHTTP2_PROTOCOL_ERROR, REFUSAL_HTTP2_PROTOCOL);
}

void http2_conn_feed(struct http2_conn *conn, struct slice bytes)
{
    if (conn->is_failing || conn->is_discarding)
        return;
    conn->in = chunk_ref(bytes.chunk);
    ssize_t used = nghttp2_session_mem_recv(conn->session, (const uint8_t *)bytes.ptr, bytes.len);
    conn->in = NULL;
    tell_closed(conn);
    if (!conn->is_closed && used < 0)
        fail_reading(conn, used);
    else if (!conn->is_closed && nghttp2_session_get_outbound_queue_size(conn->session) > MAX_OUTBOUND_FRAMES)
        http2_conn_fail(conn, NGHTTP2_ENHANCE_YOUR_CALM, REFUSAL_HTTP2_EMPTY_FLOOD);
    if (conn->block && !conn->is_closed && conn->ops->on_partial)
        conn->ops->on_partial(conn);
    http2_conn_wake(conn);
    chunk_unref(bytes.chunk);
}

/* Counted per turn and not per call, as in HTTP/1. */
static bool may_read(struct http2_conn *conn)
{
    uint64_t now_ns = http2_conn_now_ns(conn);
    if (conn->turn_ns != now_ns) {
        conn->turn_ns = now_ns;
        conn->reads = 0;
    }
    if (conn->reads++ < READS_PER_TURN)
        return true;
    loop_later(conn->codec->loop, &conn->resume);
    return false;
}

static bool read_some(struct http2_conn *conn)
{
    struct chunk *rx = codec_rx(conn->codec);
    char *at = rx->data + rx->used;
    ssize_t n = socket_read(&conn->sock, at, rx->size - rx->used);
    if (n == SOCKET_END || n == SOCKET_BROKEN)
        conn->ops->on_broken(conn, 0);
    if (n <= 0)
        return false;
    if (n >= BULK_READ)
        loop_give_way(conn->codec->loop);
    rx->used += (uint32_t)n;
    conn->progress_ns = http2_conn_now_ns(conn);
    http2_conn_feed(conn, (struct slice){rx, at, (size_t)n});
    return true;
}

void http2_conn_read(struct http2_conn *conn)
{
    if (conn->is_reading)
        return;
    conn->is_reading = true;
    while (!conn->is_closed && conn->sock.is_readable && may_read(conn) && read_some(conn))
        ;
    conn->is_reading = false;
}

static void run_resume(struct task *task)
{
    struct http2_conn *conn = CONTAINER_OF(task, struct http2_conn, resume);
    http2_conn_read(conn);
    http2_conn_wake(conn);
}

/* ---- lifetime ---- */

static void run_reap(struct task *task)
{
    struct http2_conn *conn = CONTAINER_OF(task, struct http2_conn, reap);
    struct list *node;
    while ((node = list_take_first(&conn->dead)))
        http2_stream_free(CONTAINER_OF(node, struct http2_stream, node));
    if (!conn->is_closed)
        return;
    drop_block(conn);
    nghttp2_session_del(conn->session);
    outq_deinit(&conn->out);
    conn->ops->on_free(conn);
}

void http2_conn_open(struct http2_conn *conn, struct codec *codec, const struct http2_conn_ops *ops, bool is_server)
{
    struct http2_shared *shared = codec->http2;
    memset(conn, 0, sizeof *conn);
    conn->ops = ops;
    conn->codec = codec;
    conn->is_server = is_server;
    conn->progress_ns = conn->abuse.since_ns = loop_now_ns(codec->loop);
    outq_init(&conn->out);
    list_init(&conn->streams);
    list_init(&conn->flushing);
    list_init(&conn->closed);
    list_init(&conn->dead);
    task_init(&conn->flush, run_flush);
    task_init(&conn->resume, run_resume);
    task_init(&conn->reap, run_reap);
    int made = is_server ? nghttp2_session_server_new2(&conn->session, shared->callbacks, conn, shared->server_option)
                         : nghttp2_session_client_new2(&conn->session, shared->callbacks, conn, shared->client_option);
    ASSERT(made == 0);
}

void http2_conn_close(struct http2_conn *conn, bool is_reset, enum reset why)
{
    if (conn->is_closed)
        return;
    conn->is_closed = true;
    socket_close(&conn->sock, is_reset);
    task_cancel(&conn->flush);
    task_cancel(&conn->resume);
    loop_soon(conn->codec->loop, &conn->reap);
    while (!list_is_empty(&conn->streams)) {
        struct http2_stream *s = CONTAINER_OF(conn->streams.next, struct http2_stream, node);
        bool had_user = s->has_user;
        bool is_stale = why == RESET_CLOSED && !conn->is_server && s->is_reused && !s->has_answer;
        s->has_user = s->is_open = false;
        http2_stream_bury(s);
        if (had_user)
            s->stream.handler->on_reset(&s->stream, is_stale ? RESET_STALE : why);
    }
}

/* ---- the socket ---- */

static void on_readable(struct socket *sock)
{
    http2_conn_read(CONTAINER_OF(sock, struct http2_conn, sock));
}

static void on_writable(struct socket *sock)
{
    http2_conn_wake(CONTAINER_OF(sock, struct http2_conn, sock));
}

static void on_broken(struct socket *sock, int error)
{
    struct http2_conn *conn = CONTAINER_OF(sock, struct http2_conn, sock);
    conn->ops->on_broken(conn, error);
}

void http2_conn_move(struct http2_conn *conn, struct socket *from)
{
    static const struct socket_ops ops = {"http2", on_readable, on_writable, on_broken};
    conn->is_tls = from->tls != NULL;
    socket_move(&conn->sock, from, &ops);
}

/* ---- what all connections of a codec share ---- */

static nghttp2_option *option_new(void)
{
    nghttp2_option *option;
    ASSERT(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    /* A head of HTTP/1 that is as large as it may be, and what filters and framing add. */
    nghttp2_option_set_max_send_header_block_length(option, 2 * HEAD_MAX_BYTES);
    nghttp2_option_set_max_outbound_ack(option, MAX_OUTBOUND_ACKS);
    nghttp2_option_set_max_continuations(option, HTTP2_MAX_CONTINUATIONS);
    return option;
}

static nghttp2_session_callbacks *callbacks_new(void)
{
    nghttp2_session_callbacks *callbacks;
    ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, http2_stream_write);
    return callbacks;
}

struct http2_shared *http2_shared_new(void)
{
    struct http2_shared *shared = mem_alloc(sizeof *shared);
    shared->callbacks = callbacks_new();
    shared->server_option = option_new();
    shared->client_option = option_new();
    nghttp2_option_set_max_reserved_remote_streams(shared->client_option, 0);
    shared->servers = slab_new("HTTP/2 servers", http2_server_conn_size);
    shared->clients = slab_new("HTTP/2 clients", http2_client_conn_size);
    shared->streams = slab_new("HTTP/2 streams", sizeof(struct http2_stream));
    shared->blocks = slab_new("HTTP/2 header lists", sizeof(struct http2_block));
    return shared;
}

void http2_shared_free(struct http2_shared *shared)
{
    nghttp2_session_callbacks_del(shared->callbacks);
    nghttp2_option_del(shared->server_option);
    nghttp2_option_del(shared->client_option);
    slab_free(shared->servers);
    slab_free(shared->clients);
    slab_free(shared->streams);
    slab_free(shared->blocks);
    http2_list_deinit(&shared->list);
    mem_free(shared);
}
