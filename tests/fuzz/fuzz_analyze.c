/* SPDX-License-Identifier: Apache-2.0 */
/* The analyst, fed with records. The input is a sequence of steps: a byte that says which, a length of two bytes and so many bytes. */
#include "analyze/analyze.h"
#include "base/assert.h"
#include "base/mem.h"
#include "exchange/record.h"

#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECOND_NS 1000000000ull

struct run {
    struct analyze *analyze;
    uint64_t now_ns;
};

static void feed(struct run *run, struct str bytes)
{
    /* A copy of its own size, so that the sanitizer sees the first byte behind it. */
    char *copy = mem_dup(bytes.ptr, bytes.len);
    (void)analyze_record(run->analyze, bytes.len & 1, (struct str){copy, bytes.len});
    mem_free(copy);
}

/* A leg of one or two parts that the bytes choose: 8 for what it is, then target, header and body, split at NUL. */
static void feed_leg(struct run *run, struct str bytes)
{
    if (bytes.len < 8)
        return;
    const unsigned char *how = (const unsigned char *)bytes.ptr;
    struct str rest = str_slice(bytes, 8, bytes.len);
    size_t first = str_find_char(rest, '\0'),
           second = first + 1 + str_find_char(str_slice(rest, first + 1, rest.len), '\0');
    struct str target = str_slice(rest, 0, first), header = str_slice(rest, first + 1, second),
               body = str_slice(rest, second + 1, rest.len);
    struct field fields[] = {{STR("Content-Type"), how[7] & 1 ? STR("application/json") : header, FIELD_OTHER},
                             {STR("Content-Encoding"), how[7] & 2 ? STR("gzip") : STR("identity"), FIELD_OTHER},
                             {STR("x-any"), header, FIELD_OTHER}};
    struct strbuf out = STRBUF_INIT;
    enum record_leg leg = how[0] % LEG_COUNT;
    record_begin_part(&out, leg, (struct request_id){0, how[1] % 4}, leg == LEG_LIVE ? 0 : 1 + how[2] % 2, 0);
    record_add_labels(&out, &(struct record_labels){STR("r"), leg == LEG_LIVE ? STR_NONE : STR("m"), STR("b"),
                                                    how[7] & 4 ? STR("2") : STR("1")});
    if (leg == LEG_LIVE)
        record_add_request(&out, how[7] & 8 ? STR("HEAD") : STR("GET"), STR("a"), target, fields, 3);
    record_add_answer(&out, (uint16_t)(100 + how[3] * 2), fields, 3);
    record_add_body(&out, SECTION_ANSWER_BODY, body);
    bool is_split = how[7] & 16;
    if (is_split) {
        record_end_part(&out, true, false);
        feed(run, strbuf_str(&out));
        record_begin_part(&out, leg, (struct request_id){0, how[1] % 4}, leg == LEG_LIVE ? 0 : 1 + how[2] % 2,
                          how[6] % 4);
    }
    record_add_end(&out, &(struct record_end){.outcome = how[4] % OUTCOME_COUNT,
                                              .reason = how[4] >> 3,
                                              .grpc_status = how[5] % 19,
                                              .status = (uint16_t)(100 + how[3] * 2),
                                              .copies = how[6] % 5,
                                              .wall_ns = run->now_ns,
                                              .sent_ns = how[2],
                                              .end_ns = how[5] * 1000000ull,
                                              .answer_bytes = body.len + (how[7] & 32),
                                              .answer_hash = XXH64(body.ptr, body.len, 0)});
    record_end_part(&out, !is_split, true);
    feed(run, strbuf_str(&out));
    strbuf_deinit(&out);
}

static void ask(struct run *run, struct str query)
{
    static const struct str paths[] = {STR_INIT("/api/verdict"), STR_INIT("/api/tallies"), STR_INIT("/api/findings"),
                                       STR_INIT("/api/services"), STR_INIT("/api/findings/0123456789abcdef")};
    struct analyze_answer answer;
    size_t which = query.len > 0 ? (unsigned char)query.ptr[0] % (sizeof(paths) / sizeof(paths[0])) : 0;
    analyze_ask(run->analyze, paths[which], str_slice(query, 1, query.len), run->now_ns, &answer);
    ASSERT(answer.status == 200 || answer.status == 400 || answer.status == 404);
    ASSERT(answer.body.len > 0);
    strbuf_deinit(&answer.body);
}

static void step(struct run *run, unsigned what, struct str bytes)
{
    switch (what % 4) {
    case 0: feed(run, bytes); break;
    case 1: feed_leg(run, bytes); break;
    case 2: ask(run, bytes); break;
    case 3:
        run->now_ns += bytes.len * SECOND_NS / 10;
        (void)analyze_tick(run->analyze, run->now_ns, run->now_ns);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err note;
    struct store *store = store_open(&(struct store_options){.directory = NULL}, &note);
    struct run run = {.now_ns = SECOND_NS};
    run.analyze = analyze_new(&(struct analyze_options){
        .store = store, .memory_bytes = 1 << 20, .pair_deadline_ms = 5000, .is_full_by_default = true});
    (void)analyze_tick(run.analyze, run.now_ns, run.now_ns);
    for (size_t at = 0; at + 3 <= size;) {
        size_t len = data[at + 1] | (size_t)data[at + 2] << 8;
        if (len > size - at - 3)
            len = size - at - 3;
        step(&run, data[at], (struct str){(const char *)data + at + 3, len});
        at += 3 + len;
    }
    run.now_ns += 100 * SECOND_NS;
    (void)analyze_tick(run.analyze, run.now_ns, run.now_ns);
    struct strbuf text = STRBUF_INIT;
    uint64_t last = 0;
    analyze_metrics(run.analyze, &text);
    (void)analyze_events(run.analyze, &last, &text);
    strbuf_deinit(&text);
    analyze_free(run.analyze);
    store_close(store);
    return 0;
}
