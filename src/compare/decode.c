/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/decode.h"

#include "base/mem.h"

/* zlib reads its input through pointers to const then. */
#define ZLIB_CONST
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#define KEPT_BYTES ((size_t)256 * 1024)
#define FIRST_BYTES ((size_t)16 * 1024)
/* 8 MiB: RFC 9659 3. */
#define ZSTD_WINDOW_LOG 23
#define GZIP_WINDOW (15 + 16)
#define ZLIB_WINDOW 15
#define RAW_WINDOW (-15)

void decoder_init(struct decoder *decoder)
{
    *decoder = (struct decoder){0};
}

void decoder_deinit(struct decoder *decoder)
{
    for (int i = 0; i < 2; i++)
        mem_free(decoder->buffers[i].ptr);
    if (decoder->inflate) {
        inflateEnd(decoder->inflate);
        mem_free(decoder->inflate);
    }
    ZSTD_freeDCtx(decoder->zstd);
}

void decoder_trim(struct decoder *decoder)
{
    for (int i = 0; i < 2; i++) {
        if (decoder->buffers[i].capacity > KEPT_BYTES) {
            mem_free(decoder->buffers[i].ptr);
            decoder->buffers[i] = (struct decode_buffer){0};
        }
    }
    if (decoder->zstd && ZSTD_sizeof_DCtx(decoder->zstd) > 4 * KEPT_BYTES) {
        ZSTD_freeDCtx(decoder->zstd);
        decoder->zstd = NULL;
    }
}

/* One coding on its way: where output goes and what it may become. */
struct output {
    struct decode_buffer *buffer;
    size_t most;
};

/* Room for more output; false: there may be no more. */
static bool make_room(struct output *output)
{
    struct decode_buffer *buffer = output->buffer;
    if (buffer->len < buffer->capacity)
        return true;
    if (buffer->len >= output->most)
        return false;
    size_t wanted = buffer->capacity ? buffer->capacity * 2 : FIRST_BYTES;
    buffer->capacity = wanted < output->most ? wanted : output->most;
    buffer->ptr = mem_grow(buffer->ptr, buffer->capacity);
    return true;
}

/* The buffer may be larger than what is allowed now. */
static size_t room_of(const struct output *output)
{
    size_t end = output->buffer->capacity < output->most ? output->buffer->capacity : output->most;
    return end > output->buffer->len ? end - output->buffer->len : 0;
}

static bool reset_inflate(struct decoder *decoder, int window)
{
    if (decoder->inflate)
        return inflateReset2(decoder->inflate, window) == Z_OK;
    decoder->inflate = mem_alloc(sizeof(*decoder->inflate));
    if (inflateInit2(decoder->inflate, window) == Z_OK)
        return true;
    mem_free(decoder->inflate);
    decoder->inflate = NULL;
    return false;
}

static enum decode_result run_inflate(struct decoder *decoder, int window, struct str in, struct output *output)
{
    if (!reset_inflate(decoder, window))
        return DECODE_BROKEN;
    z_stream *stream = decoder->inflate;
    stream->next_in = (const Bytef *)in.ptr;
    stream->avail_in = (uInt)in.len;
    for (;;) {
        if (!make_room(output) || room_of(output) == 0)
            return DECODE_TOO_LARGE;
        size_t room = room_of(output);
        stream->next_out = (Bytef *)output->buffer->ptr + output->buffer->len;
        stream->avail_out = (uInt)room;
        int result = inflate(stream, Z_NO_FLUSH);
        output->buffer->len += room - stream->avail_out;
        if (result == Z_STREAM_END) {
            if (stream->avail_in == 0)
                return DECODE_OK;
            /* Another member follows (RFC 1952 2.2). */
            if (window != GZIP_WINDOW || inflateReset(stream) != Z_OK)
                return DECODE_BROKEN;
        } else if (result != Z_OK && !(result == Z_BUF_ERROR && stream->avail_out == 0)) {
            return DECODE_BROKEN;
        }
        if (result == Z_OK && stream->avail_in == 0 && stream->avail_out > 0)
            return DECODE_BROKEN;
    }
}

static enum decode_result run_deflate(struct decoder *decoder, struct str in, struct output *output)
{
    const unsigned char *byte = (const unsigned char *)in.ptr;
    /* RFC 1950 2.2: a method, and a check of two bytes. A raw stream may look like one by chance. */
    if (in.len >= 2 && (byte[0] & 15) == 8 && (byte[0] << 8 | byte[1]) % 31 == 0) {
        enum decode_result result = run_inflate(decoder, ZLIB_WINDOW, in, output);
        if (result != DECODE_BROKEN)
            return result;
        output->buffer->len = 0;
    }
    return run_inflate(decoder, RAW_WINDOW, in, output);
}

