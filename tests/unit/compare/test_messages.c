/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Hexadecimal digits to bytes; "<" begins what ">" gives its length to (one byte), "(" and ")" a frame's message. */
static void add_bytes(struct strbuf *out, const char **text)
{
    for (; **text && **text != '>' && **text != ')'; (*text)++) {
        if (**text == '<' || **text == '(') {
            bool is_frame = **text == '(';
            struct strbuf inner = STRBUF_INIT;
            (*text)++;
            add_bytes(&inner, text);
            if (is_frame)
                strbuf_add(out, STR("\0\0\0\0"));
            strbuf_add_char(out, (char)inner.len);
            strbuf_add(out, strbuf_str(&inner));
            strbuf_deinit(&inner);
        } else if (**text != ' ') {
            unsigned byte = 0;
            for (int i = 0; i < 2; i++, (*text)++)
                byte = byte << 4 | (unsigned)(**text <= '9' ? **text - '0' : **text - 'a' + 10);
            (*text)--;
            strbuf_add_char(out, (char)byte);
        }
    }
}

struct row {
    const char *live, *other, *expected;
};

static void check_rows(const struct row *rows, size_t count, const struct compare_rules *rules)
{
    for (size_t i = 0; i < count; i++) {
        struct strbuf live = STRBUF_INIT, other = STRBUF_INIT;
        const char *a = rows[i].live, *b = rows[i].other;
        add_bytes(&live, &a);
        add_bytes(&other, &b);
        struct pair pair = {
            .rules = rules, .type = "application/grpc+proto", .live = strbuf_str(&live), .other = strbuf_str(&other)};
        pair_check(&pair, rows[i].expected);
        strbuf_deinit(&live);
        strbuf_deinit(&other);
    }
}
#define CHECK(rows, rules) check_rows(rows, sizeof(rows) / sizeof(rows[0]), rules)

static void test_messages_are_compared_by_their_fields(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"(0801)", "(0802)", "body[*].1 value 1|2"},
        {"(0801 1002)", "(1002 0801)", ""},
        {"(0801)", "(088100)", ""},
        {"(1a<0801>)", "(1a<0805>)", "body[*].3.1 value 1|5"},
        {"(0a<616263>)", "(0a<616264>)", "body[*].1 value \"abc\"|\"abd\""},
        {"(0a<ff00>)", "(0a<fe00>)", "body[*].1 value ff00|fe00"},
        {"(0801 1002)", "(0801)", "body[*].2 missing 2|"},
        {"(0801)", "(0801 12<6162>)", "body[*].2 extra |\"ab\""},
        {"(0801 0802 0803)", "(0801 0803)", "body[*].1 length 3|2"},
        {"(0801 0802)", "(0802 0801)", "body[*].1 value 1|2"},
        {"(0801)", "(0d01000000)", "body[*].1 type 1|0x00000001 (1.4013e-45)"},
        {"(09000000000000f03f)", "(090000000000000040)",
         "body[*].1 value 0x3ff0000000000000 (1)|0x4000000000000000 (2)"},
        {"(0801) (0802)", "(0801) (0803)", "body[*].1 value 2|3"},
        {"(0801) (0802)", "(0801)", "body length 2|1"},
        {"(1a<12<0801>>)", "(1a<12<0802>>)", "body[*].3.2.1 value 1|2"},
        {"(0b 0801 0c)", "(0b 0802 0c)", "body[*].1 value 0801|0802"},
        {"(ff)", "(fe)", "body[*] value ff|fe"},
        {"()", "(0801)", "body[*].1 extra |1"},
        /* A text that is a message by chance is a text. */
        {"(0a<3831323334353637>)", "(0a<3831323334353638>)", "body[*].1 value \"81234567\"|\"81234568\""},
    };
    CHECK(rows, NULL);
}

static void test_paths_leave_fields_of_messages_out(void **state)
{
    (void)state;
    const struct str paths[] = {STR("$[*].3.1"), STR("$[*].5")};
    struct compare_rules *rules = compare_rules_new(
        &(struct compare_spec){.ignored_paths = paths, .ignored_path_count = 2});
    static const struct row rows[] = {
        {"(1a<0801 1001>)", "(1a<0802 1001>)", ""},
        {"(1a<0801 1001>)", "(1a<0802 1002>)", "body[*].3.2 value 1|2"},
        {"(2801)", "(2a<6162>)", ""},
    };
    CHECK(rows, rules);
    compare_rules_free(rules);
}

static void test_what_is_no_frame_is_content(void **state)
{
    (void)state;
    struct compare_counts counts;
    enum body_verdict body;
    struct pair pair = {.type = "application/grpc", .live = STR("\0\0\0\0\7x"), .other = STR("\0\0\0\0\1x")};
    assert_string_equal(pair_differences(&pair, &body, &counts), "body value 000000000778|000000000178");
    assert_int_equal(counts.invalid, 1);
    assert_int_equal(body, BODY_DIFFERENT);
    /* Compressed, and nobody said how. */
    pair = (struct pair){.type = "application/grpc", .live = STR("\1\0\0\0\1x"), .other = STR("\1\0\0\0\1y")};
    pair_differences(&pair, &body, &counts);
    assert_int_equal(body, BODY_BLIND);
    assert_int_equal(counts.undecodable, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_are_compared_by_their_fields),
        cmocka_unit_test(test_paths_leave_fields_of_messages_out),
        cmocka_unit_test(test_what_is_no_frame_is_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
