/* SPDX-License-Identifier: Apache-2.0 */
#include "http/byte_class.h"
#include "http/http1_fields.h"
#include "http/http1_scan.h"
#include "http/url.h"

/* What the fields say about framing, routing and the connection. */
struct notes {
    const struct field *host, *length, *coding;
    bool is_host_repeated, is_length_repeated, is_coding_repeated;
    bool says_close, says_keep_alive, says_upgrade;
    bool has_upgrade, has_expect_continue;
    size_t options; /* of Connection, empty ones too */
};

const char *refusal_name(enum refusal refusal)
{
    static const char *const names[REFUSAL_COUNT] = {
        [REFUSAL_NONE] = "none",         [REFUSAL_FRAMING] = "framing",
        [REFUSAL_SYNTAX] = "syntax",     [REFUSAL_HOST] = "host",
        [REFUSAL_TARGET] = "target",     [REFUSAL_HEADER_SIZE] = "header_size",
        [REFUSAL_URI_SIZE] = "uri_size", [REFUSAL_VERSION] = "version",
        [REFUSAL_TIMEOUT] = "timeout",   [REFUSAL_CONNECTIONS] = "connections",
        [REFUSAL_MARKER] = "marker",
    };
    return names[refusal];
}

uint16_t refusal_status(enum refusal refusal)
{
    switch (refusal) {
    case REFUSAL_FRAMING:
    case REFUSAL_SYNTAX:
    case REFUSAL_HOST:
    case REFUSAL_TARGET: return 400;
    case REFUSAL_HEADER_SIZE: return 431;
    case REFUSAL_URI_SIZE: return 414;
    case REFUSAL_VERSION: return 505;
    case REFUSAL_TIMEOUT: return 408;
    default: return 0;
    }
}

/* Copied, because compilers clear a struct of this size with a string instruction that takes longer. */
static const struct head empty_head;

static void reset_head(struct head *head)
{
    struct field *fields = head->fields;
    *head = empty_head;
    head->fields = fields;
}

/* CR LF CR LF at the end is what lets every later scan run without asking for the end. */
static enum refusal check_extent(struct str bytes)
{
    if (bytes.len > HEAD_MAX_BYTES)
        return REFUSAL_HEADER_SIZE;
    bool is_whole = bytes.len >= 4 && memcmp(bytes.ptr + bytes.len - 4, "\r\n\r\n", 4) == 0;
    return is_whole ? REFUSAL_NONE : REFUSAL_SYNTAX;
}

/* "HTTP/1.1" at the front of [at, end). */
static enum refusal parse_version(const char *at, const char *end, enum http_version *version)
{
    if (end - at < 8 || memcmp(at, "HTTP/", 5) != 0 || at[6] != '.')
        return REFUSAL_SYNTAX;
    char major = at[5], minor = at[7];
    if (major < '0' || major > '9' || minor < '0' || minor > '9')
        return REFUSAL_SYNTAX;
    if (major != '1' || minor > '1')
        return REFUSAL_VERSION;
    *version = minor == '1' ? HTTP_1_1 : HTTP_1_0;
    return REFUSAL_NONE;
}

static enum refusal parse_request_line(const char **line, const char *end, struct head *head)
{
    const char *at = *line;
    for (int i = 0; i < 2 && end - at > 4 && at[0] == '\r' && at[1] == '\n'; i++)
        at += 2;

    const char *method = at;
    while (byte_is(*at, BYTE_TOKEN))
        at++;
    if (at == method || *at != ' ')
        return REFUSAL_SYNTAX;
    head->method = (struct str){method, (size_t)(at - method)};
    head->method_id = method_from_str(head->method);

    const char *target = at + 1;
    at = scan_target(target, end);
    head->target = (struct str){target, (size_t)(at - target)};
    if (head->target.len > HEAD_MAX_TARGET)
        return REFUSAL_URI_SIZE;
    if (at == target || *at == '\r' || *at == '\n')
        return REFUSAL_SYNTAX;
    if (*at != ' ')
        return REFUSAL_TARGET;

    enum refusal refusal = parse_version(at + 1, end, &head->version);
    at += 1 + strlen("HTTP/1.1");
    if (refusal == REFUSAL_NONE && (at[0] != '\r' || at[1] != '\n'))
        refusal = REFUSAL_SYNTAX;
    *line = at + 2;
    return refusal;
}

