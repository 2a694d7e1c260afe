/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/cluster.h"

#include "base/list.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/timer.h"

/* A kind that the server does not have in any version may have been installed since. */
#define VERSIONS_MS 30000

/* One watch: of a kind, in a namespace or in all, of one name or of all. */
struct slot {
    struct list node;
    struct cluster *cluster;
    const struct kind *kind;
    struct str ns, name; /* copies; empty: all */
    unsigned version;    /* index of the kind's versions */
    uint64_t edition;    /* of the watch, as it was told on */
    struct kube_watch *watch;
    bool is_read;   /* at least once, as far as it may be read */
    bool is_absent; /* as it was said last: to ask again is no news */
    bool is_wanted; /* during cluster_want */
};

struct cluster {
    struct cluster_options options;
    struct str *namespaces; /* copies */
    uint64_t edition;
    struct list slots;  /* in the order of the kinds; those on demand behind */
    struct timer older; /* some watch found its version absent, and there are older ones */
    struct timer anew;  /* some kind is absent in all versions */
};

static struct str copy(struct str text)
{
    return text.len > 0 ? (struct str){mem_dup(text.ptr, text.len), text.len} : STR("");
}

static void forget(struct str text)
{
    if (text.len > 0)
        mem_free((char *)(uintptr_t)text.ptr);
}

/* ---- paths ---- */

static void add_collection(struct strbuf *path, const struct kind *kind, unsigned version, struct str ns)
{
    if (kind->group[0])
        strbuf_printf(path, "/apis/%s/%s", kind->group, kind->versions[version]);
    else
        strbuf_printf(path, "/api/%s", kind->versions[version]);
    if (ns.len > 0)
        strbuf_printf(path, "/namespaces/%.*s", STR_ARG(ns));
    strbuf_printf(path, "/%s", kind->plural);
}

/* ---- slots ---- */

/* Whether the server may have the kind in a version that was not asked for since it was found absent. */
static bool has_older(const struct slot *slot)
{
    return slot->kind->versions[slot->version + 1] != NULL;
}

/* Whether rules may be others now, once it is told that something happened. */
static void take_edition(struct slot *slot)
{
    uint64_t edition = kube_watch_edition(slot->watch);
    slot->cluster->edition += slot->edition != edition;
    slot->edition = edition;
}

static void on_slot_change(struct kube_watch *watch, void *user)
{
    struct slot *slot = user;
    struct cluster *cluster = slot->cluster;
    enum kube_watch_state state = kube_watch_state(watch);
    bool is_absent = state == KUBE_WATCH_ABSENT;
    if (is_absent && has_older(slot)) {
        timer_arm(cluster->options.loop, &cluster->older, 0);
        return;
    }
    if (is_absent && slot->version > 0 && !timer_is_armed(&cluster->anew))
        timer_arm(cluster->options.loop, &cluster->anew, VERSIONS_MS);
    bool is_news = !(is_absent && slot->is_absent) && state != KUBE_WATCH_STARTING;
    slot->is_read = slot->is_read || state != KUBE_WATCH_STARTING;
    slot->is_absent = is_absent || (slot->is_absent && state == KUBE_WATCH_STARTING);
    if (is_news)
        take_edition(slot);
    if (is_news || kube_watch_problem(watch))
        cluster->options.on_change(cluster->options.user);
}

static const struct kube_watch_ops slot_ops = {.name = "cluster", .on_change = on_slot_change};

/* By those who make rules. Of the other kinds it is what Umbra writes, and other controllers beside it. */
static bool is_status_read(enum kind_id kind)
{
    return kind == KIND_SERVICE || kind == KIND_POD;
}

