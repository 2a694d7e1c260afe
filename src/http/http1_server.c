/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_server.h"

#include "base/assert.h"
#include "http/http1_conn.h"
#include "http/http2.h"
#include "io/timer.h"
#include "tls/session.h"

#include <stdio.h>

#define NS_PER_MS 1000000ull

struct server_conn {
    struct http1_conn conn; /* first: the slab's object is one */
    struct server *server;
    struct server_member member;
    struct timer timer; /* always armed; looks at the phase when it fires */
    struct peer peer;
    uint64_t phase_ns; /* when the wait for a head, or lingering, began */
    uint8_t method;    /* of the request being answered */
    bool is_closing;   /* the answer being sent is the last */
    bool is_lingering;
    bool is_head_partial;
    bool had_request;
    bool is_handed_over; /* the connection goes on as HTTP/2 */
    bool is_tls_noted;   /* its handshake has ended */
};

const size_t http1_server_conn_size = sizeof(struct server_conn);

static struct server_conn *of_conn(struct http1_conn *conn)
{
    return CONTAINER_OF(conn, struct server_conn, conn);
}

static struct server_conn *of_stream(struct stream *stream)
{
    return CONTAINER_OF(stream, struct server_conn, conn.stream);
}

static uint64_t now_ns(const struct server_conn *sc)
{
    return loop_now_ns(sc->server->codec->loop);
}

static bool is_idle(const struct server_conn *sc)
{
    return sc->conn.reading == READ_HEAD && http1_conn_is_drained(&sc->conn);
}

static void arm_at_most(struct server_conn *sc, uint32_t ms)
{
    if (!timer_is_armed(&sc->timer) || sc->timer.at_ms > now_ns(sc) / NS_PER_MS + ms + 1)
        timer_arm(sc->server->codec->loop, &sc->timer, ms);
}

/* ---- ending ---- */

static void linger(struct server_conn *sc)
{
    sc->is_lingering = true;
    sc->phase_ns = now_ns(sc);
    sc->conn.reading = READ_DISCARD;
    socket_shutdown(&sc->conn.sock);
    arm_at_most(sc, sc->server->timeouts->linger_ms);
    http1_conn_read(&sc->conn);
}

/* After the last byte of the last answer: unread bytes would turn the close into a reset that can overtake the answer. */
static void finish(struct server_conn *sc)
{
    bool is_done = sc->conn.reading == READ_DONE && http1_conn_is_drained(&sc->conn) && !sc->server->is_draining;
    if (is_done)
        http1_conn_close(&sc->conn, false);
    else
        linger(sc);
}

/* A head of which something has come must be whole in time; a body must move. */
static void watch_input(struct server_conn *sc)
{
    if (sc->conn.is_closed || sc->conn.reading >= READ_TUNNEL)
        return;
    if (sc->conn.reading != READ_HEAD) {
        arm_at_most(sc, sc->server->timeouts->body_idle_ms);
    } else if (!sc->is_head_partial && !http1_conn_is_drained(&sc->conn)) {
        sc->is_head_partial = true;
        sc->phase_ns = now_ns(sc);
        arm_at_most(sc, sc->server->timeouts->head_ms);
    }
}

static void next_request(struct server_conn *sc)
{
    sc->conn.reading = READ_HEAD;
    sc->conn.writing = WRITE_HEAD;
    sc->conn.may_read_head = true;
    sc->is_head_partial = false;
    sc->phase_ns = now_ns(sc);
    http1_conn_read(&sc->conn);
    watch_input(sc);
}

static void on_progress(struct http1_conn *conn)
{
    struct server_conn *sc = of_conn(conn);
    if (conn->reading == READ_DONE && conn->writing == WRITE_DONE)
        conn->has_stream = false;
    if (conn->reading == READ_TUNNEL && conn->writing == WRITE_DONE && conn->is_flushed)
        socket_shutdown(&conn->sock); /* one way of a tunnel has ended */
    if (conn->has_stream || sc->is_lingering || conn->writing != WRITE_DONE || !conn->is_flushed)
        return;
    if (sc->is_closing)
        finish(sc);
    else
        next_request(sc);
}

/* The stream's user hears that the client is gone. */
static void abort_stream(struct server_conn *sc, enum reset why)
{
    if (!sc->conn.has_stream)
        return;
    sc->conn.has_stream = false;
    sc->conn.stream.handler->on_reset(&sc->conn.stream, why);
}

/* The handshake has ended, one way or the other. */
static void note_tls(struct server_conn *sc)
{
    struct server *server = sc->server;
    struct tls_facts facts;
    if (!sc->peer.is_tls || sc->is_tls_noted)
        return;
    sc->is_tls_noted = true;
    sc->peer.tls_name = socket_tls_name(&sc->conn.sock);
    socket_tls_facts(&sc->conn.sock, &facts);
    bool is_of_note = !facts.failure || !facts.is_silent;
    if (server->on_tls && is_of_note)
        server->on_tls(server, &sc->peer, &facts);
}

