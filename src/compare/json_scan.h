/* SPDX-License-Identifier: Apache-2.0 */
/* Many bytes at once: how many are plain text of a string, how many are the same in two texts. With SSE2, which all x86-64 has, 16 or 32 at a
 * time; elsewhere 8 in a word. Nothing at or behind `end` is read. Lifetime: none. Thread: any; pure functions. */
#pragma once

#include "base/str.h"

#ifdef __SSE2__
#    include <emmintrin.h>

#    define SCAN_PLAIN_BYTES 16 /* most strings are short */
#    define SCAN_SAME_BYTES 32

static inline __m128i scan_load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* The lowest bit of 32 that is set, or 32. */
static inline size_t scan_first(int low, int high)
{
    return (size_t)__builtin_ctzll((unsigned)low | (uint64_t)(unsigned)high << 16 | 1ull << SCAN_SAME_BYTES);
}

/* As signed bytes, both control characters and what is no ASCII are less than a blank. */
static inline int scan_special(__m128i bytes)
{
    __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    return _mm_movemask_epi8(_mm_or_si128(found, _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '))));
}

/* Of the next SCAN_PLAIN_BYTES. */
static inline size_t scan_plain_step(const char *at)
{
    return (size_t)__builtin_ctz((unsigned)scan_special(scan_load(at)) | 1u << SCAN_PLAIN_BYTES);
}

static inline size_t scan_same_step(const char *a, const char *b)
{
    int low = _mm_movemask_epi8(_mm_cmpeq_epi8(scan_load(a), scan_load(b)));
    int high = _mm_movemask_epi8(_mm_cmpeq_epi8(scan_load(a + 16), scan_load(b + 16)));
    return scan_first(low ^ 0xffff, high ^ 0xffff);
}

#else

#    define SCAN_PLAIN_BYTES 8
#    define SCAN_SAME_BYTES 8
#    define SCAN_ONES 0x0101010101010101ull
#    define SCAN_HIGH 0x8080808080808080ull

/* The first byte in the lowest bits. */
static inline uint64_t scan_load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
#    if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#    endif
    return word;
}

/* The lowest byte that is marked is special; those above may be marked by a borrow only. */
static inline size_t scan_plain_step(const char *at)
{
    uint64_t word = scan_load(at);
    uint64_t found = ((word ^ SCAN_ONES * '"') - SCAN_ONES) | ((word ^ SCAN_ONES * '\\') - SCAN_ONES) |
                     (word - SCAN_ONES * ' ') | word;
    found &= SCAN_HIGH;
    return found ? (size_t)__builtin_ctzll(found) / 8 : SCAN_PLAIN_BYTES;
}

static inline size_t scan_same_step(const char *a, const char *b)
{
    uint64_t different = scan_load(a) ^ scan_load(b);
    return different ? (size_t)__builtin_ctzll(different) / 8 : SCAN_SAME_BYTES;
}
#endif

/* To the next quote, backslash, control character or byte that is no ASCII, or `end`. */
static inline const char *scan_plain(const char *at, const char *end)
{
    while (end - at >= SCAN_PLAIN_BYTES) {
        size_t count = scan_plain_step(at);
        at += count;
        if (count < SCAN_PLAIN_BYTES)
            return at;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= ' ' && (unsigned char)*at < 0x80)
        at++;
    return at;
}

/* How many bytes are the same from there on, of at most so many. */
static inline size_t scan_same(const char *a, const char *b, size_t most)
{
    size_t same = 0;
    while (most - same >= SCAN_SAME_BYTES) {
        size_t count = scan_same_step(a + same, b + same);
        same += count;
        if (count < SCAN_SAME_BYTES)
            return same;
    }
    while (same < most && a[same] == b[same])
        same++;
    return same;
}
