/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/http_route_check.h"

#include "manifest/quote.h"
#include "manifest/regex_check.h"

#include <ctype.h>

#define PATH_MAX_LENGTH 1024
#define ROUTE_MATCHES_MAX 128

static bool is_escape(struct str text)
{
    return text.len >= 3 && text.ptr[0] == '%' && isxdigit((unsigned char)text.ptr[1]) &&
           isxdigit((unsigned char)text.ptr[2]);
}

/* Where the first character stands that no path has, or text.len. */
static size_t find_foreign(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        (c != '\0' && strchr("-/._~!$&'()*+,;=:@", c));
        if (!is_plain && !is_escape(str_slice(text, i, text.len)))
            return i;
    }
    return text.len;
}

static bool is_path(struct str text)
{
    return text.len > 0 && find_foreign(text) == text.len;
}
const struct schema_format format_path = {
    .name = "a path",
    .pattern = "^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$",
    .example = "/check",
    .is_valid = is_path,
    .max_len = PATH_MAX_LENGTH,
};

static bool is_header_value(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}
const struct schema_format format_header_value = {
    .name = "a header's value",
    .example = "one line of text",
    .is_valid = is_header_value,
};

/* ----------------------------------------------------------------------------------------------------- matches */

static bool holds(struct str text, const char *part)
{
    struct str needle = str_from_c(part);
    return text.len >= needle.len && memmem(text.ptr, text.len, needle.ptr, needle.len) != NULL;
}

/* What is wrong with a path that is compared as it stands, or NULL. */
static const char *find_path_mistake(struct str path)
{
    static const struct {
        const char *part;
        bool is_end;
        const char *why;
    } mistakes[] = {
        {"//", false, "must not contain \"//\": write one \"/\", or type: RegularExpression"},
        {"/./", false, "must not contain \"/./\", which requests' paths are freed of: write \"/\""},
        {"/../", false,
         "must not contain \"/../\", which requests' paths are freed of: write the path that it leads to"},
        {"%2f", false, "must not contain an encoded slash (%2f): no request matches it; use type: RegularExpression"},
        {"%2F", false, "must not contain an encoded slash (%2F): no request matches it; use type: RegularExpression"},
        {"#", false, "must not contain \"#\": fragments stay in the browser"},
        {"?", false, "must not contain \"?\": match the query with queryParams"},
        {"/..", true, "must not end in \"/..\", which requests' paths are freed of: write the path that it leads to"},
        {"/.", true, "must not end in \"/.\", which requests' paths are freed of: write \"/\""},
    };
    if (!str_starts_with(path, STR("/")))
        return "must begin with \"/\"";
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        bool is_made = mistakes[i].is_end ? str_ends_with(path, str_from_c(mistakes[i].part))
                                          : holds(path, mistakes[i].part);
        if (is_made)
            return mistakes[i].why;
    }
    return NULL;
}

void check_path_match(const void *object, struct problems *problems)
{
    const struct http_path_match *match = object;
    const struct node *at = place_of(match->node, "value");
    if (match->type.value == PATH_REGEX) {
        regex_check(match->value, at, problems);
        return;
    }
    const char *mistake = find_path_mistake(match->value);
    size_t foreign = find_foreign(match->value);
    char quoted[QUOTE_TEXT];
    if (mistake)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, at, "%s %s", quote_short(match->value, quoted), mistake);
    else if (foreign < match->value.len)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, at,
                     "%s has a character at %zu that paths do not have: encode it as %%%02X, or use type: "
                     "RegularExpression",
                     quote_short(match->value, quoted), foreign + 1, (unsigned char)match->value.ptr[foreign]);
    else if (str_ends_with(match->value, STR("*")))
        problems_add(problems, SEVERITY_WARNING, STR_NONE, at,
                     "%s is compared as it stands, \"*\" included: a PathPrefix matches all below it without",
                     quote_short(match->value, quoted));
}

void check_value_match(const void *object, struct problems *problems)
{
    const struct http_value_match *match = object;
    if (match->type.value == VALUE_REGEX)
        regex_check(match->value, place_of(match->node, "value"), problems);
}

