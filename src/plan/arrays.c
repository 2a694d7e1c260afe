/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/arrays.h"

#define ROW(words, field, type) \
    { \
        words, offsetof(struct plan, field), sizeof(type) \
    }

const struct array_kind array_kinds[ARRAY_COUNT] = {
    [ARRAY_STRINGS] = ROW("strings", strings, char),
    [ARRAY_SOCKETS] = ROW("sockets", sockets, struct plan_socket),
    [ARRAY_LISTENERS] = ROW("listeners", listeners, struct plan_listener),
    [ARRAY_NODES] = ROW("nodes", nodes, struct plan_node),
    [ARRAY_BRANCHES] = ROW("branches", branches, struct plan_branch),
    [ARRAY_GROUPS] = ROW("groups", groups, struct plan_group),
    [ARRAY_MATCHES] = ROW("matches", matches, struct plan_match),
    [ARRAY_CONDITIONS] = ROW("conditions", conditions, struct plan_condition),
    [ARRAY_REGEXES] = ROW("regular expressions", regexes, struct plan_regex),
    [ARRAY_NAMES] = ROW("names", names, struct plan_name),
    [ARRAY_BUCKETS] = ROW("buckets", buckets, struct plan_bucket),
    [ARRAY_CANDIDATES] = ROW("candidates", candidates, uint32_t),
    [ARRAY_LENGTHS] = ROW("lengths of tails", lengths, uint32_t),
    [ARRAY_PEER_SETS] = ROW("peer sets", peer_sets, struct plan_str),
    [ARRAY_ROUTES] = ROW("routes", routes, struct plan_route),
    [ARRAY_WEIGHTED] = ROW("weighted", weighted, struct plan_weighted),
    [ARRAY_BACKENDS] = ROW("backends", backends, struct plan_backend),
    [ARRAY_MIRRORS] = ROW("mirrors", mirrors, struct plan_mirror),
    [ARRAY_CIDRS] = ROW("cidrs", cidrs, struct cidr),
    [ARRAY_EDITS] = ROW("edits", edits, struct plan_edit),
    [ARRAY_REWRITES] = ROW("rewrites", rewrites, struct plan_rewrite),
    [ARRAY_REDIRECTS] = ROW("redirects", redirects, struct plan_redirect),
    [ARRAY_CORS] = ROW("CORS settings", cors, struct plan_cors),
    [ARRAY_ANSWERS] = ROW("answers", answers, struct plan_answer),
    [ARRAY_REDACTIONS] = ROW("redactions", redactions, struct plan_redaction),
    [ARRAY_TLS] = ROW("TLS settings", tls, struct plan_tls),
    [ARRAY_SANS] = ROW("subject alternative names", sans, struct plan_san),
    [ARRAY_COMPARISONS] = ROW("comparisons", comparisons, struct plan_comparison),
    [ARRAY_ARRAY_RULES] = ROW("rules for arrays", array_rules, struct plan_array_rule),
    [ARRAY_CODES] = ROW("codes", codes, uint32_t),
    [ARRAY_TEXTS] = ROW("texts", texts, struct plan_str),
    [ARRAY_TRUSTED_PROXIES] = ROW("trusted proxies", trusted_proxies, struct cidr),
};
