/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/record.h"

#include "base/assert.h"
#include "exchange/record_checksum.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "records are little-endian, and structs are copied as they are");
_Static_assert(sizeof(struct record_part) == 48 && sizeof(struct record_section) == 8 &&
                   sizeof(struct record_label_sizes) == 8 && sizeof(struct record_head) == 16 &&
                   sizeof(struct record_field) == 8 && sizeof(struct record_end) == 80,
               "without gaps");

static char *put(char *to, const void *bytes, size_t len)
{
    if (len == 0)
        return to;
    return mempcpy(to, bytes, len);
}

static char *put_str(char *to, struct str s)
{
    return put(to, s.ptr, s.len);
}

/* Room for a section of `size` bytes, with its header and zeroed padding. */
static char *add_section(struct strbuf *out, enum record_section_kind kind, size_t size)
{
    struct record_section section = {.kind = kind, .size = (uint32_t)size};
    size_t whole = record_section_size(size);
    char *at = strbuf_extend(out, whole);
    memset(at + whole - 8, 0, 8);
    return put(at, &section, sizeof(section));
}

void record_begin_part(struct strbuf *out, enum record_leg leg, struct request_id id, uint64_t leg_id, uint32_t number)
{
    struct record_part part = {
        .magic = RECORD_MAGIC,
        .version = RECORD_VERSION,
        .leg = (uint8_t)leg,
        .number = number,
        .id_hi = id.hi,
        .id_lo = id.lo,
        .leg_id = leg_id,
    };
    out->len = 0;
    put(strbuf_extend(out, sizeof(part)), &part, sizeof(part));
}

static struct str label(struct str text)
{
    return str_slice(text, 0, RECORD_LABEL_MAX);
}

void record_add_labels(struct strbuf *out, const struct record_labels *labels)
{
    struct str route = label(labels->route), mirror = label(labels->mirror), backend = label(labels->backend),
               revision = label(labels->revision);
    struct record_label_sizes sizes = {(uint16_t)route.len, (uint16_t)mirror.len, (uint16_t)backend.len,
                                       (uint16_t)revision.len};
    char *to = add_section(out, SECTION_LABELS, sizeof(sizes) + route.len + mirror.len + backend.len + revision.len);
    to = put(to, &sizes, sizeof(sizes));
    to = put_str(to, route);
    to = put_str(to, mirror);
    to = put_str(to, backend);
    put_str(to, revision);
}

static size_t field_size(const struct field *field)
{
    return sizeof(struct record_field) + field->name.len + field->value.len;
}

static size_t head_bytes(const struct record_lines *lines)
{
    size_t size = sizeof(struct record_head) + lines->method.len + lines->authority.len + lines->target.len;
    for (uint16_t i = 0; i < lines->count; i++)
        size += field_size(&lines->fields[i]);
    return size;
}

size_t record_head_size(const struct record_lines *lines)
{
    return record_section_size(head_bytes(lines));
}

/* As much of the text as there is room for. */
static struct str cut_text(struct str text, size_t *room)
{
    text = str_slice(text, 0, *room);
    *room -= text.len;
    return text;
}

/* Leaves out what does not fit into `room` bytes. True: something was. */
static bool cut(struct record_lines *lines, size_t room)
{
    if (head_bytes(lines) <= room && lines->count <= RECORD_MAX_FIELDS && lines->method.len <= UINT16_MAX)
        return false;
    room = room > sizeof(struct record_head) ? room - sizeof(struct record_head) : 0;
    lines->method = cut_text(str_slice(lines->method, 0, UINT16_MAX), &room);
    lines->authority = cut_text(lines->authority, &room);
    lines->target = cut_text(lines->target, &room);
    uint16_t count = lines->count < RECORD_MAX_FIELDS ? lines->count : RECORD_MAX_FIELDS;
    lines->count = 0;
    while (lines->count < count && field_size(&lines->fields[lines->count]) <= room)
        room -= field_size(&lines->fields[lines->count++]);
    return true;
}

