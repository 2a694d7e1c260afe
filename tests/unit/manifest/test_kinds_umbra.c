/* SPDX-License-Identifier: Apache-2.0 */
/* Backend and MirrorPolicy: defaults, limits, and what is refused because this version could not keep its word. */
#include "load.h"

#include "manifest/umbra_kinds.h"

#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct manifests *load_spec(const char *kind, const char *spec)
{
    static char text[8192];
    snprintf(text, sizeof(text), "apiVersion: umbra.dev/v1alpha1\nkind: %s\nmetadata: {name: a}\nspec: {%s}\n", kind,
             spec);
    return load_text(text);
}

struct breach {
    const char *spec, *field, *says;
};

static void check_breaches(const char *kind, enum severity severity, const struct breach *breaches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct manifests *manifests = load_spec(kind, breaches[i].spec);
        char field[256];
        snprintf(field, sizeof(field), ": %s/a: %s: ", kind, breaches[i].field);
        load_assert_one(manifests, severity, (const char *const[]){field, breaches[i].says, NULL});
        assert_int_equal(manifests->resources[0].is_bad, severity == SEVERITY_ERROR);
        manifests_unref(manifests);
    }
}

static void check_accepted(const char *kind, const char *const *specs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct manifests *manifests = load_spec(kind, specs[i]);
        if (manifests->problems.count > 0)
            fail_msg("%s:\n%s", specs[i], load_problems(manifests));
        manifests_unref(manifests);
    }
}

/* ------------------------------------------------------------------------------------------------------- Backend */

#define ENDPOINT "endpoints: [{host: a.b, port: 80}]"

static void test_a_backend_says_where_it_is(void **state)
{
    (void)state;
    static const char *const specs[] = {
        ENDPOINT,
        "endpoints: [{host: 127.0.0.1, port: 3000}, {host: '::1', port: 1}, {host: my_svc.Local, port: 65535}]",
        "endpoints: [{host: 'unix:/run/shop.sock'}]",
        ENDPOINT ", protocol: HTTP",
    };
    check_accepted("Backend", specs, COUNT(specs));
    static const struct breach breaches[] = {
        {"", "spec.endpoints", "is missing"},
        {"endpoints: []", "spec.endpoints", "at least 1"},
        {"endpoints: [{host: a}]", "spec.endpoints[0].port", "a needs a port"},
        {"endpoints: [{port: 80}]", "spec.endpoints[0].host", "is missing"},
        {"endpoints: [{host: 'unix:/a', port: 80}]", "spec.endpoints[0].port", "has no port"},
        {"endpoints: [{host: '[::1]', port: 80}]", "spec.endpoints[0].host", "without brackets"},
        {"endpoints: [{host: 'a b', port: 80}]", "spec.endpoints[0].host", "a host"},
        {"endpoints: [{host: 'http://a', port: 80}]", "spec.endpoints[0].host", "a host"},
        {"endpoints: [{host: 'a..b', port: 80}]", "spec.endpoints[0].host", "a host"},
        {"endpoints: [{host: a, port: 65536}]", "spec.endpoints[0].port", "65535"},
    };
    check_breaches("Backend", SEVERITY_ERROR, breaches, COUNT(breaches));
}

static void test_a_backend_with_wrong_tls_is_refused(void **state)
{
    (void)state;
    static const struct breach breaches[] = {
        {ENDPOINT ", protocol: H2C, tls: {}", "spec.protocol", "without TLS"},
        {"endpoints: [{host: a, port: 1}, {host: b, port: 1}], protocol: HTTPS", "spec.tls.serverName", "in common"},
        {"endpoints: [{host: 'unix:/run/a'}], tls: {}", "spec.tls.serverName", "in common"},
        {ENDPOINT ", tls: {serverName: 'https://a'}", "spec.tls.serverName", "a name or an IP address"},
        {ENDPOINT ", tls: {certFile: a.pem}", "spec.tls.keyFile", "belong together"},
        {ENDPOINT ", tls: {keyFile: a.pem}", "spec.tls.certFile", "belong together"},
        {ENDPOINT ", tls: {caFile: a.pem, caCertificateRefs: [{group: '', kind: ConfigMap, name: a}]}",
         "spec.tls.caFile", "remove one"},
        {ENDPOINT ", tls: {certFile: a, keyFile: b, clientCertificateRef: {name: a}}", "spec.tls.certFile",
         "remove one"},
        {ENDPOINT ", protocol: http", "spec.protocol", "HTTP"},
    };
    check_breaches("Backend", SEVERITY_ERROR, breaches, COUNT(breaches));
}

