/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/gates.h"

#include "fixture.h"
#include "http/http1_parse.h"
#include "route/sample.h"

#include <stdio.h>

/* One route with one mirror, as a plan's tables would have it. */
static struct {
    struct plan plan;
    struct plan_mirror rule;
    struct cidr sources[2];
    char key_name[16], salt[16];
} block;

static struct loop *loop;
static struct codec codec;
static struct mirror mirror;
static struct rules rules;
static struct registry_mirror *entry;
static struct rules_addresses addresses;
static struct address endpoint;
static uint64_t identity = 42;

static struct field fields[HEAD_MAX_FIELDS];
static struct head head;
static struct exchange exchange;

#define OFFSET(member) ((uint32_t)offsetof(__typeof__(block), member))

static void set_key(enum plan_key key, const char *name, const char *salt)
{
    block.rule.sampling = SAMPLING_HASH;
    block.rule.key = key;
    snprintf(block.key_name, sizeof block.key_name, "%s", name);
    snprintf(block.salt, sizeof block.salt, "%s", salt);
    block.rule.key_name = (struct plan_str){OFFSET(key_name), (uint32_t)strlen(name)};
    block.rule.salt = (struct plan_str){OFFSET(salt), (uint32_t)strlen(salt)};
}

static void set_source(unsigned index, struct str cidr)
{
    assert_true(cidr_parse(cidr, &block.sources[index]));
    block.rule.sources = (struct plan_range){0, index + 1};
}

static void set_share(uint32_t numerator, uint32_t denominator)
{
    block.rule.numerator = numerator;
    block.rule.denominator = denominator;
}

/* The bytes must last. */
static void request_is(const char *bytes)
{
    enum refusal refusal;
    head = (struct head){.fields = fields};
    assert_int_equal(http1_parse_request(str_from_c(bytes), &head, &refusal), PARSE_DONE);
}

static void client_is(const char *address)
{
    assert_true(address_parse(str_from_c(address), &exchange.client));
}

static int start(void **state)
{
    struct err err;
    if (setup(state))
        return -1;
    struct fixture *fixture = *state;
    loop = loop_new(&err);
    assert_non_null(loop);
    codec = (struct codec){.loop = loop};
    memset(&block, 0, sizeof block);
    block.plan.mirrors = (struct plan_array){OFFSET(rule), 1};
    block.plan.cidrs = (struct plan_array){OFFSET(sources), 2};
    block.rule.method_mask = (1u << METHOD_COUNT) - 1;
    block.rule.max_in_flight = 100;
    set_share(1, 1);
    entry = fixture->one;
    assert_true(address_parse(STR("127.0.0.1:9"), &endpoint));
    addresses = (struct rules_addresses){&endpoint, 1};
    rules = (struct rules){.plan = &block.plan,
                           .registry = fixture->registry,
                           .mirrors = &entry,
                           .mirror_identities = &identity,
                           .addresses = &addresses};
    mirror = (struct mirror){.codec = &codec, .totals = registry_totals(fixture->registry)};
    random_init(&mirror.random);
    shed_init(&mirror.shed, loop, registry_gateway_get(fixture->registry, 0), false);
    exchange = (struct exchange){.rules = &rules, .request = &head};
    request_is("GET /p?user=7 HTTP/1.1\r\nHost: h\r\n\r\n");
    client_is("192.0.2.7:1000");
    return 0;
}

static int stop(void **state)
{
    shed_deinit(&mirror.shed);
    loop_free(loop);
    return teardown(state);
}

static bool passes(void)
{
    return gates_pass(&mirror, &exchange, 0);
}

/* All that was ever counted as not copied. */
static uint64_t refused(void)
{
    uint64_t sum = counter_get(&entry->sampled_out);
    for (unsigned i = 0; i < FILTERED_COUNT; i++)
        sum += counter_get(&entry->filtered[i]);
    for (unsigned i = 0; i < DROPPED_COUNT; i++)
        sum += counter_get(&entry->dropped[i]);
    return sum;
}

/* The next request is refused, and this counter alone says so. */
static void check_refused_by(counter *reason)
{
    uint64_t before = counter_get(reason), all = refused(), matched = counter_get(&entry->matched);
    assert_false(passes());
    assert_int_equal(counter_get(reason), before + 1);
    assert_int_equal(refused(), all + 1);
    assert_int_equal(counter_get(&entry->matched), matched + 1);
}

static void test_a_request_that_nothing_stands_against_is_copied(void **state)
{
    (void)state;
    assert_true(passes());
    assert_int_equal(counter_get(&entry->matched), 1);
    assert_int_equal(refused(), 0);
    assert_int_equal(atomic_load(&entry->occupied), 1);
}

