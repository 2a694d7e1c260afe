/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/dns.h"

#include "io/timer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define LONGEST_MS 20000 /* a test that waits longer than this has failed */
#define TYPE_A 1
#define TYPE_AAAA 28

/* A name server on the test's own loop: answers A and AAAA by the script in force. */
struct script {
    const char *a[4], *aaaa[4];
    uint32_t ttl_s;
    uint8_t code;   /* 0 ok, 2 SERVFAIL, 3 NXDOMAIN */
    bool is_silent; /* answers nothing */
};

static struct loop *loop;
static struct dns *dns;
static struct watch server;
static char server_text[32];
static struct script script;
static unsigned questions, changes;
static struct timer longest;
static bool (*is_reached)(void);

static void stop_when_reached(void)
{
    if (is_reached && is_reached())
        loop_stop(loop);
}

static size_t put_record(unsigned char *out, uint16_t type, const char *text)
{
    unsigned char ip[16];
    uint16_t len = type == TYPE_A ? 4 : 16;
    assert_int_equal(inet_pton(type == TYPE_A ? AF_INET : AF_INET6, text, ip), 1);
    unsigned char head[12] = {0xc0, 12, 0, (unsigned char)type, 0, 1};
    uint32_t ttl = htonl(script.ttl_s);
    memcpy(head + 6, &ttl, 4);
    head[11] = (unsigned char)len;
    memcpy(out, head, sizeof(head));
    memcpy(out + sizeof(head), ip, len);
    return sizeof(head) + len;
}

/* The question's bytes go back as they are, the answers behind them. */
static size_t answer(unsigned char *packet, size_t len)
{
    size_t end = 12;
    while (end < len && packet[end] != 0)
        end += packet[end] + 1u;
    uint16_t type = packet[end + 2];
    end += 5;
    const char **records = type == TYPE_A ? script.a : type == TYPE_AAAA ? script.aaaa : NULL;
    uint16_t count = 0;
    for (size_t i = 0; records && script.code == 0 && i < 4 && records[i]; i++, count++)
        end += put_record(packet + end, type, records[i]);
    packet[2] = 0x84;
    packet[3] = (unsigned char)(0x80 | script.code);
    packet[6] = 0;
    packet[7] = (unsigned char)count;
    memset(packet + 8, 0, 4); /* no authority, no additional section */
    return end;
}

static void on_question(struct watch *watch, uint32_t events)
{
    (void)events;
    unsigned char packet[2048];
    struct sockaddr_in peer;
    socklen_t peer_len = sizeof(peer);
    ssize_t len = recvfrom(watch->fd, packet, 512, MSG_DONTWAIT, (struct sockaddr *)&peer, &peer_len);
    if (len < 17)
        return;
    questions++;
    if (!script.is_silent) {
        size_t size = answer(packet, (size_t)len);
        assert_int_equal(sendto(watch->fd, packet, size, 0, (struct sockaddr *)&peer, peer_len), size);
    }
    stop_when_reached();
}

static void on_longest(struct timer *timer)
{
    (void)timer;
    fail_msg("waited too long");
}

static void on_change(void *user)
{
    assert_ptr_equal(user, &changes);
    changes++;
    stop_when_reached();
}

static void run_until(bool (*reached)(void))
{
    is_reached = reached;
    if (reached())
        return;
    timer_arm(loop, &longest, LONGEST_MS);
    loop_run(loop);
    timer_disarm(&longest);
}

static int setup(void **state)
{
    (void)state;
    struct err err;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(name);
    script = (struct script){.ttl_s = 300};
    questions = changes = 0;
    is_reached = NULL;
    loop = loop_new(&err);
    timer_init(&longest, on_longest);
    server = (struct watch){.fd = socket(AF_INET, SOCK_DGRAM, 0), .on_ready = on_question};
    if (bind(server.fd, (struct sockaddr *)&name, len) < 0 ||
        getsockname(server.fd, (struct sockaddr *)&name, &len) < 0)
        return -1;
    loop_add_shared(loop, &server);
    snprintf(server_text, sizeof(server_text), "127.0.0.1:%u", ntohs(name.sin_port));
    struct dns_options options = {.servers = server_text, .on_change = on_change, .user = &changes};
    dns = dns_new(loop, &options, &err);
    return dns ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    dns_free(dns);
    loop_remove(loop, &server);
    close(server.fd);
    loop_free(loop);
    return 0;
}

