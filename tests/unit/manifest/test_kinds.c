/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the kinds: complete against the Gateway API's CRDs, and sound in themselves. */
#include "crd_facts.h"
#include "load.h"

#include "manifest/kind_docs.h"
#include "manifest/schema_scalar.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------ against the CRDs */

struct found {
    const struct schema_field *field;
    bool is_item; /* of a list or map */
};

static const struct schema_field *find_row(const struct schema *schema, struct str name)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        if (str_eq(str_from_c(schema->fields[i].name), name))
            return &schema->fields[i];
    }
    return NULL;
}

/* Follows "spec.rules[].name" through the tables. */
static struct found find_path(const struct schema *schema, const char *path)
{
    struct str rest = str_from_c(path), step;
    struct found found = {0};
    while (str_next(&rest, '.', &step)) {
        assert_non_null(schema);
        bool is_item = str_ends_with(step, STR("[]")) || str_ends_with(step, STR("{}"));
        struct str name = is_item ? str_slice(step, 0, step.len - 2) : step;
        found = (struct found){find_row(schema, name), is_item};
        if (!found.field)
            fail_msg("%s: the field %.*s is unknown", path, STR_ARG(name));
        if (found.field->type == SCHEMA_ANY)
            break;
        schema = found.field->of;
    }
    return found;
}

static enum crd_type type_of(const struct found *found)
{
    enum schema_type type = found->field->type;
    if (type == SCHEMA_MAP)
        return found->is_item ? CRD_STRING : CRD_MAP;
    if (type == SCHEMA_LIST && !found->is_item)
        return CRD_LIST;
    if (type == SCHEMA_LIST)
        type = found->field->item;
    switch (type) {
    case SCHEMA_INT: return CRD_INTEGER;
    case SCHEMA_BOOL: return CRD_BOOLEAN;
    case SCHEMA_OBJECT: return CRD_OBJECT;
    default: return CRD_STRING;
    }
}

static void check_values(const char *path, const char *wanted, const char *const *values)
{
    struct str rest = str_from_c(wanted), word;
    while (str_next(&rest, '|', &word)) {
        bool is_there = false;
        for (size_t i = 0; values && values[i]; i++)
            is_there |= str_eq(str_from_c(values[i]), word);
        if (!is_there)
            fail_msg("%s does not take %.*s", path, STR_ARG(word));
    }
}

static void check_scalar(const char *path, const struct crd_fact *fact, const struct found *found)
{
    struct schema_scalar scalar = found->is_item ? schema_scalar_of_items(found->field)
                                                 : schema_scalar_of_field(found->field);
    if (fact->min != scalar.min || (fact->max != scalar.max && !(fact->max == 0 && scalar.max == INT32_MAX)))
        fail_msg("%s: %lld to %lld, not %lld to %lld", path, (long long)scalar.min, (long long)scalar.max,
                 (long long)fact->min, (long long)fact->max);
    if (fact->values)
        check_values(path, fact->values, scalar.values);
    if ((fact->flags & CRD_PATTERN) && !scalar.format)
        fail_msg("%s has no format", path);
}

static void check_fact(const struct schema *schema, const char *path, const struct crd_fact *fact)
{
    struct found found = find_path(schema, path);
    const struct schema_field *field = found.field;
    if (field->type == SCHEMA_ANY)
        return;
    if (type_of(&found) != fact->type)
        fail_msg("%s has another type", path);
    if (fact->type == CRD_LIST || fact->type == CRD_MAP) {
        if (fact->min != field->min || fact->max != field->max)
            fail_msg("%s: %lld to %lld, not %lld to %lld", path, (long long)field->min, (long long)field->max,
                     (long long)fact->min, (long long)fact->max);
        if ((fact->flags & CRD_UNIQUE) && !field->key)
            fail_msg("%s: items may be the same", path);
    } else if (fact->type != CRD_OBJECT) {
        check_scalar(path, fact, &found);
    }
    if (found.is_item)
        return;
    if (((fact->flags & CRD_REQUIRED) != 0) != ((field->flags & SCHEMA_REQUIRED) != 0))
        fail_msg("%s: required in the one, not in the other", path);
    if ((fact->fallback != NULL) != (field->fallback != NULL) ||
        (fact->fallback && strcmp(fact->fallback, field->fallback) != 0))
        fail_msg("%s: the default is %s, not %s", path, field->fallback, fact->fallback);
}

static void check_facts(const struct schema *schema, const struct crd_fact *facts)
{
    static const char filters[] = "spec.rules[].filters";
    for (; facts->path; facts++) {
        check_fact(schema, facts->path, facts);
        if (strncmp(facts->path, filters, sizeof(filters) - 1) != 0)
            continue;
        char path[256];
        snprintf(path, sizeof(path), "spec.rules[].backendRefs[].filters%s", facts->path + sizeof(filters) - 1);
        check_fact(schema, path, facts);
    }
}

