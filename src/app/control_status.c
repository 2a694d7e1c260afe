/* SPDX-License-Identifier: Apache-2.0 */
#include "app/control_status.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

#include <time.h>

#define NS_PER_S 1000000000ull
#define TRIES 3
#define TIME_TEXT 32

/* Which outcome something was made for. */
struct made_for {
    uint64_t hash;
    uint64_t load, edition; /* the last ones that had this outcome */
};

/* What is known of one object's status between updates. */
struct entry {
    const struct kind *kind;
    char *same_version; /* of the object in which nothing was to be changed; NULL: none */
    struct made_for same;
    char *version; /* of the object that the last write was made from; NULL: none was */
    char *body;    /* of that write */
    struct made_for written;
    int64_t written_s; /* the time in it */
    bool is_failed;    /* it was refused */
    uint64_t retry_ns; /* when it may be tried again; 0: not known yet */
    uint64_t flow_ns;  /* when what flows was last written; 0: never */
    uint64_t update;   /* the last one that found the object */
};

struct control_status {
    struct map entries; /* the target of the PUT → struct entry */
    uint64_t updates;
    size_t found; /* entries that the last one had */
    void (*on_object)(void *user, const struct kind *kind, struct str json);
    void *user;
    enum status_flow *flows;
    size_t flow_capacity;
};

/* ---- life ---- */

struct control_status *control_status_new(void (*on_object)(void *user, const struct kind *kind, struct str json),
                                          void *user)
{
    struct control_status *status = mem_alloc(sizeof(*status));
    map_init(&status->entries);
    status->on_object = on_object;
    status->user = user;
    return status;
}

static void entry_free(struct entry *entry)
{
    mem_free(entry->same_version);
    mem_free(entry->version);
    mem_free(entry->body);
    mem_free(entry);
}

static void forget_all(struct control_status *status)
{
    for (size_t i = 0; i < status->entries.count; i++) {
        if (status->entries.entries[i].value)
            entry_free(status->entries.entries[i].value);
    }
    map_deinit(&status->entries);
    map_init(&status->entries);
}

void control_status_free(struct control_status *status)
{
    if (!status)
        return;
    forget_all(status);
    map_deinit(&status->entries);
    mem_free(status->flows);
    mem_free(status);
}

/* Of objects that are gone. */
static void forget_old(struct control_status *status)
{
    struct map kept;
    if (status->found == status->entries.live)
        return;
    map_init(&kept);
    for (size_t i = 0; i < status->entries.count; i++) {
        const struct map_entry *slot = &status->entries.entries[i];
        struct entry *entry = slot->value;
        if (entry && entry->update == status->updates)
            (void)map_add(&kept, slot->key, entry);
        else if (entry)
            entry_free(entry);
    }
    map_deinit(&status->entries);
    status->entries = kept;
}

/* ---- answers ---- */

static void on_written(void *user, struct str target, const struct kube_write_result *result)
{
    struct control_status *status = user;
    struct entry *entry = map_find(&status->entries, target);
    bool is_passed = result->status >= 200 && result->status < 300;
    if (is_passed && entry && status->on_object)
        status->on_object(status->user, entry->kind, result->body);
    if (!is_passed && entry)
        entry->flow_ns = 0; /* it did not get there */
    /* The newer object, or its end, comes by the watch. */
    if (is_passed || result->status == 409 || result->status == 404 || !entry)
        return;
    entry->is_failed = true;
    log_warn("the status of %.*s could not be written: %s", STR_ARG(target), result->problem ? result->problem : "");
}

/* ---- one object ---- */

/* What may stand in a path as it is: names of Kubernetes do. */
static bool is_plain(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        bool is_word = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '.';
        if (!is_word)
            return false;
    }
    return text.len > 0;
}

/* The version is the one in which it was read: an older server need not know ours. */
static bool make_target(const struct resource *resource, struct strbuf *target)
{
    const struct kind *kind = resource->kind;
    struct str group, version;
    api_version_split(node_text(resource->node, STR("apiVersion")), &group, &version);
    if (!is_plain(version) || !is_plain(resource->name) || (kind->is_namespaced && !is_plain(resource->ns)))
        return false;
    strbuf_clear(target);
    strbuf_printf(target, "/apis/%s/%.*s", kind->group, STR_ARG(version));
    if (kind->is_namespaced)
        strbuf_printf(target, "/namespaces/%.*s", STR_ARG(resource->ns));
    strbuf_printf(target, "/%s/%.*s/status", kind->plural, STR_ARG(resource->name));
    return true;
}

