/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "judge/tally_counters.h"

/* Members are written in order of their names, so that equal tallies are equal texts. */

static void add_name(struct strbuf *out, const char *name)
{
    strbuf_add(out, out->len > 0 && out->ptr[out->len - 1] == '{' ? STR("\"") : STR(",\""));
    strbuf_add(out, str_from_c(name));
    strbuf_add(out, STR("\":"));
}

/* The next item of an array, behind its bracket or a comma. */
static void add_item(struct strbuf *out, bool is_first, uint64_t number)
{
    if (!is_first)
        strbuf_add_char(out, ',');
    strbuf_add_u64(out, number);
}

static void add_counters(struct strbuf *out, const void *thing, const struct tally_counter *counters, const char *from,
                         const char *to)
{
    for (; counters->name; counters++) {
        if ((from && strcmp(counters->name, from) < 0) || (to && strcmp(counters->name, to) >= 0))
            continue;
        add_name(out, counters->name);
        strbuf_add_u64(out, tally_counter_value(thing, counters));
    }
}

static void add_field(struct strbuf *out, const void *value)
{
    const struct field_counts *field = value;
    strbuf_add_char(out, '{');
    add_counters(out, field, field_counters, NULL, "example");
    if (field->live) {
        add_name(out, "example");
        strbuf_add_char(out, '[');
        strbuf_add_json(out, str_from_c(field->live));
        strbuf_add_char(out, ',');
        strbuf_add_json(out, str_from_c(field->shadow));
        strbuf_add_char(out, ']');
    }
    add_counters(out, field, field_counters, "example", "kinds");
    add_name(out, "kinds");
    strbuf_add_char(out, '[');
    for (size_t i = 0; i < DIFFERENCE_KIND_COUNT; i++)
        add_item(out, i == 0, field->kinds[i]);
    strbuf_add_char(out, ']');
    add_counters(out, field, field_counters, "kinds", NULL);
    strbuf_add_char(out, '}');
}

/* The map's values by their keys, in the order of these. */
static void add_members(struct strbuf *out, const struct map *map, void (*add)(struct strbuf *out, const void *value))
{
    size_t count;
    struct map_entry **sorted = tally_sorted(map, &count);
    strbuf_add_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            strbuf_add_char(out, ',');
        strbuf_add_json(out, sorted[i]->key);
        strbuf_add_char(out, ':');
        add(out, sorted[i]->value);
    }
    strbuf_add_char(out, '}');
    mem_free(sorted);
}

/* ["c", count, name, ...] */
static void add_sets(struct strbuf *out, const struct map *sets)
{
    size_t count;
    struct map_entry **sorted = tally_sorted(sets, &count);
    strbuf_add_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        struct str rest = sorted[i]->key;
        size_t end = str_find_char(rest, '\0');
        strbuf_add(out, i > 0 ? STR(",[\"") : STR("[\""));
        strbuf_add(out, str_slice(rest, 0, end));
        strbuf_add(out, STR("\","));
        strbuf_add_u64(out, ((const struct set_count *)sorted[i]->value)->count);
        while (end < rest.len) {
            rest = str_slice(rest, end + 1, rest.len);
            end = str_find_char(rest, '\0');
            strbuf_add_char(out, ',');
            strbuf_add_json(out, str_slice(rest, 0, end));
        }
        strbuf_add_char(out, ']');
    }
    strbuf_add_char(out, ']');
    mem_free(sorted);
}

static void add_cells(struct strbuf *out, const struct latency_cells *cells)
{
    size_t count;
    struct latency_cell *sorted = latency_cells_sorted(cells, &count);
    strbuf_add_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        add_item(out, i == 0, sorted[i].live);
        add_item(out, false, sorted[i].shadow);
        add_item(out, false, sorted[i].count);
    }
    strbuf_add_char(out, ']');
    mem_free(sorted);
}

static void add_endpoint(struct strbuf *out, const void *value)
{
    const struct endpoint_counts *endpoint = value;
    strbuf_add_char(out, '{');
    add_counters(out, endpoint, endpoint_counters, NULL, "cells");
    add_name(out, "cells");
    add_cells(out, &endpoint->cells);
    add_counters(out, endpoint, endpoint_counters, "cells", "control_cells");
    add_name(out, "control_cells");
    add_cells(out, &endpoint->control_cells);
    add_counters(out, endpoint, endpoint_counters, "control_cells", "fields");
    add_name(out, "fields");
    add_members(out, &endpoint->fields, add_field);
    add_counters(out, endpoint, endpoint_counters, "fields", "sets");
    add_name(out, "sets");
    add_sets(out, &endpoint->sets);
    strbuf_add_char(out, '}');
}

static void add_failure(struct strbuf *out, const void *value)
{
    strbuf_add_u64(out, ((const struct set_count *)value)->count);
}

static void add_key(struct strbuf *out, const struct tally_key *key)
{
    strbuf_add(out, STR("{\"live_revision\":"));
    strbuf_add_json(out, key->live_revision);
    strbuf_add(out, STR(",\"mirror\":"));
    strbuf_add_json(out, key->mirror);
    strbuf_add(out, STR(",\"route\":"));
    strbuf_add_json(out, key->route);
    strbuf_add(out, STR(",\"shadow_revision\":"));
    strbuf_add_json(out, key->shadow_revision);
    strbuf_add_char(out, '}');
}

static void add_statuses(struct strbuf *out, const uint64_t counts[6])
{
    strbuf_add_char(out, '[');
    for (size_t i = 0; i < 6; i++)
        add_item(out, i == 0, counts[i]);
    strbuf_add_char(out, ']');
}

static void add_thresholds(struct strbuf *out, const struct thresholds *thresholds)
{
    strbuf_add_char(out, '{');
    for (const struct tally_limit *limit = tally_limits; limit->name; limit++) {
        const char *at = (const char *)thresholds + limit->offset;
        add_name(out, limit->name);
        if (limit->is_count)
            strbuf_add_u64(out, *(const uint64_t *)at);
        else
            strbuf_printf(out, "%.17g", *(const double *)at);
    }
    strbuf_add_char(out, '}');
}

void tally_write(struct tally *tally, struct strbuf *out)
{
    tally_settle(tally);
    strbuf_add_char(out, '{');
    add_counters(out, tally, tally_counters, NULL, "endpoints");
    add_name(out, "endpoints");
    add_members(out, &tally->endpoints, add_endpoint);
    add_counters(out, tally, tally_counters, "endpoints", "failures");
    add_name(out, "failures");
    add_members(out, &tally->failures, add_failure);
    add_counters(out, tally, tally_counters, "failures", "key");
    add_name(out, "key");
    add_key(out, &tally->key);
    add_counters(out, tally, tally_counters, "key", "live_status");
    add_name(out, "live_status");
    add_statuses(out, tally->live_status);
    add_counters(out, tally, tally_counters, "live_status", "shadow_status");
    add_name(out, "shadow_status");
    add_statuses(out, tally->shadow_status);
    add_counters(out, tally, tally_counters, "shadow_status", "thresholds");
    if (tally->has_thresholds) {
        add_name(out, "thresholds");
        add_thresholds(out, &tally->thresholds);
    }
    add_counters(out, tally, tally_counters, "thresholds", NULL);
    strbuf_add(out, STR(",\"version\":1}"));
}
