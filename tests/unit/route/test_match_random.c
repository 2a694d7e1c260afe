/* SPDX-License-Identifier: Apache-2.0 */
/* Random rules and requests: the plan's answer against a scan of all rules that follows the Gateway API's words, and Istio's for those in
 * written order, written with nothing of the code under test. */
#include "match_fixture.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <cmocka.h>

#define PLANS 500
#define REQUESTS 200 /* per plan */
#define MAX_RULES 200
#define LISTENERS 4

static uint64_t seed;

static unsigned below(unsigned limit)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(seed >> 33) % limit;
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define ONE_OF(list) (list)[below(COUNT(list))]

static const char *const patterns[] = {"",       "*.test",     "*.b.test", "a.b.test",
                                       "b.test", "*.a.b.test", "c.test",   "A.b.Test"};
static const char *const hosts[] = {"a.b.test", "b.test", "c.b.test", "x.a.b.test",  "y.x.a.b.test", "c.test",
                                    "test",     "other",  "A.B.TEST", "a.b.test:80", "b.test.",      "-"};
static const char *const elements[] = {"a", "b", "", "ab", "A"};
static const char *const regexes[] = {"/a/.*", "/(a|b)/.*", "/a|/b/.*", "/a/b?", "/[ab]+/b", "/a/b/.+", ".*b", "/ab/?"};
static const char *const methods[] = {"GET", "POST", "GET", "FETCH"};
static const char *const names[] = {"x", "Y", "z"};
static const char *const values[] = {"1", "2", "12", ""};
static const char *const value_regexes[] = {"[12]", "1.*", "2|12", "1,2"};

/* ---- what is drawn ---- */

static void draw_path(char *out, size_t size)
{
    size_t len = 0;
    unsigned count = 1 + below(4);
    for (unsigned i = 0; i < count; i++)
        len += (size_t)snprintf(out + len, size - len, "/%s", ONE_OF(elements));
}

/* In written order. */
static void draw_ordered(char *out, size_t size)
{
    char path[64];
    unsigned kind = below(6);
    bool ignores_case = below(4) == 0;
    draw_path(path, sizeof(path));
    for (size_t i = 0; path[i] && ignores_case; i++)
        path[i] = (char)(path[i] == 'a' && below(2) ? 'A' : path[i]);
    size_t len = (size_t)snprintf(out, size, "then%u ", below(2));
    len += kind == 0 ? (size_t)snprintf(out + len, size - len, "regex %s", ONE_OF(regexes))
                     : (size_t)snprintf(out + len, size - len, "%s%s %s", ignores_case ? "i" : "",
                                        kind == 1   ? "exact"
                                        : kind == 2 ? "prefix"
                                                    : "string",
                                        path);
    if (below(4) == 0)
        len += (size_t)snprintf(out + len, size - len, " %s", ONE_OF(methods));
    for (unsigned left = below(3); left > 0; left--) {
        const char *mark = below(3) == 0 ? "!" : "", *where = below(3) == 0 ? "?" : "";
        switch (below(5)) {
        case 0:
            len += (size_t)snprintf(out + len, size - len, " %s%s%s~%s", mark, where, ONE_OF(names),
                                    ONE_OF(value_regexes));
            break;
        case 1:
            len += (size_t)snprintf(out + len, size - len, " %s%s%s^%s", mark, where, ONE_OF(names), ONE_OF(values));
            break;
        case 2: len += (size_t)snprintf(out + len, size - len, " %s%s%s+", mark, where, ONE_OF(names)); break;
        default:
            len += (size_t)snprintf(out + len, size - len, " %s%s%s=%s", mark, where, ONE_OF(names), ONE_OF(values));
        }
    }
}

static void draw_match(char *out, size_t size)
{
    char path[64];
    unsigned kind = below(5);
    draw_path(path, sizeof(path));
    size_t len = kind == 0   ? (size_t)snprintf(out, size, "exact %s", path)
                 : kind == 1 ? (size_t)snprintf(out, size, "regex %s", ONE_OF(regexes))
                             : (size_t)snprintf(out, size, "prefix %s", path);
    if (below(3) == 0)
        len += (size_t)snprintf(out + len, size - len, " %s", ONE_OF(methods));
    for (unsigned left = below(4); left > 0; left--) {
        const char *mark = below(3) == 0 ? "?" : "";
        if (below(4) == 0)
            len += (size_t)snprintf(out + len, size - len, " %s%s~%s", mark, ONE_OF(names), ONE_OF(value_regexes));
        else
            len += (size_t)snprintf(out + len, size - len, " %s%s=%s", mark, ONE_OF(names), ONE_OF(values));
    }
}

