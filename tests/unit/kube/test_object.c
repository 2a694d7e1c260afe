/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/list_reader.h"
#include "kube/objects.h"

#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct object_form form = {STR_INIT("v1"), STR_INIT("Pod")};

static struct kept *read_text(const char *text)
{
    const char *problem;
    struct kept *kept = object_read(str_from_c(text), &form, &problem);
    assert_true((kept == NULL) == (problem != NULL));
    return kept;
}

static void test_managed_fields_are_left_out_wherever_they_stand(void **state)
{
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"{\"metadata\":{\"managedFields\":[{\"a\":{\"f:b\":{}}}],\"name\":\"x\"},\"kind\":\"K\",\"apiVersion\":\"a\"}",
         "{\"metadata\":{\"name\":\"x\"},\"kind\":\"K\",\"apiVersion\":\"a\"}"},
        {"{\"metadata\":{\"name\":\"x\" , \"managedFields\" : [ ] } ,\"kind\":\"K\",\"apiVersion\":\"a\"}",
         "{\"metadata\":{\"name\":\"x\" } ,\"kind\":\"K\",\"apiVersion\":\"a\"}"},
        {"{\"metadata\":{\"name\":\"x\",\"managedFields\":null,\"uid\":\"1\"},\"kind\":\"K\",\"apiVersion\":\"a\"}",
         "{\"metadata\":{\"name\":\"x\",\"uid\":\"1\"},\"kind\":\"K\",\"apiVersion\":\"a\"}"},
        {"{\"metadata\":{\"name\":\"x\"},\"managedFields\":1}",
         "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"},\"managedFields\":1}"},
        {" {\n\"metadata\":{\r\n\"name\":\"x\"},\"kind\":\"K\"}",
         "{\"apiVersion\":\"v1\", \"metadata\":{  \"name\":\"x\"},\"kind\":\"K\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kept *kept = read_text(cases[i].text);
        assert_non_null(kept);
        assert_true(str_eq(kept->object.name, STR("x")));
        if (!str_eq(kept->object.json, str_from_c(cases[i].json)))
            fail_msg("%.*s", STR_ARG(kept->object.json));
        object_free(kept);
    }
}

static void test_what_names_an_object_is_read(void **state)
{
    (void)state;
    struct kept *kept = read_text("{\"metadata\":{\"uid\":\"1-2\",\"resourceVersion\":\"77\",\"name\":\"system:x\","
                                  "\"namespace\":\"shop\",\"labels\":{\"name\":\"no\"}}}");
    assert_non_null(kept);
    assert_true(str_eq(kept->object.ns, STR("shop")));
    assert_true(str_eq(kept->object.name, STR("system:x")));
    assert_true(str_eq(kept->object.uid, STR("1-2")));
    assert_true(str_eq(kept->object.version, STR("77")));
    object_free(kept);
}

static void test_what_is_no_object_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"metadata\":{}}",
        "{\"metadata\":[]}",
        "{\"metadata\":{\"name\":\"\"}}",
        "{\"metadata\":{\"name\":1}}",
        "{\"metadata\":{\"name\":\"a/b\"}}",
        "{\"metadata\":{\"name\":\"..\"}}",
        "{\"metadata\":{\"name\":\"a b\"}}",
        "{\"metadata\":{\"name\":\"a%2fb\"}}",
        "{\"metadata\":{\"name\":\"a\\u0062\"}}",
        "{\"metadata\":{\"name\":\"x\",\"namespace\":\"a?b\"}}",
        "{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"1 2\"}}",
        "{\"metadata\":{\"name\":\"x\"}}}",
        "{\"metadata\":{\"name\":\"x\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_null(read_text(texts[i]));
}

static void test_versions_are_compared_as_far_as_can_be_known(void **state)
{
    (void)state;
    assert_true(object_version_is_later(STR("10"), STR("9")));
    assert_false(object_version_is_later(STR("9"), STR("10")));
    assert_false(object_version_is_later(STR("9"), STR("9")));
    assert_false(object_version_is_later(STR("b"), STR("a")));
    assert_false(object_version_is_later(STR("10"), STR("")));
}

/* ---- collections ---- */

static struct kept *named(const char *ns, const char *name)
{
    char text[256];
    snprintf(text, sizeof text, "{\"metadata\":{\"namespace\":\"%s\",\"name\":\"%s\"}}", ns, name);
    struct kept *kept = read_text(text);
    assert_non_null(kept);
    return kept;
}

