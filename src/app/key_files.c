/* SPDX-License-Identifier: Apache-2.0 */
#include "app/key_files.h"

#include "base/mem.h"
#include "compile/tls_files.h"
#include "provider/files.h"

#include <stdlib.h>
#include <unistd.h>

struct key_files {
    struct loop *loop;
    void (*on_change)(void *user);
    void *user;
    struct arena arena; /* of the paths */
    struct tls_file_names names;
    struct str system_file;
    struct files *files; /* NULL: none are named */
};

/* Where OpenSSL looks on this system and on others, after what its own variable says. */
static struct str find_system_file(void)
{
    static const char *const places[] = {
        "/usr/lib/ssl/cert.pem",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    };
    const char *own = getenv("SSL_CERT_FILE");
    if (own && *own)
        return str_from_c(own);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (access(places[i], R_OK) == 0)
            return str_from_c(places[i]);
    }
    return STR_NONE;
}

struct key_files *key_files_new(struct loop *loop, void (*on_change)(void *user), void *user)
{
    struct key_files *files = mem_alloc(sizeof(*files));
    files->loop = loop;
    files->on_change = on_change;
    files->user = user;
    files->system_file = find_system_file();
    arena_init(&files->arena, NULL, 0);
    return files;
}

void key_files_free(struct key_files *files)
{
    if (!files)
        return;
    files_free(files->files);
    arena_deinit(&files->arena);
    mem_free(files);
}

static bool is_same(const struct tls_file_names *a, const struct tls_file_names *b)
{
    if (a->count != b->count || a->needs_system != b->needs_system)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!str_eq(a->paths[i], b->paths[i]))
            return false;
    }
    return true;
}

static struct files *open_files(const struct key_files *files)
{
    const struct tls_file_names *names = &files->names;
    struct files_options options = {
        .loop = files->loop, .on_change = files->on_change, .user = files->user, .is_by_name = true};
    struct file_source *sources = mem_alloc((names->count + 1) * sizeof(*sources));
    for (size_t i = 0; i < names->count; i++)
        sources[options.source_count++] = (struct file_source){names->paths[i], -1};
    if (names->needs_system && files->system_file.len > 0)
        sources[options.source_count++] = (struct file_source){files->system_file, -1};
    options.sources = sources;
    struct files *opened = options.source_count > 0 ? files_new(&options) : NULL;
    mem_free(sources);
    return opened;
}

void key_files_set(struct key_files *files, const struct manifests *manifests)
{
    struct arena arena;
    struct tls_file_names names;
    arena_init(&arena, NULL, 0);
    tls_files_list(manifests, &arena, &names);
    if (is_same(&files->names, &names)) {
        arena_deinit(&arena);
        return;
    }
    files_free(files->files);
    arena_deinit(&files->arena);
    files->arena = arena;
    files->names = names;
    files->files = open_files(files);
}

static bool find_file(const void *from, struct str path, struct compile_file *file)
{
    const struct key_files *files = from;
    size_t count = 0;
    const struct file_text *texts = files->files ? files_get(files->files, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        if (!str_eq(texts[i].name, path))
            continue;
        *file = (struct compile_file){.text = texts[i].text, .problem = texts[i].problem};
        return true;
    }
    return false;
}

void key_files_give(const struct key_files *files, struct compile_options *options)
{
    options->find_file = find_file;
    options->files = files;
    options->system_file = files->system_file;
}
