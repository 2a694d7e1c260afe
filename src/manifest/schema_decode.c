/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"
#include "base/map.h"
#include "manifest/quote.h"
#include "manifest/schema_hint.h"
#include "manifest/schema_scalar.h"

#include <stdio.h>

#define KEY_MAX 317 /* of a map: a domain of 253, a slash, a name of 63 */

struct decoder {
    struct arena *arena;
    struct problems *problems;
    bool from_server;
};

static void *alloc_zeroed(struct arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

static void *member_of(void *object, const struct schema_field *field)
{
    return (char *)object + field->offset;
}

/* ---------------------------------------------------------------------------------------------- what does not belong */

/* The place of the key, where it is what a message is about. */
static struct node at_key(const struct node *member)
{
    struct node key = *member;
    key.line = member->key_line;
    key.column = member->key_column;
    return key;
}

/* Returns the bit of the field that was meant, or 0. */
static uint64_t say_unknown(const struct decoder *decoder, const struct schema_level *level, const struct node *member)
{
    struct node key = at_key(member);
    struct strbuf text = STRBUF_INIT;
    const char *meant = NULL;
    strbuf_add(&text, STR("unknown field"));
    if (decoder->problems->count < PROBLEMS_MAX)
        meant = schema_add_hint(level, member->key, &text);
    problems_add(decoder->problems, decoder->from_server ? SEVERITY_WARNING : SEVERITY_ERROR, STR_NONE, &key, "%s",
                 text.ptr);
    strbuf_deinit(&text);
    return meant ? 1ull << (schema_field_find(level->schema, str_from_c(meant)) - level->schema->fields) : 0;
}

/* ------------------------------------------------------------------------------------------------------- wrong kinds */

/* "name:x" or "name x" where a map belongs: a blank or a colon is missing. */
static bool say_no_colon(const struct schema *schema, const struct node *node, struct problems *problems)
{
    struct str text = node->kind == NODE_STRING ? node->text : STR("");
    size_t end = 0;
    while (end < text.len && text.ptr[end] != ':' && text.ptr[end] != ' ')
        end++;
    struct str key = str_slice(text, 0, end), value = str_trim(str_slice(text, end + (end < text.len), text.len));
    value = str_slice(value, 0, str_find_char(value, ' '));
    const struct schema_field *field = schema_field_find(schema, key);
    if (!field || value.len == 0)
        return false;
    bool is_secret = (field->flags & SCHEMA_SECRET) != 0;
    char shown[QUOTE_TEXT];
    problems_add(problems, SEVERITY_ERROR, STR_NONE, node,
                 "a key needs a colon with a blank behind it: write \"%s: %s\"", field->name,
                 is_secret ? "…" : quote_cut(value, shown));
    return true;
}

static void say_no_object(const struct schema *schema, const struct node *node, struct problems *problems)
{
    struct strbuf fields = STRBUF_INIT;
    if (say_no_colon(schema, node, problems))
        return;
    schema_add_fields(schema, &fields);
    problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "%s where a map belongs; write its fields below it%s%s",
                 node_kind_name(node->kind), node->kind == NODE_LIST ? ", without \"-\"" : "", fields.ptr);
    strbuf_deinit(&fields);
}

static void say_no_map(const struct node *node, struct problems *problems)
{
    problems_add(problems, SEVERITY_ERROR, STR_NONE, node,
                 "%s where a map belongs; write it as \"name: value\" below%s", node_kind_name(node->kind),
                 node->kind == NODE_LIST ? ", without \"-\"" : "");
}

/* Something else where a list of objects belongs. */
static void say_no_objects(const struct schema *schema, const struct node *node, struct problems *problems)
{
    const struct node *first = node->kind == NODE_MAP ? node->first : NULL;
    struct strbuf fields = STRBUF_INIT;
    schema_add_fields(schema, &fields);
    if (first && schema_field_find(schema, first->key))
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "a map where a list belongs; put \"- \" before \"%.*s\"",
                     STR_ARG(first->key));
    else
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "%s where a list belongs; begin each item with \"- \"%s",
                     node_kind_name(node->kind), fields.ptr);
    strbuf_deinit(&fields);
}

