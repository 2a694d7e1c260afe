/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/api.h"
#include "admin/metrics.h"
#include "app/options.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* The pages of docs/reference, each made from the table that the program itself uses. */
static const struct {
    const char *file;
    void (*write)(struct strbuf *out);
} pages[] = {
    {"api.md", admin_reference},
    {"cli.md", options_reference},
    {"metrics.md", metrics_reference},
};

static bool write_page(const char *path, struct str text, struct err *err)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return err_errno(err, "%s", path);
    bool is_written = fwrite(text.ptr, 1, text.len, file) == text.len;
    if (fclose(file) != 0 || !is_written)
        return err_errno(err, "%s", path);
    return true;
}

int cmd_docs(int argc, char **argv)
{
    struct options options;
    int code = options_read("docs", argc, argv, &options);
    if (code >= 0)
        return code;
    const char *dir = options.word_count > 0 ? options.words[0] : "docs/reference";
    if (mkdir(dir, 0777) < 0 && errno != EEXIST) {
        fprintf(stderr, "umbra docs: can't make %s: %s\n", dir, strerror(errno));
        return EXIT_FAILED;
    }
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        struct strbuf text = STRBUF_INIT;
        pages[i].write(&text);
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", dir, pages[i].file);
        struct err err;
        bool is_written = write_page(path, strbuf_str(&text), &err);
        strbuf_deinit(&text);
        if (!is_written) {
            fprintf(stderr, "umbra docs: can't write %s\n", err.text);
            return EXIT_FAILED;
        }
    }
    return EXIT_OK;
}
