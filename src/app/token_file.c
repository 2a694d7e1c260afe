/* SPDX-License-Identifier: Apache-2.0 */
#include "app/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_ROOM 4096

static bool write_token(const char *path)
{
    unsigned char bytes[TOKEN_FILE_DIGITS / 2];
    char text[TOKEN_FILE_DIGITS + 2]; /* and its newline */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2hex(text, sizeof(text), bytes, sizeof(bytes));
    text[TOKEN_FILE_DIGITS] = '\n';
    ssize_t written = write(fd, text, TOKEN_FILE_DIGITS + 1);
    int error = written < 0 ? errno : ENOSPC;
    sodium_memzero(bytes, sizeof(bytes));
    sodium_memzero(text, sizeof(text));
    bool is_closed = close(fd) == 0;
    if (written == TOKEN_FILE_DIGITS + 1)
        return is_closed;
    errno = error;
    return false;
}

bool token_file_ensure(const char *path, bool *is_made, struct err *err)
{
    char staged[PATH_ROOM];
    *is_made = false;
    if (access(path, F_OK) == 0 || errno != ENOENT)
        return true; /* who opens it says what is wrong with it */
    int len = snprintf(staged, sizeof(staged), "%s.%ld", path, (long)getpid());
    if ((size_t)len >= sizeof(staged))
        return err_set(err, "the name is too long");
    (void)unlink(staged); /* of a process with our id that ended long ago */
    bool is_written = write_token(staged);
    *is_made = is_written && link(staged, path) == 0;
    int error = errno;
    (void)unlink(staged);
    errno = error;
    return *is_made || (is_written && error == EEXIST) || err_errno(err, "there is no such file, and it can't be made");
}
