/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/copy_head.h"

#include "mirror/redact.h"
#include "route/edits.h"
#include "route/rewrite.h"

#define SPARE 2 /* marker and baggage */
#define TRACEPARENT_LEN 55

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

static void redact(struct making *m)
{
    const struct plan *plan = m->marking->plan;
    struct plan_range redactions = m->marking->mirror->redactions;
    redact_fields(plan, redactions, m->head->fields, &m->head->field_count);
    redact_cookies(plan, redactions, m->head, m->arena);
    redact_query(plan, redactions, m->head, m->arena);
}

/* "h" is "h-shadow", "h:80" is "h-shadow:80". An IPv6 address stays: nothing can be put behind it. */
static struct str shadow_host(struct str authority, struct arena *arena)
{
    size_t port = str_find_char(authority, ':');
    if (!authority.len || authority.ptr[0] == '[')
        return authority;
    return arena_printf(arena, "%.*s-shadow%.*s", (int)port, authority.ptr, (int)(authority.len - port),
                        authority.ptr + port);
}

static void set_host(struct making *m)
{
    const struct plan_mirror *mirror = m->marking->mirror;
    struct str host = plan_text(m->marking->plan, mirror->host);
    if (mirror->host_kind == COPY_HOST_SUFFIX)
        rewrite_host(shadow_host(m->head->authority, m->arena), m->head);
    else if (mirror->host_kind == COPY_HOST_LITERAL)
        rewrite_host(arena_copy(m->arena, host), m->head);
}

static void edit_fields(struct making *m)
{
    edits_apply(m->marking->plan, m->marking->mirror->edits, m->head, m->arena);
}

static void add_marker(struct making *m)
{
    const struct plan_mirror *mirror = m->marking->mirror;
    char *value = arena_alloc(m->arena, MARKER_MAX);
    size_t len = marker_format(value, plan_text(m->marking->plan, mirror->label), m->exchange->id, m->marking->unix_s,
                               m->marking->key);
    struct str name = plan_text(m->marking->plan, mirror->marker_header);
    struct str usual = field_id_name(FIELD_X_UMBRA_SHADOW);
    if (str_eq(name, usual) || !edits_is_safe(name, STR("")))
        head_add(m->head, FIELD_X_UMBRA_SHADOW, usual, (struct str){value, len});
    else
        head_add(m->head, field_id_from_name(name), arena_copy(m->arena, name), (struct str){value, len});
}

static void add_baggage(struct making *m)
{
    static const struct str member = STR_INIT("umbra.shadow=true");
    if (!m->marking->mirror->has_baggage)
        return;
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

/* So many hex digits, not all zero, which would not be valid. */
static void put_random_hex(char *out, size_t digits, struct random *random)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t bits = random_next(random) | 1;
    for (size_t i = 0; i < digits; i++) {
        out[i] = hex[bits & 15];
        bits = (i + 1) % 16 ? bits >> 4 : random_next(random);
    }
}

/* What the old trace's vendors have to say is of no use in a new one (W3C Trace Context 3.3). */
static void drop_tracestate(struct making *m)
{
    uint16_t count = 0;
    for (uint16_t i = 0; i < m->head->field_count; i++) {
        if (!str_eq_nocase(m->head->fields[i].name, STR("tracestate")))
            m->head->fields[count++] = m->head->fields[i];
    }
    m->head->field_count = count;
}

/* version "-" trace-id "-" parent-id "-" flags (W3C Trace Context 3.2). */
static void new_span(struct making *m)
{
    enum plan_trace trace = m->marking->mirror->trace;
    bool is_found = false;
    for (uint16_t i = 0; i < m->head->field_count; i++) {
        struct field *field = &m->head->fields[i];
        if (field->id != FIELD_TRACEPARENT || field->value.len < TRACEPARENT_LEN)
            continue;
        char *value = arena_alloc(m->arena, field->value.len);
        memcpy(value, field->value.ptr, field->value.len);
        put_random_hex(value + 36, 16, m->marking->random);
        if (trace == COPY_TRACE_NEW_ROOT)
            put_random_hex(value + 3, 32, m->marking->random);
        if (trace == COPY_TRACE_UNSAMPLED)
            value[53] = value[54] = '0';
        field->value.ptr = value;
        is_found = true;
    }
    if (is_found && trace == COPY_TRACE_NEW_ROOT)
        drop_tracestate(m);
}

/* The first rows are for mirrors that ask for it; most ask for nothing. The last are made by the codecs. */
#define DEMANDS 3
static const struct {
    struct copy_difference difference;
    void (*make)(struct making *m);
} differences[] = {
    {{"fields, cookies, query parameters", "left out as the mirror redacts them"}, redact},
    {{"Host", "only when the mirror wants it: with -shadow before the port (an IPv6 address stays), or another"},
     set_host},
    {{"any other field", "set, added and removed as the mirror says; after route filters and redaction"}, edit_fields},
    {{"Expect", "left out: live alone decides whether the client sends its body"}, drop_expect},
    {{"X-Umbra-Shadow", "added, or the mirror's own marker header: the signed marker with the mirror's name and the "
                        "request id"},
     add_marker},
    {{"baggage", "one member umbra.shadow=true appended, unless the mirror turns it off"}, add_baggage},
    {{"traceparent", "a new parent-id; the sampled flag is cleared, or kept, or a new trace-id made (and tracestate "
                     "left out), as the mirror says"},
     new_span},
    /* What the codecs do where live and the shadow speak different versions (RFC 9113 8.2 and 8.3): no copy is without them, and
     * a copy in live's version has none. */
    {{"names of fields", "lower case, when the shadow speaks HTTP/2 and the client HTTP/1"}, NULL},
    {{"Host", "in HTTP/2 the pseudo-field :authority; from HTTP/2 to HTTP/1 the first field"}, NULL},
    {{"Cookie", "from HTTP/2 the fields of a request are joined into one"}, NULL},
    {{"Transfer-Encoding", "a body without Content-Length is chunked in HTTP/1, and frames alone in HTTP/2"}, NULL},
    {{"TE", "towards HTTP/2 te: trailers stays; everything else of it goes, as to HTTP/1"}, NULL},
};

const size_t copy_difference_count = sizeof differences / sizeof *differences;

const struct copy_difference *copy_difference(size_t index)
{
    return &differences[index].difference;
}

void copy_head_make(struct head *copy, const struct exchange *exchange, struct arena *arena,
                    const struct copy_marking *marking)
{
    const struct plan_mirror *mirror = marking->mirror;
    bool has_demands = mirror->host_kind != COPY_HOST_PRESERVE || mirror->edits.count || mirror->redactions.count;
    head_copy(copy, exchange->request, arena, SPARE + edits_room(mirror->edits));
    copy->has_expect_continue = false;
    struct making m = {copy, arena, exchange, marking};
    for (size_t i = 0; has_demands && i < DEMANDS; i++)
        differences[i].make(&m);
    for (size_t i = DEMANDS; i < copy_difference_count && differences[i].make; i++)
        differences[i].make(&m);
}
