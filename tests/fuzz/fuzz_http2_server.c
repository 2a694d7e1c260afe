/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sends behind the preface, in pieces, to a connection whose requests are answered by turns: at once, early, late, not at
 * all. Each byte of a piece's first says how long it is. Runs on the twin's loop and wires. */
#include "base/assert.h"
#include "http/http2.h"
#include "http2_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void on_refused(struct server *server, enum refusal why, const struct peer *peer)
{
    (void)server;
    (void)peer;
    ASSERT(why > REFUSAL_NONE && why < REFUSAL_COUNT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct address address = {.family = ADDRESS_IPV4, .ip = {127, 0, 0, 1}, .port = 5};
    const struct peer peer = {.remote = address, .local = address};
    struct fuzz_user user = {0};
    struct codec codec;
    struct server server;
    struct err err;
    struct loop *loop = loop_new(&err);
    codec_init(&codec, loop);
    server_init(&server, &codec, &fuzz_handler, &user);
    server.on_refused = on_refused;
    struct wire *wire = wire_new(loop, &address);
    server_accept(&server, wire->fd, &peer);
    wire_send(wire, HTTP2_PREFACE, HTTP2_PREFACE_LEN);
    fuzz_feed(wire, &user, data, len);
    server_drain(&server);
    fuzz_settle(wire);
    server_close_all(&server);
    fuzz_settle(wire);
    ASSERT(server.count == 0);
    wire_free(wire);
    codec_deinit(&codec);
    loop_free(loop);
    return 0;
}
