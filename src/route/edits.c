/* SPDX-License-Identifier: Apache-2.0 */
#include "route/edits.h"

#include "http/byte_class.h"

static bool is_token(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!byte_is(name.ptr[i], BYTE_TOKEN))
            return false;
    }
    return name.len > 0;
}

/* RFC 9110 5.5: no controls but HTAB. */
static bool is_field_value(struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.ptr[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

bool edits_is_safe(struct str name, struct str value)
{
    return field_may_be_edited(field_id_from_name(name)) && is_token(name) && is_field_value(value);
}

static bool has_name(const struct field *field, const struct field *wanted)
{
    return field->id == wanted->id && (field->id != FIELD_OTHER || str_eq_nocase(field->name, wanted->name));
}

/* Removes the fields of the name but the first `kept`; the place of the first, or field_count. */
static uint16_t remove_named(struct head *head, const struct field *wanted, uint16_t kept)
{
    uint16_t count = 0, found = 0, first = UINT16_MAX;
    for (uint16_t i = 0; i < head->field_count; i++) {
        bool is_named = has_name(&head->fields[i], wanted);
        if (is_named && found++ == 0)
            first = count;
        if (!is_named || found <= kept)
            head->fields[count++] = head->fields[i];
    }
    head->field_count = count;
    return first == UINT16_MAX ? count : first;
}

static void apply(const struct field *edit, enum plan_edit_kind kind, struct head *head, struct arena *arena)
{
    struct field field = *edit;
    if (kind == EDIT_REMOVE) {
        remove_named(head, edit, 0);
        return;
    }
    if (arena) {
        field.name = arena_copy(arena, edit->name);
        field.value = arena_copy(arena, edit->value);
    }
    uint16_t at = kind == EDIT_SET ? remove_named(head, edit, 1) : head->field_count;
    if (at == head->field_count)
        head->field_count++;
    head->fields[at] = field;
}

size_t edits_room(struct plan_range edits)
{
    return edits.count < EDITS_MAX ? edits.count : EDITS_MAX;
}

void edits_apply(const struct plan *plan, struct plan_range edits, struct head *head, struct arena *arena)
{
    size_t count = edits_room(edits);
    for (size_t i = 0; i < count; i++) {
        const struct plan_edit *edit = PLAN_EDIT(plan, edits.first + i);
        struct field field = {plan_text(plan, edit->name), plan_text(plan, edit->value), FIELD_OTHER};
        field.id = field_id_from_name(field.name);
        if (edits_is_safe(field.name, field.value))
            apply(&field, edit->kind, head, arena);
    }
}