static void begin(struct slot *slot)
{
    struct strbuf path = STRBUF_INIT, version = STRBUF_INIT, selector = STRBUF_INIT;
    add_collection(&path, slot->kind, slot->version, slot->ns);
    kind_add_api_version(slot->kind, slot->kind->versions[slot->version], &version);
    if (slot->name.len > 0)
        strbuf_printf(&selector, "fieldSelector=metadata.name%%3D%.*s", STR_ARG(slot->name));
    struct kube_watch_spec spec = {
        .path = strbuf_str(&path),
        .api_version = strbuf_str(&version),
        .kind = str_from_c(slot->kind->name),
        .selector = strbuf_str(&selector),
        .ops = &slot_ops,
        .user = slot,
        .is_status_read = is_status_read(slot->kind->id),
        .is_secret = slot->kind->id == KIND_SECRET,
    };
    slot->watch = kube_watch_new(slot->cluster->options.client, &spec);
    slot->edition = 0;
    strbuf_deinit(&path);
    strbuf_deinit(&version);
    strbuf_deinit(&selector);
}

static struct slot *add_slot(struct cluster *cluster, const struct kind *kind, struct str ns, struct str name)
{
    struct slot *slot = mem_alloc(sizeof(*slot));
    *slot = (struct slot){
        .cluster = cluster,
        .kind = kind,
        .ns = copy(ns),
        .name = copy(name),
    };
    list_add(&cluster->slots, &slot->node);
    begin(slot);
    return slot;
}

static void remove_slot(struct slot *slot)
{
    list_remove(&slot->node);
    kube_watch_free(slot->watch);
    forget(slot->ns);
    forget(slot->name);
    mem_free(slot);
}

static void try_version(struct slot *slot, unsigned version)
{
    kube_watch_free(slot->watch);
    slot->version = version;
    begin(slot);
}

/* Versions that the server does not have give way to older ones. */
static void on_older(struct timer *timer)
{
    struct cluster *cluster = CONTAINER_OF(timer, struct cluster, older);
    for (struct list *node = cluster->slots.next; node != &cluster->slots; node = node->next) {
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        if (kube_watch_state(slot->watch) == KUBE_WATCH_ABSENT && has_older(slot))
            try_version(slot, slot->version + 1);
    }
}

/* A kind that the server does not have at all is asked for from its first version on. */
static void on_anew(struct timer *timer)
{
    struct cluster *cluster = CONTAINER_OF(timer, struct cluster, anew);
    for (struct list *node = cluster->slots.next; node != &cluster->slots; node = node->next) {
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        if (kube_watch_state(slot->watch) == KUBE_WATCH_ABSENT && slot->version > 0 && !has_older(slot))
            try_version(slot, 0);
    }
}

/* ---- life ---- */

static bool is_on_demand(enum kind_id kind)
{
    return kind == KIND_SECRET || kind == KIND_CONFIG_MAP || kind == KIND_POD;
}

struct cluster *cluster_new(const struct cluster_options *options)
{
    struct cluster *cluster = mem_alloc(sizeof(*cluster));
    *cluster = (struct cluster){.options = *options};
    cluster->namespaces = mem_alloc((options->namespace_count + 1) * sizeof(*cluster->namespaces));
    for (size_t i = 0; i < options->namespace_count; i++)
        cluster->namespaces[i] = copy(options->namespaces[i]);
    list_init(&cluster->slots);
    timer_init(&cluster->older, on_older);
    timer_init(&cluster->anew, on_anew);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const struct kind *kind = &kind_table[i];
        if (is_on_demand(kind->id))
            continue;
        if (!kind->is_namespaced || options->namespace_count == 0)
            add_slot(cluster, kind, STR(""), STR(""));
        for (size_t k = 0; kind->is_namespaced && k < options->namespace_count; k++)
            add_slot(cluster, kind, cluster->namespaces[k], STR(""));
    }
    return cluster;
}

void cluster_free(struct cluster *cluster)
{
    if (!cluster)
        return;
    while (!list_is_empty(&cluster->slots))
        remove_slot(CONTAINER_OF(cluster->slots.next, struct slot, node));
    timer_disarm(&cluster->older);
    timer_disarm(&cluster->anew);
    for (size_t i = 0; i < cluster->options.namespace_count; i++)
        forget(cluster->namespaces[i]);
    mem_free(cluster->namespaces);
    mem_free(cluster);
}

/* ---- what is wanted ---- */

