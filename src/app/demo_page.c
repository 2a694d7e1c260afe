/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_page.h"

#include "admin/text.h"
#include "app/demo_curve.h"
#include "app/demo_shop.h"
#include "app/demo_table.h"

#define INDENT 10     /* of what stands right of LIVE and SHADOW */
#define ROOMY_ROWS 30 /* from here on there is room for what else may be of use */

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

static void add_conditions(const struct demo_view *view, struct strbuf *page)
{
    const struct demo_record *record = view->record;
    style(view, page, DIM);
    demo_row_names(page);
    style(view, page, PLAIN);
    end_line(page);
    for (enum demo_condition condition = 0; condition < DEMO_CONDITION_COUNT; condition++) {
        bool is_now = condition == record->condition, is_seen = record->rows[condition].ns > 0;
        style(view, page, is_now ? BOLD : is_seen ? PLAIN : DIM);
        strbuf_printf(page, " %s", !is_now ? " " : view->has_utf8 ? "▸" : ">");
        demo_row(demo_condition_name(condition), &record->rows[condition], page);
        style(view, page, PLAIN);
        end_line(page);
    }
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

static void add_more(const struct demo_view *view, struct strbuf *page)
{
    end_line(page);
    styled(view, page, BOLD, STR(" PLANTED"));
    blank(page, INDENT - 8);
    for (size_t i = 0; shop_planted_faults[i]; i++)
        strbuf_printf(page, "%s%s", i == 0 ? "" : " - ", shop_planted_faults[i]);
    end_line(page);
    styled(view, page, BOLD, STR(" TRY"));
    blank(page, INDENT - 4);
    strbuf_printf(page, "curl -i %.*s/items/25\n", STR_ARG(view->gateway));
    blank(page, INDENT);
    strbuf_printf(page, "umbra top --admin %.*s\n", STR_ARG(str_slice(view->admin, 7, view->admin.len)));
    end_line(page);
    for (size_t i = 0; i < DEMO_PAGE_LOG && view->log[i].ptr; i++) {
        styled(view, page, BOLD, i == 0 ? STR(" LOG") : STR("    "));
        blank(page, INDENT - 4);
        style(view, page, DIM);
        text_add_cell(page, view->log[i], (int)view->columns - INDENT - 1);
        style(view, page, PLAIN);
        end_line(page);
    }
}

void demo_page(const struct demo_view *view, struct strbuf *page)
{
    add_head(view, page);
    end_line(page);
    add_live(view, page);
    add_curve(view, page, "   p99", CURVE_P99);
    end_line(page);
    add_shadow(view, page);
    add_curve(view, page, "   copies", CURVE_COPIES);
    end_line(page);
    add_equations(view, page);
    end_line(page);
    add_conditions(view, page);
    add_notice(view, page);
    if (view->rows >= ROOMY_ROWS)
        add_more(view, page);
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
    end_line(page);
}
