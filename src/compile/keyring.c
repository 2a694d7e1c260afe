/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/keyring.h"

#include "base/base64.h"
#include "compile/tls_files.h"
#include "plan/credentials.h"
#include "tls/identity.h"

#include <time.h>

#define LABEL_SECRET "secret"
#define LABEL_CONFIG_MAP "configmap"
#define LABEL_BACKEND "backend"
#define LABEL_SYSTEM "system"

/* One label and kind. */
struct key_entry {
    struct compiled_credential credential; /* its chain is empty: nothing can be used */
    struct tls_identity *identity;
    struct str why; /* it was refused; a text of the scratch arena, or STR_NONE */
};

/* Where something stands, for messages. */
struct key_place {
    const struct node *node;
    const char *member;
    const char *reason;
};

/* ---- entries ---- */

static struct str entry_key(struct compiler *compiler, enum credential_kind kind, struct str label)
{
    return arena_printf(&compiler->scratch, "%d %.*s", (int)kind, STR_ARG(label));
}

static struct key_entry *find_entry(struct compiler *compiler, enum credential_kind kind, struct str label)
{
    return map_find(&compiler->keys, entry_key(compiler, kind, label));
}

static struct key_entry *add_entry(struct compiler *compiler, enum credential_kind kind, struct str label)
{
    struct key_entry *entry = arena_alloc(&compiler->scratch, sizeof(*entry));
    *entry = (struct key_entry){.credential = {.label = label, .kind = kind}};
    map_add(&compiler->keys, entry_key(compiler, kind, label), entry);
    return entry;
}

static struct key_use use_of(const struct key_entry *entry)
{
    if (entry->credential.chain.len == 0)
        return (struct key_use){0};
    return (struct key_use){.label = entry->credential.label, .identity = entry->identity};
}

/* ---- judging ---- */

/* What is in force under the label, when what there is now can't be used. */
static bool keep_before(struct compiler *compiler, struct key_entry *entry)
{
    struct compiled_credential *credential = &entry->credential;
    struct credential before;
    if (!compiler->options->before ||
        !credentials_find(compiler->options->before, credential->label, credential->kind, &before))
        return false;
    credential->chain = arena_copy(compiler->arena, before.chain);
    credential->key = arena_copy(compiler->arena, before.key);
    if (credential->kind == CREDENTIAL_IDENTITY)
        entry->identity = tls_identity_new(credential->chain, credential->key, NULL);
    return true;
}

static void refuse(struct compiler *compiler, struct key_entry *entry, const struct key_place *place, const char *why)
{
    bool is_kept = keep_before(compiler, entry);
    entry->why = arena_printf(&compiler->scratch, "%s", why);
    compiler_report(compiler, SEVERITY_ERROR, place->reason, place->node, place->member, "%s%s", why,
                    is_kept ? "; until it is mended, what it was before stays in force" : "");
}

static struct str day_of(struct arena *arena, int64_t seconds)
{
    time_t at = (time_t)seconds;
    struct tm day;
    char text[32];
    if (!gmtime_r(&at, &day) || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &day) == 0)
        return STR("a day far away");
    return arena_printf(arena, "%s", text);
}

static void warn_of_time(struct compiler *compiler, const struct key_entry *entry, const struct key_place *place)
{
    int64_t now = compiler->options->now_s, from = tls_identity_not_before(entry->identity),
            until = tls_identity_not_after(entry->identity);
    if (now > 0 && now > until)
        compiler_report(compiler, SEVERITY_WARNING, "", place->node, place->member,
                        "the certificate has expired on %.*s, and whoever checks it refuses it; renew it",
                        STR_ARG(day_of(&compiler->scratch, until)));
    else if (now > 0 && now < from)
        compiler_report(compiler, SEVERITY_WARNING, "", place->node, place->member,
                        "the certificate is not valid before %.*s, and whoever checks it refuses it until then; look "
                        "at this machine's clock, or take one that is valid",
                        STR_ARG(day_of(&compiler->scratch, from)));
}

/* `place` is that of the certificate, `key_member` that of its key. */
static void judge_identity(struct compiler *compiler, struct key_entry *entry, const struct compiled_credential *from,
                           const struct key_place *place, const char *key_member)
{
    struct err err;
    entry->identity = tls_identity_new(from->chain, from->key, &err);
    if (!entry->identity) {
        struct key_place key_place = {place->node, key_member, place->reason};
        bool is_of_key = str_starts_with(str_from_c(err.text), STR("the private key"));
        refuse(compiler, entry, is_of_key ? &key_place : place, err.text);
        return;
    }
    entry->credential.chain = from->chain;
    entry->credential.key = from->key;
    warn_of_time(compiler, entry, place);
}

