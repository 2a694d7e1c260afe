/* SPDX-License-Identifier: Apache-2.0 */
/* bench_origin: a service that costs as little as a service can, so that the bench measures the proxy in front of it.
 * One thread, level-triggered epoll, two system calls per request; bodies are discarded inside the kernel.
 *
 *   bench_origin body|everywhere|json|edited|204|slow|slower|mute|garbage|reset|endless
 *
 * body answers 64 bytes, json 1 KiB of JSON, edited the same with three other values, slow does so after a second, slower after 30, mute reads and never answers, garbage answers what is not HTTP,
 * reset resets the connection in place of an answer, endless answers without an end, as fast as it is read.
 * Prints "port N" (a free one on 127.0.0.1); for each line on stdin, one line of JSON with what it has counted; ends at
 * the end of stdin, so that it cannot outlive the bench. */
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CONNECTIONS 65536 /* by descriptor; RLIMIT_NOFILE is the tighter limit */
#define HEAD_BYTES 2048       /* of a request head that came in pieces; larger ones are answered by closing */
#define SECOND_NS 1000000000u
#define EVENTS 256
#define FOUND "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n"

struct connection {
    uint64_t body_left;
    uint32_t generation; /* of the descriptor, so that a late answer does not reach its successor */
    uint32_t saved;
    char head[HEAD_BYTES];
};

struct delayed {
    uint64_t due_ns;
    int fd;
    uint32_t generation;
};

static struct connection connections[MAX_CONNECTIONS];
static struct delayed delayed[MAX_CONNECTIONS * 2]; /* ring; all wait equally long, so it is in order */
static size_t delayed_first, delayed_count;
static char input[HEAD_BYTES + (256 << 10)];
static char answer[2048];
static size_t answer_size;
static uint64_t delay_ns;
static bool is_resetting, is_endless;
static bool is_everywhere; /* at all addresses of the loopback device */
static int poller;
static struct {
    unsigned long long connections, open, requests, bytes, broken;
} counted;

static void drop(int fd)
{
    connections[fd].generation++;
    counted.open--;
    close(fd);
}

