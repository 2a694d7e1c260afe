/* SPDX-License-Identifier: Apache-2.0 */
/* Plays in virtual time: the real http, proxy and mirror, wired as a worker of the gateway is, on the twin of the io layer. Tests say what
 * clients, live and shadows do and what they must see; nothing happens by itself but what the clock brings.
 *
 *     struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 1});
 *     struct actor *client = sim_client(sim);
 *     actor_sends(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
 *     struct actor *live = sim_live(sim);
 *     actor_expects_head(live, "GET / HTTP/1.1");
 *     actor_sends(live, "HTTP/1.1 204 No Content\r\n\r\n");
 *     actor_expects_head(client, "HTTP/1.1 204 No Content");
 *     sim_advance_ms(sim, 15000);
 *     sim_close(sim);
 *
 * After every act turns are run until nothing moves, and then both equations of the accounting are checked. sim_close takes everything
 * down and checks that budget and gauges are back to 0 and that no object is left. Expectations end the test when they are not met.
 * Lifetime: sim_open to sim_close; actors live as long. Thread: one. */
#pragma once

#include "sim_setup.h"
#include "twin.h"

#include "http/server.h"
#include "mirror/mirror.h"
#include "proxy/proxy.h"

struct sim_records;

/* What a host does with attempts to connect, and with connections when it answers by itself. */
struct host {
    struct list node;
    struct address address;
    bool is_shadow;
    bool is_refusing, is_black_hole, is_unreachable; /* at once, by errno of connect */
    uint32_t latency_ms;
    size_t capacity; /* of the kernels' buffers when the gateway sets none */
    const char
        *answer; /* given at once to every whole request; NULL: the test answers; empty: the connection is reset */
    unsigned attempts;
    unsigned requests; /* that it answered by itself */
};

/* The other end of a wire: a client, or a connection that live or a shadow has taken. */
struct actor {
    struct list node;
    struct sim *sim;
    struct wire *wire;
    struct host *host; /* NULL: a client */
    struct flow got;   /* read, not expected yet */
    size_t total;      /* bytes ever read */
    uint64_t last_ms;  /* when it last read something */
    bool is_deaf;      /* does not read */
    bool is_seen;      /* handed out by sim_live or sim_shadow */
};

struct sim {
    struct loop *loop;
    struct codec codec;
    struct server server;
    struct proxy proxy;
    struct mirror mirror;
    struct registry *registry;
    struct proxy_listener listener;
    struct peer peer;
    struct sim_records *records; /* NULL: none are made */
    struct list hosts, actors;
    unsigned clients;
    void (*accept)(struct server *server, int fd, const struct peer *peer); /* server_accept, or another codec's */
    void (*on_rest)(struct sim *sim); /* nothing moves: the play may go on; may be NULL */
    void *user;
};

struct sim *sim_open(const struct sim_rules *rules);
/* Ends what is left as the end of a drain does, and checks that nothing is. */
void sim_close(struct sim *sim);
/* New rules; what they no longer have goes. */
void sim_apply(struct sim *sim, const struct sim_rules *rules);
void sim_set_budget(struct sim *sim, uint64_t bytes);
/* Runs until nothing moves at the present time; the acts below do so by themselves. */
void sim_rest(struct sim *sim);
void sim_advance_ms(struct sim *sim, uint64_t ms);
uint64_t sim_now_ms(const struct sim *sim);

struct host *sim_live_host(struct sim *sim, unsigned endpoint);
struct host *sim_shadow_host(struct sim *sim, unsigned mirror, unsigned endpoint);
/* A host answers every request at once with this, or resets when it is empty; connections are not handed out by sim_live and
 * sim_shadow. */
void host_answers(struct host *host, const char *answer);

struct actor *sim_client(struct sim *sim);
/* The next connection that was made to a host of live, or of a shadow, and not handed out; there must be one. */
struct actor *sim_live(struct sim *sim);
struct actor *sim_shadow(struct sim *sim);
void sim_expects_no_live(struct sim *sim);
void sim_expects_no_shadow(struct sim *sim);

/* ---- acts ---- */

void actor_sends(struct actor *actor, const char *text);
void actor_sends_bytes(struct actor *actor, struct str bytes);
/* `count` bytes of a body: the letters a to z, over and over, from `from` on. */
void actor_sends_body(struct actor *actor, size_t from, size_t count);
/* So many bytes a turn, so that the gateway sees pieces; 0: all at once. */
void actor_sends_in_pieces(struct actor *actor, size_t bytes);
void actor_shuts(struct actor *actor);  /* FIN, goes on reading */
void actor_closes(struct actor *actor); /* FIN, and a reset for whatever comes after */
void actor_resets(struct actor *actor);
/* Stops reading: the kernels keep `capacity` bytes for it. */
void actor_stops_reading(struct actor *actor, size_t capacity);
void actor_reads_again(struct actor *actor);
/* Takes at most so many bytes of what waits in the kernels while not reading otherwise. */
void actor_reads_bytes(struct actor *actor, size_t bytes);

/* ---- expectations ---- */

