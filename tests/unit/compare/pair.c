/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include "base/strbuf.h"
#include "base/utf8.h"
#include "http/grpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <xxhash.h>

static char found[65536];

static void check_text(struct str text)
{
    for (size_t at = 0, len; at < text.len; at += len) {
        len = utf8_len(str_slice(text, at, text.len));
        assert_true(len > 0);
    }
}

static void add_differences(struct strbuf *out, const struct differences *differences, bool is_swapped)
{
    for (size_t i = 0; i < differences->count; i++) {
        const struct difference *it = &differences->list[i];
        enum difference_kind kind = it->kind;
        if (is_swapped && (kind == DIFFERENCE_MISSING || kind == DIFFERENCE_EXTRA))
            kind = kind == DIFFERENCE_MISSING ? DIFFERENCE_EXTRA : DIFFERENCE_MISSING;
        struct str a = is_swapped ? it->other : it->live, b = is_swapped ? it->live : it->other;
        assert_true(a.len <= COMPARE_SHOWN && b.len <= COMPARE_SHOWN);
        check_text(a);
        check_text(b);
        check_text(it->field);
        strbuf_printf(out, "%s%.*s %s %.*s|%.*s", i ? "; " : "", STR_ARG(it->field), difference_kind_name(kind),
                      STR_ARG(a), STR_ARG(b));
    }
    if (differences->unnamed)
        strbuf_printf(out, "; and %zu", differences->unnamed);
}

static void run(struct comparer *comparer, const struct compare_rules *rules, const struct answer *live,
                const struct answer *other, enum body_verdict *body, bool is_swapped)
{
    struct differences differences;
    struct strbuf out = STRBUF_INIT;
    compare_answers(comparer, rules, live, other, &differences);
    strbuf_add(&out, STR(""));
    add_differences(&out, &differences, is_swapped);
    size_t len = out.len < sizeof(found) - 1 ? out.len : sizeof(found) - 1;
    if (len > 0)
        memcpy(found, out.ptr, len);
    found[len] = '\0';
    strbuf_deinit(&out);
    if (body)
        *body = differences.body;
}

static uint16_t make_fields(struct field fields[2], const char *type, const char *coding)
{
    uint16_t count = 0;
    if (type)
        fields[count++] = (struct field){STR("Content-Type"), str_from_c(type), FIELD_OTHER};
    if (coding)
        fields[count++] = (struct field){STR("Content-Encoding"), str_from_c(coding), FIELD_OTHER};
    return count;
}

static struct answer make_answer(struct field fields[2], const char *type, const char *coding, struct str body)
{
    return (struct answer){
        .status = 200,
        .grpc_status = GRPC_NONE,
        .fields = fields,
        .field_count = make_fields(fields, type, coding),
        .body = body,
        .body_bytes = body.len,
        .body_hash = XXH64(body.len ? body.ptr : "", body.len, 0),
    };
}

static const char *run_pair(const struct pair *pair, enum body_verdict *body, struct compare_counts *counts,
                            bool is_swapped)
{
    struct field live_fields[2], other_fields[2];
    struct answer live = make_answer(live_fields, pair->type, pair->live_coding, pair->live);
    struct answer other = make_answer(other_fields, pair->type, pair->other_coding, pair->other);
    struct comparer *comparer = comparer_new(pair->limits.depth ? &pair->limits : &compare_limits_default);
    run(comparer, pair->rules, is_swapped ? &other : &live, is_swapped ? &live : &other, body, is_swapped);
    if (counts)
        *counts = *comparer_counts(comparer);
    comparer_free(comparer);
    return found;
}

const char *pair_differences(const struct pair *pair, enum body_verdict *body, struct compare_counts *counts)
{
    return run_pair(pair, body, counts, false);
}

const char *pair_of_answers(const struct compare_rules *rules, const struct answer *live, const struct answer *other,
                            enum body_verdict *body)
{
    struct comparer *comparer = comparer_new(&compare_limits_default);
    run(comparer, rules, live, other, body, false);
    comparer_free(comparer);
    return found;
}

/* The order in which fields are met may be another from the other side: sorted, they are the same. */
static int by_byte(const void *a, const void *b)
{
    return *(const unsigned char *)a - *(const unsigned char *)b;
}

void pair_check(const struct pair *pair, const char *expected)
{
    enum body_verdict there, back;
    assert_string_equal(run_pair(pair, &there, NULL, false), expected);
    size_t len = strlen(found);
    static char first[sizeof(found)];
    memcpy(first, found, len + 1);
    run_pair(pair, &back, NULL, true);
    qsort(first, len, 1, by_byte);
    qsort(found, strlen(found), 1, by_byte);
    assert_string_equal(first, found);
    assert_int_equal(there, back);
    assert_int_equal(there, expected[0] ? BODY_DIFFERENT : BODY_SAME);
}
