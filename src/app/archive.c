/* SPDX-License-Identifier: Apache-2.0 */
#include "app/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/* In front of each text. */
struct entry_head {
    uint64_t name_len, text_len;
};

static bool write_all(int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = write(fd, bytes.ptr, bytes.len);
        if (sent < 0 && errno != EINTR)
            return false;
        bytes = str_slice(bytes, sent > 0 ? (size_t)sent : 0, bytes.len);
    }
    return true;
}

int archive_seal(const struct archive_entry *entries, size_t count, struct err *err)
{
    int fd = memfd_create("umbra-archive", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool is_written = fd >= 0;
    for (size_t i = 0; i < count && is_written; i++) {
        struct entry_head head = {entries[i].name.len, entries[i].text.len};
        is_written = write_all(fd, (struct str){(const char *)&head, sizeof(head)}) && write_all(fd, entries[i].name) &&
                     write_all(fd, entries[i].text);
    }
    if (is_written && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
        return fd;
    (void)err_errno(err, "no memory file");
    if (fd >= 0)
        close(fd);
    return -1;
}

bool archive_open(struct archive *archive, int fd, struct err *err)
{
    struct stat state;
    *archive = (struct archive){0};
    if (fcntl(fd, F_GET_SEALS) != SEALS)
        return err_set(err, "the archive is not sealed");
    if (fstat(fd, &state) < 0)
        return err_errno(err, "the archive");
    if (state.st_size == 0)
        return true;
    const char *bytes = mmap(NULL, (size_t)state.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return err_errno(err, "the archive can't be mapped");
    *archive = (struct archive){.bytes = bytes, .len = (size_t)state.st_size};
    return true;
}

void archive_close(struct archive *archive)
{
    if (archive->bytes)
        munmap((void *)(uintptr_t)archive->bytes, archive->len);
    *archive = (struct archive){0};
}

/* The next `len` bytes; false when there are not so many. */
static bool take(struct archive *archive, uint64_t len, struct str *bytes)
{
    if (len > archive->len - archive->at)
        return false;
    *bytes = (struct str){archive->bytes + archive->at, (size_t)len};
    archive->at += (size_t)len;
    return true;
}

bool archive_next(struct archive *archive, struct archive_entry *entry)
{
    struct entry_head head;
    struct str bytes;
    if (!take(archive, sizeof(head), &bytes))
        return false;
    memcpy(&head, bytes.ptr, sizeof(head));
    return take(archive, head.name_len, &entry->name) && take(archive, head.text_len, &entry->text);
}
