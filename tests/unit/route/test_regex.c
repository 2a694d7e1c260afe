/* SPDX-License-Identifier: Apache-2.0 */
#include "route/regex.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#define MAX_PATTERNS 16

/* A plan that has nothing but regular expressions. */
static struct {
    struct plan plan;
    struct plan_regex regexes[MAX_PATTERNS];
    char text[1024];
} block;

#define OFFSET(member) ((uint32_t)offsetof(__typeof__(block), member))

static struct regexes *compile_as(bool is_search, const char *const *patterns, size_t count, struct err *err)
{
    uint32_t len = 0;
    assert_true(count <= MAX_PATTERNS);
    block.plan.regexes = (struct plan_array){OFFSET(regexes), (uint32_t)count};
    for (size_t i = 0; i < count; i++) {
        uint32_t size = (uint32_t)strlen(patterns[i]);
        assert_true(len + size <= sizeof(block.text));
        memcpy(block.text + len, patterns[i], size);
        block.regexes[i].is_search = is_search;
        block.regexes[i].pattern = (struct plan_str){OFFSET(text) + len, size};
        len += size;
    }
    return regexes_new(&block.plan, err);
}

static struct regexes *compile(const char *const *patterns, size_t count, struct err *err)
{
    return compile_as(false, patterns, count, err);
}

static void test_a_search_finds_the_next_place_and_its_groups(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *subject;
        size_t from;
        const char *found, *first, *second; /* NULL: nothing */
    } cases[] = {
        {"b(c)?(d)?", "abcd-bd", 0, "bcd", "c", "d"},
        {"b(c)?(d)?", "abcd-bd", 2, "bd", NULL, "d"},
        {"b(c)?(d)?", "abcd-bd", 6, NULL, NULL, NULL},
        {"^a(.)", "abab", 0, "ab", "b", NULL},
        {"^a(.)", "abab", 2, NULL, NULL, NULL},
        {"x*", "", 0, "", NULL, NULL},
        {"x*", "ab", 2, "", NULL, NULL},
        {"(?=b(.))a\\K", "a", 0, NULL, NULL, NULL},
        {"(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)", "abcdefghijk", 0, "abcdefghijk", "a", "b"},
    };
    struct err err;
    struct regex_scratch *scratch = regex_scratch_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct regexes *regexes = compile_as(true, &cases[i].pattern, 1, &err);
        struct regex_groups groups;
        assert_non_null(regexes);
        enum regex_result result = regexes_search(regexes, scratch, 0, str_from_c(cases[i].subject), cases[i].from,
                                                  &groups);
        assert_int_equal(result, cases[i].found ? REGEX_YES : REGEX_NO);
        const char *const want[] = {cases[i].found, cases[i].first, cases[i].second};
        for (size_t k = 0; k < 3 && cases[i].found; k++) {
            if (!str_eq(groups.list[k], str_from_c(want[k])))
                fail_msg("case %zu: group %zu is \"%.*s\"", i, k, STR_ARG(groups.list[k]));
        }
        regexes_free(regexes);
    }
    regex_scratch_free(scratch);
}

static void test_whole_subject_is_matched(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *subject;
        enum regex_result wants;
    } cases[] = {
        {"a+", "aaa", REGEX_YES},
        {"a+", "aaab", REGEX_NO},
        {"a+", "baaa", REGEX_NO},
        {"a|ab", "ab", REGEX_YES},
        {"a|ab", "b", REGEX_NO},
        {"", "", REGEX_YES},
        {"", "a", REGEX_NO},
        {"a$", "a\n", REGEX_NO},
        {".", "\xff", REGEX_YES},
        {"..", "\xc3\xa9", REGEX_YES},
        {"(a)(b)(c)(d)\\4", "abcdd", REGEX_YES},
        {"(?i)ab", "AB", REGEX_YES},
    };
    struct err err;
    struct regex_scratch *scratch = regex_scratch_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct regexes *regexes = compile(&cases[i].pattern, 1, &err);
        assert_non_null(regexes);
        if (regexes_match(regexes, scratch, 0, str_from_c(cases[i].subject)) != cases[i].wants)
            fail_msg("%s and \"%s\"", cases[i].pattern, cases[i].subject);
        regexes_free(regexes);
    }
    regex_scratch_free(scratch);
}

static void test_pattern_that_does_not_compile_is_named(void **state)
{
    (void)state;
    static const char *const patterns[] = {"fine", "wr(ong"};
    struct err err = {{0}};
    assert_null(compile(patterns, 2, &err));
    assert_non_null(strstr(err.text, "\"wr(ong\" is wrong at byte 6"));
    assert_null(compile((const char *const[]){"(*UTF)x"}, 1, &err));
    assert_null(compile((const char *const[]){"a\\Cb"}, 1, &err));
    regexes_free(NULL);
}

