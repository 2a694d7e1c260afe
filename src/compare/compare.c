/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/compare.h"

#include "base/mem.h"
#include "compare/comparer.h"
#include "compare/content.h"
#include "http/grpc.h"

#include <stdio.h>
#include <sys/random.h>

/* The walk over two documents is a recursion of so many calls, in a stack of 8 MiB. */
#define MOST_DEPTH 2048

const struct compare_limits compare_limits_default = {
    .decoded_bytes = (size_t)16 << 20,
    .decoded_ratio = 1000,
    .depth = 512,
    .values = 2000000,
    .differences = COMPARE_MOST,
};

const char *difference_kind_name(enum difference_kind kind)
{
    static const char *const names[DIFFERENCE_KIND_COUNT] = {
        [DIFFERENCE_VALUE] = "value", [DIFFERENCE_TYPE] = "type",   [DIFFERENCE_MISSING] = "missing",
        [DIFFERENCE_EXTRA] = "extra", [DIFFERENCE_ORDER] = "order", [DIFFERENCE_LENGTH] = "length",
    };
    return kind < DIFFERENCE_KIND_COUNT ? names[kind] : "unknown";
}

struct comparer *comparer_new(const struct compare_limits *limits)
{
    struct comparer *comparer = mem_alloc(sizeof(*comparer));
    comparer->limits = *limits;
    if (comparer->limits.depth > MOST_DEPTH)
        comparer->limits.depth = MOST_DEPTH;
    if (getrandom(&comparer->seed, sizeof(comparer->seed), GRND_NONBLOCK) < 0)
        comparer->seed = (uint64_t)(uintptr_t)comparer;
    report_init(&comparer->report);
    scratch_init(&comparer->scratch);
    for (int side = 0; side < SIDE_COUNT; side++) {
        json_init(&comparer->json[side], comparer->limits.depth);
        decoder_init(&comparer->decoders[side]);
        decoder_init(&comparer->message_decoders[side]);
    }
    return comparer;
}

void comparer_free(struct comparer *comparer)
{
    if (!comparer)
        return;
    report_deinit(&comparer->report);
    scratch_deinit(&comparer->scratch);
    for (int side = 0; side < SIDE_COUNT; side++) {
        json_deinit(&comparer->json[side]);
        decoder_deinit(&comparer->decoders[side]);
        decoder_deinit(&comparer->message_decoders[side]);
    }
    mem_free(comparer);
}

const struct compare_counts *comparer_counts(const struct comparer *comparer)
{
    return &comparer->counts;
}

static bool has_no_body(const struct answer *answer)
{
    return answer->has_no_body || answer->status == 204 || answer->status == 304 || answer->status < 200;
}

static bool compare_status(struct comparer *comparer, const struct answer *live, const struct answer *other)
{
    if (live->status != other->status) {
        char a[8], b[8];
        int len_a = snprintf(a, sizeof(a), "%u", live->status), len_b = snprintf(b, sizeof(b), "%u", other->status);
        report_add(&comparer->report, STR("status"), DIFFERENCE_VALUE, (struct str){a, (size_t)len_a},
                   (struct str){b, (size_t)len_b});
    }
    if (live->grpc_status == other->grpc_status)
        return live->status != other->status;
    struct str a = STR_NONE, b = STR_NONE;
    if (live->grpc_status < GRPC_NONE)
        a = grpc_status_text((enum grpc_status)live->grpc_status);
    if (other->grpc_status < GRPC_NONE)
        b = grpc_status_text((enum grpc_status)other->grpc_status);
    report_add(&comparer->report, STR("grpc-status"),
               live->grpc_status >= GRPC_NONE    ? DIFFERENCE_EXTRA
               : other->grpc_status >= GRPC_NONE ? DIFFERENCE_MISSING
                                                 : DIFFERENCE_VALUE,
               a, b);
    return true;
}

static struct str value_of(const struct answer *answer, struct str name)
{
    const struct field *field = answer_find_field(answer->fields, answer->field_count, name);
    return field ? field->value : STR_NONE;
}