/* -------------------------------------------------------------------------------------------------- MirrorPolicy */

#define TARGET "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: checkout}]"

static void test_a_policy_with_everything_is_read(void **state)
{
    (void)state;
    struct manifests *manifests = load_spec(
        "MirrorPolicy",
        "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: checkout, sectionName: rule-name}, "
        "{kind: Gateway, name: edge}],\n"
        " mirrorRef: {name: shop-v2}, suspend: true, methods: [GET, HEAD, OPTIONS], sources: [10.0.0.0/8, "
        "'fd00::/8'],\n"
        " sampling: {mode: Hash, key: {header: x-user-id}, salt: spring},\n"
        " limits: {requestsPerSecond: 200, inFlight: 64, connections: 32, window: 2Mi, timeout: 5s, connectTimeout: "
        "2s},\n"
        " request: {host: {type: Literal, value: 'a:80'}, headers: {set: [{name: a, value: b}]},\n"
        "   redact: {headers: [authorization], cookies: [sid], query: [token]},\n"
        "   marker: {header: X-Shadow, baggage: false, trace: NewRoot}, keepCredentials: true}");
    assert_string_equal(load_problems(manifests), "");
    const struct mirror_policy_spec *spec = ((const struct mirror_policy *)manifests->resources[0].object)->spec;
    assert_int_equal(spec->target_refs.count, 2);
    const struct object_ref *second = SCHEMA_ITEM(spec->target_refs, struct object_ref, 1);
    assert_true(str_eq(second->group, STR("gateway.networking.k8s.io")));
    assert_null(second->section_name.ptr);
    assert_null(spec->mirror_ref->kind.ptr);
    assert_int_equal(spec->suspend.value, 1);
    assert_int_equal(spec->methods.count, 3);
    assert_int_equal(spec->sampling->mode.value, MODE_HASH);
    assert_true(str_eq(spec->sampling->key->header, STR("x-user-id")));
    assert_int_equal(spec->limits->window.value, 2 * 1024 * 1024);
    assert_int_equal(spec->limits->timeout.value, 5000);
    assert_int_equal(spec->request->host->type.value, HOST_LITERAL);
    assert_int_equal(spec->request->marker->trace.value, TRACE_NEW_ROOT);
    assert_int_equal(spec->request->marker->baggage.value, 0);
    assert_int_equal(spec->request->keep_credentials.value, 1);
    manifests_unref(manifests);
}

static void test_what_a_policy_does_not_say_has_its_default(void **state)
{
    (void)state;
    struct manifests *manifests = load_spec("MirrorPolicy",
                                            TARGET ", sampling: {}, limits: {}, request: {host: {}, marker: {}}");
    assert_string_equal(load_problems(manifests), "");
    const struct mirror_policy_spec *spec = ((const struct mirror_policy *)manifests->resources[0].object)->spec;
    assert_int_equal(spec->sampling->mode.value, MODE_EVEN);
    assert_false(spec->limits->requests_per_second.is_set);
    assert_int_equal(spec->limits->in_flight.value, 1024);
    assert_false(spec->limits->in_flight.is_set);
    assert_int_equal(spec->limits->connections.value, 256);
    assert_int_equal(spec->limits->window.value, 1024 * 1024);
    assert_int_equal(spec->limits->timeout.value, 15000);
    assert_int_equal(spec->limits->connect_timeout.value, 1000);
    assert_int_equal(spec->request->host->type.value, HOST_PRESERVE);
    assert_true(str_eq(spec->request->marker->header, STR("X-Umbra-Shadow")));
    assert_int_equal(spec->request->marker->baggage.value, 1);
    assert_int_equal(spec->request->marker->trace.value, TRACE_UNSAMPLED);
    assert_int_equal(spec->request->keep_credentials.value, 0);
    assert_null(spec->compare);
    manifests_unref(manifests);
}

static void test_the_defaults_of_a_verdict_are_those_that_are_promised(void **state)
{
    (void)state;
    struct manifests *manifests = load_spec("MirrorPolicy", TARGET ", verdict: {}");
    const struct policy_verdict *verdict =
        ((const struct mirror_policy *)manifests->resources[0].object)->spec->verdict;
    assert_int_equal(verdict->min_pairs.value, 100);
    assert_int_equal(verdict->min_pairs_p99.value, 1000);
    assert_int_equal(verdict->max_shadow_failures.value, 10000);
    assert_int_equal(verdict->max_lost.value, 100000);
    assert_int_equal(verdict->max_blind.value, 100000);
    assert_int_equal(verdict->max_different.value, 1000);
    assert_int_equal(verdict->max_new_errors.value, 1000);
    assert_int_equal(verdict->finding_latency_added.value, 1);
    assert_int_equal(verdict->finding_latency_share.value, 100000);
    assert_int_equal(verdict->max_latency_added.value, 5);
    assert_int_equal(verdict->max_latency_share.value, 250000);
    manifests_unref(manifests);
}

