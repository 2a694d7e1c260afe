/* SPDX-License-Identifier: Apache-2.0 */
/* Istio's kinds: all fields are known, what Istio refuses is refused, what is not acted on is said. */
#include "istio_facts.h"
#include "load.h"

#include "manifest/destination_rule.h"
#include "manifest/istio_gateway.h"
#include "manifest/pod.h"
#include "manifest/service.h"
#include "manifest/service_entry.h"
#include "manifest/virtual_service.h"

#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ----------------------------------------------------------------------------------------------------- the tables */

static const struct schema_field *find_row(const struct schema *schema, struct str name)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        if (str_eq(str_from_c(schema->fields[i].name), name))
            return &schema->fields[i];
    }
    return NULL;
}

static void test_each_field_of_istio_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < istio_fact_count; i++) {
        const struct schema *schema = kind_table[istio_facts[i].kind].schema;
        struct str rest = str_from_c(istio_facts[i].path), step;
        while (schema && str_next(&rest, '.', &step)) {
            bool is_item = str_ends_with(step, STR("[]")) || str_ends_with(step, STR("{}"));
            const struct schema_field *field = find_row(schema, str_slice(step, 0, step.len - (is_item ? 2 : 0)));
            if (!field)
                fail_msg("%s: %.*s is unknown", istio_facts[i].path, STR_ARG(step));
            schema = field->of;
        }
    }
}

/* --------------------------------------------------------------------------------------------------------- texts */

static struct manifests *load_spec(const char *kind, const char *spec)
{
    static char text[16384];
    snprintf(text, sizeof(text), "apiVersion: networking.istio.io/v1\nkind: %s\nmetadata: {name: a}\nspec: {%s}\n",
             kind, spec);
    return load_text(text);
}

/* An http route with a destination and what is given. */
static const char *route(const char *more)
{
    static char text[8192];
    snprintf(text, sizeof(text),
             "hosts: [a.example.com], gateways: [g], http: [{route: [{destination: {host: a}}]%s%s}]",
             *more ? ", " : "", more);
    return text;
}

struct breach {
    const char *spec, *field, *says;
};

static void check_breach(const char *kind, enum severity severity, const struct breach *breach)
{
    struct manifests *manifests = load_spec(kind, breach->spec);
    char field[256];
    const char *title = strcmp(kind, "Gateway") == 0 ? "Istio Gateway" : kind;
    snprintf(field, sizeof(field), ": %s/a: %s: ", title, breach->field);
    load_assert_one(manifests, severity, (const char *const[]){field, breach->says, NULL});
    assert_int_equal(manifests->resources[0].is_bad, severity == SEVERITY_ERROR);
    manifests_unref(manifests);
}

static void check_breaches(const char *kind, enum severity severity, const struct breach *breaches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_breach(kind, severity, &breaches[i]);
}

