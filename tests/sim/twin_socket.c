/* SPDX-License-Identifier: Apache-2.0 */
#include "twin.h"

#include "base/assert.h"
#include "base/mem.h"
#include "tls/session.h"

#include <errno.h>
#include <sys/epoll.h>

/* ---- flows ---- */

void flow_add(struct flow *flow, const void *bytes, size_t len)
{
    if (flow->taken == flow->bytes.len) {
        strbuf_clear(&flow->bytes);
        flow->taken = 0;
    }
    strbuf_add(&flow->bytes, (struct str){bytes, len});
}

size_t flow_len(const struct flow *flow)
{
    return flow->bytes.len - flow->taken;
}

struct str flow_peek(const struct flow *flow)
{
    return str_slice(strbuf_str(&flow->bytes), flow->taken, flow->bytes.len);
}

/* The bytes stay where they are until the next flow_add. */
void flow_take(struct flow *flow, size_t len)
{
    ASSERT(len <= flow_len(flow));
    flow->taken += len;
}

void flow_deinit(struct flow *flow)
{
    strbuf_deinit(&flow->bytes);
}

static void flow_move(struct flow *to, struct flow *from, size_t len)
{
    flow_add(to, flow_peek(from).ptr, len);
    flow_take(from, len);
}

/* ---- the peer's end ---- */

struct wire *wire_new(struct loop *loop, const struct address *remote)
{
    struct wire *wire = mem_alloc(sizeof *wire);
    wire->loop = loop;
    wire->remote = *remote;
    wire->fd = loop->next_fd++;
    wire->capacity = SIZE_MAX;
    list_init(&wire->edge);
    list_add(&loop->wires, &wire->node);
    return wire;
}

void wire_free(struct wire *wire)
{
    ASSERT(!wire->sock);
    list_remove(&wire->node);
    list_remove(&wire->edge);
    flow_deinit(&wire->sent);
    flow_deinit(&wire->arrived);
    flow_deinit(&wire->written);
    mem_free(wire);
}

void wire_edge(struct wire *wire)
{
    if (wire->sock && !list_is_linked(&wire->edge))
        list_add(&wire->loop->edges, &wire->edge);
}

void wire_send(struct wire *wire, const void *bytes, size_t len)
{
    ASSERT(!wire->is_end_sent && !wire->is_reset);
    if (len)
        flow_add(&wire->sent, bytes, len);
}

void wire_end(struct wire *wire)
{
    wire->is_end_sent = true;
}

/* What had arrived can still be read; what was under way is lost. */
void wire_reset(struct wire *wire)
{
    if (wire->is_reset)
        return;
    wire->is_reset = true;
    wire->error = ECONNRESET;
    flow_take(&wire->sent, flow_len(&wire->sent));
    wire_edge(wire);
}

static size_t room(const struct wire *wire)
{
    size_t used = flow_len(&wire->written);
    return used < wire->capacity ? wire->capacity - used : 0;
}

void wire_receive(struct wire *wire, size_t len)
{
    flow_take(&wire->written, len);
    /* As the kernel does: room is news only when a third is free. */
    if (wire->is_blocked && room(wire) >= wire->capacity / 3) {
        wire->is_blocked = false;
        wire_edge(wire);
    }
}

static void arrive(struct wire *wire)
{
    size_t len = flow_len(&wire->sent);
    if (wire->is_connecting || wire->is_reset)
        return;
    if (wire->segment && len > wire->segment)
        len = wire->segment;
    if (len) {
        flow_move(&wire->arrived, &wire->sent, len);
        wire_edge(wire);
    }
    if (!flow_len(&wire->sent) && wire->is_end_sent && !wire->is_end_arrived) {
        wire->is_end_arrived = true;
        wire_edge(wire);
    }
}

void twin_arrivals(struct loop *loop)
{
    for (struct list *node = loop->wires.next; node != &loop->wires; node = node->next) {
        struct wire *wire = CONTAINER_OF(node, struct wire, node);
        if (!wire->sock)
            continue;
        if (wire->is_connecting && wire->outcome_at_ns <= loop->now_ns) {
            wire->is_connecting = false;
            wire->error = wire->outcome;
            wire_edge(wire);
        }
        arrive(wire);
    }
}

/* ---- readiness ---- */

