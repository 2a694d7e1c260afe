/* SPDX-License-Identifier: Apache-2.0 */
/* bench_load: HTTP/1.1 clients that check every answer and end cleanly, so that the number of requests is exact on both
 * sides.
 *
 *   bench_load HOST:PORT [--connections N] [--seconds S] [--rate R] [--requests FILE] [--json]
 *   bench_load HOST:PORT --upload BYTES | --hold CLIENTS
 *
 * Ends after S seconds or at SIGTERM, when all that was asked is answered. FILE has the heads that are sent in turn. With --json the
 * answers have the JSON of bench_origin.
 * Without --rate each connection asks again as soon as it is answered. With it, request i is due at start + i / R, goes
 * out on the next free connection, and its latency counts from when it was due, so that a proxy that stalls cannot hide
 * the requests that waited. Prints one line of JSON. */
#include "bulk.h"
#include "requests.h"
#include "wire.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CONNECTIONS 4096
#define MAX_SAMPLES (16u << 20)
#define ANSWER_BYTES 2048 /* more than a head and the largest body */
#define EVENTS 256
#define GRACE_NS 10000000000u /* for what is still under way at the end */

struct connection {
    int fd; /* -1 after a failed reconnect */
    uint32_t have;
    bool is_busy;
    uint64_t from_ns; /* latency counts from here */
    char answer[ANSWER_BYTES];
};

static struct connection connections[MAX_CONNECTIONS];
static uint32_t idle[MAX_CONNECTIONS]; /* ring, so that all connections are used alike */
static unsigned idle_first, idle_count, connection_count = 64;
static uint32_t samples_us[MAX_SAMPLES];
static size_t sample_count;
static struct sockaddr_in target;
static struct wire_body expected;
static int poller;
static double seconds = 1, rate;
static uint64_t start_ns, end_ns, due_total, asked;
static volatile sig_atomic_t is_stopped;
static struct {
    unsigned long long answered, busy, connect, closed, status, body, late, reopened;
} counted;

static void put_idle(unsigned index)
{
    connections[index].is_busy = false;
    idle[(idle_first + idle_count++) % MAX_CONNECTIONS] = index;
}

static bool connection_open(unsigned index)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    struct connection *c = &connections[index];

    c->have = 0;
    c->fd = wire_connect(&target, 0);
    if (c->fd < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) != 0) {
        counted.connect++;
        return false;
    }
    return true;
}

/* A connection that broke is replaced, so that the load goes on and every further failure is seen as well. */
static void connection_replace(unsigned index)
{
    struct connection *c = &connections[index];
    bool was_busy = c->is_busy;

    close(c->fd);
    counted.reopened++;
    counted.busy -= was_busy;
    if (!connection_open(index))
        c->fd = -1;
    else if (was_busy)
        put_idle(index);
}

static void ask(unsigned index, uint64_t from_ns)
{
    struct connection *c = &connections[index];
    struct request request = requests_next();

    c->is_busy = true;
    c->from_ns = from_ns;
    c->have = 0;
    asked++;
    counted.busy++;
    if (send(c->fd, request.bytes, request.size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)request.size) {
        counted.closed++;
        connection_replace(index);
    }
}

/* Sends what is due now. Returns when to look again without an event. */
static uint64_t ask_due(uint64_t now)
{
    if (rate <= 0) {
        while (idle_count && now < end_ns) {
            unsigned index = idle[idle_first];

            idle_first = (idle_first + 1) % MAX_CONNECTIONS;
            idle_count--;
            ask(index, now);
        }
        return now < end_ns ? end_ns : end_ns + GRACE_NS;
    }
    while (asked < due_total) {
        uint64_t due = start_ns + (uint64_t)((double)asked * 1e9 / rate);
        unsigned index = idle[idle_first];

        if (due > now)
            return idle_count ? due : end_ns + GRACE_NS;
        if (!idle_count)
            break;
        idle_first = (idle_first + 1) % MAX_CONNECTIONS;
        idle_count--;
        ask(index, due);
    }
    return end_ns + GRACE_NS;
}

static void on_answer(unsigned index)
{
    struct connection *c = &connections[index];
    uint64_t now = wire_now_ns();

    if (sample_count < MAX_SAMPLES)
        samples_us[sample_count++] = (uint32_t)((now - c->from_ns) / 100); /* in tenths, so that p50 can be compared */
    counted.answered++;
    counted.busy--;
    if (rate <= 0 && now < end_ns) {
        c->is_busy = false;
        ask(index, now);
    } else {
        put_idle(index);
    }
}

