/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for what src/compare does not have yet: endpoints whose numbers are parameters, and a redaction that hides everything. */
#include "base/map.h"
#include "base/mem.h"
#include "compare/content.h"
#include "compare/endpoint.h"

struct endpoint_tree {
    struct map names; /* name → struct str, its own bytes */
};

struct endpoint_tree *endpoint_tree_new(void)
{
    struct endpoint_tree *tree = mem_alloc(sizeof(struct endpoint_tree));
    map_init(&tree->names);
    return tree;
}

void endpoint_tree_free(struct endpoint_tree *tree)
{
    for (size_t i = 0; i < tree->names.count; i++)
        mem_free(tree->names.entries[i].value);
    map_deinit(&tree->names);
    mem_free(tree);
}

struct str endpoint_of(struct endpoint_tree *tree, struct str method, struct str target, bool is_call)
{
    char text[512];
    size_t len = 0;
    for (size_t i = 0; !is_call && i < method.len && len < 32; i++)
        text[len++] = method.ptr[i];
    if (!is_call)
        text[len++] = ' ';
    for (size_t i = 0; i < target.len && target.ptr[i] != '?' && len + 4 < sizeof(text); i++) {
        bool is_digit = target.ptr[i] >= '0' && target.ptr[i] <= '9';
        if (!is_digit)
            text[len++] = target.ptr[i];
        else if (len == 0 || text[len - 1] != '}') {
            memcpy(text + len, "{id}", 4);
            len += 4;
        }
    }
    struct str key = {text, len}, *name = map_find(&tree->names, key);
    if (!name && tree->names.live >= ENDPOINT_MOST)
        return STR("OTHER /{...}");
    if (!name) {
        char *bytes = mem_alloc(sizeof(struct str) + len);
        name = (struct str *)(void *)bytes;
        memcpy(bytes + sizeof(struct str), text, len);
        *name = (struct str){bytes + sizeof(struct str), len};
        map_add(&tree->names, key, name);
    }
    return *name;
}

bool endpoint_renamed(struct endpoint_tree *tree, struct str *from, struct str *to)
{
    (void)tree;
    (void)from;
    (void)to;
    return false;
}

struct redaction {
    size_t headers;
};

struct redaction *redaction_new(const struct redaction_spec *spec)
{
    struct redaction *redaction = mem_alloc(sizeof(struct redaction));
    redaction->headers = spec->header_count;
    return redaction;
}

void redaction_free(struct redaction *redaction)
{
    mem_free(redaction);
}

static void hide(struct strbuf *out)
{
    strbuf_add(out, STR("[redacted]"));
}

bool redaction_hides_header(const struct redaction *redaction, struct str name)
{
    (void)name;
    return redaction != NULL;
}

void redaction_add_value(const struct redaction *redaction, struct str header, struct str value, struct strbuf *out)
{
    (void)redaction;
    (void)header;
    (void)value;
    hide(out);
}

void redaction_add_target(const struct redaction *redaction, struct str target, struct strbuf *out)
{
    (void)redaction;
    strbuf_add(out, str_slice(target, 0, str_find_char(target, '?')));
}

void redaction_add_body(const struct redaction *redaction, struct str content_type, struct str body, bool is_cut,
                        bool is_masked, struct strbuf *out)
{
    (void)redaction;
    (void)content_type;
    (void)body;
    (void)is_cut;
    (void)is_masked;
    hide(out);
}

void redaction_add_difference(const struct redaction *redaction, struct str field, struct str value, bool is_masked,
                              struct strbuf *out)
{
    (void)redaction;
    (void)field;
    (void)value;
    (void)is_masked;
    hide(out);
}
