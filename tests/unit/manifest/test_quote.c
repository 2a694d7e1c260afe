/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/document.h"
#include "manifest/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct str plain[] = {
    STR_INIT("shop-v2"),    STR_INIT("10s"),
    STR_INIT("1Mi"),        STR_INIT("127.0.0.1"),
    STR_INIT("10.0.0.0/8"), STR_INIT("kubernetes.io/h2c"),
    STR_INIT("X-User-Id"),  STR_INIT("a:b"),
    STR_INIT("two words"),  STR_INIT("umbra.dev/v1alpha1"),
    STR_INIT("/"),          STR_INIT("Yesterday"),
    STR_INIT("0.1%"),       STR_INIT("a, b; c"),
    STR_INIT("(secret)"),   STR_INIT("$.requestId"),
    STR_INIT("^/v1"),
};
static const struct str quoted[] = {
    STR_INIT(""),
    STR_INIT("yes"),
    STR_INIT("No"),
    STR_INIT("y"),
    STR_INIT("on"),
    STR_INIT("OFF"),
    STR_INIT("True"),
    STR_INIT("null"),
    STR_INIT("~"),
    STR_INIT("1"),
    STR_INIT("-1"),
    STR_INIT("+1"),
    STR_INIT("0x1F"),
    STR_INIT("0o7"),
    STR_INIT("017"),
    STR_INIT("1_000"),
    STR_INIT("1.5"),
    STR_INIT(".5"),
    STR_INIT("1e3"),
    STR_INIT("12e03"),
    STR_INIT(".inf"),
    STR_INIT(".nan"),
    STR_INIT("-.inf"),
    STR_INIT("1:30"),
    STR_INIT("2020-01-01"),
    STR_INIT("0b101"),
    STR_INIT("a: b"),
    STR_INIT("a:"),
    STR_INIT("a #b"),
    STR_INIT("#a"),
    STR_INIT("*"),
    STR_INIT("*.a"),
    STR_INIT("&a"),
    STR_INIT("!a"),
    STR_INIT("@a"),
    STR_INIT("`a`"),
    STR_INIT("%a"),
    STR_INIT("- a"),
    STR_INIT("-"),
    STR_INIT("---"),
    STR_INIT("..."),
    STR_INIT("? a"),
    STR_INIT("?"),
    STR_INIT("|"),
    STR_INIT(">"),
    STR_INIT("'a'"),
    STR_INIT("\"a\""),
    STR_INIT("[a]"),
    STR_INIT("{a}"),
    STR_INIT("a\nb"),
    STR_INIT("a\tb"),
    STR_INIT(" a"),
    STR_INIT("a "),
    STR_INIT("<<"),
    STR_INIT("="),
    STR_INIT("a\\b"),
    STR_INIT("\x01"),
    STR_INIT("\x7f"),
    STR_INIT("\xc2\x85"),
    STR_INIT("\xe2\x80\xa8"),
    STR_INIT("\xef\xbb\xbf"),
    STR_INIT("ä"),
    STR_INIT("\r\n"),
    STR_INIT("\xef\xbf\xbe"),
    STR_INIT("💡"),
    STR_INIT("2001-12-14t21:59:43.10-05:00"),
    STR_INIT("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
};

static void on_document(void *user, const struct document *document)
{
    *(const struct node **)user = document->root;
}

/* As a value and as a key, each read back as the same string. */
static void check_reads_back(struct str text, struct str yaml)
{
    struct arena arena;
    struct problems problems;
    struct source source = {STR("f.yaml")};
    const struct node *root = NULL;
    arena_init(&arena, NULL, 0);
    problems_init(&problems);
    struct str document = arena_printf(&arena, "a: %.*s\n%.*s: c\nb:\n- %.*s\n", STR_ARG(yaml), STR_ARG(yaml),
                                       STR_ARG(yaml));
    if (!document_parse(document, &source, &arena, &problems, on_document, &root) || !root || problems.count > 0)
        fail_msg("is no YAML: %.*s", STR_ARG(document));
    const struct node *value = root->first, *key = value->next, *item = key->next->first;
    if (value->kind != NODE_STRING || !str_eq(value->text, text) || !str_eq(key->key, text) ||
        item->kind != NODE_STRING || !str_eq(item->text, text))
        fail_msg("read as something else: %.*s", STR_ARG(document));
    problems_deinit(&problems);
    arena_deinit(&arena);
}

static void test_plain_where_it_is_read_as_the_same_string(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(plain); i++) {
        struct strbuf out = STRBUF_INIT;
        quote_yaml(&out, plain[i]);
        if (!str_eq(strbuf_str(&out), plain[i]))
            fail_msg("%.*s became %s", STR_ARG(plain[i]), out.ptr);
        check_reads_back(plain[i], strbuf_str(&out));
        strbuf_deinit(&out);
    }
}

static void test_in_quotes_where_it_would_be_read_as_something_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(quoted); i++) {
        struct strbuf out = STRBUF_INIT;
        quote_yaml(&out, quoted[i]);
        if (out.ptr[0] != '"' || memchr(out.ptr, '\n', out.len))
            fail_msg("%.*s became %s", STR_ARG(quoted[i]), out.ptr);
        check_reads_back(quoted[i], strbuf_str(&out));
        strbuf_deinit(&out);
    }
}

static void test_all_short_texts_read_back(void **state)
{
    (void)state;
    static const char letters[] = "ayn01:-#~ .'\"\\&*!|>%@`?,[]{}=<_+/";
    for (size_t i = 0; i < sizeof(letters) - 1; i++) {
        for (size_t j = 0; j < sizeof(letters) - 1; j++) {
            for (size_t k = 0; k < sizeof(letters) - 1; k += 3) {
                char bytes[] = {letters[i], letters[j], letters[k]};
                struct strbuf out = STRBUF_INIT;
                quote_yaml(&out, (struct str){bytes, sizeof(bytes)});
                check_reads_back((struct str){bytes, sizeof(bytes)}, strbuf_str(&out));
                strbuf_deinit(&out);
            }
        }
    }
}

static void test_messages_show_the_start_of_long_texts_and_no_control_characters(void **state)
{
    (void)state;
    char out[QUOTE_TEXT], text[1000];
    assert_string_equal(quote_short(STR("a\"b\\\n\x1b[31m"), out), "\"a\\\"b\\\\\\n\\u001b[31m\"");
    assert_string_equal(quote_short(STR("\xe2\x80\xae"
                                        "abc\xff"),
                                    out),
                        "\"\\u202eabc\\ufffd\"");
    assert_string_equal(quote_short(STR_NONE, out), "\"\"");
    assert_string_equal(quote_cut(STR("12"), out), "12");
    memset(text, 'x', sizeof(text));
    quote_short((struct str){text, sizeof(text)}, out);
    assert_int_equal(strlen(out), 2 + QUOTE_CHARACTERS + strlen("…"));
    /* The longest that any text becomes. */
    memset(text, '\x01', sizeof(text));
    quote_short((struct str){text, sizeof(text)}, out);
    assert_int_equal(strlen(out), 2 + QUOTE_CHARACTERS * 6 + strlen("…"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_where_it_is_read_as_the_same_string),
        cmocka_unit_test(test_in_quotes_where_it_would_be_read_as_something_else),
        cmocka_unit_test(test_all_short_texts_read_back),
        cmocka_unit_test(test_messages_show_the_start_of_long_texts_and_no_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