/* Several fields of one name are one list (RFC 9110 5.3): written out when there are some. */
static struct str codings_of(struct comparer *comparer, const struct field *fields, uint16_t count)
{
    struct str name = STR("content-encoding"), all = STR_NONE;
    for (uint16_t i = 0; i < count; i++) {
        if (fields[i].name.len != name.len || !str_eq_nocase(fields[i].name, name))
            continue;
        if (all.len == 0) {
            all = fields[i].value;
            continue;
        }
        char *joined = scratch_take(&comparer->scratch, all.len + 1 + fields[i].value.len);
        memcpy(joined, all.ptr, all.len);
        joined[all.len] = ',';
        memcpy(joined + all.len + 1, fields[i].value.ptr, fields[i].value.len);
        all = (struct str){joined, all.len + 1 + fields[i].value.len};
    }
    return all;
}

static struct decode_limits decode_limits(const struct comparer *comparer)
{
    return (struct decode_limits){comparer->limits.decoded_bytes, comparer->limits.decoded_ratio};
}

static enum decode_result decode(struct comparer *comparer, enum side side, struct str codings, struct str body,
                                 struct str *decoded)
{
    enum decode_result result = decode_body(&comparer->decoders[side], decode_limits(comparer), codings, body, decoded);
    comparer->counts.decoded_too_large += result == DECODE_TOO_LARGE;
    comparer->counts.undecodable += result == DECODE_BROKEN || result == DECODE_UNKNOWN;
    return result;
}

static bool has_type(struct str value, struct str type)
{
    struct str media = str_trim(str_slice(value, 0, str_find_char(value, ';')));
    return str_eq_nocase(media, type);
}

static bool says_json(struct str value)
{
    struct str media = str_trim(str_slice(value, 0, str_find_char(value, ';'))), suffix = STR("+json");
    return str_eq_nocase(media, STR("application/json")) || str_eq_nocase(media, STR("text/json")) ||
           (media.len > suffix.len && str_eq_nocase(str_slice(media, media.len - suffix.len, media.len), suffix));
}

static bool says_grpc(struct str value)
{
    struct str media = str_trim(str_slice(value, 0, str_find_char(value, ';'))), type = STR("application/grpc");
    return has_type(value, type) ||
           (media.len > type.len && str_eq_nocase(str_slice(media, 0, type.len), type) && media.ptr[type.len] == '+');
}

static bool looks_like_json(struct str body)
{
    size_t at = 0;
    while (at < body.len && strchr(" \t\r\n", body.ptr[at]) && body.ptr[at])
        at++;
    return at < body.len && (body.ptr[at] == '{' || body.ptr[at] == '[');
}

/* False: one of them is none, or one beyond the limits. */
static bool read_json(struct comparer *comparer, struct str live, struct str other, bool is_said)
{
    const struct str bodies[SIDE_COUNT] = {live, other};
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct json *model = side == SIDE_LIVE ? NULL : &comparer->json[SIDE_LIVE];
        enum json_result result = json_parse_like(&comparer->json[side], bodies[side], comparer->limits.values, model);
        comparer->counts.invalid += result == JSON_INVALID && is_said;
        comparer->counts.too_deep += result == JSON_TOO_DEEP;
        comparer->counts.too_many_values += result == JSON_TOO_MANY;
        if (result != JSON_OK)
            return false;
    }
    return true;
}

static enum body_verdict compare_content(struct comparer *comparer, const struct compare_rules *rules,
                                         const struct answer *live, const struct answer *other,
                                         const struct str bodies[SIDE_COUNT])
{
    struct str type = STR("content-type"), live_type = value_of(live, type), other_type = value_of(other, type);
    if (says_grpc(live_type) && says_grpc(other_type)) {
        enum body_verdict verdict = compare_messages(comparer, rules, live, other, bodies[SIDE_LIVE],
                                                     bodies[SIDE_OTHER]);
        if (verdict != BODY_NOT_COMPARED)
            return verdict;
    }
    size_t before = comparer->report.count + comparer->report.unnamed;
    bool is_said = says_json(live_type) && says_json(other_type);
    if ((is_said || (looks_like_json(bodies[SIDE_LIVE]) && looks_like_json(bodies[SIDE_OTHER]))) &&
        read_json(comparer, bodies[SIDE_LIVE], bodies[SIDE_OTHER], is_said)) {
        compare_json(comparer, rules);
        return comparer->report.count + comparer->report.unnamed > before ? BODY_DIFFERENT : BODY_SAME;
    }
    compare_plain(comparer, bodies[SIDE_LIVE], bodies[SIDE_OTHER]);
    return BODY_DIFFERENT;
}

