/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define LOG_CUT "…"

/* The line being written. `room` is what text may fill; the tail of the line has its place kept behind it. */
struct line {
    char bytes[LOG_LINE_MAX];
    size_t len, room;
};

static struct log_sink sink;

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};

void log_set_sink(const struct log_sink *with)
{
    sink = *with;
}

bool log_is_on(enum log_level level)
{
    return sink.write && level >= sink.level;
}

static bool line_add(struct line *line, struct str s)
{
    if (s.len > line->room - line->len)
        return false;
    memcpy(line->bytes + line->len, s.ptr, s.len);
    line->len += s.len;
    return true;
}

/* Text has \n, \t, \r and \xNN; JSON as RFC 8259 7. C1 control characters (U+0080 to U+009F) move a terminal's cursor
 * as well. Returns how the first `len` bytes of `s` are written; `out` has 8 bytes. */
static struct str escape(struct str s, size_t len, char *out)
{
    unsigned char byte = (unsigned char)s.ptr[0];
    bool is_json = sink.format == LOG_JSON;
    bool is_c1 = len == 2 && byte == 0xc2 && (unsigned char)s.ptr[1] < 0xa0;
    char name = byte == '\n' ? 'n' : byte == '\t' ? 't' : byte == '\r' ? 'r' : '\0';
    if (is_json && (byte == '"' || byte == '\\'))
        name = (char)byte;

    int printed;
    if (name)
        printed = snprintf(out, 8, "\\%c", name);
    else if (is_c1)
        printed = snprintf(out, 8, "\\u%04x", (unsigned char)s.ptr[1]);
    else if (len == 0 && is_json)
        return STR(UTF8_REPLACEMENT);
    else if (len == 0 || byte < 0x20 || byte == 0x7f)
        printed = snprintf(out, 8, is_json ? "\\u%04x" : "\\x%02x", byte);
    else
        return str_slice(s, 0, len);
    return (struct str){out, (size_t)printed};
}

/* Adds `s` escaped, at most up to the line's room; a message that does not fit ends in a mark. */
static void line_add_escaped(struct line *line, struct str s)
{
    while (s.len > 0) {
        char out[8];
        size_t len = utf8_len(s);
        if (!line_add(line, escape(s, len, out))) {
            line->room += sizeof(LOG_CUT) - 1;
            line_add(line, STR(LOG_CUT));
            return;
        }
        s = str_slice(s, len > 0 ? len : 1, s.len);
    }
}

/* RFC 3339 in UTC with milliseconds. */
static void line_add_time(struct line *line)
{
    uint64_t now_ns = sink.wall_ns ? sink.wall_ns() : 0;
    time_t seconds = (time_t)(now_ns / 1000000000);
    unsigned ms = (unsigned)(now_ns / 1000000 % 1000);
    struct tm tm;
    char text[64];
    gmtime_r(&seconds, &tm);
    size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    len += (size_t)snprintf(text + len, sizeof(text) - len, ".%03uZ", ms);
    line_add(line, (struct str){text, len});
}

static void line_format(struct line *line, enum log_level level, struct str message)
{
    bool is_json = sink.format == LOG_JSON;
    struct str tail = is_json ? STR("\"}\n") : STR("\n");
    struct str role = str_from_c(sink.role);
    line->len = 0;
    line->room = sizeof(line->bytes) - tail.len - (sizeof(LOG_CUT) - 1);

    if (is_json)
        line_add(line, STR("{\"time\":\""));
    line_add_time(line);
    line_add(line, is_json ? STR("\",\"level\":\"") : STR(" "));
    line_add(line, str_from_c(level_names[level]));
    line_add(line, is_json ? STR("\",\"role\":\"") : STR(" "));
    if (role.len > 0)
        line_add(line, role);
    line_add(line, is_json ? STR("\",\"message\":\"") : STR(": "));
    line_add_escaped(line, message);

    line->room = sizeof(line->bytes);
    line_add(line, tail);
}

void log_write(enum log_level level, const char *format, ...)
{
    if (!log_is_on(level))
        return;
    int saved_errno = errno;
    /* As large as the line: what is cut here has no place in it anyway. */
    char message[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    int printed = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    size_t len = printed < 0 ? 0 : (size_t)printed;
    if (len > sizeof(message) - 1)
        len = sizeof(message) - 1;

    struct line line;
    line_format(&line, level, (struct str){message, len});
    sink.write(line.bytes, line.len);
    errno = saved_errno;
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_ns, uint64_t interval_ns, uint64_t *held_back)
{
    if (now_ns < limit->next_at_ns) {
        limit->held_back++;
        return false;
    }
    *held_back = limit->held_back;
    limit->held_back = 0;
    limit->next_at_ns = now_ns + interval_ns;
    return true;
}
