/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include "base/assert.h"

#define RING_MAGIC 0x676e695272626d55ull /* "UmbrRing" read as bytes */
#define FRAME_ALIGN 16u
#define FRAME_PAD UINT32_MAX /* as size: nothing up to the end of the memory */

/* Writer's line and constants apart. Only `head` changes. */
struct ring_header {
    uint64_t magic;
    uint64_t capacity;
    _Alignas(64) _Atomic uint64_t head; /* bytes written since the ring was made */
};
_Static_assert(sizeof(struct ring_header) <= RING_PAGE, "one page");

struct frame {
    uint32_t size; /* of the record, or FRAME_PAD */
    uint32_t reserved;
    uint64_t sequence;
};
_Static_assert(sizeof(struct frame) == FRAME_ALIGN, "a frame always fits before the end of the memory");

const char *ring_loss_name(enum ring_loss loss)
{
#define X(name, label) [RING_LOST_##name] = label,
    static const char *const names[] = {RING_LOSSES(X)};
#undef X
    return names[loss];
}

size_t ring_data_size(size_t capacity)
{
    return RING_PAGE + capacity;
}

static bool is_capacity(size_t capacity)
{
    return capacity >= RING_MIN && capacity <= RING_MAX && (capacity & (capacity - 1)) == 0;
}

void ring_format(void *data, size_t capacity)
{
    ASSERT(is_capacity(capacity));
    struct ring_header *header = data;
    header->capacity = capacity;
    header->magic = RING_MAGIC;
}

static uint64_t frame_length(uint32_t size)
{
    return (sizeof(struct frame) + (uint64_t)size + FRAME_ALIGN - 1) & ~(uint64_t)(FRAME_ALIGN - 1);
}

static size_t most(size_t capacity)
{
    return capacity / 4 - sizeof(struct frame);
}

/* The header of a ring whose size fits, or NULL. */
static const struct ring_header *header_of(const void *data, size_t data_size, struct err *err)
{
    const struct ring_header *header = data;
    if (data_size < RING_PAGE || !is_capacity(data_size - RING_PAGE)) {
        err_set(err, "ring: %zu bytes are no size of a ring", data_size);
        return NULL;
    }
    if (header->magic != RING_MAGIC || header->capacity != data_size - RING_PAGE) {
        err_set(err, "ring: the memory holds no ring of %zu bytes", data_size - RING_PAGE);
        return NULL;
    }
    return header;
}

/* ---- writer ---- */

/* Room is short: looks how far the reader is. One that can't be leaves the tail as it was, which may be too far back and no more. */
static void look_at_tail(struct ring_writer *writer)
{
    uint64_t tail = atomic_load_explicit(&writer->reader->tail, memory_order_acquire);
    if (writer->head - tail <= writer->capacity)
        writer->tail = tail;
    else
        writer->tail = writer->head - writer->capacity; /* no room */
}

bool ring_writer_open(struct ring_writer *writer, void *data, size_t data_size, const struct ring_reader_page *reader,
                      struct err *err)
{
    if (!header_of(data, data_size, err))
        return false;
    struct ring_header *header = data;
    *writer = (struct ring_writer){
        .header = header, .bytes = (char *)data + RING_PAGE, .capacity = data_size - RING_PAGE, .reader = reader};
    uint64_t head = atomic_load_explicit(&header->head, memory_order_relaxed);
    writer->head = (head + FRAME_ALIGN - 1) & ~(uint64_t)(FRAME_ALIGN - 1); /* a subverted writer may have left any */
    atomic_store_explicit(&header->head, writer->head, memory_order_release);
    look_at_tail(writer);
    return true;
}

size_t ring_most(const struct ring_writer *writer)
{
    return most(writer->capacity);
}

static bool has_room(const struct ring_writer *writer, uint64_t length)
{
    return length <= writer->capacity - (writer->head - writer->tail);
}

