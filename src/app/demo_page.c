/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_page.h"

#include "admin/text.h"
#include "app/demo_curve.h"
#include "app/demo_shop.h"
#include "app/demo_table.h"

#define INDENT 10        /* of what stands right of LIVE and SHADOW */
#define LABEL_WIDTH 17   /* "127.0.0.1:40123" */
#define ROOMY_ROWS 30    /* from here on there is room for what else may be of use */
#define FIXED_ROWS 13    /* all but verdicts, conditions and gaps */
#define LEAST_VERDICTS 4 /* two lines of verdicts, two for the first reason */
#define SMALL_VERDICTS 6
#define MOST_VERDICTS 14
#define ROOMY_VERDICTS 7 /* from here on the clean one says why, too */
#define MORE_ROWS 8      /* planted faults, what to try, some lines of the log */

#define PLAIN "\x1b[0m"
#define BOLD "\x1b[1m"
#define DIM "\x1b[2m"
#define RED "\x1b[31m"
#define GREEN "\x1b[32m"
#define YELLOW "\x1b[33m"

static void style(const struct demo_view *view, struct strbuf *page, const char *code)
{
    if (view->has_colour)
        strbuf_add(page, str_from_c(code));
}

static void styled(const struct demo_view *view, struct strbuf *page, const char *code, struct str text)
{
    style(view, page, code);
    text_add_clean(page, text);
    style(view, page, PLAIN);
}

static void blank(struct strbuf *page, int columns)
{
    strbuf_printf(page, "%*s", columns, "");
}

static void end_line(struct strbuf *page)
{
    strbuf_add_char(page, '\n');
}

/* ---- head ---- */

static void add_head(const struct demo_view *view, struct strbuf *page)
{
    struct demo_clock clock = demo_clock(view->elapsed_ns);
    size_t used = 1 + 10 + 2 + 8 + view->gateway.len + 2 + 6 + view->admin.len;
    strbuf_add_char(page, ' ');
    styled(view, page, BOLD, STR("umbra demo"));
    styled(view, page, DIM, STR("  gateway "));
    text_add_clean(page, view->gateway);
    styled(view, page, DIM, STR("  admin "));
    text_add_clean(page, view->admin);
    text_add_cell(page, str_from_c(clock.ptr), view->columns > used + 1 ? -(int)(view->columns - used - 1) : -6);
    end_line(page);
}

/* ---- live ---- */

static void add_value(const struct demo_view *view, struct strbuf *page, struct text value, const char *unit)
{
    styled(view, page, BOLD, str_from_c(value.ptr));
    strbuf_add(page, str_from_c(unit));
}

static void add_live(const struct demo_view *view, struct strbuf *page)
{
    const struct load_sample *load = &demo_record_newest(view->record)->load;
    struct demo_now now = demo_record_now(view->record);
    strbuf_add_char(page, ' ');
    styled(view, page, BOLD, STR("LIVE     "));
    add_value(view, page, text_rate(now.requests), " requests/s    ");
    style(view, page, load->error_sum ? RED : GREEN);
    strbuf_printf(page, "%s %s", text_count(load->error_sum).ptr, load->error_sum == 1 ? "error" : "errors");
    style(view, page, PLAIN);
    strbuf_add(page, STR("    p50 "));
    add_value(view, page, text_ms(now.p50_ms), " ms    p99 ");
    add_value(view, page, text_ms(now.p99_ms), " ms");
    end_line(page);
}

static void add_curve(const struct demo_view *view, struct strbuf *page, const char *label, enum demo_curve curve)
{
    style(view, page, DIM);
    text_add_cell(page, str_from_c(label), INDENT);
    style(view, page, PLAIN);
    style(view, page, curve == CURVE_P99 ? GREEN : YELLOW);
    curve_add(page, view->record, curve, view->rate, view->columns - INDENT - 1, view->has_utf8);
    style(view, page, PLAIN);
    end_line(page);
}

/* ---- shadow ---- */

static const char *condition_colour(enum demo_condition condition)
{
    return condition == DEMO_HEALTHY ? GREEN : condition == DEMO_OFF ? YELLOW : RED;
}

