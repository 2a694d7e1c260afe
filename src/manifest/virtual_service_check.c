/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/virtual_service_check.h"

#include "manifest/http_route.h"
#include "manifest/quote.h"
#include "manifest/regex_check.h"
#include "manifest/schema_formats.h"

/* ------------------------------------------------------------------------------------------------------- matches */

static bool is_empty_match(const struct string_match *match)
{
    return match && !match->exact.ptr && !match->prefix.ptr && !match->regex.ptr;
}

static void check_text(const struct string_match *match, struct problems *problems)
{
    if (is_empty_match(match))
        problems_add(problems, SEVERITY_ERROR, STR_NONE, match->node,
                     "says nothing: write exact, prefix or regex below it, or leave it out");
}

/* Paths are compared as they arrive, without the query. */
static void check_uri(const struct string_match *uri, struct problems *problems)
{
    struct str text = !uri ? STR_NONE : uri->exact.ptr ? uri->exact : uri->prefix;
    if (text.ptr && !str_starts_with(text, STR("/")) && !(text.len == 0 && uri->prefix.ptr))
        problems_add(problems, SEVERITY_WARNING, STR_NONE, uri->node,
                     "matches nothing, since every path begins with \"/\"");
    else if (text.ptr && str_find_char(text, '?') < text.len)
        problems_add(problems, SEVERITY_WARNING, STR_NONE, uri->node,
                     "matches nothing: the query is no part of it; use queryParams");
}

/* Istio takes them for the fields of the same names, and looks at neither. */
static void check_reserved(const struct schema_list *headers, struct problems *problems)
{
    static const char *const names[] = {"uri", "scheme", "method", "authority"};
    for (uint32_t i = 0; i < headers->count; i++) {
        const struct node *at = SCHEMA_ITEM(*headers, struct string_match, i)->node;
        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            if (str_eq(at->key, str_from_c(names[k])))
                problems_add(problems, SEVERITY_WARNING, STR_NONE, at,
                             "is ignored here, as by Istio: %s is a field beside headers", names[k]);
        }
    }
}

void check_istio_match(const void *object, struct problems *problems)
{
    const struct istio_match *match = object;
    check_text(match->uri, problems);
    check_text(match->scheme, problems);
    check_text(match->method, problems);
    check_text(match->authority, problems);
    check_uri(match->uri, problems);
    check_header_names(&match->headers, problems);
    check_header_names(&match->without_headers, problems);
    check_reserved(&match->headers, problems);
    check_reserved(&match->without_headers, problems);
    if (match->ignore_uri_case.value && match->uri && match->uri->regex.ptr)
        problems_add(problems, SEVERITY_WARNING, STR_NONE, place_of(match->node, "ignoreUriCase"),
                     "does not count for a regular expression: begin that with (?i)");
}

/* ------------------------------------------------------------------------------------------------------- actions */

void check_istio_redirect(const void *object, struct problems *problems)
{
    const struct istio_redirect *redirect = object;
    bool has_path = redirect->uri.len > 0 || redirect->prefix_rewrite.len > 0;
    if (redirect->uri.len > 0 && redirect->prefix_rewrite.len > 0)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(redirect->node, "prefixRewrite"),
                     "says another path than uri: remove one");
    if (redirect->port.is_set && redirect->derive_port.is_set)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(redirect->node, "derivePort"),
                     "says another port than port: remove one");
    if (!has_path && redirect->authority.len == 0 && redirect->scheme.len == 0 && !redirect->port.is_set &&
        !redirect->derive_port.is_set)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, redirect->node,
                     "sends clients to where they are: write uri, authority, scheme or port");
    bool is_scheme = str_eq(redirect->scheme, STR("http")) || str_eq(redirect->scheme, STR("https"));
    if (redirect->scheme.len > 0 && !is_scheme)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(redirect->node, "scheme"), "is http or https");
    static const int64_t codes[] = {301, 302, 303, 307, 308};
    bool is_served = false;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        is_served |= redirect->code.value == codes[i];
    if (!is_served)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(redirect->node, "redirectCode"),
                     "is none of 301, 302, 303, 307, 308");
}

void check_istio_body(const void *object, struct problems *problems)
{
    const struct istio_body *body = object;
    if (body->string.ptr && body->bytes.ptr)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, body->node, "has both string and bytes: remove one");
}

