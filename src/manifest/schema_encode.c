/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/quote.h"
#include "manifest/schema_scalar.h"

struct writer {
    struct strbuf *out;
    bool is_after_dash; /* "- " is written, the item's first field goes on in this line */
    bool is_secret;     /* all below is */
};

static const void *member_of(const void *object, const struct schema_field *field)
{
    return (const char *)object + field->offset;
}

static void begin_line(struct writer *writer, unsigned indent)
{
    if (!writer->is_after_dash)
        strbuf_printf(writer->out, "%*s", (int)indent, "");
    writer->is_after_dash = false;
}

/* Written, or there by default. */
static bool is_present(const struct schema_field *field, const void *member)
{
    const struct schema_list *list = member;
    struct schema_scalar scalar = schema_scalar_of_field(field);
    switch (field->type) {
    case SCHEMA_ANY: return false;
    case SCHEMA_OBJECT: return *(const void *const *)member != NULL;
    case SCHEMA_LIST:
    case SCHEMA_MAP: return list->is_set || list->count > 0;
    default: break;
    }
    if (schema_scalar_is_text(&scalar))
        return ((const struct str *)member)->ptr != NULL;
    return ((const struct schema_int *)member)->is_set || field->fallback;
}

static bool is_empty(const struct schema *schema, const void *object)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        if (is_present(&schema->fields[i], member_of(object, &schema->fields[i])))
            return false;
    }
    return true;
}

static void encode_object(struct writer *writer, const struct schema *schema, const void *object, unsigned indent);

static void encode_scalar(struct writer *writer, struct schema_scalar scalar, const void *from)
{
    scalar.is_secret |= writer->is_secret;
    schema_scalar_encode(&scalar, from, writer->out);
    strbuf_add_char(writer->out, '\n');
}

static void encode_list(struct writer *writer, const struct schema_field *field, const struct schema_list *list,
                        unsigned indent)
{
    struct schema_scalar scalar = schema_scalar_of_items(field);
    bool is_object = field->item == SCHEMA_OBJECT;
    size_t size = is_object ? field->of->size : schema_scalar_size(&scalar);
    strbuf_add(writer->out, list->count > 0 ? STR("\n") : STR(" []\n"));
    for (uint32_t i = 0; i < list->count; i++) {
        const void *item = schema_item(list, i, size);
        begin_line(writer, indent);
        strbuf_add(writer->out, STR("- "));
        if (!is_object) {
            encode_scalar(writer, scalar, item);
        } else if (is_empty(field->of, item)) {
            strbuf_add(writer->out, STR("{}\n"));
        } else {
            writer->is_after_dash = true;
            encode_object(writer, field->of, item, indent + 2);
        }
    }
}

static void encode_map(struct writer *writer, const struct schema_field *field, const struct schema_list *map,
                       unsigned indent)
{
    bool is_object = field->item == SCHEMA_OBJECT;
    strbuf_add(writer->out, map->count > 0 ? STR("\n") : STR(" {}\n"));
    for (uint32_t i = 0; i < map->count; i++) {
        const void *entry = schema_item(map, i, is_object ? field->of->size : sizeof(struct schema_pair));
        const struct schema_pair *pair = entry;
        begin_line(writer, indent + 2);
        quote_yaml(writer->out, is_object ? (*(const struct node *const *)entry)->key : pair->key);
        strbuf_add_char(writer->out, ':');
        if (is_object) {
            strbuf_add(writer->out, is_empty(field->of, entry) ? STR(" {}\n") : STR("\n"));
            encode_object(writer, field->of, entry, indent + 4);
        } else {
            strbuf_add_char(writer->out, ' ');
            encode_scalar(writer, schema_scalar_of_items(field), &pair->value);
        }
    }
}

static void encode_member(struct writer *writer, const struct schema_field *field, const void *member, unsigned indent)
{
    bool was_secret = writer->is_secret;
    begin_line(writer, indent);
    strbuf_printf(writer->out, "%s:", field->name);
    writer->is_secret |= (field->flags & SCHEMA_SECRET) != 0;
    switch (field->type) {
    case SCHEMA_LIST: encode_list(writer, field, member, indent); break;
    case SCHEMA_MAP: encode_map(writer, field, member, indent); break;
    case SCHEMA_OBJECT: {
        const void *object = *(const void *const *)member;
        bool has_fields = !is_empty(field->of, object);
        strbuf_add(writer->out, has_fields ? STR("\n") : STR(" {}\n"));
        encode_object(writer, field->of, object, indent + 2);
        break;
    }
    default:
        strbuf_add_char(writer->out, ' ');
        encode_scalar(writer, schema_scalar_of_field(field), member);
        break;
    }
    writer->is_secret = was_secret;
}

static void encode_object(struct writer *writer, const struct schema *schema, const void *object, unsigned indent)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct schema_field *field = &schema->fields[i];
        if (is_present(field, member_of(object, field)))
            encode_member(writer, field, member_of(object, field), indent);
    }
}

void schema_encode(const struct schema *schema, const void *object, unsigned indent, struct strbuf *out)
{
    struct writer writer = {.out = out};
    encode_object(&writer, schema, object, indent);
}
