/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/analyze.h"

#include "analyze/slots.h"
#include "analyze/spent.h"
#include "analyze/state.h"
#include "base/mem.h"
#include "http/grpc.h"

#include <xxhash.h>

#define SECOND_NS 1000000000ull
/* Counts go to the store after a second, then ever later, up to a minute, and whenever nothing has come for a while. */
#define SAVE_FIRST_NS SECOND_NS
#define SAVE_LONGEST_NS (60 * SECOND_NS)
#define SAVE_IDLE_NS (2 * SECOND_NS)
/* One part of the analyst's CPU time while records come, else of all time: with many mirrors a save takes long. The short ones are free. */
#define SAVE_SHARE 20
#define SAVE_FREE_NS (SECOND_NS / 50)
#define LOOK_NS (5 * SECOND_NS)
#define TIDY_NS (60 * SECOND_NS)

/* ---- what pairs give ---- */

static void add_service(struct analyze *analyze, const struct leg *live, const struct leg *leg, struct str endpoint,
                        const struct leg_seen *seen)
{
    if (seen->state == LEG_ABSENT)
        return;
    bool is_error = seen->state == LEG_FAILED_OWN || seen->status >= 500 ||
                    (seen->grpc_status != GRPC_OK && seen->grpc_status != GRPC_NONE);
    services_add(&analyze->services, &(struct service_leg){.route = live->labels.route,
                                                           .backend = leg->labels.backend,
                                                           .endpoint = endpoint,
                                                           .mirror = leg->labels.mirror,
                                                           .role = leg->kind,
                                                           .duration_ns = seen->duration_ns,
                                                           .is_error = is_error});
}

static struct str endpoint_of_live(struct analyze *analyze, const struct leg *live, bool is_call)
{
    struct route_state *route = group_set_route(&analyze->groups, live->labels.route);
    if (!route)
        return STR("other");
    return group_set_endpoint(&analyze->groups, route, live->request.method, live->request.target, is_call);
}

static void on_live(void *user, const struct leg *live)
{
    struct analyze *analyze = user;
    bool is_call = leg_is_call(live);
    struct leg_seen seen = leg_seen_of(live, is_call);
    add_service(analyze, live, live, endpoint_of_live(analyze, live, is_call), &seen);
}

static bool has_control(void *user, const struct leg *live, const struct leg *shadow)
{
    struct analyze *analyze = user;
    struct group *group = group_set_find(&analyze->groups, live->labels.route, shadow->labels.mirror);
    return group && group->has_control;
}

/* Values are shown of the first ones only: they go into sentences, and redacting them costs more than all else. */
static uint64_t choose_samples(struct analyze *analyze, const struct group *group, const struct pair_seen *pair,
                               struct field_seen *fields)
{
    uint64_t due = 0;
    for (size_t i = 0; i < pair->field_count; i++) {
        struct field_seen *field = &fields[i];
        bool is_due = i < 64 && field->is_in_shadow && !field->is_in_control &&
                      samples_is_due(&analyze->samples, group, pair->endpoint, field->field);
        if (is_due) {
            due |= 1ull << i;
            observer_redact(analyze->observer, group->policy, field);
        } else {
            observer_hide(field);
        }
    }
    return due;
}

static void on_pair(void *user, const struct leg *live, const struct leg *shadow, const struct leg *control)
{
    struct analyze *analyze = user;
    struct groups *groups = &analyze->groups;
    struct group *group = group_set_get(groups, live->labels.route, shadow->labels.mirror, live->labels.revision,
                                        shadow->labels.revision);
    if (!group)
        return;
    if (!group_has_room(groups, group)) {
        groups->counts.no_memory++;
        return;
    }
    struct pair_seen *pair = observer_look(analyze->observer, group->policy, live, shadow, control);
    pair->endpoint = endpoint_of_live(analyze, live, leg_is_call(live));
    add_service(analyze, live, shadow, pair->endpoint, &pair->shadow);
    if (control)
        add_service(analyze, live, control, pair->endpoint, &pair->control);
    struct tally *tally = group_tally(groups, group);
    if (!analyze->deliveries.registry && shadow->end.outcome != OUTCOME_ABORTED)
        tally_add_delivery(tally, 1, shadow->end.outcome == OUTCOME_LOST, 0);
    group_changed(groups, group, 1);
    if (pair->live.state == LEG_ABSENT || pair->shadow.state == LEG_ABSENT)
        return;
    uint64_t due = choose_samples(analyze, group, pair, observer_fields(analyze->observer));
    tally_add_pair(tally, pair);
    groups->counts.pairs++;
    const struct leg *legs[LEG_COUNT] = {live, shadow, control};
    samples_add(&analyze->samples, analyze->observer, group, pair, due, legs);
}

