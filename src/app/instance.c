/* SPDX-License-Identifier: Apache-2.0 */
#include "app/instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_safe_dir(const char *dir, struct err *err)
{
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return err_errno(err, "can't make %s", dir);
    struct stat found;
    if (lstat(dir, &found) < 0)
        return err_errno(err, "%s", dir);
    if (!S_ISDIR(found.st_mode) || found.st_uid != geteuid() || (found.st_mode & 077) != 0)
        return err_set(err, "%s is not a directory that only this user can enter (mode 0700)", dir);
    return true;
}

bool instance_init(struct instance *instance, const struct address *admin, struct err *err)
{
    *instance = (struct instance){.fd = -1};
    char dir[PATH_MAX], name[ADDRESS_TEXT];
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && runtime[0] == '/')
        snprintf(dir, sizeof(dir), "%s/umbra", runtime);
    else if (geteuid() == 0)
        snprintf(dir, sizeof(dir), "/run/umbra");
    else
        snprintf(dir, sizeof(dir), "/tmp/umbra-%u", (unsigned)geteuid());
    if (!is_safe_dir(dir, err))
        return false;
    struct str address = address_format(admin, name);
    int len = snprintf(instance->path, sizeof(instance->path), "%s/%.*s", dir, STR_ARG(address));
    int staged_len = snprintf(instance->staged, sizeof(instance->staged), "%s/.%ld", dir, (long)getpid());
    if ((size_t)len >= sizeof(instance->path) || (size_t)staged_len >= sizeof(instance->staged))
        return err_set(err, "%s is too long for a socket's path; set XDG_RUNTIME_DIR to a shorter one", dir);
    return true;
}

static void unix_name(const char *path, struct sockaddr_un *name)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    _Static_assert(sizeof(name->sun_path) == sizeof(((struct instance *)0)->path), "room for any path");
    memcpy(name->sun_path, path, sizeof(name->sun_path));
}

static bool is_same_user(int fd, pid_t *pid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != geteuid())
        return false;
    if (pid)
        *pid = peer.pid;
    return true;
}

int instance_connect(const struct instance *instance, pid_t *pid)
{
    struct sockaddr_un name;
    unix_name(instance->path, &name);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0 && is_same_user(fd, pid))
        return fd;
    close(fd);
    return -1;
}

bool instance_listen(struct instance *instance, struct err *err)
{
    struct sockaddr_un name;
    unix_name(instance->staged, &name);
    (void)unlink(instance->staged); /* of a process with our id that ended long ago */
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, "socket");
    struct stat bound;
    if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(fd, 4) < 0 ||
        lstat(instance->staged, &bound) < 0) {
        (void)err_errno(err, "%s", instance->staged);
        close(fd);
        return false;
    }
    instance->fd = fd;
    instance->device = bound.st_dev;
    instance->inode = bound.st_ino;
    return true;
}

bool instance_publish(struct instance *instance, struct err *err)
{
    if (rename(instance->staged, instance->path) < 0)
        return err_errno(err, "%s", instance->path);
    instance->is_published = true;
    return true;
}

int instance_accept(struct instance *instance)
{
    int fd = accept4(instance->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 || is_same_user(fd, NULL))
        return fd;
    close(fd);
    return -1;
}

void instance_close(struct instance *instance)
{
    if (instance->fd < 0)
        return;
    close(instance->fd);
    instance->fd = -1;
    const char *path = instance->is_published ? instance->path : instance->staged;
    struct stat found;
    if (lstat(path, &found) == 0 && found.st_dev == instance->device && found.st_ino == instance->inode)
        (void)unlink(path);
}
