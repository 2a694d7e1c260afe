/* SPDX-License-Identifier: Apache-2.0 */
#include "io/worker.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct worker {
    pthread_t thread;
    struct loop *loop;
    const struct worker_ops *ops;
    void *arg;
    unsigned index;
    struct watch wake;               /* an eventfd: the inbox has messages, or the worker is to stop */
    _Atomic(struct message *) inbox; /* newest first */
    atomic_bool is_stopping;
    bool is_stopped; /* the thread is gone */
};

static void run_inbox(struct worker *worker)
{
    struct message *newest = atomic_exchange_explicit(&worker->inbox, NULL, memory_order_acquire);
    struct message *oldest = NULL;
    while (newest) {
        struct message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct message *next = oldest->next;
        oldest->run(oldest, worker->loop, worker->index);
        oldest = next;
    }
}

static void on_wake(struct watch *watch, uint32_t events)
{
    (void)events;
    struct worker *worker = CONTAINER_OF(watch, struct worker, wake);
    uint64_t count;
    while (read(watch->fd, &count, sizeof count) > 0)
        ;
    run_inbox(worker);
    if (atomic_load(&worker->is_stopping))
        loop_stop(worker->loop);
}

static void *worker_thread(void *arg)
{
    struct worker *worker = arg;
    char name[16];
    snprintf(name, sizeof name, "%.10s-%u", worker->ops->name, worker->index);
    pthread_setname_np(pthread_self(), name);
    worker->ops->on_start(worker->loop, worker->index, worker->arg);
    loop_run(worker->loop);
    worker->ops->on_stop(worker->loop, worker->index, worker->arg);
    return NULL;
}

struct worker *worker_start(const struct worker_ops *ops, unsigned index, void *arg, struct err *err)
{
    struct loop *loop = loop_new(err);
    if (!loop)
        return NULL;
    struct worker *worker = mem_alloc(sizeof *worker);
    worker->loop = loop;
    worker->ops = ops;
    worker->arg = arg;
    worker->index = index;
    worker->wake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    worker->wake.on_ready = on_wake;
    if (worker->wake.fd < 0) {
        (void)err_errno(err, "eventfd");
        goto fail_loop;
    }
    loop_add(loop, &worker->wake);
    int error = pthread_create(&worker->thread, NULL, worker_thread, worker);
    if (error) {
        (void)err_set(err, "worker %u could not be started: %s", index, strerror(error));
        goto fail_wake;
    }
    return worker;
fail_wake:
    close(worker->wake.fd);
fail_loop:
    loop_free(loop);
    mem_free(worker);
    return NULL;
}

static void worker_wake(struct worker *worker)
{
    uint64_t one = 1;
    while (write(worker->wake.fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void worker_post(struct worker *worker, struct message *message)
{
    struct message *head = atomic_load_explicit(&worker->inbox, memory_order_relaxed);
    do
        message->next = head;
    while (!atomic_compare_exchange_weak_explicit(&worker->inbox, &head, message, memory_order_release,
                                                  memory_order_relaxed));
    worker_wake(worker);
}

void worker_stop(struct worker *worker)
{
    if (worker->is_stopped)
        return;
    atomic_store(&worker->is_stopping, true);
    worker_wake(worker);
    pthread_join(worker->thread, NULL);
    worker->is_stopped = true;
}

void worker_join(struct worker *worker)
{
    worker_stop(worker);
    run_inbox(worker); /* what was posted after the last turn still has an owner */
    loop_remove(worker->loop, &worker->wake);
    close(worker->wake.fd);
    loop_free(worker->loop);
    mem_free(worker);
}
