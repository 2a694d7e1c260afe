/* SPDX-License-Identifier: Apache-2.0 */
/* The rules over several fields that the Gateway API's CRDs have in CEL, each broken once and kept once. One is not here:
 * that controllerName never changes, which a single load can't see. */
#include "load.h"

#include "manifest/gateway.h"
#include "manifest/http_route.h"

#include <stdio.h>
#include <string.h>

static struct manifests *load_spec(const char *kind, const char *spec)
{
    static char text[16384];
    snprintf(text, sizeof(text),
             "apiVersion: gateway.networking.k8s.io/v1\nkind: %s\nmetadata: {name: a}\nspec: {%s}\n", kind, spec);
    return load_text(text);
}

struct breach {
    const char *kind, *spec;
    const char *field, *says;
};

static void check_breaches(const struct breach *breaches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct manifests *manifests = load_spec(breaches[i].kind, breaches[i].spec);
        char field[256];
        snprintf(field, sizeof(field), ": %s/a: %s: ", breaches[i].kind, breaches[i].field);
        load_assert_one(manifests, SEVERITY_ERROR, (const char *const[]){field, breaches[i].says, NULL});
        assert_true(manifests->resources[0].is_bad);
        assert_null(manifests->resources[0].object);
        manifests_unref(manifests);
    }
}

static void check_accepted(const char *kind, const char *const *specs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct manifests *manifests = load_spec(kind, specs[i]);
        if (manifests->problems.errors > 0)
            fail_msg("%s:\n%s", specs[i], load_problems(manifests));
        assert_non_null(manifests->resources[0].object);
        manifests_unref(manifests);
    }
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define ROUTE "HTTPRoute"

/* ------------------------------------------------------------------------------------------------------- matches */

#define PATH(type, value) "rules: [{matches: [{path: {type: " type ", value: '" value "'}}]}]"
#define PATH_AT "spec.rules[0].matches[0].path.value"

static void test_paths_that_no_request_can_have_are_refused(void **state)
{
    (void)state;
    static const struct breach breaches[] = {
        {ROUTE, PATH("PathPrefix", "api"), PATH_AT, "must begin with \"/\""},
        {ROUTE, PATH("Exact", ""), PATH_AT, "must begin with \"/\""},
        {ROUTE, PATH("Exact", "/a//b"), PATH_AT, "must not contain \"//\""},
        {ROUTE, PATH("PathPrefix", "/a/./b"), PATH_AT, "must not contain \"/./\""},
        {ROUTE, PATH("PathPrefix", "/a/../b"), PATH_AT, "must not contain \"/../\""},
        {ROUTE, PATH("PathPrefix", "/a%2fb"), PATH_AT, "(%2f)"},
        {ROUTE, PATH("PathPrefix", "/a%2Fb"), PATH_AT, "(%2F)"},
        {ROUTE, PATH("Exact", "/a#b"), PATH_AT, "must not contain \"#\""},
        {ROUTE, PATH("Exact", "/a?b=c"), PATH_AT, "queryParams"},
        {ROUTE, PATH("Exact", "/a/.."), PATH_AT, "must not end in \"/..\""},
        {ROUTE, PATH("Exact", "/a/."), PATH_AT, "must not end in \"/.\""},
        {ROUTE, PATH("Exact", "/a b"), PATH_AT, "character at 3 that paths do not have: encode it as %20"},
        {ROUTE, PATH("Exact", "/a%zz"), PATH_AT, "character at 3"},
        {ROUTE, PATH("Glob", "/"), "spec.rules[0].matches[0].path.type", "Glob"},
    };
    check_breaches(breaches, COUNT(breaches));
}

static void test_paths_that_requests_have_are_accepted(void **state)
{
    (void)state;
    static const char *const specs[] = {
        PATH("PathPrefix", "/"),
        PATH("PathPrefix", "/a/"),
        PATH("Exact", "/a.b/..c/.d"),
        PATH("Exact", "/a%20b;c=d"),
        PATH("RegularExpression", "api//.*"),
        PATH("RegularExpression", "/a/../%2f#"),
        "rules: [{matches: [{}]}]",
        "rules: [{}]",
    };
    check_accepted(ROUTE, specs, COUNT(specs));
}

static void test_a_star_at_the_end_of_a_prefix_is_a_warning(void **state)
{
    (void)state;
    struct manifests *manifests = load_spec(ROUTE, PATH("PathPrefix", "/api/*"));
    load_assert_one(manifests, SEVERITY_WARNING, (const char *const[]){PATH_AT, "compared as it stands", NULL});
    assert_non_null(manifests->resources[0].object);
    manifests_unref(manifests);
}

