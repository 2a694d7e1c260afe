/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/load.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

/* Slots that are "now": the last 20 to 30 s. */
#define NOW_SLOTS 3
#define LEAST_REQUESTS 200
#define LEAST_SECONDS 15
/* Slots of the past with enough requests, so that there is a past. */
#define LEAST_PAST 6
/* Slow: so many times, and so many milliseconds more. */
#define SLOW_PAST 2.0
#define SLOW_PEERS 1.5
#define SLOW_MS 5.0
/* Errors: so many standard deviations, and so much of all more. */
#define ERRORS_SIGMA 5.0
#define ERRORS_SHARE 0.01
/* Saturated: durations have become so many times the least, while the rate rose by so much. */
#define SATURATED_TIMES 3.0
#define SATURATED_RISE 1.2
/* What a replica is to be used at most. */
#define USE 0.8
/* Copies that were not sent, of those that were due. */
#define UNSENT_SHARE 0.05

void loads_init(struct loads *loads)
{
    *loads = (struct loads){.count = 0};
    map_init(&loads->replicas);
}

static void finding_forget(struct finding *finding)
{
    const struct str *texts[] = {&finding->route, &finding->mirror, &finding->endpoint, &finding->field,
                                 &finding->summary};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        mem_free((char *)texts[i]->ptr);
}

void loads_deinit(struct loads *loads)
{
    while (loads->count > 0)
        finding_forget(&loads->list[--loads->count]);
    map_deinit(&loads->replicas);
}

void loads_set_endpoints(struct loads *loads, const struct plan *plan, const struct endpoints *endpoints)
{
    map_deinit(&loads->replicas);
    map_init(&loads->replicas);
    for (uint32_t i = 0; i < plan->backends.count; i++) {
        size_t count;
        struct str label = plan_text(plan, PLAN_BACKEND(plan, i)->label);
        (void)endpoints_find(endpoints, label, &count);
        if (count > 0)
            map_add(&loads->replicas, label, (void *)(uintptr_t)count);
    }
}

/* What would carry all that comes, when what there is should be `factor` times as much. */
static void add_need(struct strbuf *text, const struct loads *loads, struct str backend, double factor)
{
    size_t replicas = (size_t)(uintptr_t)map_find(&loads->replicas, backend);
    if (replicas > 0)
        strbuf_printf(text, "With %zu %s it needs about %.0f", replicas, replicas == 1 ? "replica" : "replicas",
                      ceil((double)replicas * factor));
    else
        strbuf_printf(text, "It needs about %.1f times the replicas that it has", factor);
}

static struct str own(struct str text)
{
    return (struct str){mem_dup(text.ptr ? text.ptr : "", text.len), text.len};
}

/* `summary` is taken over. */
static void raise_finding(struct loads *loads, const struct finding *seen, struct strbuf *summary, uint64_t wall_ns)
{
    struct finding finding = *seen, *there = NULL;
    finding.kind = FINDING_LOAD;
    finding_set_id(&finding);
    for (size_t i = 0; i < loads->count && !there; i++) {
        if (str_eq(str_from_c(loads->list[i].id), str_from_c(finding.id)))
            there = &loads->list[i];
    }
    if (!there && loads->count == LOADS_MOST) {
        strbuf_deinit(summary);
        return;
    }
    size_t len = summary->len;
    struct str text = {strbuf_take(summary), len};
    if (there) {
        mem_free((char *)there->summary.ptr);
    } else {
        there = &loads->list[loads->count++];
        *there = finding;
        there->route = own(seen->route);
        there->mirror = own(seen->mirror);
        there->endpoint = own(seen->endpoint);
        there->field = own(seen->field);
        there->first_ns = wall_ns;
    }
    there->severity = seen->severity;
    there->summary = text;
    there->count = seen->count;
    there->rate = seen->rate;
    there->last_ns = wall_ns;
}

static void forget_old(struct loads *loads, uint64_t wall_ns)
{
    for (size_t i = 0; i < loads->count;) {
        if (loads->list[i].last_ns + LOAD_STAYS_NS >= wall_ns) {
            i++;
            continue;
        }
        finding_forget(&loads->list[i]);
        loads->list[i] = loads->list[--loads->count];
    }
}

/* ---- services ---- */

/* One service, now. */
struct look {
    const struct service *service;
    struct service_figures now;
};

static struct finding finding_of(const struct look *look, struct str field)
{
    return (struct finding){.severity = SEVERITY_OF_WARNING,
                            .route = look->service->route,
                            .mirror = look->service->mirror,
                            .endpoint = look->service->endpoint,
                            .field = field,
                            .count = look->now.count};
}

