/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/targets.h"

#include "base/mem.h"
#include "compile/istio_destinations.h"
#include "compile/outside.h"
#include "compile/revisions.h"
#include "compile/services.h"

#define LABEL_ANNOTATION "umbra.dev/label"
#define LABEL_MAX 253

/* What a reference leads to. */
struct target {
    size_t backend; /* of rule_set.backends; SIZE_MAX: nowhere */
    struct target_failure failure;
};

/* A label stands in metrics, in options and in tables. */
static bool is_label(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '"' || text.ptr[i] == '\\')
            return false;
    }
    return text.len > 0 && text.len <= LABEL_MAX;
}

static void add_annotated(struct compiler *compiler, const struct aged *aged, struct map *taken)
{
    const struct object_meta *meta = ((const struct object_head *)aged->resource->object)->metadata;
    struct str *label = arena_alloc(&compiler->scratch, sizeof(*label));
    *label = pairs_find(&meta->annotations, STR(LABEL_ANNOTATION));
    if (!label->ptr)
        return;
    const struct node *annotations = node_find(meta->node, STR("annotations"));
    if (!is_label(*label)) {
        compiler_report(
            compiler, SEVERITY_WARNING, "", annotations, LABEL_ANNOTATION,
            "a label has 1 to %d visible characters without quotes and backslashes; this one does not count",
            LABEL_MAX);
        return;
    }
    const struct aged *first = map_find(taken, *label);
    if (first) {
        compiler_report(compiler, SEVERITY_WARNING, "", annotations, LABEL_ANNOTATION,
                        "Backend %.*s has this label already, so it does not count here; give this one another",
                        STR_ARG(first->key));
        return;
    }
    map_add(taken, *label, (void *)aged);
    map_add(&compiler->annotated, aged->key, label);
}

void targets_collect(struct compiler *compiler)
{
    const struct aged_list *aged = &compiler->by_age[KIND_BACKEND];
    struct map taken;
    map_init(&taken);
    for (size_t i = 0; i < aged->count; i++)
        add_annotated(compiler, &aged->list[i], &taken);
    map_deinit(&taken);
}

static struct backend_row *add_row(struct compiler *compiler)
{
    if (compiler->backend_count == compiler->backend_capacity) {
        compiler->backend_capacity = compiler->backend_capacity ? compiler->backend_capacity * 2 : 64;
        compiler->backends = mem_grow(compiler->backends, compiler->backend_capacity * sizeof(*compiler->backends));
    }
    return &compiler->backends[compiler->backend_count++];
}

/* The first row of the owner's with the label, or SIZE_MAX. Of two things under one label (a Service and a Backend of one name) the second
 * gets "~2" behind it. */
static size_t find_first_row(struct compiler *compiler, struct str *label, struct str owner)
{
    struct str wanted = *label;
    for (unsigned same = 2;; same++) {
        size_t known = (size_t)map_find(&compiler->labels, *label);
        if (known == 0 || str_eq(compiler->backends[known - 1].owner, owner))
            return known - 1;
        *label = arena_printf(compiler->arena, "%.*s~%u", STR_ARG(wanted), same);
    }
}

/* The backend with a label and a protocol, new when nobody had it. What HTTPRoutes and GRPCRoutes both lead to may have two rows: one label
 * and one set of addresses, and a protocol for each. */
static size_t find_backend(struct compiler *compiler, struct str label, struct str owner, struct service_hosts hosts)
{
    size_t first = find_first_row(compiler, &label, owner);
    for (size_t i = first; i != SIZE_MAX; i = compiler->backends[i].twin) {
        if (compiler->backends[i].rule.protocol == hosts.way.protocol)
            return i;
    }
    size_t added = compiler->backend_count;
    *add_row(compiler) = (struct backend_row){
        .rule = {.label = label,
                 .hosts = hosts.list,
                 .host_count = hosts.count,
                 .protocol = hosts.way.protocol,
                 .tls = hosts.way.tls,
                 .is_twin = first != SIZE_MAX},
        .owner = owner,
        .twin = SIZE_MAX,
    };
    if (first == SIZE_MAX)
        map_add(&compiler->labels, label, (void *)compiler->backend_count);
    else
        compiler->backends[first].twin = added;
    return added;
}

/* "namespace/name", with ":port" where the reference has one. */
static struct str reference_label(struct arena *arena, const struct reference *reference)
{
    if (!reference->has_port)
        return arena_printf(arena, "%.*s/%.*s", STR_ARG(reference->ns), STR_ARG(reference->name));
    return arena_printf(arena, "%.*s/%.*s:%u", STR_ARG(reference->ns), STR_ARG(reference->name), reference->port);
}

static void fail(struct target *target, const char *reason, struct str text, struct str mend)
{
    *target = (struct target){.backend = SIZE_MAX, .failure = {.reason = reason, .text = text, .mend = mend}};
}