static void test_what_comparing_can_say_is_read(void **state)
{
    (void)state;
    struct manifests *manifests = load_spec(
        "MirrorPolicy", TARGET ", compare: {samples: Fields, bodyBytes: 1Ki, headers: [content-type, x-total], "
                               "control: {backendRef: {name: twin, port: 80}}, "
                               "ignore: {headers: [date], jsonPaths: [$.requestId, '$..at', \"$['x-id'][*][0].*\"]}, "
                               "arrays: [{path: $.tags, type: Set}, {path: '$.items', type: Keyed, key: id}], "
                               "redact: {headers: [x-secret], cookies: [sid], query: [token], jsonPaths: [$.card]}}, "
                               "verdict: {maxBlind: 25%}");
    assert_int_equal(manifests->problems.count, 0);
    const struct mirror_policy_spec *spec = ((const struct mirror_policy *)manifests->resources[0].object)->spec;
    const struct policy_compare *compare = spec->compare;
    assert_int_equal(compare->samples.value, SAMPLES_FIELDS);
    assert_int_equal(compare->headers.count, 2);
    assert_true(str_eq(*SCHEMA_ITEM(compare->ignore->json_paths, struct str, 2), STR("$['x-id'][*][0].*")));
    const struct policy_array *arrays = compare->arrays.items;
    assert_int_equal(compare->arrays.count, 2);
    assert_true(str_eq(arrays[0].path, STR("$.tags")));
    assert_int_equal(arrays[0].type.value, ARRAY_OF_SET);
    assert_int_equal(arrays[1].type.value, ARRAY_OF_KEYED);
    assert_true(str_eq(arrays[1].key, STR("id")));
    assert_int_equal(compare->redact->headers.count, 1);
    assert_int_equal(compare->redact->cookies.count, 1);
    assert_int_equal(compare->redact->query.count, 1);
    assert_true(str_eq(*SCHEMA_ITEM(compare->redact->json_paths, struct str, 0), STR("$.card")));
    assert_int_equal(spec->verdict->max_blind.value, 250000);
    manifests_unref(manifests);
}

static void test_what_may_not_be_meant_is_said(void **state)
{
    (void)state;
    static const struct breach warnings[] = {
        {"suspend: true", "spec.targetRefs", "has no effect"},
        {TARGET ", verdict: {minPairs: 500, minPairsP99: 100}", "spec.verdict.minPairsP99",
         "below minPairs (100 < 500)"},
        {TARGET ", verdict: {minPairsP99: 99}", "spec.verdict.minPairsP99", "below minPairs (99 < 100)"},
        {TARGET ", compare: {bodyBytes: 0, ignore: {jsonPaths: [$.a]}}", "spec.compare.ignore.jsonPaths",
         "no body is looked at"},
        {TARGET ", compare: {bodyBytes: 0, arrays: [{path: $.a, type: Set}]}", "spec.compare.arrays",
         "no body is looked at"},
        {TARGET ", compare: {bodyBytes: 0, redact: {jsonPaths: [$.a]}}", "spec.compare.redact.jsonPaths",
         "no body is looked at"},
    };
    check_breaches("MirrorPolicy", SEVERITY_WARNING, warnings, COUNT(warnings));
}

static void test_a_policy_without_a_spec_is_no_error(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(
        "apiVersion: umbra.dev/v1alpha1\nkind: MirrorPolicy\nmetadata: {name: a}\n");
    assert_int_equal(manifests->problems.errors, 0);
    assert_non_null(((const struct mirror_policy *)manifests->resources[0].object)->spec);
    manifests_unref(manifests);
}

