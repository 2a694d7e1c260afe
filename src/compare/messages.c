/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"
#include "compare/json_walk.h"
#include "compare/wire.h"

#include <stdio.h>
#include <stdlib.h>

/* A frame: is it compressed, and four bytes of length (gRPC over HTTP/2, Length-Prefixed-Message). */
#define FRAME_HEAD 5
#define HEX_BYTES 64

struct frame {
    bool is_coded;
    struct str bytes;
};

static bool next_frame(struct str *rest, struct frame *frame)
{
    if (rest->len < FRAME_HEAD || (uint8_t)rest->ptr[0] > 1)
        return false;
    const uint8_t *byte = (const uint8_t *)rest->ptr;
    size_t size = (size_t)byte[1] << 24 | (size_t)byte[2] << 16 | (size_t)byte[3] << 8 | byte[4];
    if (size > rest->len - FRAME_HEAD)
        return false;
    frame->is_coded = byte[0] == 1;
    frame->bytes = str_slice(*rest, FRAME_HEAD, FRAME_HEAD + size);
    *rest = str_slice(*rest, FRAME_HEAD + size, rest->len);
    return true;
}

static bool count_frames(struct str body, size_t *count)
{
    struct frame frame;
    *count = 0;
    while (next_frame(&body, &frame))
        (*count)++;
    return body.len == 0;
}

static void report_counts(struct walk *walk, const struct spot *spot, size_t live, size_t other)
{
    char a[24], b[24];
    int len_a = snprintf(a, sizeof(a), "%zu", live), len_b = snprintf(b, sizeof(b), "%zu", other);
    walk_report_text(walk, spot, DIFFERENCE_LENGTH, (struct str){a, (size_t)len_a}, (struct str){b, (size_t)len_b});
}

static void show_bytes(struct strbuf *out, struct str bytes)
{
    if (wire_is_text(bytes)) {
        strbuf_add_json(out, str_slice(bytes, 0, COMPARE_SHOWN));
        return;
    }
    for (size_t i = 0; i < bytes.len && i < HEX_BYTES; i++)
        strbuf_printf(out, "%02x", (uint8_t)bytes.ptr[i]);
}

static void show_field(struct strbuf *out, const struct wire_field *field)
{
    double number;
    float single;
    uint32_t half = (uint32_t)field->value;
    switch (field->type) {
    case WIRE_VARINT: strbuf_printf(out, "%llu", (unsigned long long)field->value); break;
    case WIRE_FIXED64:
        memcpy(&number, &field->value, sizeof(number));
        strbuf_printf(out, "0x%016llx (%g)", (unsigned long long)field->value, number);
        break;
    case WIRE_FIXED32:
        memcpy(&single, &half, sizeof(single));
        strbuf_printf(out, "0x%08x (%g)", half, (double)single);
        break;
    case WIRE_BYTES:
    case WIRE_GROUP: show_bytes(out, field->bytes); break;
    }
}

static void report_fields(struct walk *walk, const struct spot *spot, enum difference_kind kind,
                          const struct wire_field *live, const struct wire_field *other)
{
    struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;
    if (live)
        show_field(&a, live);
    if (other)
        show_field(&b, other);
    walk_report_text(walk, spot, kind, strbuf_str(&a), strbuf_str(&b));
    strbuf_deinit(&a);
    strbuf_deinit(&b);
}

struct wire_fields {
    struct wire_field *list;
    size_t count;
};

static int by_number(const void *a, const void *b)
{
    const struct wire_field *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->bytes.ptr > y->bytes.ptr) - (x->bytes.ptr < y->bytes.ptr);
}

/* Of one number in the order in which they came; the order of numbers means nothing. */
static struct wire_fields list_fields(struct walk *walk, struct str message, size_t count)
{
    struct wire_fields fields = {scratch_take(&walk->comparer->scratch, count * sizeof(struct wire_field)), 0};
    bool is_sorted = true;
    while (fields.count < count && wire_next(&message, &fields.list[fields.count])) {
        is_sorted = is_sorted &&
                    (fields.count == 0 || fields.list[fields.count - 1].number <= fields.list[fields.count].number);
        fields.count++;
    }
    if (!is_sorted)
        qsort(fields.list, fields.count, sizeof(struct wire_field), by_number);
    return fields;
}

static bool fields_equal(const struct wire_field *a, const struct wire_field *b)
{
    if (a->type != b->type)
        return false;
    return a->type == WIRE_BYTES || a->type == WIRE_GROUP ? str_eq(a->bytes, b->bytes) : a->value == b->value;
}

static void compare_message(struct walk *walk, struct str live, struct str other, const struct spot *spot);

/* Both are messages, as far as one can see. Counts their fields against the limit. */
static bool are_messages(struct walk *walk, struct str live, struct str other, unsigned depth)
{
    size_t live_count, other_count;
    if (wire_is_text(live) && wire_is_text(other))
        return false;
    if (!wire_count(live, &live_count) || !wire_count(other, &other_count))
        return false;
    struct compare_counts *counts = &walk->comparer->counts;
    if (depth + 1 >= walk->comparer->limits.depth) {
        counts->too_deep++;
        return false;
    }
    if (live_count + other_count > walk->values_left) {
        counts->too_many_values++;
        return false;
    }
    walk->values_left -= live_count + other_count;
    return true;
}

static void compare_field(struct walk *walk, const struct wire_field *live, const struct wire_field *other,
                          const struct spot *spot)
{
    if (fields_equal(live, other))
        return;
    if (live->type != other->type)
        report_fields(walk, spot, DIFFERENCE_TYPE, live, other);
    else if (live->type == WIRE_BYTES && are_messages(walk, live->bytes, other->bytes, spot->depth))
        compare_message(walk, live->bytes, other->bytes, spot);
    else
        report_fields(walk, spot, DIFFERENCE_VALUE, live, other);
}

