/* SPDX-License-Identifier: Apache-2.0 */
/* The analyst process. Purpose: judge what was recorded. Rights: it reads the rings, the registry and the plan, writes the store, answers
 * control on the channel that it was handed; it has no network, executes nothing, starts no thread, and sees no file but the store's. */
#include "app/analyst.h"

#include "analyze/analyze.h"
#include "app/analyst_limits.h"
#include "app/ask.h"
#include "app/commands.h"
#include "app/log_sink.h"
#include "app/records.h"
#include "base/log.h"
#include "base/mem.h"
#include "exchange/record.h"
#include "io/timer.h"
#include "plan/check.h"

#include <time.h>
#include <unistd.h>

#define TICK_MS 100
/* Between two looks at questions: a batch of records takes about so long. */
#define BATCH_NS 5000000ull
/* Of one ring before the next one's turn. */
#define RECORDS_PER_TURN 16
/* Pairs are held so long beyond the longest timeout of a mirror. */
#define PAIR_DEADLINE_MS 60000
/* Of --analyst-memory: what waits and what is counted; the rest is for the answer in hand and for SQLite, which has its own share. */
#define ANALYZE_SHARE 2
#define STORE_SHARE 8
#define STORE_MAX_BYTES (16u * 1024 * 1024)

struct analyst {
    struct loop *loop;
    struct watch channel, wake;
    struct watch questions; /* fd -1: nobody asks */
    struct settings settings;
    struct records records;
    struct registry *registry;
    struct ring_reader *readers; /* per worker */
    unsigned next_worker;
    struct store *store;
    struct err trouble; /* of the store, as it was logged last; empty: none */
    struct analyze *analyze;
    struct answers answers;
    struct task more;
    struct timer tick;
    const struct plan *plan; /* in force; NULL: none yet */
    bool has_plan;           /* before that no record can be judged */
    bool is_finishing;       /* no record comes any more */
    int exit_code;
    struct ipc_message message;
    _Alignas(8) char record[RECORD_PART_MAX];
};

/* ---- records ---- */

/* Works on a copy: a gateway that was subverted could change the record after it was checked. */
static void handle(struct analyst *analyst, unsigned worker, struct str record)
{
    struct ring_reader *reader = &analyst->readers[worker];
    if (record.len > sizeof(analyst->record)) {
        ring_lose(reader, RING_LOST_DAMAGED, 1);
        return;
    }
    memcpy(analyst->record, record.ptr, record.len);
    switch (analyze_record(analyst->analyze, worker, (struct str){analyst->record, record.len})) {
    case ANALYZE_OK: break;
    case ANALYZE_DAMAGED: ring_lose(reader, RING_LOST_DAMAGED, 1); break;
    case ANALYZE_NO_MEMORY: ring_lose(reader, RING_LOST_MEMORY, 1); break;
    }
}

