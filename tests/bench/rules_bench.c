/* SPDX-License-Identifier: Apache-2.0 */
/* rules_bench FILE: what becomes of manifests, step by step, on the CPU alone: reading YAML into typed resources, compiling them,
 * building the plan, and the gateway's part (mapping and checking the plan, finding every series). Nothing waits here; what a
 * gateway waits for besides is what ./dev bench measures from outside. Prints one line of JSON. */
#include "compile/compile.h"
#include "exchange/rules.h"
#include "plan/check.h"
#include "registry/registry.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

_Noreturn static void fail(const char *what, const char *why)
{
    fprintf(stderr, "rules_bench: %s: %s\n", what, why);
    exit(2);
}

static struct str map_file(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0)
        fail(path, "can't be read");
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (bytes == MAP_FAILED)
        fail(path, "can't be mapped");
    return (struct str){bytes, (size_t)st.st_size};
}

int main(int argc, char **argv)
{
    struct err err;
    int registry_fd;
    if (argc != 2)
        fail("usage", "rules_bench FILE");
    struct str text = map_file(argv[1]);
    struct registry *registry = registry_new(&registry_fd, &err);
    if (!registry)
        fail("registry", err.text);

    double begin = now_ms();
    struct manifests *manifests = manifests_new();
    manifests_read(manifests, str_from_c(argv[1]), text);
    double read = now_ms();
    struct compiled *compiled = compile(manifests, &(struct compile_options){0});
    double compiled_at = now_ms();
    int fd = plan_build(&compiled->rules, &err);
    double built = now_ms();
    const struct plan *plan = fd < 0 ? NULL : plan_map(fd, &err);
    struct rules *rules = plan ? rules_new(plan, NULL, registry, 0, &err) : NULL;
    double mapped = now_ms();
    if (!rules)
        fail(argv[1], err.text);
    if (manifests->problems.errors || compiled->problems.errors)
        fail(argv[1], "has errors: see umbra check");

    printf("{\"routes\": %zu, \"plan_bytes\": %u, \"read_ms\": %.3f, \"compile_ms\": %.3f, \"build_ms\": %.3f, "
           "\"map_ms\": %.3f}\n",
           compiled->routes, plan->size, read - begin, compiled_at - read, built - compiled_at, mapped - built);
    rules_unref(rules);
    compiled_free(compiled);
    manifests_unref(manifests);
    registry_close(registry);
    close(registry_fd);
    close(fd);
    return 0;
}
