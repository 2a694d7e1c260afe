/* SPDX-License-Identifier: Apache-2.0 */
/* Curves of one line: a column a second, eight heights. Lifetime: none. Thread: any; pure functions. */
#pragma once

#include "app/demo_record.h"
#include "base/strbuf.h"

enum demo_curve { CURVE_P99, CURVE_COPIES };

/* 0 (nothing) to 8 (full): latencies on a scale that doubles from 0.25 ms to over 16 ms, rates as a share of `full`. */
unsigned curve_level(enum demo_curve curve, const struct demo_now *now, double full);
/* Exactly `columns` columns, the newest seconds, growing from the left; without UTF-8 in ASCII. */
void curve_add(struct strbuf *page, const struct demo_record *record, enum demo_curve curve, double full,
               size_t columns, bool has_utf8);
