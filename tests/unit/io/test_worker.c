/* SPDX-License-Identifier: Apache-2.0 */
#include "io/worker.h"

#include "io/timer.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MESSAGES 5000
#define POSTERS 3

struct note {
    struct message message; /* first */
    struct life *life;
    unsigned poster, number;
};

/* Written by the worker's thread, read after the join. */
struct life {
    unsigned index;
    bool is_started, is_stopped;
    unsigned next[POSTERS], ran, out_of_order;
    struct timer timer;
    bool has_fired;
};

static struct note notes[POSTERS][MESSAGES];

static void on_timer(struct timer *timer)
{
    CONTAINER_OF(timer, struct life, timer)->has_fired = true;
}

static void on_start(struct loop *loop, unsigned index, void *arg)
{
    struct life *life = arg;
    life->is_started = true;
    life->index = index;
    timer_init(&life->timer, on_timer);
    timer_arm(loop, &life->timer, 0);
}

static void on_stop(struct loop *loop, unsigned index, void *arg)
{
    struct life *life = arg;
    (void)loop;
    life->is_stopped = index == life->index;
    timer_disarm(&life->timer);
}

static const struct worker_ops ops = {"test", on_start, on_stop};

static void run_note(struct message *message, struct loop *loop, unsigned index)
{
    struct note *note = (struct note *)message;
    struct life *life = note->life;
    (void)loop;
    life->out_of_order += note->number != life->next[note->poster]++ || index != life->index;
    life->ran++;
}

static void *post_all(void *arg)
{
    struct note *mine = ((struct note **)arg)[0];
    struct worker *worker = ((struct worker **)arg)[1];
    for (unsigned i = 0; i < MESSAGES; i++)
        worker_post(worker, &mine[i].message);
    return NULL;
}

static struct worker *start(struct life *life, unsigned index)
{
    struct err err;
    struct worker *worker = worker_start(&ops, index, life, &err);
    if (!worker)
        fail_msg("%s", err.text);
    for (unsigned p = 0; p < POSTERS; p++) {
        for (unsigned i = 0; i < MESSAGES; i++)
            notes[p][i] = (struct note){{.run = run_note}, life, p, i};
    }
    return worker;
}

static void test_messages_run_in_the_order_of_posting(void **state)
{
    (void)state;
    struct life life = {0};
    struct worker *worker = start(&life, 7);
    for (unsigned i = 0; i < MESSAGES; i++)
        worker_post(worker, &notes[0][i].message);
    worker_join(worker);
    assert_true(life.is_started && life.is_stopped);
    assert_int_equal(life.index, 7);
    assert_int_equal(life.ran, MESSAGES);
    assert_int_equal(life.out_of_order, 0);
}

static void test_each_poster_s_messages_stay_in_order(void **state)
{
    (void)state;
    struct life life = {0};
    struct worker *worker = start(&life, 0);
    pthread_t threads[POSTERS];
    void *args[POSTERS][2];
    for (unsigned p = 0; p < POSTERS; p++) {
        args[p][0] = notes[p];
        args[p][1] = worker;
        assert_int_equal(pthread_create(&threads[p], NULL, post_all, args[p]), 0);
    }
    for (unsigned p = 0; p < POSTERS; p++)
        pthread_join(threads[p], NULL);
    worker_join(worker);
    assert_int_equal(life.ran, POSTERS * MESSAGES);
    assert_int_equal(life.out_of_order, 0);
}

/* Posts the next of two, so that it comes while the inbox is being emptied, and then one after the other. */
struct chain {
    struct message message; /* first */
    struct worker *worker;
    atomic_uint *ran;
    unsigned left;
};

static void run_chain(struct message *message, struct loop *loop, unsigned index)
{
    struct chain *chain = (struct chain *)message;
    (void)loop;
    (void)index;
    bool is_last = chain->left-- == 0;
    atomic_fetch_add(chain->ran, 1); /* after the last one the chain may be gone */
    if (!is_last)
        worker_post(chain->worker, &chain->message);
}

static void test_a_message_may_post_another(void **state)
{
    (void)state;
    struct life life = {0};
    atomic_uint ran = 0;
    struct worker *worker = start(&life, 0);
    struct chain chain = {{.run = run_chain}, worker, &ran, 100};
    worker_post(worker, &chain.message);
    while (atomic_load(&ran) < 101)
        sched_yield();
    worker_join(worker);
    assert_int_equal(atomic_load(&ran), 101);
}

static void stop_from_inside(struct message *message, struct loop *loop, unsigned index)
{
    (void)message;
    (void)index;
    loop_stop(loop);
}

static void test_what_is_posted_to_a_stopped_worker_still_runs(void **state)
{
    (void)state;
    struct life life = {0};
    struct worker *worker = start(&life, 0);
    struct message stop = {.run = stop_from_inside};
    worker_post(worker, &stop);
    for (unsigned i = 0; i < MESSAGES; i++)
        worker_post(worker, &notes[0][i].message);
    worker_join(worker);
    assert_int_equal(life.ran, MESSAGES); /* each has an owner that frees it */
    assert_int_equal(life.out_of_order, 0);
}

static void test_a_worker_may_start_and_stop_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        struct life life = {0};
        struct err err;
        struct worker *worker = worker_start(&ops, i, &life, &err);
        assert_non_null(worker);
        worker_join(worker);
        assert_true(life.is_started && life.is_stopped);
    }
}

static void wait_for_timer(struct message *message, struct loop *loop, unsigned index)
{
    struct note *note = (struct note *)message;
    (void)loop;
    (void)index;
    note->life->ran += note->life->has_fired;
}

static void test_timers_run_beside_messages(void **state)
{
    (void)state;
    struct life life = {0};
    struct worker *worker = start(&life, 0);
    struct note note = {{.run = wait_for_timer}, &life, 0, 0};
    bool has_fired = false;
    for (int i = 0; i < 10000 && !has_fired; i++) { /* each in a turn of its own */
        atomic_uint ran = 0;
        struct chain chain = {{.run = run_chain}, worker, &ran, 0};
        worker_post(worker, &note.message);
        worker_post(worker, &chain.message);
        while (!atomic_load(&ran))
            sched_yield();
        has_fired = life.ran > 0;
    }
    worker_join(worker);
    assert_true(life.has_fired);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_run_in_the_order_of_posting),
        cmocka_unit_test(test_each_poster_s_messages_stay_in_order),
        cmocka_unit_test(test_a_message_may_post_another),
        cmocka_unit_test(test_what_is_posted_to_a_stopped_worker_still_runs),
        cmocka_unit_test(test_a_worker_may_start_and_stop_at_once),
        cmocka_unit_test(test_timers_run_beside_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