static void add_breaker(const struct demo_figures *gateway, struct strbuf *page)
{
    static const char *const states[] = {"closed", "open", "half open"};
    strbuf_printf(page, "breaker %s", states[gateway->breaker]);
    if (gateway->breaker == BREAKER_OPEN)
        strbuf_printf(page, " for %llu.%llu s", (unsigned long long)(gateway->probe_ms / 1000),
                      (unsigned long long)(gateway->probe_ms / 100 % 10));
}

static void add_shadow(const struct demo_view *view, struct strbuf *page)
{
    const struct demo_figures *gateway = &demo_record_newest(view->record)->gateway;
    enum demo_condition condition = view->record->condition;
    strbuf_add_char(page, ' ');
    styled(view, page, BOLD, STR("SHADOW   "));
    style(view, page, condition_colour(condition));
    strbuf_printf(page, "%s %s", view->has_utf8 ? "●" : "*", demo_condition_name(condition));
    style(view, page, PLAIN);
    strbuf_add(page, STR("  "));
    styled(view, page, DIM, str_from_c(demo_condition_words(condition)));
    end_line(page);
    blank(page, INDENT);
    add_value(view, page, text_rate(demo_record_now(view->record).copies), " copies/s   ");
    add_breaker(gateway, page);
    strbuf_printf(page, "   budget %s of %s", text_bytes(gateway->budget_used).ptr,
                  text_bytes(gateway->budget_limit).ptr);
    end_line(page);
}

/* ---- equations ---- */

static void add_verdict(const struct demo_view *view, struct strbuf *page, enum demo_verdict verdict)
{
    static const char *const words[] = {"holds", "moving", "does not hold"};
    static const char *const marks[] = {"✓ ", "… ", "✗ "};
    static const char *const colours[] = {GREEN, YELLOW, RED};
    style(view, page, colours[verdict]);
    strbuf_printf(page, "%s%s", view->has_utf8 ? marks[verdict] : "", words[verdict]);
    style(view, page, PLAIN);
    end_line(page);
}

static void add_equations(const struct demo_view *view, struct strbuf *page)
{
    struct strbuf reasons = STRBUF_INIT;
    const struct demo_figures *gateway = &demo_record_newest(view->record)->gateway;
    for (enum demo_equation equation = 0; equation < DEMO_EQUATION_COUNT; equation++) {
        style(view, page, DIM);
        demo_equation_names(equation, page);
        style(view, page, PLAIN);
        end_line(page);
        demo_equation_values(equation, gateway, page);
        add_verdict(view, page, demo_verdict(view->record, equation));
    }
    demo_reasons(gateway, "   ", &reasons);
    strbuf_add(page, STR("  "));
    style(view, page, DIM);
    text_add_cell(page, strbuf_str(&reasons), (int)view->columns - 3);
    style(view, page, PLAIN);
    end_line(page);
    strbuf_deinit(&reasons);
}

/* ---- conditions ---- */

static void add_conditions(const struct demo_view *view, bool is_short, struct strbuf *page)
{
    const struct demo_record *record = view->record;
    style(view, page, DIM);
    demo_row_names(page);
    style(view, page, PLAIN);
    end_line(page);
    for (enum demo_condition condition = 0; condition < DEMO_CONDITION_COUNT; condition++) {
        bool is_now = condition == record->condition, is_seen = record->rows[condition].ns > 0;
        if (is_short && !is_now && !is_seen)
            continue;
        style(view, page, is_now ? BOLD : is_seen ? PLAIN : DIM);
        strbuf_printf(page, " %s", !is_now ? " " : view->has_utf8 ? "▸" : ">");
        demo_row(demo_condition_name(condition), &record->rows[condition], page);
        style(view, page, PLAIN);
        end_line(page);
    }
}

/* ---- verdicts ---- */

