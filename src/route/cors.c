/* SPDX-License-Identifier: Apache-2.0 */
#include "route/cors.h"

#include "http/byte_class.h"
#include "http/url.h"

#include <stdio.h>

static const struct str any = STR_INIT("*");

struct origin {
    bool is_https;
    struct str host; /* brackets included */
    uint16_t port;
};

/* scheme "://" host [":" port]; the host may be a pattern. False for "null" and for what a browser does not send. */
static bool parse_origin(struct str text, struct origin *origin)
{
    size_t scheme = str_find_char(text, ':');
    struct str rest = str_slice(text, scheme, text.len), bare;
    origin->is_https = str_eq_nocase(str_slice(text, 0, scheme), STR("https"));
    if (!origin->is_https && !str_eq_nocase(str_slice(text, 0, scheme), STR("http")))
        return false;
    if (!str_starts_with(rest, STR("://")))
        return false;
    rest = str_slice(rest, 3, rest.len);
    if (!url_split_authority(rest, &bare, &origin->port))
        return false;
    origin->host = rest.ptr[0] == '[' ? str_slice(rest, 0, bare.len + 2) : bare;
    if (!origin->port)
        origin->port = origin->is_https ? 443 : 80;
    return true;
}

/* Letters, digits, '-', '_' and '.': what a wildcard stands for. */
static bool is_labels(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!byte_is(s.ptr[i], BYTE_UNRESERVED) || s.ptr[i] == '~')
            return false;
    }
    return s.len > 0;
}

static bool host_matches(struct str pattern, struct str host)
{
    if (!pattern.len || pattern.ptr[0] != '*')
        return str_eq_nocase(pattern, host);
    struct str suffix = str_slice(pattern, 1, pattern.len);
    if (host.len <= suffix.len)
        return false;
    size_t at = host.len - suffix.len;
    return str_eq_nocase(str_slice(host, at, host.len), suffix) && (!suffix.len || is_labels(str_slice(host, 0, at)));
}

/* Prefixes and regular expressions see it as it was sent. */
static bool meets_test(const struct cors_rule *rule, const struct plan_condition *condition, struct str origin)
{
    struct str value = plan_text(rule->plan, condition->value);
    switch ((enum plan_test)condition->test) {
    case TEST_EXACT: return str_eq(origin, value);
    case TEST_PREFIX: return str_starts_with(origin, value);
    case TEST_REGEX: return regexes_match(rule->use.regexes, rule->use.scratch, condition->index, origin) == REGEX_YES;
    case TEST_PRESENT: break;
    }
    return true;
}

bool cors_allows(const struct cors_rule *rule, struct str origin)
{
    const struct plan *plan = rule->plan;
    const struct plan_cors *cors = rule->cors;
    struct origin asking, allowed;
    bool is_origin = parse_origin(origin, &asking);
    for (uint32_t i = 0; i < cors->origins.count; i++) {
        struct str text = plan_text(plan, PLAN_TEXT(plan, cors->origins.first + i));
        if (str_eq(text, any))
            return true;
        if (is_origin && parse_origin(text, &allowed) && allowed.is_https == asking.is_https &&
            allowed.port == asking.port && host_matches(allowed.host, asking.host))
            return true;
    }
    for (uint32_t i = 0; i < cors->origin_tests.count; i++) {
        if (meets_test(rule, PLAN_CONDITION(plan, cors->origin_tests.first + i), origin))
            return true;
    }
    return false;
}

static struct str find_value(const struct head *head, struct str name)
{
    const struct field *field = head_find_name(head, name);
    return field ? field->value : STR_NONE;
}

bool cors_is_preflight(const struct head *request)
{
    return request->method_id == METHOD_OPTIONS && find_value(request, STR("Origin")).len &&
           find_value(request, STR("Access-Control-Request-Method")).len;
}

bool cors_owns(struct str name)
{
    static const struct str names[] = {
        STR_INIT("Access-Control-Allow-Origin"),   STR_INIT("Access-Control-Allow-Credentials"),
        STR_INIT("Access-Control-Allow-Methods"),  STR_INIT("Access-Control-Allow-Headers"),
        STR_INIT("Access-Control-Expose-Headers"), STR_INIT("Access-Control-Max-Age"),
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_eq_nocase(name, names[i]))
            return true;
    }
    return false;
}

