/* SPDX-License-Identifier: Apache-2.0 */
/* umbra purge: erases what the analyst has kept, so that no byte of it is left in its files. */
#include "app/data_dir.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct purge {
    bool is_samples_only;
    size_t found;  /* directories with a store */
    size_t failed; /* of them, or that could not be looked at */
};

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void say(const char *directory, const struct purge *purge, const struct store_purged *purged)
{
    printf("%s: erased %llu sample%s", directory, (unsigned long long)purged->samples, plural(purged->samples));
    if (!purge->is_samples_only)
        printf(", %llu finding%s, %llu slot%s of history", (unsigned long long)purged->findings,
               plural(purged->findings), (unsigned long long)purged->slots, plural(purged->slots));
    if (purged->files > 0)
        printf(", %llu database%s that could not be used", (unsigned long long)purged->files, plural(purged->files));
    putchar('\n');
}

/* Nothing is made where no store ever was. */
static bool has_store(const char *directory)
{
    bool is_there = false;
    DIR *open = opendir(directory);
    struct dirent *entry;
    while (open && !is_there && (entry = readdir(open)))
        is_there = str_starts_with(str_from_c(entry->d_name), STR("umbra.db"));
    if (open)
        closedir(open);
    return is_there;
}

static void purge_one(struct purge *purge, const char *directory)
{
    struct store_purged purged;
    struct err err;
    if (!has_store(directory))
        return;
    purge->found++;
    if (store_purge(directory, purge->is_samples_only, &purged, &err)) {
        say(directory, purge, &purged);
        return;
    }
    fprintf(stderr, "umbra purge: %s\n", err.text);
    purge->failed++;
}

/* A directory for each admin address. */
static bool purge_default(struct purge *purge, const char *above, struct err *err)
{
    DIR *open = opendir(above);
    struct dirent *entry;
    if (!open)
        return errno == ENOENT || err_errno(err, "%s", above);
    while ((entry = readdir(open))) {
        char directory[DATA_DIR_PATH + 256];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(directory, sizeof(directory), "%s/%s", above, entry->d_name);
        purge_one(purge, directory);
    }
    closedir(open);
    return true;
}

static bool purge_given(struct purge *purge, const char *directory, struct err *err)
{
    struct stat found;
    if (stat(directory, &found) < 0)
        return err_errno(err, "--data %s", directory);
    if (!S_ISDIR(found.st_mode))
        return err_set(err, "--data %s is not a directory", directory);
    purge_one(purge, directory);
    return true;
}

int cmd_purge(int argc, char **argv)
{
    struct options options;
    int code = options_read("purge", argc, argv, &options);
    if (code >= 0)
        return code;
    if (options.has_data && !options.settings.data[0]) {
        fprintf(stderr, "umbra purge: --data '' is no directory\n");
        return EXIT_USAGE;
    }
    struct purge purge = {.is_samples_only = options.is_samples_only};
    struct err err;
    char place[DATA_DIR_PATH];
    snprintf(place, sizeof(place), "%s", options.settings.data);
    bool is_done = place[0] ? purge_given(&purge, place, &err)
                            : data_dir_default(place, sizeof(place), &err) && purge_default(&purge, place, &err);
    if (!is_done) {
        fprintf(stderr, "umbra purge: %s; say where the data are with --data DIR\n", err.text);
        return EXIT_FAILED;
    }
    if (purge.found == 0)
        printf("%s: nothing is kept there\n", place);
    return fflush(stdout) == 0 && purge.failed == 0 ? EXIT_OK : EXIT_FAILED;
}
