/* SPDX-License-Identifier: Apache-2.0 */
/* analyze_bench [--rounds N] [--ms M] [--data DIRECTORY] [--row NAME]: what a pair costs the analyst: records of live and shadow as they
 * lie in the ring, through analyze_record, with a tick every 100 ms and a store in DIRECTORY (else in memory). Every row has a process
 * of its own, as an analyst has, and its turn of M ms of CPU in each round, so that rows can be compared round by round. Prints one line of JSON: by row the
 * bytes of a body, where there are many routes the µs of CPU for the first pairs of each, and of each round those for a pair. */
#include "../unit/analyze/legs_fixture.h"
#include "bodies.h"

#include "analyze/analyze.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/mem.h"
#include "plan/build.h"
#include "plan/check.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PREPARED_BYTES (8u << 20) /* of records that are written before the clock runs, and used again and again */
#define PREPARED_MOST 2048
#define PREPARED_ROUTES 10000 /* where routes are many: the same number in every such row */
#define PARTS_MOST 24         /* of a leg */
#define PART_BYTES 60000u     /* of the body */
#define TICK_NS 100000000u
#define BATCH 16
#define MEMORY ((size_t)4 << 30) /* no limit: what is left out costs nothing */
#define MIRROR "default/shop-v2:80"
#define ROUTE "default/row-%td-%u#0" /* rows share a store, and nothing in it */

struct row {
    const char *name;
    unsigned items; /* of about 1 KiB */
    bool is_same, is_large_edit, has_control;
    unsigned routes;
    bool is_of_routes;
};

/* Three values differ, or three of each item; in large documents of one item only, as far as nothing else is said. */
static const struct row rows[] = {
    {.name = "1 KiB", .items = 1, .routes = 1},
    {.name = "10 KiB", .items = 10, .routes = 1},
    {.name = "100 KiB", .items = 100, .routes = 1},
    {.name = "1 MiB", .items = 1020, .routes = 1},
    {.name = "1 MiB, all items differ", .items = 1020, .is_large_edit = true, .routes = 1},
    {.name = "1 KiB, equal", .items = 1, .is_same = true, .routes = 1},
    {.name = "1 KiB, with a control", .items = 1, .has_control = true, .routes = 1},
    {.name = "10 routes", .items = 1, .routes = 10, .is_of_routes = true},
    {.name = "1,000 routes", .items = 1, .routes = 1000, .is_of_routes = true},
    {.name = "10,000 routes", .items = 1, .routes = 10000, .is_of_routes = true},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))
#define ROUNDS_MOST 100

struct leg_records {
    struct strbuf parts[PARTS_MOST];
    unsigned count;
};

struct side {
    const struct row *row;
    struct store *store;
    struct analyze *analyze;
    struct leg_records (*pairs)[LEG_COUNT];
    size_t prepared, next;
    size_t body_bytes;
    uint64_t added;
};

/* What the processes say to each other: a byte for a turn (RUN, END), and what came of it. */
enum { RUN = 'r', END = 'e' };
struct result {
    size_t body_bytes;
    double us;
    bool is_right;
};

