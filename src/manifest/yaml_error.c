/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/yaml_error.h"

/* A line of the text, from 1, without its end; STR_NONE behind the last. */
static struct str find_line(struct str text, uint32_t line)
{
    size_t start = 0;
    for (uint32_t current = 1; current < line && start < text.len; start++)
        current += part_is_break(text, start);
    if (start >= text.len)
        return STR_NONE;
    size_t end = start;
    while (end < text.len && !part_is_break(text, end))
        end++;
    return str_slice(text, start, end);
}

static size_t indent_of(struct str line)
{
    size_t indent = 0;
    while (indent < line.len && (line.ptr[indent] == ' ' || line.ptr[indent] == '\t'))
        indent++;
    return indent;
}

static struct place to_file(const struct yaml_error *error, struct place at)
{
    uint32_t shift = at.line == 1 ? error->origin.column - 1 : 0;
    return (struct place){error->origin.line + at.line - 1, at.column + shift};
}

static bool says(const struct yaml_error *error, const char *words)
{
    return strstr(error->message, words) != NULL;
}

#define NO_BREAK_SPACE "\xc2\xa0"

/* What looks like a space before a line's text and is none: its name, and its offset. NULL: there is none. */
static const char *find_false_space(struct str line, bool is_near, size_t *offset)
{
    size_t indent = indent_of(line);
    *offset = str_find_char(str_slice(line, 0, indent), '\t');
    if (is_near && *offset < indent && indent < line.len)
        return "tab";
    *offset = indent;
    return str_starts_with(str_slice(line, indent, line.len), STR(NO_BREAK_SPACE)) ? "no-break space (U+00A0)" : NULL;
}

/* They are named even where libfyaml stumbles over what follows from them: with a tab that is in the next line, while lines
 * with a no-break space may continue the text before them, as may those that follow. */
static bool tell_false_space(const struct yaml_error *error, struct tree *tree)
{
    if (says(error, "flow") || says(error, "quote"))
        return false;
    struct str rest = error->text;
    for (uint32_t number = 1; number <= error->at.line + 1 && rest.len > 0; number++) {
        size_t offset, end = 0;
        while (end < rest.len && !part_is_break(rest, end))
            end++;
        const char *name = find_false_space(str_slice(rest, 0, end), number + 1 >= error->at.line, &offset);
        rest = str_slice(rest, end + 1, rest.len);
        if (!name)
            continue;
        struct place at = {number, (uint32_t)offset + 1};
        tree_fail(tree, to_file(error, at), "a %s can't indent YAML; use spaces", name);
        return true;
    }
    return false;
}

/* The character at a place of the file, or a blank. */
static char character_at(const struct yaml_error *error, uint32_t line, uint32_t column)
{
    if (line < error->origin.line)
        return ' ';
    struct str text = find_line(error->text, line - error->origin.line + 1);
    uint32_t current = line == error->origin.line ? error->origin.column : 1;
    for (size_t i = 0; i < text.len; i++) {
        bool is_inside = ((unsigned char)text.ptr[i] & 0xc0) == 0x80; /* of a character of several bytes */
        if (current == column && !is_inside)
            return text.ptr[i];
        current += i + 1 < text.len && ((unsigned char)text.ptr[i + 1] & 0xc0) != 0x80;
    }
    return ' ';
}

/* What is wrong is far from where libfyaml noticed: the bracket that is open. */
static bool tell_bracket(const struct yaml_error *error, struct tree *tree)
{
    bool is_list = says(error, "flow sequence"), is_map = says(error, "flow mapping");
    if (!is_list && !is_map && !says(error, "expected node content"))
        return false;
    const struct node *open = tree_find_open(tree, is_list ? NODE_LIST : is_map ? NODE_MAP : NODE_NULL);
    /* `[a: b` has a map without a brace in it. */
    if (open && !strchr("[{", character_at(error, open->line, open->column)))
        open = open->parent;
    if (!open || !strchr("[{", character_at(error, open->line, open->column)))
        return false;
    const char *bracket = open->kind == NODE_MAP ? "{" : "[", *closing = *bracket == '{' ? "}" : "]";
    struct str line = find_line(error->text, error->at.line);
    struct place at = to_file(error, error->at);
    bool is_end = error->at.column >= part_place(line, line.len, (struct place){1, 1}).column;
    bool is_below = at.line > open->line && says(error, "expected node content");
    bool is_colon = at.line == open->line && character_at(error, at.line, at.column) == ':';
    if (is_end || is_below)
        tree_fail(tree, (struct place){open->line, open->column}, "this %s is not closed by a %s", bracket, closing);
    else if (says(error, "missing comma"))
        tree_fail(tree, at, "a , or the %s that closes the %s of %u:%u is missing before this%s", closing, bracket,
                  open->line, open->column, is_colon ? "; a value that holds a colon needs quotes" : "");
    else
        return false;
    return true;
}

