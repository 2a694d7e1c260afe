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
}

void sample_rules_init(struct sample_rules *sample)
{
    *sample = (struct sample_rules){
        .routes = {{.label = STR("default/quickstart#0"), .backend_count = 2, .mirror_count = 2},
                   {.label = STR("default/plain#0"), .backend_count = 1, .request_timeout_ms = 250}},
        .backends = {{.label = STR("127.0.0.1:3000"), .host = STR("127.0.0.1"), .port = 3000},
                     {.label = STR("127.0.0.1:3001"), .host = STR("127.0.0.1"), .port = 3001},
                     {.label = STR("127.0.0.1:3002"), .host = STR("127.0.0.1"), .port = 3002}},
        .weighted = {{0, 9}, {1, 1}, {2, 1}},
        .listeners = {{.route = 0}, {.route = 1}},
    };
    bool is_valid = address_parse(STR("127.0.0.1:8080"), &sample->listeners[0].address) &&
                    address_parse(STR("unix:/tmp/umbra.sock"), &sample->listeners[1].address) &&
                    cidr_parse(STR("10.0.0.0/8"), &sample->sources[0]) &&
                    cidr_parse(STR("fd00::/8"), &sample->sources[1]) &&
                    cidr_parse(STR("192.168.0.0/16"), &sample->trusted[0]);
    ASSERT(is_valid);
    init_mirrors(sample);
    sample->routes[0].backends = sample->weighted;
    sample->routes[0].mirrors = sample->mirrors;
    sample->routes[1].backends = sample->weighted + 2;
    sample->rules = (struct rules){
        .generation = 7,
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