static void test_each_field_of_the_gateway_api_is_known_with_its_limits(void **state)
{
    (void)state;
    check_facts(kind_table[KIND_GATEWAY_CLASS].schema, gateway_class_facts);
    check_facts(kind_table[KIND_GATEWAY].schema, gateway_facts);
    check_facts(kind_table[KIND_BACKEND_TLS_POLICY].schema, backend_tls_policy_facts);
    check_facts(kind_table[KIND_HTTP_ROUTE].schema, http_route_facts);
    check_facts(kind_table[KIND_GRPC_ROUTE].schema, grpc_route_facts);
    check_facts(kind_table[KIND_REFERENCE_GRANT].schema, reference_grant_facts);
}

static const struct {
    enum kind_id kind;
    const char *paths;
} other_paths[] = {
    {KIND_HTTP_ROUTE, "spec.rules[].retry.codes spec.rules[].retry.attempts spec.rules[].retry.backoff "
                      "spec.rules[].sessionPersistence.absoluteTimeout spec.rules[].sessionPersistence.type "
                      "spec.rules[].sessionPersistence.cookie.name spec.rules[].sessionPersistence.cookie.path "
                      "spec.rules[].sessionPersistence.cookie.lifetimeType "
                      "spec.rules[].sessionPersistence.header.name spec.rules[].sessionPersistence.sessionName "
                      "spec.rules[].sessionPersistence.idleTimeout "
                      "spec.rules[].sessionPersistence.cookieConfig.lifetimeType spec.useDefaultGateways "
                      "spec.rules[].filters[].externalAuth.protocol spec.rules[].filters[].externalAuth.backendRef "
                      "spec.rules[].filters[].externalAuth.grpc.allowedHeaders "
                      "spec.rules[].filters[].externalAuth.http.path "
                      "spec.rules[].filters[].externalAuth.http.allowedHeaders "
                      "spec.rules[].filters[].externalAuth.http.allowedResponseHeaders "
                      "spec.rules[].filters[].externalAuth.forwardBody.maxSize status"},
    {KIND_GRPC_ROUTE, "spec.rules[].sessionPersistence.type spec.useDefaultGateways status"},
    {KIND_GATEWAY, "spec.defaultScope status"},
    {KIND_GATEWAY_CLASS, "status"},
    {KIND_SERVICE,
     "spec.ports[].name spec.ports[].protocol spec.ports[].appProtocol spec.ports[].port spec.ports[].targetPort "
     "spec.ports[].nodePort spec.selector spec.clusterIP spec.clusterIPs spec.type spec.externalIPs "
     "spec.sessionAffinity spec.loadBalancerIP spec.loadBalancerSourceRanges spec.externalName "
     "spec.externalTrafficPolicy spec.healthCheckNodePort spec.publishNotReadyAddresses spec.sessionAffinityConfig "
     "spec.ipFamilies spec.ipFamilyPolicy spec.allocateLoadBalancerNodePorts spec.loadBalancerClass "
     "spec.internalTrafficPolicy spec.trafficDistribution status.loadBalancer"},
    {KIND_SECRET, "type data stringData immutable"},
    {KIND_NAMESPACE, "spec.finalizers status.phase"},
    {KIND_ENDPOINT_SLICE,
     "addressType endpoints[].addresses endpoints[].conditions.ready endpoints[].conditions.serving "
     "endpoints[].conditions.terminating endpoints[].hostname endpoints[].targetRef endpoints[].deprecatedTopology "
     "endpoints[].nodeName endpoints[].zone endpoints[].hints ports[].name ports[].protocol ports[].port "
     "ports[].appProtocol"},
    {KIND_BACKEND,
     "spec.endpoints[].host spec.endpoints[].port spec.protocol spec.tls.serverName spec.tls.caFile "
     "spec.tls.certFile spec.tls.keyFile spec.tls.caCertificateRefs spec.tls.clientCertificateRef status"},
    {KIND_MIRROR_POLICY,
     "spec.targetRefs[].group spec.targetRefs[].kind spec.targetRefs[].name spec.targetRefs[].sectionName "
     "spec.mirrorRef.group spec.mirrorRef.kind spec.mirrorRef.namespace spec.mirrorRef.name spec.mirrorRef.port "
     "spec.suspend spec.methods spec.sources spec.sampling.mode spec.sampling.key.header spec.sampling.key.cookie "
     "spec.sampling.key.query spec.sampling.key.clientIP spec.sampling.key.traceID spec.sampling.salt "
     "spec.limits.requestsPerSecond spec.limits.inFlight spec.limits.connections spec.limits.window "
     "spec.limits.timeout spec.limits.connectTimeout spec.request.host.type spec.request.host.value "
     "spec.request.headers.set spec.request.headers.add spec.request.headers.remove spec.request.redact.headers "
     "spec.request.redact.cookies spec.request.redact.query spec.request.marker.header spec.request.marker.baggage "
     "spec.request.marker.trace spec.request.keepCredentials spec.compare.samples spec.compare.bodyBytes "
     "spec.compare.control.backendRef spec.compare.ignore.headers spec.compare.ignore.jsonPaths "
     "spec.verdict.minPairs spec.verdict.minPairsP99 spec.verdict.maxShadowFailures spec.verdict.maxLost "
     "spec.verdict.maxDifferent spec.verdict.maxNewErrors spec.verdict.findingLatencyAdded "
     "spec.verdict.findingLatencyShare spec.verdict.maxLatencyAdded spec.verdict.maxLatencyShare status"},
};

