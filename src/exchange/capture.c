/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/capture.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/slab.h"

#define XXH_INLINE_ALL /* bodies are short: calls would cost as much as hashing */
#include <xxhash.h>

#define DRAFT_MIN 2048u
/* A body begins in a part only when so much of it fits; else in the next. */
#define BODY_ROOM_MIN 64u

#define HASH_OF_NOTHING 0xef46db3751d8e999u /* XXH64 of no bytes, seed 0 */

struct body {
    XXH64_state_t hash; /* from the first byte on */
    uint64_t bytes;     /* of all */
    uint64_t kept;
};

struct capture {
    struct capture_sink *sink;
    struct request_id id;
    uint64_t leg_id;
    uint64_t body_bytes;
    struct strbuf draft; /* the part that is being made; empty when the leg is void */
    size_t part_most;
    size_t charged;
    size_t body_section; /* where the body's section begins that can grow, 0: none */
    uint32_t number;     /* of the part */
    uint32_t kinds;      /* a bit for each section of the part */
    uint32_t turns;
    uint16_t status;
    uint8_t leg;
    uint8_t body_kind; /* of body_section */
    bool is_answered;
    bool is_void;
    uint8_t why; /* it is void: enum record_drop */
    struct body request, answer;
};

void capture_sink_init(struct capture_sink *sink, struct ring_writer *ring, struct registry_totals *totals)
{
    *sink = (struct capture_sink){.ring = ring, .totals = totals};
    sink->captures = slab_new("captures", sizeof(struct capture));
}

void capture_sink_trim(struct capture_sink *sink)
{
    while (sink->spare_count > 0)
        strbuf_deinit(&sink->spares[--sink->spare_count]);
}

void capture_sink_deinit(struct capture_sink *sink)
{
    capture_sink_trim(sink);
    slab_free(sink->captures);
    sink->captures = NULL;
}

/* ---- memory ---- */

static bool charge(struct capture *capture, size_t bytes)
{
    struct capture_sink *sink = capture->sink;
    if (sink->take && !sink->take(sink->budget, bytes))
        return false;
    capture->charged += bytes;
    return true;
}

static void discharge(struct capture *capture, size_t bytes)
{
    if (capture->sink->give && bytes > 0)
        capture->sink->give(capture->sink->budget, bytes);
    capture->charged -= bytes;
}

/* An empty draft, from those that are kept. Its memory is charged with the object's. */
static bool take_draft(struct capture *capture)
{
    struct capture_sink *sink = capture->sink;
    bool is_spare = sink->spare_count > 0;
    size_t capacity = is_spare ? sink->spares[sink->spare_count - 1].capacity : DRAFT_MIN;
    if (!charge(capture, sizeof(*capture) + capacity))
        return false;
    if (is_spare) {
        capture->draft = sink->spares[--sink->spare_count];
        capture->draft.len = 0;
    } else {
        capture->draft = (struct strbuf){.ptr = mem_alloc_raw(capacity), .capacity = capacity};
    }
    return true;
}

/* Its charge stays, for the caller to give back. */
static void give_draft(struct capture *capture)
{
    struct capture_sink *sink = capture->sink;
    if (!capture->draft.ptr)
        return;
    if (capture->draft.capacity <= CAPTURE_SPARE_MAX && sink->spare_count < CAPTURE_SPARES)
        sink->spares[sink->spare_count++] = capture->draft;
    else
        strbuf_deinit(&capture->draft);
    capture->draft = (struct strbuf)STRBUF_INIT;
}

/* Counted once; the memory goes back at once. */
static void make_void(struct capture *capture, enum record_drop why)
{
    if (capture->is_void)
        return;
    capture->is_void = true;
    capture->why = (uint8_t)why;
    counter_add(&capture->sink->totals->records_dropped[why], 1);
    give_draft(capture);
    discharge(capture, capture->charged - sizeof(*capture));
}

static void free_capture(struct capture *capture)
{
    struct capture_sink *sink = capture->sink;
    give_draft(capture);
    discharge(capture, capture->charged);
    slab_give(sink->captures, capture);
}

