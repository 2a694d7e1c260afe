/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/target.h"

#include "base/mem.h"

/* Counted first and looked at after: workers that ask at once can't both get the last one. */
static bool may_connect(void *user)
{
    struct target *target = user;
    struct registry_mirror *entry = target->entry;
    registry_connections_add(entry, target->budget->slot, 1);
    if (atomic_load_explicit(&entry->connections, memory_order_relaxed) > (int64_t)target->max_connections ||
        !budget_take(target->budget, entry, TARGET_KERNEL_BYTES)) {
        registry_connections_add(entry, target->budget->slot, -1);
        return false;
    }
    gauge_add(&target->budget->gateway->connections_shadow, 1);
    target->connections++;
    return true;
}

static void free_if_over(struct target *target)
{
    if (target->is_dropped && !target->connections && list_is_empty(&target->copies))
        mem_free(target);
}

static void on_closed(void *user)
{
    struct target *target = user;
    registry_connections_add(target->entry, target->budget->slot, -1);
    budget_give(target->budget, target->entry, TARGET_KERNEL_BYTES);
    gauge_add(&target->budget->gateway->connections_shadow, -1);
    target->connections--;
    free_if_over(target);
}

static const struct client_pool_ops pool_ops = {"shadow", may_connect, on_closed};

struct target *target_new(struct codec *codec, const struct address *address, struct registry_mirror *entry, struct budget *budget)
{
    struct target *target = mem_alloc(sizeof *target);
    target->entry = entry;
    target->address = *address;
    target->budget = budget;
    list_init(&target->copies);
    target->pool = client_pool_new(codec, address, &pool_ops, target, TARGET_SEND_BUFFER);
    return target;
}

void target_drop(struct target *target)
{
    target->is_dropped = true;
    target->connections++; /* keeps it while the pool closes its connections */
    client_pool_drop(target->pool);
    target->connections--;
    free_if_over(target);
}

void target_remove(struct target *target, struct list *copy)
{
    list_remove(copy);
    free_if_over(target);
}
