/* SPDX-License-Identifier: Apache-2.0 */
/* Where the analyst's store lives: --data as it is given, else a directory of its own for each admin address below
 * $XDG_STATE_HOME/umbra or $HOME/.local/state/umbra, else nowhere. Made here, for its user alone, before the processes are confined.
 * Lifetime: static. Thread: main, before any child. */
#pragma once

#include "app/options.h"

#define DATA_DIR_PATH sizeof(((struct settings *)0)->data)

/* The absolute path of a directory that is there and can be written, or "": in memory only; then `err` has a sentence for the log unless
 * that was asked for (--data '', --compare off). False
 * only when --data can't be used: `err` says why, and the start ends. */
bool data_dir_choose(const struct options *options, char *out, size_t size, struct err *err)
    __attribute__((warn_unused_result));

/* The default directory above those of the admin addresses, whether it is there or not. False: there is none. */
bool data_dir_default(char *out, size_t size, struct err *err) __attribute__((warn_unused_result));
