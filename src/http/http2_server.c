/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of clients. An answer ends its stream and never the connection; that ends in order with two GOAWAYs (RFC 9113 6.8), the first
 * without a last stream, so that requests which are on their way are served. */
#include "http/http2_conn.h"
#include "io/timer.h"

#define NS_PER_MS 1000000ull
/* Between the first and the second GOAWAY, unless the client's answer to a PING comes first. */
#define NOTICE_MS 1000

enum phase {
    PHASE_PREFACE,  /* the client's SETTINGS have not come */
    PHASE_OPEN,     /* serves */
    PHASE_NOTICE,   /* serves; the first GOAWAY has gone */
    PHASE_LAST,     /* serves what it has; the second GOAWAY has gone */
    PHASE_LINGERING /* nothing more is sent; what comes is thrown away */
};

struct http2_server {
    struct http2_conn conn; /* first: the slab's object is one */
    struct server *server;
    struct server_member member;
    struct timer timer; /* always armed; looks at the phase when it fires */
    struct peer peer;
    uint64_t phase_ns; /* when the phase, or the wait for the next request, began */
    uint8_t phase;     /* enum phase */
    bool had_request;
};

const size_t http2_server_conn_size = sizeof(struct http2_server);

static const struct stream_ops server_stream_ops;

static struct http2_server *of_conn(struct http2_conn *conn)
{
    return CONTAINER_OF(conn, struct http2_server, conn);
}

static void arm_at_most(struct http2_server *hs, uint64_t ms)
{
    struct loop *loop = hs->conn.codec->loop;
    if (!timer_is_armed(&hs->timer) || hs->timer.at_ms > loop_now_ns(loop) / NS_PER_MS + ms + 1)
        timer_arm(loop, &hs->timer, ms);
}

static void enter(struct http2_server *hs, enum phase phase, uint64_t limit_ms)
{
    hs->phase = (uint8_t)phase;
    hs->phase_ns = http2_conn_now_ns(&hs->conn);
    arm_at_most(hs, limit_ms);
}

static void count_refusal(struct http2_server *hs, enum refusal why)
{
    if (hs->server->on_refused)
        hs->server->on_refused(hs->server, why, &hs->peer);
}

/* ---- ending ---- */

/* Nothing of a request is here that could still be answered. */
static bool is_idle(const struct http2_server *hs)
{
    return list_is_empty(&hs->conn.streams) && !hs->conn.block;
}

/* All has been sent. What the client still sends would turn the close into a reset that can overtake it. */
static void on_finished(struct http2_conn *conn)
{
    struct http2_server *hs = of_conn(conn);
    if (hs->phase == PHASE_LINGERING)
        return;
    enter(hs, PHASE_LINGERING, hs->server->timeouts->linger_ms);
    conn->is_discarding = true;
    socket_shutdown(&conn->sock);
    loop_later(conn->codec->loop, &conn->resume);
}

static void on_broken(struct http2_conn *conn, int error)
{
    (void)error;
    http2_conn_close(conn, false, RESET_CLOSED);
}

static void on_fault(struct http2_conn *conn, enum refusal why, bool is_whole)
{
    count_refusal(of_conn(conn), why);
    if (!is_whole)
        return;
    for (struct list *node = conn->streams.next, *next; node != &conn->streams && !conn->is_closed; node = next) {
        next = node->next;
        struct http2_stream *s = CONTAINER_OF(node, struct http2_stream, node);
        if (s->has_user) {
            http2_stream_break(s, NGHTTP2_CANCEL, RESET_PROTOCOL);
            next = conn->streams.next; /* any may have gone; those that stay have no user */
        }
    }
}

static void on_free(struct http2_conn *conn)
{
    struct http2_server *hs = of_conn(conn);
    struct server *server = hs->server;
    timer_disarm(&hs->timer);
    list_remove(&hs->member.node);
    server->count--;
    slab_give(conn->codec->http2->servers, hs);
    if (server->on_close)
        server->on_close(server);
}

static void send_last_goaway(struct http2_server *hs)
{
    nghttp2_session *session = hs->conn.session;
    if (hs->phase >= PHASE_LAST)
        return;
    enter(hs, PHASE_LAST, hs->server->timeouts->body_idle_ms);
    nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session),
                          NGHTTP2_NO_ERROR, NULL, 0);
    http2_conn_wake(&hs->conn);
}

static void begin_notice(struct http2_server *hs)
{
    if (hs->phase >= PHASE_NOTICE || hs->conn.is_closed)
        return;
    nghttp2_submit_shutdown_notice(hs->conn.session);
    nghttp2_submit_ping(hs->conn.session, NGHTTP2_FLAG_NONE, NULL);
    enter(hs, PHASE_NOTICE, NOTICE_MS);
    http2_conn_wake(&hs->conn);
}

