/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners that end TLS, and backends that are spoken to over it. */
#include "compile_text.h"
#include "tls_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define GATEWAY(meta, spec) GATEWAY_OBJECT("Gateway", meta, "gatewayClassName: umbra, " spec)
#define LISTENERS(list) GATEWAY("name: edge", "listeners: [" list "]")
#define HTTPS(name, more) "{name: " name ", protocol: HTTPS, port: 443, " more "}"
#define CERTIFICATES(list) "tls: {certificateRefs: [" list "]}"
#define SECRET(meta, contents) "---\napiVersion: v1\nkind: Secret\nmetadata: {" meta "}\nstringData: {" contents "}\n"
#define PEM(crt, key) "tls.crt: \"" crt "\", tls.key: \"" key "\""
#define CONFIG_MAP(name, contents) \
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\ndata: {" contents "}\n"
#define SHOP_SECRET SECRET("name: shop-tls", PEM(SHOP_CRT, SHOP_KEY))
#define RULE(refs) EDGE ROUTE("r") "  rules: [{name: all, backendRefs: [" refs "]}]\n"
#define SHOP_443 "{name: shop, port: 443}"
#define BACKEND_REF "{group: umbra.dev, kind: Backend, name: shop}"
#define TLS_POLICY(meta, spec) \
    "---\napiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {" meta "}\nspec: {" spec "}\n"
#define TARGET "targetRefs: [{group: '', kind: Service, name: shop}]"
#define VALID "validation: {hostname: shop.test, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}"
#define CA CONFIG_MAP("ca", "ca.crt: \"" SHOP_CRT "\"")
#define SERVICE(ports) "---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {ports: [" ports "]}\n"

struct tls_case {
    const char *yaml, *want;
};

static void assert_cases(const struct tls_case *cases, size_t count, render_fn *render)
{
    for (size_t i = 0; i < count; i++)
        assert_compiles_to(cases[i].yaml, NULL, render, cases[i].want);
}

/* Listeners with their certificates. */
static const char *certificates_text(struct compile_text *result)
{
    const struct rule_set *rules = &result->compiled->rules;
    strbuf_clear(&result->text);
    strbuf_add(&result->text, STR(""));
    for (size_t i = 0; i < rules->listener_count; i++) {
        const struct rule_listener *listener = &rules->listeners[i];
        strbuf_printf(&result->text, "%s%.*s%s", i > 0 ? "; " : "", STR_ARG(listener->label),
                      listener->takes_proxy_header ? " PROXY" : "");
        for (size_t j = 0; j < listener->certificate_count; j++)
            strbuf_printf(&result->text, " %.*s", STR_ARG(listener->certificates[j]));
    }
    return result->text.ptr;
}

/* Backends with how they are spoken to. */
static const char *ways_text(struct compile_text *result)
{
    static const char *const protocols[] = {"1", "2", "alpn"};
    const struct rule_set *rules = &result->compiled->rules;
    strbuf_clear(&result->text);
    strbuf_add(&result->text, STR(""));
    for (size_t i = 0; i < rules->backend_count; i++) {
        const struct rule_backend *backend = &rules->backends[i];
        const struct rule_tls *tls = backend->tls;
        strbuf_printf(&result->text, "%s%.*s %s", i > 0 ? "; " : "", STR_ARG(backend->label),
                      protocols[backend->protocol]);
        if (tls)
            strbuf_printf(&result->text, " tls(%.*s %.*s %.*s)", STR_ARG(tls->server_name), STR_ARG(tls->authorities),
                          STR_ARG(tls->identity));
        for (size_t j = 0; tls && j < tls->san_count; j++)
            strbuf_printf(&result->text, " %.*s", STR_ARG(tls->sans[j].name));
    }
    return result->text.ptr;
}

