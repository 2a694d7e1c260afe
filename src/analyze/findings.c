/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/findings.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

void findings_init(struct findings *findings, struct store *store, struct groups *groups, struct events *events,
                   struct loads *loads)
{
    *findings = (struct findings){.store = store, .groups = groups, .events = events, .loads = loads};
    map_init(&findings->known);
}

static void forget_all(struct findings *findings)
{
    for (size_t i = 0; i < findings->known.count; i++)
        mem_free(findings->known.entries[i].value);
    map_deinit(&findings->known);
}

void findings_deinit(struct findings *findings)
{
    forget_all(findings);
}

/* ---- what is new ---- */

static void tell(struct findings *findings, const struct finding *finding, uint64_t wall_ns)
{
    struct strbuf text = STRBUF_INIT;
    finding_json(finding, &text);
    events_add(findings->events, "finding", strbuf_str(&text), wall_ns);
    strbuf_deinit(&text);
}

void findings_save(struct findings *findings)
{
    if (findings->unsaved == 0)
        return;
    findings->unsaved = 0;
    findings->groups->is_store_behind |= !store_commit(findings->store);
}

void findings_note(struct findings *findings, struct finding *finding, uint64_t wall_ns)
{
    struct str id = str_from_c(finding->id);
    uint64_t *first_ns = map_find(&findings->known, id);
    if (!first_ns) {
        uint64_t before_ns = store_finding_since(findings->store, id);
        /* Its first sample may have come before it was certain; an analyst that is started anew tells those of this run again. */
        uint64_t run_begin_ns = findings->groups->run_begin_ns;
        bool is_new = before_ns == 0 || (run_begin_ns != 0 && before_ns >= run_begin_ns);
        if (before_ns == 0)
            before_ns = finding->first_ns ? finding->first_ns : wall_ns;
        if (findings->known.live >= FINDINGS_KNOWN)
            forget_all(findings);
        first_ns = mem_alloc(sizeof(*first_ns));
        *first_ns = before_ns;
        map_add(&findings->known, id, first_ns);
        if (is_new && store_begin(findings->store)) {
            store_note_finding(findings->store, id, before_ns);
            if (++findings->unsaved >= FINDINGS_UNSAVED)
                findings_save(findings);
        }
        finding->first_ns = before_ns;
        if (is_new)
            tell(findings, finding, wall_ns);
    }
    if (finding->first_ns == 0 || *first_ns < finding->first_ns)
        finding->first_ns = *first_ns;
}

/* ---- the list ---- */

static bool is_wanted(const struct finding *finding, const struct finding_filter *filter)
{
    return (filter->kind < 0 || (int)finding->kind == filter->kind) &&
           (filter->route.len == 0 || str_eq(filter->route, finding->route)) &&
           (filter->mirror.len == 0 || str_eq(filter->mirror, finding->mirror)) && finding->last_ns >= filter->since_ns;
}

struct found {
    const struct finding **list;
    size_t count, capacity;
};

static void gather(struct found *found, const struct finding *list, size_t count, const struct finding_filter *filter)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(&list[i], filter))
            continue;
        if (found->count == found->capacity) {
            found->capacity = found->capacity ? 2 * found->capacity : 64;
            found->list = mem_grow(found->list, found->capacity * sizeof(found->list[0]));
        }
        found->list[found->count++] = &list[i];
    }
}

/* The graver first, then the older, then by id: an order in which nothing moves while pages are turned. */
struct place {
    unsigned severity;
    uint64_t first_ns;
    char id[FINDING_ID];
};

static struct place place_of(const struct finding *finding)
{
    struct place place = {.severity = finding->severity, .first_ns = finding->first_ns};
    memcpy(place.id, finding->id, sizeof(place.id));
    return place;
}

static int compare_places(const struct place *a, const struct place *b)
{
    if (a->severity != b->severity)
        return a->severity > b->severity ? -1 : 1;
    if (a->first_ns != b->first_ns)
        return a->first_ns < b->first_ns ? -1 : 1;
    return memcmp(a->id, b->id, FINDING_ID - 1);
}

