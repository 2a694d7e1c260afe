/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the objects of a cluster, said on the objects themselves: by the replica that leads. */
#include "app/control_state.h"
#include "kube/cluster.h"
#include "kube/events.h"
#include "manifest/manifests.h"

#include <stdio.h>

/* The kind of a problem's resource. Its file is compared as well: problems of references stand in other objects' files. */
static const struct kind *find_kind(const struct problem *problem)
{
    const struct kind *found = NULL;
    struct strbuf file = STRBUF_INIT;
    for (size_t i = 0; i < KIND_COUNT && !found; i++) {
        const struct kind *kind = &kind_table[i];
        if (!str_eq(problem->kind, str_from_c(kind_title(kind))))
            continue;
        strbuf_clear(&file);
        cluster_file(kind, kind->is_namespaced ? problem->ns : STR(""), problem->name, &file);
        if (str_eq(strbuf_str(&file), problem->file))
            found = kind;
    }
    strbuf_deinit(&file);
    return found;
}

static int64_t generation_of(const struct load *load, const struct kind *kind, const struct kube_object *object)
{
    const struct resource *resource = manifests_find_any(load->manifests, kind->id, object->ns, object->name);
    const struct object_head *head = resource && !resource->is_kept ? resource->object : NULL;
    return head ? head->metadata->generation.value : 0;
}

static void say(struct control *control, const struct problem *problem)
{
    struct cluster_rules *rules = &control->cluster_rules;
    const struct kind *kind = find_kind(problem);
    struct str ns = kind && kind->is_namespaced ? problem->ns : STR("");
    const struct kube_object *object = kind ? cluster_find(rules->cluster, kind->id, ns, problem->name) : NULL;
    if (!object)
        return;
    struct strbuf note = STRBUF_INIT;
    char reason[64];
    snprintf(reason, sizeof(reason), "%.*s", STR_ARG(problem->reason.len > 0 ? problem->reason : STR("Unsupported")));
    strbuf_printf(&note, "%.*s%s%.*s", STR_ARG(problem->field), problem->field.len > 0 ? ": " : "",
                  STR_ARG(problem->text));
    kube_events_add(rules->events, &(struct kube_event){
                                       .kind = kind,
                                       .version = cluster_version(rules->cluster, kind->id, ns, problem->name),
                                       .ns = object->ns,
                                       .name = object->name,
                                       .uid = object->uid,
                                       .generation = generation_of(control->current, kind, object),
                                       .reason = reason,
                                       .note = strbuf_str(&note),
                                   });
    strbuf_deinit(&note);
}

void events_say(struct control *control)
{
    const struct problems *problems = &control->current->problems;
    for (size_t i = 0; i < problems->count; i++) {
        if (problems->list[i].severity != SEVERITY_NOTE && problems->list[i].name.len > 0)
            say(control, &problems->list[i]);
    }
}
