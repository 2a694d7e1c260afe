/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1
#include "plan/check.h"

#include "base/mem.h"
#include "plan/build.h"
#include "plan/flat.h"
#include "sample_rules.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* A writable copy of a good plan of `*len` bytes. */
static struct plan *good_plan(size_t *len)
{
    struct sample_rules sample;
    struct err err;
    sample_rules_init(&sample);
    int fd = plan_build(&sample.rules, &err);
    assert_true(fd >= 0);
    *len = (size_t)lseek(fd, 0, SEEK_END);
    struct plan *plan = mem_alloc_raw(*len);
    assert_int_equal(pread(fd, plan, *len, 0), *len);
    close(fd);
    assert_true(plan_check(plan, *len, &err));
    return plan;
}

static void *at(struct plan *plan, struct plan_array array)
{
    return (char *)plan + array.off;
}

static struct plan_name *first_name(struct plan *plan)
{
    struct plan_name *name = at(plan, plan->names);
    while (name->value == PLAN_NONE || name->parent >> 30 != PARENT_NODE)
        name++;
    return name;
}

/* What a listener knows by name. */
static struct plan_name *first_host(struct plan *plan)
{
    struct plan_name *name = at(plan, plan->names);
    while (name->value == PLAN_NONE || name->parent >> 30 != PARENT_LISTENER)
        name++;
    return name;
}

static struct plan_bucket *first_bucket(struct plan *plan)
{
    struct plan_bucket *bucket = at(plan, plan->buckets);
    while (bucket->group == PLAN_NONE)
        bucket++;
    return bucket;
}

static void fill_names(struct plan *plan)
{
    struct plan_name *names = at(plan, plan->names), name = *first_name(plan);
    for (uint32_t i = 0; i < plan->names.count; i++)
        names[i] = names[i].value == PLAN_NONE ? name : names[i];
}

static void fill_buckets(struct plan *plan)
{
    struct plan_bucket *buckets = at(plan, plan->buckets), bucket = *first_bucket(plan);
    bucket.matches.count = 0;
    for (uint32_t i = 0; i < plan->buckets.count; i++)
        buckets[i] = buckets[i].group == PLAN_NONE ? bucket : buckets[i];
}

/* One field of a good plan made wrong; the checksum is put right afterwards. */
#define DAMAGE(name, statement) \
    static void name(struct plan *plan) \
    { \
        struct plan_socket *socket = at(plan, plan->sockets); \
        struct plan_listener *listener = at(plan, plan->listeners); \
        struct plan_route *route = at(plan, plan->routes); \
        struct plan_weighted *weighted = at(plan, plan->weighted); \
        struct plan_backend *backend = at(plan, plan->backends); \
        struct plan_tls *tls = at(plan, plan->tls); \
        struct plan_san *san = at(plan, plan->sans); \
        struct plan_mirror *mirror = at(plan, plan->mirrors); \
        struct cidr *cidr = at(plan, plan->cidrs); \
        struct plan_comparison *comparison = at(plan, plan->comparisons); \
        struct plan_array_rule *array = at(plan, plan->array_rules); \
        struct cidr *trusted = at(plan, plan->trusted_proxies); \
        struct plan_node *node = at(plan, plan->nodes); \
        struct plan_group *group = at(plan, plan->groups); \
        struct plan_match *match = at(plan, plan->matches); \
        struct plan_condition *condition = at(plan, plan->conditions); \
        (void)comparison, (void)array, (void)tls, (void)san, (void)node, (void)group, (void)match, (void)condition; \
        (void)socket, (void)listener, (void)route, (void)weighted, (void)backend, (void)mirror, (void)cidr, \
            (void)trusted; \
        statement; \
    }