/* A few of one ring. False: there are no more. */
static bool take_from(struct analyst *analyst, unsigned worker)
{
    struct ring_reader *reader = &analyst->readers[worker];
    for (unsigned i = 0; i < RECORDS_PER_TURN; i++) {
        struct str record;
        enum ring_result result = ring_next(reader, &record);
        if (result == RING_EMPTY)
            return false;
        if (result == RING_BROKEN)
            continue;
        handle(analyst, worker, record);
        ring_done(reader);
    }
    return true;
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* Worker by worker, until the time of a batch is over. False: all rings are empty. */
static bool take_batch(struct analyst *analyst)
{
    unsigned workers = analyst->records.workers, empty = 0;
    uint64_t until_ns = monotonic_ns() + BATCH_NS;
    do {
        empty = take_from(analyst, analyst->next_worker) ? 0 : empty + 1;
        analyst->next_worker = (analyst->next_worker + 1) % workers;
    } while (empty < workers && monotonic_ns() < until_ns);
    return empty < workers;
}

/* False: a record came meanwhile. */
static bool sleep_all(struct analyst *analyst)
{
    bool is_asleep = true;
    for (unsigned i = 0; i < analyst->records.workers; i++)
        is_asleep = ring_sleep(&analyst->readers[i]) && is_asleep;
    return is_asleep;
}

static void keep(struct analyst *analyst)
{
    uint64_t now_ns = loop_now_ns(analyst->loop), wall_ns = loop_wall_ns(analyst->loop);
    if (!analyze_tick(analyst->analyze, now_ns, wall_ns))
        return;
    for (unsigned i = 0; i < analyst->records.workers; i++)
        ring_saved(&analyst->readers[i]);
}

static void on_more(struct task *task)
{
    struct analyst *analyst = CONTAINER_OF(task, struct analyst, more);
    if (!analyst->has_plan)
        return;
    if (take_batch(analyst) || !sleep_all(analyst))
        loop_later(analyst->loop, task);
    else if (analyst->is_finishing)
        loop_stop(analyst->loop);
}

static void on_wake(struct watch *watch, uint32_t events)
{
    (void)events;
    struct analyst *analyst = CONTAINER_OF(watch, struct analyst, wake);
    char bytes[256];
    while (read(watch->fd, bytes, sizeof(bytes)) > 0)
        ;
    loop_later(analyst->loop, &analyst->more);
}

/* Once for each that comes, and when it is over. */
static void tell_trouble(struct analyst *analyst)
{
    const char *trouble = store_trouble(analyst->store);
    if (strcmp(trouble, analyst->trouble.text) == 0)
        return;
    if (trouble[0] != '\0')
        log_warn("%s", trouble);
    else
        log_info("the store is written again");
    (void)err_set(&analyst->trouble, "%s", trouble);
}

static void on_tick(struct timer *timer)
{
    struct analyst *analyst = CONTAINER_OF(timer, struct analyst, tick);
    analyst_is_alive();
    keep(analyst);
    tell_trouble(analyst);
    answers_tick(&analyst->answers);
    timer_arm(analyst->loop, timer, TICK_MS);
}

/* ---- messages ---- */

static void stop_questions(struct analyst *analyst)
{
    if (analyst->questions.fd < 0)
        return;
    loop_remove(analyst->loop, &analyst->questions);
    close(analyst->questions.fd);
    analyst->questions.fd = -1;
}

static void on_question(struct watch *watch, uint32_t events)
{
    (void)events;
    struct analyst *analyst = CONTAINER_OF(watch, struct analyst, questions);
    switch (ipc_receive(watch->fd, &analyst->message)) {
    case IPC_OK:
        answers_take(&analyst->answers, &analyst->message);
        ipc_discard(&analyst->message);
        break;
    case IPC_AGAIN: break;
    case IPC_CLOSED:
    case IPC_BROKEN: stop_questions(analyst); break;
    }
}

static void take_questions(struct analyst *analyst, struct ipc_message *message)
{
    if (message->fd_count != 1)
        return;
    stop_questions(analyst);
    analyst->questions = (struct watch){.fd = message->fds[0], .on_ready = on_question};
    message->fd_count = 0;
    loop_add_shared(analyst->loop, &analyst->questions);
}

static bool put_plan(struct analyst *analyst, int fd, struct err *err)
{
    const struct plan *plan = plan_map(fd, err);
    if (!plan)
        return false;
    analyze_set_plan(analyst->analyze, plan);
    if (analyst->plan)
        plan_unmap(analyst->plan);
    analyst->plan = plan;
    return true;
}

static bool put_endpoints(struct analyst *analyst, int fd, struct err *err)
{
    const struct endpoints *endpoints = endpoints_map(fd, err);
    if (!endpoints)
        return false;
    if (analyst->plan)
        analyze_set_endpoints(analyst->analyze, analyst->plan, endpoints);
    endpoints_unmap(endpoints);
    return true;
}

static void take_plan(struct analyst *analyst, struct ipc_message *message)
{
    struct err err;
    struct ipc_parts parts = IPC_PARTS_NONE;
    uint32_t came = ipc_take_parts(message, &parts);
    bool has_plan = came >> IPC_PART_PLAN & 1, has_endpoints = came >> IPC_PART_ENDPOINTS & 1;
    if (has_plan && !put_plan(analyst, parts.fds[IPC_PART_PLAN], &err))
        log_error("a plan is refused: %s; the rules stay as they were", err.text);
    if (has_endpoints && !put_endpoints(analyst, parts.fds[IPC_PART_ENDPOINTS], &err))
        log_error("addresses are refused: %s; they stay as they were", err.text);
    ipc_close_parts(&parts);
    analyst->has_plan |= has_plan;
    loop_later(analyst->loop, &analyst->more);
}

static void on_message(struct analyst *analyst, struct ipc_message *message)
{
    switch (message->type) {
    case IPC_PLAN: take_plan(analyst, message); break;
    case IPC_ANALYST: take_questions(analyst, message); break;
    case IPC_DRAIN:
        analyst->is_finishing = true;
        loop_later(analyst->loop, &analyst->more);
        break;
    default: break; /* not an analyst's */
    }
}

static void on_channel(struct watch *watch, uint32_t events)
{
    (void)events;
    struct analyst *analyst = CONTAINER_OF(watch, struct analyst, channel);
    switch (ipc_receive(watch->fd, &analyst->message)) {
    case IPC_OK:
        on_message(analyst, &analyst->message);
        ipc_discard(&analyst->message);
        break;
    case IPC_AGAIN: break;
    case IPC_CLOSED:
    case IPC_BROKEN: /* the supervisor is gone, and this process goes with it */
        analyst->exit_code = EXIT_FAILED;
        loop_stop(analyst->loop);
        break;
    }
}

/* ---- its start ---- */

static bool take_records(struct analyst *analyst, struct ipc_message *message, struct err *err)
{
    struct ipc_records payload;
    if (analyst->records.workers || message->len != sizeof(payload))
        return err_set(err, "no rings came");
    memcpy(&payload, message->payload, sizeof(payload));
    return records_open(&analyst->records, RECORDS_FOR_ANALYST, message->fds, message->fd_count, payload.workers,
                        payload.capacity, err);
}

/* Opened before the plan is taken, so that it can be. */
static bool open_store(struct analyst *analyst, struct err *err)
{
    const struct settings *settings = &analyst->settings;
    struct err note = {""};
    uint64_t store_bytes = settings->analyst_memory / STORE_SHARE;
    analyst->store = store_open(
        &(struct store_options){
            .directory = settings->data[0] ? settings->data : NULL,
            .sample_ttl_ms = settings->sample_ttl_ms,
            .memory_bytes = store_bytes < STORE_MAX_BYTES ? store_bytes : STORE_MAX_BYTES,
        },
        &note);
    if (note.text[0])
        log_warn("%s", note.text);
    if (analyst->store)
        (void)err_set(&analyst->trouble, "%s", store_trouble(analyst->store));
    return analyst->store || err_set(err, "the analyst has no store: %s", note.text);
}

static void make_analyze(struct analyst *analyst)
{
    const struct settings *settings = &analyst->settings;
    analyst->analyze = analyze_new(&(struct analyze_options){
        .store = analyst->store,
        .registry = analyst->registry,
        .memory_bytes = settings->analyst_memory / ANALYZE_SHARE,
        .pair_deadline_ms = PAIR_DEADLINE_MS,
        .run_begin_ns = settings->begin_ns,
        .is_full_by_default = true,
    });
}

/* One of the messages that it is started with. */
static bool take_start(struct analyst *analyst, struct ipc_message *message, struct err *err)
{
    switch (message->type) {
    case IPC_SETTINGS:
        if (message->len != sizeof(analyst->settings))
            return err_set(err, "settings of another version");
        memcpy(&analyst->settings, message->payload, sizeof(analyst->settings));
        log_sink_start("analyst", &analyst->settings);
        analyst_limit(&analyst->settings);
        return true;
    case IPC_RECORDS: return take_records(analyst, message, err);
    case IPC_REGISTRY:
        analyst->registry = message->fd_count == 1 ? registry_open_readonly(message->fds[0], err) : NULL;
        if (!analyst->registry || !open_store(analyst, err))
            return false;
        make_analyze(analyst);
        return true;
    default: return err_set(err, "an unexpected message (%d) of the supervisor", (int)message->type);
    }
}

static bool take_starts(struct analyst *analyst, struct err *err)
{
    while (!analyst->registry) {
        if (!ipc_wait(IPC_FD, &analyst->message))
            return err_set(err, "the supervisor is gone");
        bool is_taken = take_start(analyst, &analyst->message, err);
        ipc_discard(&analyst->message);
        if (!is_taken)
            return false;
    }
    return analyst->records.workers > 0 || err_set(err, "no rings came");
}

static uint64_t sum_of_losses(const struct analyst *analyst)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < analyst->records.workers; i++) {
        struct ring_reader_page *page = records_page(&analyst->records, i);
        sum += atomic_load(&page->lost[RING_LOST_ANALYST]) + atomic_load(&page->lost[RING_LOST_POISON]);
    }
    return sum;
}

