/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/policy_fields.h"

#include "base/assert.h"
#include "compile/actions.h"
#include "compile/comparison_fields.h"
#include "http/head.h"

static bool apply_suspend(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    if (spec->suspend.is_set && outcome)
        outcome->mirror->is_suspended = spec->suspend.value != 0;
    return spec->suspend.is_set;
}

static bool apply_methods(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    if (spec->methods.count == 0 || !outcome)
        return spec->methods.count > 0;
    outcome->mirror->method_mask = 0;
    for (size_t i = 0; i < spec->methods.count; i++)
        outcome->mirror->method_mask |= 1u << method_from_str(*SCHEMA_ITEM(spec->methods, struct str, i));
    return true;
}

static bool apply_sources(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    size_t count = spec->sources.count;
    if (count == 0 || !outcome)
        return count > 0;
    struct cidr *sources = arena_alloc(outcome->arena, count * sizeof(*sources));
    for (size_t i = 0; i < count; i++) {
        bool is_valid = cidr_parse(*SCHEMA_ITEM(spec->sources, struct str, i), &sources[i]);
        ASSERT(is_valid); /* the schema's format is this very function */
    }
    outcome->mirror->sources = sources;
    outcome->mirror->source_count = count;
    return true;
}

static bool apply_mode(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    static const enum plan_sampling modes[] = {
        [MODE_EVEN] = SAMPLING_EVEN, [MODE_RANDOM] = SAMPLING_RANDOM, [MODE_HASH] = SAMPLING_HASH};
    bool is_set = spec->sampling && spec->sampling->mode.is_set;
    if (is_set && outcome)
        outcome->mirror->sampling = modes[spec->sampling->mode.value];
    return is_set;
}

static bool apply_key(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    const struct sampling_key *key = spec->sampling ? spec->sampling->key : NULL;
    if (!key || !outcome)
        return key != NULL;
    struct rule_mirror *mirror = outcome->mirror;
    mirror->key_name = key->header.ptr ? key->header : key->cookie.ptr ? key->cookie : key->query;
    mirror->key = key->header.ptr             ? KEY_HEADER
                  : key->cookie.ptr           ? KEY_COOKIE
                  : key->query.ptr            ? KEY_QUERY
                  : key->client_ip.value != 0 ? KEY_CLIENT_IP
                  : key->trace_id.value != 0  ? KEY_TRACE_ID
                                              : KEY_NONE;
    return true;
}

static bool apply_salt(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    bool is_set = spec->sampling && spec->sampling->salt.ptr;
    if (is_set && outcome)
        outcome->mirror->salt = spec->sampling->salt;
    return is_set;
}

static bool apply_rate(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    bool is_set = spec->limits && spec->limits->requests_per_second.is_set;
    if (is_set && outcome)
        outcome->mirror->rate_per_second = (uint64_t)spec->limits->requests_per_second.value;
    return is_set;
}

static bool apply_in_flight(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    bool is_set = spec->limits && spec->limits->in_flight.is_set;
    if (is_set && outcome)
        outcome->mirror->max_in_flight = clamp_u32(spec->limits->in_flight.value);
    return is_set;
}

static bool apply_connections(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    bool is_set = spec->limits && spec->limits->connections.is_set;
    if (is_set && outcome)
        outcome->mirror->max_connections = clamp_u32(spec->limits->connections.value);
    return is_set;
}

static bool apply_window(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    bool is_set = spec->limits && spec->limits->window.is_set;
    if (is_set && outcome)
        outcome->mirror->window_bytes = (uint64_t)spec->limits->window.value;
    return is_set;
}

static bool apply_timeout(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    bool is_set = spec->limits && spec->limits->timeout.is_set;
    if (is_set && outcome)
        outcome->mirror->timeout_ms = clamp_u32(spec->limits->timeout.value);
    return is_set;
}

static bool apply_connect_timeout(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    bool is_set = spec->limits && spec->limits->connect_timeout.is_set;
    if (is_set && outcome)
        outcome->mirror->connect_timeout_ms = clamp_u32(spec->limits->connect_timeout.value);
    return is_set;
}

static bool apply_host(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    static const enum plan_host_kind kinds[] = {
        [HOST_PRESERVE] = COPY_HOST_PRESERVE, [HOST_SUFFIX] = COPY_HOST_SUFFIX, [HOST_LITERAL] = COPY_HOST_LITERAL};
    const struct policy_host *host = spec->request ? spec->request->host : NULL;
    if (!host || !outcome)
        return host != NULL;
    outcome->mirror->host_kind = kinds[host->type.value];
    outcome->mirror->host = host->value;
    return true;
}

static bool apply_headers(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    const struct http_header_filter *headers = spec->request ? spec->request->headers : NULL;
    if (headers && outcome)
        outcome->mirror->edits = actions_edits(outcome->arena, headers, &outcome->mirror->edit_count);
    return headers != NULL;
}

static bool apply_redacted(const struct schema_list *names, enum plan_redaction_kind kind,
                           struct policy_outcome *outcome)
{
    if (names->is_set && outcome)
        outcome->redacted[kind] = names;
    return names->is_set;
}

static bool apply_redacted_headers(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    const struct policy_redact *redact = spec->request ? spec->request->redact : NULL;
    return redact && apply_redacted(&redact->headers, REDACT_HEADER, outcome);
}

static bool apply_redacted_cookies(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    const struct policy_redact *redact = spec->request ? spec->request->redact : NULL;
    return redact && apply_redacted(&redact->cookies, REDACT_COOKIE, outcome);
}

static bool apply_redacted_query(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    const struct policy_redact *redact = spec->request ? spec->request->redact : NULL;
    return redact && apply_redacted(&redact->query, REDACT_QUERY, outcome);
}

