/* SPDX-License-Identifier: Apache-2.0 */
/* Plays with an API server in virtual time: the real client on the twin of the io layer (tests/sim/twin.h), a server that says what the test
 * says, over HTTP/1.1, and names that the test resolves. Expectations end the test when they are not met.
 *
 *     struct play *play = play_open(NULL);
 *     struct kube_watch *watch = …;
 *     struct ask *ask = play_expect(play, "GET /api/v1/pods?limit=500");
 *     play_answer(ask, 200, "{…}");
 *     ask = play_expect(play, "GET /api/v1/pods?watch=1&…");
 *     play_begin(ask);
 *     play_send(ask, "{\"type\":\"ADDED\",…}\n");
 *
 * Lifetime: play_open to play_close. Thread: one. */
#pragma once

#include "../../sim/twin.h"
#include "kube/client.h"
#include "kube/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PLAY_HOST "10.0.0.1"
#define PLAY_TOKEN "first-token"

struct play {
    struct loop *loop;
    struct kube_client *client;
    unsigned connects; /* attempts so far */
    /* What becomes of attempts: errno or 0; TWIN_NEVER ms: nothing. By address's last byte; 0 is for all others. */
    int outcomes[256];
    uint64_t delays_ms[256];
    const char *tls_failure;
    /* Names: addresses 10.0.0.x by their last bytes; count 0: not found. */
    uint8_t names[4];
    size_t name_count;
    unsigned questions;
    bool is_name_slow; /* no answer before play_resolve */
    struct resolver_query *query;
    struct list asks;
};

/* A request that the server has taken. Lives as long as the play. */
struct ask {
    struct list node;
    struct play *play;
    struct wire *wire;
    struct str line, head, body;
    char *text;
};

/* `host` NULL: PLAY_HOST. The token is inline, unless `token_file` is set with play_open_with. */
struct play *play_open(const char *host);
struct play *play_open_with(const char *host, const char *token_file);
void play_close(struct play *play);

void play_settle(struct play *play);
void play_advance_ms(struct play *play, uint64_t ms);
void play_resolve(struct play *play);

/* The next request that has come, in order of connections; NULL: none. */
struct ask *play_next(struct play *play);
/* …whose first line begins so. */
struct ask *play_expect(struct play *play, const char *line);
/* …after at most so much time; *waited_ms says how much it was. */
struct ask *play_expect_within(struct play *play, const char *line, uint64_t most_ms, uint64_t *waited_ms);
void play_expect_nothing(struct play *play);

/* The value of a header field; STR_NONE. */
struct str ask_field(const struct ask *ask, const char *name);
bool ask_line_has(const struct ask *ask, const char *part);

void play_answer(struct ask *ask, int status, const char *body);
/* With fields as "Name: value\r\n" lines. */
void play_answer_with(struct ask *ask, int status, const char *fields, struct str body);
/* A chunked 200. */
void play_begin(struct ask *ask);
void play_send(struct ask *ask, const char *text);
void play_send_str(struct ask *ask, struct str text);
void play_end(struct ask *ask);
/* The connection ends without the last chunk. */
void play_cut(struct ask *ask);
/* Whether the client has closed the connection. */
bool play_is_closed(const struct ask *ask);
