/* SPDX-License-Identifier: Apache-2.0 */
/* What `umbra status` and `umbra top` show: tables of at most 100 columns. */
#include "admin/status.h"

#include "admin/text.h"
#include "admin/why.h"
#include "http/http1_parse.h"

#include <stdarg.h>
#include <stdio.h>

#define WIDTH 100
#define NAME_WIDTH 40
#define SHOWN_PROBLEMS 20

static struct str c(const char *text)
{
    return str_from_c(text);
}

/* A right-aligned cell after a blank. */
static void cell(struct strbuf *page, struct text text, int width)
{
    strbuf_add_char(page, ' ');
    text_add_cell(page, c(text.ptr), -width);
}

/* A row's name; one that is too long for its column stands in full on a line of its own. */
static void name_cell(struct strbuf *page, struct str name)
{
    struct strbuf cut = STRBUF_INIT;
    text_add_cell(&cut, name, NAME_WIDTH);
    if (str_ends_with(strbuf_str(&cut), STR("…"))) {
        text_add_clean(page, name);
        strbuf_add_char(page, '\n');
        text_add_cell(page, STR(""), NAME_WIDTH);
    } else {
        strbuf_add(page, strbuf_str(&cut));
    }
    strbuf_deinit(&cut);
}

static void add_gateways(const struct status_source *source, const struct status_totals *totals, struct strbuf *line)
{
    strbuf_add(line, totals->gateways == 1 ? STR("gateway pid")
                     : totals->gateways    ? STR("gateways pid")
                                           : STR("no gateway"));
    bool is_first = true;
    for (unsigned slot = 0; slot < REGISTRY_GATEWAYS; slot++) {
        struct registry_gateway *gateway = registry_gateway_get(source->registry, slot);
        int pid = gateway->pid;
        if (!pid)
            continue;
        strbuf_printf(line, "%s %d%s", is_first ? "" : ",", pid, gateway->is_draining ? " (draining)" : "");
        is_first = false;
    }
    if (totals->gateways)
        strbuf_printf(line, " · %u worker%s", totals->workers, totals->workers == 1 ? "" : "s");
    if (totals->cpus >= 0)
        strbuf_printf(line, " · CPU %.1f %%", totals->cpus * 100);
    strbuf_printf(line, " · connections: %lld client, %lld live, %lld shadow", (long long)totals->client,
                  (long long)totals->live, (long long)totals->shadow);
}

static void add_refused(const struct status_source *source, struct strbuf *page)
{
    struct registry_totals *counters = registry_totals(source->registry);
    struct strbuf line = STRBUF_INIT;
    for (size_t i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
        uint64_t count = counter_get(&counters->refused[i]);
        if (count)
            strbuf_printf(&line, "%s %s %s", line.len ? "," : "refused:", refusal_name((enum refusal)i),
                          text_count(count).ptr);
    }
    if (line.len)
        text_add_wrapped(page, strbuf_str(&line), 0, WIDTH);
    strbuf_deinit(&line);
}

static void add_analyst(const struct status_source *source, struct strbuf *page)
{
    const struct analyst_figures *analyst = source->analyst;
    struct strbuf line = STRBUF_INIT;
    if (!analyst)
        return;
    if (analyst->why_not)
        strbuf_add(&line, str_from_c(analyst->why_not));
    else
        strbuf_printf(&line, "%s · %s legs recorded, %s not judged",
                      analyst->is_up ? "answers are compared" : "THE ANALYST DOES NOT ANSWER",
                      text_count(counter_get(&registry_totals(source->registry)->records)).ptr,
                      text_count(status_records_lost(source)).ptr);
    text_add_wrapped(page, strbuf_str(&line), 0, WIDTH);
    strbuf_deinit(&line);
}

static void add_head(const struct status_source *source, const struct status_totals *totals, struct strbuf *page)
{
    struct strbuf line = STRBUF_INIT;
    strbuf_printf(&line, "umbra " UMBRA_VERSION " · %s · up %s · rules generation %llu, %s",
                  totals->is_draining ? "draining"
                  : totals->is_ready  ? "ready"
                                      : "not ready",
                  text_duration(totals->uptime_ns).ptr, (unsigned long long)totals->generation,
                  totals->errors ? "" : "no errors");
    if (totals->errors)
        strbuf_printf(&line, "%s ERROR%s", text_count(totals->errors).ptr, totals->errors == 1 ? "" : "S");
    text_add_wrapped(page, strbuf_str(&line), 0, WIDTH);
    strbuf_clear(&line);
    add_gateways(source, totals, &line);
    text_add_wrapped(page, strbuf_str(&line), 0, WIDTH);
    strbuf_clear(&line);
    strbuf_printf(&line, "mirror budget %s of %s", text_bytes(totals->budget_used).ptr,
                  text_bytes(totals->budget_limit).ptr);
    strbuf_add(&line, totals->is_off ? STR(" · mirroring is OFF") : STR(" · mirroring is on"));
    if (totals->is_shedding)
        strbuf_add(&line, STR(" · SHEDDING copies: no CPU to spare"));
    text_add_wrapped(page, strbuf_str(&line), 0, WIDTH);
    add_analyst(source, page);
    add_refused(source, page);
    strbuf_deinit(&line);
}

