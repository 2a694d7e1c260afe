/* SPDX-License-Identifier: Apache-2.0 */
#include "app/confine_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights that came with later versions of Landlock; headers may be older than the kernel. */
#define ACCESS_REFER (1ull << 13)    /* 2 */
#define ACCESS_TRUNCATE (1ull << 14) /* 3 */
#define ACCESS_V1 ((1ull << 13) - 1)

#define ACCESS_DIRECTORY \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR | \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | ACCESS_TRUNCATE)

static bool add_path(int ruleset, const char *path, int how, uint64_t access)
{
    int fd = open(path, how | O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    bool is_added = fd >= 0 && syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return is_added;
}

bool confine_files(const char *directory, struct err *err)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return err_errno(err, "this kernel has no Landlock");
    uint64_t handled = ACCESS_V1 | (version >= 2 ? ACCESS_REFER : 0) | (version >= 3 ? ACCESS_TRUNCATE : 0);
    struct landlock_ruleset_attr attributes = {.handled_access_fs = handled};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
    if (ruleset < 0)
        return err_errno(err, "Landlock");
    bool is_done = (!directory || add_path(ruleset, directory, O_DIRECTORY, ACCESS_DIRECTORY & handled)) &&
                   add_path(ruleset, "/dev/urandom", 0, LANDLOCK_ACCESS_FS_READ_FILE) &&
                   syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    if (!is_done)
        err_errno(err, "Landlock");
    close(ruleset);
    return is_done;
}
