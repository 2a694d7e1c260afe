/* SPDX-License-Identifier: Apache-2.0 */
#include "sample_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Each stands in the text, in this order, with whole lines. */
static void check_has(const char *text, const char *const *parts, size_t count)
{
    const char *rest = text;
    for (size_t i = 0; i < count; i++) {
        const char *found = strstr(rest, parts[i]);
        if (!found || (found != text && found[-1] != '\n'))
            fail_msg("missing, or not in its place:\n%s\nin\n%s", parts[i], text);
        rest = found + strlen(parts[i]);
    }
}

static void test_rows_have_path_type_default_and_help(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "| `spec` | SampleSpec | required | What is wanted. |\n"
        "| `spec.hostnames[]` | list of hostname (`*.example.com`), at most 3 items |  | The hosts. |\n",
        "| `spec.rules[].name` | section name (`checkout`) |  | The rule's name. *Experimental channel.* |\n"
        "| `spec.rules[].matches[]` | list of SampleMatch, 1 to 2 items | one with its defaults | Any of these must "
        "match. |\n"
        "| `spec.rules[].matches[].path` | SamplePath | one with its defaults | The path that is asked for. |\n"
        "| `spec.rules[].matches[].path.type` | `Exact`, `PathPrefix`, `RegularExpression` | `PathPrefix` | How the "
        "value is compared. |\n"
        "| `spec.rules[].matches[].path.value` | string, at most 16 characters | `/` | The path \\| its start. |\n",
        "| `spec.rules[].matches[].headers[].value` | string, 2 to 4096 characters | required | The header's value. "
        "|\n",
        "| `spec.rules[].weight` | integer, 0 to 1000000 | `1` | Its share. |\n"
        "| `spec.rules[].codes[]` | list of integer, 400 to 599 |  | Statuses after which it is tried again. |\n",
        "| `spec.timeout` | duration (`1m30s`), 0s to 1h | `15s` | How long. |\n",
        "| `spec.suspend` | boolean | `false` | Not now. |\n"
        "| `spec.status` | `301`, `302` | `302` | The redirect's status. |\n",
        "| `spec.replicas` | integer |  | How many. *Accepted, but not acted on by this version.* |\n",
        "| `spec.labels` | map of string, at most 63 characters, at most 3 entries |  | Words. |\n",
    };
    struct strbuf out = STRBUF_INIT;
    schema_document(&sample_schema, &out);
    check_has(out.ptr, rows, COUNT(rows));
    /* The same for all kinds. */
    assert_null(strstr(out.ptr, "metadata"));
    assert_null(strstr(out.ptr, "`status`"));
    strbuf_deinit(&out);
}

static const struct schema_field leaf_rows[] = {
    {.name = "a", .help = "A.", .type = SCHEMA_STRING},
    {.name = "b", .help = "B.", .type = SCHEMA_STRING},
    {.name = "c", .help = "C.", .type = SCHEMA_STRING},
    {.name = "d", .help = "D.", .type = SCHEMA_STRING},
};
static const struct schema leaf_schema = {
    .name = "Leaf", .help = "A leaf.", .fields = leaf_rows, .field_count = COUNT(leaf_rows)};
static const struct schema_field tree_rows[] = {
    {.name = "left", .help = "Left.", .type = SCHEMA_OBJECT, .of = &leaf_schema},
    {.name = "right", .help = "Right.", .type = SCHEMA_LIST, .item = SCHEMA_OBJECT, .of = &leaf_schema},
};
static const struct schema tree_schema = {
    .name = "Tree", .help = "A tree.", .fields = tree_rows, .field_count = COUNT(tree_rows)};

static void test_an_object_that_was_described_is_pointed_to(void **state)
{
    (void)state;
    struct strbuf out = STRBUF_INIT;
    schema_document(&tree_schema, &out);
    assert_string_equal(out.ptr, "| `left` | Leaf |  | Left. |\n"
                                 "| `left.a` | string |  | A. |\n"
                                 "| `left.b` | string |  | B. |\n"
                                 "| `left.c` | string |  | C. |\n"
                                 "| `left.d` | string |  | D. |\n"
                                 "| `right[]` | list of Leaf, as `left` |  | Right. |\n");
    strbuf_deinit(&out);
}