/* The contents of a Secret come into the credentials, and of those that nobody names none. */
static void test_listeners_have_their_certificates_in_order(void **state)
{
    (void)state;
    struct compile_text result = compile_yaml(
        LISTENERS(HTTPS("a", "hostname: shop.test, " CERTIFICATES("{name: shop-tls}, {name: other-tls}")) ", " HTTPS(
            "b", "hostname: other.test, " CERTIFICATES("{name: other-tls}")) ", {name: http, protocol: HTTP, port: 80}")
            SHOP_SECRET SECRET("name: other-tls", PEM(OTHER_CRT, OTHER_KEY))
                SECRET("name: unused", PEM(OTHER_CRT, OTHER_KEY)),
        NULL);
    assert_string_equal(said(&result), "");
    assert_string_equal(certificates_text(&result),
                        "default/edge/a secret/default/shop-tls secret/default/other-tls; default/edge/b "
                        "secret/default/other-tls; default/edge/http");
    assert_int_equal(result.compiled->credential_count, 2);
    const struct compiled_credential *first = &result.compiled->credentials[0];
    assert_true(str_eq(first->label, STR("secret/default/shop-tls")));
    assert_true(str_starts_with(first->chain, STR("-----BEGIN CERTIFICATE-----\n")));
    assert_true(str_starts_with(first->key, STR("-----BEGIN PRIVATE KEY-----\n")));
    compile_text_free(&result);
}

#define ONE(secret) LISTENERS(HTTPS("a", CERTIFICATES("{name: shop-tls}"))) SECRET("name: shop-tls", secret)

static void test_a_listener_without_a_usable_certificate_is_not_served(void **state)
{
    (void)state;
    static const struct tls_case cases[] = {
        {LISTENERS(HTTPS("a", "hostname: a.test")),
         "error InvalidCertificateRef Gateway/edge: spec.listeners[0].tls.certificateRefs: the protocol HTTPS needs a "
         "certificate, so the listener is not served; name a Secret of type kubernetes.io/tls, as tls: "
         "{certificateRefs: [{name: example-com-tls}]}"},
        {LISTENERS(HTTPS("a", CERTIFICATES("{name: shop-tsl}"))) SHOP_SECRET,
         "error InvalidCertificateRef Gateway/edge: spec.listeners[0].tls.certificateRefs[0].name: there is no Secret "
         "default/shop-tsl, so the listener is not served; did you mean \"shop-tls\"?"},
        {LISTENERS(HTTPS("a", CERTIFICATES("{kind: ConfigMap, name: shop-tls}"))) SHOP_SECRET,
         "error InvalidCertificateRef Gateway/edge: spec.listeners[0].tls.certificateRefs[0].kind: a certificate and "
         "its key are taken from a Secret, not from a ConfigMap (group \"\"), so the listener is not served; name a "
         "Secret"},
        {ONE("tls.crt: a"),
         "error InvalidCertificateRef Secret/shop-tls: stringData.tls.key: is missing: a Secret for TLS has the "
         "certificate (with its chain) as tls.crt and the private key as tls.key, both in PEM\n"
         "note InvalidCertificateRef Gateway/edge: spec.listeners[0].tls.certificateRefs[0]: Secret default/shop-tls "
         "can't be used, which is said there, so the listener is not served"},
        {ONE(PEM(SHOP_CRT, OTHER_KEY)),
         "error InvalidCertificateRef Secret/shop-tls: stringData[\"tls.key\"]: the private key is not the one of the "
         "certificate: they were not made together\n"
         "note InvalidCertificateRef Gateway/edge: spec.listeners[0].tls.certificateRefs[0]: Secret default/shop-tls "
         "can't be used, which is said there, so the listener is not served"},
    };
    assert_cases(cases, COUNT(cases), said);
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_compiles_to(cases[i].yaml, NULL, certificates_text, "");
}

static void test_one_bad_certificate_of_two_costs_itself_alone(void **state)
{
    (void)state;
    assert_compiles_to(LISTENERS(HTTPS("a", CERTIFICATES("{name: gone}, {name: shop-tls}"))) SHOP_SECRET, NULL,
                       certificates_text, "default/edge/a secret/default/shop-tls");
}

static void test_secrets_of_other_namespaces_need_a_grant(void **state)
{
    (void)state;
#define FAR \
    LISTENERS(HTTPS("a", CERTIFICATES("{name: shop-tls, namespace: keys}"))) \
    SECRET("name: shop-tls, namespace: keys", PEM(SHOP_CRT, SHOP_KEY))
#define GRANT_FROM(from) \
    GRANT("name: g, namespace: keys", "from: [{group: gateway.networking.k8s.io, kind: " from \
                                      ", namespace: default}], to: [{group: '', kind: Secret}]")
    static const char refused[] =
        "error RefNotPermitted Gateway/edge: spec.listeners[0].tls.certificateRefs[0].namespace: a Secret of namespace "
        "keys needs a ReferenceGrant there (from: Gateway of namespace default, to: Secret shop-tls), so the listener "
        "is not served";
    assert_compiles_to(FAR, NULL, said, refused);
    assert_compiles_to(FAR GRANT_FROM("HTTPRoute"), NULL, said, refused);
    assert_compiles_to(FAR GRANT_FROM("Gateway"), NULL, said, "");
    assert_compiles_to(FAR GRANT_FROM("Gateway"), NULL, certificates_text, "default/edge/a secret/keys/shop-tls");
}

