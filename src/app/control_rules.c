/* SPDX-License-Identifier: Apache-2.0 */
/* Where control's rules come from: the quick start's options once, or files, read again whenever they change. */
#include "app/control_state.h"
#include "app/key_files.h"
#include "app/rules_read.h"
#include "base/log.h"
#include "manifest/manifests.h"

static void load_rules(struct control *control)
{
    struct manifests *manifests = rules_read(&control->settings, control->files);
    struct load_from from = {
        .settings = &control->settings,
        .manifests = manifests,
        .before = control->manifests,
        .key_files = control->key_files,
        .credentials = control->credentials,
    };
    struct load *load = load_new(&from);
    if (control->manifests)
        manifests_unref(control->manifests);
    control->manifests = manifests_ref(load->manifests);
    if (control->files)
        last_good_keep(control);
    publish_load(control, load);
}

static void on_files_changed(void *user)
{
    struct control *control = user;
    if (!control->is_draining)
        load_rules(control);
}

void rules_start(struct control *control)
{
    control->key_files = key_files_new(control->loop, on_files_changed, control);
    if (control->settings.file_count == 0) {
        load_rules(control);
        return;
    }
    struct files_options options = {
        .loop = control->loop,
        .sources = control->sources.list,
        .source_count = control->sources.count,
        .on_change = on_files_changed,
        .user = control,
        /* Rules are in force, or a predecessor's are: nothing half-written shall take their place. */
        .is_patient = control->plan || control->endpoints,
    };
    control->files = files_new(&options);
    control->manifests = last_good_take(control);
    if (!options.is_patient)
        load_rules(control);
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
    key_files_free(control->key_files);
    last_good_stop(control);
    if (control->manifests)
        manifests_unref(control->manifests);
    sources_deinit(&control->sources);
}