/* ------------------------------------------------------------------------------------------------------ filters */

void check_path_modifier(const void *object, struct problems *problems)
{
    const struct http_path_modifier *modifier = object;
    bool is_full = modifier->type.value == PATH_REPLACE_FULL;
    const char *type = is_full ? "ReplaceFullPath" : "ReplacePrefixMatch";
    const char *wanted = is_full ? "replaceFullPath" : "replacePrefixMatch";
    const char *other = is_full ? "replacePrefixMatch" : "replaceFullPath";
    struct str wanted_value = is_full ? modifier->full : modifier->prefix;
    struct str other_value = is_full ? modifier->prefix : modifier->full;
    if (!wanted_value.ptr)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, modifier->node, wanted, "the type %s needs %s: add it",
                            type, wanted);
    if (other_value.ptr)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(modifier->node, other),
                     "is not for the type %s: remove it or change type", type);
}

void check_fraction(const void *object, struct problems *problems)
{
    const struct fraction *fraction = object;
    if (fraction->numerator.value > fraction->denominator.value)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(fraction->node, "numerator"),
                     "%lld of %lld are more than all: the numerator must not be above the denominator",
                     (long long)fraction->numerator.value, (long long)fraction->denominator.value);
}

void check_mirror(const void *object, struct problems *problems)
{
    const struct http_mirror_filter *mirror = object;
    if (mirror->percent.is_set && mirror->fraction)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, mirror->node,
                     "has both percent and fraction, which say the same: remove one");
}

static void check_star(const struct schema_list *list, const char *what, struct problems *problems)
{
    for (uint32_t i = 0; list->count > 1 && i < list->count; i++) {
        if (!str_eq(*SCHEMA_ITEM(*list, struct str, i), STR("*")))
            continue;
        problems_add(problems, SEVERITY_ERROR, STR_NONE, list->node,
                     "has \"*\", which is all %s, and others beside it: leave \"*\" alone or remove it", what);
        return;
    }
}

void check_cors(const void *object, struct problems *problems)
{
    const struct http_cors *cors = object;
    check_star(&cors->allow_origins, "origins", problems);
    check_star(&cors->allow_methods, "methods", problems);
    check_star(&cors->allow_headers, "headers", problems);
}

static const struct filter_member {
    const char *type, *member;
    size_t offset;
    bool is_repeatable;
} filter_members[] = {
    [FILTER_REQUEST_HEADERS] = {"RequestHeaderModifier", "requestHeaderModifier",
                                offsetof(struct http_filter, request_headers), false},
    [FILTER_RESPONSE_HEADERS] = {"ResponseHeaderModifier", "responseHeaderModifier",
                                 offsetof(struct http_filter, response_headers), false},
    [FILTER_MIRROR] = {"RequestMirror", "requestMirror", offsetof(struct http_filter, mirror), true},
    [FILTER_EXTENSION] = {"ExtensionRef", "extensionRef", offsetof(struct http_filter, extension), true},
    [FILTER_REDIRECT] = {"RequestRedirect", "requestRedirect", offsetof(struct http_filter, redirect), false},
    [FILTER_REWRITE] = {"URLRewrite", "urlRewrite", offsetof(struct http_filter, rewrite), false},
    [FILTER_CORS] = {"CORS", "cors", offsetof(struct http_filter, cors), false},
    [FILTER_EXTERNAL_AUTH] = {"ExternalAuth", "externalAuth", offsetof(struct http_filter, external_auth), true},
};
#define FILTER_TYPES (sizeof(filter_members) / sizeof(filter_members[0]))

static bool has_member(const struct http_filter *filter, const struct filter_member *member)
{
    return *(void *const *)((const char *)filter + member->offset) != NULL;
}