static double cpu_ms(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

static void test_evil_patterns_end_soon_at_a_limit(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "(x+x+)+[yz]",
        "(x*)*[yz]",
        "(x|xx)+[yz]",
        "(x|x?)+[yz]",
        "(.*x){20}[yz]",
        "(?:(x+)\\1)+[yz]",
        "((x)(?1)?)+[yz]",
        /* without JIT, whose limits are others */
        "(*NO_JIT)(x+x+)+[yz]",
        "(*NO_JIT)(x|xx)+[yz]",
        "(*NO_JIT)((x)(?1)?)+[yz]",
    };
    const size_t count = sizeof(patterns) / sizeof(patterns[0]);
    struct err err;
    struct regexes *regexes = compile(patterns, count, &err);
    struct regex_scratch *scratch = regex_scratch_new();
    char *subject = mem_alloc_raw(REGEX_MAX_SUBJECT);
    memset(subject, 'x', REGEX_MAX_SUBJECT);
    assert_non_null(regexes);
    for (uint32_t i = 0; i < count; i++) {
        for (size_t len = 64; len <= REGEX_MAX_SUBJECT; len *= 4) {
            double before = cpu_ms();
            enum regex_result result = regexes_match(regexes, scratch, i, (struct str){subject, len});
            double used = cpu_ms() - before;
            if (result != REGEX_LIMIT || used > 200) /* some ms; the rest is for sanitizers and busy machines */
                fail_msg("%s on %zu bytes: %d after %.1f ms", patterns[i], len, result, used);
        }
    }
    mem_free(subject);
    regex_scratch_free(scratch);
    regexes_free(regexes);
}

/* What PCRE2 does not count: one call looks at the whole subject. */
static void test_patterns_that_look_at_everything_again_end_soon(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *first, *rest; /* the subject begins with `first` and goes on with `rest`, over and over */
    } cases[] = {
        {".*x.*y.*z", "z", "x"},  {".*x.*y.*z", "z", "xy"},  {".*.*=.*", "", "/a"},
        {".*.*=.*", "=", "a"},    {".*(x.*y)*c", "c", "x"},  {"(?i:.*foo.*bar.*baz)", "baz", "foo "},
        {".*[a-z]*+1", "1", "a"}, {".*a{1,100}b", "b", "a"},
    };
    struct err err;
    struct regex_scratch *scratch = regex_scratch_new();
    char *subject = mem_alloc_raw(REGEX_MAX_SUBJECT);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t first = strlen(cases[i].first), rest = strlen(cases[i].rest);
        for (size_t at = 0; at < REGEX_MAX_SUBJECT; at++)
            subject[at] = at < first ? cases[i].first[at] : cases[i].rest[(at - first) % rest];
        struct regexes *regexes = compile(&cases[i].pattern, 1, &err);
        assert_non_null(regexes);
        double before = cpu_ms();
        (void)regexes_match(regexes, scratch, 0, (struct str){subject, REGEX_MAX_SUBJECT});
        double used = cpu_ms() - before;
        if (used > 60) /* below 10 ms; the rest is for slow machines */
            fail_msg("%s on \"%s%s...\": %.1f ms", cases[i].pattern, cases[i].first, cases[i].rest, used);
        regexes_free(regexes);
    }
    mem_free(subject);
    regex_scratch_free(scratch);
}

static void test_long_subjects_are_matched(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *rest, *last;
    } cases[] = {
        {"(.*?;)?\\s*(user=jason)(;.*)?", "ab=cdefghijk; ", "; user=jason"},
        {".*(foo|bar)", "ab", "bar"},
        {"(/[^/]+)+", "/a", "a"},
        {"(\\w+\\.)+example\\.com", "abcd.", ".example.com"},
        {"[a-z/]+", "ab/", "z"},
        {"(?:[^,]*,)*gzip(?:,.*)?", "abcdef,", ",gzip"},
    };
    enum { LEN = 3000 };
    char subject[LEN];
    struct err err;
    struct regex_scratch *scratch = regex_scratch_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t rest = strlen(cases[i].rest), last = strlen(cases[i].last);
        for (size_t at = 0; at < LEN; at++)
            subject[at] = at < LEN - last ? cases[i].rest[at % rest] : cases[i].last[at - (LEN - last)];
        struct regexes *regexes = compile(&cases[i].pattern, 1, &err);
        assert_non_null(regexes);
        if (regexes_match(regexes, scratch, 0, (struct str){subject, LEN}) != REGEX_YES)
            fail_msg("%s does not match a long subject", cases[i].pattern);
        regexes_free(regexes);
    }
    regex_scratch_free(scratch);
}

static void test_subject_over_the_limit_is_not_looked_at(void **state)
{
    (void)state;
    struct err err;
    struct regexes *regexes = compile((const char *const[]){"x*"}, 1, &err);
    struct regex_scratch *scratch = regex_scratch_new();
    char *subject = mem_alloc_raw(REGEX_MAX_SUBJECT + 1);
    memset(subject, 'x', REGEX_MAX_SUBJECT + 1);
    assert_int_equal(regexes_match(regexes, scratch, 0, (struct str){subject, REGEX_MAX_SUBJECT}), REGEX_YES);
    assert_int_equal(regexes_match(regexes, scratch, 0, (struct str){subject, REGEX_MAX_SUBJECT + 1}), REGEX_LIMIT);
    mem_free(subject);
    regex_scratch_free(scratch);
    regexes_free(regexes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_search_finds_the_next_place_and_its_groups),
        cmocka_unit_test(test_whole_subject_is_matched),
        cmocka_unit_test(test_pattern_that_does_not_compile_is_named),
        cmocka_unit_test(test_evil_patterns_end_soon_at_a_limit),
        cmocka_unit_test(test_patterns_that_look_at_everything_again_end_soon),
        cmocka_unit_test(test_long_subjects_are_matched),
        cmocka_unit_test(test_subject_over_the_limit_is_not_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
