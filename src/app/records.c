/* SPDX-License-Identifier: Apache-2.0 */
#include "app/records.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARE_OF_BUDGET 8
#define CAPACITY_MAX (4u * 1024 * 1024)
#define TRIM_FROM (256u * 1024) /* less than that costs more than it brings */
#define WORKERS_MAX 4096        /* of a message: no product below overflows */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

size_t records_capacity(uint64_t mirror_budget, unsigned workers)
{
    uint64_t share = mirror_budget / SHARE_OF_BUDGET / (workers ? workers : 1);
    size_t capacity = CAPACITY_MAX;
    while (capacity > share && capacity > RING_MIN)
        capacity /= 2;
    return capacity <= share ? capacity : 0;
}

/* From one ring to the next: whole pages. */
static size_t stride(size_t capacity)
{
    return (ring_data_size(capacity) + RING_PAGE - 1) / RING_PAGE * RING_PAGE;
}

size_t records_bytes(unsigned workers, size_t capacity)
{
    return workers == 0 ? 0 : workers * (stride(capacity) + RING_PAGE);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- the supervisor's ---- */

/* Opens the file anew for reading alone. Its mode says that its owner may do no more, or whoever has that descriptor could do the same for
 * writing. */
static int reopen_readonly(int fd)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return fchmod(fd, S_IRUSR) == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

static bool make_file(const char *name, size_t size, int *fd, int *readonly, struct err *err)
{
    *fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0 || ftruncate(*fd, (off_t)size) < 0 || fcntl(*fd, F_ADD_SEALS, SEALS) < 0)
        return err_errno(err, "%s: no memory file of %zu bytes", name, size);
    *readonly = reopen_readonly(*fd);
    return *readonly >= 0 || err_errno(err, "%s: /proc/self/fd can't be used", name);
}

static bool format_all(const struct records_files *files, struct err *err)
{
    size_t step = stride(files->capacity), size = files->workers * step;
    char *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, files->data, 0);
    if (data == MAP_FAILED)
        return err_errno(err, "the rings of records can't be mapped");
    for (unsigned i = 0; i < files->workers; i++)
        ring_format(data + i * step, files->capacity);
    munmap(data, size);
    return true;
}

bool records_make(struct records_files *files, unsigned workers, size_t capacity, struct err *err)
{
    ASSERT(workers > 0 && workers <= WORKERS_MAX);
    *files = (struct records_files){-1, -1, -1, -1, {-1, -1}, workers, capacity};
    if (!make_file("umbra-records", workers * stride(capacity), &files->data, &files->data_readonly, err) ||
        !make_file("umbra-readers", (size_t)workers * RING_PAGE, &files->readers, &files->readers_readonly, err) ||
        !format_all(files, err)) {
        records_forget(files);
        return false;
    }
    if (pipe2(files->wake, O_CLOEXEC | O_NONBLOCK) == 0)
        return true;
    records_forget(files);
    return err_errno(err, "a pipe to wake the analyst");
}

size_t records_list(const struct records_files *files, enum records_for role, int fds[RECORDS_MAX_FDS])
{
    switch (role) {
    case RECORDS_FOR_GATEWAY: fds[0] = files->data, fds[1] = files->readers, fds[2] = files->wake[1]; return 3;
    case RECORDS_FOR_ANALYST: fds[0] = files->data_readonly, fds[1] = files->readers, fds[2] = files->wake[0]; return 3;
    default: fds[0] = files->readers_readonly; return 1;
    }
}

void records_forget(struct records_files *files)
{
    if (files->workers == 0)
        return;
    close_fd(&files->data);
    close_fd(&files->data_readonly);
    close_fd(&files->readers);
    close_fd(&files->readers_readonly);
    close_fd(&files->wake[0]);
    close_fd(&files->wake[1]);
    files->workers = 0;
}

/* ---- the others' ---- */

static bool map(int fd, size_t size, bool is_readonly, void **mapped, struct err *err)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 || st.st_size != (off_t)size)
        return err_set(err, "the rings of records are no memory files of the size that was said");
    void *at = mmap(NULL, size, is_readonly ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return err_errno(err, "the rings of records can't be mapped");
    madvise(at, size, MADV_DONTDUMP);
    *mapped = at;
    return true;
}

static bool is_capacity(size_t capacity)
{
    return capacity >= RING_MIN && capacity <= RING_MAX && (capacity & (capacity - 1)) == 0;
}

bool records_open(struct records *records, enum records_for role, int *fds, size_t fd_count, unsigned workers,
                  size_t capacity, struct err *err)
{
    bool is_control = role == RECORDS_FOR_CONTROL;
    *records = (struct records){.wake = -1};
    if (fd_count != (is_control ? 1 : RECORDS_MAX_FDS) || workers == 0 || workers > WORKERS_MAX ||
        !is_capacity(capacity))
        return err_set(err, "rings of records that can't be");
    records->workers = workers;
    records->capacity = capacity;
    records->is_readonly_data = role != RECORDS_FOR_GATEWAY;
    records->is_readonly_readers = is_control;
    void *readers = NULL;
    bool is_mapped = (is_control ||
                      map(fds[0], workers * stride(capacity), records->is_readonly_data, &records->data, err)) &&
                     map(fds[fd_count > 1], (size_t)workers * RING_PAGE, is_control, &readers, err);
    records->readers = readers;
    if (is_mapped && !is_control) {
        records->wake = fds[2];
        fds[2] = -1;
    }
    for (size_t i = 0; i < fd_count; i++)
        close_fd(&fds[i]);
    if (!is_mapped)
        records_close(records);
    return is_mapped;
}

void records_close(struct records *records)
{
    if (records->workers == 0)
        return;
    if (records->data)
        munmap(records->data, records->workers * stride(records->capacity));
    if (records->readers)
        munmap(records->readers, (size_t)records->workers * RING_PAGE);
    close_fd(&records->wake);
    *records = (struct records){.wake = -1};
}

struct ring_reader_page *records_page(const struct records *records, unsigned worker)
{
    return (struct ring_reader_page *)((char *)records->readers + (size_t)worker * RING_PAGE);
}

bool records_writer(const struct records *records, unsigned worker, struct ring_writer *writer, struct err *err)
{
    if (worker >= records->workers || records->is_readonly_data)
        return err_set(err, "worker %u has no ring", worker);
    return ring_writer_open(writer, (char *)records->data + worker * stride(records->capacity),
                            ring_data_size(records->capacity), records_page(records, worker), err);
}

bool records_reader(const struct records *records, unsigned worker, struct ring_reader *reader, struct err *err)
{
    if (worker >= records->workers || !records->data)
        return err_set(err, "worker %u has no ring", worker);
    return ring_reader_open(reader, (const char *)records->data + worker * stride(records->capacity),
                            ring_data_size(records->capacity), records_page(records, worker), err);
}

/* Nothing beyond the tail is read again; a reader that says so and reads on finds zeros, which are no record. */
bool records_trim(const struct ring_writer *writer, uint64_t *given)
{
    if (writer->head - *given < TRIM_FROM)
        return true;
    if (atomic_load_explicit(&writer->reader->tail, memory_order_acquire) != writer->head)
        return false;
    *given = writer->head;
    (void)madvise(writer->bytes, writer->capacity, MADV_REMOVE);
    return true;
}

void records_wake(const struct records *records)
{
    ssize_t written = write(records->wake, "", 1);
    (void)written; /* a pipe that is full wakes as well */
}
