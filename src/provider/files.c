/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/files.h"

#include "base/map.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/timer.h"
#include "provider/file_read.h"
#include "provider/file_watch.h"

#include <errno.h>
#include <time.h>

#define MS 1000000ull

/* Events that come closer together than this are one change. */
#define GATHER_MS 30
/* Changes of which each is whole, one after another without end: looked at in between after this time. */
#define GATHER_MAX_MS 300
/* Longest wait for files that are being written, or that may come back, before the others count. */
#define SETTLE_MAX_MS 1200
/* The same when somebody asked for a reload. */
#define RELOAD_MAX_MS 500
/* Whoever wrote before this process was there has not touched the file for so long. */
#define WAKE_REST_MS 300
/* The same for a file that has nothing in it. */
#define WAKE_EMPTY_REST_MS 2000
/* Longest wait until then, or for a writer who emptied a file and has it open: better old rules than parts of new ones. */
#define WRITER_MAX_MS 10000
/* A file that is gone, or empty, may be one that is being replaced. */
#define GONE_MS 500
/* Looked at without being told. Takes no more than a hundredth of the time when there are very many files. */
#define POLL_MS 1000
#define POLL_SHARE 100
/* What looking found, and nobody told, is stable when it stays for this long. */
#define STILL_MS 100
#define READ_TRIES 3

struct file {
    struct file_text out;
    char *name, *text, *problem; /* owned; what `out` borrows */
    size_t source;
    uint64_t gone_at_ns;    /* since when it is missing; 0: it is there */
    uint64_t emptied_at_ns; /* since when there is nothing in it, while the text of before still counts; 0: there is */
    struct file *lender;    /* while a set is made: whose text this is */
};

struct file_set {
    struct file *files;
    struct file_text *texts; /* their `out`, for the callers */
    size_t count, capacity;
    size_t bytes;
};

struct files {
    struct loop *loop;
    struct file_source *sources;
    size_t source_count;
    void (*on_change)(void *user);
    void *user;
    struct file_watch *watch;
    struct file_set set;    /* the texts that count */
    struct file_walk *walk; /* as it was looked at last */
    uint64_t changed_at_ns; /* the first change that does not count yet; 0: none */
    uint64_t reload_at_ns;  /* somebody asked; 0: nobody */
    bool is_untold;         /* looking found the change */
    bool is_asleep;         /* nothing counts yet: who wrote before is not known */
    uint64_t asleep_at_ns;  /* since when */
    struct timer look, poll;
    uint64_t look_at_ns; /* when `look` is armed */
};

/* ---- sets ---- */

static void set_free(struct file_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        struct file *file = &set->files[i];
        mem_free(file->name);
        mem_free(file->problem);
        if (!file->lender)
            mem_free(file->text);
    }
    mem_free(set->files);
    mem_free(set->texts);
    *set = (struct file_set){0};
}

static struct file *set_add(struct file_set *set, size_t source, struct str name)
{
    if (set->count == set->capacity) {
        set->capacity = set->capacity ? set->capacity * 2 : 16;
        set->files = mem_grow(set->files, set->capacity * sizeof(*set->files));
    }
    struct file *file = &set->files[set->count++];
    *file = (struct file){.name = mem_dup(name.ptr, name.len), .source = source};
    file->out.name = (struct str){file->name, name.len};
    return file;
}

static void set_text(struct file_set *set, struct file *file, struct str text)
{
    file->text = (char *)(uintptr_t)text.ptr;
    file->out.text = text;
    set->bytes += text.len;
}

static void set_problem(struct file *file, const char *problem)
{
    mem_free(file->problem);
    file->problem = mem_dup(problem, strlen(problem));
    file->out.problem = file->problem;
}

static bool is_same(const struct file_set *a, const struct file_set *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct file_text *one = &a->files[i].out, *other = &b->files[i].out;
        if (!str_eq(one->name, other->name) || !str_eq(one->text, other->text) ||
            !str_eq(str_from_c(one->problem), str_from_c(other->problem)))
            return false;
    }
    return true;
}

static void list_texts(struct file_set *set)
{
    set->texts = mem_alloc((set->count + 1) * sizeof(*set->texts));
    for (size_t i = 0; i < set->count; i++)
        set->texts[i] = set->files[i].out;
}