void check_istio_regex_rewrite(const void *object, struct problems *problems)
{
    const struct istio_regex_rewrite *regex = object;
    if (regex->match.len == 0)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, regex->node, "match", "is missing");
    else
        regex_check(regex->match, place_of(regex->node, "match"), problems);
    if (regex->rewrite.len == 0)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, regex->node, "rewrite", "is missing");
}

void check_istio_rewrite(const void *object, struct problems *problems)
{
    const struct istio_rewrite *rewrite = object;
    if (rewrite->uri.len == 0 && rewrite->authority.len == 0 && !rewrite->regex)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, rewrite->node,
                     "changes nothing: write uri, authority or uriRegexRewrite");
    if (rewrite->uri.len > 0 && rewrite->regex)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(rewrite->node, "uriRegexRewrite"),
                     "says another path than uri: remove one");
}

bool istio_retry_word(struct str word, unsigned *bits, uint32_t *code)
{
    static const struct {
        const char *word;
        unsigned bits;
    } words[] = {
        {"5xx", ISTIO_RETRY_5XX},
        {"gateway-error", ISTIO_RETRY_GATEWAY_ERROR},
        {"connect-failure", ISTIO_RETRY_CONNECT_FAILURE},
        {"reset", ISTIO_RETRY_RESET},
        {"retriable-4xx", ISTIO_RETRY_RETRIABLE_4XX},
        {"refused-stream", ISTIO_RETRY_REFUSED_STREAM},
        {"reset-before-request", 0},
        {"retriable-status-codes", 0},
        {"retriable-headers", 0},
        {"http3-post-connect-failure", 0},
        {"envoy-ratelimited", 0},
        {"cancelled", 0},
        {"deadline-exceeded", 0},
        {"internal", 0},
        {"resource-exhausted", 0},
        {"unavailable", 0},
    };
    uint64_t number;
    *bits = 0;
    *code = 0;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!str_eq(word, str_from_c(words[i].word)))
            continue;
        *bits = words[i].bits;
        return true;
    }
    if (!str_to_u64(word, &number) || number < 100 || number > 599)
        return false;
    *code = (uint32_t)number;
    return true;
}

void check_istio_retries(const void *object, struct problems *problems)
{
    const struct istio_retries *retries = object;
    struct str rest = retries->retry_on, word;
    while (str_next(&rest, ',', &word)) {
        char quoted[QUOTE_TEXT];
        unsigned bits;
        uint32_t code;
        word = str_trim(word);
        if (word.len == 0)
            continue;
        const struct node *at = place_of(retries->node, "retryOn");
        if (!istio_retry_word(word, &bits, &code))
            problems_add(problems, SEVERITY_ERROR, STR_NONE, at,
                         "%s is no condition that Istio knows: write words as 5xx, gateway-error, connect-failure, "
                         "reset, or statuses as 503",
                         quote_short(word, quoted));
        else if (bits == 0 && code == 0 && !str_eq(word, STR("retriable-status-codes")))
            problems_add(problems, SEVERITY_WARNING, STR_NONE, at, "%s is not acted on by this version",
                         quote_short(word, quoted));
        else if (code > 0 && code < 400)
            problems_add(problems, SEVERITY_WARNING, STR_NONE, at,
                         "%s is not acted on by this version: only statuses from 400 on ask for another attempt",
                         quote_short(word, quoted));
    }
}

void check_istio_cors(const void *object, struct problems *problems)
{
    const struct istio_cors *cors = object;
    for (uint32_t i = 0; i < cors->allow_origins.count; i++) {
        const struct string_match *origin = SCHEMA_ITEM(cors->allow_origins, struct string_match, i);
        check_text(origin, problems);
        const char *way = origin->prefix.ptr ? "prefix" : "regex";
        if (origin->prefix.ptr || origin->regex.ptr)
            problems_add(problems, SEVERITY_WARNING, STR_NONE, place_of(origin->node, way),
                         "is not acted on by this version, so these origins are not allowed: write exact");
    }
    if (cors->allow_origin.count > 0)
        problems_add(problems, SEVERITY_WARNING, STR_NONE, cors->allow_origin.node,
                     "is deprecated by Istio: write allowOrigins, with exact");
}

