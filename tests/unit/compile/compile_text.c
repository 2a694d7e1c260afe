/* SPDX-License-Identifier: Apache-2.0 */
#include "compile_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct compile_text compile_yaml(const char *yaml, const struct compile_options *options)
{
    static const struct compile_options plain = {0};
    struct compile_text result = {.manifests = manifests_new()};
    manifests_read(result.manifests, STR("test.yaml"), str_from_c(yaml));
    struct strbuf line = STRBUF_INIT;
    for (size_t i = 0; i < result.manifests->problems.count; i++) {
        const struct problem *problem = &result.manifests->problems.list[i];
        strbuf_clear(&line);
        problem_format(&line, problem);
        if (problem->severity == SEVERITY_ERROR)
            fail_msg("%s", line.ptr);
    }
    strbuf_deinit(&line);
    result.compiled = compile(result.manifests, options ? options : &plain);
    return result;
}

void assert_compiles_to(const char *yaml, const struct compile_options *options, render_fn *render, const char *want)
{
    struct compile_text result = compile_yaml(yaml, options);
    const char *got = render(&result);
    if (strcmp(got, want) != 0)
        fail_msg("of\n%s\ncame\n%s\ninstead of\n%s", yaml, got, want);
    compile_text_free(&result);
}

void compile_text_free(struct compile_text *result)
{
    compiled_free(result->compiled);
    manifests_unref(result->manifests);
    strbuf_deinit(&result->text);
}

static struct strbuf *begin(struct compile_text *result)
{
    strbuf_clear(&result->text);
    strbuf_add(&result->text, STR(""));
    return &result->text;
}

/* Without the newline at its end. */
static const char *end(struct compile_text *result)
{
    struct strbuf *text = &result->text;
    if (text->len > 0 && text->ptr[text->len - 1] == '\n')
        text->ptr[--text->len] = '\0';
    return text->ptr ? text->ptr : "";
}

const char *said(struct compile_text *result)
{
    static const char *const severities[] = {"error", "warning", "note"};
    struct strbuf *out = begin(result);
    for (size_t i = 0; i < result->compiled->problems.count; i++) {
        struct problem problem = result->compiled->problems.list[i];
        strbuf_printf(out, "%s ", severities[problem.severity]);
        if (problem.reason.len > 0)
            strbuf_printf(out, "%.*s ", STR_ARG(problem.reason));
        problem.file = STR_NONE;
        problem_format(out, &problem);
        strbuf_add_char(out, '\n');
    }
    return end(result);
}

const char *listeners_text(struct compile_text *result)
{
    const struct rule_set *rules = &result->compiled->rules;
    struct strbuf *out = begin(result);
    for (size_t i = 0; i < rules->listener_count; i++) {
        const struct rule_listener *listener = &rules->listeners[i];
        char address[ADDRESS_TEXT];
        struct str socket = address_format(&rules->sockets[listener->socket], address);
        strbuf_printf(out, "%.*s %.*s \"%.*s\" %u\n", STR_ARG(listener->label), STR_ARG(socket),
                      STR_ARG(listener->hostname), listener->port);
    }
    return end(result);
}

const char *bindings_text(struct compile_text *result)
{
    const struct rule_set *rules = &result->compiled->rules;
    struct strbuf *out = begin(result);
    for (size_t i = 0; i < rules->route_count; i++) {
        const struct rule_route *route = &rules->routes[i];
        strbuf_printf(out, "%.*s:", STR_ARG(route->label));
        for (size_t j = 0; j < route->binding_count; j++)
            strbuf_printf(out, "%s %.*s \"%.*s\"", j > 0 ? "," : "",
                          STR_ARG(rules->listeners[route->bindings[j].listener].label),
                          STR_ARG(route->bindings[j].host));
        strbuf_add_char(out, '\n');
    }
    return end(result);
}

const char *backends_text(struct compile_text *result)
{
    const struct rule_set *rules = &result->compiled->rules;
    struct strbuf *out = begin(result);
    for (size_t i = 0; i < rules->backend_count; i++) {
        const struct rule_backend *backend = &rules->backends[i];
        static const char *const protocols[] = {"", " (h2)", " (alpn)"};
        strbuf_printf(out, "%.*s%s%s =", STR_ARG(backend->label), protocols[backend->protocol],
                      backend->is_twin ? " twin" : "");
        for (size_t j = 0; j < backend->host_count; j++)
            strbuf_printf(out, " %.*s:%u", STR_ARG(backend->hosts[j].host), backend->hosts[j].port);
        strbuf_add_char(out, '\n');
    }
    return end(result);
}

