/* SPDX-License-Identifier: Apache-2.0 */
#include "io/worker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

#define POSTERS 4
#define MESSAGES 5000

/* What the worker sees; read after the join. */
struct seen {
    struct worker *worker;
    struct message late;
    unsigned started, stopped, index;
    unsigned next[POSTERS]; /* the number that each poster's next message must have */
    unsigned out_of_order, late_runs;
    bool is_late_after_stop;
};

struct numbered {
    struct message message;
    struct seen *seen;
    unsigned poster, number;
};

static struct numbered numbered[POSTERS][MESSAGES];

static void on_start(struct loop *loop, unsigned index, void *arg)
{
    struct seen *seen = arg;
    (void)loop;
    seen->started++;
    seen->index = index;
}

static void on_stop(struct loop *loop, unsigned index, void *arg)
{
    struct seen *seen = arg;
    (void)loop;
    (void)index;
    seen->stopped++;
    if (seen->late.run)
        worker_post(seen->worker, &seen->late); /* the loop has ended: nobody but the join can run it */
}

static const struct worker_ops ops = {"test", on_start, on_stop};

static void run_numbered(struct message *message, struct loop *loop, unsigned index)
{
    struct numbered *own = CONTAINER_OF(message, struct numbered, message);
    unsigned *next = &own->seen->next[own->poster];
    if (own->number != *next || !loop || index != 7)
        own->seen->out_of_order++;
    *next = own->number + 1;
}

static void run_late(struct message *message, struct loop *loop, unsigned index)
{
    struct seen *seen = CONTAINER_OF(message, struct seen, late);
    (void)loop;
    (void)index;
    seen->late_runs++;
    seen->is_late_after_stop = seen->stopped == 1;
}

static void *post_all(void *arg)
{
    struct numbered *mine = arg;
    for (unsigned i = 0; i < MESSAGES; i++)
        worker_post(mine[i].seen->worker, &mine[i].message);
    return NULL;
}

static void test_messages_of_several_threads_run_in_the_order_of_posting(void **state)
{
    (void)state;
    struct err err;
    struct seen seen = {0};
    pthread_t threads[POSTERS];
    seen.worker = worker_start(&ops, 7, &seen, &err);
    assert_non_null(seen.worker);
    for (unsigned p = 0; p < POSTERS; p++) {
        for (unsigned i = 0; i < MESSAGES; i++)
            numbered[p][i] = (struct numbered){.message.run = run_numbered, .seen = &seen, .poster = p, .number = i};
        assert_int_equal(pthread_create(&threads[p], NULL, post_all, numbered[p]), 0);
    }
    for (unsigned p = 0; p < POSTERS; p++)
        pthread_join(threads[p], NULL);
    worker_join(seen.worker);
    assert_int_equal(seen.out_of_order, 0);
    for (unsigned p = 0; p < POSTERS; p++)
        assert_int_equal(seen.next[p], MESSAGES);
    assert_int_equal(seen.started, 1);
    assert_int_equal(seen.stopped, 1);
    assert_int_equal(seen.index, 7);
}

static void test_join_runs_what_is_left(void **state)
{
    (void)state;
    struct err err;
    struct seen seen = {.late.run = run_late};
    seen.worker = worker_start(&ops, 0, &seen, &err);
    assert_non_null(seen.worker);
    worker_join(seen.worker);
    assert_int_equal(seen.stopped, 1);
    assert_int_equal(seen.late_runs, 1);
    assert_true(seen.is_late_after_stop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_of_several_threads_run_in_the_order_of_posting),
        cmocka_unit_test(test_join_runs_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