/* ---- looking ---- */

static struct file_walk *walk_all(const struct files *files)
{
    struct file_walk *walk = file_walk_new();
    for (size_t i = 0; i < files->source_count; i++) {
        if (files->sources[i].fd < 0)
            file_walk_path(walk, i, files->sources[i].path);
    }
    return walk;
}

static void keep_walk(struct files *files, struct file_walk *walk)
{
    file_walk_free(files->walk);
    files->walk = walk;
    if (files->watch)
        file_watch_set(files->watch, walk->places, walk->place_count);
}

static const char *problem_of(int error, struct err *err)
{
    if (error == ENOLINK)
        (void)err_set(err, "is a symbolic link to something that does not exist");
    else if (error == EOVERFLOW)
        (void)err_set(err, "has too many files; at most %d are read", FILE_WALK_MAX);
    else
        (void)err_set(err, "can't be read: %s", strerror(error));
    return err->text;
}

static uint64_t now_ns(const struct files *files)
{
    return files->loop ? loop_now_ns(files->loop) : 1;
}

/* When the file that is written may be read; 0: now. */
static uint64_t written_until_ns(const struct files *files, const struct file_found *found)
{
    return files->watch ? file_watch_settles_at_ns(files->watch, &found->place) : 0;
}

/* Nobody has told of a writer yet, but a file that was touched a moment ago may be one that was just emptied, to be written. */
static uint64_t fresh_until_ns(const struct files *files, const struct file_found *found)
{
    struct timespec now;
    int64_t wake_ms = found->signature.size == 0 ? WAKE_EMPTY_REST_MS : WAKE_REST_MS;
    int64_t rest_ns = (files->is_asleep ? wake_ms : GATHER_MS) * (int64_t)MS;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age_s = (int64_t)now.tv_sec - found->signature.changed_s;
    if (found->error != 0 || age_s < 0 || age_s > 2) /* a clock that was set back says nothing */
        return 0;
    int64_t age_ns = age_s * 1000 * (int64_t)MS + now.tv_nsec - found->signature.changed_ns;
    return age_ns >= 0 && age_ns < rest_ns ? now_ns(files) + (uint64_t)(rest_ns - age_ns) : 0;
}

/* Files that counted and are missing; those that are missing for long enough are let go. */
static uint64_t missing_until_ns(struct files *files, const struct file_walk *walk)
{
    uint64_t until_ns = 0;
    struct map found;
    map_init(&found);
    for (size_t i = 0; i < walk->found_count; i++) {
        if (walk->found[i].error != ENOENT)
            map_add(&found, walk->found[i].name, &walk->found[i]);
    }
    for (size_t i = 0; i < files->set.count; i++) {
        struct file *file = &files->set.files[i];
        if (files->sources[file->source].fd >= 0 || map_find(&found, file->out.name)) {
            file->gone_at_ns = 0;
            continue;
        }
        if (file->gone_at_ns == 0)
            file->gone_at_ns = now_ns(files);
        uint64_t file_ns = file->gone_at_ns + GONE_MS * MS;
        if (file_ns > now_ns(files) && file_ns > until_ns)
            until_ns = file_ns;
    }
    map_deinit(&found);
    return until_ns;
}

/* When nothing is being written or missing any more, as far as one can say now; 0: now. */
static uint64_t all_settle_at_ns(struct files *files, const struct file_walk *walk)
{
    uint64_t last_ns = missing_until_ns(files, walk);
    for (size_t i = 0; i < walk->found_count; i++) {
        uint64_t written_ns = written_until_ns(files, &walk->found[i]);
        uint64_t fresh_ns = fresh_until_ns(files, &walk->found[i]);
        uint64_t at_ns = written_ns > fresh_ns ? written_ns : fresh_ns;
        if (at_ns > last_ns)
            last_ns = at_ns;
    }
    return last_ns;
}

/* ---- reading ---- */

struct reading {
    struct files *files;
    struct file_set set;
    struct map before;  /* name → struct file of the present set */
    struct map seen;    /* device and inode → something: a file that is found twice counts once */
    bool takes_all;     /* the first time: what is being written counts as it is */
    bool is_unfinished; /* some files have their texts of before */
};