static void add_edits(struct strbuf *out, const char *name, const struct rule_edit *edits, size_t count)
{
    static const char *const kinds[] = {[EDIT_SET] = "set", [EDIT_ADD] = "add", [EDIT_REMOVE] = "remove"};
    for (size_t i = 0; i < count; i++)
        strbuf_printf(out, " %s-%s(%.*s=%.*s)", name, kinds[edits[i].kind], STR_ARG(edits[i].name),
                      STR_ARG(edits[i].value));
}

static void add_path(struct strbuf *out, enum plan_path_kind kind, struct str path)
{
    static const char *const kinds[] = {
        [REWRITE_NO_PATH] = "", [REWRITE_FULL_PATH] = " full=", [REWRITE_PREFIX] = " prefix="};
    strbuf_printf(out, "%s%.*s", kinds[kind], STR_ARG(path));
}

static void add_texts(struct strbuf *out, const char *name, struct rule_texts texts)
{
    for (size_t i = 0; i < texts.count; i++)
        strbuf_printf(out, " %s=%.*s", name, STR_ARG(texts.list[i]));
}

static void add_actions(struct strbuf *out, const struct rule_actions *actions)
{
    add_edits(out, "request", actions->request_edits, actions->request_edit_count);
    add_edits(out, "response", actions->response_edits, actions->response_edit_count);
    if (actions->rewrite) {
        strbuf_printf(out, " rewrite(%.*s", STR_ARG(actions->rewrite->hostname));
        add_path(out, actions->rewrite->path_kind, actions->rewrite->path);
        strbuf_add_char(out, ')');
    }
    if (actions->redirect) {
        const struct rule_redirect *redirect = actions->redirect;
        strbuf_printf(out, " redirect(%u %.*s %.*s %u", redirect->status, STR_ARG(redirect->scheme),
                      STR_ARG(redirect->hostname), redirect->port);
        add_path(out, redirect->path_kind, redirect->path);
        strbuf_add_char(out, ')');
    }
    if (actions->cors) {
        strbuf_printf(out, " cors(%us%s", actions->cors->max_age_s, actions->cors->allows_credentials ? " cred" : "");
        add_texts(out, "origin", actions->cors->origins);
        add_texts(out, "method", actions->cors->methods);
        add_texts(out, "header", actions->cors->headers);
        add_texts(out, "expose", actions->cors->expose);
        strbuf_add_char(out, ')');
    }
}

static void add_match(struct strbuf *out, const struct rule_match *match)
{
    static const char *const kinds[] = {[PATH_MATCH_PREFIX] = "", [PATH_MATCH_EXACT] = "=", [PATH_MATCH_REGEX] = "~"};
    strbuf_printf(out, " %s%.*s", kinds[match->path_kind], STR_ARG(match->path));
    if (match->pattern.len > 0)
        strbuf_printf(out, "~%.*s", STR_ARG(match->pattern));
    if (match->method.len > 0)
        strbuf_printf(out, "[%.*s]", STR_ARG(match->method));
    for (size_t i = 0; i < match->condition_count; i++) {
        const struct rule_condition *condition = &match->conditions[i];
        strbuf_printf(out, "[%s%.*s%s%.*s]", condition->kind == CONDITION_QUERY ? "?" : "", STR_ARG(condition->name),
                      condition->test == TEST_REGEX ? "~" : "=", STR_ARG(condition->value));
    }
}

static void add_times(struct strbuf *out, const struct rule_route *route)
{
    if (route->request_timeout_ms > 0 || route->backend_timeout_ms > 0)
        strbuf_printf(out, " timeouts(%u %u)", route->request_timeout_ms, route->backend_timeout_ms);
    if (route->retry_attempts == 0)
        return;
    strbuf_printf(out, " retry(%u after %u", route->retry_attempts, route->retry_backoff_ms);
    for (size_t i = 0; i < route->retry_code_count; i++)
        strbuf_printf(out, " %u", route->retry_codes[i]);
    strbuf_add_char(out, ')');
}

static struct str backend_label(const struct rule_set *rules, size_t backend)
{
    return backend == SIZE_MAX ? STR("500") : rules->backends[backend].label;
}

