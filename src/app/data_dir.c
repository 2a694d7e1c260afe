/* SPDX-License-Identifier: Apache-2.0 */
#include "app/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0700

/* As `mkdir -p`; what is there already stays as it is. */
static bool make(const char *path, struct err *err)
{
    char partial[DATA_DIR_PATH];
    size_t len = strlen(path);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(partial, path, i);
        partial[i] = '\0';
        if (mkdir(partial, MODE) < 0 && errno != EEXIST)
            return err_errno(err, "%s can't be made", partial);
    }
    return true;
}

static bool is_usable(const char *path, struct err *err)
{
    struct stat found;
    if (stat(path, &found) < 0)
        return err_errno(err, "%s", path);
    if (!S_ISDIR(found.st_mode))
        return err_set(err, "%s is not a directory", path);
    if (faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS) < 0)
        return err_errno(err, "%s can't be written", path);
    return true;
}

static bool resolve(const char *path, char *out, size_t size, struct err *err)
{
    char real[PATH_MAX];
    if (!realpath(path, real))
        return err_errno(err, "%s", path);
    int len = snprintf(out, size, "%s", real);
    return (len >= 0 && (size_t)len < size) || err_set(err, "%s: its name is longer than %zu bytes", path, size - 1);
}

bool data_dir_default(char *out, size_t size, struct err *err)
{
    /* A path that is not absolute is to be ignored (XDG Base Directory Specification). */
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int len = -1;
    if (state && state[0] == '/')
        len = snprintf(out, size, "%s/umbra", state);
    else if (home && home[0] == '/')
        len = snprintf(out, size, "%s/.local/state/umbra", home);
    else
        return err_set(err, "neither XDG_STATE_HOME nor HOME names a directory");
    if (len < 0 || (size_t)len >= size)
        return err_set(err, "the default directory's name is longer than %zu bytes", size - 1);
    return true;
}

/* Several umbra of one user don't mix: each has its admin address. Port 0 is another one each time. */
static bool choose_default(const struct settings *settings, char *out, size_t size, struct err *err)
{
    char above[DATA_DIR_PATH], path[DATA_DIR_PATH + ADDRESS_TEXT], name[ADDRESS_TEXT];
    if (settings->admin.port == 0)
        return err_set(err, "--admin has no port of its own (0)");
    if (!data_dir_default(above, sizeof(above), err))
        return false;
    struct str admin = address_format(&settings->admin, name);
    int len = snprintf(path, sizeof(path), "%s/%.*s", above, STR_ARG(admin));
    if (len < 0 || (size_t)len >= DATA_DIR_PATH)
        return err_set(err, "the name of %s is too long", above);
    return make(path, err) && is_usable(path, err) && resolve(path, out, size, err);
}

bool data_dir_choose(const struct options *options, char *out, size_t size, struct err *err)
{
    const struct settings *settings = &options->settings;
    char given[DATA_DIR_PATH];
    snprintf(given, sizeof(given), "%s", settings->data);
    out[0] = err->text[0] = '\0';
    if (given[0])
        return (make(given, err) && is_usable(given, err) && resolve(given, out, size, err)) || err_wrap(err, "--data");
    if (options->has_data || !settings->is_comparing)
        return true;
    if (!choose_default(settings, out, size, err)) {
        char why[sizeof(err->text)];
        memcpy(why, err->text, sizeof(why));
        (void)err_set(err, "samples and history are kept in memory only: %s; give a directory with --data", why);
        out[0] = '\0';
    }
    return true;
}