static void send_answer(int fd)
{
    /* An answer is far smaller than an empty socket buffer; a peer that does not read gets no more. */
    if (answer_size && send(fd, answer, answer_size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EPIPE &&
        errno != ECONNRESET)
        counted.broken++;
}

static void make_close_a_reset(int fd)
{
    struct linger linger = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static void begin_endless(int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.fd = fd};

    epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
}

/* False: drop the connection. */
static bool finish_request(int fd)
{
    counted.requests++;
    if (is_resetting) {
        make_close_a_reset(fd);
        return false;
    }
    if (!delay_ns) {
        send_answer(fd);
        if (is_endless)
            begin_endless(fd);
        return true;
    }
    if (delayed_count == MAX_CONNECTIONS * 2) {
        counted.broken++;
        return true;
    }
    delayed[(delayed_first + delayed_count++) % (MAX_CONNECTIONS * 2)] = (struct delayed){wire_now_ns() + delay_ns, fd,
                                                                                          connections[fd].generation};
    return true;
}

/* The length of the body that follows the head; false when it has another framing. */
static bool body_length(const char *head, size_t size, uint64_t *length)
{
    const char *line = head, *end = head + size;

    *length = 0;
    while ((line = memchr(line, '\n', (size_t)(end - line))) && ++line < end) {
        if (strncasecmp(line, "content-length:", 15) == 0)
            *length = strtoull(line + 15, NULL, 10);
        else if (strncasecmp(line, "transfer-encoding:", 18) == 0)
            return false;
    }
    return true;
}

/* Takes all whole requests from the bytes and keeps the rest. */
static bool take_requests(int fd, char *bytes, size_t size)
{
    struct connection *c = &connections[fd];

    while (size > 0) {
        char *end = memmem(bytes, size, "\r\n\r\n", 4);
        size_t head = end ? (size_t)(end - bytes) + 4 : 0, body;
        uint64_t length;

        if (!end)
            break;
        bytes[head - 1] = '\0'; /* bounds strncasecmp and strtoull; nobody reads the byte again */
        if (!body_length(bytes, head - 1, &length))
            return false;
        body = length < size - head ? (size_t)length : size - head;
        counted.bytes += body;
        c->body_left = length - body;
        bytes += head + body;
        size -= head + body;
        if (c->body_left == 0 && !finish_request(fd))
            return false;
    }
    if (size > HEAD_BYTES)
        return false;
    memcpy(c->head, bytes, size);
    c->saved = (uint32_t)size;
    return true;
}

static bool on_readable(int fd)
{
    struct connection *c = &connections[fd];
    size_t saved = c->saved;
    ssize_t got;

    if (c->body_left > 0) { /* MSG_TRUNC: the kernel discards them, see tcp(7) */
        size_t wanted = c->body_left < (4u << 20) ? (size_t)c->body_left : (4u << 20);

        got = recv(fd, NULL, wanted, MSG_TRUNC | MSG_DONTWAIT);
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        counted.bytes += (unsigned long long)got;
        c->body_left -= (uint64_t)got;
        return c->body_left > 0 || finish_request(fd);
    }
    got = recv(fd, input + saved, sizeof input - saved, MSG_DONTWAIT);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    memcpy(input, c->head, saved);
    c->saved = 0;
    return take_requests(fd, input, saved + (size_t)got);
}

/* Of an endless answer. */
static bool send_more(int fd)
{
    return send(fd, input, sizeof input, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 || errno == EAGAIN;
}

static void on_connection(int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

        counted.connections++;
        counted.open++;
        if (fd >= MAX_CONNECTIONS) {
            close(fd);
            counted.open--;
            counted.broken++;
            continue;
        }
        connections[fd].saved = 0;
        connections[fd].body_left = 0;
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

/* Sends what is due and returns how long to wait for the next, in milliseconds. */
static int send_delayed(void)
{
    uint64_t now = delayed_count ? wire_now_ns() : 0;

    while (delayed_count) {
        struct delayed *first = &delayed[delayed_first];

        if (first->due_ns > now)
            return (int)((first->due_ns - now) / 1000000u) + 1;
        if (connections[first->fd].generation == first->generation)
            send_answer(first->fd);
        delayed_first = (delayed_first + 1) % (MAX_CONNECTIONS * 2);
        delayed_count--;
    }
    return -1;
}

static void on_question(void)
{
    char line[64];
    ssize_t got = read(STDIN_FILENO, line, sizeof line);

    if (got <= 0)
        exit(0);
    printf("{\"connections\": %llu, \"open\": %llu, \"requests\": %llu, \"bytes\": %llu, \"broken\": %llu}\n",
           counted.connections, counted.open, counted.requests, counted.bytes, counted.broken);
    fflush(stdout);
}

enum content { NOTHING, TEXT, JSON, EDITED_JSON };

static const struct mode {
    const char *name;
    enum content content; /* of an answer with status 200 */
    const char *bytes;    /* another answer, whole; NULL: none */
    unsigned delay_s;
    bool is_resetting, is_endless, is_everywhere;
} modes[] = {
    {.name = "body", .content = TEXT},
    {.name = "everywhere", .content = TEXT, .is_everywhere = true},
    {.name = "json", .content = JSON},
    {.name = "edited", .content = EDITED_JSON},
    {.name = "204", .bytes = "HTTP/1.1 204 No Content\r\n\r\n"},
    {.name = "slow", .content = TEXT, .delay_s = 1},
    {.name = "slower", .content = TEXT, .delay_s = 30},
    {.name = "mute"},
    {.name = "garbage", .bytes = "\x16\x03\x01 this is not HTTP \xff\xfe\r\n\r\n"},
    {.name = "reset", .is_resetting = true},
    {.name = "endless", .bytes = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", .is_endless = true},
};

static void make_answer(enum content content, const char *bytes)
{
    struct wire_body body = content == JSON || content == EDITED_JSON ? wire_json(content == EDITED_JSON) : wire_text;

    if (content == NOTHING)
        answer_size = (size_t)snprintf(answer, sizeof answer, "%s", bytes ? bytes : "");
    else
        answer_size = (size_t)snprintf(answer, sizeof answer, FOUND "%s",
                                       content == TEXT ? "text/plain" : "application/json", body.size, body.bytes);
}

static bool choose_answer(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        const struct mode *mode = &modes[i];

        if (strcmp(mode->name, name) != 0)
            continue;
        make_answer(mode->content, mode->bytes);
        delay_ns = (uint64_t)mode->delay_s * SECOND_NS;
        is_resetting = mode->is_resetting;
        is_endless = mode->is_endless;
        is_everywhere = mode->is_everywhere;
        return true;
    }
    return false;
}

static int listen_anywhere(void)
{
    in_addr_t host = is_everywhere ? INADDR_ANY : INADDR_LOOPBACK;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (is_everywhere && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof "lo") != 0)
        return -1;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return -1;
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void serve(int listener)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, send_delayed());

        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;

            if (fd == listener)
                on_connection(listener);
            else if (fd == STDIN_FILENO)
                on_question();
            else if ((events[i].events & ~(uint32_t)EPOLLOUT && !on_readable(fd)) ||
                     (events[i].events & EPOLLOUT && !send_more(fd)))
                drop(fd);
        }
    }
}

int main(int argc, char **argv)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = STDIN_FILENO};
    int listener;

    if (argc != 2 || !choose_answer(argv[1])) {
        fprintf(stderr, "usage: bench_origin body|everywhere|json|edited|204|slow|slower|mute|garbage|reset|endless\n");
        return 2;
    }
    listener = listen_anywhere();
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (listener < 0 || poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) {
        perror("bench_origin");
        return 1;
    }
    event.data.fd = listener;
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    serve(listener);
    return 0;
}