/* The same, below http[0]. */
static void check_route_breaches(enum severity severity, const struct breach *breaches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char field[256];
        snprintf(field, sizeof(field), "spec.http[0]%s%s", *breaches[i].field ? "." : "", breaches[i].field);
        check_breach("VirtualService", severity, &(struct breach){route(breaches[i].spec), field, breaches[i].says});
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

/* ------------------------------------------------------------------------------------------------- VirtualService */

static const struct istio_route *first_route(const struct manifests *manifests)
{
    const struct virtual_service *service = manifests->resources[0].object;
    return SCHEMA_ITEM(service->spec->http, struct istio_route, 0);
}

static void test_a_virtual_service_is_read(void **state)
{
    (void)state;
    struct manifests *manifests = load_spec(
        "VirtualService",
        "hosts: ['*', '*.example.com', a.example.com, reviews, 10.0.0.1], gateways: [mesh, g, ns/g], exportTo: ['*'], "
        "http: [{"
        "name: One, match: [{name: x, uri: {prefix: /api}, ignoreUriCase: true, scheme: {exact: http}, method: {regex: "
        "'P.*'}, authority: {prefix: a}, headers: {x-user: {}, x-b: {exact: b}}, withoutHeaders: {x-c: {regex: c}}, "
        "queryParams: {q: {exact: '1'}}, port: 8080, sourceLabels: {app: web}, sourceNamespace: shop, gateways: [g]}], "
        "route: [{destination: {host: a, subset: v1, port: {number: 80}}, weight: 90, headers: {request: {set: {a: "
        "b}}}}, "
        "{destination: {host: a, subset: v2}, weight: 10}], rewrite: {uri: /, authority: b}, timeout: 1.5s, retries: "
        "{attempts: 3, perTryTimeout: 250ms, retryOn: 'gateway-error,503', backoff: 0.1s}, headers: {request: {add: "
        "{c: "
        "d}, remove: [e]}, response: {set: {f: g}}}, mirrors: [{destination: {host: b}, percentage: {value: 0.5}}, "
        "{destination: {host: c, port: {number: 8080}}}]}]");
    assert_string_equal(load_problems(manifests), "");
    const struct istio_route *made = first_route(manifests);
    const struct istio_match *match = SCHEMA_ITEM(made->matches, struct istio_match, 0);
    assert_true(str_eq(match->uri->prefix, STR("/api")));
    assert_int_equal(match->headers.count, 2);
    const struct string_match *header = SCHEMA_ITEM(match->headers, struct string_match, 0);
    assert_true(str_eq(header->node->key, STR("x-user")));
    assert_null(header->exact.ptr);
    assert_true(str_eq(SCHEMA_ITEM(match->without_headers, struct string_match, 0)->node->key, STR("x-c")));
    assert_int_equal(made->timeout.value, 1500);
    assert_int_equal(made->retries->backoff.value, 100);
    assert_int_equal(SCHEMA_ITEM(made->mirrors, struct istio_mirror, 0)->percentage->value.value, 5000);
    assert_null(SCHEMA_ITEM(made->mirrors, struct istio_mirror, 1)->percentage);
    manifests_unref(manifests);
}

static void test_what_istio_takes_of_a_virtual_service_is_taken(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "hosts: [a], http: [{redirect: {uri: /b, authority: b, redirectCode: 302}}]",
        "hosts: [a], http: [{redirect: {scheme: https, derivePort: FROM_PROTOCOL_DEFAULT}}]",
        "hosts: [a], http: [{directResponse: {status: 503, body: {string: gone}}}]",
        "hosts: [a], http: [{directResponse: {status: 204}}]",
        "hosts: [a], http: [{route: [{destination: {host: a}}], mirror: {host: b, subset: v2}, mirrorPercentage: "
        "{value: "
        "100}}]",
        "hosts: [a], http: [{route: [{destination: {host: a}}], mirror: {host: b}, mirrorPercentage: {value: 0}}]",
        "hosts: [a], http: [{match: [{uri: {prefix: ''}}], route: [{destination: {host: a.b.svc.cluster.local}, "
        "weight: "
        "100}], retries: {attempts: 0}}]",
        "hosts: [a], http: [{match: [{headers: {x-a: null}}], route: [{destination: {host: a}}], corsPolicy: "
        "{allowOrigins: "
        "[{exact: 'https://b.c'}], maxAge: 24h}}]",
    };
    check_accepted("VirtualService", specs, COUNT(specs));
}

