/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/mirror.h"

#include "base/mem.h"
#include "mirror/copy_answer.h"
#include "mirror/gates.h"
#include "mirror/leg.h"
#include "route/balance.h"

/* What a burst of copies took lies between what others hold, so that malloc keeps it. It is given back when so much less is held
 * than there was, and at the end. That takes about 30 us for each MiB, so it is done every TIDY_MS at most, and at a moment at which
 * no client waits for this worker: looked for each TIDY_LOOK_MS. A worker that has none for TIDY_WAIT_MS does it all the same. */
#define TIDY_FROM (2 * 1024 * 1024)
#define TIDY_MS 5000
#define TIDY_LOOK_MS 20
#define TIDY_WAIT_MS 30000

/* The copies of one live exchange, while it lasts: exchange->tap_state. */
struct watch_list {
    struct list copies;
    struct live_leg live;
};

/* Without padding: its bytes are compared. */
struct target_key {
    struct registry_mirror *entry;
    struct backend_key backend;
};

static struct target_key make_key(struct registry_mirror *entry, const struct address *address,
                                  const struct client_how *how)
{
    return (struct target_key){entry, backend_key_make(address, how)};
}

static struct str key_bytes(const struct target_key *key)
{
    return (struct str){(const char *)key, sizeof *key};
}

struct target_choice {
    struct mirror *mirror;
    struct registry_mirror *entry;
    const struct rules_addresses *addresses;
    struct client_how how;
};

static struct target *get_target(const struct target_choice *choice, size_t at)
{
    struct mirror *mirror = choice->mirror;
    const struct address *address = &choice->addresses->list[at];
    struct target_key key = make_key(choice->entry, address, &choice->how);
    struct target *target = map_find(&mirror->targets, key_bytes(&key));
    if (!target) {
        target = target_new(mirror->codec, address, &choice->how, choice->entry, &mirror->budget);
        map_add(&mirror->targets, key_bytes(&key), target);
    }
    return target;
}

static uint64_t cost_of(void *user, size_t at)
{
    const struct target_choice *choice = user;
    struct target_key key = make_key(choice->entry, &choice->addresses->list[at], &choice->how);
    const struct target *target = map_find(&choice->mirror->targets, key_bytes(&key));
    return target ? target->load + client_pool_is_failing(target->pool) * BALANCE_AVOID : 0;
}

/* Least copies of two, past those that could not be reached lately. */
static struct target *pick_target(struct mirror *mirror, const struct rules *rules, uint32_t index)
{
    uint32_t backend = PLAN_MIRROR(rules->plan, index)->backend;
    struct target_choice choice = {mirror, rules->mirrors[index], &rules->addresses[backend],
                                   backend_how(rules, mirror->settings.worker, backend)};
    size_t at = 0;
    if (choice.addresses->count > 1)
        at = balance_pick(choice.addresses->count, random_next(&mirror->random), cost_of, &choice);
    return get_target(&choice, at);
}

static bool is_moment_to_tidy(struct mirror *mirror)
{
    bool is_quiet = !mirror->is_live_quiet || mirror->is_live_quiet(mirror);
    mirror->tidy_waited_ms = is_quiet ? 0 : mirror->tidy_waited_ms + TIDY_LOOK_MS;
    return is_quiet || mirror->tidy_waited_ms >= TIDY_WAIT_MS;
}

static void on_tidy(struct timer *timer)
{
    struct mirror *mirror = CONTAINER_OF(timer, struct mirror, tidy);
    int64_t used = budget_used(&mirror->budget);
    bool is_due = used <= 0 || mirror->tidy_peak - used >= TIDY_FROM;
    if (is_due && !is_moment_to_tidy(mirror)) {
        timer_arm(mirror->codec->loop, timer, TIDY_LOOK_MS);
        return;
    }
    if (is_due) {
        chunk_cache_trim();
        capture_sink_trim(&mirror->sink);
        mem_trim();
        mirror->tidy_peak = used;
        mirror->tidy_waited_ms = 0;
    }
    if (used > 0)
        timer_arm(mirror->codec->loop, timer, TIDY_MS);
}

static void note_held(struct mirror *mirror)
{
    int64_t used = budget_used(&mirror->budget);
    if (used > mirror->tidy_peak)
        mirror->tidy_peak = used;
    if (mirror->tidy_peak > TIDY_FROM && !timer_is_armed(&mirror->tidy))
        timer_arm(mirror->codec->loop, &mirror->tidy, TIDY_MS);
}

