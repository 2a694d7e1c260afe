/* SPDX-License-Identifier: Apache-2.0 */
/* The head of one HTTP message, request or response, independent of the version that carried it. A request of HTTP/2 is given a Host field
 * from :authority as its first field, and one Cookie field for all of its pieces (RFC 9113 8.2.3), so that what stands above the codecs finds
 * both where HTTP/1 has them; on the way out the codec of HTTP/2 makes :authority of the Host field and lower case of all names.
 * All strs point into memory that the producer names (the read buffer during on_head, an arena after head_copy);
 * field order, duplicates and case are kept as received. Thread: any. */
#pragma once

#include "base/str.h"
#include "http/field.h"

struct arena;

enum http_version { HTTP_1_0, HTTP_1_1, HTTP_2 };

enum http_method {
    METHOD_OTHER,
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_PATCH,
    METHOD_TRACE,
    METHOD_CONNECT,
    METHOD_COUNT
};

enum body_kind {
    BODY_NONE,   /* no body follows; also Content-Length: 0 */
    BODY_LENGTH, /* content_length bytes follow */
    BODY_STREAM, /* length unknown: chunked in HTTP/1.1, frames in HTTP/2 */
    BODY_CLOSE,  /* response only: until the connection closes */
    BODY_TUNNEL, /* after 101 or a 2xx to CONNECT: bytes both ways until both sides end */
};

/* What is larger is refused: 431, 431, 414. */
#define HEAD_MAX_BYTES (64 * 1024)
#define HEAD_MAX_FIELDS 128
#define HEAD_MAX_TARGET (16 * 1024)

struct head {
    enum http_version version;
    enum body_kind body;
    uint64_t content_length; /* when body is BODY_LENGTH; for a response to HEAD what Content-Length said */
    /* requests */
    enum http_method method_id;
    struct str method;    /* as sent, case-sensitive */
    struct str target;    /* the bytes of the request target as sent */
    struct str path;      /* the part of target before '?'; empty for authority-form, "*" for asterisk-form */
    struct str query;     /* after '?', without it; ptr is NULL when there is no '?' */
    struct str authority; /* host[:port] that counts: absolute-form's authority, else Host, else :authority */
    /* responses */
    uint16_t status;
    struct str reason;
    bool is_last; /* to be sent: what has not come of the request is not awaited (not set by parsing) */
    /* both */
    bool is_keep_alive;       /* the sender lets the connection be reused after this message (HTTP/1) */
    bool has_expect_continue; /* HTTP/1.1, Expect: 100-continue and a body that could wait for it */
    bool takes_trailers;      /* request: TE says trailers; a codec of HTTP/2 passes it on, since gRPC asks for it */
    struct str scheme;        /* request of HTTP/2: :scheme; else empty */
    bool has_upgrade;         /* HTTP/1.1 request: Connection names upgrade and there is an Upgrade field */
    struct str upgrade; /* to be sent: adds Connection: upgrade and Upgrade with this value (not set by parsing) */
    uint16_t field_count;
    struct field *fields;
};

enum http_method method_from_str(struct str name);
/* GET, HEAD, OPTIONS, TRACE, PUT, DELETE (RFC 9110 9.2.2). */
bool method_is_idempotent(enum http_method method);

/* The first field with this id, or NULL. */
const struct field *head_find(const struct head *head, enum field_id id);
/* The first field with this name (ASCII case-insensitive), or NULL. */
const struct field *head_find_name(const struct head *head, struct str name);

/* Copies everything that `from` points at into the arena, with room for `spare` further fields. */
void head_copy(struct head *to, const struct head *from, struct arena *arena, size_t spare);
/* Fields with copies of their names and values, all in the arena. */
struct field *fields_copy(const struct field *fields, uint16_t count, struct arena *arena);
/* Appends a field; there must be room (head_copy's spare). Nothing is copied. */
void head_add(struct head *head, enum field_id id, struct str name, struct str value);
