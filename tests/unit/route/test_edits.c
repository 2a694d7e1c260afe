/* SPDX-License-Identifier: Apache-2.0 */
#include "route/edits.h"

#include "http/http1_format.h"
#include "http/http1_parse.h"
#include "plan_fixture.h"

struct edited {
    struct plan_fixture fixture;
    struct arena arena;
    struct head head;
    char text[HEAD_MAX_BYTES];
};

/* The fields of a request, "Name: value\n" each, after all edits of the fixture. */
static const char *edit(struct edited *e, const char *fields)
{
    char request[4096];
    struct field room[HEAD_MAX_FIELDS];
    struct head head = {.fields = room};
    enum refusal refusal;
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\n%s\r\n", fields);
    if (http1_parse_request(str_from_c(request), &head, &refusal) != PARSE_DONE)
        fail_msg("%s", refusal_name(refusal));
    struct plan_range edits = plan_fixture_edits(&e->fixture);
    arena_init(&e->arena, NULL, 0);
    head_copy(&e->head, &head, &e->arena, edits_room(edits));
    edits_apply(&e->fixture.plan, edits, &e->head, NULL);
    size_t len = http1_format_request(e->text, &e->head, &(struct http1_framing){0});
    e->text[len - 2] = 0; /* without the empty line */
    return strstr(e->text, "\r\n") + 2;
}

static const struct {
    const char *what;
    enum plan_edit_kind kind;
    const char *name, *value, *before, *after;
} cases[] = {
    {"set where none is", EDIT_SET, "X-A", "new", "Host: a\r\n", "Host: a\r\nX-A: new\r\n"},
    {"set takes the place of the first and removes the others", EDIT_SET, "X-A", "new",
     "Host: a\r\nx-a: 1\r\nX-B: b\r\nX-A: 2\r\n", "Host: a\r\nX-A: new\r\nX-B: b\r\n"},
    {"set of a name that Umbra knows", EDIT_SET, "Authorization", "t", "authorization: s\r\nHost: a\r\n",
     "Authorization: t\r\nHost: a\r\n"},
    {"set to nothing", EDIT_SET, "X-A", "", "Host: a\r\nX-A: 1\r\n", "Host: a\r\nX-A: \r\n"},
    {"add is one more field", EDIT_ADD, "X-A", "2", "X-A: 1\r\nHost: a\r\n", "X-A: 1\r\nHost: a\r\nX-A: 2\r\n"},
    {"remove takes all", EDIT_REMOVE, "x-a", "", "X-A: 1\r\nHost: a\r\nX-a: 2\r\n", "Host: a\r\n"},
    {"remove what is not there", EDIT_REMOVE, "x-a", "", "Host: a\r\nX-AB: 2\r\n", "Host: a\r\nX-AB: 2\r\n"},
    {"a value with tabs and blanks", EDIT_SET, "X-A", "a \tb", "Host: a\r\n", "Host: a\r\nX-A: a \tb\r\n"},
    {"a line end in a value", EDIT_SET, "X-A", "a\r\nX-Evil: 1", "Host: a\r\n", "Host: a\r\n"},
    {"a bare line feed in a value", EDIT_ADD, "X-A", "a\nX-Evil: 1", "Host: a\r\n", "Host: a\r\n"},
    {"a line end in a name", EDIT_SET, "X-A: b\r\nX-Evil", "1", "Host: a\r\n", "Host: a\r\n"},
    {"a blank in a name", EDIT_SET, "X A", "1", "Host: a\r\n", "Host: a\r\n"},
    {"no name", EDIT_SET, "", "1", "Host: a\r\n", "Host: a\r\n"},
    {"a pseudo-header", EDIT_SET, ":authority", "1", "Host: a\r\n", "Host: a\r\n"},
    {"Host", EDIT_SET, "host", "evil", "Host: a\r\n", "Host: a\r\n"},
    {"no Host", EDIT_REMOVE, "Host", "", "Host: a\r\n", "Host: a\r\n"},
    {"another length", EDIT_SET, "content-length", "9", "Host: a\r\n", "Host: a\r\n"},
    {"no length", EDIT_REMOVE, "Content-Length", "", "Host: a\r\nContent-Length: 3\r\n",
     "Host: a\r\nContent-Length: 3\r\n"},
    {"another framing", EDIT_ADD, "Transfer-Encoding", "chunked", "Host: a\r\n", "Host: a\r\n"},
    {"Connection", EDIT_SET, "Connection", "close", "Host: a\r\n", "Host: a\r\n"},
    {"Expect", EDIT_ADD, "Expect", "100-continue", "Host: a\r\n", "Host: a\r\n"},
    {"the marker", EDIT_SET, "X-Umbra-Shadow", "x", "Host: a\r\n", "Host: a\r\n"},
};

