/* SPDX-License-Identifier: Apache-2.0 */
#include "app/supervisor.h"

#include "app/log_sink.h"
#include "app/privileges.h"
#include "app/startup.h"
#include "app/supervisor_state.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MARGIN_MS 1000 /* the gateway keeps the deadline itself; this is for one that does not */
/* After a take-over control has answered what it accepted before the successor did. */
#define LINGER_MS 200

void supervisor_fail(struct supervisor *supervisor, const char *format, ...)
{
    struct err err;
    va_list args;
    va_start(args, format);
    vsnprintf(err.text, sizeof(err.text), format, args);
    va_end(args);
    log_error("%s", err.text);
    supervisor->exit_code = EXIT_FAILED;
    loop_stop(supervisor->loop);
}

void supervisor_check_ready(struct supervisor *supervisor)
{
    if (supervisor->phase != PHASE_STARTING || !supervisor->children[CHILD_CONTROL].is_ready ||
        !supervisor->children[CHILD_GATEWAY].is_ready)
        return;
    supervisor->phase = PHASE_SERVING;
    struct address listening[SUPERVISOR_MAX_LISTENERS];
    size_t count = 0;
    for (size_t i = 0; i < supervisor->listener_count; i++) {
        if (supervisor->listeners[i].is_in_force)
            listening[count++] = supervisor->listeners[i].real;
    }
    replace_done(supervisor);
    if (settings_rules(&supervisor->settings) == RULES_OF_FLAGS)
        privileges_keep(0); /* all that is ever bound is */
    startup_print(&supervisor->settings, listening, count, &supervisor->admin.real);
}

static void on_deadline(struct timer *timer)
{
    struct supervisor *supervisor = CONTAINER_OF(timer, struct supervisor, deadline);
    log_warn("the time to drain is over; ending what is left");
    loop_stop(supervisor->loop);
}

static void on_linger(struct timer *timer)
{
    loop_stop(CONTAINER_OF(timer, struct supervisor, linger)->loop);
}

void supervisor_drain(struct supervisor *supervisor, bool is_takeover)
{
    supervisor->phase = PHASE_DRAINING;
    supervisor->is_succeeded = is_takeover;
    replace_stop(supervisor);
    struct child *gateway = &supervisor->children[CHILD_GATEWAY];
    struct child *control = &supervisor->children[CHILD_CONTROL];
    timer_disarm(&gateway->restart);
    timer_disarm(&control->restart);
    if (gateway->pid == 0 || !gateway->is_ready) {
        loop_stop(supervisor->loop);
        return;
    }
    const struct settings *settings = &supervisor->settings;
    struct ipc_drain drain = {
        .delay_ms = is_takeover ? 0 : settings->drain_delay_ms,
        .deadline_ms = settings->drain_ms,
        .is_takeover = is_takeover,
    };
    struct str payload = {(const char *)&drain, sizeof(drain)};
    (void)child_send(control, IPC_DRAIN, payload, NULL, 0);
    (void)child_send(gateway, IPC_DRAIN, payload, NULL, 0);
    /* The gateway's copies are the last: closing them ends the kernel's queueing for nobody. */
    listeners_let_go(supervisor);
    timer_arm(supervisor->loop, &supervisor->deadline,
              (uint64_t)drain.delay_ms + drain.deadline_ms + DEADLINE_MARGIN_MS);
    log_info("draining for at most %u ms", drain.delay_ms + drain.deadline_ms);
}

static void on_stop_signal(struct supervisor *supervisor)
{
    supervisor->stop_signals++;
    if (supervisor->stop_signals > 1)
        loop_stop(supervisor->loop);
    else if (supervisor->phase != PHASE_DRAINING)
        supervisor_drain(supervisor, false);
}

/* Also reaps what an init process inherits, when umbra is the first of its container. */
static void on_child_signal(struct supervisor *supervisor)
{
    pid_t pid;
    int status;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < CHILD_COUNT; i++) {
            if (supervisor->children[i].pid == pid)
                child_ended(&supervisor->children[i], status);
        }
    }
    if (supervisor->phase != PHASE_DRAINING || supervisor->children[CHILD_GATEWAY].pid != 0)
        return;
    bool is_finishing = supervisor->is_finishing;
    supervisor->is_finishing = true;
    if (!is_finishing && analyst_finish(supervisor))
        return;
    if (is_finishing && supervisor->children[CHILD_ANALYST].pid != 0)
        return;
    if (supervisor->successor.is_promised)
        timer_arm(supervisor->loop, &supervisor->linger, LINGER_MS);
    else
        loop_stop(supervisor->loop);
}

static void send_reload(struct supervisor *supervisor)
{
    supervisor->is_reload_due = false;
    (void)child_send(&supervisor->children[CHILD_CONTROL], IPC_RELOAD, STR_NONE, NULL, 0);
    timer_arm(supervisor->loop, &supervisor->reload, SUPERVISOR_RELOAD_MS);
}

static void on_reload_again(struct timer *timer)
{
    struct supervisor *supervisor = CONTAINER_OF(timer, struct supervisor, reload);
    if (supervisor->is_reload_due)
        send_reload(supervisor);
}

static void on_reload_signal(struct supervisor *supervisor)
{
    if (timer_is_armed(&supervisor->reload))
        supervisor->is_reload_due = true;
    else
        send_reload(supervisor);
}

