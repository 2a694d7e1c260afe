/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_client.h"

#include "base/assert.h"
#include "http/http1_conn.h"

/* 1xx answers taken before the real one; more is a flood. */
#define MAX_INFORMATIONAL 16

struct http1_client {
    struct http1_conn conn;
    struct client_conn base;
    uint8_t method; /* of the request being answered */
    uint8_t informational;
    bool is_reused;
    bool has_answer_byte; /* of this exchange */
    bool may_keep_alive;
    bool may_switch; /* the request asks for an upgrade, or is a CONNECT */
};

const size_t http1_client_conn_size = sizeof(struct http1_client);

static struct http1_client *of_conn(struct http1_conn *conn)
{
    return CONTAINER_OF(conn, struct http1_client, conn);
}

static struct http1_client *of_base(struct client_conn *base)
{
    return CONTAINER_OF(base, struct http1_client, base);
}

static struct http1_client *of_stream(struct stream *stream)
{
    return CONTAINER_OF(stream, struct http1_client, conn.stream);
}

/* Closes and tells both the stream's user and the pool. */
static void end(struct http1_client *client, enum reset why, int error)
{
    struct http1_conn *conn = &client->conn;
    if (conn->is_closed)
        return;
    bool had_stream = conn->has_stream;
    conn->has_stream = false;
    http1_conn_close(conn, false);
    client->base.events->on_gone(&client->base, error);
    if (had_stream)
        conn->stream.handler->on_reset(&conn->stream, why);
}

/* The peer closed: harmless when the connection was idle or the answer had not begun on a reused one. */
static enum reset closed_reason(const struct http1_client *client)
{
    bool is_stale = client->is_reused && !client->has_answer_byte;
    return is_stale ? RESET_STALE : RESET_CLOSED;
}

/* True when what has come can't be an answer: no request is there, or nothing of it has left yet. It would become the beginning of an
 * answer to somebody else. On a new connection it may be: a server that is full says so before it reads. */
static bool is_unasked(const struct http1_client *client)
{
    const struct http1_conn *conn = &client->conn;
    bool is_silent = !conn->has_stream || (client->is_reused && conn->out.bytes == conn->stream.wire_sent);
    return conn->reading == READ_HEAD && is_silent;
}

/* After every read. */
static void refuse_unasked(struct http1_client *client)
{
    if (!client->conn.is_closed && client->conn.in && is_unasked(client))
        end(client, client->conn.has_stream ? RESET_STALE : RESET_PROTOCOL, 0);
}

static void note_answer(struct http1_client *client)
{
    if (client->conn.in || client->conn.reading != READ_HEAD)
        client->has_answer_byte = true;
}

static void on_broken(struct http1_conn *conn, int error)
{
    struct http1_client *client = of_conn(conn);
    note_answer(client);
    end(client, closed_reason(client), error);
}

static void on_input_end(struct http1_conn *conn)
{
    on_broken(conn, 0);
}

static void on_refused(struct http1_conn *conn, enum refusal why)
{
    (void)why;
    end(of_conn(conn), RESET_PROTOCOL, 0);
}

static void on_free(struct http1_conn *conn)
{
    slab_give(conn->codec->client_conns, of_conn(conn));
}

static void on_progress(struct http1_conn *conn)
{
    struct http1_client *client = of_conn(conn);
    bool is_received = conn->reading == READ_DONE;
    if (conn->reading == READ_TUNNEL && conn->writing == WRITE_DONE && conn->is_flushed)
        socket_shutdown(&conn->sock);
    if (is_received && conn->writing == WRITE_DONE)
        conn->has_stream = false;
    if (conn->has_stream || !is_received || conn->writing != WRITE_DONE)
        return;
    if (!conn->is_flushed && client->may_keep_alive) {
        client->base.events->on_leaving(&client->base); /* the flush comes back here */
        return;
    }
    if (!client->may_keep_alive || conn->in) {
        end(client, RESET_NONE, 0);
        return;
    }
    client->base.idle_since_ns = loop_now_ns(conn->codec->loop);
    client->base.streams = 0;
    client->is_reused = true;
    conn->reading = READ_HEAD;
    conn->writing = WRITE_HEAD;
    conn->is_flushed = false;
    conn->may_read_head = true; /* anything that comes now is the peer's end, or junk */
    http1_conn_read(conn);
    refuse_unasked(client);
    if (!conn->is_closed)
        client->base.events->on_room(&client->base);
}

static void on_head(struct http1_conn *conn, struct str bytes)
{
    struct http1_client *client = of_conn(conn);
    struct field fields[HEAD_MAX_FIELDS];
    struct head head = {.fields = fields};
    enum refusal refusal = REFUSAL_NONE;
    client->has_answer_byte = true;
    if (conn->has_stream && is_unasked(client)) {
        end(client, RESET_STALE, 0);
        return;
    }
    if (!conn->has_stream || http1_parse_response(bytes, client->method, &head, &refusal) != PARSE_DONE ||
        (head.body == BODY_TUNNEL && !client->may_switch)) {
        end(client, RESET_PROTOCOL, 0);
        return;
    }
    if (head.status < 200 && head.body != BODY_TUNNEL) {
        conn->may_read_head = true;
        if (++client->informational > MAX_INFORMATIONAL)
            end(client, RESET_PROTOCOL, 0);
        else
            conn->stream.handler->on_head(&conn->stream, &head);
        return;
    }
    client->may_keep_alive = head.is_keep_alive && head.body != BODY_CLOSE && head.body != BODY_TUNNEL;
    if (head.body == BODY_TUNNEL && conn->writing != WRITE_DONE)
        conn->writing = WRITE_TUNNEL;
    http1_conn_expect_body(conn, &head);
    bool is_whole = conn->reading == READ_DONE;
    if (!is_whole && head.body != BODY_TUNNEL && http1_conn_is_drained(conn))
        socket_acknowledge(
            &conn->sock); /* a server that writes its head apart may be waiting for that before the body */
    if (is_whole)
        conn->reading = READ_HELD; /* the request may end within on_head: the stream is over after on_end, not before */
    conn->stream.handler->on_head(&conn->stream, &head);
    if (!conn->is_closed && is_whole)
        http1_conn_end_input(conn, NULL, 0);
}

