/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides of `umbra run --replace`. The successor asks for the sockets, starts its own children on them, and says
 * IPC_TAKEN once they serve; only then the old one drains. Until then either may die without harm to the other. */
#include "app/supervisor_state.h"

#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define ANSWER_MS 5000 /* longest wait for the handed sockets */
#define SERVE_MS 30000 /* longest time until a successor serves */

static void other_close(struct supervisor *supervisor, struct other *other)
{
    if (other->watch.fd < 0)
        return;
    loop_remove(supervisor->loop, &other->watch);
    close(other->watch.fd);
    other->watch.fd = -1;
    other->is_promised = false;
}

/* --- the old side --- */

static bool hand_one(int fd, enum ipc_type type, const struct bound *bound)
{
    struct ipc_handed handed = {.asked = bound->asked, .real = bound->real};
    return ipc_send(fd, type, (struct str){(const char *)&handed, sizeof(handed)}, &bound->fd, 1);
}

static bool hand_over(const struct supervisor *supervisor, int fd)
{
    if (!ipc_send(fd, IPC_REGISTRY, STR_NONE, &supervisor->registry_fd, 1) ||
        !hand_one(fd, IPC_ADMIN, &supervisor->admin))
        return false;
    for (size_t i = 0; i < supervisor->listener_count; i++) {
        if (!hand_one(fd, IPC_LISTENERS, &supervisor->listeners[i]))
            return false;
    }
    struct ipc_parts parts = supervisor->parts;
    parts.fds[IPC_PART_PLAN] = -1; /* the successor's version makes its own */
    if (!ipc_send_parts(fd, &parts))
        return false;
    if (supervisor->last_good_fd >= 0 && !ipc_send(fd, IPC_LAST_GOOD, STR_NONE, &supervisor->last_good_fd, 1))
        return false;
    struct ipc_takeover last = {.protocol = IPC_TAKEOVER_PROTOCOL, .pid = getpid(), .version = UMBRA_VERSION};
    memcpy(last.marker_key, supervisor->settings.marker_key, sizeof(last.marker_key));
    return ipc_send(fd, IPC_TAKEOVER, (struct str){(const char *)&last, sizeof(last)}, NULL, 0);
}

static bool on_takeover(struct supervisor *supervisor, const struct ipc_message *message)
{
    struct ipc_takeover request;
    if (message->len != sizeof(request) || supervisor->phase != PHASE_SERVING)
        return false;
    memcpy(&request, message->payload, sizeof(request));
    request.version[sizeof(request.version) - 1] = '\0';
    if (request.protocol != IPC_TAKEOVER_PROTOCOL)
        return false;
    log_info("umbra %s (pid %d) is taking over", request.version, request.pid);
    supervisor->successor.is_promised = true;
    return hand_over(supervisor, supervisor->successor.watch.fd);
}

/* It may have been killed right after it said something. */
static bool is_there(int fd)
{
    struct pollfd look = {.fd = fd};
    return poll(&look, 1, 0) >= 0 && (look.revents & (POLLHUP | POLLERR)) == 0;
}

static void on_successor(struct watch *watch, uint32_t events)
{
    (void)events;
    struct supervisor *supervisor = CONTAINER_OF(watch, struct supervisor, successor.watch);
    struct ipc_message *message = &supervisor->message;
    bool was_promised = supervisor->successor.is_promised;
    enum ipc_result result = ipc_receive(watch->fd, message);
    if (result == IPC_AGAIN)
        return;
    if (result == IPC_OK) {
        ipc_discard(message);
        if (message->type == IPC_TAKEOVER && !was_promised && on_takeover(supervisor, message))
            return;
        if (message->type == IPC_TAKEN && was_promised && is_there(watch->fd)) {
            log_info("the successor serves");
            supervisor_drain(supervisor, true);
            return;
        }
    }
    if (was_promised && supervisor->phase == PHASE_SERVING)
        log_warn("the successor ended before it served; going on");
    other_close(supervisor, &supervisor->successor);
}