static void set_revision(struct compiler *compiler, enum kind_id kind, const struct reference *reference,
                         size_t backend)
{
    struct rule_backend *rule = &compiler->backends[backend].rule;
    rule->revision = revision_of(compiler, kind, reference->ns, reference->name, rule);
}

static void resolve_service(struct compiler *compiler, const struct reference *reference, struct target *target)
{
    struct service_hosts hosts = services_resolve(compiler, reference);
    if (hosts.way.failure.reason) {
        target->failure = hosts.way.failure;
        return;
    }
    struct str label = reference_label(compiler->arena, reference);
    struct str owner = arena_printf(&compiler->scratch, "Service %.*s", STR_ARG(label));
    target->backend = find_backend(compiler, label, owner, hosts);
    set_revision(compiler, KIND_SERVICE, reference, target->backend);
}

/* Of a VirtualService. What the same reference of two of them is may differ: each namespace has its DestinationRules. */
static void resolve_destination(struct compiler *compiler, const struct reference *reference, struct target *target)
{
    struct service_hosts hosts = istio_destinations_resolve(compiler, reference);
    if (hosts.way.failure.reason) {
        target->failure = hosts.way.failure;
        return;
    }
    struct str label = istio_reference_label(compiler->arena, reference);
    struct str owner = arena_printf(&compiler->scratch, "%.*s %.*s %.*s/%.*s:%u|%.*s", STR_ARG(reference->kind),
                                    STR_ARG(hosts.way.tls ? reference->from_ns : STR("")), STR_ARG(reference->ns),
                                    STR_ARG(reference->name), reference->port, STR_ARG(reference->subset));
    target->backend = find_backend(compiler, label, owner, hosts);
    set_revision(compiler, KIND_SERVICE, reference, target->backend);
}

static struct service_hosts backend_hosts(struct compiler *compiler, const struct backend_spec *spec)
{
    struct rule_host *list = arena_alloc(compiler->arena, (spec->endpoints.count + 1) * sizeof(*list));
    for (size_t i = 0; i < spec->endpoints.count; i++) {
        const struct backend_endpoint *endpoint = SCHEMA_ITEM(spec->endpoints, struct backend_endpoint, i);
        list[i] = (struct rule_host){.host = endpoint->host,
                                     .port = (uint16_t)endpoint->port.value,
                                     .is_guarded = compiler->options->is_cluster};
    }
    return (struct service_hosts){.list = list, .count = spec->endpoints.count};
}

static void resolve_backend(struct compiler *compiler, const struct reference *reference, struct target *target)
{
    struct str ns = reference->ns, name = reference->name;
    const struct resource *resource = manifests_find(compiler->out->manifests, KIND_BACKEND, ns, name);
    if (!resource) {
        fail(target, "BackendNotFound",
             arena_printf(&compiler->scratch, "there is no Backend %.*s/%.*s", STR_ARG(ns), STR_ARG(name)),
             compiler_hint(compiler, KIND_BACKEND, ns, name));
        return;
    }
    const char *refused = outside_refuses(compiler, reference);
    if (refused) {
        fail(target, refused,
             arena_printf(&compiler->scratch, "Backend %.*s/%.*s is not served, which is said there", STR_ARG(ns),
                          STR_ARG(name)),
             STR(""));
        target->failure.is_said = true;
        return;
    }
    struct service_hosts hosts = backend_hosts(compiler, ((const struct backend *)resource->object)->spec);
    hosts.way = way_to_backend(compiler, reference, resource);
    if (hosts.way.failure.reason) {
        target->failure = hosts.way.failure;
        return;
    }
    struct str owner = arena_printf(&compiler->scratch, "Backend %.*s/%.*s", STR_ARG(ns), STR_ARG(name));
    const struct str *annotated = map_find(&compiler->annotated, str_slice(owner, sizeof("Backend"), owner.len));
    struct str label = annotated ? *annotated : reference_label(compiler->arena, reference);
    target->backend = find_backend(compiler, label, owner, hosts);
    set_revision(compiler, KIND_BACKEND, reference, target->backend);
}

static void resolve_kind(struct compiler *compiler, const struct reference *reference, struct target *target)
{
    struct str group = reference->group, kind = reference->kind;
    bool is_backend = str_eq(kind, STR("Backend"));
    if (reference->host.ptr) {
        resolve_destination(compiler, reference, target);
        return;
    }
    if (group.len == 0 && str_eq(kind, STR("Service"))) {
        resolve_service(compiler, reference, target);
        return;
    }
    if (is_backend && str_eq(group, STR(UMBRA_GROUP))) {
        resolve_backend(compiler, reference, target);
        return;
    }
    if (is_backend && group.len == 0)
        fail(target, "InvalidKind", STR("a Backend is of another group than a Service"),
             STR("; add group: " UMBRA_GROUP));
    else
        fail(target, "InvalidKind",
             arena_printf(&compiler->scratch, "requests can't be sent to a %.*s (group \"%.*s\")", STR_ARG(kind),
                          STR_ARG(group)),
             STR("; name a Service, or a Backend of group " UMBRA_GROUP));
}

