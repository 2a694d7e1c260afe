/* SPDX-License-Identifier: Apache-2.0 */
#include "http2_table.h"

#include "base/mem.h"

static struct table *table_of(struct server *server)
{
    return CONTAINER_OF(server, struct table, server);
}

static void on_refused(struct server *server, enum refusal why, const struct peer *peer)
{
    (void)peer;
    table_of(server)->refused[why]++;
}

static void on_close(struct server *server)
{
    table_of(server)->closed++;
}

static void connect_client(struct table *table)
{
    const struct address address = {.family = ADDRESS_IPV4, .ip = {127, 0, 0, 1}, .port = 5};
    const struct peer peer = {.remote = address, .local = address};
    struct wire *wire = wire_new(table->loop, &address);
    peer_init(&table->client, wire);
    server_accept(&table->server, wire->fd, &peer);
}

int table_setup_bare(void **state)
{
    struct table *table = mem_alloc(sizeof *table);
    struct err err;
    table->loop = loop_new(&err);
    codec_init(&table->codec, table->loop);
    server_init(&table->server, &table->codec, &seen_handler, &table->seen);
    table->server.on_refused = on_refused;
    table->server.on_close = on_close;
    table->seen.pull = STREAM_WINDOW;
    connect_client(table);
    *state = table;
    return 0;
}

void table_send_preface(struct table *table)
{
    wire_send(table->client.wire, HTTP2_PREFACE, HTTP2_PREFACE_LEN);
    peer_setting(&table->client, 0, 0);
}

int table_setup(void **state)
{
    (void)table_setup_bare(state);
    table_send_preface(*state);
    assert_has(peer_look(&((struct table *)*state)->client), "SETTINGS\n");
    return 0;
}

void table_settle(struct table *table)
{
    while (!twin_is_quiet(table->loop))
        twin_turn(table->loop);
}

int table_teardown(void **state)
{
    struct table *table = *state;
    server_close_all(&table->server);
    table_settle(table);
    assert_int_equal(table->server.count, 0);
    assert_int_equal(table->closed, 1);
    peer_deinit(&table->client);
    seen_deinit(&table->seen);
    codec_deinit(&table->codec);
    loop_free(table->loop);
    chunk_cache_trim();
    mem_free(table);
    return 0;
}

void table_pass_ms(struct table *table, uint64_t ms)
{
    uint64_t end = twin_now_ms(table->loop) + ms;
    table_settle(table);
    while (twin_next_ms(table->loop) <= end) {
        twin_set_ms(table->loop, twin_next_ms(table->loop));
        table_settle(table);
    }
    twin_set_ms(table->loop, end);
}

void table_send_body(struct table *table, uint32_t id, size_t len, bool is_last)
{
    static const char bytes[16384];
    while (len) {
        size_t part = len < sizeof bytes ? len : sizeof bytes;
        len -= part;
        peer_frame(&table->client, NGHTTP2_DATA, is_last && !len ? NGHTTP2_FLAG_END_STREAM : 0, id,
                   (struct str){bytes, part});
    }
}