void check_filter(const void *object, struct problems *problems)
{
    const struct http_filter *filter = object;
    const struct filter_member *wanted = &filter_members[filter->type.value];
    if (filter->type.value == FILTER_EXTERNAL_AUTH)
        problems_add(problems, SEVERITY_ERROR, STR("UnsupportedValue"), filter->node,
                     "ExternalAuth is not served by this version, and without it requests would pass that nobody has "
                     "allowed: let the backend or a proxy before Umbra ask, and remove the filter");
    if (!has_member(filter, wanted))
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, filter->node, wanted->member,
                            "the type %s needs %s: add it", wanted->type, wanted->member);
    for (size_t i = 0; i < FILTER_TYPES; i++) {
        const struct filter_member *other = &filter_members[i];
        if (other != wanted && has_member(filter, other))
            problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(filter->node, other->member),
                         "is for the type %s, and type is %s: remove it, or give it a filter of its own", other->type,
                         wanted->type);
    }
}

void check_filters(const struct schema_list *filters, struct problems *problems)
{
    uint32_t count[FILTER_TYPES] = {0};
    for (uint32_t i = 0; i < filters->count; i++) {
        const struct http_filter *filter = SCHEMA_ITEM(*filters, struct http_filter, i);
        const struct filter_member *member = &filter_members[filter->type.value];
        if (++count[filter->type.value] == 2 && !member->is_repeatable)
            problems_add(problems, SEVERITY_ERROR, STR_NONE, filter->node,
                         "is the second %s in this list, which may have one: join them", member->type);
    }
    if (count[FILTER_REDIRECT] > 0 && count[FILTER_REWRITE] > 0)
        problems_add(problems, SEVERITY_ERROR, STR("IncompatibleFilters"), filters->node,
                     "has both RequestRedirect and URLRewrite: a request that is redirected goes to no backend, so "
                     "remove one");
}

/* -------------------------------------------------------------------------------------------------------- rules */

void check_http_backend_ref(const void *object, struct problems *problems)
{
    const struct http_backend_ref *backend = object;
    check_service_port(backend->ref.group, backend->ref.kind, &backend->ref.port, backend->ref.node, problems);
    check_filters(&backend->filters, problems);
}

void check_timeouts(const void *object, struct problems *problems)
{
    const struct http_timeouts *timeouts = object;
    bool is_bounded = timeouts->request.is_set && timeouts->request.value > 0;
    if (is_bounded && timeouts->backend_request.is_set && timeouts->backend_request.value > timeouts->request.value)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(timeouts->node, "backendRequest"),
                     "is longer than request, of which it is a part: make it shorter, or request longer");
}

/* Whether a filter of the type puts something in place of the prefix that matched. */
static bool replaces_prefix(const struct http_filter *filter, enum http_filter_type type)
{
    const struct http_path_modifier *path = NULL;
    if (type == FILTER_REDIRECT && filter->redirect)
        path = filter->redirect->path;
    if (type == FILTER_REWRITE && filter->rewrite)
        path = filter->rewrite->path;
    return path && path->type.value == PATH_REPLACE_PREFIX && path->prefix.ptr;
}

static const struct http_filter *find_prefix_filter(const struct schema_list *filters, enum http_filter_type type)
{
    for (uint32_t i = 0; i < filters->count; i++) {
        const struct http_filter *filter = SCHEMA_ITEM(*filters, struct http_filter, i);
        if (replaces_prefix(filter, type))
            return filter;
    }
    return NULL;
}

static void say_no_prefix(const struct http_filter *filter, enum http_filter_type type, struct problems *problems)
{
    problems_add(
        problems, SEVERITY_ERROR, STR_NONE, filter->node,
        "%s replaces the prefix that matched, so the rule must have exactly one match, of the type PathPrefix: "
        "split the rule, or use ReplaceFullPath",
        filter_members[type].type);
}

/* Of backendRefs only when one alone has such a filter: the CRD lets others pass, and so it is on a laptop too. */
static void check_prefix_filters(const struct http_route_rule *rule, enum http_filter_type type,
                                 struct problems *problems)
{
    const struct http_route_match *match = rule->matches.count == 1
                                               ? SCHEMA_ITEM(rule->matches, struct http_route_match, 0)
                                               : NULL;
    if (match && match->path->type.value == PATH_PREFIX)
        return;
    const struct http_filter *filter = find_prefix_filter(&rule->filters, type);
    if (filter)
        say_no_prefix(filter, type, problems);
    uint32_t count = 0;
    for (uint32_t i = 0; i < rule->backend_refs.count; i++) {
        const struct http_backend_ref *backend = SCHEMA_ITEM(rule->backend_refs, struct http_backend_ref, i);
        const struct http_filter *own = find_prefix_filter(&backend->filters, type);
        count += own != NULL;
        filter = own ? own : filter;
    }
    if (count == 1)
        say_no_prefix(filter, type, problems);
}

