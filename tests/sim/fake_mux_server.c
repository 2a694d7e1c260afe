/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_mux_conn.h"

#include "http/http1_parse.h"

static struct mux_conn *of_member(struct server_member *member)
{
    return CONTAINER_OF(member, struct mux_conn, member);
}

static void on_head(struct mux_conn *conn, struct mux_stream *ms, unsigned id, struct str text, bool is_last)
{
    struct server *server = conn->owner;
    struct field fields[HEAD_MAX_FIELDS];
    struct head head = {.fields = fields};
    enum refusal refusal;
    if (ms || id < conn->next_id || http1_parse_request(text, &head, &refusal) != PARSE_DONE) {
        mux_conn_close(conn, RESET_PROTOCOL, 0);
        return;
    }
    conn->next_id = id + 1;
    if (conn->is_going) {
        mux_send_frame(conn, id, "RESET", STR_NONE);
        return;
    }
    head.version = HTTP_2;
    head.is_keep_alive = true;
    if (head.body == BODY_NONE && !is_last)
        head.body = BODY_STREAM;
    ms = mux_stream_new(conn, id);
    ms->stream.handler = server->handler;
    ms->stream.user = server->user;
    mux_deliver_head(ms, &head, is_last);
}

static void on_goaway(struct mux_conn *conn)
{
    conn->is_going = true;
}

static void on_stream_over(struct mux_conn *conn)
{
    struct server *server = conn->owner;
    if (server->is_draining && !conn->is_going) {
        conn->is_going = true;
        mux_send_frame(conn, 0, "GOAWAY", STR_NONE);
    }
}

static void on_gone(struct mux_conn *conn, int error)
{
    struct server *server = conn->owner;
    (void)error;
    list_remove(&conn->member.node);
    server->count--;
    if (server->on_close)
        server->on_close(server);
}

static const struct mux_ops server_ops = {"fake mux server", on_head, on_goaway, on_stream_over, NULL, NULL, on_gone};

/* Walked by the server while members may go: they leave its list at the end of the turn only. */
static void close_later(struct task *task)
{
    mux_conn_close(CONTAINER_OF(task, struct mux_conn, flush), RESET_CLOSED, 0);
}

static void on_server_close(struct server_member *member, bool is_only_if_idle)
{
    struct mux_conn *conn = of_member(member);
    if (is_only_if_idle && !list_is_empty(&conn->streams))
        return;
    task_cancel(&conn->flush);
    task_init(&conn->flush, close_later);
    loop_soon(conn->codec->loop, &conn->flush);
}

/* No play has a limit of its connections. */
static bool give_way(struct server_member *member, uint32_t waited_ms)
{
    (void)member;
    (void)waited_ms;
    return false;
}

void fake_mux_accept(struct server *server, int fd, const struct peer *peer)
{
    struct mux_conn *conn = mux_conn_new(server->codec, &server_ops, server);
    conn->peer = *peer;
    conn->member.close = on_server_close;
    conn->member.give_way = give_way;
    list_add(&server->conns, &conn->member.node);
    server->count++;
    socket_open(&conn->sock, server->codec->loop, fd, &mux_socket_ops);
}
