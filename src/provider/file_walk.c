/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/file_walk.h"

#include "base/mem.h"
#include "base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_LINKS 40 /* the kernel's own limit */

struct file_walk *file_walk_new(void)
{
    struct file_walk *walk = mem_alloc(sizeof(*walk));
    arena_init(&walk->arena, NULL, 0);
    return walk;
}

void file_walk_free(struct file_walk *walk)
{
    if (!walk)
        return;
    arena_deinit(&walk->arena);
    mem_free(walk->found);
    mem_free(walk->places);
    mem_free(walk);
}

bool file_is_manifest(struct str name)
{
    return name.len > 0 && name.ptr[0] != '.' &&
           (str_ends_with(name, STR(".yaml")) || str_ends_with(name, STR(".yml")) || str_ends_with(name, STR(".json")));
}

void file_signature_set(struct file_signature *signature, const struct stat *from)
{
    *signature = (struct file_signature){
        .device = from->st_dev,
        .inode = from->st_ino,
        .size = from->st_size,
        .modified_s = from->st_mtim.tv_sec,
        .changed_s = from->st_ctim.tv_sec,
        .modified_ns = from->st_mtim.tv_nsec,
        .changed_ns = from->st_ctim.tv_nsec,
    };
}

bool file_signature_eq(const struct file_signature *a, const struct file_signature *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

bool file_walk_eq(const struct file_walk *a, const struct file_walk *b)
{
    if (a->found_count != b->found_count)
        return false;
    for (size_t i = 0; i < a->found_count; i++) {
        const struct file_found *one = &a->found[i], *other = &b->found[i];
        if (one->error != other->error || !str_eq(one->name, other->name) ||
            !file_signature_eq(&one->signature, &other->signature))
            return false;
    }
    return true;
}

static struct file_place add_place(struct file_walk *walk, struct str directory, struct str name)
{
    if (walk->place_count == walk->place_capacity) {
        walk->place_capacity = walk->place_capacity ? walk->place_capacity * 2 : 16;
        walk->places = mem_grow(walk->places, walk->place_capacity * sizeof(*walk->places));
    }
    struct file_place place = {arena_printf(&walk->arena, "%.*s", STR_ARG(directory)), arena_copy(&walk->arena, name)};
    walk->places[walk->place_count++] = place;
    return place;
}

/* The first element of a path; *rest begins behind it. */
static struct str take_element(struct str *rest)
{
    size_t from = 0;
    while (from < rest->len && rest->ptr[from] == '/')
        from++;
    size_t to = from;
    while (to < rest->len && rest->ptr[to] != '/')
        to++;
    struct str element = str_slice(*rest, from, to);
    *rest = str_slice(*rest, to, rest->len);
    return element;
}

static void set(struct strbuf *buf, struct str text)
{
    strbuf_clear(buf);
    strbuf_add(buf, text);
}

static void add_element(struct strbuf *path, struct str name)
{
    if (path->len > 0 && path->ptr[path->len - 1] != '/')
        strbuf_add_char(path, '/');
    strbuf_add(path, name);
}

/* Goes from `directory` along `path` as the kernel would, and notes each name that decides where it leads: symbolic links, and the last.
 * Returns the last. */
static struct file_place follow(struct file_walk *walk, struct str directory, struct str path)
{
    char target[PATH_MAX];
    struct strbuf at = STRBUF_INIT, full = STRBUF_INIT, left = STRBUF_INIT, next = STRBUF_INIT;
    struct file_place last = {0};
    bool is_noted = false;
    set(&at, str_starts_with(path, STR("/")) ? STR("/") : directory);
    set(&left, path);
    struct str rest = strbuf_str(&left);
    for (int links = 0; !is_noted && links <= MAX_LINKS;) {
        struct str name = take_element(&rest);
        if (name.len == 0)
            break;
        if (str_eq(name, STR(".")))
            continue;
        set(&full, strbuf_str(&at));
        add_element(&full, name);
        ssize_t len = str_eq(name, STR("..")) ? -1 : readlink(full.ptr, target, sizeof(target));
        if (len < 0) {
            struct str ahead = rest;
            is_noted = take_element(&ahead).len == 0 && !str_eq(name, STR(".."));
            if (is_noted)
                last = add_place(walk, strbuf_str(&at), name);
            set(&at, strbuf_str(&full));
            continue;
        }
        links++;
        (void)add_place(walk, strbuf_str(&at), name);
        if (len > 0 && target[0] == '/')
            set(&at, STR("/"));
        set(&next, (struct str){target, (size_t)len});
        strbuf_add(&next, rest);
        set(&left, strbuf_str(&next));
        rest = strbuf_str(&left);
    }
    if (!is_noted)
        last.directory = arena_printf(&walk->arena, "%.*s", STR_ARG(strbuf_str(&at)));
    strbuf_deinit(&at);
    strbuf_deinit(&full);
    strbuf_deinit(&left);
    strbuf_deinit(&next);
    return last;
}

static struct file_found *add_found(struct file_walk *walk, size_t source, struct str name)
{
    if (walk->found_count == walk->found_capacity) {
        walk->found_capacity = walk->found_capacity ? walk->found_capacity * 2 : 16;
        walk->found = mem_grow(walk->found, walk->found_capacity * sizeof(*walk->found));
    }
    struct file_found *found = &walk->found[walk->found_count++];
    *found = (struct file_found){.name = arena_printf(&walk->arena, "%.*s", STR_ARG(name)), .source = source};
    return found;
}

static int by_name(const void *a, const void *b)
{
    const struct str *one = a, *other = b;
    return strcmp(one->ptr, other->ptr);
}

/* The names of a directory's manifests, sorted; false with errno. */
static bool list_entries(struct file_walk *walk, const char *path, struct str **names, size_t *count)
{
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    size_t capacity = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (!file_is_manifest(str_from_c(entry->d_name)))
            continue;
        if (walk->found_count + *count == FILE_WALK_MAX) {
            walk->is_cut = true;
            break;
        }
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            *names = mem_grow(*names, capacity * sizeof(**names));
        }
        (*names)[(*count)++] = arena_printf(&walk->arena, "%s", entry->d_name);
    }
    closedir(dir);
    if (*count > 0)
        qsort(*names, *count, sizeof(**names), by_name);
    return true;
}

