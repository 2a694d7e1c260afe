/* SPDX-License-Identifier: Apache-2.0 */
/* Plays over the fake multiplexed protocol: what its actors say and expect, frame by frame. Lifetime: a play. Thread: one. */
#pragma once

#include "fake_mux.h"
#include "play.h"

#define HEAD_OK "HTTP/1.1 200 OK\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n\r\n"

struct mux_frame {
    unsigned id;
    struct str kind, payload;
    size_t begin, end; /* in what the actor got */
};

/* The frame that begins there; false when it has not come whole. */
bool mux_frame_at(struct str bytes, size_t begin, struct mux_frame *frame);

/* As sim_open, where all legs speak the protocol; with a client. */
struct sim *mux_open(const struct sim_rules *rules, struct actor **client);

void mux_sends(struct actor *actor, unsigned id, const char *kind, const char *payload);
/* One DATA frame, of a body as actor_sends_body makes it. */
void mux_sends_data(struct actor *actor, unsigned id, size_t from, size_t count);
/* The next frame of the stream besides CREDIT, and its payload, which begins like `payload`. */
struct str mux_expects(struct actor *actor, unsigned id, const char *kind, const char *payload);
/* DATA frames of the stream, together this body. */
void mux_expects_body(struct actor *actor, unsigned id, size_t from, size_t count);
void mux_expects_nothing(struct actor *actor, unsigned id);
/* What the gateway gave the actor to send in this stream so far; taken. */
uint64_t mux_credit(struct actor *actor, unsigned id);

/* A GET with credit for its answer. */
void mux_asks(struct actor *client, unsigned id);
/* Takes a GET and answers it. The far end's stream numbers are its connection's own. */
void mux_answers(struct actor *live, unsigned id, const char *body);
void mux_expects_answer(struct actor *client, unsigned id, const char *body);

#define mux_sends(...) SIM_HERE((mux_sends)(__VA_ARGS__))
#define mux_expects(...) SIM_HERE((mux_expects)(__VA_ARGS__))
#define mux_expects_body(...) SIM_HERE((mux_expects_body)(__VA_ARGS__))
#define mux_expects_nothing(...) SIM_HERE((mux_expects_nothing)(__VA_ARGS__))
