/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"
#include "http/http2_conn.h"

struct http2_stream *http2_stream_new(struct http2_conn *conn, const struct stream_ops *ops)
{
    struct http2_stream *s = slab_take(conn->codec->http2->streams);
    memset(s, 0, sizeof *s);
    s->conn = conn;
    s->has_user = true;
    s->stream.ops = ops;
    s->stream.send_credit = HTTP2_SEND_WINDOW;
    s->stream.progress_ns = http2_conn_now_ns(conn);
    outq_init(&s->sending);
    outq_init(&s->received);
    list_init(&s->flushing);
    list_init(&s->closed);
    list_add(&conn->streams, &s->node);
    return s;
}

void http2_stream_free(struct http2_stream *s)
{
    outq_deinit(&s->sending);
    outq_deinit(&s->received);
    chunk_unref(s->trailers_out);
    if (s->trailers) {
        http2_block_deinit(s->trailers);
        slab_give(s->conn->codec->http2->blocks, s->trailers);
    }
    slab_give(s->conn->codec->http2->streams, s);
}

void http2_stream_bury(struct http2_stream *s)
{
    struct http2_conn *conn = s->conn;
    ASSERT(!s->is_open && !s->has_user);
    list_remove(&s->node);
    list_remove(&s->flushing);
    list_remove(&s->closed);
    list_add(&conn->dead, &s->node);
    loop_soon(conn->codec->loop, &conn->reap);
}

void http2_stream_abandon(struct http2_stream *s)
{
    if (!s->has_user)
        return;
    s->has_user = false;
    outq_deinit(&s->received); /* its window stays closed */
    if (!s->is_open)
        http2_stream_bury(s);
}

void http2_stream_refuse(struct http2_stream *s, uint32_t code)
{
    if (s->is_open) {
        outq_deinit(&s->sending);
        nghttp2_submit_rst_stream(s->conn->session, NGHTTP2_FLAG_NONE, s->id, code);
        http2_conn_wake(s->conn);
    }
    http2_stream_abandon(s);
}

void http2_stream_break(struct http2_stream *s, uint32_t code, enum reset why)
{
    bool had_user = s->has_user;
    http2_stream_refuse(s, code);
    if (had_user)
        s->stream.handler->on_reset(&s->stream, why);
}

static enum reset closed_reason(const struct http2_stream *s)
{
    if (!s->conn->is_server && s->close_code == NGHTTP2_REFUSED_STREAM)
        return RESET_REFUSED;
    return s->is_peer_reset || s->close_code == NGHTTP2_NO_ERROR ? RESET_CLOSED : RESET_PROTOCOL;
}

void http2_stream_closed(struct http2_stream *s)
{
    bool is_whole = s->is_end_received && s->close_code == NGHTTP2_NO_ERROR && !s->conn->is_server;
    list_remove(&s->closed);
    outq_deinit(&s->sending);
    if (!s->has_user) {
        http2_stream_bury(s);
        return;
    }
    /* An answer that has come whole is delivered whole (RFC 9113 8.1), and both ways may have ended in order. */
    if ((is_whole && !s->is_end_delivered) || (s->is_end_received && s->is_end_sent))
        return;
    enum reset why = closed_reason(s);
    if (why == RESET_PROTOCOL)
        s->conn->ops->on_fault(s->conn, REFUSAL_HTTP2_PROTOCOL, false);
    http2_stream_break(s, NGHTTP2_NO_ERROR, why);
}

/* ---- receiving ---- */

static void deliver_end(struct http2_stream *s)
{
    struct http2_block *trailers = s->trailers;
    const struct field *fields = trailers ? trailers->fields + 1 : NULL;
    bool is_over = s->is_send_ended;
    s->is_end_delivered = true;
    if (is_over) /* the callback is the last */
        s->has_user = false;
    s->stream.handler->on_end(&s->stream, fields, trailers ? trailers->count : 0);
    if (is_over && !s->is_open && !list_is_linked(&s->closed))
        http2_stream_bury(s);
    else if (!s->is_open && s->has_user && !s->is_send_ended && !list_is_linked(&s->closed))
        http2_stream_break(s, NGHTTP2_NO_ERROR, RESET_CLOSED); /* the peer wants no more of what is still being sent */
}

/* One piece within the credit. */
static void deliver_front(struct http2_stream *s)
{
    struct slice piece = *outq_front(&s->received);
    if (piece.len > s->stream.pull_credit)
        piece.len = s->stream.pull_credit;
    chunk_ref(piece.chunk);
    outq_consume(&s->received, piece.len);
    s->stream.pull_credit -= piece.len;
    if (s->is_open && !s->is_end_received) {
        nghttp2_session_consume_stream(s->conn->session, s->id, piece.len);
        http2_conn_wake(s->conn);
    }
    s->stream.handler->on_data(&s->stream, piece);
    chunk_unref(piece.chunk);
}

void http2_stream_deliver(struct http2_stream *s)
{
    if (s->is_delivering || s->is_held)
        return;
    s->is_delivering = true;
    while (s->has_user && s->received.bytes && s->stream.pull_credit)
        deliver_front(s);
    if (s->has_user && !s->received.bytes && s->is_end_received && !s->is_end_delivered)
        deliver_end(s);
    s->is_delivering = false;
}

void http2_stream_deliver_head(struct http2_stream *s, const struct head *head)
{
    s->is_delivering = true; /* what the user pulls meanwhile comes after the head */
    s->stream.handler->on_head(&s->stream, head);
    s->is_delivering = false;
    if (s->has_user)
        http2_stream_deliver(s);
}