/* All fields of one number. */
static void compare_number(struct walk *walk, struct wire_fields live, struct wire_fields other,
                           const struct spot *from)
{
    char name[12];
    struct spot spot;
    uint32_t number = live.count ? live.list->number : other.list->number;
    int len = snprintf(name, sizeof(name), "%u", number);
    spot.place.step = (struct path_step){.name = {name, (size_t)len}};
    if (!walk_enter(walk, from, &spot))
        return;
    if (live.count == 0 || other.count == 0) {
        report_fields(walk, &spot, live.count ? DIFFERENCE_MISSING : DIFFERENCE_EXTRA, live.count ? live.list : NULL,
                      other.count ? other.list : NULL);
        return;
    }
    if (live.count != other.count)
        report_counts(walk, &spot, live.count, other.count);
    while (live.count && other.count && fields_equal(live.list, other.list)) {
        live.list++, live.count--;
        other.list++, other.count--;
    }
    while (live.count && other.count && fields_equal(&live.list[live.count - 1], &other.list[other.count - 1]))
        live.count--, other.count--;
    for (size_t i = 0; i < live.count && i < other.count; i++)
        compare_field(walk, &live.list[i], &other.list[i], &spot);
}

static struct wire_fields take_number(struct wire_fields *fields, uint32_t number)
{
    struct wire_fields taken = {fields->list, 0};
    while (taken.count < fields->count && fields->list[taken.count].number == number)
        taken.count++;
    fields->list += taken.count;
    fields->count -= taken.count;
    return taken;
}

/* are_messages() said that they are. */
static void compare_message(struct walk *walk, struct str live, struct str other, const struct spot *spot)
{
    size_t live_count, other_count;
    if (!wire_count(live, &live_count) || !wire_count(other, &other_count))
        return;
    struct scratch_mark mark = scratch_mark(&walk->comparer->scratch);
    struct wire_fields a = list_fields(walk, live, live_count), b = list_fields(walk, other, other_count);
    while (a.count || b.count) {
        uint32_t number = a.count && (!b.count || a.list->number < b.list->number) ? a.list->number : b.list->number;
        struct wire_fields of_live = take_number(&a, number), of_other = take_number(&b, number);
        compare_number(walk, of_live, of_other, spot);
    }
    scratch_reset(&walk->comparer->scratch, mark);
}

/* A frame's message; what all of a body become together is bounded. False: it can't be had. */
static bool decode_frame(struct comparer *comparer, enum side side, struct str coding, const struct frame *frame,
                         size_t *left, struct str *message)
{
    *message = frame->bytes;
    if (!frame->is_coded)
        return true;
    if (!decode_is_coded(coding)) {
        comparer->counts.undecodable++; /* nobody said how */
        return false;
    }
    struct decode_limits limits = {*left, comparer->limits.decoded_ratio};
    enum decode_result result = decode_body(&comparer->message_decoders[side], limits, coding, frame->bytes, message);
    comparer->counts.decoded_too_large += result == DECODE_TOO_LARGE;
    comparer->counts.undecodable += result == DECODE_BROKEN || result == DECODE_UNKNOWN;
    if (result != DECODE_OK)
        return false;
    *left -= message->len < *left ? message->len : *left;
    return true;
}

static void compare_frame(struct walk *walk, struct str live, struct str other, size_t index, const struct spot *root)
{
    struct spot spot;
    if (str_eq(live, other) || !walk_to_element(walk, root, index, &spot))
        return;
    if (are_messages(walk, live, other, 1)) {
        compare_message(walk, live, other, &spot);
        return;
    }
    struct wire_field a = {.type = WIRE_BYTES, .bytes = live}, b = {.type = WIRE_BYTES, .bytes = other};
    report_fields(walk, &spot, DIFFERENCE_VALUE, &a, &b);
}

static struct str coding_of(const struct answer *answer)
{
    const struct field *field = answer_find_field(answer->fields, answer->field_count, STR("grpc-encoding"));
    return field ? field->value : STR_NONE;
}

enum body_verdict compare_messages(struct comparer *comparer, const struct compare_rules *rules,
                                   const struct answer *live, const struct answer *other, struct str live_body,
                                   struct str other_body)
{
    size_t live_count, other_count, live_left = comparer->limits.decoded_bytes, other_left = live_left, index = 0;
    if (!count_frames(live_body, &live_count) || !count_frames(other_body, &other_count)) {
        comparer->counts.invalid++;
        return BODY_NOT_COMPARED;
    }
    struct walk walk;
    struct spot root;
    size_t before = comparer->report.count + comparer->report.unnamed;
    bool is_blind = false;
    if (!walk_begin(&walk, comparer, rules, STR("body"), &root))
        return BODY_SAME;
    if (live_count != other_count)
        report_counts(&walk, &root, live_count, other_count);
    struct frame a, b;
    for (; next_frame(&live_body, &a) && next_frame(&other_body, &b); index++) {
        struct str live_message, other_message;
        if (a.is_coded == b.is_coded && str_eq(a.bytes, b.bytes))
            continue;
        if (decode_frame(comparer, SIDE_LIVE, coding_of(live), &a, &live_left, &live_message) &&
            decode_frame(comparer, SIDE_OTHER, coding_of(other), &b, &other_left, &other_message))
            compare_frame(&walk, live_message, other_message, index, &root);
        else
            is_blind = true;
    }
    if (comparer->report.count + comparer->report.unnamed > before)
        return BODY_DIFFERENT;
    return is_blind ? BODY_BLIND : BODY_SAME;
}