static void test_what_istio_refuses_of_a_virtual_service_is_an_error(void **state)
{
    (void)state;
    static const struct breach specs[] = {
        {"gateways: [g], http: [{redirect: {uri: /}}]", "spec.hosts", "is missing"},
        {"hosts: [a]", "spec.http", "no routes"},
        {"hosts: ['a b'], http: [{redirect: {uri: /}}]", "spec.hosts[0]", "is not a host"},
        {"hosts: [a], gateways: [a/b/c], http: [{redirect: {uri: /}}]", "spec.gateways[0]", "is not a Gateway"},
        {"hosts: [a], http: [{}]", "spec.http[0]", "add route, redirect or directResponse"},
        {"hosts: [a], http: [{redirect: {uri: /}, directResponse: {status: 200}}]", "spec.http[0]", "more than one"},
        {"hosts: [a], http: [{redirect: {uri: /}, rewrite: {uri: /b}}]", "spec.http[0].rewrite",
         "may not stand beside"},
        {"hosts: [a], http: [{redirect: {}}]", "spec.http[0].redirect", "where they are"},
        {"hosts: [a], http: [{redirect: {uri: /a, prefixRewrite: /b}}]", "spec.http[0].redirect.prefixRewrite",
         "remove"},
        {"hosts: [a], http: [{redirect: {uri: /a, redirectCode: 304}}]", "spec.http[0].redirect.redirectCode",
         "301, 302"},
        {"hosts: [a], http: [{directResponse: {status: 99}}]", "spec.http[0].directResponse.status", "under 200"},
        {"hosts: [a], http: [{directResponse: {}}]", "spec.http[0].directResponse.status", "is missing"},
    };
    check_breaches("VirtualService", SEVERITY_ERROR, specs, COUNT(specs));
    static const struct breach routes[] = {
        {"mirror: {host: b}, mirrors: [{destination: {host: c}}]", "mirrors", "may not stand beside mirror"},
        {"mirrors: [{percentage: {value: 1}}]", "mirrors[0].destination", "is missing"},
        {"mirror: {subset: b}", "mirror.host", "is missing"},
        {"mirror: {host: b}, mirrorPercentage: {value: 100.1}", "mirrorPercentage.value", "over 100"},
        {"mirror: {host: b}, mirrorPercentage: {value: -1}", "mirrorPercentage.value", "under 0"},
        {"mirror: {host: b}, mirrorPercentage: {value: '50'}", "mirrorPercentage.value", "write 50, without quotes"},
        {"mirror: {host: b}, mirrorPercentage: {value: 50%}", "mirrorPercentage.value", "write 50, without quotes"},
        {"mirror: {host: b}, mirrorPercentage: 50", "mirrorPercentage", "where a map belongs"},
        {"mirror: {host: b}, mirrorPercent: 101", "mirrorPercent", "over 100"},
        {"mirror: {host: b}, mirrorPercent: 0.5", "mirrorPercent", "mirrorPercentage: {value: "},
        {"match: [{uri: {exact: /a, prefix: /b}}]", "match[0].uri", "more than one of exact, prefix and regex"},
        {"match: [{uri: {}}]", "match[0].uri", "says nothing"},
        {"match: [{uri: {regex: '('}}]", "match[0].uri.regex", "no valid regular expression"},
        {"match: [{headers: {'a b': {exact: c}}}]", "match[0].headers[\"a b\"]", "is not a header name"},
        {"match: [{headers: {a: b}}]", "match[0].headers.a", "where a map belongs"},
        {"timeout: 0s", "timeout", "under 1ms"},
        {"timeout: 10", "timeout", "is no duration"},
        {"timeout: 5 s", "timeout", "\"0.25s\""},
        {"rewrite: {}", "rewrite", "changes nothing"},
        {"rewrite: {uri: /, uriRegexRewrite: {match: a, rewrite: b}}", "rewrite.uriRegexRewrite", "remove one"},
        {"retries: {attempts: -1}", "retries.attempts", "under 0"},
        {"retries: {attempts: 1, retryOn: 5XX}", "retries.retryOn", "no condition that Istio knows"},
        {"mirrorPercentag: {value: 1}", "mirrorPercentag", "did you mean \"mirrorPercentage\"?"},
    };
    check_route_breaches(SEVERITY_ERROR, routes, COUNT(routes));
    static const struct breach weights = {
        "hosts: [a], http: [{route: [{destination: {host: a}}, {destination: {host: b}}]}]", "spec.http[0].route",
        "have no weights"};
    check_breaches("VirtualService", SEVERITY_ERROR, &weights, 1);
}

