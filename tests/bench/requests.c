/* SPDX-License-Identifier: Apache-2.0 */
#include "requests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char builtin[] =
    "GET /bench?item=1 HTTP/1.1\r\nHost: bench.local\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";
static const char head_end[] = "\r\n\r\n";

static const struct request one = {builtin, sizeof builtin - 1};
static const struct request *list = &one;
static size_t count = 1, next;

static const char *map_file(const char *path, size_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *bytes = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        *size = (size_t)st.st_size;
        bytes = mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    }
    if (fd >= 0)
        close(fd);
    return bytes == MAP_FAILED ? NULL : bytes;
}

bool requests_read(const char *path)
{
    size_t size, capacity = 0;
    struct request *found = NULL;
    const char *at, *end;

    errno = 0;
    at = map_file(path, &size);
    if (!at)
        return false;
    count = 0;
    for (; size > 0 && (end = memmem(at, size, head_end, sizeof head_end - 1)); at = end) {
        end += sizeof head_end - 1;
        if (count == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            found = reallocarray(found, capacity, sizeof *found);
            if (!found)
                return false;
        }
        found[count++] = (struct request){at, (size_t)(end - at)};
        size -= (size_t)(end - at);
    }
    list = found;
    return count > 0;
}

struct request requests_next(void)
{
    struct request request = list[next];

    next = next + 1 < count ? next + 1 : 0;
    return request;
}
