/* SPDX-License-Identifier: Apache-2.0 */
#include "bulk.h"

#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MAX_CLIENTS 65536
#define CLIENTS_PER_SOURCE 8192 /* of the ports that one source address has towards one destination */
#define PATIENCE_S 60

static char block[256 << 10];
static int clients_fd[MAX_CLIENTS];

static int connect_patiently(const struct sockaddr_in *to, unsigned source)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = wire_connect(to, source);

    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    return fd;
}

static bool read_answer(int fd)
{
    char answer[2048];
    size_t have = 0;
    enum wire_answer judged = WIRE_MORE;

    while (judged == WIRE_MORE && have < sizeof answer) {
        ssize_t got = recv(fd, answer + have, sizeof answer - have, 0);

        if (got <= 0)
            return false;
        have += (size_t)got;
        judged = wire_judge(answer, have, wire_text);
    }
    return judged == WIRE_DONE;
}

static bool send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

int bulk_upload(const struct sockaddr_in *to, uint64_t bytes)
{
    char head[128];
    int fd = connect_patiently(to, 0), head_size;
    uint64_t left = bytes, start;
    bool is_good;

    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)(i * 31 + (i >> 8));
    head_size = snprintf(head, sizeof head, "PUT /upload HTTP/1.1\r\nHost: bench.local\r\nContent-Length: %llu\r\n\r\n",
                         (unsigned long long)bytes);
    start = wire_now_ns();
    is_good = fd >= 0 && send_all(fd, head, (size_t)head_size);
    while (is_good && left > 0) {
        size_t size = left < sizeof block ? (size_t)left : sizeof block;

        is_good = send_all(fd, block, size);
        left -= size;
    }
    is_good = is_good && read_answer(fd);
    printf("{\"requests\": %d, \"bytes\": %llu, \"seconds\": %.6f, \"errors\": %d}\n", is_good,
           (unsigned long long)(bytes - left), (double)(wire_now_ns() - start) / 1e9, !is_good);
    return 0;
}

static bool ask(int fd)
{
    static const char request[] = "GET /idle HTTP/1.1\r\nHost: bench.local\r\n\r\n";

    return send_all(fd, request, sizeof request - 1) && read_answer(fd);
}

int bulk_hold(const struct sockaddr_in *to, unsigned clients)
{
    unsigned errors = 0;
    char byte;

    if (clients > MAX_CLIENTS)
        return 2;
    for (unsigned i = 0; i < clients; i++) {
        clients_fd[i] = connect_patiently(to, 1 + i / CLIENTS_PER_SOURCE);
        if (clients_fd[i] < 0 || !ask(clients_fd[i])) {
            fprintf(stderr, "bench_load: client %u: %s\n", i, strerror(errno));
            return 1;
        }
    }
    printf("ready\n");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    for (unsigned i = 0; i < clients; i++)
        errors += !ask(clients_fd[i]);
    printf("{\"requests\": %u, \"errors\": %u}\n", 2 * clients - errors, errors);
    return 0;
}
