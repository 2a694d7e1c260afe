/* SPDX-License-Identifier: Apache-2.0 */
/* How many pairs of answers the analyst compares per second and core: documents of several sizes, whole answers with the headers that are
 * usual. Bodies that differ in three values, bodies whose hashes settle it, and members in another order. Bytes per second show
 * whether the cost grows with the size only. docs/decisions/0024-json-is-compared-on-tapes.md quotes it. */
#include "bodies.h"

#include "compare/compare.h"
#include "http/grpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 9
#define ROUND_NS 100000000.0

static struct str make_body(const struct body_text *text)
{
    struct str body;
    body.ptr = body_new(text, &body.len);
    if (!body.ptr)
        abort();
    return body;
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
        unsigned items = sizes[i].items;
        struct str live = make_body(&(struct body_text){.items = items});
        struct str edited = make_body(&(struct body_text){.items = items, .is_edited = true});
        struct str turned = make_body(&(struct body_text){.items = items, .is_turned = true});
        char name[64];
        snprintf(name, sizeof(name), "%s, 3 values differ", sizes[i].name);
        measure(name, comparer, live, edited, false, 3);
        snprintf(name, sizeof(name), "%s, members turned", sizes[i].name);
        measure(name, comparer, live, turned, false, 0);
        snprintf(name, sizeof(name), "%s, equal hashes", sizes[i].name);
        measure(name, comparer, live, live, true, 0);
        free((char *)live.ptr);
        free((char *)edited.ptr);
        free((char *)turned.ptr);
    }
    comparer_free(comparer);
    return 0;
}
