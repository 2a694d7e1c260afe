/* SPDX-License-Identifier: Apache-2.0 */
#include "app/log_sink.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

/* A line for which there is no room is lost: a reader of the log that stands still must not make traffic wait. A pipe with room takes a
 * line (it is shorter than PIPE_BUF) whole and at once. */
static void write_line(const char *line, size_t len)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    ssize_t written;
    if (poll(&room, 1, 0) == 0)
        return;
    do
        written = write(STDERR_FILENO, line, len);
    while (written < 0 && errno == EINTR); /* any other error loses the line: there is nowhere to say it */
}

static uint64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void log_sink_start(const char *role, const struct settings *settings)
{
    log_set_sink(&(struct log_sink){
        .format = settings->log_format,
        .level = settings->log_level,
        .role = role,
        .write = write_line,
        .wall_ns = wall_ns,
    });
}