static void add_unpaired(struct analyze *analyze, struct group *group, uint64_t count)
{
    if (!group || !group->is_known || !group_has_room(&analyze->groups, group))
        return;
    tally_add_delivery(group_tally(&analyze->groups, group), 0, 0, count);
    group_changed(&analyze->groups, group, 0);
}

static void on_alone(void *user, const struct leg *shadow)
{
    struct analyze *analyze = user;
    add_unpaired(analyze, group_set_find(&analyze->groups, shadow->labels.route, shadow->labels.mirror), 1);
}

static bool has_come(const struct list *copies, struct str mirror)
{
    uint64_t hash = XXH3_64bits(mirror.ptr, mirror.len);
    for (const struct list *node = copies->next; node != copies; node = node->next) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->kind == LEG_SHADOW && leg->progress == LEG_SETTLED && leg->mirror_hash == hash)
            return true;
    }
    return false;
}

/* Whose copies they were is known when all that did not come are missing. */
static void on_missing(void *user, const struct leg *live, unsigned missing, const struct list *copies)
{
    struct analyze *analyze = user;
    struct route_state *route = group_set_route(&analyze->groups, live->labels.route);
    unsigned absent = 0;
    for (struct list *node = route ? route->groups.next : NULL; route && node != &route->groups; node = node->next)
        absent += !has_come(copies, CONTAINER_OF(node, struct group, of_route)->mirror);
    for (struct list *node = route ? route->groups.next : NULL; route && node != &route->groups; node = node->next) {
        struct group *group = CONTAINER_OF(node, struct group, of_route);
        if (absent <= missing && !has_come(copies, group->mirror))
            add_unpaired(analyze, group, 1);
    }
}

static const struct pairs_handlers handlers = {
    .on_live = on_live, .has_control = has_control, .on_pair = on_pair, .on_alone = on_alone, .on_missing = on_missing};

/* ---- its life ---- */

struct analyze *analyze_new(const struct analyze_options *options)
{
    struct analyze *analyze = mem_alloc(sizeof(struct analyze));
    analyze->store = options->store;
    analyze->legs_room.limit = options->memory_bytes / 2;
    analyze->tallies_room.limit = options->memory_bytes / 8 * 3;
    pairs_init(&analyze->pairs, &handlers, analyze, &analyze->legs_room, options->pair_deadline_ms * 1000000u);
    group_set_init(&analyze->groups, options->store, &analyze->tallies_room,
                   options->is_full_by_default ? KEEP_FULL : KEEP_FIELDS);
    analyze->groups.run_begin_ns = options->run_begin_ns;
    deliveries_init(&analyze->deliveries, options->registry);
    analyze->observer = observer_new();
    samples_init(&analyze->samples, options->store);
    services_init(&analyze->services, 0);
    loads_init(&analyze->loads);
    events_init(&analyze->events);
    findings_init(&analyze->findings, options->store, &analyze->groups, &analyze->events, &analyze->loads);
    verdicts_init(&analyze->verdicts, &analyze->groups, &analyze->findings);
    analyze->pages = (struct pages){&analyze->groups, &analyze->findings, &analyze->verdicts, &analyze->services};
    return analyze;
}

void analyze_free(struct analyze *analyze)
{
    (void)slots_save(&analyze->groups, analyze->wall_ns);
    (void)samples_save(&analyze->samples);
    findings_deinit(&analyze->findings);
    events_deinit(&analyze->events);
    loads_deinit(&analyze->loads);
    services_deinit(&analyze->services);
    samples_deinit(&analyze->samples);
    observer_free(analyze->observer);
    pairs_deinit(&analyze->pairs);
    group_set_deinit(&analyze->groups);
    mem_free(analyze);
}

void analyze_begin(struct analyze *analyze, bool is_first, uint64_t lost_legs)
{
    deliveries_begin(&analyze->deliveries, is_first, lost_legs);
}

void analyze_set_plan(struct analyze *analyze, const struct plan *plan)
{
    (void)slots_save(&analyze->groups, analyze->wall_ns);
    group_set_set_plan(&analyze->groups, plan);
    deliveries_look(&analyze->deliveries, &analyze->groups);
    analyze->save_pause_ns = SAVE_FIRST_NS;
}

void analyze_set_endpoints(struct analyze *analyze, const struct plan *plan, const struct endpoints *endpoints)
{
    loads_set_endpoints(&analyze->loads, plan, endpoints);
}

enum analyze_result analyze_record(struct analyze *analyze, unsigned worker, struct str record)
{
    analyze->has_new = true;
    analyze->records++;
    switch (pairs_add(&analyze->pairs, worker, record)) {
    case PAIRS_OK: return ANALYZE_OK;
    case PAIRS_DAMAGED: return ANALYZE_DAMAGED;
    case PAIRS_NO_MEMORY: analyze->deliveries.own_lost++; return ANALYZE_NO_MEMORY;
    }
    return ANALYZE_DAMAGED;
}

