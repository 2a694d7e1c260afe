/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/document.h"

#include "base/utf8.h"
#include "manifest/identity.h"
#include "manifest/json.h"
#include "manifest/yaml.h"

struct parsing {
    struct tree tree;
    struct yaml yaml;
    uint32_t documents;
    const struct node *attempt; /* what was read as JSON before it turned out to be none, or NULL */
    document_fn *on_document;
    void *user;
};

/* ------------------------------------------------------------------------------------------------------- the whole text */

static bool check_size(struct str text, struct str file, struct problems *problems)
{
    if (text.len <= DOCUMENT_MAX_BYTES)
        return true;
    problems_add_place(problems, SEVERITY_ERROR, file, 0, 0, "has %zu MiB, more than the limit of %u; split it",
                       (text.len >> 20) + 1, DOCUMENT_MAX_BYTES >> 20);
    return false;
}

static bool check_encoding(struct str text, struct str file, struct problems *problems)
{
    if (str_starts_with(text, STR("\xff\xfe")) || str_starts_with(text, STR("\xfe\xff"))) {
        problems_add_place(problems, SEVERITY_ERROR, file, 1, 1, "is UTF-16; save it as UTF-8");
        return false;
    }
    for (size_t i = 0, len; i < text.len; i += len) {
        len = utf8_len(str_slice(text, i, text.len));
        if (len > 0 && text.ptr[i] != '\0')
            continue;
        struct place at = part_place(text, i, (struct place){1, 1});
        if (len > 0)
            problems_add_place(problems, SEVERITY_ERROR, file, at.line, at.column, "a NUL byte: this is no text");
        else
            problems_add_place(problems, SEVERITY_ERROR, file, at.line, at.column,
                               "the byte 0x%02x is no UTF-8 here; save the file as UTF-8", (unsigned char)text.ptr[i]);
        return false;
    }
    return true;
}

/* --------------------------------------------------------------------------------------------------------- one document */

/* Sets what is STR_NONE. */
static void ask_tree(struct document *document, const struct node *root)
{
    const struct node *metadata = node_find(root, STR("metadata"));
    if (!document->api_version.ptr)
        document->api_version = node_text(root, STR("apiVersion"));
    if (!document->kind.ptr)
        document->kind = node_text(root, STR("kind"));
    if (!document->ns.ptr)
        document->ns = node_text(metadata, STR("namespace"));
    if (!document->name.ptr)
        document->name = node_text(metadata, STR("name"));
}

/* Trees as far as they got know what stands before the defect, the lines perhaps what stands behind it. */
static void identify(const struct parsing *parsing, struct document *document, struct str text)
{
    ask_tree(document, parsing->tree.root);
    ask_tree(document, parsing->attempt);
    struct identity identity = {document->api_version, document->kind, document->ns, document->name};
    identity_scan(text, &identity);
    document->api_version = identity.api_version;
    document->kind = identity.kind;
    document->ns = identity.ns;
    document->name = identity.name;
}

/* Hands the document out that the tree holds. `problem_count`: how many there were before it. */
static void finish_document(struct parsing *parsing, struct str text, uint32_t line, size_t problem_count)
{
    struct tree *tree = &parsing->tree;
    struct document document = {.line = line, .is_broken = tree->is_broken};
    if (tree->is_broken) {
        identify(parsing, &document, text);
        for (size_t i = problem_count; i < tree->problems->count; i++) {
            struct problem *problem = &tree->problems->list[i];
            problem->kind = arena_copy(&tree->problems->arena, document.kind);
            problem->ns = arena_copy(&tree->problems->arena, document.ns);
            problem->name = arena_copy(&tree->problems->arena, document.name);
        }
    } else if (tree->root && tree->root->kind != NODE_NULL) {
        document.root = tree->root;
    }
    if (document.root || document.is_broken)
        parsing->on_document(parsing->user, &document);
}

/* False: one too many. */
static bool begin_document(struct parsing *parsing, struct place at)
{
    tree_begin(&parsing->tree);
    if (++parsing->documents <= DOCUMENT_MAX_COUNT)
        return true;
    parsing->tree.is_full = true;
    return tree_fail(&parsing->tree, at, "there are more than %u documents; split the file", DOCUMENT_MAX_COUNT);
}

/* Takes the problems of an attempt back. */
static void forget_problems(struct problems *problems, const struct problems *before)
{
    problems->count = before->count;
    problems->left_out = before->left_out;
    problems->errors = before->errors;
    problems->warnings = before->warnings;
}

/* JSON objects, one behind the other. Takes off what was read; what is left is for YAML. */
static void read_json(struct parsing *parsing, struct str *text, struct place *at)
{
    while (text->len > 0 && (text->ptr[0] == '{' || text->ptr[0] == '[') && begin_document(parsing, *at)) {
        struct problems before = *parsing->tree.problems;
        struct str rest = *text;
        struct place next = *at;
        enum json_result result = json_read(&rest, &next, &parsing->tree);
        bool is_end = rest.len == 0 || rest.ptr[0] == '{';
        if (result == JSON_NOT || (result == JSON_DONE && !is_end)) {
            forget_problems(parsing->tree.problems, &before);
            parsing->attempt = parsing->tree.root;
            parsing->documents--;
            return;
        }
        finish_document(parsing, *text, at->line, before.count);
        *text = result == JSON_DONE ? rest : STR_NONE; /* where the next one begins is not known */
        *at = next;
    }
}

static void read_yaml(struct parsing *parsing, const struct part *part, struct str text, struct place at)
{
    size_t problem_count = parsing->tree.problems->count;
    if (!begin_document(parsing, at))
        return;
    if (part->directive > 0)
        tree_fail(&parsing->tree, (struct place){part->directive, 1},
                  "a line can't begin with %%, but for %%YAML 1.2 before a line of ---");
    else if (!yaml_read(&parsing->yaml, text, at, &parsing->tree))
        parsing->tree.is_broken = true;
    struct place begin = text.ptr == part->text.ptr ? part->content_at : at;
    finish_document(parsing, text, begin.line, problem_count);
}

static void read_part(struct parsing *parsing, const struct part *part)
{
    struct str text = part->content;
    struct place at = part->content_at;
    parsing->attempt = NULL;
    read_json(parsing, &text, &at);
    if (text.len == 0 || parsing->tree.is_full)
        return;
    /* YAML wants the line that begins the document, too. */
    bool is_first = text.ptr == part->content.ptr;
    read_yaml(parsing, part, is_first ? part->text : text, is_first ? part->at : at);
}

bool document_parse(struct str text, const struct source *source, struct arena *arena, struct problems *problems,
                    document_fn *on_document, void *user)
{
    if (!check_size(text, source->file, problems) || !check_encoding(text, source->file, problems))
        return false;
    if (str_starts_with(text, STR("\xef\xbb\xbf")))
        text = str_slice(text, 3, text.len);

    struct parsing parsing = {.on_document = on_document, .user = user};
    tree_init(&parsing.tree, arena, source, problems);
    yaml_init(&parsing.yaml);
    struct part part;
    uint32_t line = 1;
    while (!parsing.tree.is_full && part_next(&text, &line, &part)) {
        if (part.content.len > 0)
            read_part(&parsing, &part);
    }
    bool is_whole = !parsing.tree.is_full;
    yaml_deinit(&parsing.yaml);
    tree_deinit(&parsing.tree);
    return is_whole;
}