static void on_readable(unsigned index)
{
    struct connection *c = &connections[index];
    ssize_t got = recv(c->fd, c->answer + c->have, sizeof c->answer - c->have, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || !c->is_busy) {
        counted.closed += c->is_busy || got > 0; /* closing an idle connection is no error */
        connection_replace(index);
        return;
    }
    c->have += (uint32_t)got;
    switch (wire_judge(c->answer, c->have, expected)) {
    case WIRE_DONE: on_answer(index); break;
    case WIRE_MORE:
        if (c->have < sizeof c->answer)
            break;
        counted.body++;
        connection_replace(index);
        break;
    case WIRE_BAD_STATUS:
        counted.status++;
        connection_replace(index);
        break;
    case WIRE_BAD_BODY:
        counted.body++;
        connection_replace(index);
        break;
    }
}

static bool is_over(uint64_t now)
{
    bool has_asked_all = rate > 0 ? asked >= due_total : now >= end_ns;

    return (has_asked_all && !counted.busy) || now >= end_ns + GRACE_NS;
}

static void run(void)
{
    struct epoll_event events[EVENTS];
    uint64_t now = wire_now_ns();

    start_ns = now;
    end_ns = start_ns + (uint64_t)(seconds * 1e9);
    due_total = (uint64_t)(seconds * rate);
    while (!is_over(now)) {
        uint64_t until = ask_due(now);
        uint64_t wait_ns = until > now ? until - now : 0;
        struct timespec wait = {(time_t)(wait_ns / 1000000000u), (long)(wait_ns % 1000000000u)};
        int count = epoll_pwait2(poller, events, EVENTS, &wait, NULL);

        for (int i = 0; i < count; i++)
            on_readable(events[i].data.u32);
        now = wire_now_ns();
        if (is_stopped && end_ns > now) {
            end_ns = now;
            due_total = asked;
        }
    }
    counted.late = counted.busy + (due_total > asked ? due_total - asked : 0);
}

static void on_stop(int signal_number)
{
    (void)signal_number;
    is_stopped = 1;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static double quantile(double q)
{
    if (sample_count == 0)
        return 0;
    return samples_us[(size_t)((double)(sample_count - 1) * q)] / 10.0;
}

static void print_result(double took)
{
    unsigned long long errors = counted.connect + counted.closed + counted.status + counted.body + counted.late;

    qsort(samples_us, sample_count, sizeof samples_us[0], by_size);
    printf("{\"requests\": %llu, \"errors\": %llu, \"seconds\": %.6f, \"p50_us\": %.1f, \"p90_us\": %.1f, "
           "\"p99_us\": %.1f, \"max_us\": %.1f, ",
           counted.answered, errors, took, quantile(0.5), quantile(0.9), quantile(0.99), quantile(1));
    printf("\"why\": {\"connect\": %llu, \"closed\": %llu, \"status\": %llu, \"body\": %llu, \"late\": %llu}}\n",
           counted.connect, counted.closed, counted.status, counted.body, counted.late);
}

static int usage(void)
{
    fprintf(stderr,
            "usage: bench_load HOST:PORT [--connections N] [--seconds S] [--rate R] [--requests FILE] [--json]\n"
            "       bench_load HOST:PORT --upload BYTES | --hold CLIENTS\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"connections", required_argument, NULL, 'c'},
        {"seconds", required_argument, NULL, 's'},
        {"rate", required_argument, NULL, 'r'},
        {"upload", required_argument, NULL, 'u'},
        {"hold", required_argument, NULL, 'h'},
        {"requests", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    unsigned long long upload = 0;
    const char *file = NULL;
    unsigned hold = 0;
    int option;

    expected = wire_text;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c': connection_count = (unsigned)strtoul(optarg, NULL, 10); break;
        case 's': seconds = strtod(optarg, NULL); break;
        case 'r': rate = strtod(optarg, NULL); break;
        case 'u': upload = strtoull(optarg, NULL, 10); break;
        case 'h': hold = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'f': file = optarg; break;
        case 'j': expected = wire_json(false); break;
        default: return usage();
        }
    }
    if (optind + 1 != argc || !wire_address(argv[optind], &target) || connection_count > MAX_CONNECTIONS)
        return usage();
    if (upload)
        return bulk_upload(&target, upload);
    if (hold)
        return bulk_hold(&target, hold);

    if (file && !requests_read(file)) {
        fprintf(stderr, "bench_load: %s: %s\n", file, errno ? strerror(errno) : "has no request");
        return 2;
    }
    signal(SIGTERM, on_stop);
    prctl(PR_SET_TIMERSLACK, 1);
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < connection_count; i++) {
        if (connection_open(i))
            put_idle(i);
    }
    run();
    print_result((double)(wire_now_ns() - start_ns) / 1e9);
    return 0;
}
