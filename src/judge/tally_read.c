/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "judge/tallies.h"
#include "judge/tally_counters.h"

#include <jansson.h>
#include <stdlib.h>

/* Beyond it sums of many tallies could wrap; also what a JSON number holds exactly (RFC 8259 6). */
#define MOST (1ll << 53)
/* Of the texts of a key. */
#define MOST_KEY 4096

static bool read_count(const json_t *object, const char *name, uint64_t *value, struct err *err)
{
    const json_t *member = json_object_get(object, name);
    json_int_t number = json_integer_value(member);
    if (!json_is_integer(member) || number < 0)
        return err_set(err, "%s is no count", name);
    /* Times in ns are larger than counts may be. */
    if (number > MOST && !str_ends_with(str_from_c(name), STR("_ns")))
        return err_set(err, "%s is too large", name);
    *value = (uint64_t)number;
    return true;
}

static bool read_counters(const json_t *object, void *thing, const struct tally_counter *counters, struct err *err)
{
    for (; counters->name; counters++) {
        if (!read_count(object, counters->name, tally_counter_at(thing, counters), err))
            return false;
    }
    return true;
}

static bool read_item(const json_t *array, size_t at, uint64_t most, uint64_t *value, struct err *err)
{
    const json_t *item = json_array_get(array, at);
    json_int_t number = json_integer_value(item);
    if (!json_is_integer(item) || number < 0 || (uint64_t)number > most)
        return err_set(err, "item %zu is no count up to %llu", at, (unsigned long long)most);
    *value = (uint64_t)number;
    return true;
}

static bool read_array(const json_t *object, const char *name, uint64_t *values, size_t count, struct err *err)
{
    const json_t *array = json_object_get(object, name);
    if (!json_is_array(array) || json_array_size(array) != count)
        return err_set(err, "%s is no array of %zu counts", name, count);
    for (size_t i = 0; i < count; i++) {
        if (!read_item(array, i, MOST, &values[i], err))
            return err_wrap(err, "%s", name);
    }
    return true;
}

static struct str text_of(const json_t *text)
{
    return (struct str){json_string_value(text), json_string_length(text)};
}

/* ------------------------------------------------------------------------------------------------- parts of endpoints */

static bool read_field(const json_t *object, struct field_counts *field, struct err *err)
{
    struct field_counts read = {0};
    if (!json_is_object(object) || !read_counters(object, &read, field_counters, err) ||
        !read_array(object, "kinds", read.kinds, DIFFERENCE_KIND_COUNT, err))
        return json_is_object(object) ? false : err_set(err, "no object");
    const json_t *example = json_object_get(object, "example");
    if (example && (!json_is_array(example) || !json_is_string(json_array_get(example, 0)) ||
                    !json_is_string(json_array_get(example, 1))))
        return err_set(err, "example is no array of two texts");
    field->signal += read.signal;
    field->noise += read.noise;
    field->both += read.both;
    field->alone += read.alone;
    field->alone_volatile += read.alone_volatile;
    field->alone_errors += read.alone_errors;
    for (size_t i = 0; i < DIFFERENCE_KIND_COUNT; i++)
        field->kinds[i] += read.kinds[i];
    field->seen_ns = tally_first(field->seen_ns, read.seen_ns);
    if (example)
        field_take_example(field, read.first_ns, text_of(json_array_get(example, 0)),
                           text_of(json_array_get(example, 1)));
    field_widen(field, read.first_ns, read.last_ns);
    return true;
}

static bool read_fields(const json_t *fields, struct tally *tally, struct endpoint_counts *endpoint, struct err *err)
{
    if (!json_is_object(fields))
        return err_set(err, "fields is no object");
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)fields, name, member)
    {
        if (!read_field(member, tally_field(tally, endpoint, str_from_c(name)), err))
            return err_wrap(err, "field %.80s", name);
    }
    return true;
}

static bool read_set(const json_t *set, struct tally *tally, struct endpoint_counts *endpoint, struct err *err)
{
    struct str mode = text_of(json_array_get(set, 0));
    size_t size = json_array_size(set);
    uint64_t count;
    if (size < 3 || size > 2 + TALLY_SET_FIELDS || (!str_eq(mode, STR("c")) && !str_eq(mode, STR("a"))))
        return err_set(err, "a set of fields is not as it should be");
    if (!read_item(set, 1, MOST, &count, err))
        return false;
    struct strbuf key = STRBUF_INIT;
    strbuf_add(&key, mode);
    bool is_good = true;
    for (size_t i = 2; i < size && is_good; i++) {
        struct str name = text_of(json_array_get(set, i));
        is_good = name.ptr && name.len <= TALLY_NAME;
        strbuf_add_char(&key, '\0');
        strbuf_add(&key, is_good ? name : STR(""));
    }
    if (is_good)
        (void)tally_count_set(tally, endpoint, strbuf_str(&key), count);
    strbuf_deinit(&key);
    return is_good || err_set(err, "a set of fields has no names");
}