void http2_stream_receive(struct http2_stream *s, struct slice data)
{
    if (!s->has_user)
        return;
    chunk_ref(data.chunk);
    outq_push(&s->received, data);
    http2_stream_deliver(s);
    if (s->received.bytes)
        outq_settle(&s->received);
}

void http2_stream_receive_end(struct http2_stream *s, bool has_trailers)
{
    struct http2_conn *conn = s->conn;
    s->is_end_received = true;
    if (has_trailers) {
        http2_block_keep_trailers(conn->block);
        s->trailers = conn->block;
        conn->block = NULL;
    }
    if (s->has_user)
        http2_stream_deliver(s);
}

void http2_stream_pull(struct stream *stream)
{
    http2_stream_deliver(http2_stream_of(stream));
}

/* ---- sending ---- */

static void update_credit(struct http2_stream *s)
{
    s->stream.queued = s->sending.bytes + s->in_out;
    s->stream.send_credit = s->stream.queued < HTTP2_SEND_WINDOW ? HTTP2_SEND_WINDOW - s->stream.queued : 0;
}

static void resume(struct http2_stream *s)
{
    if (s->is_deferred) {
        s->is_deferred = false;
        nghttp2_session_resume_data(s->conn->session, s->id);
    }
    http2_conn_wake(s->conn);
}

void http2_stream_send_data(struct stream *stream, struct slice data)
{
    struct http2_stream *s = http2_stream_of(stream);
    if (!data.len || !s->is_open || s->has_no_body || s->is_send_ended)
        return;
    chunk_ref(data.chunk);
    outq_push(&s->sending, data);
    update_credit(s);
    resume(s);
}

/* The fields and then their bytes, in one chunk: they may have to wait for the body to leave. */
static void keep_trailers(struct http2_stream *s, const struct field *fields, uint16_t count)
{
    size_t size = count * sizeof *fields;
    for (uint16_t i = 0; i < count; i++)
        size += fields[i].name.len + fields[i].value.len;
    s->trailers_out = chunk_new(size);
    s->trailers_out_count = count;
    struct field *kept = (void *)s->trailers_out->data;
    char *at = (char *)(kept + count);
    for (uint16_t i = 0; i < count; i++) {
        kept[i] = (struct field){{at, fields[i].name.len}, {at + fields[i].name.len, fields[i].value.len}, FIELD_OTHER};
        at = mempcpy(at, fields[i].name.ptr, fields[i].name.len);
        at = mempcpy(at, fields[i].value.ptr, fields[i].value.len);
    }
}

void http2_stream_send_end(struct stream *stream, const struct field *trailers, uint16_t count)
{
    struct http2_stream *s = http2_stream_of(stream);
    if (s->is_send_ended)
        return;
    s->is_send_ended = true;
    if (s->is_open && !s->has_no_body) {
        if (count)
            keep_trailers(s, trailers, count);
        resume(s);
    }
    if (s->is_end_delivered)
        http2_stream_abandon(s);
}

/* After the last of the body; nghttp2 sends END_STREAM with them. */
static void submit_trailers(struct http2_stream *s)
{
    struct http2_list *list = http2_conn_list(s->conn);
    const struct field *fields = (void *)s->trailers_out->data;
    http2_list_trailers(list, fields, s->trailers_out_count);
    nghttp2_submit_trailer(s->conn->session, s->id, list->fields, list->count);
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *user)
{
    struct http2_stream *s = source->ptr;
    (void)session;
    (void)id;
    (void)buffer;
    (void)user;
    size_t len = s->sending.bytes < room ? s->sending.bytes : room;
    bool is_last = s->is_send_ended && len == s->sending.bytes;
    if (!len && !is_last) {
        s->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (is_last)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (is_last && s->trailers_out_count) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        submit_trailers(s);
    }
    return (ssize_t)len;
}

nghttp2_data_provider http2_stream_source(struct http2_stream *s)
{
    return (nghttp2_data_provider){.source = {.ptr = s}, .read_callback = read_body};
}

int http2_stream_write(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
                       nghttp2_data_source *source, void *user)
{
    struct http2_conn *conn = user;
    struct http2_stream *s = source->ptr;
    (void)session;
    (void)frame;
    if (conn->out.bytes >= HTTP2_OUT_MAX)
        return NGHTTP2_ERR_WOULDBLOCK; /* asked again when there is room */
    if (s->sending.bytes < len)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* it was reset meanwhile */
    memcpy(outq_reserve(&conn->out, conn->codec, HTTP2_FRAME_HEAD), head, HTTP2_FRAME_HEAD);
    outq_commit(&conn->out, conn->codec, HTTP2_FRAME_HEAD);
    http2_conn_note_out(conn, s, len + HTTP2_FRAME_HEAD);
    while (len) {
        struct slice piece = *outq_front(&s->sending);
        if (piece.len > len)
            piece.len = len;
        outq_add(&conn->out, conn->codec, piece);
        outq_consume(&s->sending, piece.len);
        len -= piece.len;
    }
    return 0;
}

void http2_stream_flushed(struct http2_stream *s)
{
    size_t credit = s->stream.send_credit;
    s->in_out = 0;
    s->stream.progress_ns = http2_conn_now_ns(s->conn);
    update_credit(s);
    if (s->has_user && !s->is_send_ended && s->is_head_sent &&
        (!s->stream.queued || (!credit && s->stream.send_credit)))
        s->stream.handler->on_credit(&s->stream);
}
