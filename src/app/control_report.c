/* SPDX-License-Identifier: Apache-2.0 */
/* What control says of a load: log lines, counters, and what the admin port shows. */
#include "admin/text.h"
#include "app/control_state.h"
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>

/* The rest is in `umbra status`. */
#define LOGGED_PROBLEMS 20

static void log_problems(const struct problems *problems)
{
    struct strbuf line = STRBUF_INIT;
    size_t logged = 0;
    for (size_t i = 0; i < problems->count && logged < LOGGED_PROBLEMS; i++) {
        if (problems->list[i].severity != SEVERITY_ERROR)
            continue;
        strbuf_clear(&line);
        problem_format(&line, &problems->list[i]);
        log_error("%s", line.ptr);
        logged++;
    }
    if (problems->errors > logged)
        log_error("and %s more: umbra status", text_count(problems->errors - logged).ptr);
    strbuf_deinit(&line);
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* Controls come with the mirrors that they belong to. */
static uint64_t count_controls(const struct plan *plan)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < plan->mirrors.count; i++)
        count += PLAN_MIRROR(plan, i)->is_control;
    return count;
}

static void log_load(const struct control *control)
{
    const struct load *load = control->current;
    const struct plan *plan = control->plan;
    size_t errors = load->problems.errors, warnings = load->problems.warnings;
    uint64_t controls = count_controls(plan), mirrors = plan->mirrors.count - controls;
    struct strbuf line = STRBUF_INIT;
    strbuf_printf(&line, "rules of generation %llu are in force: %s listener%s, %s route%s, %s mirror%s",
                  (unsigned long long)plan->generation, text_count(plan->listeners.count).ptr,
                  plural(plan->listeners.count), text_count(load->routes).ptr, plural(load->routes),
                  text_count(mirrors).ptr, plural(mirrors));
    if (controls > 0)
        strbuf_printf(&line, ", %s control%s", text_count(controls).ptr, plural(controls));
    if (errors + warnings > 0)
        strbuf_printf(&line, "; %s error%s, %s warning%s", text_count(errors).ptr, plural(errors),
                      text_count(warnings).ptr, plural(warnings));
    log_info("%s", line.ptr);
    strbuf_deinit(&line);
}

/* Why no request can come; NULL. */
static const char *not_ready(struct control *control, const struct load *load)
{
    const char *awaited = cluster_rules_awaited(control);
    if (awaited)
        return awaited;
    if (load->rules.listener_count == 0)
        return "the rules have no listener that is served: nothing is accepted until there is a Gateway with one";
    for (size_t i = 0; i < load->rules.socket_count; i++) {
        if (load->socket_errors[i] == 0)
            return NULL;
    }
    return "none of the listeners could be bound: see umbra status";
}

void report_status(struct control *control)
{
    const struct load *load = control->current;
    struct status_config config = {.loads = control->loads, .is_sandboxed = control->settings.is_sandboxed};
    if (load) {
        config.problems = &load->problems;
        config.listeners = load->listeners;
        config.listener_count = load->listener_count;
        config.not_ready = not_ready(control, load);
    }
    admin_server_set_config(control->admin_server, &config);
    admin_server_set_rules(control->admin_server, control->plan, control->endpoints);
}

/* In a cluster most loads are no news: somebody's status was written. */
static bool is_known(struct control *control)
{
    struct cluster_rules *rules = &control->cluster_rules;
    const struct problems *problems = &control->current->problems;
    uint64_t now[] = {control->plan->generation, problems->errors, problems->warnings, rules->is_loaded};
    bool is_same = memcmp(now, rules->logged, sizeof(now)) == 0;
    memcpy(rules->logged, now, sizeof(now));
    return rules->cluster && is_same;
}

void report_load(struct control *control)
{
    const struct load *load = control->current;
    struct registry_totals *totals = registry_totals(control->registry);
    atomic_store_explicit(&totals->config_errors, problems_count_resources(&load->problems, NULL, SEVERITY_ERROR),
                          memory_order_relaxed);
    atomic_store_explicit(&totals->config_generation, control->plan->generation, memory_order_relaxed);
    if (is_known(control))
        return;
    if (!load->is_of_flags) {
        log_problems(&load->problems);
        log_load(control);
        const char *why = not_ready(control, load);
        if (why)
            log_warn("not ready: %s", why);
    } else if (load->problems.errors > 0) {
        log_problems(&load->problems);
    }
}

void report_failure(const struct load *load)
{
    log_problems(&load->problems);
}