DAMAGE(wrong_magic, plan->magic++)
DAMAGE(wrong_version, plan->version++)
DAMAGE(array_over_the_end, plan->routes.count = plan->size)
DAMAGE(array_overflows, plan->mirrors.count = UINT32_MAX)
DAMAGE(array_in_the_head, plan->listeners.off = 0)
DAMAGE(array_unaligned, plan->backends.off += 4)
DAMAGE(array_behind_the_end, plan->cidrs.off = plan->size + 8)
DAMAGE(strings_over_the_end, plan->strings.count = UINT32_MAX)
DAMAGE(socket_without_family, socket->address.family = ADDRESS_NONE)
DAMAGE(socket_with_long_path, socket[1].address.path_len = 109)
DAMAGE(listener_label_outside, listener[1].label.off = 0)
DAMAGE(listener_hostname_outside, listener->hostname.len = UINT32_MAX)
DAMAGE(listener_with_no_such_socket, listener[1].socket = plan->sockets.count)
DAMAGE(listener_with_a_large_port, listener->port = 65536)
DAMAGE(socket_with_some_tls, socket->is_tls = 2)
DAMAGE(socket_with_some_proxy_header, socket[1].takes_proxy_header = 7)
DAMAGE(listener_certificates_over_the_end, listener[1].certificates.count = plan->texts.count + 1)
DAMAGE(listener_without_certificates, listener[1].certificates.count = 0)
DAMAGE(listener_of_a_plain_socket, socket[1].is_tls = 0)
DAMAGE(route_with_some_grpc, route->is_grpc = 2)
DAMAGE(route_label_before_strings, route->label.off = plan->strings.off - 1)
DAMAGE(route_label_overflows, route->label.len = UINT32_MAX)
DAMAGE(route_label_over_the_end, route->label.off = plan->strings.off + plan->strings.count)
DAMAGE(route_backends_overflow, route->backends = ((struct plan_range){UINT32_MAX, 2}))
DAMAGE(route_mirrors_over_the_end, route->mirrors.count = plan->mirrors.count + 1)
DAMAGE(route_edits_over_the_end, route->actions.request_edits.first = plan->edits.count)
DAMAGE(route_with_no_such_rewrite, route->actions.rewrite = plan->rewrites.count)
DAMAGE(route_with_no_such_redirect, route[1].actions.redirect = plan->redirects.count)
DAMAGE(route_with_no_such_cors, route->actions.cors = plan->cors.count)
DAMAGE(route_codes_over_the_end, route->retry_codes.count = 3)
DAMAGE(code_is_none, ((uint32_t *)at(plan, plan->codes))[1] = 600)
DAMAGE(edit_of_no_kind, ((struct plan_edit *)at(plan, plan->edits))->kind = 3)
DAMAGE(edit_name_outside, ((struct plan_edit *)at(plan, plan->edits))[1].name.off = 0)
DAMAGE(rewrite_of_no_kind, ((struct plan_rewrite *)at(plan, plan->rewrites))->path_kind = REWRITE_REGEX + 1)
DAMAGE(redirect_of_no_kind, ((struct plan_redirect *)at(plan, plan->redirects))->path_kind = REWRITE_REGEX)
DAMAGE(redirect_status_is_none, ((struct plan_redirect *)at(plan, plan->redirects))->status = 304)
DAMAGE(cors_origins_over_the_end, ((struct plan_cors *)at(plan, plan->cors))->origins.count = 3)
DAMAGE(text_outside, ((struct plan_str *)at(plan, plan->texts))[1].off = 0)
DAMAGE(redaction_of_no_kind, ((struct plan_redaction *)at(plan, plan->redactions))->kind = 3)
DAMAGE(backend_label_outside, backend[2].label.off = UINT32_MAX)
DAMAGE(backend_protocol_unknown, backend->protocol = 3)
DAMAGE(backend_alpn_without_tls, backend->protocol = PROTOCOL_ALPN)
DAMAGE(backend_with_no_such_tls, backend->tls = plan->tls.count)
DAMAGE(tls_text_outside, tls->authorities.off = UINT32_MAX)
DAMAGE(tls_names_over_the_end, tls->sans.count = 3)
DAMAGE(tls_that_trusts_nobody, tls->authorities.len = 0)
DAMAGE(tls_that_checks_no_name, (tls->server_name.len = 0, tls->sans.count = 0))
DAMAGE(san_of_no_kind, san->kind = 2)
DAMAGE(san_outside, san[1].name.off = 0)
DAMAGE(weight_mirrors_over_the_end, weighted[1].mirrors.first = plan->mirrors.count)
DAMAGE(weight_edits_over_the_end, weighted[1].actions.response_edits.count = UINT32_MAX)
DAMAGE(weight_with_no_such_backend, weighted[2].backend = plan->backends.count)
DAMAGE(mirror_label_outside, mirror->label.off = 0)
DAMAGE(mirror_key_name_outside, mirror->key_name.len = UINT32_MAX)
DAMAGE(mirror_host_outside, mirror->host.off = 0)
DAMAGE(mirror_marker_outside, mirror->marker_header.off = 0)
DAMAGE(mirror_of_no_such_route, mirror->route = plan->routes.count)
DAMAGE(mirror_host_of_no_kind, mirror->host_kind = 3)
DAMAGE(mirror_trace_of_no_kind, mirror->trace = 3)
DAMAGE(mirror_with_some_baggage, mirror->has_baggage = 2)
DAMAGE(mirror_edits_over_the_end, mirror->edits.count = plan->edits.count + 1)
DAMAGE(mirror_redactions_over_the_end, mirror->redactions.count = 3)
DAMAGE(mirror_salt_outside, mirror[1].salt.len = UINT32_MAX)
DAMAGE(mirror_with_no_such_backend, mirror->backend = plan->backends.count)
DAMAGE(mirror_sampling_unknown, mirror->sampling = 3)
DAMAGE(mirror_key_unknown, mirror->key = 6)
DAMAGE(mirror_denominator_zero, mirror->denominator = mirror->numerator = 0)
DAMAGE(mirror_over_everything, mirror->numerator = mirror->denominator + 1)
DAMAGE(mirror_hash_without_key, mirror[1].key = KEY_NONE)
DAMAGE(mirror_key_without_name, mirror[1].key_name.len = 0)
DAMAGE(mirror_half_suspended, mirror->is_suspended = 2)
DAMAGE(mirror_sources_over_the_end, mirror->sources.count = 3)
DAMAGE(mirror_with_no_such_comparison, mirror->comparison = plan->comparisons.count)
DAMAGE(mirror_half_control, mirror[3].is_control = 2)
DAMAGE(control_first, mirror->is_control = 1)
DAMAGE(control_behind_a_control, (mirror[2].is_control = 1, mirror[2].comparison = mirror[1].comparison))
DAMAGE(control_of_another_route, mirror[3].route = 1)
DAMAGE(control_compared_otherwise, mirror[3].comparison = 0)
DAMAGE(route_mirrors_begin_with_a_control, route[1].mirrors = ((struct plan_range){3, 1}))
DAMAGE(weight_mirrors_begin_with_a_control, weighted[1].mirrors = ((struct plan_range){3, 1}))
DAMAGE(route_mirrors_end_before_a_control, route->mirrors.count = 3)
DAMAGE(weight_mirrors_end_before_a_control, weighted[1].mirrors.count = 1)
DAMAGE(backend_revision_outside, backend->revision.off = UINT32_MAX)
DAMAGE(comparison_of_no_samples, comparison->samples = 3)
DAMAGE(comparison_of_large_bodies, comparison[1].body_bytes = 64 * 1024 * 1024 + 1)
DAMAGE(comparison_headers_over_the_end, comparison->headers.first = UINT32_MAX)
DAMAGE(comparison_ignored_headers_over_the_end, comparison->ignored_headers.count = UINT32_MAX)
DAMAGE(comparison_ignored_paths_over_the_end, comparison[1].ignored_paths.count = plan->texts.count)
DAMAGE(comparison_redacted_headers_over_the_end, comparison[1].redacted_headers.count = plan->texts.count)
DAMAGE(comparison_redacted_cookies_over_the_end, comparison[1].redacted_cookies.count = plan->texts.count)
DAMAGE(comparison_redacted_query_over_the_end, comparison[1].redacted_query.count = plan->texts.count)
DAMAGE(comparison_redacted_paths_over_the_end, comparison[1].redacted_paths.count = plan->texts.count)
DAMAGE(comparison_arrays_over_the_end, comparison[1].arrays.count = 3)
DAMAGE(comparison_without_pairs, comparison->min_pairs = 0)
DAMAGE(comparison_of_too_many_pairs, comparison->min_pairs = 1000000001)
DAMAGE(comparison_without_p99_pairs, comparison->min_pairs_p99 = 0)
DAMAGE(comparison_of_too_many_p99_pairs, comparison->min_pairs_p99 = UINT64_MAX)
DAMAGE(comparison_failures_over_all, comparison->max_shadow_failures = 1000001)
DAMAGE(comparison_lost_over_all, comparison->max_lost = 1000001)
DAMAGE(comparison_different_over_all, comparison->max_different = 1000001)
DAMAGE(comparison_errors_over_all, comparison->max_new_errors = 1000001)
DAMAGE(comparison_blind_over_all, comparison[1].max_blind = 1000001)
DAMAGE(comparison_finding_after_hours, comparison->finding_latency_ms = 3600001)
DAMAGE(comparison_latency_of_hours, comparison->max_latency_ms = 3600001)
DAMAGE(comparison_finding_share_too_large, comparison->finding_latency_share = 100000001)
DAMAGE(comparison_latency_share_too_large, comparison->max_latency_share = 100000001)
DAMAGE(array_rule_of_no_kind, array->kind = 2)
DAMAGE(array_rule_path_outside, array->path.off = 0)
DAMAGE(array_rule_without_path, array->path.len = 0)
DAMAGE(array_rule_key_outside, array[1].key.len = UINT32_MAX)
DAMAGE(array_rule_without_key, array[1].key.len = 0)
DAMAGE(source_without_family, cidr->family = ADDRESS_UNIX)
DAMAGE(source_with_too_many_bits, cidr->bits = 33)
DAMAGE(trusted_with_too_many_bits, trusted->bits = 255)
DAMAGE(names_not_a_power_of_two, plan->names.count--)
DAMAGE(names_full, fill_names(plan))
DAMAGE(name_key_outside, first_name(plan)->key.off = 0)
DAMAGE(name_of_no_such_parent, first_name(plan)->parent |= PLAN_MAX_INDEX)
DAMAGE(name_of_no_such_value, first_name(plan)->value = PLAN_NONE - 1)
DAMAGE(node_of_another_parent, node[1].parent = PLAN_NONE)
DAMAGE(host_without_root, first_host(plan)->value = plan->nodes.count)
DAMAGE(host_with_a_root_below_another, first_host(plan)->value = 1)
DAMAGE(any_host_of_no_such_listener, socket[1].hosts.any = plan->listeners.count)
DAMAGE(any_host_without_root, listener[1].hosts.any = plan->nodes.count)
DAMAGE(any_host_with_a_root_below_another, listener[1].hosts.any = 1)
DAMAGE(node_below_itself, node[1].parent = 1)
DAMAGE(node_groups_over_the_end, node->prefixes = ((struct plan_range){plan->groups.count, 1}))
DAMAGE(node_of_no_such_match, node->prefixes = ((struct plan_range){plan->matches.count, PLAN_SOLE}))
DAMAGE(node_groups_shared, node[0].prefixes = node[1].regexes)
DAMAGE(group_keys_over_the_end, group->keys.first = plan->conditions.count)
DAMAGE(group_matches_over_the_end, group->matches = ((struct plan_range){0, UINT32_MAX}))
DAMAGE(group_with_some_method, group->has_method = 2)
DAMAGE(buckets_not_a_power_of_two, plan->buckets.count--)
DAMAGE(buckets_full, fill_buckets(plan))
DAMAGE(bucket_of_no_such_group, first_bucket(plan)->group = plan->groups.count)
DAMAGE(bucket_matches_over_the_end, first_bucket(plan)->matches.count = plan->candidates.count + 1)
DAMAGE(bucket_of_no_such_match, first_bucket(plan)->matches = ((struct plan_range){plan->matches.count, PLAN_SOLE}))
DAMAGE(candidate_is_none, *(uint32_t *)at(plan, plan->candidates) = plan->matches.count)
DAMAGE(match_of_no_such_route, match->route = plan->routes.count)
DAMAGE(match_of_no_such_regex, match->regex = plan->regexes.count)
DAMAGE(match_method_outside, match->method.off = 0)
DAMAGE(match_prefix_outside, match[1].prefix.len = UINT32_MAX)
DAMAGE(match_conditions_over_the_end, match[1].conditions.count = plan->conditions.count)
DAMAGE(condition_of_no_kind, condition->kind = CONDITION_ORIGIN + 1)
DAMAGE(condition_of_no_such_regex, condition[1].index = plan->regexes.count)
DAMAGE(condition_name_outside, condition->name.off = 0)
DAMAGE(condition_value_outside, condition->value.len = UINT32_MAX)
DAMAGE(regex_outside, ((struct plan_regex *)at(plan, plan->regexes))->pattern.off = 0)

