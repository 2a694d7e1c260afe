/* SPDX-License-Identifier: Apache-2.0 */
/* What is said about wrong manifests, word by word: the messages are what people mend them by. */
#include "sample_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Three lines, so that the spec's first line is line 4. */
#define HEAD "kind: Sample\nmetadata: {name: a}\nspec:\n"

struct message_case {
    const char *spec;     /* below HEAD */
    const char *problems; /* one line each, without the part that is the same for all, `f.yaml:`; empty: none */
};

static void get_problems(const struct problems *problems, struct strbuf *out)
{
    strbuf_add(out, STR(""));
    for (size_t i = 0; i < problems->count; i++) {
        struct strbuf line = STRBUF_INIT;
        problem_format(&line, &problems->list[i]);
        struct str text = strbuf_str(&line);
        bool has_file = str_starts_with(text, STR("f.yaml:"));
        strbuf_add(out, i > 0 ? STR("\n") : STR(""));
        strbuf_add(out, str_slice(text, has_file ? strlen("f.yaml:") : 0, text.len));
        strbuf_deinit(&line);
    }
}

static void check_text(const char *text, const char *want, bool from_server)
{
    struct sample_load load;
    struct strbuf got = STRBUF_INIT;
    sample_load(&load, str_from_c(text), from_server);
    get_problems(&load.problems, &got);
    if (!str_eq(strbuf_str(&got), str_from_c(want)))
        fail_msg("of\n%s\ngot\n%s\nwant\n%s", text, got.ptr, want);
    if (load.is_decoded != (load.problems.errors == 0))
        fail_msg("of\n%s\n%zu errors, and decoded is %d", text, load.problems.errors, load.is_decoded);
    strbuf_deinit(&got);
    sample_unload(&load);
}

static void check_cases(const struct message_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct strbuf text = STRBUF_INIT;
        strbuf_printf(&text, HEAD "%s", cases[i].spec);
        check_text(text.ptr, cases[i].problems, false);
        strbuf_deinit(&text);
    }
}

static void test_unknown_fields_are_named_at_their_key_with_what_was_meant(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"  rules:\n  - matchs: []\n", "5:5: Sample/a: spec.rules[0].matchs: unknown field; did you mean \"matches\"?"},
        {"  Hostnames: [a]\n", "4:3: Sample/a: spec.Hostnames: unknown field; did you mean \"hostnames\"?"},
        {"  rules:\n  - zzzzzz: 1\n",
         "5:5: Sample/a: spec.rules[0].zzzzzz: unknown field; SampleRule has name, matches, weight, codes"},
        {"  zzzzzz: 1\n", "4:3: Sample/a: spec.zzzzzz: unknown field; SampleSpec has hostnames, rules, timeout, "
                          "window, share, suspend, status, mode, …"},
        /* The indent is wrong: too deep, or not deep enough. */
        {"  rules:\n  - matches:\n    - weight: 3\n",
         "6:7: Sample/a: spec.rules[0].matches[0].weight: unknown field; it belongs further up, in spec.rules[0]"},
        {"  rules:\n  - hostnames: [a.b]\n",
         "5:5: Sample/a: spec.rules[0].hostnames: unknown field; it belongs further up, in spec"},
        {"  metadata: {}\n", "4:3: Sample/a: spec.metadata: unknown field; it belongs further up, at the top level"},
        {"  rules:\n  - path: {value: /a}\n",
         "5:5: Sample/a: spec.rules[0].path: unknown field; did you mean \"matches[].path\"?"},
        {"  rules:\n  - matches:\n    - type: Exact\n",
         "6:7: Sample/a: spec.rules[0].matches[0].type: unknown field; did you mean \"path.type\"?"},
        /* What stands below under the same name is nearer than what is only like it. */
        {"  codes: [500]\n", "4:3: Sample/a: spec.codes: unknown field; did you mean \"rules[].codes\"?"},
        /* The plural is nearer than what stands further up. */
        {"  rules:\n  - matches:\n    - path: {modes: ab}\n",
         "6:14: Sample/a: spec.rules[0].matches[0].path.modes: unknown field; did you mean \"mode\"?"},
        {"  rules:\n  - matches:\n    - headers:\n      - {names: ab, value: cd, secrets: {}}\n",
         "7:10: Sample/a: spec.rules[0].matches[0].headers[0].names: unknown field; did you mean \"name\"?\n"
         "7:32: Sample/a: spec.rules[0].matches[0].headers[0].secrets: unknown field; it belongs further up, in spec"},
        {"  label: {a: b}\n  login: {logins: a}\n",
         "4:3: Sample/a: spec.label: unknown field; did you mean \"labels\"?\n"
         "5:11: Sample/a: spec.login.logins: unknown field; SampleLogin has user, password, pin"},
        {"  rules:\n  - matches:\n    - httpmethods: GET\n",
         "6:7: Sample/a: spec.rules[0].matches[0].httpmethods: unknown field; did you mean \"method\"?"},
    };
    check_cases(cases, COUNT(cases));
}

