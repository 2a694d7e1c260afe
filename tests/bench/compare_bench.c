/* SPDX-License-Identifier: Apache-2.0 */
/* How many pairs of answers the analyst compares per second and core: documents of several sizes, whole answers with the headers that are
 * usual. Bodies that differ in three values, bodies whose hashes settle it, and members in another order. Bytes per second show
 * whether the cost grows with the size only. docs/decisions/0024-json-is-compared-on-tapes.md quotes it. */
#include "base/mem.h"
#include "base/strbuf.h"
#include "compare/compare.h"
#include "http/grpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 9
#define ROUND_NS 100000000.0

/* One item of a catalogue, about 1 KiB; `edit` changes three of its values. */
static void add_item(struct strbuf *out, unsigned number, bool is_edited, bool is_turned)
{
    const char *head = "\"sku\":\"SHOE-42-BLK\",\"name\":\"Running shoe, black\"";
    strbuf_printf(out, "{\"id\":%u,", 184467 + number);
    if (!is_turned)
        strbuf_printf(out, "%s,", head);
    strbuf_printf(out,
                  "\"price\":{\"amount\":\"%s\",\"currency\":\"EUR\",\"tax\":0.19},\"stock\":12,\"available\":true,"
                  "\"tags\":[\"running\",\"shoes\",\"sale\",\"men\"],\"seller\":{\"id\":991,\"name\":\"Example Sports "
                  "GmbH\",\"rating\":4.7,\"address\":{\"street\":\"Hauptstrasse 12\",\"city\":\"Berlin\",\"zip\":"
                  "\"10115\",\"country\":\"DE\"}},\"images\":[\"https://img.example.com/p/184467/1.jpg\","
                  "\"https://img.example.com/p/184467/2.jpg\"],\"variants\":[{\"id\":1,\"size\":41,\"stock\":3,"
                  "\"sku\":\"SHOE-41-BLK\"},{\"id\":2,\"size\":42,\"stock\":5,\"sku\":\"SHOE-42-BLK\"},{\"id\":3,"
                  "\"size\":43,\"stock\":4,\"sku\":\"SHOE-43-BLK\"}],\"description\":\"A light running shoe with a "
                  "breathable mesh upper, a cushioned sole, and room for wide feet in all weathers.\","
                  "\"created\":\"2024-03-01T12:30:11Z\",\"updated\":\"2024-05-11T09:12:4%uZ\",\"request\":"
                  "\"%u-5b2d-4c8f-9a01-2b3c4d5e6f70\",\"related\":[184468,184470,184471,184480,184492],\"links\":"
                  "{\"self\":\"/products/184467\",\"reviews\":\"/products/184467/reviews\"}",
                  is_edited ? "80.10" : "79.90", 5 + is_edited, 73908176 + is_edited);
    if (is_turned)
        strbuf_printf(out, ",%s", head);
    strbuf_add_char(out, '}');
}

static struct str make_body(unsigned items, bool is_edited, bool is_turned)
{
    struct strbuf body = STRBUF_INIT;
    if (items == 1) {
        add_item(&body, 0, is_edited, is_turned);
    } else {
        strbuf_add(&body, STR("{\"items\":["));
        for (unsigned i = 0; i < items; i++) {
            strbuf_add(&body, i ? STR(",") : STR(""));
            add_item(&body, i, is_edited, is_turned);
        }
        strbuf_add(&body, STR("]}"));
    }
    struct str bytes = strbuf_str(&body);
    return (struct str){strbuf_take(&body), bytes.len};
}

static const struct field live_fields[] = {
    {STR_INIT("Content-Type"), STR_INIT("application/json"), FIELD_OTHER},
    {STR_INIT("Content-Length"), STR_INIT("1033"), FIELD_CONTENT_LENGTH},
    {STR_INIT("Cache-Control"), STR_INIT("private, max-age=0"), FIELD_OTHER},
    {STR_INIT("X-Request-Id"), STR_INIT("7f3c9a1e-5b2d-4c8f-9a01-2b3c4d5e6f70"), FIELD_OTHER},
    {STR_INIT("Vary"), STR_INIT("Accept-Encoding"), FIELD_OTHER},
    {STR_INIT("Date"), STR_INIT("Sat, 11 May 2024 09:12:45 GMT"), FIELD_DATE},
};
static const struct field other_fields[] = {
    {STR_INIT("Content-Type"), STR_INIT("application/json"), FIELD_OTHER},
    {STR_INIT("Content-Length"), STR_INIT("1034"), FIELD_CONTENT_LENGTH},
    {STR_INIT("Cache-Control"), STR_INIT("private, max-age=0"), FIELD_OTHER},
    {STR_INIT("X-Request-Id"), STR_INIT("8f3c9a1e-5b2d-4c8f-9a01-2b3c4d5e6f71"), FIELD_OTHER},
    {STR_INIT("Vary"), STR_INIT("Accept-Encoding"), FIELD_OTHER},
    {STR_INIT("Date"), STR_INIT("Sat, 11 May 2024 09:12:46 GMT"), FIELD_DATE},
};

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *name, struct comparer *comparer, struct str live_body, struct str other_body,
                    bool is_same, size_t expected)
{
    struct answer live = {.status = 200, .grpc_status = GRPC_NONE, .fields = live_fields, .field_count = 6};
    struct answer other = {.status = 200, .grpc_status = GRPC_NONE, .fields = other_fields, .field_count = 6};
    live.body = live_body;
    other.body = other_body;
    live.body_bytes = live_body.len;
    other.body_bytes = other_body.len;
    live.body_hash = 1;
    other.body_hash = is_same ? 1 : 2;
    double rates[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        double begin = now_ns(), spent = 0;
        unsigned pairs = 0;
        do {
            for (int i = 0; i < 8; i++) {
                struct differences differences;
                compare_answers(comparer, NULL, &live, &other, &differences);
                if (differences.count != expected)
                    abort();
                pairs++;
            }
            spent = now_ns() - begin;
        } while (spent < ROUND_NS);
        rates[round] = pairs / spent * 1e9;
    }
    qsort(rates, ROUNDS, sizeof(rates[0]), by_value);
    double rate = rates[ROUNDS / 2];
    printf("%-34s %9zu %12.0f %10.0f\n", name, live_body.len, rate,
           rate * (double)(live_body.len + other_body.len) / 1e6);
}

int main(void)
{
    struct comparer *comparer = comparer_new(&compare_limits_default);
    static const struct {
        const char *name;
        unsigned items;
    } sizes[] = {{"1 KiB", 1}, {"100 KiB", 100}, {"1 MiB", 1020}, {"10 MiB", 10200}};
    printf("%-34s %9s %12s %10s\n", "bodies", "bytes", "pairs/s", "MB/s");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct str live = make_body(sizes[i].items, false, false), edited = make_body(sizes[i].items, true, false);
        struct str turned = make_body(sizes[i].items, false, true);
        char name[64];
        snprintf(name, sizeof(name), "%s, 3 values differ", sizes[i].name);
        measure(name, comparer, live, edited, false, 3);
        snprintf(name, sizeof(name), "%s, members turned", sizes[i].name);
        measure(name, comparer, live, turned, false, 0);
        snprintf(name, sizeof(name), "%s, equal hashes", sizes[i].name);
        measure(name, comparer, live, live, true, 0);
        mem_free((char *)live.ptr);
        mem_free((char *)edited.ptr);
        mem_free((char *)turned.ptr);
    }
    comparer_free(comparer);
    return 0;
}