/* Something else where a list of scalars belongs. */
static void say_no_scalars(const struct node *node, bool is_secret, struct problems *problems)
{
    char shown[QUOTE_TEXT];
    bool is_shown = node->kind != NODE_MAP && !is_secret;
    problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "%s where a list belongs; write it as \"- %s\" below",
                 node_kind_name(node->kind), is_shown ? quote_cut(node->text, shown) : "value");
}

/* ------------------------------------------------------------------------------------------------------------ absent */

static bool is_defaulted(const struct schema_field *field, const char *fallback)
{
    return field->fallback && strcmp(field->fallback, fallback) == 0;
}

static void set_all_absent(const struct decoder *decoder, const struct schema *schema, const struct node *node,
                           void *object);

/* `node` is that of the owner. */
static void set_absent(const struct decoder *decoder, const struct schema_field *field, const struct node *node,
                       void *to)
{
    if (field->type == SCHEMA_ANY || field->type == SCHEMA_MAP)
        return;
    if (field->type != SCHEMA_OBJECT && field->type != SCHEMA_LIST) {
        struct schema_scalar scalar = schema_scalar_of_field(field);
        schema_scalar_set_absent(&scalar, field->fallback, to);
        return;
    }
    bool is_list = field->type == SCHEMA_LIST;
    if (!is_defaulted(field, is_list ? "[{}]" : "{}"))
        return;
    void *object = alloc_zeroed(decoder->arena, field->of->size);
    set_all_absent(decoder, field->of, node, object);
    if (is_list)
        *(struct schema_list *)to = (struct schema_list){.items = object, .count = 1};
    else
        *(void **)to = object;
}

static void set_all_absent(const struct decoder *decoder, const struct schema *schema, const struct node *node,
                           void *object)
{
    *(const struct node **)object = node;
    for (size_t i = 0; i < schema->field_count; i++) {
        ASSERT(!(schema->fields[i].flags & SCHEMA_REQUIRED));
        set_absent(decoder, &schema->fields[i], node, member_of(object, &schema->fields[i]));
    }
}

/* ------------------------------------------------------------------------------------------------------------- lists */

static void decode_object(const struct decoder *decoder, const struct schema_level *level, void *object);

/* Whether a list or map has as many as it may; `*count` is how many of them are worth a look. */
static void check_count(const struct schema_field *field, const struct node *node, struct problems *problems,
                        uint32_t *count)
{
    const char *noun = field->type == SCHEMA_MAP ? "entries" : "items";
    *count = node->count;
    if (field->max > 0 && *count > field->max) {
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "has %u %s; at most %lld %s allowed", *count, noun,
                     (long long)field->max, field->max == 1 ? "is" : "are");
        *count = (uint32_t)field->max;
    } else if (*count < field->min) {
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "has %u %s; at least %lld %s needed", *count, noun,
                     (long long)field->min, field->min == 1 ? "is" : "are");
    }
}

/* What two values are compared by: numbers by their value, however they are written. `out` has QUOTE_TEXT bytes. */
static struct str identity_of(const struct node *value, char *out)
{
    if (value->kind != NODE_INT)
        return value->text;
    snprintf(out, QUOTE_TEXT, "%lld", (long long)value->integer);
    return str_from_c(out);
}

static void say_twice(const struct schema_field *field, const struct node *value, const struct node *first,
                      struct problems *problems)
{
    char text[QUOTE_TEXT];
    const char *shown = value->kind == NODE_STRING ? quote_short(value->text, text) : quote_cut(value->text, text);
    if (*field->key)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, value, "%s is the %s of item [%u] already; they must differ",
                     shown, field->key, first->index);
    else
        problems_add(problems, SEVERITY_ERROR, STR_NONE, value, "%s is in the list already, as item [%u]", shown,
                     first->index);
}

