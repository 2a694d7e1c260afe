/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"
#include "manifest/schema_scalar.h"

#include <inttypes.h>

#define OBJECTS_MAX 128 /* different objects of one kind */
#define FEW_FIELDS 3    /* an object of no more is described wherever it is */

struct page {
    struct strbuf *out;
    struct strbuf path;
    struct {
        const struct schema *schema;
        size_t path_at, path_len; /* in paths */
    } objects[OBJECTS_MAX];
    size_t object_count;
    struct strbuf paths;
};

/* ------------------------------------------------------------------------------------------------------------- types */

static void add_values(const char *const *values, struct strbuf *out)
{
    for (size_t i = 0; values[i]; i++)
        strbuf_printf(out, "%s`%s`", i > 0 ? ", " : "", values[i]);
}

/* "1 to 63 characters", "at most 16". */
static void add_limits(int64_t min, int64_t max, const char *unit, struct strbuf *out)
{
    if (min > 0 && max > 0)
        strbuf_printf(out, ", %" PRId64 " to %" PRId64 "%s", min, max, unit);
    else if (max > 0)
        strbuf_printf(out, ", at most %" PRId64 "%s", max, unit);
    else if (min > 0)
        strbuf_printf(out, ", at least %" PRId64 "%s", min, unit);
}

static void add_number_limits(const struct schema_scalar *scalar, struct strbuf *out)
{
    if (scalar->min == 0 && scalar->max == 0)
        return;
    /* The upper end of a type is no limit that anybody chose. */
    bool has_max = scalar->max != 0 && scalar->max < INT32_MAX;
    strbuf_add(out, has_max ? STR(", ") : STR(", at least "));
    schema_scalar_format(scalar, scalar->min, out);
    if (has_max) {
        strbuf_add(out, STR(" to "));
        schema_scalar_format(scalar, scalar->max, out);
    }
}

static struct str without_article(const char *name)
{
    struct str text = str_from_c(name);
    size_t blank = str_find_char(text, ' ');
    bool has_article = blank <= 2 && blank < text.len;
    return has_article ? str_slice(text, blank + 1, text.len) : text;
}

static void add_scalar(const struct schema_scalar *scalar, struct strbuf *out)
{
    if (scalar->values) {
        add_values(scalar->values, out);
        return;
    }
    switch (scalar->type) {
    case SCHEMA_NAME_OR_NUMBER: strbuf_add(out, STR("name or number")); return;
    case SCHEMA_BOOL: strbuf_add(out, STR("boolean")); return;
    case SCHEMA_STRING:
        strbuf_add(out, scalar->format ? without_article(scalar->format->name) : STR("string"));
        if (scalar->format)
            strbuf_printf(out, " (`%s`)", scalar->format->example);
        else
            add_limits(scalar->min, scalar->max, " characters", out);
        return;
    case SCHEMA_INT: strbuf_add(out, STR("integer")); break;
    case SCHEMA_SHARE: strbuf_add(out, STR("number of percent (`0.1`)")); break;
    default:
        strbuf_add(out, without_article(scalar->format->name));
        strbuf_printf(out, " (`%s`)", scalar->format->example);
        break;
    }
    add_number_limits(scalar, out);
}

static void add_type(const struct schema_field *field, struct strbuf *out)
{
    struct schema_scalar items = schema_scalar_of_items(field), scalar = schema_scalar_of_field(field);
    switch (field->type) {
    case SCHEMA_ANY: strbuf_add(out, STR("not read")); break;
    case SCHEMA_OBJECT: strbuf_add(out, str_from_c(field->of->name)); break;
    case SCHEMA_MAP:
        strbuf_add(out, STR("map of "));
        if (field->item == SCHEMA_OBJECT)
            strbuf_add(out, str_from_c(field->of->name));
        else
            add_scalar(&items, out);
        add_limits(field->min, field->max, " entries", out);
        break;
    case SCHEMA_LIST:
        strbuf_add(out, STR("list of "));
        if (field->item == SCHEMA_OBJECT)
            strbuf_add(out, str_from_c(field->of->name));
        else
            add_scalar(&items, out);
        add_limits(field->min, field->max, " items", out);
        break;
    default: add_scalar(&scalar, out); break;
    }
}

/* -------------------------------------------------------------------------------------------------------------- rows */