static void add_verdict_line(const struct demo_view *view, size_t shadow, bool is_alone, struct strbuf *page)
{
    static const char *const marks[] = {"✓ ", "✗ ", "… "};
    static const char *const colours[] = {GREEN, RED, YELLOW};
    const struct demo_judgement *judgement = view->verdicts.judgement;
    const struct demo_judged *judged = &judgement->shadows[shadow];
    struct str label = view->verdicts.labels[shadow];
    struct strbuf rest = STRBUF_INIT;
    unsigned used = INDENT + 7 + LABEL_WIDTH;
    styled(view, page, BOLD, shadow == 0 ? STR(" VERDICT  ") : STR("          "));
    text_add_cell(page, str_from_c(demo_shadow_name(shadow)), 7);
    text_add_cell(page, label, LABEL_WIDTH);
    if (judged->is_there) {
        style(view, page, colours[judged->kind]);
        strbuf_printf(page, "%s%s", view->has_utf8 ? marks[judged->kind] : "", verdict_name(judged->kind));
        style(view, page, PLAIN);
        strbuf_add(page, STR("  "));
        used += (view->has_utf8 ? 2 : 0) + (unsigned)strlen(verdict_name(judged->kind)) + 2;
    }
    if (!judged->is_there)
        strbuf_add(&rest, judgement->trouble[0] ? str_from_c(judgement->trouble) : STR("nothing was compared yet"));
    else if (is_alone && judged->kind != VERDICT_PASS && judged->reason_count)
        strbuf_add(&rest, str_from_c(judged->reasons[0]));
    else
        demo_judged_numbers(judged, &rest);
    text_add_cell(page, strbuf_str(&rest), view->columns > used ? (int)(view->columns - used) : 1);
    end_line(page);
    strbuf_deinit(&rest);
}

/* As many lines whatever there is to say, so that nothing below moves. */
static void add_verdicts(const struct demo_view *view, unsigned rows, struct strbuf *page)
{
    const struct demo_judgement *judgement = view->verdicts.judgement;
    size_t width = view->columns - INDENT - 3, clean_rows = rows >= ROOMY_VERDICTS, used = 2;
    add_verdict_line(view, 0, false, page);
    style(view, page, DIM);
    used += demo_judged_reasons(&judgement->shadows[0], rows - 2 - clean_rows, INDENT + 2, width, page);
    style(view, page, PLAIN);
    add_verdict_line(view, 1, clean_rows == 0, page);
    style(view, page, DIM);
    used += demo_judged_reasons(&judgement->shadows[1], clean_rows, INDENT + 2, width, page);
    style(view, page, PLAIN);
    for (; used < rows; used++)
        end_line(page);
}

/* ---- what else there is room for ---- */

/* What was done, else why a healthy shadow gets no copies yet. */
static void add_notice(const struct demo_view *view, struct strbuf *page)
{
    const struct demo_figures *gateway = &demo_record_newest(view->record)->gateway;
    bool is_recovering = view->record->condition == DEMO_HEALTHY && gateway->breaker != BREAKER_CLOSED;
    struct str notice = view->notice;
    if (notice.len == 0 && is_recovering)
        notice = STR("The shadow is back; once a probe succeeds the breaker closes and copies go again.");
    strbuf_add_char(page, ' ');
    style(view, page, YELLOW);
    text_add_cell(page, notice, (int)view->columns - 2);
    style(view, page, PLAIN);
    end_line(page);
}

/* Returns how many lines these are. */
static unsigned add_faults(const struct demo_view *view, struct strbuf *page)
{
    end_line(page);
    styled(view, page, BOLD, STR(" PLANTED"));
    blank(page, INDENT - 8);
    demo_faults_add(view->verdicts.judgement, INDENT, view->columns - INDENT - 1, page);
    return 1 + SHOP_FAULTS;
}

static unsigned add_try(const struct demo_view *view, struct strbuf *page)
{
    styled(view, page, BOLD, STR(" TRY"));
    blank(page, INDENT - 4);
    strbuf_printf(page, "curl -i %.*s/items/25\n", STR_ARG(view->gateway));
    blank(page, INDENT);
    strbuf_printf(page, "umbra top --admin %.*s\n", STR_ARG(str_slice(view->admin, 7, view->admin.len)));
    return 2;
}

