/* SPDX-License-Identifier: Apache-2.0 */
#include "io/loop.h"

#include "base/assert.h"
#include "base/mem.h"
#include "io/wheel.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256 /* events taken per poll: enough to amortise it, small enough to keep turns short */
#define NS_PER_MS 1000000ull
#define GIVE_WAY_NS NS_PER_MS

struct loop {
    int epoll_fd;
    bool is_stopping;
    bool is_giving_way;
    uint64_t gave_way_ns;
    uint64_t now_ns;
    uint64_t wall_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC, refreshed when it is a second old */
    uint64_t wall_read_at_ns;
    struct wheel wheel;
    struct list soon, after_events, later;
    struct epoll_event batch[BATCH];
    int batch_next, batch_count; /* events not yet delivered */
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void loop_read_clock(struct loop *loop)
{
    loop->now_ns = clock_ns(CLOCK_MONOTONIC);
    if (loop->now_ns - loop->wall_read_at_ns > 1000000000ull || !loop->wall_read_at_ns) {
        loop->wall_offset_ns = clock_ns(CLOCK_REALTIME) - loop->now_ns;
        loop->wall_read_at_ns = loop->now_ns;
    }
}

struct loop *loop_new(struct err *err)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        (void)err_errno(err, "epoll_create1");
        return NULL;
    }
    struct loop *loop = mem_alloc(sizeof *loop);
    loop->epoll_fd = fd;
    list_init(&loop->soon);
    list_init(&loop->after_events);
    list_init(&loop->later);
    loop_read_clock(loop);
    wheel_init(&loop->wheel, loop->now_ns / NS_PER_MS);
    return loop;
}

void loop_free(struct loop *loop)
{
    close(loop->epoll_fd);
    mem_free(loop);
}

uint64_t loop_now_ns(const struct loop *loop)
{
    return loop->now_ns;
}

uint64_t loop_wall_ns(const struct loop *loop)
{
    return loop->now_ns + loop->wall_offset_ns;
}

void loop_stop(struct loop *loop)
{
    loop->is_stopping = true;
}

void timer_arm(struct loop *loop, struct timer *timer, uint64_t after_ms)
{
    /* Round up: a timer may be late by a tick, never early. */
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

static void loop_watch(struct loop *loop, struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    ASSERT(epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) == 0);
}

void loop_add(struct loop *loop, struct watch *watch)
{
    loop_watch(loop, watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

void loop_add_shared(struct loop *loop, struct watch *watch)
{
    loop_watch(loop, watch, EPOLLIN | EPOLLEXCLUSIVE);
}

void loop_remove(struct loop *loop, struct watch *watch)
{
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    for (int i = loop->batch_next; i < loop->batch_count; i++) {
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
    }
}

void loop_move(struct loop *loop, struct watch *from, struct watch *to)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = to};
    ASSERT(epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, to->fd, &event) == 0);
    for (int i = loop->batch_next; i < loop->batch_count; i++) {
        if (loop->batch[i].data.ptr == from)
            loop->batch[i].data.ptr = to;
    }
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
    run_soon(loop);
    run_after_events(loop);
    while (!list_is_empty(&loop->later))
        run_later(loop);
}

void loop_give_way(struct loop *loop)
{
    loop->is_giving_way = true;
}

static void give_way(struct loop *loop)
{
    if (!loop->is_giving_way || loop->now_ns - loop->gave_way_ns < GIVE_WAY_NS)
        return;
    loop->is_giving_way = false;
    loop->gave_way_ns = loop->now_ns;
    sched_yield();
}

static int loop_wait_ms(const struct loop *loop)
{
    if (!list_is_empty(&loop->later) || !list_is_empty(&loop->soon) || !list_is_empty(&loop->after_events))
        return 0;
    uint64_t next = wheel_next_ms(&loop->wheel);
    uint64_t now = loop->now_ns / NS_PER_MS;
    if (next == UINT64_MAX)
        return -1;
    if (next <= now)
        return 0;
    return next - now > INT_MAX ? INT_MAX : (int)(next - now);
}

static void loop_turn(struct loop *loop)
{
    int count = epoll_wait(loop->epoll_fd, loop->batch, BATCH, loop_wait_ms(loop));
    ASSERT(count >= 0 || errno == EINTR);
    loop_read_clock(loop);
    loop->batch_count = count > 0 ? count : 0;
    loop->batch_next = 0;
    wheel_advance(&loop->wheel, loop->now_ns / NS_PER_MS);
    run_soon(loop);
    while (loop->batch_next < loop->batch_count) {
        const struct epoll_event *event = &loop->batch[loop->batch_next++];
        struct watch *watch = event->data.ptr;
        if (!watch)
            continue;
        watch->on_ready(watch, event->events);
        run_soon(loop);
    }
    run_after_events(loop);
    run_later(loop);
    give_way(loop);
}

void loop_run(struct loop *loop)
{
    loop->is_stopping = false;
    while (!loop->is_stopping)
        loop_turn(loop);
}
