/* SPDX-License-Identifier: Apache-2.0 */
/* Header lists as they come out of HPACK, to heads: each list of the input goes through HPACK and the whole connection. A byte of flags begins
 * a list (1: with the pseudo-header fields that a request needs, 2: ends the stream, 4: trailers of the stream before), then a byte of how many
 * fields, then each as length, name, length, value. */
#include "base/assert.h"
#include "http/http2.h"
#include "http2_fuzz.h"

#include <nghttp2/nghttp2.h>

#define MAX_FIELDS 200
#define FRAME_HEAD 9

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct str take(struct str *rest)
{
    size_t len = rest->len ? (uint8_t)*rest->ptr : 0;
    struct str part = str_slice(*rest, 1, 1 + len);
    *rest = str_slice(*rest, 1 + len, rest->len);
    return part;
}

static size_t add(nghttp2_nv *fields, size_t count, struct str name, struct str value)
{
    fields[count] = (nghttp2_nv){(uint8_t *)(uintptr_t)name.ptr, (uint8_t *)(uintptr_t)value.ptr, name.len, value.len,
                                 NGHTTP2_NV_FLAG_NONE};
    return count + 1;
}

static void send_list(struct wire *wire, nghttp2_hd_deflater *deflater, struct str *rest, uint32_t *id)
{
    static uint8_t frame[FRAME_HEAD + (1 << 17)];
    nghttp2_nv fields[MAX_FIELDS + 4];
    uint8_t flags = (uint8_t)*rest->ptr, wanted = rest->len > 1 ? (uint8_t)rest->ptr[1] : 0;
    size_t count = 0;
    *rest = str_slice(*rest, 2, rest->len);
    if (flags & 1) {
        count = add(fields, count, STR(":method"), flags & 8 ? STR("CONNECT") : STR("GET"));
        if (!(flags & 8)) {
            count = add(fields, count, STR(":scheme"), STR("http"));
            count = add(fields, count, STR(":path"), STR("/"));
        }
        count = add(fields, count, STR(":authority"), STR("a:1"));
    }
    while (rest->len && count < MAX_FIELDS && wanted--) {
        struct str name = take(rest), value = take(rest);
        count = add(fields, count, name, value);
    }
    ssize_t size = nghttp2_hd_deflate_hd(deflater, frame + FRAME_HEAD, 16384, fields, count);
    if (size < 0)
        return;
    *id += flags & 4 ? 0 : 2;
    const uint8_t head[FRAME_HEAD] = {0,
                                      (uint8_t)(size >> 8),
                                      (uint8_t)size,
                                      NGHTTP2_HEADERS,
                                      (uint8_t)(NGHTTP2_FLAG_END_HEADERS | (flags & 2 ? NGHTTP2_FLAG_END_STREAM : 0)),
                                      0,
                                      0,
                                      (uint8_t)(*id >> 8),
                                      (uint8_t)*id};
    memcpy(frame, head, sizeof head);
    wire_send(wire, frame, sizeof head + (size_t)size);
    fuzz_settle(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct address address = {.family = ADDRESS_IPV4, .ip = {127, 0, 0, 1}, .port = 5};
    const struct peer peer = {.remote = address, .local = address};
    struct fuzz_user user = {0};
    struct codec codec;
    struct server server;
    struct err err;
    nghttp2_hd_deflater *deflater;
    ASSERT(nghttp2_hd_deflate_new(&deflater, 4096) == 0);
    struct loop *loop = loop_new(&err);
    codec_init(&codec, loop);
    server_init(&server, &codec, &fuzz_handler, &user);
    struct wire *wire = wire_new(loop, &address);
    server_accept(&server, wire->fd, &peer);
    wire_send(wire, HTTP2_PREFACE "\0\0\0\4\0\0\0\0\0", HTTP2_PREFACE_LEN + FRAME_HEAD);
    fuzz_settle(wire);
    struct str rest = {(const char *)data, len};
    for (uint32_t id = (uint32_t)-1; rest.len && server.count;)
        send_list(wire, deflater, &rest, &id);
    server_close_all(&server);
    fuzz_settle(wire);
    ASSERT(server.count == 0 && user.count == 0);
    nghttp2_hd_deflate_del(deflater);
    wire_free(wire);
    codec_deinit(&codec);
    loop_free(loop);
    return 0;
}