static void draw_request(char *out, size_t size)
{
    char path[64];
    draw_path(path, sizeof(path));
    size_t len = (size_t)snprintf(out, size, "%s %s %s", ONE_OF(methods), ONE_OF(hosts), path);
    unsigned parameters = below(4), fields = below(5);
    for (unsigned i = 0; i < parameters; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s=%s", i ? "&" : "?", ONE_OF(names), ONE_OF(values));
    for (unsigned i = 0; i < fields; i++)
        len += (size_t)snprintf(out + len, size - len, " %s=%s", ONE_OF(names), ONE_OF(values));
}

/* ---- the scan ---- */

struct request {
    char host[64]; /* empty: none */
    const struct head *head;
};

static void text_of(char *out, size_t size, struct str s)
{
    snprintf(out, size, "%.*s", STR_ARG(s));
}

static void read_host(struct request *request)
{
    text_of(request->host, sizeof(request->host), request->head->authority);
    request->host[strcspn(request->host, ":")] = '\0';
    if (request->host[0] && request->host[strlen(request->host) - 1] == '.')
        request->host[strlen(request->host) - 1] = '\0';
}

/* How specific a pattern is that takes the host: 0 it does not, 1 all hosts, more for longer wildcards, most for the name. */
static unsigned host_rank(struct str pattern, const char *host)
{
    char text[64];
    text_of(text, sizeof(text), pattern);
    if (!text[0])
        return 1;
    if (text[0] != '*')
        return strcasecmp(text, host) == 0 ? 1000 : 0;
    size_t tail = strlen(text + 1), len = strlen(host);
    return len > tail && strcasecmp(host + len - tail, text + 1) == 0 ? 1 + (unsigned)tail : 0;
}

/* The patterns above, compiled once. */
static struct {
    const char *pattern;
    regex_t compiled;
} compiled[COUNT(regexes) + COUNT(value_regexes)];

static int compile_patterns(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(compiled); i++) {
        char whole[128];
        compiled[i].pattern = i < COUNT(regexes) ? regexes[i] : value_regexes[i - COUNT(regexes)];
        snprintf(whole, sizeof(whole), "^(%s)$", compiled[i].pattern);
        assert_int_equal(regcomp(&compiled[i].compiled, whole, REG_EXTENDED | REG_NOSUB), 0);
    }
    return 0;
}

static int free_patterns(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(compiled); i++)
        regfree(&compiled[i].compiled);
    return 0;
}

static bool fits(const char *pattern, const char *subject)
{
    size_t i = 0;
    while (strcmp(compiled[i].pattern, pattern) != 0)
        i++;
    return regexec(&compiled[i].compiled, subject, 0, NULL, 0) == 0;
}

/* False when the request has no such field or parameter. */
static bool find_value(const struct request *request, const struct rule_condition *condition, char *out, size_t size)
{
    const struct head *head = request->head;
    size_t len = 0, found = 0;
    for (size_t i = 0; condition->kind == CONDITION_HEADER && i < head->field_count; i++) {
        if (str_eq_nocase(head->fields[i].name, condition->name))
            len += (size_t)snprintf(out + len, size - len, "%s%.*s", found++ ? "," : "",
                                    STR_ARG(head->fields[i].value));
    }
    struct str rest = head->query, parameter;
    while (condition->kind == CONDITION_QUERY && !found && str_next(&rest, '&', &parameter)) {
        size_t at = str_find_char(parameter, '=');
        if (str_eq(str_slice(parameter, 0, at), condition->name)) {
            text_of(out, size, str_slice(parameter, at + 1, parameter.len));
            found++;
        }
    }
    return found > 0;
}

static bool is_same_name(const struct rule_condition *a, const struct rule_condition *b)
{
    return a->kind == b->kind &&
           (a->kind == CONDITION_HEADER ? str_eq_nocase(a->name, b->name) : str_eq(a->name, b->name));
}

