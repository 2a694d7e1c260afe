/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/delivery.h"

#include "analyze/groups.h"

#define RECENT_WEIGHT (29.0 / 30)

/* Counters are read one after the other while they rise: no difference may become negative. */
static uint64_t less(uint64_t from, uint64_t what)
{
    return from > what ? from - what : 0;
}

static struct delivered read_counters(struct registry_mirror *entry)
{
    uint64_t aside = counter_get(&entry->sampled_out) + counter_get(&entry->failed[FAILED_CLIENT_ABORT]);
    for (size_t i = 0; i < FILTERED_COUNT; i++)
        aside += counter_get(&entry->filtered[i]);
    uint64_t dropped = 0, by_client = counter_get(&entry->dropped[DROPPED_CLIENT_ABORT]);
    for (size_t i = 0; i < DROPPED_COUNT; i++)
        dropped += counter_get(&entry->dropped[i]);
    struct delivered now = {
        .by_breaker = counter_get(&entry->dropped[DROPPED_BREAKER]),
        .without_endpoint = counter_get(&entry->dropped[DROPPED_NO_ENDPOINT]),
    };
    now.lost = less(dropped, by_client + now.by_breaker + now.without_endpoint) +
               counter_get(&entry->failed[FAILED_LAG]);
    now.overflowed = counter_get(&entry->dropped[DROPPED_INFLIGHT]) +
                     counter_get(&entry->dropped[DROPPED_QUEUE_TIMEOUT]);
    now.attempted = less(counter_get(&entry->matched), aside + by_client);
    return now;
}

static uint64_t copies_unrecorded(struct registry *registry)
{
    return counter_get(&registry_totals(registry)->copies_unrecorded);
}

void deliveries_init(struct deliveries *deliveries, struct registry *registry)
{
    *deliveries = (struct deliveries){.registry = registry};
    if (registry)
        deliveries->unrecorded = copies_unrecorded(registry);
}

void deliveries_begin(struct deliveries *deliveries, bool is_first, uint64_t lost_legs)
{
    deliveries->is_first = is_first;
    if (is_first)
        deliveries->unrecorded = 0;
    deliveries->own_lost += (lost_legs + 1) / 2; /* a copy's own and live's: both were taken */
}

void delivery_begin(struct delivery *delivery)
{
    struct registry_mirror *entry = delivery->entry;
    *delivery = (struct delivery){.entry = entry};
    if (!entry)
        return;
    delivery->added = read_counters(entry);
}

/* Entries that were not looked at yet. The one for all that found no room is nobody's. */
static void look_on(struct deliveries *deliveries, struct groups *groups, bool is_beginning)
{
    struct str route, mirror;
    struct registry_mirror *entry;
    for (; deliveries->next < REGISTRY_MIRRORS - 1; deliveries->next++) {
        if (!registry_mirror_at(deliveries->registry, deliveries->next, &route, &mirror, &entry))
            return;
        struct group *group = group_set_find(groups, route, mirror);
        if (!group || group->delivery.entry)
            continue;
        group->delivery.entry = entry;
        if (is_beginning && !deliveries->is_first)
            delivery_begin(&group->delivery);
    }
}

void deliveries_look(struct deliveries *deliveries, struct groups *groups)
{
    deliveries->next = 0;
    if (deliveries->registry)
        look_on(deliveries, groups, true);
    deliveries->is_first = false;
}

/* What rose is added; a count that fell for a moment, since its parts are not read at once, is waited for. */
static uint64_t advance(uint64_t *added, uint64_t now)
{
    uint64_t rise = less(now, *added);
    *added += rise;
    return rise;
}

static void remember(double *recent, uint64_t fresh)
{
    *recent = *recent * RECENT_WEIGHT + (double)fresh;
}

static uint64_t add_own(struct groups *groups, struct group *group)
{
    struct delivery *delivery = &group->delivery;
    delivery->fresh = 0;
    if (!delivery->entry)
        return 0;
    struct delivered now = read_counters(delivery->entry), *added = &delivery->added;
    uint64_t attempted = advance(&added->attempted, now.attempted), lost = advance(&added->lost, now.lost);
    uint64_t by_breaker = advance(&added->by_breaker, now.by_breaker);
    uint64_t without_endpoint = advance(&added->without_endpoint, now.without_endpoint);
    remember(&delivery->recent.attempted, less(attempted, by_breaker + without_endpoint));
    remember(&delivery->recent.kept_away, by_breaker + without_endpoint);
    remember(&delivery->recent.overflowed, advance(&added->overflowed, now.overflowed));
    if (attempted + lost == 0 || !group_has_room(groups, group))
        return 0;
    delivery->fresh = attempted;
    struct tally *tally = group_tally(groups, group);
    tally_add_delivery(tally, attempted, lost, 0);
    tally_add_kept_away(tally, dropped_name(DROPPED_BREAKER), by_breaker);
    tally_add_kept_away(tally, dropped_name(DROPPED_NO_ENDPOINT), without_endpoint);
    group_changed(groups, group, lost + by_breaker + without_endpoint);
    return attempted;
}

static void share_out(struct groups *groups, uint64_t copies, uint64_t attempted)
{
    for (size_t i = 0; i < groups->by_label.count; i++) {
        struct group *group = groups->by_label.entries[i].value;
        if (!group || group->delivery.fresh == 0)
            continue;
        struct delivery *delivery = &group->delivery;
        delivery->owed += (double)copies * (double)delivery->fresh / (double)attempted;
        uint64_t whole = (uint64_t)delivery->owed;
        delivery->owed -= (double)whole;
        if (whole == 0)
            continue;
        tally_add_delivery(group_tally(groups, group), 0, whole, 0);
        group_changed(groups, group, whole);
    }
}

void deliveries_tick(struct deliveries *deliveries, struct groups *groups)
{
    if (!deliveries->registry)
        return;
    look_on(deliveries, groups, false);
    uint64_t attempted = 0;
    for (size_t i = 0; i < groups->by_label.count; i++) {
        struct group *group = groups->by_label.entries[i].value;
        if (group)
            attempted += add_own(groups, group);
    }
    if (attempted == 0)
        return;
    uint64_t lost = advance(&deliveries->unrecorded, copies_unrecorded(deliveries->registry)) + deliveries->own_lost;
    deliveries->own_lost = 0;
    if (lost > 0)
        share_out(groups, lost, attempted);
}
