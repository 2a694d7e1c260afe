/* SPDX-License-Identifier: Apache-2.0 */
#include "http2_peer.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define FRAME_HEAD 9
#define MAX_TURNS 100000

void peer_init(struct peer_end *end, struct wire *wire)
{
    *end = (struct peer_end){.wire = wire};
    nghttp2_hd_deflate_new(&end->deflater, 4096);
    nghttp2_hd_inflate_new(&end->inflater);
}

void peer_deinit(struct peer_end *end)
{
    nghttp2_hd_deflate_del(end->deflater);
    nghttp2_hd_inflate_del(end->inflater);
    strbuf_deinit(&end->got);
    if (end->wire)
        wire_free(end->wire);
}

/* ---- sending ---- */

void peer_frame(struct peer_end *end, uint8_t type, uint8_t flags, uint32_t id, struct str payload)
{
    const unsigned char head[FRAME_HEAD] = {
        (unsigned char)(payload.len >> 16),
        (unsigned char)(payload.len >> 8),
        (unsigned char)payload.len,
        type,
        flags,
        (unsigned char)(id >> 24),
        (unsigned char)(id >> 16),
        (unsigned char)(id >> 8),
        (unsigned char)id,
    };
    wire_send(end->wire, head, sizeof head);
    wire_send(end->wire, payload.ptr, payload.len);
}

struct str peer_encode(struct peer_end *end, const char *list)
{
    static unsigned char out[1 << 20];
    struct str rest = str_from_c(list), line;
    size_t count = 0, capacity = 0;
    nghttp2_nv *fields = NULL;
    while (str_next(&rest, '\n', &line)) {
        if (!line.len)
            continue;
        size_t colon = 1 + str_find_char(str_slice(line, 1, line.len), ':');
        struct str name = str_slice(line, 0, colon), value = str_slice(line, colon + 2, line.len);
        if (count == capacity)
            fields = mem_grow(fields, (capacity = 2 * capacity + 16) * sizeof *fields);
        fields[count++] = (nghttp2_nv){(uint8_t *)(uintptr_t)name.ptr, (uint8_t *)(uintptr_t)value.ptr, name.len,
                                       value.len, NGHTTP2_NV_FLAG_NONE};
    }
    ssize_t len = nghttp2_hd_deflate_hd(end->deflater, out, sizeof out, fields, count);
    assert_true(len >= 0);
    mem_free(fields);
    return (struct str){(char *)out, (size_t)len};
}

void peer_headers(struct peer_end *end, uint8_t flags, uint32_t id, const char *list)
{
    struct str block = peer_encode(end, list);
    bool is_first = true;
    do {
        struct str part = str_slice(block, 0, 16384);
        block = str_slice(block, part.len, block.len);
        uint8_t end_flag = block.len ? 0 : flags & NGHTTP2_FLAG_END_HEADERS;
        peer_frame(end, is_first ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION,
                   is_first ? (flags & NGHTTP2_FLAG_END_STREAM) | end_flag : end_flag, id, part);
        is_first = false;
    } while (block.len);
}

void peer_setting(struct peer_end *end, uint16_t id, uint32_t value)
{
    const char payload[6] = {(char)(id >> 8),     (char)id,           (char)(value >> 24),
                             (char)(value >> 16), (char)(value >> 8), (char)value};
    peer_frame(end, NGHTTP2_SETTINGS, 0, 0, (struct str){payload, id ? sizeof payload : 0});
}

void peer_number(struct peer_end *end, uint8_t type, uint32_t id, uint32_t number)
{
    const char payload[4] = {(char)(number >> 24), (char)(number >> 16), (char)(number >> 8), (char)number};
    peer_frame(end, type, 0, id, (struct str){payload, sizeof payload});
}

/* ---- looking ---- */

