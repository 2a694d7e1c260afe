/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static bool read_file(const char *path, char *into, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, into, size - 1);
    close(fd);
    into[len > 0 ? len : 0] = '\0';
    return len > 0;
}

static uint64_t count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    uint64_t count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count - 1; /* the directory itself */
}

/* Clock ticks after boot at which the process started: field 22 of /proc/self/stat, counted after the command's
 * closing parenthesis (proc(5)). */
static bool parse_stat(const char *stat, double ticks_per_s, struct process *process, double *start_s)
{
    const char *at = strrchr(stat, ')');
    unsigned long long utime, stime, start, vsize;
    long long rss;
    if (!at ||
        sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu %llu %lld",
               &utime, &stime, &start, &vsize, &rss) != 5)
        return false;
    process->cpu_seconds = (double)(utime + stime) / ticks_per_s;
    process->virtual_bytes = vsize;
    process->resident_bytes = rss > 0 ? (uint64_t)rss * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    *start_s = (double)start / ticks_per_s;
    return true;
}

struct process process_read(void)
{
    struct process process = {.is_known = false};
    char stat[1024];
    double start_s;
    if (!read_file("/proc/self/stat", stat, sizeof(stat)) ||
        !parse_stat(stat, (double)sysconf(_SC_CLK_TCK), &process, &start_s))
        return process;
    struct timespec boot, wall;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &wall);
    double booted_at = (double)(wall.tv_sec - boot.tv_sec) + (double)(wall.tv_nsec - boot.tv_nsec) / 1e9;
    process.start_time_seconds = booted_at + start_s;
    process.open_fds = count_fds();
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        process.max_fds = limit.rlim_cur;
    process.is_known = true;
    return process;
}
