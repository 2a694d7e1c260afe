/* SPDX-License-Identifier: Apache-2.0 */
/* Where control's rules come from: the quick start's options once, or files, read again whenever they change. */
#include "app/control_state.h"
#include "app/key_files.h"
#include "app/rules_read.h"
#include "base/log.h"
#include "manifest/manifests.h"

struct load *rules_make(struct control *control, struct manifests *manifests)
{
    struct load_from from = {
        .settings = &control->settings,
        .manifests = manifests,
        .before = control->manifests,
        .key_files = control->key_files,
        .credentials = control->credentials,
        .gateway_api_version = cluster_rules_version(control),
        .keys = replica_keys(control),
    };
    return load_new(&from);
}

void rules_load(struct control *control, struct load *load)
{
    if (control->manifests)
        manifests_unref(control->manifests);
    control->manifests = manifests_ref(load->manifests);
    control->loads++;
    if (control->files)
        last_good_keep(control);
    publish_load(control, load);
}

static void load_rules(struct control *control)
{
    rules_load(control, rules_make(control, rules_read(&control->settings, control->files)));
}

static void on_files_changed(void *user)
{
    struct control *control = user;
    if (!control->is_succeeded)
        load_rules(control);
}

static void start_files(struct control *control)
{
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

bool rules_start(struct control *control, struct err *err)
{
    enum rules_source source = settings_rules(&control->settings);
    if (source == RULES_OF_CLUSTER)
        return cluster_rules_start(control, err);
    control->key_files = key_files_new(control->loop, on_files_changed, control);
    if (source == RULES_OF_FILES)
        start_files(control);
    else
        load_rules(control);
    return true;
}

void rules_reload(struct control *control)
{
    if (control->cluster_rules.cluster) {
        log_info("the rules come from the API server and are read as they change: nothing to read again");
        return;
    }
    if (!control->files) {
        log_info("the rules are those of the command line: nothing to read again");
        return;
    }
    files_reload(control->files);
}

void rules_stop(struct control *control)
{
    cluster_rules_stop(control);
    files_free(control->files);
    key_files_free(control->key_files);
    last_good_stop(control);
    if (control->manifests)
        manifests_unref(control->manifests);
    sources_deinit(&control->sources);
}
