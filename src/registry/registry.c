/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1
#include "registry/registry.h"

#include "base/assert.h"
#include "base/mem.h"
#include "registry/shared.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nobody may pull the memory away from under the others; writing is what it is for. */
#define REGISTRY_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

#define X(name, label) label,
static const char *const filtered_names[] = {FILTERED_REASONS(X)};
static const char *const dropped_names[] = {DROPPED_REASONS(X)};
static const char *const failed_names[] = {FAILED_REASONS(X)};
static const char *const record_drop_names[] = {RECORD_DROPS(X)};
#undef X

const char *filtered_name(enum filtered reason)
{
    ASSERT(reason < FILTERED_COUNT);
    return filtered_names[reason];
}

const char *dropped_name(enum dropped reason)
{
    ASSERT(reason < DROPPED_COUNT);
    return dropped_names[reason];
}

const char *failed_name(enum failed reason)
{
    ASSERT(reason < FAILED_COUNT);
    return failed_names[reason];
}

const char *record_drop_name(enum record_drop reason)
{
    ASSERT(reason < RECORD_DROP_COUNT);
    return record_drop_names[reason];
}

static struct registry_shared *map(int fd, int protection, struct err *err)
{
    void *shared = mmap(NULL, sizeof(struct registry_shared), protection, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED) {
        err_errno(err, "registry: no room to map %zu bytes; is an address space limit (ulimit -v) set?",
                  sizeof(struct registry_shared));
        return NULL;
    }
    /* Hundreds of megabytes, mostly holes, that say nothing about a crash. */
    madvise(shared, sizeof(struct registry_shared), MADV_DONTDUMP);
    return shared;
}

static void init_mutex(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);
    error |= pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    error |= pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    error |= pthread_mutex_init(mutex, &attributes);
    ASSERT(error == 0);
    pthread_mutexattr_destroy(&attributes);
}

static bool init(struct registry_shared *shared, struct err *err)
{
    if (getrandom(&shared->seed, sizeof(shared->seed), 0) != (ssize_t)sizeof(shared->seed))
        return err_errno(err, "registry: no random numbers");
    init_mutex(&shared->adding);
    shared->size = sizeof(*shared);
    shared->layout = REGISTRY_LAYOUT;
    shared->route_size = sizeof(struct registry_route);
    shared->mirror_size = sizeof(struct registry_mirror);
    shared->magic = REGISTRY_MAGIC;
    return true;
}

static struct registry *wrap(struct registry_shared *shared, bool is_readonly)
{
    struct registry *registry = mem_alloc(sizeof(*registry));
    registry->shared = shared;
    registry->is_readonly = is_readonly;
    return registry;
}

struct registry *registry_new(int *fd, struct err *err)
{
    struct registry_shared *shared = NULL;
    int memory = memfd_create("umbra-registry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0) {
        err_errno(err, "registry: no memory file");
        return NULL;
    }
    if (ftruncate(memory, (off_t)sizeof(*shared)) < 0 || fcntl(memory, F_ADD_SEALS, REGISTRY_SEALS) < 0)
        err_errno(err, "registry: the memory file can't be sized and sealed");
    else
        shared = map(memory, PROT_READ | PROT_WRITE, err);
    if (shared && init(shared, err)) {
        *fd = memory;
        return wrap(shared, false);
    }
    if (shared)
        munmap(shared, sizeof(*shared));
    close(memory);
    return NULL;
}

static struct registry *open_as(int fd, bool is_readonly, struct err *err)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & REGISTRY_SEALS) != REGISTRY_SEALS) {
        err_set(err, "registry: not a memory file of fixed size");
        return NULL;
    }
    if (fstat(fd, &st) < 0 || st.st_size != (off_t)sizeof(struct registry_shared)) {
        err_set(err, "registry: the memory is of another version (its size differs)");
        return NULL;
    }
    struct registry_shared *shared = map(fd, is_readonly ? PROT_READ : PROT_READ | PROT_WRITE, err);
    if (!shared)
        return NULL;
    if (shared->magic != REGISTRY_MAGIC || shared->layout != REGISTRY_LAYOUT || shared->size != sizeof(*shared) ||
        shared->route_size != sizeof(struct registry_route) || shared->mirror_size != sizeof(struct registry_mirror)) {
        err_set(err, "registry: the memory is of another version (its layout differs)");
        munmap(shared, sizeof(*shared));
        return NULL;
    }
    return wrap(shared, is_readonly);
}

struct registry *registry_open(int fd, struct err *err)
{
    return open_as(fd, false, err);
}

struct registry *registry_open_readonly(int fd, struct err *err)
{
    return open_as(fd, true, err);
}

int registry_readonly(int fd, struct err *err)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    /* Its owner may do no more, or whoever has the new descriptor could open it for writing in the same way. */
    int readonly = fchmod(fd, S_IRUSR) == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (readonly < 0)
        err_errno(err, "registry: /proc/self/fd can't be used");
    return readonly;
}

void registry_close(struct registry *registry)
{
    if (!registry)
        return;
    munmap(registry->shared, sizeof(*registry->shared));
    mem_free(registry);
}

struct registry_route *registry_route(struct registry *registry, struct str route, struct str backend)
{
    struct registry_shared *shared = registry->shared;
    const struct registry_identity identity = {route, backend};
    uint32_t entry = registry->is_readonly ? registry_index_find(shared, &shared->route_index, &identity)
                                           : registry_index_find_or_add(shared, &shared->route_index, &identity);
    return &shared->routes[entry];
}

struct registry_mirror *registry_mirror(struct registry *registry, struct str route, struct str mirror)
{
    struct registry_shared *shared = registry->shared;
    const struct registry_identity identity = {route, mirror};
    uint32_t entry = registry->is_readonly ? registry_index_find(shared, &shared->mirror_index, &identity)
                                           : registry_index_find_or_add(shared, &shared->mirror_index, &identity);
    return &shared->mirrors[entry];
}

struct registry_totals *registry_totals(struct registry *registry)
{
    return &registry->shared->totals;
}

bool registry_route_at(struct registry *registry, size_t index, struct str *route, struct str *backend,
                       struct registry_route **entry)
{
    struct registry_shared *shared = registry->shared;
    struct registry_identity identity;
    uint32_t i;
    if (!registry_index_at(shared, &shared->route_index, index, &identity, &i))
        return false;
    *route = identity.route;
    *backend = identity.name;
    *entry = &shared->routes[i];
    return true;
}

bool registry_mirror_at(struct registry *registry, size_t index, struct str *route, struct str *mirror,
                        struct registry_mirror **entry)
{
    struct registry_shared *shared = registry->shared;
    struct registry_identity identity;
    uint32_t i;
    if (!registry_index_at(shared, &shared->mirror_index, index, &identity, &i))
        return false;
    *route = identity.route;
    *mirror = identity.name;
    *entry = &shared->mirrors[i];
    return true;
}
