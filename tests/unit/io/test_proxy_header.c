/* SPDX-License-Identifier: Apache-2.0 */
#include "io/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V2(bytes) STR_INIT(SIGNATURE bytes)
#define TEN "0123456789"

/* The addresses of a whole header, or what else it is. */
static const char *describe(struct str bytes, size_t *len)
{
    static char text[2 * ADDRESS_TEXT + 8];
    char source[ADDRESS_TEXT], destination[ADDRESS_TEXT];
    struct proxy_header header;
    switch (proxy_header_parse(bytes, &header)) {
    case PROXY_HEADER_MORE: return "more";
    case PROXY_HEADER_BAD: return "bad";
    case PROXY_HEADER_WHOLE: break;
    }
    *len = header.len;
    if (!header.has_addresses)
        return "own";
    address_format(&header.source, source);
    address_format(&header.destination, destination);
    snprintf(text, sizeof(text), "%s > %s", source, destination);
    return text;
}

static void test_whole_headers_say_who_connects_and_end_where_the_client_begins(void **state)
{
    (void)state;
    static const struct {
        struct str header;
        const char *want;
    } cases[] = {
        {STR_INIT("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"), "192.0.2.1:56324 > 198.51.100.7:443"},
        {STR_INIT("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
         "255.255.255.255:65535 > 255.255.255.255:65535"},
        {STR_INIT("PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n"), "1.2.3.4:0 > 5.6.7.8:0"},
        {STR_INIT("PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), "[2001:db8::1]:1 > [::1]:2"},
        {STR_INIT("PROXY UNKNOWN\r\n"), "own"},
        {STR_INIT("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), "own"},
        {V2("\x20\x00\x00\x00"), "own"},
        {V2("\x20\xff\x00\x03"
            "abc"),
         "own"}, /* LOCAL: whatever the family */
        {V2("\x21\x00\x00\x00"), "own"},
        {V2("\x21\x11\x00\x0c"
            "\xc0\x00\x02\x01"
            "\xc6\x33\x64\x07"
            "\xdc\x04\x01\xbb"),
         "192.0.2.1:56324 > 198.51.100.7:443"},
        {V2("\x21\x12\x00\x0c"
            "\x01\x02\x03\x04"
            "\x05\x06\x07\x08"
            "\x00\x01\x00\x02"),
         "1.2.3.4:1 > 5.6.7.8:2"},
        {V2("\x21\x11\x00\x13"
            "\x01\x02\x03\x04"
            "\x05\x06\x07\x08"
            "\x00\x01\x00\x02"
            "\x04\x00\x04"
            "noop"),
         "1.2.3.4:1 > 5.6.7.8:2"},
        {V2("\x21\x21\x00\x24"
            "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
            "\x00\x01\x00\x02"),
         "[2001:db8::1]:1 > [::1]:2"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char stream[512];
        size_t len = 0, size = cases[i].header.len;
        memcpy(stream, cases[i].header.ptr, size);
        memcpy(stream + size, "GET / HTTP/1.1\r\n", 16);
        assert_string_equal(describe((struct str){stream, size + 16}, &len), cases[i].want);
        assert_int_equal(len, size);
        for (size_t cut = 0; cut < size; cut++)
            assert_string_equal(describe((struct str){stream, cut}, &len), "more");
    }
}

static void test_unix_paths_end_at_a_nul_or_at_their_room(void **state)
{
    (void)state;
    char bytes[16 + 216] = SIGNATURE "\x21\x31\x00\xd8";
    struct proxy_header header;
    memcpy(bytes + 16, "/run/x", 6);
    memset(bytes + 16 + 108, 'd', 108);
    struct str whole = {bytes, sizeof(bytes)};
    assert_int_equal(proxy_header_parse(whole, &header), PROXY_HEADER_WHOLE);
    assert_int_equal(header.source.family, ADDRESS_UNIX);
    assert_int_equal(header.source.path_len, 6);
    assert_memory_equal(header.source.path, "/run/x", 6);
    assert_int_equal(header.destination.path_len, 107);
}

static void test_what_is_no_header_is_seen_at_its_first_wrong_byte(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        struct str bytes;
    } cases[] = {
        {"HTTP", STR_INIT("G")},
        {"another case", STR_INIT("proxy")},
        {"the preface of HTTP/2", STR_INIT("PRI")},
        {"TLS", STR_INIT("\x16\x03\x01")},
        {"an empty line", STR_INIT("\r\nG")},
        {"the signature's NUL", STR_INIT("\r\n\r\n\r")},
        {"no protocol", STR_INIT("PROXY \r\n")},
        {"two spaces", STR_INIT("PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n")},
        {"a space at the end", STR_INIT("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n")},
        {"a further word", STR_INIT("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n")},
        {"a port less", STR_INIT("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n")},
        {"no addresses", STR_INIT("PROXY TCP4\r\n")},
        {"another protocol", STR_INIT("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n")},
        {"the other family", STR_INIT("PROXY TCP4 ::1 ::1 1 2\r\n")},
        {"the other family", STR_INIT("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n")},
        {"a name", STR_INIT("PROXY TCP4 localhost 5.6.7.8 1 2\r\n")},
        {"octal", STR_INIT("PROXY TCP4 010.2.3.4 5.6.7.8 1 2\r\n")},
        {"a leading zero", STR_INIT("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n")},
        {"a large port", STR_INIT("PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n")},
        {"a sign", STR_INIT("PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n")},
        {"a NUL", STR_INIT("PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n")},
        {"bare LF", STR_INIT("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n" TEN TEN TEN TEN TEN TEN TEN TEN)},
        {"bare CR", STR_INIT("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rX")},
        {"108 bytes", STR_INIT("PROXY UNKNOWN " TEN TEN TEN TEN TEN TEN TEN TEN TEN "01\r\n")},
        {"no end in time", STR_INIT("PROXY UNKNOWN " TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN)},
        {"version 1 in binary", V2("\x11\x11\x00\x00")},
        {"version 3", V2("\x31\x11\x00\x00")},
        {"another command", V2("\x22\x11\x00\x00")},
        {"another family", V2("\x21\x41\x00\x00")},
        {"another transport", V2("\x21\x13\x00\x0c"
                                 "\x01\x02\x03\x04"
                                 "\x05\x06\x07\x08"
                                 "\x00\x01\x00\x02")},
        {"a family without transport", V2("\x21\x10\x00\x0c"
                                          "\x01\x02\x03\x04"
                                          "\x05\x06\x07\x08"
                                          "\x00\x01\x00\x02")},
        {"IPv4 cut short", V2("\x21\x11\x00\x0b"
                              "\x01\x02\x03\x04"
                              "\x05\x06\x07\x08"
                              "\x00\x01\x00")},
        {"IPv6 cut short", V2("\x21\x21\x00\x0c"
                              "\x01\x02\x03\x04"
                              "\x05\x06\x07\x08"
                              "\x00\x01\x00\x02")},
        {"over the limit", V2("\x21\x11\x0f\xf1")},
        {"far over the limit", V2("\x20\x00\xff\xff")},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len;
        if (strcmp(describe(cases[i].bytes, &len), "bad") != 0)
            fail_msg("%s was not refused", cases[i].why);
    }
}

static void test_the_longest_headers_are_taken(void **state)
{
    (void)state;
    static char binary[PROXY_HEADER_MAX] = SIGNATURE "\x21\x11\x0f\xf0";
    struct str line = STR("PROXY UNKNOWN " TEN TEN TEN TEN TEN TEN TEN TEN TEN "0\r\n");
    size_t len = 0;
    assert_int_equal(line.len, PROXY_HEADER_V1_MAX);
    assert_string_equal(describe(line, &len), "own");
    assert_string_equal(describe((struct str){binary, sizeof(binary) - 1}, &len), "more");
    assert_string_equal(describe((struct str){binary, sizeof(binary)}, &len), "0.0.0.0:0 > 0.0.0.0:0");
    assert_int_equal(len, sizeof(binary));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_headers_say_who_connects_and_end_where_the_client_begins),
        cmocka_unit_test(test_unix_paths_end_at_a_nul_or_at_their_room),
        cmocka_unit_test(test_what_is_no_header_is_seen_at_its_first_wrong_byte),
        cmocka_unit_test(test_the_longest_headers_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
