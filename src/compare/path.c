/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/path.h"

#include "base/arena.h"
#include "base/mem.h"

struct selector {
    struct str name;
    uint64_t index;
    uint32_t path;      /* whose */
    bool is_any;        /* `*` */
    bool is_element;    /* by index */
    bool is_descendant; /* at any depth */
    bool is_last;
};

struct path_set {
    struct arena arena;
    struct selector
        *selectors; /* of all paths, one after the other; a state has a bit for each: it is the next to be met */
    size_t count;
    uint64_t *begin; /* the state at the root */
    int root;        /* the first path that is `$`, or -1 */
};

/* The name in quotes at the start of `rest`; false: it does not end. */
static bool read_quoted(struct str *rest, struct arena *arena, struct str *name)
{
    char quote = rest->ptr[0], *out = arena_alloc(arena, rest->len);
    size_t len = 0, at = 1;
    for (; at < rest->len && rest->ptr[at] != quote; at++) {
        at += rest->ptr[at] == '\\' && at + 1 < rest->len;
        out[len++] = rest->ptr[at];
    }
    if (at >= rest->len)
        return false;
    *name = (struct str){out, len};
    *rest = str_slice(*rest, at + 1, rest->len);
    return true;
}

/* What stands in brackets, from after the opening one to after the closing one. */
static bool read_bracket(struct str *rest, struct arena *arena, struct selector *selector)
{
    if (rest->len == 0)
        return false;
    if (rest->ptr[0] == '\'' || rest->ptr[0] == '"') {
        if (!read_quoted(rest, arena, &selector->name) || rest->len == 0 || rest->ptr[0] != ']')
            return false;
        *rest = str_slice(*rest, 1, rest->len);
        return true;
    }
    size_t end = str_find_char(*rest, ']');
    struct str inside = str_slice(*rest, 0, end);
    if (end == rest->len)
        return false;
    *rest = str_slice(*rest, end + 1, rest->len);
    selector->is_any = str_eq(inside, STR("*"));
    selector->is_element = true;
    selector->index = PATH_ANY_INDEX;
    return selector->is_any || str_to_u64(inside, &selector->index);
}

/* Takes the next selector of a path; false: there is none that could be read. */
static bool read_selector(struct str *rest, struct arena *arena, struct selector *selector)
{
    *selector = (struct selector){0};
    if (str_starts_with(*rest, STR(".."))) {
        selector->is_descendant = true;
        *rest = str_slice(*rest, rest->len > 2 && rest->ptr[2] == '[' ? 2 : 1, rest->len);
    }
    if (rest->ptr[0] == '[') {
        *rest = str_slice(*rest, 1, rest->len);
        return read_bracket(rest, arena, selector);
    }
    if (rest->ptr[0] != '.')
        return false;
    size_t end = 1;
    while (end < rest->len && rest->ptr[end] != '.' && rest->ptr[end] != '[')
        end++;
    selector->name = str_slice(*rest, 1, end);
    selector->is_any = str_eq(selector->name, STR("*"));
    *rest = str_slice(*rest, end, rest->len);
    return selector->name.len > 0;
}

/* Without what stands for the document itself. */
static struct str skip_root(struct str path)
{
    if (str_starts_with(path, STR("body.")) || str_starts_with(path, STR("body[")))
        path = str_slice(path, path.ptr[4] == '.' && path.len > 5 && path.ptr[5] == '$' ? 5 : 4, path.len);
    return str_starts_with(path, STR("$")) ? str_slice(path, 1, path.len) : path;
}

bool path_is_valid(struct str path)
{
    struct arena arena;
    struct selector selector;
    struct str rest = skip_root(path);
    bool is_valid = str_starts_with(path, STR("$")) || str_starts_with(path, STR("["));
    arena_init(&arena, NULL, 0);
    while (is_valid && rest.len > 0)
        is_valid = read_selector(&rest, &arena, &selector);
    arena_deinit(&arena);
    return is_valid;
}

