/* SPDX-License-Identifier: Apache-2.0 */
#include "io/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_IOV 64

static int socket_error(const struct socket *sock)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(sock->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return errno;
    return error;
}

static void on_connected(struct socket *sock, uint32_t events)
{
    if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
        return;
    int error = socket_error(sock);
    if (error || (events & (EPOLLERR | EPOLLHUP))) {
        sock->ops->on_broken(sock, error ? error : ECONNREFUSED);
        return;
    }
    sock->is_connecting = false;
    sock->is_writable = true;
    sock->is_readable = (events & (EPOLLIN | EPOLLRDHUP)) != 0;
    sock->has_hangup = (events & EPOLLRDHUP) != 0;
    sock->ops->on_writable(sock);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct socket *sock = CONTAINER_OF(watch, struct socket, watch);
    if (sock->is_connecting) {
        on_connected(sock, events);
        return;
    }
    bool was_writable = sock->is_writable;
    if (events & EPOLLOUT)
        sock->is_writable = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        sock->has_hangup = true;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        sock->is_readable = true;
    if (sock->is_writable && !was_writable) {
        sock->ops->on_writable(sock);
        if (!socket_is_open(sock))
            return;
    }
    if (sock->is_readable)
        sock->ops->on_readable(sock);
    /* What came before a reset can still be read, so the reader goes first. */
    if ((events & EPOLLERR) && socket_is_open(sock)) {
        int error = socket_error(sock);
        sock->ops->on_broken(sock, error ? error : ECONNRESET);
    }
}

static void socket_init(struct socket *sock, struct loop *loop, int fd, const struct socket_ops *ops)
{
    sock->watch.fd = fd;
    sock->watch.on_ready = on_ready;
    sock->ops = ops;
    sock->loop = loop;
    sock->is_connecting = false;
    sock->is_readable = false; /* adding it to the loop reports what is there already */
    sock->is_writable = true;
    sock->has_hangup = false;
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* fails on Unix sockets, which need none */
    loop_add(loop, &sock->watch);
}

void socket_open(struct socket *sock, struct loop *loop, int fd, const struct socket_ops *ops)
{
    socket_init(sock, loop, fd, ops);
}

void socket_set_send_buffer(struct socket *sock, int bytes, bool is_bound)
{
    int unlocked = 0;
    (void)setsockopt(sock->watch.fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    if (!is_bound)
        (void)setsockopt(sock->watch.fd, SOL_SOCKET, SO_BUF_LOCK, &unlocked, sizeof unlocked);
}

bool socket_connect(struct socket *sock, struct loop *loop, const struct address *to, const struct socket_ops *ops,
                    int send_buffer)
{
    struct sockaddr_storage name;
    socklen_t len = address_to_sockaddr(to, &name);
    sock->watch.fd = -1;
    int fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    if (send_buffer) {
        int receive_buffer = send_buffer / 2;
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        /* At least four segments in the buffer: with less than two the receiver delays its acknowledgement each time, which over
         * loopback's 64 KiB segments means one buffer in 40 ms. */
        int segment = send_buffer / 4;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    }
    if (connect(fd, (struct sockaddr *)&name, len) < 0 && errno != EINPROGRESS) {
        int error = errno;
        close(fd);
        errno = error;
        return false;
    }
    socket_init(sock, loop, fd, ops);
    sock->is_connecting = true;
    sock->is_readable = sock->is_writable = false;
    return true;
}

void socket_close(struct socket *sock, bool is_reset)
{
    if (sock->watch.fd < 0)
        return;
    if (is_reset) {
        struct linger hard = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(sock->watch.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    loop_remove(sock->loop, &sock->watch);
    close(sock->watch.fd);
    sock->watch.fd = -1;
    sock->is_readable = sock->is_writable = false;
}

bool socket_is_open(const struct socket *sock)
{
    return sock->watch.fd >= 0;
}

ssize_t socket_read(struct socket *sock, void *into, size_t room)
{
    if (!sock->is_readable)
        return SOCKET_AGAIN;
    ssize_t n;
    do
        n = recv(sock->watch.fd, into, room, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        /* A short read means that the kernel's buffer was empty; the next bytes make a new edge. After a hangup there is
         * no further edge, so go on until the end is seen. */
        if ((size_t)n < room && !sock->has_hangup)
            sock->is_readable = false;
        return n;
    }
    sock->is_readable = false;
    if (n == 0)
        return SOCKET_END;
    return errno == EAGAIN || errno == EWOULDBLOCK ? SOCKET_AGAIN : SOCKET_BROKEN;
}

ssize_t socket_write(struct socket *sock, const struct slice *slices, size_t count)
{
    if (!sock->is_writable)
        return SOCKET_AGAIN;
    ssize_t n;
    size_t total = 0;
    do {
        if (count == 1) {
            total = slices->len;
            n = send(sock->watch.fd, slices->ptr, slices->len, MSG_NOSIGNAL);
        } else {
            struct iovec iov[MAX_IOV];
            struct msghdr message = {.msg_iov = iov, .msg_iovlen = count < MAX_IOV ? count : MAX_IOV};
            total = 0;
            for (size_t i = 0; i < message.msg_iovlen; i++) {
                iov[i] = (struct iovec){(void *)(uintptr_t)slices[i].ptr, slices[i].len};
                total += slices[i].len;
            }
            n = sendmsg(sock->watch.fd, &message, MSG_NOSIGNAL);
        }
    } while (n < 0 && errno == EINTR);
    if (n >= 0) {
        if ((size_t)n < total)
            sock->is_writable = false;
        return n;
    }
    sock->is_writable = false;
    return errno == EAGAIN || errno == EWOULDBLOCK ? SOCKET_AGAIN : SOCKET_BROKEN;
}

void socket_shutdown(struct socket *sock)
{
    (void)shutdown(sock->watch.fd, SHUT_WR);
}

void socket_move(struct socket *to, struct socket *from, const struct socket_ops *ops)
{
    *to = *from;
    to->ops = ops;
    from->watch.fd = -1;
    from->is_readable = from->is_writable = false;
    loop_move(to->loop, &from->watch, &to->watch);
}
