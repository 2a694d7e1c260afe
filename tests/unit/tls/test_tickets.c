/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tickets.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct tls_ticket_key present(struct tls_tickets *tickets)
{
    struct tls_ticket_key key;
    assert_int_equal(tls_tickets_find(tickets, NULL, &key), TLS_TICKET_PRESENT);
    return key;
}

static void test_key_lives_through_one_rotation(void **state)
{
    struct tls_tickets *tickets = tls_tickets_new();
    struct tls_ticket_key first = present(tickets), found;
    (void)state;
    assert_int_equal(tls_tickets_find(tickets, first.name, &found), TLS_TICKET_PRESENT);
    tls_tickets_rotate(tickets);
    assert_int_equal(tls_tickets_find(tickets, first.name, &found), TLS_TICKET_BEFORE);
    assert_memory_equal(&found, &first, sizeof found);
    struct tls_ticket_key second = present(tickets);
    assert_memory_not_equal(&second, &first, sizeof second);
    tls_tickets_rotate(tickets);
    assert_int_equal(tls_tickets_find(tickets, first.name, &found), TLS_TICKET_NONE);
    assert_int_equal(tls_tickets_find(tickets, second.name, &found), TLS_TICKET_BEFORE);
    tls_tickets_free(tickets);
}

static void test_unknown_name_finds_no_key_and_gives_none_away(void **state)
{
    static const unsigned char name[TLS_TICKET_NAME_BYTES];
    static const struct tls_ticket_key nothing;
    struct tls_tickets *tickets = tls_tickets_new();
    struct tls_ticket_key found;
    (void)state;
    assert_int_equal(tls_tickets_find(tickets, name, &found), TLS_TICKET_NONE);
    assert_memory_equal(&found, &nothing, sizeof found);
    tls_tickets_free(tickets);
}

#define ROTATIONS 20000

struct reading {
    struct tls_tickets *tickets;
    atomic_bool is_over;
    unsigned whole, torn;
};

/* A key that is not whole would not be found under its own name. */
static void *read_keys(void *arg)
{
    struct reading *reading = arg;
    struct tls_ticket_key key, again;
    while (!atomic_load(&reading->is_over)) {
        if (tls_tickets_find(reading->tickets, NULL, &key) == TLS_TICKET_NONE)
            continue;
        reading->whole++;
        if (tls_tickets_find(reading->tickets, key.name, &again) != TLS_TICKET_NONE)
            reading->torn += memcmp(&key, &again, sizeof key) != 0;
    }
    return NULL;
}

static void test_readers_never_see_half_a_key(void **state)
{
    struct reading reading = {.tickets = tls_tickets_new()};
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, read_keys, &reading), 0);
    for (int i = 0; i < ROTATIONS; i++)
        tls_tickets_rotate(reading.tickets);
    atomic_store(&reading.is_over, true);
    pthread_join(thread, NULL);
    assert_int_equal(reading.torn, 0);
    tls_tickets_free(reading.tickets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_lives_through_one_rotation),
        cmocka_unit_test(test_unknown_name_finds_no_key_and_gives_none_away),
        cmocka_unit_test(test_readers_never_see_half_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