const char *routes_text(struct compile_text *result)
{
    const struct rule_set *rules = &result->compiled->rules;
    struct strbuf *out = begin(result);
    for (size_t i = 0; i < rules->route_count; i++) {
        const struct rule_route *route = &rules->routes[i];
        strbuf_printf(out, "%.*s:", STR_ARG(route->label));
        for (size_t j = 0; j < route->match_count; j++)
            add_match(out, &route->matches[j]);
        add_actions(out, &route->actions);
        add_times(out, route);
        strbuf_add(out, STR(" ->"));
        for (size_t j = 0; j < route->backend_count; j++) {
            struct str label = backend_label(rules, route->backends[j].backend);
            strbuf_printf(out, " %.*s*%u", STR_ARG(label), route->backends[j].weight);
            add_actions(out, &route->backends[j].actions);
        }
        strbuf_add_char(out, '\n');
    }
    return end(result);
}

static void add_limits(struct strbuf *out, const struct rule_mirror *mirror, const struct rule_mirror *plain)
{
    if (mirror->rate_per_second != plain->rate_per_second)
        strbuf_printf(out, " rate=%llu", (unsigned long long)mirror->rate_per_second);
    if (mirror->max_in_flight != plain->max_in_flight)
        strbuf_printf(out, " inFlight=%u", mirror->max_in_flight);
    if (mirror->max_connections != plain->max_connections)
        strbuf_printf(out, " connections=%u", mirror->max_connections);
    if (mirror->window_bytes != plain->window_bytes)
        strbuf_printf(out, " window=%llu", (unsigned long long)mirror->window_bytes);
    if (mirror->timeout_ms != plain->timeout_ms)
        strbuf_printf(out, " timeout=%u", mirror->timeout_ms);
    if (mirror->connect_timeout_ms != plain->connect_timeout_ms)
        strbuf_printf(out, " connectTimeout=%u", mirror->connect_timeout_ms);
}

static void add_request(struct strbuf *out, const struct rule_mirror *mirror, const struct rule_mirror *plain)
{
    static const char *const redactions[] = {
        [REDACT_HEADER] = "header", [REDACT_COOKIE] = "cookie", [REDACT_QUERY] = "query"};
    if (mirror->host_kind != plain->host_kind)
        strbuf_printf(out, " host=%d %.*s", (int)mirror->host_kind, STR_ARG(mirror->host));
    add_edits(out, "copy", mirror->edits, mirror->edit_count);
    for (size_t i = 0; i < mirror->redaction_count; i++)
        strbuf_printf(out, " redact-%s(%.*s)", redactions[mirror->redactions[i].kind],
                      STR_ARG(mirror->redactions[i].name));
    if (!str_eq(mirror->marker_header, plain->marker_header))
        strbuf_printf(out, " marker=%.*s", STR_ARG(mirror->marker_header));
    if (mirror->has_baggage != plain->has_baggage)
        strbuf_add(out, STR(" no-baggage"));
    if (mirror->trace != plain->trace)
        strbuf_printf(out, " trace=%d", (int)mirror->trace);
}

static void add_mirror(struct strbuf *out, struct str route, const struct rule_mirror *mirror)
{
    static const char *const samplings[] = {
        [SAMPLING_EVEN] = "", [SAMPLING_RANDOM] = " random", [SAMPLING_HASH] = " hash"};
    struct rule_mirror plain;
    rule_mirror_init(&plain);
    strbuf_printf(out, "%.*s -> %.*s: %u/%u%s", STR_ARG(route), STR_ARG(mirror->label), mirror->numerator,
                  mirror->denominator, samplings[mirror->sampling]);
    if (mirror->is_control)
        strbuf_add(out, STR(" control"));
    if (mirror->key != KEY_NONE)
        strbuf_printf(out, " key=%d %.*s", (int)mirror->key, STR_ARG(mirror->key_name));
    if (mirror->salt.len > 0)
        strbuf_printf(out, " salt=%.*s", STR_ARG(mirror->salt));
    if (mirror->is_suspended)
        strbuf_add(out, STR(" suspended"));
    if (mirror->method_mask != plain.method_mask)
        strbuf_printf(out, " methods=%x", mirror->method_mask);
    for (size_t i = 0; i < mirror->source_count; i++)
        strbuf_printf(out, " source=%u/%u", mirror->sources[i].ip[0], mirror->sources[i].bits);
    add_limits(out, mirror, &plain);
    add_request(out, mirror, &plain);
    strbuf_add_char(out, '\n');
}