static void test_what_clients_would_refuse_is_a_warning(void **state)
{
    (void)state;
    static const struct tls_case cases[] = {
        {LISTENERS(HTTPS("a", "hostname: a.b.shop.test, " CERTIFICATES("{name: shop-tls}"))) SHOP_SECRET,
         "warning Gateway/edge: spec.listeners[0].hostname: none of the listener's certificates is for "
         "a.b.shop.test, so clients refuse it; name a Secret whose certificate is"},
        {LISTENERS(HTTPS("a", "hostname: '*.shop.test', " CERTIFICATES("{name: shop-tls}"))) SHOP_SECRET, ""},
        {LISTENERS(HTTPS("a", "hostname: a.shop.test, " CERTIFICATES("{name: shop-tls}"))) SHOP_SECRET, ""},
    };
    assert_cases(cases, COUNT(cases), said);
    struct compile_options late = {.now_s = 6000000000}, early = {.now_s = 1000000000};
    const char *yaml = LISTENERS(HTTPS("a", CERTIFICATES("{name: shop-tls}"))) SHOP_SECRET;
    struct compile_text result = compile_yaml(yaml, &late);
    assert_non_null(strstr(said(&result), "warning Secret/shop-tls: stringData[\"tls.crt\"]: the certificate has "
                                          "expired on 2126-"));
    compile_text_free(&result);
    result = compile_yaml(yaml, &early);
    assert_non_null(strstr(said(&result), "the certificate is not valid before 2026-11-"));
    assert_string_equal(certificates_text(&result), "default/edge/a secret/default/shop-tls");
    compile_text_free(&result);
}

static void test_a_port_has_one_protocol(void **state)
{
    (void)state;
#define HTTP_443 "{name: b, protocol: HTTP, port: 443}"
#define GOOD HTTPS("a", CERTIFICATES("{name: shop-tls}"))
    assert_compiles_to(LISTENERS(GOOD ", " HTTP_443 ", {name: c, protocol: HTTP, port: 80}") SHOP_SECRET, NULL,
                       certificates_text, "default/edge/c");
    const char *two = GATEWAY("name: old, creationTimestamp: 2024-01-01T00:00:00Z", "listeners: [" HTTP_443 "]")
        GATEWAY("name: young, creationTimestamp: 2025-01-01T00:00:00Z", "listeners: [" GOOD "]") SHOP_SECRET;
    assert_compiles_to(two, NULL, certificates_text, "default/old/b");
    assert_compiles_to(two, NULL, said,
                       "error ProtocolConflict Gateway/young: spec.listeners[0].port: port 443 is taken for HTTP by "
                       "listener b of Gateway default/old, which is older or comes first by name; give one of them "
                       "another port");
}

static void test_what_can_not_be_enforced_is_never_left_out_in_silence(void **state)
{
    (void)state;
#define FRONTEND(mode) \
    "tls: {frontend: {default: {validation: {mode: " mode \
    ", caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}}, perPort: [{port: 444, tls: {}}]}}"
#define BOTH "listeners: [" GOOD ", {name: b, protocol: HTTPS, port: 444, " CERTIFICATES("{name: shop-tls}") "}]"
#define OPTION(name) \
    LISTENERS(HTTPS("a", "tls: {certificateRefs: [{name: shop-tls}], options: {" name ": x}}")) SHOP_SECRET
    assert_compiles_to(GATEWAY("name: edge", FRONTEND("AllowValidOnly") ", " BOTH) SHOP_SECRET, NULL, certificates_text,
                       "default/edge/b secret/default/shop-tls");
    assert_compiles_to(GATEWAY("name: edge", FRONTEND("AllowInsecureFallback") ", " BOTH) SHOP_SECRET, NULL,
                       certificates_text,
                       "default/edge/a secret/default/shop-tls; default/edge/b secret/default/shop-tls");
    assert_compiles_to(OPTION("example.com/min"), NULL, certificates_text, "default/edge/a secret/default/shop-tls");
    assert_compiles_to(
        OPTION("example.com/min"), NULL, said,
        "warning UnsupportedValue Gateway/edge: spec.listeners[0].tls.options[\"example.com/min\"]: is an "
        "option of another implementation, so it has no effect here; take it out");
    assert_compiles_to(OPTION("minVersion"), NULL, certificates_text, "");
    assert_compiles_to(OPTION("umbra.dev/min"), NULL, certificates_text, "");
}

