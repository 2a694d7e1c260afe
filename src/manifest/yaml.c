/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/yaml.h"

#include "base/utf8.h"
#include "manifest/yaml_error.h"

#include <libfyaml.h>

/* libfyaml keeps each token of a line inside of brackets until the line ends, at some 370 bytes each. */
#define LINE_MAX_INDICATORS (200u * 1024)

/* One run of yaml_read. */
struct reading {
    struct str text;
    struct place origin;
    struct place last; /* of the last event: where an empty value is said to be */
    struct tree *tree;
};

void yaml_init(struct yaml *yaml)
{
    yaml->parser = NULL;
}

void yaml_deinit(struct yaml *yaml)
{
    if (yaml->parser)
        fy_parser_destroy(yaml->parser);
    yaml->parser = NULL;
}

/* ------------------------------------------------------------------------------------------------------ before libfyaml */

/* False for what no YAML may hold and libfyaml lets pass. */
static bool check_character(const struct reading *reading, struct str rest)
{
    unsigned char byte = (unsigned char)rest.ptr[0], second = rest.len > 1 ? (unsigned char)rest.ptr[1] : 0;
    bool is_mark = str_starts_with(rest, STR("\xef\xbb\xbf"));
    bool is_c1 = byte == 0xc2 && second < 0xa0 && second != 0x85;
    bool is_control = byte < 0x20 || byte == 0x7f || is_c1;
    if (!is_mark && !is_control)
        return true;
    struct place at = part_place(reading->text, (size_t)(rest.ptr - reading->text.ptr), reading->origin);
    if (is_mark)
        return tree_fail(reading->tree, at, "a byte order mark (U+FEFF) amidst the file; remove it");
    return tree_fail(reading->tree, at, "a control character (U+%04X); remove it, or write it as an escape in quotes",
                     is_c1 ? second : byte);
}

static bool check_bytes(const struct reading *reading)
{
    static const bool is_indicator[256] = {
        ['['] = true, ['{'] = true, [','] = true, ['&'] = true, ['!'] = true, ['*'] = true};
    struct str text = reading->text;
    uint32_t indicators = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte == '\n')
            indicators = 0;
        bool is_blank = byte == '\n' || byte == '\t' || byte == '\r';
        bool is_suspect = (byte < 0x20 && !is_blank) || byte == 0x7f || byte == 0xc2 || byte == 0xef;
        if (is_suspect && !check_character(reading, str_slice(text, i, text.len)))
            return false;
        indicators += is_indicator[byte];
        if (indicators > LINE_MAX_INDICATORS)
            return tree_fail(reading->tree, part_place(text, i, reading->origin),
                             "more than %u values in one line that is not JSON; break it into lines",
                             LINE_MAX_INDICATORS);
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------------------- the events */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* `|` or `>`, digits, signs, then nothing but a comment. */
static bool is_block_header(struct str line, size_t at)
{
    if ((line.ptr[at] != '|' && line.ptr[at] != '>') || (at > 0 && !is_blank(line.ptr[at - 1])))
        return false;
    at++;
    while (at < line.len && strchr("+-0123456789", line.ptr[at]))
        at++;
    size_t blanks = at;
    while (blanks < line.len && (is_blank(line.ptr[blanks]) || line.ptr[blanks] == '\r'))
        blanks++;
    return blanks == line.len || (blanks > at && line.ptr[blanks] == '#');
}

/* The place of the `|` or `>` of a block scalar whose contents begin at `offset`; `fallback` when it is not found. */
static struct place block_header(struct str text, size_t offset, struct place origin, struct place fallback)
{
    size_t end = offset < text.len ? offset : text.len;
    if (end == 0 || !part_is_break(text, end - 1))
        return fallback;
    size_t start = --end;
    while (start > 0 && !part_is_break(text, start - 1))
        start--;
    struct str line = str_slice(text, start, end);
    for (size_t i = 0; i < line.len; i++) {
        if (!is_block_header(line, i))
            continue;
        /* The line is the one before the contents; its first characters tell the column. */
        struct place at = {fallback.line - 1, start == 0 ? origin.column : 1};
        return part_place(line, i, at);
    }
    return fallback;
}

