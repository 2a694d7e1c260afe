/* SPDX-License-Identifier: Apache-2.0 */
#include "http/grpc.h"
#include "play.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { PARTS = 5, PAIRS = 600 };

/* A pair with a bit of everything. */
static void random_pair(struct play *play, struct random *random, char *endpoint)
{
    static const char *const values[] = {"1", "\"two\"", "\xc3\xa9", "bad \xff byte", ""};
    play_pair(play, play_chance(random, 0.7));
    int len = snprintf(endpoint, 32, "GET /%c", (int)('a' + random_next(random) % 5));
    play->pair.endpoint = (struct str){endpoint, (size_t)len};
    play->pair.wall_ns = 1700000000ull * 1000000000 + random_next(random) % 1000 * 1000000;
    static const char *const names[] = {"body.$.id", "body.$.price", "headers.x", "body.$.\xff"};
    for (size_t i = 0; i < 4; i++) {
        play_differ(play, names[i], play_chance(random, 0.3), play->pair.has_control && play_chance(random, 0.2));
        if (play->pair.field_count > 0) {
            struct field_seen *field = &play->fields[play->pair.field_count - 1];
            field->kind = (enum difference_kind)(random_next(random) % DIFFERENCE_KIND_COUNT);
            field->is_volatile = play_chance(random, 0.5);
            play_example(play, values[random_next(random) % 5], values[random_next(random) % 5]);
        }
    }
    if (play_chance(random, 0.1))
        play->pair.shadow.status = 500;
    if (play_chance(random, 0.1))
        play->pair.shadow = (struct leg_seen){.state = LEG_FAILED_OWN, .failure = "timeout", .grpc_status = GRPC_NONE};
    if (play_chance(random, 0.05))
        play->pair.live.state = LEG_ABSENT;
    play->pair.live.duration_ns = (uint64_t)(play_latency(random, 5) * 1e6);
    play->pair.shadow.duration_ns = (uint64_t)(play_latency(random, 6) * 1e6);
    play->pair.control.duration_ns = (uint64_t)(play_latency(random, 5) * 1e6);
    play->pair.live.is_fresh = play_chance(random, 0.1);
}

static char *text_of(struct tally *tally)
{
    struct strbuf text = STRBUF_INIT;
    tally_write(tally, &text);
    return strbuf_take(&text);
}

/* The same pairs whole and in parts. */
static struct tally *split(struct tally *parts[PARTS], uint64_t seed)
{
    struct tally *whole = play_tally();
    struct play play = {0};
    struct random random;
    char endpoint[32];
    play_seed(&random, seed);
    for (size_t i = 0; i < PARTS; i++)
        parts[i] = play_tally();
    for (size_t i = 0; i < PAIRS; i++) {
        random_pair(&play, &random, endpoint);
        struct tally *part = parts[random_next(&random) % PARTS];
        tally_add_pair(whole, &play.pair);
        tally_add_pair(part, &play.pair);
        tally_add_delivery(whole, 3, 1, 1);
        tally_add_delivery(part, 3, 1, 1);
    }
    return whole;
}

static void test_parts_add_up_in_any_order_and_grouping(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct tally *parts[PARTS], *whole = split(parts, seed);
        struct tally *forth = play_tally(), *back = play_tally(), *left = play_tally(), *right = play_tally();
        for (size_t i = 0; i < PARTS; i++) {
            tally_merge(forth, parts[i]);
            tally_merge(back, parts[PARTS - 1 - i]);
            tally_merge(i % 2 ? left : right, parts[i]);
        }
        tally_merge(left, right);
        char *texts[] = {text_of(whole), text_of(forth), text_of(back), text_of(left)};
        for (size_t i = 1; i < 4; i++)
            assert_string_equal(texts[i], texts[0]);
        for (size_t i = 0; i < 4; i++)
            mem_free(texts[i]);
        for (size_t i = 0; i < PARTS; i++)
            tally_free(parts[i]);
        tally_free(whole);
        tally_free(forth);
        tally_free(back);
        tally_free(left);
        tally_free(right);
    }
}

