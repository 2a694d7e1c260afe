/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/istio_routes.h"

#include "compile/held.h"
#include "compile/istio_actions.h"
#include "compile/istio_attach.h"
#include "compile/istio_destinations.h"
#include "compile/istio_gateways.h"
#include "compile/istio_matches.h"
#include "compile/mirrors.h"
#include "compile/targets.h"

#define ALL_PERCENT 1000000 /* in millionths */
#define WHOLE_PERCENT 10000
#define LABEL_NAME_MAX 63

/* The VirtualService whose routes are made, and what is reused from one to the next. */
struct istio_maker {
    struct compiler *compiler;
    const struct aged *service;
    const struct virtual_service_spec *spec;
    struct rule_route *rows;
    size_t row_count;
    uint32_t order; /* 1 from the first match on that takes everything: Istio puts those behind all others of a host */
    bool is_over;   /* the last route took all that there was left */
    struct istio_attachment attachment;
    struct policy_set policies;
    struct mirror_maker mirrors;
};

/* ------------------------------------------------------------------------------------------------------------ labels */

/* A name that stands in metrics, and that is no other route's place or name. */
static bool is_label_name(const struct virtual_service_spec *spec, size_t index)
{
    struct str name = SCHEMA_ITEM(spec->http, struct istio_route, index)->name;
    uint64_t place;
    if (name.len == 0 || name.len > LABEL_NAME_MAX || (str_to_u64(name, &place) && place < spec->http.count))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f || name.ptr[i] == '"' || name.ptr[i] == '\\')
            return false;
    }
    for (size_t i = 0; i < index; i++) {
        if (str_eq(SCHEMA_ITEM(spec->http, struct istio_route, i)->name, name))
            return false;
    }
    return true;
}

static struct str route_label(const struct istio_maker *maker, size_t index)
{
    struct arena *arena = maker->compiler->arena;
    if (!is_label_name(maker->spec, index))
        return arena_printf(arena, "virtualservice/%.*s#%zu", STR_ARG(maker->service->key), index);
    return arena_printf(arena, "virtualservice/%.*s#%.*s", STR_ARG(maker->service->key),
                        STR_ARG(SCHEMA_ITEM(maker->spec->http, struct istio_route, index)->name));
}

/* ---------------------------------------------------------------------------------------------------- destinations */

static struct rule_weighted *compile_backends(struct istio_maker *maker, const struct istio_route *route,
                                              struct rule_route *row)
{
    struct compiler *compiler = maker->compiler;
    size_t count = route->routes.count;
    if (count == 0)
        return NULL;
    struct rule_weighted *backends = arena_alloc(compiler->arena, count * sizeof(*backends));
    for (size_t i = 0; i < count; i++) {
        const struct istio_weighted *from = SCHEMA_ITEM(route->routes, struct istio_weighted, i);
        struct reference reference = istio_reference(compiler, from->destination, maker->service->resource);
        /* Alone it gets everything, whatever its weight. */
        backends[i] = (struct rule_weighted){.weight = count == 1 ? 1 : (uint32_t)from->weight.value};
        backends[i].backend = targets_resolve(compiler, &reference, TARGET_LIVE);
        istio_destination_actions(compiler, from->headers, &backends[i].actions);
    }
    row->backends = backends;
    row->backend_count = count;
    return backends;
}

/* ---------------------------------------------------------------------------------------------------------- mirrors */

static struct mirror_wish wish_of(struct istio_maker *maker, const struct istio_destination *destination,
                                  int64_t millionths)
{
    return (struct mirror_wish){
        .node = destination->node,
        .shadow = istio_reference(maker->compiler, destination, maker->service->resource),
        .numerator = (uint32_t)millionths,
        .denominator = ALL_PERCENT,
    };
}

/* Of `mirror`: what counts of the three ways to write it. */
static int64_t share_of(const struct istio_route *route)
{
    if (route->mirror_percentage)
        return route->mirror_percentage->value.value;
    if (route->mirror_percent.is_set)
        return route->mirror_percent.value * WHOLE_PERCENT;
    return route->mirror_percent_old.is_set ? route->mirror_percent_old.value * WHOLE_PERCENT : ALL_PERCENT;
}

static bool takes_writes(const struct istio_route *route)
{
    for (size_t i = 0; i < route->matches.count; i++) {
        if (istio_match_takes_writes(SCHEMA_ITEM(route->matches, struct istio_match, i)))
            return true;
    }
    return route->matches.count == 0;
}