static void test_wrong_types_say_what_to_write(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"  rules:\n  - weight: \"80\"\n", "5:13: Sample/a: spec.rules[0].weight: a string where an integer belongs; "
                                           "write 80, without quotes"},
        {"  rules:\n  - weight: many\n",
         "5:13: Sample/a: spec.rules[0].weight: \"many\" is no integer; write a whole number from 0 to 1000000"},
        {"  replicas: 1.5\n", "4:13: Sample/a: spec.replicas: 1.5 is no integer; write a whole number"},
        {"  replicas: true\n", "4:13: Sample/a: spec.replicas: true is no integer; write a whole number"},
        {"  labels: {version: 2}\n",
         "4:21: Sample/a: spec.labels.version: the integer 2 where a string belongs; write \"2\", in quotes"},
        {"  labels: {version: 1.10}\n",
         "4:21: Sample/a: spec.labels.version: the number 1.10 where a string belongs; write \"1.10\", in quotes"},
        {"  labels: {is: yes}\n",
         "4:16: Sample/a: spec.labels.is: the boolean yes where a string belongs; write \"yes\", in quotes"},
        {"  suspend: \"yes\"\n", "4:12: Sample/a: spec.suspend: a string where a boolean belongs; write true, without "
                                 "quotes"},
        {"  suspend: maybe\n", "4:12: Sample/a: spec.suspend: \"maybe\" is no boolean; write true or false"},
        {"  suspend: 1\n", "4:12: Sample/a: spec.suspend: 1 is no boolean; write true or false"},
        {"  hostnames: shop.example.com\n", "4:14: Sample/a: spec.hostnames: a string where a list belongs; write it "
                                            "as \"- shop.example.com\" below"},
        {"  rules:\n    name: x\n",
         "5:5: Sample/a: spec.rules: a map where a list belongs; put \"- \" before \"name\""},
        {"  rules: {}\n", "4:10: Sample/a: spec.rules: a map where a list belongs; begin each item with \"- \"; "
                          "SampleRule has name, matches, weight, codes"},
        {"  rules: all\n", "4:10: Sample/a: spec.rules: a string where a list belongs; begin each item with \"- \"; "
                           "SampleRule has name, matches, weight, codes"},
        {"  hostnames: {a: b}\n", "4:14: Sample/a: spec.hostnames: a map where a list belongs; write it as \"- value\" "
                                  "below"},
        {"  rules:\n  - weight: 10%\n", "5:13: Sample/a: spec.rules[0].weight: \"10%\" is no integer; write 10"},
        {"  rules:\n  - weight: 1000001x\n",
         "5:13: Sample/a: spec.rules[0].weight: \"1000001x\" is no integer; write a whole number from 0 to 1000000"},
        {"  login: root\n", "4:10: Sample/a: spec.login: a string where a map belongs; write its fields below it; "
                            "SampleLogin has user, password, pin"},
        {"  login:\n  - user: x\n", "5:3: Sample/a: spec.login: a list where a map belongs; write its fields below "
                                    "it, without \"-\"; SampleLogin has user, password, pin"},
        {"  labels: [a=b]\n", "4:11: Sample/a: spec.labels: a list where a map belongs; write it as \"name: value\" "
                              "below, without \"-\""},
        {"  namespace: [shop]\n",
         "4:14: Sample/a: spec.namespace: a list where a string belongs; write \"shop\", without \"-\""},
        {"  namespace: {name: shop}\n", "4:14: Sample/a: spec.namespace: a map where a string belongs"},
        {"  hostnames:\n  - a.b\n  - ~\n",
         "6:5: Sample/a: spec.hostnames[1]: is empty; write a value after \"-\", or leave it out"},
        {"  targetPort: true\n",
         "4:15: Sample/a: spec.targetPort: the boolean true where a string belongs; write \"true\", in quotes"},
    };
    check_cases(cases, COUNT(cases));
}

