/* SPDX-License-Identifier: Apache-2.0 */
#include "twin.h"

#include "base/mem.h"

/* Any will do; far from 0, so that differences of times never wrap. */
#define START_MS 5000000ull

struct loop *loop_new(struct err *err)
{
    (void)err;
    struct loop *loop = mem_alloc(sizeof *loop);
    list_init(&loop->soon);
    list_init(&loop->after_events);
    list_init(&loop->later);
    list_init(&loop->wires);
    list_init(&loop->edges);
    loop->next_fd = 1000; /* of no real descriptor */
    twin_set_ms(loop, START_MS);
    wheel_init(&loop->wheel, START_MS);
    return loop;
}

void loop_free(struct loop *loop)
{
    mem_free(loop);
}

uint64_t loop_now_ns(const struct loop *loop)
{
    return loop->now_ns;
}

uint64_t loop_wall_ns(const struct loop *loop)
{
    return loop->now_ns - START_MS * NS_PER_MS + TWIN_WALL_S * 1000 * NS_PER_MS;
}

void timer_arm(struct loop *loop, struct timer *timer, uint64_t after_ms)
{
    wheel_add(&loop->wheel, timer, (loop->now_ns + NS_PER_MS - 1) / NS_PER_MS + after_ms);
}

void task_init(struct task *task, void (*run)(struct task *))
{
    list_init(&task->node);
    task->run = run;
}

void task_cancel(struct task *task)
{
    list_remove(&task->node);
}

void loop_give_way(struct loop *loop)
{
    (void)loop; /* nobody else runs in a play */
}

void loop_soon(struct loop *loop, struct task *task)
{
    if (!list_is_linked(&task->node))
        list_add(&loop->soon, &task->node);
}

void loop_after_events(struct loop *loop, struct task *task)
{
    if (!list_is_linked(&task->node))
        list_add(&loop->after_events, &task->node);
}

void loop_later(struct loop *loop, struct task *task)
{
    if (!list_is_linked(&task->node))
        list_add(&loop->later, &task->node);
}

static void run_soon(struct loop *loop)
{
    struct list *node;
    while ((node = list_take_first(&loop->soon))) {
        struct task *task = CONTAINER_OF(node, struct task, node);
        task->run(task);
    }
}

/* Each task's soon tasks run right after it. */
static void run_after_events(struct loop *loop)
{
    struct list *node;
    while ((node = list_take_first(&loop->after_events))) {
        struct task *task = CONTAINER_OF(node, struct task, node);
        task->run(task);
        run_soon(loop);
    }
}

/* Later tasks queued meanwhile wait for the next turn. */
static void run_later(struct loop *loop)
{
    struct list tasks;
    struct list *node;
    list_init(&tasks);
    list_move_all(&tasks, &loop->later);
    while ((node = list_take_first(&tasks))) {
        struct task *task = CONTAINER_OF(node, struct task, node);
        task->run(task);
        run_soon(loop);
    }
    run_after_events(loop);
}

void loop_settle(struct loop *loop)
{
    while (!list_is_empty(&loop->soon) || !list_is_empty(&loop->after_events) || !list_is_empty(&loop->later)) {
        run_soon(loop);
        run_after_events(loop);
        run_later(loop);
    }
}

/* A turn takes a nanosecond: times of different turns differ, and a millisecond has room for all turns of a scenario. */
void twin_turn(struct loop *loop)
{
    struct list batch;
    struct list *node;
    loop->now_ns++;
    loop->turns++;
    twin_arrivals(loop);
    list_init(&batch);
    list_move_all(&batch, &loop->edges);
    wheel_advance(&loop->wheel, loop->now_ns / NS_PER_MS);
    run_soon(loop);
    while ((node = list_take_first(&batch))) {
        twin_deliver(CONTAINER_OF(node, struct wire, edge));
        run_soon(loop);
    }
    run_after_events(loop);
    run_later(loop);
}

static bool has_arrivals(const struct loop *loop)
{
    for (const struct list *node = loop->wires.next; node != &loop->wires; node = node->next) {
        const struct wire *wire = CONTAINER_OF(node, struct wire, node);
        if (!wire->sock)
            continue;
        if (wire->is_connecting && wire->outcome_at_ns <= loop->now_ns)
            return true;
        if (!wire->is_connecting && (flow_len(&wire->sent) || (wire->is_end_sent && !wire->is_end_arrived)))
            return true;
    }
    return false;
}

bool twin_is_quiet(const struct loop *loop)
{
    return list_is_empty(&loop->edges) && list_is_empty(&loop->soon) && list_is_empty(&loop->after_events) &&
           list_is_empty(&loop->later) && !has_arrivals(loop) && wheel_next_ms(&loop->wheel) > loop->now_ns / NS_PER_MS;
}

uint64_t twin_next_ms(const struct loop *loop)
{
    uint64_t next = wheel_next_ms(&loop->wheel);
    for (const struct list *node = loop->wires.next; node != &loop->wires; node = node->next) {
        const struct wire *wire = CONTAINER_OF(node, struct wire, node);
        if (wire->sock && wire->is_connecting && wire->outcome_at_ns != TWIN_NEVER &&
            wire->outcome_at_ns / NS_PER_MS < next)
            next = wire->outcome_at_ns / NS_PER_MS;
    }
    return next;
}

/* Never on the boundary of a tick: all timers of a moment are rounded up alike, in whichever of its turns they are armed. */
void twin_set_ms(struct loop *loop, uint64_t now_ms)
{
    uint64_t now_ns = now_ms * NS_PER_MS + 1;
    if (now_ns > loop->now_ns) /* turns took some nanoseconds */
        loop->now_ns = now_ns;
}

uint64_t twin_now_ms(const struct loop *loop)
{
    return loop->now_ns / NS_PER_MS;
}
