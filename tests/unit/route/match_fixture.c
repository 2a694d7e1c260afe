/* SPDX-License-Identifier: Apache-2.0 */
#include "match_fixture.h"

#include "plan/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

void match_fixture_init(struct match_fixture *fixture)
{
    *fixture = (struct match_fixture){.rules = {.generation = 1}};
    arena_init(&fixture->arena, NULL, 0);
    assert_true(address_parse(STR("127.0.0.1:80"), &fixture->sockets[0]));
    assert_true(address_parse(STR("127.0.0.1:81"), &fixture->sockets[1]));
    fixture->rules.sockets = fixture->sockets;
    fixture->rules.socket_count = 2;
    fixture->rules.listeners = fixture->listeners;
    fixture->rules.routes = fixture->routes;
    route_scratch_init(&fixture->scratch);
}

void match_fixture_deinit(struct match_fixture *fixture)
{
    if (fixture->plan)
        plan_unmap(fixture->plan);
    if (fixture->endpoints)
        endpoints_unmap(fixture->endpoints);
    regexes_free(fixture->regexes);
    route_scratch_deinit(&fixture->scratch);
    arena_deinit(&fixture->arena);
}

size_t match_fixture_add_listener(struct match_fixture *fixture, size_t socket, const char *hostname)
{
    size_t index = fixture->rules.listener_count++;
    assert_true(index < FIXTURE_LISTENERS);
    fixture->listeners[index] = (struct rule_listener){.label = arena_printf(&fixture->arena, "listener-%zu", index),
                                                       .socket = socket,
                                                       .port = (uint16_t)(8080 + index),
                                                       .hostname = str_from_c(hostname)};
    return index;
}

/* Where the name of a condition ends; the whole word when it is none. */
static size_t find_test(struct str text)
{
    size_t at = 0;
    while (at < text.len && !strchr("=~^+", text.ptr[at]))
        at++;
    return at;
}

static struct rule_condition parse_condition(struct str text)
{
    static const struct {
        struct str name;
        enum plan_condition_kind kind;
    } kinds[] = {{STR_INIT("@method"), CONDITION_METHOD},
                 {STR_INIT("@scheme"), CONDITION_SCHEME},
                 {STR_INIT("@authority"), CONDITION_AUTHORITY},
                 {STR_INIT("@port"), CONDITION_PORT},
                 {STR_INIT("@peer"), CONDITION_PEER}};
    struct rule_condition condition = {.is_negated = text.ptr[0] == '!'};
    text = str_slice(text, condition.is_negated, text.len);
    bool is_query = text.ptr[0] == '?';
    text = str_slice(text, is_query, text.len);
    size_t at = find_test(text);
    condition.kind = is_query ? CONDITION_QUERY : CONDITION_HEADER;
    condition.name = str_slice(text, 0, at);
    condition.value = str_slice(text, at + 1, text.len);
    switch (text.ptr[at]) {
    case '~': condition.test = TEST_REGEX; break;
    case '^': condition.test = TEST_PREFIX; break;
    case '+': condition.test = TEST_PRESENT; break;
    default: condition.test = TEST_EXACT;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (str_eq(condition.name, kinds[i].name)) {
            condition.kind = kinds[i].kind;
            condition.name = STR_NONE;
        }
    }
    return condition;
}

static enum rule_path_kind parse_kind(struct str text)
{
    if (str_eq(text, STR("exact")))
        return PATH_MATCH_EXACT;
    if (str_eq(text, STR("regex")))
        return PATH_MATCH_REGEX;
    if (str_eq(text, STR("string")))
        return PATH_MATCH_STRING;
    assert_true(str_eq(text, STR("prefix")));
    return PATH_MATCH_PREFIX;
}

/* True when the match is one in written order. */
static bool parse_order(struct str *text, struct rule_match *match)
{
    uint64_t order = 0;
    if (!str_starts_with(*text, STR("then")))
        return false;
    size_t end = str_find_char(*text, ' ');
    if (end > 4)
        assert_true(str_to_u64(str_slice(*text, 4, end), &order));
    match->order = (uint32_t)order;
    *text = str_slice(*text, end + 1, text->len);
    return true;
}

static bool parse_match(struct match_fixture *fixture, struct str text, struct rule_match *match)
{
    struct rule_condition *conditions = arena_alloc(&fixture->arena, FIXTURE_FIELDS * sizeof(*conditions));
    struct str word;
    *match = (struct rule_match){.conditions = conditions};
    bool is_in_written_order = parse_order(&text, match);
    assert_true(str_next(&text, ' ', &word));
    match->ignores_case = word.ptr[0] == 'i';
    match->path_kind = parse_kind(str_slice(word, match->ignores_case, word.len));
    assert_true(str_next(&text, ' ', &match->path));
    size_t tilde = str_find_char(match->path, '~');
    if (match->path_kind == PATH_MATCH_PREFIX && tilde < match->path.len) {
        match->pattern = str_slice(match->path, tilde + 1, match->path.len);
        match->weight = (uint32_t)match->pattern.len;
        match->path.len = tilde;
    }
    while (str_next(&text, ' ', &word)) {
        if (find_test(word) == word.len)
            match->method = word;
        else
            conditions[match->condition_count++] = parse_condition(word);
        assert_true(match->condition_count < FIXTURE_FIELDS);
    }
    return is_in_written_order;
}