static struct str format_time(int64_t seconds, char text[TIME_TEXT])
{
    time_t at = (time_t)seconds;
    struct tm parts;
    if (!gmtime_r(&at, &parts))
        return STR("1970-01-01T00:00:00Z");
    return (struct str){text, strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

static char *copy_text(struct str text)
{
    char *copy = mem_alloc_raw(text.len + 1);
    memcpy(copy, text.ptr ? text.ptr : "", text.len);
    copy[text.len] = '\0';
    return copy;
}

static void set_text(char **have, struct str text)
{
    mem_free(*have);
    *have = copy_text(text);
}

static bool is_text(const char *have, struct str text)
{
    return have && str_eq(str_from_c(have), text);
}

static bool has_flow(const struct control_status_from *from, const struct outcome *outcome)
{
    return from->flow && outcome->resource->kind->id == KIND_MIRROR_POLICY;
}

/* NULL when nobody knows, or it was written a moment ago. What is under way is made anew with it, else it would be another write. */
static const enum status_flow *find_flows(struct control_status *status, const struct control_status_from *from,
                                          const struct outcome *outcome, const struct entry *entry, bool is_under_way)
{
    bool is_early = entry->flow_ns > 0 && from->now_ns - entry->flow_ns < FLOW_SECONDS * NS_PER_S;
    if (!has_flow(from, outcome) || (is_early && !is_under_way))
        return NULL;
    if (status->flow_capacity < outcome->mirror_count + 1) {
        status->flow_capacity = outcome->mirror_count + 16;
        status->flows = mem_grow(status->flows, status->flow_capacity * sizeof(*status->flows));
    }
    for (size_t i = 0; i < outcome->mirror_count; i++)
        status->flows[i] = from->flow(from->user, outcome->mirrors[i].route, outcome->mirrors[i].mirror);
    return status->flows;
}

static void hand_on(struct control_status *status, const struct control_status_from *from, struct entry *entry,
                    struct str target, struct str body)
{
    struct kube_write write = {
        .method = "PUT",
        .target = target,
        .content_type = STR("application/json"),
        .body = body,
        .on_written = on_written,
        .user = status,
        .tries = TRIES,
    };
    set_text(&entry->body, body);
    entry->is_failed = false;
    entry->retry_ns = 0;
    from->write(from->user, &write);
}

/* Of a write that was refused the object is left alone for a while, whatever is to be written. */
static bool is_waiting(const struct control_status_from *from, struct entry *entry)
{
    if (entry->is_failed && entry->retry_ns == 0)
        entry->retry_ns = from->now_ns + STATUS_RETRY_SECONDS * NS_PER_S;
    return entry->is_failed && from->now_ns < entry->retry_ns;
}

static struct entry *find_entry(struct control_status *status, const struct kind *kind, struct str target)
{
    struct entry *entry = map_find(&status->entries, target);
    if (!entry) {
        entry = mem_alloc(sizeof(*entry));
        (void)map_add(&status->entries, target, entry);
    }
    status->found += entry->update != status->updates;
    entry->kind = kind;
    entry->update = status->updates;
    return entry;
}

/* Most loads leave most outcomes as they were. */
static bool is_made_for(const struct control_status_from *from, const struct outcome *outcome, struct made_for *made)
{
    bool is_same_load = made->load == from->load && made->edition == from->outcomes->edition;
    if (!is_same_load && made->hash != outcome_hash(outcome))
        return false;
    made->load = from->load;
    made->edition = from->outcomes->edition;
    return true;
}

static struct made_for make_for(const struct control_status_from *from, const struct outcome *outcome)
{
    return (struct made_for){outcome_hash(outcome), from->load, from->outcomes->edition};
}

/* Nothing is to be changed in this version of the object, or what is to be changed is on its way. */
static bool is_done(const struct control_status_from *from, const struct outcome *outcome, struct entry *entry,
                    struct str version)
{
    if (is_text(entry->same_version, version) && is_made_for(from, outcome, &entry->same))
        return true;
    return is_text(entry->version, version) && !entry->is_failed && is_made_for(from, outcome, &entry->written);
}

struct texts {
    struct strbuf target, body;
};

static bool update_one(struct control_status *status, const struct control_status_from *from,
                       const struct outcome *outcome, struct texts *texts)
{
    const struct resource *resource = outcome->resource;
    struct control_status_object object;
    char time[TIME_TEXT];
    if (!make_target(resource, &texts->target) ||
        !from->find(from->user, resource->kind, resource->ns, resource->name, &object))
        return false;
    struct entry *entry = find_entry(status, resource->kind, strbuf_str(&texts->target));
    bool is_under_way = is_text(entry->version, object.version);
    if ((!has_flow(from, outcome) && is_done(from, outcome, entry, object.version)) ||
        (is_under_way && is_waiting(from, entry)))
        return false;
    /* With the time of the write that is under way, if there is one, so that the same is the same. */
    int64_t now_s = is_under_way ? entry->written_s : from->now_s;
    struct status_now now = {.time = format_time(now_s, time),
                             .flow = find_flows(status, from, outcome, entry, is_under_way)};
    strbuf_clear(&texts->body);
    enum status_result result = status_merge(outcome, object.json, &now, &texts->body);
    if (result == STATUS_SAME) {
        set_text(&entry->same_version, object.version);
        entry->same = make_for(from, outcome);
    }
    bool is_repeated = is_under_way && !entry->is_failed && is_text(entry->body, strbuf_str(&texts->body));
    if (result != STATUS_CHANGED || is_repeated)
        return false;
    set_text(&entry->version, object.version);
    entry->written = make_for(from, outcome);
    entry->written_s = now_s;
    entry->flow_ns = now.flow && !(is_under_way && entry->flow_ns > 0) ? from->now_ns : entry->flow_ns;
    hand_on(status, from, entry, strbuf_str(&texts->target), strbuf_str(&texts->body));
    return true;
}

size_t control_status_update(struct control_status *status, const struct control_status_from *from)
{
    size_t count = 0;
    struct texts texts = {.target = STRBUF_INIT, .body = STRBUF_INIT};
    if (!from->is_leader) {
        forget_all(status);
        return 0;
    }
    status->updates++;
    status->found = 0;
    for (size_t i = 0; i < from->outcomes->count; i++)
        count += update_one(status, from, &from->outcomes->list[i], &texts);
    forget_old(status);
    strbuf_deinit(&texts.target);
    strbuf_deinit(&texts.body);
    return count;
}
