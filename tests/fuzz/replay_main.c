/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for libFuzzer: feeds every file of the given directories to the target once. A directory that does not
 * exist has no files; no file at all is an error, because then nothing was tested. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The copy has exactly the file's size, so that a sanitizer sees one byte too far. */
static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    size_t len = (size_t)ftell(file);
    uint8_t *data = malloc(len > 0 ? len : 1);
    rewind(file);
    if (data == NULL || fread(data, 1, len, file) != len) {
        perror(path);
        exit(1);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, len);
    free(data);
}

static int replay_directory(const char *directory)
{
    char path[4096];
    int count = 0;
    DIR *dir = opendir(directory);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        fprintf(stderr, "%s\n", path); /* the last line names the input that crashed */
        replay_file(path);
        count++;
    }
    if (dir)
        closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++)
        count += replay_directory(argv[i]);
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