static enum decode_result run_brotli(struct str in, struct output *output)
{
    BrotliDecoderState *state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    if (!state)
        return DECODE_BROKEN;
    const uint8_t *next = (const uint8_t *)in.ptr;
    size_t left = in.len;
    enum decode_result result = DECODE_TOO_LARGE;
    while (make_room(output) && room_of(output) > 0) {
        size_t room = room_of(output), before = room;
        uint8_t *out = (uint8_t *)output->buffer->ptr + output->buffer->len;
        BrotliDecoderResult done = BrotliDecoderDecompressStream(state, &left, &next, &room, &out, NULL);
        output->buffer->len += before - room;
        if (done == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT)
            continue;
        result = done == BROTLI_DECODER_RESULT_SUCCESS && left == 0 ? DECODE_OK : DECODE_BROKEN;
        break;
    }
    BrotliDecoderDestroyInstance(state);
    return result;
}

static enum decode_result run_zstd(struct decoder *decoder, struct str in, struct output *output)
{
    if (!decoder->zstd)
        decoder->zstd = ZSTD_createDCtx();
    if (!decoder->zstd || ZSTD_isError(ZSTD_DCtx_reset(decoder->zstd, ZSTD_reset_session_and_parameters)) ||
        ZSTD_isError(ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
        return DECODE_BROKEN;
    ZSTD_inBuffer from = {in.ptr, in.len, 0};
    while (make_room(output) && room_of(output) > 0) {
        ZSTD_outBuffer to = {output->buffer->ptr + output->buffer->len, room_of(output), 0};
        size_t left = ZSTD_decompressStream(decoder->zstd, &to, &from);
        output->buffer->len += to.pos;
        if (ZSTD_isError(left))
            return DECODE_BROKEN;
        if (from.pos == from.size && left == 0)
            return DECODE_OK;
        if (from.pos == from.size && to.pos < to.size)
            return DECODE_BROKEN;
    }
    return DECODE_TOO_LARGE;
}

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_DEFLATE, CODING_BROTLI, CODING_ZSTD, CODING_UNKNOWN };

static enum coding coding_from_name(struct str name)
{
    static const struct {
        struct str name;
        enum coding coding;
    } codings[] = {
        {STR_INIT(""), CODING_IDENTITY},   {STR_INIT("identity"), CODING_IDENTITY}, {STR_INIT("gzip"), CODING_GZIP},
        {STR_INIT("x-gzip"), CODING_GZIP}, {STR_INIT("deflate"), CODING_DEFLATE},   {STR_INIT("br"), CODING_BROTLI},
        {STR_INIT("zstd"), CODING_ZSTD},
    };
    for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
        if (str_eq_nocase(name, codings[i].name))
            return codings[i].coding;
    }
    return CODING_UNKNOWN;
}

bool decode_is_coded(struct str codings)
{
    struct str name;
    while (str_next(&codings, ',', &name)) {
        if (coding_from_name(name) != CODING_IDENTITY)
            return true;
    }
    return false;
}

/* zlib counts in unsigned. */
#define MOST_INPUT ((size_t)1 << 30)

static enum decode_result run(struct decoder *decoder, enum coding coding, struct decode_limits limits, struct str in,
                              struct decode_buffer *buffer)
{
    /* From there on the ratio says more. */
    size_t by_ratio = in.len > SIZE_MAX / (limits.ratio + 1) ? SIZE_MAX : in.len * limits.ratio;
    if (by_ratio < DECODE_FREE_BYTES)
        by_ratio = DECODE_FREE_BYTES;
    size_t most = limits.bytes < by_ratio ? limits.bytes : by_ratio;
    /* One more than is allowed: output that ends exactly there is whole. */
    struct output output = {buffer, (most < MOST_INPUT ? most : MOST_INPUT) + 1};
    enum decode_result result = DECODE_UNKNOWN;
    buffer->len = 0;
    if (in.len > MOST_INPUT)
        return DECODE_TOO_LARGE;
    switch (coding) {
    case CODING_GZIP: result = run_inflate(decoder, GZIP_WINDOW, in, &output); break;
    case CODING_DEFLATE: result = run_deflate(decoder, in, &output); break;
    case CODING_BROTLI: result = run_brotli(in, &output); break;
    case CODING_ZSTD: result = run_zstd(decoder, in, &output); break;
    case CODING_IDENTITY:
    case CODING_UNKNOWN: break;
    }
    return result == DECODE_OK && buffer->len >= output.most ? DECODE_TOO_LARGE : result;
}

enum decode_result decode_body(struct decoder *decoder, struct decode_limits limits, struct str codings,
                               struct str body, struct str *decoded)
{
    enum coding chain[DECODE_MOST_CODINGS];
    size_t count = 0, turn = 0;
    struct str name;
    *decoded = body;
    while (str_next(&codings, ',', &name)) {
        enum coding coding = coding_from_name(name);
        if (coding == CODING_IDENTITY)
            continue;
        if (coding == CODING_UNKNOWN || count == DECODE_MOST_CODINGS)
            return DECODE_UNKNOWN;
        chain[count++] = coding;
    }
    if (count == 0 || body.len == 0)
        return body.len > limits.bytes ? DECODE_TOO_LARGE : DECODE_OK;
    /* The last one was applied last (RFC 9110 8.4). */
    while (count > 0) {
        struct decode_buffer *buffer = &decoder->buffers[turn++ % 2];
        enum decode_result result = run(decoder, chain[--count], limits, *decoded, buffer);
        if (result != DECODE_OK)
            return result;
        *decoded = (struct str){buffer->ptr, buffer->len};
    }
    return DECODE_OK;
}