/* Those of one severity, as far as the page has room for them. */
static size_t add_severity(const struct problems *problems, enum severity severity, size_t room, struct strbuf *page)
{
    static const char *const words[] = {[SEVERITY_ERROR] = "ERROR", [SEVERITY_WARNING] = "warning"};
    struct strbuf line = STRBUF_INIT;
    size_t shown = 0;
    for (size_t i = 0; i < problems->count && shown < room; i++) {
        if (problems->list[i].severity != severity)
            continue;
        strbuf_clear(&line);
        strbuf_printf(&line, "%s ", words[severity]);
        problem_format(&line, &problems->list[i]);
        text_add_wrapped(page, strbuf_str(&line), 4, WIDTH);
        shown++;
    }
    strbuf_deinit(&line);
    return shown;
}

static void add_problems(const struct problems *problems, struct strbuf *page)
{
    size_t sum = problems ? problems->errors + problems->warnings : 0;
    if (sum == 0)
        return;
    strbuf_printf(page, "\nPROBLEMS: %s error%s, %s warning%s\n", text_count(problems->errors).ptr,
                  problems->errors == 1 ? "" : "s", text_count(problems->warnings).ptr,
                  problems->warnings == 1 ? "" : "s");
    size_t shown = add_severity(problems, SEVERITY_ERROR, SHOWN_PROBLEMS, page);
    shown += add_severity(problems, SEVERITY_WARNING, SHOWN_PROBLEMS - shown, page);
    if (sum > shown)
        strbuf_printf(page, "    and %s more: --format json\n", text_count(sum - shown).ptr);
}

static void add_route(const struct status_route *route, struct strbuf *page)
{
    struct strbuf name = STRBUF_INIT;
    strbuf_add(&name, route->route.len ? route->route : STR("(no route)"));
    strbuf_add(&name, STR(" → "));
    strbuf_add(&name, route->backend.len ? route->backend : STR("(umbra itself)"));
    name_cell(page, strbuf_str(&name));
    strbuf_deinit(&name);
    cell(page, text_count(route->requests), 13);
    cell(page, text_rate(route->rate.requests), 9);
    cell(page, text_share(route->server_errors, route->requests), 9);
    cell(page, text_count(route->in_flight), 9);
    cell(page, text_ms(route->p50_ms), 7);
    cell(page, text_ms(route->p99_ms), 7);
    strbuf_add_char(page, '\n');
}

static bool is_narrowed(const struct status_source *source)
{
    return source->only_route.ptr || source->only_mirror.ptr;
}

static void add_routes(struct status_walk *walk, struct strbuf *page)
{
    struct status_route route;
    bool is_first = true;
    while (status_next_route(walk, &route)) {
        /* Entries are made with the plan; an answer of Umbra's own is only news once there is one. */
        if (!route.backend.len && !route.requests)
            continue;
        if (is_first)
            strbuf_printf(page, "\n%-40s %13s %9s %9s %9s %7s %7s\n", "LIVE", "REQUESTS", "REQ/S", "5XX", "IN FLIGHT",
                          "P50 MS", "P99 MS");
        is_first = false;
        add_route(&route, page);
    }
    if (is_first && !is_narrowed(walk->source))
        strbuf_add(page, STR("\nno request yet\n"));
}

__attribute__((format(printf, 2, 3))) static void add_line(struct strbuf *page, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    text_add_wrapped(page, c(line), 4, WIDTH);
}

static void add_reasons(struct strbuf *line, const char *title, const uint64_t *values, size_t count,
                        const char *(*reason)(size_t))
{
    bool is_first = true;
    for (size_t i = 0; i < count; i++) {
        if (!values[i])
            continue;
        strbuf_printf(line, "%s%s %s %s", is_first && line->len ? " · " : "", is_first ? title : ",", reason(i),
                      text_count(values[i]).ptr);
        is_first = false;
    }
}

static const char *filtered_at(size_t i)
{
    return filtered_name((enum filtered)i);
}

static const char *dropped_at(size_t i)
{
    return dropped_name((enum dropped)i);
}

static const char *failed_at(size_t i)
{
    return failed_name((enum failed)i);
}

static void add_gap(struct strbuf *page, int64_t gap)
{
    if (gap)
        add_line(page, "(moving: the sides are %lld apart)", (long long)gap);
}

