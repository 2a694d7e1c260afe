/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/lease.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "io/loop.h"
#include "io/timer.h"
#include "kube/backoff.h"
#include "kube/json_text.h"
#include "kube/micro_time.h"
#include "kube/watch.h"

#include <stdio.h>

#define TICK_MS 1000
/* A renewal that is not answered by then leaves time for another one. */
#define ANSWER_MS 3000
/* What a holder may promise; more is not believed. */
#define SECONDS_MAX 3600

/* What a Lease says. */
struct lease_record {
    struct str version;
    char holder[256];
    char renewed[64], acquired[64];
    int64_t seconds, transitions;
};

struct kube_lease {
    struct kube_lease_options options; /* strs are copies */
    struct kube_watch *watch;
    struct timer tick;
    struct kube_request request; /* create, take or renew; one at a time */
    struct strbuf target, body;
    struct backoff backoff;
    uint64_t not_before_ns; /* the next request, after a failure */
    uint64_t asked_ns;      /* when the request under way was sent */
    bool is_asking, is_holder, is_released;
    uint64_t renewed_ns; /* when the last renewal that was granted was sent */
    char seen[320];      /* holder and renewal as they were last seen */
    uint64_t seen_ns;    /* since when */
    char holder[256];
    char problem[512];
};

static struct str copy(struct str text)
{
    return (struct str){mem_dup(text.ptr, text.len), text.len};
}

static void forget(struct str text)
{
    mem_free((char *)(uintptr_t)text.ptr);
}

/* ---- reading ---- */

static void take_text(const json_t *object, const char *name, char *to, size_t size)
{
    const char *text = json_string_value(json_object_get(object, name));
    snprintf(to, size, "%s", text ? text : "");
}

