/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/revisions.h"

#include <stdlib.h>
#include <xxhash.h>

static struct str revision_key(struct compiler *compiler, enum kind_id kind, struct str ns, struct str name)
{
    return arena_printf(&compiler->scratch, "%s %.*s/%.*s", kind_table[kind].name, STR_ARG(ns), STR_ARG(name));
}

/* It stands in reports and in metrics. */
static bool is_revision(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '"' || text.ptr[i] == '\\')
            return false;
    }
    return text.len > 0 && text.len <= REVISION_MAX && str_find_char(text, '~') == text.len;
}

static void add_annotated(struct compiler *compiler, const struct resource *resource)
{
    const struct object_meta *meta = ((const struct object_head *)resource->object)->metadata;
    struct str *revision = arena_alloc(&compiler->scratch, sizeof(*revision));
    *revision = pairs_find(&meta->annotations, STR(REVISION_ANNOTATION));
    if (!revision->ptr)
        return;
    if (is_revision(*revision)) {
        map_add(&compiler->revisions, revision_key(compiler, resource->kind->id, resource->ns, resource->name),
                revision);
        return;
    }
    compiler_report(compiler, SEVERITY_WARNING, "", node_find(meta->node, STR("annotations")), REVISION_ANNOTATION,
                    "a revision has 1 to %d visible characters without quotes, backslashes and ~; this one does not "
                    "count",
                    REVISION_MAX);
}

void revisions_collect(struct compiler *compiler)
{
    static const enum kind_id kinds[] = {KIND_BACKEND, KIND_SERVICE};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct aged_list *aged = &compiler->by_age[kinds[i]];
        for (size_t k = 0; k < aged->count; k++)
            add_annotated(compiler, aged->list[k].resource);
    }
}

static int compare_texts(const void *a, const void *b)
{
    const struct str *left = a, *right = b;
    int order = memcmp(left->ptr, right->ptr, left->len < right->len ? left->len : right->len);
    return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

/* Each on a line, sorted: no name has a line's end in it. */
static void add_sorted(struct strbuf *out, struct str *texts, size_t count)
{
    qsort(texts, count, sizeof(*texts), compare_texts);
    for (size_t i = 0; i < count; i++)
        strbuf_printf(out, "%.*s\n", STR_ARG(texts[i]));
}

static void describe(struct compiler *compiler, const struct rule_backend *backend, bool has_hosts, struct strbuf *out)
{
    const struct rule_tls *tls = backend->tls;
    size_t sans = tls ? tls->san_count : 0, hosts = has_hosts ? backend->host_count : 0;
    struct str *texts = arena_alloc(&compiler->scratch, (sans + hosts + 1) * sizeof(*texts));
    strbuf_printf(out, "%.*s\n%d\n", STR_ARG(backend->label), (int)backend->protocol);
    if (tls)
        strbuf_printf(out, "tls %.*s\n", STR_ARG(tls->server_name));
    for (size_t i = 0; i < sans; i++)
        texts[i] = arena_printf(&compiler->scratch, "san %d %.*s", (int)tls->sans[i].kind, STR_ARG(tls->sans[i].name));
    add_sorted(out, texts, sans);
    for (size_t i = 0; i < hosts; i++)
        texts[i] = arena_printf(&compiler->scratch, "host %.*s %u", STR_ARG(backend->hosts[i].host),
                                backend->hosts[i].port);
    add_sorted(out, texts, hosts);
}

struct str revision_of(struct compiler *compiler, enum kind_id kind, struct str ns, struct str name,
                       const struct rule_backend *backend)
{
    const struct str *said = map_find(&compiler->revisions, revision_key(compiler, kind, ns, name));
    if (said)
        return *said;
    /* Pods of a cluster's Service come and go without anything having changed. */
    bool has_hosts = kind != KIND_SERVICE || !compiler->options->is_cluster;
    struct strbuf text = STRBUF_INIT;
    describe(compiler, backend, has_hosts, &text);
    uint32_t hash = (uint32_t)XXH3_64bits(text.ptr, text.len);
    strbuf_deinit(&text);
    return arena_printf(compiler->arena, "~%08x", hash);
}
