/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/json_walk.h"

/* How often the length of a body may be compared as text, to settle what is the same without looking at its values. */
#define SAME_TEXT 3

bool walk_enter(struct walk *walk, const struct spot *from, struct spot *to)
{
    to->place.up = from->chain;
    to->chain = &to->place;
    to->depth = from->depth + 1;
    to->is_watched = false;
    to->array = -1;
    if (!from->is_watched)
        return true;
    const struct compare_rules *rules = walk->rules;
    size_t words = path_set_words(rules->paths);
    uint64_t *state = walk->states + from->depth * words;
    int found = path_set_step(rules->paths, state, &to->place.step, state + words, &to->is_watched);
    if (found >= 0 && (size_t)found < rules->ignored_count)
        return false;
    to->array = found >= 0 ? found - (int)rules->ignored_count : -1;
    return true;
}

bool walk_to_member(struct walk *walk, const struct spot *from, enum side side, uint32_t name, struct spot *to)
{
    const struct json *json = walk->json[side];
    const struct json_value *value = &json->values[name];
    to->place.step = (struct path_step){.name = json_bytes(json, value)};
    if (value->is_escaped) {
        char *unescaped = scratch_take(&walk->comparer->scratch, value->size);
        to->place.step.name = (struct str){unescaped, json_unescape(to->place.step.name, unescaped)};
    }
    return walk_enter(walk, from, to);
}

bool walk_to_element(struct walk *walk, const struct spot *from, uint64_t index, struct spot *to)
{
    to->place.step = (struct path_step){.index = index, .is_element = true};
    return walk_enter(walk, from, to);
}

void walk_report_text(struct walk *walk, const struct spot *spot, enum difference_kind kind, struct str live,
                      struct str other)
{
    report_add_place(&walk->comparer->report, walk->prefix, spot->chain, kind, live, other);
}

void walk_report(struct walk *walk, const struct spot *spot, enum difference_kind kind, const uint32_t *live,
                 const uint32_t *other)
{
    walk_report_text(walk, spot, kind, live ? json_text(walk->json[SIDE_LIVE], *live) : STR_NONE,
                     other ? json_text(walk->json[SIDE_OTHER], *other) : STR_NONE);
}

/* The same bytes are the same value. What that costs is bounded for the whole document: nested containers would else be read once per level. */
static bool is_same_text(struct walk *walk, const struct json_value *live, const struct json_value *other)
{
    if (live->size != other->size || walk->same_budget < live->size)
        return false;
    walk->same_budget -= live->size;
    return memcmp(walk->json[SIDE_LIVE]->text + live->at, walk->json[SIDE_OTHER]->text + other->at, live->size) == 0;
}

bool walk_is_same(const struct walk *walk, uint32_t live, uint32_t other)
{
    return live == other && walk->json[SIDE_OTHER]->values[other].is_same;
}

static bool names_equal(const struct walk *walk, uint32_t live, uint32_t other)
{
    const struct json_value *x = &walk->json[SIDE_LIVE]->values[live], *y = &walk->json[SIDE_OTHER]->values[other];
    return json_strings_equal(json_bytes(walk->json[SIDE_LIVE], x), x->is_escaped,
                              json_bytes(walk->json[SIDE_OTHER], y), y->is_escaped);
}

static bool scalars_equal(const struct walk *walk, const struct json_value *x, const struct json_value *y)
{
    struct str a = json_bytes(walk->json[SIDE_LIVE], x), b = json_bytes(walk->json[SIDE_OTHER], y);
    if (x->kind != y->kind)
        return false;
    switch ((enum json_kind)x->kind) {
    case VALUE_NUMBER: return json_numbers_equal(a, b);
    case VALUE_STRING: return json_strings_equal(a, x->is_escaped, b, y->is_escaped);
    case VALUE_NULL:
    case VALUE_FALSE:
    case VALUE_TRUE: return true;
    case VALUE_ARRAY:
    case VALUE_OBJECT: break;
    }
    return false;
}

static void compare_member(struct walk *walk, uint32_t live, uint32_t other, const struct spot *spot)
{
    struct spot below;
    struct scratch_mark mark = scratch_mark(&walk->comparer->scratch);
    if (walk_to_member(walk, spot, SIDE_LIVE, live, &below))
        walk_values(walk, live + 1, other + 1, &below);
    scratch_reset(&walk->comparer->scratch, mark);
}