static bool is_in_reach(const struct cluster *cluster, struct str ns)
{
    for (size_t i = 0; i < cluster->options.namespace_count; i++) {
        if (str_eq(cluster->namespaces[i], ns))
            return true;
    }
    return cluster->options.namespace_count == 0;
}

static struct slot *find_slot(const struct cluster *cluster, enum kind_id kind, struct str ns, struct str name)
{
    for (struct list *node = cluster->slots.next; node != &cluster->slots; node = node->next) {
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        if (slot->kind->id == kind && str_eq(slot->ns, ns) && str_eq(slot->name, name))
            return slot;
    }
    return NULL;
}

static void want_slot(struct cluster *cluster, enum kind_id kind, struct str ns, struct str name)
{
    struct slot *slot = find_slot(cluster, kind, ns, name);
    if (!slot)
        slot = add_slot(cluster, &kind_table[kind], ns, name);
    slot->is_wanted = true;
}

/* Of all namespaces: what is of one of them is among it. */
static bool is_all_wanted(const struct resource_want *wants, size_t count, enum kind_id kind)
{
    for (size_t i = 0; i < count; i++) {
        if (wants[i].kind == kind && wants[i].ns.len == 0)
            return true;
    }
    return false;
}

void cluster_want(struct cluster *cluster, const struct resource_want *wants, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct resource_want *want = &wants[i];
        bool is_all = is_all_wanted(wants, count, want->kind);
        if (!is_all && is_in_reach(cluster, want->ns))
            want_slot(cluster, want->kind, want->ns, want->name);
        if (is_all && cluster->options.namespace_count == 0)
            want_slot(cluster, want->kind, STR(""), STR(""));
        for (size_t k = 0; is_all && k < cluster->options.namespace_count; k++)
            want_slot(cluster, want->kind, cluster->namespaces[k], STR(""));
    }
    for (struct list *node = cluster->slots.next, *next; node != &cluster->slots; node = next) {
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        next = node->next;
        if (is_on_demand(slot->kind->id) && !slot->is_wanted)
            remove_slot(slot);
        else
            slot->is_wanted = false;
    }
}

bool cluster_is_synced(const struct cluster *cluster)
{
    for (struct list *node = cluster->slots.next; node != &cluster->slots; node = node->next) {
        if (!CONTAINER_OF(node, struct slot, node)->is_read)
            return false;
    }
    return true;
}

uint64_t cluster_edition(const struct cluster *cluster)
{
    return cluster->edition;
}

const char *cluster_trouble(const struct cluster *cluster)
{
    for (struct list *node = cluster->slots.next; node != &cluster->slots; node = node->next) {
        const struct slot *slot = CONTAINER_OF(node, struct slot, node);
        enum kube_watch_state state = kube_watch_state(slot->watch);
        const char *problem = kube_watch_problem(slot->watch);
        if (problem && (state == KUBE_WATCH_STARTING || state == KUBE_WATCH_STALE))
            return problem;
    }
    return NULL;
}

/* ---- what there is ---- */

/* What it means for people that a kind, or a namespace of it, can't be read. */
static void say_trouble(const struct slot *slot, struct manifests *manifests)
{
    const char *problem = kube_watch_problem(slot->watch);
    enum kube_watch_state state = kube_watch_state(slot->watch);
    bool is_gateway_api = slot->kind->id == KIND_GATEWAY || slot->kind->id == KIND_HTTP_ROUTE;
    if (state == KUBE_WATCH_FORBIDDEN)
        problems_add_place(&manifests->problems, SEVERITY_WARNING, str_from_c(slot->kind->plural), 0, 0,
                           "what depends on %s%s%.*s is left out: %s; give Umbra's ServiceAccount the verbs get, list "
                           "and watch on %s there",
                           slot->kind->plural, slot->ns.len > 0 ? " of namespace " : "", STR_ARG(slot->ns),
                           problem ? problem : "forbidden", slot->kind->plural);
    else if (state == KUBE_WATCH_ABSENT && is_gateway_api)
        problems_add_place(&manifests->problems, SEVERITY_WARNING, str_from_c(slot->kind->plural), 0, 0,
                           "the API server does not know %s: install the CRDs of the Gateway API", slot->kind->plural);
    else if (state == KUBE_WATCH_ABSENT && slot->kind->has_crd)
        problems_add_place(&manifests->problems, SEVERITY_WARNING, str_from_c(slot->kind->plural), 0, 0,
                           "the API server does not know %s: apply Umbra's CRDs (deploy/crd)", slot->kind->plural);
    else if (state == KUBE_WATCH_TOO_MANY)
        problems_add_place(&manifests->problems, SEVERITY_ERROR, str_from_c(slot->kind->plural), 0, 0,
                           "there are more than %u %s: what is beyond is left out", KUBE_WATCH_MAX_OBJECTS,
                           slot->kind->plural);
}

