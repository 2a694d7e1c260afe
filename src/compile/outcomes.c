/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/outcomes.h"

#include "base/assert.h"
#include "compile/siblings.h"
#include "manifest/backend_tls_policy.h"

/* ---- tracks ---- */

static bool has_status(enum kind_id kind)
{
    return kind == KIND_GATEWAY_CLASS || kind == KIND_GATEWAY || kind_is_route(kind) ||
           kind == KIND_BACKEND_TLS_POLICY || kind == KIND_MIRROR_POLICY || kind == KIND_BACKEND;
}

/* Listeners, parentRefs, targetRefs. */
static size_t count_parts(const struct resource *resource)
{
    if (!resource->object)
        return 0;
    if (kind_is_route(resource->kind->id))
        return ((const struct http_route *)resource->object)->spec->parent_refs.count;
    switch (resource->kind->id) {
    case KIND_GATEWAY: return ((const struct gateway *)resource->object)->spec->listeners.count;
    case KIND_MIRROR_POLICY: return ((const struct mirror_policy *)resource->object)->spec->target_refs.count;
    case KIND_BACKEND_TLS_POLICY: return ((const struct backend_tls_policy *)resource->object)->spec->target_refs.count;
    default: return 0;
    }
}

static struct str pointer_key(const void *const *pointer)
{
    return (struct str){(const char *)pointer, sizeof(*pointer)};
}

void outcomes_init(struct compiler *compiler)
{
    const struct manifests *manifests = compiler->out->manifests;
    if (!compiler->options->is_cluster)
        return;
    size_t size = (manifests->resource_count + 1) * sizeof(*compiler->tracks);
    compiler->tracks = memset(arena_alloc(&compiler->scratch, size), 0, size);
    for (size_t i = 0; i < manifests->resource_count; i++) {
        const struct resource *resource = &manifests->resources[i];
        if (!has_status(resource->kind->id))
            continue;
        struct outcome_track *track = arena_alloc(&compiler->scratch, sizeof(*track));
        size_t parts = count_parts(resource);
        *track = (struct outcome_track){.resource = resource, .part_count = parts};
        track->parts = arena_alloc(&compiler->scratch, (parts + 1) * sizeof(*track->parts));
        memset(track->parts, 0, (parts + 1) * sizeof(*track->parts));
        compiler->tracks[i] = track;
        const void *root = resource->object ? ((const struct object_head *)resource->object)->node : resource->node;
        if (root)
            map_add(&compiler->roots, pointer_key(&root), track);
    }
}

struct outcome_track *outcomes_track(const struct compiler *compiler, const struct resource *resource)
{
    return compiler->tracks ? compiler->tracks[resource - compiler->out->manifests->resources] : NULL;
}

/* ---- troubles ---- */

