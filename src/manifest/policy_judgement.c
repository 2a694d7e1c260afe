/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/policy_judgement.h"

#include "manifest/json_path.h"
#include "manifest/schema_formats.h"

#include <inttypes.h>

#define NAMES_MAX 64 /* of headers, cookies, query parameters */
#define JSON_PATHS_MAX 256
#define ARRAYS_MAX 64
#define TOKEN_MAX 256
#define HOUR_MS (60 * 60 * 1000)
#define MIB (1024 * 1024)

#define RULES_OF(table) .rules = (table), .rule_count = sizeof(table) / sizeof((table)[0])

/* --------------------------------------------------------------------------------------------------- JSON paths */

static bool is_json_path(struct str text)
{
    size_t character;
    return !json_path_fault(text, &character);
}

static void explain_json_path(struct str text, struct strbuf *why)
{
    size_t character;
    const char *fault = json_path_fault(text, &character);
    strbuf_printf(why, "character %zu: %s", character, fault ? fault : "");
}

static const struct schema_format format_json_path = {
    .name = "a JSON path",
    .pattern = "^\\$(\\.\\*|\\.\\.?([^\\x00-@\\[-^`{-\\x7f][^\\x00-/:-@\\[-^`{-\\x7f]*|[0-9]+)|\\[\\*\\]|"
               "\\[(0|[1-9][0-9]{0,8})\\]|\\['([^'\\\\\\x00-\\x1f]|\\\\['\\\\])*'\\])*$",
    .example = "$.items[*].id",
    .is_valid = is_json_path,
    .explain = explain_json_path,
    .min_len = 1,
    .max_len = JSON_PATH_MAX,
};

/* ---------------------------------------------------------------------------------------------------- comparing */

static const struct schema_field control_rows[] = {
    {.name = "backendRef",
     .help = "A second instance of the live version. It gets exactly the copies that the shadow gets.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(policy_control, backend),
     .flags = SCHEMA_REQUIRED,
     .of = &backend_ref_schema},
};
static const struct schema control_schema = {
    .name = "PolicyControl",
    .help = "What differs between live and the control is noise.",
    .size = sizeof(struct policy_control),
    SCHEMA_ROWS(control_rows),
};

static const struct schema_field ignore_rows[] = {
    {.name = "headers",
     .help = "Headers of answers that are not compared, besides those that never are.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(policy_ignore, headers),
     .max = NAMES_MAX,
     .format = &format_header_name},
    {.name = "jsonPaths",
     .help = "Fields of JSON bodies that are not compared, with all that is below them. A path is `$`, then `.name`, "
             "`['any name']`, `[n]`, `[*]`, `.*` and `..name`; of a gRPC message `$[*].3` is field 3.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(policy_ignore, json_paths),
     .max = JSON_PATHS_MAX,
     .format = &format_json_path},
};
static const struct schema ignore_schema = {
    .name = "PolicyIgnore",
    .help = "What is not compared.",
    .size = sizeof(struct policy_ignore),
    SCHEMA_ROWS(ignore_rows),
};

static void check_array(const void *object, struct problems *problems)
{
    const struct policy_array *array = object;
    bool is_keyed = array->type.value == ARRAY_OF_KEYED;
    if (is_keyed && !array->key.ptr)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, array->node, "key",
                            "the type Keyed needs the member that tells elements apart: add it, as key: id");
    if (!is_keyed && array->key.ptr)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(array->node, "key"),
                     "is for the type Keyed: set type: Keyed or remove it");
}
static const struct schema_rule array_rules[] = {
    {"(self.type == 'Keyed') == has(self.key)", "the type Keyed needs a key, and Set has none"},
};
static const char *const array_types[] = {"Set", "Keyed", NULL};
static const struct schema_field array_rows[] = {
    {.name = "path",
     .help = "The array, as a JSON path: `$.items`.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(policy_array, path),
     .flags = SCHEMA_REQUIRED,
     .format = &format_json_path},
    {.name = "type",
     .help = "Set: the order of elements says nothing. Keyed: elements with the same key are compared with each other, "
             "wherever they stand.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(policy_array, type),
     .flags = SCHEMA_REQUIRED,
     .values = array_types},
    {.name = "key",
     .help = "The member of each element that tells it from the others, for the type Keyed.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(policy_array, key),
     .min = 1,
     .max = TOKEN_MAX},
};
static const struct schema array_schema = {
    .name = "PolicyArray",
    .help = "An array whose elements may stand in another order.",
    .size = sizeof(struct policy_array),
    SCHEMA_ROWS(array_rows),
    .check = check_array,
    RULES_OF(array_rules),
};

