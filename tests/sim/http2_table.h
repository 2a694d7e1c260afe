/* SPDX-License-Identifier: Apache-2.0 */
/* A server and one client of HTTP/2 that sends any frames. Lifetime: a test. Thread: one. */
#pragma once

#include "http/http2.h"
#include "http2_peer.h"

#define GET ":method: GET\n:scheme: http\n:path: /x?y=1\n:authority: a.example\n"
#define POST ":method: POST\n:scheme: http\n:path: /up\n:authority: a.example\n"
#define END_HEADERS NGHTTP2_FLAG_END_HEADERS
#define WHOLE (NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM)

struct table {
    struct loop *loop;
    struct codec codec;
    struct server server;
    struct peer_end client;
    struct seen seen;
    unsigned refused[REFUSAL_COUNT];
    unsigned closed;
};

/* For cmocka: a client that has sent nothing; one that has sent its preface; the end, with checks that nothing is left. */
int table_setup_bare(void **state);
int table_setup(void **state);
int table_teardown(void **state);

void table_send_preface(struct table *table);
/* Runs turns until nothing moves / as long as so much time passes. */
void table_settle(struct table *table);
void table_pass_ms(struct table *table, uint64_t ms);
/* DATA of zeros. */
void table_send_body(struct table *table, uint32_t id, size_t len, bool is_last);
