/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http2_head.h"

#include "base/mem.h"
#include "http/http1_scan.h"
#include "http/http2.h"
#include "http/url.h"

#include <stdio.h>

/* ---- receiving ---- */

void http2_block_init(struct http2_block *block)
{
    memset(block, 0, offsetof(struct http2_block, held));
}

void http2_block_deinit(struct http2_block *block)
{
    for (uint16_t i = 0; i < block->held_count; i++)
        nghttp2_rcbuf_decref(block->held[i]);
    block->held_count = 0;
    chunk_unref(block->cookie);
    block->cookie = NULL;
}

static struct str bytes_of(nghttp2_rcbuf *buffer)
{
    nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
    return (struct str){(const char *)bytes.base, bytes.len};
}

/* What the static table says needs no reference. */
static void hold(struct http2_block *block, nghttp2_rcbuf *buffer)
{
    if (nghttp2_rcbuf_is_static(buffer))
        return;
    nghttp2_rcbuf_incref(buffer);
    block->held[block->held_count++] = buffer;
}

/* nghttp2 lets each of them through once, and none that is unknown. */
static struct str *find_pseudo(struct http2_block *block, struct str name)
{
    switch (name.ptr[1]) {
    case 'm': return &block->method;
    case 's': return name.ptr[2] == 'c' ? &block->scheme : &block->status;
    case 'a': return &block->authority;
    default: return &block->path;
    }
}

bool http2_block_add(struct http2_block *block, nghttp2_rcbuf *name_buffer, nghttp2_rcbuf *value_buffer)
{
    struct str name = bytes_of(name_buffer), value = bytes_of(value_buffer);
    bool is_pseudo = name.len > 1 && name.ptr[0] == ':';
    block->unpacked += name.len + value.len + 4; /* as in HTTP/1: ": " and the end of a line */
    /* One field is Host's, which a request may have in :authority only. */
    if (block->unpacked > HEAD_MAX_BYTES || (!is_pseudo && block->count == HEAD_MAX_FIELDS - 1))
        block->is_too_large = true;
    if (block->is_too_large)
        return block->unpacked <= HTTP2_MAX_UNPACKED;
    hold(block, value_buffer);
    if (is_pseudo) {
        *find_pseudo(block, name) = value;
        return true;
    }
    hold(block, name_buffer);
    struct field *field = &block->fields[1 + block->count++];
    *field = (struct field){name, value, field_id_from_name(name)};
    block->cookies += field->id == FIELD_COOKIE;
    return true;
}

/* RFC 9113 8.2.3: the first becomes all of them. */
static void join_cookies(struct http2_block *block)
{
    size_t size = 0, len = 0;
    uint16_t count = 0;
    struct field *first = NULL, *fields = block->fields + 1;
    for (uint16_t i = 0; i < block->count; i++)
        size += fields[i].id == FIELD_COOKIE ? fields[i].value.len + 2 : 0;
    block->cookie = chunk_new(size);
    for (uint16_t i = 0; i < block->count; i++) {
        struct str piece = fields[i].value;
        if (fields[i].id != FIELD_COOKIE || !first)
            fields[count++] = fields[i];
        if (fields[i].id != FIELD_COOKIE)
            continue;
        if (first)
            len = (size_t)((char *)mempcpy(block->cookie->data + len, "; ", 2) - block->cookie->data);
        else
            first = &fields[count - 1];
        memcpy(block->cookie->data + len, piece.ptr, piece.len);
        len += piece.len;
    }
    first->value = (struct str){block->cookie->data, len};
    block->count = count;
}

struct notes {
    const struct field *length;
    uint16_t host; /* its place among the fields; block->count when there is none */
    bool takes_trailers, has_expect_continue;
};

static void note_fields(const struct http2_block *block, struct notes *notes)
{
    notes->host = block->count;
    for (uint16_t i = 0; i < block->count; i++) {
        const struct field *field = &block->fields[1 + i];
        switch (field->id) {
        case FIELD_CONTENT_LENGTH: notes->length = field; break;
        case FIELD_HOST: notes->host = i; break;
        case FIELD_TE: notes->takes_trailers = true; break; /* nghttp2 lets "trailers" through and nothing else */
        case FIELD_EXPECT: notes->has_expect_continue |= str_eq_nocase(field->value, STR("100-continue")); break;
        default: break;
        }
    }
}

