/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a file of manifests: whatever it is, trees are whole, places are in the file and each defect is said. */
#include "base/assert.h"
#include "base/utf8.h"
#include "manifest/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct feed {
    struct problems *problems;
    size_t errors; /* before the document */
    uint32_t line; /* of the last document */
    uint32_t lines;
};

static void check_text(struct str text)
{
    for (size_t at = 0, len; at < text.len; at += len) {
        len = utf8_len(str_slice(text, at, text.len));
        ASSERT(len > 0);
    }
}

static void check_node(const struct node *node, uint32_t lines, unsigned depth)
{
    ASSERT(node->kind <= NODE_LIST && node->source != NULL);
    ASSERT(node->line >= 1 && node->line <= lines && node->column >= 1);
    ASSERT(node->key_line >= 1 && node->key_line <= lines && node->key_column >= 1);
    check_text(node->key);
    check_text(node->text);
    bool is_open = node->kind == NODE_MAP || node->kind == NODE_LIST;
    ASSERT(depth < DOCUMENT_MAX_DEPTH + (is_open ? 0u : 1u));
    ASSERT(is_open || (node->first == NULL && node->count == 0));
    uint32_t count = 0;
    for (const struct node *child = node->first; child; child = child->next) {
        ASSERT(child->parent == node && child->index == count++);
        ASSERT(child->next || child == node->last);
        ASSERT(node->kind != NODE_MAP || node_find(node, child->key) == child);
        check_node(child, lines, depth + 1);
    }
    ASSERT(count == node->count);
    struct strbuf path = STRBUF_INIT;
    node_path(&path, node);
    strbuf_deinit(&path);
}

static void check_document(void *user, const struct document *document)
{
    struct feed *feed = user;
    ASSERT(document->line >= feed->line && document->line <= feed->lines);
    ASSERT(document->is_broken == (document->root == NULL));
    ASSERT(document->is_broken == (feed->problems->errors > feed->errors));
    feed->line = document->line;
    feed->errors = feed->problems->errors;
    if (document->root)
        check_node(document->root, feed->lines, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct str text = {(const char *)data, len};
    struct source source = {STR("fuzz.yaml")};
    struct arena arena;
    struct problems problems;
    arena_init(&arena, NULL, 0);
    problems_init(&problems);
    struct feed feed = {.problems = &problems, .lines = 1};
    for (size_t i = 0; i < len; i++)
        feed.lines += data[i] == '\n' || data[i] == '\r';
    bool is_whole = document_parse(text, &source, &arena, &problems, check_document, &feed);
    ASSERT(is_whole || problems.errors > 0);
    for (size_t i = 0; i < problems.count; i++) {
        ASSERT(problems.list[i].line <= feed.lines && problems.list[i].text.len > 0);
        struct strbuf line = STRBUF_INIT;
        problem_format(&line, &problems.list[i]);
        check_text(strbuf_str(&line));
        strbuf_deinit(&line);
    }
    problems_deinit(&problems);
    arena_deinit(&arena);
    return 0;
}
