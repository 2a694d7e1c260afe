/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "compare/json.h"
#include "compare/redacting.h"

#define DEPTH_MOST 512
#define VALUES_MOST 2000000

/* The text is copied up to each value that is replaced. */
struct rewrite {
    const struct redaction *redaction;
    const struct json *json;
    struct strbuf *out;
    size_t done;      /* bytes of the text that are copied or replaced */
    uint64_t *states; /* of the paths, one per depth */
    size_t words;
    char *name; /* room for a name */
    size_t name_room;
    bool is_masked;
};

static void replace(struct rewrite *rewrite, uint32_t index, struct str with)
{
    struct str text = json_text(rewrite->json, index);
    size_t begin = (size_t)(text.ptr - rewrite->json->text);
    strbuf_add(rewrite->out, (struct str){rewrite->json->text + rewrite->done, begin - rewrite->done});
    strbuf_add_char(rewrite->out, '"');
    strbuf_add(rewrite->out, with);
    strbuf_add_char(rewrite->out, '"');
    rewrite->done = begin + text.len;
}

static struct str name_of(struct rewrite *rewrite, uint32_t index)
{
    const struct json_value *value = &rewrite->json->values[index];
    struct str bytes = json_bytes(rewrite->json, value);
    if (!value->is_escaped)
        return bytes;
    if (bytes.len > rewrite->name_room) {
        rewrite->name_room = 2 * bytes.len;
        rewrite->name = mem_grow(rewrite->name, rewrite->name_room);
    }
    return (struct str){rewrite->name, json_unescape(bytes, rewrite->name)};
}

static void mask(struct rewrite *rewrite, uint32_t index)
{
    struct strbuf text = STRBUF_INIT;
    if (rewrite->json->values[index].kind != VALUE_NULL) {
        redaction_add_mask(json_text(rewrite->json, index), &text);
        replace(rewrite, index, strbuf_str(&text));
    }
    strbuf_deinit(&text);
}

static void walk(struct rewrite *rewrite, uint32_t index, unsigned depth, bool is_open);

static void walk_step(struct rewrite *rewrite, uint32_t index, const struct path_step *step, unsigned depth,
                      bool is_open)
{
    uint64_t *state = rewrite->states + depth * rewrite->words;
    if (is_open && path_set_step(rewrite->redaction->paths, state, step, state + rewrite->words, &is_open) >= 0)
        replace(rewrite, index, HIDDEN);
    else if (is_open || rewrite->is_masked)
        walk(rewrite, index, depth + 1, is_open);
}

/* As deep as json_parse lets texts be. */
static void walk(struct rewrite *rewrite, uint32_t index, unsigned depth, bool is_open)
{
    const struct json_value *values = rewrite->json->values, *value = &values[index];
    struct path_step step = {.is_element = value->kind == VALUE_ARRAY};
    if (value->kind == VALUE_ARRAY) {
        for (uint32_t at = index + 1; at < value->next; at = values[at].next, step.index++)
            walk_step(rewrite, at, &step, depth, is_open);
    } else if (value->kind == VALUE_OBJECT) {
        for (uint32_t at = index + 1; at < value->next; at = values[at + 1].next) {
            step.name = name_of(rewrite, at);
            walk_step(rewrite, at + 1, &step, depth, is_open);
        }
    } else if (rewrite->is_masked) {
        mask(rewrite, index);
    }
}

bool redaction_add_json(const struct redaction *redaction, struct str body, bool is_masked, struct strbuf *out)
{
    struct json json;
    json_init(&json, DEPTH_MOST);
    bool is_read = body.len <= JSON_MAX_BYTES && json_parse(&json, body, VALUES_MOST) == JSON_OK;
    if (is_read) {
        struct rewrite rewrite = {.redaction = redaction, .json = &json, .out = out, .is_masked = is_masked};
        rewrite.words = path_set_words(redaction->paths);
        rewrite.states = mem_alloc((DEPTH_MOST + 2) * rewrite.words * sizeof(uint64_t));
        if (path_set_begin(redaction->paths, rewrite.states) >= 0)
            replace(&rewrite, 0, HIDDEN);
        else
            walk(&rewrite, 0, 0, !path_set_is_empty(redaction->paths));
        strbuf_add(out, str_slice(body, rewrite.done, body.len));
        mem_free(rewrite.states);
        mem_free(rewrite.name);
    }
    json_deinit(&json);
    return is_read;
}
