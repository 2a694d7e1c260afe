/* SPDX-License-Identifier: Apache-2.0 */
#include "read_text.h"

#include <inttypes.h>

static void keep_document(void *user, const struct document *document)
{
    struct read_text *read = user;
    if (read->count < READ_TEXT_MAX)
        read->documents[read->count] = *document;
    read->count++;
}

void read_text_init(struct read_text *read, struct str text)
{
    *read = (struct read_text){.source = {STR("f.yaml")}};
    arena_init(&read->arena, NULL, 0);
    problems_init(&read->problems);
    read->is_whole = document_parse(text, &read->source, &read->arena, &read->problems, keep_document, read);
}

void read_text_deinit(struct read_text *read)
{
    problems_deinit(&read->problems);
    arena_deinit(&read->arena);
}

static void show_scalar(struct strbuf *out, const struct node *node)
{
    switch (node->kind) {
    case NODE_STRING:
        strbuf_add_char(out, 's');
        strbuf_add_json(out, node->text);
        return;
    case NODE_INT: strbuf_printf(out, "i%" PRId64, node->integer); return;
    case NODE_FLOAT: strbuf_printf(out, "f%g", node->real); return;
    case NODE_BOOL: strbuf_printf(out, "%s", node->integer ? "true" : "false"); return;
    default: strbuf_printf(out, "null"); return;
    }
}

static void show_node(struct strbuf *out, const struct node *node, bool has_places)
{
    bool is_map = node->kind == NODE_MAP, is_list = node->kind == NODE_LIST;
    if (!is_map && !is_list)
        show_scalar(out, node);
    if (is_map || is_list)
        strbuf_add_char(out, is_map ? '{' : '[');
    for (const struct node *child = node->first; child; child = child->next) {
        if (child != node->first)
            strbuf_add_char(out, ' ');
        if (is_map)
            strbuf_add(out, child->key);
        if (is_map && has_places)
            strbuf_printf(out, "@%u:%u", child->key_line, child->key_column);
        if (is_map)
            strbuf_add_char(out, '=');
        show_node(out, child, has_places);
    }
    if (is_map || is_list)
        strbuf_add_char(out, is_map ? '}' : ']');
    if (has_places)
        strbuf_printf(out, "@%u:%u", node->line, node->column);
}

static const char *keep_text(struct read_text *read, struct strbuf *text)
{
    struct str kept = arena_printf(&read->arena, "%.*s", STR_ARG(strbuf_str(text)));
    strbuf_deinit(text);
    return kept.ptr;
}

const char *read_text_show(struct read_text *read, bool has_places)
{
    struct strbuf out = STRBUF_INIT;
    for (size_t i = 0; i < read->count && i < READ_TEXT_MAX; i++) {
        if (i > 0)
            strbuf_add_char(&out, ' ');
        if (read->documents[i].root)
            show_node(&out, read->documents[i].root, has_places);
        else
            strbuf_add(&out, STR("broken"));
    }
    return keep_text(read, &out);
}

const char *read_text_problems(struct read_text *read)
{
    struct strbuf out = STRBUF_INIT;
    for (size_t i = 0; i < read->problems.count; i++) {
        if (i > 0)
            strbuf_add_char(&out, '\n');
        problem_format(&out, &read->problems.list[i]);
    }
    return keep_text(read, &out);
}