static void test_what_is_written_is_read_back_the_same(void **state)
{
    (void)state;
    struct tally *parts[PARTS], *whole = split(parts, 99);
    struct thresholds thresholds = thresholds_default;
    thresholds.max_different = 0.1 / 3;
    tally_set_thresholds(whole, &thresholds);
    char *text = text_of(whole);
    struct err err;
    struct tally *read = tally_read(str_from_c(text), &err);
    if (!read)
        print_message("%s\n", err.text);
    assert_non_null(read);
    char *again = text_of(read);
    assert_string_equal(again, text);
    mem_free(text);
    mem_free(again);
    tally_free(read);
    tally_free(whole);
    for (size_t i = 0; i < PARTS; i++)
        tally_free(parts[i]);
}

static void test_news_are_counts_without_thresholds(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    tally_set_thresholds(tally, &thresholds_default);
    tally_add_delivery(tally, 1, 0, 0);
    struct tally *news = tally_take_news(tally);
    char *whole = text_of(tally), *added = text_of(news);
    assert_non_null(strstr(whole, "\"thresholds\""));
    assert_null(strstr(added, "\"thresholds\""));
    mem_free(whole);
    mem_free(added);
    tally_free(news);
    tally_free(tally);
}

static void test_news_add_up_to_the_whole(void **state)
{
    (void)state;
    struct tally *tally = play_tally(), *sum = play_tally();
    struct play play = {0};
    struct random random;
    char endpoint[32];
    play_seed(&random, 3);
    assert_null(tally_take_news(tally));
    for (size_t i = 0; i < PAIRS; i++) {
        random_pair(&play, &random, endpoint);
        tally_add_pair(tally, &play.pair);
        if (i % 150 == 149) {
            tally_rename_endpoint(tally, STR("GET /a"), STR("GET /b"));
            struct tally *news = tally_take_news(tally);
            tally_merge(sum, news);
            tally_free(news);
        }
    }
    char *whole = text_of(tally), *added = text_of(sum);
    assert_string_equal(added, whole);
    assert_null(tally_take_news(tally));
    mem_free(whole);
    mem_free(added);
    tally_free(tally);
    tally_free(sum);
}

static void test_a_renamed_endpoint_has_the_counts_of_both(void **state)
{
    (void)state;
    struct tally *apart = play_tally(), *together = play_tally();
    struct play play = {0};
    for (size_t i = 0; i < 300; i++) {
        play_pair(&play, true);
        play_differ(&play, "body.$.price", i % 3 == 0, i % 5 == 0);
        play.pair.live.duration_ns = play.pair.shadow.duration_ns = 1000000 + i * 1000;
        tally_add_pair(together, &play.pair);
        play.pair.endpoint = i % 2 ? STR("GET /items/{id}") : STR("GET /items/one");
        tally_add_pair(apart, &play.pair);
    }
    tally_rename_endpoint(apart, STR("GET /items/one"), STR("GET /items/{id}"));
    tally_rename_endpoint(apart, STR("GET /never"), STR("GET /items/{id}"));
    char *a = text_of(apart), *b = text_of(together);
    assert_string_equal(a, b);
    mem_free(a);
    mem_free(b);
    tally_free(apart);
    tally_free(together);
}

static void test_fields_and_endpoints_are_bounded(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    char endpoint[64], field[64];
    for (unsigned i = 0; i < 3000; i++) {
        play_pair(&play, false);
        snprintf(endpoint, sizeof(endpoint), "GET /%u", i % 500);
        snprintf(field, sizeof(field), "body.$.f%u", i);
        play.pair.endpoint = str_from_c(endpoint);
        play_differ(&play, field, true, false);
        play.pair.live.duration_ns = 1000 + (uint64_t)i * i * 100;
        play.pair.shadow.duration_ns = 1000 + (uint64_t)(3000 - i) * i * 100;
        tally_add_pair(tally, &play.pair);
    }
    struct strbuf text = STRBUF_INIT;
    tally_write(tally, &text);
    assert_true(text.len < 1024 * 1024);
    assert_non_null(strstr(text.ptr, "\"other\""));
    struct verdict verdict;
    judge(tally, &verdict);
    assert_int_equal(verdict.kind, VERDICT_FAIL);
    assert_int_equal(verdict.pairs, 3000);
    assert_true(verdict.bodies_different > 600 && verdict.bodies_different <= 3000);
    verdict_deinit(&verdict);
    strbuf_deinit(&text);
    tally_free(tally);
}

