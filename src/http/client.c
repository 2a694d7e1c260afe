/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client.h"

#include "base/mem.h"
#include "http/http1_client.h"

#include <errno.h>

#define FAILING_FIRST_NS 1000000000ull
#define FAILING_MAX_NS 30000000000ull

struct client_pool {
    struct codec *codec;
    struct address address;
    const struct client_pool_ops *ops;
    void *user;
    struct client_how how;
    bool is_dropped;
    bool is_busy;      /* a function of the pool is on the stack: not the moment to free it */
    uint32_t conns;    /* connecting, busy and idle */
    uint32_t failures; /* attempts to connect that failed in a row */
    uint64_t failing_until_ns;
    struct list idle;       /* most recently used first */
    struct list leaving;    /* streams are over, but the peer has not taken all of the request */
    struct list waiting;    /* calls that may not connect yet, oldest first */
    struct list connecting; /* calls whose attempt is under way */
    struct timer timer;     /* closes what was idle for too long */
};

static void on_idle_timeout(struct timer *timer);

struct client_pool *client_pool_new(struct codec *codec, const struct address *to, const struct client_how *how,
                                    const struct client_pool_ops *ops, void *user)
{
    struct client_pool *pool = mem_alloc(sizeof *pool);
    pool->codec = codec;
    pool->address = *to;
    pool->ops = ops;
    pool->user = user;
    pool->how = *how;
    list_init(&pool->idle);
    list_init(&pool->leaving);
    list_init(&pool->waiting);
    list_init(&pool->connecting);
    timer_init(&pool->timer, on_idle_timeout);
    return pool;
}

const struct address *client_pool_address(const struct client_pool *pool)
{
    return &pool->address;
}

static void free_if_over(struct client_pool *pool)
{
    if (!pool->is_dropped || pool->is_busy || pool->conns || !list_is_empty(&pool->waiting))
        return;
    timer_disarm(&pool->timer);
    mem_free(pool);
}

static void give(struct client_call *call, struct http1_client *conn, bool is_reused)
{
    list_remove(&call->node);
    call->conn = NULL;
    call->is_connecting = false;
    call->on_open(call, http1_client_stream(conn), is_reused);
}

static void fail(struct client_call *call, int error)
{
    list_remove(&call->node);
    call->conn = NULL;
    call->is_connecting = false;
    call->on_fail(call, error);
}

static struct client_call *call_of_conn(struct client_pool *pool, const struct http1_client *conn)
{
    for (struct list *node = pool->connecting.next; node != &pool->connecting; node = node->next) {
        struct client_call *call = CONTAINER_OF(node, struct client_call, node);
        if (call->conn == conn)
            return call;
    }
    return NULL;
}

static void serve_waiting(struct client_pool *pool);

static void on_idle(struct http1_client *conn, void *user)
{
    struct client_pool *pool = user;
    struct list *node = list_is_empty(&pool->waiting) ? NULL : pool->waiting.next;
    list_remove(http1_client_node(conn));
    if (node) {
        give(CONTAINER_OF(node, struct client_call, node), conn, true);
        return;
    }
    if (pool->is_dropped || (pool->ops->may_keep && !pool->ops->may_keep(pool->user))) {
        http1_client_close(conn);
        return;
    }
    list_add_front(&pool->idle, http1_client_node(conn));
    if (!timer_is_armed(&pool->timer))
        timer_arm(pool->codec->loop, &pool->timer, CLIENT_IDLE_MS);
}

static void on_leaving(struct http1_client *conn, void *user)
{
    struct client_pool *pool = user;
    if (pool->is_dropped) {
        http1_client_close(conn);
        return;
    }
    list_remove(http1_client_node(conn));
    list_add(&pool->leaving, http1_client_node(conn));
    if (!timer_is_armed(&pool->timer))
        timer_arm(pool->codec->loop, &pool->timer, CLIENT_IDLE_MS);
}

static void note_failure(struct client_pool *pool)
{
    uint64_t pause_ns = FAILING_FIRST_NS << (pool->failures < 5 ? pool->failures : 5);
    pool->failures++;
    pool->failing_until_ns = loop_now_ns(pool->codec->loop) + (pause_ns < FAILING_MAX_NS ? pause_ns : FAILING_MAX_NS);
}

bool client_pool_is_failing(const struct client_pool *pool)
{
    return pool->failures && loop_now_ns(pool->codec->loop) < pool->failing_until_ns;
}

static void on_connected(struct http1_client *conn, void *user)
{
    struct client_pool *pool = user;
    pool->failures = 0;
    struct client_call *call = call_of_conn(pool, conn);
    if (call)
        give(call, conn, false);
    else
        on_idle(conn, pool); /* its call was cancelled or served meanwhile */
}