/* -------------------------------------------------------------------------------------------------------- routes */

static void check_mirrors(const struct istio_route *route, struct problems *problems)
{
    static const char *const shares[] = {"mirrorPercentage", "mirrorPercent", "mirror_percent"};
    if (route->mirror && route->mirrors.count > 0)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(route->node, "mirrors"),
                     "may not stand beside mirror: make that an item of mirrors");
    const bool is_there[] = {route->mirror_percentage != NULL, route->mirror_percent.is_set,
                             route->mirror_percent_old.is_set};
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        if (is_there[i] && !route->mirror)
            problems_add(problems, SEVERITY_WARNING, STR_NONE, place_of(route->node, shares[i]),
                         "counts for mirror only, and there is none");
        else if (is_there[i] && i > 0)
            problems_add(problems, SEVERITY_WARNING, STR_NONE, place_of(route->node, shares[i]),
                         "is deprecated by Istio: write mirrorPercentage: {value: …}%s",
                         is_there[0] ? "; that one counts" : "");
    }
    bool is_answered = route->redirect || route->direct_response;
    if (is_answered && (route->mirror || route->mirrors.count > 0))
        problems_add(problems, SEVERITY_WARNING, STR_NONE, place_of(route->node, route->mirror ? "mirror" : "mirrors"),
                     "gets nothing: what is answered here goes to no backend and is not copied");
}

static void check_weights(const struct istio_route *route, struct problems *problems)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < route->routes.count; i++)
        sum += SCHEMA_ITEM(route->routes, struct istio_weighted, i)->weight.value;
    if (route->routes.count > 1 && sum == 0)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, route->routes.node,
                     "have no weights, and there are several: give them some");
}

void check_istio_route(const void *object, struct problems *problems)
{
    const struct istio_route *route = object;
    int ways = (route->routes.count > 0) + (route->redirect != NULL) + (route->direct_response != NULL);
    if (route->delegate && ways > 0)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(route->node, "delegate"),
                     "may not stand beside route, redirect or directResponse: remove either");
    else if (route->delegate)
        problems_add(problems, SEVERITY_WARNING, STR("UnsupportedValue"), place_of(route->node, "delegate"),
                     "is not acted on by this version, so these requests get 500: write the routes of %.*s here",
                     STR_ARG(route->delegate->name));
    else if (ways == 0)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, route->node,
                     "says nothing about where requests go: add route, redirect or directResponse");
    if (ways > 1)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, route->node,
                     "has more than one of route, redirect and directResponse: leave one");
    if (route->rewrite && (route->redirect || route->direct_response))
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(route->node, "rewrite"),
                     "may not stand beside redirect or directResponse: such requests go to no backend");
    check_weights(route, problems);
    check_mirrors(route, problems);
}

static bool has_not_read(const struct virtual_service_spec *spec)
{
    return node_find(spec->node, STR("tls")) || node_find(spec->node, STR("tcp"));
}

void check_virtual_service_spec(const void *object, struct problems *problems)
{
    const struct virtual_service_spec *spec = object;
    if (spec->hosts.count == 0)
        problems_add_member(problems, spec->gateways.count > 0 ? SEVERITY_ERROR : SEVERITY_WARNING, STR_NONE,
                            spec->node, "hosts", "is missing: %s",
                            spec->gateways.count > 0
                                ? "say which hosts the routes are for, or \"*\""
                                : "others may delegate to this, which this version does not act on");
    if (spec->http.count == 0 && !has_not_read(spec))
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, spec->node, "http", "is missing: there are no routes");
    check_export_to(&spec->export_to, problems);
    for (uint32_t i = 1; i < spec->http.count; i++) {
        struct str name = SCHEMA_ITEM(spec->http, struct istio_route, i)->name;
        for (uint32_t k = 0; name.len > 0 && k < i; k++) {
            if (!str_eq(SCHEMA_ITEM(spec->http, struct istio_route, k)->name, name))
                continue;
            problems_add(problems, SEVERITY_WARNING, STR_NONE,
                         place_of(SCHEMA_ITEM(spec->http, struct istio_route, i)->node, "name"),
                         "is the name of http[%u] too: they are counted as one; give each its own name", k);
            break;
        }
    }
}
