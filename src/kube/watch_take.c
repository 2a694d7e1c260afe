/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "kube/news.h"
#include "kube/skim.h"
#include "kube/status.h"
#include "kube/watch_state.h"

/* Says it without its contents. */
static void leave_out(const struct kube_watch *watch, struct str text, const char *problem)
{
    struct str metadata = skim_find(text, STR("metadata"));
    struct str ns = skim_find_text(metadata, STR("namespace")), name = skim_find_text(metadata, STR("name"));
    log_warn("%.*s: an object of the API server is left out (%.*s%s%.*s): %s", STR_ARG(watch->path),
             STR_ARG(str_slice(ns, 0, 253)), ns.len ? "/" : "", STR_ARG(str_slice(name, 0, 253)), problem);
}

static struct kept *read_object(const struct kube_watch *watch, struct str text)
{
    const struct object_form form = {watch->api_version, watch->kind};
    const char *problem;
    struct kept *kept = object_read(text, &form, &problem);
    if (!kept)
        leave_out(watch, text, problem);
    return kept;
}

static bool has_room(const struct kube_watch *watch, const struct kept *kept, const struct kept *old)
{
    size_t freed = old ? old->size : 0;
    return (old || watch->objects.count < KUBE_WATCH_MAX_OBJECTS) &&
           watch->objects.bytes - freed + kept->size <= KUBE_WATCH_MAX_BYTES;
}

static bool is_same(const struct kept *a, const struct kept *b)
{
    return str_eq(a->object.uid, b->object.uid) && str_eq(a->object.version, b->object.version) &&
           a->object.version.len;
}

/* What an answer to a write brought is not taken back by an event of before. */
static bool is_overtaken(const struct kept *old, const struct kept *kept)
{
    return old && old->is_ahead && str_eq(old->object.uid, kept->object.uid) &&
           object_version_is_later(old->object.version, kept->object.version);
}

/* In its place or anew. What was made of it stays as long as it says the same. */
static void take(struct kube_watch *watch, struct kept *kept, struct kept *old)
{
    if (old && !object_is_news(old->object.json, kept->object.json, watch->is_status_read)) {
        kept->object.read = old->object.read;
        old->object.read = NULL;
    } else {
        watch->edition++;
    }
    objects_put(&watch->objects, kept);
}

/* True when something is different now. */
static bool put(struct kube_watch *watch, struct kept *kept)
{
    struct kept *old = objects_find(&watch->objects, kept->object.ns, kept->object.name);
    if (old && (is_same(old, kept) || is_overtaken(old, kept))) {
        old->listing = watch->listing;
        old->is_ahead = !is_same(old, kept);
        object_free(kept);
        return false;
    }
    if (!has_room(watch, kept, old)) {
        watch->left_out++;
        object_free(kept);
        return false;
    }
    kept->listing = watch->listing;
    take(watch, kept, old);
    return true;
}

/* ---- lists ---- */

void watch_take_item(void *user, struct str item)
{
    struct kube_watch *watch = user;
    struct kept *kept = read_object(watch, item);
    if (kept)
        watch->is_dirty |= put(watch, kept);
}

void watch_take_large(void *user, struct str beginning)
{
    leave_out(user, beginning, "it is larger than 4 MiB");
}

/* ---- events ---- */

static void take_version(struct kube_watch *watch, struct str version)
{
    if (!version.len)
        return;
    strbuf_clear(&watch->version);
    strbuf_add(&watch->version, version);
}

static void take_error(struct kube_watch *watch, struct str object)
{
    struct status status;
    status_read(&status, object);
    watch->end = status.code == 410 ? END_EXPIRED : END_ERROR;
    strbuf_clear(&watch->error);
    status_format(&watch->error, &status, status.code);
    status_deinit(&status);
}

static void take_object(struct kube_watch *watch, struct str object, bool is_deleted)
{
    struct kept *kept = read_object(watch, object);
    if (!kept)
        return;
    take_version(watch, kept->object.version);
    if (!is_deleted) {
        if (put(watch, kept))
            watch_note_change(watch);
        return;
    }
    const struct kept *old = objects_find(&watch->objects, kept->object.ns, kept->object.name);
    bool is_another = old && old->is_ahead && !str_eq(old->object.uid, kept->object.uid);
    if (!is_another && objects_remove(&watch->objects, kept->object.ns, kept->object.name)) {
        watch->edition++;
        watch_note_change(watch);
    }
    object_free(kept);
}

bool watch_take_line(void *user, struct str line)
{
    struct kube_watch *watch = user;
    struct skim skim;
    struct str name, value, type = STR_NONE, object = STR_NONE;
    skim_open(&skim, line);
    while (skim_next(&skim, &name, &value)) {
        if (str_eq(name, STR("type")))
            type = skim_text(value);
        else if (str_eq(name, STR("object")))
            object = value;
    }
    watch->end = skim_is_whole(&skim) && object.len ? END_NONE : END_BROKEN;
    if (watch->end)
        return false;
    if (str_eq(type, STR("ADDED")) || str_eq(type, STR("MODIFIED")))
        take_object(watch, object, false);
    else if (str_eq(type, STR("DELETED")))
        take_object(watch, object, true);
    else if (str_eq(type, STR("BOOKMARK")))
        take_version(watch, skim_find_text(skim_find(object, STR("metadata")), STR("resourceVersion")));
    else if (str_eq(type, STR("ERROR")))
        take_error(watch, object);
    return watch->end == END_NONE;
}

/* ---- answers to writes ---- */

void kube_watch_put(struct kube_watch *watch, struct str json)
{
    struct kept *kept = read_object(watch, json);
    if (!kept)
        return;
    struct kept *old = objects_find(&watch->objects, kept->object.ns, kept->object.name);
    if (!old || !str_eq(old->object.uid, kept->object.uid) ||
        !object_version_is_later(kept->object.version, old->object.version) || !has_room(watch, kept, old)) {
        object_free(kept);
        return;
    }
    kept->listing = old->listing;
    kept->is_ahead = true;
    take(watch, kept, old);
    watch_note_change(watch);
}
