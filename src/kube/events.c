/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/events.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "kube/json_text.h"
#include "kube/micro_time.h"

#include <sodium.h>

#define CONTROLLER "umbra.dev/gateway-controller"
#define NOTE_MAX 1024
#define NAME_HASH 8 /* bytes */
#define NAME_MAX_LEN 230

struct kube_events {
    struct kube_writer *writer;
    const char *instance;
    struct map said;   /* name of the event → itself */
    struct map counts; /* uid and generation → how many, as a pointer's value */
};

struct kube_events *kube_events_new(struct kube_writer *writer, const char *instance)
{
    struct kube_events *events = mem_alloc(sizeof(*events));
    *events = (struct kube_events){.writer = writer, .instance = instance};
    map_init(&events->said);
    map_init(&events->counts);
    return events;
}

void kube_events_free(struct kube_events *events)
{
    if (!events)
        return;
    map_deinit(&events->said);
    map_deinit(&events->counts);
    mem_free(events);
}

static void forget_all(struct kube_events *events)
{
    map_deinit(&events->said);
    map_deinit(&events->counts);
    map_init(&events->said);
    map_init(&events->counts);
}

/* Of the version of the object, so that a field which is wrong again in a later one is said again. */
static void format_name(const struct kube_event *event, struct strbuf *name)
{
    struct strbuf text = STRBUF_INIT;
    unsigned char hash[crypto_generichash_BYTES_MIN];
    char hex[2 * NAME_HASH + 1];
    strbuf_printf(&text, "%.*s\n%lld\n%s\n%.*s", STR_ARG(event->uid), (long long)event->generation, event->reason,
                  STR_ARG(event->note));
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)text.ptr, text.len, NULL, 0);
    sodium_bin2hex(hex, sizeof(hex), hash, NAME_HASH);
    struct str head = str_slice(event->name, 0, event->name.len < NAME_MAX_LEN ? event->name.len : NAME_MAX_LEN);
    strbuf_printf(name, "%.*s.%s", STR_ARG(head), hex);
    strbuf_deinit(&text);
}

/* True when the version of the object had its share. */
static bool is_enough(struct kube_events *events, const struct kube_event *event)
{
    struct strbuf key = STRBUF_INIT;
    strbuf_printf(&key, "%.*s\n%lld", STR_ARG(event->uid), (long long)event->generation);
    uintptr_t count = (uintptr_t)map_find(&events->counts, strbuf_str(&key));
    if (count < EVENTS_PER_OBJECT)
        map_add(&events->counts, strbuf_str(&key), (void *)(count + 1));
    strbuf_deinit(&key);
    return count >= EVENTS_PER_OBJECT;
}

static json_t *text(struct str value)
{
    return json_stringn(value.len > 0 ? value.ptr : "", value.len);
}

/* Not within a character. */
static struct str cut(struct str note)
{
    size_t len = note.len < NOTE_MAX ? note.len : NOTE_MAX;
    while (len > 0 && len < note.len && (note.ptr[len] & 0xc0) == 0x80)
        len--;
    return str_slice(note, 0, len);
}

static json_t *make_body(const struct kube_events *events, const struct kube_event *event, struct str ns,
                         struct str name)
{
    struct strbuf version = STRBUF_INIT;
    char now[MICRO_TIME];
    micro_time_now(now);
    kind_add_api_version(event->kind, event->version, &version);
    json_t *regarding = json_pack("{s:s, s:s, s:o, s:o, s:o}", "apiVersion", version.ptr, "kind", event->kind->name,
                                  "namespace", text(event->ns), "name", text(event->name), "uid", text(event->uid));
    json_t *body = json_pack("{s:s, s:s, s:{s:o, s:o}, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "apiVersion",
                             "events.k8s.io/v1", "kind", "Event", "metadata", "name", text(name), "namespace", text(ns),
                             "eventTime", now, "reportingController", CONTROLLER, "reportingInstance", events->instance,
                             "action", "Configure", "reason", event->reason, "type", "Warning", "regarding", regarding,
                             "note", text(cut(event->note)));
    strbuf_deinit(&version);
    return body;
}

static void write_event(struct kube_events *events, const struct kube_event *event, struct str name)
{
    struct strbuf target = STRBUF_INIT;
    struct str ns = event->ns.len > 0 ? event->ns : STR("default");
    json_t *body = make_body(events, event, ns, name);
    struct strbuf json = STRBUF_INIT;
    json_text_add(&json, body);
    strbuf_printf(&target, "/apis/events.k8s.io/v1/namespaces/%.*s/events?fieldManager=umbra", STR_ARG(ns));
    /* Made and never changed, as the API wants it. Where it stands already (409), somebody has said it. */
    struct kube_write write = {
        .method = "POST",
        .target = strbuf_str(&target),
        .content_type = STR("application/json"),
        .body = strbuf_str(&json),
        .tries = 3,
    };
    kube_writer_add(events->writer, &write);
    strbuf_deinit(&json);
    json_decref(body);
    strbuf_deinit(&target);
}

void kube_events_add(struct kube_events *events, const struct kube_event *event)
{
    struct strbuf name = STRBUF_INIT;
    format_name(event, &name);
    if (events->said.live >= EVENTS_KNOWN)
        forget_all(events);
    if (!map_find(&events->said, strbuf_str(&name)) && !is_enough(events, event)) {
        map_add(&events->said, strbuf_str(&name), events);
        write_event(events, event, strbuf_str(&name));
    }
    strbuf_deinit(&name);
}
