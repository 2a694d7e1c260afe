/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/report.h"

#include "base/utf8.h"
#include "compare/volatile.h"

#include <stdio.h>
#include <xxhash.h>

void report_init(struct report *report)
{
    memset(report, 0, offsetof(struct report, first));
    report->has_seen = true; /* not cleared yet */
    report->has_arena = false;
}

void report_deinit(struct report *report)
{
    if (report->has_arena)
        arena_deinit(&report->arena);
}

void report_begin(struct report *report, unsigned most)
{
    report_deinit(report);
    report->has_arena = false;
    if (report->has_seen)
        memset(report->seen, 0, sizeof(report->seen));
    report->has_seen = false;
    report->count = report->unnamed = report->seen_count = 0;
    report->most = most < COMPARE_MOST ? most : COMPARE_MOST;
}

/* False: the field was met before, and has no name any more. */
static bool is_new_unnamed(struct report *report, uint64_t hash)
{
    size_t mask = sizeof(report->seen) / sizeof(report->seen[0]) - 1, at = hash >> 1 & mask;
    report->has_seen = true;
    for (; report->seen[at]; at = (at + 1) & mask) {
        if (report->seen[at] == hash)
            return false;
    }
    if (report->seen_count < REPORT_SEEN) {
        report->seen[at] = hash;
        report->seen_count++;
    }
    return true;
}

/* A copy of at most COMPARE_SHOWN bytes, of whole characters; what is no UTF-8 becomes U+FFFD. */
static struct str show(struct report *report, struct str value)
{
    char shown[COMPARE_SHOWN];
    size_t len = utf8_plain_len(str_slice(value, 0, sizeof(shown)));
    if (len == value.len)
        return len ? arena_copy(&report->arena, value) : STR("");
    memcpy(shown, value.ptr, len);
    for (size_t at = len; at < value.len;) {
        if ((unsigned char)value.ptr[at] < 0x80 && len < sizeof(shown)) {
            shown[len++] = value.ptr[at++];
            continue;
        }
        size_t size = utf8_len(str_slice(value, at, value.len));
        struct str piece = size ? str_slice(value, at, at + size) : STR(UTF8_REPLACEMENT);
        if (len + piece.len > sizeof(shown))
            break;
        memcpy(shown + len, piece.ptr, piece.len);
        len += piece.len;
        at += size ? size : 1;
    }
    return arena_copy(&report->arena, (struct str){shown, len});
}

void report_add(struct report *report, struct str field, enum difference_kind kind, struct str live, struct str other)
{
    uint64_t hash = XXH3_64bits(field.ptr, field.len) | 1;
    for (size_t i = 0; i < report->count; i++) {
        if (report->hashes[i] == hash)
            return;
    }
    if (report->count == report->most) {
        report->unnamed += is_new_unnamed(report, hash);
        return;
    }
    report->hashes[report->count] = hash;
    if (!report->has_arena) {
        arena_init(&report->arena, report->first, sizeof(report->first));
        report->has_arena = true;
    }
    struct difference *difference = &report->list[report->count++];
    *difference = (struct difference){
        .field = arena_copy(&report->arena, field),
        .kind = kind,
        .live = show(report, live),
        .other = show(report, other),
    };
    difference->is_volatile = kind == DIFFERENCE_VALUE && volatile_pair(difference->live, difference->other);
}

struct writer {
    char *out;
    size_t len;
    bool is_cut;
};

static void put(struct writer *writer, const char *bytes, size_t len)
{
    if (writer->is_cut || len > REPORT_FIELD_BYTES - writer->len) {
        writer->is_cut = true;
        return;
    }
    memcpy(writer->out + writer->len, bytes, len);
    writer->len += len;
}

/* What may stand after a dot (RFC 9535 2.5.1.1, member-name-shorthand), and the numbers of a message's fields. */
static bool is_shorthand(struct str name)
{
    bool is_number = name.len > 0;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.ptr[i];
        bool is_digit = byte >= '0' && byte <= '9';
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' || byte >= 0x80;
        if (!is_letter && !is_digit)
            return false;
        is_number = is_number && is_digit;
        if (i == 0 && is_digit && name.len > 9)
            return false;
        if (is_letter && name.ptr[0] >= '0' && name.ptr[0] <= '9')
            return false;
    }
    return name.len > 0;
}

/* As in a normalised path (RFC 9535 2.7). */
static void put_quoted(struct writer *writer, struct str name)
{
    static const char from[] = "\b\f\n\r\t'\\", to[] = "bfnrt'\\";
    put(writer, "['", 2);
    for (size_t at = 0, size; at < name.len && !writer->is_cut; at += size) {
        char byte = name.ptr[at], escape[8];
        const char *special = byte ? strchr(from, byte) : NULL;
        size = utf8_len(str_slice(name, at, name.len));
        if (special) {
            escape[0] = '\\';
            escape[1] = to[special - from];
            put(writer, escape, 2);
        } else if ((unsigned char)byte < ' ') {
            put(writer, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", byte));
        } else {
            put(writer, name.ptr + at, size ? size : 1);
        }
        size += !size;
    }
    put(writer, "']", 2);
}

static void put_step(struct writer *writer, const struct path_step *step)
{
    if (step->is_element) {
        put(writer, "[*]", 3);
    } else if (is_shorthand(step->name)) {
        put(writer, ".", 1);
        put(writer, step->name.ptr, step->name.len);
    } else {
        put_quoted(writer, step->name);
    }
}

/* From the root down; deep places are cut from the end, so that the walk up is as long as the depth and no more. */
static void put_place(struct writer *writer, const struct place *place)
{
    const struct place *steps[REPORT_FIELD_BYTES / 2];
    size_t count = 0, depth = 0;
    for (const struct place *at = place; at; at = at->up)
        depth++;
    size_t skip = depth > sizeof(steps) / sizeof(steps[0]) ? depth - sizeof(steps) / sizeof(steps[0]) : 0;
    for (const struct place *at = place; at; at = at->up) {
        if (skip > 0)
            skip--;
        else
            steps[count++] = at;
    }
    while (count > 0 && !writer->is_cut)
        put_step(writer, &steps[--count]->step);
}

void report_add_place(struct report *report, struct str prefix, const struct place *place, enum difference_kind kind,
                      struct str live, struct str other)
{
    struct writer writer = {.out = report->name};
    put(&writer, prefix.ptr, prefix.len);
    put_place(&writer, place);
    if (writer.is_cut) {
        memcpy(report->name + writer.len, "…", 3);
        writer.len += 3;
    }
    report_add(report, (struct str){report->name, writer.len}, kind, live, other);
}
