/* SPDX-License-Identifier: Apache-2.0 */
/* Where `umbra run --replace` finds the running umbra: a Unix socket named after the admin address, in a directory that
 * only its user can enter (XDG_RUNTIME_DIR/umbra, else /run/umbra for root, else /tmp/umbra-UID).
 * Lifetime: instance_init to instance_close. Thread: the supervisor's. */
#pragma once

#include "base/address.h"
#include "base/err.h"

#include <limits.h>
#include <sys/types.h>

struct instance {
    char path[108];   /* what successors connect to */
    char staged[108]; /* where the socket is bound before it takes the path over */
    int fd;           /* listening; -1 when there is none */
    dev_t device;     /* of the bound socket file, so that a successor's is never removed */
    ino_t inode;
    bool is_published;
};

/* Finds (or makes) the directory and the path; false when there is none that is safe to use. */
bool instance_init(struct instance *instance, const struct address *admin, struct err *err)
    __attribute__((warn_unused_result));
/* A connected socket to the umbra that runs with this admin address, or -1. *pid is its supervisor's. Refuses a peer of
 * another user. */
int instance_connect(const struct instance *instance, pid_t *pid);
/* Listens beside the path; instance_publish then replaces what is there, atomically. */
bool instance_listen(struct instance *instance, struct err *err) __attribute__((warn_unused_result));
bool instance_publish(struct instance *instance, struct err *err) __attribute__((warn_unused_result));
/* A connection of the same user; -1 when there is none (any more). */
int instance_accept(struct instance *instance);
/* Also removes the path, unless a successor has it. */
void instance_close(struct instance *instance);