bool cors_has_vary(const struct head *answer)
{
    for (uint16_t i = 0; i < answer->field_count; i++) {
        const struct field *field = &answer->fields[i];
        if (str_eq_nocase(field->name, STR("Vary")) &&
            (str_list_has(field->value, STR("Origin")) || str_list_has(field->value, any)))
            return true;
    }
    return false;
}

static bool is_any(const struct plan *plan, struct plan_range list)
{
    for (uint32_t i = 0; i < list.count; i++) {
        if (str_eq(plan_text(plan, PLAN_TEXT(plan, list.first + i)), any))
            return true;
    }
    return false;
}

/* Of methods and names of fields. */
static bool is_token(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!byte_is(text.ptr[i], BYTE_TOKEN))
            return false;
    }
    return text.len > 0;
}

/* Whatever a plan says, nothing of it ends a field. */
static struct str join(const struct plan *plan, struct plan_range list, struct arena *arena)
{
    size_t size = 1;
    for (uint32_t i = 0; i < list.count; i++)
        size += plan_text(plan, PLAN_TEXT(plan, list.first + i)).len + 2;
    char *out = arena_alloc(arena, size), *end = out;
    for (uint32_t i = 0; i < list.count; i++) {
        struct str text = plan_text(plan, PLAN_TEXT(plan, list.first + i));
        if (!is_token(text))
            continue;
        if (end != out)
            end = mempcpy(end, ", ", 2);
        end = mempcpy(end, text.ptr, text.len);
    }
    return (struct str){out, (size_t)(end - out)};
}

struct making {
    struct field *fields;
    uint16_t count;
};

static void add(struct making *m, struct str name, struct str value)
{
    if (value.len)
        m->fields[m->count++] = (struct field){name, value, FIELD_OTHER};
}

/* With credentials a browser takes "*" for a name: then what it asks for stands in its place. */
static struct str choose(const struct plan *plan, struct plan_range list, bool has_credentials, struct str asked,
                         struct arena *arena)
{
    if (!is_any(plan, list))
        return list.count ? join(plan, list, arena) : STR_NONE;
    return has_credentials ? asked : any;
}

bool cors_allows_request(const struct cors_rule *rule, const struct head *request)
{
    struct str origin = find_value(request, STR("Origin"));
    return origin.len && cors_allows(rule, origin);
}

uint16_t cors_make_fields(const struct cors_rule *rule, const struct head *request, struct arena *arena,
                          struct field *fields)
{
    const struct plan *plan = rule->plan;
    const struct plan_cors *cors = rule->cors;
    struct making m = {fields, 0};
    struct str origin = find_value(request, STR("Origin"));
    bool has_credentials = cors->allows_credentials, is_any_origin = is_any(plan, cors->origins) && !has_credentials;
    if (is_any_origin) /* whoever asks, so that a cache may keep the answer for all */
        add(&m, STR("Access-Control-Allow-Origin"), any);
    else
        add(&m, STR("Vary"), STR("Origin"));
    if (!cors_allows_request(rule, request))
        return m.count;
    if (!is_any_origin)
        add(&m, STR("Access-Control-Allow-Origin"), origin);
    if (has_credentials)
        add(&m, STR("Access-Control-Allow-Credentials"), STR("true"));
    if (!has_credentials || !is_any(plan, cors->expose))
        add(&m, STR("Access-Control-Expose-Headers"), choose(plan, cors->expose, false, STR_NONE, arena));
    if (!cors_is_preflight(request))
        return m.count;
    struct str method = find_value(request, STR("Access-Control-Request-Method"));
    struct str headers = find_value(request, STR("Access-Control-Request-Headers"));
    add(&m, STR("Access-Control-Allow-Methods"), choose(plan, cors->methods, has_credentials, method, arena));
    add(&m, STR("Access-Control-Allow-Headers"), choose(plan, cors->headers, has_credentials, headers, arena));
    if (cors->max_age_s)
        add(&m, STR("Access-Control-Max-Age"), arena_printf(arena, "%u", cors->max_age_s));
    return m.count;
}