/* Names come from a codec, which takes no head over HEAD_MAX_BYTES. */
static char *put_field(char *to, const struct field *field)
{
    ASSERT(field->name.len <= UINT16_MAX);
    struct record_field sizes = {.name_size = (uint16_t)field->name.len, .value_size = (uint32_t)field->value.len};
    return put_str(put_str(put(to, &sizes, sizeof(sizes)), field->name), field->value);
}

void record_add_head(struct strbuf *out, enum record_section_kind kind, const struct record_lines *lines, size_t most)
{
    size_t taken = out->len + record_section_size(sizeof(struct record_head));
    ASSERT(taken <= most);
    struct record_lines fitting = *lines;
    bool is_cut = cut(&fitting, ((most - taken) & ~(size_t)7) + sizeof(struct record_head));
    struct record_head head = {
        .status = fitting.status,
        .field_count = fitting.count,
        .method_size = (uint16_t)fitting.method.len,
        .is_cut = is_cut,
        .authority_size = (uint32_t)fitting.authority.len,
        .target_size = (uint32_t)fitting.target.len,
    };
    char *to = add_section(out, kind, head_bytes(&fitting));
    to = put(to, &head, sizeof(head));
    to = put_str(put_str(put_str(to, fitting.method), fitting.authority), fitting.target);
    for (uint16_t i = 0; i < fitting.count; i++)
        to = put_field(to, &fitting.fields[i]);
}

/* Room for SECTION_END stays. */
#define HEAD_MOST (RECORD_PART_MAX - sizeof(struct record_section) - sizeof(struct record_end))

void record_add_request(struct strbuf *out, struct str method, struct str authority, struct str target,
                        const struct field *fields, uint16_t count)
{
    struct record_lines lines = {method, authority, target, 0, count, fields};
    record_add_head(out, SECTION_REQUEST, &lines, HEAD_MOST);
}

void record_add_answer(struct strbuf *out, uint16_t status, const struct field *fields, uint16_t count)
{
    struct record_lines lines = {.status = status, .count = count, .fields = fields};
    record_add_head(out, SECTION_ANSWER, &lines, HEAD_MOST);
}

void record_add_trailers(struct strbuf *out, const struct field *fields, uint16_t count)
{
    struct record_lines lines = {.count = count, .fields = fields};
    record_add_head(out, SECTION_TRAILERS, &lines, HEAD_MOST);
}

void record_add_body(struct strbuf *out, enum record_section_kind kind, struct str bytes)
{
    put_str(add_section(out, kind, bytes.len), bytes);
}

void record_grow_body(struct strbuf *out, size_t section, struct str bytes)
{
    struct record_section head;
    memcpy(&head, out->ptr + section, sizeof(head));
    size_t whole = record_section_size(head.size), grown = record_section_size(head.size + bytes.len);
    ASSERT(section + whole == out->len);
    if (grown > whole)
        memset(strbuf_extend(out, grown - whole) + (grown - whole) - 8, 0, 8);
    put_str(out->ptr + section + sizeof(head) + head.size, bytes);
    head.size += (uint32_t)bytes.len;
    put(out->ptr + section, &head, sizeof(head));
}

void record_add_end(struct strbuf *out, const struct record_end *end)
{
    struct record_end written = *end;
    if (written.outcome == OUTCOME_COMPLETE)
        written.reason = 0;
    put(add_section(out, SECTION_END, sizeof(written)), &written, sizeof(written));
}

void record_end_part(struct strbuf *out, bool is_first, bool is_last)
{
    const size_t behind_checksum = offsetof(struct record_part, checksum) + sizeof(uint64_t);
    struct record_part part;
    ASSERT(out->len >= sizeof(part) && out->len % 8 == 0);
    memcpy(&part, out->ptr, sizeof(part));
    part.size = (uint32_t)out->len;
    part.flags = (uint8_t)((is_first ? RECORD_FIRST : 0) | (is_last ? RECORD_LAST : 0));
    memcpy(out->ptr, &part, sizeof(part));
    uint64_t checksum = record_checksum(str_slice(strbuf_str(out), behind_checksum, out->len));
    memcpy(out->ptr + offsetof(struct record_part, checksum), &checksum, sizeof(checksum));
}