static void test_a_wrong_regular_expression_is_said_with_its_place(void **state)
{
    (void)state;
    static const struct breach breaches[] = {
        {ROUTE, PATH("RegularExpression", "/a(bc|d"), PATH_AT,
         "\"/a(bc|d\" is no valid regular expression: missing closing parenthesis at character 7"},
        {ROUTE, "rules: [{matches: [{headers: [{type: RegularExpression, name: x, value: '*'}]}]}]",
         "spec.rules[0].matches[0].headers[0].value", "is no valid regular expression"},
        {ROUTE, "rules: [{matches: [{queryParams: [{type: RegularExpression, name: x, value: '[a'}]}]}]",
         "spec.rules[0].matches[0].queryParams[0].value", "is no valid regular expression"},
    };
    check_breaches(breaches, COUNT(breaches));
}

static void test_a_route_without_rules_has_one_for_all_requests(void **state)
{
    (void)state;
    static const char *const specs[] = {"hostnames: [a.example]", "rules: [{}]", "rules: [{matches: [{method: GET}]}]"};
    for (size_t i = 0; i < COUNT(specs); i++) {
        struct manifests *manifests = load_spec(ROUTE, specs[i]);
        const struct http_route *route = manifests->resources[0].object;
        assert_int_equal(route->spec->rules.count, 1);
        const struct http_route_rule *rule = SCHEMA_ITEM(route->spec->rules, struct http_route_rule, 0);
        assert_int_equal(rule->matches.count, 1);
        const struct http_route_match *match = SCHEMA_ITEM(rule->matches, struct http_route_match, 0);
        assert_int_equal(match->path->type.value, PATH_PREFIX);
        assert_true(str_eq(match->path->value, STR("/")));
        manifests_unref(manifests);
    }
}

static void test_a_route_has_at_most_128_matches(void **state)
{
    (void)state;
    static char spec[8192];
    for (unsigned last = 0; last < 2; last++) {
        size_t len = (size_t)snprintf(spec, sizeof(spec), "rules: [");
        for (unsigned i = 0; i < 128 + last; i++) {
            const char *end = i == 127 + last ? "]}]" : i % 64 == 63 ? "]}, " : ", ";
            len += (size_t)snprintf(spec + len, sizeof(spec) - len, "%s{path: {value: /%u}}%s",
                                    i % 64 == 0 ? "{matches: [" : "", i, end);
        }
        struct manifests *manifests = load_spec(ROUTE, spec);
        assert_int_equal(manifests->problems.errors, last);
        if (last)
            assert_non_null(strstr(load_problems(manifests), "have 129 matches together"));
        manifests_unref(manifests);
    }
}

/* ------------------------------------------------------------------------------------------------------- filters */

#define FILTERS(list) "rules: [{filters: [" list "]}]"
#define BACKEND_FILTERS(list) "rules: [{backendRefs: [{name: b, port: 80, filters: [" list "]}]}]"
#define FILTER_AT "spec.rules[0].filters[0]"
#define MIRROR "{type: RequestMirror, requestMirror: {backendRef: {name: s, port: 80}}}"
#define REWRITE(path) "{type: URLRewrite, urlRewrite: {path: {" path "}}}"
#define REDIRECT(path) "{type: RequestRedirect, requestRedirect: {path: {" path "}}}"
#define TO_PREFIX "type: ReplacePrefixMatch, replacePrefixMatch: /x"
#define TO_FULL "type: ReplaceFullPath, replaceFullPath: /x"

