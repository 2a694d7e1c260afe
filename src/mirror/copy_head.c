/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/copy_head.h"

#define SPARE 2 /* marker and baggage */

struct making {
    struct head *head;
    struct arena *arena;
    const struct exchange *exchange;
    const struct copy_marking *marking;
};

/* Whether live wants the body is live's decision alone, and was made before the copy. */
static void drop_expect(struct making *m)
{
    uint16_t count = 0;
    for (uint16_t i = 0; i < m->head->field_count; i++) {
        if (m->head->fields[i].id != FIELD_EXPECT)
            m->head->fields[count++] = m->head->fields[i];
    }
    m->head->field_count = count;
}

static void add_marker(struct making *m)
{
    char *value = arena_alloc(m->arena, MARKER_MAX);
    size_t len = marker_format(value, m->marking->mirror, m->exchange->id, m->marking->unix_s, m->marking->key);
    head_add(m->head, FIELD_X_UMBRA_SHADOW, field_id_name(FIELD_X_UMBRA_SHADOW), (struct str){value, len});
}

static void add_baggage(struct making *m)
{
    static const struct str member = STR_INIT("umbra.shadow=true");
    for (uint16_t i = m->head->field_count; i-- > 0;) {
        struct field *field = &m->head->fields[i];
        if (field->id != FIELD_BAGGAGE)
            continue;
        field->value = field->value.len ? arena_printf(m->arena, "%.*s,%.*s", STR_ARG(field->value), STR_ARG(member))
                                        : member;
        return;
    }
    head_add(m->head, FIELD_BAGGAGE, STR("baggage"), member);
}

/* version "-" trace-id "-" parent-id "-" flags (W3C Trace Context 3.2). */
static void new_span(struct making *m)
{
    static const char hex[] = "0123456789abcdef";
    for (uint16_t i = 0; i < m->head->field_count; i++) {
        struct field *field = &m->head->fields[i];
        if (field->id != FIELD_TRACEPARENT || field->value.len < 55)
            continue;
        char *value = arena_alloc(m->arena, field->value.len);
        memcpy(value, field->value.ptr, field->value.len);
        uint64_t span = random_next(m->marking->random) | 1; /* all zero is not valid */
        for (int k = 0; k < 16; k++)
            value[36 + k] = hex[(span >> (4 * k)) & 15];
        value[53] = value[54] = '0';
        field->value.ptr = value;
    }
}

static const struct {
    struct copy_difference difference;
    void (*make)(struct making *m);
} differences[] = {
    {{"Expect", "left out: live alone decides whether the client sends its body"}, drop_expect},
    {{"X-Umbra-Shadow", "added: the signed marker with the mirror's name and the request id"}, add_marker},
    {{"baggage", "one member umbra.shadow=true appended"}, add_baggage},
    {{"traceparent", "a new parent-id; the sampled flag is cleared"}, new_span},
};

const size_t copy_difference_count = sizeof differences / sizeof *differences;

const struct copy_difference *copy_difference(size_t index)
{
    return &differences[index].difference;
}

void copy_head_make(struct head *copy, const struct exchange *exchange, struct arena *arena,
                    const struct copy_marking *marking)
{
    head_copy(copy, exchange->request, arena, SPARE);
    copy->has_expect_continue = false;
    struct making m = {copy, arena, exchange, marking};
    for (size_t i = 0; i < copy_difference_count; i++)
        differences[i].make(&m);
}