static void add_log(const struct demo_view *view, unsigned rows, struct strbuf *page)
{
    end_line(page);
    for (unsigned i = 0; i < DEMO_PAGE_LOG && i + 1 < rows && view->log[i].ptr; i++) {
        styled(view, page, BOLD, i == 0 ? STR(" LOG") : STR("    "));
        blank(page, INDENT - 4);
        style(view, page, DIM);
        text_add_cell(page, view->log[i], (int)view->columns - INDENT - 1);
        style(view, page, PLAIN);
        end_line(page);
    }
}

static void add_more(const struct demo_view *view, unsigned rows, struct strbuf *page)
{
    rows -= rows > SHOP_FAULTS ? add_faults(view, page) : 0;
    rows -= rows > 1 ? add_try(view, page) : 0;
    if (rows > 1)
        add_log(view, rows, page);
}

/* ---- what goes where ---- */

/* Lines between the parts, of those that there is room for. */
enum gap { GAP_SHADOW, GAP_VERDICTS, GAP_EQUATIONS, GAP_CONDITIONS, GAP_LIVE, GAP_COUNT };
struct layout {
    bool is_roomy;
    unsigned verdict_rows, gaps, more_rows;
};

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static struct layout lay_out(const struct demo_view *view)
{
    struct layout layout = {.is_roomy = view->rows >= ROOMY_ROWS, .verdict_rows = LEAST_VERDICTS};
    unsigned conditions = 0;
    for (enum demo_condition i = 0; i < DEMO_CONDITION_COUNT; i++)
        conditions += layout.is_roomy || i == view->record->condition || view->record->rows[i].ns > 0;
    unsigned used = FIXED_ROWS + conditions + layout.verdict_rows;
    unsigned rest = view->rows > used ? view->rows - used : 0;
    unsigned most = layout.is_roomy ? MOST_VERDICTS : SMALL_VERDICTS;
    layout.gaps = least(rest, layout.is_roomy ? GAP_COUNT : GAP_CONDITIONS);
    rest -= layout.gaps;
    unsigned extra = layout.is_roomy ? rest - least(rest, MORE_ROWS) : rest;
    layout.verdict_rows += least(extra, most - LEAST_VERDICTS);
    layout.more_rows = layout.is_roomy ? rest - (layout.verdict_rows - LEAST_VERDICTS) : 0;
    return layout;
}

static void add_gap(const struct layout *layout, enum gap gap, struct strbuf *page)
{
    if (gap < layout->gaps)
        end_line(page);
}

void demo_page(const struct demo_view *view, struct strbuf *page)
{
    struct layout layout = lay_out(view);
    add_head(view, page);
    add_gap(&layout, GAP_LIVE, page);
    add_live(view, page);
    add_curve(view, page, "   p99", CURVE_P99);
    add_gap(&layout, GAP_SHADOW, page);
    add_shadow(view, page);
    add_curve(view, page, "   copies", CURVE_COPIES);
    add_gap(&layout, GAP_VERDICTS, page);
    add_verdicts(view, layout.verdict_rows, page);
    add_gap(&layout, GAP_EQUATIONS, page);
    add_equations(view, page);
    add_gap(&layout, GAP_CONDITIONS, page);
    add_conditions(view, !layout.is_roomy, page);
    add_notice(view, page);
    add_more(view, layout.more_rows, page);
}

void demo_page_keys(const struct demo_view *view, struct strbuf *page)
{
    static const struct {
        const char *key, *word;
        enum demo_condition condition;
    } keys[] = {
        {"k", "kill", DEMO_KILLED},    {"h", "hang", DEMO_HUNG},       {"s", "slow", DEMO_SLOW},
        {"g", "garble", DEMO_GARBLED}, {"r", "restore", DEMO_HEALTHY}, {"m", "mirror off/on", DEMO_OFF},
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        strbuf_add_char(page, ' ');
        styled(view, page, BOLD, str_from_c(keys[i].key));
        strbuf_add_char(page, ' ');
        styled(view, page, DIM, str_from_c(keys[i].word));
        strbuf_add_char(page, ' ');
    }
    strbuf_add_char(page, ' ');
    styled(view, page, BOLD, STR("q"));
    strbuf_add_char(page, ' ');
    styled(view, page, DIM, STR("quit"));
}

