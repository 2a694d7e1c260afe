/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1
#include "plan/flat.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define FLAT_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct plan_array flat_place(uint64_t *end, uint64_t count, size_t element_size)
{
    struct plan_array array = {(uint32_t)*end, (uint32_t)count};
    *end += count * element_size;
    *end = (*end + FLAT_LINE - 1) / FLAT_LINE * FLAT_LINE;
    return array;
}

struct plan_str flat_add_text(void *block, uint32_t *end, struct str text)
{
    struct plan_str placed = {*end, (uint32_t)text.len};
    if (text.len > 0)
        memcpy((char *)block + *end, text.ptr, text.len);
    *end += placed.len;
    return placed;
}

uint64_t flat_checksum(const void *bytes, size_t len)
{
    return XXH3_64bits((const char *)bytes + sizeof(struct flat_head), len - sizeof(struct flat_head));
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

int flat_seal(const char *name, void *bytes, size_t len, struct err *err)
{
    struct flat_head *head = bytes;
    head->size = (uint32_t)len;
    head->checksum = flat_checksum(bytes, len);

    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        err_errno(err, "no memory file for %s (%zu bytes)", name, len);
        return -1;
    }
    if (!write_all(fd, bytes, len) || fcntl(fd, F_ADD_SEALS, FLAT_SEALS) < 0) {
        err_errno(err, "the memory file of %s can't be written and sealed (%zu bytes)", name, len);
        close(fd);
        return -1;
    }
    return fd;
}

const void *flat_map(int fd, const char *what, flat_check_fn *check, struct err *err)
{
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & FLAT_SEALS) != FLAT_SEALS) {
        err_set(err, "%s is not in a sealed memory file, so it could change while in use", what);
        return NULL;
    }
    struct stat st;
    if (fstat(fd, &st) < 0) {
        err_errno(err, "%s: fstat", what);
        return NULL;
    }
    if (st.st_size < (off_t)sizeof(struct flat_head) || st.st_size > (off_t)PLAN_MAX_BYTES) {
        err_set(err, "%s has %lld bytes, which no valid one has", what, (long long)st.st_size);
        return NULL;
    }
    /* Private, because kernels before 6.7 refuse a shared mapping of a write-sealed file; the pages are the same. */
    size_t len = (size_t)st.st_size;
    void *block = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (block == MAP_FAILED) {
        err_errno(err, "%s: no room to map %zu bytes", what, len);
        return NULL;
    }
    if (!check(block, len, err)) {
        munmap(block, len);
        return NULL;
    }
    return block;
}

void flat_unmap(const void *block)
{
    if (block)
        munmap((void *)(uintptr_t)block, ((const struct flat_head *)block)->size);
}

bool flat_check_head(const void *bytes, size_t len, const struct flat_head *want, const char *what, struct err *err)
{
    /* want->size is the least size of this kind of block: that of its head. */
    const struct flat_head *head = bytes;
    if ((uintptr_t)bytes % FLAT_ALIGN != 0)
        return err_set(err, "%s stands at an unaligned address", what);
    if (len < want->size || len > PLAN_MAX_BYTES)
        return err_set(err, "%s has %zu bytes, which no valid one has", what, len);
    if (head->magic != want->magic)
        return err_set(err, "%s has a wrong magic number: these bytes are something else", what);
    if (head->version != want->version)
        return err_set(err, "%s has layout version %u, this binary reads %u", what, head->version, want->version);
    if (head->size != len)
        return err_set(err, "%s says %u bytes and has %zu", what, head->size, len);
    if (head->checksum != flat_checksum(bytes, len))
        return err_set(err, "%s is damaged: its checksum does not match", what);
    return true;
}

bool flat_has_array(const struct flat_head *head, size_t head_size, struct plan_array array, size_t element_size)
{
    return array.off >= head_size && array.off % FLAT_ALIGN == 0 && array.off <= head->size &&
           array.count <= (head->size - array.off) / element_size;
}

bool flat_has_range(struct plan_array array, struct plan_range range)
{
    return range.first <= array.count && range.count <= array.count - range.first;
}

bool flat_has_text(struct plan_array strings, struct plan_str text)
{
    return text.off >= strings.off && text.off - strings.off <= strings.count &&
           text.len <= strings.count - (text.off - strings.off);
}

int flat_compare_labels(struct str a, struct str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool flat_is_address(const struct address *address)
{
    switch (address->family) {
    case ADDRESS_IPV4:
    case ADDRESS_IPV6: return true;
    case ADDRESS_UNIX: return address->path_len > 0 && address->path_len <= sizeof(address->path);
    default: return false;
    }
}

bool flat_is_cidr(const struct cidr *cidr)
{
    return (cidr->family == ADDRESS_IPV4 && cidr->bits <= 32) || (cidr->family == ADDRESS_IPV6 && cidr->bits <= 128);
}
