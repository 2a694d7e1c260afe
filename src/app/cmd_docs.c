/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/api.h"
#include "admin/metrics.h"
#include "app/options.h"
#include "app/privileges.h"
#include "exchange/record.h"
#include "judge/tally.h"
#include "manifest/kind_docs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The pages of docs/reference, each made from the table that the program itself uses. */
static const struct {
    const char *file;
    void (*write)(struct strbuf *out);
} pages[] = {
    {"api.md", admin_reference},       {"cli.md", options_reference},
    {"metrics.md", metrics_reference}, {"processes.md", privileges_reference},
    {"records.md", record_reference},  {"rules.md", kinds_reference},
    {"tally.md", tally_reference},
};

#define REFERENCE_DIR "docs/reference"
#define CRD_DIR "deploy/crd"

/* Writes the file and lets go of the text. False: it was said why. */
static bool write_file(const char *root, const char *dir, const char *file, struct strbuf *text)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s/%s", root, dir, file);
    FILE *out = fopen(path, "we");
    bool is_written = out && fwrite(text->ptr, 1, text->len, out) == text->len;
    if (out && fclose(out) != 0)
        is_written = false;
    if (!is_written)
        fprintf(stderr, "umbra docs: can't write %s: %s\n", path, strerror(errno));
    strbuf_deinit(text);
    return is_written;
}

/* Makes "a" and "a/b" below the root. */
static bool make_dirs(const char *root, const char *dir)
{
    char path[4096];
    for (const char *slash = strchr(dir, '/');; slash = strchr(slash + 1, '/')) {
        size_t len = slash ? (size_t)(slash - dir) : strlen(dir);
        snprintf(path, sizeof(path), "%s/%.*s", root, (int)len, dir);
        if (mkdir(path, 0777) < 0 && errno != EEXIST) {
            fprintf(stderr, "umbra docs: can't make %s: %s\n", path, strerror(errno));
            return false;
        }
        if (!slash)
            return true;
    }
}

static bool write_pages(const char *root)
{
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        struct strbuf text = STRBUF_INIT;
        pages[i].write(&text);
        if (!write_file(root, REFERENCE_DIR, pages[i].file, &text))
            return false;
    }
    return true;
}

static bool write_crds(const char *root)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (!kind_table[i].has_crd)
            continue;
        struct strbuf text = STRBUF_INIT, file = STRBUF_INIT;
        kind_crd(&kind_table[i], &text);
        kind_crd_file(&kind_table[i], &file);
        bool is_written = write_file(root, CRD_DIR, file.ptr, &text);
        strbuf_deinit(&file);
        if (!is_written)
            return false;
    }
    return true;
}

int cmd_docs(int argc, char **argv)
{
    struct options options;
    int code = options_read("docs", argc, argv, &options);
    if (code >= 0)
        return code;
    const char *root = options.word_count > 0 ? options.words[0] : ".";
    bool is_written = make_dirs(root, REFERENCE_DIR) && make_dirs(root, CRD_DIR) && write_pages(root) &&
                      write_crds(root);
    return is_written ? EXIT_OK : EXIT_FAILED;
}
