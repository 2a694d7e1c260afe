/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to backends. Their peer may be hostile: whatever it sends ends in RESET_PROTOCOL, of a stream or of all, in bounded memory. */
#include "http/http2_conn.h"

/* 1xx answers taken before the real one; more is a flood. */
#define MAX_INFORMATIONAL 16
/* Numbers of streams are odd and end at 2^31 - 1; nghttp2 opens none behind. */
#define LAST_STREAM_ID 0x7fffff00u

struct http2_client {
    struct http2_conn conn; /* first: the slab's object is one */
    struct client_conn client;
    uint32_t max_streams;  /* ours */
    uint32_t not_sent_yet; /* streams that were opened and have no number */
    bool had_stream, is_retired, is_gone;
};

const size_t http2_client_conn_size = sizeof(struct http2_client);

static const struct stream_ops client_stream_ops;

static struct http2_client *of_conn(struct http2_conn *conn)
{
    return CONTAINER_OF(conn, struct http2_client, conn);
}

static struct http2_client *of_client(const struct client_conn *client)
{
    return CONTAINER_OF(client, struct http2_client, client);
}

/* The pool hears first: what the streams' users do then finds the connection gone. */
static void end(struct http2_client *hc, enum reset why, int error)
{
    if (hc->is_gone)
        return;
    hc->is_gone = true;
    hc->client.events->on_gone(&hc->client, error);
    http2_conn_close(&hc->conn, false, why);
}

static void retire(struct http2_client *hc)
{
    if (hc->is_retired || hc->is_gone)
        return;
    hc->is_retired = true;
    hc->client.events->on_retire(&hc->client);
}

/* True when there are fewer than before. */
static bool count_streams(struct http2_client *hc)
{
    uint32_t before = hc->client.streams;
    hc->client.streams = hc->conn.open_streams + hc->not_sent_yet;
    if (before && !hc->client.streams)
        hc->client.idle_since_ns = http2_conn_now_ns(&hc->conn);
    return hc->client.streams < before;
}

static void on_streams_closed(struct http2_conn *conn)
{
    struct http2_client *hc = of_conn(conn);
    if (!count_streams(hc) || hc->is_gone)
        return;
    hc->had_stream = true;
    hc->client.events->on_room(&hc->client);
}

/* ---- answers ---- */

static void on_answer(struct http2_stream *s, bool is_last)
{
    struct head head;
    s->has_answer = true;
    if (http2_block_response(s->conn->block, is_last, (enum http_method)s->method, &head) != REFUSAL_NONE ||
        (head.status < 200 && (is_last || ++s->informational > MAX_INFORMATIONAL))) {
        http2_stream_break(s, NGHTTP2_PROTOCOL_ERROR, RESET_PROTOCOL);
        return;
    }
    s->is_head_received = head.status >= 200;
    s->is_tunnel = head.body == BODY_TUNNEL;
    s->is_end_received = is_last;
    http2_stream_deliver_head(s, &head);
}