size_t match_fixture_add_route(struct match_fixture *fixture, size_t listener, const char *host, const char *match)
{
    size_t index = fixture->rules.route_count++;
    assert_true(index < FIXTURE_ROUTES);
    struct rule_match *parsed = arena_alloc(&fixture->arena, sizeof(*parsed));
    struct rule_binding *binding = arena_alloc(&fixture->arena, sizeof(*binding));
    bool is_in_written_order = parse_match(fixture, arena_copy(&fixture->arena, str_from_c(match)), parsed);
    *binding = (struct rule_binding){listener, arena_copy(&fixture->arena, str_from_c(host))};
    fixture->routes[index] = (struct rule_route){.label = arena_printf(&fixture->arena, "route#%zu", index),
                                                 .bindings = binding,
                                                 .binding_count = 1,
                                                 .matches = parsed,
                                                 .match_count = 1,
                                                 .is_in_written_order = is_in_written_order};
    return index;
}

void match_fixture_build(struct match_fixture *fixture)
{
    struct err err;
    int fd = plan_build(&fixture->rules, &err);
    fixture->plan = fd < 0 ? NULL : plan_map(fd, &err);
    if (!fixture->plan)
        fail_msg("%s", err.text);
    close(fd);
    fixture->regexes = regexes_new(fixture->plan, &err);
    if (!fixture->regexes)
        fail_msg("%s", err.text);
}

void match_fixture_set_peers(struct match_fixture *fixture, const char *sets)
{
    struct err err;
    struct endpoints_builder *builder = endpoints_builder_new(1);
    struct str rest = str_from_c(sets), set, address;
    while (rest.len > 0 && str_next(&rest, ' ', &set)) {
        struct address addresses[FIXTURE_FIELDS] = {0};
        size_t count = 0, at = str_find_char(set, '=');
        struct str list = str_slice(set, at + 1, set.len);
        while (list.len > 0 && str_next(&list, ',', &address)) {
            bool is_ipv6 = str_find_char(address, ':') < address.len;
            assert_true(address_parse_ip(address, is_ipv6 ? ADDRESS_IPV6 : ADDRESS_IPV4, &addresses[count++]));
        }
        endpoints_builder_add_peers(builder, str_slice(set, 0, at), addresses, count);
    }
    int fd = endpoints_builder_seal(builder, &err);
    endpoints_builder_free(builder);
    fixture->endpoints = endpoints_map(fd, &err);
    close(fd);
    assert_non_null(fixture->endpoints);
    for (uint32_t i = 0; i < fixture->plan->peer_sets.count; i++) {
        struct str name = plan_text(fixture->plan, PLAN_PEER_SET(fixture->plan, i));
        assert_true(i < FIXTURE_PEER_SETS);
        fixture->peer_sets[i] = endpoints_find_peers(fixture->endpoints, name);
    }
}

void fixture_request_init(struct fixture_request *request, const char *text)
{
    assert_true(strlen(text) < sizeof(request->text));
    memcpy(request->text, text, strlen(text) + 1);
    struct str rest = str_from_c(request->text), word;
    request->head = (struct head){.fields = request->fields};
    assert_true(str_next(&rest, ' ', &request->head.method));
    assert_true(str_next(&rest, ' ', &request->head.authority));
    if (str_eq(request->head.authority, STR("-")))
        request->head.authority = STR_NONE;
    assert_true(str_next(&rest, ' ', &word));
    size_t mark = str_find_char(word, '?');
    request->head.path = str_slice(word, 0, mark);
    if (mark < word.len)
        request->head.query = str_slice(word, mark + 1, word.len);
    while (str_next(&rest, ' ', &word)) {
        size_t at = str_find_char(word, '=');
        assert_true(request->head.field_count < FIXTURE_FIELDS && at < word.len);
        request->fields[request->head.field_count++] = (struct field){.name = str_slice(word, 0, at),
                                                                      .value = str_slice(word, at + 1, word.len)};
    }
}

struct route_match match_fixture_match(struct match_fixture *fixture, uint32_t socket, const char *text)
{
    struct fixture_request request;
    struct route_match match;
    fixture_request_init(&request, text);
    route_match(fixture->plan, fixture->regexes, &fixture->scratch,
                &(struct route_request){.socket = socket,
                                        .head = &request.head,
                                        .path = request.head.path,
                                        .peer = &fixture->peer,
                                        .peer_sets = fixture->peer_sets},
                &match);
    return match;
}
