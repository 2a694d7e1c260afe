/* SPDX-License-Identifier: Apache-2.0 */
#include "outcome_text.h"
#include "plan/credentials.h"
#include "tls_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- BackendTLSPolicies ---- */

#define TLS_POLICY(meta, spec) \
    "---\napiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {" meta "}\nspec: {" spec "}\n"
#define TARGET "targetRefs: [{group: '', kind: Service, name: shop}]"
#define CA_REF(name) "validation: {hostname: shop.test, caCertificateRefs: [" name "]}"
#define GOOD_CA "{group: '', kind: ConfigMap, name: ca}"
#define CA \
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca}\ndata: {ca.crt: \"" SHOP_CRT "\"}\n" \
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: empty}\ndata: {other: text}\n" \
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: garbage}\ndata: {ca.crt: nothing}\n"
#define ROUTED WORLD HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], " TO_SHOP) CA
#define OF_TLS(name, conditions) "BackendTLSPolicy default/" name " > default/edge: " conditions

static void test_a_tls_policy_has_the_gateways_by_which_requests_come_as_its_ancestors(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {ROUTED TLS_POLICY("name: p", TARGET ", " CA_REF(GOOD_CA)), OF_TLS("p", "Accepted ResolvedRefs")},
        {ROUTED TLS_POLICY("name: p, generation: 5", TARGET ", " CA_REF(GOOD_CA)),
         "BackendTLSPolicy default/p@5 > default/edge: Accepted ResolvedRefs"},
        /* No request of ours goes there: it is others'. */
        {ROUTED TLS_POLICY("name: p", "targetRefs: [{group: '', kind: Service, name: cart}], " CA_REF(GOOD_CA)), ""},
        {WORLD CA TLS_POLICY("name: p", TARGET ", " CA_REF(GOOD_CA)), ""},
        {CLASS("umbra") SERVICE("name: shop") GATEWAY("name: a", "{name: a, protocol: HTTP, port: 80}")
             GATEWAY("name: b", "{name: b, protocol: HTTP, port: 81}")
                 HTTP_ROUTE("name: r", "parentRefs: [{name: a}, {name: b}], " TO_SHOP)
                     CA TLS_POLICY("name: p", TARGET ", " CA_REF(GOOD_CA)),
         "BackendTLSPolicy default/p > default/a: Accepted ResolvedRefs\n"
         "BackendTLSPolicy default/p > default/b: Accepted ResolvedRefs"},
        /* A port that no route leads to. */
        {ROUTED TLS_POLICY("name: p",
                           "targetRefs: [{group: '', kind: Service, name: shop, sectionName: tls}], " CA_REF(GOOD_CA)),
         OF_TLS("p", "Accepted ResolvedRefs")},
    };
    ASSERT_OUTCOMES("BackendTLSPolicy", cases);
}