/* Host comes first, made of :authority; a request that names two hosts is refused (RFC 9113 8.3.1). */
static enum refusal put_host(struct http2_block *block, const struct notes *notes, struct head *head)
{
    struct field *fields = block->fields + 1;
    if (notes->host < block->count) {
        struct str host = fields[notes->host].value;
        if (block->authority.ptr && !str_eq_nocase(block->authority, host))
            return REFUSAL_HOST;
        block->authority = host;
        memmove(fields + notes->host, fields + notes->host + 1,
                (size_t)(block->count - notes->host - 1) * sizeof *fields);
        block->count--;
    }
    head->authority = block->authority;
    block->fields[0] = (struct field){STR("host"), head->authority, FIELD_HOST};
    head->fields = block->fields;
    head->field_count = (uint16_t)(block->count + 1);
    return url_authority_is_valid(head->authority) ? REFUSAL_NONE : REFUSAL_HOST;
}

/* RFC 9113 8.3.1 and 8.5; the forms of RFC 9112 3.2 that are left. */
static enum refusal put_target(const struct http2_block *block, struct head *head)
{
    struct str host;
    uint16_t port;
    if (head->method_id == METHOD_CONNECT) {
        head->target = head->authority;
        return url_split_authority(head->target, &host, &port) && port ? REFUSAL_NONE : REFUSAL_TARGET;
    }
    head->target = block->path;
    if (head->target.len > HEAD_MAX_TARGET)
        return REFUSAL_URI_SIZE;
    const char *end = head->target.ptr + head->target.len;
    if (!head->target.len || scan_target(head->target.ptr, end) != end)
        return REFUSAL_TARGET;
    url_split_path(head->target, &head->path, &head->query);
    bool is_known = str_eq_nocase(head->scheme, STR("http")) || str_eq_nocase(head->scheme, STR("https"));
    bool is_valid = head->target.ptr[0] == '/' || (head->method_id == METHOD_OPTIONS && str_eq(head->target, STR("*")));
    return is_known && is_valid ? REFUSAL_NONE : REFUSAL_TARGET;
}

/* nghttp2 refuses a length that is no number, or is there twice. */
static enum body_kind body_of(const struct field *length, bool is_last, uint64_t *content_length)
{
    bool has_length = length && str_to_u64(length->value, content_length);
    if (is_last)
        return BODY_NONE;
    if (has_length)
        return *content_length ? BODY_LENGTH : BODY_NONE;
    return BODY_STREAM;
}

enum refusal http2_block_request(struct http2_block *block, bool is_last, struct head *head)
{
    struct notes notes = {0};
    *head = (struct head){
        .version = HTTP_2,
        .method = block->method,
        .method_id = method_from_str(block->method),
        .scheme = block->scheme,
        .is_keep_alive = true,
    };
    if (block->is_too_large)
        return block->path.len > HEAD_MAX_TARGET ? REFUSAL_URI_SIZE : REFUSAL_HEADER_SIZE;
    if (block->cookies > 1)
        join_cookies(block);
    note_fields(block, &notes);
    head->body = body_of(notes.length, is_last, &head->content_length);
    if (head->method_id == METHOD_CONNECT)
        head->body = BODY_NONE; /* what comes is the tunnel's, if there will be one */
    head->takes_trailers = notes.takes_trailers;
    head->has_expect_continue = notes.has_expect_continue && head->body != BODY_NONE;
    enum refusal refusal = put_host(block, &notes, head);
    return refusal == REFUSAL_NONE ? put_target(block, head) : refusal;
}

enum refusal http2_block_response(struct http2_block *block, bool is_last, enum http_method method, struct head *head)
{
    struct notes notes = {0};
    uint64_t status = 0;
    *head = (struct head){.version = HTTP_2, .is_keep_alive = true};
    if (block->is_too_large)
        return REFUSAL_HEADER_SIZE;
    if (!str_to_u64(block->status, &status) || status < 100)
        return REFUSAL_SYNTAX; /* nghttp2 counts digits only */
    note_fields(block, &notes);
    head->status = (uint16_t)status;
    head->fields = block->fields + 1;
    head->field_count = block->count;
    head->body = body_of(notes.length, is_last, &head->content_length);
    if (method == METHOD_CONNECT && status / 100 == 2)
        head->body = BODY_TUNNEL;
    else if (method == METHOD_HEAD || status < 200 || status == 204 || status == 304)
        head->body = BODY_NONE;
    return REFUSAL_NONE;
}