static void add_who(struct strbuf *out, const struct look *look)
{
    const struct service *service = look->service;
    strbuf_printf(out, "%.*s, %s of %.*s: ", STR_ARG(service->backend),
                  service->role == LEG_LIVE     ? "live"
                  : service->role == LEG_SHADOW ? "shadow"
                                                : "control",
                  STR_ARG(service->route));
    strbuf_add(out, service->endpoint);
}

static void look_at_past(struct loads *loads, const struct look *look, uint64_t wall_ns)
{
    const struct service_past *past = &look->service->past;
    const struct service_figures *now = &look->now;
    if (past->slots < LEAST_PAST || now->p95_ms < SLOW_PAST * past->p95_ms || now->p95_ms - past->p95_ms < SLOW_MS ||
        now->p50_ms < 1.3 * past->p50_ms)
        return;
    struct strbuf text = STRBUF_INIT;
    struct finding finding = finding_of(look, STR("slow-past"));
    finding.rate = now->p95_ms / past->p95_ms;
    add_who(&text, look);
    strbuf_printf(&text,
                  " is slower than it was: 95 of 100 requests now end within %.1f ms, in the minutes before within "
                  "%.1f ms (p50 %.1f, was %.1f ms)",
                  now->p95_ms, past->p95_ms, now->p50_ms, past->p50_ms);
    raise_finding(loads, &finding, &text, wall_ns);
}

static void look_at_errors(struct loads *loads, const struct look *look, uint64_t wall_ns)
{
    const struct service_past *past = &look->service->past;
    const struct service_figures *now = &look->now;
    double before = past->errors > 0.001 ? past->errors : 0.001;
    double sigma = sqrt(before * (1 - before) / (double)now->count);
    if (past->slots < LEAST_PAST || now->error_share - before < ERRORS_SHARE ||
        now->error_share - before < ERRORS_SIGMA * sigma)
        return;
    struct strbuf text = STRBUF_INIT;
    struct finding finding = finding_of(look, STR("errors"));
    finding.rate = now->error_share;
    finding.count = now->errors;
    add_who(&text, look);
    strbuf_printf(&text, " has more errors than it had: %.1f %% of %.0f requests, %.1f %% in the minutes before",
                  100 * now->error_share, (double)now->count, 100 * past->errors);
    raise_finding(loads, &finding, &text, wall_ns);
}

/* The best of what it did before, also within the window. */
static struct service_past past_and_window(const struct services *services, const struct service *service)
{
    struct service_past past = service->past;
    uint64_t newest = services->now_ns / SERVICE_SLOT_NS;
    for (size_t i = 0; i <= SERVICE_SLOTS; i++) {
        const struct service_slot *slot = &service->slots[i];
        if (slot->count < 30 || slot->number + NOW_SLOTS > newest + 1 || slot->sum_ns == 0)
            continue;
        double mean_ms = (double)slot->sum_ns / (double)slot->count / 1e6;
        double rate = (double)slot->count / (SERVICE_SLOT_NS / 1e9);
        if (past.slots == 0 || mean_ms < past.least_ms)
            past.least_ms = mean_ms;
        if (mean_ms <= 1.5 * past.least_ms && rate > past.best_rate)
            past.best_rate = rate;
        past.slots++;
    }
    return past;
}

/* More comes than before, and each takes far longer: in flight is rate times duration (Little 1961), and it grows with the square of the
 * rate where the service has no more to give. Slower without more requests is another finding. */
static void look_at_saturation(struct loads *loads, const struct services *services, const struct look *look,
                               uint64_t wall_ns)
{
    struct service_past past = past_and_window(services, look->service);
    const struct service_figures *now = &look->now;
    if (past.slots < 2 || past.best_rate <= 0 || now->mean_ms < SATURATED_TIMES * past.least_ms ||
        now->mean_ms - past.least_ms < SLOW_MS || now->rate < SATURATED_RISE * past.best_rate)
        return;
    double factor = now->rate / (USE * past.best_rate);
    struct strbuf text = STRBUF_INIT;
    struct finding finding = finding_of(look, STR("capacity"));
    finding.rate = factor;
    add_who(&text, look);
    strbuf_printf(
        &text,
        " gets more than it can answer in time: %.0f requests a second take %.1f ms each, %.0f are in flight; "
        "%.0f a second took %.1f ms. ",
        now->rate, now->mean_ms, now->in_flight, past.best_rate, past.least_ms);
    add_need(&text, loads, look->service->backend, factor);
    raise_finding(loads, &finding, &text, wall_ns);
}

static int by_place(const void *a, const void *b)
{
    const struct service *one = ((const struct look *)a)->service, *other = ((const struct look *)b)->service;
    const struct str *texts[2][2] = {{&one->route, &one->endpoint}, {&other->route, &other->endpoint}};
    if (one->role != other->role)
        return one->role < other->role ? -1 : 1;
    for (size_t i = 0; i < 2; i++) {
        struct str x = *texts[0][i], y = *texts[1][i];
        int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
        if (order != 0 || x.len != y.len)
            return order != 0 ? order : x.len < y.len ? -1 : 1;
    }
    return ((const struct look *)a)->now.p50_ms < ((const struct look *)b)->now.p50_ms ? -1 : 1;
}

