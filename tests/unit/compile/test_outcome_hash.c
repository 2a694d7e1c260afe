/* SPDX-License-Identifier: Apache-2.0 */
/* Two outcomes that a status tells apart have two hashes. */
#include "compile/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* One of each part. */
struct sample {
    struct resource resource;
    struct outcome outcome;
    struct outcome_branch branch;
    struct outcome_ref other;
    struct outcome_listener listener;
    struct outcome_address address;
    struct outcome_mirror mirror;
};

static const struct outcome_conditions conditions = {
    .list = {{.type = "Accepted", .reason = "Accepted", .state = OUTCOME_TRUE, .message = STR_INIT("m")}}, .count = 1};

static uint64_t hash_of(struct sample *sample)
{
    sample->outcome.resource = &sample->resource;
    sample->outcome.branches = &sample->branch;
    sample->outcome.others = &sample->other;
    sample->outcome.listeners = &sample->listener;
    sample->outcome.addresses = &sample->address;
    sample->outcome.mirrors = &sample->mirror;
    return outcome_hash(&sample->outcome);
}

static struct sample sample_of_all(void)
{
    return (struct sample){
        .outcome = {.generation = 1,
                    .conditions = conditions,
                    .branch_count = 1,
                    .other_count = 1,
                    .listener_count = 1,
                    .address_count = 1,
                    .mirror_count = 1},
        .branch = {.ref = {.name = STR("edge")}, .conditions = conditions},
        .other = {.name = STR("other")},
        .listener = {.name = STR("http"), .conditions = conditions},
        .address = {.value = STR("10.0.0.1")},
        .mirror = {.route = STR("r"), .mirror = STR("m")},
    };
}

#define ASSERT_COUNTS(change) \
    do { \
        struct sample sample = sample_of_all(); \
        uint64_t before = hash_of(&sample); \
        change; \
        if (hash_of(&sample) == before) \
            fail_msg("%s", #change); \
    } while (0)

static void test_all_that_a_status_says_counts(void **state)
{
    (void)state;
    ASSERT_COUNTS(sample.outcome.generation = 2);
    ASSERT_COUNTS(sample.outcome.conditions.list[0].reason = "Other");
    ASSERT_COUNTS(sample.outcome.conditions.list[0].state = OUTCOME_FALSE);
    ASSERT_COUNTS(sample.outcome.conditions.list[0].message = STR("n"));
    ASSERT_COUNTS(sample.outcome.conditions.count = 0);
    ASSERT_COUNTS(sample.branch.ref.name = STR("inner"));
    ASSERT_COUNTS(sample.branch.ref.section_name = STR(""));
    ASSERT_COUNTS(sample.branch.ref.port = 80);
    ASSERT_COUNTS(sample.branch.conditions.list[0].type = "ResolvedRefs");
    ASSERT_COUNTS(sample.outcome.branch_count = 0);
    ASSERT_COUNTS(sample.other.ns = STR("shop"));
    ASSERT_COUNTS(sample.outcome.other_count = 0);
    ASSERT_COUNTS(sample.listener.attached_routes = 1);
    ASSERT_COUNTS(sample.listener.kinds = 1);
    ASSERT_COUNTS(sample.listener.name = STR("https"));
    ASSERT_COUNTS(sample.listener.conditions.count = 0);
    ASSERT_COUNTS(sample.outcome.listener_count = 0);
    ASSERT_COUNTS(sample.address.value = STR("10.0.0.2"));
    ASSERT_COUNTS(sample.address.is_hostname = true);
    ASSERT_COUNTS(sample.mirror.is_suspended = true);
    ASSERT_COUNTS(sample.mirror.has_hosts = true);
    ASSERT_COUNTS(sample.mirror.mirror = STR("o"));
    ASSERT_COUNTS(sample.outcome.has_features = true);
}

static void test_the_same_said_elsewhere_is_the_same(void **state)
{
    (void)state;
    struct sample a = sample_of_all(), b = sample_of_all();
    char name[] = "edge";
    b.branch.ref.name = str_from_c(name);
    assert_true(hash_of(&a) == hash_of(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_a_status_says_counts),
        cmocka_unit_test(test_the_same_said_elsewhere_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