static void test_the_first_gate_that_says_no_counts(void **state)
{
    (void)state;
    /* All gates say no; then one after the other is opened, from the first. */
    atomic_store(&mirror.totals->is_off, 1);
    exchange.is_copy = true;
    exchange.is_upgrade = true;
    block.rule.method_mask = 1u << METHOD_POST;
    set_source(0, STR("10.0.0.0/8"));
    set_share(0, 100);
    addresses.count = 0;
    atomic_store(&entry->breaker, BREAKER_OPEN);
    atomic_store(&entry->breaker_until_ns, UINT64_MAX);
    block.rule.rate_per_second = 1;
    atomic_store(&entry->rate_tat_ns, UINT64_MAX / 2);
    block.rule.max_in_flight = 0;
    check_refused_by(&entry->filtered[FILTERED_OFF]);
    atomic_store(&mirror.totals->is_off, 0);
    check_refused_by(&entry->filtered[FILTERED_LOOP]);
    exchange.is_copy = false;
    check_refused_by(&entry->filtered[FILTERED_UPGRADE]);
    exchange.is_upgrade = false;
    check_refused_by(&entry->filtered[FILTERED_METHOD]);
    block.rule.method_mask |= 1u << METHOD_GET;
    check_refused_by(&entry->filtered[FILTERED_SOURCE]);
    client_is("10.1.2.3:1");
    check_refused_by(&entry->sampled_out);
    set_share(100, 100);
    check_refused_by(&entry->dropped[DROPPED_NO_ENDPOINT]);
    addresses.count = 1;
    check_refused_by(&entry->dropped[DROPPED_BREAKER]);
    atomic_store(&entry->breaker, BREAKER_CLOSED);
    check_refused_by(&entry->dropped[DROPPED_RATE]);
    block.rule.rate_per_second = 0;
    check_refused_by(&entry->dropped[DROPPED_INFLIGHT]);
    assert_int_equal(atomic_load(&entry->occupied), 0);
    block.rule.max_in_flight = 1;
    assert_true(passes());
    check_refused_by(&entry->dropped[DROPPED_INFLIGHT]);
    assert_int_equal(atomic_load(&entry->occupied), 1);
}

/* What was decided for its shadow is not asked again: neither the sample's sequence nor the rate moves. */
static void test_a_control_is_asked_for_what_is_its_own(void **state)
{
    (void)state;
    block.rule.is_control = 1;
    block.rule.method_mask = 0;
    set_source(0, STR("10.0.0.0/8"));
    set_share(0, 100);
    block.rule.rate_per_second = 1;
    atomic_store(&entry->rate_tat_ns, UINT64_MAX / 2);
    assert_true(gates_pass_control(&mirror, &exchange, 0));
    assert_int_equal(counter_get(&entry->sequence), 0);
    assert_int_equal(atomic_load(&entry->occupied), 1);
    atomic_store(&mirror.totals->is_off, 1);
    assert_false(gates_pass_control(&mirror, &exchange, 0));
    atomic_store(&mirror.totals->is_off, 0);
    addresses.count = 0;
    assert_false(gates_pass_control(&mirror, &exchange, 0));
    addresses.count = 1;
    atomic_store(&entry->breaker, BREAKER_OPEN);
    atomic_store(&entry->breaker_until_ns, UINT64_MAX);
    assert_false(gates_pass_control(&mirror, &exchange, 0));
    atomic_store(&entry->breaker, BREAKER_CLOSED);
    block.rule.max_in_flight = 1;
    assert_false(gates_pass_control(&mirror, &exchange, 0));
    assert_int_equal(counter_get(&entry->filtered[FILTERED_OFF]), 1);
    assert_int_equal(counter_get(&entry->dropped[DROPPED_NO_ENDPOINT]), 1);
    assert_int_equal(counter_get(&entry->dropped[DROPPED_BREAKER]), 1);
    assert_int_equal(counter_get(&entry->dropped[DROPPED_INFLIGHT]), 1);
    assert_int_equal(refused(), 4);
    assert_int_equal(counter_get(&entry->matched), 5);
    assert_int_equal(atomic_load(&entry->occupied), 1);
}

static void test_any_of_three_switches_turns_a_mirror_off(void **state)
{
    (void)state;
    block.rule.is_suspended = 1;
    check_refused_by(&entry->filtered[FILTERED_OFF]);
    block.rule.is_suspended = 0;
    atomic_store(&entry->is_off, 1);
    check_refused_by(&entry->filtered[FILTERED_OFF]);
    atomic_store(&entry->is_off, 0);
    atomic_store(&mirror.totals->is_off, 1);
    check_refused_by(&entry->filtered[FILTERED_OFF]);
    atomic_store(&mirror.totals->is_off, 0);
    assert_true(passes());
}

static void test_safe_methods_narrows_what_the_rule_allows(void **state)
{
    (void)state;
    mirror.settings.is_safe_methods = true;
    assert_true(passes());
    request_is("POST / HTTP/1.1\r\nHost: h\r\n\r\n");
    check_refused_by(&entry->filtered[FILTERED_METHOD]);
    request_is("BREW / HTTP/1.1\r\nHost: h\r\n\r\n");
    check_refused_by(&entry->filtered[FILTERED_METHOD]);
    mirror.settings.is_safe_methods = false;
    assert_true(passes());
    block.rule.method_mask &= ~(1u << METHOD_OTHER);
    check_refused_by(&entry->filtered[FILTERED_METHOD]);
}

