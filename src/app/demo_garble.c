/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_garble.h"

#include "base/mem.h"
#include "io/socket.h"

struct garble_conn {
    struct socket sock; /* first */
    struct list node;
    struct garble *garble;
    struct task gone; /* frees it once no callback is on the stack */
};

static const struct str garbage[] = {
    STR_INIT("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is no HTTP at all"),
    STR_INIT("HTTP/1.1 2OO OK\r\nContent-Length: 2\r\n\r\n{}"),
    STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n{\"a\":1}"),
    STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"id\": 1, \"na"),
    STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\noops\r\n"),
};

static void on_gone(struct task *task)
{
    struct garble_conn *conn = CONTAINER_OF(task, struct garble_conn, gone);
    list_remove(&conn->node);
    mem_free(conn);
}

static void end(struct garble_conn *conn, bool is_reset)
{
    socket_close(&conn->sock, is_reset);
    loop_later(conn->garble->loop, &conn->gone);
}

/* Garbage for the first bytes that come, then the end. */
static void on_readable(struct socket *sock)
{
    struct garble_conn *conn = CONTAINER_OF(sock, struct garble_conn, sock);
    char request[4096];
    ssize_t first = socket_read(sock, request, sizeof(request)), n = first;
    while (n > 0)
        n = socket_read(sock, request, sizeof(request));
    if (first == SOCKET_AGAIN)
        return;
    if (first > 0 && n == SOCKET_AGAIN) {
        struct str bytes = garbage[conn->garble->turn++ % (sizeof(garbage) / sizeof(garbage[0]))];
        (void)socket_write(sock, &(struct slice){NULL, bytes.ptr, bytes.len}, 1);
    }
    end(conn, false);
}

static void on_writable(struct socket *sock)
{
    (void)sock;
}

static void on_broken(struct socket *sock, int error)
{
    (void)error;
    end(CONTAINER_OF(sock, struct garble_conn, sock), false);
}

static const struct socket_ops ops = {"garble", on_readable, on_writable, on_broken};

void garble_init(struct garble *garble, struct loop *loop)
{
    garble->loop = loop;
    garble->turn = 0;
    list_init(&garble->conns);
}

void garble_accept(struct garble *garble, int fd)
{
    struct garble_conn *conn = mem_alloc(sizeof(*conn));
    conn->garble = garble;
    task_init(&conn->gone, on_gone);
    list_add(&garble->conns, &conn->node);
    socket_open(&conn->sock, garble->loop, fd, &ops);
}

void garble_close_all(struct garble *garble)
{
    for (struct list *node = garble->conns.next; node != &garble->conns; node = node->next)
        end(CONTAINER_OF(node, struct garble_conn, node), true);
}