void check_http_rule(const void *object, struct problems *problems)
{
    const struct http_route_rule *rule = object;
    check_filters(&rule->filters, problems);
    for (uint32_t i = 0; rule->backend_refs.count > 0 && i < rule->filters.count; i++) {
        const struct http_filter *filter = SCHEMA_ITEM(rule->filters, struct http_filter, i);
        if (filter->redirect)
            problems_add(problems, SEVERITY_ERROR, STR_NONE, filter->node,
                         "a rule that redirects sends nothing to backends: remove backendRefs or this filter");
    }
    check_prefix_filters(rule, FILTER_REDIRECT, problems);
    check_prefix_filters(rule, FILTER_REWRITE, problems);
}

/* -------------------------------------------------------------------------------------------------------- route */

static bool is_same_parent(const struct parent_ref *a, const struct parent_ref *b)
{
    return str_eq(a->group, b->group) && str_eq(a->kind, b->kind) && str_eq(a->name, b->name) && str_eq(a->ns, b->ns);
}

/* Two references to one parent pass when either channel lets them pass: the standard one looks at sectionName, the
 * experimental one at port, too. */
static const char *find_parent_mistake(const struct parent_ref *a, const struct parent_ref *b)
{
    if ((a->section_name.len > 0) != (b->section_name.len > 0))
        return ", and one of them a sectionName: give both one, or remove one";
    bool is_same_section = str_eq(a->section_name, b->section_name);
    if (is_same_section && a->port.is_set != b->port.is_set)
        return ", and one of them a port: give both one, or remove one";
    if (is_same_section && a->port.value == b->port.value)
        return ": remove one, or give each its own sectionName";
    return NULL;
}

static void check_parents(const struct schema_list *parents, struct problems *problems)
{
    for (uint32_t i = 1; i < parents->count; i++) {
        const struct parent_ref *later = SCHEMA_ITEM(*parents, struct parent_ref, i);
        const char *mistake = NULL;
        for (uint32_t j = 0; !mistake && j < i; j++) {
            const struct parent_ref *earlier = SCHEMA_ITEM(*parents, struct parent_ref, j);
            mistake = is_same_parent(earlier, later) ? find_parent_mistake(earlier, later) : NULL;
            if (mistake)
                problems_add(problems, SEVERITY_ERROR, STR_NONE, later->node,
                             "names the same parent as parentRefs[%u]%s", j, mistake);
        }
    }
}

/* The experimental channel refuses such routes, the standard one does not. */
static void check_rule_names(const struct schema_list *rules, struct problems *problems)
{
    for (uint32_t i = 1; i < rules->count; i++) {
        const struct http_route_rule *later = SCHEMA_ITEM(*rules, struct http_route_rule, i);
        for (uint32_t j = 0; later->name.len > 0 && j < i; j++) {
            if (!str_eq(SCHEMA_ITEM(*rules, struct http_route_rule, j)->name, later->name))
                continue;
            problems_add(problems, SEVERITY_WARNING, STR_NONE, place_of(later->node, "name"),
                         "is the name of rules[%u] too: they are counted as one; give each its own name", j);
            break;
        }
    }
}

void check_http_route_spec(const void *object, struct problems *problems)
{
    const struct http_route_spec *spec = object;
    check_parents(&spec->parent_refs, problems);
    check_rule_names(&spec->rules, problems);
    uint32_t matches = 0;
    for (uint32_t i = 0; i < spec->rules.count; i++)
        matches += SCHEMA_ITEM(spec->rules, struct http_route_rule, i)->matches.count;
    if (matches > ROUTE_MATCHES_MAX)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(spec->node, "rules"),
                     "have %u matches together, and a route may have %u: split the route", matches, ROUTE_MATCHES_MAX);
}
