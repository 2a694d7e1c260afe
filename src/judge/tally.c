/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/tally.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "judge/tally_layout.h"

#include <stdlib.h>

const struct thresholds thresholds_default = {
    .min_pairs = 100,
    .min_pairs_p99 = 1000,
    .max_shadow_failures = 0.01,
    .max_lost = 0.1,
    .max_different = 0.001,
    .max_new_errors = 0.001,
    .max_blind = 0.1,
    .finding_latency_ms = 1,
    .finding_latency_share = 0.1,
    .max_latency_ms = 5,
    .max_latency_share = 0.25,
};

static struct str own(struct str s)
{
    return (struct str){mem_dup(s.len > 0 ? s.ptr : "", s.len), s.len};
}

struct tally *tally_new(const struct tally_key *key)
{
    struct tally *tally = mem_alloc(sizeof(*tally));
    tally->key = (struct tally_key){own(key->route), own(key->mirror), own(key->live_revision),
                                    own(key->shadow_revision)};
    map_init(&tally->failures);
    map_init(&tally->endpoints);
    return tally;
}

static void free_counts(struct map *map)
{
    for (size_t i = 0; i < map->count; i++)
        mem_free(map->entries[i].value);
    map_deinit(map);
}

static void field_free(struct field_counts *field)
{
    mem_free(field->live);
    mem_free(field->shadow);
    mem_free(field);
}

void endpoint_free(struct endpoint_counts *endpoint)
{
    for (size_t i = 0; i < endpoint->fields.count; i++) {
        if (endpoint->fields.entries[i].value)
            field_free(endpoint->fields.entries[i].value);
    }
    map_deinit(&endpoint->fields);
    free_counts(&endpoint->sets);
    latency_cells_deinit(&endpoint->cells);
    latency_cells_deinit(&endpoint->control_cells);
    mem_free(endpoint);
}

void tally_free(struct tally *tally)
{
    if (!tally)
        return;
    for (size_t i = 0; i < tally->endpoints.count; i++) {
        if (tally->endpoints.entries[i].value)
            endpoint_free(tally->endpoints.entries[i].value);
    }
    map_deinit(&tally->endpoints);
    free_counts(&tally->failures);
    tally_free(tally->news);
    tally_free(tally->recent);
    mem_free((char *)tally->key.route.ptr);
    mem_free((char *)tally->key.mirror.ptr);
    mem_free((char *)tally->key.live_revision.ptr);
    mem_free((char *)tally->key.shadow_revision.ptr);
    mem_free(tally);
}

struct tally_key tally_key(const struct tally *tally)
{
    return tally->key;
}

void tally_set_thresholds(struct tally *tally, const struct thresholds *thresholds)
{
    tally->thresholds = *thresholds;
    tally->has_thresholds = true;
}

/* ----------------------------------------------------------------------------------------------------------- entries */

struct str tally_clean(struct str s, size_t limit, char *room)
{
    size_t at = utf8_plain_len(str_slice(s, 0, limit));
    while (at < s.len && at < limit) {
        size_t len = s.ptr[at] == '\0' ? 0 : utf8_len(str_slice(s, at, s.len));
        if (len == 0 || at + len > limit)
            break;
        at += len;
    }
    if (at == s.len)
        return s;
    size_t used = at;
    memcpy(room, s.ptr, at);
    while (at < s.len && used < limit) {
        size_t len = s.ptr[at] == '\0' ? 0 : utf8_len(str_slice(s, at, s.len));
        if (used + len > limit)
            break;
        if (len == 0)
            room[used++] = '?';
        else
            memcpy(room + used, s.ptr + at, len);
        used += len;
        at += len > 0 ? len : 1;
    }
    return (struct str){room, used};
}

/* The last entry's key, as the map holds it. */
static struct str last_key(const struct map *map)
{
    return map->entries[map->count - 1].key;
}

struct endpoint_counts *tally_endpoint(struct tally *tally, struct str name)
{
    char room[TALLY_NAME];
    name = tally_clean(name, TALLY_NAME, room);
    struct endpoint_counts *endpoint = map_find(&tally->endpoints, name);
    if (endpoint)
        return endpoint;
    if (tally->endpoints.live >= TALLY_ENDPOINTS && !str_eq(name, STR(TALLY_OTHER)))
        return tally_endpoint(tally, STR(TALLY_OTHER));
    endpoint = mem_alloc(sizeof(*endpoint));
    map_init(&endpoint->fields);
    map_init(&endpoint->sets);
    map_add(&tally->endpoints, name, endpoint);
    endpoint->name = last_key(&tally->endpoints);
    return endpoint;
}