/* Memory for `more` bytes of the draft. It doubles, so that copying it costs no more than filling it. False: void. */
static bool reserve(struct capture *capture, size_t more)
{
    struct strbuf *draft = &capture->draft;
    size_t needed = draft->len + more + 1; /* the text's NUL */
    if (needed <= draft->capacity)
        return true;
    size_t capacity = draft->capacity;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > capture->part_most + 1)
        capacity = capture->part_most + 1 > needed ? capture->part_most + 1 : needed;
    if (!charge(capture, capacity - draft->capacity)) {
        make_void(capture, RECORD_DROPPED_BUDGET);
        return false;
    }
    draft->ptr = mem_grow(draft->ptr, capacity);
    draft->capacity = capacity;
    return true;
}

/* ---- parts ---- */

static void begin_part(struct capture *capture)
{
    record_begin_part(&capture->draft, capture->leg, capture->id, capture->leg_id, capture->number);
    capture->kinds = 0;
    capture->body_section = 0;
}

/* False: void. */
static bool write_part(struct capture *capture, bool is_last)
{
    record_end_part(&capture->draft, capture->number == 0, is_last);
    struct str part = strbuf_str(&capture->draft);
    if (!ring_write(capture->sink->ring, &part, 1)) {
        make_void(capture, RECORD_DROPPED_RING);
        return false;
    }
    capture->number++;
    return true;
}

static bool next_part(struct capture *capture)
{
    if (!write_part(capture, false))
        return false;
    begin_part(capture);
    return true;
}

static size_t room(const struct capture *capture)
{
    return capture->part_most - capture->draft.len;
}

/* Makes way for a section of a kind with `size` bytes, header and padding among them, or as many as a fresh part has. False: void. */
static bool open_section(struct capture *capture, enum record_section_kind kind, size_t size)
{
    bool is_fresh = capture->kinds == 0;
    if (!is_fresh && (room(capture) < size || (capture->kinds >> kind & 1) != 0) && !next_part(capture))
        return false;
    if (!reserve(capture, size < room(capture) ? size : room(capture)))
        return false;
    capture->kinds |= 1u << kind;
    capture->body_section = 0;
    return true;
}

static void add_head(struct capture *capture, enum record_section_kind kind, const struct record_lines *lines)
{
    if (open_section(capture, kind, record_head_size(lines)))
        record_add_head(&capture->draft, kind, lines, capture->part_most);
}

/* As much of `bytes` as the part has room for; 0: void. */
static size_t add_body(struct capture *capture, enum record_section_kind kind, struct str bytes)
{
    bool is_growing = capture->body_section != 0 && capture->body_kind == kind;
    if (is_growing && room(capture) == 0 && !next_part(capture))
        return 0;
    if (is_growing && capture->body_section != 0) {
        struct str some = str_slice(bytes, 0, room(capture));
        if (!reserve(capture, some.len + 8))
            return 0;
        record_grow_body(&capture->draft, capture->body_section, some);
        return some.len;
    }
    size_t least = bytes.len < BODY_ROOM_MIN ? bytes.len : BODY_ROOM_MIN;
    if (!open_section(capture, kind, record_section_size(least)))
        return 0;
    struct str some = str_slice(bytes, 0, room(capture) - sizeof(struct record_section));
    if (!reserve(capture, record_section_size(some.len)))
        return 0;
    capture->body_section = capture->draft.len;
    capture->body_kind = (uint8_t)kind;
    record_add_body(&capture->draft, kind, some);
    return some.len;
}

/* A body goes on after the other one: that takes a part. */
static bool may_turn(struct capture *capture, enum record_section_kind kind)
{
    if (capture->body_section != 0 && capture->body_kind == kind)
        return true;
    if ((capture->kinds >> kind & 1) == 0)
        return true;
    return capture->turns++ < CAPTURE_TURNS;
}

static void take_body(struct capture *capture, struct body *body, enum record_section_kind kind, struct str data)
{
    if (data.len == 0)
        return;
    if (body->bytes == 0)
        XXH64_reset(&body->hash, 0);
    XXH64_update(&body->hash, data.ptr, data.len);
    bool is_prefix = body->kept == body->bytes; /* once something was left out, nothing more is kept */
    body->bytes += data.len;
    if (!is_prefix || body->kept >= capture->body_bytes)
        return;
    uint64_t most = capture->body_bytes - body->kept;
    struct str rest = data.len <= most ? data : str_slice(data, 0, (size_t)most);
    if (!may_turn(capture, kind))
        return;
    while (rest.len > 0) {
        size_t added = add_body(capture, kind, rest);
        if (added == 0)
            return;
        body->kept += added;
        rest = str_slice(rest, added, rest.len);
    }
}

