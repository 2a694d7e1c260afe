/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/istio_matches.h"

#include "compile/pods.h"
#include "http/head.h"
#include "http/url.h"

#define SAFE_METHODS (1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_OPTIONS)

/* What a text must be; nothing: it must be there. */
static enum plan_test test_of(const struct string_match *match, struct str *value)
{
    *value = STR("");
    if (match->exact.ptr) {
        *value = match->exact;
        return TEST_EXACT;
    }
    if (match->prefix.ptr) {
        *value = match->prefix;
        return match->prefix.len > 0 ? TEST_PREFIX : TEST_PRESENT;
    }
    *value = str_or(match->regex, STR(""));
    return match->regex.ptr ? TEST_REGEX : TEST_PRESENT;
}

/* ----------------------------------------------------------------------------------------------------------- paths */

/* Requests' paths are freed of escapes that mean nothing before they are matched; a text with them would match none. What climbs is left
 * as it is: a prefix may end anywhere. */
static struct str normal_path(struct compiler *compiler, struct str text)
{
    struct str normal;
    bool has_dots = memmem(text.ptr, text.len, "/.", 2) != NULL;
    if (!has_dots && str_starts_with(text, STR("/")) && url_normalise_path(text, compiler->arena, &normal))
        return normal;
    return text;
}

static void compile_path(struct compiler *compiler, const struct istio_match *match, struct rule_match *out)
{
    const struct string_match *uri = match ? match->uri : NULL;
    *out = (struct rule_match){.path_kind = PATH_MATCH_STRING, .path = STR("/"), .method = STR("")};
    if (!uri)
        return;
    if (uri->regex.ptr) {
        out->path_kind = PATH_MATCH_REGEX;
        out->path = uri->regex;
        return;
    }
    out->path_kind = uri->exact.ptr ? PATH_MATCH_EXACT : PATH_MATCH_STRING;
    out->path = normal_path(compiler, uri->exact.ptr ? uri->exact : uri->prefix);
    if (out->path.len == 0)
        out->path = STR("/");
    out->ignores_case = match->ignore_uri_case.value != 0;
}

/* ------------------------------------------------------------------------------------------------------ conditions */

struct condition_list {
    struct rule_condition *list;
    size_t count;
};

static struct rule_condition *add(struct condition_list *out, enum plan_condition_kind kind, struct str name)
{
    struct rule_condition *condition = &out->list[out->count++];
    *condition = (struct rule_condition){.kind = kind, .name = name, .value = STR("")};
    return condition;
}

static void add_text(struct condition_list *out, enum plan_condition_kind kind, const struct string_match *match)
{
    if (!match)
        return;
    struct rule_condition *condition = add(out, kind, STR(""));
    condition->test = test_of(match, &condition->value);
}

/* Istio looks at none of these in a map of headers. */
static bool is_reserved(struct str name)
{
    return str_eq(name, STR("uri")) || str_eq(name, STR("scheme")) || str_eq(name, STR("method")) ||
           str_eq(name, STR("authority"));
}

static void add_texts(struct condition_list *out, enum plan_condition_kind kind, const struct schema_list *texts,
                      bool is_negated)
{
    for (size_t i = 0; i < texts->count; i++) {
        const struct string_match *match = SCHEMA_ITEM(*texts, struct string_match, i);
        struct str name = match->node->key;
        bool is_host = kind == CONDITION_HEADER &&
                       (str_eq_nocase(name, STR("host")) || str_eq(name, STR(":authority")));
        if (kind == CONDITION_HEADER && is_reserved(name))
            continue;
        struct rule_condition *condition = add(out, is_host ? CONDITION_AUTHORITY : kind, is_host ? STR("") : name);
        condition->test = test_of(match, &condition->value);
        condition->is_negated = is_negated;
    }
}

static bool has_source(const struct istio_match *match)
{
    return match->source_labels.count > 0 || match->source_namespace.len > 0;
}

static void add_source(struct compiler *compiler, const struct istio_match *match, struct condition_list *out)
{
    struct str set = pods_peer_set(compiler, str_or(match->source_namespace, STR("")), &match->source_labels);
    struct rule_condition *condition = add(out, CONDITION_PEER, STR(""));
    condition->value = set;
    condition->test = TEST_EXACT;
    if (compiler->by_age[KIND_POD].count == 0 && !compiler->options->is_cluster)
        compiler_report(
            compiler, SEVERITY_WARNING, "", match->node,
            match->source_labels.count > 0 ? "sourceLabels" : "sourceNamespace",
            "matches nobody: whose a request is, is told by the addresses of Pods, and there is no Pod among "
            "the manifests");
}

static void compile_conditions(struct compiler *compiler, const struct istio_match *match, struct rule_match *out)
{
    size_t most = (size_t)match->headers.count + match->without_headers.count + match->query_params.count + 5;
    struct condition_list conditions = {.list = arena_alloc(compiler->arena, most * sizeof(struct rule_condition))};
    if (match->method && match->method->exact.ptr)
        out->method = match->method->exact;
    else
        add_text(&conditions, CONDITION_METHOD, match->method);
    add_text(&conditions, CONDITION_SCHEME, match->scheme);
    add_text(&conditions, CONDITION_AUTHORITY, match->authority);
    add_texts(&conditions, CONDITION_HEADER, &match->headers, false);
    add_texts(&conditions, CONDITION_HEADER, &match->without_headers, true);
    add_texts(&conditions, CONDITION_QUERY, &match->query_params, false);
    if (match->port.is_set) {
        struct rule_condition *condition = add(&conditions, CONDITION_PORT, STR(""));
        condition->value = arena_printf(compiler->arena, "%u", (unsigned)match->port.value);
    }
    if (has_source(match))
        add_source(compiler, match, &conditions);
    out->conditions = conditions.list;
    out->condition_count = conditions.count;
}

void istio_match_compile(struct compiler *compiler, const struct istio_match *match, struct rule_match *out)
{
    compile_path(compiler, match, out);
    if (match)
        compile_conditions(compiler, match, out);
}

/* ---------------------------------------------------------------------------------------------------------- kinds */

bool istio_match_is_all(const struct istio_match *match)
{
    if (!match)
        return true;
    const struct string_match *uri = match->uri;
    bool is_any_path = !uri || (uri->prefix.ptr && (uri->prefix.len == 0 || str_eq(uri->prefix, STR("/")))) ||
                       (uri->regex.ptr && (str_eq(uri->regex, STR(".*")) || str_eq(uri->regex, STR("/.*"))));
    return is_any_path && !match->method && !match->scheme && !match->authority && match->headers.count == 0 &&
           match->without_headers.count == 0 && match->query_params.count == 0;
}

bool istio_match_is_narrow(const struct istio_match *match)
{
    return match && (match->gateways.count > 0 || match->port.is_set || has_source(match));
}

bool istio_match_takes_writes(const struct istio_match *match)
{
    const struct string_match *method = match ? match->method : NULL;
    return !method || !method->exact.ptr || !(SAFE_METHODS & 1u << method_from_str(method->exact));
}
