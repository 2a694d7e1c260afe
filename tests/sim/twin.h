/* SPDX-License-Identifier: Apache-2.0 */
/* The twin of io/loop.h, io/timer.h and io/socket.h: the same functions on a clock that moves only when told, and on wires instead of
 * descriptors. A wire is one connection: the gateway's end is a struct socket, the other end is a peer of the play (sim.h), and between
 * them stand the kernels' buffers. Like the real kernel it reports edges: something arrived, there is room again, the peer is gone.
 * Linked in front of libio, so that its loop.o and socket.o are never pulled in; wheel.o is the real one.
 * Lifetime: a scenario. Thread: one. */
#pragma once

#include "base/strbuf.h"
#include "io/loop.h"
#include "io/socket.h"
#include "io/wheel.h"

#define NS_PER_MS 1000000ull
#define TWIN_NEVER UINT64_MAX
/* 2026-01-02T00:00:00Z when a scenario begins. */
#define TWIN_WALL_S 1767312000ull

/* Bytes in one direction: written at one end, read at the other. */
struct flow {
    struct strbuf bytes;
    size_t taken; /* of bytes, from the front */
};

void flow_add(struct flow *flow, const void *bytes, size_t len);
size_t flow_len(const struct flow *flow);
struct str flow_peek(const struct flow *flow);
void flow_take(struct flow *flow, size_t len);
void flow_deinit(struct flow *flow);

struct wire {
    struct list node; /* of loop->wires */
    struct list edge; /* of loop->edges: the gateway has not been told yet */
    struct loop *loop;
    int fd;
    struct address remote;
    struct socket *sock; /* the gateway's end; NULL: not opened yet, or closed */
    void *peer;          /* the sim's */

    bool is_connecting;
    uint64_t outcome_at_ns; /* when the attempt is decided */
    int outcome;            /* errno, 0: connected */

    /* towards the gateway */
    struct flow sent, arrived; /* by the peer; a segment of it per turn, then readable */
    size_t segment;            /* bytes that arrive per turn; 0: all at once */
    bool is_end_sent, is_end_arrived;
    int error;     /* pending, as SO_ERROR: the peer reset */
    bool is_reset; /* by the peer */
    bool is_gone;  /* the peer has closed both ways: what the gateway writes now is answered with a reset */

    /* from the gateway */
    struct flow written;
    size_t capacity;                         /* bytes that both kernels keep while the peer does not read */
    size_t write_max;                        /* most of one write; 0: no limit */
    bool is_blocked;                         /* a write found no room: room is an edge */
    bool is_shut, is_closed, is_closed_hard; /* by the gateway: FIN, close, RST */

    /* TLS of a play changes no bytes: its handshake takes no time, and has the outcome that is said here. */
    bool is_tls;             /* by the gateway */
    bool is_handshake_due;   /* the gateway has not been told its outcome */
    const char *alpn;        /* what it settles; NULL: nothing */
    const char *tls_name;    /* which name takes the client; NULL: "" */
    const char *tls_failure; /* why it fails; NULL: it does not */
};

struct loop {
    uint64_t now_ns;
    struct wheel wheel;
    struct list soon, after_events, later, wires, edges;
    int next_fd;
    uint64_t turns;
    /* Decides a connection attempt: sets outcome, outcome_at_ns, capacity. False: fails at once with errno. */
    bool (*on_connect)(void *user, struct wire *wire, int send_buffer);
    void *user;
};

/* A wire between a gateway and a peer that has connected to it; its fd is for server_accept. */
struct wire *wire_new(struct loop *loop, const struct address *remote);
void wire_free(struct wire *wire);
/* What the peer does. */
void wire_send(struct wire *wire, const void *bytes, size_t len);
void wire_end(struct wire *wire);
void wire_reset(struct wire *wire);
/* Takes what the gateway wrote. */
void wire_receive(struct wire *wire, size_t len);
/* Something has changed that the gateway is to be told. */
void wire_edge(struct wire *wire);

/* Called by each turn: what the peers sent arrives, attempts to connect that are due are decided. */
void twin_arrivals(struct loop *loop);
/* Tells a socket what poll found. */
void twin_deliver(struct wire *wire);

/* One turn of the loop at the present time. */
void twin_turn(struct loop *loop);
/* Nothing would happen in a turn now. */
bool twin_is_quiet(const struct loop *loop);
/* The next moment at which something happens by itself, in ms; TWIN_NEVER. */
uint64_t twin_next_ms(const struct loop *loop);
/* Moves the clock; turns are the caller's. */
void twin_set_ms(struct loop *loop, uint64_t now_ms);
uint64_t twin_now_ms(const struct loop *loop);
