/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of records. Each input is read as it is and once more with magic, version, size and checksum put right, so that the checks
 * behind the checksum are reached. What is accepted is followed to its last byte. */
#include "base/assert.h"
#include "base/mem.h"
#include "exchange/record.h"
#include "http/grpc.h"

#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Keeps reads from being optimised away. */
static volatile unsigned sink;

static void touch(struct str bytes)
{
    unsigned sum = 0;
    for (size_t i = 0; i < bytes.len; i++)
        sum += (unsigned char)bytes.ptr[i];
    sink = sum;
}

static void follow_message(const struct record_message *message)
{
    struct field field;
    size_t at = 0, count = 0;
    touch(message->method);
    touch(message->authority);
    touch(message->target);
    for (; record_next_field(message, &at, &field); count++) {
        touch(field.name);
        touch(field.value);
    }
    ASSERT(count == message->field_count && at == message->fields_size && count <= RECORD_MAX_FIELDS);
}

static void follow(const struct record_view *view)
{
    touch(view->labels.route);
    touch(view->labels.mirror);
    touch(view->labels.backend);
    touch(view->labels.revision);
    follow_message(&view->request);
    follow_message(&view->answer);
    follow_message(&view->trailers);
    touch(view->request_body);
    touch(view->answer_body);
    ASSERT(view->part.leg < LEG_COUNT && view->end.outcome < OUTCOME_COUNT);
    ASSERT(view->end.grpc_status < GRPC_STATUS_COUNT);
    ASSERT(view->has_end == ((view->part.flags & RECORD_LAST) != 0));
}

/* A copy of its own size, so that the sanitizer sees the first byte behind it. */
static void read_record(const uint8_t *data, size_t size, bool is_put_right)
{
    struct err err;
    struct record_view view;
    char *bytes = mem_alloc_raw(size ? size : 1);
    memcpy(bytes, data, size);
    if (is_put_right) {
        const size_t behind_checksum = offsetof(struct record_part, checksum) + sizeof(uint64_t);
        struct record_part part;
        memcpy(&part, bytes, sizeof(part));
        part.magic = RECORD_MAGIC;
        part.version = RECORD_VERSION;
        part.size = (uint32_t)size;
        memcpy(bytes, &part, sizeof(part));
        part.checksum = XXH3_64bits(bytes + behind_checksum, size - behind_checksum);
        memcpy(bytes, &part, sizeof(part));
    }
    if (record_read((struct str){bytes, size}, &view, &err))
        follow(&view);
    mem_free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_record(data, size, false);
    if (size >= sizeof(struct record_part))
        read_record(data, size, true);
    return 0;
}
