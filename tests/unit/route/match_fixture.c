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
                                                       .hostname = str_from_c(hostname)};
    return index;
}

static struct rule_condition parse_condition(struct str text)
{
    bool is_query = text.ptr[0] == '?';
    text = str_slice(text, is_query, text.len);
    size_t at = 0;
    while (at < text.len && text.ptr[at] != '=' && text.ptr[at] != '~')
        at++;
    return (struct rule_condition){.kind = is_query ? CONDITION_QUERY : CONDITION_HEADER,
                                   .name = str_slice(text, 0, at),
                                   .value = str_slice(text, at + 1, text.len),
                                   .test = at < text.len && text.ptr[at] == '~' ? TEST_REGEX : TEST_EXACT};
}

static enum rule_path_kind parse_kind(struct str text)
{
    if (str_eq(text, STR("exact")))
        return PATH_MATCH_EXACT;
    if (str_eq(text, STR("regex")))
        return PATH_MATCH_REGEX;
    assert_true(str_eq(text, STR("prefix")));
    return PATH_MATCH_PREFIX;
}

static void parse_match(struct match_fixture *fixture, struct str text, struct rule_match *match)
{
    struct rule_condition *conditions = arena_alloc(&fixture->arena, FIXTURE_FIELDS * sizeof(*conditions));
    struct str word;
    *match = (struct rule_match){.conditions = conditions};
    assert_true(str_next(&text, ' ', &word));
    match->path_kind = parse_kind(word);
    assert_true(str_next(&text, ' ', &match->path));
    size_t tilde = str_find_char(match->path, '~');
    if (match->path_kind == PATH_MATCH_PREFIX && tilde < match->path.len) {
        match->pattern = str_slice(match->path, tilde + 1, match->path.len);
        match->weight = (uint32_t)match->pattern.len;
        match->path.len = tilde;
    }
    while (str_next(&text, ' ', &word)) {
        if (str_find_char(word, '=') == word.len && str_find_char(word, '~') == word.len)
            match->method = word;
        else
            conditions[match->condition_count++] = parse_condition(word);
        assert_true(match->condition_count < FIXTURE_FIELDS);
    }
}

size_t match_fixture_add_route(struct match_fixture *fixture, size_t listener, const char *host, const char *match)
{
    size_t index = fixture->rules.route_count++;
    assert_true(index < FIXTURE_ROUTES);
    struct rule_match *parsed = arena_alloc(&fixture->arena, sizeof(*parsed));
    struct rule_binding *binding = arena_alloc(&fixture->arena, sizeof(*binding));
    parse_match(fixture, arena_copy(&fixture->arena, str_from_c(match)), parsed);
    *binding = (struct rule_binding){listener, arena_copy(&fixture->arena, str_from_c(host))};
    fixture->routes[index] = (struct rule_route){.label = arena_printf(&fixture->arena, "route#%zu", index),
                                                 .bindings = binding,
                                                 .binding_count = 1,
                                                 .matches = parsed,
                                                 .match_count = 1};
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
                &(struct route_request){.socket = socket, .head = &request.head, .path = request.head.path}, &match);
    return match;
}
