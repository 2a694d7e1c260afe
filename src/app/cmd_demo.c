/* SPDX-License-Identifier: Apache-2.0 */
/* umbra demo: live, a shadow with planted faults, a clean one, a real gateway between them and steady traffic, on one screen, with what
 * Umbra says of both shadows and keys that make the first suffer. The processes are in demo_stage.c, what is seen of them in demo_record.c, how it looks in demo_page.c. */
#include "app/demo_page.h"
#include "app/demo_shop.h"
#include "app/demo_stage.h"
#include "app/demo_terminal.h"
#include "app/screen.h"
#include "base/mem.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000ull
#define SCREEN_TICK_MS 250
#define LINE_TICK_MS 1000
#define START_MS 10000
#define SETTLE_MS 2500
#define LOOK_AGAIN_MS 10
#define LAST_WORD_MS 3000 /* for the verdicts of all that there was */
#define PLAY_LATEST_MS 18000
#define PLAY_AFTER_MS 1000 /* for a look at the verdicts */

struct demo {
    const struct options *options;
    struct demo_stage stage;
    struct demo_record record;
    struct demo_judgement judgement;
    struct demo_said said;
    struct screen *screen; /* NULL: a line a second */
    struct demo_terminal terminal;
    bool is_off;      /* mirroring, by the key */
    bool is_over;     /* time, user or a failure ended it */
    bool is_quit;     /* by the user */
    bool is_blind;    /* the gateway could not be asked last time; `notice` says why */
    size_t step;      /* of the play: the next one */
    uint64_t play_ns; /* when it begins; 0: not yet known */
    uint64_t started_ns, tick_ns;
    struct err notice;
    char gateway[ADDRESS_TEXT + 8], admin[ADDRESS_TEXT + 8];
};

/* What --play does, by the time since it began: once the verdicts are there, so that what it does is no part of them. The breaker doubles its wait after each failed probe; a restored shadow gets copies again
 * at the next one. */
static const struct {
    uint32_t at_ms;
    char key;
} play[] = {
    {0, 'k'},     {2500, 'r'},  {4500, 'h'},  {7000, 'r'},  {8500, 's'},  {11000, 'r'},
    {12500, 'g'}, {14500, 'r'}, {16500, 'm'}, {18000, 'm'}, {19500, 'q'},
};
#define PLAY_STEPS (sizeof(play) / sizeof(play[0]))

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
}

/* ---- showing ---- */

static struct demo_view make_view(struct demo *demo)
{
    struct demo_view view = {
        .record = &demo->record,
        .verdicts.judgement = &demo->judgement,
        .gateway = str_from_c(demo->gateway),
        .admin = str_from_c(demo->admin),
        .elapsed_ns = demo_record_newest(&demo->record)->at_ns - demo->started_ns,
        .rate = demo->options->demo.rate,
        .notice = str_from_c(demo->notice.text),
        .has_colour = demo->terminal.has_colour,
        .has_utf8 = demo->terminal.has_utf8,
    };
    demo_terminal_size(&view.rows, &view.columns);
    view.rows--; /* the keys' */
    for (size_t i = 0; i < DEMO_SHADOWS; i++)
        view.verdicts.labels[i] = str_from_c(demo->stage.labels[SHOP_SHADOW + i]);
    for (size_t i = 0; i < DEMO_PAGE_LOG; i++)
        view.log[i] = demo_log_line(&demo->stage.log, i);
    return view;
}

static bool print(struct strbuf *text)
{
    bool is_printed = fwrite(text->ptr, 1, text->len, stdout) == text->len && fflush(stdout) == 0;
    strbuf_deinit(text);
    return is_printed;
}

static void show(struct demo *demo)
{
    struct demo_view view = make_view(demo);
    struct strbuf page = STRBUF_INIT, keys = STRBUF_INIT;
    if (!demo->screen) {
        if (demo->is_blind)
            strbuf_printf(&page, "%s\n", demo->notice.text);
        else
            demo_line(&view, &page);
        demo_page_say(&view, &demo->said, now_ns(), &page);
        demo->is_over = !print(&page) || demo->is_over;
        return;
    }
    demo_page(&view, &page);
    demo_page_keys(&view, &keys);
    demo->is_over = !screen_show(demo->screen, strbuf_str(&page), strbuf_str(&keys)) || demo->is_over;
    strbuf_deinit(&page);
    strbuf_deinit(&keys);
}

/* Looks at both sides; a gateway that does not answer now is no end: control may be starting again. */
static void look(struct demo *demo)
{
    struct demo_look taken;
    demo_log_read(&demo->stage.log);
    if (demo->is_blind)
        demo->notice.text[0] = '\0';
    demo->is_blind = !demo_stage_look(&demo->stage, &taken, &demo->notice);
    if (!demo->is_blind)
        demo_record_look(&demo->record, &taken);
    demo_stage_judgement(&demo->stage, &demo->judgement);
}

