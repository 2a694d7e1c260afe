/* SPDX-License-Identifier: Apache-2.0 */
/* What a backend sends, in pieces, to a connection with a few requests of different kinds. Runs on the twin's loop and wires. */
#include "base/assert.h"
#include "http/http2.h"
#include "http2_fuzz.h"

#define REQUESTS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct pool {
    struct client_conn *conn;
    unsigned gone, retired;
};

static struct pool *pool_of(struct client_conn *conn)
{
    return (struct pool *)(void *)conn->pool;
}

static void on_room(struct client_conn *conn)
{
    ASSERT(!pool_of(conn)->gone);
}

static void on_retire(struct client_conn *conn)
{
    ASSERT(pool_of(conn)->retired++ == 0);
}

static void on_gone(struct client_conn *conn, int error)
{
    (void)error;
    ASSERT(pool_of(conn)->gone++ == 0);
}

static const struct client_conn_events events = {
    .on_room = on_room, .on_leaving = on_room, .on_retire = on_retire, .on_gone = on_gone};

static void on_early(struct socket *sock)
{
    (void)sock;
}

static void on_early_broken(struct socket *sock, int error)
{
    (void)sock;
    (void)error;
}

static const struct socket_ops early_ops = {"early", on_early, on_early, on_early_broken};

static void send_requests(struct client_conn *conn, struct fuzz_user *user)
{
    static const enum http_method methods[REQUESTS] = {METHOD_GET, METHOD_POST, METHOD_HEAD, METHOD_CONNECT};
    static const struct str names[REQUESTS] = {STR_INIT("GET"), STR_INIT("POST"), STR_INIT("HEAD"),
                                               STR_INIT("CONNECT")};
    for (int i = 0; i < REQUESTS; i++) {
        struct field fields[] = {{STR("Host"), STR("a:1"), FIELD_HOST}};
        struct head head = {.method = names[i],
                            .method_id = methods[i],
                            .target = methods[i] == METHOD_CONNECT ? STR("a:1") : STR("/"),
                            .body = methods[i] == METHOD_POST ? BODY_STREAM : BODY_NONE,
                            .fields = fields,
                            .field_count = 1};
        struct stream *stream = conn->ops->open(conn);
        stream->handler = &fuzz_handler;
        stream->user = user;
        fuzz_add(user, stream);
        stream_send_head(stream, &head);
        if (methods[i] == METHOD_POST)
            stream_send_data(stream, (struct slice){NULL, "hello", 5});
        else if (methods[i] != METHOD_CONNECT)
            fuzz_end(user, stream);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct address address = {.family = ADDRESS_IPV4, .ip = {127, 0, 0, 1}, .port = 5};
    struct fuzz_user user = {.is_client = true};
    struct pool pool = {0};
    struct codec codec;
    struct socket sock;
    struct err err;
    struct loop *loop = loop_new(&err);
    codec_init(&codec, loop);
    struct wire *wire = wire_new(loop, &address);
    socket_open(&sock, loop, wire->fd, &early_ops);
    pool.conn = http2_client_adopt(&codec, &sock, &events, (struct client_pool *)(void *)&pool, 100);
    send_requests(pool.conn, &user);
    fuzz_feed(wire, &user, data, len);
    if (!pool.gone)
        pool.conn->ops->close(pool.conn);
    fuzz_settle(wire);
    ASSERT(pool.gone == 1 && user.count == 0);
    wire_free(wire);
    codec_deinit(&codec);
    loop_free(loop);
    return 0;
}