/* Of beginnings only so much can be said: that they differ, if they do. */
static enum body_verdict compare_cut(struct comparer *comparer, struct str live, struct str other)
{
    size_t most = live.len < other.len ? live.len : other.len;
    if (most == 0 || memcmp(live.ptr, other.ptr, most) == 0)
        return BODY_BLIND;
    compare_plain(comparer, str_slice(live, 0, most), str_slice(other, 0, most));
    return BODY_DIFFERENT;
}

/* One of them could not be decoded. When that is the bytes' fault and the other's are whole, clients see the difference, too. */
static enum body_verdict compare_broken(struct comparer *comparer, enum decode_result live, enum decode_result other,
                                        const struct str bodies[SIDE_COUNT])
{
    struct str broken = STR("(can't be decoded)");
    bool is_live_broken = live == DECODE_BROKEN && other == DECODE_OK;
    if (!is_live_broken && !(live == DECODE_OK && other == DECODE_BROKEN))
        return BODY_BLIND;
    report_add(&comparer->report, STR("body"), DIFFERENCE_VALUE, is_live_broken ? broken : bodies[SIDE_LIVE],
               is_live_broken ? bodies[SIDE_OTHER] : broken);
    return BODY_DIFFERENT;
}

static enum body_verdict compare_bodies(struct comparer *comparer, const struct compare_rules *rules,
                                        const struct answer *live, const struct answer *other)
{
    struct str codings[SIDE_COUNT] = {codings_of(comparer, live->fields, live->field_count),
                                      codings_of(comparer, other->fields, other->field_count)};
    bool is_coded = decode_is_coded(codings[SIDE_LIVE]) || decode_is_coded(codings[SIDE_OTHER]);
    comparer->counts.bodies++;
    /* The same bytes in another coding are another body. */
    if (live->body_hash == other->body_hash && live->body_bytes == other->body_bytes &&
        (!is_coded || live->body_bytes == 0 || str_eq_nocase(codings[SIDE_LIVE], codings[SIDE_OTHER]))) {
        comparer->counts.same_by_hash++;
        return BODY_SAME;
    }
    if (live->is_cut || other->is_cut)
        return is_coded ? BODY_BLIND : compare_cut(comparer, live->body, other->body);
    struct str bodies[SIDE_COUNT];
    enum decode_result live_result = decode(comparer, SIDE_LIVE, codings[SIDE_LIVE], live->body, &bodies[SIDE_LIVE]);
    enum decode_result other_result = decode(comparer, SIDE_OTHER, codings[SIDE_OTHER], other->body,
                                             &bodies[SIDE_OTHER]);
    if (live_result != DECODE_OK || other_result != DECODE_OK)
        return compare_broken(comparer, live_result, other_result, bodies);
    if (str_eq(bodies[SIDE_LIVE], bodies[SIDE_OTHER]))
        return BODY_SAME;
    return compare_content(comparer, rules, live, other, bodies);
}

void compare_answers(struct comparer *comparer, const struct compare_rules *rules, const struct answer *live,
                     const struct answer *other, struct differences *out)
{
    report_begin(&comparer->report, comparer->limits.differences);
    *out = (struct differences){.body = BODY_NOT_COMPARED};
    out->is_status_different = compare_status(comparer, live, other);
    compare_fields(comparer, rules, live, other);
    if (!out->is_status_different && !has_no_body(live) && !has_no_body(other))
        out->body = compare_bodies(comparer, rules, live, other);
    out->list = comparer->report.list;
    out->count = comparer->report.count;
    out->unnamed = comparer->report.unnamed;
    scratch_trim(&comparer->scratch);
    for (int side = 0; side < SIDE_COUNT; side++) {
        json_trim(&comparer->json[side]);
        decoder_trim(&comparer->decoders[side]);
        decoder_trim(&comparer->message_decoders[side]);
    }
}

bool content_decode(struct comparer *comparer, const struct field *fields, uint16_t count, struct str body,
                    struct str *decoded)
{
    enum decode_result result = decode_body(&comparer->decoders[SIDE_LIVE], decode_limits(comparer),
                                            codings_of(comparer, fields, count), body, decoded);
    return result == DECODE_OK;
}