static void test_a_tls_policy_without_a_certificate_that_can_be_used_is_not_accepted(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {ROUTED TLS_POLICY("name: p", TARGET ", " CA_REF("{group: '', kind: ConfigMap, name: none}")),
         OF_TLS("p", "!Accepted(NoValidCACertificate) !ResolvedRefs(InvalidCACertificateRef)")},
        {ROUTED TLS_POLICY("name: p", TARGET ", " CA_REF("{group: '', kind: ConfigMap, name: empty}")),
         OF_TLS("p", "!Accepted(NoValidCACertificate) !ResolvedRefs(InvalidCACertificateRef)")},
        {ROUTED TLS_POLICY("name: p", TARGET ", " CA_REF("{group: '', kind: ConfigMap, name: garbage}")),
         OF_TLS("p", "!Accepted(NoValidCACertificate) !ResolvedRefs(InvalidCACertificateRef)")},
        {ROUTED TLS_POLICY("name: p", TARGET ", " CA_REF("{group: '', kind: InvalidKind, name: ca}")),
         OF_TLS("p", "!Accepted(NoValidCACertificate) !ResolvedRefs(InvalidKind)")},
        /* One that can be used is enough. */
        {ROUTED TLS_POLICY("name: p", TARGET ", " CA_REF("{group: '', kind: ConfigMap, name: none}, " GOOD_CA)),
         OF_TLS("p", "Accepted !ResolvedRefs(InvalidCACertificateRef)")},
        /* Each of two with the same bad reference says it. */
        {ROUTED TLS_POLICY("name: p", TARGET ", " CA_REF("{group: '', kind: ConfigMap, name: garbage}"))
             TLS_POLICY("name: q", "targetRefs: [{group: '', kind: Service, name: shop, sectionName: web}], " CA_REF(
                                       "{group: '', kind: ConfigMap, name: garbage}")),
         OF_TLS("p", "!Accepted(NoValidCACertificate) !ResolvedRefs(InvalidCACertificateRef)") "\n" OF_TLS(
             "q", "!Accepted(NoValidCACertificate) !ResolvedRefs(InvalidCACertificateRef)")},
        {ROUTED TLS_POLICY("name: p", TARGET ", validation: {hostname: shop.test, wellKnownCACertificates: a.b/C}"),
         OF_TLS("p", "!Accepted(Invalid) ResolvedRefs")},
        {ROUTED TLS_POLICY("name: p", TARGET ", options: {umbra.dev/none: x}, " CA_REF(GOOD_CA)),
         OF_TLS("p", "!Accepted(Invalid) ResolvedRefs")},
        {ROUTED TLS_POLICY("name: p", TARGET ", validation: {hostname: '*.*'}"), OF_TLS("p", "!Accepted(Invalid)")},
    };
    ASSERT_OUTCOMES("BackendTLSPolicy", cases);
    /* The route is in order: its reference leads to the Service. */
    assert_outcomes("HTTPRoute", NULL, cases[0].yaml, NULL, "HTTPRoute default/r > edge: Accepted ResolvedRefs");
}

static void test_a_tls_policy_whose_bundle_became_bad_is_not_accepted_though_that_of_before_is_in_force(void **state)
{
    (void)state;
    struct err err;
    struct credentials_builder *builder = credentials_builder_new(1);
    credentials_builder_add(builder, STR("configmap/default/garbage"), CREDENTIAL_AUTHORITIES, STR(SHOP_CRT), STR(""));
    int fd = credentials_builder_seal(builder, &err);
    credentials_builder_free(builder);
    const struct credentials *before = credentials_map(fd, &err);
    assert_non_null(before);
    struct compile_options options = {.is_cluster = true, .before = before};
    assert_outcomes("BackendTLSPolicy", NULL,
                    ROUTED TLS_POLICY("name: p", TARGET ", " CA_REF("{group: '', kind: ConfigMap, name: garbage}")),
                    &options, OF_TLS("p", "!Accepted(NoValidCACertificate) !ResolvedRefs(InvalidCACertificateRef)"));
    assert_message("BackendTLSPolicy",
                   ROUTED TLS_POLICY("name: p", TARGET ", " CA_REF("{group: '', kind: ConfigMap, name: garbage}")),
                   &options, "BackendTLSPolicy", "Accepted", "those of before stay in force");
    /* Beside one that is good it is not what counts. */
    assert_outcomes(
        "BackendTLSPolicy", NULL,
        ROUTED TLS_POLICY("name: p", TARGET ", " CA_REF("{group: '', kind: ConfigMap, name: garbage}, " GOOD_CA)),
        &options, OF_TLS("p", "Accepted !ResolvedRefs(InvalidCACertificateRef)"));
    credentials_unmap(before);
    close(fd);
}