static void on_caller(struct watch *watch, uint32_t events)
{
    (void)events;
    struct supervisor *supervisor = CONTAINER_OF(watch, struct supervisor, callers);
    int fd = instance_accept(&supervisor->instance);
    if (fd < 0)
        return;
    struct other *successor = &supervisor->successor;
    if (successor->is_promised || supervisor->phase != PHASE_SERVING) {
        close(fd);
        return;
    }
    other_close(supervisor, successor); /* one that only looked whether we are here */
    successor->watch.fd = fd;
    loop_add_shared(supervisor->loop, &successor->watch);
}

/* --- the new side --- */

static bool take_registry(struct supervisor *supervisor, struct ipc_message *message)
{
    struct err err;
    if (message->fd_count != 1)
        return false;
    supervisor->registry = registry_open(message->fds[0], &err);
    if (!supervisor->registry) {
        log_warn("counters start anew: %s", err.text);
        return true;
    }
    supervisor->registry_fd = message->fds[0];
    message->fd_count = 0;
    return true;
}

static bool take_socket(struct supervisor *supervisor, struct ipc_message *message)
{
    struct ipc_handed handed;
    if (message->fd_count != 1 || message->len != sizeof(handed))
        return false;
    memcpy(&handed, message->payload, sizeof(handed));
    if (message->type == IPC_ADMIN)
        supervisor->admin = (struct bound){.asked = handed.asked, .real = handed.real, .fd = message->fds[0]};
    else
        listeners_add(supervisor, &handed, message->fds[0]);
    message->fd_count = 0;
    return true;
}

enum answer { ANSWER_MORE, ANSWER_LAST, ANSWER_BAD };

static enum answer take_last(struct supervisor *supervisor, const struct ipc_message *message)
{
    struct ipc_takeover last;
    if (message->len != sizeof(last))
        return ANSWER_BAD;
    memcpy(&last, message->payload, sizeof(last));
    last.version[sizeof(last.version) - 1] = '\0';
    if (last.protocol != IPC_TAKEOVER_PROTOCOL)
        return ANSWER_BAD;
    if (!supervisor->settings.has_marker_key_file)
        memcpy(supervisor->settings.marker_key, last.marker_key, sizeof(last.marker_key));
    log_info("taking over from umbra %s (pid %d)", last.version, last.pid);
    return ANSWER_LAST;
}

static bool take_fd(struct ipc_message *message, int *fd)
{
    if (message->fd_count != 1 || *fd >= 0)
        return false;
    *fd = message->fds[0];
    message->fd_count = 0;
    return true;
}

static enum answer take_answer(struct supervisor *supervisor, struct ipc_message *message)
{
    bool is_taken = false;
    switch (message->type) {
    case IPC_REGISTRY: is_taken = take_registry(supervisor, message); break;
    case IPC_ADMIN:
    case IPC_LISTENERS: is_taken = take_socket(supervisor, message); break;
    case IPC_PLAN: is_taken = ipc_take_parts(message, &supervisor->parts) != 0; break;
    case IPC_LAST_GOOD: is_taken = take_fd(message, &supervisor->last_good_fd); break;
    case IPC_TAKEOVER: return take_last(supervisor, message);
    default: break;
    }
    return is_taken ? ANSWER_MORE : ANSWER_BAD;
}

static enum answer wait_for_answer(struct supervisor *supervisor, int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int ready;
    do
        ready = poll(&wait, 1, ANSWER_MS);
    while (ready < 0 && errno == EINTR);
    struct ipc_message *message = &supervisor->message;
    enum ipc_result result = ready > 0 ? ipc_receive(fd, message) : IPC_CLOSED;
    if (result != IPC_OK)
        return ANSWER_BAD;
    enum answer answer = take_answer(supervisor, message);
    ipc_discard(message);
    return answer;
}

