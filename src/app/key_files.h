/* SPDX-License-Identifier: Apache-2.0 */
/* The files that Backends name for TLS (compile/tls_files.h), and the one with the authorities of the system: read, watched, and read again
 * when they change, in the way of manifests. Lifetime: key_files_free. Thread: the loop's. */
#pragma once

#include "compile/compile.h"

struct key_files;
struct loop;

/* `loop` NULL: read once. `on_change` is called after any of them has changed. */
struct key_files *key_files_new(struct loop *loop, void (*on_change)(void *user), void *user);
void key_files_free(struct key_files *files);
/* From now on those that these manifests name. They are read before it returns. */
void key_files_set(struct key_files *files, const struct manifests *manifests);
/* Lets the compiler find them; as long as nothing is set or read again. */
void key_files_give(const struct key_files *files, struct compile_options *options);