static void test_proxy_headers_are_taken_where_the_gateway_says_so(void **state)
{
    (void)state;
#define ANNOTATED(value) \
    GATEWAY("name: edge, annotations: {umbra.dev/proxy-protocol: " value "}", \
            "listeners: [{name: http, protocol: HTTP, port: 80}]")
    static const struct tls_case cases[] = {
        {ANNOTATED("'true'"), "default/edge/http PROXY"},
        {ANNOTATED("'false'"), "default/edge/http"},
        {ANNOTATED("'yes'"), ""},
        {ANNOTATED("'true'") GATEWAY("name: zone", "listeners: [{name: http, protocol: HTTP, port: 80, hostname: a}]"),
         "default/edge/http PROXY"},
    };
    assert_cases(cases, COUNT(cases), certificates_text);
    assert_compiles_to(cases[3].yaml, NULL, said,
                       "error ProtocolConflict Gateway/zone: spec.listeners[0].port: port 80 is taken by listener http "
                       "of Gateway default/edge, which takes PROXY headers (annotation umbra.dev/proxy-protocol); give "
                       "both Gateways the same annotation, or one of them another port");
}

/* ---- backends ---- */

static void test_a_policy_makes_a_service_speak_tls(void **state)
{
    (void)state;
#define PORTS "{port: 443, name: web}, {port: 80, name: plain}"
#define SECTION(name) "targetRefs: [{group: '', kind: Service, name: shop, sectionName: " name "}]"
    static const struct tls_case cases[] = {
        {RULE(SHOP_443) TLS_POLICY("name: p", TARGET ", " VALID) CA,
         "default/shop:443 1 tls(shop.test configmap/default/ca )"},
        {RULE(SHOP_443 ", {name: shop, port: 80}") TLS_POLICY("name: p", SECTION("web") ", " VALID) CA SERVICE(PORTS),
         "default/shop:443 1 tls(shop.test configmap/default/ca ); default/shop:80 1"},
        {RULE(SHOP_443) TLS_POLICY("name: p", TARGET ", " VALID)
             CA SERVICE("{port: 443, appProtocol: kubernetes.io/h2c}"),
         "default/shop:443 2 tls(shop.test configmap/default/ca )"},
        {RULE(SHOP_443)
             TLS_POLICY("name: p", TARGET
                        ", validation: {hostname: shop.test, caCertificateRefs: [{group: '', kind: ConfigMap, name: "
                        "ca}, {group: '', kind: Secret, name: more}], subjectAltNames: [{type: URI, uri: "
                        "'spiffe://a/b'}, {type: Hostname, hostname: '*.b.test'}]}")
                 CA SECRET("name: more", "ca.crt: \"" OTHER_CRT "\""),
         "default/shop:443 1 tls(shop.test configmap/default/ca,secret/default/more ) spiffe://a/b *.b.test"},
        {RULE(BACKEND_REF) BACKEND("name: shop", "endpoints: [{host: a, port: 1}]")
             TLS_POLICY("name: p", "targetRefs: [{group: umbra.dev, kind: Backend, name: shop}], " VALID) CA,
         "default/shop 1 tls(shop.test configmap/default/ca )"},
    };
    assert_cases(cases, COUNT(cases), ways_text);
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_compiles_to(cases[i].yaml, NULL, said, "");
}

static void test_of_two_policies_the_older_counts(void **state)
{
    (void)state;
    const char *yaml = RULE(SHOP_443)
        TLS_POLICY("name: a, creationTimestamp: 2025-01-01T00:00:00Z",
                   TARGET ", validation: {hostname: young.test, caCertificateRefs: [{group: '', kind: ConfigMap, name: "
                          "ca}]}") TLS_POLICY("name: b, creationTimestamp: 2024-01-01T00:00:00Z", TARGET ", " VALID) CA;
    assert_compiles_to(yaml, NULL, ways_text, "default/shop:443 1 tls(shop.test configmap/default/ca )");
    assert_compiles_to(yaml, NULL, said,
                       "warning Conflicted BackendTLSPolicy/a: spec.targetRefs[0]: BackendTLSPolicy b has the same "
                       "target and is older, so it counts there and this does not; take one out");
}

