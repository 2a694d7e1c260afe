/* SPDX-License-Identifier: Apache-2.0 */
#include "app/cpus.h"

#include "base/str.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

/* A small file of /proc or /sys; the length read, 0 when it can't be. */
static size_t read_small(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, out, size);
    close(fd);
    return len > 0 ? (size_t)len : 0;
}

static struct str first_line(const char *text, size_t len)
{
    struct str s = {text, len};
    return str_trim(str_slice(s, 0, str_find_char(s, '\n')));
}

/* ceil(quota / period); 0 when either is no positive number ("max", "-1"). */
static unsigned ceil_quota(struct str quota, struct str period)
{
    uint64_t q, p;
    if (!str_to_u64(quota, &q) || !str_to_u64(period, &p) || q == 0 || p == 0)
        return 0;
    uint64_t cpus = q / p + (q % p != 0);
    return cpus > INT_MAX ? 0 : (unsigned)cpus;
}

static unsigned quota_v2(const char *dir)
{
    char path[PATH_MAX + 16], text[128];
    snprintf(path, sizeof(path), "%s/cpu.max", dir);
    struct str rest = first_line(text, read_small(path, text, sizeof(text)));
    struct str quota, period;
    if (!str_next(&rest, ' ', &quota) || !str_next(&rest, ' ', &period))
        return 0;
    return ceil_quota(quota, period);
}

static unsigned quota_v1(const char *dir)
{
    char path[PATH_MAX + 32], quota[64], period[64];
    snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", dir);
    size_t quota_len = read_small(path, quota, sizeof(quota));
    snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", dir);
    size_t period_len = read_small(path, period, sizeof(period));
    return ceil_quota(first_line(quota, quota_len), first_line(period, period_len));
}

static unsigned lower(unsigned a, unsigned b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* The lowest quota from `mount``path` up to the mount itself. In a container the path of the host may not be there; then
 * the mount is the container's own group. */
static unsigned walk_up(const char *mount, struct str path, unsigned (*quota)(const char *dir))
{
    unsigned cpus = 0;
    for (;;) {
        char dir[PATH_MAX];
        snprintf(dir, sizeof(dir), "%s%.*s", mount, STR_ARG(path));
        cpus = lower(cpus, quota(dir));
        while (path.len > 0 && path.ptr[path.len - 1] != '/')
            path.len--;
        if (path.len == 0)
            return cpus;
        path.len--;
    }
}

static unsigned line_quota(struct str line, const char *root)
{
    struct str hierarchy, controllers;
    if (!str_next(&line, ':', &hierarchy) || !str_next(&line, ':', &controllers))
        return 0;
    struct str path = line; /* may hold colons itself */
    if (path.len > PATH_MAX / 2)
        return 0;
    if (controllers.len == 0)
        return walk_up(root, path, quota_v2);
    if (!str_list_has(controllers, STR("cpu")))
        return 0;
    char mount[PATH_MAX / 2];
    snprintf(mount, sizeof(mount), "%s/%.*s", root, STR_ARG(controllers));
    unsigned cpus = walk_up(mount, path, quota_v1);
    snprintf(mount, sizeof(mount), "%s/cpu", root);
    return lower(cpus, walk_up(mount, path, quota_v1));
}

unsigned cpus_quota(const char *cgroup_file, const char *root)
{
    char text[8192];
    struct str rest = {text, read_small(cgroup_file, text, sizeof(text))};
    struct str line;
    unsigned cpus = 0;
    while (str_next(&rest, '\n', &line))
        cpus = lower(cpus, line_quota(line, root));
    return cpus;
}

unsigned cpus_usable(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    /* Machines with more CPUs than the set holds: sysconf counts them, without affinity. */
    long online = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : sysconf(_SC_NPROCESSORS_ONLN);
    unsigned cpus = lower(online > 0 ? (unsigned)online : 1, cpus_quota("/proc/self/cgroup", "/sys/fs/cgroup"));
    return cpus > 0 ? cpus : 1;
}