static uint32_t readiness(const struct wire *wire)
{
    uint32_t events = 0;
    if (wire->error || wire->is_reset)
        events |= EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | (wire->error ? EPOLLERR : 0u);
    if (flow_len(&wire->arrived))
        events |= EPOLLIN;
    if (wire->is_end_arrived)
        events |= EPOLLIN | EPOLLRDHUP;
    if (wire->is_end_arrived && wire->is_shut)
        events |= EPOLLHUP;
    if (!wire->is_blocked)
        events |= EPOLLOUT;
    return events;
}

static int take_error(struct wire *wire)
{
    int error = wire->error;
    wire->error = 0;
    return error;
}

/* True when that is all that can be told. */
static bool deliver_handshake(struct wire *wire, struct socket *sock)
{
    if (!wire->is_handshake_due)
        return false;
    wire->is_handshake_due = false;
    if (wire->tls_failure)
        sock->ops->on_broken(sock, EPROTO);
    return wire->tls_failure != NULL;
}

static void deliver_connected(struct wire *wire, struct socket *sock, uint32_t events)
{
    if (wire->error) {
        sock->ops->on_broken(sock, take_error(wire));
        return;
    }
    sock->is_connecting = false;
    if (deliver_handshake(wire, sock))
        return;
    sock->is_writable = true;
    sock->is_readable = (events & EPOLLIN) != 0;
    sock->has_hangup = (events & EPOLLRDHUP) != 0;
    sock->ops->on_writable(sock);
}

/* The order of callbacks is that of src/io/socket.c. */
void twin_deliver(struct wire *wire)
{
    struct socket *sock = wire->sock;
    uint32_t events = readiness(wire);
    if (!sock)
        return;
    if (sock->is_connecting) {
        deliver_connected(wire, sock, events);
        return;
    }
    if (deliver_handshake(wire, sock))
        return;
    bool was_writable = sock->is_writable;
    sock->is_writable |= (events & EPOLLOUT) != 0;
    sock->is_readable |= (events & EPOLLIN) != 0;
    sock->has_hangup |= (events & EPOLLRDHUP) != 0;
    if (sock->is_writable && !was_writable)
        sock->ops->on_writable(sock);
    if (wire->sock && sock->is_readable)
        sock->ops->on_readable(sock);
    if (wire->sock && (events & EPOLLERR)) {
        int error = take_error(wire);
        sock->ops->on_broken(sock, error ? error : ECONNRESET);
    }
}

/* ---- the gateway's end: io/socket.h ---- */

static struct wire *wire_of(const struct socket *sock)
{
    struct loop *loop = sock->loop;
    for (struct list *node = loop->wires.next; node != &loop->wires; node = node->next) {
        struct wire *wire = CONTAINER_OF(node, struct wire, node);
        if (wire->fd == sock->watch.fd)
            return wire;
    }
    ASSERT(!"a socket without a wire");
    return NULL;
}

static void socket_init(struct socket *sock, struct loop *loop, int fd, const struct socket_ops *ops)
{
    *sock = (struct socket){.watch = {.fd = fd}, .ops = ops, .loop = loop, .is_writable = true};
    struct wire *wire = wire_of(sock);
    ASSERT(!wire->sock && !wire->is_closed);
    wire->sock = sock;
}

void socket_open(struct socket *sock, struct loop *loop, int fd, const struct socket_ops *ops)
{
    socket_init(sock, loop, fd, ops);
    wire_edge(wire_of(sock));
}

/* The peers of a play say how much they take. */
void socket_set_send_buffer(struct socket *sock, int bytes, bool is_bound)
{
    (void)sock;
    (void)bytes;
    (void)is_bound;
}

/* Nor do they wait for acknowledgements. */
void socket_acknowledge(struct socket *sock)
{
    (void)sock;
}

/* Plays say themselves when a peer is gone. */
void socket_keep_alive(struct socket *sock, unsigned silence_s)
{
    (void)sock;
    (void)silence_s;
}

bool socket_connect(struct socket *sock, struct loop *loop, const struct address *to, const struct socket_ops *ops,
                    int send_buffer)
{
    struct wire *wire = wire_new(loop, to);
    sock->watch.fd = -1;
    wire->is_connecting = true;
    wire->outcome_at_ns = loop->now_ns;
    if (!loop->on_connect(loop->user, wire, send_buffer)) {
        int error = errno;
        wire_free(wire);
        errno = error;
        return false;
    }
    socket_init(sock, loop, wire->fd, ops);
    sock->is_connecting = true;
    sock->is_writable = false;
    return true;
}