/* Lenient in one thing: the reason, with or without the SP before it, may be missing. */
static enum refusal parse_status_line(const char **line, const char *end, struct head *head)
{
    const char *at = *line;
    enum refusal refusal = parse_version(at, end, &head->version);
    if (refusal != REFUSAL_NONE)
        return refusal;
    at += strlen("HTTP/1.1");
    if (*at++ != ' ')
        return REFUSAL_SYNTAX;
    for (int i = 0; i < 3; i++, at++) {
        if (*at < '0' || *at > '9')
            return REFUSAL_SYNTAX;
        head->status = (uint16_t)(head->status * 10 + (*at - '0'));
    }
    if (head->status < 100 || (*at != ' ' && *at != '\r'))
        return REFUSAL_SYNTAX;
    if (*at == ' ')
        at++;
    const char *reason = at;
    at = scan_value(reason, end);
    if (at[0] != '\r' || at[1] != '\n')
        return REFUSAL_SYNTAX;
    head->reason = (struct str){reason, (size_t)(at - reason)};
    *line = at + 2;
    return REFUSAL_NONE;
}

static void note_connection(struct str list, struct notes *notes)
{
    struct str option;
    while (str_next(&list, ',', &option)) {
        notes->options++;
        if (option.len == 5)
            notes->says_close |= str_eq_nocase(option, STR("close"));
        else if (option.len == 10)
            notes->says_keep_alive |= str_eq_nocase(option, STR("keep-alive"));
        else if (option.len == 7)
            notes->says_upgrade |= str_eq_nocase(option, STR("upgrade"));
    }
}

/* Keeps the first, tells when there is another. */
static void note_once(const struct field *field, const struct field **first, bool *is_repeated)
{
    if (*first)
        *is_repeated = true;
    else
        *first = field;
}

static void note_fields(const struct head *head, struct notes *notes)
{
    for (uint16_t i = 0; i < head->field_count; i++) {
        const struct field *field = &head->fields[i];
        switch (field->id) {
        case FIELD_HOST: note_once(field, &notes->host, &notes->is_host_repeated); break;
        case FIELD_CONTENT_LENGTH: note_once(field, &notes->length, &notes->is_length_repeated); break;
        case FIELD_TRANSFER_ENCODING: note_once(field, &notes->coding, &notes->is_coding_repeated); break;
        case FIELD_CONNECTION: note_connection(field->value, notes); break;
        case FIELD_UPGRADE: notes->has_upgrade = true; break;
        case FIELD_EXPECT: notes->has_expect_continue |= str_eq_nocase(field->value, STR("100-continue")); break;
        default: break;
        }
    }
}

/* Every field is compared with every option: more of them than there may be fields have no meaning. */
static enum refusal check_options(const struct notes *notes)
{
    return notes->options > HEAD_MAX_FIELDS ? REFUSAL_HEADER_SIZE : REFUSAL_NONE;
}

/* RFC 9112 6.3, without its lenience: every message that two parsers could read differently is refused. A length over
 * INT64_MAX is one that others take for negative. Leaves body as it is when no field frames one. */
static enum refusal apply_framing(struct head *head, const struct notes *notes)
{
    if (notes->coding) {
        bool is_sound = !notes->length && !notes->is_coding_repeated && head->version == HTTP_1_1 &&
                        str_eq_nocase(notes->coding->value, STR("chunked"));
        head->body = BODY_STREAM;
        return is_sound ? REFUSAL_NONE : REFUSAL_FRAMING;
    }
    if (notes->length) {
        if (notes->is_length_repeated || !str_to_u64(notes->length->value, &head->content_length) ||
            head->content_length > INT64_MAX)
            return REFUSAL_FRAMING;
        head->body = head->content_length > 0 ? BODY_LENGTH : BODY_NONE;
    }
    return REFUSAL_NONE;
}

static void apply_connection(struct head *head, const struct notes *notes)
{
    head->is_keep_alive = !notes->says_close && (head->version == HTTP_1_1 || notes->says_keep_alive);
}

static void split_path(struct str path_and_query, struct head *head)
{
    size_t len = str_find_char(path_and_query, '?');
    head->path = (struct str){path_and_query.ptr, len};
    if (len < path_and_query.len)
        head->query = (struct str){path_and_query.ptr + len + 1, path_and_query.len - len - 1};
}

/* "http://host/path": false when the scheme is none of ours or the authority is not valid. */
static bool split_absolute(struct head *head)
{
    static const struct str schemes[] = {STR_INIT("http://"), STR_INIT("https://")};
    struct str rest = STR_NONE;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (str_eq_nocase(str_slice(head->target, 0, schemes[i].len), schemes[i]))
            rest = str_slice(head->target, schemes[i].len, head->target.len);
    }
    size_t len = 0;
    while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?')
        len++;
    head->authority = (struct str){rest.ptr, len};
    if (!url_authority_is_valid(head->authority))
        return false;
    split_path((struct str){rest.ptr + len, rest.len - len}, head);
    if (head->path.len == 0)
        head->path = STR("/"); /* RFC 9110 4.2.3 */
    return true;
}

