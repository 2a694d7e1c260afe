/* SPDX-License-Identifier: Apache-2.0 */
/* A borrowed run of bytes: pointer and length, never NUL-terminated by contract.
 * Lifetime: that of the memory it points into. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *ptr;
    size_t len;
};

/* A literal as a str; usable in static initialisers. For printf: "%.*s", STR_ARG(s). */
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_INIT(literal) \
    { \
        (literal), sizeof(literal) - 1 \
    }
#define STR_NONE ((struct str){NULL, 0})
#define STR_ARG(s) (int)(s).len, (s).ptr

/* The bytes of a C string without its NUL; NULL gives STR_NONE. */
struct str str_from_c(const char *text);

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII case folding only (RFC 9110 5.1). */
bool str_eq_nocase(struct str a, struct str b);
bool str_starts_with(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);

/* Index of the first `byte`, or s.len. */
size_t str_find_char(struct str s, char byte);

/* [from, to) clipped to the length. */
struct str str_slice(struct str s, size_t from, size_t to);

/* Without leading and trailing SP and HTAB (OWS of RFC 9110 5.6.3). */
struct str str_trim(struct str s);

/* Takes the next element of a list split at `separator`, trimmed of OWS; false at the end. `rest` is the cursor.
 * Empty elements are returned as empty strs, the one behind a last separator too; STR_NONE has no elements. */
bool str_next(struct str *rest, char separator, struct str *element);

/* True when the comma-separated list holds `token`, ASCII case-insensitively (Connection, Transfer-Encoding). */
bool str_list_has(struct str list, struct str token);

/* Unsigned decimal, digits only, no sign, no blanks; false when empty, not a number or over UINT64_MAX. */
bool str_to_u64(struct str s, uint64_t *value) __attribute__((warn_unused_result));

/* "512", "64Ki", "64Mi", "1Gi" (Kubernetes quantity, binary and k/M/G decimal suffixes) to bytes. */
bool str_to_bytes(struct str s, uint64_t *bytes) __attribute__((warn_unused_result));

/* "15s", "250ms", "2m", "1h", "1m30s" (Gateway API duration, GEP-2257) to milliseconds. */
bool str_to_ms(struct str s, uint64_t *ms) __attribute__((warn_unused_result));
