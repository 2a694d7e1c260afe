/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/pairs.h"
#include "legs_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define DEADLINE_NS 60000000000ull

/* Writes down what happens: "L" live, "P" pair, "C" pair with control, "A" alone, "M2" two missing. */
struct log {
    char text[256];
    size_t len;
    bool has_control;
    struct room room;
    struct pairs pairs;
    struct strbuf body;
};

static void note(struct log *log, char what)
{
    assert_true(log->len + 1 < sizeof(log->text));
    log->text[log->len++] = what;
}

static void on_live(void *user, const struct leg *live)
{
    assert_int_equal(live->kind, LEG_LIVE);
    note(user, 'L');
}

static bool has_control(void *user, const struct leg *live, const struct leg *shadow)
{
    (void)live;
    assert_int_equal(shadow->kind, LEG_SHADOW);
    return ((struct log *)user)->has_control;
}

static void on_pair(void *user, const struct leg *live, const struct leg *shadow, const struct leg *control)
{
    struct log *log = user;
    assert_true(str_eq(live->labels.route, STR("r")));
    assert_true(str_eq(shadow->labels.mirror, STR("m")));
    struct str body = leg_answer_body(shadow, &log->body);
    assert_true(body.len == 0 || str_eq(body, STR("abcdefgh")));
    note(log, control ? 'C' : 'P');
}

static void on_alone(void *user, const struct leg *shadow)
{
    assert_true(str_eq(shadow->labels.mirror, STR("m")));
    note(user, 'A');
}

static void on_missing(void *user, const struct leg *live, unsigned missing, const struct list *copies)
{
    (void)live;
    (void)copies;
    note(user, 'M');
    note(user, (char)('0' + missing));
}

static const struct pairs_handlers handlers = {on_live, has_control, on_pair, on_alone, on_missing};

static int begin(void **state)
{
    static struct log log;
    log = (struct log){.room = {.limit = 1 << 20}};
    pairs_init(&log.pairs, &handlers, &log, &log.room, DEADLINE_NS);
    pairs_tick(&log.pairs, 1);
    *state = &log;
    return 0;
}

static int end(void **state)
{
    struct log *log = *state;
    pairs_deinit(&log->pairs);
    strbuf_deinit(&log->body);
    return log->room.used == 0 ? 0 : -1;
}

static enum pairs_result add(struct log *log, unsigned worker, const struct leg_text *text, unsigned part)
{
    struct strbuf record = STRBUF_INIT;
    leg_text_write(text, part, &record);
    enum pairs_result result = pairs_add(&log->pairs, worker, strbuf_str(&record));
    strbuf_deinit(&record);
    return result;
}

static void expect(struct log *log, const char *wanted)
{
    log->text[log->len] = '\0';
    assert_string_equal(log->text, wanted);
}

static void over(struct log *log)
{
    pairs_tick(&log->pairs, log->pairs.now_ns + DEADLINE_NS);
    assert_int_equal(log->pairs.count, 0);
    assert_int_equal(log->room.used, 0);
}

/* Of a letter: l, k live with one and two copies, n live without any, s shadow, c its control, t, d those of a second copy; upper case: the same of the other worker;
 * "+": the deadline is over. */
static struct leg_text leg_of(char letter)
{
    switch (letter | 0x20) {
    case 'l': return (struct leg_text){.leg = LEG_LIVE, .copies = 1};
    case 'k': return (struct leg_text){.leg = LEG_LIVE, .copies = 2};
    case 'n': return (struct leg_text){.leg = LEG_LIVE};
    case 's': return (struct leg_text){.leg = LEG_SHADOW, .leg_id = 1};
    case 'c': return (struct leg_text){.leg = LEG_CONTROL, .leg_id = 1};
    case 't': return (struct leg_text){.leg = LEG_SHADOW, .leg_id = 2};
    default: return (struct leg_text){.leg = LEG_CONTROL, .leg_id = 2};
    }
}