/* A close with bytes unread is a reset, as in the kernel. */
void socket_close(struct socket *sock, bool is_reset)
{
    if (sock->watch.fd < 0)
        return;
    struct wire *wire = wire_of(sock);
    wire->is_closed = true;
    wire->is_closed_hard = is_reset || flow_len(&wire->arrived);
    wire->sock = NULL;
    list_remove(&wire->edge);
    sock->watch.fd = -1;
    sock->is_readable = sock->is_writable = false;
}

bool socket_is_open(const struct socket *sock)
{
    return sock->watch.fd >= 0;
}

ssize_t socket_read(struct socket *sock, void *into, size_t size)
{
    if (!sock->is_readable)
        return SOCKET_AGAIN;
    struct wire *wire = wire_of(sock);
    size_t len = flow_len(&wire->arrived);
    if (len > size)
        len = size;
    if (len) {
        memcpy(into, flow_peek(&wire->arrived).ptr, len);
        flow_take(&wire->arrived, len);
        if (len < size && !sock->has_hangup)
            sock->is_readable = false;
        return (ssize_t)len;
    }
    sock->is_readable = false;
    if (take_error(wire))
        return SOCKET_BROKEN;
    return wire->is_end_arrived || wire->is_reset ? SOCKET_END : SOCKET_AGAIN;
}

ssize_t socket_write(struct socket *sock, const struct slice *slices, size_t count)
{
    if (!sock->is_writable)
        return SOCKET_AGAIN;
    struct wire *wire = wire_of(sock);
    ASSERT(!wire->is_shut);
    if (wire->is_reset) {
        sock->is_writable = false;
        (void)take_error(wire);
        return SOCKET_BROKEN;
    }
    size_t limit = room(wire), total = 0;
    if (wire->write_max && limit > wire->write_max)
        limit = wire->write_max;
    for (size_t i = 0; i < count; i++) {
        size_t len = slices[i].len <= limit - total ? slices[i].len : limit - total;
        flow_add(&wire->written, slices[i].ptr, len);
        total += len;
        if (len == slices[i].len)
            continue;
        sock->is_writable = false;
        if (room(wire))
            wire_edge(wire); /* a short write only; the kernel has room again at once */
        else
            wire->is_blocked = true;
        return total ? (ssize_t)total : SOCKET_AGAIN;
    }
    if (wire->is_gone && total)
        wire_reset(wire);
    return (ssize_t)total;
}

void socket_shutdown(struct socket *sock)
{
    struct wire *wire = wire_of(sock);
    wire->is_shut = true;
}

/* ---- TLS ---- */

static void begin_tls(struct socket *sock)
{
    struct wire *wire = wire_of(sock);
    ASSERT(!wire->is_tls);
    wire->is_tls = wire->is_handshake_due = true;
    sock->is_readable = sock->is_writable = false;
    if (!sock->is_connecting)
        wire_edge(wire);
}

void socket_accept_tls(struct socket *sock, struct tls_server *server)
{
    (void)server;
    begin_tls(sock);
}

void socket_connect_tls(struct socket *sock, struct tls_client *client)
{
    (void)client;
    begin_tls(sock);
}

bool socket_is_ready(const struct socket *sock)
{
    return socket_is_open(sock) && !sock->is_connecting && !wire_of(sock)->is_handshake_due;
}

struct str socket_tls_name(const struct socket *sock)
{
    const char *name = wire_of(sock)->tls_name;
    return name ? str_from_c(name) : STR("");
}

struct str socket_alpn(const struct socket *sock)
{
    const char *alpn = wire_of(sock)->alpn;
    return alpn ? str_from_c(alpn) : STR("");
}

void socket_tls_facts(const struct socket *sock, struct tls_facts *facts)
{
    const struct wire *wire = wire_of(sock);
    *facts = (struct tls_facts){.version = TLS_VERSION_1_3, .failure = wire->tls_failure};
    if (wire->is_handshake_due)
        facts->failure = "the handshake was not done in time";
}

const char *socket_tls_failure(const struct socket *sock)
{
    const char *failure = wire_of(sock)->tls_failure;
    return failure ? failure : "";
}

/* ---- handing over ---- */

void socket_move(struct socket *to, struct socket *from, const struct socket_ops *ops)
{
    struct wire *wire = wire_of(from);
    ASSERT(!from->is_connecting);
    *to = *from;
    to->ops = ops;
    from->watch.fd = -1;
    from->is_readable = from->is_writable = false;
    wire->sock = to;
    wire_edge(wire);
}
