/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/outcome.h"

#include <xxhash.h>

/* Of the fields that are known here: a status is not written when its outcome has the hash that it had. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct outcome) == 352, "a new field is in the hash, too");

static void add_number(struct strbuf *hash, uint64_t number)
{
    strbuf_add(hash, (struct str){(const char *)&number, sizeof(number)});
}

static void add_text(struct strbuf *hash, struct str text)
{
    add_number(hash, text.len);
    strbuf_add(hash, text);
}

static void add_conditions(struct strbuf *hash, const struct outcome_conditions *conditions)
{
    add_number(hash, conditions->count);
    for (size_t i = 0; i < conditions->count; i++) {
        const struct outcome_condition *condition = &conditions->list[i];
        add_text(hash, str_from_c(condition->type));
        add_text(hash, str_from_c(condition->reason));
        add_number(hash, condition->state);
        add_text(hash, condition->message);
    }
}

static void add_ref(struct strbuf *hash, const struct outcome_ref *ref)
{
    const struct str texts[] = {ref->group, ref->kind, ref->ns, ref->name, ref->section_name};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        add_number(hash, texts[i].ptr != NULL);
        add_text(hash, texts[i]);
    }
    add_number(hash, ref->port);
}

static void add_branch(struct strbuf *hash, const struct outcome_branch *branch)
{
    add_ref(hash, &branch->ref);
    add_conditions(hash, &branch->conditions);
}

static void add_listener(struct strbuf *hash, const struct outcome_listener *listener)
{
    add_text(hash, listener->name);
    add_number(hash, listener->attached_routes);
    add_number(hash, listener->kinds);
    add_conditions(hash, &listener->conditions);
}

static void add_mirror(struct strbuf *hash, const struct outcome_mirror *mirror)
{
    add_text(hash, mirror->route);
    add_text(hash, mirror->mirror);
    add_number(hash, mirror->is_suspended);
    add_number(hash, mirror->has_hosts);
}

uint64_t outcome_hash(const struct outcome *outcome)
{
    struct strbuf hash = STRBUF_INIT;
    add_number(&hash, (uint64_t)outcome->generation);
    add_text(&hash, node_text(node_find(outcome->resource->node, STR("metadata")), STR("uid")));
    add_conditions(&hash, &outcome->conditions);
    add_number(&hash, outcome->branch_count);
    for (size_t i = 0; i < outcome->branch_count; i++)
        add_branch(&hash, &outcome->branches[i]);
    add_number(&hash, outcome->other_count);
    for (size_t i = 0; i < outcome->other_count; i++)
        add_ref(&hash, &outcome->others[i]);
    add_number(&hash, outcome->listener_count);
    for (size_t i = 0; i < outcome->listener_count; i++)
        add_listener(&hash, &outcome->listeners[i]);
    add_number(&hash, outcome->address_count);
    for (size_t i = 0; i < outcome->address_count; i++) {
        add_number(&hash, outcome->addresses[i].is_hostname);
        add_text(&hash, outcome->addresses[i].value);
    }
    add_number(&hash, outcome->mirror_count);
    for (size_t i = 0; i < outcome->mirror_count; i++)
        add_mirror(&hash, &outcome->mirrors[i]);
    add_number(&hash, outcome->has_features);
    uint64_t value = XXH3_64bits(hash.ptr, hash.len);
    strbuf_deinit(&hash);
    return value;
}
