/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/yaml.h"

#include "manifest/yaml_error.h"
#include "manifest/yaml_text.h"

#include <libfyaml.h>

/* libfyaml keeps each token of a line inside of brackets until the line ends, at some 370 bytes each. */
#define LINE_MAX_INDICATORS (200u * 1024)
/* It looks at the blanks behind a dash or a question mark again and again: the square of their number. */
#define MARK_MAX_BLANKS 100u

/* One run of yaml_read. */
struct reading {
    struct str text;
    struct place origin;
    struct place last; /* of the last event: where an empty value is said to be */
    struct tree *tree;
};

void yaml_init(struct yaml *yaml)
{
    *yaml = (struct yaml){0};
}

void yaml_deinit(struct yaml *yaml)
{
    if (yaml->parser)
        fy_parser_destroy(yaml->parser);
    /* Giving the reference up would leave what it collected. */
    if (yaml->diag)
        fy_diag_destroy(yaml->diag);
    strbuf_deinit(&yaml->copy);
    *yaml = (struct yaml){0};
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

static bool check_characters(const struct reading *reading)
{
    struct str text = reading->text;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        bool is_space = byte == '\t' || byte == '\n' || byte == '\r';
        bool is_suspect = (byte < 0x20 && !is_space) || byte == 0x7f || byte == 0xc2 || byte == 0xef;
        if (is_suspect && !check_character(reading, str_slice(text, i, text.len)))
            return false;
    }
    return true;
}

static bool check_cost(const struct reading *reading)
{
    static const bool is_indicator[256] = {
        ['['] = true, ['{'] = true, [','] = true, ['&'] = true, ['!'] = true, ['*'] = true};
    struct str text = reading->text;
    uint32_t indicators = 0, blanks = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        bool is_break = byte == '\n' || byte == '\r', is_blank = byte == ' ' || byte == '\t';
        indicators = is_break ? 0 : indicators + is_indicator[byte];
        /* 0: not behind a mark; the mark alone counts as one. */
        blanks = byte == '-' || byte == '?' ? 1 : is_blank && blanks > 0 ? blanks + 1 : 0;
        if (indicators > LINE_MAX_INDICATORS)
            return tree_fail(reading->tree, part_place(text, i, reading->origin),
                             "more than %u values in one line that is not JSON; break it into lines",
                             LINE_MAX_INDICATORS);
        if (blanks > MARK_MAX_BLANKS + 1)
            return tree_fail(reading->tree, part_place(text, i, reading->origin), "more than %u blanks behind a - or ?",
                             MARK_MAX_BLANKS);
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------------------- the events */

static struct place place_of(const struct reading *reading, const struct fy_token *token)
{
    /* fy_token_start_mark takes a token that it does not change, but not a const one. */
    const struct fy_mark *mark = token ? fy_token_start_mark((struct fy_token *)(uintptr_t)token) : NULL;
    if (!mark)
        return reading->last;
    uint32_t shift = mark->line == 0 ? reading->origin.column - 1 : 0;
    return (struct place){reading->origin.line + (uint32_t)mark->line, (uint32_t)mark->column + 1 + shift};
}

/* The bytes of a token in the document: without quotes, and of a block scalar without its header. */
static struct str raw_text(const struct reading *reading, struct fy_token *token)
{
    const struct fy_mark *start = token ? fy_token_start_mark(token) : NULL;
    const struct fy_mark *end = token ? fy_token_end_mark(token) : NULL;
    return start && end ? str_slice(reading->text, start->input_pos, end->input_pos) : STR("");
}

static bool take_tag(const struct reading *reading, struct fy_token *token, enum scalar_tag *tag)
{
    static const struct {
        const char *name;
        enum scalar_tag tag;
    } known[] = {
        {"!", TAG_STRING},      {"!!str", TAG_STRING}, {"!!int", TAG_INT},
        {"!!float", TAG_FLOAT}, {"!!bool", TAG_BOOL},  {"!!null", TAG_NULL},
    };
    struct str text = raw_text(reading, token);
    *tag = TAG_NONE;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (str_eq(text, str_from_c(known[i].name)))
            *tag = known[i].tag;
    }
    if (token && *tag == TAG_NONE)
        return tree_fail(reading->tree, place_of(reading, token), "the tag %.*s is not supported; remove it",
                         STR_ARG(tree_clip(text)));
    return true;
}

/* `header`: the offset of the `|` or `>`. Tokens know where the contents begin. */
static struct place header_place(const struct reading *reading, size_t header, size_t contents, uint32_t line)
{
    size_t start = header;
    while (start > 0 && !part_is_break(reading->text, start - 1))
        start--;
    bool is_before = contents > 0 && part_is_break(reading->text, contents - 1);
    struct place at = {line - is_before, start == 0 ? reading->origin.column : 1};
    return part_place(str_slice(reading->text, start, header), header - start, at);
}