/* Which condition a reason counts for; `as` is the condition's reason, where it is another. */
static const struct reason_row {
    const char *reason;
    enum outcome_aspect aspect;
    enum severity least; /* warnings count only where the resource has no effect by what they say */
    uint32_t kinds;
    const char *as;
} reason_rows[] = {
#define ROUTES (1u << KIND_HTTP_ROUTE | 1u << KIND_GRPC_ROUTE)
#define POLICIES (1u << KIND_MIRROR_POLICY | 1u << KIND_BACKEND_TLS_POLICY)
    {"BackendNotFound", ASPECT_REFS, SEVERITY_ERROR, ROUTES | 1u << KIND_MIRROR_POLICY, NULL},
    {"RefNotPermitted", ASPECT_REFS, SEVERITY_ERROR,
     ROUTES | 1u << KIND_MIRROR_POLICY | 1u << KIND_GATEWAY | 1u << KIND_BACKEND, NULL},
    {"InvalidKind", ASPECT_REFS, SEVERITY_ERROR, ROUTES | POLICIES | 1u << KIND_BACKEND, NULL},
    {"UnsupportedProtocol", ASPECT_REFS, SEVERITY_ERROR, ROUTES | 1u << KIND_MIRROR_POLICY, NULL},
    {"UnsupportedProtocol", ASPECT_ACCEPTED, SEVERITY_ERROR, 1u << KIND_GATEWAY, NULL},
    {"InvalidBackendTLS", ASPECT_REFS, SEVERITY_ERROR, ROUTES | 1u << KIND_MIRROR_POLICY, NULL},
    {"InvalidBackend", ASPECT_REFS, SEVERITY_ERROR, ROUTES | 1u << KIND_MIRROR_POLICY, NULL},
    /* A filter of a kind that is not known. */
    {"UnsupportedValue", ASPECT_REFS, SEVERITY_ERROR, ROUTES, "InvalidKind"},
    {"UnsupportedValue", ASPECT_ACCEPTED, SEVERITY_ERROR, 1u << KIND_GATEWAY | 1u << KIND_BACKEND, NULL},
    {"UnsupportedValue", ASPECT_ACCEPTED, SEVERITY_ERROR, 1u << KIND_BACKEND_TLS_POLICY, "Invalid"},
    {"PortUnavailable", ASPECT_ACCEPTED, SEVERITY_ERROR, 1u << KIND_GATEWAY, NULL},
    {"HostnameConflict", ASPECT_ACCEPTED, SEVERITY_ERROR, 1u << KIND_GATEWAY, NULL},
    {"ProtocolConflict", ASPECT_ACCEPTED, SEVERITY_ERROR, 1u << KIND_GATEWAY, NULL},
    {"InvalidParameters", ASPECT_ACCEPTED, SEVERITY_ERROR, 1u << KIND_GATEWAY | 1u << KIND_GATEWAY_CLASS, NULL},
    {"Invalid", ASPECT_ACCEPTED, SEVERITY_ERROR,
     1u << KIND_GATEWAY | 1u << KIND_BACKEND_TLS_POLICY | 1u << KIND_BACKEND, NULL},
    {"NotAllowed", ASPECT_ACCEPTED, SEVERITY_ERROR, 1u << KIND_BACKEND, NULL},
    {"InvalidCertificateRef", ASPECT_REFS, SEVERITY_ERROR, 1u << KIND_GATEWAY | 1u << KIND_BACKEND, NULL},
    {"InvalidRouteKinds", ASPECT_REFS, SEVERITY_WARNING, 1u << KIND_GATEWAY, NULL},
    {"InvalidCACertificateRef", ASPECT_REFS, SEVERITY_ERROR, 1u << KIND_BACKEND_TLS_POLICY | 1u << KIND_BACKEND, NULL},
    {"InvalidClientCertificateRef", ASPECT_REFS, SEVERITY_ERROR, 1u << KIND_BACKEND, NULL},
    {"NoValidCACertificate", ASPECT_ACCEPTED, SEVERITY_ERROR, 1u << KIND_BACKEND_TLS_POLICY, NULL},
    {"NoValidCACertificate", ASPECT_REFS, SEVERITY_ERROR, 1u << KIND_BACKEND, NULL},
    {"TargetNotFound", ASPECT_ACCEPTED, SEVERITY_WARNING, POLICIES, NULL},
    {"Conflicted", ASPECT_ACCEPTED, SEVERITY_WARNING, POLICIES, NULL},
};

static const struct reason_row *find_row(const char *reason, enum severity severity, enum kind_id kind)
{
    for (size_t i = 0; i < sizeof(reason_rows) / sizeof(reason_rows[0]); i++) {
        const struct reason_row *row = &reason_rows[i];
        if (row->kinds & 1u << kind && str_eq(str_from_c(row->reason), str_from_c(reason)))
            return severity == SEVERITY_WARNING && row->least != SEVERITY_WARNING ? NULL : row;
    }
    return NULL;
}

/* The listener or targetRef that a place belongs to, or SIZE_MAX. */
static size_t part_of(const struct outcome_track *track, const struct node *at)
{
    const struct node *root = node_resource(at);
    for (; at != root && at->parent != root; at = at->parent) {
        const struct node *list = at->parent;
        bool is_part = str_eq(list->key, STR("listeners")) || str_eq(list->key, STR("targetRefs"));
        if (is_part && list->parent && list->parent->parent == root && at->index < track->part_count)
            return at->index;
    }
    return SIZE_MAX;
}

static void add_trouble(struct trouble *trouble, const char *reason, struct str text)
{
    for (size_t i = 0; i < trouble->count && i < TROUBLE_TEXTS; i++) {
        if (str_eq(trouble->texts[i], text))
            return;
    }
    trouble->reason = trouble->reason ? trouble->reason : reason;
    if (trouble->count < TROUBLE_TEXTS)
        trouble->texts[trouble->count] = text;
    trouble->count++;
}

static struct outcome_part *find_part(struct outcome_track *track, size_t part)
{
    return part < track->part_count ? &track->parts[part] : &track->whole;
}

