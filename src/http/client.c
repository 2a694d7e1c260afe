/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client.h"

#include "base/mem.h"
#include "http/client_attempt.h"
#include "tls/client.h"

#include <errno.h>
#include <stdio.h>

#define FAILING_FIRST_NS 1000000000ull
#define FAILING_MAX_NS 30000000000ull
/* An attempt that has taken longer is not joined: it may hang, and those who give it up go one by one. */
#define JOIN_NS 1000000000ull
#define TLS_FAILURE_TEXT 128

struct client_pool {
    struct codec *codec;
    struct address address;
    const struct client_pool_ops *ops;
    void *user;
    struct client_how how;
    bool is_dropped;
    bool is_busy;      /* a function of the pool is on the stack: not the moment to free it */
    uint32_t conns;    /* attempts, and connections in whatever state */
    uint32_t room;     /* streams that a new connection is expected to take: as many as the last one */
    uint32_t failures; /* attempts to connect that failed in a row */
    uint64_t failing_until_ns;
    struct list idle;     /* without a stream, the most recently used first */
    struct list roomy;    /* with streams, and room for more */
    struct list clogged;  /* likewise, but what streams send waits for the connection */
    struct list leaving;  /* HTTP/1: streams are over, but the peer has not taken all of the request */
    struct list attempts; /* the newest last */
    struct list waiting;  /* calls without an attempt, oldest first */
    struct timer timer;   /* closes what was idle for too long */
    char tls_failure[TLS_FAILURE_TEXT];
};

static void on_idle_timeout(struct timer *timer);
static void serve_waiting(struct client_pool *pool);

static struct client_conn *of_node(struct list *node)
{
    return CONTAINER_OF(node, struct client_conn, node);
}

static struct client_call *first_call(struct list *calls)
{
    return list_is_empty(calls) ? NULL : CONTAINER_OF(calls->next, struct client_call, node);
}

struct client_pool *client_pool_new(struct codec *codec, const struct address *to, const struct client_how *how,
                                    const struct client_pool_ops *ops, void *user)
{
    struct client_pool *pool = mem_alloc(sizeof *pool);
    pool->codec = codec;
    pool->address = *to;
    pool->ops = ops;
    pool->user = user;
    pool->how = *how;
    if (how->tls)
        tls_client_ref(how->tls);
    if (!pool->how.max_streams)
        pool->how.max_streams = CLIENT_MAX_STREAMS;
    pool->room = how->protocol == CLIENT_HTTP1 ? 1 : pool->how.max_streams;
    list_init(&pool->idle);
    list_init(&pool->roomy);
    list_init(&pool->clogged);
    list_init(&pool->leaving);
    list_init(&pool->attempts);
    list_init(&pool->waiting);
    timer_init(&pool->timer, on_idle_timeout);
    return pool;
}

const struct address *client_pool_address(const struct client_pool *pool)
{
    return &pool->address;
}

const char *client_pool_tls_failure(const struct client_pool *pool)
{
    return pool->tls_failure;
}

static void free_if_over(struct client_pool *pool)
{
    if (!pool->is_dropped || pool->is_busy || pool->conns || !list_is_empty(&pool->waiting))
        return;
    timer_disarm(&pool->timer);
    if (pool->how.tls)
        tls_client_unref(pool->how.tls);
    mem_free(pool);
}

/* Between them nothing frees the pool. */
static bool enter(struct client_pool *pool)
{
    bool was_busy = pool->is_busy;
    pool->is_busy = true;
    return was_busy;
}

