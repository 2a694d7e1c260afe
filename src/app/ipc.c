/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ipc.h"

#include "base/assert.h"

#include <errno.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEND_TRIES 10
#define SEND_WAIT_MS 100

struct ipc_header {
    uint32_t type;
    uint32_t len; /* of the payload */
};

union ipc_control {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(IPC_MAX_FDS * sizeof(int))];
};

bool ipc_pair(int fds[2], struct err *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return err_errno(err, "socketpair");
    return true;
}

static void put_fds(struct msghdr *message, union ipc_control *control, const int *fds, size_t fd_count)
{
    if (fd_count == 0)
        return;
    memset(control, 0, sizeof(*control));
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    struct cmsghdr *part = CMSG_FIRSTHDR(message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
    memcpy(CMSG_DATA(part), fds, fd_count * sizeof(int));
}

static bool send_message(int fd, enum ipc_type type, struct str payload, const int *fds, size_t fd_count,
                         int most_tries)
{
    ASSERT(payload.len <= IPC_MAX_PAYLOAD && fd_count <= IPC_MAX_FDS);
    struct ipc_header header = {.type = type, .len = (uint32_t)payload.len};
    struct iovec parts[2] = {{&header, sizeof(header)}, {(void *)(uintptr_t)payload.ptr, payload.len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = payload.len > 0 ? 2 : 1};
    union ipc_control control;
    put_fds(&message, &control, fds, fd_count);
    for (int tries = 0;;) {
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0)
            return (size_t)sent == sizeof(header) + payload.len;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || ++tries > most_tries)
            return false;
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        (void)poll(&wait, 1, SEND_WAIT_MS);
    }
}

bool ipc_send(int fd, enum ipc_type type, struct str payload, const int *fds, size_t fd_count)
{
    return send_message(fd, type, payload, fds, fd_count, SEND_TRIES);
}

bool ipc_offer(int fd, enum ipc_type type, struct str payload, const int *fds, size_t fd_count)
{
    return send_message(fd, type, payload, fds, fd_count, 0);
}

static bool take_fds(struct msghdr *received, struct ipc_message *message)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(received); part; part = CMSG_NXTHDR(received, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (message->fd_count + count > IPC_MAX_FDS)
            return false; /* the room for control bytes is too small for this */
        memcpy(message->fds + message->fd_count, CMSG_DATA(part), count * sizeof(int));
        message->fd_count += count;
    }
    return true;
}

enum ipc_result ipc_receive(int fd, struct ipc_message *message)
{
    struct ipc_header header;
    struct iovec parts[2] = {{&header, sizeof(header)}, {message->payload, sizeof(message->payload)}};
    union ipc_control control;
    struct msghdr received = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    ssize_t got;
    do
        got = recvmsg(fd, &received, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    message->fd_count = 0;
    if (got < 0)
        return errno == EAGAIN ? IPC_AGAIN : IPC_CLOSED;
    if (got == 0)
        return IPC_CLOSED;
    bool is_whole = take_fds(&received, message) && !(received.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
                    (size_t)got >= sizeof(header) && header.len == (size_t)got - sizeof(header);
    if (!is_whole) {
        ipc_discard(message);
        return IPC_BROKEN;
    }
    message->type = (enum ipc_type)header.type;
    message->len = header.len;
    return IPC_OK;
}

bool ipc_wait(int fd, struct ipc_message *message)
{
    for (;;) {
        enum ipc_result result = ipc_receive(fd, message);
        if (result != IPC_AGAIN)
            return result == IPC_OK;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, -1) < 0 && errno != EINTR)
            return false;
    }
}

void ipc_discard(struct ipc_message *message)
{
    for (size_t i = 0; i < message->fd_count; i++)
        close(message->fds[i]);
    message->fd_count = 0;
}

bool ipc_send_parts(int fd, const struct ipc_parts *parts)
{
    uint32_t bits = 0;
    int fds[IPC_PART_COUNT];
    size_t count = 0;
    for (unsigned i = 0; i < IPC_PART_COUNT; i++) {
        if (parts->fds[i] < 0)
            continue;
        bits |= 1u << i;
        fds[count++] = parts->fds[i];
    }
    return bits == 0 || ipc_send(fd, IPC_PLAN, (struct str){(const char *)&bits, sizeof(bits)}, fds, count);
}

uint32_t ipc_take_parts(struct ipc_message *message, struct ipc_parts *parts)
{
    uint32_t bits;
    size_t next = 0;
    if (message->len != sizeof(bits))
        return 0;
    memcpy(&bits, message->payload, sizeof(bits));
    if (bits >> IPC_PART_COUNT || (size_t)__builtin_popcount(bits) != message->fd_count)
        return 0;
    for (unsigned i = 0; i < IPC_PART_COUNT; i++) {
        if (!(bits >> i & 1))
            continue;
        if (parts->fds[i] >= 0)
            close(parts->fds[i]);
        parts->fds[i] = message->fds[next++];
    }
    message->fd_count = 0;
    return bits;
}

void ipc_close_parts(struct ipc_parts *parts)
{
    for (unsigned i = 0; i < IPC_PART_COUNT; i++) {
        if (parts->fds[i] >= 0)
            close(parts->fds[i]);
    }
    *parts = IPC_PARTS_NONE;
}
