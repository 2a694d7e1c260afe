/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/slots.h"

#include "analyze/groups.h"

#define SLOT_NS (60 * 1000000000ull)

static struct store_key store_key_of(const struct group *group)
{
    return (struct store_key){group->route->label, group->mirror, group->live_revision, group->shadow_revision};
}

static void add_slot(struct groups *groups, struct group *group, uint64_t wall_ns, struct strbuf *text)
{
    struct tally *news = group->tally ? tally_take_news(group->tally) : NULL;
    if (!news)
        return;
    uint64_t begin_ns = group->saved_ns;
    if (begin_ns > wall_ns || wall_ns - begin_ns > SLOT_NS)
        begin_ns = wall_ns > SLOT_NS ? wall_ns - SLOT_NS : 0;
    struct store_key key = store_key_of(group);
    strbuf_clear(text);
    tally_write(news, text);
    store_add_slot(groups->store, &key, begin_ns, wall_ns, strbuf_str(text));
    group->saved_ns = wall_ns;
    tally_free(news);
}

bool slots_save(struct groups *groups, uint64_t wall_ns)
{
    if (list_is_empty(&groups->unsaved) && !groups->is_store_behind)
        return true;
    struct strbuf text = STRBUF_INIT;
    while (!list_is_empty(&groups->unsaved) && store_begin(groups->store))
        add_slot(groups, CONTAINER_OF(list_take_first(&groups->unsaved), struct group, unsaved), wall_ns, &text);
    strbuf_deinit(&text);
    groups->is_store_behind = !store_commit(groups->store);
    return !groups->is_store_behind && list_is_empty(&groups->unsaved);
}

static void on_slot(void *user, const struct store_key *key, uint64_t begin_ns, uint64_t end_ns, struct str text)
{
    (void)key;
    (void)begin_ns;
    (void)end_ns;
    struct tally *tally = user, *slot = tally_read(text, NULL);
    if (!slot)
        return;
    tally_merge(tally, slot);
    tally_free(slot);
}

void slots_load(struct groups *groups, const struct group *group, struct tally *tally, uint64_t since_ns)
{
    struct store_key key = store_key_of(group);
    (void)store_slots(groups->store, &key, since_ns, on_slot, tally);
}

/* NULL: what is stored there can't be read. */
static char *merge(void *user, const struct str *tallies, size_t count)
{
    (void)user;
    struct tally *sum = NULL;
    bool is_whole = true;
    for (size_t i = 0; i < count; i++) {
        struct tally *slot = tally_read(tallies[i], NULL);
        is_whole = is_whole && slot;
        if (slot && sum) {
            tally_merge(sum, slot);
            tally_free(slot);
        } else if (slot) {
            sum = slot;
        }
    }
    struct strbuf text = STRBUF_INIT;
    if (sum && is_whole)
        tally_write(sum, &text);
    if (sum)
        tally_free(sum);
    return strbuf_take(&text);
}

void slots_roll_up(struct groups *groups, uint64_t wall_ns)
{
    (void)store_roll_up(groups->store, wall_ns, merge, NULL);
}