/* A key of several lines: either the colon of the first is missing, or the second is indented too far. */
static bool tell_plain_key(const struct yaml_error *error, struct tree *tree)
{
    if (!says(error, "multiline plain key"))
        return false;
    struct str line = find_line(error->text, error->at.line), below = find_line(error->text, error->at.line + 1);
    bool is_value = error->at.column > indent_of(line) + 1 && below.len > 0;
    struct place next = {error->at.line + 1, (uint32_t)indent_of(below) + 1};
    if (is_value)
        tree_fail(
            tree, to_file(error, next),
            "the key before has its value already, so nothing can be indented below it; is this line too far right?");
    else
        tree_fail(tree, to_file(error, error->at), "a key needs a colon with a blank behind it, like `key: value`");
    return true;
}

static const struct {
    const char *words; /* in libfyaml's message */
    const char *text;
} messages[] = {
    {"invalid comment", "a comment needs a blank before its #"},
    {"double-quoted scalar without closing", "this double quote is not closed"},
    {"single-quoted scalar without closing", "this single quote is not closed"},
    {"trailing content after",
     "there is text behind the closing quote; a quote inside of quotes is written \\\" or ''"},
    {"expected ':'", "a key needs a colon with a blank behind it, like `key: value`"},
    {"invalid value after mapping", "a key needs a colon with a blank behind it, like `key: value`"},
    {"nested block mapping on the same line", "a second colon in this line; quote the value if it holds one"},
    {"on same line as previous key", "a second colon in this line; quote the value if it holds one"},
    {"indentation in mapping", "this line is indented like none of those that it could belong to"},
    {"indendation in sequence", "this line is indented like none of those that it could belong to"},
    {"wrongly indented sequence", "this line is indented like none of those that it could belong to"},
    {"invalid scalar at the end of block sequence",
     "this fits neither into the list before it nor behind it; look at the indentation"},
    {"expected '-' indicator", "this fits neither into the list before it nor behind it; look at the indentation"},
    {"scalar has invalid", "this holds an escape that stands for no character"},
    {"block sequence on the same line", "a list begins in a line of its own"},
    {"invalid escape",
     "this escape is not known; a backslash in double quotes is written \\\\, and single quotes have no escapes"},
    {"invalid alias", "a text that begins with * needs quotes"},
    {"invalid anchor", "a text that begins with & needs quotes"},
    {"plain scalar cannot start with", "a text that begins with this character needs quotes"},
    {"mismatched flow", "this bracket does not close the one that is open"},
    {"extra closing", "this bracket closes none"},
    {"undefined tag", "tags are not supported; a text that begins with ! needs quotes"},
    {"no linebreak found", "behind | or > only a + or -, a digit or a comment can stand"},
    {"missing document start", "something follows the end of the document; begin another one with a line of ---"},
    {"after document end", "something follows the end of the document; begin another one with a line of ---"},
    {"flow mode", "inside of brackets, lines are indented deeper than the key that the bracket belongs to"},
    {"quoted scalar", "the lines of a quoted text are indented deeper than its key"},
    {"directive", "directives (lines that begin with %) stand before a line of ---; remove this"},
};

/* At the end of a text without a last line break libfyaml is a line ahead. */
static struct yaml_error clip_place(const struct yaml_error *error)
{
    struct yaml_error clipped = *error;
    struct place end = part_place(error->text, error->text.len, (struct place){1, 1});
    if (clipped.at.line > end.line)
        clipped.at = end;
    return clipped;
}

void yaml_error_tell(const struct yaml_error *found, struct tree *tree)
{
    struct yaml_error clipped = clip_place(found), *error = &clipped;
    if (tell_false_space(error, tree) || tell_bracket(error, tree) || tell_plain_key(error, tree))
        return;
    struct place at = to_file(error, error->at);
    if (says(error, "without closing quote"))
        at.column -= at.column > 1; /* it points behind the quote */
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        if (says(error, messages[i].words)) {
            tree_fail(tree, at, "%s", messages[i].text);
            return;
        }
    }
    tree_fail(tree, at, "no valid YAML%s%s", error->message[0] ? ": " : "", error->message);
}