static bool has_been_read(const struct analyst *analyst)
{
    for (unsigned i = 0; i < analyst->records.workers; i++) {
        if (atomic_load(&records_page(&analyst->records, i)->handled) > 0)
            return true;
    }
    return false;
}

static bool open_rings(struct analyst *analyst, struct err *err)
{
    bool is_first = !analyst->settings.has_counted_before && !has_been_read(analyst);
    uint64_t lost_before = sum_of_losses(analyst);
    analyst->readers = mem_alloc(analyst->records.workers * sizeof(*analyst->readers));
    for (unsigned i = 0; i < analyst->records.workers; i++) {
        if (!records_reader(&analyst->records, i, &analyst->readers[i], err))
            return false;
    }
    analyze_begin(analyst->analyze, is_first, sum_of_losses(analyst) - lost_before);
    return true;
}

static bool analyst_start(struct analyst *analyst, struct err *err)
{
    analyst->questions.fd = -1;
    analyst->loop = loop_new(err);
    if (!analyst->loop || !take_starts(analyst, err) || !open_rings(analyst, err))
        return false;
    answers_init(&analyst->answers, analyst->loop, analyst->analyze);
    task_init(&analyst->more, on_more);
    timer_init(&analyst->tick, on_tick);
    analyst->channel = (struct watch){.fd = IPC_FD, .on_ready = on_channel};
    analyst->wake = (struct watch){.fd = analyst->records.wake, .on_ready = on_wake};
    loop_add_shared(analyst->loop, &analyst->channel);
    loop_add(analyst->loop, &analyst->wake);
    on_tick(&analyst->tick);
    return true;
}

int analyst_main(void)
{
    struct analyst *analyst = mem_alloc(sizeof(*analyst));
    struct err err;
    tzset(); /* reads /etc/localtime now, not at the first log line */
    if (analyst_start(analyst, &err)) {
        loop_run(analyst->loop);
        keep(analyst);
        answers_deinit(&analyst->answers);
    } else {
        log_error("%s", err.text);
        analyst->exit_code = EXIT_FAILED;
    }
    stop_questions(analyst);
    if (analyst->analyze)
        analyze_free(analyst->analyze);
    if (analyst->store)
        store_close(analyst->store);
    if (analyst->registry)
        registry_close(analyst->registry);
    records_close(&analyst->records);
    mem_free(analyst->readers);
    if (analyst->loop)
        loop_free(analyst->loop);
    int code = analyst->exit_code;
    mem_free(analyst);
    return code;
}
