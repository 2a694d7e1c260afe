/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/quote.h"
#include "manifest/schema_scalar.h"

#include <inttypes.h>
#include <stdio.h>

#define WHOLE 1000000 /* 100 % in millionths */

static void add_line(struct strbuf *out, unsigned indent, const char *key, const char *value)
{
    strbuf_printf(out, "%*s%s:%s%s\n", (int)indent, "", key, value ? " " : "", value ? value : "");
}

static void add_text(struct strbuf *out, unsigned indent, const char *key, const char *text)
{
    strbuf_printf(out, "%*s%s: ", (int)indent, "", key);
    quote_yaml(out, str_from_c(text));
    strbuf_add_char(out, '\n');
}

static void add_number(struct strbuf *out, unsigned indent, const char *key, int64_t number)
{
    strbuf_printf(out, "%*s%s: %" PRId64 "\n", (int)indent, "", key, number);
}

/* A minimum and a maximum as rows give them; `noun` is "Length", "Items", "Properties" or for numbers "imum". */
static void add_limits(struct strbuf *out, unsigned indent, const char *noun, int64_t min, int64_t max)
{
    char key[32];
    bool is_number = strcmp(noun, "imum") == 0;
    snprintf(key, sizeof(key), "max%s", noun);
    if (max != 0)
        add_number(out, indent, key, max);
    snprintf(key, sizeof(key), "min%s", noun);
    if (min != 0 || (is_number && max != 0))
        add_number(out, indent, key, min);
}

static void add_values(struct strbuf *out, unsigned indent, const struct schema_scalar *scalar)
{
    if (!scalar->values)
        return;
    add_line(out, indent, "enum", NULL);
    for (size_t i = 0; scalar->values[i]; i++) {
        strbuf_printf(out, "%*s- ", (int)indent, "");
        if (scalar->type == SCHEMA_INT)
            strbuf_add(out, str_from_c(scalar->values[i]));
        else
            quote_yaml(out, str_from_c(scalar->values[i]));
        strbuf_add_char(out, '\n');
    }
}

static void add_name_or_number(struct strbuf *out, unsigned indent)
{
    add_line(out, indent, "anyOf", NULL);
    strbuf_printf(out, "%*s- type: integer\n%*s- type: string\n", (int)indent, "", (int)indent, "");
}

static void add_scalar(struct strbuf *out, unsigned indent, const struct schema_scalar *scalar)
{
    bool is_int32 = scalar->min >= INT32_MIN && scalar->max <= INT32_MAX && scalar->max != 0;
    bool is_either = scalar->type == SCHEMA_NAME_OR_NUMBER || scalar->type == SCHEMA_QUANTITY;
    if (is_either)
        add_name_or_number(out, indent);
    add_values(out, indent, scalar);
    if (scalar->type == SCHEMA_INT)
        add_line(out, indent, "format", is_int32 ? "int32" : "int64");
    if (scalar->format && scalar->format->openapi)
        add_line(out, indent, "format", scalar->format->openapi);
    if (scalar->type == SCHEMA_INT && !scalar->values)
        add_limits(out, indent, "imum", scalar->min, scalar->max);
    if (scalar->type == SCHEMA_STRING)
        add_limits(out, indent, "Length", scalar->min, scalar->max);
    if (scalar->type == SCHEMA_PERCENT && scalar->max == WHOLE)
        add_text(out, indent, "pattern", "^(0*100(\\.0{1,4})?|0*[0-9]{1,2}(\\.[0-9]{1,4})?)%$");
    else if (scalar->format && scalar->format->pattern)
        add_text(out, indent, "pattern", scalar->format->pattern);
    if (is_either)
        add_line(out, indent, "x-kubernetes-int-or-string", "true");
    else if (scalar->type == SCHEMA_INT)
        add_line(out, indent, "type", "integer");
    else if (scalar->type == SCHEMA_SHARE)
        add_line(out, indent, "type", "number");
    else
        add_line(out, indent, "type", scalar->type == SCHEMA_BOOL ? "boolean" : "string");
}

static void add_object(struct strbuf *out, unsigned indent, const struct schema *schema, bool is_top);

static bool key_is_certain(const struct schema *schema, const char *key)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct schema_field *field = &schema->fields[i];
        if (strcmp(field->name, key) == 0)
            return (field->flags & SCHEMA_REQUIRED) || (field->fallback && !schema->is_layered);
    }
    return false;
}

/* What must differ, as the API server and server-side apply know it. */
static void add_list_type(struct strbuf *out, unsigned indent, const struct schema_field *field)
{
    if (!field->key || (field->item == SCHEMA_OBJECT && !key_is_certain(field->of, field->key)))
        return;
    if (field->item == SCHEMA_OBJECT) {
        strbuf_printf(out, "%*sx-kubernetes-list-map-keys:\n%*s- %s\n", (int)indent, "", (int)indent, "", field->key);
        add_line(out, indent, "x-kubernetes-list-type", "map");
    } else {
        add_line(out, indent, "x-kubernetes-list-type", "set");
    }
}