static void test_the_stricter_threshold_holds_when_they_differ(void **state)
{
    (void)state;
    struct thresholds lax = thresholds_default, strict = thresholds_default;
    lax.max_different = 0.5;
    strict.min_pairs = 1000;
    struct tally *a = play_tally(), *b = play_tally(), *c = play_tally();
    tally_set_thresholds(a, &lax);
    tally_set_thresholds(b, &strict);
    tally_merge(c, a);
    tally_merge(c, b);
    tally_merge(b, a);
    char *x = text_of(b), *y = text_of(c);
    assert_string_equal(x, y);
    assert_non_null(strstr(x, "\"min_pairs\":1000"));
    assert_null(strstr(x, "\"max_different\":0.5"));
    mem_free(x);
    mem_free(y);
    tally_free(a);
    tally_free(b);
    tally_free(c);
}

static void test_what_is_no_tally_is_refused_with_a_sentence(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    play_pair(&play, false);
    play_differ(&play, "body", true, false);
    play.pair.live.duration_ns = play.pair.shadow.duration_ns = 2000000;
    tally_add_pair(tally, &play.pair);
    char *text = text_of(tally);
    const struct {
        const char *what, *with, *says;
    } cases[] = {
        {"{", "", "no JSON"},
        {"\"version\":1", "\"version\":2", "not of version 1"},
        {"\"version\":1", "\"nothing\":1", "version is no count"},
        {"\"route\":", "\"road\":", "key has no route"},
        {"\"copies\":1", "\"copies\":-1", "copies is no count"},
        {"\"copies\":1", "\"copies\":1.5", "copies is no count"},
        {"\"copies\":1", "\"copies\":9223372036854775807", "copies is too large"},
        {"\"cells\":[", "\"cells\":[2,", "cells is no array of triples"},
        {"\"cells\":[", "\"cells\":[5000,1,1,", "item 0 is no count up to 959"},
        {"\"kinds\":[1,", "\"kinds\":[", "kinds is no array of 6"},
        {"[\"a\",", "[\"z\",", "set of fields"},
        {"\"endpoints\":{", "\"endpoints\":7,\"x\":{", "endpoints is no object"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct strbuf changed = STRBUF_INIT;
        char *at = strstr(text, cases[i].what);
        assert_non_null(at);
        strbuf_add(&changed, (struct str){text, (size_t)(at - text)});
        strbuf_add(&changed, str_from_c(cases[i].with));
        strbuf_add(&changed, str_from_c(at + strlen(cases[i].what)));
        struct err err = {""};
        assert_null(tally_read(strbuf_str(&changed), &err));
        if (!strstr(err.text, cases[i].says))
            print_message("%zu: %s\n", i, err.text);
        assert_non_null(strstr(err.text, cases[i].says));
        strbuf_deinit(&changed);
    }
    mem_free(text);
    tally_free(tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_add_up_in_any_order_and_grouping),
        cmocka_unit_test(test_what_is_written_is_read_back_the_same),
        cmocka_unit_test(test_news_add_up_to_the_whole),
        cmocka_unit_test(test_news_are_counts_without_thresholds),
        cmocka_unit_test(test_a_renamed_endpoint_has_the_counts_of_both),
        cmocka_unit_test(test_fields_and_endpoints_are_bounded),
        cmocka_unit_test(test_the_stricter_threshold_holds_when_they_differ),
        cmocka_unit_test(test_what_is_no_tally_is_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
