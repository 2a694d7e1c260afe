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

static void add_quick_start(struct strbuf *out, const struct settings *settings)
{
    char text[TARGET_TEXT];
    if (settings->live.host[0])
        strbuf_printf(out, "  live       %s\n", target_format(&settings->live, text).ptr);
    for (uint32_t i = 0; i < settings->shadow_count; i++) {
        strbuf_printf(out, "  shadow     %s  ", target_format(&settings->shadows[i], text).ptr);
        add_percent(out, &settings->shadows[i]);
        strbuf_add_char(out, '\n');
    }
    if (settings->has_control)
        strbuf_printf(out, "  control    %s\n", target_format(&settings->control, text).ptr);
    if (settings->shadow_count == 0)
        strbuf_printf(out, "  shadow     none: a plain proxy (--shadow HOST:PORT adds one)\n");
    else if (is_copying_writes(settings))
        strbuf_printf(out, "  copied     all methods\n");
    else
        strbuf_printf(out, "  copied     GET, HEAD, OPTIONS%s\n",
                      settings->is_safe_methods ? "" : " (--mirror-writes: all methods)");
}

static void add_safe_methods(struct strbuf *out, const struct settings *settings)
{
    if (settings->is_safe_methods)
        strbuf_printf(out, "  copied     GET, HEAD, OPTIONS\n");
}

static void add_files(struct strbuf *out, const struct settings *settings)
{
    const char *path = settings->files;
    for (uint32_t i = 0; i < settings->file_count; i++, path += strlen(path) + 1)
        strbuf_printf(out, "  rules      %s\n", strcmp(path, "-") == 0 ? "standard input" : path);
    add_safe_methods(out, settings);
}

static void add_cluster(struct strbuf *out, const struct settings *settings)
{
    strbuf_printf(out, "  rules      the Kubernetes API");
    if (settings->gateway_class[0])
        strbuf_printf(out, ", class %s", settings->gateway_class);
    const char *name = settings->namespaces;
    for (uint32_t i = 0; i < settings->namespace_count; i++, name += strlen(name) + 1)
        strbuf_printf(out, "%s%s", i == 0 ? ", namespaces " : " ", name);
    strbuf_add_char(out, '\n');
    add_safe_methods(out, settings);
}

void startup_format(struct strbuf *out, const struct settings *settings, const struct address *listening, size_t count,
                    const struct address *admin)
{
    strbuf_printf(out, "umbra %s\n", UMBRA_VERSION);
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(out, "  listening  ");
        add_url(out, &listening[i]);
        strbuf_add_char(out, '\n');
    }
    if (count == 0)
        strbuf_printf(out, "  listening  nowhere: the rules have no listener that can be served\n");
    switch (settings_rules(settings)) {
    case RULES_OF_FLAGS: add_quick_start(out, settings); break;
    case RULES_OF_FILES: add_files(out, settings); break;
    case RULES_OF_CLUSTER: add_cluster(out, settings); break;
    }
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
    const char *path = settings->files;
    for (uint32_t i = 0; i < settings->file_count; i++, path += strlen(path) + 1)
        strbuf_printf(&line, ", rules %s", path);
    if (settings->is_kube)
        strbuf_printf(&line, ", rules of the Kubernetes API");
    bool is_of_flags = settings_rules(settings) == RULES_OF_FLAGS;
    if (is_of_flags)
        strbuf_printf(&line, ", live %s", target_format(&settings->live, text).ptr);
    for (uint32_t i = 0; i < settings->shadow_count; i++) {
        strbuf_printf(&line, ", shadow %s ", target_format(&settings->shadows[i], text).ptr);
        add_percent(&line, &settings->shadows[i]);
    }
    if (is_of_flags)
        strbuf_printf(&line, ", copied %s", is_copying_writes(settings) ? "all methods" : "GET HEAD OPTIONS");
    strbuf_printf(&line, ", admin ");
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
