/* SPDX-License-Identifier: Apache-2.0 */
/* The formats of a report, one file each, and what they share; for src/judge alone. Lifetime: none. Thread: any. */
#pragma once

#include "judge/verdict.h"

void report_text(const struct report_source *source, struct strbuf *out);
void report_markdown(const struct report_source *source, struct strbuf *out);
void report_junit(const struct report_source *source, struct strbuf *out);

/* RFC 3339 in UTC, to the second; "-" for 0. */
void report_add_time(struct strbuf *out, uint64_t wall_ns);
/* "200 2xx, 3 5xx" */
void report_add_statuses(struct strbuf *out, const uint64_t counts[6]);
extern const char *const report_status_classes[6];
/* "+0.3 ms (0.2 to 0.4)" or "not enough data" */
void report_add_interval(struct strbuf *out, const struct interval *interval);
