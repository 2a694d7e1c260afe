/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text: pages, logs, tables. Always NUL-terminated after the first write.
 * Lifetime: strbuf_deinit. Thread: the owner's. */
#pragma once

#include "base/str.h"

struct strbuf {
    char *ptr;
    size_t len, capacity;
};

#define STRBUF_INIT \
    { \
        NULL, 0, 0 \
    }

void strbuf_deinit(struct strbuf *buf);
void strbuf_clear(struct strbuf *buf);
void strbuf_add(struct strbuf *buf, struct str s);
/* Appends `len` bytes that the caller writes; borrowed until the next call. */
char *strbuf_extend(struct strbuf *buf, size_t len) __attribute__((returns_nonnull));
void strbuf_add_char(struct strbuf *buf, char byte);
/* In decimal digits; many times as fast as printf. */
void strbuf_add_u64(struct strbuf *buf, uint64_t number);
void strbuf_printf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes (RFC 8259 7); bytes that are no UTF-8 become U+FFFD. */
void strbuf_add_json(struct strbuf *buf, struct str s);
struct str strbuf_str(const struct strbuf *buf);
/* The text itself; the buffer is empty after and the caller frees with mem_free. */
char *strbuf_take(struct strbuf *buf);
