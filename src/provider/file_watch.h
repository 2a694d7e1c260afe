/* SPDX-License-Identifier: Apache-2.0 */
/* Hears of changes at places in the file system (inotify), and knows which of their files are being written: modified, and not
 * closed since. Where the kernel says nothing (other machines' changes of a network file system), nothing is heard.
 * Lifetime: file_watch_new to file_watch_free. Thread: the loop's. */
#pragma once

#include "io/loop.h"
#include "provider/file_walk.h"

/* A file that was modified and stays open is taken as it is after this time without another modification. */
#define FILE_WRITER_MS 1000

struct file_watch;

/* NULL when the system has no more inotify instances: then only looking again helps. */
struct file_watch *file_watch_new(struct loop *loop, void (*on_event)(void *user), void *user);
void file_watch_free(struct file_watch *watch);
/* From now on these places count, and no others. */
void file_watch_set(struct file_watch *watch, const struct file_place *places, size_t count);
/* Takes what the kernel has told so far; on_event may be called. */
void file_watch_read(struct file_watch *watch);
/* When the file that is written at this place may be read, in loop time; 0: nobody writes it. */
uint64_t file_watch_settles_at_ns(const struct file_watch *watch, const struct file_place *place);