static void test_of_two_tls_policies_for_one_target_the_older_counts_and_one_for_a_port_beside_both(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {ROUTED TLS_POLICY("name: a, creationTimestamp: '2026-02-01T00:00:00Z'", TARGET ", " CA_REF(GOOD_CA))
             TLS_POLICY("name: b, creationTimestamp: '2026-01-01T00:00:00Z'", TARGET ", " CA_REF(GOOD_CA)),
         OF_TLS("a", "!Accepted(Conflicted) ResolvedRefs") "\n" OF_TLS("b", "Accepted ResolvedRefs")},
        {ROUTED TLS_POLICY("name: a", TARGET ", " CA_REF(GOOD_CA)) TLS_POLICY(
             "name: b", "targetRefs: [{group: '', kind: Service, name: shop, sectionName: web}], " CA_REF(GOOD_CA)),
         OF_TLS("a", "Accepted ResolvedRefs") "\n" OF_TLS("b", "Accepted ResolvedRefs")},
        {ROUTED TLS_POLICY("name: a",
                           "targetRefs: [{group: '', kind: Service, name: shop, sectionName: nope}], " CA_REF(GOOD_CA)),
         OF_TLS("a", "!Accepted(TargetNotFound) ResolvedRefs")},
    };
    ASSERT_OUTCOMES("BackendTLSPolicy", cases);
}

/* ---- MirrorPolicies ---- */

#define TO_ROUTE "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]"
#define MIRRORED \
    WORLD SERVICE("name: shadow") HTTP_ROUTE( \
        "name: r", "parentRefs: [{name: edge}], rules: [{name: all, backendRefs: [{name: shop, port: 80}], " \
                   "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: shadow, port: 80}}}]}]")
#define OF_MIRROR(name, conditions) "MirrorPolicy default/" name " > default/r: " conditions

static void test_a_mirror_policy_has_its_targets_as_its_ancestors(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {MIRRORED POLICY("name: p", TO_ROUTE ", methods: [GET]"), OF_MIRROR("p", "Accepted ResolvedRefs")},
        {MIRRORED POLICY("name: p, generation: 2", TO_ROUTE ", methods: [GET]"),
         "MirrorPolicy default/p@2 > default/r: Accepted ResolvedRefs"},
        {MIRRORED POLICY("name: p",
                         "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r, sectionName: all}, "
                         "{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]"),
         "MirrorPolicy default/p > default/r/all: Accepted ResolvedRefs\n"
         "MirrorPolicy default/p > default/edge: Accepted ResolvedRefs"},
        {MIRRORED POLICY("name: p", "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: none}, "
                                    "{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]"),
         "MirrorPolicy default/p > default/none: !Accepted(TargetNotFound) ResolvedRefs\n" OF_MIRROR(
             "p", "Accepted ResolvedRefs")},
        {MIRRORED POLICY("name: p", "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r, "
                                    "sectionName: none}]"),
         "MirrorPolicy default/p > default/r/none: !Accepted(TargetNotFound) ResolvedRefs"},
        {MIRRORED POLICY("name: p", TO_ROUTE ", mirrorRef: {name: none}"),
         OF_MIRROR("p", "!Accepted(TargetNotFound) ResolvedRefs")},
        {MIRRORED POLICY("name: p", TO_ROUTE ", methods: [SING]"), OF_MIRROR("p", "!Accepted(Invalid)")},
    };
    ASSERT_OUTCOMES("MirrorPolicy", cases);
}

static void test_the_loser_of_two_mirror_policies_is_conflicted(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {MIRRORED POLICY("name: a", TO_ROUTE ", methods: [GET]") POLICY("name: b", TO_ROUTE ", methods: [POST]"),
         OF_MIRROR("a", "Accepted ResolvedRefs") "\n" OF_MIRROR("b", "!Accepted(Conflicted) ResolvedRefs")},
        /* Of other fields both count, and what is more specific is no conflict. */
        {MIRRORED POLICY("name: a", TO_ROUTE ", methods: [GET]") POLICY("name: b", TO_ROUTE ", limits: {inFlight: 3}"),
         OF_MIRROR("a", "Accepted ResolvedRefs") "\n" OF_MIRROR("b", "Accepted ResolvedRefs")},
        {MIRRORED POLICY("name: a", TO_ROUTE ", methods: [GET]")
             POLICY("name: b", TO_ROUTE ", mirrorRef: {name: shadow}, methods: [POST]"),
         OF_MIRROR("a", "Accepted ResolvedRefs") "\n" OF_MIRROR("b", "Accepted ResolvedRefs")},
    };
    ASSERT_OUTCOMES("MirrorPolicy", cases);
    assert_message("MirrorPolicy", cases[0].yaml, NULL, "MirrorPolicy default/b", "Accepted",
                   "spec.methods: MirrorPolicy a says this");
}

