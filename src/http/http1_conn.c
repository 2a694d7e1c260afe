/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_conn.h"

#include "base/assert.h"

#define HEAD_FIRST_CHUNK 4096
#define BULK_READ 16384  /* bytes of one read that only large bodies have */
#define READS_PER_TURN 4 /* of up to CODEC_BUFFER bytes */

static void run_flush(struct task *task);
static void run_reap(struct task *task);
static void run_resume(struct task *task);

void http1_conn_init(struct http1_conn *conn, struct codec *codec, const struct http1_conn_ops *ops)
{
    memset(conn, 0, offsetof(struct http1_conn, out));
    memset(&conn->out_left, 0, sizeof *conn - offsetof(struct http1_conn, out_left));
    conn->ops = ops;
    conn->codec = codec;
    conn->is_first = ops->on_first;
    outq_init(&conn->out);
    task_init(&conn->flush, run_flush);
    task_init(&conn->reap, run_reap);
    task_init(&conn->resume, run_resume);
    conn->stream.progress_ns = loop_now_ns(codec->loop);
    conn->stream.send_credit = STREAM_WINDOW;
}

static void run_reap(struct task *task)
{
    struct http1_conn *conn = CONTAINER_OF(task, struct http1_conn, reap);
    outq_deinit(&conn->out);
    chunk_unref(conn->in);
    conn->in = NULL;
    conn->ops->on_free(conn);
}

void http1_conn_close(struct http1_conn *conn, bool is_reset)
{
    if (conn->is_closed)
        return;
    conn->is_closed = true;
    socket_close(&conn->sock, is_reset);
    task_cancel(&conn->flush);
    task_cancel(&conn->resume);
    loop_soon(conn->codec->loop, &conn->reap);
}

/* ---- receiving ---- */

bool http1_conn_is_drained(const struct http1_conn *conn)
{
    return !conn->in;
}

void http1_conn_drop_input(struct http1_conn *conn)
{
    chunk_unref(conn->in);
    conn->in = NULL;
    conn->in_pos = conn->in_end = 0;
    conn->scanned = 0;
}

static struct str unread(const struct http1_conn *conn)
{
    return conn->in ? (struct str){conn->in->data + conn->in_pos, conn->in_end - conn->in_pos} : STR_NONE;
}

static void consume(struct http1_conn *conn, size_t len)
{
    conn->in_pos += (uint32_t)len;
    conn->stream.wire_received += len;
    if (conn->in_pos == conn->in_end)
        http1_conn_drop_input(conn);
}

/* Moves what is unread into a chunk of its own with room for more: heads and trailers are parsed in one piece. */
static void move_to_own_chunk(struct http1_conn *conn, size_t size)
{
    struct str rest = unread(conn);
    struct chunk *chunk = chunk_new(size);
    memcpy(chunk->data, rest.ptr, rest.len);
    chunk->used = (uint32_t)rest.len;
    chunk_unref(conn->in);
    conn->in = chunk;
    conn->is_in_own = true;
    conn->in_pos = 0;
    conn->in_end = chunk->used;
}

/* The chunk that the next read goes into, and how many bytes of it. */
static struct chunk *make_room(struct http1_conn *conn, size_t *room)
{
    if (!conn->in) {
        struct chunk *rx = codec_rx(conn->codec);
        conn->in = chunk_ref(rx);
        conn->is_in_own = false;
        conn->in_pos = conn->in_end = rx->used;
    } else if (!conn->is_in_own || conn->in_end == conn->in->size) {
        size_t size = HEAD_FIRST_CHUNK;
        while (size < 2 * unread(conn).len)
            size *= 4;
        move_to_own_chunk(conn, size);
    }
    *room = conn->in->size - conn->in_end;
    return conn->in;
}

static bool fill(struct http1_conn *conn)
{
    size_t room;
    bool had_bytes = conn->in != NULL;
    if (!conn->sock.is_readable)
        return false;
    struct chunk *chunk = make_room(conn, &room);
    ssize_t n = socket_read(&conn->sock, chunk->data + conn->in_end, room);
    if (n > 0) {
        if (n >= BULK_READ)
            loop_give_way(conn->codec->loop);
        conn->in_end += (uint32_t)n;
        chunk->used = conn->in_end;
        conn->stream.progress_ns = loop_now_ns(conn->codec->loop);
        return true;
    }
    if (!had_bytes)
        http1_conn_drop_input(conn);
    if (n == SOCKET_END) {
        if (conn->reading == READ_CLOSE || conn->reading == READ_TUNNEL)
            http1_conn_end_input(conn, NULL, 0);
        else
            conn->ops->on_input_end(conn);
    } else if (n == SOCKET_BROKEN) {
        conn->ops->on_broken(conn, 0);
    }
    return false;
}