static struct frame *put_frame(struct ring_writer *writer, uint64_t place, uint32_t size)
{
    struct frame *frame = (struct frame *)(writer->bytes + (place & (writer->capacity - 1)));
    *frame = (struct frame){.size = size, .sequence = place};
    return frame;
}

bool ring_write(struct ring_writer *writer, const struct str *parts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > most(writer->capacity) - size)
            return false;
        size += parts[i].len;
    }

    uint64_t length = frame_length((uint32_t)size), pad = 0;
    uint64_t rest = writer->capacity - (writer->head & (writer->capacity - 1));
    if (length > rest)
        pad = rest;
    if (!has_room(writer, pad + length))
        look_at_tail(writer);
    if (!has_room(writer, pad + length))
        return false;

    if (pad > 0)
        put_frame(writer, writer->head, FRAME_PAD);
    char *to = (char *)(put_frame(writer, writer->head + pad, (uint32_t)size) + 1);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(to, parts[i].ptr, parts[i].len);
        to += parts[i].len;
    }
    writer->head += pad + length;
    atomic_store_explicit(&writer->header->head, writer->head, memory_order_release);
    return true;
}

bool ring_is_short(struct ring_writer *writer)
{
    if (!has_room(writer, writer->capacity / 8))
        look_at_tail(writer);
    return !has_room(writer, writer->capacity / 8);
}

/* The writer stores the head and then loads the wish, the reader stores the wish and then loads the head; since all four are
 * sequentially consistent, one of them sees the other's. (A fence would do as well, but ThreadSanitizer does not know it.) */
bool ring_wants_wake(struct ring_writer *writer)
{
    if (writer->told == writer->head)
        return false;
    writer->told = writer->head;
    atomic_store(&writer->header->head, writer->head);
    uint32_t wish = atomic_load(&writer->reader->is_sleeping);
    if (wish == 0 || wish == writer->woken)
        return false;
    writer->woken = wish;
    return true;
}

/* ---- reader ---- */

/* In the order in which they are written: the process may end between any two of them. */
static void store(_Atomic uint64_t *where, uint64_t value)
{
    atomic_store_explicit(where, value, memory_order_release);
}

static uint64_t load(const _Atomic uint64_t *where)
{
    return atomic_load_explicit(where, memory_order_relaxed);
}

static void move_tail(struct ring_reader *reader, uint64_t tail)
{
    reader->tail = reader->next_tail = tail;
    store(&reader->page->tail, tail);
}

/* What lies at the tail can't be followed. The head may be no place of a record either; then it is this again once the head moves. */
static enum ring_result begin_again(struct ring_reader *reader, uint64_t head)
{
    ring_lose(reader, RING_LOST_DAMAGED, 1);
    move_tail(reader, head);
    return RING_BROKEN;
}

/* The frame at the tail; pads are passed over. Everything is read once. RING_RECORD: the record lies within the ring and before the
 * head. */
static enum ring_result look(struct ring_reader *reader, struct str *record)
{
    uint64_t head = atomic_load_explicit(&reader->header->head, memory_order_acquire);
    for (;;) {
        uint64_t used = head - reader->tail, at = reader->tail & (reader->capacity - 1), rest = reader->capacity - at;
        if (used == 0)
            return RING_EMPTY;
        if (used > reader->capacity || used % FRAME_ALIGN != 0 || at % FRAME_ALIGN != 0)
            return begin_again(reader, head);
        const struct frame *frame = (const struct frame *)(reader->bytes + at);
        uint32_t size = __atomic_load_n(&frame->size, __ATOMIC_RELAXED);
        if (__atomic_load_n(&frame->sequence, __ATOMIC_RELAXED) != reader->tail)
            return begin_again(reader, head);
        if (size == FRAME_PAD) {
            if (at == 0 || rest > used)
                return begin_again(reader, head);
            move_tail(reader, reader->tail + rest); /* to place 0, where no pad is let pass: this ends */
            continue;
        }
        uint64_t length = frame_length(size);
        if (size > most(reader->capacity) || length > used || length > rest)
            return begin_again(reader, head);
        *record = (struct str){(const char *)(frame + 1), size};
        reader->next_tail = reader->tail + length;
        return RING_RECORD;
    }
}