/* The save before has cost no more than its share. */
static bool may_save(const struct analyze *analyze, bool is_idle)
{
    uint64_t passed = is_idle ? analyze->now_ns - analyze->saved_ns : spent_ns() - analyze->saved_spent_ns;
    return analyze->save_cost_ns <= SAVE_FREE_NS || passed >= analyze->save_cost_ns * (SAVE_SHARE - 1);
}

static bool save_slots(struct analyze *analyze)
{
    uint64_t before_ns = spent_ns();
    bool is_saved = slots_save(&analyze->groups, analyze->wall_ns);
    analyze->saved_ns = analyze->now_ns;
    analyze->saved_spent_ns = spent_ns();
    analyze->save_cost_ns = analyze->saved_spent_ns - before_ns;
    return is_saved;
}

/* True: all that came in is in the store, but for legs that wait for their partners. */
static bool save(struct analyze *analyze)
{
    bool is_idle = analyze->now_ns - analyze->last_record_ns >= SAVE_IDLE_NS;
    bool is_due = (is_idle && analyze->has_new) || analyze->now_ns >= analyze->save_at_ns;
    if (!is_due || !may_save(analyze, is_idle))
        return !analyze->has_new && !analyze->groups.is_store_behind;
    if (is_idle) {
        analyze->save_pause_ns = SAVE_FIRST_NS;
    } else {
        analyze->save_at_ns = analyze->now_ns + analyze->save_pause_ns;
        analyze->save_pause_ns = analyze->save_pause_ns < SAVE_LONGEST_NS / 2 ? 2 * analyze->save_pause_ns
                                                                              : SAVE_LONGEST_NS;
    }
    bool is_saved = save_slots(analyze);
    if (is_saved)
        analyze->has_new = false;
    return is_saved;
}

static bool is_time(uint64_t *at_ns, uint64_t now_ns, uint64_t pause_ns)
{
    if (now_ns < *at_ns)
        return false;
    *at_ns = now_ns + pause_ns;
    return true;
}

bool analyze_tick(struct analyze *analyze, uint64_t now_ns, uint64_t wall_ns)
{
    if (analyze->now_ns == 0)
        analyze->save_at_ns = now_ns + SAVE_FIRST_NS, analyze->save_pause_ns = SAVE_FIRST_NS;
    analyze->now_ns = now_ns > analyze->now_ns ? now_ns : analyze->now_ns;
    analyze->wall_ns = analyze->groups.wall_ns = wall_ns;
    analyze->groups.now_ns = analyze->now_ns;
    services_tick(&analyze->services, now_ns);
    pairs_tick(&analyze->pairs, now_ns);
    if (is_time(&analyze->second_at_ns, now_ns, SECOND_NS)) {
        samples_tick(&analyze->samples);
        deliveries_tick(&analyze->deliveries, &analyze->groups);
    }
    bool is_busy = analyze->records != analyze->records_before;
    analyze->records_before = analyze->records;
    if (is_busy)
        analyze->last_record_ns = analyze->now_ns;
    verdicts_tick(&analyze->verdicts, is_busy, now_ns, wall_ns);
    if (is_time(&analyze->look_at_ns, now_ns, LOOK_NS)) {
        loads_look(&analyze->loads, &analyze->services, &analyze->groups, wall_ns);
        for (size_t i = 0; i < analyze->loads.count; i++)
            findings_note(&analyze->findings, &analyze->loads.list[i], wall_ns);
        findings_save(&analyze->findings);
    }
    (void)samples_save(&analyze->samples);
    bool is_saved = save(analyze);
    if (is_time(&analyze->tidy_at_ns, now_ns, TIDY_NS)) {
        slots_roll_up(&analyze->groups, wall_ns);
        store_expire(analyze->store, wall_ns);
    }
    return is_saved;
}

void analyze_ask(struct analyze *analyze, struct str path, struct str query, uint64_t wall_ns,
                 struct analyze_answer *answer)
{
    *answer = (struct analyze_answer){.status = 200, .content_type = "application/json"};
    analyze->wall_ns = analyze->groups.wall_ns = wall_ns > analyze->wall_ns ? wall_ns : analyze->wall_ns;
    deliveries_tick(&analyze->deliveries, &analyze->groups);
    (void)samples_save(&analyze->samples);
    pages_ask(&analyze->pages, path, query, analyze->now_ns, wall_ns, answer);
}

bool analyze_events(struct analyze *analyze, uint64_t *last, struct strbuf *out)
{
    return events_write(&analyze->events, last, out);
}
