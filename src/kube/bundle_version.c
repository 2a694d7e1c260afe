/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/bundle_version.h"

#include "base/mem.h"
#include "kube/watch.h"

#include <jansson.h>
#include <string.h>

#define ANNOTATION "gateway.networking.k8s.io/bundle-version"

struct bundle_version {
    struct bundle_version_options options;
    struct kube_watch *watch;
    bool is_read;
    char text[BUNDLE_VERSION_MAX + 1];
};

static bool is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && c != '.' && c != '-' && c != '+')
            return false;
    }
    return len > 0 && len <= BUNDLE_VERSION_MAX;
}

void bundle_version_read(struct str json, char text[BUNDLE_VERSION_MAX + 1])
{
    json_t *root = json_loadb(json.ptr ? json.ptr : "", json.len, JSON_ALLOW_NUL, NULL);
    const json_t *annotations = json_object_get(json_object_get(root, "metadata"), "annotations");
    const json_t *version = json_object_get(annotations, ANNOTATION);
    size_t len = json_string_length(version);
    text[0] = '\0';
    if (len > 0 && is_plain(json_string_value(version), len)) {
        memcpy(text, json_string_value(version), len);
        text[len] = '\0';
    }
    json_decref(root);
}

static void on_change(struct kube_watch *watch, void *user)
{
    struct bundle_version *version = user;
    const struct kube_object *object = kube_watch_find(watch, STR(""), STR(BUNDLE_VERSION_CRD));
    char text[sizeof(version->text)] = "";
    if (object)
        bundle_version_read(object->json, text);
    bool is_read = kube_watch_state(watch) != KUBE_WATCH_STARTING || kube_watch_problem(watch);
    bool is_news = is_read != version->is_read || strcmp(text, version->text) != 0;
    version->is_read = is_read;
    memcpy(version->text, text, sizeof(text));
    if (is_news)
        version->options.on_change(version->options.user);
}

static const struct kube_watch_ops watch_ops = {.name = "version of the Gateway API", .on_change = on_change};

struct bundle_version *bundle_version_new(const struct bundle_version_options *options)
{
    struct bundle_version *version = mem_alloc(sizeof(*version));
    *version = (struct bundle_version){.options = *options};
    struct kube_watch_spec spec = {
        .path = STR("/apis/apiextensions.k8s.io/v1/customresourcedefinitions"),
        .api_version = STR("apiextensions.k8s.io/v1"),
        .kind = STR("CustomResourceDefinition"),
        .selector = STR("fieldSelector=metadata.name%3D" BUNDLE_VERSION_CRD),
        .ops = &watch_ops,
        .user = version,
    };
    version->watch = kube_watch_new(options->client, &spec);
    return version;
}

void bundle_version_free(struct bundle_version *version)
{
    if (!version)
        return;
    kube_watch_free(version->watch);
    mem_free(version);
}

bool bundle_version_is_read(const struct bundle_version *version)
{
    return version->is_read;
}

struct str bundle_version_text(const struct bundle_version *version)
{
    return str_from_c(version->text);
}

const char *bundle_version_problem(const struct bundle_version *version)
{
    return kube_watch_state(version->watch) == KUBE_WATCH_FORBIDDEN ? kube_watch_problem(version->watch) : NULL;
}