static void on_broken(struct http1_conn *conn, int error)
{
    (void)error;
    struct server_conn *sc = of_conn(conn);
    note_tls(sc);
    http1_conn_close(conn, false);
    abort_stream(sc, RESET_CLOSED);
}

static void on_input_end(struct http1_conn *conn)
{
    struct server_conn *sc = of_conn(conn);
    if (conn->writing == WRITE_DONE && !conn->is_flushed) {
        conn->reading = READ_DONE; /* it closed its sending side, but may still read what is on its way */
        sc->is_closing = true;
    } else {
        /* Between requests, in the middle of one, or lingering: there is nobody to answer. */
        http1_conn_close(conn, conn->has_stream && conn->writing != WRITE_DONE);
    }
    abort_stream(sc, RESET_CLOSED); /* a request that was answered early will not become whole */
}

static void on_free(struct http1_conn *conn)
{
    struct server_conn *sc = of_conn(conn);
    struct server *server = sc->server;
    timer_disarm(&sc->timer);
    list_remove(&sc->member.node);
    server->count--;
    bool is_closed = !sc->is_handed_over;
    slab_give(server->codec->server_conns, sc);
    if (server->on_close && is_closed)
        server->on_close(server);
}

/* ---- refusing ---- */

static void send_refusal(struct server_conn *sc, enum refusal why)
{
    char body[64], head[256];
    uint16_t status = refusal_status(why);
    int len = snprintf(body, sizeof body, "%s\n", refusal_name(why));
    struct str reason = http_reason(status);
    int n = snprintf(
        head, sizeof head,
        "HTTP/1.1 %u %.*s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status,
        STR_ARG(reason), len, body);
    memcpy(http1_conn_reserve(&sc->conn, (size_t)n), head, (size_t)n);
    http1_conn_commit(&sc->conn, (size_t)n);
}

static void on_refused(struct http1_conn *conn, enum refusal why)
{
    struct server_conn *sc = of_conn(conn);
    bool may_answer = conn->writing == WRITE_HEAD;
    if (sc->server->on_refused)
        sc->server->on_refused(sc->server, why, &sc->peer);
    conn->reading = READ_DISCARD;
    http1_conn_drop_input(conn);
    abort_stream(sc, why == REFUSAL_TIMEOUT ? RESET_TIMEOUT : RESET_PROTOCOL);
    if (conn->is_closed)
        return;
    if (!may_answer) {
        http1_conn_close(conn, true);
        return;
    }
    sc->is_closing = true;
    send_refusal(sc, why);
    http1_conn_send_end(conn, NULL, 0);
}

/* ---- timeouts ---- */

/* Milliseconds from the moment that counts for the present phase; *limit is UINT64_MAX when nothing is waited for. */
static uint64_t phase_elapsed_ms(const struct server_conn *sc, uint64_t *limit)
{
    const struct server_timeouts *timeouts = sc->server->timeouts;
    const struct http1_conn *conn = &sc->conn;
    uint64_t since = conn->stream.progress_ns;
    *limit = UINT64_MAX;
    if (sc->is_lingering) {
        *limit = timeouts->linger_ms;
        since = sc->phase_ns;
    } else if (conn->out.count) {
        *limit = timeouts->body_idle_ms;
    } else if (conn->reading == READ_HEAD) {
        *limit = sc->had_request && !sc->is_head_partial ? timeouts->keep_alive_ms : timeouts->head_ms;
        since = sc->phase_ns;
    } else if (conn->reading < READ_TUNNEL && conn->stream.pull_credit) {
        *limit = timeouts->body_idle_ms;
    } else if (conn->sock.has_hangup && conn->writing != WRITE_TUNNEL) {
        /* It will send no more: perhaps it waits for its answer, but then not longer than a body may take. Most have left. */
        *limit = timeouts->body_idle_ms;
    }
    return (now_ns(sc) - since) / NS_PER_MS;
}

static void on_timeout(struct timer *timer)
{
    struct server_conn *sc = CONTAINER_OF(timer, struct server_conn, timer);
    struct http1_conn *conn = &sc->conn;
    uint64_t limit;
    uint64_t elapsed = phase_elapsed_ms(sc, &limit);
    if (elapsed < limit) {
        uint64_t left = limit == UINT64_MAX ? sc->server->timeouts->body_idle_ms : limit - elapsed;
        timer_arm(sc->server->codec->loop, timer, left);
        return;
    }
    bool was_idle = is_idle(sc);
    note_tls(sc);
    bool is_leaving = conn->out.count || (conn->sock.has_hangup && conn->reading != READ_HEAD);
    if (was_idle || sc->is_lingering || is_leaving) {
        http1_conn_close(conn, !was_idle && !sc->is_lingering);
        abort_stream(sc, RESET_TIMEOUT);
        return;
    }
    timer_arm(sc->server->codec->loop, timer, sc->server->timeouts->linger_ms);
    on_refused(conn, REFUSAL_TIMEOUT);
}

