/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/watch.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "kube/skim.h"
#include "kube/watch_state.h"
#include "manifest/manifests.h"

#define NS_PER_MS 1000000ull
/* A watch that lived so long was a good one: waiting begins anew. */
#define GOOD_MS 5000
/* One that ends sooner, be it in order, is not begun again at once. */
#define SHORT_MS 1000
/* Between questions about what is not there, or not allowed. */
#define ABSENT_MS 30000
/* About when all ask again, once the server is back. */
#define BACK_MS 600
/* Beyond the time after which the server ends the watch by itself. */
#define IDLE_SLACK_MS 30000
/* In a row; then the version that they begin from is not asked for any more. */
#define WATCH_REFUSALS 3
#define LINE_MAX_BYTES (OBJECT_MAX_BYTES + 1024)

static void on_done(struct kube_request *request, const struct kube_answer *answer);

static uint64_t now_ns(const struct kube_watch *watch)
{
    return loop_now_ns(watch->loop);
}

/* From three quarters of it to five quarters. */
static uint32_t jitter(uint32_t amount)
{
    struct random random;
    random_init(&random);
    return amount - amount / 4 + (uint32_t)(random_next(&random) % (amount / 2 + 1));
}

/* ---- state ---- */

static void on_change(struct task *task)
{
    struct kube_watch *watch = CONTAINER_OF(task, struct kube_watch, change);
    if (watch->ops->on_change)
        watch->ops->on_change(watch, watch->user);
}

void watch_note_change(struct kube_watch *watch)
{
    watch->is_dirty = false;
    loop_later(watch->loop, &watch->change);
}

static void set_state(struct kube_watch *watch, enum kube_watch_state state, const char *problem)
{
    bool is_news = watch->state != state || (problem && !watch->problem.len);
    if (is_news && problem)
        log_write(state == KUBE_WATCH_ABSENT ? LOG_INFO : LOG_WARN, "%.*s: %s", STR_ARG(watch->path), problem);
    else if (is_news && watch->problem.len)
        log_info("%.*s: in step with the API server", STR_ARG(watch->path));
    if (is_news) {
        watch->edition++;
        watch_note_change(watch);
    }
    watch->state = state;
    strbuf_clear(&watch->problem);
    if (problem)
        strbuf_add(&watch->problem, str_from_c(problem));
}

static void set_synced(struct kube_watch *watch)
{
    struct err err;
    watch->refused_ns = 0;
    watch->synced_ns = now_ns(watch);
    if (!watch->left_out) {
        set_state(watch, KUBE_WATCH_SYNCED, NULL);
        return;
    }
    (void)err_set(&err, "there are more objects than %u, or more than %zu MiB of them; %zu are left out",
                  KUBE_WATCH_MAX_OBJECTS, KUBE_WATCH_MAX_BYTES >> 20, watch->left_out);
    set_state(watch, KUBE_WATCH_TOO_MANY, err.text);
}

/* What is known stays, and may be out of date. */
static void set_stale(struct kube_watch *watch, const char *problem)
{
    bool was_known = watch->state == KUBE_WATCH_SYNCED || watch->state == KUBE_WATCH_TOO_MANY;
    set_state(watch, was_known ? KUBE_WATCH_STALE : watch->state, problem);
}

/* ---- asking ---- */

static void add_encoded(struct strbuf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        bool is_plain = (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') || byte == '-' ||
                        byte == '_' || byte == '.' || byte == '~';
        strbuf_printf(out, is_plain ? "%c" : "%%%02X", byte);
    }
}

static void begin_target(struct kube_watch *watch)
{
    strbuf_clear(&watch->target);
    strbuf_add(&watch->target, watch->path);
    strbuf_add_char(&watch->target, '?');
    if (watch->selector.len) {
        strbuf_add(&watch->target, watch->selector);
        strbuf_add_char(&watch->target, '&');
    }
}

static void ask(struct kube_watch *watch, uint32_t idle_ms)
{
    watch->request.target = strbuf_str(&watch->target);
    watch->request.idle_ms = idle_ms;
    watch->has_begun = false;
    watch->end = END_NONE;
    kube_send(watch->client, &watch->request);
}

static void restart_reader(struct kube_watch *watch)
{
    list_reader_deinit(&watch->reader);
    list_reader_init(&watch->reader, OBJECT_MAX_BYTES, watch_take_item, watch_take_large, watch);
}

