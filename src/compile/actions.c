/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/actions.h"

#include "http/field.h"

static void check_name(struct compiler *compiler, const struct http_header_filter *filter, const char *member,
                       struct str name)
{
    enum field_id id = field_id_from_name(name);
    if (field_may_be_edited(id))
        return;
    compiler_report(compiler, SEVERITY_WARNING, "UnsupportedValue", filter->node, member,
                    "%.*s stays as it is, because it %s", STR_ARG(name),
                    id == FIELD_HOST             ? "is the request's host; use a URLRewrite with a hostname"
                    : id == FIELD_X_UMBRA_SHADOW ? "tells copies from requests; take it out here"
                                                 : "belongs to a connection or says where a message ends; take it out "
                                                   "here");
}

void actions_check_edits(struct compiler *compiler, const struct http_header_filter *filter)
{
    for (size_t i = 0; i < filter->set.count; i++)
        check_name(compiler, filter, "set", SCHEMA_ITEM(filter->set, struct http_header, i)->name);
    for (size_t i = 0; i < filter->add.count; i++)
        check_name(compiler, filter, "add", SCHEMA_ITEM(filter->add, struct http_header, i)->name);
    for (size_t i = 0; i < filter->remove.count; i++)
        check_name(compiler, filter, "remove", *SCHEMA_ITEM(filter->remove, struct str, i));
}

static size_t add_edits(struct rule_edit *edits, enum plan_edit_kind kind, const struct schema_list *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        const struct http_header *header = SCHEMA_ITEM(*headers, struct http_header, i);
        edits[i] = (struct rule_edit){.kind = kind, .name = header->name, .value = header->value};
    }
    return headers->count;
}

struct rule_edit *actions_edits(struct arena *arena, const struct http_header_filter *filter, size_t *count)
{
    size_t all = (size_t)filter->set.count + filter->add.count + filter->remove.count;
    struct rule_edit *edits = arena_alloc(arena, (all + 1) * sizeof(*edits));
    size_t used = add_edits(edits, EDIT_SET, &filter->set);
    used += add_edits(edits + used, EDIT_ADD, &filter->add);
    for (size_t i = 0; i < filter->remove.count; i++)
        edits[used + i] = (struct rule_edit){.kind = EDIT_REMOVE, .name = *SCHEMA_ITEM(filter->remove, struct str, i)};
    *count = all;
    return edits;
}

static enum plan_path_kind path_of(const struct http_path_modifier *modifier, struct str *path)
{
    *path = STR("");
    if (!modifier)
        return REWRITE_NO_PATH;
    bool is_full = modifier->type.value == PATH_REPLACE_FULL;
    *path = str_or(is_full ? modifier->full : modifier->prefix, STR(""));
    return is_full ? REWRITE_FULL_PATH : REWRITE_PREFIX;
}

static const struct rule_rewrite *compile_rewrite(struct arena *arena, const struct http_rewrite *filter)
{
    struct rule_rewrite *rewrite = arena_alloc(arena, sizeof(*rewrite));
    *rewrite = (struct rule_rewrite){.hostname = filter->hostname};
    rewrite->path_kind = path_of(filter->path, &rewrite->path);
    return rewrite;
}

static const struct rule_redirect *compile_redirect(struct arena *arena, const struct http_redirect *filter)
{
    struct rule_redirect *redirect = arena_alloc(arena, sizeof(*redirect));
    *redirect = (struct rule_redirect){
        .scheme = filter->scheme,
        .hostname = filter->hostname,
        .port = (uint16_t)filter->port.value,
        .status = (uint16_t)filter->status.value,
    };
    redirect->path_kind = path_of(filter->path, &redirect->path);
    return redirect;
}

static struct rule_texts texts_of(const struct schema_list *list)
{
    return (struct rule_texts){.list = list->items, .count = list->count};
}

static const struct rule_cors *compile_cors(struct arena *arena, const struct http_cors *filter)
{
    struct rule_cors *cors = arena_alloc(arena, sizeof(*cors));
    *cors = (struct rule_cors){
        .origins = texts_of(&filter->allow_origins),
        .methods = texts_of(&filter->allow_methods),
        .headers = texts_of(&filter->allow_headers),
        .expose = texts_of(&filter->expose_headers),
        .allows_credentials = filter->allow_credentials.value != 0,
        .max_age_s = (uint32_t)filter->max_age.value,
    };
    return cors;
}

bool actions_compile(struct compiler *compiler, const struct schema_list *filters, struct rule_actions *actions)
{
    bool is_whole = true;
    *actions = (struct rule_actions){0};
    for (size_t i = 0; i < filters->count; i++) {
        const struct http_filter *filter = SCHEMA_ITEM(*filters, struct http_filter, i);
        switch ((enum http_filter_type)filter->type.value) {
        case FILTER_REQUEST_HEADERS:
            actions_check_edits(compiler, filter->request_headers);
            actions->request_edits = actions_edits(compiler->arena, filter->request_headers,
                                                   &actions->request_edit_count);
            break;
        case FILTER_RESPONSE_HEADERS:
            actions_check_edits(compiler, filter->response_headers);
            actions->response_edits = actions_edits(compiler->arena, filter->response_headers,
                                                    &actions->response_edit_count);
            break;
        case FILTER_REDIRECT: actions->redirect = compile_redirect(compiler->arena, filter->redirect); break;
        case FILTER_REWRITE: actions->rewrite = compile_rewrite(compiler->arena, filter->rewrite); break;
        case FILTER_CORS: actions->cors = compile_cors(compiler->arena, filter->cors); break;
        case FILTER_MIRROR: break;
        case FILTER_EXTENSION:
            compiler_report(
                compiler, SEVERITY_ERROR, "UnsupportedValue", filter->node, NULL,
                "no filter of kind %.*s (group \"%.*s\") is known here; its requests get 500 until the filter "
                "is taken out, since to go on without it could do harm",
                STR_ARG(filter->extension->kind), STR_ARG(filter->extension->group));
            is_whole = false;
            break;
        case FILTER_EXTERNAL_AUTH: is_whole = false; break; /* refused and said when the route was read */
        }
    }
    return is_whole;
}