/* The next bytes are exactly these. */
void actor_expects(struct actor *actor, const char *text);
void actor_expects_body(struct actor *actor, size_t from, size_t count);
/* A whole head whose first line is this; returns it, valid until the next expectation. */
struct str actor_expects_head(struct actor *actor, const char *first_line);
/* The head has the field; `value` NULL: any. */
void head_expects_field(struct str head, const char *name, const char *value);
void head_expects_no_field(struct str head, const char *name);
/* Chunks follow, with these data in all, their last chunk and no trailers. */
void actor_expects_chunked(struct actor *actor, const char *data);
/* A head and a body of Content-Length, whatever it says. */
void actor_expects_answer(struct actor *actor, const char *first_line);
void actor_expects_nothing(struct actor *actor);
void actor_expects_open(struct actor *actor);
/* The gateway ended its direction (FIN), in order and with all it had sent. */
void actor_expects_end(struct actor *actor);
/* The gateway reset the connection. */
void actor_expects_reset(struct actor *actor);
/* FIN or reset. */
void actor_expects_gone(struct actor *actor);
/* Bytes that the gateway has not read. */
size_t actor_unread(const struct actor *actor);

/* ---- accounts ---- */

struct registry_mirror *sim_mirror(struct sim *sim, unsigned mirror);
void sim_expects_matched(struct sim *sim, unsigned mirror, uint64_t count);
void sim_expects_sent(struct sim *sim, unsigned mirror, uint64_t count);
void sim_expects_completed(struct sim *sim, unsigned mirror, uint64_t count);
void sim_expects_filtered(struct sim *sim, unsigned mirror, enum filtered reason, uint64_t count);
void sim_expects_dropped(struct sim *sim, unsigned mirror, enum dropped reason, uint64_t count);
void sim_expects_failed(struct sim *sim, unsigned mirror, enum failed reason, uint64_t count);
/* Queued and in flight together. */
void sim_expects_under_way(struct sim *sim, unsigned mirror, uint64_t count);
/* Requests answered with this status, whichever backend they went to. */
void sim_expects_status(struct sim *sim, unsigned status, uint64_t count);
void sim_expects_refused(struct sim *sim, enum refusal why, uint64_t count);
int64_t sim_budget_used(struct sim *sim);
/* Both equations for every mirror. */
void sim_check_equations(struct sim *sim);

/* ---- whole exchanges, for plays about something else ---- */

/* Client asks, live and all shadows that got a copy answer, the client has its answer. */
void sim_warms_up(struct sim *sim, struct actor *client);

/* ---- where the play is, for messages ---- */

void sim_here(const char *file, int line);
/* Called before a failure ends the test. */
extern void (*sim_on_fail)(void);
_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define SIM_HERE(call) (sim_here(__FILE__, __LINE__), call)
#define sim_close(...) SIM_HERE((sim_close)(__VA_ARGS__))
#define sim_rest(...) SIM_HERE((sim_rest)(__VA_ARGS__))
#define sim_advance_ms(...) SIM_HERE((sim_advance_ms)(__VA_ARGS__))
#define sim_live(...) SIM_HERE((sim_live)(__VA_ARGS__))
#define sim_shadow(...) SIM_HERE((sim_shadow)(__VA_ARGS__))
#define sim_expects_no_live(...) SIM_HERE((sim_expects_no_live)(__VA_ARGS__))
#define sim_expects_no_shadow(...) SIM_HERE((sim_expects_no_shadow)(__VA_ARGS__))
#define actor_sends(...) SIM_HERE((actor_sends)(__VA_ARGS__))
#define actor_sends_bytes(...) SIM_HERE((actor_sends_bytes)(__VA_ARGS__))
#define actor_sends_body(...) SIM_HERE((actor_sends_body)(__VA_ARGS__))
#define actor_expects(...) SIM_HERE((actor_expects)(__VA_ARGS__))
#define actor_expects_body(...) SIM_HERE((actor_expects_body)(__VA_ARGS__))
#define actor_expects_head(...) SIM_HERE((actor_expects_head)(__VA_ARGS__))
#define head_expects_field(...) SIM_HERE((head_expects_field)(__VA_ARGS__))
#define head_expects_no_field(...) SIM_HERE((head_expects_no_field)(__VA_ARGS__))
#define actor_expects_chunked(...) SIM_HERE((actor_expects_chunked)(__VA_ARGS__))
#define actor_expects_answer(...) SIM_HERE((actor_expects_answer)(__VA_ARGS__))
#define actor_expects_nothing(...) SIM_HERE((actor_expects_nothing)(__VA_ARGS__))
#define actor_expects_open(...) SIM_HERE((actor_expects_open)(__VA_ARGS__))
#define actor_expects_end(...) SIM_HERE((actor_expects_end)(__VA_ARGS__))
#define actor_expects_reset(...) SIM_HERE((actor_expects_reset)(__VA_ARGS__))
#define actor_expects_gone(...) SIM_HERE((actor_expects_gone)(__VA_ARGS__))
#define sim_expects_matched(...) SIM_HERE((sim_expects_matched)(__VA_ARGS__))
#define sim_expects_sent(...) SIM_HERE((sim_expects_sent)(__VA_ARGS__))
#define sim_expects_completed(...) SIM_HERE((sim_expects_completed)(__VA_ARGS__))
#define sim_expects_filtered(...) SIM_HERE((sim_expects_filtered)(__VA_ARGS__))
#define sim_expects_dropped(...) SIM_HERE((sim_expects_dropped)(__VA_ARGS__))
#define sim_expects_failed(...) SIM_HERE((sim_expects_failed)(__VA_ARGS__))
#define sim_expects_under_way(...) SIM_HERE((sim_expects_under_way)(__VA_ARGS__))
#define sim_expects_status(...) SIM_HERE((sim_expects_status)(__VA_ARGS__))
#define sim_expects_refused(...) SIM_HERE((sim_expects_refused)(__VA_ARGS__))
#define sim_warms_up(...) SIM_HERE((sim_warms_up)(__VA_ARGS__))