static int by_place(const void *a, const void *b)
{
    struct place one = place_of(*(const struct finding *const *)a), other = place_of(*(const struct finding *const *)b);
    return compare_places(&one, &other);
}

/* "SEVERITY-FIRST-ID" */
static bool place_parse(struct str text, struct place *place)
{
    struct str severity, first;
    uint64_t number;
    if (!str_next(&text, '-', &severity) || !str_next(&text, '-', &first) || text.len != FINDING_ID - 1)
        return false;
    if (!str_to_u64(severity, &number) || number >= SEVERITY_OF_COUNT || !str_to_u64(first, &place->first_ns))
        return false;
    place->severity = (unsigned)number;
    memcpy(place->id, text.ptr, FINDING_ID - 1);
    place->id[FINDING_ID - 1] = '\0';
    return true;
}

bool finding_cursor_is_valid(struct str text)
{
    struct place place;
    return place_parse(text, &place);
}

static void gather_all(struct findings *findings, struct found *found, const struct finding_filter *filter)
{
    for (size_t i = 0; i < findings->groups->by_label.count; i++) {
        const struct group *group = findings->groups->by_label.entries[i].value;
        if (group && group->has_verdict)
            gather(found, group->verdict.findings, group->verdict.finding_count, filter);
    }
    gather(found, findings->loads->list, findings->loads->count, filter);
}

void findings_write(struct findings *findings, const struct finding_filter *filter, struct strbuf *out)
{
    struct found found = {.list = NULL};
    struct place after;
    bool has_after = filter->after.len > 0 && place_parse(filter->after, &after);
    gather_all(findings, &found, filter);
    if (found.count > 0)
        qsort(found.list, found.count, sizeof(found.list[0]), by_place);
    strbuf_add(out, STR("{\"findings\":["));
    size_t i = 0, written = 0;
    for (; i < found.count && written < filter->limit; i++) {
        struct place place = place_of(found.list[i]);
        if (has_after && compare_places(&place, &after) <= 0)
            continue;
        if (written++ > 0)
            strbuf_add_char(out, ',');
        finding_json(found.list[i], out);
    }
    strbuf_add_char(out, ']');
    if (i < found.count && i > 0)
        strbuf_printf(out, ",\"next\":\"%u-%" PRIu64 "-%s\"", (unsigned)found.list[i - 1]->severity,
                      found.list[i - 1]->first_ns, found.list[i - 1]->id);
    strbuf_add_char(out, '}');
    mem_free(found.list);
}

struct sample_list {
    struct strbuf *out;
    size_t count;
};

static void on_sample(void *user, uint64_t at_ns, struct str sample)
{
    (void)at_ns;
    struct sample_list *list = user;
    if (list->count++ > 0)
        strbuf_add_char(list->out, ',');
    strbuf_add(list->out, sample);
}

bool findings_write_one(struct findings *findings, struct str id, struct strbuf *out)
{
    struct found found = {.list = NULL};
    const struct finding *finding = NULL;
    gather_all(findings, &found, &(struct finding_filter){.kind = -1});
    for (size_t i = 0; i < found.count && !finding; i++) {
        if (str_eq(str_from_c(found.list[i]->id), id))
            finding = found.list[i];
    }
    mem_free(found.list);
    if (!finding)
        return false;
    struct strbuf text = STRBUF_INIT;
    finding_json(finding, &text);
    struct str object = strbuf_str(&text);
    strbuf_add(out, str_slice(object, 0, object.len > 0 ? object.len - 1 : 0));
    strbuf_add(out, STR(",\"samples\":["));
    struct sample_list list = {.out = out};
    (void)store_samples(findings->store, id, on_sample, &list);
    strbuf_add(out, STR("]}"));
    strbuf_deinit(&text);
    return true;
}