/* ---- what passes ---- */

static uint64_t hash_of(const struct body *body)
{
    return body->bytes == 0 ? HASH_OF_NOTHING : XXH64_digest(&body->hash);
}

static size_t part_most(const struct ring_writer *ring)
{
    size_t most = ring_most(ring);
    return most < RECORD_PART_MAX ? most : RECORD_PART_MAX;
}

struct capture *capture_begin(struct capture_sink *sink, const struct capture_leg *leg)
{
    if (!sink->ring)
        return NULL;
    struct capture *capture = slab_take(sink->captures);
    memset(capture, 0, offsetof(struct capture, request));
    capture->sink = sink;
    if (!take_draft(capture)) {
        counter_add(&sink->totals->records_dropped[RECORD_DROPPED_BUDGET], 1);
        slab_give(sink->captures, capture);
        return NULL;
    }
    capture->id = leg->id;
    capture->leg_id = leg->leg_id;
    capture->leg = (uint8_t)leg->leg;
    capture->body_bytes = leg->body_bytes;
    capture->part_most = part_most(sink->ring);
    capture->request.bytes = capture->request.kept = 0;
    capture->answer.bytes = capture->answer.kept = 0;
    begin_part(capture);
    const struct record_labels *labels = &leg->labels;
    size_t size = labels->route.len + labels->mirror.len + labels->backend.len + labels->revision.len;
    if (open_section(capture, SECTION_LABELS, record_section_size(sizeof(struct record_label_sizes) + size)))
        record_add_labels(&capture->draft, labels);
    return capture;
}

void capture_request(struct capture *capture, const struct head *head)
{
    if (!capture || capture->is_void)
        return;
    ASSERT(capture->number == 0 && capture->kinds == 1u << SECTION_LABELS);
    struct record_lines lines = {head->method, head->authority, head->target, 0, head->field_count, head->fields};
    size_t size = record_head_size(&lines);
    if (!reserve(capture, size < room(capture) ? size : room(capture)))
        return;
    record_add_head(&capture->draft, SECTION_REQUEST, &lines, capture->part_most);
    capture->kinds |= 1u << SECTION_REQUEST;
}

void capture_request_data(struct capture *capture, struct str data)
{
    if (capture && !capture->is_void)
        take_body(capture, &capture->request, SECTION_REQUEST_BODY, data);
}

void capture_answer(struct capture *capture, const struct head *head)
{
    if (!capture || capture->is_void)
        return;
    if (capture->is_answered) {
        make_void(capture, RECORD_DROPPED_RETRY);
        return;
    }
    capture->is_answered = true;
    capture->status = head->status;
    struct record_lines lines = {.status = head->status, .count = head->field_count, .fields = head->fields};
    add_head(capture, SECTION_ANSWER, &lines);
}

void capture_answer_data(struct capture *capture, struct str data)
{
    if (capture && !capture->is_void)
        take_body(capture, &capture->answer, SECTION_ANSWER_BODY, data);
}

void capture_trailers(struct capture *capture, const struct field *trailers, uint16_t count)
{
    if (!capture || capture->is_void || count == 0)
        return;
    struct record_lines lines = {.count = count, .fields = trailers};
    add_head(capture, SECTION_TRAILERS, &lines);
}

void capture_lose(struct capture *capture, enum record_drop why)
{
    if (capture)
        make_void(capture, why);
}

enum record_drop capture_end(struct capture *capture, const struct record_end *end)
{
    if (!capture)
        return RECORD_DROP_COUNT;
    struct record_end whole = *end;
    whole.request_bytes = capture->request.bytes;
    whole.request_hash = hash_of(&capture->request);
    whole.answer_bytes = capture->answer.bytes;
    whole.answer_hash = hash_of(&capture->answer);
    if (whole.status == 0)
        whole.status = capture->status;
    if (!capture->is_void && open_section(capture, SECTION_END, record_section_size(sizeof(whole)))) {
        record_add_end(&capture->draft, &whole);
        if (write_part(capture, true))
            counter_add(&capture->sink->totals->records, 1);
    }
    enum record_drop why = capture->is_void ? (enum record_drop)capture->why : RECORD_DROP_COUNT;
    free_capture(capture);
    return why;
}

void capture_drop(struct capture *capture)
{
    if (!capture)
        return;
    make_void(capture, RECORD_DROPPED_BUDGET);
    free_capture(capture);
}