static void judge_authorities(struct compiler *compiler, struct key_entry *entry, struct str bundle,
                              const struct key_place *place)
{
    struct err err;
    if (tls_bundle_check(bundle, &err) > 0)
        entry->credential.chain = bundle;
    else
        refuse(compiler, entry, place, err.text);
}

/* ---- Secrets and ConfigMaps ---- */

/* Where a reference has its name; Istio's are nothing but that. */
static const char *name_member(const struct node *reference)
{
    return reference->kind == NODE_MAP ? "name" : NULL;
}

/* Names of Istio's own Secrets, where those of Kubernetes are not there. */
static struct str either_name(const struct secret *secret, const char *name, const char *other)
{
    bool is_there = pairs_find(&secret->string_data, str_from_c(name)).ptr ||
                    pairs_find(&secret->data, str_from_c(name)).ptr;
    bool is_other = pairs_find(&secret->string_data, str_from_c(other)).ptr ||
                    pairs_find(&secret->data, str_from_c(other)).ptr;
    return str_from_c(is_other && !is_there ? other : name);
}

/* A copy, which the result wipes; STR_NONE when there is none. */
static struct str secret_value(struct compiler *compiler, const struct secret *secret, struct str name)
{
    struct str text = pairs_find(&secret->string_data, name);
    if (text.ptr)
        return arena_copy(compiler->arena, text);
    text = pairs_find(&secret->data, name);
    if (!text.ptr)
        return STR_NONE;
    char *bytes = arena_alloc(compiler->arena, BASE64_ROOM(text.len));
    return (struct str){bytes, base64_decode(text, bytes)};
}

static const char *secret_member(struct compiler *compiler, const struct secret *secret, const char *name)
{
    bool is_plain = pairs_find(&secret->string_data, str_from_c(name)).ptr ||
                    (secret->string_data.count > 0 && secret->data.count == 0);
    return arena_printf(&compiler->scratch, "%s.%s", is_plain ? "stringData" : "data", name).ptr;
}

static const struct key_entry *judge_secret(struct compiler *compiler, const struct resource *resource)
{
    const struct secret *secret = resource->object;
    struct str label = arena_printf(compiler->arena, LABEL_SECRET "/%.*s/%.*s", STR_ARG(resource->ns),
                                    STR_ARG(resource->name));
    struct key_entry *entry = find_entry(compiler, CREDENTIAL_IDENTITY, label);
    if (entry)
        return entry;
    entry = add_entry(compiler, CREDENTIAL_IDENTITY, label);
    struct str chain = secret_value(compiler, secret, either_name(secret, "tls.crt", "cert")),
               key = secret_value(compiler, secret, either_name(secret, "tls.key", "key"));
    struct key_place place = {secret->head.node, secret_member(compiler, secret, chain.ptr ? "tls.crt" : "tls.key"),
                              "InvalidCertificateRef"};
    if (chain.ptr && key.ptr) {
        struct compiled_credential from = {.chain = chain, .key = key};
        judge_identity(compiler, entry, &from, &place, secret_member(compiler, secret, "tls.key"));
        return entry;
    }
    place.member = secret_member(compiler, secret, chain.ptr ? "tls.key" : "tls.crt");
    refuse(compiler, entry, &place,
           "is missing: a Secret for TLS has the certificate (with its chain) as tls.crt and the private key as "
           "tls.key, both in PEM");
    return entry;
}

/* The resource that a reference leads to, or NULL, and said. */
static const struct resource *find_resource(struct compiler *compiler, enum kind_id kind,
                                            const struct reference *reference, const struct key_place *place,
                                            const char *effect)
{
    const struct resource *resource = manifests_find(compiler->out->manifests, kind, reference->ns, reference->name);
    struct left_out what = {.at = reference->node, .kind = kind, .ns = reference->ns, .name = reference->name};
    compiler_want(compiler, kind, reference->ns, reference->name);
    if (resource)
        return resource;
    if (compiler_is_left_out(compiler, kind, reference->ns, reference->name))
        compiler_note_left_out(compiler, &what, place->reason, effect);
    else
        compiler_report(compiler, SEVERITY_ERROR, place->reason, place->node, place->member,
                        "there is no %s %.*s/%.*s, so %s%.*s", kind_table[kind].name, STR_ARG(reference->ns),
                        STR_ARG(reference->name), effect,
                        STR_ARG(compiler_hint(compiler, kind, reference->ns, reference->name)));
    return NULL;
}

