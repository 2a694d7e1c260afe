/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of one file as they were at one moment. Lifetime: the text is the caller's (mem_free). Thread: any. */
#pragma once

#include "base/err.h"
#include "provider/file_walk.h"

/* Of one file: what the parser takes (manifest/document.h). */
#define FILE_MAX_BYTES (32u * 1024 * 1024)

enum file_read_result {
    FILE_READ_OK,
    FILE_READ_UNSTEADY, /* it changed while it was read, again and again */
    FILE_READ_FAILED,   /* *err says why */
};

/* Regular files only. At most `limit` bytes. */
enum file_read_result file_read(const char *path, size_t limit, struct str *text, struct err *err)
    __attribute__((warn_unused_result));
/* Whether somebody has the file open for writing now. False also where only its owner may know (fcntl(2), F_SETLEASE). */
bool file_is_open_for_writing(const char *path);
/* What a stream has until it ends, into a sealed memfd that can be read again and again (file_reread); -1. For standard input
 * and pipes. `name` is for the error. */
int file_keep(int fd, const char *name, struct err *err) __attribute__((warn_unused_result));
enum file_read_result file_reread(int fd, size_t limit, struct str *text, struct err *err)
    __attribute__((warn_unused_result));
