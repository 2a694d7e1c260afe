/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/judging.h"

#include <stdio.h>

/* Of a value in a sentence. */
#define SHOWN 48

const char *share_text(char *out, double share)
{
    double percent = share * 100;
    const char *format = percent == 0     ? "%.0f %%"
                         : percent < 0.01 ? "%.2g %%"
                         : percent < 0.1  ? "%.2f %%"
                         : percent < 9.95 ? "%.1f %%"
                                          : "%.0f %%";
    snprintf(out, SHARE_TEXT, format, percent);
    return out;
}

static enum difference_kind most_seen(const struct field_counts *field)
{
    unsigned most = DIFFERENCE_VALUE;
    for (unsigned i = 0; i < DIFFERENCE_KIND_COUNT; i++) {
        if (field->kinds[i] > field->kinds[most])
            most = i;
    }
    return (enum difference_kind)most;
}

const char *field_verb(const struct field_counts *field)
{
    switch (most_seen(field)) {
    case DIFFERENCE_TYPE: return "has another type";
    case DIFFERENCE_MISSING: return "is missing";
    case DIFFERENCE_EXTRA: return "is there although live has none";
    case DIFFERENCE_ORDER: return "is in another order";
    case DIFFERENCE_LENGTH: return "has another length";
    default: return "differs";
    }
}

/* One line, cut at a character's beginning. */
static struct str shown(struct arena *memory, const char *value)
{
    char room[SHOWN];
    struct str whole = str_from_c(value);
    struct str part = tally_clean(whole, SHOWN, room);
    struct str copy = arena_printf(memory, "%.*s%s", STR_ARG(part), whole.len > SHOWN ? "..." : "");
    for (size_t i = 0; i < copy.len; i++) {
        if ((unsigned char)copy.ptr[i] < 0x20 || copy.ptr[i] == 0x7f)
            ((char *)copy.ptr)[i] = ' ';
    }
    return copy;
}

struct str field_example(struct arena *memory, const struct field_counts *field)
{
    bool has_live = field->live && field->live[0], has_shadow = field->shadow && field->shadow[0];
    if (has_live && has_shadow)
        return arena_printf(memory, "; for example %.*s became %.*s", STR_ARG(shown(memory, field->live)),
                            STR_ARG(shown(memory, field->shadow)));
    if (has_live)
        return arena_printf(memory, "; live has, for example, %.*s", STR_ARG(shown(memory, field->live)));
    if (has_shadow)
        return arena_printf(memory, "; for example %.*s", STR_ARG(shown(memory, field->shadow)));
    return STR("");
}

const char *verdict_name(enum verdict_kind kind)
{
    static const char *const names[] = {"PASS", "FAIL", "INSUFFICIENT"};
    return names[kind];
}

const char *finding_kind_name(enum finding_kind kind)
{
    static const char *const names[] = {"difference", "latency", "load", "security"};
    return names[kind];
}

const char *finding_severity_name(enum finding_severity severity)
{
    static const char *const names[] = {"info", "warning", "failure"};
    return names[severity];
}
