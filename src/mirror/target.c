/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/target.h"

#include "base/mem.h"

/* Counted first and looked at after: workers that ask at once can't both get the last one. */
static bool take_place(struct target *target)
{
    struct registry_mirror *entry = target->entry;
    registry_connections_add(entry, target->budget->slot, 1);
    if (atomic_load_explicit(&entry->connections, memory_order_relaxed) <= (int64_t)target->max_connections &&
        budget_take_connection(target->budget)) {
        if (budget_take(target->budget, entry, target->connection_bytes))
            return true;
        budget_give_connection(target->budget);
    }
    registry_connections_add(entry, target->budget->slot, -1);
    return false;
}

static bool may_connect(void *user)
{
    struct target *target = user;
    if (take_place(target)) {
        target->connections++;
        return true;
    }
    if (!timer_is_armed(&target->retry))
        timer_arm(target->loop, &target->retry, TARGET_RETRY_MS);
    return false;
}

/* At the limit, with copies waiting somewhere: a connection that nobody here needs gives them its place. */
static bool may_keep(void *user)
{
    struct target *target = user;
    struct registry_mirror *entry = target->entry;
    int64_t queued = atomic_load_explicit(&entry->queued[target->budget->slot], memory_order_relaxed);
    return queued <= 0 ||
           atomic_load_explicit(&entry->connections, memory_order_relaxed) < (int64_t)target->max_connections;
}

static void on_retry(struct timer *timer)
{
    client_pool_retry(CONTAINER_OF(timer, struct target, retry)->pool);
}

static void free_if_over(struct target *target)
{
    if (!target->is_dropped || target->connections || !list_is_empty(&target->copies))
        return;
    timer_disarm(&target->retry); /* a copy that waits to be sent again may have armed it after the drop */
    list_remove(&target->node);
    mem_free(target);
}

static void on_closed(void *user)
{
    struct target *target = user;
    registry_connections_add(target->entry, target->budget->slot, -1);
    budget_give(target->budget, target->entry, target->connection_bytes);
    budget_give_connection(target->budget);
    target->connections--;
    free_if_over(target);
}

static const struct client_pool_ops pool_ops = {"shadow", may_connect, on_closed, may_keep};

struct target *target_new(struct codec *codec, const struct address *address, const struct client_how *how,
                          struct registry_mirror *entry, struct budget *budget)
{
    struct client_how bounded = *how;
    struct target *target = mem_alloc(sizeof *target);
    target->entry = entry;
    target->address = *address;
    target->budget = budget;
    list_init(&target->node);
    list_init(&target->copies);
    target->loop = codec->loop;
    timer_init(&target->retry, on_retry);
    bounded.send_buffer = TARGET_SEND_BUFFER;
    target->connection_bytes = TARGET_KERNEL_BYTES + (how->is_tls ? TARGET_TLS_BYTES : 0) +
                               (how->protocol != CLIENT_HTTP1 ? TARGET_HTTP2_BYTES : 0);
    target->pool = client_pool_new(codec, address, &bounded, &pool_ops, target);
    return target;
}

void target_drop(struct target *target)
{
    target->is_dropped = true;
    timer_disarm(&target->retry);
    target->connections++; /* keeps it while the pool closes its connections */
    client_pool_drop(target->pool);
    target->connections--;
    free_if_over(target);
}

void target_add(struct target *target, struct list *copy)
{
    list_add(&target->copies, copy);
    target->load++;
}

void target_remove(struct target *target, struct list *copy)
{
    list_remove(copy);
    target->load--;
    free_if_over(target);
}
