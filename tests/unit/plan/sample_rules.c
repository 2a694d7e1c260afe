/* SPDX-License-Identifier: Apache-2.0 */
#include "sample_rules.h"

#include "base/assert.h"

static void init_mirrors(struct sample_rules *sample)
{
    rule_mirror_init(&sample->mirrors[0]);
    sample->mirrors[0].label = STR("127.0.0.1:3001");
    sample->mirrors[0].backend = 1;
    sample->mirrors[0].numerator = 333;
    sample->mirrors[0].denominator = 1000;
    sample->mirrors[0].sources = sample->sources;
    sample->mirrors[0].source_count = 2;

    rule_mirror_init(&sample->mirrors[1]);
    sample->mirrors[1].label = STR("127.0.0.1:3002");
    sample->mirrors[1].backend = 2;
    sample->mirrors[1].sampling = SAMPLING_HASH;
    sample->mirrors[1].numerator = 50;
    sample->mirrors[1].denominator = 100;
    sample->mirrors[1].key = KEY_HEADER;
    sample->mirrors[1].key_name = STR("x-user-id");
    sample->mirrors[1].salt = STR("spring");

    rule_mirror_init(&sample->mirrors[2]);
    sample->mirrors[2].label = STR("127.0.0.1:3002~2");
    sample->mirrors[2].backend = 2;
    sample->mirrors[2].host_kind = COPY_HOST_LITERAL;
    sample->mirrors[2].host = STR("shadow.test");
    sample->mirrors[2].edits = sample->edits;
    sample->mirrors[2].edit_count = 1;
    sample->mirrors[2].redactions = sample->redactions;
    sample->mirrors[2].redaction_count = 1;
    sample->mirrors[2].trace = COPY_TRACE_NEW_ROOT;

    sample->mirrors[3] = sample->mirrors[2];
    sample->mirrors[3].label = STR("127.0.0.1:3000");
    sample->mirrors[3].backend = 0;
    sample->mirrors[3].is_control = true;
}

/* The first mirror is not compared, the second has the defaults, the third and its control have it all. */
static void init_comparisons(struct sample_rules *sample)
{
    struct rule_comparison *all = &sample->comparisons[1];
    const struct str *texts = sample->compared;
    rule_comparison_init(&sample->comparisons[0]);
    *all = sample->comparisons[0];
    all->samples = KEEP_FIELDS;
    all->body_bytes = 1024;
    all->headers = (struct rule_texts){texts, 1};
    all->ignored_headers = (struct rule_texts){texts + 1, 1};
    all->ignored_paths = (struct rule_texts){texts + 2, 2};
    all->redacted_headers = all->redacted_cookies = all->redacted_query = (struct rule_texts){texts + 4, 1};
    all->redacted_paths = (struct rule_texts){texts + 5, 1};
    all->arrays = sample->arrays;
    all->array_count = 2;
    all->min_pairs = 7;
    all->max_blind = 1;
    sample->mirrors[1].comparison = &sample->comparisons[0];
    sample->mirrors[2].comparison = sample->mirrors[3].comparison = all;
}

/* At one place: two that look at the same values, and one that looks at none. */
static void init_matches(struct sample_rules *sample)
{
    struct rule_match *matches = sample->first_matches;
    matches[0] = (struct rule_match){.path_kind = PATH_MATCH_REGEX,
                                     .path = STR("/api/[0-9]+"),
                                     .method = STR("GET"),
                                     .conditions = sample->conditions,
                                     .condition_count = 2};
    matches[1] = matches[0];
    matches[1].condition_count = 1;
    matches[2] = (struct rule_match){.path_kind = PATH_MATCH_REGEX, .path = STR("/api/[0-9]+")};
    sample->routes[0].matches = matches;
    sample->routes[0].match_count = 3;
}

