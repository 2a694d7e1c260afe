/* SPDX-License-Identifier: Apache-2.0 */
/* capture_bench [ROUNDS]: what it costs a worker to capture an exchange of live and one shadow: 500 B heads of ten fields, 1 KiB bodies in
 * request and both answers, 64 at a time, into a ring that a reader in the same thread empties. Prints one line of JSON: CPU ns of an
 * exchange for the writer (mean, and of the fastest batch, which says more on a busy machine), and for reading and checking both
 * records. */
#include "exchange/capture.h"

#include "base/assert.h"
#include "base/mem.h"
#include "http/grpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <xxhash.h>

#define RING (1u << 20)
#define BATCH 64
#define FIELDS 10
#define BODY 1024

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct bench {
    struct registry_totals totals;
    struct ring_reader_page page;
    struct ring_writer writer;
    struct ring_reader reader;
    struct capture_sink sink;
    _Atomic uint64_t budget;
    struct head request, answer;
    struct field fields[FIELDS];
    char body[BODY];
    unsigned read;
};

/* As costly as the mirror's: an addition to a sum that workers share, and a look at it. */
static bool take(void *budget, size_t bytes)
{
    struct bench *bench = budget;
    return atomic_fetch_add_explicit(&bench->budget, bytes, memory_order_relaxed) < 1u << 30;
}

static void give(void *budget, size_t bytes)
{
    struct bench *bench = budget;
    atomic_fetch_sub_explicit(&bench->budget, bytes, memory_order_relaxed);
}

static void init(struct bench *bench)
{
    void *data = mem_alloc(ring_data_size(RING));
    ring_format(data, RING);
    ASSERT(ring_writer_open(&bench->writer, data, ring_data_size(RING), &bench->page, NULL));
    ASSERT(ring_reader_open(&bench->reader, data, ring_data_size(RING), &bench->page, NULL));
    capture_sink_init(&bench->sink, &bench->writer, &bench->totals);
    bench->sink.take = take;
    bench->sink.give = give;
    bench->sink.budget = bench;
    for (size_t i = 0; i < FIELDS; i++)
        bench->fields[i] = (struct field){.name = STR("X-Some-Header"),
                                          .value = STR("a value of thirty-seven bytes, or so")};
    for (size_t i = 0; i < BODY; i++)
        bench->body[i] = (char)(i * 31);
    bench->request = (struct head){.method = STR("POST"),
                                   .authority = STR("shop.example.com"),
                                   .target = STR("/api/v1/items/4711?full=true"),
                                   .fields = bench->fields,
                                   .field_count = FIELDS};
    bench->answer = (struct head){.status = 200, .fields = bench->fields, .field_count = FIELDS};
}

static struct capture *begin(struct bench *bench, enum record_leg leg, uint64_t number)
{
    return capture_begin(&bench->sink,
                         &(struct capture_leg){.leg = leg,
                                               .id = {1, number},
                                               .leg_id = leg,
                                               .labels = {STR("default/checkout#0"), STR("default/shop-v2:80"),
                                                          STR("default/shop-v2:80"), STR("5f3a9c")},
                                               .body_bytes = 256 * 1024});
}

/* So many at a time, as on as many connections. */
static void capture_exchanges(struct bench *bench, uint64_t first)
{
    static const struct record_end end = {.outcome = OUTCOME_COMPLETE, .grpc_status = GRPC_NONE};
    struct str body = {bench->body, BODY};
    struct capture *live[BATCH], *shadow[BATCH];
    for (unsigned i = 0; i < BATCH; i++) {
        live[i] = begin(bench, LEG_LIVE, first + i);
        shadow[i] = begin(bench, LEG_SHADOW, first + i);
        capture_request(live[i], &bench->request);
        capture_request_data(live[i], body);
    }
    for (unsigned i = 0; i < BATCH; i++) {
        capture_answer(live[i], &bench->answer);
        capture_answer_data(live[i], body);
        capture_answer(shadow[i], &bench->answer);
        capture_answer_data(shadow[i], body);
    }
    for (unsigned i = 0; i < BATCH; i++) {
        capture_end(live[i], &end);
        capture_end(shadow[i], &end);
    }
}

static void read_records(struct bench *bench)
{
    static char copy[RECORD_PART_MAX];
    struct str record;
    struct record_view view;
    while (ring_next(&bench->reader, &record) == RING_RECORD) {
        memcpy(copy, record.ptr, record.len);
        ASSERT(record_read((struct str){copy, record.len}, &view, NULL));
        ring_done(&bench->reader);
        bench->read++;
    }
}

static uint64_t hash_cost(const struct bench *bench, unsigned rounds)
{
    uint64_t sum = 0, begin_ns = now_ns();
    for (unsigned i = 0; i < rounds; i++)
        sum += XXH64(bench->body, BODY, i) + XXH64(bench->body, BODY, i + 1) + XXH64(bench->body, BODY, i + 2);
    return now_ns() - begin_ns + (sum == 1); /* or it would not be computed */
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 500000;
    struct bench *bench = mem_alloc(sizeof(*bench));
    init(bench);
    uint64_t writing = 0, reading = 0, number = 0, fastest = UINT64_MAX;
    for (unsigned i = 0; i < rounds / BATCH + 1; i++) {
        uint64_t at = now_ns();
        capture_exchanges(bench, number);
        number += BATCH;
        uint64_t written = now_ns();
        read_records(bench);
        writing += written - at;
        fastest = written - at < fastest ? written - at : fastest;
        reading += now_ns() - written;
    }
    ASSERT(bench->read == 2 * number && counter_get(&bench->totals.records) == 2 * number);
    printf("{\"exchanges\": %llu, \"capture_ns\": %llu, \"capture_fastest_ns\": %llu, \"of_which_hashing_bodies_ns\": "
           "%llu, \"read_ns\": %llu}\n",
           (unsigned long long)number, (unsigned long long)(writing / number), (unsigned long long)(fastest / BATCH),
           (unsigned long long)(hash_cost(bench, rounds) / rounds), (unsigned long long)(reading / number));
    return 0;
}
