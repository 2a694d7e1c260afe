/* SPDX-License-Identifier: Apache-2.0 */
#include "io/intake.h"

#include "base/assert.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

void intake_stop(struct intake *intake)
{
    if (intake->is_over)
        return;
    intake->is_over = true;
    timer_disarm(&intake->timer);
    loop_remove(intake->loop, &intake->watch);
}

static void end(struct intake *intake, enum intake_end how, const struct proxy_header *header)
{
    intake_stop(intake);
    intake->on_over(intake, how, header);
}

/* They were seen already, so the kernel has them. */
static bool take_header(int fd, size_t len)
{
    char bytes[PROXY_HEADER_MAX];
    while (len > 0) {
        ssize_t n = recv(fd, bytes, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        len -= (size_t)n;
    }
    return true;
}

static ssize_t peek(int fd, char *into, size_t room)
{
    ssize_t n;
    do
        n = recv(fd, into, room, MSG_PEEK);
    while (n < 0 && errno == EINTR);
    return n;
}

/* True when it is over; the caller may have freed it then. */
static bool look(struct intake *intake, bool has_hangup)
{
    char bytes[PROXY_HEADER_MAX];
    struct proxy_header header;
    enum proxy_header_parse parsed = PROXY_HEADER_BAD;
    ssize_t n = peek(intake->watch.fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (n > 0)
        parsed = proxy_header_parse((struct str){bytes, (size_t)n}, &header);
    if (parsed == PROXY_HEADER_MORE && !has_hangup) {
        ASSERT((size_t)n < sizeof bytes);
        return false; /* bytes that come make a new edge, though these are still there */
    }
    if (parsed == PROXY_HEADER_WHOLE && take_header(intake->watch.fd, header.len))
        end(intake, INTAKE_WHOLE, &header);
    else
        end(intake, n > 0 && parsed != PROXY_HEADER_WHOLE ? INTAKE_BAD : INTAKE_GONE, NULL);
    return true;
}

static void on_ready(struct watch *watch, uint32_t events)
{
    bool has_hangup = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    (void)look(CONTAINER_OF(watch, struct intake, watch), has_hangup);
}

static void on_timeout(struct timer *timer)
{
    end(CONTAINER_OF(timer, struct intake, timer), INTAKE_TIMEOUT, NULL);
}

void intake_start(struct intake *intake, struct loop *loop, int fd, uint32_t timeout_ms)
{
    intake->watch = (struct watch){.fd = fd, .on_ready = on_ready};
    intake->loop = loop;
    intake->began_ns = loop_now_ns(loop);
    intake->is_over = false;
    timer_init(&intake->timer, on_timeout);
    timer_arm(loop, &intake->timer, timeout_ms);
    loop_add(loop, &intake->watch); /* reports what is there already */
}

bool intake_look(struct intake *intake)
{
    return look(intake, false);
}