/* A row's process, as main sees it. */
struct turn {
    const struct row *row;
    pid_t pid;
    int ask, answer;
    size_t body_bytes;
    double first_us, us[ROUNDS_MOST];
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- records ---- */

static void write_leg(struct leg_text *text, size_t body_bytes, struct leg_records *leg)
{
    text->body_parts = (unsigned)(body_bytes / PART_BYTES);
    leg->count = text->body_parts + 1;
    ASSERT(leg->count <= PARTS_MOST);
    for (unsigned part = 0; part < leg->count; part++)
        leg_text_write(text, part, &leg->parts[part]);
}

static void prepare_pair(struct side *side, unsigned number)
{
    const struct row *row = side->row;
    char route[64], target[32];
    size_t live_bytes, shadow_bytes;
    (void)snprintf(route, sizeof(route), ROUTE, row - rows, number % row->routes);
    (void)snprintf(target, sizeof(target), "/orders/%u", number);
    struct body_text text = {.items = row->items, .first = number};
    char *live = body_new(&text, &live_bytes);
    text.is_edited = !row->is_same && (row->items == 1 || row->is_large_edit);
    text.has_one_edit = !row->is_same;
    char *shadow = body_new(&text, &shadow_bytes);
    ASSERT(live && shadow);
    struct leg_text leg = {.id = number,
                           .route = route,
                           .mirror = MIRROR,
                           .backend = "default/shop-v1:80",
                           .target = target,
                           .header = "server: shop",
                           .ms = 1 + number % 50,
                           .body = live,
                           .copies = row->has_control ? 2 : 1};
    struct leg_records *legs = side->pairs[number];
    write_leg(&leg, live_bytes, &legs[LEG_LIVE]);
    leg.leg_id = 1;
    leg.leg = LEG_CONTROL;
    if (row->has_control)
        write_leg(&leg, live_bytes, &legs[LEG_CONTROL]);
    leg.leg = LEG_SHADOW;
    leg.body = shadow;
    write_leg(&leg, shadow_bytes, &legs[LEG_SHADOW]);
    side->body_bytes = live_bytes;
    free(live);
    free(shadow);
}

/* ---- the plan ---- */

static const struct plan *make_plan(const struct row *row)
{
    struct err err;
    struct rule_comparison comparison;
    struct rule_mirror mirrors[2];
    struct rule_host host = {.host = STR("127.0.0.1"), .port = 80};
    struct rule_backend backends[] = {
        {.label = STR("default/shop-v1:80"), .hosts = &host, .host_count = 1, .revision = STR("1")},
        {.label = STR(MIRROR), .hosts = &host, .host_count = 1, .revision = STR("1")},
    };
    struct rule_weighted live = {.backend = 0, .weight = 1};
    struct rule_match match = {.path_kind = PATH_MATCH_PREFIX, .path = STR("/")};
    struct rule_listener listener = {.label = STR("edge"), .port = 80};
    struct address socket = {.family = ADDRESS_IPV4, .port = 80, .ip = {127, 0, 0, 1}};
    rule_comparison_init(&comparison);
    for (size_t i = 0; i < 2; i++) {
        rule_mirror_init(&mirrors[i]);
        mirrors[i].label = i ? STR("control") : STR(MIRROR);
        mirrors[i].backend = 1;
        mirrors[i].comparison = &comparison;
        mirrors[i].is_control = i;
    }
    struct rule_route *routes = mem_alloc(row->routes * sizeof(struct rule_route));
    struct rule_binding *bindings = mem_alloc(row->routes * sizeof(struct rule_binding));
    struct arena arena;
    arena_init(&arena, NULL, 0);
    for (unsigned i = 0; i < row->routes; i++) {
        bindings[i].host = arena_printf(&arena, "r%u.bench.local", i);
        routes[i] = (struct rule_route){.label = arena_printf(&arena, ROUTE, row - rows, i),
                                        .bindings = &bindings[i],
                                        .binding_count = 1,
                                        .matches = &match,
                                        .match_count = 1,
                                        .backends = &live,
                                        .backend_count = 1,
                                        .mirrors = mirrors,
                                        .mirror_count = row->has_control ? 2 : 1};
    }
    int fd = plan_build(&(struct rule_set){.sockets = &socket,
                                           .socket_count = 1,
                                           .listeners = &listener,
                                           .listener_count = 1,
                                           .routes = routes,
                                           .route_count = row->routes,
                                           .backends = backends,
                                           .backend_count = 2},
                        &err);
    const struct plan *plan = fd < 0 ? NULL : plan_map(fd, &err);
    if (!plan) {
        fprintf(stderr, "analyze_bench: %s\n", err.text);
        exit(2);
    }
    close(fd);
    arena_deinit(&arena);
    mem_free(routes);
    mem_free(bindings);
    return plan;
}

/* ---- a row ---- */

static void side_init(struct side *side, const struct row *row, const char *data)
{
    struct err note;
    *side = (struct side){.row = row};
    side->prepared = PREPARED_BYTES / (2048 * row->items) + 1;
    side->prepared = side->prepared > PREPARED_MOST ? PREPARED_MOST : side->prepared;
    if (row->is_of_routes)
        side->prepared = PREPARED_ROUTES;
    side->pairs = mem_alloc(side->prepared * sizeof(side->pairs[0]));
    for (unsigned i = 0; i < side->prepared; i++)
        prepare_pair(side, i);
    side->store = store_open(&(struct store_options){.directory = data}, &note);
    ASSERT(side->store);
    side->analyze = analyze_new(&(struct analyze_options){
        .store = side->store, .memory_bytes = MEMORY, .pair_deadline_ms = 60000, .is_full_by_default = true});
    const struct plan *plan = make_plan(row);
    analyze_set_plan(side->analyze, plan);
    plan_unmap(plan);
}

static void add_leg(struct side *side, const struct leg_records *leg)
{
    for (unsigned part = 0; part < leg->count; part++)
        ASSERT(analyze_record(side->analyze, 0, strbuf_str(&leg->parts[part])) == ANALYZE_OK);
}

static void add_pair(struct side *side)
{
    const struct leg_records *legs = side->pairs[side->next];
    side->next = (side->next + 1) % side->prepared;
    side->added++;
    add_leg(side, &legs[LEG_LIVE]);
    add_leg(side, &legs[LEG_SHADOW]);
    if (side->row->has_control)
        add_leg(side, &legs[LEG_CONTROL]);
}

static void tick(struct side *side)
{
    (void)analyze_tick(side->analyze, clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_REALTIME));
}