static bool keep_before(struct reading *reading, struct file *file)
{
    struct file *before = map_find(&reading->before, file->out.name);
    if (!before)
        return false;
    file->lender = before;
    set_text(&reading->set, file, before->out.text);
    if (before->problem)
        set_problem(file, before->problem);
    return true;
}

static void take_result(struct reading *reading, struct file *file, enum file_read_result result, struct str text,
                        const struct err *err)
{
    switch (result) {
    case FILE_READ_OK: set_text(&reading->set, file, text); break;
    case FILE_READ_FAILED: set_problem(file, err->text); break;
    case FILE_READ_UNSTEADY:
        reading->is_unfinished = true;
        if (!keep_before(reading, file))
            set_problem(file, "changes all the time while it is read");
        break;
    }
}

static size_t room(const struct reading *reading)
{
    size_t left = FILES_MAX_BYTES - reading->set.bytes;
    return left < FILE_MAX_BYTES ? left : FILE_MAX_BYTES;
}

static bool is_seen(struct reading *reading, const struct file_signature *signature)
{
    uint64_t identity[2] = {signature->device, signature->inode};
    return map_add(&reading->seen, (struct str){(const char *)identity, sizeof(identity)}, reading) != NULL;
}

static bool is_written(const struct reading *reading, const struct file_found *found)
{
    return !reading->takes_all && written_until_ns(reading->files, found) > 0;
}

/* A file that is empty now and was not may be one that is written anew: the kernel tells of that, and changes the file's times, only
 * when it is done with emptying it. */
static bool is_emptied(const struct reading *reading, const struct file_found *found)
{
    const struct files *files = reading->files;
    struct file *before = map_find(&reading->before, found->name);
    if (!before)
        return files->is_asleep &&
               (now_ns(files) < files->asleep_at_ns + GONE_MS * MS || fresh_until_ns(files, found) > 0);
    if (before->out.text.len == 0)
        return false;
    if (before->emptied_at_ns == 0)
        before->emptied_at_ns = now_ns(files);
    bool is_open = file_is_open_for_writing(found->name.ptr);
    return now_ns(files) < before->emptied_at_ns + (is_open ? WRITER_MAX_MS : GONE_MS) * MS;
}

/* What was read may be a part of what will be there: of a file that is written now, and of a writer that nobody has told of. */
static bool is_part(const struct reading *reading, const struct file_found *found, struct str text)
{
    if (is_written(reading, found))
        return true;
    if (reading->takes_all)
        return false;
    if (reading->files->is_asleep && file_is_open_for_writing(found->name.ptr))
        return true;
    return text.len == 0 && is_emptied(reading, found);
}

static void read_found(struct reading *reading, const struct file_found *found)
{
    if (found->error == 0 && is_seen(reading, &found->signature))
        return;
    struct file *file = set_add(&reading->set, found->source, found->name);
    struct str text = STR_NONE;
    struct err err;
    if (found->error != 0) {
        set_problem(file, problem_of(found->error, &err));
        return;
    }
    if (is_written(reading, found) && keep_before(reading, file)) {
        reading->is_unfinished = true;
        return;
    }
    enum file_read_result result = file_read(found->name.ptr, room(reading), &text, &err);
    if (reading->files->watch)
        file_watch_read(reading->files->watch); /* a writer may have begun meanwhile */
    if (result == FILE_READ_OK && is_part(reading, found, text)) {
        mem_free((char *)(uintptr_t)text.ptr);
        result = FILE_READ_UNSTEADY;
    }
    take_result(reading, file, result, text, &err);
}

/* What counted and is missing: a directory that can't be listed still has what it had, and what has just gone may come back. */
static void keep_missing(struct reading *reading, const struct file_walk *walk, size_t source)
{
    const struct files *files = reading->files;
    bool is_unlisted = false;
    for (size_t i = 0; i < walk->found_count; i++)
        is_unlisted = is_unlisted ||
                      (walk->found[i].source == source && walk->found[i].error != 0 && walk->found[i].error != ENOENT);
    for (size_t i = 0; i < files->set.count; i++) {
        struct file *before = &files->set.files[i];
        if (before->source != source || before->gone_at_ns == 0)
            continue;
        bool may_return = !reading->takes_all && before->gone_at_ns + GONE_MS * MS > now_ns(files);
        if (!may_return && !is_unlisted)
            continue;
        reading->is_unfinished = reading->is_unfinished || may_return;
        (void)keep_before(reading, set_add(&reading->set, source, before->out.name));
    }
}

