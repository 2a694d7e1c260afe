/* SPDX-License-Identifier: Apache-2.0 */
#include "sample_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HEAD "kind: Sample\nmetadata:\n  name: a\nspec:\n"
/* What the spec has by default. */
#define BEFORE_STATUS "  timeout: 15s\n  suspend: false\n"
#define DEFAULTS BEFORE_STATUS "  status: 302\n"

static void encode(struct str text, unsigned indent, struct strbuf *out)
{
    struct sample_load load;
    sample_load(&load, text, false);
    if (!load.is_decoded) {
        struct strbuf problem = STRBUF_INIT;
        problem_format(&problem, &load.problems.list[0]);
        fail_msg("%s\nof\n%.*s", problem.ptr, STR_ARG(text));
    }
    schema_encode(&sample_schema, &load.sample, indent, out);
    sample_unload(&load);
}

static void check_text(struct str got, const char *want)
{
    if (!str_eq(got, str_from_c(want)))
        fail_msg("got\n%.*s\nwant\n%s", STR_ARG(got), want);
}

struct encode_case {
    const char *spec, *encoded; /* below HEAD */
};

static void test_yaml_has_the_order_of_the_table_and_the_defaults(void **state)
{
    (void)state;
    static const struct encode_case cases[] = {
        {"  {}\n", DEFAULTS},
        {"  mode: Random\n  status: 301\n  hostnames: [b, \"*.a\"]\n",
         "  hostnames:\n  - b\n  - \"*.a\"\n" BEFORE_STATUS "  status: 301\n  mode: Random\n"},
        {"  mode: \"Off\"\n  hostnames: []\n  rules: []\n  labels: {}\n",
         "  hostnames: []\n  rules: []\n" DEFAULTS "  mode: \"Off\"\n  labels: {}\n"},
        {"  rules:\n  - {}\n  - name: x\n    matches: [{method: GET, headers: [{name: a, value: \"12\"}]}]\n",
         "  rules:\n"
         "  - matches:\n"
         "    - path:\n"
         "        type: PathPrefix\n"
         "        value: /\n"
         "    weight: 1\n"
         "  - name: x\n"
         "    matches:\n"
         "    - path:\n"
         "        type: PathPrefix\n"
         "        value: /\n"
         "      headers:\n"
         "      - name: a\n"
         "        value: \"12\"\n"
         "      method: GET\n"
         "    weight: 1\n" DEFAULTS},
        {"  login: {}\n", DEFAULTS "  login: {}\n"},
        {"  targetPort: 80\n", DEFAULTS "  targetPort: 80\n"},
        {"  targetPort: http\n", DEFAULTS "  targetPort: http\n"},
        {"  notes: [1]\n", DEFAULTS},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct strbuf text = STRBUF_INIT, got = STRBUF_INIT;
        strbuf_printf(&text, HEAD "%s", cases[i].spec);
        encode(strbuf_str(&text), 0, &got);
        strbuf_clear(&text);
        strbuf_printf(&text, HEAD "%s", cases[i].encoded);
        check_text(strbuf_str(&got), text.ptr);
        strbuf_deinit(&text);
        strbuf_deinit(&got);
    }
}

static void test_numbers_are_written_in_the_largest_whole_unit(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"timeout: 0s", "timeout: 0s"},       {"timeout: 90s", "timeout: 1m30s"},
        {"timeout: 3600s", "timeout: 1h"},    {"timeout: 1001ms", "timeout: 1s1ms"},
        {"window: 0", "window: 0"},           {"window: 1024", "window: 1Ki"},
        {"window: 1025", "window: 1025"},     {"window: 2048Ki", "window: 2Mi"},
        {"window: 1k", "window: 1000"},       {"share: 100%", "share: 100%"},
        {"share: 0.1000%", "share: 0.1%"},    {"share: 12.0305%", "share: 12.0305%"},
        {"share: 0.0001%", "share: 0.0001%"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct strbuf text = STRBUF_INIT, got = STRBUF_INIT;
        strbuf_printf(&text, HEAD "  %s\n", cases[i][0]);
        encode(strbuf_str(&text), 0, &got);
        strbuf_clear(&text);
        strbuf_printf(&text, "\n  %s\n", cases[i][1]);
        if (!strstr(got.ptr, text.ptr))
            fail_msg("%s became\n%s", cases[i][0], got.ptr);
        strbuf_deinit(&text);
        strbuf_deinit(&got);
    }
}

static void test_secrets_are_not_written(void **state)
{
    (void)state;
    struct strbuf got = STRBUF_INIT;
    encode(STR(HEAD "  secrets: {tls.key: aHVudGVyMg==}\n  login: {user: root, password: aHVudGVyMg==, pin: 4711}\n"),
           0, &got);
    check_text(strbuf_str(&got), HEAD DEFAULTS "  secrets:\n    tls.key: (secret)\n  login:\n    user: root\n"
                                               "    password: (secret)\n    pin: (secret)\n");
    strbuf_deinit(&got);
}

static void test_each_line_is_indented(void **state)
{
    (void)state;
    struct strbuf got = STRBUF_INIT;
    encode(STR(HEAD "  hostnames: [a]\n"), 2, &got);
    check_text(strbuf_str(&got), "  kind: Sample\n  metadata:\n    name: a\n  spec:\n    hostnames:\n    - a\n"
                                 "    timeout: 15s\n    suspend: false\n    status: 302\n");
    strbuf_deinit(&got);
}

/* What was encoded is read as the same again: the same text comes of it. */
static void test_what_is_encoded_decodes_to_the_same(void **state)
{
    (void)state;
    static const char text[] = HEAD
        "  hostnames: [a.b, \"*.c\"]\n  timeout: 59m59s999ms\n  window: 16Mi\n  share: 33.3333%\n  suspend: yes\n"
        "  status: 301\n  mode: \"Off\"\n  modes: [\"Off\", Even]\n  targetPort: \"0x50\"\n  namespace: \"123\"\n"
        "  labels: {\"on\": \"off\", \"1\": \"\", \"a: b\": \" multi\\nline\\t\\u0001\\u0085 # x \"}\n"
        "  login: {user: x}\n"
        "  rules:\n  - name: one\n    codes: [500, 0x1f5]\n    matches:\n    - {}\n"
        "    - headers: [{name: X-A, value: '\"quoted\" \\ 💡'}]\n  - {}\n";
    struct strbuf first = STRBUF_INIT, second = STRBUF_INIT;
    encode(STR(text), 0, &first);
    encode(strbuf_str(&first), 0, &second);
    check_text(strbuf_str(&second), first.ptr);
    if (!strstr(first.ptr, "    \"a: b\": \" multi\\nline\\t\\u0001\\u0085 # x \"\n"))
        fail_msg("%s", first.ptr);
    strbuf_deinit(&first);
    strbuf_deinit(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml_has_the_order_of_the_table_and_the_defaults),
        cmocka_unit_test(test_numbers_are_written_in_the_largest_whole_unit),
        cmocka_unit_test(test_secrets_are_not_written),
        cmocka_unit_test(test_each_line_is_indented),
        cmocka_unit_test(test_what_is_encoded_decodes_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
