/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of a run give up before bytes of strangers reach them: capabilities, the gaining of new ones, and
 * every system call that their row in privileges_table.c does not have. What was given up does not come back, and is
 * given up for all threads and processes started after. Lifetime: the process's. Thread: said at each function. */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"

#include <stdint.h>

enum role_id { ROLE_SUPERVISOR, ROLE_CONTROL, ROLE_GATEWAY, ROLE_ANALYST, ROLE_COUNT };

/* No set-user-id bit and no file capability counts any more, and of the capabilities that the process has only those of
 * the mask stay (1 << CAP_…). Main thread, while there is no other. */
void privileges_keep(uint64_t capabilities);
/* Capabilities of the role's row alone stay. Main thread, while there is no other. */
void privileges_drop(enum role_id role);

/* The process makes the system calls of the role's row only; others fail with EPERM, or with ENOSYS where that makes
 * the C library take another way. False: it can't be, and nothing has changed. Main thread, while there is no other. */
bool privileges_confine(enum role_id role, struct err *err) __attribute__((warn_unused_result));
/* The thread that calls, one of a confined process, needs no more what its row has for the start alone. */
bool privileges_seal(enum role_id role, bool is_worker, struct err *err) __attribute__((warn_unused_result));

/* No more memory of its own than so many bytes: what goes beyond fails, and ends the process. Shared memory and files do not count. */
bool privileges_limit_memory(uint64_t bytes, struct err *err) __attribute__((warn_unused_result));

/* docs/reference/processes.md. */
void privileges_reference(struct strbuf *out);