/* The reader before died while it handled this record. The steps may be done again when this one dies among them. */
static void skip(struct ring_reader *reader, uint64_t handling)
{
    struct ring_reader_page *page = reader->page;
    struct str record;
    store(&page->skipped, handling);
    store(&page->lost[RING_LOST_POISON], load(&page->poison_before) + 1);
    store(&page->handled, load(&page->handled_before));
    if (reader->tail == handling - 1 && look(reader, &record) == RING_RECORD)
        move_tail(reader, reader->next_tail);
}

/* Ends what the reader before had begun. */
static void recover(struct ring_reader *reader)
{
    struct ring_reader_page *page = reader->page;
    uint64_t handling = load(&page->handling);
    if (handling != 0) {
        if (reader->tail == handling - 1 || load(&page->skipped) == handling)
            skip(reader, handling);
        else
            store(&page->handled, load(&page->handled_before) + 1); /* it died in ring_done */
        store(&page->handling, 0);
    }
    uint64_t handled = load(&page->handled), saved = load(&page->saved);
    store(&page->lost[RING_LOST_ANALYST], handled > saved ? handled - saved : 0);
}

bool ring_reader_open(struct ring_reader *reader, const void *data, size_t data_size, struct ring_reader_page *page,
                      struct err *err)
{
    const struct ring_header *header = header_of(data, data_size, err);
    if (!header)
        return false;
    *reader = (struct ring_reader){
        .header = header, .bytes = (const char *)data + RING_PAGE, .capacity = data_size - RING_PAGE, .page = page};
    reader->tail = reader->next_tail = load(&page->tail);
    recover(reader);
    atomic_store(&page->is_sleeping, 0);
    return true;
}

enum ring_result ring_next(struct ring_reader *reader, struct str *record)
{
    struct ring_reader_page *page = reader->page;
    if (atomic_load_explicit(&page->is_sleeping, memory_order_relaxed))
        atomic_store_explicit(&page->is_sleeping, 0, memory_order_relaxed);
    reader->next_tail = reader->tail;
    enum ring_result result = look(reader, record);
    if (result != RING_RECORD)
        return result;
    store(&page->handled_before, load(&page->handled));
    store(&page->poison_before, load(&page->lost[RING_LOST_POISON]));
    store(&page->handling, reader->tail + 1);
    return RING_RECORD;
}

void ring_done(struct ring_reader *reader)
{
    struct ring_reader_page *page = reader->page;
    ASSERT(reader->next_tail != reader->tail);
    move_tail(reader, reader->next_tail); /* from here on it is handled */
    store(&page->handled, load(&page->handled_before) + 1);
    store(&page->handling, 0);
}

void ring_saved(struct ring_reader *reader)
{
    struct ring_reader_page *page = reader->page;
    store(&page->saved, load(&page->handled) - load(&page->lost[RING_LOST_ANALYST]));
}

void ring_lose(struct ring_reader *reader, enum ring_loss why, uint64_t count)
{
    _Atomic uint64_t *lost = &reader->page->lost[why];
    store(lost, load(lost) + count);
}

bool ring_sleep(struct ring_reader *reader)
{
    struct ring_reader_page *page = reader->page;
    uint32_t wish = atomic_load_explicit(&page->sleeps, memory_order_relaxed) + 1;
    wish += wish == 0;
    atomic_store_explicit(&page->sleeps, wish, memory_order_relaxed);
    atomic_store(&page->is_sleeping, wish);
    if (atomic_load(&reader->header->head) == reader->tail)
        return true;
    atomic_store(&page->is_sleeping, 0);
    return false;
}