void outcomes_note(struct compiler *compiler, enum severity severity, const char *reason, const struct node *at,
                   const char *member, struct str text)
{
    if (!compiler->tracks)
        return;
    const void *root = node_resource(at);
    struct outcome_track *track = map_find(&compiler->roots, pointer_key(&root));
    struct strbuf path = STRBUF_INIT;
    node_path(&path, at);
    if (member)
        strbuf_printf(&path, "%s%s", path.len > 0 ? "." : "", member);
    compiler->said = path.len > 0 ? arena_printf(&compiler->scratch, "%s: %.*s", path.ptr, STR_ARG(text)) : text;
    strbuf_deinit(&path);
    const struct reason_row *row = track ? find_row(reason, severity, track->resource->kind->id) : NULL;
    size_t part = row ? part_of(track, at) : SIZE_MAX;
    /* What a Gateway says of TLS for all its listeners is told by those who look at it. */
    bool is_told = row && part == SIZE_MAX && track->resource->kind->id == KIND_GATEWAY &&
                   str_eq(str_from_c(reason), STR("UnsupportedValue"));
    if (row && !is_told)
        add_trouble(&find_part(track, part)->troubles[row->aspect], row->as ? row->as : row->reason, compiler->said);
}

void outcomes_add(struct compiler *compiler, const struct resource *resource, size_t part, enum outcome_aspect aspect,
                  const char *reason)
{
    struct outcome_track *track = outcomes_track(compiler, resource);
    if (track)
        add_trouble(&find_part(track, part)->troubles[aspect], reason, compiler->said);
}

/* ---- what problems can't say ---- */

void outcomes_own_parent(struct compiler *compiler, const struct resource *route, size_t parent)
{
    struct outcome_track *track = outcomes_track(compiler, route);
    if (track)
        track->parts[parent].is_ours = true;
}

static struct str reach_key(struct compiler *compiler, struct str kind, struct str ns, struct str name)
{
    return arena_printf(&compiler->scratch, "%.*s %.*s/%.*s", STR_ARG(kind), STR_ARG(ns), STR_ARG(name));
}

bool outcomes_has_own_parent(const struct compiler *compiler, const struct resource *route)
{
    const struct outcome_track *track = outcomes_track(compiler, route);
    for (size_t i = 0; track && i < track->part_count; i++) {
        if (track->parts[i].is_ours)
            return true;
    }
    return false;
}

const struct outcome_reach *outcomes_reach_of(struct compiler *compiler, struct str kind, struct str ns,
                                              struct str name)
{
    return map_find(&compiler->reaches, reach_key(compiler, kind, ns, name));
}

void outcomes_reach(struct compiler *compiler, const struct reference *to, const struct resource *gateway)
{
    if (!compiler->tracks || (compiler->by_age[KIND_BACKEND_TLS_POLICY].count == 0 && compiler->tls_policies.live == 0))
        return;
    struct str key = reach_key(compiler, to->kind, to->ns, to->name);
    struct outcome_reach *reach = map_find(&compiler->reaches, key);
    if (!reach) {
        reach = arena_alloc(&compiler->scratch, sizeof(*reach));
        reach->count = 0;
        map_add(&compiler->reaches, key, reach);
    }
    for (size_t i = 0; i < reach->count; i++) {
        if (reach->gateways[i] == gateway)
            return;
    }
    if (reach->count < OUTCOME_ANCESTORS_MAX)
        reach->gateways[reach->count++] = gateway;
}

void outcomes_use(struct compiler *compiler, const struct resource *policy, struct str route,
                  const struct rule_mirror *mirror)
{
    struct outcome_track *track = outcomes_track(compiler, policy);
    if (!track || compiler->is_judging)
        return;
    if (track->use_count == track->use_capacity) {
        size_t capacity = track->use_capacity ? track->use_capacity * 2 : 4;
        struct outcome_use *uses = arena_alloc(&compiler->scratch, capacity * sizeof(*uses));
        if (track->use_count > 0)
            memcpy(uses, track->uses, track->use_count * sizeof(*uses));
        track->uses = uses;
        track->use_capacity = capacity;
    }
    track->uses[track->use_count++] = (struct outcome_use){.route = route, .mirror = mirror};
}

/* ---- conditions ---- */

const struct outcome_condition *outcome_find(const struct outcome_conditions *conditions, const char *type)
{
    for (size_t i = 0; i < conditions->count; i++) {
        if (str_eq(str_from_c(conditions->list[i].type), str_from_c(type)))
            return &conditions->list[i];
    }
    return NULL;
}

