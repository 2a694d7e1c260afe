/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include "bodies.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

const struct wire_body wire_text = {"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n", 64};

struct wire_body wire_json(bool is_edited)
{
    struct wire_body body;

    body.bytes = body_new(&(struct body_text){.items = 1, .is_edited = is_edited}, &body.size);
    if (!body.bytes)
        abort();
    return body;
}

uint64_t wire_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool wire_address(const char *text, struct sockaddr_in *address)
{
    const char *colon = strrchr(text, ':');
    char host[64];
    long port;

    if (!colon || (size_t)(colon - text) >= sizeof host)
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    port = strtol(colon + 1, NULL, 10);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return port >= 0 && port <= 65535 && inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

int wire_connect(const struct sockaddr_in *to, unsigned source)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u + source)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1, saved;

    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (source) {
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0)
            goto failed;
    }
    if (connect(fd, (const struct sockaddr *)to, sizeof *to) == 0)
        return fd;
failed:
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* The value of Content-Length, or -1. */
static long content_length(const char *head, size_t size)
{
    static const char name[] = "content-length:";
    const char *end = head + size, *line = head, *newline;

    while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
        line = newline + 1;
        if ((size_t)(end - line) > sizeof name && (*line | 0x20) == 'c' &&
            strncasecmp(line, name, sizeof name - 1) == 0)
            return strtol(line + sizeof name - 1, NULL, 10);
    }
    return -1;
}

enum wire_answer wire_judge(const char *bytes, size_t size, struct wire_body expected)
{
    static const char good[] = "HTTP/1.1 200";
    const char *body;
    size_t head, begin = size < sizeof good - 1 ? size : sizeof good - 1;

    if (memcmp(bytes, good, begin) != 0)
        return WIRE_BAD_STATUS;
    body = memmem(bytes, size, "\r\n\r\n", 4);
    if (!body)
        return WIRE_MORE;
    head = (size_t)(body - bytes) + 4;
    if (content_length(bytes, head) != (long)expected.size || size > head + expected.size)
        return WIRE_BAD_BODY;
    if (size < head + expected.size)
        return WIRE_MORE;
    return memcmp(bytes + head, expected.bytes, expected.size) == 0 ? WIRE_DONE : WIRE_BAD_BODY;
}
