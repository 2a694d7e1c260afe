/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines for people or for machines: text `2026-01-02T12:00:01.123Z warn gateway: mirror …` or one JSON object a
 * line. Control bytes in a message are escaped, so that a peer can't forge lines; a line has at most LOG_LINE_MAX bytes
 * with its newline, a longer message is cut and ends in `…`. Formatting only; where lines go and what time it is are given by the sink, set once per process before
 * threads start. Secrets never go into a log line. Thread: any (one write per line). */
#pragma once

#include "base/str.h"

#define LOG_LINE_MAX 2048

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_sink {
    enum log_format format;
    enum log_level level;                        /* lines below are dropped */
    const char *role;                            /* supervisor, gateway, control, … */
    void (*write)(const char *line, size_t len); /* one whole line with its newline */
    uint64_t (*wall_ns)(void);                   /* CLOCK_REALTIME */
};

/* The sink is copied. Before the first call nothing is written. */
void log_set_sink(const struct log_sink *sink);
bool log_is_on(enum log_level level);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

/* At most one line per interval. Embed one per mirror (or other source of noise); the next line that passes can say
 * how many were held back. Not shared between threads. */
struct log_limit {
    uint64_t next_at_ns;
    uint64_t held_back;
};

/* True when a line may be written now; then *held_back says how many were not since the last. */
bool log_limit_pass(struct log_limit *limit, uint64_t now_ns, uint64_t interval_ns, uint64_t *held_back);