/* The forms of RFC 9112 3.2. */
static enum refusal split_target(struct head *head)
{
    bool is_valid;
    if (head->method_id == METHOD_CONNECT) {
        struct str host;
        uint16_t port;
        is_valid = url_split_authority(head->target, &host, &port) && port != 0;
        head->authority = head->target;
    } else if (head->target.ptr[0] == '/') {
        is_valid = true;
        split_path(head->target, head);
    } else if (str_eq(head->target, STR("*"))) {
        is_valid = head->method_id == METHOD_OPTIONS;
        head->path = head->target;
    } else {
        is_valid = split_absolute(head);
    }
    return is_valid ? REFUSAL_NONE : REFUSAL_TARGET;
}

/* RFC 9112 3.2; sets the authority, which the target's form may overrule. */
static enum refusal apply_host(struct head *head, const struct notes *notes)
{
    if (notes->is_host_repeated)
        return REFUSAL_HOST;
    if (notes->host == NULL)
        return head->version == HTTP_1_1 ? REFUSAL_HOST : REFUSAL_NONE;
    head->authority = notes->host->value;
    bool is_empty_allowed = head->method_id == METHOD_CONNECT;
    bool is_valid = head->authority.len == 0 ? is_empty_allowed : url_authority_is_valid(head->authority);
    return is_valid ? REFUSAL_NONE : REFUSAL_HOST;
}

static enum refusal apply_request_fields(struct head *head)
{
    struct notes notes = {0};
    note_fields(head, &notes);
    enum refusal refusal = check_options(&notes);
    if (refusal == REFUSAL_NONE)
        refusal = apply_framing(head, &notes);
    /* CONNECT has no content (RFC 9110 9.3.6): some parsers would read it as the tunnel's first bytes. */
    if (refusal == REFUSAL_NONE && head->method_id == METHOD_CONNECT && head->body != BODY_NONE)
        refusal = REFUSAL_FRAMING;
    if (refusal == REFUSAL_NONE)
        refusal = apply_host(head, &notes);
    if (refusal == REFUSAL_NONE)
        refusal = split_target(head);
    apply_connection(head, &notes);
    /* HTTP/1.0 has neither (RFC 9110 7.8, 10.1.1); there is nothing to wait for where no body follows. */
    head->has_upgrade = head->version == HTTP_1_1 && notes.says_upgrade && notes.has_upgrade;
    head->has_expect_continue = head->version == HTTP_1_1 && notes.has_expect_continue && head->body != BODY_NONE;
    return refusal;
}

enum parse http1_parse_request(struct str head_bytes, struct head *head, enum refusal *refusal)
{
    const char *at = head_bytes.ptr, *end = at + head_bytes.len;
    reset_head(head);
    *refusal = check_extent(head_bytes);
    if (*refusal == REFUSAL_NONE)
        *refusal = parse_request_line(&at, end, head);
    if (*refusal == REFUSAL_NONE)
        *refusal = http1_parse_fields(at, end, head->fields, &head->field_count);
    if (*refusal == REFUSAL_NONE)
        *refusal = apply_request_fields(head);
    return *refusal == REFUSAL_NONE ? PARSE_DONE : PARSE_BAD;
}

/* RFC 9112 6.3, items 1, 2 and 8: what the status and the request's method overrule. */
static enum body_kind response_body(const struct head *head, enum http_method method)
{
    if (head->status == 101 || (method == METHOD_CONNECT && head->status / 100 == 2))
        return BODY_TUNNEL;
    if (method == METHOD_HEAD || head->status < 200 || head->status == 204 || head->status == 304)
        return BODY_NONE;
    return head->body;
}

enum parse http1_parse_response(struct str head_bytes, enum http_method method, struct head *head,
                                enum refusal *refusal)
{
    const char *at = head_bytes.ptr, *end = at + head_bytes.len;
    reset_head(head);
    head->body = BODY_CLOSE;
    *refusal = check_extent(head_bytes);
    if (*refusal == REFUSAL_NONE)
        *refusal = parse_status_line(&at, end, head);
    if (*refusal == REFUSAL_NONE)
        *refusal = http1_parse_fields(at, end, head->fields, &head->field_count);
    if (*refusal != REFUSAL_NONE)
        return PARSE_BAD;

    struct notes notes = {0};
    note_fields(head, &notes);
    *refusal = check_options(&notes);
    if (*refusal == REFUSAL_NONE)
        *refusal = apply_framing(head, &notes);
    apply_connection(head, &notes);
    head->body = response_body(head, method);
    if (head->body == BODY_CLOSE)
        head->is_keep_alive = false;
    return *refusal == REFUSAL_NONE ? PARSE_DONE : PARSE_BAD;
}