static void read_source(struct reading *reading, const struct file_walk *walk, size_t source)
{
    const struct file_source *from = &reading->files->sources[source];
    if (from->fd >= 0) {
        struct str text = STR_NONE;
        struct err err;
        struct file *file = set_add(&reading->set, source, from->path);
        take_result(reading, file, file_reread(from->fd, room(reading), &text, &err), text, &err);
        return;
    }
    for (size_t i = 0; i < walk->found_count; i++) {
        if (walk->found[i].source == source && walk->found[i].error != ENOENT)
            read_found(reading, &walk->found[i]);
    }
    keep_missing(reading, walk, source);
}

static void commit(struct files *files, struct file_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        struct file *file = &set->files[i];
        if (!file->lender)
            continue;
        file->gone_at_ns = file->lender->gone_at_ns;
        file->emptied_at_ns = file->lender->emptied_at_ns;
        file->lender->text = NULL;
        file->lender = NULL;
    }
    set_free(&files->set);
    list_texts(set);
    files->set = *set;
}

/* Reads all files of the walk that was made last; false when they changed meanwhile. */
static bool read_all(struct reading *reading)
{
    struct files *files = reading->files;
    map_init(&reading->seen);
    for (size_t i = 0; i < files->source_count; i++)
        read_source(reading, files->walk, i);
    map_deinit(&reading->seen);
    struct file_walk *after = walk_all(files);
    bool is_steady = file_walk_eq(files->walk, after);
    keep_walk(files, after);
    return is_steady;
}

/* The new texts count; true when any differs. */
static bool take(struct files *files, bool takes_all, bool *is_unfinished)
{
    struct reading reading = {.files = files, .takes_all = takes_all};
    map_init(&reading.before);
    for (size_t i = 0; i < files->set.count; i++)
        map_add(&reading.before, files->set.files[i].out.name, &files->set.files[i]);
    bool is_steady = read_all(&reading);
    for (int i = 1; i < READ_TRIES && !is_steady; i++) {
        set_free(&reading.set);
        reading.is_unfinished = false;
        is_steady = read_all(&reading);
    }
    map_deinit(&reading.before);
    *is_unfinished = reading.is_unfinished || !is_steady;
    bool is_changed = !is_same(&files->set, &reading.set);
    commit(files, &reading.set);
    return is_changed;
}

/* ---- when ---- */