/* Both equations and the reasons that are not 0. */
static void add_accounting(const struct status_mirror *m, struct strbuf *page)
{
    add_line(page, "matched %s = sampled out %s + filtered %s + dropped %s + sent %s + queued %s",
             text_count(m->matched).ptr, text_count(m->sampled_out).ptr, text_count(m->filtered_sum).ptr,
             text_count(m->dropped_sum).ptr, text_count(m->sent).ptr, text_count(m->queued).ptr);
    add_gap(page, status_matched_gap(m));
    add_line(page, "sent %s = completed %s + failed %s + in flight %s", text_count(m->sent).ptr,
             text_count(m->completed).ptr, text_count(m->failed_sum).ptr, text_count(m->in_flight).ptr);
    add_gap(page, status_sent_gap(m));
    struct strbuf line = STRBUF_INIT;
    add_reasons(&line, "filtered:", m->filtered, FILTERED_COUNT, filtered_at);
    add_reasons(&line, "dropped:", m->dropped, DROPPED_COUNT, dropped_at);
    add_reasons(&line, "failed:", m->failed, FAILED_COUNT, failed_at);
    if (m->server_errors)
        strbuf_printf(&line, "%sanswered 5xx: %s (%s)", line.len ? " · " : "", text_count(m->server_errors).ptr,
                      text_share(m->server_errors, m->completed).ptr);
    if (line.len)
        text_add_wrapped(page, strbuf_str(&line), 4, WIDTH);
    strbuf_deinit(&line);
}

static void add_last_failure(const struct status_mirror *mirror, uint64_t now_wall_ns, struct strbuf *page)
{
    uint64_t at = mirror->last_failure_wall_ns;
    if (!at)
        return;
    struct strbuf words = STRBUF_INIT;
    why_failed(mirror->last_failure, mirror->last_errno, &words);
    add_line(page, "last failure: %s, %s ago", words.ptr, text_duration(now_wall_ns > at ? now_wall_ns - at : 0).ptr);
    strbuf_deinit(&words);
}

static void add_mirror(const struct status_mirror *mirror, const struct status_totals *totals, uint64_t now_wall_ns,
                       struct strbuf *page)
{
    struct strbuf name = STRBUF_INIT, text = STRBUF_INIT;
    strbuf_add(&name, mirror->route);
    strbuf_add(&name, STR(" ⇢ "));
    strbuf_add(&name, mirror->mirror);
    name_cell(page, strbuf_str(&name));
    enum why why = why_not_sent(mirror, totals, &text);
    cell(page, text_count(mirror->sent), 13);
    cell(page, text_rate(mirror->rate.sent), 9);
    struct text megabytes;
    snprintf(megabytes.ptr, sizeof(megabytes.ptr), "%.2f", mirror->rate.bytes_sent / 1e6);
    cell(page, megabytes, 8);
    cell(page, text_count(mirror->in_flight), 9);
    cell(page, text_share(mirror->completed, mirror->completed + mirror->failed_sum), 8);
    strbuf_printf(page, " %7s\n", why_name(why));
    if (mirror->control_of.len) {
        strbuf_clear(&name);
        strbuf_printf(&name, "control of %.*s: what differs between live and it is noise", STR_ARG(mirror->control_of));
        text_add_wrapped(page, strbuf_str(&name), 4, WIDTH);
    }
    if (mirror->matched)
        add_accounting(mirror, page);
    add_last_failure(mirror, now_wall_ns, page);
    if (text.len)
        add_line(page, "%s %s", why == WHY_IDLE ? "·" : "▸", text.ptr);
    strbuf_deinit(&text);
    strbuf_deinit(&name);
}

static void add_mirrors(struct status_walk *walk, const struct status_totals *totals, struct strbuf *page)
{
    struct status_mirror mirror;
    bool is_first = true;
    while (status_next_mirror(walk, &mirror)) {
        if (mirror.is_removed && !mirror.in_flight && !mirror.queued)
            continue;
        if (is_first)
            strbuf_printf(page, "\n%-40s %13s %9s %8s %9s %8s %7s\n", "MIRROR", "COPIES", "COPIES/S", "MB/S",
                          "IN FLIGHT", "ANSWERED", "STATE");
        is_first = false;
        add_mirror(&mirror, totals, walk->source->now_wall_ns, page);
    }
    if (is_first && is_narrowed(walk->source))
        strbuf_add(page, STR("\nno mirror has these labels; without --route and --mirror all are shown\n"));
    else if (is_first)
        strbuf_add(
            page, STR("\nno mirror: nothing is copied (--shadow HOST:PORT, or a filter RequestMirror in the rules)\n"));
    if (walk->removed)
        strbuf_printf(page, "\n%s mirror%s that no rule names any more: see --format json\n",
                      text_count(walk->removed).ptr, walk->removed == 1 ? "" : "s");
}

void status_text(const struct status_source *source, struct strbuf *page)
{
    struct status_totals totals = status_totals(source);
    struct status_walk walk;
    status_open(&walk, source);
    add_head(source, &totals, page);
    if (source->config.not_ready)
        text_add_wrapped(page, str_from_c(source->config.not_ready), 0, WIDTH);
    add_problems(source->config.problems, page);
    add_routes(&walk, page);
    add_mirrors(&walk, &totals, page);
    status_close(&walk);
}