static void play(struct log *log, const char *legs)
{
    for (; *legs; legs++) {
        struct leg_text leg = leg_of(*legs);
        if (*legs == '+')
            pairs_tick(&log->pairs, log->pairs.now_ns + DEADLINE_NS);
        else
            assert_int_equal(add(log, *legs < 'a', &leg, 0), PAIRS_OK);
    }
}

static void test_legs_in_any_order_make_pairs(void **state)
{
    static const struct {
        const char *legs;
        bool has_control;
        const char *wanted;
        bool is_done; /* without the deadline */
    } cases[] = {
        {"ls", false, "LP", true},       {"sl", false, "LP", true},
        {"n", false, "L", true},         {"kst", false, "LPP", true},
        {"stk", false, "LPP", true},     {"skt", false, "LPP", true},
        {"ksc", true, "LC", true},       {"kcs", true, "LC", true},
        {"csk", true, "LC", true},       {"sck", true, "LC", true},
        {"skc", true, "LC", true},       {"ks+", true, "LPM1", true}, /* the control does not come */
        {"kc+", true, "LM1", true},                                   /* nor the shadow */
        {"s+", false, "A", true},                                     /* nor live */
        {"l+", false, "LM1", true},      {"k+", false, "LM2", true},
        {"ks+t+", false, "LPM1A", true},                              /* late */
        {"lS", false, "L", false},                                    /* of two workers: two exchanges */
        {"lSsL", false, "LPLP", true},   {"lss", false, "LP", false}, /* a leg that comes again finds nobody */
        {"kss", false, "LP", false},
    };
    struct log *log = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        log->len = 0;
        log->has_control = cases[i].has_control;
        play(log, cases[i].legs);
        expect(log, cases[i].wanted);
        assert_int_equal(log->pairs.count == 0, cases[i].is_done);
        over(log);
    }
}

static void test_a_leg_is_whole_when_all_parts_are(void **state)
{
    struct log *log = *state;
    struct leg_text live = leg_of('l'), shadow = leg_of('s');
    shadow.body = "abcdefgh";
    shadow.body_parts = 3;
    assert_int_equal(add(log, 0, &live, 0), PAIRS_OK);
    for (unsigned part = 0; part < 4; part++) {
        expect(log, "L");
        assert_int_equal(add(log, 0, &shadow, part), PAIRS_OK);
    }
    expect(log, "LP");
    assert_int_equal(log->pairs.count, 0);
}

static void test_a_part_that_comes_again_is_left_out(void **state)
{
    struct log *log = *state;
    struct leg_text live = leg_of('l'), shadow = leg_of('s');
    static const unsigned parts[] = {0, 0, 1, 0, 1, 2, 1, 3};
    shadow.body = "abcdefgh";
    shadow.body_parts = 3;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        assert_int_equal(add(log, 0, &shadow, parts[i]), PAIRS_OK);
    assert_int_equal(log->pairs.counts.duplicates, 4);
    assert_int_equal(add(log, 0, &live, 0), PAIRS_OK);
    expect(log, "LP");
}

static void test_a_missing_part_voids_the_leg(void **state)
{
    static const unsigned sequences[][4] = {{0, 2, 3, 9}, {1, 2, 3, 9}, {0, 1, 3, 9}, {3, 9, 9, 9}, {0, 3, 1, 2}};
    struct log *log = *state;
    struct leg_text live = leg_of('l'), shadow = leg_of('s');
    shadow.body = "abcdefgh";
    shadow.body_parts = 3;
    for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
        log->len = 0;
        assert_int_equal(add(log, 0, &live, 0), PAIRS_OK);
        for (size_t part = 0; part < 4 && sequences[i][part] < 9; part++)
            assert_int_equal(add(log, 0, &shadow, sequences[i][part]), PAIRS_OK);
        over(log);
        expect(log, "LM1");
    }
}

static void test_a_void_live_leg_leaves_copies_alone(void **state)
{
    struct log *log = *state;
    struct leg_text live = leg_of('l'), shadow = leg_of('s');
    live.body = "abcdefgh";
    live.body_parts = 2;
    assert_int_equal(add(log, 0, &live, 0), PAIRS_OK);
    assert_int_equal(add(log, 0, &live, 2), PAIRS_OK);
    assert_int_equal(add(log, 0, &shadow, 0), PAIRS_OK);
    expect(log, "A");
    over(log);
    expect(log, "A");
}

