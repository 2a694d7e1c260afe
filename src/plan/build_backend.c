/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/build_parts.h"

struct plan_range build_texts(struct draft *draft, struct rule_texts texts)
{
    struct plan_range range = {draft_count(draft, ARRAY_TEXTS), (uint32_t)texts.count};
    for (size_t i = 0; i < texts.count; i++) {
        struct plan_str text = draft_add_text(draft, texts.list[i]);
        draft_add_copies(draft, ARRAY_TEXTS, &text, 1);
    }
    return range;
}

bool build_check_backend(const struct rule_backend *rule, struct err *err)
{
    if (rule->protocol == PROTOCOL_ALPN && !rule->tls)
        return err_set(err, "ALPN needs TLS");
    if (rule->tls && !rule->tls->authorities.len)
        return err_set(err, "TLS without anybody to trust");
    if (rule->tls && !rule->tls->server_name.len && !rule->tls->san_count)
        return err_set(err, "TLS without a name to check");
    return true;
}

static uint32_t add_tls(struct draft *draft, const struct rule_tls *rule)
{
    struct plan_tls tls = {
        .server_name = draft_add_text(draft, rule->server_name),
        .sans = {draft_count(draft, ARRAY_SANS), (uint32_t)rule->san_count},
        .authorities = draft_add_text(draft, rule->authorities),
        .identity = draft_add_text(draft, rule->identity),
    };
    for (size_t i = 0; i < rule->san_count; i++) {
        struct plan_san san = {rule->sans[i].kind, draft_add_text(draft, rule->sans[i].name)};
        draft_add_copies(draft, ARRAY_SANS, &san, 1);
    }
    return draft_add_copies(draft, ARRAY_TLS, &tls, 1).first;
}

void build_backend(struct draft *draft, const struct rule_backend *rule)
{
    struct plan_backend backend = {
        .label = draft_add_text(draft, rule->label),
        .protocol = rule->protocol,
        .revision = draft_add_text(draft, rule->revision),
        .tls = rule->tls ? add_tls(draft, rule->tls) : PLAN_NONE,
    };
    draft_add_copies(draft, ARRAY_BACKENDS, &backend, 1);
}