static void add_list(struct strbuf *out, unsigned indent, const struct schema_field *field)
{
    struct schema_scalar scalar = schema_scalar_of_items(field);
    add_line(out, indent, "items", NULL);
    if (field->item == SCHEMA_OBJECT)
        add_object(out, indent + 2, field->of, false);
    else
        add_scalar(out, indent + 2, &scalar);
    add_limits(out, indent, "Items", field->min, field->max);
    add_line(out, indent, "type", "array");
    add_list_type(out, indent, field);
}

static void add_map(struct strbuf *out, unsigned indent, const struct schema_field *field)
{
    struct schema_scalar scalar = schema_scalar_of_items(field);
    add_line(out, indent, "additionalProperties", NULL);
    if (field->item == SCHEMA_OBJECT)
        add_object(out, indent + 2, field->of, false);
    else
        add_scalar(out, indent + 2, &scalar);
    add_limits(out, indent, "Properties", field->min, field->max);
    add_line(out, indent, "type", "object");
}

static void add_default(struct strbuf *out, unsigned indent, const struct schema_field *field)
{
    if (!field->fallback)
        return;
    bool is_text = field->type == SCHEMA_STRING || field->type == SCHEMA_ENUM;
    if (is_text || field->type == SCHEMA_DURATION || field->type == SCHEMA_PERCENT)
        add_text(out, indent, "default", field->fallback);
    else
        add_line(out, indent, "default", field->fallback);
}

/* kubectl explain shows no defaults but those that are in here. */
static void add_description(struct strbuf *out, unsigned indent, const struct schema_field *field)
{
    struct strbuf text = STRBUF_INIT;
    strbuf_printf(&text, "%s", field->help);
    if (field->fallback && field->fallback[0] != '\0' && field->type != SCHEMA_OBJECT && field->type != SCHEMA_LIST)
        strbuf_printf(&text, " Default: %s.", field->fallback);
    if (field->flags & SCHEMA_UNSUPPORTED)
        strbuf_add(&text, STR(" Accepted, but not acted on by this version."));
    add_text(out, indent, "description", text.ptr);
    strbuf_deinit(&text);
}

static void add_field(struct strbuf *out, unsigned indent, const struct schema *schema,
                      const struct schema_field *field, bool is_top)
{
    struct schema_scalar scalar = schema_scalar_of_field(field);
    add_line(out, indent, field->name, NULL);
    indent += 2;
    /* The API server has its own schema of this. */
    if (is_top && strcmp(field->name, "metadata") == 0) {
        add_line(out, indent, "type", "object");
        return;
    }
    add_description(out, indent, field);
    if (!schema->is_layered)
        add_default(out, indent, field);
    switch (field->type) {
    case SCHEMA_OBJECT: add_object(out, indent, field->of, false); break;
    case SCHEMA_LIST: add_list(out, indent, field); break;
    case SCHEMA_MAP: add_map(out, indent, field); break;
    case SCHEMA_ANY:
        if (field->of) {
            add_object(out, indent, field->of, false);
            break;
        }
        add_line(out, indent, "type", "object");
        add_line(out, indent, "x-kubernetes-preserve-unknown-fields", "true");
        break;
    default: add_scalar(out, indent, &scalar); break;
    }
}

static void add_required(struct strbuf *out, unsigned indent, const struct schema *schema)
{
    bool is_first = true;
    for (size_t i = 0; i < schema->field_count; i++) {
        if (!(schema->fields[i].flags & SCHEMA_REQUIRED))
            continue;
        if (is_first)
            add_line(out, indent, "required", NULL);
        is_first = false;
        strbuf_printf(out, "%*s- %s\n", (int)indent, "", schema->fields[i].name);
    }
}

static void add_rules(struct strbuf *out, unsigned indent, const struct schema *schema)
{
    if (schema->rule_count > 0)
        add_line(out, indent, "x-kubernetes-validations", NULL);
    for (size_t i = 0; i < schema->rule_count; i++) {
        strbuf_printf(out, "%*s- message: ", (int)indent, "");
        quote_yaml(out, str_from_c(schema->rules[i].message));
        strbuf_add_char(out, '\n');
        add_text(out, indent + 2, "rule", schema->rules[i].rule);
    }
}

static void add_object(struct strbuf *out, unsigned indent, const struct schema *schema, bool is_top)
{
    add_line(out, indent, "properties", NULL);
    for (size_t i = 0; i < schema->field_count; i++)
        add_field(out, indent + 2, schema, &schema->fields[i], is_top);
    add_required(out, indent, schema);
    add_line(out, indent, "type", "object");
    add_rules(out, indent, schema);
}

void schema_crd(const struct schema *schema, unsigned indent, struct strbuf *out)
{
    add_text(out, indent, "description", schema->help);
    add_object(out, indent, schema, true);
}
