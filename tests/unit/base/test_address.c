/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static struct address parsed(const char *text)
{
    struct address address;
    if (!address_parse(str_from_c(text), &address))
        fail_msg("\"%s\" was refused", text);
    return address;
}

static void test_parse_and_format_are_inverse(void **state)
{
    (void)state;
    static const struct {
        const char *text, *formatted, *ip;
        uint8_t family;
        uint16_t port;
    } cases[] = {
        {"127.0.0.1:80", NULL, "127.0.0.1", ADDRESS_IPV4, 80},
        {"255.255.255.255:65535", NULL, "255.255.255.255", ADDRESS_IPV4, 65535},
        {"0.0.0.0:0", NULL, "0.0.0.0", ADDRESS_IPV4, 0},
        {"[::1]:8080", NULL, "::1", ADDRESS_IPV6, 8080},
        {"[2001:DB8:0::5]:1", "[2001:db8::5]:1", "2001:db8::5", ADDRESS_IPV6, 1},
        {"[::ffff:10.0.0.1]:1", NULL, "::ffff:10.0.0.1", ADDRESS_IPV6, 1},
        {"unix:/run/x.sock", NULL, "", ADDRESS_UNIX, 0},
        {"unix:/" HUNDRED "012345", NULL, "", ADDRESS_UNIX, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[ADDRESS_TEXT];
        struct address address = parsed(cases[i].text);
        assert_int_equal(address.family, cases[i].family);
        assert_int_equal(address.port, cases[i].port);
        struct str text = address_format(&address, out);
        assert_string_equal(out, cases[i].formatted ? cases[i].formatted : cases[i].text);
        assert_int_equal(text.len, strlen(out));
        assert_string_equal(address_format_ip(&address, out).ptr, cases[i].ip);
    }
}

static void test_parse_refuses_what_is_no_literal(void **state)
{
    (void)state;
    static const struct str cases[] = {
        STR_INIT(""),
        {NULL, 0},
        STR_INIT("127.0.0.1"),
        STR_INIT("127.0.0.1:"),
        STR_INIT("127.0.0.1:65536"),
        STR_INIT("127.0.0.1:000080"),
        STR_INIT("127.0.0.1:-1"),
        STR_INIT("127.0.0.1:80 "),
        STR_INIT(" 127.0.0.1:80"),
        STR_INIT("127.0.0.1\0:80"),
        STR_INIT("127.1:80"),
        STR_INIT("0127.0.0.1:80"),
        STR_INIT("256.0.0.1:80"),
        STR_INIT("localhost:80"),
        STR_INIT(":80"),
        STR_INIT("::1:80"),
        STR_INIT("[::1]"),
        STR_INIT("[::1]80"),
        STR_INIT("[::1:80"),
        STR_INIT("[127.0.0.1]:80"),
        STR_INIT("[fe80::1%eth0]:80"),
        STR_INIT("[]:80"),
        STR_INIT("[:80"),
        STR_INIT("unix:"),
        STR_INIT("unix:/a\0b"),
        STR_INIT("unix:/" HUNDRED "0123456"),
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = {.family = ADDRESS_UNIX, .port = 77};
        if (address_parse(cases[i], &address))
            fail_msg("\"%.*s\" was taken", STR_ARG(cases[i]));
        assert_int_equal(address.port, 77);
    }
}

static void test_no_address_formats_as_nothing(void **state)
{
    (void)state;
    struct address none = {0};
    struct sockaddr_storage storage;
    char out[ADDRESS_TEXT];
    assert_int_equal(address_format(&none, out).len, 0);
    assert_string_equal(out, "");
    assert_int_equal(address_to_sockaddr(&none, &storage), 0);
    assert_false(address_from_sockaddr(&storage, &none));
}

static void test_eq_compares_family_ip_port_and_path(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "127.0.0.1:80", "127.0.0.1:81", "127.0.0.2:80", "[::1]:80", "[::2]:80", "[7f00:1::]:80", "unix:/a", "unix:/ab",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        for (size_t j = 0; j < COUNT(texts); j++) {
            struct address a = parsed(texts[i]), b = parsed(texts[j]);
            assert_int_equal(address_eq(&a, &b), i == j);
        }
    }
}

static void test_loopback_is_what_only_this_machine_reaches(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_loopback;
    } cases[] = {
        {"127.0.0.1:1", true},          {"127.9.9.9:1", true}, {"128.0.0.1:1", false},
        {"0.0.0.0:1", false},           {"[::1]:1", true},     {"[::ffff:127.0.0.1]:1", true},
        {"[::ffff:10.0.0.1]:1", false}, {"[::]:1", false},     {"unix:/a", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = parsed(cases[i].text);
        assert_int_equal(address_is_loopback(&address), cases[i].is_loopback);
    }
    assert_false(address_is_loopback(&(struct address){0}));
}