/* At once, with a GOAWAY if there is room for one. */
static void close_idle(struct http2_server *hs)
{
    nghttp2_session_terminate_session(hs->conn.session, NGHTTP2_NO_ERROR);
    http2_conn_flush(&hs->conn);
    http2_conn_close(&hs->conn, false, RESET_CLOSED);
}

/* ---- requests ---- */

static void refuse_stream(struct http2_server *hs, int32_t id)
{
    count_refusal(hs, REFUSAL_HTTP2_STREAMS);
    hs->conn.abuse.resets++;
    nghttp2_submit_rst_stream(hs->conn.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
}

static void answer_refusal(struct http2_server *hs, struct http2_stream *s, enum refusal why)
{
    struct field fields[1] = {{STR("content-type"), STR("text/plain"), FIELD_OTHER}};
    struct head head = {.status = refusal_status(why), .fields = fields, .field_count = 1};
    count_refusal(hs, why);
    server_answer_head(&s->stream, &head, str_from_c(refusal_name(why)));
}

static void on_request(struct http2_server *hs, const nghttp2_frame *frame)
{
    struct http2_conn *conn = &hs->conn;
    bool is_last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    struct head head;
    conn->abuse.opened++;
    if (conn->open_streams >= HTTP2_MAX_STREAMS) {
        refuse_stream(hs, frame->hd.stream_id);
        return;
    }
    struct http2_stream *s = http2_stream_new(conn, &server_stream_ops);
    s->id = frame->hd.stream_id;
    s->is_open = true;
    s->stream.peer = &hs->peer;
    s->stream.handler = hs->server->handler;
    s->stream.user = hs->server->user;
    s->stream.wire_received = frame->hd.length + HTTP2_FRAME_HEAD;
    nghttp2_session_set_stream_user_data(conn->session, s->id, s);
    conn->open_streams++;
    hs->had_request = true;
    enum refusal refusal = http2_block_request(conn->block, is_last, &head);
    s->method = (uint8_t)head.method_id;
    s->is_held = head.method_id == METHOD_CONNECT && !is_last;
    s->is_end_received = is_last;
    arm_at_most(hs, hs->server->timeouts->body_idle_ms);
    if (refusal != REFUSAL_NONE) {
        answer_refusal(hs, s, refusal);
        return;
    }
    http2_stream_deliver_head(s, &head);
}

static void on_headers(struct http2_conn *conn, struct http2_stream *s, const nghttp2_frame *frame)
{
    if (!s)
        on_request(of_conn(conn), frame);
    else
        http2_stream_receive_end(s, true); /* nghttp2 refuses trailers that do not end the stream */
}

static void on_control(struct http2_conn *conn, const nghttp2_frame *frame)
{
    struct http2_server *hs = of_conn(conn);
    bool is_ack = frame->hd.flags & NGHTTP2_FLAG_ACK;
    if (frame->hd.type == NGHTTP2_SETTINGS && !is_ack && hs->phase == PHASE_PREFACE)
        enter(hs, PHASE_OPEN, hs->server->timeouts->keep_alive_ms);
    if (frame->hd.type == NGHTTP2_PING && is_ack && hs->phase == PHASE_NOTICE)
        send_last_goaway(hs);
}

static void on_partial(struct http2_conn *conn)
{
    struct http2_server *hs = of_conn(conn);
    arm_at_most(hs, hs->server->timeouts->head_ms);
}

static void on_streams_closed(struct http2_conn *conn)
{
    struct http2_server *hs = of_conn(conn);
    if (list_is_empty(&conn->streams)) {
        hs->phase_ns = hs->phase == PHASE_OPEN ? http2_conn_now_ns(conn) : hs->phase_ns;
        arm_at_most(hs, hs->server->timeouts->keep_alive_ms);
    }
}

/* ---- answers ---- */

static void send_interim(struct http2_stream *s, const struct head *head)
{
    struct http2_list *list = http2_conn_list(s->conn);
    if (s->is_head_sent || head->status == 101)
        return; /* RFC 9113 8.6: there is no switching of protocols */
    http2_list_response(list, head, false);
    nghttp2_submit_headers(s->conn->session, NGHTTP2_FLAG_NONE, s->id, NULL, list->fields, list->count, NULL);
    http2_conn_wake(s->conn);
}

/* What came behind the head of a CONNECT is the tunnel's, or nobody's. */
static void end_hold(struct http2_stream *s, bool is_tunnel)
{
    s->is_held = false;
    s->is_tunnel = is_tunnel;
    if (is_tunnel || s->is_end_received) {
        http2_stream_deliver(s);
        return;
    }
    outq_deinit(&s->received);
    s->is_rest_unwanted = true;
    s->is_end_delivered = true;
    s->stream.handler->on_end(&s->stream, NULL, 0);
}

static void send_head(struct stream *stream, const struct head *head)
{
    struct http2_stream *s = http2_stream_of(stream);
    struct http2_list *list = http2_conn_list(s->conn);
    if (!s->is_open)
        return;
    if (head->status < 200) {
        send_interim(s, head);
        return;
    }
    bool is_tunnel = head->body == BODY_TUNNEL;
    s->has_no_body = !is_tunnel && (head->body == BODY_NONE || s->method == METHOD_HEAD || head->status == 204 ||
                                    head->status == 304);
    s->is_head_sent = true;
    nghttp2_data_provider source = http2_stream_source(s);
    http2_list_response(list, head, head->body == BODY_LENGTH && head->status != 204);
    nghttp2_submit_response(s->conn->session, s->id, list->fields, list->count, s->has_no_body ? NULL : &source);
    http2_conn_wake(s->conn);
    if (s->is_held)
        end_hold(s, is_tunnel);
}

static uint32_t code_of(enum reset why)
{
    return why == RESET_CANCEL || why == RESET_TIMEOUT ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR;
}

static void reset(struct stream *stream, enum reset why)
{
    struct http2_stream *s = http2_stream_of(stream);
    if (!s->has_user)
        return;
    if (!s->is_send_ended) {
        http2_stream_refuse(s, code_of(why));
        return;
    }
    s->is_rest_unwanted = true; /* RFC 9113 8.1: NO_ERROR once the answer has left */
    if (s->is_end_sent && s->is_open && !s->is_end_received)
        http2_stream_refuse(s, NGHTTP2_NO_ERROR);
    else
        http2_stream_abandon(s);
}

static const struct stream_ops server_stream_ops = {"http2 server",        send_head, http2_stream_send_data,
                                                    http2_stream_send_end, reset,     http2_stream_pull};
static const struct http2_conn_ops conn_ops = {"http2 server", on_headers,  on_control, on_partial, on_streams_closed,
                                               on_fault,       on_finished, on_broken,  on_free,    NULL};

/* ---- time ---- */

/* Whether the stream waits for its client. */
static bool waits_for_client(const struct http2_stream *s)
{
    if (s->sending.bytes || s->in_out)
        return true;
    return s->has_user && !s->is_end_received && !s->is_tunnel && !s->is_held && s->stream.pull_credit;
}

static void time_out(struct http2_server *hs, struct http2_stream *s)
{
    count_refusal(hs, REFUSAL_TIMEOUT);
    if (!s->has_user || s->is_head_sent || !s->is_open) {
        http2_stream_break(s, NGHTTP2_CANCEL, RESET_TIMEOUT);
        return;
    }
    s->stream.handler->on_reset(&s->stream, RESET_TIMEOUT);
    server_answer(&s->stream, 408, STR("timeout\n"));
}

/* Ends streams that wait for too long; milliseconds until the next may. */
static uint64_t check_streams(struct http2_server *hs)
{
    struct http2_conn *conn = &hs->conn;
    uint64_t limit = hs->server->timeouts->body_idle_ms, next_ms = limit, now_ns = http2_conn_now_ns(conn);
    struct list *node = conn->streams.next;
    while (node != &conn->streams && !conn->is_closed) {
        struct http2_stream *s = CONTAINER_OF(node, struct http2_stream, node);
        uint64_t waited = (now_ns - s->stream.progress_ns) / NS_PER_MS;
        node = node->next;
        if (!waits_for_client(s))
            continue;
        if (waited < limit) {
            next_ms = limit - waited < next_ms ? limit - waited : next_ms;
            continue;
        }
        s->stream.progress_ns = now_ns; /* not again for the same */
        time_out(hs, s);
        node = conn->streams.next; /* others may have gone with it */
    }
    return next_ms;
}

/* What the connection itself waits for; UINT64_MAX: nothing. */
static uint64_t phase_limit(const struct http2_server *hs, uint64_t *since_ns)
{
    const struct server_timeouts *timeouts = hs->server->timeouts;
    const struct http2_conn *conn = &hs->conn;
    *since_ns = hs->phase_ns;
    if (hs->phase == PHASE_LINGERING)
        return timeouts->linger_ms;
    if (hs->phase == PHASE_PREFACE)
        return timeouts->head_ms;
    if (conn->out.bytes) {
        *since_ns = conn->left_ns;
        return timeouts->body_idle_ms;
    }
    if (conn->block) {
        *since_ns = conn->block_ns;
        return timeouts->head_ms;
    }
    if (hs->phase == PHASE_NOTICE)
        return NOTICE_MS;
    return is_idle(hs) ? timeouts->keep_alive_ms : UINT64_MAX;
}

static void end_phase(struct http2_server *hs)
{
    struct http2_conn *conn = &hs->conn;
    if (hs->phase == PHASE_LINGERING) {
        http2_conn_close(conn, false, RESET_CLOSED);
    } else if (conn->out.bytes) {
        http2_conn_close(conn, true, RESET_TIMEOUT);
    } else if (hs->phase == PHASE_PREFACE || conn->block) {
        http2_conn_fail(conn, NGHTTP2_NO_ERROR, REFUSAL_TIMEOUT);
    } else if (hs->phase == PHASE_NOTICE) {
        send_last_goaway(hs);
    } else {
        hs->phase_ns = http2_conn_now_ns(conn);
        nghttp2_session_terminate_session(conn->session, NGHTTP2_NO_ERROR);
        http2_conn_wake(conn);
    }
}

static void on_timeout(struct timer *timer)
{
    struct http2_server *hs = CONTAINER_OF(timer, struct http2_server, timer);
    uint64_t since_ns, next_ms = check_streams(hs);
    if (hs->conn.is_closed)
        return;
    uint64_t limit = phase_limit(hs, &since_ns);
    uint64_t waited = (http2_conn_now_ns(&hs->conn) - since_ns) / NS_PER_MS;
    if (waited < limit) {
        uint64_t left = limit == UINT64_MAX ? next_ms : limit - waited;
        arm_at_most(hs, left < next_ms ? left : next_ms);
        return;
    }
    arm_at_most(hs, hs->server->timeouts->linger_ms);
    end_phase(hs);
}

/* ---- the server's ---- */

static void drain(struct server_member *member)
{
    begin_notice(CONTAINER_OF(member, struct http2_server, member));
}

static void on_server_close(struct server_member *member, bool is_only_if_idle)
{
    struct http2_server *hs = CONTAINER_OF(member, struct http2_server, member);
    if (is_only_if_idle && is_idle(hs)) {
        hs->conn.sock.is_readable = true; /* a request may have come that no event has told of yet */
        http2_conn_read(&hs->conn);
    }
    if (hs->conn.is_closed || (is_only_if_idle && !is_idle(hs)))
        return;
    if (is_idle(hs))
        close_idle(hs);
    else
        http2_conn_close(&hs->conn, true, RESET_CLOSED);
}

static bool give_way(struct server_member *member, uint32_t waited_ms)
{
    struct http2_server *hs = CONTAINER_OF(member, struct http2_server, member);
    struct http2_conn *conn = &hs->conn;
    if (conn->is_closed || hs->phase == PHASE_LINGERING || !list_is_empty(&conn->streams))
        return false;
    conn->sock.is_readable = true;
    http2_conn_read(conn);
    uint64_t since_ns = conn->block ? conn->block_ns : hs->phase_ns;
    if (conn->is_closed || hs->phase == PHASE_LINGERING || !list_is_empty(&conn->streams) ||
        (http2_conn_now_ns(conn) - since_ns) / NS_PER_MS < waited_ms)
        return false;
    close_idle(hs);
    return true;
}

static void submit_settings(nghttp2_session *session)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2 * HTTP2_MAX_STREAMS}, /* as announce_streams explains */
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEAD_MAX_BYTES},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}, /* trees of streams are work that a client makes */
    };
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings);
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, HTTP2_CONNECTION_WINDOW);
}

void http2_server_adopt(struct server *server, struct socket *from, const struct peer *peer, struct slice received)
{
    struct codec *codec = server->codec;
    struct http2_server *hs = slab_take(codec->http2->servers);
    memset((char *)hs + sizeof hs->conn, 0, sizeof *hs - sizeof hs->conn);
    http2_conn_open(&hs->conn, codec, &conn_ops, true);
    hs->server = server;
    hs->peer = *peer;
    hs->phase_ns = loop_now_ns(codec->loop);
    hs->member.close = on_server_close;
    hs->member.give_way = give_way;
    hs->member.drain = drain;
    list_add(&server->conns, &hs->member.node);
    server->count++;
    timer_init(&hs->timer, on_timeout);
    timer_arm(codec->loop, &hs->timer, server->timeouts->head_ms);
    http2_conn_move(&hs->conn, from);
    submit_settings(hs->conn.session);
    http2_conn_feed(&hs->conn, received);
    if (server->is_draining)
        begin_notice(hs);
}