static uint32_t number_at(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;
    return (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
}

static void write_list(struct peer_end *end, struct str block)
{
    int flags = 0;
    while (block.len) {
        nghttp2_nv field;
        ssize_t used = nghttp2_hd_inflate_hd2(end->inflater, &field, &flags, (const uint8_t *)block.ptr, block.len,
                                              true);
        assert_true(used >= 0);
        block = str_slice(block, (size_t)used, block.len);
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            strbuf_printf(&end->got, "  %.*s: %.*s\n", (int)field.namelen, field.name, (int)field.valuelen,
                          field.value);
    }
    nghttp2_hd_inflate_end_headers(end->inflater);
}

static void write_settings(struct peer_end *end, struct str payload)
{
    for (; payload.len >= 6; payload = str_slice(payload, 6, payload.len))
        strbuf_printf(&end->got, "  %u=%u\n", number_at(payload.ptr) >> 16, number_at(payload.ptr + 2));
}

static void write_frame(struct peer_end *end, uint8_t type, uint8_t flags, uint32_t id, struct str payload)
{
    const char *last = flags & NGHTTP2_FLAG_END_STREAM ? " end" : "", *ack = flags & NGHTTP2_FLAG_ACK ? " ack" : "";
    switch (type) {
    case NGHTTP2_DATA: strbuf_printf(&end->got, "DATA %u %zu%s\n", id, payload.len, last); break;
    case NGHTTP2_HEADERS:
        strbuf_printf(&end->got, "HEADERS %u%s\n", id, last);
        write_list(end, payload);
        break;
    case NGHTTP2_RST_STREAM:
        strbuf_printf(&end->got, "RST_STREAM %u %s\n", id, nghttp2_http2_strerror(number_at(payload.ptr)));
        break;
    case NGHTTP2_SETTINGS:
        strbuf_printf(&end->got, "SETTINGS%s\n", ack);
        write_settings(end, payload);
        break;
    case NGHTTP2_PING: strbuf_printf(&end->got, "PING%s\n", ack); break;
    case NGHTTP2_GOAWAY:
        strbuf_printf(&end->got, "GOAWAY %u %s\n", number_at(payload.ptr),
                      nghttp2_http2_strerror(number_at(payload.ptr + 4)));
        break;
    case NGHTTP2_WINDOW_UPDATE: strbuf_printf(&end->got, "WINDOW_UPDATE %u %u\n", id, number_at(payload.ptr)); break;
    default: strbuf_printf(&end->got, "FRAME %u of type %u\n", id, type); break;
    }
}

static void look_at_frames(struct peer_end *end)
{
    struct str bytes = flow_peek(&end->wire->written);
    if (str_starts_with(bytes, STR("PRI "))) {
        wire_receive(end->wire, 24);
        bytes = flow_peek(&end->wire->written);
    }
    while (bytes.len >= FRAME_HEAD) {
        size_t len = number_at(bytes.ptr) >> 8;
        if (bytes.len < FRAME_HEAD + len)
            return;
        write_frame(end, (uint8_t)bytes.ptr[3], (uint8_t)bytes.ptr[4], number_at(bytes.ptr + 5) & 0x7fffffff,
                    str_slice(bytes, FRAME_HEAD, FRAME_HEAD + len));
        wire_receive(end->wire, FRAME_HEAD + len);
        bytes = flow_peek(&end->wire->written);
    }
}

const char *peer_look(struct peer_end *end)
{
    strbuf_clear(&end->got);
    strbuf_add(&end->got, STR(""));
    for (int i = 0; i < MAX_TURNS && !twin_is_quiet(end->wire->loop); i++) {
        twin_turn(end->wire->loop);
        look_at_frames(end);
    }
    look_at_frames(end);
    strbuf_add(&end->got, (struct str){"", 1});
    end->got.len--;
    return end->got.ptr;
}

/* ---- a user of streams ---- */

static int number_of(const struct seen *seen, const struct stream *stream)
{
    for (size_t i = seen->count; i > 0; i--) {
        if (seen->streams[i - 1] == stream)
            return (int)i;
    }
    return 0;
}

void seen_add(struct seen *seen, struct stream *stream)
{
    assert_true(seen->count < sizeof seen->streams / sizeof *seen->streams);
    seen->streams[seen->count++] = stream;
}

static const char *body_name(enum body_kind body)
{
    static const char *const names[] = {"none", "length", "stream", "close", "tunnel"};
    return names[body];
}

static void on_head(struct stream *stream, const struct head *head)
{
    struct seen *seen = stream->user;
    if (stream->peer) {
        seen_add(seen, stream);
        strbuf_printf(&seen->log, "%d head %.*s %.*s path=%.*s host=%.*s body=%s\n", number_of(seen, stream),
                      STR_ARG(head->method), STR_ARG(head->target), STR_ARG(head->path), STR_ARG(head->authority),
                      body_name(head->body));
    } else {
        strbuf_printf(&seen->log, "%d head %u body=%s\n", number_of(seen, stream), head->status, body_name(head->body));
    }
    for (uint16_t i = 0; i < head->field_count; i++)
        strbuf_printf(&seen->log, "  %.*s: %.*s\n", STR_ARG(head->fields[i].name), STR_ARG(head->fields[i].value));
    if (seen->pull)
        stream_pull(stream, seen->pull);
}

static void on_data(struct stream *stream, struct slice data)
{
    struct seen *seen = stream->user;
    strbuf_printf(&seen->log, "%d data %zu\n", number_of(seen, stream), data.len);
}

static void on_end(struct stream *stream, const struct field *trailers, uint16_t count)
{
    struct seen *seen = stream->user;
    strbuf_printf(&seen->log, "%d end\n", number_of(seen, stream));
    for (uint16_t i = 0; i < count; i++)
        strbuf_printf(&seen->log, "  %.*s: %.*s\n", STR_ARG(trailers[i].name), STR_ARG(trailers[i].value));
    if (seen->is_answering)
        server_answer(stream, 200, STR("hello"));
}

static void on_reset(struct stream *stream, enum reset why)
{
    static const char *const names[] = {
        [RESET_CLOSED] = "closed",     [RESET_STALE] = "stale",     [RESET_REFUSED] = "refused",
        [RESET_PROTOCOL] = "protocol", [RESET_TIMEOUT] = "timeout", [RESET_CANCEL] = "cancel",
    };
    struct seen *seen = stream->user;
    strbuf_printf(&seen->log, "%d reset %s\n", number_of(seen, stream), names[why]);
}

static void on_credit(struct stream *stream)
{
    struct seen *seen = stream->user;
    strbuf_printf(&seen->log, "%d credit %zu\n", number_of(seen, stream), stream->send_credit);
}

const struct stream_handler seen_handler = {"seen", on_head, on_data, on_end, on_reset, on_credit};

const char *seen_text(struct seen *seen)
{
    strbuf_add(&seen->log, (struct str){"", 1});
    seen->log.len--;
    return seen->log.ptr;
}

void seen_clear(struct seen *seen)
{
    strbuf_clear(&seen->log);
}

void seen_deinit(struct seen *seen)
{
    strbuf_deinit(&seen->log);
}

struct head seen_answer(uint16_t status, enum body_kind body, uint64_t length)
{
    return (struct head){.version = HTTP_1_1, .status = status, .body = body, .content_length = length};
}

void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in:\n%s", part, text);
}

void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" in:\n%s", part, text);
}
