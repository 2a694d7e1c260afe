/* SPDX-License-Identifier: Apache-2.0 */
/* How many CPUs this process may use: the default of --workers. Thread: any. */
#pragma once

/* min(CPU affinity, ceil(quota of the cgroup and its parents)), at least 1. */
unsigned cpus_usable(void);
/* The quota part: `cgroup_file` is /proc/self/cgroup, `root` /sys/fs/cgroup. Reads cgroup v2 (cpu.max) and v1 (cpu.cfs_quota_us). 0 when
 * there is no limit. */
unsigned cpus_quota(const char *cgroup_file, const char *root);