static void send_list(struct kube_watch *watch)
{
    if (!watch->token.len) {
        watch->listing++;
        watch->left_out = 0;
    }
    restart_reader(watch);
    begin_target(watch);
    if (!watch->is_unpaged)
        strbuf_printf(&watch->target, "limit=%d", KUBE_PAGE_LIMIT);
    if (watch->token.len) {
        strbuf_add(&watch->target, STR("&continue="));
        add_encoded(&watch->target, strbuf_str(&watch->token));
    }
    ask(watch, KUBE_SLOW_MS);
}

static void send_watch(struct kube_watch *watch)
{
    uint32_t seconds = jitter(KUBE_WATCH_SECONDS);
    wiped_clear(&watch->lines.rest);
    begin_target(watch);
    strbuf_printf(&watch->target, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%u&resourceVersion=", seconds);
    add_encoded(&watch->target, strbuf_str(&watch->version));
    ask(watch, seconds * 1000 + IDLE_SLACK_MS);
}

static void go_on(struct kube_watch *watch)
{
    if (watch->step == STEP_LIST)
        send_list(watch);
    else
        send_watch(watch);
}

static void on_timer(struct timer *timer)
{
    struct kube_watch *watch = CONTAINER_OF(timer, struct kube_watch, timer);
    list_remove(&watch->waiter.node);
    go_on(watch);
}

static void wait(struct kube_watch *watch, uint32_t wait_ms)
{
    timer_arm(watch->loop, &watch->timer, wait_ms);
}

static void back_off(struct kube_watch *watch, uint32_t retry_after_ms)
{
    wait(watch, backoff_next_ms(&watch->backoff, retry_after_ms));
}

/* Others get answers again, or there is another token: no use in waiting for long, nor in asking all at once. */
static void on_reachable(struct kube_waiter *waiter)
{
    wait(CONTAINER_OF(waiter, struct kube_watch, waiter), jitter(BACK_MS));
}

/* Nobody answers, or the token is refused. */
static void wait_for_server(struct kube_watch *watch, uint32_t retry_after_ms)
{
    list_add(&watch->client->waiters, &watch->waiter.node);
    back_off(watch, retry_after_ms);
}

static void list_anew(struct kube_watch *watch)
{
    watch->step = STEP_LIST;
    strbuf_clear(&watch->token);
    watch->watch_refused = 0;
}

/* How long the server was away before has nothing to do with it. */
static void list_anew_soon(struct kube_watch *watch)
{
    list_anew(watch);
    wait(watch, backoff_next_ms(&watch->relist, 0));
}

/* ---- refusals ---- */

static void forget_all(struct kube_watch *watch)
{
    if (watch->objects.count) {
        watch->edition++;
        watch_note_change(watch);
    }
    objects_deinit(&watch->objects);
}

/* 403 and 404. */
static void take_absence(struct kube_watch *watch, const struct kube_answer *answer)
{
    bool is_known = watch->state == KUBE_WATCH_SYNCED || watch->state == KUBE_WATCH_STALE ||
                    watch->state == KUBE_WATCH_TOO_MANY;
    if (!watch->refused_ns)
        watch->refused_ns = now_ns(watch);
    bool may_be_early = now_ns(watch) - watch->refused_ns < KUBE_WATCH_REFUSED_MS * NS_PER_MS;
    if (is_known && may_be_early) {
        set_stale(watch, answer->problem);
    } else {
        watch->is_watch_refused |= watch->step == STEP_WATCH;
        forget_all(watch);
        list_anew(watch);
        set_state(watch, answer->status == 403 ? KUBE_WATCH_FORBIDDEN : KUBE_WATCH_ABSENT, answer->problem);
    }
    if (may_be_early)
        back_off(watch, answer->retry_after_ms);
    else
        wait(watch, jitter(ABSENT_MS));
}

static bool may_pass(int status)
{
    return status == 408 || status == 429 || status == 502 || status == 503 || status == 504;
}

static void take_refusal(struct kube_watch *watch, const struct kube_answer *answer)
{
    if (answer->status == 403 || answer->status == 404) {
        take_absence(watch, answer);
        return;
    }
    watch->refused_ns = 0;
    set_stale(watch, answer->problem);
    if (!answer->status || answer->status == 401) {
        wait_for_server(watch, answer->retry_after_ms);
        return;
    }
    if (!may_pass(answer->status)) {
        strbuf_clear(&watch->token);
        if (watch->step == STEP_WATCH && ++watch->watch_refused == WATCH_REFUSALS)
            list_anew(watch);
    }
    back_off(watch, answer->retry_after_ms);
}

/* ---- lists ---- */

static void end_list(struct kube_watch *watch)
{
    bool has_less = objects_sweep(&watch->objects, watch->listing);
    watch->edition += has_less;
    if (has_less || watch->is_dirty)
        watch_note_change(watch);
    watch->is_unpaged = false;
    watch->step = STEP_WATCH;
    backoff_reset(&watch->backoff);
    if (!watch->is_watch_refused)
        set_synced(watch);
    send_watch(watch);
}

static void take_page(struct kube_watch *watch)
{
    struct str envelope = list_reader_envelope(&watch->reader), name, value;
    struct str metadata = skim_find(envelope, STR("metadata"));
    struct str version = skim_find_text(metadata, STR("resourceVersion"));
    struct str token = skim_find_text(metadata, STR("continue"));
    struct skim skim;
    skim_open(&skim, envelope);
    while (skim_next(&skim, &name, &value))
        ;
    strbuf_clear(&watch->token);
    if (!skim_is_whole(&skim) || !version.len) {
        set_stale(watch, "the API server's answer is no list with a resourceVersion");
        back_off(watch, 0);
        return;
    }
    if (token.len) {
        strbuf_add(&watch->token, token);
        send_list(watch);
        return;
    }
    strbuf_clear(&watch->version);
    strbuf_add(&watch->version, version);
    end_list(watch);
}

/* Pages that expire while they are read would do so again: all in one then, whose version is that of all of them. */
static void take_expired_page(struct kube_watch *watch)
{
    watch->is_unpaged = watch->token.len > 0;
    list_anew_soon(watch);
}

static void on_list_done(struct kube_watch *watch, const struct kube_answer *answer)
{
    if (answer->status / 100 == 2) {
        take_page(watch);
        return;
    }
    if (watch->is_dirty)
        watch_note_change(watch);
    if (answer->status == 410)
        take_expired_page(watch);
    else
        take_refusal(watch, answer);
}

/* ---- watches ---- */

/* Whatever became of it: of a good one nothing is held against the next. */
static uint64_t lived_ms(struct kube_watch *watch)
{
    uint64_t lived = watch->has_begun ? (now_ns(watch) - watch->begun_ns) / NS_PER_MS : 0;
    if (watch->has_begun)
        watch->synced_ns = now_ns(watch);
    if (lived >= GOOD_MS) {
        backoff_reset(&watch->backoff);
        backoff_reset(&watch->relist);
        watch->watch_refused = 0;
    }
    return lived;
}

static void on_watch_done(struct kube_watch *watch, const struct kube_answer *answer)
{
    uint64_t lived = lived_ms(watch);
    if (answer->status == 410) {
        list_anew_soon(watch);
    } else if (answer->status / 100 == 2 && lived >= SHORT_MS) {
        send_watch(watch);
    } else if (watch->has_begun) {
        back_off(watch, 0); /* cut: it is in step until it turns out that it can't be resumed */
    } else {
        take_refusal(watch, answer);
    }
}

/* Of no use any more, by what a line said. */
static void end_watch(struct kube_watch *watch)
{
    kube_cancel(&watch->request);
    (void)lived_ms(watch);
    if (watch->end == END_ERROR && ++watch->watch_refused < WATCH_REFUSALS) {
        back_off(watch, 0);
        return;
    }
    if (watch->end == END_ERROR)
        set_stale(watch, watch->error.ptr);
    else if (watch->end == END_BROKEN)
        log_warn("%.*s: the API server sent something that is no event; all is listed anew", STR_ARG(watch->path));
    list_anew_soon(watch);
}

/* ---- what the client tells ---- */

static void on_begin(struct kube_request *request)
{
    struct kube_watch *watch = CONTAINER_OF(request, struct kube_watch, request);
    watch->has_begun = true;
    watch->begun_ns = now_ns(watch);
    if (watch->step == STEP_LIST)
        return;
    watch->is_watch_refused = false;
    if (watch->state != KUBE_WATCH_SYNCED)
        set_synced(watch);
}

static void on_part(struct kube_request *request, struct str part)
{
    struct kube_watch *watch = CONTAINER_OF(request, struct kube_watch, request);
    if (watch->step == STEP_LIST) {
        if (list_reader_add(&watch->reader, part))
            return;
        kube_cancel(request);
        strbuf_clear(&watch->token);
        set_stale(watch, "the API server's answer is no list");
        back_off(watch, 0);
        return;
    }
    if (!lines_add(&watch->lines, part, LINE_MAX_BYTES, watch_take_line, watch))
        watch->end = END_BROKEN;
    if (watch->end)
        end_watch(watch);
    else if (watch->left_out && watch->state == KUBE_WATCH_SYNCED)
        set_synced(watch);
}

static void on_done(struct kube_request *request, const struct kube_answer *answer)
{
    struct kube_watch *watch = CONTAINER_OF(request, struct kube_watch, request);
    if (watch->step == STEP_LIST)
        on_list_done(watch, answer);
    else
        on_watch_done(watch, answer);
}

/* ---- a watch's life ---- */

static struct str copy(struct str text)
{
    return (struct str){mem_dup(text.ptr, text.len), text.len};
}

struct kube_watch *kube_watch_new(struct kube_client *client, const struct kube_watch_spec *spec)
{
    struct kube_watch *watch = mem_alloc(sizeof *watch);
    watch->client = client;
    watch->loop = client->loop;
    watch->ops = spec->ops;
    watch->user = spec->user;
    watch->path = copy(spec->path);
    watch->selector = copy(spec->selector);
    watch->api_version = copy(spec->api_version);
    watch->kind = copy(spec->kind);
    watch->is_status_read = spec->is_status_read;
    watch->request.method = "GET";
    watch->request.is_streaming = true;
    watch->request.answer_ms = KUBE_SLOW_MS;
    watch->request.on_begin = on_begin;
    watch->request.on_part = on_part;
    watch->request.on_done = on_done;
    watch->waiter.on_reachable = on_reachable;
    list_init(&watch->waiter.node);
    timer_init(&watch->timer, on_timer);
    task_init(&watch->change, on_change);
    go_on(watch);
    return watch;
}

void kube_watch_free(struct kube_watch *watch)
{
    const struct str owned[] = {watch->path, watch->selector, watch->api_version, watch->kind};
    kube_cancel(&watch->request);
    timer_disarm(&watch->timer);
    list_remove(&watch->waiter.node);
    task_cancel(&watch->change);
    objects_deinit(&watch->objects);
    list_reader_deinit(&watch->reader);
    lines_deinit(&watch->lines);
    strbuf_deinit(&watch->problem);
    strbuf_deinit(&watch->target);
    strbuf_deinit(&watch->version);
    strbuf_deinit(&watch->token);
    strbuf_deinit(&watch->error);
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        mem_free((char *)(uintptr_t)owned[i].ptr);
    mem_free(watch);
}

enum kube_watch_state kube_watch_state(const struct kube_watch *watch)
{
    return watch->state;
}

const char *kube_watch_problem(const struct kube_watch *watch)
{
    return watch->problem.len ? watch->problem.ptr : NULL;
}

uint64_t kube_watch_synced_ns(const struct kube_watch *watch)
{
    bool is_open = watch->step == STEP_WATCH && watch->has_begun && watch->request.state;
    return is_open ? now_ns(watch) : watch->synced_ns;
}

uint64_t kube_watch_edition(const struct kube_watch *watch)
{
    return watch->edition;
}

size_t kube_watch_count(const struct kube_watch *watch)
{
    return watch->objects.count;
}

const struct kube_object *kube_watch_at(const struct kube_watch *watch, size_t index)
{
    return &watch->objects.list[index]->object;
}

const struct kube_object *kube_watch_find(const struct kube_watch *watch, struct str ns, struct str name)
{
    const struct kept *kept = objects_find(&watch->objects, ns, name);
    return kept ? &kept->object : NULL;
}

void kube_watch_keep(struct kube_watch *watch, size_t index, struct manifests *read)
{
    struct kube_object *object = &watch->objects.list[index]->object;
    manifests_unref(object->read);
    object->read = manifests_ref(read);
}
