/* SPDX-License-Identifier: Apache-2.0 */
/* The side of a backend's connection: what http/http2.h says of HTTP/2. */
#include "fake_mux_conn.h"

#include "http/http1_parse.h"
#include "http/http2.h"

const size_t http2_client_conn_size = sizeof(struct mux_conn);

static struct mux_conn *of_client(struct client_conn *client)
{
    return CONTAINER_OF(client, struct mux_conn, client);
}

static void on_head(struct mux_conn *conn, struct mux_stream *ms, unsigned id, struct str text, bool is_last)
{
    struct field fields[HEAD_MAX_FIELDS];
    struct head head = {.fields = fields};
    enum refusal refusal;
    (void)id;
    if (!ms)
        return; /* it was reset meanwhile */
    if (http1_parse_response(text, ms->method, &head, &refusal) != PARSE_DONE) {
        mux_conn_close(conn, RESET_PROTOCOL, 0);
        return;
    }
    head.version = HTTP_2;
    head.is_keep_alive = true;
    if (head.body == BODY_CLOSE || (head.body == BODY_NONE && !is_last && ms->method != METHOD_HEAD))
        head.body = is_last ? BODY_NONE : BODY_STREAM;
    mux_deliver_head(ms, &head, is_last);
}

static void on_goaway(struct mux_conn *conn)
{
    conn->is_going = true;
    conn->client.events->on_retire(&conn->client);
}

static void on_stream_over(struct mux_conn *conn)
{
    if (conn->is_closed)
        return;
    if (!--conn->client.streams)
        conn->client.idle_since_ns = loop_now_ns(conn->codec->loop);
    conn->client.events->on_room(&conn->client);
}

static void on_limit(struct mux_conn *conn, unsigned streams)
{
    conn->client.max_streams = streams;
    conn->client.events->on_room(&conn->client);
}

static void on_flushed(struct mux_conn *conn, bool is_all_out)
{
    bool was_clogged = conn->client.is_clogged;
    conn->client.is_clogged = !is_all_out;
    if (was_clogged && is_all_out)
        conn->client.events->on_room(&conn->client);
}

static void on_gone(struct mux_conn *conn, int error)
{
    conn->client.events->on_gone(&conn->client, error);
}

static const struct mux_ops mux_client_ops = {"fake mux client", on_head,    on_goaway, on_stream_over,
                                              on_limit,          on_flushed, on_gone};

/* ---- for the pool ---- */

static struct stream *open_stream(struct client_conn *client)
{
    struct mux_conn *conn = of_client(client);
    struct mux_stream *ms = mux_stream_new(conn, conn->next_id++);
    ms->is_reused = conn->had_stream;
    conn->had_stream = true;
    client->streams++;
    return &ms->stream;
}

static void close_client(struct client_conn *client)
{
    mux_conn_close(of_client(client), RESET_CLOSED, 0);
}

static uint64_t progress_ns(const struct client_conn *client)
{
    return CONTAINER_OF(client, const struct mux_conn, client)->progress_ns;
}

static const struct client_conn_ops client_ops = {"fake mux", open_stream, close_client, progress_ns, NULL};

struct client_conn *http2_client_adopt(struct codec *codec, struct socket *from,
                                       const struct client_conn_events *events, struct client_pool *pool,
                                       uint32_t max_streams)
{
    struct mux_conn *conn = mux_conn_new(codec, &mux_client_ops, NULL);
    conn->is_client = true;
    conn->client = (struct client_conn){.ops = &client_ops, .events = events, .pool = pool, .max_streams = max_streams};
    list_init(&conn->client.node);
    socket_move(&conn->sock, from, &mux_socket_ops);
    return &conn->client;
}
