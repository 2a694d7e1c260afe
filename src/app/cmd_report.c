/* SPDX-License-Identifier: Apache-2.0 */
/* umbra report: asks all replicas for what they counted, adds it up, judges it and prints the verdicts. */
#include "app/admin_client.h"
#include "app/option_values.h"
#include "base/assert.h"
#include "base/mem.h"
#include "judge/tallies.h"
#include "judge/verdict.h"

#include <stdio.h>
#include <time.h>

#define ASK_AGAIN_MS 1000

/* One look at all replicas. */
struct look {
    struct tallies tallies;
    struct verdict *verdicts;
    char *unreached[REPORT_ADMINS]; /* why, with the address */
    size_t unreached_count;
};

static void look_deinit(struct look *look)
{
    for (size_t i = 0; look->verdicts && i < look->tallies.count; i++)
        verdict_deinit(&look->verdicts[i]);
    mem_free(look->verdicts);
    tallies_deinit(&look->tallies);
    for (size_t i = 0; i < look->unreached_count; i++)
        mem_free(look->unreached[i]);
    *look = (struct look){0};
}

/* A parameter of the query, percent-encoded (RFC 3986 2.1). */
static void add_parameter(struct strbuf *target, const char *name, const char *value)
{
    if (!value[0])
        return;
    strbuf_printf(target, "%c%s=", str_find_char(strbuf_str(target), '?') < target->len ? '&' : '?', name);
    for (const char *at = value; *at; at++) {
        bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
                        strchr("-._~", *at);
        if (is_plain)
            strbuf_add_char(target, *at);
        else
            strbuf_printf(target, "%%%02X", (unsigned char)*at);
    }
}

static void ask(const struct options *options, const struct settings_target *admin, struct str target,
                struct look *look)
{
    struct client_options client = options->client;
    struct admin_reply reply;
    struct err err;
    client.admin = *admin;
    bool is_asked = admin_client_get(&client, target, &reply, &err);
    if (is_asked) {
        if (!tallies_read(&look->tallies, strbuf_str(&reply.body), &err)) {
            (void)err_wrap(&err, "the answer is not understood; is that umbra of another version?");
            is_asked = false;
        }
        admin_reply_deinit(&reply);
    }
    if (is_asked)
        return;
    char room[TARGET_TEXT];
    struct str address = target_format(admin, room);
    if (!strstr(err.text, room))
        (void)err_wrap(&err, "%.*s", STR_ARG(address));
    look->unreached[look->unreached_count++] = mem_dup(err.text, strlen(err.text));
}

/* What needs a look first; else as they came. */
static struct verdict *sort_verdicts(struct verdict *verdicts, size_t count)
{
    static const enum verdict_kind order[] = {VERDICT_FAIL, VERDICT_INSUFFICIENT, VERDICT_PASS};
    struct verdict *sorted = mem_alloc((count + 1) * sizeof(*sorted));
    size_t next = 0;
    for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
        for (size_t i = 0; i < count; i++) {
            if (verdicts[i].kind == order[k])
                sorted[next++] = verdicts[i];
        }
    }
    mem_free(verdicts);
    return sorted;
}

static void look_take(const struct options *options, struct str target, struct look *look)
{
    for (uint32_t i = 0; i < options->report.admin_count; i++)
        ask(options, &options->report.admins[i], target, look);
    tallies_keep_current(&look->tallies);
    look->verdicts = mem_alloc((look->tallies.count + 1) * sizeof(*look->verdicts));
    for (size_t i = 0; i < look->tallies.count; i++)
        judge(look->tallies.list[i], &look->verdicts[i]);
    look->verdicts = sort_verdicts(look->verdicts, look->tallies.count);
}

static bool is_settled(const struct look *look)
{
    for (size_t i = 0; i < look->tallies.count; i++) {
        if (look->verdicts[i].kind == VERDICT_INSUFFICIENT)
            return false;
    }
    return look->unreached_count == 0 && look->tallies.count > 0;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Until it is settled, or the time is up. */
static void look_wait(const struct options *options, struct str target, struct look *look)
{
    uint64_t end_ms = now_ms() + options->report.wait_ms;
    look_take(options, target, look);
    while (!is_settled(look) && now_ms() + ASK_AGAIN_MS <= end_ms) {
        const struct timespec pause = {.tv_sec = ASK_AGAIN_MS / 1000};
        nanosleep(&pause, NULL);
        look_deinit(look);
        look_take(options, target, look);
    }
}

static int print(const struct options *options, const struct look *look)
{
    struct strbuf page = STRBUF_INIT;
    enum report_format format = (enum report_format)options->report.format;
    bool is_all_lost = look->unreached_count == options->report.admin_count;
    for (size_t i = 0; i < look->unreached_count; i++)
        fprintf(stderr, "umbra report: %s\n", look->unreached[i]);
    struct report_source source = {
        .verdicts = look->verdicts,
        .count = look->tallies.count,
        .unreached = (const char *const *)look->unreached,
        .unreached_count = format == REPORT_TEXT ? 0 : look->unreached_count, /* standard error has them */
    };
    if (!is_all_lost || format == REPORT_JUNIT)
        report_write(&source, format, &page);
    bool is_written = fwrite(page.len > 0 ? page.ptr : "", 1, page.len, stdout) == page.len && fflush(stdout) == 0;
    strbuf_deinit(&page);
    if (look->unreached_count > 0 || !is_written)
        return EXIT_UNREACHED;
    return report_exit_code(look->verdicts, look->tallies.count);
}

int cmd_report(int argc, char **argv)
{
    struct options options;
    int code = options_read("report", argc, argv, &options);
    if (code >= 0)
        return code;
    if (options.report.admin_count == 0) {
        struct err err;
        ASSERT(option_report_admin(&options, STR("127.0.0.1:9900"), &err));
    }
    struct strbuf target = STRBUF_INIT;
    strbuf_add(&target, STR("/api/tallies"));
    add_parameter(&target, "route", options.client.route);
    add_parameter(&target, "mirror", options.client.mirror);
    add_parameter(&target, "since", options.report.since);
    struct look look = {0};
    look_wait(&options, strbuf_str(&target), &look);
    code = print(&options, &look);
    look_deinit(&look);
    strbuf_deinit(&target);
    return code;
}