static bool is_same_place(const struct look *a, const struct look *b)
{
    return a->service->role == b->service->role && str_eq(a->service->route, b->service->route) &&
           str_eq(a->service->endpoint, b->service->endpoint);
}

/* The list is sorted by place, the quickest of a place first. Only live: how a shadow is beside live is the verdict's. */
static void look_at_peers(struct loads *loads, const struct look *list, size_t count, uint64_t wall_ns)
{
    for (size_t first = 0, i = 1; i < count; i++) {
        if (!is_same_place(&list[first], &list[i])) {
            first = i;
            continue;
        }
        const struct look *slow = &list[i], *quick = &list[first];
        if (slow->service->role != LEG_LIVE || slow->now.p50_ms < SLOW_PEERS * quick->now.p50_ms ||
            slow->now.p50_ms - quick->now.p50_ms < SLOW_MS)
            continue;
        struct strbuf text = STRBUF_INIT;
        struct finding finding = finding_of(slow, STR("slow-peers"));
        finding.mirror = slow->service->backend;
        finding.rate = slow->now.p50_ms / quick->now.p50_ms;
        add_who(&text, slow);
        strbuf_printf(&text, " is slower than its peer %.*s: p50 %.1f ms against %.1f ms",
                      STR_ARG(quick->service->backend), slow->now.p50_ms, quick->now.p50_ms);
        raise_finding(loads, &finding, &text, wall_ns);
    }
}

static void look_at_services(struct loads *loads, const struct services *services, uint64_t wall_ns)
{
    struct look *list = mem_alloc((services->count + 1) * sizeof(struct look));
    size_t count = 0;
    for (const struct list *node = services->by_use.next; node != &services->by_use; node = node->next) {
        struct look *look = &list[count];
        look->service = CONTAINER_OF(node, struct service, by_use);
        service_look(services, look->service, NOW_SLOTS, &look->now);
        if (look->now.count < LEAST_REQUESTS || look->now.seconds < LEAST_SECONDS)
            continue;
        count++;
        look_at_past(loads, look, wall_ns);
        look_at_errors(loads, look, wall_ns);
        look_at_saturation(loads, services, look, wall_ns);
    }
    if (count > 1) {
        qsort(list, count, sizeof(list[0]), by_place);
        look_at_peers(loads, list, count, wall_ns);
    }
    mem_free(list);
}

/* ---- mirrors ---- */

static struct finding finding_of_group(const struct group *group, struct str field, double share, double count)
{
    return (struct finding){.severity = SEVERITY_OF_WARNING,
                            .route = group->route->label,
                            .mirror = group->mirror,
                            .field = field,
                            .count = (uint64_t)count,
                            .rate = share};
}

static void look_at_group(struct loads *loads, const struct group *group, uint64_t wall_ns)
{
    const struct delivery_recent *recent = &group->delivery.recent;
    double due = recent->attempted + recent->kept_away;
    struct strbuf text = STRBUF_INIT;
    if (due < LEAST_REQUESTS)
        return;
    if (recent->kept_away > UNSENT_SHARE * due) {
        struct finding finding = finding_of_group(group, STR("unreachable"), recent->kept_away / due,
                                                  recent->kept_away);
        strbuf_printf(
            &text,
            "%.*s could not be asked: %.0f %% of the copies of the last seconds were not sent, since it has no "
            "endpoint or did not answer before",
            STR_ARG(group->mirror), 100 * recent->kept_away / due);
        raise_finding(loads, &finding, &text, wall_ns);
    }
    if (recent->overflowed > UNSENT_SHARE * due && recent->attempted > recent->overflowed) {
        double factor = recent->attempted / (recent->attempted - recent->overflowed) / USE;
        struct finding finding = finding_of_group(group, STR("capacity"), factor, recent->overflowed);
        strbuf_clear(&text);
        strbuf_printf(&text,
                      "%.*s gets more than it can answer: %.0f %% of the copies of the last seconds found as many in "
                      "flight as may be. ",
                      STR_ARG(group->mirror), 100 * recent->overflowed / due);
        add_need(&text, loads, group->mirror, factor);
        raise_finding(loads, &finding, &text, wall_ns);
    }
    strbuf_deinit(&text);
}

void loads_look(struct loads *loads, const struct services *services, struct groups *groups, uint64_t wall_ns)
{
    look_at_services(loads, services, wall_ns);
    for (size_t i = 0; i < groups->by_label.count; i++) {
        struct group *group = groups->by_label.entries[i].value;
        if (group)
            look_at_group(loads, group, wall_ns);
    }
    forget_old(loads, wall_ns);
}
