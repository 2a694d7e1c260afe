/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/schema_hint.h"

#include "manifest/guess.h"

static const char *next_field(size_t index, const void *user)
{
    const struct schema *schema = user;
    return index < schema->field_count ? schema->fields[index].name : NULL;
}

const char *schema_nearest(const struct schema *schema, struct str name)
{
    return guess_word(name, next_field, schema);
}

const struct schema_field *schema_field_find(const struct schema *schema, struct str name)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        if (str_eq(str_from_c(schema->fields[i].name), name))
            return &schema->fields[i];
    }
    return NULL;
}

#define STEPS_DOWN 2 /* further down, a name means something else */

/* Appends the way to a field of that name in the objects below, the shortest first. */
static bool find_below(const struct schema *schema, struct str name, unsigned steps, struct strbuf *path)
{
    if (schema_field_find(schema, name)) {
        strbuf_add(path, name);
        return true;
    }
    size_t before = path->len;
    for (unsigned more = 0; more < steps; more++) {
        for (size_t i = 0; i < schema->field_count; i++) {
            const struct schema_field *field = &schema->fields[i];
            if (!field->of)
                continue;
            strbuf_printf(path, "%s%s.", field->name, field->type == SCHEMA_LIST ? "[]" : "");
            if (find_below(field->of, name, more, path))
                return true;
            path->len = before;
        }
    }
    return false;
}

#define FIELDS_SHOWN 8

void schema_add_fields(const struct schema *schema, struct strbuf *out)
{
    strbuf_printf(out, "; %s has ", schema->name);
    for (size_t i = 0; i < schema->field_count && i <= FIELDS_SHOWN; i++)
        strbuf_printf(out, "%s%s", i > 0 ? ", " : "", i < FIELDS_SHOWN ? schema->fields[i].name : "…");
}

/* The nearest object around this one that has such a field: an indent is wrong. */
static const struct schema_level *find_above(const struct schema_level *level, struct str name)
{
    for (level = level->above; level; level = level->above) {
        if (schema_field_find(level->schema, name))
            return level;
    }
    return NULL;
}

/* One more or fewer at the end: a plural. */
static bool is_plural(struct str name, const char *other)
{
    struct str known = str_from_c(other);
    size_t least = name.len < known.len ? name.len : known.len, most = name.len + known.len - least;
    return most - least <= 1 && str_eq_nocase(str_slice(name, 0, least), str_slice(known, 0, least));
}

static void add_place_above(const struct schema_level *above, struct strbuf *out)
{
    size_t before = out->len;
    strbuf_add(out, STR("; it belongs further up, in "));
    size_t len = out->len;
    node_path(out, above->node);
    if (out->len > len)
        return;
    out->len = before;
    strbuf_add(out, STR("; it belongs further up, at the top level"));
}

const char *schema_add_hint(const struct schema_level *level, struct str name, struct strbuf *out)
{
    const char *meant = schema_nearest(level->schema, name);
    const struct schema_level *above = find_above(level, name);
    if (above && !(meant && is_plural(name, meant))) {
        add_place_above(above, out);
        return NULL;
    }
    struct strbuf path = STRBUF_INIT;
    bool is_same = meant && str_eq_nocase(name, str_from_c(meant));
    bool is_below = !is_same && !(meant && is_plural(name, meant)) &&
                    find_below(level->schema, name, STEPS_DOWN, &path);
    if (is_below)
        meant = NULL;
    else if (!meant)
        meant = guess_part(name, next_field, level->schema);
    if (meant || is_below)
        strbuf_printf(out, "; did you mean \"%s\"?", meant ? meant : path.ptr);
    else
        schema_add_fields(level->schema, out);
    strbuf_deinit(&path);
    return meant;
}