static bool check_kind(struct compiler *compiler, const struct reference *reference, const char *effect)
{
    if (reference->group.len == 0 && str_eq(reference->kind, STR("Secret")))
        return true;
    compiler_report(compiler, SEVERITY_ERROR, "InvalidCertificateRef", reference->node, "kind",
                    "a certificate and its key are taken from a Secret, not from a %.*s (group \"%.*s\"), so %s; name "
                    "a Secret",
                    STR_ARG(reference->kind), STR_ARG(reference->group), effect);
    return false;
}

static bool check_grant(struct compiler *compiler, const struct reference *reference, const char *effect)
{
    if (grants_allow(compiler, reference))
        return true;
    compiler_report(compiler, SEVERITY_ERROR, "RefNotPermitted", reference->node, "namespace",
                    "a Secret of namespace %.*s needs a ReferenceGrant there (from: %s of namespace %.*s, to: Secret "
                    "%.*s), so %s",
                    STR_ARG(reference->ns), kind_table[reference->from_kind].name, STR_ARG(reference->from_ns),
                    STR_ARG(reference->name), effect);
    return false;
}

/* In a cluster, what is wrong with a Secret or a ConfigMap is said by those who refer to it: it has no status. */
static void note_refused(struct compiler *compiler, const struct reference *reference, const struct key_entry *entry,
                         const char *reason)
{
    if (compiler->options->is_cluster && entry->why.len > 0)
        compiler_report(compiler, SEVERITY_NOTE, reason, reference->node, NULL, "%.*s %.*s/%.*s: %.*s",
                        STR_ARG(reference->kind), STR_ARG(reference->ns), STR_ARG(reference->name),
                        STR_ARG(entry->why));
}

struct key_use keyring_identity(struct compiler *compiler, const struct reference *reference, const char *effect)
{
    struct key_place place = {reference->node, name_member(reference->node), "InvalidCertificateRef"};
    if (!check_kind(compiler, reference, effect) || !check_grant(compiler, reference, effect))
        return (struct key_use){0};
    const struct resource *resource = find_resource(compiler, KIND_SECRET, reference, &place, effect);
    if (!resource)
        return (struct key_use){0};
    const struct key_entry *entry = judge_secret(compiler, resource);
    struct key_use use = use_of(entry);
    note_refused(compiler, reference, entry, "InvalidCertificateRef");
    if (!use.label.ptr && !compiler->options->is_cluster)
        compiler_report(compiler, SEVERITY_NOTE, "InvalidCertificateRef", reference->node, NULL,
                        "Secret %.*s/%.*s can't be used, which is said there, so %s", STR_ARG(reference->ns),
                        STR_ARG(reference->name), effect);
    return use;
}

/* ---- authorities ---- */

bool keyring_has_authorities(struct compiler *compiler, const struct object_ref *ref, const struct resource *from)
{
    const struct resource *resource = manifests_find(compiler->out->manifests, KIND_SECRET, from->ns, ref->name);
    const struct secret *secret = resource ? resource->object : NULL;
    struct str name = secret ? either_name(secret, "ca.crt", "cacert") : STR("");
    return !secret || pairs_find(&secret->string_data, name).ptr || pairs_find(&secret->data, name).ptr;
}

/* The names of what is in it, for a message. */
static struct str key_names(struct compiler *compiler, const struct schema_list *pairs)
{
    struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; i < pairs->count && i < 5; i++)
        strbuf_printf(&text, "%s%.*s", i > 0 ? ", " : "; it has ",
                      STR_ARG(SCHEMA_ITEM(*pairs, struct schema_pair, i)->key));
    struct str names = arena_copy(&compiler->scratch, strbuf_str(&text));
    strbuf_deinit(&text);
    return names;
}

static struct str authorities_of(struct compiler *compiler, const struct resource *resource)
{
    if (resource->kind->id == KIND_SECRET)
        return secret_value(compiler, resource->object, either_name(resource->object, "ca.crt", "cacert"));
    return pairs_find(&((const struct config_map *)resource->object)->data, STR("ca.crt"));
}

