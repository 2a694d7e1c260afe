/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/guess.h"

#include "base/nearest.h"

static bool has_inside(struct str text, struct str part)
{
    for (size_t i = 0; i + part.len <= text.len; i++) {
        if (str_eq_nocase(str_slice(text, i, i + part.len), part))
            return true;
    }
    return false;
}

#define LONGEST_WORD 40 /* no name of a field or a value is longer */
#define SHORTEST_PART 4 /* less is found in everything */

const char *guess_word(struct str word, guess_next_fn *next, const void *user)
{
    const char *name;
    for (size_t i = 0; (name = next(i, user)) != NULL; i++) {
        if (str_eq_nocase(str_from_c(name), word))
            return name;
    }
    return nearest_word(word, next, user);
}

const char *guess_part(struct str word, guess_next_fn *next, const void *user)
{
    const char *name, *found = NULL;
    if (word.len < SHORTEST_PART || word.len > LONGEST_WORD)
        return NULL;
    for (size_t i = 0; (name = next(i, user)) != NULL; i++) {
        struct str candidate = str_from_c(name);
        if (!has_inside(candidate, word) && (candidate.len < SHORTEST_PART || !has_inside(word, candidate)))
            continue;
        if (found)
            return NULL;
        found = name;
    }
    return found;
}

static struct str without_url(struct str text)
{
    if (str_starts_with(text, STR("https://")))
        text = str_slice(text, 8, text.len);
    else if (str_starts_with(text, STR("http://")))
        text = str_slice(text, 7, text.len);
    else
        return text;
    return str_slice(text, 0, str_find_char(text, '/'));
}

const char *guess_format(struct str text, const struct schema_format *format, char *out)
{
    struct str mended = str_trim(text);
    if (format->is_valid(mended) && mended.len > 0 && mended.len < GUESS_TEXT) {
        memcpy(out, mended.ptr, mended.len);
        out[mended.len] = '\0';
        return out;
    }
    mended = without_url(mended);
    if (mended.len == 0 || mended.len >= GUESS_TEXT)
        return NULL;
    for (size_t i = 0; i < mended.len; i++) {
        char c = mended.ptr[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        out[i] = c == '_' || c == ' ' ? '-' : c;
    }
    out[mended.len] = '\0';
    return format->is_valid((struct str){out, mended.len}) ? out : NULL;
}