static void test_what_is_not_acted_on_in_a_virtual_service_is_said_where_it_stands(void **state)
{
    (void)state;
    static const struct breach routes[] = {
        {"fault: {abort: {httpStatus: 500}}", "fault", "is not acted on by this version"},
        {"match: [{statPrefix: a}]", "match[0].statPrefix", "is not acted on by this version"},
        {"retries: {attempts: 1, retryRemoteLocalities: true}", "retries.retryRemoteLocalities", "not acted on"},
        {"retries: {attempts: 1, retryOn: 'cancelled,5xx'}", "retries.retryOn", "\"cancelled\" is not acted on"},
        {"corsPolicy: {allowOrigins: [{prefix: 'https://'}]}", "corsPolicy.allowOrigins[0].prefix", "not acted on"},
        {"corsPolicy: {allowOrigin: ['https://a.b']}", "corsPolicy.allowOrigin", "deprecated"},
        {"corsPolicy: {unmatchedPreflights: FORWARD}", "corsPolicy.unmatchedPreflights", "not acted on"},
        {"headers: {request: {set: {a: '%REQ(b)%'}}}", "headers.request.set.a", "variables of Envoy"},
        {"mirror: {host: b}, mirrorPercent: 50", "mirrorPercent", "is deprecated by Istio"},
        {"mirrorPercentage: {value: 50}", "mirrorPercentage", "there is none"},
        {"match: [{headers: {method: {exact: GET}}}]", "match[0].headers.method", "is ignored here"},
        {"match: [{uri: {exact: a}}]", "match[0].uri", "matches nothing"},
        {"match: [{uri: {prefix: '/a?b'}}]", "match[0].uri", "use queryParams"},
    };
    check_route_breaches(SEVERITY_WARNING, routes, COUNT(routes));
    static const struct breach specs[] = {
        {"hosts: [a], http: [{redirect: {uri: /}}], tcp: [{route: [{destination: {host: a}}]}]", "spec.tcp",
         "not acted on"},
        {"hosts: [a], tls: [{}]", "spec.tls", "not acted on"},
        {"hosts: [a], exportTo: [.], http: [{redirect: {uri: /}}]", "spec.exportTo", "counts for all namespaces"},
        {"hosts: [a], http: [{delegate: {name: b}}]", "spec.http[0].delegate", "get 500"},
        {"http: [{redirect: {uri: /}}]", "spec.hosts", "others may delegate to this"},
    };
    check_breaches("VirtualService", SEVERITY_WARNING, specs, COUNT(specs));
    static const char *const quiet[] = {"hosts: [a], http: [{route: [{destination: {host: a}}], retries: {attempts: 1, "
                                        "retryRemoteLocalities: false}}]"};
    check_accepted("VirtualService", quiet, COUNT(quiet));
}

/* --------------------------------------------------------------------------------------- the others of Istio */

static void test_a_destination_rule_is_held_to_its_fields(void **state)
{
    (void)state;
    static const char *const good[] = {
        "host: a, subsets: [{name: v1, labels: {version: v1}}, {name: v2}]",
        "host: '*.b.svc.cluster.local', trafficPolicy: {tls: {mode: SIMPLE, sni: a.b, subjectAltNames: [c.d]}}",
        "host: a, trafficPolicy: {loadBalancer: {simple: LEAST_REQUEST}, portLevelSettings: [{port: {number: 443}, "
        "tls: "
        "{mode: MUTUAL, credentialName: a}}]}",
    };
    check_accepted("DestinationRule", good, COUNT(good));
    static const struct breach errors[] = {
        {"subsets: []", "spec.host", "is missing"},
        {"host: a, subsets: [{name: a}, {name: a}]", "spec.subsets[1].name", "must differ"},
        {"host: a, subsets: [{name: a, labels: {b: 'c d'}}]", "spec.subsets[0].labels.b", "not a label's value"},
        {"host: a, trafficPolicy: {tls: {mode: MUTUAL}}", "spec.trafficPolicy.tls.credentialName", "is missing"},
        {"host: a, trafficPolicy: {tls: {mode: SIMPEL}}", "spec.trafficPolicy.tls.mode", "did you mean \"SIMPLE\"?"},
    };
    check_breaches("DestinationRule", SEVERITY_ERROR, errors, COUNT(errors));
    static const struct breach warnings[] = {
        {"host: a, trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}", "spec.trafficPolicy.connectionPool",
         "not acted on"},
        {"host: a, trafficPolicy: {outlierDetection: {}}", "spec.trafficPolicy.outlierDetection", "not acted on"},
        {"host: a, trafficPolicy: {loadBalancer: {simple: RANDOM}}", "spec.trafficPolicy.loadBalancer.simple",
         "as LEAST_REQUEST says"},
        {"host: a, trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}",
         "spec.trafficPolicy.tls.insecureSkipVerify", "checked all the same"},
        {"host: a, workloadSelector: {matchLabels: {a: b}}", "spec.workloadSelector", "not used"},
        {"host: a, exportTo: [b]", "spec.exportTo", "all namespaces"},
    };
    check_breaches("DestinationRule", SEVERITY_WARNING, warnings, COUNT(warnings));
}

