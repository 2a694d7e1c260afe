/* SPDX-License-Identifier: Apache-2.0 */
#include "app/rules_read.h"

#include "app/quickstart.h"
#include "app/sources.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct manifests *rules_read(const struct settings *settings, const struct files *files)
{
    struct manifests *manifests = manifests_new();
    if (!files) {
        struct strbuf text = STRBUF_INIT;
        quickstart_manifest(settings, &text);
        manifests_read(manifests, STR(FLAGS_SOURCE), strbuf_str(&text));
        strbuf_deinit(&text);
        return manifests;
    }
    size_t count;
    const struct file_text *texts = files_get(files, &count);
    for (size_t i = 0; i < count; i++) {
        if (texts[i].problem)
            manifests_read_failed(manifests, texts[i].name, texts[i].problem);
        else
            manifests_read(manifests, texts[i].name, texts[i].text);
    }
    return manifests;
}

struct compile_options rules_options(const struct settings *settings)
{
    return (struct compile_options){
        .bind = settings_rules(settings) == RULES_OF_FLAGS ? settings->listen : settings->bind,
        .port_offset = settings->port_offset,
        .is_safe_methods = settings->is_safe_methods,
        .compares_nothing = !settings->is_comparing,
        .is_cluster = settings->is_kube,
        .class_name = str_from_c(settings->gateway_class),
        .allow_backends = settings->allows_backends,
        .publish_service = str_from_c(settings->publish_service),
        .trusts_class = settings->gateway_class[0] && settings->namespace_count > 0,
        .trusted_proxies = settings->trusted_proxies,
        .trusted_proxy_count = settings->trusted_proxy_count,
        .now_s = time(NULL),
    };
}

bool rules_read_once(const struct settings *settings, struct manifests **manifests, struct err *err)
{
    if (settings->file_count == 0) {
        *manifests = rules_read(settings, NULL);
        return true;
    }
    struct sources sources;
    sources_init(&sources, settings);
    bool is_read = sources_read(&sources, err);
    if (is_read) {
        struct files_options options = {.sources = sources.list, .source_count = sources.count};
        struct files *files = files_new(&options);
        *manifests = rules_read(settings, files);
        files_free(files);
    }
    sources_deinit(&sources);
    return is_read;
}

static int compare_places(const void *a, const void *b)
{
    const struct problem *left = *(const struct problem *const *)a, *right = *(const struct problem *const *)b;
    size_t len = left->file.len < right->file.len ? left->file.len : right->file.len;
    int order = len > 0 ? memcmp(left->file.ptr, right->file.ptr, len) : 0;
    if (order == 0 && left->file.len != right->file.len)
        order = left->file.len < right->file.len ? -1 : 1;
    if (order == 0 && left->line != right->line)
        order = left->line < right->line ? -1 : 1;
    if (order == 0 && left->column != right->column)
        order = left->column < right->column ? -1 : 1;
    return order != 0 ? order : (int)left->severity - (int)right->severity;
}

void rules_say_problems(const struct problems *problems, const struct problems *more)
{
    size_t count = 0, all = problems->count + (more ? more->count : 0);
    const struct problem **sorted = mem_alloc((all + 1) * sizeof *sorted);
    for (size_t i = 0; i < problems->count; i++)
        sorted[count++] = &problems->list[i];
    for (size_t i = 0; more && i < more->count; i++)
        sorted[count++] = &more->list[i];
    qsort(sorted, count, sizeof *sorted, compare_places);
    struct strbuf line = STRBUF_INIT;
    for (size_t i = 0; i < count; i++) {
        strbuf_clear(&line);
        problem_format(&line, sorted[i]);
        fprintf(stderr, "%s\n", line.ptr);
    }
    size_t left_out = problems->left_out + (more ? more->left_out : 0);
    if (left_out > 0)
        fprintf(stderr, "and %zu more\n", left_out);
    strbuf_deinit(&line);
    mem_free(sorted);
}
