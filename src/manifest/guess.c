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
#define SAME_START 3    /* of an abbreviation: Regex for RegularExpression */

const char *guess_word(struct str word, guess_next_fn *next, const void *user)
{
    const char *name;
    for (size_t i = 0; (name = next(i, user)) != NULL; i++) {
        if (str_eq_nocase(str_from_c(name), word))
            return name;
    }
    return nearest_word(word, next, user);
}

static bool is_part(struct str word, struct str candidate)
{
    return has_inside(candidate, word) || (candidate.len >= SHORTEST_PART && has_inside(word, candidate));
}

static bool has_same_start(struct str word, struct str candidate)
{
    return candidate.len >= SAME_START &&
           str_eq_nocase(str_slice(word, 0, SAME_START), str_slice(candidate, 0, SAME_START));
}

/* The only candidate that `fits`, or NULL. */
static const char *find_only(struct str word, guess_next_fn *next, const void *user,
                             bool (*fits)(struct str word, struct str candidate))
{
    const char *name, *found = NULL;
    for (size_t i = 0; (name = next(i, user)) != NULL; i++) {
        if (!fits(word, str_from_c(name)))
            continue;
        if (found)
            return NULL;
        found = name;
    }
    return found;
}

const char *guess_part(struct str word, guess_next_fn *next, const void *user)
{
    if (word.len < SHORTEST_PART || word.len > LONGEST_WORD)
        return NULL;
    const char *found = find_only(word, next, user, is_part);
    return found ? found : find_only(word, next, user, has_same_start);
}

/* The host of a URL or of an authority; other texts as they are. */
static struct str host_of(struct str text)
{
    if (str_starts_with(text, STR("https://")))
        text = str_slice(text, 8, text.len);
    else if (str_starts_with(text, STR("http://")))
        text = str_slice(text, 7, text.len);
    text = str_slice(text, 0, str_find_char(text, '/'));
    size_t colon = str_find_char(text, ':');
    uint64_t port;
    return str_to_u64(str_slice(text, colon + 1, text.len), &port) ? str_slice(text, 0, colon) : text;
}

const char *guess_format(struct str text, const struct schema_format *format, char *out)
{
    struct str mended = str_trim(text);
    if (format->is_valid(mended) && mended.len > 0 && mended.len < GUESS_TEXT) {
        memcpy(out, mended.ptr, mended.len);
        out[mended.len] = '\0';
        return out;
    }
    mended = host_of(mended);
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
