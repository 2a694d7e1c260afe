/* SPDX-License-Identifier: Apache-2.0 */
/* The table of what each process may do. The filters, docs/reference/processes.md and the tests are made of it.
 * Lifetime: constant. Thread: any. */
#pragma once

#include "app/privileges.h"

#include <seccomp.h>
#include <stddef.h>

#define CALL_MAX_CONDITIONS 2

/* One system call. With conditions it is allowed when all of them hold; it may have several rows. */
struct call {
    const char *name;
    int number;       /* negative: this machine does not have it */
    const char *only; /* the conditions in words, at the first of the call's rows; NULL: always */
    unsigned condition_count;
    struct scmp_arg_cmp conditions[CALL_MAX_CONDITIONS];
    bool is_own_process; /* the first argument is the id of the process itself: a further condition */
};

enum call_group {
    CALLS_RUN,
    CALLS_OWN_SIGNALS,
    CALLS_LOOP,
    CALLS_MESSAGES,
    CALLS_CONNECTIONS,
    CALLS_STREAMS,
    CALLS_DATAGRAMS,
    CALLS_FILES,
    CALLS_STORE,
    CALLS_MEMORY_FILES,
    CALLS_PIPES,
    CALLS_THREADS,
    CALLS_CODE,
    CALLS_GIVE_UP,
    CALLS_LIMITS,
    CALLS_ALARM,
    CALLS_LISTEN,
    CALLS_PROCESSES,
    CALL_GROUP_COUNT
};

struct calls {
    const char *name, *meaning;
    const struct call *list;
    size_t count;
};

struct role {
    const char *name, *purpose;
    const char *capabilities_kept; /* in words */
    uint64_t capabilities;
    unsigned groups;                             /* bits: 1 << enum call_group */
    unsigned groups_for_main, groups_for_worker; /* those of `groups` that the thread has for its start alone */
};

extern const struct calls calls_table[CALL_GROUP_COUNT];
extern const struct role role_table[ROLE_COUNT];
/* Newer forms of calls, with arguments that a filter can't see: they fail with ENOSYS for all roles, so that the C library
 * takes the older form. */
extern const struct calls calls_newer;