static void test_each_other_field_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(other_paths) / sizeof(other_paths[0]); i++) {
        struct str rest = str_from_c(other_paths[i].paths), path;
        while (str_next(&rest, ' ', &path)) {
            char text[256];
            snprintf(text, sizeof(text), "%.*s", STR_ARG(path));
            find_path(kind_table[other_paths[i].kind].schema, text);
        }
    }
}

static void test_what_an_api_server_adds_is_no_error(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  namespace: b\n  uid: 1-2\n  resourceVersion: \"7\"\n"
        "  generation: 3\n  creationTimestamp: 2026-01-31T12:00:00Z\n  labels: {a: b}\n  annotations: {c: d}\n"
        "  selfLink: /x\n  generateName: a-\n  finalizers: [x]\n  ownerReferences: [{name: y}]\n"
        "  deletionTimestamp: null\n  deletionGracePeriodSeconds: 0\n  managedFields: [{manager: kubectl}]\n"
        "spec: {clusterIP: None, ports: [{port: 80, targetPort: http, nodePort: 30000}], selector: {app: a}}\n"
        "status: {loadBalancer: {}}\n");
    assert_string_equal(load_problems(manifests), "");
    assert_int_equal(manifests->resources[0].created_s, 1769860800);
    manifests_unref(manifests);
}

/* ---------------------------------------------------------------------------------------------- in themselves */

#define DEEPEST 16

typedef void check_row_fn(const struct schema *schema, const struct schema_field *field);

static void for_each_row(const struct schema *schema, unsigned depth, check_row_fn *check)
{
    assert_true(depth < DEEPEST);
    assert_true(schema->field_count <= SCHEMA_FIELDS_MAX);
    for (size_t i = 0; i < schema->field_count; i++) {
        check(schema, &schema->fields[i]);
        if (schema->fields[i].of)
            for_each_row(schema->fields[i].of, depth + 1, check);
    }
}

static void check_help(const struct schema *schema, const struct schema_field *field)
{
    size_t len = field->help ? strlen(field->help) : 0;
    if (len < 5 || field->help[len - 1] != '.' || !isupper((unsigned char)field->help[0]))
        fail_msg("%s.%s: \"%s\" is no sentence", schema->name, field->name, field->help);
}

static size_t size_of_row(const struct schema_field *field)
{
    switch (field->type) {
    case SCHEMA_ANY: return 0;
    case SCHEMA_OBJECT: return sizeof(void *);
    case SCHEMA_LIST:
    case SCHEMA_MAP: return sizeof(struct schema_list);
    case SCHEMA_STRING:
    case SCHEMA_NAME_OR_NUMBER: return sizeof(struct str);
    default: return sizeof(struct schema_int);
    }
}

static void check_place(const struct schema *schema, const struct schema_field *field)
{
    size_t size = size_of_row(field);
    if (schema->size == 0) /* of what is not read: for the CRD alone */
        return;
    if (field->offset + size > schema->size)
        fail_msg("%s.%s lies outside of its struct", schema->name, field->name);
    if (size > 0 && field->offset < sizeof(struct node *))
        fail_msg("%s.%s lies on the node", schema->name, field->name);
    bool has_objects = field->type == SCHEMA_OBJECT || field->item == SCHEMA_OBJECT;
    if (field->type != SCHEMA_ANY && has_objects != (field->of != NULL))
        fail_msg("%s.%s: objects need a schema, and nothing else has one", schema->name, field->name);
    for (const struct schema_field *other = schema->fields; size > 0 && other < field; other++) {
        size_t other_size = size_of_row(other);
        if (other->offset < field->offset + size && field->offset < other->offset + other_size)
            fail_msg("%s.%s lies on %s", schema->name, field->name, other->name);
    }
}

static void for_each_kind(check_row_fn *check)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        for_each_row(kind_table[i].schema, 0, check);
}

static void test_each_field_has_a_sentence_of_help(void **state)
{
    (void)state;
    for_each_kind(check_help);
}