static const struct schema_field sample_redact_rows[] = {
    {.name = "headers",
     .help = "Headers whose values are taken out, besides authorization, cookie, set-cookie, proxy-authorization and "
             "x-api-key.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(policy_sample_redact, headers),
     .max = NAMES_MAX,
     .format = &format_header_name},
    {.name = "cookies",
     .help = "Cookies whose values are taken out where cookies are kept.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(policy_sample_redact, cookies),
     .max = NAMES_MAX,
     .format = &format_header_name},
    {.name = "query",
     .help = "Query parameters whose values are taken out.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(policy_sample_redact, query),
     .max = NAMES_MAX,
     .item_min = 1,
     .item_max = TOKEN_MAX},
    {.name = "jsonPaths",
     .help = "Fields of JSON bodies whose values are taken out, with all that is below them; the last name counts for "
             "fields of forms as well.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(policy_sample_redact, json_paths),
     .max = JSON_PATHS_MAX,
     .format = &format_json_path},
};
static const struct schema sample_redact_schema = {
    .name = "PolicySampleRedact",
    .help = "What is taken out of samples before they are stored; what `request.redact` names is taken out as well.",
    .size = sizeof(struct policy_sample_redact),
    SCHEMA_ROWS(sample_redact_rows),
};

/* Paths that would be looked for in bodies that nobody captures. */
static void check_compare(const void *object, struct problems *problems)
{
    const struct policy_compare *compare = object;
    const struct node *paths = compare->ignore && compare->ignore->json_paths.count   ? compare->ignore->json_paths.node
                               : compare->arrays.count                                ? compare->arrays.node
                               : compare->redact && compare->redact->json_paths.count ? compare->redact->json_paths.node
                                                                                      : NULL;
    if (compare->body_bytes.is_set && compare->body_bytes.value == 0 && paths)
        problems_add(problems, SEVERITY_WARNING, STR_NONE, paths,
                     "names fields of bodies, but bodyBytes is 0, so no body is looked at; raise bodyBytes, or take "
                     "this out");
}
static const char *const sample_kinds[] = {"None", "Fields", "Full", NULL};
static const struct schema_field compare_rows[] = {
    {.name = "samples",
     .help = "What is kept of pairs that differ: nothing, the fields that differ with their values masked, or all; "
             "absent: Fields in a cluster, else Full.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(policy_compare, samples),
     .values = sample_kinds},
    {.name = "bodyBytes",
     .help = "How much of each body is captured. Longer ones are told to be the same by their hash; where they differ, "
             "nobody can say in what, and they count as blind.",
     .type = SCHEMA_QUANTITY,
     SCHEMA_AT(policy_compare, body_bytes),
     .max = 64 * MIB,
     .fallback = "256Ki"},
    {.name = "control",
     .help = "A second instance of the live version; what differs between it and live is noise.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(policy_compare, control),
     .of = &control_schema},
    {.name = "headers",
     .help = "The only headers of answers that are compared; absent: all but those that differ from answer to answer "
             "(date, server, age, via, etag, last-modified, x-request-id and the like).",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(policy_compare, headers),
     .min = 1,
     .max = NAMES_MAX,
     .format = &format_header_name},
    {.name = "ignore",
     .help = "What is not compared.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(policy_compare, ignore),
     .of = &ignore_schema},
    {.name = "arrays",
     .help = "Arrays of JSON bodies whose elements may stand in another order; all others are compared in order.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(policy_compare, arrays),
     .max = ARRAYS_MAX,
     .key = "path",
     .of = &array_schema},
    {.name = "redact",
     .help = "What is taken out of samples before they are stored.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(policy_compare, redact),
     .of = &sample_redact_schema},
};
const struct schema policy_compare_schema = {
    .name = "PolicyCompare",
    .help = "How answers of live and shadow are compared.",
    .size = sizeof(struct policy_compare),
    SCHEMA_ROWS(compare_rows),
    .is_layered = true,
    .check = check_compare,
};