static void test_a_filter_has_the_member_of_its_type_and_no_other(void **state)
{
    (void)state;
    static const struct breach breaches[] = {
        {ROUTE, FILTERS("{type: RequestHeaderModifier}"), FILTER_AT ".requestHeaderModifier",
         "needs requestHeaderModifier"},
        {ROUTE, FILTERS("{type: ResponseHeaderModifier}"), FILTER_AT ".responseHeaderModifier", "add it"},
        {ROUTE, FILTERS("{type: RequestMirror}"), FILTER_AT ".requestMirror", "add it"},
        {ROUTE, FILTERS("{type: RequestRedirect}"), FILTER_AT ".requestRedirect", "add it"},
        {ROUTE, FILTERS("{type: URLRewrite}"), FILTER_AT ".urlRewrite", "add it"},
        {ROUTE, FILTERS("{type: CORS}"), FILTER_AT ".cors", "add it"},
        {ROUTE, FILTERS("{type: ExtensionRef}"), FILTER_AT ".extensionRef", "add it"},
        {ROUTE, FILTERS("{type: CORS, cors: {}, requestHeaderModifier: {}}"), FILTER_AT ".requestHeaderModifier",
         "is for the type RequestHeaderModifier, and type is CORS"},
        {ROUTE, FILTERS("{type: CORS, cors: {}, responseHeaderModifier: {}}"), FILTER_AT ".responseHeaderModifier",
         "is for the type ResponseHeaderModifier"},
        {ROUTE, FILTERS("{type: CORS, cors: {}, requestMirror: {backendRef: {name: s, port: 80}}}"),
         FILTER_AT ".requestMirror", "is for the type RequestMirror"},
        {ROUTE, FILTERS("{type: CORS, cors: {}, requestRedirect: {}}"), FILTER_AT ".requestRedirect",
         "is for the type RequestRedirect"},
        {ROUTE, FILTERS("{type: CORS, cors: {}, urlRewrite: {}}"), FILTER_AT ".urlRewrite",
         "is for the type URLRewrite"},
        {ROUTE, FILTERS("{type: URLRewrite, urlRewrite: {}, cors: {}}"), FILTER_AT ".cors", "is for the type CORS"},
        {ROUTE, FILTERS("{type: CORS, cors: {}, extensionRef: {group: g, kind: K, name: e}}"),
         FILTER_AT ".extensionRef", "is for the type ExtensionRef"},
        {ROUTE, BACKEND_FILTERS("{type: RequestMirror}"), "spec.rules[0].backendRefs[0].filters[0].requestMirror",
         "add it"},
    };
    check_breaches(breaches, COUNT(breaches));
}

static void test_filters_that_may_not_be_repeated_are_refused(void **state)
{
    (void)state;
#define TWICE(type, member) \
    { \
        ROUTE, FILTERS("{type: " type ", " member ": {}}, {type: " type ", " member ": {}}"), \
            "spec.rules[0].filters[1]", "is the second " type \
    }
#define TWICE_AT_BACKEND(type, member) \
    { \
        ROUTE, BACKEND_FILTERS("{type: " type ", " member ": {}}, {type: " type ", " member ": {}}"), \
            "spec.rules[0].backendRefs[0].filters[1]", "is the second " type \
    }
    static const struct breach breaches[] = {
        TWICE("RequestHeaderModifier", "requestHeaderModifier"),
        TWICE("ResponseHeaderModifier", "responseHeaderModifier"),
        TWICE("RequestRedirect", "requestRedirect"),
        TWICE("URLRewrite", "urlRewrite"),
        TWICE("CORS", "cors"),
        TWICE_AT_BACKEND("RequestHeaderModifier", "requestHeaderModifier"),
        TWICE_AT_BACKEND("ResponseHeaderModifier", "responseHeaderModifier"),
        TWICE_AT_BACKEND("RequestRedirect", "requestRedirect"),
        TWICE_AT_BACKEND("URLRewrite", "urlRewrite"),
        TWICE_AT_BACKEND("CORS", "cors"),
        {ROUTE, FILTERS("{type: RequestRedirect, requestRedirect: {}}, {type: URLRewrite, urlRewrite: {}}"),
         "spec.rules[0].filters", "both RequestRedirect and URLRewrite"},
        {ROUTE, BACKEND_FILTERS("{type: RequestRedirect, requestRedirect: {}}, {type: URLRewrite, urlRewrite: {}}"),
         "spec.rules[0].backendRefs[0].filters", "both RequestRedirect and URLRewrite"},
    };
    check_breaches(breaches, COUNT(breaches));
    static const char *const specs[] = {
        FILTERS(MIRROR ", " MIRROR),
        BACKEND_FILTERS(MIRROR ", " MIRROR),
        FILTERS("{type: ExtensionRef, extensionRef: {group: g, kind: K, name: e}}, "
                "{type: ExtensionRef, extensionRef: {group: g, kind: K, name: m}}"),
    };
    check_accepted(ROUTE, specs, COUNT(specs));
}

static void test_a_route_that_must_ask_before_it_serves_is_refused(void **state)
{
    (void)state;
    static const struct breach breaches[] = {
        {ROUTE, FILTERS("{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: auth, port: 80}}}"),
         FILTER_AT, "is not served by this version"},
    };
    check_breaches(breaches, COUNT(breaches));
}

