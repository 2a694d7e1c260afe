/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/file_watch.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/strbuf.h"

#include <errno.h>
#include <limits.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#define EVENTS \
    (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | \
     IN_MOVE_SELF)

/* A directory that is watched. */
struct watched {
    int id; /* of inotify */
    bool is_wanted;
    char *path;
};

struct file_watch {
    struct loop *loop;
    struct watch watch;
    void (*on_event)(void *user);
    void *user;
    struct map directories; /* id → struct watched */
    struct map paths;       /* path → struct watched; two paths may lead to one directory */
    struct map places;      /* id and name → struct watched; an empty name: all manifests */
    struct map writers;     /* id and name → when it settles, in ns */
    bool is_limited;        /* a directory could not be watched; said once */
};

/* Keys: the id's bytes, then the name. */
static struct str key(struct strbuf *buf, int id, struct str name)
{
    strbuf_clear(buf);
    strbuf_add(buf, (struct str){(const char *)&id, sizeof(id)});
    strbuf_add(buf, name);
    return strbuf_str(buf);
}

static void map_clear(struct map *map)
{
    map_deinit(map);
    map_init(map);
}

static bool is_place(const struct file_watch *watch, struct strbuf *buf, int id, struct str name)
{
    return map_find(&watch->places, key(buf, id, name)) ||
           (file_is_manifest(name) && map_find(&watch->places, key(buf, id, STR(""))));
}

/* A new name of a file that is there already (a link) is nobody's to write. */
static bool is_being_made(const struct watched *directory, struct str name)
{
    struct strbuf path = STRBUF_INIT;
    struct stat state;
    strbuf_printf(&path, "%s/%.*s", directory->path, STR_ARG(name));
    bool is_made = lstat(path.ptr, &state) == 0 && S_ISREG(state.st_mode) && state.st_nlink == 1;
    strbuf_deinit(&path);
    return is_made;
}

/* Not the loop's time, which is that of the turn: much may have been done since. */
static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void note_writer(struct file_watch *watch, const struct watched *directory, uint32_t mask, struct str at)
{
    struct str name = str_slice(at, sizeof(int), at.len);
    bool is_written = (mask & IN_MODIFY) || ((mask & IN_CREATE) && is_being_made(directory, name));
    uint64_t settles_at_ns = now_ns() + FILE_WRITER_MS * 1000000ull;
    if (is_written)
        map_add(&watch->writers, at, (void *)(uintptr_t)settles_at_ns);
    else if (mask & (IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO))
        map_remove(&watch->writers, at);
}

/* True when it is about a place that counts. */
static bool take_event(struct file_watch *watch, const struct inotify_event *event, struct strbuf *buf)
{
    if (event->mask & IN_Q_OVERFLOW) {
        map_clear(&watch->writers); /* whoever closed a file may be among what was lost */
        return true;
    }
    struct watched *directory = map_find(&watch->directories, key(buf, event->wd, STR("")));
    if (!directory)
        return false;
    if (event->len == 0)
        return (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0;
    struct str name = str_from_c(event->name);
    if (!is_place(watch, buf, event->wd, name))
        return false;
    note_writer(watch, directory, event->mask, key(buf, event->wd, name));
    return true;
}

void file_watch_read(struct file_watch *watch)
{
    _Alignas(struct inotify_event) char events[16 * 1024];
    struct strbuf buf = STRBUF_INIT;
    bool is_heard = false;
    ssize_t len;
    while ((len = read(watch->watch.fd, events, sizeof(events))) > 0) {
        for (ssize_t at = 0; at < len;) {
            const struct inotify_event *event = (const struct inotify_event *)(events + at);
            is_heard = take_event(watch, event, &buf) || is_heard;
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    }
    strbuf_deinit(&buf);
    if (is_heard)
        watch->on_event(watch->user);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    file_watch_read(CONTAINER_OF(watch, struct file_watch, watch));
}

struct file_watch *file_watch_new(struct loop *loop, void (*on_event)(void *user), void *user)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) {
        log_warn("changes of files are seen by looking once a second: inotify: %s (fs.inotify.max_user_instances)",
                 strerror(errno));
        return NULL;
    }
    struct file_watch *watch = mem_alloc(sizeof(*watch));
    watch->loop = loop;
    watch->on_event = on_event;
    watch->user = user;
    watch->watch = (struct watch){.fd = fd, .on_ready = on_ready};
    map_init(&watch->directories);
    map_init(&watch->paths);
    map_init(&watch->places);
    map_init(&watch->writers);
    loop_add_shared(loop, &watch->watch);
    return watch;
}