#define CONTROL(ref) TO_ROUTE ", compare: {control: {backendRef: {" ref "}}}"

static void test_a_control_that_can_not_be_resolved_is_said_by_its_policy(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {MIRRORED POLICY("name: p", CONTROL("name: none, port: 80")),
         OF_MIRROR("p", "Accepted !ResolvedRefs(BackendNotFound)")},
        {MIRRORED POLICY("name: p", CONTROL("name: shop, namespace: other, port: 80")),
         OF_MIRROR("p", "Accepted !ResolvedRefs(RefNotPermitted)")},
        {MIRRORED SERVICE("name: twin, namespace: other")
             POLICY("name: p", CONTROL("name: twin, namespace: other, port: 80"))
                 GRANT("name: g, namespace: other", "from: [{group: umbra.dev, kind: MirrorPolicy, namespace: "
                                                    "default}], to: [{group: '', kind: Service}]"),
         OF_MIRROR("p", "Accepted ResolvedRefs")},
    };
    ASSERT_OUTCOMES("MirrorPolicy", cases);
}

static void test_a_policy_knows_the_mirrors_that_it_counts_for(void **state)
{
    (void)state;
    static const struct compile_options cluster = {.is_cluster = true};
    struct compile_text result = compile_yaml(MIRRORED POLICY("name: p", TO_ROUTE ", suspend: true"), &cluster);
    const struct outcomes *outcomes = &result.compiled->outcomes;
    const struct outcome *policy = &outcomes->list[outcomes->count - 1];
    assert_string_equal(policy->resource->kind->name, "MirrorPolicy");
    assert_int_equal(policy->mirror_count, 1);
    assert_true(str_eq(policy->mirrors[0].route, STR("default/r#all")));
    assert_true(str_eq(policy->mirrors[0].mirror, STR("default/shadow:80")));
    assert_true(policy->mirrors[0].is_suspended);
    assert_false(policy->mirrors[0].has_hosts);
    compile_text_free(&result);
}

/* ---- Backends ---- */

#define OUTSIDE(host) BACKEND("name: out", "endpoints: [{host: '" host "', port: 80}]")
#define TO_OUTSIDE \
    WORLD HTTP_ROUTE("name: r", \
                     "parentRefs: [{name: edge}], rules: [{backendRefs: [{group: umbra.dev, kind: Backend, " \
                     "name: out}]}]")

static void test_backends_are_served_in_a_cluster_only_where_that_is_allowed(void **state)
{
    (void)state;
    const struct compile_options allowed = {.is_cluster = true, .allow_backends = true};
    const char *yaml = TO_OUTSIDE OUTSIDE("shop.example.com");
    assert_outcomes("Backend", NULL, yaml, NULL, "Backend default/out: !Accepted(NotAllowed) ResolvedRefs");
    assert_outcomes("HTTPRoute", NULL, yaml, NULL, "HTTPRoute default/r > edge: Accepted !ResolvedRefs(InvalidKind)");
    assert_outcomes("Backend", NULL, yaml, &allowed, "Backend default/out: Accepted ResolvedRefs");
    assert_outcomes("HTTPRoute", NULL, yaml, &allowed, "HTTPRoute default/r > edge: Accepted ResolvedRefs");
}

