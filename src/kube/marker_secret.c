/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/marker_secret.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "io/loop.h"
#include "io/timer.h"
#include "kube/backoff.h"
#include "kube/watch.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>

#define KEY_MAX 4096

struct marker_secret {
    struct marker_secret_options options; /* strs are copies */
    struct kube_watch *watch;
    struct timer later;
    struct backoff backoff;
    struct kube_request request; /* makes it */
    struct strbuf target, body;
    bool is_asking, is_leader, has_key;
    unsigned char key[crypto_generichash_BYTES]; /* the hash of what stands there */
    char problem[512];
};

static struct str copy(struct str text)
{
    return (struct str){mem_dup(text.ptr, text.len), text.len};
}

/* ---- reading ---- */

static void explain(struct marker_secret *secret, const char *why)
{
    const char *effect = secret->has_key ? "copies go on with the key that was read before; Secret %.*s/%.*s: %s"
                                         : "nothing is mirrored until Secret %.*s/%.*s has a key: %s";
    snprintf(secret->problem, sizeof(secret->problem), effect, STR_ARG(secret->options.ns),
             STR_ARG(secret->options.name), why ? why : "it can't be read");
}

static void take_key(struct marker_secret *secret, struct str text)
{
    char bytes[BASE64_ROOM(KEY_MAX)];
    unsigned char key[sizeof(secret->key)];
    size_t len = text.len <= KEY_MAX ? base64_decode(text, bytes) : 0;
    if (len < MARKER_SECRET_LEAST) {
        explain(secret,
                "its data." MARKER_SECRET_KEY " has fewer than 16 bytes, or more than 3 KiB; delete the Secret, "
                "then it is made anew");
        return; /* the key before goes on */
    }
    crypto_generichash(key, sizeof(key), (unsigned char *)bytes, len, NULL, 0);
    sodium_memzero(bytes, sizeof(bytes));
    bool is_news = !secret->has_key || memcmp(secret->key, key, sizeof(key)) != 0;
    memcpy(secret->key, key, sizeof(key));
    secret->has_key = true;
    secret->problem[0] = '\0';
    if (is_news)
        secret->options.on_change(secret->options.user);
}

static void read_secret(struct marker_secret *secret, const struct kube_object *object)
{
    json_t *root = json_loadb(object->json.ptr, object->json.len, 0, NULL);
    const json_t *key = json_object_get(json_object_get(root, "data"), MARKER_SECRET_KEY);
    const char *text = json_string_value(key);
    take_key(secret, (struct str){text ? text : "", json_string_length(key)});
    if (text)
        sodium_memzero((char *)(uintptr_t)text, json_string_length(key));
    json_decref(root);
}

/* ---- making ---- */

static void step(struct marker_secret *secret);

static void on_later(struct timer *timer)
{
    step(CONTAINER_OF(timer, struct marker_secret, later));
}

static void on_done(struct kube_request *request, const struct kube_answer *answer)
{
    struct marker_secret *secret = CONTAINER_OF(request, struct marker_secret, request);
    secret->is_asking = false;
    sodium_memzero(secret->body.ptr, secret->body.len);
    if (answer->status == 201 || answer->status == 409) /* the watch will bring it */
        return;
    explain(secret, answer->problem);
    timer_arm(secret->options.loop, &secret->later, backoff_next_ms(&secret->backoff, answer->retry_after_ms));
}

