/* SPDX-License-Identifier: Apache-2.0 */
/* Documents that were made to be expensive. What would take quadratic time does not end within the test's time. */
#include "base/strbuf.h"
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MANY 500000

static void check(struct strbuf *live, struct strbuf *other, const char *expected)
{
    struct pair pair = {.type = "application/json", .live = strbuf_str(live), .other = strbuf_str(other)};
    const char *found = pair_differences(&pair, NULL, NULL);
    if (strncmp(found, expected, strlen(expected)) != 0)
        fail_msg("%.300s", found);
    strbuf_deinit(live);
    strbuf_deinit(other);
}

static void test_half_a_million_names_in_another_order(void **state)
{
    (void)state;
    struct strbuf live = STRBUF_INIT, other = STRBUF_INIT;
    for (unsigned i = 0; i < MANY; i++) {
        strbuf_printf(&live, "%c\"name%u\":%u", i ? ',' : '{', i, i);
        strbuf_printf(&other, "%c\"name%u\":%u", i ? ',' : '{', MANY - 1 - i, MANY - 1 - i + (i == 7));
    }
    strbuf_add_char(&live, '}');
    strbuf_add_char(&other, '}');
    check(&live, &other, "body.$.name499992 value 499992|499993");
}

static void test_the_same_name_many_times(void **state)
{
    (void)state;
    struct strbuf live = STRBUF_INIT, other = STRBUF_INIT;
    for (unsigned i = 0; i < MANY; i++) {
        strbuf_printf(&live, "%c\"a\":%u", i ? ',' : '{', i);
        strbuf_printf(&other, "%c\"a\":%u", i ? ',' : '{', 2 * i);
    }
    strbuf_add(&live, STR(",\"a\":1}"));
    strbuf_add(&other, STR(",\"a\":1}"));
    check(&live, &other, "");
}

static void test_long_arrays_that_are_shuffled_shifted_or_all_alike(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        static const char *const expected[] = {"body.$ order ", "body.$ length 500000|499999; body.$[*] missing ",
                                               "body.$[*] value ", "body.$ length 500000|250000"};
        struct strbuf live = STRBUF_INIT, other = STRBUF_INIT;
        for (unsigned i = 0; i < MANY; i++) {
            strbuf_printf(&live, "%c%u", i ? ',' : '[', kind == 3 ? i % 2 : i);
            if (kind == 0)
                strbuf_printf(&other, "%c%u", i ? ',' : '[', (unsigned)((uint64_t)i * 7919 % MANY));
            else if (kind == 1 && i != 1000)
                strbuf_printf(&other, "%c%u", i ? ',' : '[', i);
            else if (kind == 2)
                strbuf_printf(&other, "%c%u", i ? ',' : '[', i + MANY);
            else if (kind == 3 && i % 2)
                strbuf_printf(&other, "%c%u", i > 1 ? ',' : '[', i / 2 % 2);
        }
        strbuf_add_char(&live, ']');
        strbuf_add_char(&other, ']');
        check(&live, &other, expected[kind]);
    }
}

static void add_nest(struct strbuf *out, unsigned depth, char open, char leaf)
{
    for (unsigned i = 0; i < depth; i++) {
        strbuf_add(out, open == '[' ? STR("[") : STR("{\"a\":"));
        for (int j = 0; open == '[' && j < 1000; j++)
            strbuf_add(out, STR("\"0123456789\","));
    }
    strbuf_add_char(out, leaf);
    for (unsigned i = 0; i < depth; i++)
        strbuf_add_char(out, open == '[' ? ']' : '}');
}

static void test_the_difference_lies_at_the_bottom(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct strbuf live = STRBUF_INIT, other = STRBUF_INIT;
        add_nest(&live, 500, kind ? '[' : '{', '1');
        add_nest(&other, 500, kind ? '[' : '{', '2');
        check(&live, &other, kind ? "body.$[*][*]" : "body.$.a.a.a");
    }
}

/* Members in another order, arrays untouched: always the same document. */
static void add_shuffled(struct strbuf *out, uint32_t *shape, uint32_t *order, unsigned depth)
{
    *shape = *shape * 1664525 + 1013904223;
    unsigned count = (*shape >> 20) % 5, first = (*order = *order * 1664525 + 1013904223) >> 16;
    uint32_t here = *shape;
    if (depth == 0 || count == 0) {
        strbuf_printf(out, "%u", here >> 16);
        return;
    }
    bool is_array = (*shape >> 28) % 2;
    strbuf_add_char(out, is_array ? '[' : '{');
    for (unsigned i = 0; i < count; i++) {
        unsigned which = is_array ? i : (i + first) % count;
        uint32_t below = here + which * 40503;
        strbuf_add(out, i ? STR(",") : STR(""));
        if (!is_array)
            strbuf_printf(out, "\"m%u\":", which);
        add_shuffled(out, &below, order, depth - 1);
    }
    strbuf_add_char(out, is_array ? ']' : '}');
}

static void test_a_document_is_the_same_as_itself_shuffled(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 500; i++) {
        struct strbuf live = STRBUF_INIT, other = STRBUF_INIT;
        uint32_t shape = i * 2654435761u, again = shape, order = i, another = i * 77 + 5;
        add_shuffled(&live, &shape, &order, 5);
        add_shuffled(&other, &again, &another, 5);
        check(&live, &other, "");
        if (i % 50 == 0)
            assert_true(shape == again);
    }
}

static void test_fields_with_endless_names_are_cut(void **state)
{
    (void)state;
    struct strbuf live = STRBUF_INIT, other = STRBUF_INIT;
    for (int side = 0; side < 2; side++) {
        struct strbuf *out = side ? &other : &live;
        strbuf_add(out, STR("{\"a\":{\""));
        for (int i = 0; i < 100000; i++)
            strbuf_add(out, STR("name"));
        strbuf_printf(out, "\":%d}}", side);
    }
    check(&live, &other, "body.$.a.\xe2\x80\xa6 value 0|1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_a_million_names_in_another_order),
        cmocka_unit_test(test_the_same_name_many_times),
        cmocka_unit_test(test_long_arrays_that_are_shuffled_shifted_or_all_alike),
        cmocka_unit_test(test_the_difference_lies_at_the_bottom),
        cmocka_unit_test(test_a_document_is_the_same_as_itself_shuffled),
        cmocka_unit_test(test_fields_with_endless_names_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