static void test_a_path_modifier_has_the_member_of_its_type(void **state)
{
    (void)state;
#define AT_REWRITE FILTER_AT ".urlRewrite.path"
#define AT_REDIRECT FILTER_AT ".requestRedirect.path"
#define PREFIX_RULE(filter) "rules: [{matches: [{path: {value: /a}}], filters: [" filter "]}]"
    static const struct breach breaches[] = {
        {ROUTE, FILTERS(REWRITE("type: ReplaceFullPath")), AT_REWRITE ".replaceFullPath", "needs replaceFullPath"},
        {ROUTE, FILTERS(REWRITE("type: ReplacePrefixMatch")), AT_REWRITE ".replacePrefixMatch",
         "needs replacePrefixMatch"},
        {ROUTE, FILTERS(REWRITE(TO_FULL ", replacePrefixMatch: /y")), AT_REWRITE ".replacePrefixMatch",
         "is not for the type ReplaceFullPath"},
        {ROUTE, FILTERS(REWRITE(TO_PREFIX ", replaceFullPath: /y")), AT_REWRITE ".replaceFullPath",
         "is not for the type ReplacePrefixMatch"},
        {ROUTE, FILTERS(REDIRECT("type: ReplaceFullPath")), AT_REDIRECT ".replaceFullPath", "add it"},
        {ROUTE, FILTERS(REDIRECT("type: ReplacePrefixMatch")), AT_REDIRECT ".replacePrefixMatch", "add it"},
        {ROUTE, FILTERS(REDIRECT(TO_FULL ", replacePrefixMatch: /y")), AT_REDIRECT ".replacePrefixMatch", "remove it"},
        {ROUTE, FILTERS(REDIRECT(TO_PREFIX ", replaceFullPath: /y")), AT_REDIRECT ".replaceFullPath", "remove it"},
    };
    check_breaches(breaches, COUNT(breaches));
    static const char *const specs[] = {
        FILTERS(REWRITE(TO_FULL)),
        FILTERS(REDIRECT(TO_FULL)),
        PREFIX_RULE(REWRITE(TO_PREFIX)),
        PREFIX_RULE(REDIRECT("type: ReplacePrefixMatch, replacePrefixMatch: ''")),
    };
    check_accepted(ROUTE, specs, COUNT(specs));
}

static void test_a_prefix_is_replaced_only_where_one_has_matched(void **state)
{
    (void)state;
#define RULE(matches, filters, backends) \
    "rules: [{matches: [" matches "], filters: [" filters "], backendRefs: [" backends "]}]"
#define EXACT "{path: {type: Exact, value: /a}}"
#define PREFIX "{path: {value: /a}}"
#define BACKEND(filter) "{name: b, port: 80, filters: [" filter "]}"
    static const struct breach breaches[] = {
        {ROUTE, RULE(EXACT, REWRITE(TO_PREFIX), ""), FILTER_AT, "exactly one match"},
        {ROUTE, RULE(PREFIX ", " PREFIX, REWRITE(TO_PREFIX), ""), FILTER_AT, "exactly one match"},
        {ROUTE, RULE("", REWRITE(TO_PREFIX), ""), FILTER_AT, "exactly one match"},
        {ROUTE, RULE(EXACT, REDIRECT(TO_PREFIX), ""), FILTER_AT, "exactly one match"},
        {ROUTE, RULE(EXACT, "", BACKEND(REWRITE(TO_PREFIX))), "spec.rules[0].backendRefs[0].filters[0]",
         "exactly one match"},
        {ROUTE, RULE(EXACT, "", BACKEND(REDIRECT(TO_PREFIX))), "spec.rules[0].backendRefs[0].filters[0]",
         "exactly one match"},
    };
    check_breaches(breaches, COUNT(breaches));
    static const char *const specs[] = {
        RULE(PREFIX, REWRITE(TO_PREFIX), BACKEND("")),
        RULE("{method: GET}", REWRITE(TO_PREFIX), ""),
        RULE(EXACT, REWRITE(TO_FULL), ""),
        FILTERS(REWRITE(TO_PREFIX)),
        RULE(PREFIX, "", BACKEND(REDIRECT(TO_PREFIX))),
        RULE(EXACT, "", BACKEND(REWRITE(TO_PREFIX)) ", " BACKEND(REWRITE(TO_PREFIX))), /* as the CRD has it */
    };
    check_accepted(ROUTE, specs, COUNT(specs));
}