static void test_parts_put_the_deadline_off(void **state)
{
    struct log *log = *state;
    struct leg_text live = leg_of('l'), shadow = leg_of('s');
    shadow.body = "abcdefgh";
    shadow.body_parts = 3;
    assert_int_equal(add(log, 0, &live, 0), PAIRS_OK);
    for (unsigned part = 0; part < 4; part++) {
        pairs_tick(&log->pairs, log->pairs.now_ns + DEADLINE_NS - 1);
        assert_int_equal(add(log, 0, &shadow, part), PAIRS_OK);
    }
    expect(log, "LP");
}

static void test_what_does_not_fit_is_refused_and_voids_its_leg(void **state)
{
    struct log *log = *state;
    struct leg_text live = leg_of('l'), shadow = leg_of('s');
    shadow.body = "abcdefgh";
    shadow.body_parts = 1;
    assert_int_equal(add(log, 0, &live, 0), PAIRS_OK);
    assert_int_equal(add(log, 0, &shadow, 0), PAIRS_OK);
    log->room.limit = log->room.used;
    assert_int_equal(add(log, 0, &shadow, 1), PAIRS_NO_MEMORY);
    assert_int_equal(log->pairs.counts.no_memory, 1);
    log->room.limit = 1 << 20;
    expect(log, "LM1");
    assert_int_equal(log->pairs.count, 0);
}

static void test_damage_is_counted_and_changes_nothing(void **state)
{
    struct log *log = *state;
    struct leg_text live = leg_of('l'), shadow = leg_of('s');
    struct strbuf record = STRBUF_INIT;
    assert_int_equal(add(log, 0, &live, 0), PAIRS_OK);
    leg_text_write(&shadow, 0, &record);
    for (size_t i = 0; i < record.len; i++) {
        record.ptr[i] = (char)(record.ptr[i] ^ 0x41);
        assert_int_equal(pairs_add(&log->pairs, 0, strbuf_str(&record)), PAIRS_DAMAGED);
        record.ptr[i] = (char)(record.ptr[i] ^ 0x41);
        assert_int_equal(pairs_add(&log->pairs, 0, str_slice(strbuf_str(&record), 0, i)), PAIRS_DAMAGED);
    }
    assert_int_equal(log->pairs.counts.damaged, 2 * record.len);
    assert_int_equal(pairs_add(&log->pairs, 0, strbuf_str(&record)), PAIRS_OK);
    expect(log, "LP");
    strbuf_deinit(&record);
}

static void test_memory_of_many_pairs_stays_flat(void **state)
{
    struct log *log = *state;
    size_t most = 0;
    for (uint64_t id = 0; id < 200000; id++) {
        struct leg_text live = leg_of('l'), shadow = leg_of('s');
        live.id = shadow.id = id;
        log->len = 0;
        assert_int_equal(add(log, 0, &live, 0), PAIRS_OK);
        assert_int_equal(add(log, 0, &shadow, 0), PAIRS_OK);
        most = log->room.used > most ? log->room.used : most;
    }
    assert_int_equal(most, 0);
    assert_int_equal(log->pairs.bucket_count, 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_legs_in_any_order_make_pairs, begin, end),
        cmocka_unit_test_setup_teardown(test_a_leg_is_whole_when_all_parts_are, begin, end),
        cmocka_unit_test_setup_teardown(test_a_part_that_comes_again_is_left_out, begin, end),
        cmocka_unit_test_setup_teardown(test_a_missing_part_voids_the_leg, begin, end),
        cmocka_unit_test_setup_teardown(test_a_void_live_leg_leaves_copies_alone, begin, end),
        cmocka_unit_test_setup_teardown(test_parts_put_the_deadline_off, begin, end),
        cmocka_unit_test_setup_teardown(test_what_does_not_fit_is_refused_and_voids_its_leg, begin, end),
        cmocka_unit_test_setup_teardown(test_damage_is_counted_and_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_memory_of_many_pairs_stays_flat, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