static void compile_mirrors(struct istio_maker *maker, const struct istio_route *route, struct rule_route *row)
{
    struct compiler *compiler = maker->compiler;
    struct mirror_maker *mirrors = &maker->mirrors;
    size_t most = (route->mirror != NULL) + route->mirrors.count, count = 0;
    if (most == 0 || row->backend_count == 0)
        return;
    struct mirror_wish *wishes = arena_alloc(&compiler->scratch, most * sizeof(*wishes));
    if (route->mirror)
        wishes[count++] = wish_of(maker, route->mirror, share_of(route));
    for (size_t i = 0; i < route->mirrors.count; i++) {
        const struct istio_mirror *mirror = SCHEMA_ITEM(route->mirrors, struct istio_mirror, i);
        wishes[count++] = wish_of(maker, mirror->destination,
                                  mirror->percentage ? mirror->percentage->value.value : ALL_PERCENT);
    }
    mirrors->route = maker->service;
    mirrors->rule_filters = &route->mirrors;
    mirrors->takes_writes = takes_writes(route);
    mirrors->live = row->backends;
    mirrors->live_count = row->backend_count;
    mirrors->is_redirect = false;
    mirrors->made_count = 0;
    row->mirrors = mirrors_make_wished(mirrors, wishes, count, &row->mirror_count);
    if (mirrors->made_count > 0 && route->name.len == 0)
        compiler_report(
            compiler, SEVERITY_WARNING, "", route->node, "name",
            "this route has a mirror and no name: its label is %.*s and changes when routes are moved; give it "
            "a name",
            STR_ARG(row->label));
}

/* ----------------------------------------------------------------------------------------------------------- routes */

/* Matches that are for the same Gateways become one rule: those of `row` come in by all of its bindings. */
static bool is_same_gateways(const struct istio_match *a, const struct istio_match *b)
{
    size_t count = a ? a->gateways.count : 0;
    if (count != (b ? b->gateways.count : 0))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!str_eq(*SCHEMA_ITEM(a->gateways, struct str, i), *SCHEMA_ITEM(b->gateways, struct str, i)))
            return false;
    }
    return true;
}

/* One match; NULL, once, for a route without any. */
static const struct istio_match *match_at(const struct istio_route *route, size_t index)
{
    return route->matches.count > 0 ? SCHEMA_ITEM(route->matches, struct istio_match, index) : NULL;
}

static size_t match_count(const struct istio_route *route)
{
    return route->matches.count > 0 ? route->matches.count : 1;
}

static void say_unreached(const struct istio_maker *maker, const struct node *at)
{
    compiler_report(maker->compiler, SEVERITY_WARNING, "", at, NULL,
                    "this is never reached: a route before it takes every request; take one out, or move that one to "
                    "the end");
}

static void add_match(struct istio_maker *maker, const struct istio_match *match, struct rule_match *out)
{
    bool is_all = istio_match_is_all(match);
    istio_match_compile(maker->compiler, match, out);
    maker->order |= is_all;
    out->order = maker->order;
    maker->is_over |= is_all && !istio_match_is_narrow(match);
}

static bool is_tls_binding(const struct compiler *compiler, const struct rule_binding *bindings, size_t count)
{
    return count > 0 && compiler->listener_rows[bindings[0].listener].certificate_count > 0;
}

/* A rule for the matches from `first` on that have the same Gateways as that one; the others were, or will be, others'. */
static void compile_row(struct istio_maker *maker, const struct istio_route *route, size_t index, size_t first,
                        struct rule_match *matches)
{
    static const struct schema_list none;
    struct compiler *compiler = maker->compiler;
    const struct istio_match *like = match_at(route, first);
    size_t bindings, count = match_count(route);
    const struct rule_binding *list = istio_bindings(compiler, &maker->attachment, like ? &like->gateways : &none,
                                                     maker->service->resource->ns, &bindings);
    if (bindings == 0)
        return;
    struct rule_route *row = &maker->rows[maker->row_count++];
    *row = (struct rule_route){
        .label = route_label(maker, index),
        .bindings = list,
        .binding_count = bindings,
        .is_in_written_order = true,
    };
    struct rule_match *own = arena_alloc(compiler->arena, (count + 1) * sizeof(*own));
    for (size_t i = first; i < count; i++) {
        if (is_same_gateways(match_at(route, i), like))
            own[row->match_count++] = matches[i];
    }
    row->matches = own;
    istio_actions_compile(compiler, route, is_tls_binding(compiler, list, bindings), &row->actions);
    istio_times_compile(compiler, route, row);
    compile_backends(maker, route, row);
    policies_for_rule(compiler, maker->service, route->name, &maker->policies);
    maker->policies.rule = row->label;
    compile_mirrors(maker, route, row);
}

