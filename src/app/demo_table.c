/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_table.h"

#include "admin/text.h"

#include <stddef.h>
#include <stdio.h>

#define NS_PER_S 1000000000ull
#define BROKEN_LOOKS 8 /* unequal in a row */

struct demo_clock demo_clock(uint64_t ns)
{
    struct demo_clock clock;
    uint64_t seconds = ns / NS_PER_S;
    snprintf(clock.ptr, sizeof(clock.ptr), "%llu:%02llu", (unsigned long long)(seconds / 60),
             (unsigned long long)(seconds % 60));
    return clock;
}

struct demo_clock demo_span(uint64_t ns)
{
    struct demo_clock span;
    uint64_t tenths = (ns + NS_PER_S / 20) / (NS_PER_S / 10);
    if (tenths >= 1000)
        return demo_clock(ns);
    snprintf(span.ptr, sizeof(span.ptr), "%llu.%llu s", (unsigned long long)(tenths / 10),
             (unsigned long long)(tenths % 10));
    return span;
}

/* ---- equations ---- */

#define MAX_TERMS 6

/* A sum and its terms, each a column. */
static const struct term {
    const char *name;
    size_t offset;
    int width;
} equations[DEMO_EQUATION_COUNT][MAX_TERMS] = {
    [DEMO_MATCHED] = {{"matched", offsetof(struct demo_figures, matched), 9},
                      {"sampled out", offsetof(struct demo_figures, sampled_out), 11},
                      {"filtered", offsetof(struct demo_figures, filtered), 8},
                      {"dropped", offsetof(struct demo_figures, dropped), 8},
                      {"sent", offsetof(struct demo_figures, sent), 8},
                      {"queued", offsetof(struct demo_figures, queued), 6}},
    [DEMO_SENT] = {{"sent", offsetof(struct demo_figures, sent), 9},
                   {"completed", offsetof(struct demo_figures, completed), 11},
                   {"failed", offsetof(struct demo_figures, failed), 8},
                   {"in flight", offsetof(struct demo_figures, in_flight), 9},
                   {NULL, 0, 0}},
};

static uint64_t term_value(const struct term *term, const struct demo_figures *figures)
{
    return *(const uint64_t *)(const void *)((const char *)figures + term->offset);
}

void demo_equation_names(enum demo_equation equation, struct strbuf *page)
{
    for (size_t i = 0; i < MAX_TERMS && equations[equation][i].name; i++) {
        const struct term *term = &equations[equation][i];
        strbuf_add(page, i == 0 ? STR("  ") : i == 1 ? STR(" = ") : STR(" + "));
        text_add_cell(page, str_from_c(term->name), -term->width);
    }
}

void demo_equation_values(enum demo_equation equation, const struct demo_figures *figures, struct strbuf *page)
{
    int columns = 0, all = 0;
    for (size_t i = 0; i < MAX_TERMS; i++)
        all += equations[DEMO_MATCHED][i].width + 3;
    for (size_t i = 0; i < MAX_TERMS && equations[equation][i].name; i++) {
        const struct term *term = &equations[equation][i];
        strbuf_add(page, i == 0 ? STR("  ") : STR("   "));
        text_add_cell(page, str_from_c(text_count(term_value(term, figures)).ptr), -term->width);
        columns += term->width + 3;
    }
    strbuf_printf(page, "%*s", all - columns + 2, "");
}

bool demo_equation_holds(enum demo_equation equation, const struct demo_figures *figures)
{
    uint64_t sum = 0;
    for (size_t i = 1; i < MAX_TERMS && equations[equation][i].name; i++)
        sum += term_value(&equations[equation][i], figures);
    return sum == term_value(&equations[equation][0], figures);
}

enum demo_verdict demo_verdict(const struct demo_record *record, enum demo_equation equation)
{
    size_t kept = record->look_count < DEMO_LOOKS ? record->look_count : DEMO_LOOKS, unequal = 0;
    while (unequal < kept && unequal < BROKEN_LOOKS &&
           !demo_equation_holds(equation, &record->looks[(record->look_count - 1 - unequal) % DEMO_LOOKS].gateway))
        unequal++;
    return unequal == 0 ? VERDICT_HOLDS : unequal < BROKEN_LOOKS ? VERDICT_MOVING : VERDICT_BROKEN;
}

