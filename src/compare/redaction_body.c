/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "compare/json.h"
#include "compare/redacting.h"

/* Text without structure is searched for hidden names up to this size; what is longer is left out. */
#define SEARCH_MOST ((size_t)1 << 20)

enum body_kind { BODY_JSON, BODY_FORM, BODY_MULTIPART, BODY_UNSEEN, BODY_OTHER };

static bool is_media(struct str media, struct str type)
{
    return str_eq_nocase(media, type);
}

static bool has_suffix(struct str media, struct str suffix)
{
    return media.len > suffix.len && str_eq_nocase(str_slice(media, media.len - suffix.len, media.len), suffix);
}

static bool has_prefix(struct str media, struct str prefix)
{
    return str_eq_nocase(str_slice(media, 0, prefix.len), prefix);
}

/* Structured in a way that is not looked into: several JSON texts, messages. */
static bool is_unseen(struct str media)
{
    static const struct str parts[] = {STR_INIT("ndjson"),      STR_INIT("jsonl"),   STR_INIT("json-seq"),
                                       STR_INIT("json-lines"),  STR_INIT("grpc"),    STR_INIT("protobuf"),
                                       STR_INIT("cbor"),        STR_INIT("msgpack"), STR_INIT("bson"),
                                       STR_INIT("event-stream")};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        for (size_t at = 0; at + parts[i].len <= media.len; at++) {
            if (str_eq_nocase(str_slice(media, at, at + parts[i].len), parts[i]))
                return true;
        }
    }
    return false;
}

/* What the body is meant to be. JSON is told by its first byte as well: `curl -d` calls it a form, and many call it nothing. */
static enum body_kind kind_of(struct str content_type, struct str body)
{
    struct str media = str_trim(str_slice(content_type, 0, str_find_char(content_type, ';')));
    size_t at = 0;
    if (has_prefix(media, STR("multipart/")))
        return BODY_MULTIPART;
    if (is_unseen(media))
        return BODY_UNSEEN;
    if (is_media(media, STR("application/json")) || is_media(media, STR("text/json")) ||
        has_suffix(media, STR("+json")))
        return BODY_JSON;
    while (at < body.len && body.ptr[at] && strchr(" \t\r\n", body.ptr[at]))
        at++;
    if (at < body.len && (body.ptr[at] == '{' || body.ptr[at] == '['))
        return BODY_JSON;
    return is_media(media, STR("application/x-www-form-urlencoded")) ? BODY_FORM : BODY_OTHER;
}

/* ---- masks ---- */

static bool is_text(struct str bytes)
{
    for (size_t at = 0, size; at < bytes.len; at += size) {
        unsigned char byte = (unsigned char)bytes.ptr[at];
        size = byte < 0x80 ? 1 : utf8_len(str_slice(bytes, at, bytes.len));
        if (size == 0 || (byte < ' ' && !(byte >= '\t' && byte <= '\r')))
            return false;
    }
    return true;
}

/* Of a JSON string as it is meant; escapes count one. */
static size_t count_characters(struct str escaped)
{
    size_t count = 0;
    for (size_t at = 0; at < escaped.len; at++) {
        if (escaped.ptr[at] == '\\' && at + 1 < escaped.len)
            at += escaped.ptr[at + 1] == 'u' ? 5 : 1;
        count += ((unsigned char)escaped.ptr[at < escaped.len ? at : escaped.len - 1] & 0xc0) != 0x80;
    }
    return count;
}

static bool is_number(struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (!value.ptr[i] || !strchr("0123456789+-.eE", value.ptr[i]))
            return false;
    }
    return value.len > 0;
}

void redaction_add_mask(struct str value, struct strbuf *out)
{
    bool is_string = value.len > 1 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"';
    if (is_string)
        strbuf_printf(out, "string(%zu)", count_characters(str_slice(value, 1, value.len - 1)));
    else if (value.len == 0 || value.ptr[0] == '"')
        strbuf_add(out, value.len ? STR("string") : STR_NONE);
    else if (is_number(value))
        strbuf_add(out, STR("number"));
    else if (str_eq(value, STR("true")) || str_eq(value, STR("false")))
        strbuf_add(out, STR("boolean"));
    else if (str_eq(value, STR("null")))
        strbuf_add(out, value);
    else if (value.ptr[0] == '{' || value.ptr[0] == '[')
        strbuf_add(out, value.ptr[0] == '{' ? STR("object") : STR("array"));
    else
        strbuf_printf(out, "text(%zu)", value.len);
}