static void test_values_that_are_none_of_the_list_name_the_list(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"  rules:\n  - matches:\n    - path: {type: Prefix}\n",
         "6:20: Sample/a: spec.rules[0].matches[0].path.type: \"Prefix\" is none of Exact, PathPrefix, "
         "RegularExpression; did you mean \"PathPrefix\"?"},
        {"  rules:\n  - matches:\n    - path: {type: exact}\n",
         "6:20: Sample/a: spec.rules[0].matches[0].path.type: \"exact\" is none of Exact, PathPrefix, "
         "RegularExpression; did you mean \"Exact\"?"},
        {"  rules:\n  - matches:\n    - method: get\n", "6:15: Sample/a: spec.rules[0].matches[0].method: \"get\" is "
                                                        "none of GET, HEAD, POST, PUT; did you mean \"GET\"?"},
        {"  rules:\n  - matches:\n    - path: {type: Regex}\n",
         "6:20: Sample/a: spec.rules[0].matches[0].path.type: \"Regex\" is none of Exact, PathPrefix, "
         "RegularExpression; did you mean \"RegularExpression\"?"},
        {"  status: 418\n", "4:11: Sample/a: spec.status: 418 is none of 301, 302"},
        {"  mode: Off\n", "4:9: Sample/a: spec.mode: the boolean Off where a string belongs; write \"Off\", in quotes"},
        {"  mode: on\n", "4:9: Sample/a: spec.mode: on is none of Even, Random, Off"},
        {"  modes: [Even, evn]\n", "4:17: Sample/a: spec.modes[1]: \"evn\" is none of Even, Random, Off; did you mean "
                                   "\"Even\"?"},
    };
    check_cases(cases, COUNT(cases));
}

static void test_limits_are_said_with_their_number(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"  rules:\n  - weight: 2000000\n", "5:13: Sample/a: spec.rules[0].weight: 2000000 is over 1000000"},
        {"  rules:\n  - weight: -1\n", "5:13: Sample/a: spec.rules[0].weight: -1 is under 0"},
        {"  rules:\n  - weight: 1000000\n  - weight: 0\n", ""},
        {"  rules:\n  - codes: [399, 400, 599, 600]\n", "5:13: Sample/a: spec.rules[0].codes[0]: 399 is under 400\n"
                                                        "5:28: Sample/a: spec.rules[0].codes[3]: 600 is over 599"},
        {"  hostnames: [a, b, c, d]\n", "4:14: Sample/a: spec.hostnames: has 4 items; at most 3 are allowed"},
        {"  rules:\n  - matches: []\n", "5:14: Sample/a: spec.rules[0].matches: has 0 items; at least 1 is needed"},
        {"  labels: {a: b, c: d, e: f, g: h}\n", "4:11: Sample/a: spec.labels: has 4 entries; at most 3 are allowed"},
        {"  rules:\n  - matches:\n    - path: {value: /3456789012345678}\n",
         "6:21: Sample/a: spec.rules[0].matches[0].path.value: is 17 characters long; at most 16 are allowed"},
        /* Characters, not bytes. */
        {"  rules:\n  - matches:\n    - path: {value: /äöüäöüäöüäöüäöü}\n", ""},
        {"  rules:\n  - matches:\n    - headers: [{name: a, value: b}]\n",
         "6:34: Sample/a: spec.rules[0].matches[0].headers[0].value: is 1 character long; at least 2 are needed"},
        {"  namespace: \"\"\n", "4:14: Sample/a: spec.namespace: is empty; write a value, or leave it out"},
        {"  timeout: 2h\n", "4:12: Sample/a: spec.timeout: 2h is over 1h"},
        {"  window: 17Mi\n", "4:11: Sample/a: spec.window: 17Mi is over 16Mi"},
        {"  share: 100.5%\n", "4:10: Sample/a: spec.share: 100.5% is over 100%"},
    };
    check_cases(cases, COUNT(cases));
}