/* The errno of file_found. */
static int look_at(const char *path, struct stat *state)
{
    if (stat(path, state) == 0)
        return 0;
    int error = errno;
    return error == ENOENT && lstat(path, state) == 0 ? ENOLINK : error;
}

static void walk_directory(struct file_walk *walk, size_t source, struct str path, struct str directory)
{
    struct str *names = NULL;
    size_t count = 0;
    (void)add_place(walk, directory, STR(""));
    if (!list_entries(walk, path.ptr, &names, &count))
        add_found(walk, source, path)->error = errno;
    if (walk->is_cut)
        add_found(walk, source, path)->error = EOVERFLOW;
    struct strbuf name = STRBUF_INIT;
    for (size_t i = 0; i < count; i++) {
        struct stat state;
        set(&name, path);
        add_element(&name, names[i]);
        int error = look_at(name.ptr, &state);
        if (error == ENOENT || (error == 0 && S_ISDIR(state.st_mode)))
            continue; /* gone since it was listed; not recursive, whatever its name */
        struct file_found *found = add_found(walk, source, strbuf_str(&name));
        found->error = error;
        if (error == 0)
            file_signature_set(&found->signature, &state);
        found->place = follow(walk, directory, names[i]);
    }
    strbuf_deinit(&name);
    mem_free(names);
}

void file_walk_path(struct file_walk *walk, size_t source, struct str path)
{
    struct str name = arena_printf(&walk->arena, "%.*s", STR_ARG(path));
    struct file_place place = follow(walk, STR("."), path);
    struct stat state;
    int error = look_at(name.ptr, &state);
    if (error == 0 && S_ISDIR(state.st_mode)) {
        struct strbuf directory = STRBUF_INIT;
        set(&directory, place.directory);
        if (place.name.len > 0)
            add_element(&directory, place.name);
        walk_directory(walk, source, name, strbuf_str(&directory));
        strbuf_deinit(&directory);
        return;
    }
    struct file_found *found = add_found(walk, source, name);
    found->place = place;
    found->error = error;
    if (error == 0)
        file_signature_set(&found->signature, &state);
}
