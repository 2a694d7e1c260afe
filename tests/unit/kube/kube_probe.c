/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps collections of a real API server in step for a while and prints what becomes of them, a line for each change of state or number: for
 * tests that run such a server, and for looking. At the end the memory it took.
 *
 *     kube_probe KUBECONFIG SECONDS PATH API_VERSION KIND [PATH API_VERSION KIND …]
 *
 * PATH may be followed by ?SELECTOR. */
#include "base/log.h"
#include "io/loop.h"
#include "io/timer.h"
#include "kube/config.h"
#include "kube/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_WATCHES 64

struct probe {
    struct loop *loop;
    uint64_t begin_ns;
    struct timer end;
    struct kube_watch *watches[MAX_WATCHES];
    const char *paths[MAX_WATCHES];
    size_t count;
};

static const char *const words[] = {
    [KUBE_WATCH_STARTING] = "starting",   [KUBE_WATCH_SYNCED] = "synced", [KUBE_WATCH_STALE] = "stale",
    [KUBE_WATCH_FORBIDDEN] = "forbidden", [KUBE_WATCH_ABSENT] = "absent", [KUBE_WATCH_TOO_MANY] = "too many",
};

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void on_change(struct kube_watch *watch, void *user)
{
    struct probe *probe = user;
    const char *problem = kube_watch_problem(watch), *path = "?";
    size_t bytes = 0;
    for (size_t i = 0; i < probe->count; i++) {
        if (probe->watches[i] == watch)
            path = probe->paths[i];
    }
    for (size_t i = 0; i < kube_watch_count(watch); i++)
        bytes += kube_watch_at(watch, i)->json.len;
    printf("%8.3f %s %s %zu objects %zu bytes %ld KiB%s%s\n",
           (double)(loop_now_ns(probe->loop) - probe->begin_ns) / 1e9, path, words[kube_watch_state(watch)],
           kube_watch_count(watch), bytes, resident_kib(), problem ? ": " : "", problem ? problem : "");
    fflush(stdout);
}

static const struct kube_watch_ops ops = {"probe", on_change};

static void on_end(struct timer *timer)
{
    loop_stop(CONTAINER_OF(timer, struct probe, end)->loop);
}

static void write_line(const char *line, size_t len)
{
    fwrite(line, 1, len, stderr);
}

static uint64_t wall_ns(void)
{
    return 0;
}

static void add_watch(struct probe *probe, struct kube_client *client, char **words_of)
{
    struct str path = str_from_c(words_of[0]);
    size_t mark = str_find_char(path, '?');
    const struct kube_watch_spec spec = {
        .path = str_slice(path, 0, mark),
        .selector = str_slice(path, mark + 1, path.len),
        .api_version = str_from_c(words_of[1]),
        .kind = str_from_c(words_of[2]),
        .ops = &ops,
        .user = probe,
    };
    probe->paths[probe->count] = words_of[0];
    probe->watches[probe->count++] = kube_watch_new(client, &spec);
}

static int fail(const struct err *err)
{
    fprintf(stderr, "%s\n", err->text);
    return 1;
}

int main(int count, char **words_of)
{
    struct probe probe = {.count = 0};
    struct err err;
    struct rusage used;
    uint64_t seconds;
    if (count < 6 || (count - 3) % 3 || (count - 3) / 3 > MAX_WATCHES || !str_to_u64(str_from_c(words_of[2]), &seconds))
        return 2;
    log_set_sink(&(struct log_sink){.level = LOG_INFO, .role = "probe", .write = write_line, .wall_ns = wall_ns});
    struct kube_config *config = kube_config_find(words_of[1], NULL, &err);
    if (!config)
        return fail(&err);
    probe.loop = loop_new(&err);
    struct kube_client *client = probe.loop ? kube_client_new(probe.loop, config, &err) : NULL;
    if (!client)
        return fail(&err);
    probe.begin_ns = loop_now_ns(probe.loop);
    timer_init(&probe.end, on_end);
    timer_arm(probe.loop, &probe.end, seconds * 1000);
    for (int i = 3; i < count; i += 3)
        add_watch(&probe, client, words_of + i);
    loop_run(probe.loop);
    for (size_t i = 0; i < probe.count; i++)
        kube_watch_free(probe.watches[i]);
    kube_client_free(client);
    loop_free(probe.loop);
    getrusage(RUSAGE_SELF, &used);
    printf("at most %ld KiB, %.3f s of CPU\n", used.ru_maxrss,
           (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec / 1e6 + (double)used.ru_stime.tv_sec +
               (double)used.ru_stime.tv_usec / 1e6);
    return 0;
}