static const struct {
    void (*damage)(struct plan *plan);
    const char *reason;
} damages[] = {
    {wrong_magic, "magic"},
    {wrong_version, "layout version 7, this binary reads 6"},
    {array_over_the_end, "array of routes"},
    {array_overflows, "array of mirrors"},
    {array_in_the_head, "array of listeners"},
    {array_unaligned, "array of backends"},
    {array_behind_the_end, "array of cidrs"},
    {strings_over_the_end, "array of strings"},
    {socket_without_family, "socket 0 has no valid address"},
    {socket_with_long_path, "socket 1 has no valid address"},
    {listener_label_outside, "text of listener 1"},
    {listener_hostname_outside, "text of listener 0"},
    {listener_with_no_such_socket, "listener 1 has socket 2 of 2"},
    {listener_with_a_large_port, "listener 0 has port 65536"},
    {socket_with_some_tls, "switch of socket 0"},
    {socket_with_some_proxy_header, "switch of socket 1"},
    {listener_certificates_over_the_end, "certificates of listener 1"},
    {listener_without_certificates, "do not agree about TLS"},
    {listener_of_a_plain_socket, "do not agree about TLS"},
    {route_with_some_grpc, "switch of route 0"},
    {route_label_before_strings, "label of route 0"},
    {route_label_overflows, "label of route 0"},
    {route_label_over_the_end, "label of route 0"},
    {route_backends_overflow, "backends of route 0"},
    {route_mirrors_over_the_end, "mirrors of route 0"},
    {route_edits_over_the_end, "actions of route 0"},
    {route_with_no_such_rewrite, "actions of route 0"},
    {route_with_no_such_redirect, "actions of route 1"},
    {route_with_no_such_cors, "actions of route 0"},
    {route_codes_over_the_end, "retry codes of route 0"},
    {code_is_none, "retry code 600"},
    {edit_of_no_kind, "edit 0 is none"},
    {edit_name_outside, "edit 1 is none"},
    {rewrite_of_no_kind, "rewrite 0 is none"},
    {redirect_of_no_kind, "redirect 0 is none"},
    {redirect_status_is_none, "redirect 0 has the status 304"},
    {cors_origins_over_the_end, "CORS setting 0"},
    {text_outside, "text 1 is outside"},
    {redaction_of_no_kind, "redaction 0 is none"},
    {backend_label_outside, "label of backend 2"},
    {backend_protocol_unknown, "protocol 3"},
    {backend_alpn_without_tls, "backend 0 has ALPN without TLS"},
    {backend_with_no_such_tls, "TLS settings 1 of 1"},
    {tls_text_outside, "text of TLS settings 0"},
    {tls_names_over_the_end, "names of TLS settings 0"},
    {tls_that_trusts_nobody, "would check nothing"},
    {tls_that_checks_no_name, "would check nothing"},
    {san_of_no_kind, "name 0 is damaged"},
    {san_outside, "name 1 is damaged"},
    {weight_mirrors_over_the_end, "mirrors of weight 1"},
    {weight_edits_over_the_end, "actions of weight 1"},
    {weight_with_no_such_backend, "weight 2 names backend 3 of 3"},
    {mirror_label_outside, "text of mirror 0"},
    {mirror_key_name_outside, "text of mirror 0"},
    {mirror_salt_outside, "text of mirror 1"},
    {mirror_host_outside, "text of mirror 0"},
    {mirror_marker_outside, "text of mirror 0"},
    {mirror_of_no_such_route, "mirror 0 is of route 2 of 2"},
    {mirror_host_of_no_kind, "kind of host 3"},
    {mirror_trace_of_no_kind, "kind of trace 3"},
    {mirror_with_some_baggage, "baggage"},
    {mirror_edits_over_the_end, "edits of mirror 0"},
    {mirror_redactions_over_the_end, "redactions of mirror 0"},
    {mirror_with_no_such_backend, "mirror 0 names backend 3 of 3"},
    {mirror_sampling_unknown, "unknown sampling 3"},
    {mirror_key_unknown, "unknown key 6"},
    {mirror_denominator_zero, "copies 0 of 0"},
    {mirror_over_everything, "copies 1001 of 1000"},
    {mirror_hash_without_key, "without a key"},
    {mirror_key_without_name, "has no name"},
    {mirror_half_suspended, "suspended"},
    {mirror_sources_over_the_end, "sources of mirror 0"},
    {mirror_with_no_such_comparison, "mirror 0 has comparison 2 of 2"},
    {mirror_half_control, "mirror 3 is neither a control nor none"},
    {control_first, "no mirror before the control 0"},
    {control_behind_a_control, "no mirror before the control 3"},
    {control_of_another_route, "the control 3 and its mirror do not agree"},
    {control_compared_otherwise, "the control 3 and its mirror do not agree"},
    {route_mirrors_begin_with_a_control, "mirrors of route 1 begin or end"},
    {weight_mirrors_begin_with_a_control, "mirrors of weight 1 begin or end"},
    {route_mirrors_end_before_a_control, "mirrors of route 0 begin or end"},
    {weight_mirrors_end_before_a_control, "mirrors of weight 1 begin or end"},
    {backend_revision_outside, "revision of backend 0"},
    {comparison_of_no_samples, "comparison 0 keeps samples of the unknown kind 3"},
    {comparison_of_large_bodies, "comparison 1 captures 67108865 bytes"},
    {comparison_headers_over_the_end, "list of comparison 0"},
    {comparison_ignored_headers_over_the_end, "list of comparison 0"},
    {comparison_ignored_paths_over_the_end, "list of comparison 1"},
    {comparison_redacted_headers_over_the_end, "list of comparison 1"},
    {comparison_redacted_cookies_over_the_end, "list of comparison 1"},
    {comparison_redacted_query_over_the_end, "list of comparison 1"},
    {comparison_redacted_paths_over_the_end, "list of comparison 1"},
    {comparison_arrays_over_the_end, "list of comparison 1"},
    {comparison_without_pairs, "threshold of comparison 0"},
    {comparison_of_too_many_pairs, "threshold of comparison 0"},
    {comparison_without_p99_pairs, "threshold of comparison 0"},
    {comparison_of_too_many_p99_pairs, "threshold of comparison 0"},
    {comparison_failures_over_all, "threshold of comparison 0"},
    {comparison_lost_over_all, "threshold of comparison 0"},
    {comparison_different_over_all, "threshold of comparison 0"},
    {comparison_errors_over_all, "threshold of comparison 0"},
    {comparison_blind_over_all, "threshold of comparison 1"},
    {comparison_finding_after_hours, "threshold of comparison 0"},
    {comparison_latency_of_hours, "threshold of comparison 0"},
    {comparison_finding_share_too_large, "threshold of comparison 0"},
    {comparison_latency_share_too_large, "threshold of comparison 0"},
    {array_rule_of_no_kind, "rule for arrays 0 is none"},
    {array_rule_path_outside, "rule for arrays 0 is none"},
    {array_rule_without_path, "rule for arrays 0 is none"},
    {array_rule_key_outside, "rule for arrays 1 is none"},
    {array_rule_without_key, "rule for arrays 1 has no key"},
    {source_without_family, "source network 0"},
    {source_with_too_many_bits, "source network 0"},
    {trusted_with_too_many_bits, "trusted proxy network 0"},
    {names_not_a_power_of_two, "table of 7 names"},
    {names_full, "table of names is full"},
    {name_key_outside, "name "},
    {name_of_no_such_parent, "name "},
    {name_of_no_such_value, "name "},
    {node_of_another_parent, "name "},
    {host_without_root, "name "},
    {host_with_a_root_below_another, "name "},
    {any_host_of_no_such_listener, "socket 1 has listener 2 of 2"},
    {any_host_without_root, "which listener 1 begins at, is no root"},
    {any_host_with_a_root_below_another, "node 1, which listener 1 begins at, is no root"},
    {node_below_itself, "node 1 is below node 1"},
    {node_groups_over_the_end, "groups of node 0"},
    {node_of_no_such_match, "groups of node 0"},
    {node_groups_shared, "groups of node"},
    {group_keys_over_the_end, "keys of group 0"},
    {group_matches_over_the_end, "matches of group 0"},
    {group_with_some_method, "neither methods nor none"},
    {buckets_not_a_power_of_two, "buckets"},
    {buckets_full, "table of buckets is full"},
    {bucket_of_no_such_group, "bucket "},
    {bucket_matches_over_the_end, "bucket "},
    {bucket_of_no_such_match, "bucket "},
    {candidate_is_none, "candidate 0 is match 4 of 4"},
    {match_of_no_such_route, "match 0 is of route 2 of 2"},
    {match_of_no_such_regex, "regular expression 2 of 2"},
    {match_method_outside, "text of match 0"},
    {match_prefix_outside, "text of match 1"},
    {match_conditions_over_the_end, "conditions of match 1"},
    {condition_of_no_kind, "condition 0 is none"},
    {condition_of_no_such_regex, "condition 1 is none"},
    {condition_name_outside, "condition 0 is none"},
    {condition_value_outside, "condition 0 is none"},
    {regex_outside, "regular expression 0 is none"},
};

