/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "compare/comparer.h"

static const struct str *copy_list(struct arena *arena, const struct str *list, size_t count)
{
    struct str *copy = arena_alloc(arena, count * sizeof(*copy) + 1);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_copy(arena, list[i]);
    return copy;
}

struct compare_rules *compare_rules_new(const struct compare_spec *spec)
{
    struct compare_rules *rules = mem_alloc(sizeof(*rules));
    arena_init(&rules->arena, NULL, 0);
    rules->headers = copy_list(&rules->arena, spec->headers, spec->header_count);
    rules->header_count = spec->header_count;
    rules->ignored_headers = copy_list(&rules->arena, spec->ignored_headers, spec->ignored_header_count);
    rules->ignored_header_count = spec->ignored_header_count;
    rules->ignored_count = spec->ignored_path_count;
    if (spec->ignored_path_count + spec->array_count == 0)
        return rules;
    size_t count = 0;
    struct str *paths = arena_alloc(&rules->arena, (spec->ignored_path_count + spec->array_count) * sizeof(*paths));
    rules->array_rules = arena_alloc(&rules->arena, spec->array_count * sizeof(*rules->array_rules) + 1);
    for (size_t i = 0; i < spec->ignored_path_count; i++)
        paths[count++] = spec->ignored_paths[i];
    for (size_t i = 0; i < spec->array_count; i++) {
        paths[count++] = spec->arrays[i].path;
        rules->array_rules[i] = spec->arrays[i];
        rules->array_rules[i].key = arena_copy(&rules->arena, spec->arrays[i].key);
    }
    rules->paths = path_set_new(paths, count);
    return rules;
}

void compare_rules_free(struct compare_rules *rules)
{
    if (!rules)
        return;
    path_set_free(rules->paths);
    arena_deinit(&rules->arena);
    mem_free(rules);
}