static void print_start(struct demo *demo)
{
    struct strbuf text = STRBUF_INIT;
    static const char *const names[] = {"live", "shadow", "clean"};
    strbuf_printf(&text, "umbra demo: %u requests a second\n  gateway    %s\n", demo->options->demo.rate,
                  demo->gateway);
    for (size_t i = 0; i < SHOP_ROLES; i++)
        strbuf_printf(&text, "  %-10s http://%s\n", names[i], demo->stage.labels[i]);
    for (size_t i = 0; i < SHOP_FAULTS; i++)
        strbuf_printf(&text, "  %-10s %s\n", i == 0 ? "planted" : "", shop_planted_faults[i].words);
    strbuf_printf(&text, "  admin      %s/%s\n\n", demo->admin,
                  demo->stage.is_admin_elsewhere ? " (9900 is taken)" : "");
    demo->is_over = !print(&text) || demo->is_over;
}

/* ---- keys ---- */

static const struct {
    char key;
    enum demo_condition condition;
} shadow_keys[] = {
    {'k', DEMO_KILLED}, {'h', DEMO_HUNG}, {'s', DEMO_SLOW}, {'g', DEMO_GARBLED}, {'r', DEMO_HEALTHY},
};

static void update_condition(struct demo *demo)
{
    demo_record_condition(&demo->record, demo->is_off ? DEMO_OFF : demo->stage.shadow_is);
}

static void press(struct demo *demo, int key)
{
    bool is_done = true;
    demo->notice.text[0] = '\0';
    look(demo); /* what was until now belongs to the condition until now */
    if (key == 'm') {
        is_done = demo_stage_mirror(&demo->stage, !demo->is_off, &demo->notice);
        demo->is_off = is_done ? !demo->is_off : demo->is_off;
    }
    for (size_t i = 0; i < sizeof(shadow_keys) / sizeof(shadow_keys[0]); i++) {
        if (shadow_keys[i].key == key)
            is_done = demo_stage_shadow(&demo->stage, shadow_keys[i].condition, &demo->notice);
    }
    if (is_done && demo->is_off && key != 'm')
        (void)err_set(&demo->notice, "the shadow is %s; m copies to it again",
                      demo_condition_name(demo->stage.shadow_is));
    update_condition(demo);
    if (demo->screen)
        show(demo);
}

/* ---- time ---- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t end_ns(const struct demo *demo)
{
    uint64_t duration_ms = demo->options->demo.duration_ms;
    return duration_ms ? demo->started_ns + duration_ms * NS_PER_MS : UINT64_MAX;
}

static uint64_t step_ns(const struct demo *demo)
{
    bool is_last = demo->step + 1 == PLAY_STEPS;
    if (!demo->options->demo.is_play || demo->step == PLAY_STEPS || (is_last && demo->options->demo.duration_ms))
        return UINT64_MAX;
    return demo->play_ns ? demo->play_ns + play[demo->step].at_ms * NS_PER_MS : UINT64_MAX;
}

/* The play begins when all that is planted was found, or after a time. */
static void plan_play(struct demo *demo, uint64_t now)
{
    bool is_late = now >= demo->started_ns + PLAY_LATEST_MS * NS_PER_MS;
    if (demo->play_ns == 0 && (is_late || demo_judgement_is_whole(&demo->judgement)))
        demo->play_ns = now + (is_late ? 0 : PLAY_AFTER_MS * NS_PER_MS);
}

static void take_key(struct demo *demo, int key)
{
    if (key == 'q')
        demo->is_over = true;
    else
        press(demo, key);
}

/* Waits until something is due and does it. */
static void turn(struct demo *demo)
{
    uint64_t now = now_ns(), due = sooner(sooner(demo->tick_ns, step_ns(demo)), end_ns(demo));
    int key = screen_wait(demo->screen, due > now ? (int)((due - now) / NS_PER_MS) + 1 : 0);
    if (key) {
        demo->is_quit = key == 'q';
        take_key(demo, key);
        return;
    }
    now = now_ns();
    if (now >= step_ns(demo))
        take_key(demo, play[demo->step++].key);
    if (now >= end_ns(demo))
        demo->is_over = true;
    if (demo->is_over || now < demo->tick_ns)
        return;
    demo->tick_ns += (demo->screen ? SCREEN_TICK_MS : LINE_TICK_MS) * NS_PER_MS;
    if (demo->tick_ns <= now)
        demo->tick_ns = now + NS_PER_MS;
    look(demo);
    update_condition(demo);
    plan_play(demo, now);
    show(demo);
}

/* ---- the demo from its start to its end ---- */

static void add_scheme(const struct address *address, char *out, size_t size)
{
    char text[ADDRESS_TEXT];
    snprintf(out, size, "%s%s", address->family == ADDRESS_UNIX ? "" : "http://", address_format(address, text).ptr);
}