/* µs of CPU for a pair, in so many ms of it. */
static double run(struct side *side, unsigned ms)
{
    uint64_t begin_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID), now_ns = begin_ns, tick_ns = begin_ns, pairs = 0;
    do {
        for (unsigned i = 0; i < BATCH; i++)
            add_pair(side);
        pairs += BATCH;
        now_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        if (now_ns - tick_ns >= TICK_NS) {
            tick(side);
            tick_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        }
    } while (now_ns - begin_ns < ms * (uint64_t)1000000);
    return (double)(now_ns - begin_ns) / 1e3 / (double)pairs;
}

/* Every route's first pair makes its group, and looks for it in the store: µs of CPU for each, with ticks. */
static double run_first(struct side *side)
{
    uint64_t begin_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID), tick_ns = begin_ns;
    for (size_t i = 0; i < side->prepared; i++) {
        add_pair(side);
        if (i % BATCH == 0 && clock_ns(CLOCK_PROCESS_CPUTIME_ID) - tick_ns >= TICK_NS) {
            tick(side);
            tick_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        }
    }
    return (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin_ns) / 1e3 / (double)side->prepared;
}

static uint64_t sum_of(const char *metrics, const char *wanted)
{
    uint64_t sum = 0;
    for (const char *at = metrics; (at = strstr(at, wanted)); at++)
        sum += strtoull(at + strlen(wanted), NULL, 10);
    return sum;
}

/* Every pair was judged, as what it is (verdicts are up to a second behind): else the figure is of something else. */
static bool is_right(const struct side *side)
{
    struct strbuf metrics = STRBUF_INIT;
    analyze_metrics(side->analyze, &metrics);
    strbuf_add_char(&metrics, '\0');
    uint64_t judged = sum_of(metrics.ptr, "\numbra_analyst_pairs_total ");
    uint64_t same = sum_of(metrics.ptr, "result=\"same\"} "), other = sum_of(metrics.ptr, "result=\"different\"} ");
    strbuf_deinit(&metrics);
    if (judged == side->added && (side->row->is_same ? same > 0 && other == 0 : other > 0 && same == 0))
        return true;
    fprintf(stderr, "analyze_bench: %s: of %" PRIu64 " pairs %" PRIu64 " were judged, some %" PRIu64 " as the same\n",
            side->row->name, side->added, judged, same);
    return false;
}