static void test_near_is_what_is_not_to_be_sent_to_for_somebody_else(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_near;
    } cases[] = {
        {"127.0.0.1:1", true},
        {"0.0.0.0:1", true},
        {"0.1.2.3:1", true},
        {"169.254.169.254:1", true},
        {"169.253.1.1:1", false},
        {"10.0.0.1:1", false},
        {"[::1]:1", true},
        {"[::]:1", true},
        {"[fe80::1]:1", true},
        {"[febf::1]:1", true},
        {"[fec0::1]:1", false},
        {"[fd00::1]:1", false},
        {"[::ffff:169.254.1.1]:1", true},
        {"[::ffff:0.0.0.0]:1", true},
        {"unix:/a", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = parsed(cases[i].text);
        assert_int_equal(address_is_near(&address), cases[i].is_near);
    }
}

static void test_the_kernel_form_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int family;
        size_t len;
    } cases[] = {
        {"10.1.2.3:8080", AF_INET, sizeof(struct sockaddr_in)},
        {"[2001:db8::1]:443", AF_INET6, sizeof(struct sockaddr_in6)},
        {"unix:/run/x", AF_UNIX, offsetof(struct sockaddr_un, sun_path) + 7},
        {"unix:/" HUNDRED "012345", AF_UNIX, sizeof(struct sockaddr_un)},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = parsed(cases[i].text), back;
        struct sockaddr_storage storage;
        assert_int_equal(address_to_sockaddr(&address, &storage), cases[i].len);
        assert_int_equal(storage.ss_family, cases[i].family);
        assert_true(address_from_sockaddr(&storage, &back));
        assert_memory_equal(&back, &address, sizeof(back));
    }
    struct address address = parsed("10.1.2.3:8080");
    struct sockaddr_storage storage;
    address_to_sockaddr(&address, &storage);
    const struct sockaddr_in *in = (const struct sockaddr_in *)&storage;
    assert_int_equal(ntohs(in->sin_port), 8080);
    assert_int_equal(ntohl(in->sin_addr.s_addr), 0x0a010203);
}

static void test_cidr_holds_its_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *cidr, *address;
        bool has;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1:1", true},
        {"10.0.0.0/8", "11.0.0.1:1", false},
        {"10.0.0.0/8", "[::ffff:10.0.0.1]:1", true},
        {"10.0.0.0/8", "[a00::]:1", false},
        {"10.0.0.0/8", "unix:/a", false},
        {"10.1.2.3/8", "10.9.9.9:1", true},
        {"192.168.4.0/22", "192.168.7.255:1", true},
        {"192.168.4.0/22", "192.168.8.0:1", false},
        {"1.2.3.4", "1.2.3.4:1", true},
        {"1.2.3.4", "1.2.3.5:1", false},
        {"1.2.3.4/31", "1.2.3.5:1", true},
        {"0.0.0.0/0", "1.2.3.4:1", true},
        {"0.0.0.0/0", "[::1]:1", false},
        {"::/0", "[2001:db8::1]:1", true},
        {"::/0", "1.2.3.4:1", false},
        {"fd00::/8", "[fdff::1]:1", true},
        {"fd00::/8", "[fe00::1]:1", false},
        {"2001:db8::/33", "[2001:db8:7fff::]:1", true},
        {"2001:db8::/33", "[2001:db8:8000::]:1", false},
        {"::1", "[::1]:1", true},
        {"::1/128", "[::2]:1", false},
        {"::ffff:10.0.0.0/104", "10.1.1.1:1", true},
        {"::ffff:10.0.0.0/104", "[::ffff:11.1.1.1]:1", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cidr cidr;
        struct address address = parsed(cases[i].address);
        if (!cidr_parse(str_from_c(cases[i].cidr), &cidr))
            fail_msg("\"%s\" was refused", cases[i].cidr);
        if (cidr_has(&cidr, &address) != cases[i].has)
            fail_msg("%s in %s", cases[i].address, cases[i].cidr);
    }
    struct cidr cidr;
    assert_true(cidr_parse(STR("::/0"), &cidr));
    assert_false(cidr_has(&cidr, &(struct address){0}));
}

static void test_cidr_refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const cases[] = {
        NULL,          "",       "/8",     "10.0.0.0/",   "10.0.0.0/33", "10.0.0.0/-1",
        "10.0.0.0/8x", "10.0/8", "::/129", "fd00::/0008", "x/8",         "10.0.0.0:80",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cidr cidr;
        if (cidr_parse(str_from_c(cases[i]), &cidr))
            fail_msg("\"%s\" was taken", cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_format_are_inverse),
        cmocka_unit_test(test_parse_refuses_what_is_no_literal),
        cmocka_unit_test(test_no_address_formats_as_nothing),
        cmocka_unit_test(test_eq_compares_family_ip_port_and_path),
        cmocka_unit_test(test_loopback_is_what_only_this_machine_reaches),
        cmocka_unit_test(test_near_is_what_is_not_to_be_sent_to_for_somebody_else),
        cmocka_unit_test(test_the_kernel_form_and_back),
        cmocka_unit_test(test_cidr_holds_its_addresses),
        cmocka_unit_test(test_cidr_refuses_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
