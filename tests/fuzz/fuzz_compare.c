/* SPDX-License-Identifier: Apache-2.0 */
/* Two hostile answers: whatever they are, a body compared with itself is the same, the verdict does not depend on the side, and what is shown is
 * bounded UTF-8. The first byte chooses the content type, the second the codings; the bodies are parted by FF FE FD. */
#include "base/assert.h"
#include "base/utf8.h"
#include "compare/compare.h"
#include "http/grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct str types[] = {STR_INIT("application/json"), STR_INIT("application/grpc"), STR_INIT("text/plain"),
                                   STR_INIT("")};
static const struct str codings[] = {STR_INIT(""),     STR_INIT("gzip"),     STR_INIT("deflate"), STR_INIT("br"),
                                     STR_INIT("zstd"), STR_INIT("gzip, br"), STR_INIT("odd"),     STR_INIT("identity")};

static struct comparer *comparer;
static struct compare_rules *rules;

static void set_up(void)
{
    struct compare_limits limits = compare_limits_default;
    static const struct str paths[] = {STR_INIT("$..a"), STR_INIT("$.b[*].c"), STR_INIT("$[*].3.1"),
                                       STR_INIT("$.x[2]")};
    static const struct compare_array arrays[] = {{STR_INIT("$.s"), ARRAY_SET, STR_INIT("")},
                                                  {STR_INIT("$[*]"), ARRAY_SET, STR_INIT("")},
                                                  {STR_INIT("$.k"), ARRAY_KEYED, STR_INIT("id")}};
    limits.decoded_bytes = 1 << 20;
    limits.depth = 40;
    limits.values = 20000;
    comparer = comparer_new(&limits);
    rules = compare_rules_new(
        &(struct compare_spec){.ignored_paths = paths, .ignored_path_count = 4, .arrays = arrays, .array_count = 3});
}

static void check_text(struct str text, size_t most)
{
    ASSERT(text.len <= most);
    for (size_t at = 0, size; at < text.len; at += size) {
        size = utf8_len(str_slice(text, at, text.len));
        ASSERT(size > 0);
    }
}

static void check(const struct differences *differences)
{
    ASSERT(differences->count <= COMPARE_MOST);
    for (size_t i = 0; i < differences->count; i++) {
        const struct difference *it = &differences->list[i];
        check_text(it->field, 1100);
        check_text(it->live, COMPARE_SHOWN);
        check_text(it->other, COMPARE_SHOWN);
        ASSERT(it->field.len > 0 && it->kind < DIFFERENCE_KIND_COUNT);
        for (size_t j = 0; j < i; j++)
            ASSERT(!str_eq(differences->list[j].field, it->field));
    }
}

static void compare(const struct compare_rules *with, const struct answer *live, const struct answer *other)
{
    struct differences there, back;
    compare_answers(comparer, with, live, other, &there);
    check(&there);
    ASSERT(there.body != BODY_DIFFERENT || there.count + there.unnamed > 0);
    enum body_verdict body = there.body;
    size_t count = there.count + there.unnamed;
    compare_answers(comparer, with, other, live, &back);
    check(&back);
    ASSERT(back.body == body && (back.count + back.unnamed > 0) == (count > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (!comparer)
        set_up();
    if (len < 2)
        return 0;
    struct str type = types[data[0] % 4], rest = {(const char *)data + 2, len - 2};
    struct field fields[2][3];
    for (int side = 0; side < 2; side++) {
        fields[side][0] = (struct field){STR("content-type"), type, FIELD_OTHER};
        fields[side][1] = (struct field){STR("content-encoding"), codings[(side ? data[1] >> 4 : data[1]) % 8],
                                         FIELD_OTHER};
        fields[side][2] = (struct field){STR("grpc-encoding"), codings[1 + data[0] / 4 % 2], FIELD_OTHER};
    }
    const char *middle = rest.len ? memmem(rest.ptr, rest.len, "\xff\xfe\xfd", 3) : NULL;
    size_t first = middle ? (size_t)(middle - rest.ptr) : rest.len;
    struct answer live = {.status = 200, .grpc_status = GRPC_NONE, .fields = fields[0], .field_count = 3};
    struct answer other = live;
    other.fields = fields[1];
    live.body = str_slice(rest, 0, first);
    other.body = str_slice(rest, first + 3, rest.len);
    live.body_bytes = live.body.len;
    other.body_bytes = other.body.len;
    live.body_hash = 1;
    other.body_hash = 2;
    compare(NULL, &live, &other);
    compare(rules, &live, &other);
    struct answer twin = live;
    twin.body_hash = 3;
    struct differences same;
    compare_answers(comparer, NULL, &live, &twin, &same);
    ASSERT(same.count == 0 && (same.body == BODY_SAME || same.body == BODY_BLIND));
    return 0;
}
