/* SPDX-License-Identifier: Apache-2.0 */
/* The receiving end of client connections in one worker: accepted descriptors go in, streams come out. Enforces the limits and
 * timeouts that need no route, answers what it refuses itself, and drains.
 * Lifetime: server_init to server_deinit (after server_close_all and one more turn). Thread: the worker's. */
#pragma once

#include "http/codec.h"
#include "http/refusal.h"
#include "http/stream.h"

struct tls_facts;  /* tls/session.h */
struct tls_server; /* tls/server.h */

/* So long a client may wait with its request though others want its place: clients in use ask more often, or come again. */
#define SERVER_PATIENCE_MS 1000

struct server_timeouts {
    uint32_t head_ms; /* from the first byte of a head (or the accept) to its last: 408 */
    /* No progress of a request body, or of a client that reads its answer, or of the answer to one that has closed its sending side and
     * is most likely gone: 408 or close. */
    uint32_t body_idle_ms;
    uint32_t keep_alive_ms; /* between requests */
    uint32_t linger_ms;     /* after a last answer, for what the client still sends */
};
extern const struct server_timeouts server_default_timeouts;

struct server {
    struct codec *codec;
    const struct stream_handler
        *handler; /* of every stream; stream->user is the server's `user` until on_head changes it */
    void *user;
    const struct server_timeouts *timeouts;
    void (*on_refused)(struct server *server, enum refusal why, const struct peer *peer); /* counts */
    void (*on_close)(struct server *server);                                              /* a connection is gone */
    /* A handshake is done or has failed; not for connections that end without a byte. Counts; may be NULL. */
    void (*on_tls)(struct server *server, const struct peer *peer, const struct tls_facts *facts);
    struct tls_server
        *tls; /* of connections accepted from now on; NULL: plain. The server holds a reference (server_set_tls) */
    struct list conns;
    size_t count;
    bool is_draining;
};

/* A connection as its server knows it, whatever its codec. */
struct server_member {
    struct list node;
    void (*close)(struct server_member *member, bool is_only_if_idle);
    /* Closes it when it has waited for a whole head for so long, and nothing is in flight on it; true when it did. */
    bool (*give_way)(struct server_member *member, uint32_t waited_ms);
    void (*drain)(struct server_member *member); /* the server begins to; NULL: the next answer sees it */
};

void server_init(struct server *server, struct codec *codec, const struct stream_handler *handler, void *user);
/* Connections accepted from now on speak TLS with this one; those that there are go on. */
void server_set_tls(struct server *server, struct tls_server *tls);
/* Takes over the descriptor. What the connection speaks is seen from its first bytes: HTTP/2's preface (RFC 9113 3.4) or HTTP/1; with TLS
 * it must be what ALPN settled. */
void server_accept(struct server *server, int fd, const struct peer *peer);
/* From now on every answer ends its connection. Idle connections stay, so that a request that is on its way is not lost. */
void server_drain(struct server *server);
/* Closes connections that wait for a request of which nothing has come. */
void server_close_idle(struct server *server);
/* Makes room for another client: closes a connection that has waited for a request, or for the rest of its head, for SERVER_PATIENCE_MS.
 * Looks at a few, others the next time. True when it closed one. */
bool server_make_room(struct server *server) __attribute__((warn_unused_result));
/* Resets what is left. */
void server_close_all(struct server *server);

/* Answers a request whole with a short text body and ends the stream: what Umbra says itself. When the request's body has not
 * ended, it is not waited for. */
void server_answer(struct stream *stream, uint16_t status, struct str text);
/* Likewise, with status and fields of the caller; without a body when `text` is empty. The text is a literal. */
void server_answer_head(struct stream *stream, struct head *head, struct str text);
/* Likewise, with any bytes. */
void server_answer_body(struct stream *stream, struct head *head, struct slice body);