#define PORT(protocol) "port: {number: 80, name: a, protocol: " protocol "}"

static void test_a_gateway_of_istio_is_held_to_its_fields(void **state)
{
    (void)state;
    static const char *const good[] = {
        "selector: {istio: ingressgateway}, servers: [{" PORT("HTTP") ", hosts: ['*', ./a.b, ns/*.b.c, '*/d.e']}]",
        "servers: [{" PORT("https") ", hosts: [a], tls: {mode: SIMPLE, credentialName: a}}]",
        "servers: [{" PORT("HTTP2") ", hosts: [a], tls: {httpsRedirect: true}}]",
        "servers: [{" PORT("GRPC") ", name: b, hosts: [a]}]",
        "servers: []",
    };
    check_accepted("Gateway", good, COUNT(good));
    static const struct breach errors[] = {
        {"servers: [{hosts: [a]}]", "spec.servers[0].port", "is missing"},
        {"servers: [{" PORT("HTTP") "}]", "spec.servers[0].hosts", "is missing"},
        {"servers: [{" PORT("HTTP") ", hosts: [a/b/c]}]", "spec.servers[0].hosts[0]", "is not a host"},
        {"servers: [{" PORT("HTPP") ", hosts: [a]}]", "spec.servers[0].port.protocol", "is not a protocol"},
        {"servers: [{" PORT("HTTPS") ", hosts: [a]}]", "spec.servers[0].tls", "HTTPS needs it"},
        {"servers: [{" PORT("HTTPS") ", hosts: [a], tls: {mode: SIMPLE}}]", "spec.servers[0].tls.credentialName",
         "is missing"},
    };
    check_breaches("Gateway", SEVERITY_ERROR, errors, COUNT(errors));
    static const struct breach warnings[] = {
        {"servers: [{" PORT("HTTP") ", hosts: [a], bind: 127.0.0.1}]", "spec.servers[0].bind", "not acted on"},
        {"servers: [{" PORT("HTTPS") ", hosts: [a], tls: {mode: SIMPLE, credentialName: a, cipherSuites: [b]}}]",
         "spec.servers[0].tls.cipherSuites", "not acted on"},
    };
    check_breaches("Gateway", SEVERITY_WARNING, warnings, COUNT(warnings));
}

static void test_a_service_entry_is_held_to_its_fields(void **state)
{
    (void)state;
#define PORTS "ports: [{number: 80, name: http, protocol: HTTP}]"
    static const char *const good[] = {
        "hosts: [a.b], " PORTS ", resolution: STATIC, endpoints: [{address: 10.0.0.1, ports: {http: 8080}, labels: {v: "
        "'1'}}, {address: '::1'}, {address: unix:///run/a}], location: MESH_EXTERNAL, addresses: [240.0.0.1]",
        "hosts: ['*.a.b'], " PORTS,
        "hosts: [a.b], " PORTS ", resolution: DNS, endpoints: [{address: c.d}]",
    };
    check_accepted("ServiceEntry", good, COUNT(good));
    static const struct breach errors[] = {
        {"hosts: []", "spec.hosts", "at least 1"},
        {"hosts: [a.b], ports: [{number: 80, name: a}, {number: 80, name: b}]", "spec.ports[1].number", "must differ"},
        {"hosts: [a.b], resolution: STATIC, endpoints: [{address: c.d}]", "spec.endpoints[0].address",
         "resolution: DNS"},
        {"hosts: [a.b], resolution: STATIC, endpoints: [{}]", "spec.endpoints[0].address", "is missing"},
        {"hosts: [a.b], endpoints: [{address: 10.0.0.1}]", "spec", "NONE has no endpoints"},
        {"hosts: [a.b], resolution: STATIC, endpoints: [{address: 10.0.0.1, ports: {a: x}}]",
         "spec.endpoints[0].ports.a", "is no integer"},
        {"hosts: [a.b], resolution: STATIC, endpoints: [{address: 10.0.0.1, ports: {a: 0}}]",
         "spec.endpoints[0].ports.a", "under 1"},
    };
    check_breaches("ServiceEntry", SEVERITY_ERROR, errors, COUNT(errors));
    static const struct breach warnings[] = {
        {"hosts: [a.b], workloadSelector: {labels: {a: b}}", "spec.workloadSelector", "not acted on"},
        {"hosts: [a.b], resolution: STATIC, endpoints: [{address: 10.0.0.1, weight: 3}]", "spec.endpoints[0].weight",
         "not acted on"},
    };
    check_breaches("ServiceEntry", SEVERITY_WARNING, warnings, COUNT(warnings));
}