static bool read_record(const struct kube_object *object, struct lease_record *record)
{
    json_t *root = json_loadb(object->json.ptr, object->json.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *spec = json_object_get(root, "spec");
    *record = (struct lease_record){.version = object->version};
    take_text(spec, "holderIdentity", record->holder, sizeof(record->holder));
    take_text(spec, "renewTime", record->renewed, sizeof(record->renewed));
    take_text(spec, "acquireTime", record->acquired, sizeof(record->acquired));
    record->seconds = json_integer_value(json_object_get(spec, "leaseDurationSeconds"));
    record->transitions = json_integer_value(json_object_get(spec, "leaseTransitions"));
    bool is_sane = record->seconds > 0 && record->seconds <= SECONDS_MAX;
    record->seconds = is_sane ? record->seconds : LEASE_SECONDS;
    json_decref(root);
    return root != NULL;
}

/* ---- writing ---- */

/* `record` NULL: there is no Lease. */
static void format_body(struct kube_lease *lease, const struct lease_record *record, bool is_release)
{
    char now[MICRO_TIME];
    const struct kube_lease_options *options = &lease->options;
    bool is_mine = record && str_eq(str_from_c(record->holder), options->identity);
    json_t *metadata = json_pack("{s:s%, s:s%}", "name", options->name.ptr, options->name.len, "namespace",
                                 options->ns.ptr, options->ns.len);
    micro_time_now(now);
    if (record)
        json_object_set_new(metadata, "resourceVersion", json_stringn(record->version.ptr, record->version.len));
    int64_t transitions = record ? record->transitions + (is_mine ? 0 : 1) : 0;
    json_t *root = json_pack("{s:s, s:s, s:o, s:{s:s%, s:I, s:s, s:s, s:I}}", "apiVersion", "coordination.k8s.io/v1",
                             "kind", "Lease", "metadata", metadata, "spec", "holderIdentity",
                             is_release ? "" : options->identity.ptr, is_release ? (size_t)0 : options->identity.len,
                             "leaseDurationSeconds", (json_int_t)(is_release ? 1 : LEASE_SECONDS), "acquireTime",
                             is_mine && record->acquired[0] ? record->acquired : now, "renewTime", now,
                             "leaseTransitions", (json_int_t)transitions);
    strbuf_clear(&lease->body);
    json_text_add(&lease->body, root);
    json_decref(root);
}

/* ---- the state ---- */

static void set_holder(struct kube_lease *lease, bool is_holder)
{
    if (lease->is_holder == is_holder)
        return;
    lease->is_holder = is_holder;
    lease->options.on_change(lease->options.user, is_holder);
}

static uint64_t now_ns(const struct kube_lease *lease)
{
    return loop_now_ns(lease->options.loop);
}

static void on_done(struct kube_request *request, const struct kube_answer *answer)
{
    struct kube_lease *lease = CONTAINER_OF(request, struct kube_lease, request);
    lease->is_asking = false;
    if (lease->is_released)
        return;
    if (answer->status >= 200 && answer->status < 300) {
        backoff_reset(&lease->backoff);
        lease->not_before_ns = 0;
        lease->renewed_ns = lease->asked_ns;
        lease->problem[0] = '\0';
        kube_watch_put(lease->watch, answer->body);
        set_holder(lease, true);
        return;
    }
    /* 409: somebody was faster, or wrote it since it was read; the watch will tell. */
    lease->not_before_ns = now_ns(lease) + backoff_next_ms(&lease->backoff, answer->retry_after_ms) * 1000000ull;
    if (answer->status != 409)
        snprintf(lease->problem, sizeof(lease->problem), "the Lease %.*s/%.*s can't be written: %s",
                 STR_ARG(lease->options.ns), STR_ARG(lease->options.name), answer->problem);
}

static void ask(struct kube_lease *lease, const struct lease_record *record, bool is_release)
{
    strbuf_clear(&lease->target);
    strbuf_printf(&lease->target, "/apis/coordination.k8s.io/v1/namespaces/%.*s/leases", STR_ARG(lease->options.ns));
    if (record)
        strbuf_printf(&lease->target, "/%.*s", STR_ARG(lease->options.name));
    format_body(lease, record, is_release);
    lease->request = (struct kube_request){
        .method = record ? "PUT" : "POST",
        .target = strbuf_str(&lease->target),
        .content_type = STR("application/json"),
        .body = strbuf_str(&lease->body),
        .answer_ms = ANSWER_MS,
        .on_done = on_done,
    };
    lease->is_asking = true;
    lease->asked_ns = now_ns(lease);
    kube_send(lease->options.client, &lease->request);
}

/* Whether its holder had its time. */
static bool is_over(struct kube_lease *lease, const struct lease_record *record)
{
    char seen[sizeof(lease->seen)];
    snprintf(seen, sizeof(seen), "%.250s %.60s", record->holder, record->renewed);
    if (strcmp(seen, lease->seen) != 0) {
        memcpy(lease->seen, seen, sizeof(seen));
        lease->seen_ns = now_ns(lease);
    }
    return record->holder[0] == '\0' || now_ns(lease) - lease->seen_ns > (uint64_t)record->seconds * 1000000000ull;
}

static void decide(struct kube_lease *lease, const struct lease_record *record)
{
    bool is_mine = str_eq(str_from_c(record->holder), lease->options.identity);
    bool is_free = is_over(lease, record);
    snprintf(lease->holder, sizeof(lease->holder), "%s", record->holder);
    if (!is_mine)
        set_holder(lease, false);
    if (!is_mine && !is_free)
        lease->problem[0] = '\0'; /* another replica does what this one could not */
    bool is_due = now_ns(lease) - lease->renewed_ns >= LEASE_RENEW_MS * 1000000ull || !lease->is_holder;
    if (is_mine ? is_due : is_free)
        ask(lease, record, false);
}

static void step(struct kube_lease *lease)
{
    const struct kube_object *object = kube_watch_find(lease->watch, lease->options.ns, lease->options.name);
    enum kube_watch_state state = kube_watch_state(lease->watch);
    struct lease_record record;
    if (lease->is_holder && now_ns(lease) - lease->renewed_ns > LEASE_GIVE_UP_MS * 1000000ull)
        set_holder(lease, false);
    if (state == KUBE_WATCH_FORBIDDEN)
        snprintf(lease->problem, sizeof(lease->problem), "the Lease %.*s/%.*s can't be read: %s",
                 STR_ARG(lease->options.ns), STR_ARG(lease->options.name), kube_watch_problem(lease->watch));
    if (lease->is_released || lease->is_asking || now_ns(lease) < lease->not_before_ns)
        return;
    if (object && read_record(object, &record))
        decide(lease, &record);
    else if (!object && state == KUBE_WATCH_SYNCED)
        ask(lease, NULL, false);
}

static void on_change(struct kube_watch *watch, void *user)
{
    (void)watch;
    step(user);
}

static const struct kube_watch_ops watch_ops = {.name = "lease", .on_change = on_change};

static void on_tick(struct timer *timer)
{
    struct kube_lease *lease = CONTAINER_OF(timer, struct kube_lease, tick);
    timer_arm(lease->options.loop, &lease->tick, TICK_MS);
    step(lease);
}

/* ---- life ---- */

struct kube_lease *kube_lease_new(const struct kube_lease_options *options)
{
    struct kube_lease *lease = mem_alloc(sizeof(*lease));
    struct strbuf path = STRBUF_INIT, selector = STRBUF_INIT;
    *lease = (struct kube_lease){.options = *options};
    lease->options.ns = copy(options->ns);
    lease->options.name = copy(options->name);
    lease->options.identity = copy(options->identity);
    strbuf_printf(&path, "/apis/coordination.k8s.io/v1/namespaces/%.*s/leases", STR_ARG(options->ns));
    strbuf_printf(&selector, "fieldSelector=metadata.name%%3D%.*s", STR_ARG(options->name));
    struct kube_watch_spec spec = {
        .path = strbuf_str(&path),
        .api_version = STR("coordination.k8s.io/v1"),
        .kind = STR("Lease"),
        .selector = strbuf_str(&selector),
        .ops = &watch_ops,
        .user = lease,
    };
    timer_init(&lease->tick, on_tick);
    timer_arm(options->loop, &lease->tick, TICK_MS);
    lease->watch = kube_watch_new(options->client, &spec);
    strbuf_deinit(&path);
    strbuf_deinit(&selector);
    return lease;
}

void kube_lease_release(struct kube_lease *lease)
{
    const struct kube_object *object = kube_watch_find(lease->watch, lease->options.ns, lease->options.name);
    struct lease_record record;
    bool was_holder = lease->is_holder;
    lease->is_released = true;
    timer_disarm(&lease->tick);
    set_holder(lease, false);
    kube_cancel(&lease->request);
    if (was_holder && object && read_record(object, &record))
        ask(lease, &record, true);
}

void kube_lease_free(struct kube_lease *lease)
{
    if (!lease)
        return;
    timer_disarm(&lease->tick);
    kube_cancel(&lease->request);
    kube_watch_free(lease->watch);
    strbuf_deinit(&lease->target);
    strbuf_deinit(&lease->body);
    forget(lease->options.ns);
    forget(lease->options.name);
    forget(lease->options.identity);
    mem_free(lease);
}

bool kube_lease_is_holder(const struct kube_lease *lease)
{
    return lease->is_holder;
}

struct str kube_lease_holder(const struct kube_lease *lease)
{
    return str_from_c(lease->holder);
}

const char *kube_lease_problem(const struct kube_lease *lease)
{
    return lease->problem[0] ? lease->problem : NULL;
}
