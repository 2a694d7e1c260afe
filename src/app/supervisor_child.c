/* SPDX-License-Identifier: Apache-2.0 */
#include "app/supervisor_state.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIVED_WELL_NS 5000000000ull /* a child that lived this long is restarted at once */
#define FIRST_BACKOFF_MS 100
#define MESSAGES_PER_TURN 32 /* a chatty child must not keep the others waiting */

/* Ends a child that does not keep to the protocol; SIGCHLD does the rest. */
static void child_kill(struct child *child, const char *why)
{
    log_error("%s (pid %d) %s; ending it", child->role->name, child->pid, why);
    kill(child->pid, SIGKILL);
}

static void child_unwatch(struct child *child)
{
    if (!child->is_watched)
        return;
    child->is_watched = false;
    loop_remove(child->supervisor->loop, &child->watch);
}

static enum ipc_result take_message(struct child *child)
{
    struct ipc_message *message = &child->supervisor->message;
    enum ipc_result result = ipc_receive(child->watch.fd, message);
    if (result != IPC_OK)
        return result;
    bool is_known = child->role->on_message(child, message);
    ipc_discard(message);
    return is_known ? IPC_OK : IPC_BROKEN;
}

static void on_channel(struct watch *watch, uint32_t events)
{
    (void)events;
    struct child *child = CONTAINER_OF(watch, struct child, watch);
    for (int i = 0; i < MESSAGES_PER_TURN; i++) {
        switch (take_message(child)) {
        case IPC_OK: continue;
        case IPC_AGAIN: return;
        case IPC_CLOSED: child_unwatch(child); return; /* it ends: SIGCHLD follows */
        case IPC_BROKEN:
            child_unwatch(child);
            child_kill(child, "sent a message that it may not send");
            return;
        }
    }
}

static void on_restart(struct timer *timer)
{
    child_start(CONTAINER_OF(timer, struct child, restart));
}

void child_init(struct child *child, struct supervisor *supervisor, const struct child_role *role)
{
    *child = (struct child){.role = role, .supervisor = supervisor, .slot = REGISTRY_GATEWAYS};
    child->watch = (struct watch){.fd = -1, .on_ready = on_channel};
    timer_init(&child->restart, on_restart);
}

/* In the new process: dies with the supervisor, gains no rights, leaves stopping to the supervisor (a terminal's Ctrl-C
 * and a service manager's SIGTERM go to all processes), and becomes the role. */
_Noreturn static void become(const char *role, int channel, pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || getppid() != parent)
        _exit(EXIT_FAILED);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    if (channel == IPC_FD)
        fcntl(channel, F_SETFD, 0);
    else if (dup2(channel, IPC_FD) < 0)
        _exit(EXIT_FAILED);
    char *const argv[] = {(char[]){"umbra"}, (char *)(uintptr_t)role, NULL};
    execv("/proc/self/exe", argv);
    _exit(EXIT_FAILED);
}

/* The flat settings, without the secrets that are not this child's. */
static bool send_settings(struct child *child)
{
    struct settings settings = child->supervisor->settings;
    settings.admin = child->supervisor->admin.real;
    if (child->role != &control_role)
        memset(settings.admin_token, 0, sizeof(settings.admin_token));
    if (child->role != &gateway_role)
        memset(settings.marker_key, 0, sizeof(settings.marker_key));
    return child_send(child, IPC_SETTINGS, (struct str){(const char *)&settings, sizeof(settings)}, NULL, 0);
}

static void restart_later(struct child *child)
{
    timer_arm(child->supervisor->loop, &child->restart, child->backoff_ms);
    uint32_t next = child->backoff_ms == 0 ? FIRST_BACKOFF_MS : child->backoff_ms * 2;
    child->backoff_ms = next < child->role->max_backoff_ms ? next : child->role->max_backoff_ms;
}

void child_start(struct child *child)
{
    struct supervisor *supervisor = child->supervisor;
    struct err err;
    int ends[2];
    if (!ipc_pair(ends, &err)) {
        log_error("can't start %s: %s", child->role->name, err.text);
        restart_later(child);
        return;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(child->role->name, ends[1], parent);
    close(ends[1]);
    if (pid < 0) {
        log_error("can't start %s: fork: %s", child->role->name, strerror(errno));
        close(ends[0]);
        restart_later(child);
        return;
    }
    child->pid = pid;
    child->watch.fd = ends[0];
    child->started_at_ns = loop_now_ns(supervisor->loop);
    child->is_ready = false;
    child->listeners_version = 0;
    child->is_watched = true;
    loop_add_shared(supervisor->loop, &child->watch);
    log_debug("%s runs as pid %d", child->role->name, pid);
    if (send_settings(child))
        child->role->on_start(child);
}

static bool is_sent_or_ended(struct child *child, bool is_sent)
{
    if (!is_sent)
        child_kill(child, "does not take messages");
    return is_sent;
}

bool child_send(struct child *child, enum ipc_type type, struct str payload, const int *fds, size_t fd_count)
{
    return child->pid != 0 && is_sent_or_ended(child, ipc_send(child->watch.fd, type, payload, fds, fd_count));
}

bool child_send_parts(struct child *child, const struct ipc_parts *parts)
{
    return child->pid != 0 && is_sent_or_ended(child, ipc_send_parts(child->watch.fd, parts));
}

static void child_close(struct child *child)
{
    child_unwatch(child);
    close(child->watch.fd);
    child->watch.fd = -1;
    child->pid = 0;
    child->is_ready = false;
    child->role->on_end(child);
}

void child_stop(struct child *child)
{
    timer_disarm(&child->restart);
    if (child->pid == 0)
        return;
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    child_close(child);
}

void child_ended(struct child *child, int status)
{
    struct supervisor *supervisor = child->supervisor;
    pid_t pid = child->pid;
    bool has_lived_well = loop_now_ns(supervisor->loop) - child->started_at_ns >= LIVED_WELL_NS;
    child_close(child);
    bool is_draining = supervisor->phase == PHASE_DRAINING;
    /* Without the analyst what the gateway still sends would be lost. */
    bool is_needed = !is_draining || (child->role == &analyst_role && supervisor->children[CHILD_GATEWAY].pid != 0);
    const char *next = is_needed ? "; starting another" : "";
    if (WIFSIGNALED(status))
        log_error("%s (pid %d) was ended by signal %d (%s)%s", child->role->name, pid, WTERMSIG(status),
                  strsignal(WTERMSIG(status)), next);
    else if (!is_draining || WEXITSTATUS(status) != 0)
        log_error("%s (pid %d) ended with code %d%s", child->role->name, pid, WEXITSTATUS(status), next);
    if (!is_needed) {
        bool is_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (child->role == &gateway_role && !is_well)
            supervisor->exit_code = EXIT_FAILED;
        return;
    }
    if (has_lived_well)
        child->backoff_ms = 0;
    restart_later(child);
}