static const struct policy_marker *marker_of(const struct mirror_policy_spec *spec)
{
    return spec->request ? spec->request->marker : NULL;
}

static bool apply_marker_header(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    const struct policy_marker *marker = marker_of(spec);
    bool is_set = marker && node_find(marker->node, STR("header"));
    if (is_set && outcome)
        outcome->mirror->marker_header = marker->header;
    return is_set;
}

static bool apply_baggage(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    const struct policy_marker *marker = marker_of(spec);
    bool is_set = marker && marker->baggage.is_set;
    if (is_set && outcome)
        outcome->mirror->has_baggage = marker->baggage.value != 0;
    return is_set;
}

static bool apply_trace(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    static const enum plan_trace traces[] = {[TRACE_UNSAMPLED] = COPY_TRACE_UNSAMPLED,
                                             [TRACE_INHERIT] = COPY_TRACE_INHERIT,
                                             [TRACE_NEW_ROOT] = COPY_TRACE_NEW_ROOT};
    const struct policy_marker *marker = marker_of(spec);
    bool is_set = marker && marker->trace.is_set;
    if (is_set && outcome)
        outcome->mirror->trace = traces[marker->trace.value];
    return is_set;
}

static bool apply_keep_credentials(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    bool is_set = spec->request && spec->request->keep_credentials.is_set;
    if (is_set && outcome)
        outcome->keeps_credentials = spec->request->keep_credentials.value != 0;
    return is_set;
}

const struct policy_field policy_fields[] = {
    {"suspend", apply_suspend},
    {"methods", apply_methods},
    {"sources", apply_sources},
    {"sampling.mode", apply_mode},
    {"sampling.key", apply_key},
    {"sampling.salt", apply_salt},
    {"limits.requestsPerSecond", apply_rate},
    {"limits.inFlight", apply_in_flight},
    {"limits.connections", apply_connections},
    {"limits.window", apply_window},
    {"limits.timeout", apply_timeout},
    {"limits.connectTimeout", apply_connect_timeout},
    {"request.host", apply_host},
    {"request.headers", apply_headers},
    {"request.redact.headers", apply_redacted_headers},
    {"request.redact.cookies", apply_redacted_cookies},
    {"request.redact.query", apply_redacted_query},
    {"request.marker.header", apply_marker_header},
    {"request.marker.baggage", apply_baggage},
    {"request.marker.trace", apply_trace},
    {"request.keepCredentials", apply_keep_credentials},
    {"compare.samples", apply_samples},
    {"compare.bodyBytes", apply_body_bytes},
    {"compare.control", apply_control},
    {"compare.headers", apply_compared_headers},
    {"compare.ignore.headers", apply_ignored_headers},
    {"compare.ignore.jsonPaths", apply_ignored_paths},
    {"compare.arrays", apply_arrays},
    {"compare.redact.headers", apply_sample_headers},
    {"compare.redact.cookies", apply_sample_cookies},
    {"compare.redact.query", apply_sample_query},
    {"compare.redact.jsonPaths", apply_sample_paths},
    {"verdict.minPairs", apply_min_pairs},
    {"verdict.minPairsP99", apply_min_pairs_p99},
    {"verdict.maxShadowFailures", apply_max_shadow_failures},
    {"verdict.maxLost", apply_max_lost},
    {"verdict.maxBlind", apply_max_blind},
    {"verdict.maxDifferent", apply_max_different},
    {"verdict.maxNewErrors", apply_max_new_errors},
    {"verdict.findingLatencyAdded", apply_finding_latency_added},
    {"verdict.findingLatencyShare", apply_finding_latency_share},
    {"verdict.maxLatencyAdded", apply_max_latency_added},
    {"verdict.maxLatencyShare", apply_max_latency_share},
};
const size_t policy_field_count = sizeof(policy_fields) / sizeof(policy_fields[0]);
_Static_assert(sizeof(policy_fields) / sizeof(policy_fields[0]) <= 64, "struct policy has a bit for each");

static const struct str credentials[] = {
    STR_INIT("authorization"),
    STR_INIT("cookie"),
    STR_INIT("proxy-authorization"),
    STR_INIT("x-api-key"),
};
#define CREDENTIALS (sizeof(credentials) / sizeof(credentials[0]))

static bool has_redaction(const struct rule_redaction *list, size_t count, enum plan_redaction_kind kind,
                          struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].kind == kind && str_eq_nocase(list[i].name, name))
            return true;
    }
    return false;
}

void policy_outcome_redact(const struct policy_outcome *outcome, bool drops_credentials, struct rule_mirror *mirror)
{
    size_t most = drops_credentials ? CREDENTIALS : 0, count = 0;
    for (size_t kind = 0; kind <= REDACT_QUERY; kind++)
        most += outcome->redacted[kind] ? outcome->redacted[kind]->count : 0;
    if (most == 0)
        return;
    struct rule_redaction *list = arena_alloc(outcome->arena, most * sizeof(*list));
    for (size_t kind = 0; kind <= REDACT_QUERY; kind++) {
        const struct schema_list *names = outcome->redacted[kind];
        for (size_t i = 0; names && i < names->count; i++)
            list[count++] = (struct rule_redaction){(enum plan_redaction_kind)kind,
                                                    *SCHEMA_ITEM(*names, struct str, i)};
    }
    size_t own = count;
    for (size_t i = 0; drops_credentials && i < CREDENTIALS; i++) {
        if (!has_redaction(list, own, REDACT_HEADER, credentials[i]))
            list[count++] = (struct rule_redaction){REDACT_HEADER, credentials[i]};
    }
    mirror->redactions = list;
    mirror->redaction_count = count;
}