static void test_mirrors_and_cors_are_checked(void **state)
{
    (void)state;
#define MIRROR_OF(share) FILTERS("{type: RequestMirror, requestMirror: {backendRef: {name: s, port: 80}, " share "}}")
#define CORS_OF(list) FILTERS("{type: CORS, cors: {" list "}}")
    static const struct breach breaches[] = {
        {ROUTE, MIRROR_OF("percent: 5, fraction: {numerator: 1}"), FILTER_AT ".requestMirror",
         "both percent and fraction"},
        {ROUTE, MIRROR_OF("fraction: {numerator: 3, denominator: 2}"), FILTER_AT ".requestMirror.fraction.numerator",
         "3 of 2"},
        {ROUTE, MIRROR_OF("fraction: {numerator: 101}"), FILTER_AT ".requestMirror.fraction.numerator", "101 of 100"},
        {ROUTE, MIRROR_OF("percent: 101"), FILTER_AT ".requestMirror.percent", "101"},
        {ROUTE, FILTERS("{type: RequestMirror, requestMirror: {backendRef: {name: s}}}"),
         FILTER_AT ".requestMirror.backendRef.port", "a Service needs a port"},
        {ROUTE, CORS_OF("allowOrigins: ['*', 'http://a']"), FILTER_AT ".cors.allowOrigins", "all origins"},
        {ROUTE, CORS_OF("allowMethods: [GET, '*']"), FILTER_AT ".cors.allowMethods", "all methods"},
        {ROUTE, CORS_OF("allowHeaders: ['*', a]"), FILTER_AT ".cors.allowHeaders", "all headers"},
    };
    check_breaches(breaches, COUNT(breaches));
    static const char *const specs[] = {
        MIRROR_OF("percent: 0"),
        MIRROR_OF("fraction: {numerator: 2, denominator: 2}"),
        FILTERS("{type: RequestMirror, requestMirror: {backendRef: {group: umbra.dev, kind: Backend, name: s}}}"),
        CORS_OF("allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], exposeHeaders: ['*', a]"),
    };
    check_accepted(ROUTE, specs, COUNT(specs));
}

static void test_a_header_value_is_one_line(void **state)
{
    (void)state;
    static const struct breach breaches[] = {
        {ROUTE,
         FILTERS("{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: \"b\\r\\nc: d\"}]}}"),
         FILTER_AT ".requestHeaderModifier.set[0].value", "header's value"},
        {ROUTE,
         FILTERS(
             "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}, {name: a, value: c}]}}"),
         FILTER_AT ".requestHeaderModifier.set[1].name", "must differ"},
    };
    check_breaches(breaches, COUNT(breaches));
}

/* --------------------------------------------------------------------------------------------------------- rules */

static void test_rules_are_checked_as_a_whole(void **state)
{
    (void)state;
    static const struct breach breaches[] = {
        {ROUTE,
         "rules: [{filters: [{type: RequestRedirect, requestRedirect: {}}], backendRefs: [{name: b, port: 80}]}]",
         FILTER_AT, "remove backendRefs or this filter"},
        {ROUTE, "rules: [{backendRefs: [{name: b}]}]", "spec.rules[0].backendRefs[0].port", "a Service needs a port"},
        {ROUTE, "rules: [{timeouts: {request: 1s, backendRequest: 2s}}]", "spec.rules[0].timeouts.backendRequest",
         "is longer than request"},
        {ROUTE, "rules: []", "spec.rules", "at least 1"},
        {ROUTE, "rules: [{retry: {codes: [200]}}]", "spec.rules[0].retry.codes[0]", "200"},
    };
    check_breaches(breaches, COUNT(breaches));
    static const char *const specs[] = {
        "rules: [{timeouts: {request: 0s, backendRequest: 2s}}]",
        "rules: [{timeouts: {request: 2s, backendRequest: 2s}}]",
        "rules: [{timeouts: {backendRequest: 2s}}]",
        "rules: [{retry: {codes: [500, 503], attempts: 2, backoff: 100ms}}]",
        "rules: [{backendRefs: [{kind: Backend, group: umbra.dev, name: b}]}]",
    };
    check_accepted(ROUTE, specs, COUNT(specs));
}

static void test_rules_with_the_same_name_are_a_warning(void **state)
{
    (void)state;
    struct manifests *manifests = load_spec(ROUTE, "rules: [{name: a}, {name: b}, {name: a}]");
    load_assert_one(manifests, SEVERITY_WARNING, (const char *const[]){"spec.rules[2].name", "rules[0]", NULL});
    manifests_unref(manifests);
}