bool replace_begin(struct supervisor *supervisor, struct err *err)
{
    pid_t pid = 0;
    char admin[ADDRESS_TEXT];
    address_format(&supervisor->settings.admin, admin);
    int fd = instance_connect(&supervisor->instance, &pid);
    if (fd < 0) {
        log_info("no umbra runs with the admin address %s: nothing to replace, starting as usual", admin);
        return true;
    }
    struct ipc_takeover request = {.protocol = IPC_TAKEOVER_PROTOCOL, .pid = getpid(), .version = UMBRA_VERSION};
    enum answer answer = ANSWER_BAD;
    if (ipc_send(fd, IPC_TAKEOVER, (struct str){(const char *)&request, sizeof(request)}, NULL, 0)) {
        do
            answer = wait_for_answer(supervisor, fd);
        while (answer == ANSWER_MORE);
    }
    if (answer != ANSWER_LAST) {
        close(fd);
        return err_set(
            err,
            "--replace: the umbra with the admin address %s (pid %d) did not hand over: it is starting, ending, "
            "being replaced by another, or of another version; try again, or end it first",
            admin, pid);
    }
    supervisor->predecessor.watch.fd = fd;
    loop_add_shared(supervisor->loop, &supervisor->predecessor.watch);
    timer_arm(supervisor->loop, &supervisor->patience, SERVE_MS);
    return true;
}

static void on_patience_over(struct timer *timer)
{
    struct supervisor *supervisor = CONTAINER_OF(timer, struct supervisor, patience);
    supervisor_fail(supervisor, "did not come to serve within %d s; the umbra that runs goes on", SERVE_MS / 1000);
}

/* Gateways whose supervisor was killed are reaped by nobody else. */
static void reap_orphans(struct supervisor *supervisor)
{
    for (unsigned slot = 0; slot < REGISTRY_GATEWAYS; slot++) {
        pid_t pid = atomic_load_explicit(&registry_gateway_get(supervisor->registry, slot)->pid, memory_order_relaxed);
        if (pid != 0 && kill(pid, 0) < 0 && errno == ESRCH)
            registry_gateway_reap(supervisor->registry, slot);
    }
}

/* The predecessor says nothing more; its end of the channel closes when it is gone. */
static void on_predecessor(struct watch *watch, uint32_t events)
{
    (void)events;
    struct supervisor *supervisor = CONTAINER_OF(watch, struct supervisor, predecessor.watch);
    enum ipc_result result = ipc_receive(watch->fd, &supervisor->message);
    if (result == IPC_AGAIN)
        return;
    if (result == IPC_OK)
        ipc_discard(&supervisor->message);
    if (supervisor->phase == PHASE_STARTING)
        log_warn("the umbra to replace ended by itself; going on with its sockets");
    timer_disarm(&supervisor->patience);
    other_close(supervisor, &supervisor->predecessor);
    reap_orphans(supervisor);
}

void replace_init(struct supervisor *supervisor)
{
    supervisor->callers = (struct watch){.fd = -1, .on_ready = on_caller};
    supervisor->successor.watch = (struct watch){.fd = -1, .on_ready = on_successor};
    supervisor->predecessor.watch = (struct watch){.fd = -1, .on_ready = on_predecessor};
    timer_init(&supervisor->patience, on_patience_over);
}

void replace_done(struct supervisor *supervisor)
{
    struct err err;
    struct instance *instance = &supervisor->instance;
    if (instance->path[0] != '\0') {
        if (instance_listen(instance, &err) && instance_publish(instance, &err)) {
            supervisor->callers.fd = instance->fd;
            loop_add_shared(supervisor->loop, &supervisor->callers);
        } else {
            log_warn("a later --replace will not find this run: %s", err.text);
        }
    }
    struct other *predecessor = &supervisor->predecessor;
    timer_disarm(&supervisor->patience);
    if (predecessor->watch.fd >= 0 && !ipc_send(predecessor->watch.fd, IPC_TAKEN, STR_NONE, NULL, 0))
        log_warn("the umbra to replace does not listen; it may have ended");
}

void replace_stop(struct supervisor *supervisor)
{
    if (supervisor->callers.fd >= 0)
        loop_remove(supervisor->loop, &supervisor->callers);
    supervisor->callers.fd = -1;
    instance_close(&supervisor->instance);
}
