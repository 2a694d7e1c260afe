/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

bool demo_log_open(struct demo_log *log, struct err *err)
{
    int ends[2];
    *log = (struct demo_log){.read_fd = -1, .write_fd = -1};
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, "pipe");
    log->read_fd = ends[0];
    log->write_fd = ends[1];
    fcntl(log->read_fd, F_SETFL, O_NONBLOCK);
    return true;
}

void demo_log_close(struct demo_log *log)
{
    if (log->read_fd < 0)
        return;
    close(log->read_fd);
    close(log->write_fd);
    log->read_fd = log->write_fd = -1;
}

/* "  listening  http://127.0.0.1:8080", with a path or without. */
static bool take_address(struct str line, struct str label, struct address *address)
{
    if (!str_starts_with(line, label))
        return false;
    struct str text = str_trim(str_slice(line, label.len, line.len));
    struct str scheme = STR("http://");
    if (str_starts_with(text, scheme))
        text = str_slice(text, scheme.len, text.len);
    if (!str_starts_with(text, STR("unix:")))
        text = str_slice(text, 0, str_find_char(text, '/'));
    return address_parse(text, address);
}

/* True for the lines of the start-up block. */
static bool take_startup(struct demo_log *log, struct str line)
{
    if (log->is_up)
        return false;
    if (take_address(line, STR("  listening "), &log->listening) || take_address(line, STR("  admin "), &log->admin))
        return true;
    if (str_starts_with(line, STR("  pid ")) && log->listening.family && log->admin.family)
        log->is_up = true;
    return str_starts_with(line, STR("  ")) || str_eq(line, STR("umbra " UMBRA_VERSION));
}

static void take_line(struct demo_log *log)
{
    struct str line = {log->part, log->part_len};
    if (line.len > 0 && !take_startup(log, line)) {
        char *kept = log->lines[log->line_count++ % DEMO_LOG_LINES];
        memcpy(kept, line.ptr, line.len);
        kept[line.len] = '\0';
    }
    log->part_len = 0;
}

void demo_log_take(struct demo_log *log, struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == '\n')
            take_line(log);
        else if (log->part_len < DEMO_LOG_WIDTH - 1) /* what is longer is cut */
            log->part[log->part_len++] = bytes.ptr[i];
    }
}

void demo_log_read(struct demo_log *log)
{
    char bytes[4096];
    ssize_t n;
    while ((n = read(log->read_fd, bytes, sizeof(bytes))) > 0)
        demo_log_take(log, (struct str){bytes, (size_t)n});
}

struct str demo_log_line(const struct demo_log *log, size_t index)
{
    size_t kept = log->line_count < DEMO_LOG_LINES ? log->line_count : DEMO_LOG_LINES;
    if (index >= kept)
        return STR_NONE;
    return str_from_c(log->lines[(log->line_count - 1 - index) % DEMO_LOG_LINES]);
}