static void test_parents_are_named_once(void **state)
{
    (void)state;
    static const struct breach breaches[] = {
        {ROUTE, "parentRefs: [{name: a}, {name: a}]", "spec.parentRefs[1]", "remove one"},
        {ROUTE, "parentRefs: [{name: a, sectionName: x}, {name: a}]", "spec.parentRefs[1]",
         "one of them a sectionName"},
        {ROUTE, "parentRefs: [{name: a, sectionName: x}, {name: b}, {name: a, sectionName: x}]", "spec.parentRefs[2]",
         "as parentRefs[0]"},
        {ROUTE, "parentRefs: [{name: a, port: 80}, {name: a}]", "spec.parentRefs[1]", "one of them a port"},
        {ROUTE, "parentRefs: [{name: a, port: 80}, {name: a, port: 80}]", "spec.parentRefs[1]", "remove one"},
    };
    check_breaches(breaches, COUNT(breaches));
    static const char *const specs[] = {
        "parentRefs: [{name: a}, {name: b}]",
        "parentRefs: [{name: a, sectionName: x}, {name: a, sectionName: z}]",
        "parentRefs: [{name: a, namespace: x}, {name: a}]",
        "parentRefs: [{name: a, kind: Service, group: ''}, {name: a}]",
        "parentRefs: [{name: a, port: 80}, {name: a, port: 81}]", /* the experimental channel's rule */
    };
    check_accepted(ROUTE, specs, COUNT(specs));
}

static void check_session_is_warned_of(const char *spec)
{
    struct manifests *manifests = load_spec(ROUTE, spec);
    load_assert_one(manifests, SEVERITY_WARNING,
                    (const char *const[]){"spec.rules[0].sessionPersistence", "not acted on", NULL});
    assert_non_null(manifests->resources[0].object);
    manifests_unref(manifests);
}

static void test_session_persistence_is_checked_and_warned_of(void **state)
{
    (void)state;
#define SESSION(fields) "rules: [{sessionPersistence: {" fields "}}]"
#define SESSION_AT "spec.rules[0].sessionPersistence"
    static const struct breach breaches[] = {
        {ROUTE, SESSION("type: Cookie"), SESSION_AT ".cookie", "needs cookie"},
        {ROUTE, SESSION("cookie: {}, header: {name: x}"), SESSION_AT ".header", "is for the type Header"},
        {ROUTE, SESSION("type: Header"), SESSION_AT ".header", "needs header"},
        {ROUTE, SESSION("type: Header, header: {name: x}, cookie: {}"), SESSION_AT ".cookie", "is for the type Cookie"},
        {ROUTE, SESSION("cookie: {lifetimeType: Permanent}"), SESSION_AT ".absoluteTimeout", "needs absoluteTimeout"},
        {ROUTE, SESSION("cookieConfig: {lifetimeType: Permanent}"), SESSION_AT ".absoluteTimeout",
         "needs absoluteTimeout"},
    };
    check_breaches(breaches, COUNT(breaches));
    check_session_is_warned_of(SESSION("cookie: {name: sid}"));
    check_session_is_warned_of(SESSION("sessionName: sid, type: Header"));
    check_session_is_warned_of(SESSION("sessionName: sid, cookieConfig: {lifetimeType: Permanent}, "
                                       "absoluteTimeout: 1h, idleTimeout: 10m"));
}

/* ------------------------------------------------------------------------------------------------------- Gateway */

#define GATEWAY "Gateway"
#define LISTENERS(list) "gatewayClassName: umbra, listeners: [" list "]"
#define HTTP_LISTENER "{name: a, port: 80, protocol: HTTP}"
#define CERTIFICATE "certificateRefs: [{name: c}]"