static void add_masked(const struct redaction *redaction, enum body_kind kind, struct str body, bool is_cut,
                       struct strbuf *out)
{
    static const char *const names[] = {"json", "form", "multipart", "structured", NULL};
    if (kind == BODY_JSON && !is_cut && redaction_add_json(redaction, body, true, out))
        return;
    strbuf_printf(out, "%s(%zu)", names[kind] ? names[kind] : is_text(body) ? "text" : "binary", body.len);
}

/* ---- forms ---- */

static bool hides_pair(const struct redaction *redaction, struct str pair, bool *is_readable)
{
    struct str piece;
    bool is_hidden = false;
    /* For some servers a ';' separates, for others it is data. */
    while (str_next(&pair, ';', &piece)) {
        bool is_fine;
        is_hidden |= redaction_hides_parameter(redaction, str_slice(piece, 0, str_find_char(piece, '=')), true,
                                               &is_fine);
        *is_readable = *is_readable && is_fine;
    }
    return is_hidden;
}

static bool add_form(const struct redaction *redaction, struct str body, struct strbuf *out)
{
    size_t before = out->len;
    bool is_readable = true;
    for (size_t at = 0; at < body.len && is_readable;) {
        struct str pair = str_slice(body, at, body.len);
        pair = str_slice(pair, 0, str_find_char(pair, '&'));
        at += pair.len;
        size_t equals = str_find_char(pair, '=');
        if (hides_pair(redaction, pair, &is_readable) && pair.len > 0) {
            strbuf_add(out, str_slice(pair, 0, equals));
            strbuf_add_char(out, '=');
            strbuf_add(out, HIDDEN);
        } else {
            strbuf_add(out, pair);
        }
        if (at < body.len)
            strbuf_add_char(out, body.ptr[at++]);
    }
    if (!is_readable || !is_text(body)) {
        redaction_take_back(out, before);
        return false;
    }
    return true;
}

/* ---- all else ---- */

static bool has_word(struct str body, struct str word)
{
    char first = word.ptr[0], other = first;
    if ((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z'))
        other = (char)(first ^ 0x20);
    for (size_t at = 0; at + word.len <= body.len; at++) {
        if ((body.ptr[at] == first || body.ptr[at] == other) && str_eq_nocase(str_slice(body, at, at + word.len), word))
            return true;
    }
    return false;
}

/* A hidden name stands in it: XML, a script, lines of JSON that nobody announced. */
static bool may_hold_hidden(const struct redaction *redaction, struct str body)
{
    if (redaction->name_count == 0)
        return false;
    if (body.len > SEARCH_MOST || !is_text(body))
        return true;
    for (size_t i = 0; i < redaction->name_count; i++) {
        if (has_word(body, redaction->names[i]))
            return true;
    }
    return false;
}

void redaction_add_part(const struct redaction *redaction, struct str content_type, struct str body, unsigned depth,
                        struct strbuf *out)
{
    bool has_paths = redaction->name_count > 0 || redaction->hides_all, is_readable = true;
    bool has_rules = has_paths || redaction->query_count > 0;
    enum body_kind kind = kind_of(content_type, body);
    if (kind == BODY_JSON && has_paths)
        is_readable = redaction_add_json(redaction, body, false, out);
    else if (kind == BODY_FORM && has_rules)
        is_readable = add_form(redaction, body, out);
    else if (kind == BODY_MULTIPART && has_rules)
        is_readable = redaction_add_multipart(redaction, content_type, body, depth, out);
    else if (kind == BODY_UNSEEN || kind == BODY_OTHER)
        is_readable = !(kind == BODY_UNSEEN ? has_paths : may_hold_hidden(redaction, body));
    if (!is_readable)
        strbuf_add(out, UNREADABLE);
    else if (kind == BODY_UNSEEN || kind == BODY_OTHER || !has_rules || (kind == BODY_JSON && !has_paths))
        strbuf_add(out, body);
}

void redaction_add_body(const struct redaction *redaction, struct str content_type, struct str body, bool is_cut,
                        bool is_masked, struct strbuf *out)
{
    enum body_kind kind = kind_of(content_type, body);
    bool has_paths = redaction->name_count > 0 || redaction->hides_all;
    bool has_rules = has_paths || (redaction->query_count > 0 && (kind == BODY_FORM || kind == BODY_MULTIPART));
    if (body.len == 0)
        return;
    if (redaction->hides_document)
        strbuf_add(out, HIDDEN);
    else if (is_masked)
        add_masked(redaction, kind, body, is_cut, out);
    else if (is_cut && has_rules && kind != BODY_OTHER)
        strbuf_add(out, UNREADABLE);
    else
        redaction_add_part(redaction, content_type, body, 0, out);
}