static void leave(struct client_pool *pool, bool was_busy)
{
    pool->is_busy = was_busy;
    free_if_over(pool);
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

/* ---- connections ---- */

static bool has_room(const struct client_conn *conn)
{
    return !conn->is_gone && !conn->is_retired && conn->streams < conn->max_streams;
}

static void arm_timer(struct client_pool *pool)
{
    if (!timer_is_armed(&pool->timer))
        timer_arm(pool->codec->loop, &pool->timer, CLIENT_IDLE_MS);
}

static bool may_keep(const struct client_pool *pool, const struct client_conn *conn)
{
    return !conn->is_retired && !pool->is_dropped && (!pool->ops->may_keep || pool->ops->may_keep(pool->user));
}

/* Puts it into the list where it will be looked for, or closes it when nobody will. */
static void settle(struct client_pool *pool, struct client_conn *conn)
{
    list_remove(&conn->node);
    if (conn->streams) {
        if (has_room(conn))
            list_add_front(conn->is_clogged ? &pool->clogged : &pool->roomy, &conn->node);
    } else if (may_keep(pool, conn)) {
        list_add_front(&pool->idle, &conn->node);
        arm_timer(pool);
    } else {
        conn->ops->close(conn);
    }
}

/* The connection for the next stream, or NULL. */
static struct client_conn *find_room(struct client_pool *pool)
{
    while (!list_is_empty(&pool->roomy)) {
        struct client_conn *conn = of_node(pool->roomy.next);
        if (!conn->is_clogged)
            return conn;
        settle(pool, conn);
    }
    return list_is_empty(&pool->idle) ? NULL : of_node(pool->idle.next);
}

static void give(struct client_call *call, struct client_conn *conn, bool is_reused)
{
    struct stream *stream = conn->ops->open(conn);
    list_remove(&call->node);
    call->attempt = NULL;
    call->is_connecting = false;
    stream->conn = conn;
    settle(call->pool, conn);
    call->on_open(call, stream, is_reused);
}

static void on_room(struct client_conn *conn)
{
    struct client_pool *pool = conn->pool;
    struct client_call *call;
    bool was_busy = enter(pool);
    pool->room = conn->max_streams ? conn->max_streams : 1;
    while (has_room(conn) && !conn->is_clogged && (call = first_call(&pool->waiting)))
        give(call, conn, true);
    if (!conn->is_gone)
        settle(pool, conn);
    leave(pool, was_busy);
}

static void on_leaving(struct client_conn *conn)
{
    struct client_pool *pool = conn->pool;
    if (pool->is_dropped) {
        conn->ops->close(conn);
        return;
    }
    list_remove(&conn->node);
    list_add(&pool->leaving, &conn->node);
    arm_timer(pool);
}

static void on_retire(struct client_conn *conn)
{
    conn->is_retired = true;
    settle(conn->pool, conn);
}

static void lose_connection(struct client_pool *pool)
{
    pool->conns--;
    if (pool->ops->on_closed)
        pool->ops->on_closed(pool->user);
}

static void on_gone(struct client_conn *conn, int error)
{
    struct client_pool *pool = conn->pool;
    bool was_busy = enter(pool);
    (void)error;
    conn->is_gone = true;
    list_remove(&conn->node);
    lose_connection(pool);
    serve_waiting(pool);
    leave(pool, was_busy);
}

const struct client_conn_events client_pool_conn_events = {on_room, on_leaving, on_retire, on_gone};

bool client_is_shared(const struct stream *stream)
{
    return !stream->conn->ops->set_send_buffer;
}

void client_set_send_buffer(struct stream *stream, int bytes, bool is_bound)
{
    stream->conn->ops->set_send_buffer(stream->conn, bytes, is_bound);
}

/* ---- attempts ---- */

static void fail(struct client_call *call, int error)
{
    list_remove(&call->node);
    call->attempt = NULL;
    call->is_connecting = false;
    call->on_fail(call, error);
}

/* They go before those who have never had a turn. */
static void wait_again(struct client_attempt *attempt)
{
    while (!list_is_empty(&attempt->calls)) {
        struct client_call *call = CONTAINER_OF(attempt->calls.prev, struct client_call, node);
        list_remove(&call->node);
        list_add_front(&attempt->pool->waiting, &call->node);
        call->attempt = NULL;
        call->is_connecting = false;
        if (call->on_waiting)
            call->on_waiting(call);
    }
}

static void on_connected(struct client_attempt *attempt, struct client_conn *conn)
{
    struct client_pool *pool = attempt->pool;
    struct client_call *call;
    bool was_busy = enter(pool);
    pool->failures = 0;
    list_remove(&attempt->node);
    while (has_room(conn) && (call = first_call(&attempt->calls)))
        give(call, conn, false);
    wait_again(attempt);
    if (!conn->is_gone)
        on_room(conn);
    serve_waiting(pool);
    leave(pool, was_busy);
}

static void note_tls_failure(struct client_pool *pool, int error, const char *why)
{
    if (error == EPROTO)
        snprintf(pool->tls_failure, sizeof pool->tls_failure, "%s", why);
}

static void on_failed(struct client_attempt *attempt, int error, const char *why)
{
    struct client_pool *pool = attempt->pool;
    struct client_call *call;
    bool was_busy = enter(pool);
    list_remove(&attempt->node);
    note_failure(pool);
    note_tls_failure(pool, error, why);
    lose_connection(pool);
    while ((call = first_call(&attempt->calls)))
        fail(call, error);
    serve_waiting(pool);
    leave(pool, was_busy);
}

const struct client_attempt_events client_pool_attempt_events = {on_connected, on_failed};

/* Whoever was refused most often comes first: a connection takes as many streams as it likes and refuses those behind them. */
static void join(struct client_attempt *attempt, struct client_call *call)
{
    struct list *before = &attempt->calls;
    while (call->refusals && before->prev != &attempt->calls &&
           CONTAINER_OF(before->prev, struct client_call, node)->refusals < call->refusals)
        before = before->prev;
    list_remove(&call->node);
    list_add(before, &call->node);
    attempt->call_count++;
    call->attempt = attempt;
    call->is_connecting = true;
    if (call->on_connecting)
        call->on_connecting(call);
}

/* The newest attempt, when it will have room for one more. */
static struct client_attempt *find_attempt(struct client_pool *pool)
{
    if (pool->room < 2 || list_is_empty(&pool->attempts))
        return NULL;
    struct client_attempt *newest = CONTAINER_OF(pool->attempts.prev, struct client_attempt, node);
    bool is_young = loop_now_ns(pool->codec->loop) - newest->begin_ns < JOIN_NS;
    return is_young && newest->call_count < pool->room ? newest : NULL;
}

/* Starts an attempt for the call; false when no connection may be made now. */
static bool connect_for(struct client_pool *pool, struct client_call *call)
{
    if (pool->ops->may_connect && !pool->ops->may_connect(pool->user))
        return false;
    pool->conns++;
    struct client_attempt *attempt = client_attempt_new(pool, pool->codec, &pool->address, &pool->how);
    if (!attempt) {
        int error = errno;
        note_failure(pool);
        note_tls_failure(pool, error, "its TLS settings can't be used");
        lose_connection(pool);
        fail(call, error);
        return true;
    }
    list_add(&pool->attempts, &attempt->node);
    join(attempt, call);
    return true;
}

/* ---- calls ---- */

/* False when it has to wait. */
static bool serve(struct client_pool *pool, struct client_call *call)
{
    struct client_conn *conn = call->is_fresh ? NULL : find_room(pool);
    struct client_attempt *attempt = conn ? NULL : find_attempt(pool);
    if (conn)
        give(call, conn, true);
    else if (attempt)
        join(attempt, call);
    else if (!connect_for(pool, call)) {
        if (call->is_fresh || list_is_empty(&pool->clogged))
            return false;
        give(call, of_node(pool->clogged.next), true); /* better than nothing: a request without a body gets through */
    }
    return true;
}

static void serve_waiting(struct client_pool *pool)
{
    struct client_call *call;
    while ((call = first_call(&pool->waiting)) && serve(pool, call))
        ;
}

void client_pool_retry(struct client_pool *pool)
{
    bool was_busy = enter(pool);
    serve_waiting(pool);
    leave(pool, was_busy);
}

void client_open(struct client_pool *pool, struct client_call *call)
{
    list_init(&call->node);
    call->attempt = NULL;
    call->is_connecting = false;
    call->pool = pool;
    struct client_conn *conn = call->is_fresh ? NULL : find_room(pool);
    if (conn) {
        give(call, conn, true);
        return;
    }
    list_add(&pool->waiting, &call->node);
    client_pool_retry(pool);
}

void client_cancel(struct client_call *call)
{
    struct client_attempt *attempt = call->attempt;
    if (!call->node.next || !list_is_linked(&call->node))
        return; /* never opened, or called back */
    struct client_pool *pool = call->pool;
    bool was_busy = enter(pool);
    list_remove(&call->node);
    call->attempt = NULL;
    call->is_connecting = false;
    if (attempt && !--attempt->call_count) {
        list_remove(&attempt->node);
        client_attempt_stop(attempt);
        lose_connection(pool);
        serve_waiting(pool);
    }
    leave(pool, was_busy);
}

/* ---- time ---- */

/* A backend that answered early and takes nothing more would keep its connection for ever. */
static void close_stuck(struct client_pool *pool, uint64_t now_ns)
{
    for (struct list *node = pool->leaving.next, *next; node != &pool->leaving; node = next) {
        struct client_conn *conn = of_node(node);
        next = node->next;
        if ((now_ns - conn->ops->progress_ns(conn)) / 1000000 >= CLIENT_LEAVE_MS)
            conn->ops->close(conn);
    }
}

static void on_idle_timeout(struct timer *timer)
{
    struct client_pool *pool = CONTAINER_OF(timer, struct client_pool, timer);
    uint64_t now = loop_now_ns(pool->codec->loop), wait_ms = CLIENT_IDLE_MS;
    close_stuck(pool, now);
    while (!list_is_empty(&pool->idle)) {
        struct client_conn *oldest = of_node(pool->idle.prev);
        uint64_t idle_ms = (now - oldest->idle_since_ns) / 1000000;
        if (idle_ms < CLIENT_IDLE_MS) {
            wait_ms = CLIENT_IDLE_MS - idle_ms;
            break;
        }
        oldest->ops->close(oldest);
    }
    if (!list_is_empty(&pool->idle) || !list_is_empty(&pool->leaving))
        timer_arm(pool->codec->loop, timer, wait_ms);
}

static void close_all(struct list *conns)
{
    while (!list_is_empty(conns))
        of_node(conns->next)->ops->close(of_node(conns->next));
}

void client_pool_drop(struct client_pool *pool)
{
    bool was_busy = enter(pool);
    pool->is_dropped = true;
    close_all(&pool->idle);
    close_all(&pool->leaving);
    leave(pool, was_busy);
}
