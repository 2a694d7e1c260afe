/* SPDX-License-Identifier: Apache-2.0 */
#include "app/startup.h"

#include "app/option_values.h"
#include "base/log.h"

#include <unistd.h>

/* "20 %", "0.5 %": without zeros at the end. */
static void add_percent(struct strbuf *out, const struct settings_target *shadow)
{
    uint32_t scale = shadow->denominator / 100;
    strbuf_printf(out, "%u", shadow->numerator / scale);
    uint32_t rest = shadow->numerator % scale;
    for (bool is_first = true; rest > 0; is_first = false) {
        if (is_first)
            strbuf_add_char(out, '.');
        rest *= 10;
        strbuf_add_char(out, (char)('0' + rest / scale));
        rest %= scale;
    }
    strbuf_printf(out, " %%");
}

static void add_url(struct strbuf *out, const struct address *address)
{
    char text[ADDRESS_TEXT];
    struct str name = address_format(address, text);
    strbuf_printf(out, "%s%.*s", address->family == ADDRESS_UNIX ? "" : "http://", STR_ARG(name));
}

static bool is_copying_writes(const struct settings *settings)
{
    return settings->is_mirroring_writes && !settings->is_safe_methods;
}

void startup_format(struct strbuf *out, const struct settings *settings, const struct address *listening, size_t count,
                    const struct address *admin)
{
    char text[TARGET_TEXT];
    strbuf_printf(out, "umbra %s\n", UMBRA_VERSION);
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(out, "  listening  ");
        add_url(out, &listening[i]);
        strbuf_add_char(out, '\n');
    }
    if (settings->live.host[0])
        strbuf_printf(out, "  live       %s\n", target_format(&settings->live, text).ptr);
    for (uint32_t i = 0; i < settings->shadow_count; i++) {
        strbuf_printf(out, "  shadow     %s  ", target_format(&settings->shadows[i], text).ptr);
        add_percent(out, &settings->shadows[i]);
        strbuf_add_char(out, '\n');
    }
    if (settings->shadow_count == 0)
        strbuf_printf(out, "  shadow     none: a plain proxy (--shadow HOST:PORT adds one)\n");
    else if (is_copying_writes(settings))
        strbuf_printf(out, "  copied     all methods\n");
    else
        strbuf_printf(out, "  copied     GET, HEAD, OPTIONS%s\n",
                      settings->is_safe_methods ? "" : " (--mirror-writes: all methods)");
    strbuf_printf(out, "  admin      ");
    add_url(out, admin);
    strbuf_printf(out, "/\n  pid        %ld\n", (long)getpid());
}

static void log_line(const struct settings *settings, const struct address *listening, size_t count,
                     const struct address *admin)
{
    struct strbuf line = STRBUF_INIT;
    char text[TARGET_TEXT];
    strbuf_printf(&line, "umbra %s serves: listening", UMBRA_VERSION);
    for (size_t i = 0; i < count; i++) {
        strbuf_add_char(&line, ' ');
        add_url(&line, &listening[i]);
    }
    strbuf_printf(&line, ", live %s", target_format(&settings->live, text).ptr);
    for (uint32_t i = 0; i < settings->shadow_count; i++) {
        strbuf_printf(&line, ", shadow %s ", target_format(&settings->shadows[i], text).ptr);
        add_percent(&line, &settings->shadows[i]);
    }
    strbuf_printf(&line, ", copied %s, admin ", is_copying_writes(settings) ? "all methods" : "GET HEAD OPTIONS");
    add_url(&line, admin);
    strbuf_printf(&line, "/, pid %ld", (long)getpid());
    log_info("%s", line.ptr);
    strbuf_deinit(&line);
}

void startup_print(const struct settings *settings, const struct address *listening, size_t count,
                   const struct address *admin)
{
    if (settings->log_format == LOG_JSON) {
        log_line(settings, listening, count, admin);
        return;
    }
    struct strbuf block = STRBUF_INIT;
    startup_format(&block, settings, listening, count, admin);
    if (write(STDERR_FILENO, block.ptr, block.len) < 0)
        log_warn("the start-up block could not be written");
    strbuf_deinit(&block);
}
