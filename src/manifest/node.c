/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/node.h"

const char *node_kind_name(enum node_kind kind)
{
    static const char *const names[] = {
        [NODE_NULL] = "null",       [NODE_BOOL] = "a boolean", [NODE_INT] = "an integer", [NODE_FLOAT] = "a number",
        [NODE_STRING] = "a string", [NODE_MAP] = "a map",      [NODE_LIST] = "a list",
    };
    return names[kind];
}

const struct node *node_find(const struct node *node, struct str key)
{
    if (!node || node->kind != NODE_MAP)
        return NULL;
    for (const struct node *member = node->first; member; member = member->next) {
        if (str_eq(member->key, key))
            return member;
    }
    return NULL;
}

struct str node_text(const struct node *node, struct str key)
{
    const struct node *member = node_find(node, key);
    return member && member->kind == NODE_STRING ? member->text : STR_NONE;
}

const struct node *node_resource(const struct node *node)
{
    /* The last three of the way up, which is all that a List needs. */
    const struct node *root = node, *below = NULL, *item = NULL;
    while (root->parent) {
        item = below;
        below = root;
        root = root->parent;
    }
    bool is_in_items = item && below->kind == NODE_LIST && str_eq(below->key, STR("items"));
    return is_in_items && str_ends_with(node_text(root, STR("kind")), STR("List")) ? item : root;
}

static bool is_plain_key(struct str key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                        c == '-';
        if (!is_plain)
            return false;
    }
    return key.len > 0;
}

/* Recursion is as deep as the tree, see DOCUMENT_MAX_DEPTH. */
static void add_steps(struct strbuf *out, const struct node *node, const struct node *from)
{
    if (node == from)
        return;
    add_steps(out, node->parent, from);
    if (node->parent->kind == NODE_LIST) {
        strbuf_printf(out, "[%u]", node->index);
    } else if (!is_plain_key(node->key)) {
        strbuf_add_char(out, '[');
        strbuf_add_json(out, node->key);
        strbuf_add_char(out, ']');
    } else {
        if (node->parent != from)
            strbuf_add_char(out, '.');
        strbuf_add(out, node->key);
    }
}

void node_path(struct strbuf *out, const struct node *node)
{
    add_steps(out, node, node_resource(node));
}
