/* SPDX-License-Identifier: Apache-2.0 */
#include "io/socket.h"

#include "base/assert.h"
#include "tls/session.h"

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

static void on_handshake(struct socket *sock)
{
    int result = tls_session_handshake(sock->tls);
    if (result == TLS_SESSION_WANT_READ || result == TLS_SESSION_WANT_WRITE)
        return;
    if (result == TLS_SESSION_BROKEN) {
        sock->ops->on_broken(sock, EPROTO);
        return;
    }
    sock->is_writable = true;
    sock->is_readable = true; /* the first bytes may have come with the end of the handshake */
    sock->ops->on_writable(sock);
    if (sock->is_readable)
        sock->ops->on_readable(sock);
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
    sock->has_hangup = (events & EPOLLRDHUP) != 0;
    if (sock->tls) {
        on_handshake(sock);
        return;
    }
    sock->is_writable = true;
    sock->is_readable = (events & (EPOLLIN | EPOLLRDHUP)) != 0;
    sock->ops->on_writable(sock);
}

/* Below the plain bytes: false when the handshake has been seen to, and there is nothing else to do. There is room for plain bytes once
 * all that is sealed has left. */
static bool on_ready_tls(struct socket *sock, uint32_t *events)
{
    tls_session_wake(sock->tls, sock->has_hangup);
    if (!tls_session_is_open(sock->tls)) {
        on_handshake(sock);
        return false;
    }
    if ((*events & EPOLLOUT) && !tls_session_flush(sock->tls))
        *events &= ~(uint32_t)EPOLLOUT;
    if ((*events & EPOLLOUT) && tls_session_is_shut(sock->tls))
        (void)shutdown(sock->watch.fd, SHUT_WR);
    return true;
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct socket *sock = CONTAINER_OF(watch, struct socket, watch);
    if (sock->is_connecting) {
        on_connected(sock, events);
        return;
    }
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        sock->has_hangup = true;
    if (sock->tls && !on_ready_tls(sock, &events))
        return;
    bool was_writable = sock->is_writable;
    if (events & EPOLLOUT)
        sock->is_writable = true;
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
    sock->tls = NULL;
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

void socket_keep_alive(struct socket *sock, unsigned silence_s)
{
    int on = 1, idle_s = (int)silence_s, each_s = idle_s / 3 + 1;
    unsigned unheard_ms = silence_s * 2000;
    (void)setsockopt(sock->watch.fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(sock->watch.fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(sock->watch.fd, IPPROTO_TCP, TCP_KEEPINTVL, &each_s, sizeof each_s);
    (void)setsockopt(sock->watch.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof unheard_ms);
}

void socket_acknowledge(struct socket *sock)
{
    int on = 1;
    (void)setsockopt(sock->watch.fd, IPPROTO_TCP, TCP_QUICKACK, &on,
                     sizeof on); /* fails on Unix sockets, which need none */
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
    if (sock->tls) {
        if (!is_reset)
            tls_session_shutdown(sock->tls);
        tls_session_free(sock->tls);
        sock->tls = NULL;
    }
    close(sock->watch.fd);
    sock->watch.fd = -1;
    sock->is_readable = sock->is_writable = false;
}

bool socket_is_open(const struct socket *sock)
{
    return sock->watch.fd >= 0;
}

static ssize_t read_tls(struct socket *sock, void *into, size_t room)
{
    ssize_t n = tls_session_read(sock->tls, into, room);
    if (n > 0)
        return n; /* OpenSSL may hold more, of which no edge will tell: go on until nothing comes */
    sock->is_readable = false;
    if (n == TLS_SESSION_END)
        return SOCKET_END;
    return n == TLS_SESSION_BROKEN ? SOCKET_BROKEN : SOCKET_AGAIN;
}

ssize_t socket_read(struct socket *sock, void *into, size_t room)
{
    if (!sock->is_readable)
        return SOCKET_AGAIN;
    if (sock->tls)
        return read_tls(sock, into, room);
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

static ssize_t write_tls(struct socket *sock, const struct slice *slices, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += slices[i].len;
    ssize_t n = tls_session_write(sock->tls, slices, count);
    if (n < 0 || (size_t)n < total)
        sock->is_writable = false;
    if (n >= 0)
        return n;
    return n == TLS_SESSION_BROKEN ? SOCKET_BROKEN : SOCKET_AGAIN;
}

ssize_t socket_write(struct socket *sock, const struct slice *slices, size_t count)
{
    if (!sock->is_writable)
        return SOCKET_AGAIN;
    if (sock->tls)
        return write_tls(sock, slices, count);
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
    if (sock->tls) {
        tls_session_shutdown(sock->tls);
        if (!tls_session_flush(sock->tls))
            return; /* the rest goes first, see on_ready_tls */
    }
    (void)shutdown(sock->watch.fd, SHUT_WR);
}

/* ---- TLS ---- */

/* Edges that came before are the handshake's: `is_told` has them reported again. */
static void begin_tls(struct socket *sock, bool is_told)
{
    sock->is_readable = sock->is_writable = sock->has_hangup = false;
    if (!is_told)
        return;
    loop_remove(sock->loop, &sock->watch);
    loop_add(sock->loop, &sock->watch);
}

void socket_accept_tls(struct socket *sock, struct tls_server *server)
{
    ASSERT(!sock->tls && !sock->is_connecting);
    sock->tls = tls_session_accept(server, sock->watch.fd);
    begin_tls(sock, sock->is_readable || sock->has_hangup);
}

void socket_connect_tls(struct socket *sock, struct tls_client *client)
{
    ASSERT(!sock->tls);
    sock->tls = tls_session_connect(client, sock->watch.fd);
    begin_tls(sock, !sock->is_connecting);
}

bool socket_is_ready(const struct socket *sock)
{
    return socket_is_open(sock) && !sock->is_connecting && (!sock->tls || tls_session_is_open(sock->tls));
}

struct str socket_tls_name(const struct socket *sock)
{
    return sock->tls ? tls_session_name(sock->tls) : STR("");
}

struct str socket_alpn(const struct socket *sock)
{
    return sock->tls ? tls_session_alpn(sock->tls) : STR("");
}

void socket_tls_facts(const struct socket *sock, struct tls_facts *facts)
{
    *facts = tls_session_facts(sock->tls);
}

const char *socket_tls_failure(const struct socket *sock)
{
    return sock->tls ? tls_session_failure(sock->tls) : "";
}

/* ---- handing over ---- */

void socket_move(struct socket *to, struct socket *from, const struct socket_ops *ops)
{
    ASSERT(socket_is_open(from) && !from->is_connecting);
    *to = *from;
    to->ops = ops;
    from->watch.fd = -1;
    from->tls = NULL;
    from->is_readable = from->is_writable = false;
    loop_move(to->loop, &from->watch, &to->watch);
}