/* Objects that have the same value in the list's key field, or scalars that are there twice. */
static void check_unique(const struct schema_field *field, const struct node *list, struct problems *problems)
{
    struct map seen;
    struct str key = str_from_c(field->key);
    map_init(&seen);
    for (const struct node *item = list->first; item; item = item->next) {
        const struct node *value = key.len > 0 ? node_find(item, key) : item;
        if (!value || value->kind == NODE_NULL || value->kind == NODE_MAP || value->kind == NODE_LIST)
            continue;
        char number[QUOTE_TEXT];
        struct str identity = identity_of(value, number);
        const struct node *first = map_find(&seen, identity);
        if (first)
            say_twice(field, value, first, problems);
        else
            (void)map_add(&seen, identity, (void *)(uintptr_t)item);
    }
    map_deinit(&seen);
}

static size_t item_size(const struct schema_field *field)
{
    struct schema_scalar scalar = schema_scalar_of_items(field);
    if (field->item == SCHEMA_OBJECT)
        return field->of->size;
    return field->type == SCHEMA_MAP ? sizeof(struct schema_pair) : schema_scalar_size(&scalar);
}

static void decode_item(const struct decoder *decoder, const struct schema_level *level,
                        const struct schema_field *field, const struct node *node, void *to)
{
    if (node->kind == NODE_NULL) {
        problems_add(decoder->problems, SEVERITY_ERROR, STR_NONE, node,
                     "is empty; write a value after \"-\", or leave it out");
        return;
    }
    if (field->item == SCHEMA_OBJECT) {
        struct schema_level below = {field->of, node, level, level->is_secret || (field->flags & SCHEMA_SECRET)};
        decode_object(decoder, &below, to);
        return;
    }
    struct schema_scalar scalar = schema_scalar_of_items(field);
    scalar.is_secret |= level->is_secret;
    schema_scalar_set_absent(&scalar, NULL, to);
    schema_scalar_decode(&scalar, node, decoder->problems, to);
}

static void decode_list(const struct decoder *decoder, const struct schema_level *level,
                        const struct schema_field *field, const struct node *node, struct schema_list *list)
{
    bool is_secret = level->is_secret || (field->flags & SCHEMA_SECRET);
    if (node->kind != NODE_LIST) {
        if (field->item == SCHEMA_OBJECT)
            say_no_objects(field->of, node, decoder->problems);
        else
            say_no_scalars(node, is_secret, decoder->problems);
        return;
    }
    uint32_t count;
    check_count(field, node, decoder->problems, &count);
    size_t size = item_size(field);
    *list = (struct schema_list){alloc_zeroed(decoder->arena, count * size), count, true, node};
    const struct node *item = node->first;
    for (uint32_t i = 0; i < count; i++, item = item->next)
        decode_item(decoder, level, field, item, (char *)list->items + i * size);
    if (field->key && !is_secret && count == node->count)
        check_unique(field, node, decoder->problems);
}

_Static_assert(sizeof(struct schema_pair) == sizeof(struct schema_number_pair), "both kinds of entries are as large");

/* Of a map. Null is an empty object or, as the API server takes it, an empty string. */
static void decode_entry(const struct decoder *decoder, const struct schema_level *level,
                         const struct schema_field *field, const struct node *node, void *to)
{
    if (field->item == SCHEMA_OBJECT) {
        struct schema_level below = {field->of, node, level, level->is_secret || (field->flags & SCHEMA_SECRET)};
        if (node->kind == NODE_NULL)
            set_all_absent(decoder, field->of, node, to);
        else
            decode_object(decoder, &below, to);
        return;
    }
    struct schema_scalar scalar = schema_scalar_of_items(field);
    scalar.is_secret |= level->is_secret;
    struct schema_pair *pair = to;
    pair->key = node->key;
    schema_scalar_set_absent(&scalar, schema_scalar_is_text(&scalar) ? "" : NULL, &pair->value);
    if (node->kind != NODE_NULL)
        schema_scalar_decode(&scalar, node, decoder->problems, &pair->value);
}

static void decode_map(const struct decoder *decoder, const struct schema_level *level,
                       const struct schema_field *field, const struct node *node, struct schema_list *list)
{
    if (node->kind != NODE_MAP) {
        say_no_map(node, decoder->problems);
        return;
    }
    uint32_t count;
    check_count(field, node, decoder->problems, &count);
    size_t size = item_size(field);
    *list = (struct schema_list){alloc_zeroed(decoder->arena, count * size), count, true, node};
    const struct node *member = node->first;
    for (uint32_t i = 0; i < count; i++, member = member->next) {
        if (member->key.len > KEY_MAX)
            problems_add(decoder->problems, SEVERITY_ERROR, STR_NONE, node,
                         "has a name that is %zu bytes long; at most %u are allowed", member->key.len, KEY_MAX);
        decode_entry(decoder, level, field, member, (char *)list->items + i * size);
    }
}

