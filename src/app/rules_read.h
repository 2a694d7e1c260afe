/* SPDX-License-Identifier: Apache-2.0 */
/* From what the options say to manifests: the texts of files, or what the quick start's flags stand for. One way for `run`,
 * `check` and `print`. Lifetime: manifests have their own copies. Thread: any. */
#pragma once

#include "app/settings.h"
#include "compile/compile.h"
#include "provider/files.h"

/* `files` is NULL for the quick start. */
struct manifests *rules_read(const struct settings *settings, const struct files *files);
/* How `run` compiles them. */
struct compile_options rules_options(const struct settings *settings);

/* Reads the sources of the options once, for commands that start nothing; false with a sentence when a path can't be read. */
bool rules_read_once(const struct settings *settings, struct manifests **manifests, struct err *err)
    __attribute__((warn_unused_result));
/* All problems of both on standard error, in the order of their files and places. `more` may be NULL. */
void rules_say_problems(const struct problems *problems, const struct problems *more);