static void test_syntaxes_are_said_with_an_example(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"  namespace: Shop_v2\n", "4:14: Sample/a: spec.namespace: \"Shop_v2\" is not a DNS label (like \"shop-v2\")"},
        {"  namespace: Web App\n", "4:14: Sample/a: spec.namespace: \"Web App\" is not a DNS label (like \"web-app\")"},
        {"  namespace: a.b\n", "4:14: Sample/a: spec.namespace: \"a.b\" is not a DNS label (like \"shop-v2\")"},
        {"  hostnames: [\"https://Shop.example.com/cart\"]\n",
         "4:15: Sample/a: spec.hostnames[0]: \"https://Shop.example.com/cart\" is not a hostname (like "
         "\"shop.example.com\")"},
        {"  hostnames: [\"shop.example.com:8080\"]\n",
         "4:15: Sample/a: spec.hostnames[0]: \"shop.example.com:8080\" is not a hostname (like "
         "\"shop.example.com\")"},
        {"  hostnames: [\"a.*.com\"]\n",
         "4:15: Sample/a: spec.hostnames[0]: \"a.*.com\" is not a hostname (like \"*.example.com\")"},
        {"  timeout: \"10\"\n", "4:12: Sample/a: spec.timeout: \"10\" is no duration; write a unit, like \"10s\" (h, "
                                "m, s, ms)"},
        {"  timeout: 10\n", "4:12: Sample/a: spec.timeout: 10 is no duration; write a unit, like \"10s\" (h, m, s, "
                            "ms)"},
        {"  timeout: 1.5s\n", "4:12: Sample/a: spec.timeout: \"1.5s\" is no duration; write whole numbers with h, m, s "
                              "or ms, like \"1m30s\" or \"250ms\""},
        {"  window: 1MB\n", "4:11: Sample/a: spec.window: \"1MB\" is no amount of bytes; write it like \"1Mi\" (Ki, "
                            "Mi, Gi, or nothing for bytes)"},
        {"  window: -1\n", "4:11: Sample/a: spec.window: -1 is no amount of bytes; write it like \"1Mi\" (Ki, Mi, Gi, "
                           "or nothing for bytes)"},
        {"  share: 5\n", "4:10: Sample/a: spec.share: 5 is no percentage; write \"5%\""},
        {"  share: 0.1\n", "4:10: Sample/a: spec.share: 0.1 is no percentage; write \"0.1%\""},
        {"  share: half\n", "4:10: Sample/a: spec.share: \"half\" is no percentage; write it like \"0.1%\""},
    };
    check_cases(cases, COUNT(cases));
}

static void test_what_must_differ_is_said_where_it_is_the_second_time(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"  hostnames: [a, b, a]\n", "4:21: Sample/a: spec.hostnames[2]: \"a\" is in the list already, as item [0]"},
        {"  rules:\n  - matches:\n    - headers: [{name: x, value: ab}, {name: x, value: ab}]\n",
         "6:46: Sample/a: spec.rules[0].matches[0].headers[1].name: \"x\" is the name of item [0] already; they must "
         "differ"},
        {"  rules:\n  - codes: [500, 501]\n", ""},
        {"  rules:\n  - codes: [501, 0x1f5]\n",
         "5:18: Sample/a: spec.rules[0].codes[1]: 0x1f5 is in the list already, as item [0]"},
    };
    check_cases(cases, COUNT(cases));
}

static void test_what_is_missing_is_said_at_the_object(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"  rules:\n  - matches:\n    - headers:\n      - value: abc\n",
         "7:9: Sample/a: spec.rules[0].matches[0].headers[0].name: is missing"},
        /* Null is absent. */
        {"  rules:\n  - matches:\n    - headers:\n      - value: abc\n        name:\n",
         "7:9: Sample/a: spec.rules[0].matches[0].headers[0].name: is missing"},
    };
    check_cases(cases, COUNT(cases));
    check_text("kind: Sample\nmetadata: {name: a}\n", "1:1: Sample/a: spec: is missing", false);
    check_text("[1, 2]\n",
               "1:1: a list where a map belongs; write its fields below it, without \"-\"; Sample has apiVersion, "
               "kind, metadata, spec, status",
               false);
}

static void test_all_problems_of_a_document_are_said_in_their_order(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"  replica: 1\n  rules:\n  - weight: x\n    codes: [1]\n  - {nam: b}\n  timeout: 5\n",
         "4:3: Sample/a: spec.replica: unknown field; did you mean \"replicas\"?\n"
         "6:13: Sample/a: spec.rules[0].weight: \"x\" is no integer; write a whole number from 0 to 1000000\n"
         "7:13: Sample/a: spec.rules[0].codes[0]: 1 is under 400\n"
         "8:6: Sample/a: spec.rules[1].nam: unknown field; did you mean \"name\"?\n"
         "9:12: Sample/a: spec.timeout: 5 is no duration; write a unit, like \"5s\" (h, m, s, ms)"},
    };
    check_cases(cases, COUNT(cases));
}

