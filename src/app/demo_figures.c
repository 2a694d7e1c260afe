/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_figures.h"

/* The page is the gateway's own and well-formed; what is looked for in vain is an error all the same. */
struct reader {
    bool is_complete;
    const char *missing;
};

/* The length of the value that `text` begins with: a string, an object, an array, or a word. */
static size_t value_len(struct str text)
{
    size_t depth = 0;
    bool is_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (is_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                is_string = false;
        } else if (c == '"') {
            is_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (depth > 0 && (c == '}' || c == ']')) {
            depth--;
        } else if (depth == 0 && (c == ',' || c == ':' || c == '}' || c == ']')) {
            return i;
        }
    }
    return text.len;
}

/* The next value of an object's or array's inside and the separator behind it; false at the end. */
static bool take_value(struct str *rest, struct str *value)
{
    if (rest->len == 0)
        return false;
    size_t len = value_len(*rest);
    *value = str_trim(str_slice(*rest, 0, len));
    *rest = str_slice(*rest, len + 1, rest->len);
    return true;
}

/* What stands between the brackets. */
static struct str inside(struct str value)
{
    value = str_trim(value);
    return value.len >= 2 ? str_slice(value, 1, value.len - 1) : STR("");
}

static struct str member(struct reader *reader, struct str object, const char *name)
{
    struct str rest = inside(object), key, value;
    while (take_value(&rest, &key) && take_value(&rest, &value)) {
        if (str_eq(inside(key), str_from_c(name)))
            return value;
    }
    reader->is_complete = false;
    reader->missing = name;
    return STR("");
}

static uint64_t number(struct reader *reader, struct str object, const char *name)
{
    struct str text = member(reader, object, name);
    uint64_t value = 0;
    if (!str_to_u64(str_slice(text, 0, str_find_char(text, '.')), &value) && !str_starts_with(text, STR("-"))) {
        reader->is_complete = false;
        reader->missing = name;
    }
    return value;
}

static bool truth(struct reader *reader, struct str object, const char *name)
{
    return str_eq(member(reader, object, name), STR("true"));
}

static enum breaker_state breaker(struct reader *reader, struct str object)
{
    struct str state = inside(member(reader, object, "state"));
    return str_eq(state, STR("open"))        ? BREAKER_OPEN
           : str_eq(state, STR("half_open")) ? BREAKER_HALF_OPEN
                                             : BREAKER_CLOSED;
}

static void read_mirror(struct reader *reader, struct str mirror, struct demo_figures *figures)
{
    struct str filtered = member(reader, mirror, "filtered_by_reason");
    struct str dropped = member(reader, mirror, "dropped_by_reason");
    struct str failed = member(reader, mirror, "failed_by_reason");
    struct str equations = member(reader, mirror, "equations");
    struct str breaking = member(reader, mirror, "breaker");
    figures->matched = number(reader, mirror, "matched");
    figures->sampled_out = number(reader, mirror, "sampled_out");
    figures->filtered = number(reader, mirror, "filtered");
    figures->dropped = number(reader, mirror, "dropped");
    figures->queued = number(reader, mirror, "queued");
    figures->sent = number(reader, mirror, "sent");
    figures->completed = number(reader, mirror, "completed");
    figures->failed = number(reader, mirror, "failed");
    figures->in_flight = number(reader, mirror, "in_flight");
    figures->connections = number(reader, mirror, "connections");
    figures->is_off = truth(reader, mirror, "off");
    for (size_t i = 0; i < FILTERED_COUNT; i++)
        figures->filtered_by[i] = number(reader, filtered, filtered_name((enum filtered)i));
    for (size_t i = 0; i < DROPPED_COUNT; i++)
        figures->dropped_by[i] = number(reader, dropped, dropped_name((enum dropped)i));
    for (size_t i = 0; i < FAILED_COUNT; i++)
        figures->failed_by[i] = number(reader, failed, failed_name((enum failed)i));
    figures->is_matched_equal = truth(reader, member(reader, equations, "matched"), "holds");
    figures->is_sent_equal = truth(reader, member(reader, equations, "sent"), "holds");
    figures->breaker = breaker(reader, breaking);
    figures->probe_ms = number(reader, breaking, "next_probe_ms");
}

/* STR_NONE: there is none. */
static struct str find_mirror(struct str mirrors, struct str label)
{
    struct str mirror;
    while (take_value(&mirrors, &mirror)) {
        struct reader reader = {.is_complete = true};
        if (str_eq(inside(member(&reader, mirror, "mirror")), label))
            return mirror;
    }
    return STR_NONE;
}

bool demo_figures_parse(struct str json, struct str label, struct demo_figures *figures, struct err *err)
{
    struct reader reader = {.is_complete = true};
    struct str budget = member(&reader, json, "budget");
    struct str mirror = find_mirror(inside(member(&reader, json, "mirrors")), label);
    *figures = (struct demo_figures){.budget_used = number(&reader, budget, "used")};
    figures->budget_limit = number(&reader, budget, "limit");
    if (!mirror.ptr)
        return err_set(err, "the gateway's status names no mirror %.*s", STR_ARG(label));
    read_mirror(&reader, mirror, figures);
    return reader.is_complete || err_set(err, "the gateway's status has no \"%s\"", reader.missing);
}

bool demo_figures_hold(const struct demo_figures *figures)
{
    uint64_t matched = figures->sampled_out + figures->filtered + figures->dropped + figures->sent + figures->queued;
    uint64_t sent = figures->completed + figures->failed + figures->in_flight;
    return figures->matched == matched && figures->sent == sent;
}