static void test_where_tls_can_not_be_had_nothing_is_sent(void **state)
{
    (void)state;
#define TRUSTS(what) RULE(SHOP_443) TLS_POLICY("name: p", TARGET ", validation: {hostname: shop.test, " what "}")
    static const char *const cases[] = {
        TRUSTS("caCertificateRefs: [{group: '', kind: ConfigMap, name: gone}]"),
        TRUSTS("caCertificateRefs: [{group: '', kind: Pod, name: ca}]") CA,
        TRUSTS("caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]") CONFIG_MAP("ca", "ca.crt: none"),
        TRUSTS("caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]") CONFIG_MAP("ca", "ca.pem: none"),
        TRUSTS("wellKnownCACertificates: example.com/mine"),
        TRUSTS("wellKnownCACertificates: System"), /* there is no file of the system here */
        RULE(SHOP_443) TLS_POLICY("name: p", TARGET ", options: {minVersion: x}, " VALID) CA,
        RULE(SHOP_443) TLS_POLICY("name: p", SECTION("web") ", " VALID) CA, /* which port is that? */
        RULE(SHOP_443) SERVICE("{port: 443, appProtocol: https}"),
        RULE(SHOP_443) SERVICE("{port: 443, appProtocol: kubernetes.io/wss}"),
        RULE(SHOP_443) SERVICE("{port: 443, appProtocol: udp}"),
        RULE(BACKEND_REF) BACKEND("name: shop", "endpoints: [{host: a, port: 1}], protocol: HTTPS"),
        RULE(BACKEND_REF) BACKEND("name: shop", "endpoints: [{host: a, port: 1}], tls: {caFile: ca.pem}"),
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct compile_text result = compile_yaml(cases[i], NULL);
        assert_string_equal(ways_text(&result), "");
        assert_int_equal(result.compiled->rules.routes[0].backends[0].backend, SIZE_MAX);
        assert_int_equal(result.compiled->problems.errors, 1);
        compile_text_free(&result);
    }
}

static void test_a_port_says_what_it_speaks(void **state)
{
    (void)state;
    static const struct tls_case cases[] = {
        {RULE(SHOP_443) SERVICE("{port: 443, appProtocol: kubernetes.io/h2c}"), "default/shop:443 2"},
        {RULE(SHOP_443) SERVICE("{port: 443, appProtocol: h2c}"), "default/shop:443 2"},
        {RULE(SHOP_443) SERVICE("{port: 443, appProtocol: kubernetes.io/ws}"), "default/shop:443 1"},
        {RULE(SHOP_443) SERVICE("{port: 443, appProtocol: http}"), "default/shop:443 1"},
        {RULE(SHOP_443) SERVICE("{port: 443}"), "default/shop:443 1"},
        {RULE(BACKEND_REF) BACKEND("name: shop", "endpoints: [{host: a, port: 1}], protocol: H2C"), "default/shop 2"},
    };
    assert_cases(cases, COUNT(cases), ways_text);
}

/* What the files of the tests have. */
static bool find_file(const void *files, struct str path, struct compile_file *file)
{
    const struct compile_file *list = files;
    for (; list->problem; list++) {
        if (!str_eq(path, str_from_c(list->problem)))
            continue;
        *file = (struct compile_file){.text = list->text};
        return true;
    }
    return false;
}

/* The samples have "\n" in two characters, as YAML wants it. */
static struct str unescape(struct arena *arena, struct str text)
{
    char *out = arena_alloc(arena, text.len);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool is_break = text.ptr[i] == '\\';
        out[len++] = is_break ? '\n' : text.ptr[i];
        i += is_break;
    }
    return (struct str){out, len};
}

static void test_backends_name_files_and_resources(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 0);
    struct compile_file files[] = {
        {unescape(&arena, STR(SHOP_CRT)), "ca.pem"},
        {unescape(&arena, STR(SHOP_CRT)), "/abs/me.crt"},
        {unescape(&arena, STR(SHOP_KEY)), "me.key"},
        {unescape(&arena, STR(OTHER_CRT)), "/etc/system.pem"},
        {STR_NONE, NULL},
    };
    struct compile_options options = {.find_file = find_file, .files = files, .system_file = STR("/etc/system.pem")};
