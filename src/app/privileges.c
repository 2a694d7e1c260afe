/* SPDX-License-Identifier: Apache-2.0 */
#include "app/privileges.h"

#include "app/privileges_table.h"
#include "base/log.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_CAPABILITIES 64 /* of the kernel's interface; today's have 41 */

/* Those that a later exec could bring back. Without CAP_SETPCAP it can't be done, nor is it needed: with no_new_privs an
 * exec adds nothing. */
static void empty_bounding_set(void)
{
    for (unsigned long capability = 0; capability < MAX_CAPABILITIES; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return;
    }
}

void privileges_keep(uint64_t capabilities)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        log_warn("new privileges can't be given up: %s", strerror(errno));
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* kernels without them have none to clear */
    empty_bounding_set();
    if (syscall(SYS_capget, &head, sets) < 0) {
        log_warn("capabilities can't be given up: %s", strerror(errno));
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        sets[i].permitted &= (uint32_t)(capabilities >> (32 * i));
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &head, sets) < 0)
        log_warn("capabilities can't be given up: %s", strerror(errno));
}

void privileges_drop(enum role_id role)
{
    privileges_keep(role_table[role].capabilities);
}