static void test_edits_do_what_they_say_and_break_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct edited edited;
        edited = (struct edited){0};
        plan_fixture_edit(&edited.fixture, cases[i].kind, cases[i].name, cases[i].value);
        const char *after = edit(&edited, cases[i].before);
        if (strcmp(after, cases[i].after) != 0)
            fail_msg("%s: got\n%snot\n%s", cases[i].what, after, cases[i].after);
        arena_deinit(&edited.arena);
    }
}

static void test_edits_are_done_in_their_order(void **state)
{
    (void)state;
    static struct edited edited;
    plan_fixture_edit(&edited.fixture, EDIT_SET, "X-A", "1");
    plan_fixture_edit(&edited.fixture, EDIT_ADD, "X-A", "2");
    plan_fixture_edit(&edited.fixture, EDIT_ADD, "X-B", "3");
    plan_fixture_edit(&edited.fixture, EDIT_REMOVE, "X-B", "");
    assert_string_equal(edit(&edited, "Host: a\r\nX-A: 0\r\nX-B: 0\r\n"), "Host: a\r\nX-A: 1\r\nX-A: 2\r\n");
    arena_deinit(&edited.arena);
}

static void test_more_edits_than_the_limit_are_ignored(void **state)
{
    (void)state;
    static struct edited edited;
    for (int i = 0; i < EDITS_MAX + 10; i++)
        plan_fixture_edit(&edited.fixture, EDIT_ADD, "X", "y");
    (void)edit(&edited, "Host: a\r\n");
    assert_int_equal(edited.head.field_count, 1 + EDITS_MAX);
    arena_deinit(&edited.arena);
}

static void test_a_head_of_the_most_fields_has_room_for_edits(void **state)
{
    (void)state;
    static struct edited edited;
    char fields[4096] = "Host: a\r\n";
    size_t len = strlen(fields);
    for (int i = 1; i < HEAD_MAX_FIELDS; i++)
        len += (size_t)snprintf(fields + len, sizeof fields - len, "X-%d: y\r\n", i);
    plan_fixture_edit(&edited.fixture, EDIT_ADD, "X-1", "z");
    plan_fixture_edit(&edited.fixture, EDIT_SET, "X-New", "z");
    (void)edit(&edited, fields);
    assert_int_equal(edited.head.field_count, HEAD_MAX_FIELDS + 2);
    arena_deinit(&edited.arena);
}

static void test_copied_edits_do_not_need_the_plan(void **state)
{
    (void)state;
    static struct plan_fixture fixture;
    struct arena arena;
    struct field fields[1];
    struct head head = {.fields = fields};
    plan_fixture_edit(&fixture, EDIT_SET, "X-A", "value");
    arena_init(&arena, NULL, 0);
    edits_apply(&fixture.plan, plan_fixture_edits(&fixture), &head, &arena);
    memset(fixture.strings, 'z', sizeof fixture.strings);
    assert_true(str_eq(fields[0].name, STR("X-A")) && str_eq(fields[0].value, STR("value")));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edits_do_what_they_say_and_break_nothing),
        cmocka_unit_test(test_edits_are_done_in_their_order),
        cmocka_unit_test(test_more_edits_than_the_limit_are_ignored),
        cmocka_unit_test(test_a_head_of_the_most_fields_has_room_for_edits),
        cmocka_unit_test(test_copied_edits_do_not_need_the_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
