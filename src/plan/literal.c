/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/literal.h"

static bool is_alphanumeric(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static bool is_one_of(char byte, const char *set)
{
    return byte != '\0' && strchr(set, byte) != NULL;
}

static char byte_at(struct str s, size_t at)
{
    return at < s.len ? s.ptr[at] : '\0';
}

/* One past the class that begins at `at`; 0 when it holds what this does not understand. */
static size_t skip_class(struct str pattern, size_t at)
{
    at++;
    if (byte_at(pattern, at) == '^')
        at++;
    if (byte_at(pattern, at) == ']')
        at++;
    while (at < pattern.len && pattern.ptr[at] != ']') {
        if (pattern.ptr[at] == '[' && is_one_of(byte_at(pattern, at + 1), ":.="))
            return 0;
        at += pattern.ptr[at] == '\\' ? 2 : 1;
    }
    return at + 1;
}

/* True when the pattern is one branch from front to end, as far as can be told without a parser: no alternatives outside
 * parentheses, no options, comments, quotes or verbs. */
static bool is_one_branch(struct str pattern)
{
    size_t depth = 0, at = 0;
    while (at < pattern.len) {
        char byte = pattern.ptr[at], next = byte_at(pattern, at + 1);
        if (byte == '[') {
            at = skip_class(pattern, at);
            if (at == 0)
                return false;
            continue;
        }
        if (byte == '\\' && next == 'Q')
            return false;
        if (byte == '(' && (next == '*' || (next == '?' && byte_at(pattern, at + 2) != ':')))
            return false;
        if (byte == '|' && depth == 0)
            return false;
        depth += byte == '(';
        depth -= byte == ')' && depth > 0;
        at += byte == '\\' ? 2 : 1;
    }
    return true;
}

/* The literal text at the front. */
static struct str literal_text(struct str pattern, struct arena *arena)
{
    char *text = arena_alloc(arena, pattern.len);
    size_t len = 0, at = byte_at(pattern, 0) == '^' ? 1 : 0;
    while (at < pattern.len) {
        bool is_escaped = pattern.ptr[at] == '\\';
        char byte = byte_at(pattern, at + is_escaped), next = byte_at(pattern, at + is_escaped + 1);
        bool is_literal = is_escaped ? byte != '\0' && !is_alphanumeric(byte) : !is_one_of(byte, ".[]()*+?{}|^$");
        if (!is_literal || is_one_of(next, "*+?{"))
            break;
        text[len++] = byte;
        at += is_escaped ? 2 : 1;
    }
    return (struct str){text, len};
}

struct str literal_elements(struct str pattern, struct arena *arena)
{
    if (!is_one_branch(pattern))
        return STR_NONE;
    struct str text = literal_text(pattern, arena);
    if (text.len == 0 || text.ptr[0] != '/')
        return STR_NONE;
    while (text.ptr[text.len - 1] != '/')
        text.len--;
    text.len--;
    return text;
}
