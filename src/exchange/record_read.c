/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/record.h"

#include "exchange/record_checksum.h"
#include "http/grpc.h"
#include "registry/registry.h"

/* The next `size` bytes; NULL: there are not so many left. */
static const char *take(struct str *rest, size_t size)
{
    if (size > rest->len)
        return NULL;
    const char *taken = rest->ptr;
    *rest = (struct str){taken + size, rest->len - size};
    return taken;
}

static bool take_struct(struct str *rest, void *to, size_t size)
{
    const char *from = take(rest, size);
    if (from)
        memcpy(to, from, size);
    return from != NULL;
}

static bool take_str(struct str *rest, size_t size, struct str *text)
{
    text->ptr = take(rest, size);
    text->len = size;
    return text->ptr != NULL;
}

static bool read_part(struct str bytes, struct record_part *part, struct err *err)
{
    struct str rest = bytes;
    const size_t behind_checksum = offsetof(struct record_part, checksum) + sizeof(uint64_t);
    if (!take_struct(&rest, part, sizeof(*part)) || part->magic != RECORD_MAGIC)
        return err_set(err, "record: %zu bytes that are no record", bytes.len);
    if (part->version != RECORD_VERSION)
        return err_set(err, "record: version %u, not %u", part->version, RECORD_VERSION);
    if (part->size != bytes.len || part->size > RECORD_PART_MAX || part->size % 8 != 0)
        return err_set(err, "record: its size, %u, is not that of its %zu bytes", part->size, bytes.len);
    if (part->checksum != record_checksum(str_slice(bytes, behind_checksum, bytes.len)))
        return err_set(err, "record: its checksum is not that of its bytes");
    if (part->leg >= LEG_COUNT || (part->flags & ~(RECORD_FIRST | RECORD_LAST)) != 0)
        return err_set(err, "record: unknown leg %u or flags %u", part->leg, part->flags);
    if ((part->number == 0) != ((part->flags & RECORD_FIRST) != 0))
        return err_set(err, "record: part %u can't have the flags %u", part->number, part->flags);
    return true;
}

static bool read_labels(struct str rest, struct record_labels *labels)
{
    struct record_label_sizes sizes;
    return take_struct(&rest, &sizes, sizeof(sizes)) && take_str(&rest, sizes.route, &labels->route) &&
           take_str(&rest, sizes.mirror, &labels->mirror) && take_str(&rest, sizes.backend, &labels->backend) &&
           take_str(&rest, sizes.revision, &labels->revision) && rest.len == 0;
}

static bool take_field(struct str *rest, struct field *field)
{
    struct record_field sizes;
    return take_struct(rest, &sizes, sizeof(sizes)) && take_str(rest, sizes.name_size, &field->name) &&
           take_str(rest, sizes.value_size, &field->value);
}

/* Each field is walked once here, so that record_next_field may go by what it finds. */
static bool read_message(struct str rest, struct record_message *message)
{
    struct record_head head;
    if (!take_struct(&rest, &head, sizeof(head)) || head.field_count > RECORD_MAX_FIELDS || head.is_cut > 1 ||
        !take_str(&rest, head.method_size, &message->method) ||
        !take_str(&rest, head.authority_size, &message->authority) ||
        !take_str(&rest, head.target_size, &message->target))
        return false;
    message->is_there = true;
    message->is_cut = head.is_cut;
    message->status = head.status;
    message->field_count = head.field_count;
    message->fields = rest.ptr;
    message->fields_size = rest.len;
    struct field field;
    for (uint16_t i = 0; i < head.field_count; i++) {
        if (!take_field(&rest, &field))
            return false;
    }
    return rest.len == 0;
}

/* Reasons are looked up in tables by whoever prints them. */
static bool is_reason(uint8_t outcome, uint8_t reason)
{
    switch (outcome) {
    case OUTCOME_COMPLETE: return reason == 0;
    case OUTCOME_FAILED: return reason < FAILED_COUNT;
    default: return reason < (int)FAILED_COUNT || reason < (int)DROPPED_COUNT;
    }
}

static bool read_end(struct str rest, struct record_end *end)
{
    return take_struct(&rest, end, sizeof(*end)) && rest.len == 0 && end->outcome < OUTCOME_COUNT &&
           is_reason(end->outcome, end->reason) && end->grpc_status < GRPC_STATUS_COUNT && end->is_fresh <= 1;
}

static bool read_section(uint32_t kind, struct str bytes, struct record_view *view)
{
    switch (kind) {
    case SECTION_LABELS: return view->has_labels = read_labels(bytes, &view->labels);
    case SECTION_REQUEST: return read_message(bytes, &view->request);
    case SECTION_REQUEST_BODY: view->request_body = bytes; return true;
    case SECTION_ANSWER: return read_message(bytes, &view->answer);
    case SECTION_ANSWER_BODY: view->answer_body = bytes; return true;
    case SECTION_TRAILERS: return read_message(bytes, &view->trailers);
    case SECTION_END: return view->has_end = read_end(bytes, &view->end);
    default: return false;
    }
}

/* `seen` has a bit for each kind that came before. All but the request's body come in the order of the enum, each once. */
static bool is_in_order(uint32_t kind, uint32_t seen, const struct record_part *part)
{
    const uint32_t anywhere = 1u << SECTION_REQUEST_BODY;
    if (kind == 0 || kind >= SECTION_KIND_COUNT || (seen >> kind & 1) != 0)
        return false;
    if ((kind == SECTION_LABELS || kind == SECTION_REQUEST) && part->number != 0)
        return false;
    if (kind == SECTION_REQUEST_BODY)
        return (seen & 1u << SECTION_END) == 0;
    return (seen & ~anywhere) >> kind == 0 && (kind > SECTION_REQUEST || (seen & anywhere) == 0);
}

bool record_read(struct str bytes, struct record_view *view, struct err *err)
{
    memset(view, 0, sizeof(*view));
    if (!read_part(bytes, &view->part, err))
        return false;
    struct str rest = {bytes.ptr + sizeof(view->part), bytes.len - sizeof(view->part)};
    uint32_t seen = 0;
    while (rest.len > 0) {
        struct record_section section;
        struct str content, padding;
        if (!take_struct(&rest, &section, sizeof(section)) || !take_str(&rest, section.size, &content) ||
            !take_str(&rest, -section.size & 7, &padding))
            return err_set(err, "record: a section is longer than its part");
        if (!is_in_order(section.kind, seen, &view->part))
            return err_set(err, "record: a section of kind %u stands where it can't", section.kind);
        if (!read_section(section.kind, content, view))
            return err_set(err, "record: a section of kind %u is damaged", section.kind);
        seen |= 1u << section.kind;
    }
    if (view->has_labels != (view->part.number == 0) || view->has_end != ((view->part.flags & RECORD_LAST) != 0))
        return err_set(err, "record: part %u has no labels or no end", view->part.number);
    return true;
}

bool record_next_field(const struct record_message *message, size_t *at, struct field *field)
{
    if (*at >= message->fields_size)
        return false;
    struct str rest = {message->fields + *at, message->fields_size - *at};
    if (!take_field(&rest, field))
        return false;
    field->id = field_id_from_name(field->name);
    *at = message->fields_size - rest.len;
    return true;
}