/* ---- reasons ---- */

/* One group of reasons, those that are not 0. */
static void add_reasons(struct strbuf *page, const char *group, const uint64_t *counts, size_t count,
                        const char *(*name)(size_t index))
{
    bool is_first = true;
    for (size_t i = 0; i < count; i++) {
        if (!counts[i])
            continue;
        strbuf_printf(page, "%s%s%s %s", is_first ? group : "", is_first ? ": " : ", ", name(i),
                      text_count(counts[i]).ptr);
        is_first = false;
    }
}

static const char *filtered_at(size_t i)
{
    return filtered_name((enum filtered)i);
}

static const char *dropped_at(size_t i)
{
    return dropped_name((enum dropped)i);
}

static const char *failed_at(size_t i)
{
    return failed_name((enum failed)i);
}

void demo_reasons(const struct demo_figures *figures, const char *between, struct strbuf *page)
{
    if (figures->failed)
        add_reasons(page, "failed", figures->failed_by, FAILED_COUNT, failed_at);
    if (figures->failed && figures->dropped)
        strbuf_add(page, str_from_c(between));
    if (figures->dropped)
        add_reasons(page, "dropped", figures->dropped_by, DROPPED_COUNT, dropped_at);
    if (figures->filtered && (figures->failed || figures->dropped))
        strbuf_add(page, str_from_c(between));
    if (figures->filtered)
        add_reasons(page, "filtered", figures->filtered_by, FILTERED_COUNT, filtered_at);
    if (!figures->failed && !figures->dropped && !figures->filtered)
        strbuf_add(page, STR("nothing failed, dropped or filtered"));
}

/* ---- conditions ---- */

enum {
    NAME_WIDTH = 10,
    TIME_WIDTH = 7,
    RATE_WIDTH = 8,
    ERROR_WIDTH = 8,
    MS_WIDTH = 8,
    COPY_WIDTH = 10,
    LOST_WIDTH = 9
};

static void add_cells(struct strbuf *page, const char *const cells[9])
{
    static const int widths[] = {NAME_WIDTH, -TIME_WIDTH, -RATE_WIDTH, -ERROR_WIDTH, -MS_WIDTH,
                                 -MS_WIDTH,  -COPY_WIDTH, -LOST_WIDTH, -LOST_WIDTH};
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
        text_add_cell(page, str_from_c(cells[i]), widths[i]);
}

void demo_row_names(struct strbuf *page)
{
    static const char *const names[] = {"shadow", "for",       "live/s", "errors", "p50 ms",
                                        "p99 ms", "completed", "failed", "dropped"};
    strbuf_add(page, STR("  "));
    add_cells(page, names);
}

void demo_row(const char *name, const struct demo_row *row, struct strbuf *page)
{
    if (row->ns == 0) {
        static const char *const nothing[] = {"-", "-", "-", "-", "-", "-", "-", "-"};
        const char *cells[9] = {name};
        memcpy(&cells[1], nothing, sizeof(nothing));
        add_cells(page, cells);
        return;
    }
    struct text rate = text_rate((double)row->answered * (double)NS_PER_S / (double)row->ns);
    struct text errors = text_count(row->errors);
    struct text p50 = text_ms(latency_quantile_ms(row->latency, 0.50));
    struct text p99 = text_ms(latency_quantile_ms(row->latency, 0.99));
    struct text completed = text_count(row->completed), failed = text_count(row->failed);
    struct text dropped = text_count(row->dropped);
    struct demo_clock span = demo_span(row->ns);
    add_cells(page, (const char *const[]){name, span.ptr, rate.ptr, errors.ptr, p50.ptr, p99.ptr, completed.ptr,
                                          failed.ptr, dropped.ptr});
}
