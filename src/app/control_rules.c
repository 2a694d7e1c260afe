/* SPDX-License-Identifier: Apache-2.0 */
/* Where control's rules come from: the quick start's options once, or files, read again whenever they change. */
#include "app/control_state.h"
#include "base/log.h"
#include "manifest/manifests.h"

static void load_files(struct control *control)
{
    size_t count;
    const struct file_text *texts = files_get(control->files, &count);
    struct load *load = load_of_files(&control->settings, texts, count, control->manifests);
    if (control->manifests)
        manifests_unref(control->manifests);
    control->manifests = manifests_ref(load->manifests);
    last_good_keep(control, texts, count);
    publish_load(control, load);
}

static void on_files_changed(void *user)
{
    struct control *control = user;
    if (!control->is_draining)
        load_files(control);
}

void rules_start(struct control *control)
{
    if (control->settings.file_count == 0) {
        publish_load(control, load_of_flags(&control->settings));
        return;
    }
    struct files_options options = {
        .loop = control->loop,
        .sources = control->sources.list,
        .source_count = control->sources.count,
        .on_change = on_files_changed,
        .user = control,
    };
    control->files = files_new(&options);
    control->manifests = last_good_take(control);
    load_files(control);
}

void rules_reload(struct control *control)
{
    if (!control->files) {
        log_info("the rules are those of the command line: nothing to read again");
        return;
    }
    files_reload(control->files);
}

void rules_stop(struct control *control)
{
    files_free(control->files);
    last_good_stop(control);
    if (control->manifests)
        manifests_unref(control->manifests);
    sources_deinit(&control->sources);
}