/* ---- receiving ---- */

/* HTTP/2 begins with its preface (RFC 9113 3.4); with TLS, ALPN has said so before (3.2). What begins like it and goes wrong is HTTP/1's to
 * refuse: the preface is made so that its first lines are no request of any earlier version. */
static enum http1_first on_first(struct http1_conn *conn, struct slice bytes)
{
    struct server_conn *sc = of_conn(conn);
    size_t len = bytes.len < HTTP2_PREFACE_LEN ? bytes.len : HTTP2_PREFACE_LEN;
    bool is_preface = memcmp(bytes.ptr, HTTP2_PREFACE, len) == 0;
    bool is_http2 = conn->sock.tls && str_eq(socket_alpn(&conn->sock), STR("h2"));
    if (is_http2 && !is_preface) {
        if (sc->server->on_refused)
            sc->server->on_refused(sc->server, REFUSAL_HTTP2_PROTOCOL, &sc->peer);
        return FIRST_TAKEN;
    }
    if (!is_preface || (conn->sock.tls && !is_http2))
        return FIRST_HTTP1;
    if (len < HTTP2_PREFACE_LEN)
        return FIRST_MORE;
    sc->is_handed_over = true;
    http2_server_adopt(sc->server, &conn->sock, &sc->peer, bytes);
    return FIRST_TAKEN;
}

static void on_head(struct http1_conn *conn, struct str bytes)
{
    struct server_conn *sc = of_conn(conn);
    struct field fields[HEAD_MAX_FIELDS];
    struct head head = {.fields = fields};
    enum refusal refusal = REFUSAL_NONE;
    if (http1_parse_request(bytes, &head, &refusal) != PARSE_DONE) {
        on_refused(conn, refusal);
        return;
    }
    sc->method = (uint8_t)head.method_id;
    sc->is_closing = !head.is_keep_alive || sc->server->is_draining;
    sc->had_request = true;
    struct stream *stream = &conn->stream;
    stream->user = sc->server->user;
    stream->handler = sc->server->handler;
    stream->pull_credit = 0;
    stream->wire_received = bytes.len;
    stream->wire_sent = 0;
    conn->has_stream = true;
    http1_conn_expect_body(conn, &head);
    if (head.body == BODY_NONE && (head.has_upgrade || head.method_id == METHOD_CONNECT))
        conn->reading = READ_HELD;
    stream->handler->on_head(stream, &head);
    if (!conn->is_closed && conn->reading == READ_DONE && conn->has_stream)
        http1_conn_end_input(conn, NULL, 0);
}

static void on_readable(struct socket *sock)
{
    struct server_conn *sc = CONTAINER_OF(sock, struct server_conn, conn.sock);
    note_tls(sc);
    http1_conn_read(&sc->conn);
    watch_input(sc);
}

/* ---- sending ---- */

static enum http1_write choose_framing(struct server_conn *sc, const struct head *head, struct http1_framing *framing)
{
    bool may_have_body = sc->method != METHOD_HEAD && head->status != 204 && head->status != 304;
    if (head->body == BODY_TUNNEL)
        return WRITE_TUNNEL;
    if (!may_have_body || head->body == BODY_NONE) {
        /* Without a length the client would wait for the connection's end (RFC 9112 6.3). */
        framing->has_length = may_have_body || (head->body == BODY_LENGTH && head->status != 204);
        return WRITE_NONE;
    }
    if (head->body == BODY_LENGTH) {
        framing->has_length = true;
        return WRITE_LENGTH;
    }
    if (sc->conn.is_http_1_0) {
        sc->is_closing = true;
        return WRITE_CLOSE;
    }
    framing->is_chunked = true;
    return WRITE_CHUNKED;
}

static void format_head(struct server_conn *sc, const struct head *head, const struct http1_framing *framing)
{
    char *out = http1_conn_reserve(&sc->conn, http1_head_bound(head));
    http1_conn_commit(&sc->conn, http1_format_response(out, head, framing));
}

