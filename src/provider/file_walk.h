/* SPDX-License-Identifier: Apache-2.0 */
/* What paths of the command line lead to at one moment: files with their stat signatures, and the places that decide it. A
 * directory stands for its *.yaml, *.yml and *.json that do not begin with a dot, sorted, without what is below it.
 * Lifetime: file_walk_new to file_walk_free. Thread: the owner's. */
#pragma once

#include "base/arena.h"

#include <sys/stat.h>

/* More files than this are not looked at: one reload reads all of them. */
#define FILE_WALK_MAX 20000

/* Changes whenever the file's bytes may have. */
struct file_signature {
    uint64_t device, inode;
    int64_t size;
    int64_t modified_s, changed_s;
    int64_t modified_ns, changed_ns;
};

/* A name in a directory. The name is empty when all of the directory's manifests count. */
struct file_place {
    struct str directory; /* no part of it is a symbolic link */
    struct str name;
};

struct file_found {
    struct str name; /* as people know it: the path given, or the directory's with the entry's name; NUL-terminated */
    size_t source;   /* index of the path */
    int error;       /* errno: it can't be looked at; 0 */
    struct file_signature signature;
    struct file_place place; /* where its bytes stand, behind all symbolic links */
};

struct file_walk {
    struct arena arena;
    struct file_found *found;
    size_t found_count, found_capacity;
    struct file_place *places;
    size_t place_count, place_capacity;
    bool is_cut; /* there are more than FILE_WALK_MAX files */
};

struct file_walk *file_walk_new(void);
void file_walk_free(struct file_walk *walk);
/* Adds what a path leads to. What does not exist is found with ENOENT. */
void file_walk_path(struct file_walk *walk, size_t source, struct str path);
/* Whether both have the same files with the same signatures. */
bool file_walk_eq(const struct file_walk *a, const struct file_walk *b);

/* Whether a directory's entry of this name counts. */
bool file_is_manifest(struct str name);
void file_signature_set(struct file_signature *signature, const struct stat *from);
bool file_signature_eq(const struct file_signature *a, const struct file_signature *b);