static const struct key_entry *judge_bundle(struct compiler *compiler, const struct resource *resource,
                                            const struct object_ref *ref)
{
    bool is_secret = resource->kind->id == KIND_SECRET;
    struct str label = arena_printf(compiler->arena, "%s/%.*s/%.*s", is_secret ? LABEL_SECRET : LABEL_CONFIG_MAP,
                                    STR_ARG(resource->ns), STR_ARG(resource->name));
    struct key_entry *entry = find_entry(compiler, CREDENTIAL_AUTHORITIES, label);
    if (entry)
        return entry;
    entry = add_entry(compiler, CREDENTIAL_AUTHORITIES, label);
    struct str bundle = authorities_of(compiler, resource);
    const struct object_head *head = resource->object;
    struct key_place place = {head->node,
                              is_secret ? secret_member(compiler, resource->object, "ca.crt") : "data.ca.crt",
                              "InvalidCACertificateRef"};
    const struct schema_list *pairs = is_secret ? &((const struct secret *)resource->object)->data
                                                : &((const struct config_map *)resource->object)->data;
    if (bundle.ptr)
        judge_authorities(compiler, entry, bundle, &place);
    else
        refuse(compiler, entry, &(struct key_place){ref->node, "name", place.reason},
               arena_printf(&compiler->scratch,
                            "%s %.*s/%.*s has no ca.crt, where the certificates of authorities are looked for%.*s",
                            resource->kind->name, STR_ARG(resource->ns), STR_ARG(resource->name),
                            STR_ARG(key_names(compiler, pairs)))
                   .ptr);
    return entry;
}

static struct key_use resolve_bundle(struct compiler *compiler, const struct object_ref *ref,
                                     const struct resource *from, const char *effect)
{
    struct reference reference = reference_make(ref, from);
    struct key_place place = {ref->node, name_member(ref->node), "InvalidCACertificateRef"};
    bool is_map = str_eq(ref->kind, STR("ConfigMap")), is_secret = str_eq(ref->kind, STR("Secret"));
    if (ref->group.len > 0 || (!is_map && !is_secret)) {
        compiler_report(compiler, SEVERITY_ERROR, "InvalidKind", ref->node, "kind",
                        "authorities are taken from a ConfigMap or a Secret, not from a %.*s (group \"%.*s\"), so %s; "
                        "name a ConfigMap",
                        STR_ARG(ref->kind), STR_ARG(ref->group), effect);
        return (struct key_use){0};
    }
    const struct resource *resource = find_resource(compiler, is_map ? KIND_CONFIG_MAP : KIND_SECRET, &reference,
                                                    &place, effect);
    if (!resource)
        return (struct key_use){0};
    const struct key_entry *entry = judge_bundle(compiler, resource, ref);
    note_refused(compiler, &reference, entry, place.reason);
    return (struct key_use){.label = use_of(entry).label, .is_kept = entry->why.ptr};
}

/* The bundle of several sources. */
static struct str join(struct compiler *compiler, const struct str *labels, size_t count)
{
    struct strbuf label = STRBUF_INIT, bundle = STRBUF_INIT;
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(&label, "%s%.*s", i > 0 ? "," : "", STR_ARG(labels[i]));
        strbuf_add(&bundle, find_entry(compiler, CREDENTIAL_AUTHORITIES, labels[i])->credential.chain);
        strbuf_add_char(&bundle, '\n');
    }
    struct key_entry *entry = find_entry(compiler, CREDENTIAL_AUTHORITIES, strbuf_str(&label));
    if (!entry) {
        entry = add_entry(compiler, CREDENTIAL_AUTHORITIES, arena_copy(compiler->arena, strbuf_str(&label)));
        entry->credential.chain = arena_copy(compiler->arena, strbuf_str(&bundle));
    }
    strbuf_deinit(&label);
    strbuf_deinit(&bundle);
    return entry->credential.label;
}

struct key_use keyring_authorities(struct compiler *compiler, const struct schema_list *refs,
                                   const struct resource *from, const char *effect)
{
    struct str *labels = arena_alloc(&compiler->scratch, (refs->count + 1) * sizeof(*labels));
    size_t count = 0;
    bool is_kept = true;
    for (size_t i = 0; i < refs->count; i++) {
        struct key_use use = resolve_bundle(compiler, SCHEMA_ITEM(*refs, struct object_ref, i), from, effect);
        if (!use.label.ptr)
            continue;
        labels[count++] = use.label;
        is_kept &= use.is_kept;
    }
    if (count == 0)
        return (struct key_use){0};
    return (struct key_use){.label = count == 1 ? labels[0] : join(compiler, labels, count), .is_kept = is_kept};
}

/* ---- files ---- */