static bool take_block(const struct reading *reading, struct str raw, struct scalar *scalar)
{
    struct yaml_block block;
    size_t contents = (size_t)(raw.ptr - reading->text.ptr);
    size_t header = yaml_block_find(reading->text, contents, &block);
    if (header == reading->text.len)
        return tree_fail(reading->tree, scalar->at, "the | or > of this text is not found");
    scalar->at = header_place(reading, header, contents, scalar->at.line);
    scalar->text = yaml_block_text(raw, &block, tree_indent(reading->tree), reading->tree->arena);
    return true;
}

static bool take_text(const struct reading *reading, struct fy_token *token, struct scalar *scalar)
{
    struct str raw = raw_text(reading, token);
    struct arena *arena = reading->tree->arena;
    scalar->text = raw;
    switch (token ? fy_token_scalar_style(token) : FYSS_PLAIN) {
    case FYSS_LITERAL:
    case FYSS_FOLDED: return take_block(reading, raw, scalar);
    case FYSS_SINGLE_QUOTED:
        scalar->at.column -= scalar->at.column > 1; /* the quote is not in the token */
        scalar->text = yaml_single_text(raw, arena);
        return true;
    case FYSS_DOUBLE_QUOTED:
        scalar->at.column -= scalar->at.column > 1;
        return yaml_double_text(raw, arena, &scalar->text) ||
               tree_fail(reading->tree, scalar->at, "this holds an escape that stands for no character");
    default:
        scalar->is_plain = true;
        scalar->text = yaml_plain_text(raw, arena);
        return true;
    }
}

static bool on_scalar(struct reading *reading, const struct fy_event *event)
{
    struct scalar scalar = {
        .at = place_of(reading, event->scalar.value),
        .anchor = raw_text(reading, event->scalar.anchor),
    };
    if (!take_tag(reading, event->scalar.tag, &scalar.tag) || !take_text(reading, event->scalar.value, &scalar))
        return false;
    reading->last = scalar.at;
    return tree_scalar(reading->tree, &scalar);
}

static bool on_start(struct reading *reading, enum node_kind kind, struct fy_token *start, struct fy_token *anchor,
                     struct fy_token *tag)
{
    struct str name = raw_text(reading, tag);
    enum scalar_tag scalar_tag;
    if (tag && !str_eq(name, kind == NODE_MAP ? STR("!!map") : STR("!!seq")))
        return take_tag(reading, tag, &scalar_tag) &&
               tree_fail(reading->tree, place_of(reading, tag), "this tag does not fit %s", node_kind_name(kind));
    reading->last = place_of(reading, start);
    return tree_open(reading->tree, kind, reading->last, raw_text(reading, anchor));
}

static bool on_alias(struct reading *reading, const struct fy_event *event)
{
    reading->last = place_of(reading, event->alias.anchor);
    reading->last.column -= reading->last.column > 1; /* the asterisk is not in the token */
    return tree_alias(reading->tree, raw_text(reading, event->alias.anchor), reading->last);
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

static void make_parser(struct yaml *yaml)
{
    struct fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = NULL;
    diag_config.output_fn = discard_output;
    yaml->diag = fy_diag_create(&diag_config);
    if (!yaml->diag)
        return;
    fy_diag_set_collect_errors(yaml->diag, true);
    const struct fy_parse_cfg config = {
        /* Kubernetes does not mind where a bracket is closed. */
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_SLOPPY_FLOW_INDENTATION,
        .diag = yaml->diag,
    };
    yaml->parser = fy_parser_create(&config);
}

static bool start_parser(struct yaml *yaml, struct str text)
{
    if (!yaml->parser || fy_parser_reset(yaml->parser) != 0) {
        yaml_deinit(yaml);
        make_parser(yaml);
    }
    /* libfyaml 0.7.12 looks at some bytes behind the end. */
    strbuf_clear(&yaml->copy);
    strbuf_add(&yaml->copy, text);
    strbuf_add(&yaml->copy, STR("\0\0\0\0\0\0\0"));
    return yaml->parser && fy_parser_set_string(yaml->parser, yaml->copy.ptr, text.len) == 0;
}

static void tell_error(struct yaml *yaml, const struct reading *reading)
{
    void *iterator = NULL;
    const struct fy_diag_error *error = yaml->diag ? fy_diag_errors_iterate(yaml->diag, &iterator) : NULL;
    struct yaml_error found = {.text = reading->text, .origin = reading->origin, .message = "", .at = {1, 1}};
    if (error) {
        found.message = error->msg;
        found.at.line = error->line > 0 ? (uint32_t)error->line : 1;
        found.at.column = error->column > 0 ? (uint32_t)error->column : 1;
    }
    yaml_error_tell(&found, reading->tree);
}

bool yaml_read(struct yaml *yaml, struct str text, struct place at, struct tree *tree)
{
    struct reading reading = {.text = text, .origin = at, .last = at, .tree = tree};
    if (!check_characters(&reading) || !check_cost(&reading))
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