static void on_signal(struct watch *watch, uint32_t events)
{
    (void)events;
    struct supervisor *supervisor = CONTAINER_OF(watch, struct supervisor, signals);
    struct signalfd_siginfo info;
    while (read(watch->fd, &info, sizeof(info)) == sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGTERM:
        case SIGINT: on_stop_signal(supervisor); break;
        case SIGHUP: on_reload_signal(supervisor); break;
        case SIGCHLD: on_child_signal(supervisor); break;
        default: break;
        }
    }
}

static bool watch_signals(struct supervisor *supervisor, struct err *err)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return err_errno(err, "signalfd");
    supervisor->signals = (struct watch){.fd = fd, .on_ready = on_signal};
    loop_add_shared(supervisor->loop, &supervisor->signals);
    return true;
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool supervisor_init(struct supervisor *supervisor, const struct options *options, struct err *err)
{
    supervisor->options = options;
    supervisor->settings = options->settings;
    supervisor->registry_fd = supervisor->registry_readonly_fd = supervisor->last_good_fd = -1;
    supervisor->parts = IPC_PARTS_NONE;
    supervisor->admin.fd = -1;
    supervisor->listeners_version = 1; /* the empty set is news to a gateway, too */
    supervisor->instance.fd = -1;
    supervisor->signals.fd = -1;
    replace_init(supervisor);
    timer_init(&supervisor->deadline, on_deadline);
    timer_init(&supervisor->linger, on_linger);
    timer_init(&supervisor->reload, on_reload_again);
    child_init(&supervisor->children[CHILD_CONTROL], supervisor, &control_role);
    child_init(&supervisor->children[CHILD_GATEWAY], supervisor, &gateway_role);
    child_init(&supervisor->children[CHILD_ANALYST], supervisor, &analyst_role);
    if (!options->settings.has_marker_key_file)
        randombytes_buf(supervisor->settings.marker_key, sizeof(supervisor->settings.marker_key));
    /* Before signals are blocked: Ctrl-C ends what waits for a terminal. */
    sources_init(&supervisor->sources, &supervisor->settings);
    if (!sources_read(&supervisor->sources, err))
        return false;
    supervisor->loop = loop_new(err);
    if (!supervisor->loop)
        return false;
    supervisor->settings.begin_ns = loop_wall_ns(supervisor->loop);
    return watch_signals(supervisor, err);
}

/* Sockets and shared memory: a predecessor's, else new ones. */
static bool supervisor_prepare(struct supervisor *supervisor, struct err *err)
{
    struct err why;
    if (!instance_init(&supervisor->instance, &supervisor->settings.admin, &why)) {
        log_warn("no place for --replace to meet: %s", why.text);
        supervisor->instance = (struct instance){.fd = -1};
    } else if (supervisor->options->is_replace && !replace_begin(supervisor, err)) {
        return false;
    }
    if (!listeners_bind_admin(supervisor, err))
        return false;
    /* With port 0 the path gets the port that the kernel chose. */
    if (supervisor->settings.admin.port == 0 && supervisor->instance.path[0] != '\0' &&
        !instance_init(&supervisor->instance, &supervisor->admin.real, err))
        return false;
    supervisor->settings.has_counted_before = supervisor->registry != NULL;
    if (!supervisor->registry)
        supervisor->registry = registry_new(&supervisor->registry_fd, err);
    if (supervisor->registry)
        analyst_prepare(supervisor);
    return supervisor->registry != NULL;
}

/* Before any child: what holds for the supervisor holds for them, and each narrows it further. */
static void supervisor_confine(struct supervisor *supervisor)
{
    struct err err;
    uint32_t *is_sandboxed = &supervisor->settings.is_sandboxed;
    privileges_drop(ROLE_SUPERVISOR);
    if (!*is_sandboxed) {
        log_warn("--sandbox off: no process of this run is kept to the system calls that it needs");
    } else if (!privileges_confine(ROLE_SUPERVISOR, &err)) {
        log_warn("no process of this run is kept to the system calls that it needs: %s", err.text);
        *is_sandboxed = false;
    }
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void supervisor_deinit(struct supervisor *supervisor)
{
    supervisor->phase = PHASE_DRAINING;
    child_stop(&supervisor->children[CHILD_GATEWAY]);
    child_stop(&supervisor->children[CHILD_CONTROL]);
    child_stop(&supervisor->children[CHILD_ANALYST]);
    analyst_forget(supervisor);
    replace_stop(supervisor);
    listeners_close(supervisor);
    close_fd(supervisor->admin.fd);
    ipc_close_parts(&supervisor->parts);
    close_fd(supervisor->last_good_fd);
    sources_deinit(&supervisor->sources);
    close_fd(supervisor->registry_fd);
    close_fd(supervisor->signals.fd);
    close_fd(supervisor->successor.watch.fd);
    close_fd(supervisor->predecessor.watch.fd);
    if (supervisor->registry)
        registry_close(supervisor->registry);
    if (supervisor->loop)
        loop_free(supervisor->loop);
    sodium_memzero(supervisor, sizeof(*supervisor));
    mem_free(supervisor);
}

int supervisor_run(const struct options *options)
{
    log_sink_start("supervisor", &options->settings);
    raise_file_limit();
    struct supervisor *supervisor = mem_alloc(sizeof(*supervisor));
    struct err err;
    if (supervisor_init(supervisor, options, &err) && supervisor_prepare(supervisor, &err)) {
        supervisor_confine(supervisor);
        child_start(&supervisor->children[CHILD_CONTROL]);
        child_start(&supervisor->children[CHILD_GATEWAY]);
        loop_run(supervisor->loop);
    } else {
        log_error("%s", err.text);
        supervisor->exit_code = EXIT_FAILED;
    }
    int code = supervisor->exit_code;
    supervisor_deinit(supervisor);
    return code;
}