/* ------------------------------------------------------------------------------------------------------ judging */

#define SHARE(field, member, default_share, text) \
    { \
        .name = field, .help = text, .type = SCHEMA_PERCENT, SCHEMA_AT(policy_verdict, member), .max = 1000000, \
        .fallback = default_share \
    }
#define ADDED_SHARE(field, member, default_share, text) \
    { \
        .name = field, .help = text, .type = SCHEMA_PERCENT, SCHEMA_AT(policy_verdict, member), .max = 100000000, \
        .fallback = default_share \
    }
#define ADDED(field, member, default_time, text) \
    { \
        .name = field, .help = text, .type = SCHEMA_DURATION, SCHEMA_AT(policy_verdict, member), .max = HOUR_MS, \
        .fallback = default_time \
    }
static const struct schema_field verdict_rows[] = {
    {.name = "minPairs",
     .help = "How many pairs a verdict needs; with fewer it is INSUFFICIENT.",
     .type = SCHEMA_INT,
     SCHEMA_AT(policy_verdict, min_pairs),
     .min = 1,
     .max = 1000000000,
     .fallback = "100"},
    {.name = "minPairsP99",
     .help = "From how many pairs on the p99 is judged.",
     .type = SCHEMA_INT,
     SCHEMA_AT(policy_verdict, min_pairs_p99),
     .min = 1,
     .max = 1000000000,
     .fallback = "1000"},
    SHARE("maxShadowFailures", max_shadow_failures, "1%",
          "The share of copies that may fail by the shadow's fault, beyond live's own share of errors."),
    SHARE("maxLost", max_lost, "10%", "The share of copies that Umbra may lose; above it the verdict can't be PASS."),
    SHARE(
        "maxBlind", max_blind, "10%",
        "The share of pairs whose bodies could not be judged (too long, undecodable, beyond the limits); above it the "
        "verdict can't be PASS."),
    SHARE("maxDifferent", max_different, "0.1%", "The share of pairs whose answers may differ."),
    SHARE("maxNewErrors", max_new_errors, "0.1%", "The share of pairs in which the shadow alone may answer an error."),
    ADDED("findingLatencyAdded", finding_latency_added, "1ms",
          "A finding is raised when the shadow adds more than this to live's p50 or p99."),
    ADDED_SHARE("findingLatencyShare", finding_latency_share, "10%",
                "The same as a part of live's; the larger of the two counts."),
    ADDED("maxLatencyAdded", max_latency_added, "5ms",
          "The verdict is FAIL when the shadow adds more than this to live's p50 or p99."),
    ADDED_SHARE("maxLatencyShare", max_latency_share, "25%",
                "The same as a part of live's; the larger of the two counts."),
};

/* With less than minPairs there is no verdict at all. */
static void check_verdict(const void *object, struct problems *problems)
{
    const struct policy_verdict *verdict = object;
    int64_t pairs = verdict->min_pairs.value, p99 = verdict->min_pairs_p99.value;
    if (verdict->min_pairs_p99.is_set && p99 < pairs)
        problems_add(problems, SEVERITY_WARNING, STR_NONE, place_of(verdict->node, "minPairsP99"),
                     "is below minPairs (%" PRId64 " < %" PRId64 "), so nothing is judged before there are %" PRId64
                     " pairs, p99 included; a p99 needs about 1000",
                     p99, pairs, pairs);
}
const struct schema policy_verdict_schema = {
    .name = "PolicyVerdict",
    .help = "When a shadow passes.",
    .size = sizeof(struct policy_verdict),
    SCHEMA_ROWS(verdict_rows),
    .is_layered = true,
    .check = check_verdict,
};
