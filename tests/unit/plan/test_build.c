/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1
#include "plan/build.h"

#include "plan/check.h"
#include "plan/flat.h"
#include "sample_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const struct plan *build_and_map(const struct rule_set *rules)
{
    struct err err;
    int fd = plan_build(rules, &err);
    if (fd < 0)
        fail_msg("%s", err.text);
    const struct plan *plan = plan_map(fd, &err);
    if (!plan)
        fail_msg("%s", err.text);
    close(fd);
    return plan;
}

static void assert_text(const struct plan *plan, struct plan_str text, const char *want)
{
    struct str s = plan_text(plan, text);
    assert_int_equal(s.len, strlen(want));
    assert_memory_equal(s.ptr, want, s.len);
}

static void test_plan_holds_what_the_rules_say(void **state)
{
    (void)state;
    struct sample_rules sample;
    sample_rules_init(&sample);
    const struct plan *plan = build_and_map(&sample.rules);

    assert_int_equal(plan->generation, 7);
    assert_int_equal(plan->sockets.count, 2);
    assert_true(address_eq(&PLAN_SOCKET(plan, 0)->address, &sample.sockets[0]));
    assert_true(address_eq(&PLAN_SOCKET(plan, 1)->address, &sample.sockets[1]));
    assert_int_equal(plan->listeners.count, 2);
    assert_text(plan, PLAN_LISTENER(plan, 0)->label, "default/gw/one");
    assert_text(plan, PLAN_LISTENER(plan, 0)->hostname, "*.example.com");
    assert_int_equal(PLAN_LISTENER(plan, 0)->port, 8080);
    assert_int_equal(PLAN_LISTENER(plan, 1)->socket, 1);

    assert_int_equal(PLAN_SOCKET(plan, 0)->is_tls, 0);
    assert_int_equal(PLAN_SOCKET(plan, 0)->takes_proxy_header, 0);
    assert_int_equal(PLAN_SOCKET(plan, 1)->is_tls, 1);
    assert_int_equal(PLAN_SOCKET(plan, 1)->takes_proxy_header, 1);
    assert_int_equal(PLAN_LISTENER(plan, 0)->certificates.count, 0);
    struct plan_range certificates = PLAN_LISTENER(plan, 1)->certificates;
    assert_int_equal(certificates.count, 2);
    assert_text(plan, PLAN_TEXT(plan, certificates.first + 1), "secret/default/two");

    assert_int_equal(plan->routes.count, 2);
    assert_text(plan, PLAN_ROUTE(plan, 0)->label, "default/quickstart#0");
    assert_int_equal(PLAN_ROUTE(plan, 0)->backends.count, 3);
    assert_int_equal(PLAN_ROUTE(plan, 0)->mirrors.count, 2);
    assert_int_equal(PLAN_ROUTE(plan, 1)->mirrors.count, 0);
    assert_int_equal(PLAN_ROUTE(plan, 1)->request_timeout_ms, 250);
    assert_int_equal(PLAN_WEIGHTED(plan, PLAN_ROUTE(plan, 0)->backends.first)->weight, 9);
    assert_int_equal(PLAN_WEIGHTED(plan, PLAN_ROUTE(plan, 1)->backends.first)->backend, 2);

    assert_int_equal(plan->backends.count, 3);
    assert_text(plan, PLAN_BACKEND(plan, 2)->label, "127.0.0.1:3002");
    assert_int_equal(PLAN_BACKEND(plan, 0)->tls, PLAN_NONE);
    assert_int_equal(PLAN_BACKEND(plan, 1)->protocol, PROTOCOL_ALPN);
    const struct plan_tls *tls = PLAN_TLS(plan, PLAN_BACKEND(plan, 1)->tls);
    assert_text(plan, tls->server_name, "shop.test");
    assert_text(plan, tls->authorities, "system");
    assert_text(plan, tls->identity, "secret/default/me");
    assert_int_equal(tls->sans.count, 2);
    assert_int_equal(PLAN_SAN(plan, tls->sans.first + 1)->kind, SAN_URI);
    assert_text(plan, PLAN_SAN(plan, tls->sans.first + 1)->name, "spiffe://test/shop");
    assert_int_equal(plan->trusted_proxies.count, 1);
    assert_int_equal(PLAN_TRUSTED(plan, 0)->bits, 16);
    plan_unmap(plan);
}