static bool read_sets(const json_t *sets, struct tally *tally, struct endpoint_counts *endpoint, struct err *err)
{
    if (!json_is_array(sets))
        return err_set(err, "sets is no array");
    for (size_t i = 0; i < json_array_size(sets); i++) {
        if (!read_set(json_array_get(sets, i), tally, endpoint, err))
            return false;
    }
    return true;
}

static bool read_cells(const json_t *object, const char *name, struct latency_cells *cells, size_t *used,
                       uint64_t *lost, struct err *err)
{
    const json_t *list = json_object_get(object, name);
    size_t size = json_array_size(list);
    if (!json_is_array(list) || size % 3 != 0)
        return err_set(err, "%s is no array of triples", name);
    for (size_t i = 0; i < size; i += 3) {
        uint64_t live, other, count;
        if (!read_item(list, i, LATENCY_BUCKETS - 1, &live, err) ||
            !read_item(list, i + 1, LATENCY_BUCKETS - 1, &other, err) || !read_item(list, i + 2, MOST, &count, err))
            return err_wrap(err, "%s", name);
        if (!tally_count_cell(cells, used, (unsigned)live, (unsigned)other, count))
            *lost += count;
    }
    return true;
}

static bool read_endpoint(const json_t *object, struct tally *tally, struct str name, struct err *err)
{
    struct endpoint_counts read = {0};
    if (!json_is_object(object))
        return err_set(err, "no object");
    if (!read_counters(object, &read, endpoint_counters, err))
        return false;
    struct endpoint_counts *endpoint = tally_endpoint(tally, name);
    for (const struct tally_counter *counter = endpoint_counters; counter->name; counter++)
        *tally_counter_at(endpoint, counter) += tally_counter_value(&read, counter);
    uint64_t unseen = 0; /* of control's: not counted */
    return read_cells(object, "cells", &endpoint->cells, &tally->cell_count, &tally->cells_lost, err) &&
           read_cells(object, "control_cells", &endpoint->control_cells, &tally->control_cell_count, &unseen, err) &&
           read_fields(json_object_get(object, "fields"), tally, endpoint, err) &&
           read_sets(json_object_get(object, "sets"), tally, endpoint, err);
}

/* --------------------------------------------------------------------------------------------------------- the whole */

static bool read_failures(const json_t *object, struct tally *tally, struct err *err)
{
    const json_t *failures = json_object_get(object, "failures");
    if (!json_is_object(failures))
        return err_set(err, "failures is no object");
    const char *label;
    json_t *member;
    json_object_foreach((json_t *)failures, label, member)
    {
        json_int_t count = json_integer_value(member);
        if (!json_is_integer(member) || count < 0 || count > MOST)
            return err_set(err, "failures: %.80s is no count", label);
        tally_count_failure(tally, str_from_c(label), (uint64_t)count);
    }
    return true;
}

static bool read_thresholds(const json_t *object, struct tally *tally, struct err *err)
{
    const json_t *limits = json_object_get(object, "thresholds");
    struct thresholds thresholds = {0};
    if (!limits)
        return true;
    for (const struct tally_limit *limit = tally_limits; limit->name; limit++) {
        char *at = (char *)&thresholds + limit->offset;
        const json_t *member = json_object_get(limits, limit->name);
        if (limit->is_count && !read_count(limits, limit->name, (uint64_t *)at, err))
            return err_wrap(err, "thresholds");
        if (!limit->is_count && (!json_is_number(member) || !(json_number_value(member) >= 0)))
            return err_set(err, "thresholds: %s is no share", limit->name);
        if (!limit->is_count)
            *(double *)at = json_number_value(member);
    }
    tally_set_thresholds(tally, &thresholds);
    return true;
}

static bool read_endpoints(const json_t *object, struct tally *tally, struct err *err)
{
    const json_t *endpoints = json_object_get(object, "endpoints");
    if (!json_is_object(endpoints))
        return err_set(err, "endpoints is no object");
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)endpoints, name, member)
    {
        if (!read_endpoint(member, tally, str_from_c(name), err))
            return err_wrap(err, "endpoint %.80s", name);
    }
    return true;
}

static bool read_key(const json_t *object, struct tally_key *key, struct err *err)
{
    const json_t *texts = json_object_get(object, "key");
    const struct {
        const char *name;
        struct str *text;
    } members[] = {{"route", &key->route},
                   {"mirror", &key->mirror},
                   {"live_revision", &key->live_revision},
                   {"shadow_revision", &key->shadow_revision}};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        *members[i].text = text_of(json_object_get(texts, members[i].name));
        if (!members[i].text->ptr || members[i].text->len > MOST_KEY)
            return err_set(err, "key has no %s", members[i].name);
    }
    return true;
}