static void init_routes(struct sample_rules *sample)
{
    struct rule_route *first = &sample->routes[0], *second = &sample->routes[1];
    *first = (struct rule_route){.label = STR("default/quickstart#0"), .backend_count = 3, .mirror_count = 2};
    *second = (struct rule_route){.label = STR("default/plain#0"), .backend_count = 1, .request_timeout_ms = 250};
    for (size_t i = 0; i < 2; i++) {
        sample->bindings[i] = (struct rule_binding){.listener = i};
        sample->routes[i].bindings = &sample->bindings[i];
        sample->routes[i].binding_count = 1;
    }
    sample->second_match = (struct rule_match){.path_kind = PATH_MATCH_PREFIX, .path = STR("/")};
    second->matches = &sample->second_match;
    second->match_count = 1;
    init_matches(sample);
    first->backends = sample->weighted;
    first->mirrors = sample->mirrors;
    first->backend_timeout_ms = 100;
    first->retry_attempts = 2;
    first->retry_backoff_ms = 25;
    first->retry_codes = sample->codes;
    first->retry_code_count = 2;
    first->actions = (struct rule_actions){.request_edits = sample->edits,
                                           .request_edit_count = 2,
                                           .response_edits = sample->edits + 2,
                                           .response_edit_count = 1,
                                           .rewrite = &sample->rewrite,
                                           .cors = &sample->cors};
    second->backends = sample->weighted + 3;
    second->actions.redirect = &sample->redirect;
    sample->bindings[0].host = STR("a.example.com");
    sample->weighted[1].mirrors = sample->mirrors + 2;
    sample->weighted[1].mirror_count = 2;
    sample->weighted[1].actions.response_edits = sample->edits + 1;
    sample->weighted[1].actions.response_edit_count = 1;
}

void sample_rules_init(struct sample_rules *sample)
{
    *sample = (struct sample_rules){
        .backends = {{.label = STR("127.0.0.1:3000"), .revision = STR("v1")},
                     {.label = STR("127.0.0.1:3001")},
                     {.label = STR("127.0.0.1:3002")}},
        .weighted = {{.backend = 0, .weight = 9},
                     {.backend = 1, .weight = 1},
                     {.backend = SIZE_MAX, .weight = 1},
                     {.backend = 2, .weight = 1}},
        .listeners = {{.label = STR("default/gw/one"), .socket = 0, .hostname = STR("*.example.com"), .port = 8080},
                      {.label = STR("default/gw/two"), .socket = 1, .takes_proxy_header = true}},
        .certificates = {STR("secret/default/one"), STR("secret/default/two")},
        .sans = {{SAN_DNS, STR("shop.test")}, {SAN_URI, STR("spiffe://test/shop")}},
        .tls = {.server_name = STR("shop.test"), .authorities = STR("system"), .identity = STR("secret/default/me")},
        .edits = {{EDIT_SET, STR("x-set"), STR("1")},
                  {EDIT_ADD, STR("x-add"), STR("2")},
                  {EDIT_REMOVE, STR("x-remove"), STR_NONE}},
        .rewrite = {.hostname = STR("other.test"), .path_kind = REWRITE_PREFIX, .path = STR("/new")},
        .redirect = {.scheme = STR("https"),
                     .hostname = STR("there.test"),
                     .path_kind = REWRITE_FULL_PATH,
                     .path = STR("/gone"),
                     .port = 8443,
                     .status = 308},
        .redactions = {{REDACT_COOKIE, STR("session")}},
        .arrays = {{STR("$.tags"), COMPARE_SET, STR_NONE}, {STR("$.items"), COMPARE_KEYED, STR("id")}},
        .compared = {STR("content-type"), STR("x-took"), STR("$.id"), STR("$..at"), STR("secret"), STR("$.card")},
        .origins = {STR("https://a.test"), STR("https://*.b.test")},
        .codes = {502, 503},
        .conditions = {{.kind = CONDITION_HEADER, .name = STR("X-Exact"), .value = STR("1")},
                       {.kind = CONDITION_QUERY, .name = STR("q"), .value = STR("[ab]"), .test = TEST_REGEX}},
    };
    bool is_valid = address_parse(STR("127.0.0.1:8080"), &sample->sockets[0]) &&
                    address_parse(STR("unix:/tmp/umbra.sock"), &sample->sockets[1]) &&
                    cidr_parse(STR("10.0.0.0/8"), &sample->sources[0]) &&
                    cidr_parse(STR("fd00::/8"), &sample->sources[1]) &&
                    cidr_parse(STR("192.168.0.0/16"), &sample->trusted[0]);
    ASSERT(is_valid);
    sample->cors = (struct rule_cors){.origins = {sample->origins, 2}, .allows_credentials = true, .max_age_s = 5};
    sample->listeners[1].certificates = sample->certificates;
    sample->listeners[1].certificate_count = 2;
    sample->tls.sans = sample->sans;
    sample->tls.san_count = 2;
    sample->backends[1].protocol = PROTOCOL_ALPN;
    sample->backends[1].tls = &sample->tls;
    init_mirrors(sample);
    init_comparisons(sample);
    init_routes(sample);
    sample->rules = (struct rule_set){
        .generation = 7,
        .sockets = sample->sockets,
        .socket_count = 2,
        .listeners = sample->listeners,
        .listener_count = 2,
        .routes = sample->routes,
        .route_count = 2,
        .backends = sample->backends,
        .backend_count = 3,
        .trusted_proxies = sample->trusted,
        .trusted_proxy_count = 1,
    };
}