static void test_plan_holds_what_the_actions_say(void **state)
{
    (void)state;
    struct sample_rules sample;
    sample_rules_init(&sample);
    const struct plan *plan = build_and_map(&sample.rules);
    const struct plan_route *first = PLAN_ROUTE(plan, 0), *second = PLAN_ROUTE(plan, 1);

    assert_int_equal(first->actions.request_edits.count, 2);
    const struct plan_edit *add = PLAN_EDIT(plan, first->actions.request_edits.first + 1);
    assert_int_equal(add->kind, EDIT_ADD);
    assert_text(plan, add->name, "x-add");
    assert_text(plan, add->value, "2");
    assert_int_equal(PLAN_EDIT(plan, first->actions.response_edits.first)->kind, EDIT_REMOVE);
    assert_int_equal(first->actions.redirect, PLAN_NONE);
    const struct plan_rewrite *rewrite = PLAN_REWRITE(plan, first->actions.rewrite);
    assert_text(plan, rewrite->hostname, "other.test");
    assert_int_equal(rewrite->path_kind, REWRITE_PREFIX);
    assert_text(plan, rewrite->path, "/new");
    const struct plan_cors *cors = PLAN_CORS(plan, first->actions.cors);
    assert_int_equal(cors->origins.count, 2);
    assert_text(plan, PLAN_TEXT(plan, cors->origins.first + 1), "https://*.b.test");
    assert_int_equal(cors->methods.count, 0);
    assert_int_equal(cors->allows_credentials, 1);
    assert_int_equal(cors->max_age_s, 5);

    assert_int_equal(second->actions.cors, PLAN_NONE);
    const struct plan_redirect *redirect = PLAN_REDIRECT(plan, second->actions.redirect);
    assert_text(plan, redirect->scheme, "https");
    assert_text(plan, redirect->hostname, "there.test");
    assert_text(plan, redirect->path, "/gone");
    assert_int_equal(redirect->port, 8443);
    assert_int_equal(redirect->status, 308);

    assert_int_equal(first->backend_timeout_ms, 100);
    assert_int_equal(first->retry_attempts, 2);
    assert_int_equal(first->retry_backoff_ms, 25);
    assert_int_equal(PLAN_CODE(plan, first->retry_codes.first + 1), 503);
    plan_unmap(plan);
}

static void test_plan_holds_what_the_backend_refs_say(void **state)
{
    (void)state;
    struct sample_rules sample;
    sample_rules_init(&sample);
    const struct plan *plan = build_and_map(&sample.rules);
    uint32_t first = PLAN_ROUTE(plan, 0)->backends.first;
    assert_int_equal(PLAN_WEIGHTED(plan, first + 2)->backend, PLAN_NONE);
    const struct plan_weighted *weighted = PLAN_WEIGHTED(plan, first + 1);
    assert_text(plan, PLAN_EDIT(plan, weighted->actions.response_edits.first)->name, "x-add");
    assert_int_equal(weighted->mirrors.count, 2);
    const struct plan_mirror *mirror = PLAN_MIRROR(plan, weighted->mirrors.first);
    assert_text(plan, mirror->label, "127.0.0.1:3002~2");
    assert_int_equal(mirror->route, 0);
    assert_int_equal(mirror->host_kind, COPY_HOST_LITERAL);
    assert_text(plan, mirror->host, "shadow.test");
    assert_text(plan, PLAN_EDIT(plan, mirror->edits.first)->name, "x-set");
    assert_int_equal(PLAN_REDACTION(plan, mirror->redactions.first)->kind, REDACT_COOKIE);
    assert_text(plan, PLAN_REDACTION(plan, mirror->redactions.first)->name, "session");
    assert_int_equal(mirror->trace, COPY_TRACE_NEW_ROOT);
    plan_unmap(plan);
}

