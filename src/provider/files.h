/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of files and directories, and of what a pipe had: read, watched and read again when they change on disk. Knows
 * bytes only. A change counts once it is stable: nobody writes the file, the burst of changes is over, and what was read did not change
 * meanwhile; a file that never comes to rest does not hold up the others.
 * Lifetime: files_new to files_free. Thread: the loop's. */
#pragma once

#include "base/str.h"

struct loop;
struct files;

/* Of all files together. */
#define FILES_MAX_BYTES (256u * 1024 * 1024)

struct file_text {
    struct str name; /* as people know it, NUL-terminated */
    struct str text;
    const char
        *problem; /* NULL: the text is the file's; else why it can't be read ("can't be opened: Permission denied") */
};

struct file_source {
    struct str path;
    int fd; /* -1; else a memory file (file_read.h) that stands for the path. Borrowed */
};

struct files_options {
    struct loop *loop;                 /* NULL: read once and never looked at again */
    const struct file_source *sources; /* copied; a path that comes again counts once */
    size_t source_count;
    void (*on_change)(void *user); /* some file has another text, is new, or is gone; also after each files_reload */
    void *user;
    bool is_by_name; /* a file that has several names counts for each of them */
    bool is_patient; /* what is there need not count at once: it is read when it is at rest, and on_change tells */
};

/* Reads everything; never calls on_change before it returns. A path that leads to nothing has no texts. */
struct files *files_new(const struct files_options *options);
void files_free(struct files *files);
/* In the order of the paths, and by name within a directory. Borrowed until on_change is called. */
const struct file_text *files_get(const struct files *files, size_t *count);
/* Reads again, at once, or as soon as no file is being written, at most 500 ms later. A file that is written even then counts when it is
 * at rest. */
void files_reload(struct files *files);