void http1_conn_expect_body(struct http1_conn *conn, const struct head *head)
{
    conn->is_http_1_0 = head->version == HTTP_1_0;
    switch (head->body) {
    case BODY_NONE: conn->reading = READ_DONE; break;
    case BODY_LENGTH:
        conn->reading = head->content_length ? READ_LENGTH : READ_DONE;
        conn->in_left = head->content_length;
        break;
    case BODY_STREAM:
        conn->reading = READ_CHUNKED;
        conn->chunked = (struct chunked){0};
        break;
    case BODY_CLOSE: conn->reading = READ_CLOSE; break;
    case BODY_TUNNEL: conn->reading = READ_TUNNEL; break;
    }
}

void http1_conn_end_input(struct http1_conn *conn, const struct field *trailers, uint16_t count)
{
    conn->reading = READ_DONE;
    if (conn->has_stream)
        conn->stream.handler->on_end(&conn->stream, trailers, count);
    if (!conn->is_closed)
        conn->ops->on_progress(conn);
}

static void deliver(struct http1_conn *conn, struct str data, size_t used)
{
    struct chunk *chunk = chunk_ref(conn->in);
    conn->stream.pull_credit -= data.len;
    consume(conn, used);
    conn->stream.handler->on_data(&conn->stream, (struct slice){chunk, data.ptr, data.len});
    chunk_unref(chunk);
}

/* True when the bytes are HTTP/1's. */
static bool is_ours(struct http1_conn *conn)
{
    struct str bytes = unread(conn);
    enum http1_first first = conn->ops->on_first(conn, (struct slice){conn->in, bytes.ptr, bytes.len});
    if (first == FIRST_TAKEN)
        http1_conn_close(conn, false);
    conn->is_first = first == FIRST_MORE;
    return first == FIRST_HTTP1;
}

/* The step functions return false when they need more bytes. */
static bool step_head(struct http1_conn *conn)
{
    if (conn->is_first && !is_ours(conn))
        return conn->is_closed;
    struct str bytes = unread(conn);
    size_t len;
    enum refusal refusal = REFUSAL_NONE;
    enum parse found = http1_find_head_end(bytes, &conn->scanned, &len, &refusal);
    if (found == PARSE_MORE && bytes.len > HEAD_MAX_BYTES) {
        /* A head that ends nowhere: say which of its parts is too long. */
        bool is_line = str_find_char(bytes, '\n') >= HEAD_MAX_TARGET;
        conn->ops->on_refused(conn, is_line ? REFUSAL_URI_SIZE : REFUSAL_HEADER_SIZE);
        return true;
    }
    if (found == PARSE_MORE)
        return false;
    if (found == PARSE_BAD) {
        conn->ops->on_refused(conn, refusal);
        return true;
    }
    conn->scanned = 0;
    conn->may_read_head = false;
    struct chunk *chunk = chunk_ref(conn->in);
    consume(conn, len);
    if (len > HEAD_MAX_BYTES)
        conn->ops->on_refused(conn, REFUSAL_HEADER_SIZE);
    else
        conn->ops->on_head(conn, str_slice(bytes, 0, len));
    chunk_unref(chunk);
    return true;
}

static bool step_length(struct http1_conn *conn)
{
    struct str bytes = unread(conn);
    size_t len = bytes.len;
    if (conn->reading == READ_LENGTH && len > conn->in_left)
        len = (size_t)conn->in_left;
    if (len > conn->stream.pull_credit)
        len = conn->stream.pull_credit;
    if (conn->reading == READ_LENGTH)
        conn->in_left -= len;
    bool is_last = conn->reading == READ_LENGTH && conn->in_left == 0;
    if (len)
        deliver(conn, str_slice(bytes, 0, len), len);
    if (is_last && !conn->is_closed && conn->reading == READ_LENGTH)
        http1_conn_end_input(conn, NULL, 0);
    return true;
}