static void test_listeners_are_checked(void **state)
{
    (void)state;
    static const struct breach breaches[] = {
        {GATEWAY, LISTENERS("{name: a, port: 80, protocol: HTTP, tls: {" CERTIFICATE "}}"), "spec.listeners[0].tls",
         "HTTP has no TLS"},
        {GATEWAY, LISTENERS("{name: a, port: 80, protocol: TCP, tls: {" CERTIFICATE "}}"), "spec.listeners[0].tls",
         "TCP has no TLS"},
        {GATEWAY, LISTENERS("{name: a, port: 80, protocol: UDP, tls: {" CERTIFICATE "}}"), "spec.listeners[0].tls",
         "UDP has no TLS"},
        {GATEWAY, LISTENERS("{name: a, port: 443, protocol: HTTPS, tls: {mode: Passthrough}}"),
         "spec.listeners[0].tls.mode", "set mode: Terminate"},
        {GATEWAY, LISTENERS("{name: a, port: 443, protocol: TLS}"), "spec.listeners[0].tls",
         "Terminate or Passthrough"},
        {GATEWAY, LISTENERS("{name: a, port: 80, protocol: TCP, hostname: a.example}"), "spec.listeners[0].hostname",
         "knows no hostnames"},
        {GATEWAY, LISTENERS("{name: a, port: 80, protocol: UDP, hostname: a.example}"), "spec.listeners[0].hostname",
         "knows no hostnames"},
        {GATEWAY, LISTENERS(HTTP_LISTENER ", {name: a, port: 81, protocol: HTTP}"), "spec.listeners[1].name",
         "must differ"},
        {GATEWAY, LISTENERS(HTTP_LISTENER ", {name: b, port: 80, protocol: HTTP}"), "spec.listeners[1]",
         "the same port, protocol and hostname as the listener a"},
        {GATEWAY, LISTENERS("{name: a, port: 443, protocol: HTTPS, tls: {}}"), "spec.listeners[0].tls.certificateRefs",
         "needs a certificate"},
        {GATEWAY, LISTENERS("{name: a, port: 80, protocol: 'a b'}"), "spec.listeners[0].protocol",
         "listener's protocol"},
    };
    check_breaches(breaches, COUNT(breaches));
    static const char *const specs[] = {
        LISTENERS(HTTP_LISTENER),
        LISTENERS("{name: a, port: 443, protocol: HTTPS, tls: {" CERTIFICATE "}}"),
        LISTENERS("{name: a, port: 443, protocol: HTTPS, tls: {options: {example.com/x: z}}}"),
        LISTENERS("{name: a, port: 443, protocol: TLS, tls: {mode: Passthrough}}"),
        LISTENERS(HTTP_LISTENER ", {name: b, port: 80, protocol: HTTP, hostname: b.example}"),
        LISTENERS("{name: a, port: 80, protocol: example.com/x}"),
    };
    check_accepted(GATEWAY, specs, COUNT(specs));
}

static void test_addresses_and_infrastructure_are_checked(void **state)
{
    (void)state;
#define ADDRESSES(list) LISTENERS(HTTP_LISTENER) ", addresses: [" list "]"
#define INFRASTRUCTURE(fields) LISTENERS(HTTP_LISTENER) ", infrastructure: {" fields "}"
    static const struct breach breaches[] = {
        {GATEWAY, ADDRESSES("{value: 10.0.0.1}, {value: 10.0.0.1}"), "spec.addresses[1]",
         "same address as addresses[0]"},
        {GATEWAY, ADDRESSES("{type: Hostname, value: a.b}, {type: Hostname, value: a.b}"), "spec.addresses[1]",
         "same address"},
        {GATEWAY, ADDRESSES("{type: Hostname, value: 'a_b'}"), "spec.addresses[0].value", "is no hostname"},
        {GATEWAY, ADDRESSES("{type: Host, value: a}"), "spec.addresses[0].type", "type of address"},
        {GATEWAY, INFRASTRUCTURE("labels: {'a b': c}"), "spec.infrastructure.labels[\"a b\"]", "no key of a label"},
        {GATEWAY, INFRASTRUCTURE("annotations: {'A.b/c': d}"), "spec.infrastructure.annotations[\"A.b/c\"]",
         "no key of an annotation"},
        {GATEWAY, INFRASTRUCTURE("labels: {a: 'b c'}"), "spec.infrastructure.labels.a", "label's value"},
        {GATEWAY,
         LISTENERS(HTTP_LISTENER) ", tls: {frontend: {default: {}, perPort: [{port: 1, tls: {}}, {port: 1, tls: {}}]}}",
         "spec.tls.frontend.perPort[1].port", "must differ"},
    };
    check_breaches(breaches, COUNT(breaches));
    static const char *const specs[] = {
        ADDRESSES("{value: 10.0.0.1}, {type: Hostname, value: '*.b'}, {type: NamedAddress, value: x}, "
                  "{type: NamedAddress, value: x}, {type: example.com/x}"),
        INFRASTRUCTURE("labels: {example.com/a_b.c: d}, annotations: {x: 'any text'}"),
    };
    check_accepted(GATEWAY, specs, COUNT(specs));
}

static void test_keys_of_labels_have_a_limited_length(void **state)
{
    (void)state;
    char key[400];
    memset(key, 'a', sizeof(key));
    assert_true(is_qualified_name((struct str){key, 63}));
    assert_false(is_qualified_name((struct str){key, 64}));
    for (size_t i = 40; i < 252; i += 40)
        key[i] = '.';
    key[252] = '/';
    assert_true(is_qualified_name((struct str){key, 300}));
    memmove(key + 1, key, sizeof(key) - 1);
    assert_false(is_qualified_name((struct str){key, 301}));
    assert_false(is_qualified_name(STR("a/")));
    assert_false(is_qualified_name(STR("/a")));
    assert_false(is_qualified_name(STR("")));
}

