/* SPDX-License-Identifier: Apache-2.0 */
#include "merge_text.h"

#include "compile/compile.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
    struct manifests *manifests;
    struct compiled *compiled;
    const struct outcome *outcome; /* of the last resource that has one */
};

static struct world world_start(const char *yaml)
{
    static const struct compile_options cluster = {.is_cluster = true, .class_name = STR_INIT("umbra")};
    struct world world = {.manifests = manifests_new()};
    world.manifests->from_server = true;
    manifests_read(world.manifests, STR("cluster"), str_from_c(yaml));
    world.compiled = compile(world.manifests, &cluster);
    assert_true(world.compiled->outcomes.count > 0);
    world.outcome = &world.compiled->outcomes.list[world.compiled->outcomes.count - 1];
    return world;
}

static void world_end(struct world *world)
{
    compiled_free(world->compiled);
    manifests_unref(world->manifests);
}

static json_t *parse(const char *text)
{
    json_error_t error;
    char *copy = strdup(text);
    for (char *at = copy; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    json_t *json = json_loads(copy, JSON_DECODE_ANY, &error);
    if (!json)
        fail_msg("%s in %s", error.text, copy);
    free(copy);
    return json;
}

static char *object_of(const struct outcome *outcome, const char *status, const char *version)
{
    const struct resource *resource = outcome->resource;
    struct strbuf api_version = STRBUF_INIT;
    kind_add_api_version(resource->kind, resource->kind->versions[0], &api_version);
    json_t *object = json_pack("{s:s, s:s, s:{s:s%, s:s}, s:{}}", "apiVersion", api_version.ptr, "kind",
                               resource->kind->name, "metadata", "name", resource->name.ptr, resource->name.len,
                               "resourceVersion", version, "spec");
    json_t *metadata = json_object_get(object, "metadata");
    if (resource->ns.len > 0)
        json_object_set_new(metadata, "namespace", json_stringn(resource->ns.ptr, resource->ns.len));
    if (status)
        json_object_set_new(object, "status", parse(status));
    char *text = json_dumps(object, 0);
    json_decref(object);
    strbuf_deinit(&api_version);
    return text;
}

/* What is said is tested with the compiler. */
static void clear_messages(json_t *json)
{
    const char *key;
    json_t *value;
    size_t index;
    json_object_foreach(json, key, value)
    {
        if (strcmp(key, "message") == 0)
            json_string_set(value, "");
        clear_messages(value);
    }
    json_array_foreach(json, index, value) clear_messages(value);
}

static const struct schema_field *find_field(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        if (strcmp(schema->fields[i].name, name) == 0)
            return &schema->fields[i];
    }
    return NULL;
}

/* An API server drops what a CRD does not know, without a word. What a schema leaves open is anybody's. */
static void assert_in_crd(const struct schema *schema, const json_t *json)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        const struct schema_field *field = find_field(schema, key);
        if (!field)
            fail_msg("the CRD has no %s in %s", key, schema->name);
        for (size_t i = 0; field->of && i < json_array_size(value); i++)
            assert_in_crd(field->of, json_array_get(value, i));
        if (field->of && json_is_object(value))
            assert_in_crd(field->of, value);
    }
}

static void assert_kept(const struct kind *kind, const json_t *status)
{
    const struct schema_field *field = find_field(kind->schema, "status");
    assert_true(field && (field->of || !kind->has_crd));
    if (field->of)
        assert_in_crd(field->of, status);
}

static void compare_status(const struct strbuf *body, const char *want)
{
    json_t *object = parse(body->ptr), *wanted = parse(want);
    json_t *status = json_object_get(object, "status");
    assert_string_equal(json_string_value(json_object_get(json_object_get(object, "metadata"), "resourceVersion")),
                        "41");
    assert_null(json_object_get(object, "spec"));
    clear_messages(status);
    clear_messages(wanted);
    if (!json_equal(status, wanted)) {
        char *came = json_dumps(status, JSON_INDENT(1)), *meant = json_dumps(wanted, JSON_INDENT(1));
        print_error("came\n%s\ninstead of\n%s\n", came, meant);
        fail();
    }
    json_decref(object);
    json_decref(wanted);
}

static void assert_settled(const struct world *world, const struct strbuf *body, const enum status_flow *flow)
{
    struct status_now later = {.time = STR("2030-01-01T00:00:00Z"), .flow = flow};
    struct strbuf out = STRBUF_INIT;
    assert_int_equal(status_merge(world->outcome, strbuf_str(body), &later, &out), STATUS_SAME);
    strbuf_deinit(&out);
}

void assert_merges(const struct merge_case *test)
{
    struct world world = world_start(test->manifests);
    struct status_now now = {.time = STR(NOW), .flow = test->flow};
    struct strbuf body = STRBUF_INIT;
    char *present = object_of(world.outcome, test->present, "41");
    enum status_result result = status_merge(world.outcome, str_from_c(present), &now, &body);
    assert_int_equal(result, test->want ? STATUS_CHANGED : STATUS_SAME);
    assert_int_equal(body.len > 0, test->want != NULL);
    if (test->want) {
        compare_status(&body, test->want);
        json_t *object = parse(body.ptr);
        assert_kept(world.outcome->resource->kind, json_object_get(object, "status"));
        json_decref(object);
        assert_settled(&world, &body, test->flow);
    }
    free(present);
    strbuf_deinit(&body);
    world_end(&world);
}

enum status_result merge_into(const char *manifests, const char *present)
{
    struct world world = world_start(manifests);
    struct status_now now = {.time = STR(NOW)};
    struct strbuf body = STRBUF_INIT;
    enum status_result result = status_merge(world.outcome, str_from_c(present), &now, &body);
    strbuf_deinit(&body);
    world_end(&world);
    return result;
}