static void make(struct marker_secret *secret)
{
    unsigned char key[MARKER_SECRET_BYTES];
    char text[sodium_base64_ENCODED_LEN(MARKER_SECRET_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    randombytes_buf(key, sizeof(key));
    sodium_bin2base64(text, sizeof(text), key, sizeof(key), sodium_base64_VARIANT_ORIGINAL);
    strbuf_clear(&secret->target);
    strbuf_clear(&secret->body);
    strbuf_printf(&secret->target, "/api/v1/namespaces/%.*s/secrets", STR_ARG(secret->options.ns));
    strbuf_printf(&secret->body,
                  "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"%.*s\",\"namespace\":\"%.*s\"},"
                  "\"type\":\"Opaque\",\"data\":{\"" MARKER_SECRET_KEY "\":\"%s\"}}",
                  STR_ARG(secret->options.name), STR_ARG(secret->options.ns), text);
    sodium_memzero(key, sizeof(key));
    sodium_memzero(text, sizeof(text));
    secret->request = (struct kube_request){
        .method = "POST",
        .target = strbuf_str(&secret->target),
        .content_type = STR("application/json"),
        .body = strbuf_str(&secret->body),
        .on_done = on_done,
    };
    secret->is_asking = true;
    kube_send(secret->options.client, &secret->request);
}

static void step(struct marker_secret *secret)
{
    const struct kube_object *object = kube_watch_find(secret->watch, secret->options.ns, secret->options.name);
    enum kube_watch_state state = kube_watch_state(secret->watch);
    if (object)
        read_secret(secret, object);
    else if (state == KUBE_WATCH_FORBIDDEN)
        explain(secret, kube_watch_problem(secret->watch));
    else if (state == KUBE_WATCH_SYNCED && !secret->has_key)
        explain(secret, "the replica that holds the Lease makes it");
    /* Once there was a key, copies under way carry it: a Secret that is deleted is made anew, with another one. */
    if (!object && state == KUBE_WATCH_SYNCED && secret->is_leader && !secret->is_asking)
        make(secret);
}

static void on_change(struct kube_watch *watch, void *user)
{
    (void)watch;
    step(user);
}

static const struct kube_watch_ops watch_ops = {.name = "marker key", .on_change = on_change};

/* ---- life ---- */

struct marker_secret *marker_secret_new(const struct marker_secret_options *options)
{
    struct marker_secret *secret = mem_alloc(sizeof(*secret));
    struct strbuf path = STRBUF_INIT, selector = STRBUF_INIT;
    *secret = (struct marker_secret){.options = *options};
    secret->options.ns = copy(options->ns);
    secret->options.name = copy(options->name);
    strbuf_printf(&path, "/api/v1/namespaces/%.*s/secrets", STR_ARG(options->ns));
    strbuf_printf(&selector, "fieldSelector=metadata.name%%3D%.*s", STR_ARG(options->name));
    struct kube_watch_spec spec = {
        .path = strbuf_str(&path),
        .api_version = STR("v1"),
        .kind = STR("Secret"),
        .selector = strbuf_str(&selector),
        .ops = &watch_ops,
        .user = secret,
        .is_secret = true,
    };
    timer_init(&secret->later, on_later);
    explain(secret, "the API server is being read");
    secret->watch = kube_watch_new(options->client, &spec);
    strbuf_deinit(&path);
    strbuf_deinit(&selector);
    return secret;
}

void marker_secret_free(struct marker_secret *secret)
{
    if (!secret)
        return;
    timer_disarm(&secret->later);
    kube_cancel(&secret->request);
    kube_watch_free(secret->watch);
    strbuf_deinit(&secret->target);
    strbuf_deinit(&secret->body);
    mem_free((char *)(uintptr_t)secret->options.ns.ptr);
    mem_free((char *)(uintptr_t)secret->options.name.ptr);
    sodium_memzero(secret->key, sizeof(secret->key));
    mem_free(secret);
}

void marker_secret_lead(struct marker_secret *secret, bool is_leader)
{
    secret->is_leader = is_leader;
    step(secret);
}

bool marker_secret_key(const struct marker_secret *secret, unsigned char *key, size_t size)
{
    size_t len = size < sizeof(secret->key) ? size : sizeof(secret->key);
    if (secret->has_key)
        memcpy(key, secret->key, len);
    return secret->has_key;
}

const char *marker_secret_problem(const struct marker_secret *secret)
{
    return secret->problem[0] ? secret->problem : NULL;
}