/* What it leads to, resolved once for all references to the same thing from routes of one kind. */
static const struct target *find_target(struct compiler *compiler, const struct reference *reference)
{
    struct str key = arena_printf(&compiler->scratch, "%d %.*s %.*s %.*s %.*s %d", reference->is_grpc,
                                  STR_ARG(reference->group), STR_ARG(reference->kind), STR_ARG(reference->ns),
                                  STR_ARG(reference->name), reference->has_port ? reference->port : -1);
    if (reference->host.ptr)
        key = arena_printf(&compiler->scratch, "%.*s %.*s %.*s|%.*s", STR_ARG(key), STR_ARG(reference->from_ns),
                           STR_ARG(reference->host), STR_ARG(reference->subset));
    struct target *target = map_find(&compiler->targets, key);
    if (target)
        return target;
    target = arena_alloc(&compiler->scratch, sizeof(*target));
    *target = (struct target){.backend = SIZE_MAX};
    resolve_kind(compiler, reference, target);
    map_add(&compiler->targets, key, target);
    return target;
}

/* Live traffic across namespaces is refused without a grant everywhere, copies in a cluster only: files on a laptop are
 * all of one owner, who is told. */
static bool check_grant(struct compiler *compiler, const struct reference *reference, enum target_use use)
{
    static const char *const words[] = {[TARGET_LIVE] = "requests to a backend",
                                        [TARGET_SHADOW] = "copies to a shadow",
                                        [TARGET_CONTROL] = "copies to a control"};
    if (grants_allow(compiler, reference))
        return true;
    /* Istio lets live traffic pass; copies are another matter. */
    if (reference->from_kind == KIND_VIRTUAL_SERVICE && use == TARGET_LIVE)
        return true;
    bool is_needed = compiler->options->is_cluster || use == TARGET_LIVE;
    compiler_report(compiler, is_needed ? SEVERITY_ERROR : SEVERITY_WARNING, "RefNotPermitted", reference->node,
                    node_find(reference->node, STR("namespace")) ? "namespace" : NULL,
                    "%s in namespace %.*s %s a ReferenceGrant%s (from: %s of namespace %.*s, to: %.*s %.*s)",
                    words[use], STR_ARG(reference->ns), is_needed ? "need" : "go without",
                    is_needed ? " there" : ", but in a cluster they need one there",
                    kind_table[reference->from_kind].name, STR_ARG(reference->from_ns), STR_ARG(reference->kind),
                    STR_ARG(reference->name));
    return !is_needed;
}

static bool leads_to_left_out(struct compiler *compiler, const struct reference *reference, const char *effect)
{
    struct left_out what = {
        .at = reference->node,
        .kind = reference->group.len == 0 ? KIND_SERVICE : KIND_BACKEND,
        .ns = reference->ns,
        .name = reference->name,
    };
    if (!compiler_is_left_out(compiler, what.kind, what.ns, what.name))
        return false;
    compiler_note_left_out(compiler, &what, "BackendNotFound", effect);
    return true;
}

size_t targets_resolve(struct compiler *compiler, const struct reference *reference, enum target_use use)
{
    static const char *const effects[] = {
        [TARGET_LIVE] = "its share of requests gets 500",
        [TARGET_SHADOW] = "nothing is copied to it",
        [TARGET_CONTROL] = "shadows are compared without a control",
    };
    bool is_known_kind = (reference->group.len == 0 && str_eq(reference->kind, STR("Service"))) ||
                         (str_eq(reference->group, STR(UMBRA_GROUP)) && str_eq(reference->kind, STR("Backend")));
    const char *effect = effects[use];
    if (is_known_kind && !check_grant(compiler, reference, use))
        return SIZE_MAX;
    if (is_known_kind && leads_to_left_out(compiler, reference, effect))
        return SIZE_MAX;
    const struct target *target = find_target(compiler, reference);
    const struct target_failure *failure = &target->failure;
    if (target->backend == SIZE_MAX)
        compiler_report(compiler, failure->is_said ? SEVERITY_NOTE : SEVERITY_ERROR, failure->reason, reference->node,
                        NULL, "%.*s, so %s%.*s", STR_ARG(failure->text), effect, STR_ARG(failure->mend));
    return target->backend;
}

void targets_finish(struct compiler *compiler)
{
    struct rule_backend *rows = arena_alloc(compiler->arena, (compiler->backend_count + 1) * sizeof(*rows));
    for (size_t i = 0; i < compiler->backend_count; i++)
        rows[i] = compiler->backends[i].rule;
    compiler->out->rules.backends = rows;
    compiler->out->rules.backend_count = compiler->backend_count;
}