/* ----------------------------------------------------------------------------------------------------- all kinds */

static void test_two_gateways_of_one_name_are_two_resources(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec: {servers: [{" PORT(
            "HTTP") ", hosts: [a]}]}\n---\n"
                    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec: "
                    "{gatewayClassName: a, "
                    "listeners: [{name: a, port: 80, protocol: HTTP}]}\n");
    assert_string_equal(load_problems(manifests), "");
    assert_int_equal(manifests->resource_count, 2);
    assert_non_null(manifests_find(manifests, KIND_GATEWAY, STR("default"), STR("a")));
    assert_non_null(manifests_find(manifests, KIND_ISTIO_GATEWAY, STR("default"), STR("a")));
    manifests_unref(manifests);
}

static void test_a_slip_in_istios_group_is_told_from_the_gateway_api(void **state)
{
    (void)state;
    static const struct {
        const char *version, *kind, *says;
    } slips[] = {
        {"networking.istio.oi/v1", "Gateway", "write networking.istio.io/v1 or"},
        {"networking.istio.io/v1alpha1", "Gateway", "is not served for Istio Gateway; write networking.istio.io/v1 or"},
        {"gateway.networking.k8s.oi/v1", "Gateway", "write gateway.networking.k8s.io/v1 or"},
        {"networking.istio.io/v1", "VirtualServic", "did you mean VirtualService?"},
        {"networking.k8s.io/v1", "VirtualService", "write networking.istio.io/v1 or"},
    };
    for (size_t i = 0; i < COUNT(slips); i++) {
        char text[256];
        snprintf(text, sizeof(text), "apiVersion: %s\nkind: %s\nmetadata: {name: a}\nspec: {}\n", slips[i].version,
                 slips[i].kind);
        struct manifests *manifests = load_text(text);
        if (!strstr(load_first(manifests, SEVERITY_ERROR), slips[i].says))
            fail_msg("%s %s: %s", slips[i].version, slips[i].kind, load_problems(manifests));
        manifests_unref(manifests);
    }
}

static void test_a_pod_has_labels_and_addresses_and_much_else(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: shop}}\n"
        "spec: {containers: [{name: a, image: b}], nodeName: c, hostNetwork: false}\n"
        "status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}], hostIP: 10.1.0.1}\n");
    assert_string_equal(load_problems(manifests), "");
    const struct pod *pod = manifests->resources[0].object;
    assert_true(pod_has_addresses(pod));
    assert_int_equal(pod->status->pod_ips.count, 2);
    assert_true(str_eq(SCHEMA_ITEM(pod->status->pod_ips, struct pod_ip, 1)->ip, STR("fd00::1")));
    manifests_unref(manifests);
}

static void test_a_pod_on_its_nodes_network_or_over_has_no_addresses_of_its_own(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "spec: {hostNetwork: true}\nstatus: {phase: Running, podIP: 10.0.0.1}\n",
        "status: {phase: Succeeded, podIP: 10.0.0.1}\n",
        "status: {phase: Failed, podIP: 10.0.0.1}\n",
        "spec: {}\n",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        char text[256];
        snprintf(text, sizeof(text), "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n%s", texts[i]);
        struct manifests *manifests = load_text(text);
        assert_string_equal(load_problems(manifests), "");
        assert_false(pod_has_addresses(manifests->resources[0].object));
        manifests_unref(manifests);
    }
}

