/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/marker_secret.h"

#include "base/base64.h"
#include "base/log.h"
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
    bool is_asking, is_leader;
    struct marker_keys keys;
    bool is_spreading; /* keys.other is what stands there, and signs soon */
    struct timer turn;
    char problem[512];
};

_Static_assert(MARKER_HASH_BYTES == crypto_generichash_BYTES, "keys are hashes");

static struct str copy(struct str text)
{
    return (struct str){mem_dup(text.ptr, text.len), text.len};
}

static void explain(struct marker_secret *secret, const char *why)
{
    const char *effect = secret->keys.has_own ? "copies go on with the key that was read before; Secret %.*s/%.*s: %s"
                                              : "nothing is mirrored until Secret %.*s/%.*s has a key: %s";
    snprintf(secret->problem, sizeof(secret->problem), effect, STR_ARG(secret->options.ns),
             STR_ARG(secret->options.name), why ? why : "it can't be read");
}

/* ---- keys ---- */

static void swap_keys(struct marker_keys *keys)
{
    struct marker_keys before = *keys;
    memcpy(keys->own, before.other, sizeof(keys->own));
    memcpy(keys->other, before.own, sizeof(keys->other));
    sodium_memzero(&before, sizeof(before));
}

/* The other key signs from now on, or it is forgotten. */
static void on_turn(struct timer *timer)
{
    struct marker_secret *secret = CONTAINER_OF(timer, struct marker_secret, turn);
    if (secret->is_spreading) {
        swap_keys(&secret->keys);
        timer_arm(secret->options.loop, timer, MARKER_KEEP_MS);
        log_info("copies are signed with the new key of Secret %.*s/%.*s from now on", STR_ARG(secret->options.ns),
                 STR_ARG(secret->options.name));
    } else {
        sodium_memzero(secret->keys.other, sizeof(secret->keys.other));
        secret->keys.has_other = false;
    }
    secret->is_spreading = false;
    secret->options.on_change(secret->options.user);
}

static bool is_key(const unsigned char *key, const unsigned char *other)
{
    return sodium_memcmp(key, other, MARKER_HASH_BYTES) == 0;
}

/* True when it is news. */
static bool set_key(struct marker_secret *secret, const unsigned char *key)
{
    struct marker_keys *keys = &secret->keys;
    bool is_own = keys->has_own && is_key(keys->own, key);
    if (!keys->has_own) {
        memcpy(keys->own, key, sizeof(keys->own));
        keys->has_own = true;
        return true;
    }
    if (is_own && secret->is_spreading) { /* taken back; who signs with the other one already is still known */
        secret->is_spreading = false;
        timer_arm(secret->options.loop, &secret->turn, MARKER_KEEP_MS);
    }
    if (is_own || (secret->is_spreading && is_key(keys->other, key)))
        return false;
    memcpy(keys->other, key, sizeof(keys->other));
    keys->has_other = secret->is_spreading = true;
    timer_arm(secret->options.loop, &secret->turn, MARKER_SPREAD_MS);
    return true;
}

/* ---- reading ---- */

static void take_key(struct marker_secret *secret, struct str text)
{
    char bytes[BASE64_ROOM(KEY_MAX)];
    unsigned char key[MARKER_HASH_BYTES];
    size_t len = text.len <= KEY_MAX ? base64_decode(text, bytes) : 0;
    if (len < MARKER_SECRET_LEAST) {
        explain(secret,
                "its data." MARKER_SECRET_KEY " has fewer than 16 bytes, or more than 3 KiB; delete the Secret, "
                "then it is made anew");
        return; /* the key before goes on */
    }
    crypto_generichash(key, sizeof(key), (unsigned char *)bytes, len, NULL, 0);
    sodium_memzero(bytes, sizeof(bytes));
    bool is_news = set_key(secret, key);
    sodium_memzero(key, sizeof(key));
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
    else if (state == KUBE_WATCH_SYNCED && !secret->keys.has_own)
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

/* How far a change had come is not known. Whatever the other key was, it is known for a while. */
static void take_in_force(struct marker_secret *secret)
{
    secret->keys = secret->options.in_force;
    sodium_memzero(&secret->options.in_force, sizeof(secret->options.in_force));
    if (secret->keys.has_other)
        timer_arm(secret->options.loop, &secret->turn, MARKER_KEEP_MS);
}

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
    timer_init(&secret->turn, on_turn);
    take_in_force(secret);
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
    timer_disarm(&secret->turn);
    kube_cancel(&secret->request);
    kube_watch_free(secret->watch);
    strbuf_deinit(&secret->target);
    strbuf_deinit(&secret->body);
    mem_free((char *)(uintptr_t)secret->options.ns.ptr);
    mem_free((char *)(uintptr_t)secret->options.name.ptr);
    sodium_memzero(secret, sizeof(*secret));
    mem_free(secret);
}

void marker_secret_lead(struct marker_secret *secret, bool is_leader)
{
    secret->is_leader = is_leader;
    step(secret);
}

const struct marker_keys *marker_secret_keys(const struct marker_secret *secret)
{
    return &secret->keys;
}

const char *marker_secret_problem(const struct marker_secret *secret)
{
    return secret->problem[0] ? secret->problem : NULL;
}
