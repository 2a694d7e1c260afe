/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of the demo: forked, in a group of their own (Ctrl-C is the demo's alone), ended with it whatever ends it, by pid.
 * Lifetime: demo_child_start to demo_child_stop. Thread: main, the only one (it forks). */
#pragma once

#include "base/err.h"

#include <sys/types.h>

struct demo_child {
    pid_t pid;   /* 0: not running */
    int channel; /* this end of a socket pair; -1: closed */
    int status;  /* of waitpid, once it has ended by itself */
};

/* What the child finds; all other descriptors but 0 to 2 are closed. */
#define DEMO_CHILD_FD 3      /* the descriptor that it was given */
#define DEMO_CHILD_CHANNEL 4 /* its end reads 0 bytes when the demo is gone */

#define DEMO_CHILD_INIT \
    { \
        .pid = 0, .channel = -1 \
    }

struct demo_child_spec {
    const char *name;             /* in ps and top */
    int fd;                       /* -1: none; a copy is the child's, this one stays the caller's */
    int log_fd;                   /* becomes standard error; standard input and output are /dev/null */
    int (*run)(const void *user); /* in the child; returns its exit code */
    const void *user;
};

bool demo_child_start(struct demo_child *child, const struct demo_child_spec *spec, struct err *err)
    __attribute__((warn_unused_result));
/* One byte to the child; lost when it is gone. */
void demo_child_tell(struct demo_child *child, char word);
/* False once it has ended; then `status` says how and pid is 0. */
bool demo_child_is_alive(struct demo_child *child);
/* Sends the signal, and SIGKILL when it is still there after that time; returns when it is gone. Harmless when it is not running. */
void demo_child_stop(struct demo_child *child, int signal, int wait_ms);
/* "was ended by signal 9 (Killed)", "ended with code 1" */
void demo_child_explain(const struct demo_child *child, struct err *err);
