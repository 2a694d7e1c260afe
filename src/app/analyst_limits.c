/* SPDX-License-Identifier: Apache-2.0 */
#include "app/analyst_limits.h"

#include "app/confine_files.h"
#include "app/privileges.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define NICE 10

/* Before any other process of the machine. */
static void go_first_when_memory_is_short(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    bool is_written = fd >= 0 && write(fd, "1000", 4) == 4;
    if (!is_written)
        log_warn("the analyst is not the first to be ended when memory is short: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* Live's work comes first. */
static void give_way(void)
{
    const struct sched_param none = {0};
    if (setpriority(PRIO_PROCESS, 0, NICE) < 0 || sched_setscheduler(0, SCHED_BATCH, &none) < 0)
        log_warn("the analyst takes CPU time as others do: %s", strerror(errno));
}

void analyst_limit(const struct settings *settings)
{
    struct err err;
    umask(S_IRWXG | S_IRWXO);
    go_first_when_memory_is_short();
    give_way();
    if (!privileges_limit_memory(settings->analyst_memory, &err))
        log_warn("the analyst's memory has no limit: %s", err.text);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        log_warn("others may look into the analyst: %s", strerror(errno));
    privileges_drop(ROLE_ANALYST);
    if (!settings->is_sandboxed)
        return;
    /* Where there is none, what it may open is what this user may. */
    if (!confine_files(settings->data[0] ? settings->data : NULL, &err))
        log_info("the analyst is not kept to the directory of --data: %s", err.text);
    if (!privileges_confine(ROLE_ANALYST, &err))
        log_error("the analyst has no filter of its own, only the supervisor's: %s", err.text);
}

/* CPU time, so that a slow disk is no reason. The signal's default is to end the process. */
void analyst_is_alive(void)
{
    const struct itimerval left = {.it_value = {.tv_sec = ANALYST_STUCK_S}};
    (void)setitimer(ITIMER_PROF, &left, NULL);
}