static struct place place_of(const struct reading *reading, const struct fy_token *token)
{
    /* fy_token_start_mark takes a token that it does not change, but not a const one. */
    const struct fy_mark *mark = token ? fy_token_start_mark((struct fy_token *)(uintptr_t)token) : NULL;
    if (!mark)
        return reading->last;
    uint32_t shift = mark->line == 0 ? reading->origin.column - 1 : 0;
    return (struct place){reading->origin.line + (uint32_t)mark->line, (uint32_t)mark->column + 1 + shift};
}

/* The text of a token as long as the arena lives: mostly it is a part of the document. */
static bool take_text(const struct reading *reading, struct fy_token *token, struct str *text)
{
    *text = STR("");
    if (!token)
        return true;
    const char *start = reading->text.ptr, *end = start + reading->text.len;
    text->ptr = fy_token_get_text(token, &text->len);
    if (!text->ptr || text->len == 0) {
        *text = STR("");
        return true;
    }
    if (text->ptr >= start && text->ptr < end)
        return true;
    for (size_t i = 0, len; i < text->len; i += len) {
        len = utf8_len(str_slice(*text, i, text->len));
        if (len == 0)
            return tree_fail(reading->tree, place_of(reading, token), "an escape that stands for no character");
    }
    *text = arena_copy(reading->tree->arena, *text);
    return true;
}

static bool take_tag(const struct reading *reading, struct fy_token *token, enum scalar_tag *tag)
{
    static const struct {
        const char *name;
        enum scalar_tag tag;
    } known[] = {
        {"tag:yaml.org,2002:str", TAG_STRING},  {"tag:yaml.org,2002:int", TAG_INT},
        {"tag:yaml.org,2002:float", TAG_FLOAT}, {"tag:yaml.org,2002:bool", TAG_BOOL},
        {"tag:yaml.org,2002:null", TAG_NULL},
    };
    struct str text;
    *tag = TAG_NONE;
    if (!token)
        return true;
    if (!take_text(reading, token, &text))
        return false;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (str_eq(text, str_from_c(known[i].name))) {
            *tag = known[i].tag;
            return true;
        }
    }
    struct str prefix = STR("tag:yaml.org,2002:");
    bool is_short = str_starts_with(text, prefix);
    if (is_short)
        text = str_slice(text, prefix.len, text.len);
    return tree_fail(reading->tree, place_of(reading, token), "the tag %s%.*s is not supported; remove it",
                     is_short ? "!!" : "", STR_ARG(tree_clip(text)));
}

static bool on_scalar(struct reading *reading, const struct fy_event *event)
{
    struct fy_token *token = event->scalar.value;
    enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
    struct scalar scalar = {.at = place_of(reading, token), .is_plain = style == FYSS_PLAIN};
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    if (mark && (style == FYSS_LITERAL || style == FYSS_FOLDED))
        scalar.at = block_header(reading->text, mark->input_pos, reading->origin, scalar.at);
    if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED)
        scalar.at.column -= scalar.at.column > 1; /* the quote is not in the token */
    reading->last = scalar.at;
    return take_tag(reading, event->scalar.tag, &scalar.tag) && take_text(reading, token, &scalar.text) &&
           take_text(reading, event->scalar.anchor, &scalar.anchor) && tree_scalar(reading->tree, &scalar);
}

static bool on_start(struct reading *reading, enum node_kind kind, struct fy_token *start, struct fy_token *anchor,
                     struct fy_token *tag)
{
    struct str name, tag_text;
    struct str expected = kind == NODE_MAP ? STR("tag:yaml.org,2002:map") : STR("tag:yaml.org,2002:seq");
    enum scalar_tag unknown;
    if (!take_text(reading, anchor, &name) || !take_text(reading, tag, &tag_text))
        return false;
    if (tag && !str_eq(tag_text, expected)) {
        if (!take_tag(reading, tag, &unknown))
            return false;
        return tree_fail(reading->tree, place_of(reading, tag), "this tag says a scalar, but %s follows",
                         node_kind_name(kind));
    }
    reading->last = place_of(reading, start);
    return tree_open(reading->tree, kind, reading->last, name);
}