static void test_plan_holds_what_the_mirrors_say(void **state)
{
    (void)state;
    struct sample_rules sample;
    sample_rules_init(&sample);
    sample.mirrors[0].rate_per_second = 200;
    sample.mirrors[0].is_suspended = true;
    sample.mirrors[0].method_mask = 6;
    const struct plan *plan = build_and_map(&sample.rules);

    const struct plan_mirror *even = PLAN_MIRROR(plan, PLAN_ROUTE(plan, 0)->mirrors.first);
    assert_text(plan, even->label, "127.0.0.1:3001");
    assert_int_equal(even->backend, 1);
    assert_int_equal(even->sampling, SAMPLING_EVEN);
    assert_int_equal(even->rate_per_second, 200);
    assert_int_equal(even->is_suspended, 1);
    assert_int_equal(even->method_mask, 6);
    assert_int_equal(even->sources.count, 2);
    assert_int_equal(PLAN_CIDR(plan, even->sources.first)->bits, 8);
    assert_int_equal(PLAN_CIDR(plan, even->sources.first + 1)->family, ADDRESS_IPV6);
    assert_int_equal(even->max_in_flight, 1024);
    assert_int_equal(even->max_connections, 256);
    assert_int_equal(even->window_bytes, 1024 * 1024);
    assert_int_equal(even->timeout_ms, 15000);
    assert_int_equal(even->connect_timeout_ms, 1000);
    assert_int_equal(even->host_kind, COPY_HOST_PRESERVE);
    assert_text(plan, even->marker_header, "X-Umbra-Shadow");
    assert_int_equal(even->has_baggage, 1);
    assert_int_equal(even->trace, COPY_TRACE_UNSAMPLED);

    const struct plan_mirror *hash = even + 1;
    assert_int_equal(hash->sampling, SAMPLING_HASH);
    assert_int_equal(hash->key, KEY_HEADER);
    assert_text(plan, hash->key_name, "x-user-id");
    assert_text(plan, hash->salt, "spring");
    assert_int_equal(hash->sources.count, 0);
    assert_int_equal(hash->method_mask, UINT32_MAX);
    plan_unmap(plan);
}

static void test_plan_holds_how_answers_are_compared(void **state)
{
    (void)state;
    struct sample_rules sample;
    sample_rules_init(&sample);
    const struct plan *plan = build_and_map(&sample.rules);
    const struct plan_mirror *mirrors = PLAN_MIRROR(plan, 0);
    assert_text(plan, PLAN_BACKEND(plan, 0)->revision, "v1");
    assert_int_equal(mirrors[0].comparison, PLAN_NONE);
    assert_int_equal(plan->comparisons.count, 2); /* a control has its mirror's */
    assert_int_equal(mirrors[2].is_control, 0);
    assert_int_equal(mirrors[3].is_control, 1);
    assert_int_equal(mirrors[3].comparison, mirrors[2].comparison);

    const struct plan_comparison *plain = PLAN_COMPARISON(plan, mirrors[1].comparison);
    assert_int_equal(plain->samples, KEEP_FULL);
    assert_int_equal(plain->body_bytes, 256 * 1024);
    assert_int_equal(plain->min_pairs, 100);
    assert_int_equal(plain->min_pairs_p99, 1000);
    assert_int_equal(plain->max_shadow_failures, 10000);
    assert_int_equal(plain->max_lost, 100000);
    assert_int_equal(plain->max_different, 1000);
    assert_int_equal(plain->max_new_errors, 1000);
    assert_int_equal(plain->max_blind, 100000);
    assert_int_equal(plain->finding_latency_ms, 1);
    assert_int_equal(plain->finding_latency_share, 100000);
    assert_int_equal(plain->max_latency_ms, 5);
    assert_int_equal(plain->max_latency_share, 250000);

    const struct plan_comparison *all = PLAN_COMPARISON(plan, mirrors[2].comparison);
    assert_int_equal(all->samples, KEEP_FIELDS);
    assert_int_equal(all->headers.count, 1);
    assert_text(plan, PLAN_TEXT(plan, all->headers.first), "content-type");
    assert_text(plan, PLAN_TEXT(plan, all->ignored_headers.first), "x-took");
    assert_int_equal(all->ignored_paths.count, 2);
    assert_text(plan, PLAN_TEXT(plan, all->ignored_paths.first + 1), "$..at");
    assert_text(plan, PLAN_TEXT(plan, all->redacted_query.first), "secret");
    assert_text(plan, PLAN_TEXT(plan, all->redacted_paths.first), "$.card");
    const struct plan_array_rule *keyed = PLAN_ARRAY_RULE(plan, all->arrays.first + 1);
    assert_text(plan, keyed->path, "$.items");
    assert_int_equal(keyed->kind, COMPARE_KEYED);
    assert_text(plan, keyed->key, "id");
    assert_int_equal(all->min_pairs, 7);
    assert_int_equal(all->max_blind, 1);
    plan_unmap(plan);
}