static void test_checks_run_on_what_was_decoded_without_an_error(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"  rules:\n  - matches: [{method: GET}, {method: PUT}]\n",
         "5:5: Sample/a: spec.rules[0].name: is missing; a rule with several matches needs one"},
        {"  rules:\n  - matches: [{method: GET}, {method: TRACE}]\n",
         "5:39: Sample/a: spec.rules[0].matches[1].method: \"TRACE\" is none of GET, HEAD, POST, PUT"},
    };
    check_cases(cases, COUNT(cases));
}

static void test_secrets_never_stand_in_a_message(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"  secrets: {tls.key: \"hunter 2\"}\n",
         "4:22: Sample/a: spec.secrets[\"tls.key\"]: the value is not base64 (like \"dW1icmE=\")"},
        {"  secrets: {pin: 4711}\n",
         "4:18: Sample/a: spec.secrets.pin: an integer where a string belongs; write it in quotes"},
        {"  login: {password: 4711}\n",
         "4:21: Sample/a: spec.login.password: an integer where a string belongs; write it in quotes"},
        {"  login: {password: [hunter2]}\n", "4:21: Sample/a: spec.login.password: a list where a string belongs"},
        {"  login: {pin: \"4711\"}\n",
         "4:16: Sample/a: spec.login.pin: the value is no integer; write a whole number from 1000 to 9999"},
        {"  login: {pin: 47110}\n", "4:16: Sample/a: spec.login.pin: the value is over 9999"},
    };
    check_cases(cases, COUNT(cases));
}

static void test_fields_that_are_not_acted_on_are_a_warning(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"  replicas: 3\n", "4:3: Sample/a: spec.replicas: is valid, but not acted on by this version"},
    };
    check_cases(cases, COUNT(cases));
}

static void test_unknown_fields_of_a_server_are_warnings(void **state)
{
    (void)state;
    struct sample_load load;
    sample_load(&load, STR(HEAD "  newer: 1\n"), true);
    assert_true(load.is_decoded);
    assert_int_equal(load.problems.warnings, 1);
    sample_unload(&load);
    sample_load(&load, STR(HEAD "  newer: 1\n  timeout: x\n"), true);
    assert_false(load.is_decoded);
    sample_unload(&load);
}

static void test_values_are_where_the_rows_say(void **state)
{
    (void)state;
    struct sample_load load;
    sample_load(&load,
                STR(HEAD
                    "  hostnames: [a.b, \"*.c\"]\n  timeout: 1m30s\n  window: 2Mi\n  share: 0.1%\n  suspend: true\n"
                    "  status: 301\n  mode: Random\n  targetPort: 8080\n  modes: [\"Off\", Even]\n"
                    "  labels: {a: b, empty: }\n  login: {pin: 4711}\n  notes: [any, {thing: 1}]\n"
                    "  rules:\n  - name: one\n    codes: [500]\n"),
                false);
    assert_true(load.is_decoded);
    assert_int_equal(load.problems.count, 0);
    const struct sample_spec *spec = load.sample.spec;
    assert_int_equal(spec->hostnames.count, 2);
    assert_true(str_eq(*SCHEMA_ITEM(spec->hostnames, struct str, 1), STR("*.c")));
    assert_non_null(spec->hostnames.node);
    assert_int_equal(spec->timeout.value, 90000);
    assert_true(spec->timeout.is_set);
    assert_int_equal(spec->window.value, 2 << 20);
    assert_int_equal(spec->share.value, 1000);
    assert_int_equal(spec->suspend.value, 1);
    assert_int_equal(spec->status.value, 301);
    assert_int_equal(spec->mode.value, 1);
    assert_true(str_eq(spec->target_port, STR("8080")));
    assert_int_equal(SCHEMA_ITEM(spec->modes, struct schema_int, 0)->value, 2);
    assert_int_equal(spec->labels.count, 2);
    assert_true(str_eq(SCHEMA_ITEM(spec->labels, struct schema_pair, 0)->value, STR("b")));
    assert_int_equal(SCHEMA_ITEM(spec->labels, struct schema_pair, 1)->value.len, 0);
    assert_int_equal(spec->login->pin.value, 4711);
    const struct sample_rule *rule = SCHEMA_ITEM(spec->rules, struct sample_rule, 0);
    assert_true(str_eq(rule->name, STR("one")));
    assert_int_equal(SCHEMA_ITEM(rule->codes, struct schema_int, 0)->value, 500);
    assert_int_equal(rule->node->line, 17);
    sample_unload(&load);
}