static bool step_chunked(struct http1_conn *conn)
{
    struct str bytes = unread(conn);
    if (bytes.len > conn->stream.pull_credit)
        bytes.len = conn->stream.pull_credit;
    size_t used;
    struct str data;
    switch (http1_chunked(&conn->chunked, bytes, &used, &data)) {
    case PARSE_BAD: conn->ops->on_refused(conn, REFUSAL_FRAMING); return true;
    case PARSE_DONE:
        conn->reading = READ_TRAILERS;
        conn->scanned = 0;
        break;
    case PARSE_MORE: break;
    }
    if (data.len)
        deliver(conn, data, used);
    else
        consume(conn, used);
    return true;
}

static bool step_trailers(struct http1_conn *conn)
{
    struct str bytes = unread(conn);
    struct field fields[HEAD_MAX_FIELDS];
    uint16_t count;
    size_t len;
    enum refusal refusal = REFUSAL_NONE;
    enum parse found = http1_find_trailers_end(bytes, &conn->scanned, &len, &refusal);
    if (found == PARSE_MORE && bytes.len <= HEAD_MAX_BYTES)
        return false;
    if (found == PARSE_MORE)
        refusal = REFUSAL_HEADER_SIZE;
    if (found != PARSE_DONE || http1_parse_trailers(str_slice(bytes, 0, len), fields, &count, &refusal) != PARSE_DONE) {
        conn->ops->on_refused(conn, refusal);
        return true;
    }
    struct chunk *chunk = chunk_ref(conn->in);
    conn->scanned = 0;
    consume(conn, len);
    http1_conn_end_input(conn, fields, count);
    chunk_unref(chunk);
    return true;
}

static bool step(struct http1_conn *conn)
{
    switch ((enum http1_read)conn->reading) {
    case READ_HEAD: return step_head(conn);
    case READ_LENGTH:
    case READ_CLOSE:
    case READ_TUNNEL: return step_length(conn);
    case READ_CHUNKED: return step_chunked(conn);
    case READ_TRAILERS: return step_trailers(conn);
    case READ_DISCARD: http1_conn_drop_input(conn); return true;
    case READ_HELD:
    case READ_DONE: break;
    }
    return false;
}

static bool wants_input(const struct http1_conn *conn)
{
    switch ((enum http1_read)conn->reading) {
    case READ_HEAD: return conn->may_read_head;
    case READ_LENGTH:
    case READ_CHUNKED:
    case READ_CLOSE:
    case READ_TUNNEL: return conn->stream.pull_credit > 0;
    case READ_TRAILERS:
    case READ_DISCARD: return true;
    case READ_HELD:
    case READ_DONE: break;
    }
    return false;
}

/* A rest that waits for credit or for the end of the answer must not pin the worker's read buffer. */
static void tidy_input(struct http1_conn *conn)
{
    if (!conn->in || conn->is_in_own)
        return;
    size_t len = unread(conn).len;
    if (len >= conn->in->size / 4)
        return; /* large: keeps its part of the buffer, others go on behind it */
    size_t size = HEAD_FIRST_CHUNK;
    while (size < len)
        size *= 4;
    move_to_own_chunk(conn, size);
}

/* Counted per turn and not per call: credit that comes back within the turn must not keep the worker here. */
static bool may_read(struct http1_conn *conn)
{
    uint64_t now_ns = loop_now_ns(conn->codec->loop);
    if (conn->turn_ns != now_ns) {
        conn->turn_ns = now_ns;
        conn->reads = 0;
    }
    if (conn->reads++ < READS_PER_TURN)
        return true;
    loop_later(conn->codec->loop, &conn->resume);
    return false;
}

void http1_conn_read(struct http1_conn *conn)
{
    if (conn->is_reading || conn->is_closed || conn->sock.is_connecting)
        return;
    conn->is_reading = true;
    while (!conn->is_closed && wants_input(conn)) {
        if (conn->in && step(conn))
            continue;
        if (!may_read(conn) || !fill(conn))
            break;
    }
    if (!conn->is_closed)
        tidy_input(conn);
    conn->is_reading = false;
}

static void run_resume(struct task *task)
{
    http1_conn_read(CONTAINER_OF(task, struct http1_conn, resume));
}

/* ---- sending ---- */

static void update_credit(struct http1_conn *conn)
{
    conn->stream.queued = conn->out.bytes;
    conn->stream.send_credit = conn->out.bytes < STREAM_WINDOW ? STREAM_WINDOW - conn->out.bytes : 0;
}