static void test_any_listed_source_is_enough(void **state)
{
    (void)state;
    set_source(0, STR("10.0.0.0/8"));
    set_source(1, STR("2001:db8::/32"));
    client_is("10.200.0.1:1");
    assert_true(passes());
    client_is("[2001:db8:1::1]:1");
    assert_true(passes());
    client_is("[::ffff:10.0.0.1]:1");
    assert_true(passes());
    client_is("11.0.0.1:1");
    check_refused_by(&entry->filtered[FILTERED_SOURCE]);
    client_is("[2001:db9::1]:1");
    check_refused_by(&entry->filtered[FILTERED_SOURCE]);
}

static void test_even_counts_only_what_reaches_it(void **state)
{
    (void)state;
    set_share(1, 4);
    unsigned passed = 0;
    for (unsigned i = 0; i < 400; i++) {
        exchange.is_copy = true;
        assert_false(passes());
        exchange.is_copy = false;
        passed += passes();
        atomic_store(&entry->occupied, 0);
    }
    assert_int_equal(passed, 100);
    assert_int_equal(counter_get(&entry->sampled_out), 300);
    assert_int_equal(counter_get(&entry->sequence), 400);
}

/* The request is sampled by this key: as sample_hash says, at every share, and without touching Even's sequence. */
static void check_key(const char *request, struct str key)
{
    request_is(request);
    for (uint32_t percent = 1; percent < 100; percent++) {
        set_share(percent, 100);
        assert_int_equal(passes(), sample_hash(key, STR("salt"), percent, 100));
        atomic_store(&entry->occupied, 0);
    }
    assert_int_equal(counter_get(&entry->sequence), 0);
}

static void test_hash_follows_the_key(void **state)
{
    (void)state;
    set_key(KEY_HEADER, "X-User", "salt");
    check_key("GET / HTTP/1.1\r\nHost: h\r\nx-user: anna\r\n\r\n", STR("anna"));
    set_key(KEY_COOKIE, "id", "salt");
    check_key("GET / HTTP/1.1\r\nHost: h\r\nCookie: xid=1; id=b=c; id=2\r\n\r\n", STR("b=c"));
    set_key(KEY_QUERY, "user", "salt");
    check_key("GET /?a=user&user=carl&user=2 HTTP/1.1\r\nHost: h\r\n\r\n", STR("carl"));
    set_key(KEY_TRACE_ID, "", "salt");
    check_key("GET / HTTP/1.1\r\nHost: h\r\n"
              "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n",
              STR("0af7651916cd43dd8448eb211c80319c"));
    set_key(KEY_CLIENT_IP, "", "salt");
    check_key("GET / HTTP/1.1\r\nHost: h\r\n\r\n",
              (struct str){(const char *)exchange.client.ip, sizeof exchange.client.ip});
    uint64_t sampled_out = counter_get(&entry->sampled_out);
    client_is("192.0.2.7:2000"); /* another port is the same client */
    set_share(50, 100);
    bool is_taken = passes();
    assert_int_equal(counter_get(&entry->sampled_out), sampled_out + !is_taken);
    client_is("192.0.2.7:1000");
    assert_int_equal(passes(), is_taken);
}

static void test_a_request_without_the_key_is_sampled_evenly(void **state)
{
    (void)state;
    static const struct {
        enum plan_key key;
        const char *name, *request;
    } cases[] = {
        {KEY_HEADER, "X-User", "GET / HTTP/1.1\r\nHost: h\r\nX-Users: a\r\n\r\n"},
        {KEY_COOKIE, "id", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {KEY_COOKIE, "id", "GET / HTTP/1.1\r\nHost: h\r\nCookie: ID=1; xid=2; id\r\n\r\n"},
        {KEY_QUERY, "user", "GET /user HTTP/1.1\r\nHost: h\r\n\r\n"},
        {KEY_QUERY, "user", "GET /?users=1 HTTP/1.1\r\nHost: h\r\n\r\n"},
        {KEY_TRACE_ID, "", "GET / HTTP/1.1\r\nHost: h\r\ntraceparent: 00-0af7\r\n\r\n"},
    };
    set_share(1, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t sequence = counter_get(&entry->sequence);
        unsigned passed = 0;
        set_key(cases[i].key, cases[i].name, "salt");
        request_is(cases[i].request);
        for (unsigned k = 0; k < 20; k++) {
            passed += passes();
            atomic_store(&entry->occupied, 0);
        }
        assert_int_equal(passed, 10);
        assert_int_equal(counter_get(&entry->sequence), sequence + 20);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_request_that_nothing_stands_against_is_copied),
        TEST(test_the_first_gate_that_says_no_counts),
        TEST(test_a_control_is_asked_for_what_is_its_own),
        TEST(test_any_of_three_switches_turns_a_mirror_off),
        TEST(test_safe_methods_narrows_what_the_rule_allows),
        TEST(test_any_listed_source_is_enough),
        TEST(test_even_counts_only_what_reaches_it),
        TEST(test_hash_follows_the_key),
        TEST(test_a_request_without_the_key_is_sampled_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