struct field_counts *tally_field(struct tally *tally, struct endpoint_counts *endpoint, struct str name)
{
    char room[TALLY_NAME];
    name = tally_clean(name, TALLY_NAME, room);
    struct field_counts *field = map_find(&endpoint->fields, name);
    if (field)
        return field;
    if (tally->field_count >= TALLY_FIELDS && !str_eq(name, STR(TALLY_OTHER)))
        return tally_field(tally, endpoint, STR(TALLY_OTHER));
    field = mem_alloc(sizeof(*field));
    map_add(&endpoint->fields, name, field);
    field->name = last_key(&endpoint->fields);
    tally->field_count++;
    return field;
}

bool tally_count_set(struct tally *tally, struct endpoint_counts *endpoint, struct str key, uint64_t count)
{
    struct set_count *set = map_find(&endpoint->sets, key);
    if (!set) {
        if (tally->set_count >= TALLY_SETS)
            return false;
        set = mem_alloc(sizeof(*set));
        map_add(&endpoint->sets, key, set);
        tally->set_count++;
    }
    set->count += count;
    return true;
}

bool tally_count_cell(struct latency_cells *cells, size_t *used, unsigned live, unsigned other, uint64_t count)
{
    uint32_t before = cells->used;
    bool is_counted = latency_cells_add(cells, live, other, count, *used < TALLY_CELLS);
    *used += cells->used - before;
    return is_counted;
}

void tally_count_failure(struct tally *tally, struct str label, uint64_t count)
{
    char room[TALLY_NAME];
    label = tally_clean(label, TALLY_NAME, room);
    struct set_count *failure = map_find(&tally->failures, label);
    if (!failure && tally->failures.live >= TALLY_FAILURES && !str_eq(label, STR(TALLY_OTHER))) {
        tally_count_failure(tally, STR(TALLY_OTHER), count);
        return;
    }
    if (!failure) {
        failure = mem_alloc(sizeof(*failure));
        map_add(&tally->failures, label, failure);
    }
    failure->count += count;
}

void field_widen(struct field_counts *field, uint64_t first_ns, uint64_t last_ns)
{
    field->first_ns = tally_first(field->first_ns, first_ns);
    field->last_ns = last_ns > field->last_ns ? last_ns : field->last_ns;
}

static int compare_texts(struct str a, const char *b)
{
    struct str other = str_from_c(b);
    size_t len = a.len < other.len ? a.len : other.len;
    int order = len > 0 ? memcmp(a.ptr, other.ptr, len) : 0;
    return order != 0 ? order : (a.len > other.len) - (a.len < other.len);
}

void field_take_example(struct field_counts *field, uint64_t first_ns, struct str live, struct str shadow)
{
    if (field->live && first_ns > field->first_ns)
        return;
    char rooms[2][TALLY_EXAMPLE];
    live = tally_clean(live, TALLY_EXAMPLE, rooms[0]);
    shadow = tally_clean(shadow, TALLY_EXAMPLE, rooms[1]);
    if (field->live && first_ns == field->first_ns) {
        int order = compare_texts(live, field->live);
        if (order > 0 || (order == 0 && compare_texts(shadow, field->shadow) >= 0))
            return;
    }
    mem_free(field->live);
    mem_free(field->shadow);
    field->live = mem_dup(live.len > 0 ? live.ptr : "", live.len);
    field->shadow = mem_dup(shadow.len > 0 ? shadow.ptr : "", shadow.len);
}

static int by_name(const void *a, const void *b)
{
    struct str x = (*(struct map_entry *const *)a)->key, y = (*(struct map_entry *const *)b)->key;
    size_t len = x.len < y.len ? x.len : y.len;
    int order = len > 0 ? memcmp(x.ptr, y.ptr, len) : 0;
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

struct map_entry **tally_sorted(const struct map *map, size_t *count)
{
    struct map_entry **list = mem_alloc((map->live + 1) * sizeof(struct map_entry *));
    size_t n = 0;
    for (size_t i = 0; i < map->count; i++) {
        if (map->entries[i].value)
            list[n++] = &map->entries[i];
    }
    qsort(list, n, sizeof(struct map_entry *), by_name);
    *count = n;
    return list;
}