static void test_selectors_need_values_where_they_compare(void **state)
{
    (void)state;
#define SELECTOR(expression) \
    LISTENERS("{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: " \
              "{matchExpressions: [" expression "]}}}}")
#define SELECTOR_AT "spec.listeners[0].allowedRoutes.namespaces.selector.matchExpressions[0]"
    static const struct breach breaches[] = {
        {GATEWAY, SELECTOR("{key: a, operator: In}"), SELECTOR_AT ".values", "needs at least one value"},
        {GATEWAY, SELECTOR("{key: a, operator: Exists, values: [b]}"), SELECTOR_AT ".values", "takes no values"},
    };
    check_breaches(breaches, COUNT(breaches));
}

static bool selects(const char *selector, const char *labels)
{
    static char text[1024];
    snprintf(
        text, sizeof(text),
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: a, labels: {%s}}\nspec: {%s%s%s}\n",
        labels,
        "gatewayClassName: x, listeners: [{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: "
        "{from: Selector, selector: {",
        selector, "}}}}]");
    struct manifests *manifests = load_text(text);
    const struct gateway *gateway = manifests->resources[0].object;
    assert_non_null(gateway);
    const struct gateway_listener *listener = SCHEMA_ITEM(gateway->spec->listeners, struct gateway_listener, 0);
    bool is_selected = label_selector_matches(listener->allowed_routes->namespaces->selector,
                                              &gateway->head.metadata->labels);
    manifests_unref(manifests);
    return is_selected;
}

static void test_selectors_choose_by_labels(void **state)
{
    (void)state;
    assert_true(selects("", ""));
    assert_true(selects("matchLabels: {a: b}", "a: b, c: d"));
    assert_false(selects("matchLabels: {a: b}", "a: c"));
    assert_false(selects("matchLabels: {a: b}", ""));
    assert_true(selects("matchExpressions: [{key: a, operator: In, values: [x, b]}]", "a: b"));
    assert_false(selects("matchExpressions: [{key: a, operator: In, values: [x]}]", "a: b"));
    assert_true(selects("matchExpressions: [{key: a, operator: NotIn, values: [x]}]", "a: b"));
    assert_true(selects("matchExpressions: [{key: a, operator: NotIn, values: [x]}]", ""));
    assert_false(selects("matchExpressions: [{key: a, operator: NotIn, values: [b]}]", "a: b"));
    assert_true(selects("matchExpressions: [{key: a, operator: Exists}]", "a: ''"));
    assert_false(selects("matchExpressions: [{key: a, operator: Exists}]", "b: c"));
    assert_true(selects("matchExpressions: [{key: a, operator: DoesNotExist}]", "b: c"));
    assert_false(selects("matchLabels: {b: c}, matchExpressions: [{key: a, operator: Exists}]", "b: c"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_that_no_request_can_have_are_refused),
        cmocka_unit_test(test_paths_that_requests_have_are_accepted),
        cmocka_unit_test(test_a_star_at_the_end_of_a_prefix_is_a_warning),
        cmocka_unit_test(test_a_wrong_regular_expression_is_said_with_its_place),
        cmocka_unit_test(test_a_route_without_rules_has_one_for_all_requests),
        cmocka_unit_test(test_a_route_has_at_most_128_matches),
        cmocka_unit_test(test_a_filter_has_the_member_of_its_type_and_no_other),
        cmocka_unit_test(test_filters_that_may_not_be_repeated_are_refused),
        cmocka_unit_test(test_a_route_that_must_ask_before_it_serves_is_refused),
        cmocka_unit_test(test_a_path_modifier_has_the_member_of_its_type),
        cmocka_unit_test(test_a_prefix_is_replaced_only_where_one_has_matched),
        cmocka_unit_test(test_mirrors_and_cors_are_checked),
        cmocka_unit_test(test_a_header_value_is_one_line),
        cmocka_unit_test(test_rules_are_checked_as_a_whole),
        cmocka_unit_test(test_rules_with_the_same_name_are_a_warning),
        cmocka_unit_test(test_parents_are_named_once),
        cmocka_unit_test(test_session_persistence_is_checked_and_warned_of),
        cmocka_unit_test(test_listeners_are_checked),
        cmocka_unit_test(test_addresses_and_infrastructure_are_checked),
        cmocka_unit_test(test_keys_of_labels_have_a_limited_length),
        cmocka_unit_test(test_selectors_need_values_where_they_compare),
        cmocka_unit_test(test_selectors_choose_by_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