/* The text of a file, or STR_NONE with what is wrong. */
static struct str read_text(struct compiler *compiler, struct str path, struct str *problem)
{
    const struct compile_options *options = compiler->options;
    struct compile_file file = {.problem = "there is no such file"};
    if (options->is_cluster)
        file.problem = "in a cluster there are no files: name a resource in its place";
    else if (options->find_file)
        (void)options->find_file(options->files, path, &file);
    *problem = arena_printf(&compiler->scratch, "%.*s: %s", STR_ARG(path), file.problem ? file.problem : "");
    return file.problem ? STR_NONE : file.text;
}

static struct key_entry *backend_entry(struct compiler *compiler, const struct resource *backend,
                                       enum credential_kind kind)
{
    return add_entry(
        compiler, kind,
        arena_printf(compiler->arena, LABEL_BACKEND "/%.*s/%.*s", STR_ARG(backend->ns), STR_ARG(backend->name)));
}

struct key_use keyring_file_identity(struct compiler *compiler, const struct resource *backend)
{
    const struct backend_tls *tls = ((const struct backend *)backend->object)->spec->tls;
    struct key_entry *entry = backend_entry(compiler, backend, CREDENTIAL_IDENTITY);
    struct key_place place = {tls->node, "certFile", "InvalidClientCertificateRef"};
    struct str problem;
    struct str chain = read_text(compiler, tls_files_path(&compiler->scratch, tls->node, tls->cert_file), &problem);
    if (!chain.ptr) {
        refuse(compiler, entry, &place, problem.ptr);
        return use_of(entry);
    }
    struct str key = read_text(compiler, tls_files_path(&compiler->scratch, tls->node, tls->key_file), &problem);
    if (!key.ptr) {
        place.member = "keyFile";
        refuse(compiler, entry, &place, problem.ptr);
        return use_of(entry);
    }
    struct compiled_credential from = {.chain = arena_copy(compiler->arena, chain),
                                       .key = arena_copy(compiler->arena, key)};
    judge_identity(compiler, entry, &from, &place, "keyFile");
    return use_of(entry);
}

struct key_use keyring_file_authorities(struct compiler *compiler, const struct resource *backend)
{
    const struct backend_tls *tls = ((const struct backend *)backend->object)->spec->tls;
    struct key_entry *entry = backend_entry(compiler, backend, CREDENTIAL_AUTHORITIES);
    struct key_place place = {tls->node, "caFile", "InvalidCACertificateRef"};
    struct str problem;
    struct str bundle = read_text(compiler, tls_files_path(&compiler->scratch, tls->node, tls->ca_file), &problem);
    if (bundle.ptr)
        judge_authorities(compiler, entry, arena_copy(compiler->arena, bundle), &place);
    else
        refuse(compiler, entry, &place, problem.ptr);
    return use_of(entry);
}

struct key_use keyring_system(struct compiler *compiler, const struct node *at, const char *member)
{
    const struct compile_options *options = compiler->options;
    struct compile_file file = {.problem = "it was looked for at the places where OpenSSL has it"};
    struct key_entry *entry = find_entry(compiler, CREDENTIAL_AUTHORITIES, STR(LABEL_SYSTEM));
    if (entry)
        return use_of(entry);
    entry = add_entry(compiler, CREDENTIAL_AUTHORITIES, STR(LABEL_SYSTEM));
    if (options->find_file && options->system_file.len > 0)
        (void)options->find_file(options->files, options->system_file, &file);
    struct key_place place = {at, member, "NoValidCACertificate"};
    if (!file.problem)
        judge_authorities(compiler, entry, arena_copy(compiler->arena, file.text), &place);
    else
        refuse(compiler, entry, &place,
               arena_printf(&compiler->scratch,
                            "there is no file with the authorities of the system (%s); install Debian's "
                            "ca-certificates, or name the file in the environment as SSL_CERT_FILE",
                            file.problem)
                   .ptr);
    return use_of(entry);
}

/* ---- life ---- */

void keyring_finish(struct compiler *compiler)
{
    struct compiled *out = compiler->out;
    out->credentials = arena_alloc(compiler->arena, (compiler->keys.count + 1) * sizeof(*out->credentials));
    for (size_t i = 0; i < compiler->keys.count; i++) {
        const struct key_entry *entry = compiler->keys.entries[i].value;
        if (entry && entry->credential.chain.len > 0)
            out->credentials[out->credential_count++] = entry->credential;
    }
}

void keyring_deinit(struct compiler *compiler)
{
    for (size_t i = 0; i < compiler->keys.count; i++) {
        const struct key_entry *entry = compiler->keys.entries[i].value;
        if (entry)
            tls_identity_free(entry->identity);
    }
}
