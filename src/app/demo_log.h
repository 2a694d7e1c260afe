/* SPDX-License-Identifier: Apache-2.0 */
/* What the demo's processes say on standard error: a pipe, and the last lines of it. The start-up block of `umbra run` tells where it
 * listens. Lifetime: demo_log_open to demo_log_close. Thread: main. */
#pragma once

#include "base/address.h"
#include "base/err.h"

#define DEMO_LOG_LINES 8
#define DEMO_LOG_WIDTH 512

struct demo_log {
    int read_fd, write_fd; /* children get the latter as standard error */
    char lines[DEMO_LOG_LINES][DEMO_LOG_WIDTH];
    size_t line_count; /* ever */
    char part[DEMO_LOG_WIDTH];
    size_t part_len;
    struct address listening, admin; /* of the start-up block; family ADDRESS_NONE before */
    bool is_up;                      /* the block is complete: the gateway serves */
};

bool demo_log_open(struct demo_log *log, struct err *err) __attribute__((warn_unused_result));
void demo_log_close(struct demo_log *log);
/* Reads what is there. */
void demo_log_read(struct demo_log *log);
/* Takes bytes as if they had been read. */
void demo_log_take(struct demo_log *log, struct str bytes);
/* The index-th of the kept lines, newest first; STR_NONE when there is none. The start-up block is not among them. */
struct str demo_log_line(const struct demo_log *log, size_t index);