static void side_deinit(struct side *side)
{
    analyze_free(side->analyze);
    store_close(side->store);
    for (size_t i = 0; i < side->prepared; i++) {
        for (size_t leg = 0; leg < LEG_COUNT; leg++) {
            for (unsigned part = 0; part < side->pairs[i][leg].count; part++)
                strbuf_deinit(&side->pairs[i][leg].parts[part]);
        }
    }
    mem_free(side->pairs);
}

/* ---- its process ---- */

static void reply(int fd, const struct result *result)
{
    ASSERT(write(fd, result, sizeof(*result)) == (ssize_t)sizeof(*result));
}

static void serve(const struct row *row, const char *data, unsigned ms, int asked, int answer)
{
    struct side side;
    char byte;
    side_init(&side, row, data);
    tick(&side);
    struct result result = {.us = row->is_of_routes ? run_first(&side) : run(&side, ms / 4), .is_right = true};
    result.body_bytes = side.body_bytes;
    reply(answer, &result);
    while (read(asked, &byte, 1) == 1 && byte == RUN) {
        result.us = run(&side, ms);
        reply(answer, &result);
    }
    result.is_right = is_right(&side);
    reply(answer, &result);
    side_deinit(&side);
}

static void take(struct turn *turn, struct result *result)
{
    if (read(turn->answer, result, sizeof(*result)) == (ssize_t)sizeof(*result))
        return;
    fprintf(stderr, "analyze_bench: %s: its process is gone\n", turn->row->name);
    exit(2);
}

static void begin(struct turn *turn, const struct row *row, const char *data, unsigned ms)
{
    int ask[2], answer[2];
    ASSERT(pipe(ask) == 0 && pipe(answer) == 0);
    *turn = (struct turn){.row = row, .pid = fork(), .ask = ask[1], .answer = answer[0]};
    ASSERT(turn->pid >= 0);
    if (turn->pid == 0) {
        close(ask[1]);
        close(answer[0]);
        serve(row, data, ms, ask[0], answer[1]);
        _exit(0);
    }
    close(ask[0]);
    close(answer[1]);
    struct result result;
    take(turn, &result);
    turn->first_us = row->is_of_routes ? result.us : 0;
    turn->body_bytes = result.body_bytes;
}

static double ask(struct turn *turn)
{
    struct result result;
    ASSERT(write(turn->ask, &(char){RUN}, 1) == 1);
    take(turn, &result);
    return result.us;
}

static bool end(struct turn *turn)
{
    struct result result;
    ASSERT(write(turn->ask, &(char){END}, 1) == 1);
    take(turn, &result);
    return waitpid(turn->pid, NULL, 0) == turn->pid && result.is_right;
}

static void print_row(const struct turn *turn, unsigned rounds, bool is_first)
{
    printf("%s\"%s\": {\"bytes\": %zu, \"first_us\": %.3f, \"us\": [", is_first ? "{" : ", ", turn->row->name,
           turn->body_bytes, turn->first_us);
    for (unsigned round = 0; round < rounds; round++)
        printf("%s%.3f", round ? ", " : "", turn->us[round]);
    printf("]}");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"rounds", required_argument, NULL, 'r'},
                                            {"ms", required_argument, NULL, 'm'},
                                            {"data", required_argument, NULL, 'd'},
                                            {"row", required_argument, NULL, 'o'},
                                            {0}};
    unsigned rounds = 5, ms = 500;
    const char *data = NULL, *only = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'r': rounds = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'm': ms = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'd': data = optarg; break;
        case 'o': only = optarg; break;
        default: return 2;
        }
    }
    rounds = rounds > ROUNDS_MOST ? ROUNDS_MOST : rounds;
    static struct turn turns[ROWS];
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (!only || strcmp(rows[i].name, only) == 0)
            begin(&turns[count++], &rows[i], data, ms);
    }
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t i = 0; i < count; i++)
            turns[i].us[round] = ask(&turns[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (!end(&turns[i]))
            return 2;
        print_row(&turns[i], rounds, i == 0);
    }
    puts("}");
    return 0;
}