/* ---- without a terminal ---- */

void demo_page_say(const struct demo_view *view, struct demo_said *said, uint64_t now_ns, struct strbuf *page)
{
    struct demo_clock clock = demo_clock(view->elapsed_ns);
    struct strbuf cell = STRBUF_INIT;
    text_add_cell(&cell, str_from_c(clock.ptr), -5);
    demo_verdicts_say(&view->verdicts, said, now_ns, strbuf_str(&cell), page);
    strbuf_deinit(&cell);
}

void demo_line(const struct demo_view *view, struct strbuf *page)
{
    const struct demo_look *look = demo_record_newest(view->record);
    const struct demo_figures *gateway = &look->gateway;
    struct demo_now now = demo_record_now(view->record);
    struct demo_clock clock = demo_clock(view->elapsed_ns);
    text_add_cell(page, str_from_c(clock.ptr), -5);
    strbuf_add(page, STR("  "));
    text_add_cell(page, str_from_c(demo_condition_name(view->record->condition)), 10);
    strbuf_printf(page, " live %s/s, %s errors, p50 %s, p99 %s ms", text_rate(now.requests).ptr,
                  text_count(look->load.error_sum).ptr, text_ms(now.p50_ms).ptr, text_ms(now.p99_ms).ptr);
    strbuf_printf(page, " | copies %s/s, %s completed, %s failed, %s dropped, %s in flight", text_rate(now.copies).ptr,
                  text_count(gateway->completed).ptr, text_count(gateway->failed).ptr, text_count(gateway->dropped).ptr,
                  text_count(gateway->in_flight).ptr);
    bool is_equal = demo_verdict(view->record, DEMO_MATCHED) == VERDICT_HOLDS &&
                    demo_verdict(view->record, DEMO_SENT) == VERDICT_HOLDS;
    strbuf_printf(page, " | equations %s | ", is_equal ? "hold" : "moving");
    add_breaker(gateway, page);
    strbuf_printf(page, " | budget %s\n", text_bytes(gateway->budget_used).ptr);
}

void demo_summary(const struct demo_view *view, struct strbuf *page)
{
    const struct demo_record *record = view->record;
    const struct demo_look *look = demo_record_newest(record);
    strbuf_printf(page, "umbra demo: %s requests in %s s, %s errors", text_count(look->load.begun).ptr,
                  text_count(view->elapsed_ns / 1000000000u).ptr, text_count(look->load.error_sum).ptr);
    for (size_t i = 0; i < LOAD_ERROR_COUNT; i++) {
        if (look->load.errors[i])
            strbuf_printf(page, ", %s %s", load_error_name((enum load_error)i), text_count(look->load.errors[i]).ptr);
    }
    strbuf_add(page, STR("\n\n"));
    demo_row_names(page);
    end_line(page);
    for (enum demo_condition condition = 0; condition < DEMO_CONDITION_COUNT; condition++) {
        if (record->rows[condition].ns == 0)
            continue;
        strbuf_add(page, STR("  "));
        demo_row(demo_condition_name(condition), &record->rows[condition], page);
        end_line(page);
    }
    end_line(page);
    for (enum demo_equation equation = 0; equation < DEMO_EQUATION_COUNT; equation++) {
        demo_equation_names(equation, page);
        end_line(page);
        demo_equation_values(equation, &look->gateway, page);
        strbuf_printf(page, "%s\n", demo_equation_holds(equation, &look->gateway) ? "holds" : "does not hold");
    }
    strbuf_add(page, STR("  "));
    demo_reasons(&look->gateway, "\n  ", page);
    strbuf_add(page, STR("\n\n  "));
    text_add_cell(page, STR("planted"), DEMO_FAULT_WIDTH);
    strbuf_add(page, STR("found\n  "));
    demo_faults_add(view->verdicts.judgement, 2, 0, page);
    end_line(page);
    demo_verdicts_add(&view->verdicts, page);
}