/* Of those with one name the first counts, by precedence. */
static bool counts(const struct rule_match *match, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (is_same_name(&match->conditions[i], &match->conditions[index]))
            return false;
    }
    return true;
}

static bool meets(const struct request *request, const struct rule_condition *condition)
{
    char value[128], wanted[64];
    if (!find_value(request, condition, value, sizeof(value)))
        return false;
    text_of(wanted, sizeof(wanted), condition->value);
    switch (condition->test) {
    case TEST_REGEX: return fits(wanted, value);
    case TEST_PREFIX: return strncmp(wanted, value, strlen(wanted)) == 0;
    case TEST_PRESENT: return true;
    case TEST_EXACT: break;
    }
    return strcmp(wanted, value) == 0;
}

static bool meets_conditions(const struct request *request, const struct rule_route *route)
{
    const struct rule_match *match = route->matches;
    for (size_t i = 0; i < match->condition_count; i++) {
        const struct rule_condition *condition = &match->conditions[i];
        bool is_counted = route->is_in_written_order || counts(match, i);
        if (is_counted && meets(request, condition) == condition->is_negated)
            return false;
    }
    return true;
}

static size_t prefix_len(struct str prefix)
{
    return prefix.ptr[prefix.len - 1] == '/' ? prefix.len - 1 : prefix.len;
}