static void send_head(struct stream *stream, const struct head *head)
{
    struct server_conn *sc = of_stream(stream);
    struct http1_framing framing = {0};
    if (head->status < 200 && head->body != BODY_TUNNEL) {
        if (!sc->conn.is_http_1_0)
            format_head(sc, head, &framing);
        return;
    }
    enum http1_write writing = choose_framing(sc, head, &framing);
    bool has_request = sc->conn.reading == READ_DONE || sc->conn.reading == READ_HELD;
    if (sc->server->is_draining || (head->is_last && !has_request))
        sc->is_closing = true;
    if (writing == WRITE_TUNNEL) {
        framing.upgrade = head->upgrade;
        sc->conn.reading = READ_TUNNEL;
        sc->is_closing = true;
    } else {
        framing.is_close = sc->is_closing;
        framing.is_keep_alive_1_0 = sc->conn.is_http_1_0 && !sc->is_closing;
    }
    format_head(sc, head, &framing);
    http1_conn_begin_body(&sc->conn, writing, head->content_length);
    if (sc->conn.reading == READ_HELD)
        http1_conn_end_input(&sc->conn, NULL, 0); /* no upgrade: the request was whole */
}

static void send_data(struct stream *stream, struct slice data)
{
    http1_conn_send_data(&of_stream(stream)->conn, data);
}

static void send_end(struct stream *stream, const struct field *trailers, uint16_t count)
{
    struct server_conn *sc = of_stream(stream);
    ASSERT(sc->conn.writing != WRITE_LENGTH || sc->conn.out_left == 0);
    http1_conn_send_end(&sc->conn, trailers, count);
    if (sc->conn.reading == READ_DONE)
        sc->conn.has_stream = false;
}

static void reset(struct stream *stream, enum reset why)
{
    struct server_conn *sc = of_stream(stream);
    (void)why;
    if (!sc->conn.has_stream)
        return;
    sc->conn.has_stream = false;
    if (sc->conn.writing != WRITE_DONE) {
        http1_conn_close(&sc->conn, true);
        return;
    }
    sc->is_closing = true;
    sc->conn.reading = READ_DISCARD;
    http1_conn_drop_input(&sc->conn);
    loop_soon(sc->server->codec->loop, &sc->conn.flush);
}

static void pull(struct stream *stream)
{
    http1_conn_read(&of_stream(stream)->conn);
}

static void on_server_close(struct server_member *member, bool is_only_if_idle)
{
    struct server_conn *sc = CONTAINER_OF(member, struct server_conn, member);
    if (is_only_if_idle && is_idle(sc)) {
        sc->conn.sock.is_readable = true; /* a request may have come that no event has told of yet */
        http1_conn_read(&sc->conn);
    }
    if (sc->conn.is_closed || (is_only_if_idle && !is_idle(sc)))
        return;
    http1_conn_close(&sc->conn, !is_idle(sc));
    abort_stream(sc, RESET_CLOSED);
}

static bool give_way(struct server_member *member, uint32_t waited_ms)
{
    struct server_conn *sc = CONTAINER_OF(member, struct server_conn, member);
    if (sc->conn.is_closed || sc->is_lingering || sc->conn.reading != READ_HEAD)
        return false;
    sc->conn.sock.is_readable = true; /* the rest of a request may have come that no event has told of yet */
    http1_conn_read(&sc->conn);
    if (sc->conn.is_closed || sc->is_lingering || sc->conn.reading != READ_HEAD || sc->conn.has_stream)
        return false;
    if ((now_ns(sc) - sc->phase_ns) / NS_PER_MS < waited_ms)
        return false;
    http1_conn_close(&sc->conn, false);
    return true;
}

static const struct stream_ops server_stream_ops = {"http1 server", send_head, send_data, send_end, reset, pull};
static const struct http1_conn_ops conn_ops = {"http1 server", on_first,  on_head,     on_refused,
                                               on_input_end,   on_broken, on_progress, on_free};
static const struct socket_ops sock_ops = {"http1 server", on_readable, http1_on_writable, http1_on_broken};

void http1_server_open(struct server *server, int fd, const struct peer *peer)
{
    struct server_conn *sc = slab_take(server->codec->server_conns);
    memset((char *)sc + sizeof sc->conn, 0, sizeof *sc - sizeof sc->conn);
    http1_conn_init(&sc->conn, server->codec, &conn_ops);
    sc->server = server;
    sc->peer = *peer;
    sc->peer.is_tls = server->tls != NULL;
    sc->conn.stream.ops = &server_stream_ops;
    sc->conn.stream.peer = &sc->peer;
    sc->conn.reading = READ_HEAD;
    sc->conn.writing = WRITE_HEAD;
    sc->conn.may_read_head = true;
    sc->phase_ns = now_ns(sc);
    sc->member.close = on_server_close;
    sc->member.give_way = give_way;
    list_add(&server->conns, &sc->member.node);
    server->count++;
    timer_init(&sc->timer, on_timeout);
    timer_arm(server->codec->loop, &sc->timer, server->timeouts->head_ms);
    socket_open(&sc->conn.sock, server->codec->loop, fd, &sock_ops);
    if (server->tls)
        socket_accept_tls(&sc->conn.sock, server->tls);
}