static bool on_alias(struct reading *reading, const struct fy_event *event)
{
    struct str name;
    reading->last = place_of(reading, event->alias.anchor);
    reading->last.column -= reading->last.column > 1; /* the asterisk is not in the token */
    return take_text(reading, event->alias.anchor, &name) && tree_alias(reading->tree, name, reading->last);
}

static bool on_event(struct reading *reading, const struct fy_event *event)
{
    switch (event->type) {
    case FYET_SCALAR: return on_scalar(reading, event);
    case FYET_ALIAS: return on_alias(reading, event);
    case FYET_MAPPING_START:
        return on_start(reading, NODE_MAP, event->mapping_start.mapping_start, event->mapping_start.anchor,
                        event->mapping_start.tag);
    case FYET_SEQUENCE_START:
        return on_start(reading, NODE_LIST, event->sequence_start.sequence_start, event->sequence_start.anchor,
                        event->sequence_start.tag);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END: return tree_close(reading->tree);
    case FYET_DOCUMENT_START:
        if (reading->tree->root)
            return tree_fail(reading->tree, reading->last, "another document begins behind this without a line of ---");
        return true;
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END: return true;
    }
    return true;
}

/* libfyaml prints what is wrong unless all of this is set. */
static void discard_output(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag, (void)user, (void)text, (void)len;
}

static struct fy_parser *new_parser(void)
{
    struct fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = NULL;
    diag_config.output_fn = discard_output;
    struct fy_diag *diag = fy_diag_create(&diag_config);
    if (!diag)
        return NULL;
    fy_diag_set_collect_errors(diag, true);
    const struct fy_parse_cfg config = {
        /* Kubernetes does not mind where a bracket is closed. */
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_SLOPPY_FLOW_INDENTATION,
        .diag = diag,
    };
    struct fy_parser *parser = fy_parser_create(&config);
    fy_diag_unref(diag); /* the parser has its own reference */
    return parser;
}

static bool start_parser(struct yaml *yaml, struct str text)
{
    if (yaml->parser && fy_parser_reset(yaml->parser) != 0)
        yaml_deinit(yaml);
    if (!yaml->parser)
        yaml->parser = new_parser();
    return yaml->parser && fy_parser_set_string(yaml->parser, text.ptr, text.len) == 0;
}

static void tell_error(struct yaml *yaml, const struct reading *reading)
{
    struct fy_diag *diag = yaml->parser ? fy_parser_get_diag(yaml->parser) : NULL;
    void *iterator = NULL;
    const struct fy_diag_error *error = diag ? fy_diag_errors_iterate(diag, &iterator) : NULL;
    struct yaml_error found = {.text = reading->text, .origin = reading->origin, .message = "", .at = {1, 1}};
    if (error) {
        found.message = error->msg;
        found.at.line = error->line > 0 ? (uint32_t)error->line : 1;
        found.at.column = error->column > 0 ? (uint32_t)error->column : 1;
    }
    yaml_error_tell(&found, reading->tree);
    if (diag)
        fy_diag_unref(diag);
}

bool yaml_read(struct yaml *yaml, struct str text, struct place at, struct tree *tree)
{
    struct reading reading = {.text = text, .origin = at, .last = at, .tree = tree};
    if (!check_bytes(&reading))
        return false;
    bool is_understood = true, is_parsed = start_parser(yaml, text);
    struct fy_event *event;
    while (is_parsed && is_understood && (event = fy_parser_parse(yaml->parser))) {
        is_understood = on_event(&reading, event);
        fy_parser_event_free(yaml->parser, event);
    }
    is_parsed = is_parsed && !fy_parser_get_stream_error(yaml->parser);
    if (is_understood && !is_parsed)
        tell_error(yaml, &reading);
    /* A parser that stopped amidst a document is not used again. */
    if (!is_understood || !is_parsed)
        yaml_deinit(yaml);
    return is_understood && is_parsed;
}
