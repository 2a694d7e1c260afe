/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, sizes and times as people read them, and label values as Prometheus reads them: the pages' small change.
 * Lifetime: the caller's memory. Thread: any; pure functions. */
#pragma once

#include "base/strbuf.h"

/* One cell of a table; every function below writes at most this and returns it. */
#define TEXT_CELL 40
struct text {
    char ptr[TEXT_CELL];
};

/* "1,234,567" */
struct text text_count(uint64_t n);
/* "0.0", "12.3", "12,345": one decimal below 100, none above. */
struct text text_rate(double per_second);
/* "0 B", "640 KiB", "1.5 MiB" */
struct text text_bytes(uint64_t bytes);
/* "850 ms", "3 s", "2 min 5 s", "3 h 4 min", "2 d 1 h" */
struct text text_duration(uint64_t ns);
/* "0 %", "0.02 %", "12.5 %", "100 %"; "-" when the whole is 0. Never rounds something to 0 % or to 100 %. */
struct text text_share(uint64_t part, uint64_t whole);
/* "1.25" with the digits that a duration in milliseconds deserves; "-" when negative. */
struct text text_ms(double ms);
/* "2026-01-31T12:00:01.123Z" (RFC 3339) */
struct text text_time(uint64_t wall_ns);

/* Decimal digits at the end of the page; cheaper than printf. */
void text_add_u64(struct strbuf *page, uint64_t n);
/* A label value with backslash, quote and newline escaped, other control bytes and what is no UTF-8 replaced by '?'. */
void text_add_label(struct strbuf *page, struct str value);
/* Pads with blanks to `width` columns (UTF-8 code points count as one), cutting what is longer with "…"; control bytes become '?'.
 * A negative width aligns right. */
void text_add_cell(struct strbuf *page, struct str value, int width);
/* As it is, but control bytes become '?'. */
void text_add_clean(struct strbuf *page, struct str value);
/* The text with `indent` blanks in front of each line, broken at blanks so that lines have at most `width` columns. */
void text_add_wrapped(struct strbuf *page, struct str value, size_t indent, size_t width);
/* Decodes %XX and '+' of a query value into the page. */
void text_add_unescaped(struct strbuf *page, struct str value);
/* Encodes what may not stand in a query value. */
void text_add_escaped(struct strbuf *page, struct str value);