static void run_flush(struct task *task)
{
    struct http1_conn *conn = CONTAINER_OF(task, struct http1_conn, flush);
    if (conn->sock.is_connecting)
        return;
    size_t before = conn->out.bytes;
    enum outq_flush flushed = outq_flush(&conn->out, &conn->sock);
    if (flushed == OUTQ_BROKEN) {
        conn->ops->on_broken(conn, 0);
        return;
    }
    if (conn->out.bytes < before)
        conn->stream.progress_ns = loop_now_ns(conn->codec->loop);
    size_t credit = conn->stream.send_credit;
    update_credit(conn);
    if (conn->writing == WRITE_DONE) {
        if (flushed == OUTQ_EMPTY) {
            conn->is_flushed = true;
            conn->ops->on_progress(conn);
        }
        return;
    }
    if (conn->has_stream && conn->writing != WRITE_HEAD && before &&
        (flushed == OUTQ_EMPTY || (!credit && conn->stream.send_credit)))
        conn->stream.handler->on_credit(&conn->stream);
}

char *http1_conn_reserve(struct http1_conn *conn, size_t size)
{
    return outq_reserve(&conn->out, conn->codec, size);
}

void http1_conn_commit(struct http1_conn *conn, size_t len)
{
    outq_commit(&conn->out, conn->codec, len);
    conn->stream.wire_sent += len;
    conn->is_flushed = false;
    update_credit(conn);
    loop_soon(conn->codec->loop, &conn->flush);
}

void http1_conn_begin_body(struct http1_conn *conn, enum http1_write writing, uint64_t length)
{
    conn->writing = (uint8_t)writing;
    conn->out_left = length;
}

void http1_conn_send_data(struct http1_conn *conn, struct slice data)
{
    if (!data.len)
        return;
    if (conn->writing == WRITE_NONE || conn->writing == WRITE_DONE)
        return; /* an answer to HEAD: the body has no place on the wire */
    if (conn->writing == WRITE_LENGTH) {
        ASSERT(data.len <= conn->out_left);
        conn->out_left -= data.len;
    }
    if (conn->writing == WRITE_CHUNKED) {
        size_t len = http1_format_chunk_size(outq_reserve(&conn->out, conn->codec, 20), data.len);
        outq_commit(&conn->out, conn->codec, len);
        conn->stream.wire_sent += len + 2;
    }
    outq_add(&conn->out, conn->codec, data);
    if (conn->writing == WRITE_CHUNKED)
        outq_add(&conn->out, conn->codec, (struct slice){NULL, "\r\n", 2});
    conn->stream.wire_sent += data.len;
    conn->is_flushed = false;
    update_credit(conn);
    loop_soon(conn->codec->loop, &conn->flush);
}

static void send_last_chunk(struct http1_conn *conn, const struct field *trailers, uint16_t count)
{
    size_t size = sizeof "0\r\n\r\n";
    for (uint16_t i = 0; i < count; i++)
        size += trailers[i].name.len + trailers[i].value.len + 4;
    char *out = http1_conn_reserve(conn, size);
    char *end = mempcpy(out, "0\r\n", 3);
    for (uint16_t i = 0; i < count; i++) {
        end = mempcpy(end, trailers[i].name.ptr, trailers[i].name.len);
        end = mempcpy(end, ": ", 2);
        end = mempcpy(end, trailers[i].value.ptr, trailers[i].value.len);
        end = mempcpy(end, "\r\n", 2);
    }
    end = mempcpy(end, "\r\n", 2);
    http1_conn_commit(conn, (size_t)(end - out));
}

void http1_conn_send_end(struct http1_conn *conn, const struct field *trailers, uint16_t count)
{
    if (conn->writing == WRITE_CHUNKED)
        send_last_chunk(conn, trailers, count);
    conn->writing = WRITE_DONE;
    loop_soon(conn->codec->loop, &conn->flush);
}

/* ---- the socket ---- */

void http1_on_readable(struct socket *sock)
{
    http1_conn_read(CONTAINER_OF(sock, struct http1_conn, sock));
}

void http1_on_writable(struct socket *sock)
{
    struct http1_conn *conn = CONTAINER_OF(sock, struct http1_conn, sock);
    if (conn->out.count)
        loop_soon(conn->codec->loop, &conn->flush);
}

void http1_on_broken(struct socket *sock, int error)
{
    struct http1_conn *conn = CONTAINER_OF(sock, struct http1_conn, sock);
    conn->ops->on_broken(conn, error);
}
