/* SPDX-License-Identifier: Apache-2.0 */
/* What -f names, made ready for provider/files.h. Standard input and pipes can be read only once: the process that was started by
 * a person reads them, and hands their text on. Lifetime: sources_deinit. Thread: any. */
#pragma once

#include "app/settings.h"
#include "base/err.h"
#include "provider/files.h"

struct sources {
    struct file_source list[SETTINGS_MAX_FILES]; /* paths are borrowed from the settings */
    size_t count;
    size_t stdin_index; /* of the list; SIZE_MAX: it is not asked for */
};

/* The paths alone. */
void sources_init(struct sources *sources, const struct settings *settings);
void sources_deinit(struct sources *sources);
/* Reads standard input and pipes until they end. False with a sentence when a path does not exist or may not be read. */
bool sources_read(struct sources *sources, struct err *err) __attribute__((warn_unused_result));