const char *mirrors_text(struct compile_text *result)
{
    const struct rule_set *rules = &result->compiled->rules;
    struct strbuf *out = begin(result);
    for (size_t i = 0; i < rules->route_count; i++) {
        const struct rule_route *route = &rules->routes[i];
        for (size_t j = 0; j < route->mirror_count; j++)
            add_mirror(out, route->label, &route->mirrors[j]);
        for (size_t j = 0; j < route->backend_count; j++) {
            for (size_t k = 0; k < route->backends[j].mirror_count; k++)
                add_mirror(out, route->label, &route->backends[j].mirrors[k]);
        }
    }
    return end(result);
}

static void add_names(struct strbuf *out, const char *name, struct rule_texts texts)
{
    for (size_t i = 0; i < texts.count; i++)
        strbuf_printf(out, "%s%.*s%s", i > 0 ? "," : name, STR_ARG(texts.list[i]), i + 1 == texts.count ? ")" : "");
}

static void add_number(struct strbuf *out, const char *name, uint64_t value, uint64_t plain)
{
    if (value != plain)
        strbuf_printf(out, " %s=%llu", name, (unsigned long long)value);
}

static void add_thresholds(struct strbuf *out, const struct rule_comparison *it, const struct rule_comparison *plain)
{
    add_number(out, "minPairs", it->min_pairs, plain->min_pairs);
    add_number(out, "minPairsP99", it->min_pairs_p99, plain->min_pairs_p99);
    add_number(out, "failures", it->max_shadow_failures, plain->max_shadow_failures);
    add_number(out, "lost", it->max_lost, plain->max_lost);
    add_number(out, "different", it->max_different, plain->max_different);
    add_number(out, "errors", it->max_new_errors, plain->max_new_errors);
    add_number(out, "blind", it->max_blind, plain->max_blind);
    add_number(out, "finding", it->finding_latency_ms, plain->finding_latency_ms);
    add_number(out, "findingShare", it->finding_latency_share, plain->finding_latency_share);
    add_number(out, "latency", it->max_latency_ms, plain->max_latency_ms);
    add_number(out, "latencyShare", it->max_latency_share, plain->max_latency_share);
}

static void add_comparison(struct strbuf *out, const struct rule_mirror *mirror)
{
    const struct rule_comparison *it = mirror->comparison;
    struct rule_comparison plain;
    rule_comparison_init(&plain);
    strbuf_printf(out, "%.*s:%s", STR_ARG(mirror->label), mirror->is_control ? " control" : "");
    if (!it) {
        strbuf_add(out, STR(" not compared\n"));
        return;
    }
    add_number(out, "samples", it->samples, plain.samples);
    add_number(out, "body", it->body_bytes, plain.body_bytes);
    add_names(out, " only(", it->headers);
    add_names(out, " ignore(", it->ignored_headers);
    add_names(out, " ignore-path(", it->ignored_paths);
    add_names(out, " hide-header(", it->redacted_headers);
    add_names(out, " hide-cookie(", it->redacted_cookies);
    add_names(out, " hide-query(", it->redacted_query);
    add_names(out, " hide-path(", it->redacted_paths);
    for (size_t i = 0; i < it->array_count; i++)
        strbuf_printf(out, " array(%.*s%s%.*s)", STR_ARG(it->arrays[i].path),
                      it->arrays[i].kind == COMPARE_KEYED ? " by " : "", STR_ARG(it->arrays[i].key));
    add_thresholds(out, it, &plain);
    strbuf_add_char(out, '\n');
}

const char *comparisons_text(struct compile_text *result)
{
    const struct rule_set *rules = &result->compiled->rules;
    struct strbuf *out = begin(result);
    for (size_t i = 0; i < rules->route_count; i++) {
        const struct rule_route *route = &rules->routes[i];
        for (size_t j = 0; j < route->mirror_count; j++)
            add_comparison(out, &route->mirrors[j]);
        for (size_t j = 0; j < route->backend_count; j++) {
            for (size_t k = 0; k < route->backends[j].mirror_count; k++)
                add_comparison(out, &route->backends[j].mirrors[k]);
        }
    }
    return end(result);
}

const char *revisions_text(struct compile_text *result)
{
    const struct rule_set *rules = &result->compiled->rules;
    struct strbuf *out = begin(result);
    for (size_t i = 0; i < rules->backend_count; i++)
        strbuf_printf(out, "%.*s %.*s\n", STR_ARG(rules->backends[i].label), STR_ARG(rules->backends[i].revision));
    return end(result);
}