static void test_what_is_absent_has_its_default_and_is_not_set(void **state)
{
    (void)state;
    struct sample_load load;
    sample_load(&load, STR(HEAD "  timeout: null\n  rules:\n  - name: one\n  - matches: [{method: GET}]\n"), false);
    assert_true(load.is_decoded);
    const struct sample_spec *spec = load.sample.spec;
    assert_int_equal(spec->timeout.value, 15000);
    assert_false(spec->timeout.is_set);
    assert_int_equal(spec->status.value, 302);
    assert_int_equal(spec->mode.value, -1);
    assert_null(spec->ns.ptr);
    assert_null(spec->login);
    assert_false(spec->hostnames.is_set);
    assert_null(spec->hostnames.node);
    const struct sample_rule *rule = SCHEMA_ITEM(spec->rules, struct sample_rule, 0);
    assert_int_equal(rule->weight.value, 1);
    assert_int_equal(rule->matches.count, 1);
    assert_false(rule->matches.is_set);
    const struct sample_match *match = SCHEMA_ITEM(rule->matches, struct sample_match, 0);
    assert_ptr_equal(match->node, rule->node);
    assert_int_equal(match->path->type.value, SAMPLE_PREFIX);
    assert_true(str_eq(match->path->value, STR("/")));
    match = SCHEMA_ITEM(SCHEMA_ITEM(spec->rules, struct sample_rule, 1)->matches, struct sample_match, 0);
    assert_true(str_eq(match->path->value, STR("/")));
    sample_unload(&load);
}

static void test_nearest_finds_fields_in_another_case(void **state)
{
    (void)state;
    assert_string_equal(schema_nearest(&sample_schema, STR("Metadata")), "metadata");
    assert_string_equal(schema_nearest(&sample_schema, STR("metdata")), "metadata");
    assert_null(schema_nearest(&sample_schema, STR("something")));
    assert_null(schema_nearest(&sample_schema, STR("")));
}

/* Each of so many is said or counted in little time, and what is too long is not put into memory first. */
static void test_a_million_mistakes_end(void **state)
{
    (void)state;
    struct strbuf text = STRBUF_INIT;
    struct sample_load load;
    strbuf_add(&text, STR(HEAD "  hostnames: ["));
    for (int i = 0; i < 300000; i++)
        strbuf_add(&text, STR("{},\n"));
    strbuf_add(&text, STR("]\n  rules: ["));
    for (int i = 0; i < 300000; i++)
        strbuf_add(&text, STR("{nam: 1},\n"));
    strbuf_add(&text, STR("]\n"));
    sample_load(&load, strbuf_str(&text), false);
    assert_false(load.is_decoded);
    assert_int_equal(load.problems.errors, 300004);
    sample_unload(&load);
    strbuf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_fields_are_named_at_their_key_with_what_was_meant),
        cmocka_unit_test(test_wrong_types_say_what_to_write),
        cmocka_unit_test(test_values_that_are_none_of_the_list_name_the_list),
        cmocka_unit_test(test_limits_are_said_with_their_number),
        cmocka_unit_test(test_syntaxes_are_said_with_an_example),
        cmocka_unit_test(test_what_must_differ_is_said_where_it_is_the_second_time),
        cmocka_unit_test(test_what_is_missing_is_said_at_the_object),
        cmocka_unit_test(test_all_problems_of_a_document_are_said_in_their_order),
        cmocka_unit_test(test_checks_run_on_what_was_decoded_without_an_error),
        cmocka_unit_test(test_secrets_never_stand_in_a_message),
        cmocka_unit_test(test_fields_that_are_not_acted_on_are_a_warning),
        cmocka_unit_test(test_unknown_fields_of_a_server_are_warnings),
        cmocka_unit_test(test_values_are_where_the_rows_say),
        cmocka_unit_test(test_what_is_absent_has_its_default_and_is_not_set),
        cmocka_unit_test(test_nearest_finds_fields_in_another_case),
        cmocka_unit_test(test_a_million_mistakes_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
