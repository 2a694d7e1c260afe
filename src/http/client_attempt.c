/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client_attempt.h"

#include "base/mem.h"
#include "http/http1_client.h"
#include "http/http2.h"

#include <errno.h>

static struct client_attempt *of_socket(struct socket *sock)
{
    return CONTAINER_OF(sock, struct client_attempt, sock);
}

static void run_reap(struct task *task)
{
    mem_free(CONTAINER_OF(task, struct client_attempt, reap));
}

void client_attempt_stop(struct client_attempt *attempt)
{
    socket_close(&attempt->sock, false);
    loop_soon(attempt->codec->loop, &attempt->reap);
}

static void fail(struct client_attempt *attempt, int error, const char *why)
{
    attempt->events->on_failed(attempt, error, why);
    client_attempt_stop(attempt);
}

static void on_readable(struct socket *sock)
{
    (void)sock; /* reported again to the codec */
}

static void on_broken(struct socket *sock, int error)
{
    struct client_attempt *attempt = of_socket(sock);
    const char *why = "";
    if (attempt->how->is_tls && !sock->is_connecting) {
        why = error == EPROTO ? socket_tls_failure(sock) : "the connection broke off in the handshake";
        error = EPROTO;
    }
    fail(attempt, error ? error : ECONNRESET, why);
}

/* What was settled over TLS; without it, what is known beforehand (RFC 9113 3.3). */
static bool speaks_http2(const struct client_attempt *attempt)
{
    if (!attempt->how->is_tls)
        return attempt->how->protocol == CLIENT_HTTP2;
    return str_eq(socket_alpn(&attempt->sock), STR("h2"));
}

static void on_writable(struct socket *sock)
{
    struct client_attempt *attempt = of_socket(sock);
    const struct client_how *how = attempt->how;
    bool is_http2 = speaks_http2(attempt);
    if (how->protocol != CLIENT_ALPN && is_http2 != (how->protocol == CLIENT_HTTP2)) {
        fail(attempt, EPROTO,
             is_http2 ? "it chose HTTP/2, which was not offered (ALPN)" : "it does not take HTTP/2 (ALPN)");
        return;
    }
    struct client_conn *conn = is_http2 ? http2_client_adopt(attempt->codec, sock, attempt->conn_events, attempt->pool,
                                                             how->max_streams)
                                        : http1_client_adopt(attempt->codec, sock, attempt->conn_events, attempt->pool);
    loop_soon(attempt->codec->loop, &attempt->reap);
    attempt->events->on_connected(attempt, conn);
}

static const struct socket_ops attempt_ops = {"client attempt", on_readable, on_writable, on_broken};

struct client_attempt *client_attempt_new(struct client_pool *pool, struct codec *codec, const struct address *to,
                                          const struct client_how *how)
{
    if (how->is_tls && !how->tls) {
        errno = EPROTO;
        return NULL;
    }
    struct client_attempt *attempt = mem_alloc(sizeof *attempt);
    attempt->events = &client_pool_attempt_events;
    attempt->conn_events = &client_pool_conn_events;
    attempt->how = how;
    attempt->codec = codec;
    attempt->pool = pool;
    attempt->begin_ns = loop_now_ns(codec->loop);
    list_init(&attempt->node);
    list_init(&attempt->calls);
    task_init(&attempt->reap, run_reap);
    if (!socket_connect(&attempt->sock, codec->loop, to, &attempt_ops, how->send_buffer)) {
        int error = errno;
        mem_free(attempt);
        errno = error;
        return NULL;
    }
    if (how->keep_alive_s)
        socket_keep_alive(&attempt->sock, how->keep_alive_s);
    if (how->is_tls)
        socket_connect_tls(&attempt->sock, how->tls);
    return attempt;
}
