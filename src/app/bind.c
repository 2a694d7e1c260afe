/* SPDX-License-Identifier: Apache-2.0 */
#include "app/bind.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Connections that the kernel queues while all workers are busy, or while one gateway hands over to the next. */
#define BACKLOG 4096

/* Whether the path is a socket that nobody answers on: a leftover of a process that was killed. */
static bool is_leftover(const struct sockaddr_storage *name, socklen_t len, const char *path)
{
    struct stat found;
    if (lstat(path, &found) < 0 || !S_ISSOCK(found.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_refused = fd >= 0 && connect(fd, (const struct sockaddr *)name, len) < 0 && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return is_refused;
}

static bool bind_and_listen(int fd, const struct sockaddr_storage *name, socklen_t len)
{
    int on = 1, off = 0;
    if (name->ss_family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return false;
    if (name->ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
        return false;
    if (bind(fd, (const struct sockaddr *)name, len) < 0) {
        const char *path = ((const struct sockaddr_un *)name)->sun_path;
        if (errno != EADDRINUSE || name->ss_family != AF_UNIX)
            return false;
        if (!is_leftover(name, len, path)) {
            errno = EADDRINUSE;
            return false;
        }
        if (unlink(path) < 0 || bind(fd, (const struct sockaddr *)name, len) < 0)
            return false;
    }
    return listen(fd, BACKLOG) == 0;
}

/* All addresses, on a machine without IPv6: those of IPv4. */
static bool take_ipv4_instead(struct address *address)
{
    static const uint8_t all[16];
    if (address->family != ADDRESS_IPV6 || memcmp(address->ip, all, sizeof(all)) != 0)
        return false;
    *address = (struct address){.family = ADDRESS_IPV4, .port = address->port};
    return true;
}

int bind_listener(const struct address *asked, struct address *real)
{
    struct sockaddr_storage name;
    socklen_t len = address_to_sockaddr(asked, &name);
    int fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct address instead = *asked;
    if (fd < 0 && errno == EAFNOSUPPORT && take_ipv4_instead(&instead))
        return bind_listener(&instead, real);
    if (fd < 0)
        return -1;
    *real = *asked;
    socklen_t real_len = sizeof(name);
    bool is_bound = bind_and_listen(fd, &name, len) &&
                    (asked->family == ADDRESS_UNIX ||
                     (getsockname(fd, (struct sockaddr *)&name, &real_len) == 0 && address_from_sockaddr(&name, real)));
    if (is_bound)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

void bind_explain(const struct address *asked, int error, bool has_offset, struct err *err)
{
    char text[ADDRESS_TEXT];
    address_format(asked, text);
    const char *reason = strerror(error);
    if (error == EADDRINUSE && asked->family == ADDRESS_UNIX)
        (void)err_set(err, "can't listen on %s: %s; another process serves it, or a file has that name", text, reason);
    else if (error == EADDRINUSE)
        (void)err_set(
            err,
            "can't listen on %s: %s; another process has the port (`ss -ltnp sport = :%u` names it): end it or "
            "choose another port",
            text, reason, asked->port);
    else if (error == EACCES && asked->family != ADDRESS_UNIX)
        (void)err_set(err,
                      "can't listen on %s: %s; ports below 1024 need the right to bind them: %s, or give the program "
                      "CAP_NET_BIND_SERVICE",
                      text, reason, has_offset ? "use --port-offset 8000" : "choose one from 1024");
    else if (error == EADDRNOTAVAIL)
        (void)err_set(err, "can't listen on %s: %s; this machine has no such address (`ip address` lists them)", text,
                      reason);
    else if (error == ESHUTDOWN)
        (void)err_set(err, "can't listen on %s: this umbra is ending and opens no more ports", text);
    else
        (void)err_set(err, "can't listen on %s: %s", text, reason);
}