static void on_headers(struct http2_conn *conn, struct http2_stream *s, const nghttp2_frame *frame)
{
    (void)conn;
    if (s && s->is_head_received)
        http2_stream_receive_end(s, true); /* nghttp2 refuses trailers that do not end the stream */
    else if (s)
        on_answer(s, frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
}

static void learn_max_streams(struct http2_client *hc)
{
    uint32_t before = hc->client.max_streams;
    uint32_t peer = nghttp2_session_get_remote_settings(hc->conn.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    hc->client.max_streams = peer < hc->max_streams ? peer : hc->max_streams;
    if (hc->client.max_streams > before && !hc->is_gone && !hc->is_retired)
        hc->client.events->on_room(&hc->client);
}

static void on_control(struct http2_conn *conn, const nghttp2_frame *frame)
{
    struct http2_client *hc = of_conn(conn);
    if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
        learn_max_streams(hc);
    else if (frame->hd.type == NGHTTP2_GOAWAY)
        retire(hc);
}

/* Its window is used up, or its socket is full: whatever else would be sent now has to wait. */
static void on_flushed(struct http2_conn *conn)
{
    struct http2_client *hc = of_conn(conn);
    bool was_clogged = hc->client.is_clogged;
    hc->client.is_clogged = conn->out.bytes || nghttp2_session_get_remote_window_size(conn->session) <= 0;
    if (was_clogged && !hc->client.is_clogged && !hc->is_gone && !hc->is_retired)
        hc->client.events->on_room(&hc->client);
}

/* ---- ends ---- */

static void on_fault(struct http2_conn *conn, enum refusal why, bool is_whole)
{
    (void)why;
    if (is_whole)
        end(of_conn(conn), RESET_PROTOCOL, 0);
}

static void on_finished(struct http2_conn *conn)
{
    end(of_conn(conn), RESET_CLOSED, 0);
}

static void on_broken(struct http2_conn *conn, int error)
{
    end(of_conn(conn), RESET_CLOSED, error);
}

static void on_free(struct http2_conn *conn)
{
    slab_give(conn->codec->http2->clients, of_conn(conn));
}

/* ---- requests ---- */

static void send_head(struct stream *stream, const struct head *head)
{
    struct http2_stream *s = http2_stream_of(stream);
    struct http2_conn *conn = s->conn;
    struct http2_client *hc = of_conn(conn);
    struct http2_list *list = http2_conn_list(conn);
    if (!s->is_waiting)
        return;
    s->is_waiting = false;
    s->method = (uint8_t)head->method_id;
    s->has_no_body = head->body == BODY_NONE && head->method_id != METHOD_CONNECT;
    s->is_head_sent = true;
    nghttp2_data_provider source = http2_stream_source(s);
    http2_list_request(list, head, conn->is_tls);
    s->id = nghttp2_submit_request(conn->session, NULL, list->fields, list->count, s->has_no_body ? NULL : &source, s);
    hc->not_sent_yet--;
    if (s->id > 0) {
        s->is_open = true;
        conn->open_streams++;
    } else {
        /* The user is told at the end of the turn, not within its own call. */
        s->close_code = NGHTTP2_REFUSED_STREAM;
        http2_conn_note_closed(conn, s);
    }
    http2_conn_wake(conn);
}

static void reset(struct stream *stream, enum reset why)
{
    struct http2_stream *s = http2_stream_of(stream);
    struct http2_client *hc = of_conn(s->conn);
    (void)why;
    if (!s->has_user)
        return;
    hc->not_sent_yet -= s->is_waiting;
    s->is_waiting = false;
    http2_stream_refuse(s, NGHTTP2_CANCEL);
    on_streams_closed(s->conn);
}

static const struct stream_ops client_stream_ops = {"http2 client",        send_head, http2_stream_send_data,
                                                    http2_stream_send_end, reset,     http2_stream_pull};
static const struct http2_conn_ops conn_ops = {"http2 client", on_headers,  on_control, NULL,    on_streams_closed,
                                               on_fault,       on_finished, on_broken,  on_free, on_flushed};

/* ---- for the pool ---- */

static struct stream *open_stream(struct client_conn *client)
{
    struct http2_client *hc = of_client(client);
    struct http2_stream *s = http2_stream_new(&hc->conn, &client_stream_ops);
    s->is_reused = hc->had_stream;
    s->is_waiting = true;
    hc->not_sent_yet++;
    (void)count_streams(hc);
    if (nghttp2_session_get_next_stream_id(hc->conn.session) >= LAST_STREAM_ID)
        retire(hc);
    return &s->stream;
}

static void close_client(struct client_conn *client)
{
    end(of_client(client), RESET_CLOSED, 0);
}

static uint64_t progress_ns(const struct client_conn *client)
{
    return of_client(client)->conn.progress_ns;
}

static const struct client_conn_ops client_ops = {"http2", open_stream, close_client, progress_ns, NULL};

static void submit_settings(nghttp2_session *session)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEAD_MAX_BYTES},
    };
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings);
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, HTTP2_CONNECTION_WINDOW);
}

struct client_conn *http2_client_adopt(struct codec *codec, struct socket *from,
                                       const struct client_conn_events *events, struct client_pool *pool,
                                       uint32_t max_streams)
{
    struct http2_client *hc = slab_take(codec->http2->clients);
    memset((char *)hc + sizeof hc->conn, 0, sizeof *hc - sizeof hc->conn);
    http2_conn_open(&hc->conn, codec, &conn_ops, false);
    hc->max_streams = max_streams;
    hc->client.ops = &client_ops;
    hc->client.events = events;
    hc->client.pool = pool;
    hc->client.max_streams = max_streams < HTTP2_FIRST_STREAMS ? max_streams : HTTP2_FIRST_STREAMS;
    hc->client.idle_since_ns = loop_now_ns(codec->loop);
    list_init(&hc->client.node);
    http2_conn_move(&hc->conn, from);
    submit_settings(hc->conn.session);
    http2_conn_wake(&hc->conn);
    return &hc->client;
}
