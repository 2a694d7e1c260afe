/* SPDX-License-Identifier: Apache-2.0 */
/* The input as manifests of all kinds that Umbra knows, and of a sample that has every type of field: what is decoded
 * must be encoded to what is decoded as the same, and every problem can be shown. */
#include "../unit/manifest/sample_schema.h"

#include "base/assert.h"
#include "manifest/kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct feed {
    struct arena arena;
    struct problems problems;
    struct source source;
    struct strbuf *encoded; /* NULL: what is decoded is encoded, and read a second time */
    bool from_server, is_decoded;
};

static void read_text(struct feed *feed, struct str text);

static void check_problems(const struct problems *problems)
{
    struct strbuf line = STRBUF_INIT;
    for (size_t i = 0; i < problems->count; i++) {
        strbuf_clear(&line);
        problem_format(&line, &problems->list[i]);
        ASSERT(line.len > 0 && !memchr(line.ptr, '\n', line.len) && problems->list[i].text.len > 0);
    }
    strbuf_deinit(&line);
}

static const struct schema *schema_of(const struct node *root)
{
    bool is_version;
    const struct kind *kind = kind_find(node_text(root, STR("apiVersion")), node_text(root, STR("kind")), &is_version);
    return kind ? kind->schema : &sample_schema;
}

static void check_round_trip(struct str first)
{
    struct strbuf second = STRBUF_INIT;
    struct feed feed = {.encoded = &second};
    if (strstr(first.ptr, "(secret)")) /* is not written, so that it can't be read back */
        return;
    read_text(&feed, first);
    ASSERT(feed.is_decoded && str_eq(first, strbuf_str(&second)));
    strbuf_deinit(&second);
}

static void on_document(void *user, const struct document *document)
{
    struct feed *feed = user;
    if (!document->root)
        return;
    const struct schema *schema = schema_of(document->root);
    void *object = memset(arena_alloc(&feed->arena, schema->size), 0, schema->size);
    feed->is_decoded = schema_decode(schema, document->root, &feed->arena, &feed->problems, object, feed->from_server);
    if (!feed->is_decoded)
        return;
    struct strbuf text = STRBUF_INIT;
    schema_encode(schema, object, 0, &text);
    if (feed->encoded)
        strbuf_add(feed->encoded, strbuf_str(&text));
    else
        check_round_trip(strbuf_str(&text));
    strbuf_deinit(&text);
}

static void read_text(struct feed *feed, struct str text)
{
    feed->source.file = STR("fuzz.yaml");
    arena_init(&feed->arena, NULL, 0);
    problems_init(&feed->problems);
    bool is_whole = document_parse(text, &feed->source, &feed->arena, &feed->problems, on_document, feed);
    ASSERT(is_whole || feed->problems.errors > 0);
    check_problems(&feed->problems);
    problems_deinit(&feed->problems);
    arena_deinit(&feed->arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct feed feed = {.from_server = len % 2 == 1};
    read_text(&feed, (struct str){(const char *)data, len});
    return 0;
}
