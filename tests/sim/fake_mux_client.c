/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of http/client.h: one connection per pool, many streams. */
#include "fake_mux_conn.h"

#include "base/mem.h"
#include "http/client.h"
#include "http/http1_parse.h"

#include <errno.h>

struct client_pool {
    struct codec *codec;
    struct address address;
    const struct client_pool_ops *ops;
    void *user;
    int send_buffer;
    struct mux_conn *conn; /* new streams go here; NULL: none, or it is going */
    unsigned conns;        /* with those that are going */
    struct list waiting;
    bool is_dropped, is_busy;
};

static void free_if_over(struct client_pool *pool)
{
    if (pool->is_dropped && !pool->is_busy && !pool->conns && list_is_empty(&pool->waiting))
        mem_free(pool);
}

struct client_pool *client_pool_new(struct codec *codec, const struct address *to, const struct client_how *how,
                                    const struct client_pool_ops *ops, void *user)
{
    struct client_pool *pool = mem_alloc(sizeof *pool);
    *pool = (struct client_pool){
        .codec = codec, .address = *to, .ops = ops, .user = user, .send_buffer = how->send_buffer};
    list_init(&pool->waiting);
    return pool;
}

const struct address *client_pool_address(const struct client_pool *pool)
{
    return &pool->address;
}

bool client_pool_is_failing(const struct client_pool *pool)
{
    (void)pool;
    return false;
}

const char *client_pool_tls_failure(const struct client_pool *pool)
{
    (void)pool;
    return "";
}

/* All streams share one buffer, which is none of theirs to change. */
bool client_is_shared(const struct stream *stream)
{
    (void)stream;
    return true;
}

void client_set_send_buffer(struct stream *stream, int bytes, bool is_bound)
{
    (void)stream;
    (void)bytes;
    (void)is_bound;
}

/* ---- the connection ---- */

static void close_if_idle(struct mux_conn *conn)
{
    struct client_pool *pool = conn->owner;
    if (conn->is_closed || !list_is_empty(&conn->streams))
        return;
    if (conn->is_going || pool->is_dropped)
        mux_conn_close(conn, RESET_CANCEL, 0);
    else
        timer_arm(conn->codec->loop, &conn->idle, CLIENT_IDLE_MS);
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

static void give(struct client_pool *pool, struct client_call *call)
{
    struct mux_conn *conn = pool->conn;
    struct mux_stream *ms = mux_stream_new(conn, conn->next_id++);
    ms->is_reused = conn->had_stream;
    conn->had_stream = true;
    timer_disarm(&conn->idle);
    list_remove(&call->node);
    call->attempt = NULL;
    call->is_connecting = false;
    call->on_open(call, &ms->stream, ms->is_reused);
}

static void on_connected(struct mux_conn *conn)
{
    struct client_pool *pool = conn->owner;
    bool was_busy = pool->is_busy;
    pool->is_busy = true;
    while (pool->conn == conn && !list_is_empty(&pool->waiting))
        give(pool, CONTAINER_OF(pool->waiting.next, struct client_call, node));
    close_if_idle(conn);
    pool->is_busy = was_busy;
    free_if_over(pool);
}

static void on_goaway(struct mux_conn *conn)
{
    struct client_pool *pool = conn->owner;
    conn->is_going = true;
    if (pool->conn == conn)
        pool->conn = NULL;
    close_if_idle(conn);
}

static void fail_waiting(struct client_pool *pool, int error)
{
    struct list calls, *node;
    list_init(&calls);
    list_move_all(&calls, &pool->waiting);
    while ((node = list_take_first(&calls))) {
        struct client_call *call = CONTAINER_OF(node, struct client_call, node);
        call->is_connecting = false;
        call->on_fail(call, error);
    }
}

static void on_gone(struct mux_conn *conn, int error)
{
    struct client_pool *pool = conn->owner;
    bool was_busy = pool->is_busy;
    timer_disarm(&conn->idle);
    pool->is_busy = true;
    pool->conns--;
    if (pool->ops->on_closed)
        pool->ops->on_closed(pool->user);
    if (pool->conn == conn) {
        pool->conn = NULL;
        if (!conn->is_connected)
            fail_waiting(pool, error ? error : ECONNRESET);
    }
    pool->is_busy = was_busy;
    client_pool_retry(pool);
}

static const struct mux_ops client_ops = {"fake mux client", on_head, on_connected, on_goaway, close_if_idle, on_gone};

static void on_idle(struct timer *timer)
{
    mux_conn_close(CONTAINER_OF(timer, struct mux_conn, idle), RESET_CANCEL, 0);
}

/* ---- calls ---- */

static bool connect_pool(struct client_pool *pool)
{
    if (pool->ops->may_connect && !pool->ops->may_connect(pool->user))
        return false;
    struct mux_conn *conn = mux_conn_new(pool->codec, &client_ops, pool);
    conn->is_client = true;
    timer_init(&conn->idle, on_idle);
    if (!socket_connect(&conn->sock, pool->codec->loop, &pool->address, &mux_socket_ops, pool->send_buffer)) {
        int error = errno;
        mem_free(conn);
        if (pool->ops->on_closed)
            pool->ops->on_closed(pool->user);
        fail_waiting(pool, error);
        return false;
    }
    pool->conn = conn;
    pool->conns++;
    return true;
}

/* Calls that join an attempt count as connecting. */
static void note_connecting(struct client_pool *pool)
{
    for (struct list *node = pool->waiting.next, *next; node != &pool->waiting; node = next) {
        struct client_call *call = CONTAINER_OF(node, struct client_call, node);
        next = node->next;
        if (call->is_connecting)
            continue;
        call->is_connecting = true;
        if (call->on_connecting)
            call->on_connecting(call);
    }
}

void client_pool_retry(struct client_pool *pool)
{
    bool was_busy = pool->is_busy;
    pool->is_busy = true;
    if (!list_is_empty(&pool->waiting) && (pool->conn || connect_pool(pool))) {
        if (pool->conn->is_connected)
            on_connected(pool->conn);
        else
            note_connecting(pool);
    }
    pool->is_busy = was_busy;
    free_if_over(pool);
}

void client_open(struct client_pool *pool, struct client_call *call)
{
    list_init(&call->node);
    call->pool = pool;
    call->attempt = NULL;
    call->is_connecting = false;
    if (call->is_fresh && pool->conn && pool->conn->is_connected) {
        pool->conn->is_going = true; /* whoever wants a new connection knows that this one is ill */
        pool->conn = NULL;
    }
    list_add(&pool->waiting, &call->node);
    client_pool_retry(pool);
}

void client_cancel(struct client_call *call)
{
    if (!call->node.next || !list_is_linked(&call->node))
        return;
    list_remove(&call->node);
    call->is_connecting = false;
    struct client_pool *pool = call->pool;
    if (list_is_empty(&pool->waiting) && pool->conn && !pool->conn->is_connected)
        mux_conn_close(pool->conn, RESET_CANCEL, 0);
    else
        free_if_over(pool);
}

void client_pool_drop(struct client_pool *pool)
{
    pool->is_dropped = true;
    if (pool->conn)
        close_if_idle(pool->conn);
    else
        free_if_over(pool);
}
