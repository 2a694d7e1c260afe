/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor has to say to each kind of child, and what it takes from it. */
#include "app/supervisor_state.h"

#include "app/bind.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static bool send_registry(struct child *child)
{
    struct ipc_registry payload = {.gateway_slot = child->slot};
    return child_send(child, IPC_REGISTRY, (struct str){(const char *)&payload, sizeof(payload)},
                      &child->supervisor->registry_fd, 1);
}

static bool send_fd(struct child *child, enum ipc_type type, int fd)
{
    return fd < 0 || child_send(child, type, STR_NONE, &fd, 1);
}

/* The whole set, unless the child has it. */
static bool send_listeners(struct child *child)
{
    const struct supervisor *supervisor = child->supervisor;
    if (child->listeners_version == supervisor->listeners_version)
        return true;
    for (size_t done = 0; done < supervisor->listener_count;) {
        struct address addresses[IPC_MAX_FDS];
        int fds[IPC_MAX_FDS];
        size_t count = 0;
        for (; count < IPC_MAX_FDS && done < supervisor->listener_count; count++, done++) {
            addresses[count] = supervisor->listeners[done].real;
            fds[count] = supervisor->listeners[done].fd;
        }
        struct str payload = {(const char *)addresses, count * sizeof(addresses[0])};
        if (!child_send(child, IPC_LISTENERS, payload, fds, count))
            return false;
    }
    child->listeners_version = supervisor->listeners_version;
    return true;
}

/* Takes the message's only descriptor in place of `*kept`. */
static bool keep_fd(struct ipc_message *message, int *kept)
{
    if (message->fd_count != 1)
        return false;
    if (*kept >= 0)
        close(*kept);
    *kept = message->fds[0];
    message->fd_count = 0;
    return true;
}

static void control_start(struct child *child)
{
    const struct supervisor *supervisor = child->supervisor;
    (void)(send_registry(child) && send_fd(child, IPC_ENDPOINTS, supervisor->endpoints_fd) &&
           child_send(child, IPC_ADMIN, (struct str){(const char *)&supervisor->admin.real, sizeof(struct address)},
                      &supervisor->admin.fd, 1));
}

static void explain_bind_failure(struct supervisor *supervisor, const struct address *asked, int error)
{
    struct err err;
    bind_explain(asked, error, &err);
    if (supervisor->phase == PHASE_STARTING)
        supervisor_fail(supervisor, "--listen: %s", err.text);
    else
        log_error("%s", err.text);
}

static bool on_bind(struct child *child, const struct ipc_message *message)
{
    struct supervisor *supervisor = child->supervisor;
    size_t count = message->len / sizeof(struct address);
    if (message->len % sizeof(struct address) != 0 || count > SUPERVISOR_MAX_LISTENERS)
        return false;
    for (size_t i = 0; i < supervisor->listener_count; i++)
        supervisor->listeners[i].is_wanted = false;
    struct ipc_bound answers[SUPERVISOR_MAX_LISTENERS];
    memset(answers, 0, sizeof(answers));
    for (size_t i = 0; i < count; i++) {
        struct address asked;
        memcpy(&asked, message->payload + i * sizeof(asked), sizeof(asked));
        struct bound *bound = listeners_get(supervisor, &asked);
        answers[i].address = bound ? bound->real : asked;
        if (bound) {
            bound->is_wanted = true;
            continue;
        }
        answers[i].error = errno;
        explain_bind_failure(supervisor, &asked, answers[i].error);
    }
    return child_send(child, IPC_BOUND, (struct str){(const char *)answers, count * sizeof(answers[0])}, NULL, 0) ||
           true;
}

static bool control_message(struct child *child, struct ipc_message *message)
{
    struct supervisor *supervisor = child->supervisor;
    struct child *gateway = &supervisor->children[CHILD_GATEWAY];
    switch (message->type) {
    case IPC_BIND: return on_bind(child, message);
    case IPC_PLAN:
        if (!keep_fd(message, &supervisor->plan_fd))
            return false;
        /* The gateway has its own copies of those that go, and serves them until it has the new plan. */
        listeners_close_unwanted(supervisor);
        (void)(send_listeners(gateway) && send_fd(gateway, IPC_PLAN, supervisor->plan_fd));
        return true;
    case IPC_ENDPOINTS:
        if (!keep_fd(message, &supervisor->endpoints_fd))
            return false;
        (void)send_fd(gateway, IPC_ENDPOINTS, supervisor->endpoints_fd);
        return true;
    case IPC_READY:
        child->is_ready = true;
        supervisor_check_ready(supervisor);
        return true;
    default: return false;
    }
}

static void control_end(struct child *child)
{
    (void)child;
}

const struct child_role control_role = {
    .name = "control", .on_start = control_start, .on_message = control_message, .on_end = control_end};

static void gateway_start(struct child *child)
{
    struct supervisor *supervisor = child->supervisor;
    child->slot = registry_gateway_take(supervisor->registry, child->pid);
    if (child->slot == REGISTRY_GATEWAYS) {
        log_error("%d gateways are alive already, most of them draining; trying again", REGISTRY_GATEWAYS);
        kill(child->pid, SIGKILL);
        return;
    }
    if (!send_registry(child) || supervisor->plan_fd < 0)
        return;
    /* Endpoints first, so that the plan's first request finds them. */
    (void)(send_listeners(child) && send_fd(child, IPC_ENDPOINTS, supervisor->endpoints_fd) &&
           send_fd(child, IPC_PLAN, supervisor->plan_fd));
}

static bool gateway_message(struct child *child, struct ipc_message *message)
{
    switch (message->type) {
    case IPC_READY:
        child->is_ready = true;
        supervisor_check_ready(child->supervisor);
        return true;
    case IPC_DRAINED: log_debug("gateway is drained"); return true;
    default: return false;
    }
}

static void gateway_end(struct child *child)
{
    if (child->slot < REGISTRY_GATEWAYS)
        registry_gateway_reap(child->supervisor->registry, child->slot);
    child->slot = REGISTRY_GATEWAYS;
}

const struct child_role gateway_role = {
    .name = "gateway", .on_start = gateway_start, .on_message = gateway_message, .on_end = gateway_end};