static void test_objects_are_in_order_however_they_come(void **state)
{
    struct objects objects = {.count = 0};
    char name[16];
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "n%03u", i * 7 % 1000);
        objects_put(&objects, named(i & 1 ? "a-b" : "a", name));
        objects_put(&objects, named(i & 1 ? "a-b" : "a", name));
    }
    assert_int_equal(objects.count, 1000);
    size_t bytes = 0;
    for (size_t i = 0; i < objects.count; i++) {
        const struct kube_object *object = &objects.list[i]->object;
        bytes += objects.list[i]->size;
        assert_ptr_equal(objects_find(&objects, object->ns, object->name), objects.list[i]);
        assert_true(i == 0 || str_eq(object->ns, STR("a-b")) || str_eq(objects.list[i - 1]->object.ns, STR("a")));
    }
    assert_int_equal(objects.bytes, bytes);
    assert_null(objects_find(&objects, STR("a"), STR("n")));
    assert_true(objects_remove(&objects, STR("a"), STR("n000")));
    assert_false(objects_remove(&objects, STR("a"), STR("n000")));
    objects_find(&objects, STR("a"), STR("n014"))->listing = 5;
    assert_true(objects_sweep(&objects, 5));
    assert_false(objects_sweep(&objects, 5));
    assert_int_equal(objects.count, 1);
    objects_deinit(&objects);
}

/* ---- lists ---- */

struct items {
    struct strbuf text;
    unsigned large;
};

static void on_item(void *user, struct str item)
{
    struct items *items = user;
    strbuf_printf(&items->text, "%.*s\n", STR_ARG(item));
}

static void on_large(void *user, struct str beginning)
{
    struct items *items = user;
    assert_true(str_starts_with(beginning, STR("{\"large\"")));
    items->large++;
}

#define LIST_TEXT \
    "{\"kind\":\"L\",\"x\":{\"items\":[{\"no\":1}]},\"metadata\":{\"resourceVersion\":\"5\"}, \"items\" : [ " \
    "{\"a\":[1,{\"b\":\"]}\\\\\"}]} " \
    ",\n{},{\"large\":\"01234567890123456789012345678901234567890123456789\"},{\"c\":\"\\\"{\"}],\"z\":[[]]}"

static void test_lists_may_be_cut_at_every_byte(void **state)
{
    const struct str text = STR(LIST_TEXT);
    (void)state;
    for (size_t cut = 0; cut <= text.len; cut++) {
        struct list_reader reader;
        struct items items = {STRBUF_INIT, 0};
        list_reader_init(&reader, 50, on_item, on_large, &items);
        assert_true(list_reader_add(&reader, str_slice(text, 0, cut)));
        assert_true(list_reader_envelope(&reader).len == 0 || cut == text.len || cut == 0);
        assert_true(list_reader_add(&reader, str_slice(text, cut, text.len)));
        assert_string_equal(items.text.ptr, "{\"a\":[1,{\"b\":\"]}\\\\\"}]}\n{}\n{\"c\":\"\\\"{\"}\n");
        assert_int_equal(items.large, 1);
        assert_true(
            str_eq(list_reader_envelope(&reader),
                   STR("{\"kind\":\"L\",\"x\":{\"items\":[{\"no\":1}]},\"metadata\":{\"resourceVersion\":\"5\"}, "
                       "\"items\" : [],\"z\":[[]]}")));
        strbuf_deinit(&items.text);
        list_reader_deinit(&reader);
    }
}

static void test_what_is_no_list_is_broken(void **state)
{
    static const char *const texts[] = {
        "}", "{\"items\":[1]}", "{\"items\":[\"a\"]}", "{\"items\":[[]]}", "{\"items\":[{}}", "{\"items\":[{}null]}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct list_reader reader;
        struct items items = {STRBUF_INIT, 0};
        list_reader_init(&reader, 50, on_item, on_large, &items);
        assert_false(list_reader_add(&reader, str_from_c(texts[i])));
        assert_int_equal(list_reader_envelope(&reader).len, 0);
        strbuf_deinit(&items.text);
        list_reader_deinit(&reader);
    }
}

static void test_what_is_around_the_items_is_bounded(void **state)
{
    struct list_reader reader;
    char spaces[1024];
    size_t added = 0;
    (void)state;
    memset(spaces, ' ', sizeof spaces);
    list_reader_init(&reader, 50, on_item, on_large, NULL);
    while (list_reader_add(&reader, (struct str){spaces, sizeof spaces}))
        added += sizeof spaces;
    assert_true(added <= LIST_ENVELOPE_MAX);
    list_reader_deinit(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_managed_fields_are_left_out_wherever_they_stand),
        cmocka_unit_test(test_what_names_an_object_is_read),
        cmocka_unit_test(test_what_is_no_object_is_refused),
        cmocka_unit_test(test_versions_are_compared_as_far_as_can_be_known),
        cmocka_unit_test(test_objects_are_in_order_however_they_come),
        cmocka_unit_test(test_lists_may_be_cut_at_every_byte),
        cmocka_unit_test(test_what_is_no_list_is_broken),
        cmocka_unit_test(test_what_is_around_the_items_is_bounded),
    };
    return cmocka_run_group_tests_name("kube/object", tests, NULL, NULL);
}