/* ---- sending ---- */

static void send_head(struct stream *stream, const struct head *head)
{
    struct http1_client *client = of_stream(stream);
    struct http1_conn *conn = &client->conn;
    struct http1_framing framing = {
        .is_chunked = head->body == BODY_STREAM,
        .has_length = head->body == BODY_LENGTH,
        .upgrade = head->upgrade,
    };
    client->method = (uint8_t)head->method_id;
    client->may_switch = head->upgrade.len || head->method_id == METHOD_CONNECT;
    client->informational = 0;
    client->has_answer_byte = false;
    stream->wire_sent = stream->wire_received = 0;
    char *out = http1_conn_reserve(conn, http1_head_bound(head));
    http1_conn_commit(conn, http1_format_request(out, head, &framing));
    enum http1_write writing = head->body == BODY_STREAM   ? WRITE_CHUNKED
                               : head->body == BODY_LENGTH ? WRITE_LENGTH
                                                           : WRITE_NONE;
    http1_conn_begin_body(conn, writing, head->content_length);
}

static void send_data(struct stream *stream, struct slice data)
{
    http1_conn_send_data(&of_stream(stream)->conn, data);
}

static void send_end(struct stream *stream, const struct field *trailers, uint16_t count)
{
    struct http1_client *client = of_stream(stream);
    struct http1_conn *conn = &client->conn;
    ASSERT(conn->writing != WRITE_LENGTH || conn->out_left == 0);
    http1_conn_send_end(conn, trailers, count);
    if (conn->reading != READ_DONE || conn->is_closed)
        return;
    conn->has_stream = false;
    client->base.events->on_leaving(&client->base);
}

static void reset(struct stream *stream, enum reset why)
{
    struct http1_client *client = of_stream(stream);
    (void)why;
    if (!client->conn.has_stream)
        return;
    client->conn.has_stream = false;
    end(client, RESET_NONE, 0);
}

static void pull(struct stream *stream)
{
    struct http1_client *client = of_stream(stream);
    http1_conn_read(&client->conn);
    refuse_unasked(client);
}

static const struct stream_ops client_stream_ops = {"http1 client", send_head, send_data, send_end, reset, pull};
static const struct http1_conn_ops conn_ops = {"http1 client", NULL,      on_head,     on_refused,
                                               on_input_end,   on_broken, on_progress, on_free};

/* ---- the socket ---- */

static void on_readable(struct socket *sock)
{
    struct http1_client *client = CONTAINER_OF(sock, struct http1_client, conn.sock);
    http1_conn_read(&client->conn);
    refuse_unasked(client);
}

static const struct socket_ops sock_ops = {"http1 client", on_readable, http1_on_writable, http1_on_broken};

/* ---- for the pool ---- */

static struct stream *open_stream(struct client_conn *base)
{
    struct http1_client *client = of_base(base);
    struct stream *stream = &client->conn.stream;
    ASSERT(!client->conn.has_stream && !client->conn.is_closed);
    client->conn.has_stream = true;
    base->streams = 1;
    stream->progress_ns = loop_now_ns(client->conn.codec->loop);
    stream->pull_credit = 0;
    stream->send_credit = STREAM_WINDOW;
    stream->queued = 0;
    stream->wire_sent = 0;
    return stream;
}

static void close_conn(struct client_conn *base)
{
    end(of_base(base), RESET_CLOSED, 0);
}

static uint64_t progress_ns(const struct client_conn *base)
{
    return CONTAINER_OF(base, const struct http1_client, base)->conn.stream.progress_ns;
}

static void set_send_buffer(struct client_conn *base, int bytes, bool is_bound)
{
    socket_set_send_buffer(&of_base(base)->conn.sock, bytes, is_bound);
}

static const struct client_conn_ops client_ops = {"http1", open_stream, close_conn, progress_ns, set_send_buffer};

struct client_conn *http1_client_adopt(struct codec *codec, struct socket *from,
                                       const struct client_conn_events *events, struct client_pool *pool)
{
    struct http1_client *client = slab_take(codec->client_conns);
    memset((char *)client + sizeof client->conn, 0, sizeof *client - sizeof client->conn);
    http1_conn_init(&client->conn, codec, &conn_ops);
    client->base = (struct client_conn){.ops = &client_ops, .events = events, .pool = pool, .max_streams = 1};
    list_init(&client->base.node);
    client->conn.stream.ops = &client_stream_ops;
    client->conn.reading = READ_HEAD;
    client->conn.writing = WRITE_HEAD;
    client->conn.may_read_head = true;
    socket_move(&client->conn.sock, from, &sock_ops);
    return &client->base;
}