static bool wait_until_up(struct demo *demo, struct err *err)
{
    bool is_up = false;
    for (uint64_t until = now_ns() + START_MS * NS_PER_MS; !is_up;) {
        if (!demo_stage_go_on(&demo->stage, &is_up, err))
            return false;
        if (!is_up && now_ns() > until)
            return err_set(err, "the gateway does not serve after %d s", START_MS / 1000);
        if (!is_up && screen_wait(NULL, LOOK_AGAIN_MS) == 'q')
            return err_set(err, "ended before it had begun");
    }
    add_scheme(&demo->stage.load_spec.gateway, demo->gateway, sizeof(demo->gateway));
    add_scheme(&demo->stage.log.admin, demo->admin, sizeof(demo->admin));
    struct demo_look first;
    if (!demo_stage_look(&demo->stage, &first, err))
        return false;
    demo->started_ns = first.at_ns;
    demo->tick_ns = first.at_ns + (demo->terminal.is_there ? 0 : LINE_TICK_MS * NS_PER_MS);
    demo_record_look(&demo->record, &first);
    return true;
}

/* Asks once more, for the verdicts of all that there was. */
static void ask_once_more(struct demo *demo)
{
    uint64_t now = now_ns();
    demo_child_tell(&demo->stage.asker, ASKER_NOW);
    for (uint64_t until = now + LAST_WORD_MS * NS_PER_MS; demo->judgement.asked_at_ns < now && now_ns() < until;) {
        (void)screen_wait(NULL, LOOK_AGAIN_MS);
        demo_stage_judgement(&demo->stage, &demo->judgement);
    }
}

/* No more requests; what is under way comes to its end, so that the figures stand still. No time passes in the record meanwhile. */
static bool settle(struct demo *demo, struct err *err)
{
    look(demo);
    uint64_t ended_ns = demo_record_newest(&demo->record)->at_ns;
    demo_stage_quiet(&demo->stage);
    bool is_waking = demo->stage.shadow_is == DEMO_HUNG || demo->stage.shadow_is == DEMO_SLOW;
    if (is_waking && !demo_stage_shadow(&demo->stage, DEMO_HEALTHY, err))
        return false;
    update_condition(demo);
    for (uint64_t until = now_ns() + SETTLE_MS * NS_PER_MS;;) {
        struct demo_look now;
        if (!demo_stage_look(&demo->stage, &now, err))
            return false;
        bool is_still = !load_waiting(&now.load) && !now.gateway.in_flight && !now.gateway.queued;
        if (is_still || now_ns() > until) {
            now.at_ns = ended_ns;
            demo_record_look(&demo->record, &now);
            ask_once_more(demo);
            return true;
        }
        (void)screen_wait(NULL, LOOK_AGAIN_MS);
    }
}

/* What the exit code says. */
static bool is_worth_it(const struct demo *demo, struct err *err)
{
    const struct demo_look *last = demo_record_newest(&demo->record);
    if (last->load.error_sum)
        return err_set(err, "live had %llu errors", (unsigned long long)last->load.error_sum);
    if (load_waiting(&last->load))
        return err_set(err, "%llu requests had no answer at the end", (unsigned long long)load_waiting(&last->load));
    if (!demo_figures_hold(&last->gateway))
        return err_set(err, "the equations do not hold");
    if (!last->gateway.completed && !demo->is_quit)
        return err_set(err, "no copy completed");
    return true;
}

static bool run(struct demo *demo, struct err *err)
{
    if (!demo_stage_start(&demo->stage, demo->options, err) || !wait_until_up(demo, err))
        return false;
    if (demo->terminal.is_there) {
        if (demo->stage.is_admin_elsewhere)
            (void)err_set(&demo->notice, "127.0.0.1:9900 is taken; the admin port is another");
        demo->screen = screen_open();
    } else {
        print_start(demo);
    }
    bool is_well = true;
    while (is_well && !demo->is_over) {
        is_well = demo_stage_is_whole(&demo->stage, err);
        if (is_well)
            turn(demo);
    }
    screen_close(demo->screen);
    demo->screen = NULL;
    if (!is_well || !settle(demo, err))
        return false;
    struct demo_view view = make_view(demo);
    struct strbuf text = STRBUF_INIT;
    strbuf_add(&text, demo->terminal.is_there ? STR("") : STR("\n"));
    demo_summary(&view, &text);
    (void)print(&text);
    return is_worth_it(demo, err);
}

int cmd_demo(int argc, char **argv)
{
    struct options options;
    int code = options_read("demo", argc, argv, &options);
    if (code >= 0)
        return code;
    struct err err;
    struct demo *demo = mem_alloc(sizeof(*demo));
    demo->options = &options;
    demo->terminal = demo_terminal_look();
    screen_catch_signals();
    bool is_well = run(demo, &err);
    demo_stage_stop(&demo->stage);
    mem_free(demo);
    if (is_well)
        return EXIT_OK;
    fprintf(stderr, "umbra demo: %s\n", err.text);
    return EXIT_FAILED;
}
