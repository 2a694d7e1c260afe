/* SPDX-License-Identifier: Apache-2.0 */
#include "io/listener.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

/* Connections taken per wake-up: few, so that workers share a burst, and one worker's turn stays short. */
#define ACCEPT_BATCH 16
#define PAUSE_MS 100
#define SWEEP_MAX 65536 /* more than any backlog: ends even under a flood */

static bool is_out_of_resources(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* False when there is none. */
static bool accept_one(struct listener *listener)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    int fd = accept4(listener->watch.fd, (struct sockaddr *)&name, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return false;
    struct address peer;
    if (!address_from_sockaddr(&name, &peer))
        peer = (struct address){.family = ADDRESS_UNIX};
    listener->on_accept(listener, fd, &peer);
    return true;
}

static void on_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    struct listener *listener = CONTAINER_OF(watch, struct listener, watch);
    for (int i = 0; i < ACCEPT_BATCH && listener->is_started; i++) {
        if (accept_one(listener))
            continue;
        if (is_out_of_resources(errno)) {
            loop_remove(listener->loop, watch);
            listener->is_paused = true;
            timer_arm(listener->loop, &listener->pause, PAUSE_MS);
        }
        return; /* the socket is level-triggered: whatever else it was, the next turn sees it */
    }
}

void listener_sweep(struct listener *listener)
{
    for (int i = 0; i < SWEEP_MAX && accept_one(listener); i++)
        ;
}

/* Bound to an interface that does not exist, the socket is found for no SYN, and clients are refused. What completes a handshake
 * that has begun still arrives: its client believes to be connected. Of the ways to do that it is one that needs no capability
 * (since Linux 5.7; before, those who come between sweep and close are reset). */
void listener_fence(int fd)
{
    int nowhere = INT_MAX;
    (void)setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof nowhere);
}

static void on_pause_over(struct timer *timer)
{
    struct listener *listener = CONTAINER_OF(timer, struct listener, pause);
    listener->is_paused = false;
    loop_add_shared(listener->loop, &listener->watch);
}

void listener_start(struct listener *listener, struct loop *loop, int fd,
                    void (*on_accept)(struct listener *, int, const struct address *))
{
    listener->watch.fd = fd;
    listener->watch.on_ready = on_ready;
    listener->loop = loop;
    listener->on_accept = on_accept;
    listener->is_started = true;
    listener->is_paused = false;
    timer_init(&listener->pause, on_pause_over);
    loop_add_shared(loop, &listener->watch);
}

void listener_stop(struct listener *listener)
{
    if (!listener->is_started)
        return;
    listener->is_started = false;
    timer_disarm(&listener->pause);
    if (!listener->is_paused)
        loop_remove(listener->loop, &listener->watch);
}
