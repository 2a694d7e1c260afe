/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/news.h"

#include "kube/skim.h"

/* Which members are looked at. */
enum part { PART_OBJECT, PART_OBJECT_WITHOUT_STATUS, PART_METADATA, PART_ANNOTATIONS };

/* Annotations are looked at by themselves: the first one that is written brings their map with it. A name with escapes may be any. */
static bool is_left_out(enum part part, struct str name)
{
    switch (part) {
    case PART_OBJECT: return false;
    case PART_OBJECT_WITHOUT_STATUS: return str_eq(name, STR("status"));
    case PART_METADATA:
        return str_eq(name, STR("resourceVersion")) || str_eq(name, STR("managedFields")) ||
               str_eq(name, STR("annotations"));
    case PART_ANNOTATIONS: return !str_starts_with(name, STR("umbra.dev/")) && str_find_char(name, '\\') == name.len;
    }
    return false;
}

static bool next(struct skim *skim, enum part part, struct str *name, struct str *value)
{
    while (skim_next(skim, name, value)) {
        if (!is_left_out(part, *name))
            return true;
    }
    return false;
}

static bool is_same_part(struct str a, struct str b, enum part part);

static bool is_same_metadata(struct str a, struct str b)
{
    return is_same_part(a, b, PART_METADATA) &&
           is_same_part(skim_find(a, STR("annotations")), skim_find(b, STR("annotations")), PART_ANNOTATIONS);
}

/* The members that count are the same, in one order. Without a text there are none. */
static bool is_same_part(struct str a, struct str b, enum part part)
{
    struct skim left, right;
    struct str left_name, right_name, left_value, right_value;
    bool is_metadata_apart = part == PART_OBJECT || part == PART_OBJECT_WITHOUT_STATUS;
    skim_open(&left, a.len > 0 ? a : STR("{}"));
    skim_open(&right, b.len > 0 ? b : STR("{}"));
    while (next(&left, part, &left_name, &left_value)) {
        if (!next(&right, part, &right_name, &right_value) || !str_eq(left_name, right_name))
            return false;
        bool is_same = is_metadata_apart && str_eq(left_name, STR("metadata"))
                           ? is_same_metadata(left_value, right_value)
                           : str_eq(left_value, right_value);
        if (!is_same)
            return false;
    }
    return !next(&right, part, &right_name, &right_value) && skim_is_whole(&left) && skim_is_whole(&right);
}

bool object_is_news(struct str before, struct str after, bool is_status_read)
{
    return !is_same_part(before, after, is_status_read ? PART_OBJECT : PART_OBJECT_WITHOUT_STATUS);
}
