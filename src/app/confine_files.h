/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps a process to one directory of the file system, with Landlock (kernels from 5.13, where it is switched on): a filter of system calls
 * can't see paths. Lifetime: the process's. Thread: main, while there is no other. */
#pragma once

#include "base/err.h"

/* Beneath the directory files may be made, read, written, renamed and removed; nothing else can be opened but /dev/urandom. NULL: nothing at all.
 * The process must have no_new_privs. False: it can't be, and nothing has changed. */
bool confine_files(const char *directory, struct err *err) __attribute__((warn_unused_result));
