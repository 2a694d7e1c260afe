/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_api.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct kube_watch {
    struct kube_client *client;
    struct kube_watch_spec spec;
};

/* The one of the scenario that runs: clients know nothing of it. */
static struct fake_api *the_api;

void fake_api_init(struct fake_api *api)
{
    *api = (struct fake_api){.json = STRBUF_INIT};
    the_api = api;
}

void fake_api_deinit(struct fake_api *api)
{
    strbuf_deinit(&api->json);
    the_api = NULL;
}

void fake_api_tell_one(struct fake_api *api, size_t index)
{
    if (api->watches[index])
        api->watches[index]->spec.ops->on_change(api->watches[index], api->watches[index]->spec.user);
}

void fake_api_tell(struct fake_api *api)
{
    for (size_t i = 0; i < api->watch_count; i++)
        fake_api_tell_one(api, i);
}

void fake_api_change(struct fake_api *api, const char *json)
{
    strbuf_clear(&api->json);
    strbuf_add(&api->json, str_from_c(json));
    snprintf(api->version_text, sizeof(api->version_text), "%u", ++api->version);
    api->object = (struct kube_object){
        .ns = STR("umbra"),
        .name = STR("it"),
        .uid = STR("1"),
        .version = str_from_c(api->version_text),
        .json = strbuf_str(&api->json),
    };
}

void fake_api_set(struct fake_api *api, const char *json)
{
    fake_api_change(api, json);
    fake_api_tell(api);
}

/* ---- kube/client.h ---- */

static int write_object(struct fake_api *api, const struct kube_request *request)
{
    json_t *root = json_loadb(request->body.ptr, request->body.len, 0, NULL);
    const char *version = json_string_value(json_object_get(json_object_get(root, "metadata"), "resourceVersion"));
    bool is_there = api->json.len > 0, is_create = str_eq(str_from_c(request->method), STR("POST"));
    bool is_stale = is_create ? is_there : !is_there || !version || strcmp(version, api->version_text) != 0;
    json_decref(root);
    if (is_stale) {
        api->refused++;
        return 409;
    }
    api->writes++;
    char *text = mem_dup(request->body.ptr, request->body.len + 1);
    text[request->body.len] = '\0';
    fake_api_change(api, text);
    mem_free(text);
    return is_create ? 201 : 200;
}

void kube_send(struct kube_client *client, struct kube_request *request)
{
    struct kube_answer answer = {.problem = "connect 10.0.0.1:443: Connection refused"};
    if (!client->is_cut && the_api->is_forbidden)
        answer = (struct kube_answer){.status = 403, .problem = "403 Forbidden: leases is forbidden"};
    else if (!client->is_cut)
        answer = (struct kube_answer){.status = write_object(the_api, request), .body = strbuf_str(&the_api->json)};
    request->on_done(request, &answer);
    if (answer.status == 200 || answer.status == 201)
        fake_api_tell(the_api);
}

void kube_cancel(struct kube_request *request)
{
    (void)request;
}

/* ---- kube/watch.h ---- */

struct kube_watch *kube_watch_new(struct kube_client *client, const struct kube_watch_spec *spec)
{
    struct kube_watch *watch = mem_alloc(sizeof(*watch));
    *watch = (struct kube_watch){.client = client, .spec = *spec};
    the_api->watches[the_api->watch_count++] = watch;
    return watch;
}

void kube_watch_free(struct kube_watch *watch)
{
    for (size_t i = 0; i < the_api->watch_count; i++) {
        if (the_api->watches[i] == watch)
            the_api->watches[i] = NULL;
    }
    mem_free(watch);
}

enum kube_watch_state kube_watch_state(const struct kube_watch *watch)
{
    if (watch->client->is_cut)
        return KUBE_WATCH_STALE;
    return the_api->is_forbidden ? KUBE_WATCH_FORBIDDEN : KUBE_WATCH_SYNCED;
}

const char *kube_watch_problem(const struct kube_watch *watch)
{
    (void)watch;
    return "403 Forbidden: it may not be listed";
}

const struct kube_object *kube_watch_find(const struct kube_watch *watch, struct str ns, struct str name)
{
    (void)watch;
    (void)ns;
    (void)name;
    return the_api->json.len > 0 && !the_api->is_forbidden ? &the_api->object : NULL;
}

void kube_watch_put(struct kube_watch *watch, struct str json)
{
    (void)watch;
    (void)json;
}