/* "|" would end a cell. */
static void add_cell(struct strbuf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '|')
            strbuf_add_char(out, '\\');
        strbuf_add_char(out, text.ptr[i]);
    }
}

static void add_default(const struct schema_field *field, struct strbuf *out)
{
    bool is_object = field->type == SCHEMA_OBJECT || field->type == SCHEMA_LIST;
    if (field->flags & SCHEMA_REQUIRED)
        strbuf_add(out, STR("required"));
    else if (field->fallback && is_object)
        strbuf_add(out, STR("one with its defaults"));
    else if (field->fallback && *field->fallback == '\0')
        strbuf_add(out, STR("`\"\"`"));
    else if (field->fallback)
        strbuf_printf(out, "`%s`", field->fallback);
}

/* Where the object was described; empty when it was not. */
static struct str find_object(const struct page *page, const struct schema *schema)
{
    for (size_t i = 0; i < page->object_count; i++) {
        if (page->objects[i].schema == schema)
            return (struct str){page->paths.ptr + page->objects[i].path_at, page->objects[i].path_len};
    }
    return STR_NONE;
}

static void add_object(struct page *page, const struct schema *schema)
{
    ASSERT(page->object_count < OBJECTS_MAX);
    size_t at = page->paths.len;
    strbuf_add(&page->paths, strbuf_str(&page->path));
    page->objects[page->object_count].schema = schema;
    page->objects[page->object_count].path_at = at;
    page->objects[page->object_count].path_len = page->path.len;
    page->object_count++;
}

/* `described` is where the field's object was described already, else STR_NONE. */
static void add_row(struct page *page, const struct schema_field *field, struct str described)
{
    struct strbuf type = STRBUF_INIT;
    add_type(field, &type);
    strbuf_printf(page->out, "| `%.*s` | ", STR_ARG(strbuf_str(&page->path)));
    add_cell(page->out, strbuf_str(&type));
    if (described.len > 0)
        strbuf_printf(page->out, ", as `%.*s`", STR_ARG(described));
    strbuf_add(page->out, STR(" | "));
    add_default(field, page->out);
    strbuf_add(page->out, STR(" | "));
    add_cell(page->out, str_from_c(field->help));
    if (field->flags & SCHEMA_UNSUPPORTED)
        strbuf_add(page->out, STR(" *Accepted, but not acted on by this version.*"));
    if (field->flags & SCHEMA_EXPERIMENTAL)
        strbuf_add(page->out, STR(" *Experimental channel.*"));
    strbuf_add(page->out, STR(" |\n"));
    strbuf_deinit(&type);
}

static void document_fields(struct page *page, const struct schema *schema);

static void document_field(struct page *page, const struct schema_field *field)
{
    size_t before = page->path.len;
    const struct schema *of = field->type == SCHEMA_OBJECT || field->item == SCHEMA_OBJECT ? field->of : NULL;
    bool is_map = field->type == SCHEMA_MAP && of;
    strbuf_printf(&page->path, "%s%s%s", before > 0 ? "." : "", field->name,
                  field->type == SCHEMA_LIST ? "[]"
                  : is_map                   ? ".*"
                                             : "");
    struct str described = of && of->field_count > FEW_FIELDS ? find_object(page, of) : STR_NONE;
    add_row(page, field, described);
    if (of && described.len == 0) {
        add_object(page, of);
        document_fields(page, of);
    }
    page->path.len = before;
}

/* What is the same for all kinds, and said once. */
static bool is_of_all_kinds(struct str name)
{
    return str_eq(name, STR("apiVersion")) || str_eq(name, STR("kind")) || str_eq(name, STR("metadata")) ||
           str_eq(name, STR("status"));
}

static void document_fields(struct page *page, const struct schema *schema)
{
    bool is_kind = page->path.len == 0 && schema->field_count > 1 && strcmp(schema->fields[0].name, "apiVersion") == 0;
    for (size_t i = 0; i < schema->field_count; i++) {
        if (!is_kind || !is_of_all_kinds(str_from_c(schema->fields[i].name)))
            document_field(page, &schema->fields[i]);
    }
}

void schema_document(const struct schema *schema, struct strbuf *out)
{
    struct page page = {.out = out};
    document_fields(&page, schema);
    strbuf_deinit(&page.path);
    strbuf_deinit(&page.paths);
}