static struct copy *offer(struct mirror *mirror, const struct exchange *exchange, uint32_t index)
{
    const struct rules *rules = exchange->rules;
    const struct plan_mirror *rule = PLAN_MIRROR(rules->plan, index);
    if (!(rule->is_control ? gates_pass_control : gates_pass)(mirror, exchange, index))
        return NULL;
    struct target *target = pick_target(mirror, rules, index);
    target->max_connections = rule->max_connections;
    note_held(mirror);
    return copy_new(mirror, target, exchange, index);
}

static struct watch_list *get_watch(struct mirror *mirror, struct exchange *exchange)
{
    struct watch_list *watch = exchange->tap_state;
    if (!watch) {
        watch = exchange->tap_state = slab_take(mirror->watches);
        list_init(&watch->copies);
        live_leg_init(&watch->live, mirror);
    }
    return watch;
}

/* A control stands behind its shadow. */
static void offer_to(struct mirror *mirror, struct exchange *exchange, struct plan_range mirrors)
{
    bool has_shadow = false;
    for (uint32_t i = mirrors.first; i < mirrors.first + mirrors.count; i++) {
        bool is_control = PLAN_MIRROR(exchange->rules->plan, i)->is_control;
        struct copy *copy = is_control && !has_shadow ? NULL : offer(mirror, exchange, i);
        has_shadow = copy && !is_control;
        if (!copy)
            continue;
        struct watch_list *watch = get_watch(mirror, exchange);
        list_add(&watch->copies, &copy->by_watch);
        leg_begin(copy, &watch->live, exchange, i);
    }
}

static void on_request(struct tap *tap, struct exchange *exchange)
{
    struct mirror *mirror = CONTAINER_OF(tap, struct mirror, tap);
    exchange->tap_state = NULL;
    offer_to(mirror, exchange, PLAN_ROUTE(exchange->rules->plan, exchange->route)->mirrors);
    offer_to(mirror, exchange, exchange->mirrors_of_backend);
    struct watch_list *watch = exchange->tap_state;
    if (watch)
        live_leg_begin(&watch->live, mirror, exchange);
}

/* Calls for every copy of the exchange; each may leave the list while it is called. */
#define FOR_COPIES(exchange, copy, call) \
    do { \
        struct watch_list *watch = (exchange)->tap_state; \
        for (struct list *node = watch ? watch->copies.next : NULL, *next; watch && node != &watch->copies; \
             node = next) { \
            struct copy *copy = CONTAINER_OF(node, struct copy, by_watch); \
            next = node->next; \
            call; \
        } \
    } while (0)

/* NULL: live's answer is not compared. */
static struct live_leg *find_live(const struct exchange *exchange)
{
    struct watch_list *watch = exchange->tap_state;
    return watch && watch->live.leg.capture ? &watch->live : NULL;
}

static void on_data(struct tap *tap, struct exchange *exchange, struct slice data)
{
    FOR_COPIES(exchange, copy, copy_data(copy, data));
    struct live_leg *live = find_live(exchange);
    if (live)
        live_leg_data(live, CONTAINER_OF(tap, struct mirror, tap), (struct str){data.ptr, data.len});
}

static void on_end(struct tap *tap, struct exchange *exchange, const struct field *trailers, uint16_t count)
{
    (void)tap;
    FOR_COPIES(exchange, copy, copy_end(copy, exchange, trailers, count));
}

static void on_abort(struct tap *tap, struct exchange *exchange)
{
    (void)tap;
    FOR_COPIES(exchange, copy, copy_abort(copy));
}

static void on_answer(struct tap *tap, struct exchange *exchange, const struct head *head)
{
    struct live_leg *live = find_live(exchange);
    if (live)
        live_leg_answer(live, CONTAINER_OF(tap, struct mirror, tap), head);
}

static void on_answer_data(struct tap *tap, struct exchange *exchange, struct slice data)
{
    struct live_leg *live = find_live(exchange);
    if (live)
        live_leg_answer_data(live, CONTAINER_OF(tap, struct mirror, tap), (struct str){data.ptr, data.len});
}

static void on_answer_end(struct tap *tap, struct exchange *exchange, const struct field *trailers, uint16_t count)
{
    struct live_leg *live = find_live(exchange);
    if (live)
        live_leg_answer_end(live, CONTAINER_OF(tap, struct mirror, tap), trailers, count);
}

