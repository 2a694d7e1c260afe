/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_fields.h"

#include "http/byte_class.h"
#include "http/http1_scan.h"

static const char *skip_ows(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* One "name: value" line with its CR LF. CR stops every scan, and the last bytes are CR LF: no scan leaves the head. */
static enum refusal parse_line(const char **line, const char *end, struct field *field)
{
    const char *name = *line, *at = scan_name(name, end);
    while (byte_is(*at, BYTE_TOKEN))
        at++;
    /* Leading blanks (obs-fold), blanks before the colon, no colon, no name. */
    if (at == name || *at != ':')
        return REFUSAL_SYNTAX;
    field->name = (struct str){name, (size_t)(at - name)};
    field->id = field_id_from_name(field->name);

    const char *value = skip_ows(at + 1);
    at = scan_value(value, end);
    if (at[0] != '\r' || at[1] != '\n')
        return REFUSAL_SYNTAX;
    *line = at + 2;
    while (at > value && (at[-1] == ' ' || at[-1] == '\t'))
        at--;
    field->value = (struct str){value, (size_t)(at - value)};
    return REFUSAL_NONE;
}

enum refusal http1_parse_fields(const char *at, const char *end, struct field *fields, uint16_t *count)
{
    while (end - at > 2) {
        if (*count == HEAD_MAX_FIELDS)
            return REFUSAL_HEADER_SIZE;
        enum refusal refusal = parse_line(&at, end, &fields[*count]);
        if (refusal != REFUSAL_NONE)
            return refusal;
        (*count)++;
    }
    /* The empty line; a field that ran into the end has eaten it. */
    return end - at == 2 && at[0] == '\r' ? REFUSAL_NONE : REFUSAL_SYNTAX;
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