static void add_path(struct path_set *set, struct str path, uint32_t index)
{
    struct str rest = skip_root(arena_copy(&set->arena, path));
    size_t first = set->count;
    if (!path_is_valid(path))
        return;
    if (rest.len == 0 && set->root < 0)
        set->root = (int)index;
    while (rest.len > 0) {
        struct selector selector;
        if (!read_selector(&rest, &set->arena, &selector))
            break;
        selector.path = index;
        selector.is_last = rest.len == 0;
        set->selectors = mem_grow(set->selectors, (set->count + 1) * sizeof(selector));
        set->selectors[set->count++] = selector;
    }
    if (set->count == first)
        return;
    set->begin = mem_grow(set->begin, path_set_words(set) * sizeof(uint64_t));
    for (size_t word = first ? (first - 1) / 64 + 1 : 0; word < path_set_words(set); word++)
        set->begin[word] = 0;
    set->begin[first / 64] |= 1ull << first % 64;
}

struct path_set *path_set_new(const struct str *paths, size_t count)
{
    struct path_set *set = mem_alloc(sizeof(*set));
    arena_init(&set->arena, NULL, 0);
    set->root = -1;
    for (size_t i = 0; i < count; i++)
        add_path(set, paths[i], (uint32_t)i);
    return set;
}

void path_set_free(struct path_set *set)
{
    if (!set)
        return;
    arena_deinit(&set->arena);
    mem_free(set->selectors);
    mem_free(set->begin);
    mem_free(set);
}

bool path_set_is_empty(const struct path_set *set)
{
    return set->count == 0 && set->root < 0;
}

size_t path_set_words(const struct path_set *set)
{
    return set->count ? (set->count - 1) / 64 + 1 : 1;
}

int path_set_begin(const struct path_set *set, uint64_t *state)
{
    for (size_t word = 0; word < path_set_words(set); word++)
        state[word] = set->begin ? set->begin[word] : 0;
    return set->root;
}

static bool is_met(const struct selector *selector, const struct path_step *step)
{
    if (selector->is_any)
        return true;
    if (selector->is_element != step->is_element)
        return false;
    if (step->is_element)
        return selector->index == step->index || step->index == PATH_ANY_INDEX;
    return str_eq(selector->name, step->name);
}

int path_set_step(const struct path_set *set, const uint64_t *from, const struct path_step *step, uint64_t *to,
                  bool *is_open)
{
    int found = -1;
    uint64_t carry = 0, open = 0;
    for (size_t word = 0; word < path_set_words(set); word++) {
        to[word] = carry;
        carry = 0;
        for (uint64_t bits = from[word]; bits; bits &= bits - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(bits);
            const struct selector *selector = &set->selectors[word * 64 + bit];
            if (selector->is_descendant)
                to[word] |= 1ull << bit;
            if (!is_met(selector, step))
                continue;
            if (selector->is_last) {
                if (found < 0)
                    found = (int)selector->path;
            } else if (bit == 63) {
                carry = 1;
            } else {
                to[word] |= 2ull << bit;
            }
        }
        open |= to[word];
    }
    *is_open = open != 0;
    return found;
}

/* Walks to a rendered path. */
static int walk(const struct path_set *set, struct str rendered, bool *is_open)
{
    char room[1024];
    struct arena arena;
    struct selector selector;
    struct str rest = skip_root(rendered);
    arena_init(&arena, room, sizeof(room));
    size_t size = path_set_words(set) * sizeof(uint64_t);
    uint64_t *state = arena_alloc(&arena, size), *next = arena_alloc(&arena, size);
    int found = path_set_begin(set, state);
    *is_open = set->count > 0;
    while (rest.len > 0 && *is_open && read_selector(&rest, &arena, &selector)) {
        struct path_step step = {selector.name, PATH_ANY_INDEX, selector.is_element};
        if (selector.is_element && !selector.is_any)
            step.index = selector.index;
        int here = path_set_step(set, state, &step, next, is_open);
        if (here >= 0 && (found < 0 || here < found))
            found = here;
        uint64_t *swap = state;
        state = next;
        next = swap;
    }
    arena_deinit(&arena);
    return found;
}

int path_set_find(const struct path_set *set, struct str rendered)
{
    bool is_open;
    return path_set_is_empty(set) ? -1 : walk(set, rendered, &is_open);
}

bool path_set_may_be_below(const struct path_set *set, struct str rendered)
{
    bool is_open = false;
    return !path_set_is_empty(set) && walk(set, rendered, &is_open) < 0 && is_open;
}