#define TLS_BACKEND(more) RULE(BACKEND_REF) BACKEND("name: shop", "endpoints: [{host: shop.test, port: 1}], " more)
    static const struct tls_case cases[] = {
        {TLS_BACKEND("protocol: HTTPS"), "default/shop 1 tls(shop.test system )"},
        {TLS_BACKEND("protocol: AUTO"), "default/shop alpn tls(shop.test system )"},
        {TLS_BACKEND("tls: {serverName: a.test, caFile: ca.pem}"), "default/shop 1 tls(a.test backend/default/shop )"},
        {TLS_BACKEND("tls: {caFile: ca.pem, certFile: /abs/me.crt, keyFile: me.key}"),
         "default/shop 1 tls(shop.test backend/default/shop backend/default/shop)"},
        {TLS_BACKEND("tls: {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}], clientCertificateRef: {name: "
                     "shop-tls}}") CA SHOP_SECRET,
         "default/shop 1 tls(shop.test configmap/default/ca secret/default/shop-tls)"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_compiles_to(cases[i].yaml, &options, said, "");
        assert_compiles_to(cases[i].yaml, &options, ways_text, cases[i].want);
    }
    arena_deinit(&arena);
}

static void test_a_policy_that_can_not_be_read_keeps_plain_text_away(void **state)
{
    (void)state;
    struct manifests *manifests = manifests_new();
    struct compile_options options = {0};
    manifests_read(manifests, STR("test.yaml"),
                   STR(RULE(SHOP_443) TLS_POLICY("name: p", TARGET ", validation: {hostname: shop.test}")));
    assert_int_equal(manifests->problems.errors, 1);
    struct compiled *compiled = compile(manifests, &options);
    assert_int_equal(compiled->rules.routes[0].backends[0].backend, SIZE_MAX);
    compiled_free(compiled);
    manifests_unref(manifests);
}

static void test_what_becomes_bad_stays_as_it_was(void **state)
{
    (void)state;
    struct err err;
    struct credential found;
    struct credentials_builder *builder = credentials_builder_new(1);
    credentials_builder_add(builder, STR("secret/default/shop-tls"), CREDENTIAL_IDENTITY, STR("before"), STR("key"));
    int fd = credentials_builder_seal(builder, &err);
    credentials_builder_free(builder);
    const struct credentials *before = credentials_map(fd, &err);
    assert_non_null(before);
    struct compile_options options = {.before = before};
    struct compile_text result = compile_yaml(ONE(PEM(SHOP_CRT, OTHER_KEY)), &options);
    assert_string_equal(said(&result),
                        "error InvalidCertificateRef Secret/shop-tls: stringData[\"tls.key\"]: the private key is not "
                        "the one of the certificate: they were not made together; until it is mended, what it was "
                        "before stays in force");
    assert_string_equal(certificates_text(&result), "default/edge/a secret/default/shop-tls");
    assert_true(credentials_find(before, STR("secret/default/shop-tls"), CREDENTIAL_IDENTITY, &found));
    assert_true(str_eq(result.compiled->credentials[0].chain, found.chain));
    compile_text_free(&result);
    credentials_unmap(before);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listeners_have_their_certificates_in_order),
        cmocka_unit_test(test_a_listener_without_a_usable_certificate_is_not_served),
        cmocka_unit_test(test_one_bad_certificate_of_two_costs_itself_alone),
        cmocka_unit_test(test_secrets_of_other_namespaces_need_a_grant),
        cmocka_unit_test(test_what_clients_would_refuse_is_a_warning),
        cmocka_unit_test(test_a_port_has_one_protocol),
        cmocka_unit_test(test_what_can_not_be_enforced_is_never_left_out_in_silence),
        cmocka_unit_test(test_proxy_headers_are_taken_where_the_gateway_says_so),
        cmocka_unit_test(test_a_policy_makes_a_service_speak_tls),
        cmocka_unit_test(test_of_two_policies_the_older_counts),
        cmocka_unit_test(test_where_tls_can_not_be_had_nothing_is_sent),
        cmocka_unit_test(test_a_port_says_what_it_speaks),
        cmocka_unit_test(test_backends_name_files_and_resources),
        cmocka_unit_test(test_a_policy_that_can_not_be_read_keeps_plain_text_away),
        cmocka_unit_test(test_what_becomes_bad_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
