/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/volatile.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct values {
    const char *live, *other;
};

static void check(const struct values *table, size_t count, bool is_volatile)
{
    for (size_t i = 0; i < count; i++) {
        struct str live = str_from_c(table[i].live), other = str_from_c(table[i].other);
        if (volatile_pair(live, other) != is_volatile || volatile_pair(other, live) != is_volatile)
            fail_msg("%s and %s: %s", table[i].live, table[i].other, is_volatile ? "not seen" : "taken for noise");
    }
}

#define CHECK(table, is_volatile) check(table, sizeof(table) / sizeof((table)[0]), is_volatile)

static void test_ids_and_tokens_change_with_every_answer(void **state)
{
    static const struct values table[] = {
        {"\"0b7c1f9e-6f0a-4d51-9a0e-5a1d6f1f0c11\"", "\"d2719c6b-02ce-4f59-8f43-1f4d0a4f7b33\""},
        {"0B7C1F9E-6F0A-4D51-9A0E-5A1D6F1F0C11", "d2719c6b-02ce-4f59-8f43-1f4d0a4f7b33"},
        {"\"urn:uuid:0b7c1f9e-6f0a-4d51-9a0e-5a1d6f1f0c11\"", "\"urn:uuid:d2719c6b-02ce-4f59-8f43-1f4d0a4f7b33\""},
        {"\"4bf92f3577b34da6a3ce929d0e0e4736\"", "\"1af7651916cd43dd8448eb211c80319c\""},
        {"\"00f067aa0ba902b7\"", "\"b7ad6b7169203331\""},
        {"\"01ARZ3NDEKTSV4RRFFQ69G5FAV\"", "\"01BX5ZZKBKACTAV9WEVGEMMVRZ\""},
        {"\"req_01ARZ3NDEKTSV4RRFFQ69G5FAV\"", "\"req_01BX5ZZKBKACTAV9WEVGEMMVRZ\""},
        {"\"V1StGXR8_Z5jdHi6B-myT\"", "\"k3Jd9-sKw0Qm2ZxPf8aLb\""},
        {"\"dGhpcyBpcyBub3QgYSB0b2tlbg==\"", "\"c2Vjb25kIHZhbHVlIG9mIGl0IQ==\""},
        {"\"9m4e2mr0ui3e8a215n4g\"", "\"9m4e2mr0ui3e8a215n7h\""},
        {"\"cus_9s6XKzkNRiz8i3Qp\"", "\"cus_9aT7LmqPw2Rz0x4V\""},
        {"\"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN\"",
         "\"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI5ODc2NTQzMjEwIn0.SflKxwRJSMeKKF2Q\""},
        {"\"a1B2c3D4e5F6\"", "\"z9Y8x7W6v5U4\""},
    };
    (void)state;
    CHECK(table, true);
}

static void test_times_and_counters_change_with_every_answer(void **state)
{
    static const struct values table[] = {
        {"\"2026-11-21T16:04:46Z\"", "\"2026-11-21T16:04:47.120345Z\""},
        {"\"2026-11-21T16:04:46+01:00\"", "\"2026-11-21T16:04:46.5+01:00\""},
        {"\"2026-11-21 16:04:46\"", "\"2026-11-21 16:05:01\""},
        {"\"Sat, 21 Nov 2026 16:04:46 GMT\"", "\"Sat, 21 Nov 2026 16:04:47 GMT\""},
        {"1795277086", "1795277087"},
        {"1795277086123", "1795277086931"},
        {"1795277086123456", "1795277087123456"},
        {"1795277086.123", "1795277086.931"},
        {"\"1795277086\"", "\"1795277087\""},
        {"\"12.3ms\"", "\"9.871ms\""},
        {"\"120us\"", "\"98us\""},
        {"4820114", "4820115"},
        {"999999", "1000001"},
        {"\"order-4820114\"", "\"order-4820115\""},
    };
    (void)state;
    CHECK(table, true);
}

static void test_prices_names_and_states_are_not_noise(void **state)
{
    static const struct values table[] = {
        {"9.99", "10.99"},
        {"1499.123456", "1499.123457"},
        {"0.30000000000000004", "0.3"},
        {"123456.78", "123456.79"},
        {"42", "43"},
        {"17", "1795277086"},
        {"12999", "13999"},
        {"true", "false"},
        {"null", "\"\""},
        {"", ""},
        {"\"", "\""},
        {"\"open\"", "\"closed\""},
        {"\"shipped\"", "\"pending\""},
        {"\"Margaret Johnson\"", "\"Jonathan Smithson\""},
        {"\"Margaretwilson\"", "\"Johnathansmith\""},
        {"\"Llanfairpwllgwyngyll\"", "\"Kingston upon Hull\""},
        {"\"internationalization\"", "\"internationalisation\""},
        {"\"getUserByIdentifierAndName\"", "\"getUserByIdentifierOrName\""},
        {"\"PAYMENT_REQUIRED_BY_BANK\"", "\"PAYMENT_REQUIRED_BY_SHOP\""},
        {"\"how-to-cook-2-eggs-in-10-min\"", "\"how-to-cook-3-eggs-in-12-min\""},
        {"\"2026-11-21\"", "\"2026-11-22\""},
        {"\"v1.2.3\"", "\"v1.2.4\""},
        {"\"text/html\"", "\"application/json\""},
        {"\"/images/products/blue-shirt.png\"", "\"/images/products/red-shirt.png\""},
        {"\"1795277086\"", "1795277087"},
        {"\"0b7c1f9e-6f0a-4d51-9a0e-5a1d6f1f0c11\"", "\"none\""},
        {"\"0b7c1f9e-6f0a-4d51-9a0e-5a1d6f1f0c11\"", "\"2026-11-21T16:04:46Z\""},
        {"{\"a\":1}", "{\"a\":2}"},
        {"[1,2]", "[2,1]"},
        {"\"order-17\"", "\"order-18\""},
        {"\"5m\"", "\"6m\""},
    };
    (void)state;
    CHECK(table, false);
}

static void test_values_that_were_cut_are_still_seen(void **state)
{
    char live[201], other[201];
    static const char letters[] = "aB3xZ9kQ0mW7";
    (void)state;
    for (size_t i = 0; i < 200; i++) {
        live[i] = letters[i % 12];
        other[i] = letters[(i * 5 + 3) % 12];
    }
    live[0] = other[0] = '"';
    assert_true(volatile_pair((struct str){live, 200}, (struct str){other, 200}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_and_tokens_change_with_every_answer),
        cmocka_unit_test(test_times_and_counters_change_with_every_answer),
        cmocka_unit_test(test_prices_names_and_states_are_not_noise),
        cmocka_unit_test(test_values_that_were_cut_are_still_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
