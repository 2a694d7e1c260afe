/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_format.h"

#include "base/assert.h"

/* Version, status, blanks, line ends and all framing fields but the upgrade's value; generous. */
#define FIXED_BOUND 256

static char *put(char *out, struct str s)
{
    if (s.len > 0)
        memcpy(out, s.ptr, s.len);
    return out + s.len;
}

static char *put_line_end(char *out)
{
    out[0] = '\r';
    out[1] = '\n';
    return out + 2;
}

static char *put_field(char *out, struct str name, struct str value)
{
    out = put(out, name);
    *out++ = ':';
    *out++ = ' ';
    return put_line_end(put(out, value));
}

static char *put_u64(char *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return put(out, (struct str){digits + at, sizeof(digits) - at});
}

size_t http1_head_bound(const struct head *head)
{
    size_t bound = FIXED_BOUND + HTTP1_UPGRADE_MAX + head->method.len + head->target.len + head->reason.len;
    for (uint16_t i = 0; i < head->field_count; i++)
        bound += head->fields[i].name.len + head->fields[i].value.len + 4;
    return bound;
}

static char *put_fields(char *out, const struct head *head, const struct http1_framing *framing)
{
    bool has_length = false;
    for (uint16_t i = 0; i < head->field_count; i++) {
        const struct field *field = &head->fields[i];
        if (field->id == FIELD_CONTENT_LENGTH) {
            /* Both would be a smuggling gift. */
            if (framing->is_chunked)
                continue;
            has_length = true;
        }
        out = put_field(out, field->name, field->value);
    }
    if (framing->is_chunked)
        out = put(out, STR("Transfer-Encoding: chunked\r\n"));
    if (framing->has_length && !has_length && !framing->is_chunked) {
        out = put(out, STR("Content-Length: "));
        out = put_line_end(put_u64(out, head->content_length));
    }
    return out;
}

static char *put_connection(char *out, const struct http1_framing *framing)
{
    if (framing->is_close)
        out = put(out, STR("Connection: close\r\n"));
    if (framing->is_keep_alive_1_0)
        out = put(out, STR("Connection: keep-alive\r\n"));
    if (framing->upgrade.len > 0 && framing->upgrade.len <= HTTP1_UPGRADE_MAX) {
        out = put(out, STR("Connection: upgrade\r\n"));
        out = put_field(out, STR("Upgrade"), framing->upgrade);
    }
    return put_line_end(out);
}

size_t http1_format_request(char *out, const struct head *head, const struct http1_framing *framing)
{
    char *at = put(out, head->method);
    *at++ = ' ';
    at = put(at, head->target);
    at = put(at, STR(" HTTP/1.1\r\n"));
    at = put_fields(at, head, framing);
    return (size_t)(put_connection(at, framing) - out);
}

size_t http1_format_response(char *out, const struct head *head, const struct http1_framing *framing)
{
    ASSERT(head->status >= 100 && head->status <= 999);
    char *at = put(out, STR("HTTP/1.1 "));
    at = put_u64(at, head->status);
    *at++ = ' ';
    at = put(at, head->reason.len > 0 ? head->reason : http_reason(head->status));
    at = put_line_end(at);
    at = put_fields(at, head, framing);
    return (size_t)(put_connection(at, framing) - out);
}

size_t http1_format_chunk_size(char *out, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t digits = 1;
    while (digits < 2 * sizeof(len) && len >> (4 * digits) != 0)
        digits++;
    for (size_t i = digits; i > 0; i--, len >>= 4)
        out[i - 1] = hex[len & 15];
    put_line_end(out + digits);
    return digits + 2;
}

struct str http_reason(uint16_t status)
{
    static const struct str reasons[] = {
        [100] = STR_INIT("Continue"),
        [101] = STR_INIT("Switching Protocols"),
        [103] = STR_INIT("Early Hints"),
        [200] = STR_INIT("OK"),
        [201] = STR_INIT("Created"),
        [202] = STR_INIT("Accepted"),
        [203] = STR_INIT("Non-Authoritative Information"),
        [204] = STR_INIT("No Content"),
        [205] = STR_INIT("Reset Content"),
        [206] = STR_INIT("Partial Content"),
        [207] = STR_INIT("Multi-Status"),
        [300] = STR_INIT("Multiple Choices"),
        [301] = STR_INIT("Moved Permanently"),
        [302] = STR_INIT("Found"),
        [303] = STR_INIT("See Other"),
        [304] = STR_INIT("Not Modified"),
        [307] = STR_INIT("Temporary Redirect"),
        [308] = STR_INIT("Permanent Redirect"),
        [400] = STR_INIT("Bad Request"),
        [401] = STR_INIT("Unauthorized"),
        [402] = STR_INIT("Payment Required"),
        [403] = STR_INIT("Forbidden"),
        [404] = STR_INIT("Not Found"),
        [405] = STR_INIT("Method Not Allowed"),
        [406] = STR_INIT("Not Acceptable"),
        [407] = STR_INIT("Proxy Authentication Required"),
        [408] = STR_INIT("Request Timeout"),
        [409] = STR_INIT("Conflict"),
        [410] = STR_INIT("Gone"),
        [411] = STR_INIT("Length Required"),
        [412] = STR_INIT("Precondition Failed"),
        [413] = STR_INIT("Content Too Large"),
        [414] = STR_INIT("URI Too Long"),
        [415] = STR_INIT("Unsupported Media Type"),
        [416] = STR_INIT("Range Not Satisfiable"),
        [417] = STR_INIT("Expectation Failed"),
        [418] = STR_INIT("I'm a teapot"),
        [421] = STR_INIT("Misdirected Request"),
        [422] = STR_INIT("Unprocessable Content"),
        [423] = STR_INIT("Locked"),
        [424] = STR_INIT("Failed Dependency"),
        [425] = STR_INIT("Too Early"),
        [426] = STR_INIT("Upgrade Required"),
        [428] = STR_INIT("Precondition Required"),
        [429] = STR_INIT("Too Many Requests"),
        [431] = STR_INIT("Request Header Fields Too Large"),
        [451] = STR_INIT("Unavailable For Legal Reasons"),
        [500] = STR_INIT("Internal Server Error"),
        [501] = STR_INIT("Not Implemented"),
        [502] = STR_INIT("Bad Gateway"),
        [503] = STR_INIT("Service Unavailable"),
        [504] = STR_INIT("Gateway Timeout"),
        [505] = STR_INIT("HTTP Version Not Supported"),
        [507] = STR_INIT("Insufficient Storage"),
        [508] = STR_INIT("Loop Detected"),
        [511] = STR_INIT("Network Authentication Required"),
    };
    if (status >= sizeof(reasons) / sizeof(reasons[0]) || reasons[status].ptr == NULL)
        return STR("");
    return reasons[status];
}