static void compile_http(struct istio_maker *maker, const struct istio_route *route, size_t index)
{
    struct compiler *compiler = maker->compiler;
    size_t count = match_count(route);
    struct rule_match *matches = arena_alloc(compiler->arena, count * sizeof(*matches));
    if (maker->is_over) {
        say_unreached(maker, route->node);
        return;
    }
    for (size_t i = 0; i < count; i++)
        add_match(maker, match_at(route, i), &matches[i]);
    for (size_t i = 0; i < count; i++) {
        bool is_done = false;
        for (size_t k = 0; k < i && !is_done; k++)
            is_done = is_same_gateways(match_at(route, k), match_at(route, i));
        if (!is_done)
            compile_row(maker, route, index, i, matches);
    }
}

/* ------------------------------------------------------------------------------------------------- VirtualServices */

/* Istio joins those of one host, the oldest first. */
static void note_shared_hosts(struct istio_maker *maker)
{
    struct compiler *compiler = maker->compiler;
    bool is_said = false;
    for (size_t i = 0; i < maker->attachment.count; i++) {
        const struct rule_binding *binding = &maker->attachment.ways[i].binding;
        struct str key = arena_printf(&compiler->scratch, "%zu %.*s", binding->listener, STR_ARG(binding->host));
        const struct aged *first = map_find(&compiler->istio_hosts, key);
        if (!first) {
            map_add(&compiler->istio_hosts, key, (void *)maker->service);
        } else if (first != maker->service && !is_said) {
            is_said = true;
            compiler_report(
                compiler, SEVERITY_NOTE, "", maker->spec->node, "hosts",
                "%.*s is also of VirtualService %.*s, which is older or comes first by name: its routes are "
                "tried first, but for those that take everything",
                STR_ARG(binding->host.len > 0 ? binding->host : STR("*")), STR_ARG(first->key));
        }
    }
}

static bool has_mirrors(const struct virtual_service_spec *spec)
{
    for (size_t i = 0; i < spec->http.count; i++) {
        const struct istio_route *route = SCHEMA_ITEM(spec->http, struct istio_route, i);
        if (route->mirror || route->mirrors.count > 0)
            return true;
    }
    return false;
}

static void compile_service(struct istio_maker *maker)
{
    struct compiler *compiler = maker->compiler;
    istio_attach(compiler, maker->service, &maker->attachment);
    if (maker->attachment.count == 0)
        return;
    note_shared_hosts(maker);
    policies_for_route(compiler, maker->service, &maker->attachment.api, &maker->policies);
    maker->mirrors.is_held = has_mirrors(maker->spec) &&
                             held_has_route(compiler, maker->service, &maker->attachment.api);
    maker->mirrors.copying = 0;
    maker->order = 0;
    maker->is_over = false;
    for (size_t i = 0; i < maker->spec->http.count; i++)
        compile_http(maker, SCHEMA_ITEM(maker->spec->http, struct istio_route, i), i);
    compiler->out->mirrored += maker->mirrors.copying > 0;
}

/* At most: each match may have Gateways of its own. */
static size_t count_rows(const struct aged_list *aged)
{
    size_t count = 0;
    for (size_t i = 0; i < aged->count; i++) {
        const struct schema_list *http = &((const struct virtual_service *)aged->list[i].resource->object)->spec->http;
        for (size_t k = 0; k < http->count; k++)
            count += match_count(SCHEMA_ITEM(*http, struct istio_route, k));
    }
    return count;
}

void istio_routes_compile(struct compiler *compiler)
{
    const struct aged_list *aged = &compiler->by_age[KIND_VIRTUAL_SERVICE];
    struct rule_set *rules = &compiler->out->rules;
    size_t redirects = istio_gateways_redirects(compiler);
    if (aged->count + redirects == 0)
        return;
    size_t most = rules->route_count + redirects + count_rows(aged);
    struct istio_maker maker = {
        .compiler = compiler,
        .rows = arena_alloc(compiler->arena, (most + 1) * sizeof(struct rule_route)),
        .row_count = rules->route_count + redirects,
        .mirrors = {.compiler = compiler, .policies = &maker.policies},
    };
    if (rules->route_count > 0)
        memcpy(maker.rows, rules->routes, rules->route_count * sizeof(*maker.rows));
    istio_gateways_add_redirects(compiler, maker.rows + rules->route_count);
    for (size_t i = 0; i < aged->count; i++) {
        maker.service = &aged->list[i];
        maker.spec = ((const struct virtual_service *)maker.service->resource->object)->spec;
        compile_service(&maker);
    }
    rules->routes = maker.rows;
    rules->route_count = maker.row_count;
    istio_attachment_deinit(&maker.attachment);
    policy_set_deinit(&maker.policies);
    mirror_maker_deinit(&maker.mirrors);
}