/* Both have the same names in the same order, none of them twice: compared in step. False: that is not so, and nothing was done. */
static bool compare_in_step(struct walk *walk, uint32_t live, uint32_t other, const struct spot *spot)
{
    const struct json_value *x = walk->json[SIDE_LIVE]->values, *y = walk->json[SIDE_OTHER]->values;
    uint32_t i = live + 1, j = other + 1, end_i = x[live].next, end_j = y[other].next;
    for (; i < end_i && j < end_j; i = x[i + 1].next, j = y[j + 1].next) {
        if (!walk_is_same(walk, i, j) && !names_equal(walk, i, j))
            return false;
    }
    if (i < end_i || j < end_j)
        return false;
    for (i = live + 1, j = other + 1; i < end_i; i = x[i + 1].next, j = y[j + 1].next) {
        if (walk_is_same(walk, i + 1, j + 1) || scalars_equal(walk, &x[i + 1], &y[j + 1]))
            continue;
        if (walk_has_twins(walk, SIDE_LIVE, live))
            return false;
        compare_member(walk, i, j, spot);
    }
    return true;
}

/* A member that one side has alone. */
static void report_alone(struct walk *walk, enum side side, uint32_t name, const struct spot *spot)
{
    struct spot below;
    struct scratch_mark mark = scratch_mark(&walk->comparer->scratch);
    uint32_t value = name + 1;
    if (walk_to_member(walk, spot, side, name, &below)) {
        if (side == SIDE_LIVE)
            walk_report(walk, &below, DIFFERENCE_MISSING, &value, NULL);
        else
            walk_report(walk, &below, DIFFERENCE_EXTRA, NULL, &value);
    }
    scratch_reset(&walk->comparer->scratch, mark);
}

static void compare_by_name(struct walk *walk, uint32_t live, uint32_t other, const struct spot *spot)
{
    const struct json *x = walk->json[SIDE_LIVE], *y = walk->json[SIDE_OTHER];
    struct name_table live_names, other_names;
    name_table_make(&live_names, walk, SIDE_LIVE, live);
    name_table_make(&other_names, walk, SIDE_OTHER, other);
    for (uint32_t name = live + 1; name < x->values[live].next; name = x->values[name + 1].next) {
        if (name_table_find(&live_names, x, name) != name)
            continue;
        uint32_t found = name_table_find(&other_names, x, name);
        if (found)
            compare_member(walk, name, found, spot);
        else
            report_alone(walk, SIDE_LIVE, name, spot);
    }
    for (uint32_t name = other + 1; name < y->values[other].next; name = y->values[name + 1].next) {
        if (name_table_find(&other_names, y, name) == name && !name_table_find(&live_names, y, name))
            report_alone(walk, SIDE_OTHER, name, spot);
    }
}

/* true and false are of one type. */
static unsigned type_of(const struct json_value *value)
{
    return value->kind == VALUE_TRUE ? VALUE_FALSE : value->kind;
}

void walk_values(struct walk *walk, uint32_t live, uint32_t other, const struct spot *spot)
{
    const struct json_value *x = &walk->json[SIDE_LIVE]->values[live], *y = &walk->json[SIDE_OTHER]->values[other];
    if (walk_is_same(walk, live, other))
        return;
    if (type_of(x) != type_of(y)) {
        walk_report(walk, spot, DIFFERENCE_TYPE, &live, &other);
    } else if (x->kind != VALUE_ARRAY && x->kind != VALUE_OBJECT) {
        if (!scalars_equal(walk, x, y))
            walk_report(walk, spot, DIFFERENCE_VALUE, &live, &other);
    } else if (!is_same_text(walk, x, y)) {
        struct scratch_mark mark = scratch_mark(&walk->comparer->scratch);
        if (x->kind == VALUE_ARRAY)
            walk_arrays(walk, live, other, spot);
        else if (!compare_in_step(walk, live, other, spot))
            compare_by_name(walk, live, other, spot);
        scratch_reset(&walk->comparer->scratch, mark);
    }
}

bool walk_begin(struct walk *walk, struct comparer *comparer, const struct compare_rules *rules, struct str prefix,
                struct spot *root)
{
    *walk = (struct walk){
        .comparer = comparer,
        .rules = rules,
        .json = {&comparer->json[SIDE_LIVE], &comparer->json[SIDE_OTHER]},
        .prefix = prefix,
        .values_left = comparer->limits.values,
    };
    *root = (struct spot){.array = -1};
    if (!rules || !rules->paths)
        return true;
    size_t words = path_set_words(rules->paths);
    walk->states = scratch_take(&comparer->scratch, (comparer->limits.depth + 2) * words * sizeof(uint64_t));
    int found = path_set_begin(rules->paths, walk->states);
    root->array = found >= 0 ? found - (int)rules->ignored_count : -1;
    root->is_watched = true;
    return found < 0 || root->array >= 0;
}

void compare_json(struct comparer *comparer, const struct compare_rules *rules)
{
    struct walk walk;
    struct spot root;
    if (!walk_begin(&walk, comparer, rules, STR("body.$"), &root))
        return;
    walk.same_budget = SAME_TEXT *
                       ((size_t)walk.json[SIDE_LIVE]->values[0].size + walk.json[SIDE_OTHER]->values[0].size);
    walk_values(&walk, 0, 0, &root);
}