static void on_over(struct tap *tap, struct exchange *exchange)
{
    struct mirror *mirror = CONTAINER_OF(tap, struct mirror, tap);
    struct live_leg *live = find_live(exchange);
    enum record_drop why = live ? live_leg_over(live, mirror, exchange) : RECORD_DROP_COUNT;
    FOR_COPIES(exchange, copy, {
        leg_live_over(copy, why);
        copy_live_over(copy);
    });
    if (exchange->tap_state)
        slab_give(mirror->watches, exchange->tap_state);
    exchange->tap_state = NULL;
}

static const struct tap_ops mirror_tap_ops = {
    .name = "mirror",
    .on_request = on_request,
    .on_data = on_data,
    .on_end = on_end,
    .on_abort = on_abort,
    .on_answer = on_answer,
    .on_answer_data = on_answer_data,
    .on_answer_end = on_answer_end,
    .on_over = on_over,
};

void mirror_init(struct mirror *mirror, struct codec *codec, struct registry *registry,
                 const struct mirror_settings *settings)
{
    *mirror = (struct mirror){.tap = {&mirror_tap_ops}, .codec = codec, .settings = *settings};
    mirror->totals = registry_totals(registry);
    budget_init(&mirror->budget, registry, settings->gateway_slot);
    mirror->budget.max_connections = settings->max_connections;
    shed_init(&mirror->shed, codec->loop, mirror->budget.gateway, settings->is_shedding);
    random_init(&mirror->random);
    map_init(&mirror->targets);
    list_init(&mirror->leaving);
    list_init(&mirror->paced);
    timer_init(&mirror->pace, copy_pace);
    timer_init(&mirror->tidy, on_tidy);
    mirror->copies = slab_new("copies", sizeof(struct copy));
    mirror->watches = slab_new("watches", sizeof(struct watch_list));
    leg_sink_init(mirror);
}

void mirror_deinit(struct mirror *mirror)
{
    for (size_t i = 0; i < mirror->targets.count; i++) {
        if (mirror->targets.entries[i].value)
            target_drop(mirror->targets.entries[i].value);
    }
    map_deinit(&mirror->targets);
    timer_disarm(&mirror->tidy);
    timer_disarm(&mirror->pace);
    shed_deinit(&mirror->shed);
    slab_free(mirror->copies);
    slab_free(mirror->watches);
    leg_sink_deinit(mirror);
}

static void cancel_copies(struct target *target, enum dropped why, bool is_only_waiting)
{
    for (struct list *node = target->copies.next, *next; node != &target->copies; node = next) {
        struct copy *copy = CONTAINER_OF(node, struct copy, by_target);
        next = node->next; /* a copy leaves this list only at the end of the callback */
        if (!is_only_waiting || copy_waits(copy))
            copy_cancel(copy, why);
    }
}

/* The targets that the rules can still choose. */
static void collect_wanted(const struct rules *rules, unsigned worker, struct map *wanted)
{
    for (uint32_t i = 0; i < rules->plan->mirrors.count; i++) {
        uint32_t backend = PLAN_MIRROR(rules->plan, i)->backend;
        const struct rules_addresses *addresses = &rules->addresses[backend];
        const struct client_how how = backend_how(rules, worker, backend);
        for (size_t k = 0; k < addresses->count; k++) {
            struct target_key key = make_key(rules->mirrors[i], &addresses->list[k], &how);
            map_add(wanted, key_bytes(&key), wanted);
        }
    }
}

void mirror_set_rules(struct mirror *mirror, const struct rules *rules)
{
    struct map wanted;
    map_init(&wanted);
    collect_wanted(rules, mirror->settings.worker, &wanted);
    for (size_t i = 0; i < mirror->targets.count; i++) {
        struct target *target = mirror->targets.entries[i].value;
        struct str key = mirror->targets.entries[i].key;
        if (!target || map_find(&wanted, key))
            continue;
        cancel_copies(target, DROPPED_REMOVED, true);
        map_remove(&mirror->targets, key);
        list_add(&mirror->leaving, &target->node);
        target_drop(target);
    }
    map_deinit(&wanted);
}

static void cancel_all(struct mirror *mirror, bool is_only_waiting)
{
    for (size_t i = 0; i < mirror->targets.count; i++) {
        if (mirror->targets.entries[i].value)
            cancel_copies(mirror->targets.entries[i].value, DROPPED_SHUTDOWN, is_only_waiting);
    }
    for (struct list *node = mirror->leaving.next; node != &mirror->leaving; node = node->next)
        cancel_copies(CONTAINER_OF(node, struct target, node), DROPPED_SHUTDOWN, is_only_waiting);
}

/* Those that wait first, or they would take the places of the others. */
void mirror_abort_all(struct mirror *mirror)
{
    cancel_all(mirror, true);
    cancel_all(mirror, false);
}
