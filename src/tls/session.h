/* SPDX-License-Identifier: Apache-2.0 */
/* TLS on one connected descriptor (non-blocking). Used by io/socket.c only: everything above reads and writes sockets as if there were no
 * TLS. Bytes sealed but not taken by the kernel wait here, at most one record (16 KiB) of the caller's bytes; an idle session holds no
 * buffers. OpenSSL never sees the descriptor: reads that would be in vain are not made, and writes never raise SIGPIPE.
 * Lifetime: tls_session_free, before the descriptor is closed. Thread: the worker's. */
#pragma once

#include "base/chunk.h"
#include "tls/client.h"
#include "tls/server.h"

#include <sys/types.h>

struct tls_session;

/* How a handshake ended. */
enum tls_version { TLS_VERSION_NONE, TLS_VERSION_1_2, TLS_VERSION_1_3 };
struct tls_facts {
    enum tls_version version; /* what it was done with */
    bool is_resumed;
    bool is_silent;      /* the peer left without a byte, as checks of a port do */
    const char *failure; /* as tls_session_failure; NULL: it is done */
};

struct tls_session *tls_session_accept(struct tls_server *server, int fd);
struct tls_session *tls_session_connect(struct tls_client *client, int fd);
void tls_session_free(struct tls_session *session);

enum { TLS_SESSION_END = 0, TLS_SESSION_WANT_READ = -1, TLS_SESSION_WANT_WRITE = -2, TLS_SESSION_BROKEN = -3 };

/* Goes on with the handshake: 1 when it is over, else one of the above (not END). When it failed, the alert has been sent. */
int tls_session_handshake(struct tls_session *session);
/* Plain bytes (> 0), END after the peer's close_notify (a connection that ends without one is BROKEN: its last message may be cut short),
 * or what the session waits for before it can go on. There may be more to read, without the descriptor being readable, until WANT_READ. */
ssize_t tls_session_read(struct tls_session *session, void *into, size_t room);
/* Plain bytes taken (>= 0), or what it waits for. The last byte of a record counts as taken when the whole record has left; so whoever
 * has bytes left over comes back when there is room. Small slices go into one record. */
ssize_t tls_session_write(struct tls_session *session, const struct slice *slices, size_t count);
/* The descriptor may have become readable; `has_hangup`: the peer will send no more, so every read asks the kernel. */
void tls_session_wake(struct tls_session *session, bool has_hangup);
/* Sends what is sealed and has not left: true when nothing is left, or when nothing will ever leave. */
bool tls_session_flush(struct tls_session *session);
/* Sends close_notify, as far as it fits now; tls_session_flush sends the rest. Nothing more may be written. */
void tls_session_shutdown(struct tls_session *session);

bool tls_session_is_open(const struct tls_session *session); /* the handshake is over */
bool tls_session_is_shut(const struct tls_session *session); /* tls_session_shutdown was called */
/* Server: the name that the client asked for, as the tls_name that took it: "*.example.com", "" for all others. Client: "". */
struct str tls_session_name(const struct tls_session *session);
/* "h2", "http/1.1" or empty. */
struct str tls_session_alpn(const struct tls_session *session);
struct tls_facts tls_session_facts(const struct tls_session *session);
/* Why it broke, in words for a log line: "certificate has expired", "the peer does not speak TLS"; borrowed until the session is freed. */
const char *tls_session_failure(const struct tls_session *session);