static void test_a_crd_says_what_the_rows_say(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "  description: \"A sample: all of it.\"\n  properties:\n    apiVersion:\n",
        /* The API server has its own schema of it, and allows no other. */
        "    metadata:\n      type: object\n    spec:\n      description: What is wanted.\n      properties:\n",
        "        hostnames:\n"
        "          description: The hosts.\n"
        "          items:\n"
        "            maxLength: 253\n"
        "            minLength: 1\n"
        "            pattern: \"^(\\\\*\\\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$\"\n"
        "            type: string\n"
        "          maxItems: 3\n"
        "          type: array\n"
        "          x-kubernetes-list-type: set\n",
        "              matches:\n"
        "                description: Any of these must match.\n"
        "                default: [{}]\n"
        "                items:\n"
        "                  properties:\n"
        "                    path:\n"
        "                      description: The path that is asked for.\n"
        "                      default: {}\n"
        "                      properties:\n"
        "                        type:\n"
        "                          description: \"How the value is compared. Default: PathPrefix.\"\n"
        "                          default: PathPrefix\n"
        "                          enum:\n"
        "                          - Exact\n"
        "                          - PathPrefix\n"
        "                          - RegularExpression\n"
        "                          type: string\n",
        "                        required:\n"
        "                        - name\n"
        "                        - value\n"
        "                        type: object\n"
        "                      maxItems: 16\n"
        "                      type: array\n"
        "                      x-kubernetes-list-map-keys:\n"
        "                      - name\n"
        "                      x-kubernetes-list-type: map\n",
        "              weight:\n"
        "                description: \"Its share. Default: 1.\"\n"
        "                default: 1\n"
        "                format: int32\n"
        "                maximum: 1000000\n"
        "                minimum: 0\n"
        "                type: integer\n",
        "            x-kubernetes-validations:\n"
        "            - message: a rule with several matches needs a name\n"
        "              rule: \"has(self.name) || self.matches.size() < 2\"\n",
        "        timeout:\n"
        "          description: \"How long. Default: 15s.\"\n"
        "          default: 15s\n"
        "          pattern: \"^([0-9]{1,5}(h|m|s|ms)){1,4}$\"\n"
        "          type: string\n"
        "        window:\n"
        "          description: How much.\n"
        "          anyOf:\n"
        "          - type: integer\n"
        "          - type: string\n"
        "          pattern: \"^[0-9]{1,19}([KMGTPE]i|[kMGTPE])?$\"\n"
        "          x-kubernetes-int-or-string: true\n",
        "        status:\n"
        "          description: \"The redirect's status. Default: 302.\"\n"
        "          default: 302\n"
        "          enum:\n"
        "          - 301\n"
        "          - 302\n",
        "        mode:\n          description: How.\n          enum:\n          - Even\n          - Random\n"
        "          - \"Off\"\n          type: string\n",
        "        labels:\n"
        "          description: Words.\n"
        "          additionalProperties:\n"
        "            maxLength: 63\n"
        "            type: string\n"
        "          maxProperties: 3\n"
        "          type: object\n",
        "    status:\n      description: What is.\n      type: object\n"
        "      x-kubernetes-preserve-unknown-fields: true\n"
        "  required:\n  - metadata\n  - spec\n  type: object\n",
    };
    struct strbuf out = STRBUF_INIT;
    schema_crd(&sample_schema, 2, &out);
    check_has(out.ptr, parts, COUNT(parts));
    strbuf_deinit(&out);
}

static void on_document(void *user, const struct document *document)
{
    *(bool *)user = document->root && !document->is_broken;
}

static void test_a_crd_is_yaml(void **state)
{
    (void)state;
    struct sample_load load = {.source = {STR("crd.yaml")}};
    struct strbuf out = STRBUF_INIT;
    bool is_read = false;
    arena_init(&load.arena, NULL, 0);
    problems_init(&load.problems);
    schema_crd(&sample_schema, 0, &out);
    assert_true(document_parse(strbuf_str(&out), &load.source, &load.arena, &load.problems, on_document, &is_read));
    assert_true(is_read);
    assert_int_equal(load.problems.count, 0);
    strbuf_deinit(&out);
    sample_unload(&load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_have_path_type_default_and_help),
        cmocka_unit_test(test_an_object_that_was_described_is_pointed_to),
        cmocka_unit_test(test_a_crd_says_what_the_rows_say),
        cmocka_unit_test(test_a_crd_is_yaml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