static void arm_look(struct files *files, uint64_t at_ns)
{
    uint64_t now = now_ns(files);
    files->look_at_ns = at_ns > now ? at_ns : now;
    timer_arm(files->loop, &files->look, (files->look_at_ns - now + MS - 1) / MS);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When what is stable by then counts. */
static uint64_t deadline_ns(const struct files *files)
{
    uint64_t settle_ns = files->changed_at_ns + SETTLE_MAX_MS * MS;
    return files->reload_at_ns > 0 ? least(settle_ns, files->reload_at_ns + RELOAD_MAX_MS * MS) : settle_ns;
}

static void take_and_tell(struct files *files)
{
    bool is_unfinished;
    bool is_asked = files->reload_at_ns > 0;
    files->changed_at_ns = 0; /* what is heard while reading is news */
    bool is_changed = take(files, false, &is_unfinished);
    if (is_unfinished && files->changed_at_ns == 0)
        files->changed_at_ns = now_ns(files);
    if (is_unfinished)
        arm_look(files, now_ns(files) + STILL_MS * MS);
    if (is_unfinished && files->is_asleep && now_ns(files) < files->asleep_at_ns + WRITER_MAX_MS * MS)
        return;
    files->is_asleep = false;
    files->reload_at_ns = 0;
    files->is_untold = false;
    if (is_changed || is_asked)
        files->on_change(files->user);
}

static void on_look(struct timer *timer)
{
    struct files *files = CONTAINER_OF(timer, struct files, look);
    uint64_t now = now_ns(files), deadline = deadline_ns(files);
    struct file_walk *walk = walk_all(files);
    bool is_moving = files->is_untold && !file_walk_eq(files->walk, walk);
    keep_walk(files, walk);
    uint64_t settle_ns = all_settle_at_ns(files, walk);
    if (is_moving && settle_ns < now + STILL_MS * MS)
        settle_ns = now + STILL_MS * MS;
    if (settle_ns > now && now < deadline)
        arm_look(files, least(settle_ns, deadline));
    else
        take_and_tell(files);
}

static void on_event(void *user)
{
    struct files *files = user;
    uint64_t now = now_ns(files), at_ns = now + GATHER_MS * MS;
    if (files->changed_at_ns == 0)
        files->changed_at_ns = now;
    bool is_late = at_ns > files->changed_at_ns + GATHER_MAX_MS * MS;
    if (is_late && timer_is_armed(&files->look) && files->look_at_ns <= at_ns)
        return;
    arm_look(files, at_ns);
}

static void on_poll(struct timer *timer)
{
    struct files *files = CONTAINER_OF(timer, struct files, poll);
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    struct file_walk *walk = walk_all(files);
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t took_ms = (int64_t)(end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / (int64_t)MS;
    bool is_changed = files->changed_at_ns == 0 && !file_walk_eq(files->walk, walk);
    if (is_changed) {
        keep_walk(files, walk);
        files->is_untold = true;
        files->changed_at_ns = now_ns(files);
        arm_look(files, now_ns(files) + STILL_MS * MS);
    } else {
        file_walk_free(walk);
    }
    int64_t rest_ms = took_ms * POLL_SHARE;
    timer_arm(files->loop, timer, rest_ms > POLL_MS ? (uint64_t)rest_ms : POLL_MS);
}

void files_reload(struct files *files)
{
    if (files->watch)
        file_watch_read(files->watch);
    uint64_t now = now_ns(files);
    if (files->reload_at_ns == 0)
        files->reload_at_ns = now;
    if (files->changed_at_ns == 0)
        files->changed_at_ns = now;
    if (!timer_is_armed(&files->look) || files->look_at_ns > now + GATHER_MS * MS)
        arm_look(files, now);
}

/* ---- life ---- */

static void copy_sources(struct files *files, const struct files_options *options)
{
    files->sources = mem_alloc((options->source_count + 1) * sizeof(*files->sources));
    struct map seen;
    map_init(&seen);
    for (size_t i = 0; i < options->source_count; i++) {
        const struct file_source *source = &options->sources[i];
        if (map_add(&seen, source->path, files))
            continue;
        char *path = mem_dup(source->path.ptr, source->path.len);
        files->sources[files->source_count++] = (struct file_source){{path, source->path.len}, source->fd};
    }
    map_deinit(&seen);
}

struct files *files_new(const struct files_options *options)
{
    struct files *files = mem_alloc(sizeof(*files));
    files->loop = options->loop;
    files->on_change = options->on_change;
    files->user = options->user;
    copy_sources(files, options);
    timer_init(&files->look, on_look);
    timer_init(&files->poll, on_poll);
    if (files->loop)
        files->watch = file_watch_new(files->loop, on_event, files);
    keep_walk(files, walk_all(files));
    if (files->loop)
        timer_arm(files->loop, &files->poll, POLL_MS);
    if (options->is_patient) {
        files->is_asleep = true;
        files->asleep_at_ns = now_ns(files);
        files_reload(files);
        return files;
    }
    bool is_unfinished;
    (void)take(files, true, &is_unfinished);
    if (!files->loop)
        return files;
    if (is_unfinished) {
        files->changed_at_ns = now_ns(files);
        arm_look(files, now_ns(files) + STILL_MS * MS);
    }
    return files;
}

void files_free(struct files *files)
{
    if (!files)
        return;
    timer_disarm(&files->look);
    timer_disarm(&files->poll);
    file_watch_free(files->watch);
    file_walk_free(files->walk);
    set_free(&files->set);
    for (size_t i = 0; i < files->source_count; i++)
        mem_free((char *)(uintptr_t)files->sources[i].path.ptr);
    mem_free(files->sources);
    mem_free(files);
}

const struct file_text *files_get(const struct files *files, size_t *count)
{
    *count = files->set.count;
    return files->set.texts;
}