static void test_a_wrong_policy_is_refused(void **state)
{
    (void)state;
    static const struct breach breaches[] = {
        {"targetRefs: [{kind: Service, name: a}]", "spec.targetRefs[0].kind", "HTTPRoute"},
        {"targetRefs: [{group: apps, kind: HTTPRoute, name: a}]", "spec.targetRefs[0].group", "gateway.networking"},
        {"targetRefs: [{kind: HTTPRoute}]", "spec.targetRefs[0].name", "is missing"},
        {TARGET ", mirrorRef: {port: 80}", "spec.mirrorRef.name", "is missing"},
        {TARGET ", methods: [get]", "spec.methods[0]", "GET"},
        {TARGET ", methods: [GET, GET]", "spec.methods[1]", "in the list already"},
        {TARGET ", sources: [10.0.0.0/33]", "spec.sources[0]", "range of IP addresses"},
        {TARGET ", sampling: {mode: Hash}", "spec.sampling.key", "needs a key"},
        {TARGET ", sampling: {key: {header: a}}", "spec.sampling.key", "is for the mode Hash"},
        {TARGET ", sampling: {mode: Hash, key: {}}", "spec.sampling.key", "names 0 keys"},
        {TARGET ", sampling: {mode: Hash, key: {header: a, clientIP: true}}", "spec.sampling.key", "names 2 keys"},
        {TARGET ", sampling: {mode: Hash, key: {clientIP: false}}", "spec.sampling.key", "names 0 keys"},
        {TARGET ", limits: {requestsPerSecond: 0}", "spec.limits.requestsPerSecond", "1"},
        {TARGET ", limits: {inFlight: 0}", "spec.limits.inFlight", "1"},
        {TARGET ", limits: {window: 10}", "spec.limits.window", "1Ki"},
        {TARGET ", limits: {timeout: 0s}", "spec.limits.timeout", "1ms"},
        {TARGET ", request: {host: {type: Literal}}", "spec.request.host.value", "add value"},
        {TARGET ", request: {host: {value: a}}", "spec.request.host.value", "type: Literal"},
        {TARGET ", request: {host: {type: Literal, value: 'a b'}}", "spec.request.host.value", "a host"},
        {TARGET ", request: {headers: {remove: [a, a]}}", "spec.request.headers.remove[1]", "already"},
        {TARGET ", request: {redact: {cookies: ['a=b']}}", "spec.request.redact.cookies[0]", "header name"},
        {TARGET ", compare: {ignore: {jsonPaths: [requestId]}}", "spec.compare.ignore.jsonPaths[0]",
         "\"requestId\" is not a JSON path: character 1: a path begins with \"$\""},
        {TARGET ", compare: {ignore: {jsonPaths: [$.a, $.x-id]}}", "spec.compare.ignore.jsonPaths[1]",
         "character 4: a name of other characters"},
        {TARGET ", compare: {redact: {jsonPaths: ['$.a[?(@.b)]']}}", "spec.compare.redact.jsonPaths[0]",
         "character 5: filters are not understood"},
        {TARGET ", compare: {headers: []}", "spec.compare.headers", "1"},
        {TARGET ", compare: {arrays: [{path: $.a}]}", "spec.compare.arrays[0].type", "is missing"},
        {TARGET ", compare: {arrays: [{type: Set}]}", "spec.compare.arrays[0].path", "is missing"},
        {TARGET ", compare: {arrays: [{path: $.a, type: Keyed}]}", "spec.compare.arrays[0].key", "add it, as key: id"},
        {TARGET ", compare: {arrays: [{path: $.a, type: Set, key: id}]}", "spec.compare.arrays[0].key",
         "is for the type Keyed"},
        {TARGET ", compare: {arrays: [{path: '$.a[', type: Set}]}", "spec.compare.arrays[0].path", "character 5"},
        {TARGET ", compare: {arrays: [{path: $.a, type: Set}, {path: $.a, type: Set}]}", "spec.compare.arrays[1].path",
         "$.a"},
        {TARGET ", verdict: {maxBlind: 101%}", "spec.verdict.maxBlind", "100%"},
        {TARGET ", compare: {control: {backendRef: {name: a}}}", "spec.compare.control.backendRef.port",
         "a Service needs a port"},
        {TARGET ", verdict: {maxLost: 101%}", "spec.verdict.maxLost", "100%"},
        {TARGET ", verdict: {minPairs: 0}", "spec.verdict.minPairs", "1"},
        {TARGET ", sampeling: {}", "spec.sampeling", "did you mean \"sampling\"?"},
    };
    check_breaches("MirrorPolicy", SEVERITY_ERROR, breaches, COUNT(breaches));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_backend_says_where_it_is),
        cmocka_unit_test(test_a_backend_with_wrong_tls_is_refused),
        cmocka_unit_test(test_a_policy_with_everything_is_read),
        cmocka_unit_test(test_what_a_policy_does_not_say_has_its_default),
        cmocka_unit_test(test_the_defaults_of_a_verdict_are_those_that_are_promised),
        cmocka_unit_test(test_what_comparing_can_say_is_read),
        cmocka_unit_test(test_what_may_not_be_meant_is_said),
        cmocka_unit_test(test_a_policy_without_a_spec_is_no_error),
        cmocka_unit_test(test_a_wrong_policy_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
