/* SPDX-License-Identifier: Apache-2.0 */
#include "status/conditions.h"

#include "base/utf8.h"
#include "manifest/timestamp.h"

static const char *const state_names[] = {
    [OUTCOME_FALSE] = "False", [OUTCOME_TRUE] = "True", [OUTCOME_UNKNOWN] = "Unknown"};

static bool is_clean(struct str text)
{
    while (text.len > 0) {
        size_t len = utf8_len(text);
        if (len == 0 || (unsigned char)text.ptr[0] < 0x20)
            return false;
        text = str_slice(text, len, text.len);
    }
    return true;
}

json_t *text_new(struct str text)
{
    if (is_clean(text))
        return json_stringn(text.ptr ? text.ptr : "", text.len);
    struct strbuf clean = STRBUF_INIT;
    while (text.len > 0) {
        size_t len = utf8_len(text);
        bool is_good = len > 0 && (unsigned char)text.ptr[0] >= 0x20;
        strbuf_add(&clean, is_good ? str_slice(text, 0, len) : STR("?"));
        text = str_slice(text, len > 0 ? len : 1, text.len);
    }
    json_t *json = json_stringn(clean.ptr, clean.len);
    strbuf_deinit(&clean);
    return json;
}

struct str text_of(const json_t *json)
{
    return json_is_string(json) ? (struct str){json_string_value(json), json_string_length(json)} : STR_NONE;
}

struct str member_text(const json_t *object, const char *name)
{
    return text_of(json_object_get(object, name));
}

/* ---- one condition ---- */

static bool is_type(const json_t *condition, const char *type)
{
    return str_eq(member_text(condition, "type"), str_from_c(type));
}

static const json_t *find_present(const json_t *list, const char *type)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (is_type(json_array_get(list, i), type))
            return json_array_get(list, i);
    }
    return NULL;
}

/* When it last became what it is. */
static struct str transition_of(const json_t *before, const char *state, struct str now)
{
    struct str at = member_text(before, "lastTransitionTime");
    uint64_t seconds;
    bool is_same = str_eq(member_text(before, "status"), str_from_c(state));
    return is_same && at.len > 0 && timestamp_parse(at, &seconds) ? at : now;
}

static json_t *condition_new(const struct conditions_merge *merge, const struct outcome_condition *ours,
                             const json_t *before)
{
    const char *state = state_names[ours->state];
    json_t *condition = json_object();
    json_object_set_new(condition, "type", json_string(ours->type));
    json_object_set_new(condition, "status", json_string(state));
    json_object_set_new(condition, "reason", json_string(ours->reason));
    json_object_set_new(condition, "message", text_new(ours->message));
    if (merge->generation > 0)
        json_object_set_new(condition, "observedGeneration", json_integer(merge->generation));
    json_object_set_new(condition, "lastTransitionTime", text_new(transition_of(before, state, merge->now)));
    return condition;
}

/* ---- the list ---- */

static bool has_name(const char *const *names, struct str name)
{
    for (; *names; names++) {
        if (str_eq(name, str_from_c(*names)))
            return true;
    }
    return false;
}

/* Whether one that is not among ours stays. */
static bool stays(const struct conditions_merge *merge, const json_t *condition)
{
    struct str type = member_text(condition, "type");
    if (merge->kept_type && str_eq(type, str_from_c(merge->kept_type)))
        return true;
    return merge->own_types && !has_name(merge->own_types, type);
}

json_t *conditions_merge(const struct conditions_merge *merge)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(merge->present); i++) {
        json_t *before = json_array_get(merge->present, i);
        struct str type = member_text(before, "type");
        const struct outcome_condition *ours = NULL;
        for (size_t k = 0; k < merge->ours->count && !ours; k++) {
            if (str_eq(type, str_from_c(merge->ours->list[k].type)))
                ours = &merge->ours->list[k];
        }
        if (ours && !find_present(list, ours->type))
            json_array_append_new(list, condition_new(merge, ours, before));
        else if (!ours && stays(merge, before))
            json_array_append(list, before);
    }
    for (size_t i = 0; i < merge->ours->count; i++) {
        if (!find_present(list, merge->ours->list[i].type))
            json_array_append_new(list, condition_new(merge, &merge->ours->list[i], NULL));
    }
    return list;
}
