/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/file_read.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define TRIES 3
#define PIECE (64u * 1024)

/* A signature that is the same before and after says that what is between is one version. */
static enum file_read_result read_once(int fd, size_t limit, struct str *text, struct err *err)
{
    struct stat state;
    struct file_signature before, after;
    if (fstat(fd, &state) < 0) {
        (void)err_errno(err, "can't be looked at");
        return FILE_READ_FAILED;
    }
    if (!S_ISREG(state.st_mode)) {
        (void)err_set(err, "is not a regular file");
        return FILE_READ_FAILED;
    }
    file_signature_set(&before, &state);
    if ((uint64_t)state.st_size > limit) {
        (void)err_set(err, "has %lld bytes, at most %zu are read; split it", (long long)state.st_size, limit);
        return FILE_READ_FAILED;
    }
    size_t size = (size_t)state.st_size, filled = 0;
    char *bytes = mem_alloc_raw(size + 1); /* one more, to see whether it grew */
    ssize_t got = 1;
    while (got > 0 && filled <= size) {
        got = pread(fd, bytes + filled, size + 1 - filled, (off_t)filled);
        if (got > 0)
            filled += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    int error = got < 0 || fstat(fd, &state) < 0 ? errno : 0;
    file_signature_set(&after, &state);
    if (error == 0 && filled == size && file_signature_eq(&before, &after)) {
        *text = (struct str){bytes, size};
        return FILE_READ_OK;
    }
    mem_free(bytes);
    if (error == 0)
        return FILE_READ_UNSTEADY;
    errno = error;
    (void)err_errno(err, "can't be read");
    return FILE_READ_FAILED;
}

enum file_read_result file_reread(int fd, size_t limit, struct str *text, struct err *err)
{
    enum file_read_result result = FILE_READ_UNSTEADY;
    for (int i = 0; i < TRIES && result == FILE_READ_UNSTEADY; i++)
        result = read_once(fd, limit, text, err);
    return result;
}

enum file_read_result file_read(const char *path, size_t limit, struct str *text, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        (void)err_errno(err, "can't be opened");
        return FILE_READ_FAILED;
    }
    enum file_read_result result = file_reread(fd, limit, text, err);
    close(fd);
    return result;
}

/* A read lease is refused while there is a writer. It is given back at once: a writer that opens the file meanwhile waits for that,
 * and the signal that the lease's holder gets for it is one that is ignored unless somebody asks for it. */
bool file_is_open_for_writing(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool is_refused = fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) < 0;
    bool is_open = is_refused && errno == EAGAIN;
    close(fd); /* with the lease */
    return is_open;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = write(fd, bytes, len);
        if (sent < 0 && errno != EINTR)
            return false;
        if (sent > 0) {
            bytes += sent;
            len -= (size_t)sent;
        }
    }
    return true;
}

/* Copies until the end; false with the reason. */
static bool copy_stream(int from, int to, struct err *err)
{
    char *piece = mem_alloc_raw(PIECE);
    size_t sum = 0;
    ssize_t got = 1;
    bool is_written = true;
    while (is_written && got != 0 && sum <= FILE_MAX_BYTES) {
        got = read(from, piece, PIECE);
        if (got < 0 && errno != EINTR)
            break;
        if (got > 0) {
            sum += (size_t)got;
            is_written = write_all(to, piece, (size_t)got);
        }
    }
    mem_free(piece);
    if (got < 0 || !is_written)
        return err_errno(err, "can't be read");
    return sum <= FILE_MAX_BYTES || err_set(err, "has more than %u bytes; split it", FILE_MAX_BYTES);
}

int file_keep(int fd, const char *name, struct err *err)
{
    int kept = memfd_create("umbra-file", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (kept < 0) {
        (void)err_errno(err, "%s: no memory file", name);
        return -1;
    }
    if (copy_stream(fd, kept, err) &&
        (fcntl(kept, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0 ||
         err_errno(err, "can't be kept")))
        return kept;
    (void)err_wrap(err, "%s", name);
    close(kept);
    return -1;
}
