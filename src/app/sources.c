/* SPDX-License-Identifier: Apache-2.0 */
#include "app/sources.h"

#include "provider/file_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void sources_init(struct sources *sources, const struct settings *settings)
{
    const char *path = settings->files;
    *sources = (struct sources){.stdin_index = SIZE_MAX};
    for (uint32_t i = 0; i < settings->file_count; i++, path += strlen(path) + 1) {
        bool is_stdin = strcmp(path, "-") == 0;
        if (is_stdin && sources->stdin_index < SIZE_MAX)
            continue;
        if (is_stdin)
            sources->stdin_index = sources->count;
        sources->list[sources->count++] = (struct file_source){str_from_c(path), -1};
    }
}

void sources_deinit(struct sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        if (sources->list[i].fd >= 0)
            close(sources->list[i].fd);
        sources->list[i].fd = -1;
    }
}

static bool read_stdin(struct file_source *source, struct err *err)
{
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "reading rules from the terminal; Ctrl-D ends them\n");
    source->fd = file_keep(STDIN_FILENO, "standard input", err);
    return source->fd >= 0;
}

static bool read_path(struct file_source *source, struct err *err)
{
    const char *path = source->path.ptr;
    struct stat state;
    if (stat(path, &state) < 0)
        return err_errno(err, "-f %s", path);
    if (access(path, S_ISDIR(state.st_mode) ? R_OK | X_OK : R_OK) < 0)
        return err_errno(err, "-f %s", path);
    if (S_ISREG(state.st_mode) || S_ISDIR(state.st_mode))
        return true;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_errno(err, "-f %s", path);
    source->fd = file_keep(fd, path, err);
    close(fd);
    return source->fd >= 0;
}

bool sources_read(struct sources *sources, struct err *err)
{
    for (size_t i = 0; i < sources->count; i++) {
        struct file_source *source = &sources->list[i];
        if (i == sources->stdin_index ? !read_stdin(source, err) : !read_path(source, err))
            return false;
    }
    return true;
}
