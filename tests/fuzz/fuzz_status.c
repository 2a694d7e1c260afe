/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the status that objects of a cluster have already, or as a whole object: what is written has nothing to be written after, and
 * what others wrote is in it still. */
#include "base/assert.h"
#include "compile/compile.h"
#include "status/status.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char world[] =
    "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: o}\n"
    "spec: {controllerName: umbra.dev/gateway-controller}\n---\n"
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: o, generation: 2}\n"
    "spec: {gatewayClassName: o, listeners: [{name: http, protocol: HTTP, port: 80}]}\n---\n"
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: o, generation: 3}\n"
    "spec: {parentRefs: [{name: o}], rules: [{backendRefs: [{name: none, port: 80}]}]}\n---\n"
    "apiVersion: umbra.dev/v1alpha1\nkind: MirrorPolicy\nmetadata: {name: o}\n"
    "spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: o}]}\n---\n"
    "apiVersion: umbra.dev/v1alpha1\nkind: Backend\nmetadata: {name: o}\nspec: {endpoints: [{host: a.b, port: 1}]}\n";

/* Entries of other controllers, in order. */
static json_t *others_of(const json_t *status)
{
    static const char *const lists[] = {"parents", "ancestors"};
    json_t *others = json_array();
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const json_t *list = json_object_get(status, lists[i]);
        for (size_t k = 0; k < json_array_size(list); k++) {
            json_t *entry = json_array_get(list, k);
            const char *controller = json_string_value(json_object_get(entry, "controllerName"));
            if (!controller || !str_eq(str_from_c(controller), STR(COMPILE_CONTROLLER)))
                json_array_append(others, entry);
        }
    }
    return others;
}

static bool has_branches(const struct outcome *outcome)
{
    enum kind_id kind = outcome->resource->kind->id;
    return kind == KIND_HTTP_ROUTE || kind == KIND_MIRROR_POLICY;
}

static void compare_others(struct str before, struct str after)
{
    json_t *present = json_loadb(before.ptr, before.len, JSON_ALLOW_NUL, NULL),
           *written = json_loadb(after.ptr, after.len, JSON_ALLOW_NUL, NULL);
    ASSERT(present && written);
    json_t *old = others_of(json_object_get(present, "status")), *kept = others_of(json_object_get(written, "status"));
    ASSERT(json_equal(old, kept));
    json_decref(old);
    json_decref(kept);
    json_decref(present);
    json_decref(written);
}

static void check(const struct outcome *outcome, struct str present)
{
    enum status_flow flow[8] = {FLOW_FLOWING};
    struct status_now now = {.time = STR("2026-02-01T00:00:00Z")};
    struct status_now later = {.time = STR("2026-02-02T00:00:00Z")};
    struct strbuf out = STRBUF_INIT, again = STRBUF_INIT;
    now.flow = later.flow = outcome->mirror_count <= 8 ? flow : NULL;
    enum status_result result = status_merge(outcome, present, &now, &out);
    ASSERT((result == STATUS_CHANGED) == (out.len > 0));
    if (result == STATUS_CHANGED) {
        ASSERT(status_merge(outcome, strbuf_str(&out), &later, &again) == STATUS_SAME);
        if (has_branches(outcome))
            compare_others(present, strbuf_str(&out));
    }
    strbuf_deinit(&out);
    strbuf_deinit(&again);
}

static void check_status(const struct outcome *outcome, struct str status)
{
    struct strbuf present = STRBUF_INIT, version = STRBUF_INIT;
    const struct resource *resource = outcome->resource;
    kind_add_api_version(resource->kind, resource->kind->versions[0], &version);
    strbuf_printf(&present,
                  "{\"apiVersion\": \"%s\", \"kind\": \"%s\", \"metadata\": {\"name\": \"o\", \"namespace\": "
                  "\"default\", \"resourceVersion\": \"1\"}, \"status\": ",
                  version.ptr, resource->kind->name);
    strbuf_add(&present, status);
    strbuf_add_char(&present, '}');
    check(outcome, strbuf_str(&present));
    strbuf_deinit(&present);
    strbuf_deinit(&version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct compile_options cluster = {.is_cluster = true, .gateway_api_version = STR_INIT("v1.6.1")};
    struct str text = {(const char *)data, len};
    struct manifests *manifests = manifests_new();
    manifests_read(manifests, STR("cluster"), str_from_c(world));
    struct compiled *compiled = compile(manifests, &cluster);
    ASSERT(compiled->outcomes.count == 5);
    for (size_t i = 0; i < compiled->outcomes.count; i++) {
        check(&compiled->outcomes.list[i], text);
        check_status(&compiled->outcomes.list[i], text);
    }
    compiled_free(compiled);
    manifests_unref(manifests);
    return 0;
}