void outcome_add(struct outcome_conditions *conditions, const char *type, enum outcome_state state, const char *reason,
                 struct str message)
{
    ASSERT(conditions->count < OUTCOME_CONDITIONS_MAX);
    size_t len = message.len;
    if (len > OUTCOME_MESSAGE_MAX) {
        len = OUTCOME_MESSAGE_MAX;
        while (len > 0 && (message.ptr[len] & 0xc0) == 0x80) /* whole characters */
            len--;
    }
    conditions->list[conditions->count++] = (struct outcome_condition){
        .type = type, .reason = reason, .state = state, .message = str_slice(message, 0, len)};
}

struct str outcome_sentences(struct compiler *compiler, const struct trouble *trouble)
{
    struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; i < trouble->count && i < TROUBLE_TEXTS; i++) {
        if (i > 0) /* most sentences have no full stop at their end */
            strbuf_add(&text, str_ends_with(trouble->texts[i - 1], STR("?")) ? STR(" ") : STR(". "));
        strbuf_add(&text, trouble->texts[i]);
    }
    if (trouble->count > TROUBLE_TEXTS)
        strbuf_printf(&text, ". And %zu more", trouble->count - TROUBLE_TEXTS);
    struct str sentences = arena_copy(compiler->arena, strbuf_str(&text));
    strbuf_deinit(&text);
    return sentences;
}

void outcome_add_judged(struct compiler *compiler, struct outcome_conditions *conditions, const char *type,
                        const struct trouble *trouble, const char *good)
{
    outcome_add(conditions, type, trouble->reason ? OUTCOME_FALSE : OUTCOME_TRUE,
                trouble->reason ? trouble->reason : good, outcome_sentences(compiler, trouble));
}

struct trouble outcome_badness(struct compiler *compiler, const struct resource *resource, const char *fallback)
{
    const struct problems *problems = &compiler->out->manifests->problems;
    struct trouble trouble = {.reason = fallback, .texts = {STR_INIT("it can't be read")}, .count = 1};
    if (resource->problem >= problems->count)
        return trouble;
    const struct problem *problem = &problems->list[resource->problem];
    if (problem->reason.len > 0)
        trouble.reason = arena_printf(compiler->arena, "%.*s", STR_ARG(problem->reason)).ptr;
    trouble.texts[0] = problem->field.len > 0 ? arena_printf(&compiler->scratch, "%.*s: %.*s", STR_ARG(problem->field),
                                                             STR_ARG(problem->text))
                                              : problem->text;
    return trouble;
}

/* ---- the end ---- */

/* Of the version that was read, in force or not. */
static int64_t generation_of(const struct resource *resource)
{
    const struct node *generation = node_find(node_find(resource->node, STR("metadata")), STR("generation"));
    return generation && generation->kind == NODE_INT && generation->integer > 0 ? generation->integer : 0;
}

static bool make(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome)
{
    switch (track->resource->kind->id) {
    case KIND_GATEWAY_CLASS: return outcome_of_class(compiler, track, outcome);
    case KIND_GATEWAY: return outcome_of_gateway(compiler, track, outcome);
    case KIND_BACKEND_TLS_POLICY: return outcome_of_tls_policy(compiler, track, outcome);
    case KIND_MIRROR_POLICY: return outcome_of_mirror_policy(compiler, track, outcome);
    case KIND_BACKEND: return outcome_of_backend(compiler, track, outcome);
    default: return outcome_of_route(compiler, track, outcome);
    }
}

void outcomes_finish(struct compiler *compiler)
{
    struct compiled *out = compiler->out;
    if (!compiler->tracks)
        return;
    size_t count = 0, other_count = 0;
    const struct outcome_ref *others = siblings_list(compiler, &other_count);
    struct outcome *list = arena_alloc(compiler->arena, (compiler->roots.count + 1) * sizeof(*list));
    for (size_t i = 0; i < out->manifests->resource_count; i++) {
        const struct outcome_track *track = compiler->tracks[i];
        if (!track || !track->resource->node)
            continue;
        list[count] = (struct outcome){.resource = track->resource,
                                       .generation = generation_of(track->resource),
                                       .others = others,
                                       .other_count = other_count};
        count += make(compiler, track, &list[count]);
    }
    out->outcomes = (struct outcomes){.list = list, .count = count};
}