static void test_every_wrong_field_is_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        size_t len;
        struct err err = {{0}};
        struct plan *plan = good_plan(&len);
        damages[i].damage(plan);
        plan->checksum = flat_checksum(plan, len);
        if (plan_check(plan, len, &err))
            fail_msg("nothing says \"%s\"", damages[i].reason);
        if (!strstr(err.text, damages[i].reason))
            fail_msg("\"%s\" does not say \"%s\"", err.text, damages[i].reason);
        mem_free(plan);
    }
}

static void test_every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    size_t len;
    struct err err;
    struct plan *plan = good_plan(&len);
    for (size_t bit = 0; bit < len * 8; bit++) {
        ((unsigned char *)plan)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(plan_check(plan, len, &err));
        ((unsigned char *)plan)[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_true(plan_check(plan, len, &err));
    mem_free(plan);
}

static void test_every_shorter_plan_is_refused(void **state)
{
    (void)state;
    size_t len;
    struct err err;
    struct plan *plan = good_plan(&len);
    for (size_t shorter = 0; shorter < len; shorter++)
        assert_false(plan_check(plan, shorter, &err));
    mem_free(plan);
}

static int memory_file(const void *bytes, size_t len, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void assert_not_mapped(int fd, const char *reason)
{
    struct err err = {{0}};
    assert_null(plan_map(fd, &err));
    if (!strstr(err.text, reason))
        fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
    close(fd);
}

static void test_plan_that_could_still_change_is_not_mapped(void **state)
{
    (void)state;
    static const int all = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    size_t len;
    struct err err;
    struct plan *plan = good_plan(&len);
    int fd = memory_file(plan, len, all);
    const struct plan *mapped = plan_map(fd, &err);
    assert_non_null(mapped);
    plan_unmap(mapped);
    close(fd);

    assert_not_mapped(memory_file(plan, len, 0), "sealed");
    assert_not_mapped(memory_file(plan, len, all & ~F_SEAL_WRITE), "sealed");
    assert_not_mapped(memory_file(plan, len, all & ~F_SEAL_SHRINK), "sealed");
    assert_not_mapped(memory_file(plan, len, all & ~F_SEAL_GROW), "sealed");
    assert_not_mapped(memory_file(plan, len, all & ~F_SEAL_SEAL), "sealed");
    assert_not_mapped(memory_file(plan, 0, all), "0 bytes");
    assert_not_mapped(memory_file(plan, len - 1, all), "plan says");
    assert_not_mapped(open("/dev/null", O_RDONLY | O_CLOEXEC), "sealed");
    assert_null(plan_map(-1, &err));
    mem_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_wrong_field_is_refused_with_a_reason),
        cmocka_unit_test(test_every_flipped_bit_is_noticed),
        cmocka_unit_test(test_every_shorter_plan_is_refused),
        cmocka_unit_test(test_plan_that_could_still_change_is_not_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
