/* SPDX-License-Identifier: Apache-2.0 */
#include "app/supervisor_state.h"

#include "app/bind.h"

#include <errno.h>
#include <unistd.h>

static bool is_for(const struct bound *bound, const struct address *asked)
{
    return (bound->fd >= 0 || bound->is_in_force) &&
           (address_eq(&bound->asked, asked) || address_eq(&bound->real, asked));
}

struct bound *listeners_get(struct supervisor *supervisor, const struct address *asked)
{
    for (size_t i = 0; i < supervisor->listener_count; i++) {
        struct bound *bound = &supervisor->listeners[i];
        if (is_for(bound, asked))
            return bound;
    }
    bool is_draining = supervisor->phase == PHASE_DRAINING;
    if (is_draining || supervisor->listener_count == SUPERVISOR_MAX_LISTENERS) {
        errno = is_draining ? ESHUTDOWN : ENOBUFS;
        return NULL;
    }
    struct bound *bound = &supervisor->listeners[supervisor->listener_count];
    *bound = (struct bound){.asked = *asked};
    bound->fd = bind_listener(asked, &bound->real);
    if (bound->fd < 0)
        return NULL;
    supervisor->listener_count++;
    return bound;
}

void listeners_add(struct supervisor *supervisor, const struct ipc_handed *handed, int fd)
{
    if (supervisor->listener_count == SUPERVISOR_MAX_LISTENERS) {
        close(fd);
        return;
    }
    supervisor->listeners[supervisor->listener_count++] = (struct bound){
        .asked = handed->asked, .real = handed->real, .fd = fd, .is_in_force = true};
}

void listeners_close_unwanted(struct supervisor *supervisor)
{
    size_t kept = 0;
    for (size_t i = 0; i < supervisor->listener_count; i++) {
        struct bound *bound = &supervisor->listeners[i];
        if (bound->is_wanted || bound->is_in_force)
            supervisor->listeners[kept++] = *bound;
        else
            close(bound->fd);
    }
    supervisor->listener_count = kept;
}

void listeners_put_in_force(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->listener_count; i++) {
        struct bound *bound = &supervisor->listeners[i];
        if (bound->is_in_force != bound->is_wanted)
            supervisor->listeners_version++;
        bound->is_in_force = bound->is_wanted;
    }
    listeners_close_unwanted(supervisor);
}

void listeners_let_go(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->listener_count; i++) {
        close(supervisor->listeners[i].fd);
        supervisor->listeners[i].fd = -1;
    }
}

void listeners_close(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->listener_count; i++) {
        if (supervisor->listeners[i].fd >= 0)
            close(supervisor->listeners[i].fd);
    }
    supervisor->listener_count = 0;
}

bool listeners_bind_admin(struct supervisor *supervisor, struct err *err)
{
    struct bound *admin = &supervisor->admin;
    const struct address *asked = &supervisor->settings.admin;
    if (is_for(admin, asked))
        return true;
    if (admin->fd >= 0)
        close(admin->fd); /* handed over, but the options say another address now */
    admin->asked = *asked;
    admin->fd = bind_listener(asked, &admin->real);
    if (admin->fd >= 0)
        return true;
    int error = errno;
    bind_explain(asked, error, false, err);
    pid_t pid = 0;
    int running = error == EADDRINUSE ? instance_connect(&supervisor->instance, &pid) : -1;
    if (running < 0)
        return err_wrap(err, "--admin");
    close(running);
    char text[ADDRESS_TEXT];
    address_format(asked, text);
    return err_set(
        err,
        "--admin: umbra already runs with the admin address %s (pid %d): `umbra run --replace` takes over from "
        "it; a second one needs another --admin address",
        text, pid);
}
