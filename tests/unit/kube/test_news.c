/* SPDX-License-Identifier: Apache-2.0 */
/* What of an object's new version is news to rules. */
#include "kube/news.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define OBJECT(version, more, spec, rest) \
    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"shop\",\"uid\":\"1\",\"resourceVersion\":" \
    "\"" version "\"" more "},\"spec\":" spec rest "}"
#define NOTES(notes) ",\"annotations\":{" notes "}"

static void assert_news(const char *before, const char *after, bool is_status_read, bool is_news)
{
    if (object_is_news(str_from_c(before), str_from_c(after), is_status_read) != is_news ||
        object_is_news(str_from_c(after), str_from_c(before), is_status_read) != is_news)
        fail_msg("%s ▶ %s", before, after);
    assert_false(object_is_news(str_from_c(before), str_from_c(before), is_status_read));
    assert_false(object_is_news(str_from_c(after), str_from_c(after), is_status_read));
}

static void test_versions_statuses_and_foreign_annotations_are_none(void **state)
{
    (void)state;
    const char *before = OBJECT("1", "", "{\"a\":[1,2]}", "");
    static const char *const same[] = {
        OBJECT("2", "", "{\"a\":[1,2]}", ""),
        OBJECT("2", "", "{\"a\":[1,2]}", ",\"status\":{\"conditions\":[{\"type\":\"Accepted\"}]}"),
        OBJECT("2", ",\"managedFields\":[{\"manager\":\"x\"}]", "{\"a\":[1,2]}", ""),
        OBJECT("2", NOTES(""), "{\"a\":[1,2]}", ""),
        OBJECT("2", NOTES("\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\""), "{\"a\":[1,2]}", ""),
        OBJECT("2", NOTES("\"a/b\":\"1\",\"c\":\"2\""), "{\"a\":[1,2]}", ",\"status\":{}"),
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        assert_news(before, same[i], false, false);
}

static void test_whatever_else_changes_is_news(void **state)
{
    (void)state;
    const char *before = OBJECT("1", NOTES("\"umbra.dev/label\":\"x\""), "{\"a\":[1,2]}", "");
    static const char *const news[] = {
        OBJECT("1", NOTES("\"umbra.dev/label\":\"x\""), "{\"a\":[2,1]}", ""),
        OBJECT("1", NOTES("\"umbra.dev/label\":\"y\""), "{\"a\":[1,2]}", ""),
        OBJECT("1", NOTES("\"umbra.dev/label\":\"x\",\"umbra.dev/revision\":\"2\""), "{\"a\":[1,2]}", ""),
        OBJECT("1", NOTES("\"umbra.dev/label\":\"x\",\"umbra\\u002edev/revision\":\"2\""), "{\"a\":[1,2]}", ""),
        OBJECT("1", NOTES(""), "{\"a\":[1,2]}", ""),
        OBJECT("1", "", "{\"a\":[1,2]}", ""),
        OBJECT("1", NOTES("\"umbra.dev/label\":\"x\"") ",\"labels\":{\"status\":\"1\"}", "{\"a\":[1,2]}", ""),
        OBJECT("1", NOTES("\"umbra.dev/label\":\"x\"") ",\"generation\":2", "{\"a\":[1,2]}", ""),
        OBJECT("1", NOTES("\"umbra.dev/label\":\"x\""), "{\"a\":[1,2],\"status\":{}}", ""),
        OBJECT("1", NOTES("\"umbra.dev/label\":\"x\""), "{\"a\":[1,2]}", ",\"data\":{}"),
    };
    for (size_t i = 0; i < sizeof(news) / sizeof(news[0]); i++)
        assert_news(before, news[i], false, true);
}

static void test_another_object_of_the_name_is_news(void **state)
{
    (void)state;
    assert_news("{\"metadata\":{\"name\":\"a\",\"uid\":\"1\"}}", "{\"metadata\":{\"name\":\"a\",\"uid\":\"2\"}}", false,
                true);
}

static void test_a_status_that_is_read_is_news(void **state)
{
    (void)state;
    assert_news(OBJECT("1", "", "{}", ""), OBJECT("2", "", "{}", ",\"status\":{\"loadBalancer\":{}}"), true, true);
    assert_news(OBJECT("1", "", "{}", ",\"status\":1"), OBJECT("2", NOTES("\"x\":\"y\""), "{}", ",\"status\":1"), true,
                false);
}

static void test_what_is_no_object_is_news(void **state)
{
    (void)state;
    assert_true(object_is_news(STR("{\"a\":1"), STR("{\"a\":1"), false));
    assert_true(object_is_news(STR("{\"metadata\":[]}"), STR("{\"metadata\":[]}"), false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions_statuses_and_foreign_annotations_are_none),
        cmocka_unit_test(test_whatever_else_changes_is_news),
        cmocka_unit_test(test_another_object_of_the_name_is_news),
        cmocka_unit_test(test_a_status_that_is_read_is_news),
        cmocka_unit_test(test_what_is_no_object_is_news),
    };
    return cmocka_run_group_tests_name("kube/news", tests, NULL, NULL);
}