static void test_a_control_without_its_mirror_is_refused(void **state)
{
    (void)state;
    struct sample_rules sample;
    struct err err;
    sample_rules_init(&sample);
    sample.mirrors[0].is_control = true;
    assert_int_equal(plan_build(&sample.rules, &err), -1);
    assert_non_null(strstr(err.text, "no mirror before the control"));
}

static void test_fractions_are_reduced(void **state)
{
    (void)state;
    static const uint32_t cases[][4] = {
        {333, 1000, 333, 1000}, {50, 100, 1, 2},
        {0, 100, 0, 1},         {100, 100, 1, 1},
        {20, 100, 1, 5},        {1, 1000000000, 1, 1000000000},
        {0, 1, 0, 1},           {4294967295u, 4294967295u, 1, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sample_rules sample;
        sample_rules_init(&sample);
        sample.mirrors[0].numerator = cases[i][0];
        sample.mirrors[0].denominator = cases[i][1];
        const struct plan *plan = build_and_map(&sample.rules);
        const struct plan_mirror *mirror = PLAN_MIRROR(plan, PLAN_ROUTE(plan, 0)->mirrors.first);
        assert_int_equal(mirror->numerator, cases[i][2]);
        assert_int_equal(mirror->denominator, cases[i][3]);
        plan_unmap(plan);
    }
}

static void test_empty_rules_make_an_empty_plan(void **state)
{
    (void)state;
    const struct plan *plan = build_and_map(&(struct rule_set){.generation = 1});
    assert_int_equal(plan->listeners.count, 0);
    assert_in_range(plan->size, sizeof(struct plan), sizeof(struct plan) + FLAT_LINE - 1);
    plan_unmap(plan);
}

static void assert_refused(const struct rule_set *rules, const char *reason)
{
    struct err err = {{0}};
    assert_int_equal(plan_build(rules, &err), -1);
    if (!strstr(err.text, reason))
        fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
}

static void test_wrong_rules_are_refused_with_a_reason(void **state)
{
    (void)state;
    struct sample_rules sample;

    sample_rules_init(&sample);
    sample.mirrors[0].numerator = 1001;
    assert_refused(&sample.rules, "route default/quickstart#0: mirror 127.0.0.1:3001: 1001 of 1000 is over 100 %");
    sample_rules_init(&sample);
    sample.mirrors[1].denominator = 0;
    assert_refused(&sample.rules, "mirror 127.0.0.1:3002: the denominator is 0");
    sample_rules_init(&sample);
    sample.mirrors[1].backend = 3;
    assert_refused(&sample.rules, "backend 3 of 3");
    sample_rules_init(&sample);
    sample.mirrors[1].key = KEY_NONE;
    assert_refused(&sample.rules, "needs a key");
    sample_rules_init(&sample);
    sample.mirrors[1].key_name = STR_NONE;
    assert_refused(&sample.rules, "needs a name");
    sample_rules_init(&sample);
    sample.weighted[3].backend = 3;
    assert_refused(&sample.rules, "route default/plain#0: backendRef 0 is backend 3 of 3");
    sample_rules_init(&sample);
    sample.mirrors[2].numerator = 2;
    assert_refused(&sample.rules, "route default/quickstart#0: backendRef 1: mirror 127.0.0.1:3002~2: 2 of 1 is over");
    sample_rules_init(&sample);
    sample.listeners[1].socket = 2;
    assert_refused(&sample.rules, "listener default/gw/two has socket 2 of 2");
    sample_rules_init(&sample);
    sample.listeners[0].socket = 1;
    assert_refused(&sample.rules, "listener default/gw/two share a socket and disagree about TLS");
    sample_rules_init(&sample);
    sample.backends[0].protocol = PROTOCOL_ALPN;
    assert_refused(&sample.rules, "ALPN needs TLS");
    sample_rules_init(&sample);
    sample.tls.authorities = STR_NONE;
    assert_refused(&sample.rules, "TLS without anybody to trust");
    sample_rules_init(&sample);
    sample.tls.san_count = 0;
    sample.tls.server_name = STR_NONE;
    assert_refused(&sample.rules, "TLS without a name to check");
    sample_rules_init(&sample);
    sample.sockets[0].family = ADDRESS_NONE;
    assert_refused(&sample.rules, "socket 0 has no valid address");
    sample_rules_init(&sample);
    sample.redirect.status = 200;
    assert_refused(&sample.rules, "redirect 0 has the status 200");
    sample_rules_init(&sample);
    sample.sources[1].bits = 129;
    assert_refused(&sample.rules, "source network 1");
}

static void test_rules_that_can_not_be_matched_are_refused(void **state)
{
    (void)state;
    struct sample_rules sample;

    sample_rules_init(&sample);
    sample.listeners[1] = (struct rule_listener){.label = sample.listeners[1].label};
    sample.listeners[1].hostname = STR("*.EXAMPLE.com");
    assert_refused(&sample.rules, "listener default/gw/two: another one of its socket has the same hostname");
    sample_rules_init(&sample);
    sample.bindings[1].listener = 2;
    assert_refused(&sample.rules, "route default/plain#0 is bound to listener 2 of 2");
    sample_rules_init(&sample);
    sample.second_match.path = STR("foo");
    assert_refused(&sample.rules, "route default/plain#0: match 0: the path \"foo\" does not begin with a slash");
    sample_rules_init(&sample);
    sample.second_match.path_kind = PATH_MATCH_EXACT;
    sample.second_match.path = STR_NONE;
    assert_refused(&sample.rules, "does not begin with a slash");
    sample_rules_init(&sample);
    sample.conditions[0].value.len = PLAN_MAX_VALUE + 1; /* never read */
    assert_refused(&sample.rules, "the value for X-Exact is longer than 16384 bytes");
}

static void test_equal_texts_and_patterns_are_kept_once(void **state)
{
    (void)state;
    struct sample_rules sample;
    sample_rules_init(&sample);
    sample.second_match = sample.first_matches[0];
    const struct plan *plan = build_and_map(&sample.rules);
    assert_int_equal(plan->regexes.count, 2);
    assert_int_equal(plan->matches.count, 4);
    assert_int_equal(PLAN_MATCH(plan, 0)->regex, PLAN_MATCH(plan, 1)->regex);
    assert_int_equal(PLAN_MATCH(plan, 0)->method.off, PLAN_MATCH(plan, 1)->method.off);
    plan_unmap(plan);
}

static void test_rules_over_the_size_limit_are_refused(void **state)
{
    (void)state;
    struct sample_rules sample;
    sample_rules_init(&sample);
    /* Never read: the size is refused first. */
    sample.backends[0].label.len = PLAN_MAX_BYTES;
    assert_refused(&sample.rules, "more than the 268435456 bytes that are allowed");
}

static void test_built_plan_can_not_be_changed(void **state)
{
    (void)state;
    struct sample_rules sample;
    struct err err;
    sample_rules_init(&sample);
    int fd = plan_build(&sample.rules, &err);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_holds_what_the_rules_say),
        cmocka_unit_test(test_plan_holds_what_the_actions_say),
        cmocka_unit_test(test_plan_holds_what_the_backend_refs_say),
        cmocka_unit_test(test_plan_holds_what_the_mirrors_say),
        cmocka_unit_test(test_plan_holds_how_answers_are_compared),
        cmocka_unit_test(test_a_control_without_its_mirror_is_refused),
        cmocka_unit_test(test_fractions_are_reduced),
        cmocka_unit_test(test_empty_rules_make_an_empty_plan),
        cmocka_unit_test(test_wrong_rules_are_refused_with_a_reason),
        cmocka_unit_test(test_rules_that_can_not_be_matched_are_refused),
        cmocka_unit_test(test_equal_texts_and_patterns_are_kept_once),
        cmocka_unit_test(test_rules_over_the_size_limit_are_refused),
        cmocka_unit_test(test_built_plan_can_not_be_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
