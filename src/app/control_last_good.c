/* SPDX-License-Identifier: Apache-2.0 */
/* Only control's memory has the last good version of a resource, and a file may become bad in the very moment in which control dies. So
 * the supervisor keeps the last good text of each file, for the control after this one. */
#include "app/archive.h"
#include "app/control_state.h"
#include "base/log.h"
#include "base/mem.h"
#include "manifest/manifests.h"

#include <unistd.h>

static void forget(struct str *text)
{
    mem_free((char *)(uintptr_t)text->ptr);
    mem_free(text);
}

/* True when it is news. */
static bool set_good(struct control *control, struct str name, struct str bytes)
{
    struct str *known = map_find(&control->good_texts, name);
    if (known && str_eq(*known, bytes))
        return false;
    struct str *text = mem_alloc(sizeof(*text));
    *text = (struct str){mem_dup(bytes.ptr ? bytes.ptr : "", bytes.len), bytes.len};
    map_add(&control->good_texts, name, text);
    if (known)
        forget(known);
    return true;
}

struct manifests *last_good_take(struct control *control)
{
    struct archive archive;
    struct archive_entry entry;
    struct err err;
    if (control->last_good_fd < 0)
        return NULL;
    struct manifests *manifests = manifests_new();
    if (!archive_open(&archive, control->last_good_fd, &err))
        log_warn("what was good before is not known: %s", err.text);
    while (archive_next(&archive, &entry)) {
        manifests_read(manifests, entry.name, entry.text);
        (void)set_good(control, entry.name, entry.text);
    }
    archive_close(&archive);
    close(control->last_good_fd);
    control->last_good_fd = -1;
    control->has_left_good = true;
    return manifests;
}

/* Files with an error, by name. Those of references are none of the texts. */
static void find_bad(const struct control *control, struct map *bad)
{
    const struct problems *problems = &control->manifests->problems;
    for (size_t i = 0; i < problems->count; i++) {
        if (problems->list[i].severity == SEVERITY_ERROR && problems->list[i].file.len > 0)
            map_add(bad, problems->list[i].file, bad);
    }
}

static void leave(struct control *control, const struct archive_entry *entries, size_t count)
{
    struct err err;
    int fd = count > 0 ? archive_seal(entries, count, &err) : -1;
    if (count > 0 && fd < 0)
        log_warn("what was good before is lost if control ends: %s", err.text);
    if (fd >= 0 || control->has_left_good)
        control_tell(control, IPC_LAST_GOOD, STR_NONE, &fd, fd >= 0 ? 1 : 0);
    control->has_left_good = fd >= 0;
    if (fd >= 0)
        close(fd);
}

void last_good_keep(struct control *control)
{
    size_t count;
    const struct file_text *texts = files_get(control->files, &count);
    struct archive_entry *entries = mem_alloc((count + 1) * sizeof(*entries));
    size_t left = 0;
    bool is_news = false;
    struct map bad, before = control->good_texts;
    map_init(&bad);
    map_init(&control->good_texts);
    find_bad(control, &bad);
    for (size_t i = 0; i < count; i++) {
        struct str *known = map_remove(&before, texts[i].name);
        if (known)
            map_add(&control->good_texts, texts[i].name, known);
        if (!map_find(&bad, texts[i].name))
            is_news = set_good(control, texts[i].name, texts[i].text) || is_news;
        known = map_find(&control->good_texts, texts[i].name);
        if (known)
            entries[left++] = (struct archive_entry){texts[i].name, *known};
    }
    if (is_news || before.live > 0)
        leave(control, entries, left);
    for (size_t i = 0; i < before.count; i++) {
        if (before.entries[i].value)
            forget(before.entries[i].value); /* of files that are gone */
    }
    map_deinit(&before);
    map_deinit(&bad);
    mem_free(entries);
}

void last_good_stop(struct control *control)
{
    for (size_t i = 0; i < control->good_texts.count; i++) {
        if (control->good_texts.entries[i].value)
            forget(control->good_texts.entries[i].value);
    }
    map_deinit(&control->good_texts);
    if (control->last_good_fd >= 0)
        close(control->last_good_fd);
}
