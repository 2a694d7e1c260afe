/* SPDX-License-Identifier: Apache-2.0 */
#include "outcome_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef void part_fn(void *user, const char *part, const struct outcome_conditions *conditions);

static void each_listener(const struct outcome *outcome, const char *of, part_fn *on_part, void *user)
{
    char part[300];
    for (size_t i = 0; i < outcome->listener_count; i++) {
        const struct outcome_listener *listener = &outcome->listeners[i];
        int len = snprintf(part, sizeof(part), "%s %.*s %u ", of, STR_ARG(listener->name), listener->attached_routes);
        for (size_t k = 0; k < KIND_COUNT; k++) {
            if (listener->kinds & 1u << k)
                len += snprintf(part + len, sizeof(part) - (size_t)len, "%s%s", part[len - 1] == ' ' ? "" : ",",
                                kind_table[k].name);
        }
        on_part(user, part, &listener->conditions);
    }
}

static void each_branch(const struct outcome *outcome, const char *of, part_fn *on_part, void *user)
{
    char part[300];
    for (size_t i = 0; i < outcome->branch_count; i++) {
        const struct outcome_ref *ref = &outcome->branches[i].ref;
        int len = snprintf(part, sizeof(part), "%s > %.*s%s%.*s", of, STR_ARG(ref->ns), ref->ns.len > 0 ? "/" : "",
                           STR_ARG(ref->name));
        if (ref->section_name.len > 0)
            len += snprintf(part + len, sizeof(part) - (size_t)len, "/%.*s", STR_ARG(ref->section_name));
        if (ref->port > 0)
            snprintf(part + len, sizeof(part) - (size_t)len, ":%u", ref->port);
        on_part(user, part, &outcome->branches[i].conditions);
    }
}

static void each_part(const struct compiled *compiled, const char *kind, part_fn *on_part, void *user)
{
    for (size_t i = 0; i < compiled->outcomes.count; i++) {
        const struct outcome *outcome = &compiled->outcomes.list[i];
        char of[200];
        if (strcmp(outcome->resource->kind->name, kind) != 0)
            continue;
        snprintf(of, sizeof(of), "%s %.*s%s%.*s", kind, STR_ARG(outcome->resource->ns),
                 outcome->resource->ns.len > 0 ? "/" : "", STR_ARG(outcome->resource->name));
        if (outcome->generation > 0)
            snprintf(of + strlen(of), sizeof(of) - strlen(of), "@%lld", (long long)outcome->generation);
        if (outcome->conditions.count > 0)
            on_part(user, of, &outcome->conditions);
        each_listener(outcome, of, on_part, user);
        each_branch(outcome, of, on_part, user);
    }
}

static void add_part(void *user, const char *part, const struct outcome_conditions *conditions)
{
    static const char *const marks[] = {[OUTCOME_FALSE] = "!", [OUTCOME_TRUE] = "", [OUTCOME_UNKNOWN] = "?"};
    struct strbuf *out = user;
    strbuf_printf(out, "%s%s:", out->len > 0 ? "\n" : "", part);
    for (size_t i = 0; i < conditions->count; i++) {
        const struct outcome_condition *condition = &conditions->list[i];
        if (strcmp(condition->type, "Conflicted") == 0 && condition->state == OUTCOME_FALSE)
            continue;
        strbuf_printf(out, " %s%s", marks[condition->state], condition->type);
        if (strcmp(condition->type, condition->reason) != 0)
            strbuf_printf(out, "(%s)", condition->reason);
        assert_true(condition->state == OUTCOME_TRUE || condition->message.len > 0);
    }
}

struct run {
    struct manifests *before, *manifests;
    struct compiled *compiled;
};

static struct run run_start(const char *before, const char *yaml, const struct compile_options *options)
{
    static const struct compile_options cluster = {.is_cluster = true};
    struct run run = {.manifests = manifests_new()};
    run.manifests->from_server = true;
    if (before) {
        run.before = manifests_new();
        manifests_read(run.before, STR("cluster"), str_from_c(before));
    }
    manifests_read(run.manifests, STR("cluster"), str_from_c(yaml));
    manifests_keep_last_good(run.manifests, run.before);
    run.compiled = compile(run.manifests, options ? options : &cluster);
    return run;
}

static void run_end(struct run *run)
{
    compiled_free(run->compiled);
    manifests_unref(run->manifests);
    manifests_unref(run->before);
}

void assert_outcomes(const char *kind, const char *before, const char *yaml, const struct compile_options *options,
                     const char *want)
{
    struct run run = run_start(before, yaml, options);
    struct strbuf text = STRBUF_INIT;
    each_part(run.compiled, kind, add_part, &text);
    if (!str_eq(strbuf_str(&text), str_from_c(want)))
        fail_msg("came\n%s\ninstead of\n%s\nof\n%s", text.ptr ? text.ptr : "", want, yaml);
    strbuf_deinit(&text);
    run_end(&run);
}

struct message_search {
    const char *part, *type, *want;
    bool is_found;
};

static void check_message(void *user, const char *part, const struct outcome_conditions *conditions)
{
    struct message_search *search = user;
    const struct outcome_condition *condition = outcome_find(conditions, search->type);
    if (!condition || search->is_found || strncmp(part, search->part, strlen(search->part)) != 0)
        return;
    search->is_found = true;
    char *message = strndup(condition->message.ptr, condition->message.len);
    if (!strstr(message, search->want))
        fail_msg("%s of %s says\n%s\nwithout\n%s", search->type, part, message, search->want);
    free(message);
}

void assert_message(const char *kind, const char *yaml, const struct compile_options *options, const char *part,
                    const char *type, const char *want)
{
    struct run run = run_start(NULL, yaml, options);
    struct message_search search = {.part = part, .type = type, .want = want};
    each_part(run.compiled, kind, check_message, &search);
    assert_true(search.is_found);
    run_end(&run);
}
