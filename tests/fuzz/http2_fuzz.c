/* SPDX-License-Identifier: Apache-2.0 */
#include "http2_fuzz.h"

#include "base/assert.h"
#include "http/byte_class.h"

/* More than any input needs; a loop that never rests is a find. */
#define MAX_TURNS 20000

static struct fuzz_stream *find(struct fuzz_user *user, const struct stream *stream)
{
    for (size_t i = 0; i < user->count; i++) {
        if (user->streams[i].stream == stream)
            return &user->streams[i];
    }
    return NULL;
}

static struct fuzz_stream *get(struct fuzz_user *user, const struct stream *stream)
{
    struct fuzz_stream *found = find(user, stream);
    ASSERT(found); /* nothing is told of a stream that is over */
    return found;
}

static void forget(struct fuzz_user *user, struct fuzz_stream *found)
{
    *found = user->streams[--user->count];
}

void fuzz_add(struct fuzz_user *user, struct stream *stream)
{
    ASSERT(user->count < FUZZ_STREAMS && !find(user, stream));
    user->streams[user->count++] = (struct fuzz_stream){.stream = stream};
}

void fuzz_end(struct fuzz_user *user, struct stream *stream)
{
    struct fuzz_stream *found = get(user, stream);
    found->is_sent = true;
    if (found->has_end)
        forget(user, found);
    stream_send_end(stream, NULL, 0);
}

static void check_fields(const struct field *fields, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++) {
        ASSERT(fields[i].name.len > 0);
        for (size_t k = 0; k < fields[i].name.len; k++)
            ASSERT(byte_is(fields[i].name.ptr[k], BYTE_TOKEN));
        for (size_t k = 0; k < fields[i].value.len; k++) {
            unsigned char byte = (unsigned char)fields[i].value.ptr[k];
            ASSERT(byte == '\t' || (byte >= ' ' && byte != 0x7f));
        }
        ASSERT(fields[i].id == field_id_from_name(fields[i].name));
    }
}

static void check_request(const struct head *head)
{
    ASSERT(head->version == HTTP_1_0 || head->version == HTTP_1_1 || head->version == HTTP_2);
    if (head->version != HTTP_2)
        return;
    ASSERT(head->field_count >= 1 && head->fields[0].id == FIELD_HOST);
    ASSERT(head->target.len > 0 && head->target.len <= HEAD_MAX_TARGET);
    ASSERT(head->method_id == METHOD_CONNECT || head->path.ptr[0] == '/' || str_eq(head->path, STR("*")));
    for (uint16_t i = 0, cookies = 0; i < head->field_count; i++) {
        ASSERT(i == 0 || head->fields[i].id != FIELD_HOST);
        ASSERT(head->fields[i].id != FIELD_COOKIE || ++cookies == 1);
        ASSERT(head->fields[i].id != FIELD_TRANSFER_ENCODING && head->fields[i].id != FIELD_CONNECTION);
    }
}

static void answer(struct fuzz_user *user, struct stream *stream, unsigned how)
{
    struct fuzz_stream *found = get(user, stream);
    struct head head = {.status = how & 8 ? 200 : 204, .body = how & 8 ? BODY_STREAM : BODY_NONE};
    if (found->is_begun || user->is_client)
        return;
    found->is_begun = how % 4 == 1;
    if (how % 4 == 0) {
        forget(user, found);
        server_answer(stream, 200, STR("hello"));
    } else if (how % 4 == 1) {
        stream_send_head(stream, &head);
        stream_send_data(stream, (struct slice){NULL, "hello", 5});
        fuzz_end(user, stream);
    } else if (how % 4 == 2) {
        forget(user, found);
        stream_reset(stream, RESET_CANCEL);
    }
}

static void on_head(struct stream *stream, const struct head *head)
{
    struct fuzz_user *user = stream->user;
    check_fields(head->fields, head->field_count);
    if (!user->is_client) {
        fuzz_add(user, stream);
        check_request(head);
    } else {
        ASSERT(head->status >= 100 && head->status != 101 && head->status < 1000);
        ASSERT(!get(user, stream)->has_head);
    }
    get(user, stream)->has_head = head->status == 0 || head->status >= 200;
    unsigned how = user->turns++;
    if (how & 1)
        stream_pull(stream, how & 2 ? 7 : STREAM_WINDOW);
    if (find(user, stream) && how & 4)
        answer(user, stream, how >> 3);
}

static void on_data(struct stream *stream, struct slice data)
{
    struct fuzz_user *user = stream->user;
    struct fuzz_stream *found = get(user, stream);
    ASSERT(data.len > 0 && found->has_head && !found->has_end);
    if (user->turns++ & 1)
        stream_pull(stream, 100);
}

static void on_end(struct stream *stream, const struct field *trailers, uint16_t count)
{
    struct fuzz_user *user = stream->user;
    struct fuzz_stream *found = get(user, stream);
    ASSERT(found->has_head && !found->has_end);
    check_fields(trailers, count);
    found->has_end = true;
    if (found->is_sent)
        forget(user, found);
    else if (user->turns & 1)
        answer(user, stream, user->turns);
}

static void on_reset(struct stream *stream, enum reset why)
{
    struct fuzz_user *user = stream->user;
    ASSERT(why != RESET_NONE && why != RESET_CANCEL);
    forget(user, get(user, stream));
}

static void on_credit(struct stream *stream)
{
    struct fuzz_user *user = stream->user;
    ASSERT(!get(user, stream)->is_sent);
}

const struct stream_handler fuzz_handler = {"fuzz", on_head, on_data, on_end, on_reset, on_credit};

/* One of the streams goes on. */
static void go_on(struct fuzz_user *user)
{
    if (!user->count)
        return;
    struct fuzz_stream *found = &user->streams[user->turns++ % user->count];
    struct stream *stream = found->stream;
    switch (user->turns % 5) {
    case 0:
    case 1: stream_pull(stream, user->turns % 1000); break;
    case 2:
        if (user->is_client && !found->is_sent)
            stream_send_data(stream, (struct slice){NULL, "more", 4});
        else
            answer(user, stream, user->turns / 5);
        break;
    case 3:
        if (user->is_client && !found->is_sent)
            fuzz_end(user, stream);
        break;
    default:
        if (user->turns % 3 == 0) {
            forget(user, found);
            stream_reset(stream, RESET_CANCEL);
        }
        break;
    }
}

void fuzz_settle(struct wire *wire)
{
    int turns = 0;
    while (!twin_is_quiet(wire->loop)) {
        twin_turn(wire->loop);
        ASSERT(++turns < MAX_TURNS);
    }
    wire_receive(wire, flow_len(&wire->written));
}

void fuzz_feed(struct wire *wire, struct fuzz_user *user, const uint8_t *data, size_t len)
{
    fuzz_settle(wire);
    while (len) {
        size_t piece = *data ? *data : 4096; /* 0: a long one */
        data++;
        len--;
        piece = piece < len ? piece : len;
        wire_send(wire, data, piece);
        data += piece;
        len -= piece;
        fuzz_settle(wire);
        go_on(user);
        fuzz_settle(wire);
        if (user->turns % 16 == 0)
            twin_set_ms(wire->loop, twin_now_ms(wire->loop) + 9000);
    }
    fuzz_settle(wire);
}