static void test_an_endpoint_names_its_pod_and_a_service_its_addresses(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a}\naddressType: IPv4\n"
        "endpoints: [{addresses: [10.0.0.1], targetRef: {kind: Pod, name: p, namespace: shop, uid: x}}]\n---\n"
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: 10.2.0.1, clusterIPs: [10.2.0.1, "
        "'fd00::2']}\n");
    assert_string_equal(load_problems(manifests), "");
    const struct endpoint_slice *slice = manifests->resources[0].object;
    const struct endpoint *endpoint = SCHEMA_ITEM(slice->endpoints, struct endpoint, 0);
    assert_true(str_eq(endpoint->target->kind, STR("Pod")) && str_eq(endpoint->target->ns, STR("shop")));
    const struct service *service = manifests->resources[1].object;
    assert_int_equal(service->spec->cluster_ips.count, 2);
    manifests_unref(manifests);
}

static void test_a_virtual_service_is_printed_as_it_is_read(void **state)
{
    (void)state;
    struct manifests *manifests = load_spec(
        "VirtualService",
        "hosts: [a], http: [{match: [{headers: {x-a: {}, x-b: {exact: c}}}], route: [{destination: {host: "
        "a}}], mirror: {host: b}, mirrorPercentage: {value: 0.5}, timeout: 0.5s}]");
    struct strbuf text = STRBUF_INIT;
    manifests_print(manifests, &text);
    assert_non_null(
        strstr(text.ptr, "  - match:\n    - headers:\n        x-a: {}\n        x-b:\n          exact: c\n"));
    assert_non_null(strstr(text.ptr, "    mirrorPercentage:\n      value: 0.5\n"));
    assert_non_null(strstr(text.ptr, "    timeout: 500ms\n"));
    struct manifests *again = load_text(text.ptr);
    struct strbuf twice = STRBUF_INIT;
    manifests_print(again, &twice);
    assert_string_equal(load_problems(again), "");
    assert_string_equal(twice.ptr, text.ptr);
    strbuf_deinit(&twice);
    strbuf_deinit(&text);
    manifests_unref(again);
    manifests_unref(manifests);
}

static void test_a_policy_names_a_virtual_service_with_its_group(void **state)
{
    (void)state;
    static const struct {
        const char *ref, *says;
    } refs[] = {
        {"{group: networking.istio.io, kind: VirtualService, name: a, sectionName: b}", ""},
        {"{kind: VirtualService, name: a}", "write group: networking.istio.io"},
        {"{group: networking.istio.io, kind: Gateway, name: a}", "only a VirtualService"},
    };
    for (size_t i = 0; i < COUNT(refs); i++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "apiVersion: umbra.dev/v1alpha1\nkind: MirrorPolicy\nmetadata: {name: a}\nspec: {targetRefs: [%s]}\n",
                 refs[i].ref);
        struct manifests *manifests = load_text(text);
        const char *said = load_first(manifests, SEVERITY_ERROR);
        if (!*refs[i].says)
            assert_string_equal(load_problems(manifests), "");
        else if (!strstr(said, refs[i].says))
            fail_msg("%s: %s", refs[i].ref, said);
        manifests_unref(manifests);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_field_of_istio_is_known),
        cmocka_unit_test(test_a_virtual_service_is_read),
        cmocka_unit_test(test_what_istio_takes_of_a_virtual_service_is_taken),
        cmocka_unit_test(test_what_istio_refuses_of_a_virtual_service_is_an_error),
        cmocka_unit_test(test_what_is_not_acted_on_in_a_virtual_service_is_said_where_it_stands),
        cmocka_unit_test(test_a_destination_rule_is_held_to_its_fields),
        cmocka_unit_test(test_a_gateway_of_istio_is_held_to_its_fields),
        cmocka_unit_test(test_a_service_entry_is_held_to_its_fields),
        cmocka_unit_test(test_two_gateways_of_one_name_are_two_resources),
        cmocka_unit_test(test_a_slip_in_istios_group_is_told_from_the_gateway_api),
        cmocka_unit_test(test_a_pod_has_labels_and_addresses_and_much_else),
        cmocka_unit_test(test_a_pod_on_its_nodes_network_or_over_has_no_addresses_of_its_own),
        cmocka_unit_test(test_an_endpoint_names_its_pod_and_a_service_its_addresses),
        cmocka_unit_test(test_a_virtual_service_is_printed_as_it_is_read),
        cmocka_unit_test(test_a_policy_names_a_virtual_service_with_its_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
