/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/pages.h"

#include "analyze/query.h"
#include "analyze/slots.h"

#include <stdio.h>

#define JSON_TYPE "application/json"

/* One question. */
struct asking {
    const struct pages *pages;
    struct query query;
    struct str id; /* of a finding */
    uint64_t now_ns, wall_ns;
    struct analyze_answer *answer;
};

static void refuse(struct analyze_answer *answer, uint16_t status, struct str sentence)
{
    answer->status = status;
    answer->content_type = "text/plain; charset=utf-8";
    strbuf_clear(&answer->body);
    strbuf_add(&answer->body, sentence);
    strbuf_add_char(&answer->body, '\n');
}

/* ---- verdicts and tallies ---- */

typedef void on_group_fn(struct asking *asking, struct group *group);

static void each_group(struct asking *asking, on_group_fn *on_group)
{
    const struct map *map = &asking->pages->groups->by_label;
    bool is_first = true;
    for (size_t i = 0; i < map->count; i++) {
        struct group *group = map->entries[i].value;
        if (!group || !group->is_known ||
            (asking->query.route.len > 0 && !str_eq(asking->query.route, group->route->label)) ||
            (asking->query.mirror.len > 0 && !str_eq(asking->query.mirror, group->mirror)))
            continue;
        if (!is_first)
            strbuf_add_char(&asking->answer->body, ',');
        is_first = false;
        on_group(asking, group);
    }
}

/* What was counted since then, or nothing yet; the caller's to free. */
static struct tally *tally_since(struct asking *asking, const struct group *group)
{
    struct tally_key key = group_key(group);
    struct tally *tally = tally_new(&key);
    uint64_t since_ns = asking->query.since_ns > group->since_ns ? asking->query.since_ns : group->since_ns;
    if (asking->query.since_ns > 0)
        slots_load(asking->pages->groups, group, tally, since_ns);
    tally_set_thresholds(tally, &group->policy->thresholds);
    return tally;
}

static void add_fresh_verdict(struct asking *asking, struct group *group)
{
    struct tally *tally = tally_since(asking, group);
    struct verdict verdict;
    judge(tally, &verdict);
    verdict_json(&verdict, &asking->answer->body);
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void add_verdict(struct asking *asking, struct group *group)
{
    if (asking->query.since_ns > 0 || !group_has_room(asking->pages->groups, group)) {
        add_fresh_verdict(asking, group);
        return;
    }
    verdict_json(verdicts_get(asking->pages->verdicts, group, asking->now_ns, asking->wall_ns), &asking->answer->body);
}

static void add_tally(struct asking *asking, struct group *group)
{
    if (asking->query.since_ns == 0 && group_has_room(asking->pages->groups, group)) {
        tally_write(group_tally(asking->pages->groups, group), &asking->answer->body);
        return;
    }
    struct tally *tally = tally_since(asking, group);
    tally_write(tally, &asking->answer->body);
    tally_free(tally);
}

static void answer_groups(struct asking *asking, const char *name, on_group_fn *on_group)
{
    if (asking->query.since_ns > 0)
        (void)slots_save(asking->pages->groups, asking->wall_ns);
    strbuf_printf(&asking->answer->body, "{\"%s\":[", name);
    each_group(asking, on_group);
    strbuf_add(&asking->answer->body, STR("]}"));
}

static void on_verdict(struct asking *asking)
{
    answer_groups(asking, "verdicts", add_verdict);
}

static void on_tallies(struct asking *asking)
{
    answer_groups(asking, "tallies", add_tally);
}

/* ---- findings and services ---- */

static void on_findings(struct asking *asking)
{
    verdicts_renew(asking->pages->verdicts, asking->now_ns, asking->wall_ns);
    struct finding_filter filter = {.kind = asking->query.kind,
                                    .route = asking->query.route,
                                    .mirror = asking->query.mirror,
                                    .since_ns = asking->query.since_ns,
                                    .limit = asking->query.limit,
                                    .after = asking->query.after};
    findings_write(asking->pages->findings, &filter, &asking->answer->body);
}

static void on_finding(struct asking *asking)
{
    if (!findings_write_one(asking->pages->findings, asking->id, &asking->answer->body))
        refuse(asking->answer, 404, STR("There is no finding with this id; /api/findings lists those that there are."));
}

static void on_services(struct asking *asking)
{
    const struct services *services = asking->pages->services;
    bool is_first = true;
    strbuf_add(&asking->answer->body, STR("{\"services\":["));
    for (const struct list *node = services->by_use.next; node != &services->by_use; node = node->next) {
        const struct service *service = CONTAINER_OF(node, struct service, by_use);
        if (asking->query.route.len > 0 && !str_eq(asking->query.route, service->route))
            continue;
        if (!is_first)
            strbuf_add_char(&asking->answer->body, ',');
        is_first = false;
        service_json(services, service, &asking->answer->body);
    }
    strbuf_add(&asking->answer->body, STR("]}"));
}

/* ---- routing ---- */

typedef void on_page_fn(struct asking *asking);

static const struct {
    struct str path;
    bool has_id;
    unsigned parameters;
    on_page_fn *on_page;
} page_table[] = {
    {STR_INIT("/api/verdict"), false, PARAMETER_ROUTE | PARAMETER_MIRROR | PARAMETER_SINCE, on_verdict},
    {STR_INIT("/api/tallies"), false, PARAMETER_ROUTE | PARAMETER_MIRROR | PARAMETER_SINCE, on_tallies},
    {STR_INIT("/api/findings"), false,
     PARAMETER_KIND | PARAMETER_ROUTE | PARAMETER_MIRROR | PARAMETER_SINCE | PARAMETER_LIMIT | PARAMETER_AFTER,
     on_findings},
    {STR_INIT("/api/findings/"), true, 0, on_finding},
    {STR_INIT("/api/services"), false, PARAMETER_ROUTE, on_services},
};

const struct analyze_route analyze_routes[] = {
    {"/api/verdict", "route, mirror, since", "the verdict of each mirror, with the numbers that say so"},
    {"/api/tallies", "route, mirror, since",
     "the counts behind the verdicts, which those of other replicas can be added to"},
    {"/api/findings", "kind, route, mirror, since, limit, after", "what is worth a look: differences, latency, load"},
    {"/api/findings/ID", "", "one finding, with samples"},
    {"/api/services", "route", "rate, errors, durations and what is in flight, of the last minute"},
};
const size_t analyze_route_count = sizeof(analyze_routes) / sizeof(analyze_routes[0]);

void pages_ask(const struct pages *pages, struct str path, struct str query, uint64_t now_ns, uint64_t wall_ns,
               struct analyze_answer *answer)
{
    struct asking asking = {.pages = pages, .now_ns = now_ns, .wall_ns = wall_ns, .answer = answer};
    for (size_t i = 0; i < sizeof(page_table) / sizeof(page_table[0]); i++) {
        bool is_it = page_table[i].has_id ? str_starts_with(path, page_table[i].path)
                                          : str_eq(path, page_table[i].path);
        if (!is_it)
            continue;
        struct arena arena;
        struct err err;
        arena_init(&arena, NULL, 0);
        asking.id = str_slice(path, page_table[i].path.len, path.len);
        if (query_parse(query, page_table[i].parameters, wall_ns, &arena, &asking.query, &err))
            page_table[i].on_page(&asking);
        else
            refuse(answer, 400, str_from_c(err.text));
        arena_deinit(&arena);
        return;
    }
    refuse(answer, 404,
           STR("The analyst has no such page; it has /api/verdict, /api/tallies, /api/findings and /api/services."));
}
