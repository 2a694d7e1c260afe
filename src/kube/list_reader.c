/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/list_reader.h"

/* Of an item that is too large, so that its name can be said. */
#define LARGE_KEPT ((size_t)4096)

void list_reader_init(struct list_reader *reader, size_t item_limit, list_item_fn *on_item, list_item_fn *on_large,
                      void *user)
{
    *reader = (struct list_reader){.item_limit = item_limit, .on_item = on_item, .on_large = on_large, .user = user};
}

void list_reader_deinit(struct list_reader *reader)
{
    wiped_deinit(&reader->envelope);
    wiped_deinit(&reader->item);
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

/* Whether what has come ends in `"items":`. */
static bool is_before_items(const struct list_reader *reader)
{
    struct str text = wiped_str(&reader->envelope);
    while (text.len && is_blank(text.ptr[text.len - 1]))
        text.len--;
    if (!text.len || text.ptr[--text.len] != ':')
        return false;
    while (text.len && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return str_ends_with(text, STR("\"items\""));
}

static bool keep(struct list_reader *reader, struct str bytes)
{
    bool is_item = reader->is_in_items && reader->depth >= 3;
    struct wiped *into = is_item ? &reader->item : &reader->envelope;
    if (!bytes.len)
        return true;
    if (is_item && (reader->is_large || into->len + bytes.len > reader->item_limit)) {
        if (into->len < LARGE_KEPT)
            wiped_add(into, str_slice(bytes, 0, LARGE_KEPT));
        reader->is_large = true;
        return true;
    }
    if (!is_item && into->len + bytes.len > LIST_ENVELOPE_MAX)
        return false;
    wiped_add(into, bytes);
    return true;
}

static void end_item(struct list_reader *reader)
{
    struct str item = wiped_str(&reader->item);
    if (reader->is_large)
        reader->on_large(reader->user, str_slice(item, 0, LARGE_KEPT));
    else
        reader->on_item(reader->user, item);
    reader->is_large = false;
    wiped_clear(&reader->item);
}

/* One byte outside of strings that makes structure; it belongs to what it opens or closes. */
static bool structure(struct list_reader *reader, struct str byte)
{
    bool is_opening = *byte.ptr == '{' || *byte.ptr == '[';
    if (is_opening) {
        if (reader->depth == 1 && *byte.ptr == '[' && is_before_items(reader)) {
            if (!keep(reader, byte))
                return false;
            reader->is_in_items = true;
            reader->depth++;
            return true;
        }
        if ((reader->is_in_items && reader->depth == 2 && *byte.ptr != '{') || reader->depth == UINT32_MAX)
            return false;
        reader->depth++;
        return keep(reader, byte);
    }
    if (!reader->depth)
        return false;
    if (!reader->is_in_items || reader->depth > 3) {
        bool is_kept = keep(reader, byte);
        reader->depth--;
        return is_kept;
    }
    if (reader->depth == 3) {
        bool is_kept = keep(reader, byte);
        end_item(reader);
        reader->depth = 2;
        return is_kept;
    }
    reader->is_in_items = false;
    reader->depth--;
    return *byte.ptr == ']' && keep(reader, byte);
}

/* The length of the run at the beginning of `part` that is of the string, its last quote included. */
static size_t string_run(struct list_reader *reader, struct str part)
{
    for (size_t i = 0; i < part.len; i++) {
        char byte = part.ptr[i];
        if (reader->is_escaped)
            reader->is_escaped = false;
        else if (byte == '\\')
            reader->is_escaped = true;
        else if (byte == '"') {
            reader->is_in_string = false;
            return i + 1;
        }
    }
    return part.len;
}

/* Of bytes that are neither of a string nor structure. */
static size_t plain_run(struct str part)
{
    size_t i = 0;
    while (i < part.len && part.ptr[i] != '"' && part.ptr[i] != '{' && part.ptr[i] != '}' && part.ptr[i] != '[' &&
           part.ptr[i] != ']')
        i++;
    return i;
}

/* Between items there are commas and blanks, which are of no list any more once the items are gone. */
static bool keep_plain(struct list_reader *reader, struct str run)
{
    if (!reader->is_in_items || reader->depth != 2)
        return keep(reader, run);
    for (size_t i = 0; i < run.len; i++) {
        if (run.ptr[i] != ',' && !is_blank(run.ptr[i]))
            return false;
    }
    return true;
}

static bool add_run(struct list_reader *reader, struct str *part)
{
    size_t len;
    if (reader->is_in_string) {
        len = string_run(reader, *part);
        if (!keep(reader, str_slice(*part, 0, len)))
            return false;
    } else if ((len = plain_run(*part)) > 0) {
        if (!keep_plain(reader, str_slice(*part, 0, len)))
            return false;
    } else if (*part->ptr == '"') {
        len = 1;
        reader->is_in_string = true;
        if ((reader->is_in_items && reader->depth == 2) || !keep(reader, str_slice(*part, 0, 1)))
            return false;
    } else {
        len = 1;
        if (!structure(reader, str_slice(*part, 0, 1)))
            return false;
    }
    *part = str_slice(*part, len, part->len);
    return true;
}

bool list_reader_add(struct list_reader *reader, struct str part)
{
    while (part.len && !reader->is_broken)
        reader->is_broken = !add_run(reader, &part);
    return !reader->is_broken;
}

struct str list_reader_envelope(const struct list_reader *reader)
{
    bool is_whole = !reader->is_broken && !reader->depth && !reader->is_in_string;
    return is_whole ? wiped_str(&reader->envelope) : STR_NONE;
}