static void test_each_field_has_a_place_of_its_own(void **state)
{
    (void)state;
    for_each_kind(check_place);
}

static void test_each_kind_stands_at_its_id(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const struct kind *kind = &kind_table[i];
        assert_int_equal(kind->id, i);
        assert_string_equal(kind->schema->name, kind->name);
        struct strbuf version = STRBUF_INIT;
        bool is_version;
        kind_add_api_version(kind, kind->versions[0], &version);
        assert_ptr_equal(kind_find(strbuf_str(&version), str_from_c(kind->name), &is_version), kind);
        assert_true(is_version);
        strbuf_deinit(&version);
    }
}

static void test_a_kind_is_found_by_group_and_name(void **state)
{
    (void)state;
    bool is_version;
    assert_non_null(kind_find(STR("gateway.networking.k8s.io/v1alpha2"), STR("HTTPRoute"), &is_version));
    assert_false(is_version);
    assert_null(kind_find(STR("v1"), STR("HTTPRoute"), &is_version));
    assert_ptr_equal(kind_find(STR("networking.istio.io/v1"), STR("Gateway"), &is_version),
                     &kind_table[KIND_ISTIO_GATEWAY]);
    assert_null(kind_find(STR(""), STR(""), &is_version));
}

/* -------------------------------------------------------------------------------------------------- generated */

static void test_the_crds_name_their_kind_and_schema(void **state)
{
    (void)state;
    struct strbuf crd = STRBUF_INIT, file = STRBUF_INIT;
    kind_crd(&kind_table[KIND_MIRROR_POLICY], &crd);
    kind_crd_file(&kind_table[KIND_MIRROR_POLICY], &file);
    assert_string_equal(file.ptr, "umbra.dev_mirrorpolicies.yaml");
    assert_non_null(strstr(crd.ptr, "\n  name: mirrorpolicies.umbra.dev\n"));
    assert_non_null(strstr(crd.ptr, "gateway.networking.k8s.io/policy: Direct"));
    assert_non_null(strstr(crd.ptr, "\n    listKind: MirrorPolicyList\n"));
    assert_non_null(strstr(crd.ptr, "\n  scope: Namespaced\n"));
    assert_non_null(strstr(crd.ptr, "keepCredentials:"));
    assert_non_null(strstr(crd.ptr, "the mode Hash needs a key"));
    /* It is a manifest that Umbra skips. */
    struct manifests *manifests = load_text(crd.ptr);
    load_assert_one(manifests, SEVERITY_NOTE, (const char *const[]){"CustomResourceDefinition", NULL});
    assert_int_equal(manifests->problems.errors, 0);
    manifests_unref(manifests);
    strbuf_deinit(&file);
    strbuf_deinit(&crd);
}

/* Or a narrow policy would say, in a cluster, what it was never meant to say against a wider one. */
static void test_the_api_server_fills_no_defaults_into_policies(void **state)
{
    (void)state;
    struct strbuf crd = STRBUF_INIT;
    kind_crd(&kind_table[KIND_MIRROR_POLICY], &crd);
    assert_non_null(strstr(crd.ptr, "may be queued and on their way at a time. Default: 1024.\""));
    assert_null(strstr(crd.ptr, "default: 1024"));
    assert_null(strstr(crd.ptr, "default: false"));
    assert_non_null(strstr(crd.ptr, "default: gateway.networking.k8s.io")); /* a part of what a reference says */
    strbuf_deinit(&crd);
}

static void test_the_page_has_each_kind(void **state)
{
    (void)state;
    struct strbuf page = STRBUF_INIT;
    kinds_reference(&page);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        char heading[64];
        snprintf(heading, sizeof(heading), "\n## %s\n", kind_title(&kind_table[i]));
        assert_non_null(strstr(page.ptr, heading));
    }
    assert_non_null(strstr(page.ptr, "| `metadata.name` |"));
    assert_non_null(strstr(page.ptr, "| `spec.rules[].filters[].requestMirror.percent` |"));
    strbuf_deinit(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_field_of_the_gateway_api_is_known_with_its_limits),
        cmocka_unit_test(test_each_other_field_is_known),
        cmocka_unit_test(test_what_an_api_server_adds_is_no_error),
        cmocka_unit_test(test_each_field_has_a_sentence_of_help),
        cmocka_unit_test(test_each_field_has_a_place_of_its_own),
        cmocka_unit_test(test_each_kind_stands_at_its_id),
        cmocka_unit_test(test_a_kind_is_found_by_group_and_name),
        cmocka_unit_test(test_the_crds_name_their_kind_and_schema),
        cmocka_unit_test(test_the_api_server_fills_no_defaults_into_policies),
        cmocka_unit_test(test_the_page_has_each_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
