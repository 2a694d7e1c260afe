/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever Umbra accepts as a request, llhttp in strict mode must accept too, with the same method, target, fields, body
 * and end of message: two parsers that disagree are how requests are smuggled. Umbra may refuse more. Where llhttp 8.1.0
 * is known to refuse more, is_known_difference says why. */
#include "base/assert.h"
#include "http1_feed.h"

#include <llhttp/llhttp.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* One request as either parser understood it. */
struct request {
    struct str method, target;
    const char *trailers; /* where the trailer section begins, or NULL */
    struct field fields[HEAD_MAX_FIELDS];
    size_t field_count; /* of the head */
    bool is_head_done, is_done;
    size_t body_len;
    uint64_t body_hash;
};

static bool read_umbra(struct str bytes, struct request *request, size_t *end)
{
    struct head head = {.fields = request->fields};
    struct str section;
    enum refusal refusal;
    size_t len;
    uint16_t count;
    struct field trailers[HEAD_MAX_FIELDS];
    if (feed_head_end(bytes, bytes.len + 1, end, &refusal) != PARSE_DONE ||
        http1_parse_request(str_slice(bytes, 0, *end), &head, &refusal) != PARSE_DONE)
        return false;
    request->method = head.method;
    request->target = head.target;
    request->field_count = head.field_count;
    struct str rest = str_slice(bytes, *end, bytes.len);
    if (head.body == BODY_STREAM) {
        struct feed_body body = feed_chunked(rest, rest.len + 1);
        section = str_slice(rest, body.used, rest.len);
        if (body.result != PARSE_DONE || feed_trailers_end(section, section.len + 1, &len, &refusal) != PARSE_DONE ||
            http1_parse_trailers(str_slice(section, 0, len), trailers, &count, &refusal) != PARSE_DONE)
            return false;
        request->trailers = section.ptr;
        request->body_len = body.len;
        request->body_hash = body.hash;
        *end += body.used + len;
        return true;
    }
    if (head.content_length > rest.len)
        return false;
    request->body_len = (size_t)head.content_length;
    request->body_hash = feed_hash(FEED_HASH_START, str_slice(rest, 0, request->body_len));
    *end += request->body_len;
    return true;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    ((struct request *)parser->data)->target = (struct str){at, len};
    return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t len)
{
    struct request *request = parser->data;
    if (!request->is_head_done)
        request->fields[request->field_count++] = (struct field){.name = {at, len}};
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct request *request = parser->data;
    if (!request->is_head_done)
        request->fields[request->field_count - 1].value = str_trim((struct str){at, len});
    return 0;
}

static int on_head_done(llhttp_t *parser)
{
    ((struct request *)parser->data)->is_head_done = true;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct request *request = parser->data;
    request->body_len += len;
    request->body_hash = feed_hash(request->body_hash, (struct str){at, len});
    return 0;
}

static int on_done(llhttp_t *parser)
{
    ((struct request *)parser->data)->is_done = true;
    return HPE_PAUSED;
}

/* Methods that llhttp 8.1.0 takes in HTTP; it refuses the rest, Umbra passes any token on (RFC 9110 9.1). */
static bool is_known_method(struct str method)
{
#define ROW(number, name, text) STR_INIT(#text),
    static const struct str names[] = {HTTP_METHOD_MAP(ROW)};
#undef ROW
    for (size_t i = 0; i <= HTTP_SOURCE; i++) {
        if (str_eq(method, names[i]))
            return true;
    }
    return false;
}

/* HTAB after the value: OWS in RFC 9110 5.6.3, which llhttp 8.1.0 refuses after a length or a coding. */
static bool has_tab_after(const struct request *request, enum field_id id)
{
    for (size_t i = 0; i < request->field_count; i++) {
        const char *at = request->fields[i].value.ptr + request->fields[i].value.len;
        while (request->fields[i].id == id && *at == ' ')
            at++;
        if (request->fields[i].id == id && *at == '\t')
            return true;
    }
    return false;
}

/* Framing fields among the trailers: llhttp refuses them, Umbra drops them (RFC 9110 6.5.1). */
static bool is_in_trailers(const struct request *request, const char *at)
{
    return request->trailers && at >= request->trailers;
}

/* Extensions: llhttp 8.1.0 takes no blanks, no quoted pairs and nothing after a value; Umbra drops what it is. Both find
 * the line's end at the same CR LF, because neither lets one stand inside. */
static bool is_after_semicolon(const char *at, const char *begin)
{
    while (at > begin && at[-1] != '\n') {
        if (*--at == ';')
            return true;
    }
    return false;
}

static bool is_known_difference(llhttp_t *parser, const struct request *umbra, struct str bytes)
{
    const char *at = llhttp_get_error_pos(parser);
    switch (llhttp_get_errno(parser)) {
    case HPE_INVALID_METHOD:
    case HPE_INVALID_VERSION: /* PRI, which it knows as HTTP/2's */
    case HPE_INVALID_CONSTANT: return !is_known_method(umbra->method);
    case HPE_INVALID_CONTENT_LENGTH: return has_tab_after(umbra, FIELD_CONTENT_LENGTH) || is_in_trailers(umbra, at);
    case HPE_INVALID_TRANSFER_ENCODING:
        return has_tab_after(umbra, FIELD_TRANSFER_ENCODING) || is_in_trailers(umbra, at);
    case HPE_UNEXPECTED_CONTENT_LENGTH: return is_in_trailers(umbra, at);
    case HPE_STRICT:
    case HPE_INVALID_CHUNK_SIZE: return is_after_semicolon(at, bytes.ptr);
    default: return false;
    }
}

static void check_same(const struct request *umbra, const struct request *peer)
{
    ASSERT(str_eq(umbra->target, peer->target));
    ASSERT(umbra->field_count == peer->field_count);
    for (size_t i = 0; i < umbra->field_count; i++) {
        ASSERT(str_eq(umbra->fields[i].name, peer->fields[i].name));
        ASSERT(str_eq(umbra->fields[i].value, peer->fields[i].value));
    }
    ASSERT(umbra->body_len == peer->body_len && umbra->body_hash == peer->body_hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct request umbra, peer;
    struct str bytes = {(const char *)data, len};
    size_t end;
    memset(&umbra, 0, sizeof(umbra));
    memset(&peer, 0, sizeof(peer));
    peer.body_hash = FEED_HASH_START;
    if (!read_umbra(bytes, &umbra, &end))
        return 0;

    llhttp_t parser;
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_url = on_url;
    settings.on_header_field = on_field;
    settings.on_header_value = on_value;
    settings.on_headers_complete = on_head_done;
    settings.on_body = on_body;
    settings.on_message_complete = on_done;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &peer;
    llhttp_execute(&parser, bytes.ptr, bytes.len);
    if (!peer.is_done && is_known_difference(&parser, &umbra, bytes))
        return 0;
    /* Where the request asks for an upgrade as well, it does not refuse such a coding but takes it for none, and ends with the head. What
     * live gets of Umbra has no tab there. */
    if (parser.upgrade && has_tab_after(&umbra, FIELD_TRANSFER_ENCODING))
        return 0;
    ASSERT(peer.is_done);
    ASSERT(llhttp_get_error_pos(&parser) == bytes.ptr + end);
    ASSERT(str_eq(umbra.method, str_from_c(llhttp_method_name(parser.method))));
    check_same(&umbra, &peer);
    return 0;
}