static void assert_addresses(const struct dns_name *name, const char *want)
{
    char got[512] = "", text[ADDRESS_TEXT];
    size_t count, len = 0;
    const struct address *addresses = dns_get(name, &count);
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s", i > 0 ? " " : "",
                                address_format_ip(&addresses[i], text).ptr);
    assert_string_equal(got, want);
}

static bool has_changed(void)
{
    return changes >= 1;
}

static bool has_changed_twice(void)
{
    return changes >= 2;
}

static bool has_many_questions(void)
{
    return questions >= 6;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void assert_literal(const char *host, uint16_t port, const char *want)
{
    struct address address;
    char text[ADDRESS_TEXT];
    bool is_literal = dns_literal(str_from_c(host), port, &address);
    assert_string_equal(is_literal ? address_format(&address, text).ptr : "", want);
}

static void test_literals_and_paths_need_no_question(void **state)
{
    (void)state;
    assert_literal("192.0.2.1", 80, "192.0.2.1:80");
    assert_literal("::1", 81, "[::1]:81");
    assert_literal("unix:/run/x", 0, "unix:/run/x");
    assert_literal("shop.test", 80, "");
    assert_literal("192.0.2.0/24", 80, "");
}

static void test_both_families_become_addresses_in_order(void **state)
{
    (void)state;
    script.a[0] = "192.0.2.9";
    script.a[1] = "192.0.2.1";
    script.aaaa[0] = "2001:db8::1";
    struct dns_name *name = dns_take(dns, STR("shop.test"));
    assert_true(dns_is_awaiting(dns));
    run_until(has_changed);
    assert_false(dns_is_awaiting(dns));
    assert_addresses(name, "192.0.2.1 192.0.2.9 2001:db8::1");
    dns_give(name);
}

static void test_a_change_is_seen_when_the_ttl_is_over(void **state)
{
    (void)state;
    script.a[0] = "192.0.2.1";
    script.ttl_s = 0; /* counts as 1 s */
    struct dns_name *name = dns_take(dns, STR("shop.test"));
    run_until(has_changed);
    assert_addresses(name, "192.0.2.1");
    script.a[0] = "192.0.2.2";
    uint64_t begin_ns = loop_now_ns(loop);
    run_until(has_changed_twice);
    assert_addresses(name, "192.0.2.2");
    assert_in_range(loop_now_ns(loop) - begin_ns, 0, 1800000000);
}

static void test_another_order_is_no_change(void **state)
{
    (void)state;
    script.a[0] = "192.0.2.1";
    script.a[1] = "192.0.2.2";
    script.ttl_s = 1;
    dns_take(dns, STR("shop.test"));
    run_until(has_changed);
    script.a[0] = "192.0.2.2";
    script.a[1] = "192.0.2.1";
    run_until(has_many_questions);
    assert_int_equal(changes, 1);
}

static void test_good_addresses_stay_while_dns_fails(void **state)
{
    (void)state;
    script.a[0] = "192.0.2.1";
    script.ttl_s = 1;
    struct dns_name *name = dns_take(dns, STR("shop.test"));
    run_until(has_changed);
    script.code = 3;
    run_until(has_many_questions);
    assert_addresses(name, "192.0.2.1");
    assert_int_equal(changes, 1);
}

static void test_a_name_that_is_unknown_is_asked_for_again(void **state)
{
    (void)state;
    script.code = 3;
    struct dns_name *name = dns_take(dns, STR("shop.test"));
    run_until(has_changed);
    assert_false(dns_is_awaiting(dns));
    assert_addresses(name, "");
    script.code = 0;
    script.a[0] = "192.0.2.1";
    run_until(has_changed_twice);
    assert_addresses(name, "192.0.2.1");
}

static void test_known_addresses_serve_until_the_first_answer(void **state)
{
    (void)state;
    script.is_silent = true;
    struct address known;
    assert_true(address_parse(STR("192.0.2.7:80"), &known));
    struct dns_name *name = dns_take(dns, STR("shop.test"));
    dns_know(name, &known);
    assert_false(dns_is_awaiting(dns));
    assert_addresses(name, "192.0.2.7");
    script.is_silent = false;
    script.a[0] = "192.0.2.8";
    run_until(has_changed);
    assert_addresses(name, "192.0.2.8");
}

static void test_a_name_is_asked_for_once_however_many_want_it(void **state)
{
    (void)state;
    script.a[0] = "192.0.2.1";
    struct dns_name *name = dns_take(dns, STR("shop.test"));
    for (int i = 0; i < 10000; i++)
        assert_ptr_equal(dns_take(dns, STR("shop.test")), name);
    run_until(has_changed);
    assert_int_equal(questions, 2); /* A and AAAA */
    for (int i = 0; i < 10000; i++)
        dns_give(name);
    assert_addresses(name, "192.0.2.1");
    dns_give(name);
}

static void test_a_name_that_nobody_holds_is_not_asked_for_again(void **state)
{
    (void)state;
    script.a[0] = "192.0.2.1";
    script.ttl_s = 1;
    struct dns_name *left = dns_take(dns, STR("left.test"));
    run_until(has_changed);
    dns_give(left);
    dns_give(dns_take(dns, STR("never.test"))); /* its answer comes to nobody */
    assert_false(dns_is_awaiting(dns));
    struct dns_name *kept = dns_take(dns, STR("kept.test"));
    run_until(has_many_questions);
    assert_int_equal(changes, 2);
    assert_in_range(questions, 6, 7);
    dns_give(kept);
}

static bool has_all_names(void)
{
    return !dns_is_awaiting(dns);
}

static void test_many_names_do_not_flood_the_server(void **state)
{
    (void)state;
    enum { MANY = 3 * DNS_MAX_ASKING };
    script.a[0] = "192.0.2.1";
    struct dns_name *names[MANY];
    for (int i = 0; i < MANY; i++) {
        char host[32];
        int len = snprintf(host, sizeof(host), "shop-%d.test", i);
        names[i] = dns_take(dns, (struct str){host, (size_t)len});
    }
    run_until(has_all_names);
    for (int i = 0; i < MANY; i++)
        assert_addresses(names[i], "192.0.2.1");
}

static void test_names_that_are_awaited_in_vain_have_had_their_time(void **state)
{
    (void)state;
    script.is_silent = true;
    struct dns_name *name = dns_take(dns, STR("shop.test"));
    assert_true(dns_is_awaiting(dns));
    dns_stop_awaiting(dns);
    assert_false(dns_is_awaiting(dns));
    script.is_silent = false;
    script.a[0] = "192.0.2.1";
    run_until(has_changed);
    assert_addresses(name, "192.0.2.1");
}

static void test_names_of_the_hosts_file_are_found_without_a_server(void **state)
{
    (void)state;
    script.is_silent = true;
    struct dns_name *name = dns_take(dns, STR("localhost"));
    run_until(has_all_names);
    size_t count;
    const struct address *addresses = dns_get(name, &count);
    assert_true(count >= 1);
    assert_true(address_is_loopback(&addresses[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals_and_paths_need_no_question),
        CASE(test_both_families_become_addresses_in_order),
        CASE(test_a_change_is_seen_when_the_ttl_is_over),
        CASE(test_another_order_is_no_change),
        CASE(test_good_addresses_stay_while_dns_fails),
        CASE(test_a_name_that_is_unknown_is_asked_for_again),
        CASE(test_known_addresses_serve_until_the_first_answer),
        CASE(test_a_name_is_asked_for_once_however_many_want_it),
        CASE(test_a_name_that_nobody_holds_is_not_asked_for_again),
        CASE(test_many_names_do_not_flood_the_server),
        CASE(test_names_that_are_awaited_in_vain_have_had_their_time),
        CASE(test_names_of_the_hosts_file_are_found_without_a_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
