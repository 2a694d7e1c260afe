/* SPDX-License-Identifier: Apache-2.0 */
/* One thread's event loop: edge-triggered epoll, a timer wheel, and two queues of tasks. Everything that hangs on a
 * loop belongs to its thread; other threads reach it only through its inbox. tests/sim has a twin of this header and of
 * io/socket.h with a virtual clock and scripted peers. */
#pragma once

#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* Something to run once, soon or later. Queued at most once at a time; task_cancel takes it out. */
struct task {
    struct list node;
    void (*run)(struct task *task);
};

/* A file descriptor's readiness. `events` are EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR. */
struct watch {
    int fd;
    void (*on_ready)(struct watch *watch, uint32_t events);
};

struct loop *loop_new(struct err *err) __attribute__((warn_unused_result));
void loop_free(struct loop *loop);

/* Runs turns until loop_stop. A turn: poll, timers that are due, each event followed by the soon tasks it queued,
 * then the later tasks. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Says that much is being moved: at the end of the turn, at most once a millisecond, the worker gives way to what else is runnable, since
 * those who must take the bytes need the CPU as well. Costs nothing when nobody waits. */
void loop_give_way(struct loop *loop);

/* Runs the queued tasks without polling, until none is left: before what they belong to is freed. */
void loop_settle(struct loop *loop);

/* CLOCK_MONOTONIC at the poll of this turn: the time that all legs are marked with. Never 0. */
uint64_t loop_now_ns(const struct loop *loop);

/* CLOCK_REALTIME of the same moment, for what people read. */
uint64_t loop_wall_ns(const struct loop *loop);

void task_init(struct task *task, void (*run)(struct task *));
void task_cancel(struct task *task);
/* After the callback that is running now: flushes, so that many small writes become one. */
void loop_soon(struct loop *loop, struct task *task);
/* After all events of the turn and before its later tasks: what many events add to, like the output of a connection with many streams. */
void loop_after_events(struct loop *loop, struct task *task);
/* At the end of the turn: shadow work, after all live work of the turn. */
void loop_later(struct loop *loop, struct task *task);

/* Watches a descriptor for reading and writing, edge-triggered (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET). */
void loop_add(struct loop *loop, struct watch *watch);
/* Watches for reading, level-triggered and EPOLLEXCLUSIVE: listening sockets that workers share. */
void loop_add_shared(struct loop *loop, struct watch *watch);
/* What was added as `from` is watched as `to`, with the same descriptor; what it is ready for is reported anew. */
void loop_move(struct loop *loop, struct watch *from, struct watch *to);
/* After this no event of the descriptor is delivered, also none of the batch being handled. */
void loop_remove(struct loop *loop, struct watch *watch);