static void test_backends_never_lead_to_this_machine_or_link_in_a_cluster(void **state)
{
    (void)state;
    const struct compile_options allowed = {.is_cluster = true, .allow_backends = true};
    static const char *const refused[] = {
        TO_OUTSIDE OUTSIDE("127.0.0.1"),
        TO_OUTSIDE OUTSIDE("127.8.8.8"),
        TO_OUTSIDE OUTSIDE("::1"),
        TO_OUTSIDE OUTSIDE("::ffff:127.0.0.1"),
        TO_OUTSIDE OUTSIDE("169.254.169.254"),
        TO_OUTSIDE OUTSIDE("fe80::1"),
        TO_OUTSIDE OUTSIDE("0.0.0.0"),
        TO_OUTSIDE OUTSIDE("::"),
        TO_OUTSIDE OUTSIDE("localhost"),
        TO_OUTSIDE OUTSIDE("a.localhost"),
        TO_OUTSIDE BACKEND("name: out", "endpoints: [{host: 'unix:/run/x.sock'}]"),
        TO_OUTSIDE BACKEND("name: out", "endpoints: [{host: 192.0.2.1, port: 80}, {host: 127.0.0.1, port: 80}]"),
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_outcomes("Backend", NULL, refused[i], &allowed,
                        "Backend default/out: !Accepted(UnsupportedValue) ResolvedRefs");
        assert_outcomes("HTTPRoute", NULL, refused[i], &allowed,
                        "HTTPRoute default/r > edge: Accepted !ResolvedRefs(InvalidBackend)");
    }
    assert_outcomes("Backend", NULL, TO_OUTSIDE OUTSIDE("10.0.0.1"), &allowed,
                    "Backend default/out: Accepted ResolvedRefs");
}

static void test_hosts_of_backends_are_guarded_in_a_cluster_when_they_are_resolved(void **state)
{
    (void)state;
    const struct compile_options allowed = {.is_cluster = true, .allow_backends = true}, files = {0};
    struct compile_text result = compile_yaml(TO_OUTSIDE OUTSIDE("shop.example.com"), &allowed);
    assert_true(result.compiled->rules.backends[0].hosts[0].is_guarded);
    compile_text_free(&result);
    result = compile_yaml(TO_OUTSIDE OUTSIDE("127.0.0.1"), &files);
    assert_false(result.compiled->rules.backends[0].hosts[0].is_guarded);
    compile_text_free(&result);
}

static void test_what_a_backend_needs_for_tls_is_a_reference_of_its_own(void **state)
{
    (void)state;
    const struct compile_options allowed = {.is_cluster = true, .allow_backends = true};
    assert_outcomes("Backend", NULL,
                    TO_OUTSIDE BACKEND("name: out", "endpoints: [{host: a.example.com, port: 443}], tls: "
                                                    "{caCertificateRefs: [{group: '', kind: ConfigMap, name: none}]}"),
                    &allowed, "Backend default/out: Accepted !ResolvedRefs(InvalidCACertificateRef)");
    assert_outcomes(
        "Backend", NULL,
        TO_OUTSIDE BACKEND("name: out", "endpoints: [{host: a.example.com, port: 443}], tls: {caFile: ca.pem}"),
        &allowed, "Backend default/out: !Accepted(Invalid) ResolvedRefs");
    assert_outcomes("Backend", NULL, WORLD BACKEND("name: out", "endpoints: []"), &allowed,
                    "Backend default/out: !Accepted(Invalid)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tls_policy_has_the_gateways_by_which_requests_come_as_its_ancestors),
        cmocka_unit_test(test_a_tls_policy_without_a_certificate_that_can_be_used_is_not_accepted),
        cmocka_unit_test(test_a_tls_policy_whose_bundle_became_bad_is_not_accepted_though_that_of_before_is_in_force),
        cmocka_unit_test(test_of_two_tls_policies_for_one_target_the_older_counts_and_one_for_a_port_beside_both),
        cmocka_unit_test(test_a_mirror_policy_has_its_targets_as_its_ancestors),
        cmocka_unit_test(test_the_loser_of_two_mirror_policies_is_conflicted),
        cmocka_unit_test(test_a_control_that_can_not_be_resolved_is_said_by_its_policy),
        cmocka_unit_test(test_a_policy_knows_the_mirrors_that_it_counts_for),
        cmocka_unit_test(test_backends_are_served_in_a_cluster_only_where_that_is_allowed),
        cmocka_unit_test(test_backends_never_lead_to_this_machine_or_link_in_a_cluster),
        cmocka_unit_test(test_hosts_of_backends_are_guarded_in_a_cluster_when_they_are_resolved),
        cmocka_unit_test(test_what_a_backend_needs_for_tls_is_a_reference_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