static bool read_all(const json_t *object, struct tally *tally, struct err *err)
{
    return read_counters(object, tally, tally_counters, err) &&
           read_array(object, "live_status", tally->live_status, 6, err) &&
           read_array(object, "shadow_status", tally->shadow_status, 6, err) && read_failures(object, tally, err) &&
           read_thresholds(object, tally, err) && read_endpoints(object, tally, err);
}

/* NULL with what is wrong. */
static struct tally *read_object(const json_t *object, struct err *err)
{
    struct tally_key key;
    uint64_t version;
    if (!json_is_object(object)) {
        (void)err_set(err, "the tally is no JSON object");
        return NULL;
    }
    if (!read_count(object, "version", &version, err) || version != 1) {
        if (json_is_integer(json_object_get(object, "version")))
            (void)err_set(err,
                          "the tally is not of version 1, which this umbra reads; use the same version on both sides");
        else
            (void)err_set(err, "the tally's version is no count");
        return NULL;
    }
    if (!read_key(object, &key, err))
        return NULL;
    struct tally *tally = tally_new(&key);
    if (read_all(object, tally, err))
        return tally;
    (void)err_wrap(err, "the tally is damaged");
    tally_free(tally);
    return NULL;
}

static json_t *load(struct str json, struct err *err)
{
    json_error_t problem;
    json_t *object = json_loadb(json.len > 0 ? json.ptr : "", json.len, JSON_REJECT_DUPLICATES, &problem);
    if (!object)
        (void)err_set(err, "no JSON: %s at byte %d", problem.text, problem.position);
    return object;
}

struct tally *tally_read(struct str json, struct err *err)
{
    json_t *object = load(json, err);
    struct tally *tally = object ? read_object(object, err) : NULL;
    json_decref(object);
    return tally;
}

/* ------------------------------------------------------------------------------------------------------ several of them */

static bool is_same_key(const struct tally_key *a, const struct tally_key *b)
{
    return str_eq(a->route, b->route) && str_eq(a->mirror, b->mirror) && str_eq(a->live_revision, b->live_revision) &&
           str_eq(a->shadow_revision, b->shadow_revision);
}

bool tallies_add(struct tallies *tallies, struct tally *tally, struct err *err)
{
    for (size_t i = 0; i < tallies->count; i++) {
        if (!is_same_key(&tallies->list[i]->key, &tally->key))
            continue;
        tally_merge(tallies->list[i], tally);
        tally_free(tally);
        return true;
    }
    if (tallies->count == TALLIES) {
        tally_free(tally);
        return err_set(err, "more than %d mirrors and revisions; ask for one --route at a time", TALLIES);
    }
    tallies->list = mem_grow(tallies->list, (tallies->count + 1) * sizeof(struct tally *));
    tallies->list[tallies->count++] = tally;
    return true;
}

bool tallies_read(struct tallies *tallies, struct str json, struct err *err)
{
    json_t *object = load(json, err);
    if (!object)
        return false;
    const json_t *list = json_object_get(object, "tallies");
    bool is_good = json_is_array(list) || err_set(err, "no array \"tallies\"");
    for (size_t i = 0; is_good && i < json_array_size(list); i++) {
        struct tally *tally = read_object(json_array_get(list, i), err);
        is_good = tally && tallies_add(tallies, tally, err);
    }
    json_decref(object);
    return is_good;
}

static int by_key(const void *a, const void *b)
{
    const struct tally_key *x = &(*(struct tally *const *)a)->key, *y = &(*(struct tally *const *)b)->key;
    const struct str texts[2][4] = {{x->route, x->mirror, x->live_revision, x->shadow_revision},
                                    {y->route, y->mirror, y->live_revision, y->shadow_revision}};
    for (size_t i = 0; i < 4; i++) {
        int order = strcmp(texts[0][i].ptr, texts[1][i].ptr); /* owned: ended by a NUL */
        if (order != 0)
            return order;
    }
    return 0;
}

void tallies_keep_current(struct tallies *tallies)
{
    if (tallies->count > 0)
        qsort(tallies->list, tallies->count, sizeof(struct tally *), by_key);
    size_t kept = 0;
    for (size_t i = 0; i < tallies->count; i++) {
        struct tally *tally = tallies->list[i], *last = kept > 0 ? tallies->list[kept - 1] : NULL;
        if (!last || !str_eq(last->key.route, tally->key.route) || !str_eq(last->key.mirror, tally->key.mirror)) {
            tallies->list[kept++] = tally;
            continue;
        }
        bool is_newer = tally->until_ns > last->until_ns;
        tally_free(is_newer ? last : tally);
        tallies->list[kept - 1] = is_newer ? tally : last;
    }
    tallies->count = kept;
}

void tallies_deinit(struct tallies *tallies)
{
    for (size_t i = 0; i < tallies->count; i++)
        tally_free(tallies->list[i]);
    mem_free(tallies->list);
    *tallies = (struct tallies){0};
}
