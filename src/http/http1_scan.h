/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the next special byte of a head, 16 bytes at a time. Written with the compiler's vectors, so that only one
 * instruction (the mask) is particular to a processor. Internal to the HTTP/1 codec.
 * Lifetime: borrowed bytes. Thread: any; pure functions. */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#    include <emmintrin.h>
#endif

#define SCAN_BLOCK 16
#define SCAN_EVERY 0xffffu /* the bits of a whole block */

/* 16 bytes, or one truth value (0 or 0xff) for each. */
#define SCAN_VECTOR __attribute__((vector_size(SCAN_BLOCK)))
struct scan {
    uint8_t lanes SCAN_VECTOR;
};

/* clang-format off */
#define SCAN_ALL(b) ((struct scan){{b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b}}.lanes)
/* clang-format on */

static inline struct scan scan_load(const char *at)
{
    struct scan block;
    memcpy(&block, at, sizeof(block));
    return block;
}

/* Bit n says whether lane n is true. */
static inline uint32_t scan_bits(struct scan truth)
{
#ifdef __SSE2__
    return (uint32_t)_mm_movemask_epi8((__m128i)truth.lanes);
#else
    uint64_t half[2];
    memcpy(half, &truth, sizeof(half));
    uint32_t bits = 0;
    for (int i = 0; i < 2; i++) {
        uint64_t ones = le64toh(half[i]) & UINT64_C(0x0101010101010101);
        bits |= (uint32_t)(ones * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
    }
    return bits;
#endif
}

static inline size_t scan_first(uint32_t bits)
{
    return (size_t)__builtin_ctz(bits);
}

/* True for bytes up to `limit` and from DEL on: one more than DEL is the least signed byte, and above it follow the
 * others. One comparison; what is allowed among them is rare and looked at one by one. */
static inline struct scan scan_outside(struct scan block, int8_t limit)
{
    struct scan next = {block.lanes + SCAN_ALL(1)};
    return (struct scan){
        (uint8_t SCAN_VECTOR)((int8_t SCAN_VECTOR)SCAN_ALL(limit + 2) > (int8_t SCAN_VECTOR)next.lanes)};
}

/* The first byte that a field value may not hold unseen: controls, DEL, obs-text. */
static inline const char *scan_plain(const char *at, const char *end)
{
    for (size_t blocks = (size_t)(end - at) / SCAN_BLOCK; blocks > 0; blocks--, at += SCAN_BLOCK) {
        uint32_t bits = scan_bits(scan_outside(scan_load(at), 0x1f));
        if (bits != 0)
            return at + scan_first(bits);
    }
    while (at < end && ((uint8_t)*at >= 0x20 && (uint8_t)*at < 0x7f))
        at++;
    return at;
}

/* The first byte that ends or spoils a field value: controls other than HTAB, and DEL. */
static inline const char *scan_value(const char *at, const char *end)
{
    at = scan_plain(at, end);
    while (at < end && (*at == '\t' || (uint8_t)*at >= 0x80))
        at = scan_plain(at + 1, end);
    return at;
}

/* The first byte that ends or spoils a request target: SP and below, DEL and above, '#'. */
static inline const char *scan_target(const char *at, const char *end)
{
    for (size_t blocks = (size_t)(end - at) / SCAN_BLOCK; blocks > 0; blocks--, at += SCAN_BLOCK) {
        struct scan block = scan_load(at);
        uint32_t bits = scan_bits((struct scan){scan_outside(block, ' ').lanes | (block.lanes == SCAN_ALL('#'))});
        if (bits != 0)
            return at + scan_first(bits);
    }
    while (at < end && ((uint8_t)*at > ' ' && (uint8_t)*at < 0x7f && *at != '#'))
        at++;
    return at;
}

/* Steps over letters, digits, '-' and '_', what nearly all field names are made of. Where it stops, bytes that may
 * stand in a name can still follow. */
static inline const char *scan_name(const char *at, const char *end)
{
    for (size_t blocks = (size_t)(end - at) / SCAN_BLOCK; blocks > 0; blocks--, at += SCAN_BLOCK) {
        struct scan b = scan_load(at);
        struct scan usual = {((b.lanes | SCAN_ALL(0x20)) - SCAN_ALL('a') <= SCAN_ALL(25)) |
                             (b.lanes - SCAN_ALL('0') <= SCAN_ALL(9)) | (b.lanes == SCAN_ALL('-')) |
                             (b.lanes == SCAN_ALL('_'))};
        uint32_t bits = scan_bits(usual) ^ SCAN_EVERY;
        if (bits != 0)
            return at + scan_first(bits);
    }
    return at;
}

/* Whether line structure needs a look at `byte`: NUL, CR and LF that are no pair, CR at the start of a line. */
static inline bool scan_is_break(char before, char byte)
{
    return byte == '\0' || (before == '\r') != (byte == '\n') || (before == '\n' && byte == '\r');
}

static inline struct scan scan_breaks(const char *at)
{
    struct scan before = scan_load(at - 1), block = scan_load(at);
    return (struct scan){(block.lanes == SCAN_ALL('\0')) |
                         ((before.lanes == SCAN_ALL('\r')) ^ (block.lanes == SCAN_ALL('\n'))) |
                         ((before.lanes == SCAN_ALL('\n')) & (block.lanes == SCAN_ALL('\r')))};
}

/* The first such byte from `at` on; `begin` is the first readable byte, before `at`. Two blocks a turn, because this
 * runs over whole heads; the last block overlaps what was seen. */
static inline const char *scan_break(const char *begin, const char *at, const char *end)
{
    for (size_t pairs = (size_t)(end - at) / (2 * SCAN_BLOCK); pairs > 0; pairs--, at += 2 * SCAN_BLOCK) {
        struct scan low = scan_breaks(at), high = scan_breaks(at + SCAN_BLOCK);
        if (scan_bits((struct scan){low.lanes | high.lanes}) != 0)
            return at + scan_first(scan_bits(low) | scan_bits(high) << SCAN_BLOCK);
    }
    if (end - begin > SCAN_BLOCK) {
        if (end - at > SCAN_BLOCK) {
            uint32_t bits = scan_bits(scan_breaks(at));
            if (bits != 0)
                return at + scan_first(bits);
            at += SCAN_BLOCK;
        }
        uint32_t bits = scan_bits(scan_breaks(end - SCAN_BLOCK)) >> (SCAN_BLOCK - (end - at));
        return bits != 0 ? at + scan_first(bits) : end;
    }
    while (at < end && !scan_is_break(at[-1], *at))
        at++;
    return at;
}