static bool meets_path(const struct request *request, const struct rule_match *match)
{
    char path[64], wanted[64];
    text_of(path, sizeof(path), request->head->path);
    text_of(wanted, sizeof(wanted), match->path);
    int (*compare)(const char *, const char *, size_t) = match->ignores_case ? strncasecmp : strncmp;
    switch (match->path_kind) {
    case PATH_MATCH_EXACT: return compare(path, wanted, sizeof(path)) == 0;
    case PATH_MATCH_REGEX: return fits(wanted, path);
    case PATH_MATCH_STRING: return compare(path, wanted, strlen(wanted)) == 0;
    case PATH_MATCH_PREFIX: break;
    }
    size_t len = prefix_len(match->path);
    return compare(path, wanted, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool applies(const struct request *request, const struct rule_route *route)
{
    const struct rule_match *match = route->matches;
    return (!match->method.len || str_eq(match->method, request->head->method)) && meets_path(request, match) &&
           meets_conditions(request, route);
}

static int kind_rank(const struct rule_match *match)
{
    return match->path_kind == PATH_MATCH_EXACT ? 2 : match->path_kind == PATH_MATCH_REGEX;
}

static int count_kind(const struct rule_match *match, enum plan_condition_kind kind)
{
    int count = 0;
    for (size_t i = 0; i < match->condition_count; i++)
        count += match->conditions[i].kind == kind && counts(match, i);
    return count;
}

/* True when `a` comes before `b`, which stands before it in the rules. */
static bool is_better(const struct rule_route *left, const struct rule_route *right)
{
    const struct rule_match *a = left->matches, *b = right->matches;
    if (left->is_in_written_order != right->is_in_written_order)
        return right->is_in_written_order;
    if (left->is_in_written_order)
        return a->order < b->order;
    int order = kind_rank(a) - kind_rank(b);
    if (!order && a->path_kind == PATH_MATCH_REGEX)
        order = (int)a->path.len - (int)b->path.len;
    if (!order && a->path_kind == PATH_MATCH_PREFIX)
        order = (int)prefix_len(a->path) - (int)prefix_len(b->path);
    if (!order)
        order = (a->method.len > 0) - (b->method.len > 0);
    if (!order)
        order = count_kind(a, CONDITION_HEADER) - count_kind(b, CONDITION_HEADER);
    if (!order)
        order = count_kind(a, CONDITION_QUERY) - count_kind(b, CONDITION_QUERY);
    return order > 0;
}

static uint32_t scan_listeners(const struct match_fixture *fixture, const char *host)
{
    uint32_t best = PLAN_NONE;
    unsigned best_rank = 0;
    for (uint32_t i = 0; i < fixture->rules.listener_count; i++) {
        unsigned rank = host_rank(fixture->listeners[i].hostname, host);
        if (rank > best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

/* How specific the host is that is the last one looked at: one that has matches in written order. */
static unsigned last_rank(const struct match_fixture *fixture, uint32_t listener, const char *host)
{
    unsigned last = 1;
    for (uint32_t i = 0; i < fixture->rules.route_count; i++) {
        const struct rule_route *route = &fixture->routes[i];
        unsigned rank = host_rank(route->bindings->host, host);
        if (route->is_in_written_order && route->bindings->listener == listener && rank > last)
            last = rank;
    }
    return last;
}

static struct route_match scan(const struct match_fixture *fixture, const struct head *head)
{
    struct request request = {.head = head};
    read_host(&request);
    struct route_match best = {PLAN_NONE, scan_listeners(fixture, request.host), 0};
    unsigned best_rank = last_rank(fixture, best.listener, request.host);
    for (uint32_t i = 0; i < fixture->rules.route_count; i++) {
        const struct rule_route *route = &fixture->routes[i];
        unsigned rank = host_rank(route->bindings->host, request.host);
        if (route->bindings->listener != best.listener || rank < best_rank || !applies(&request, route))
            continue;
        if (best.route != PLAN_NONE && rank == best_rank && !is_better(route, &fixture->routes[best.route]))
            continue;
        best_rank = rank;
        best.route = i;
    }
    return best;
}

/* ---- the comparison ---- */

static void draw_rules(struct match_fixture *fixture)
{
    char match[256];
    const char *used[LISTENERS];
    size_t listeners = 1 + below(LISTENERS);
    for (size_t i = 0; i < listeners; i++) {
        used[i] = i == 0 ? "" : patterns[i];
        match_fixture_add_listener(fixture, 0, used[i]);
    }
    unsigned count = 1 + below(MAX_RULES), ordered = below(3); /* of three */
    for (unsigned i = 0; i < count; i++) {
        if (below(2) < ordered)
            draw_ordered(match, sizeof(match));
        else
            draw_match(match, sizeof(match));
        match_fixture_add_route(fixture, below((unsigned)listeners), ONE_OF(patterns), match);
    }
}

static void print_rule(const char *what, const struct match_fixture *fixture, uint32_t route)
{
    if (route == PLAN_NONE)
        return;
    const struct rule_match *match = fixture->routes[route].matches;
    print_message("%s: host \"%.*s\" kind %s%s%d path %.*s method \"%.*s\"", what,
                  STR_ARG(fixture->routes[route].bindings->host),
                  fixture->routes[route].is_in_written_order ? "then " : "", match->ignores_case ? "i" : "",
                  (int)match->path_kind, STR_ARG(match->path), STR_ARG(match->method));
    for (size_t i = 0; i < match->condition_count; i++)
        print_message(" %s%s%.*s%c%.*s", match->conditions[i].is_negated ? "!" : "",
                      match->conditions[i].kind == CONDITION_QUERY ? "?" : "", STR_ARG(match->conditions[i].name),
                      "=~^+"[match->conditions[i].test], STR_ARG(match->conditions[i].value));
    print_message("\n");
}

static void compare(struct match_fixture *fixture, const char *text)
{
    struct fixture_request request;
    fixture_request_init(&request, text);
    struct route_match want = scan(fixture, &request.head), got = match_fixture_match(fixture, 0, text);
    if (got.route == want.route && got.listener == want.listener)
        return;
    print_rule("got", fixture, got.route);
    print_rule("want", fixture, want.route);
    fail_msg("\"%s\": rule %d of listener %d instead of rule %d of listener %d", text, (int)got.route,
             (int)got.listener, (int)want.route, (int)want.listener);
}

static void test_plan_agrees_with_a_scan_of_all_rules(void **state)
{
    (void)state;
    char request[256];
    for (unsigned i = 0; i < PLANS; i++) {
        struct match_fixture fixture;
        seed = i;
        match_fixture_init(&fixture);
        draw_rules(&fixture);
        match_fixture_build(&fixture);
        for (unsigned k = 0; k < REQUESTS; k++) {
            draw_request(request, sizeof(request));
            compare(&fixture, request);
        }
        match_fixture_deinit(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_agrees_with_a_scan_of_all_rules),
    };
    return cmocka_run_group_tests(tests, compile_patterns, free_patterns);
}