static void watched_free(struct watched *directory)
{
    mem_free(directory->path);
    mem_free(directory);
}

void file_watch_free(struct file_watch *watch)
{
    if (!watch)
        return;
    loop_remove(watch->loop, &watch->watch);
    close(watch->watch.fd);
    for (size_t i = 0; i < watch->directories.count; i++) {
        if (watch->directories.entries[i].value)
            watched_free(watch->directories.entries[i].value);
    }
    map_deinit(&watch->directories);
    map_deinit(&watch->paths);
    map_deinit(&watch->places);
    map_deinit(&watch->writers);
    mem_free(watch);
}

/* The directory under watch, or NULL. The id is the same for two paths to one directory. */
static struct watched *watch_directory(struct file_watch *watch, struct str path, struct strbuf *buf)
{
    int id = inotify_add_watch(watch->watch.fd, path.ptr, EVENTS | IN_ONLYDIR);
    if (id < 0) {
        if (errno == ENOSPC && !watch->is_limited) {
            log_warn("changes of %s are seen by looking once a second: no more inotify watches "
                     "(fs.inotify.max_user_watches)",
                     path.ptr);
            watch->is_limited = true;
        }
        return NULL;
    }
    struct watched *directory = map_find(&watch->directories, key(buf, id, STR("")));
    if (!directory) {
        directory = mem_alloc(sizeof(*directory));
        directory->id = id;
        directory->path = mem_dup(path.ptr, path.len);
        map_add(&watch->directories, key(buf, id, STR("")), directory);
    }
    directory->is_wanted = true;
    return directory;
}

static void forget_unwanted(struct file_watch *watch, struct strbuf *buf)
{
    for (size_t i = 0; i < watch->directories.count;) {
        struct watched *directory = watch->directories.entries[i].value;
        if (!directory || directory->is_wanted) {
            i++;
            continue;
        }
        (void)inotify_rm_watch(watch->watch.fd, directory->id);
        map_remove(&watch->directories, key(buf, directory->id, STR("")));
        watched_free(directory);
    }
}

/* Those that were never closed, or whose close was not heard. */
static void forget_settled(struct file_watch *watch)
{
    uint64_t now_ns = loop_now_ns(watch->loop);
    struct map kept;
    map_init(&kept);
    for (size_t i = 0; i < watch->writers.count; i++) {
        const struct map_entry *entry = &watch->writers.entries[i];
        if ((uint64_t)(uintptr_t)entry->value > now_ns)
            map_add(&kept, entry->key, entry->value);
    }
    map_deinit(&watch->writers);
    watch->writers = kept;
}

void file_watch_set(struct file_watch *watch, const struct file_place *places, size_t count)
{
    struct strbuf buf = STRBUF_INIT;
    for (size_t i = 0; i < watch->directories.count; i++) {
        if (watch->directories.entries[i].value)
            ((struct watched *)watch->directories.entries[i].value)->is_wanted = false;
    }
    map_clear(&watch->paths);
    map_clear(&watch->places);
    for (size_t i = 0; i < count; i++) {
        struct watched *directory = map_find(&watch->paths, places[i].directory);
        if (!directory)
            directory = watch_directory(watch, places[i].directory, &buf);
        if (!directory)
            continue;
        map_add(&watch->paths, places[i].directory, directory);
        map_add(&watch->places, key(&buf, directory->id, places[i].name), directory);
    }
    forget_unwanted(watch, &buf);
    forget_settled(watch);
    strbuf_deinit(&buf);
}

uint64_t file_watch_settles_at_ns(const struct file_watch *watch, const struct file_place *place)
{
    const struct watched *directory = map_find(&watch->paths, place->directory);
    if (!directory || watch->writers.live == 0)
        return 0;
    struct strbuf buf = STRBUF_INIT;
    uint64_t settles_at_ns = (uintptr_t)map_find(&watch->writers, key(&buf, directory->id, place->name));
    strbuf_deinit(&buf);
    return settles_at_ns > loop_now_ns(watch->loop) ? settles_at_ns : 0;
}