void http2_block_keep_trailers(struct http2_block *block)
{
    uint16_t count = 0;
    struct field *fields = block->fields + 1;
    for (uint16_t i = 0; i < block->count; i++) {
        if (!field_is_forbidden_in_trailers(fields[i].id))
            fields[count++] = fields[i];
    }
    block->count = count;
}

/* ---- sending ---- */

void http2_list_deinit(struct http2_list *list)
{
    mem_free(list->fields);
    *list = (struct http2_list){0};
}

static void begin(struct http2_list *list, size_t fields)
{
    list->count = 0;
    if (fields <= list->capacity)
        return;
    list->capacity = fields;
    list->fields = mem_grow(list->fields, fields * sizeof *list->fields);
}

static void put(struct http2_list *list, struct str name, struct str value, uint8_t flags)
{
    list->fields[list->count++] = (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.ptr,
        .value = (uint8_t *)(uintptr_t)value.ptr,
        .namelen = name.len,
        .valuelen = value.len,
        .flags = flags,
    };
}

/* Names that are literals in lower case need no copy. */
static void put_own(struct http2_list *list, struct str name, struct str value)
{
    put(list, name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME);
}

/* What HTTP/2 says in other ways, or not at all (RFC 9113 8.2.2). */
static bool is_left_out(const struct head *head, const struct field *field)
{
    switch (field->id) {
    case FIELD_CONNECTION:
    case FIELD_KEEP_ALIVE:
    case FIELD_PROXY_CONNECTION:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_TE:
    case FIELD_UPGRADE: return true;
    case FIELD_HOST: return !head->status;
    case FIELD_CONTENT_LENGTH: return head->body == BODY_STREAM || head->body == BODY_TUNNEL;
    default: return false;
    }
}

static void put_fields(struct http2_list *list, const struct head *head, bool has_length)
{
    for (uint16_t i = 0; i < head->field_count; i++) {
        const struct field *field = &head->fields[i];
        if (is_left_out(head, field))
            continue;
        if (field->id == FIELD_CONTENT_LENGTH)
            has_length = false;
        put(list, field->name, field->value, NGHTTP2_NV_FLAG_NONE);
    }
    if (!has_length)
        return;
    int len = snprintf(list->number + 4, sizeof list->number - 4, "%llu", (unsigned long long)head->content_length);
    put_own(list, STR("content-length"), (struct str){list->number + 4, (size_t)len});
}

void http2_list_request(struct http2_list *list, const struct head *head, bool is_tls)
{
    bool is_connect = head->method_id == METHOD_CONNECT;
    const struct field *host = head_find(head, FIELD_HOST);
    begin(list, (size_t)head->field_count + 6);
    put_own(list, STR(":method"), head->method);
    if (!is_connect) {
        put_own(list, STR(":scheme"), is_tls ? STR("https") : STR("http"));
        put_own(list, STR(":path"), head->target);
    }
    struct str authority = is_connect ? head->target : host ? host->value : head->authority;
    if (authority.len)
        put_own(list, STR(":authority"), authority);
    put_fields(list, head, head->body == BODY_LENGTH);
    if (head->takes_trailers)
        put_own(list, STR("te"), STR("trailers"));
}

void http2_list_response(struct http2_list *list, const struct head *head, bool has_length)
{
    begin(list, (size_t)head->field_count + 2);
    list->number[0] = (char)('0' + head->status / 100 % 10);
    list->number[1] = (char)('0' + head->status / 10 % 10);
    list->number[2] = (char)('0' + head->status % 10);
    put_own(list, STR(":status"), (struct str){list->number, 3});
    put_fields(list, head, has_length);
}

void http2_list_trailers(struct http2_list *list, const struct field *fields, uint16_t count)
{
    begin(list, count);
    for (uint16_t i = 0; i < count; i++)
        put(list, fields[i].name, fields[i].value, NGHTTP2_NV_FLAG_NONE);
}