static void on_gone(struct http1_client *conn, void *user, int error)
{
    struct client_pool *pool = user;
    bool was_busy = pool->is_busy;
    pool->is_busy = true;
    list_remove(http1_client_node(conn));
    pool->conns--;
    if (pool->ops->on_closed)
        pool->ops->on_closed(pool->user);
    struct client_call *call = call_of_conn(pool, conn);
    if (call) {
        note_failure(pool);
        fail(call, error ? error : ECONNRESET);
    }
    serve_waiting(pool);
    pool->is_busy = was_busy;
    free_if_over(pool);
}

static const struct http1_client_events events = {on_connected, on_idle, on_leaving, on_gone};

/* Starts an attempt for the call; false when no connection may be made now. */
static bool connect_for(struct client_pool *pool, struct client_call *call)
{
    if (pool->ops->may_connect && !pool->ops->may_connect(pool->user))
        return false;
    struct http1_client *conn = http1_client_connect(pool->codec, &pool->address, pool->how.send_buffer, &events, pool);
    if (!conn) {
        int error = errno;
        note_failure(pool);
        if (pool->ops->on_closed)
            pool->ops->on_closed(pool->user);
        fail(call, error);
        return true;
    }
    pool->conns++;
    list_remove(&call->node);
    list_add(&pool->connecting, &call->node);
    call->conn = conn;
    call->is_connecting = true;
    if (call->on_connecting)
        call->on_connecting(call);
    return true;
}

static void serve_waiting(struct client_pool *pool)
{
    while (!list_is_empty(&pool->waiting)) {
        struct client_call *call = CONTAINER_OF(pool->waiting.next, struct client_call, node);
        if (!connect_for(pool, call))
            return;
    }
}

void client_set_send_buffer(struct stream *stream, int bytes, bool is_bound)
{
    http1_client_set_send_buffer(stream, bytes, is_bound);
}

void client_pool_retry(struct client_pool *pool)
{
    bool was_busy = pool->is_busy;
    pool->is_busy = true;
    serve_waiting(pool);
    pool->is_busy = was_busy;
    free_if_over(pool);
}

static struct http1_client *take_idle(struct client_pool *pool)
{
    struct list *node = list_take_first(&pool->idle);
    return node ? http1_client_from_node(node) : NULL;
}

void client_open(struct client_pool *pool, struct client_call *call)
{
    list_init(&call->node);
    call->conn = NULL;
    call->is_connecting = false;
    call->pool = pool;
    struct http1_client *conn = call->is_fresh ? NULL : take_idle(pool);
    if (conn) {
        give(call, conn, true);
        return;
    }
    list_add(&pool->waiting, &call->node);
    client_pool_retry(pool);
}

void client_cancel(struct client_call *call)
{
    struct http1_client *conn = call->conn;
    if (!call->node.next || !list_is_linked(&call->node))
        return; /* never opened, or called back */
    list_remove(&call->node);
    call->conn = NULL;
    if (conn)
        http1_client_close(conn);
    else
        free_if_over(call->pool);
    call->is_connecting = false;
}

/* A backend that answered early and takes nothing more would keep its connection for ever. */
static void close_stuck(struct client_pool *pool, uint64_t now_ns)
{
    for (struct list *node = pool->leaving.next, *next; node != &pool->leaving; node = next) {
        struct http1_client *conn = http1_client_from_node(node);
        next = node->next;
        if ((now_ns - http1_client_progress_ns(conn)) / 1000000 >= CLIENT_LEAVE_MS)
            http1_client_close(conn);
    }
}

static void on_idle_timeout(struct timer *timer)
{
    struct client_pool *pool = CONTAINER_OF(timer, struct client_pool, timer);
    uint64_t now = loop_now_ns(pool->codec->loop), wait_ms = CLIENT_IDLE_MS;
    close_stuck(pool, now);
    while (!list_is_empty(&pool->idle)) {
        struct http1_client *oldest = http1_client_from_node(pool->idle.prev);
        uint64_t idle_ms = (now - http1_client_idle_since_ns(oldest)) / 1000000;
        if (idle_ms < CLIENT_IDLE_MS) {
            wait_ms = CLIENT_IDLE_MS - idle_ms;
            break;
        }
        http1_client_close(oldest);
    }
    if (!list_is_empty(&pool->idle) || !list_is_empty(&pool->leaving))
        timer_arm(pool->codec->loop, timer, wait_ms);
}

void client_pool_drop(struct client_pool *pool)
{
    bool was_busy = pool->is_busy;
    pool->is_dropped = true;
    pool->is_busy = true;
    struct http1_client *conn;
    while ((conn = take_idle(pool)))
        http1_client_close(conn);
    while (!list_is_empty(&pool->leaving))
        http1_client_close(http1_client_from_node(pool->leaving.next));
    pool->is_busy = was_busy;
    free_if_over(pool);
}