/* What was read of the object before, when it says the same still: of thousands most do. What is in Secrets is not held any longer than
 * one load needs it. */
static void read_object(const struct slot *slot, size_t index, struct strbuf *file, struct manifests *manifests)
{
    const struct kube_object *object = kube_watch_at(slot->watch, index);
    bool is_held = slot->kind->id != KIND_SECRET;
    if (object->read && manifests_share(manifests, object->read))
        return;
    strbuf_clear(file);
    cluster_file(slot->kind, object->ns, object->name, file);
    if (is_held && !object->read) {
        struct manifests *read = manifests_new();
        read->from_server = manifests->from_server;
        manifests_read(read, strbuf_str(file), object->json);
        kube_watch_keep(slot->watch, index, read);
        manifests_unref(read);
        if (manifests_share(manifests, object->read))
            return;
    }
    manifests_read(manifests, strbuf_str(file), object->json);
}

/* The slot that has the object, if there is one. */
static struct slot *find_holder(const struct cluster *cluster, enum kind_id kind, struct str ns, struct str name)
{
    const struct str places[][2] = {{STR(""), STR("")}, {ns, STR("")}, {ns, name}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct slot *slot = find_slot(cluster, kind, places[i][0], places[i][1]);
        if (slot)
            return slot;
    }
    return NULL;
}

/* Of two kinds with one name the second has its group, too: as kubectl takes it. */
void cluster_file(const struct kind *kind, struct str ns, struct str name, struct strbuf *file)
{
    bool is_first = kind_find_by_name(str_from_c(kind->name)) == kind;
    strbuf_printf(file, "%s%s%s/%.*s%s%.*s", kind->plural, is_first ? "" : ".", is_first ? "" : kind->group,
                  STR_ARG(ns), ns.len > 0 ? "/" : "", STR_ARG(name));
}

const char *cluster_version(const struct cluster *cluster, enum kind_id kind, struct str ns, struct str name)
{
    const struct slot *slot = find_holder(cluster, kind, ns, name);
    return slot ? slot->kind->versions[slot->version] : NULL;
}

void cluster_read(const struct cluster *cluster, struct manifests *manifests)
{
    struct strbuf file = STRBUF_INIT;
    manifests->from_server = true;
    for (struct list *node = cluster->slots.next; node != &cluster->slots; node = node->next) {
        const struct slot *slot = CONTAINER_OF(node, struct slot, node);
        say_trouble(slot, manifests);
        for (size_t i = 0; i < kube_watch_count(slot->watch); i++)
            read_object(slot, i, &file, manifests);
    }
    strbuf_deinit(&file);
}

const struct kube_object *cluster_find(const struct cluster *cluster, enum kind_id kind, struct str ns, struct str name)
{
    const struct slot *slot = find_holder(cluster, kind, ns, name);
    return slot ? kube_watch_find(slot->watch, ns, name) : NULL;
}

void cluster_put(struct cluster *cluster, enum kind_id kind, struct str json)
{
    for (struct list *node = cluster->slots.next; node != &cluster->slots; node = node->next) {
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        if (slot->kind->id == kind)
            kube_watch_put(slot->watch, json); /* those that do not have it leave it */
    }
}