/* ----------------------------------------------------------------------------------------------------------- objects */

static void decode_value(const struct decoder *decoder, const struct schema_level *level,
                         const struct schema_field *field, const struct node *node, void *to)
{
    switch (field->type) {
    case SCHEMA_ANY: return;
    case SCHEMA_LIST: decode_list(decoder, level, field, node, to); return;
    case SCHEMA_MAP: decode_map(decoder, level, field, node, to); return;
    case SCHEMA_OBJECT: {
        struct schema_level below = {field->of, node, level, level->is_secret || (field->flags & SCHEMA_SECRET)};
        void *object = alloc_zeroed(decoder->arena, field->of->size);
        *(void **)to = object;
        decode_object(decoder, &below, object);
        return;
    }
    default: {
        struct schema_scalar scalar = schema_scalar_of_field(field);
        scalar.is_secret |= level->is_secret;
        schema_scalar_set_absent(&scalar, NULL, to);
        schema_scalar_decode(&scalar, node, decoder->problems, to);
        return;
    }
    }
}

/* Which fields of an object were written; a bit for each. */
struct seen {
    uint64_t read, misspelt;
};

static void decode_member(const struct decoder *decoder, const struct schema_level *level, const struct node *member,
                          void *object, struct seen *seen)
{
    struct problems *problems = decoder->problems;
    const struct schema_field *field = schema_field_find(level->schema, member->key);
    if (!field && level->schema->is_open)
        return;
    if (!field) {
        seen->misspelt |= say_unknown(decoder, level, member);
        return;
    }
    if (member->kind == NODE_NULL)
        return;
    size_t errors = problems->errors;
    seen->read |= 1ull << (field - level->schema->fields);
    decode_value(decoder, level, field, member, member_of(object, field));
    bool is_off = member->kind == NODE_BOOL && member->integer == 0;
    if ((field->flags & SCHEMA_UNSUPPORTED) && problems->errors == errors && !is_off) {
        struct node key = at_key(member);
        problems_add(problems, SEVERITY_WARNING, STR_NONE, &key, "%snot acted on by this version",
                     field->type == SCHEMA_ANY ? "is " : "is valid, but ");
    }
}

static void decode_object(const struct decoder *decoder, const struct schema_level *level, void *object)
{
    const struct schema *schema = level->schema;
    const struct node *node = level->node;
    struct problems *problems = decoder->problems;
    size_t errors = problems->errors;
    struct seen seen = {0};
    ASSERT(schema->field_count <= SCHEMA_FIELDS_MAX);
    *(const struct node **)object = node;
    if (node->kind != NODE_MAP) {
        say_no_object(schema, node, problems);
        return;
    }
    for (const struct node *member = node->first; member; member = member->next)
        decode_member(decoder, level, member, object, &seen);
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct schema_field *field = &schema->fields[i];
        if (seen.read & 1ull << i)
            continue;
        set_absent(decoder, field, node, member_of(object, field));
        /* A misspelt one is an error already, but for a server's. */
        bool is_said = (seen.misspelt & 1ull << i) && !decoder->from_server;
        if ((field->flags & SCHEMA_REQUIRED) && !is_said)
            problems_add_member(problems, SEVERITY_ERROR, STR_NONE, node, field->name, "is missing");
    }
    if (schema->check && problems->errors == errors)
        schema->check(object, problems);
}

bool schema_decode(const struct schema *schema, const struct node *node, struct arena *arena, struct problems *problems,
                   void *object, bool from_server)
{
    const struct decoder decoder = {arena, problems, from_server};
    const struct schema_level top = {.schema = schema, .node = node};
    size_t errors = problems->errors;
    decode_object(&decoder, &top, object);
    return problems->errors == errors;
}
