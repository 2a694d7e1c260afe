/* SPDX-License-Identifier: Apache-2.0 */
/* A thread with a loop and an inbox. Other threads talk to it only by posting messages.
 * Lifetime: worker_start to worker_join. Thread: the owner's, except worker_post. */
#pragma once

#include "base/err.h"
#include "io/loop.h"

struct worker;

/* Runs `on_start` in the new thread, then its loop until loop_stop, then `on_stop`. */
struct worker_ops {
    const char *name; /* of the thread, with the index appended */
    void (*on_start)(struct loop *loop, unsigned index, void *arg);
    void (*on_stop)(struct loop *loop, unsigned index, void *arg);
};

struct worker *worker_start(const struct worker_ops *ops, unsigned index, void *arg, struct err *err)
    __attribute__((warn_unused_result));

/* A message runs in the worker's thread in one of its next turns, in the order of posting; `run` owns it. */
struct message {
    struct message *next;
    void (*run)(struct message *message, struct loop *loop, unsigned index);
};
void worker_post(struct worker *worker, struct message *message);

/* Stops the loop and waits for the thread. What is posted to it from then on runs in worker_join. For workers that post to each other:
 * all are stopped before the first is joined. */
void worker_stop(struct worker *worker);
/* Stops it if it runs, and frees it. */
void worker_join(struct worker *worker);
