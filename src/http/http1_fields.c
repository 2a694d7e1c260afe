/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_fields.h"

#include "http/byte_class.h"
#include "http/http1_scan.h"

static inline bool is_ows(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* One "name: value" line; the byte after its CR LF, or NULL when it is malformed. CR stops every scan, and the last bytes
 * are CR LF: no scan leaves the head. */
static inline const char *parse_line(const char *line, const char *end, struct field *field)
{
    const char *at = scan_name(line, end);
    while (byte_is(*at, BYTE_TOKEN))
        at++;
    /* Leading blanks (obs-fold), blanks before the colon, no colon, no name. */
    if (at == line || *at != ':')
        return NULL;
    field->name = (struct str){line, (size_t)(at - line)};

    const char *value = at + 1;
    while (is_ows(*value))
        value++;
    at = scan_value(value, end);
    if (at[0] != '\r' || at[1] != '\n')
        return NULL;
    const char *next = at + 2;
    while (at > value && is_ows(at[-1]))
        at--;
    field->value = (struct str){value, (size_t)(at - value)};
    return next;
}

enum refusal http1_parse_fields(const char *at, const char *end, struct field *fields, uint16_t *count)
{
    struct field *field = fields;
    for (; end - at > 2; field++) {
        if (field == fields + HEAD_MAX_FIELDS)
            return REFUSAL_HEADER_SIZE;
        at = parse_line(at, end, field);
        if (at == NULL)
            return REFUSAL_SYNTAX;
    }
    /* The empty line; a field that ran into the end has eaten it. */
    if (end - at != 2 || at[0] != '\r')
        return REFUSAL_SYNTAX;
    *count = (uint16_t)(field - fields);
    /* Apart, so that no call stands between the scans and their constants stay in registers. */
    for (uint16_t i = 0; i < *count; i++)
        fields[i].id = field_id_from_name(fields[i].name);
    return REFUSAL_NONE;
}

enum parse http1_parse_trailers(struct str bytes, struct field *fields, uint16_t *count, enum refusal *refusal)
{
    const char *end = bytes.ptr + bytes.len;
    *count = 0;
    *refusal = REFUSAL_SYNTAX;
    if (bytes.len < 2 || end[-2] != '\r' || end[-1] != '\n')
        return PARSE_BAD;
    uint16_t received = 0;
    *refusal = http1_parse_fields(bytes.ptr, end, fields, &received);
    if (*refusal != REFUSAL_NONE)
        return PARSE_BAD;
    for (uint16_t i = 0; i < received; i++) {
        if (!field_is_forbidden_in_trailers(fields[i].id))
            fields[(*count)++] = fields[i];
    }
    return PARSE_DONE;
}
