/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the next special byte of a head, eight bytes at a time and without intrinsics of one processor.
 * Internal to the HTTP/1 codec. Lifetime: borrowed bytes. Thread: any; pure functions. */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define SCAN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* First byte in the low bits, so that the lowest mark is the first byte. */
static inline uint64_t scan_load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return le64toh(word);
}

/* Marks (0x80) bytes below `limit` (1 to 128). A borrow can add false marks, but only above a true one: the lowest mark
 * is always right. */
static inline uint64_t scan_below(uint64_t word, uint8_t limit)
{
    return (word - SCAN_EACH(limit)) & ~word & SCAN_EACH(0x80);
}

/* Marks bytes that equal `byte`; the lowest mark is right. */
static inline uint64_t scan_equal(uint64_t word, uint8_t byte)
{
    return scan_below(word ^ SCAN_EACH(byte), 1);
}

static inline size_t scan_first(uint64_t marks)
{
    return (size_t)__builtin_ctzll(marks) / 8;
}

/* The first byte that ends or spoils a field value: a control byte other than HTAB. */
static inline const char *scan_value(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word = scan_load(at);
        uint64_t marks = scan_below(word, 0x20) | scan_equal(word, 0x7f);
        if (marks == 0) {
            at += 8;
            continue;
        }
        at += scan_first(marks);
        if (*at != '\t')
            return at;
        at++;
    }
    while (at < end && (*at == '\t' || ((uint8_t)*at >= 0x20 && *at != 0x7f)))
        at++;
    return at;
}

/* The first byte that ends or spoils a request target: SP and below, DEL and above, '#'. */
static inline const char *scan_target(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word = scan_load(at);
        uint64_t marks =
            scan_below(word, 0x21) | scan_equal(word, 0x7f) | scan_equal(word, '#') | (word & SCAN_EACH(0x80));
        if (marks != 0)
            return at + scan_first(marks);
        at += 8;
    }
    while (at < end && (*at > ' ' && *at < 0x7f && *at != '#'))
        at++;
    return at;
}

/* The first byte of a line's end or what may stand in no line: below 0x0e other than HTAB. */
static inline const char *scan_break(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t marks = scan_below(scan_load(at), '\r' + 1);
        if (marks == 0) {
            at += 8;
            continue;
        }
        at += scan_first(marks);
        if (*at != '\t')
            return at;
        at++;
    }
    while (at < end && (*at == '\t' || (uint8_t)*at > '\r'))
        at++;
    return at;
}
