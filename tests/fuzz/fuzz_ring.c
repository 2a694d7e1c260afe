/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of a ring whose writer is subverted, on a page that a subverted reader left. The input is a page and steps: each puts a
 * frame (or just bytes) where the last one ended and moves the head; then the reader reads. No record lies outside of the ring, and
 * while nothing changes the reader comes to an end. Afterwards a good writer opens the ring, and is held to its memory too. */
#include "base/assert.h"
#include "base/mem.h"
#include "base/ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_OFFSET 64 /* as ring.c has it */
#define STEPS_MAX 64

struct start {
    uint64_t head, tail, handling, handled, saved, skipped;
};
struct step {
    uint32_t size;
    uint32_t length;  /* how far the next frame is, when not as far as the size says */
    int16_t sequence; /* beside the right one */
    int16_t head;     /* beside the end of the frame */
    uint8_t reads, flags;
    uint16_t reserved;
};
enum { STEP_HAS_LENGTH = 1, STEP_IS_NO_FRAME = 2, STEP_REOPENS = 4, STEP_LEAVES_HEAD = 8, STEP_SLEEPS = 16 };

struct frame {
    uint32_t size, reserved;
    uint64_t sequence;
};

static volatile unsigned sink;

static void touch(struct str bytes)
{
    unsigned sum = 0;
    for (size_t i = 0; i < bytes.len; i++)
        sum += (unsigned char)bytes.ptr[i];
    sink = sum;
}

static void set_head(char *ring, uint64_t head)
{
    memcpy(ring + HEAD_OFFSET, &head, sizeof(head));
}

static uint64_t put(char *ring, uint64_t at, const struct step *step)
{
    struct frame frame = {.size = step->size, .sequence = at + (uint64_t)(int64_t)step->sequence};
    uint64_t length = (step->flags & STEP_HAS_LENGTH) ? step->length
                                                      : (sizeof(frame) + (uint64_t)step->size + 15) & ~15ull;
    uint64_t offset = at & (RING_MIN - 1);
    if (step->size == UINT32_MAX && !(step->flags & STEP_HAS_LENGTH))
        length = RING_MIN - offset;
    if (!(step->flags & STEP_IS_NO_FRAME) && offset <= RING_MIN - sizeof(frame))
        memcpy(ring + RING_PAGE + offset, &frame, sizeof(frame));
    at += length;
    if (!(step->flags & STEP_LEAVES_HEAD))
        set_head(ring, at + (uint64_t)(int64_t)step->head);
    return at;
}

static void check(const char *ring, struct str record)
{
    ASSERT(record.ptr >= ring + RING_PAGE + sizeof(struct frame));
    ASSERT((size_t)(record.ptr - ring) + record.len <= RING_PAGE + RING_MIN);
    touch(record);
}

static void read_some(struct ring_reader *reader, const char *ring, unsigned count)
{
    struct str record;
    enum ring_result result;
    while (count-- > 0 && (result = ring_next(reader, &record)) != RING_EMPTY) {
        if (result != RING_RECORD)
            continue;
        check(ring, record);
        if (count > 0)
            ring_done(reader);
    }
}

static void read_all(struct ring_reader *reader, const char *ring)
{
    struct str record;
    enum ring_result result;
    unsigned broken = 0, records = 0;
    while ((result = ring_next(reader, &record)) != RING_EMPTY) {
        if (result == RING_RECORD) {
            check(ring, record);
            ring_done(reader);
        }
        ASSERT((broken += result == RING_BROKEN) <= 1 && ++records <= RING_MIN / sizeof(struct frame) + 1);
    }
    ring_saved(reader);
}

/* A writer that comes after writes within the ring, whatever head and tail are. */
static void write_some(char *ring, struct ring_reader_page *page)
{
    static const char bytes[RING_MIN / 4];
    struct ring_writer writer;
    struct ring_reader reader;
    struct str record;
    ASSERT(ring_writer_open(&writer, ring, ring_data_size(RING_MIN), page, NULL));
    for (size_t i = 0; i < 12; i++) {
        struct str part = {bytes, ring_most(&writer) >> (i % 4)};
        sink = ring_write(&writer, &part, 1) + ring_wants_wake(&writer);
    }
    ASSERT(ring_reader_open(&reader, ring, ring_data_size(RING_MIN), page, NULL));
    read_all(&reader, ring);
    ASSERT(ring_write(&writer, &(struct str){"x", 1}, 1) && ring_wants_wake(&writer) == false);
    enum ring_result result = ring_next(&reader, &record);
    ASSERT(result == RING_RECORD && record.len == 1);
    ring_done(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct start start;
    struct step step;
    struct ring_reader reader;
    struct ring_reader_page page = {0};
    if (size < sizeof(start))
        return 0;
    memcpy(&start, data, sizeof(start));
    char *ring = mem_alloc(ring_data_size(RING_MIN));
    ring_format(ring, RING_MIN);
    set_head(ring, start.head);
    page.tail = start.tail;
    page.handling = start.handling;
    page.handled = start.handled;
    page.saved = start.saved;
    page.skipped = start.skipped;
    ASSERT(ring_reader_open(&reader, ring, ring_data_size(RING_MIN), &page, NULL));
    uint64_t at = start.head;
    for (size_t i = 0; i < STEPS_MAX && sizeof(start) + (i + 1) * sizeof(step) <= size; i++) {
        memcpy(&step, data + sizeof(start) + i * sizeof(step), sizeof(step));
        at = put(ring, at, &step);
        if (step.flags & STEP_REOPENS)
            ASSERT(ring_reader_open(&reader, ring, ring_data_size(RING_MIN), &page, NULL));
        if (step.flags & STEP_SLEEPS)
            sink = ring_sleep(&reader);
        read_some(&reader, ring, step.reads);
    }
    read_all(&reader, ring);
    write_some(ring, &page);
    mem_free(ring);
    return 0;
}
