/* SPDX-License-Identifier: Apache-2.0 */
/* A connected (or connecting) byte transport on a loop: non-blocking, edge-triggered. The codec above reads until
 * nothing is left and writes until nothing fits; readiness is remembered here, so no call is made in vain.
 * tests/sim has a twin with scripted peers. Lifetime: the caller's memory, socket_open to socket_close. Thread: the loop's. */
#pragma once

#include "base/address.h"
#include "base/chunk.h"
#include "base/err.h"
#include "io/loop.h"

struct socket;
struct tls_client;  /* tls/client.h */
struct tls_server;  /* tls/server.h */
struct tls_session; /* tls/session.h */
struct tls_facts;   /* tls/session.h */

struct socket_ops {
    const char *name;
    void (*on_readable)(struct socket *sock); /* bytes or the end may be read */
    void (*on_writable)(struct socket *sock); /* room again after a write that did not take all; also: connected */
    /* The transport broke (connect failed, reset). Called once; only socket_close may follow. */
    void (*on_broken)(struct socket *sock, int error);
};

struct socket {
    struct watch watch; /* watch.fd is -1 when closed */
    const struct socket_ops *ops;
    struct loop *loop;
    struct tls_session *tls; /* NULL: plain bytes */
    bool is_connecting;
    bool is_readable; /* there may be something to read */
    bool is_writable; /* there may be room */
    bool has_hangup;  /* the peer will send no more: a read that comes up short is to be repeated until 0 */
};

enum { SOCKET_END = 0, SOCKET_AGAIN = -1, SOCKET_BROKEN = -2 };

/* Takes over a connected descriptor (accepted, already non-blocking). */
void socket_open(struct socket *sock, struct loop *loop, int fd, const struct socket_ops *ops);
/* Starts to connect. `send_buffer` bounds the kernel's send buffer in bytes (which doubles it for its own needs) and its receive
 * buffer to half of that; 0 leaves both to the kernel. False with errno when it
 * failed at once. */
bool socket_connect(struct socket *sock, struct loop *loop, const struct address *to, const struct socket_ops *ops,
                    int send_buffer) __attribute__((warn_unused_result));
/* Changes the kernel's send buffer. `is_bound`: to this size and no more. Else it begins there, as far as net.core.wmem_max allows, and
 * the kernel may let it grow (to net.ipv4.tcp_wmem, 4 MiB by default). */
void socket_set_send_buffer(struct socket *sock, int bytes, bool is_bound);
/* Acknowledges what was received now and not with the next bytes sent or after 40 ms, for which a peer that writes in small pieces waits
 * (Nagle's algorithm, RFC 896, and delayed acknowledgements, RFC 1122 4.2.3.2). */
void socket_acknowledge(struct socket *sock);
/* A peer that is silent for so long is asked whether it is there, and one that acknowledges nothing for twice as long is broken (TCP
 * keep-alive, RFC 9293 3.8.4; ETIMEDOUT). For connections on which it may be right that nothing comes for long. */
void socket_keep_alive(struct socket *sock, unsigned silence_s);
/* Safe to call twice; no callback follows. `is_reset` sends RST instead of FIN: the peer must not take what it got for whole. */
void socket_close(struct socket *sock, bool is_reset);
bool socket_is_open(const struct socket *sock);

/* Bytes read (> 0), SOCKET_END, SOCKET_AGAIN or SOCKET_BROKEN. With TLS the end is the peer's close_notify; a connection that ends without
 * one is SOCKET_BROKEN: somebody may have cut it. */
ssize_t socket_read(struct socket *sock, void *into, size_t room);
/* Bytes written (>= 0, possibly fewer than given), SOCKET_AGAIN or SOCKET_BROKEN. */
ssize_t socket_write(struct socket *sock, const struct slice *slices, size_t count);
/* Ends the sending direction (FIN). */
void socket_shutdown(struct socket *sock);

/* ---- TLS ---- */

/* From now on the bytes go through TLS: before anything was read or written. The handshake begins at once; reads and writes take
 * nothing until it is over, then both callbacks come. A failure is on_broken(EPROTO): socket_tls_failure says why. */
void socket_accept_tls(struct socket *sock, struct tls_server *server);
/* Likewise for a socket that is connecting or connected: on_writable comes when handshake and checks are over, and not before. */
void socket_connect_tls(struct socket *sock, struct tls_client *client);
/* Whether bytes may pass: connected, and the handshake, if there is one, is over. */
bool socket_is_ready(const struct socket *sock);
/* Server: which tls_name took the client; empty without TLS. */
struct str socket_tls_name(const struct socket *sock);
/* What ALPN settled: "h2", "http/1.1" or empty. */
struct str socket_alpn(const struct socket *sock);
/* How the handshake ended, or stands: not without TLS. Borrows as socket_tls_failure does. */
void socket_tls_facts(const struct socket *sock, struct tls_facts *facts);
/* Why on_broken came with EPROTO, or why a read or write of TLS was SOCKET_BROKEN; empty when TLS knows nothing of it. Borrowed until the
 * socket is closed. */
const char *socket_tls_failure(const struct socket *sock);

/* ---- handing over ---- */

/* The connection goes on in `to`, with other callbacks; `from` is closed without a sound. What is readable is reported anew. For
 * connections whose first bytes decide what they are. */
void socket_move(struct socket *to, struct socket *from, const struct socket_ops *ops);
