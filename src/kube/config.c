/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/config.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "kube/kubeconfig.h"
#include "provider/file_read.h"
#include "tls/identity.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- members ---- */

static void drop(struct str *member)
{
    if (member->ptr)
        explicit_bzero((char *)(uintptr_t)member->ptr, member->len);
    mem_free((char *)(uintptr_t)member->ptr);
    *member = STR_NONE;
}

void config_set(struct str *member, struct str value)
{
    struct str copy = {mem_dup(value.ptr, value.len), value.len};
    drop(member);
    *member = copy;
}

void kube_config_free(struct kube_config *config)
{
    struct str *members[] = {&config->host,     &config->base_path, &config->server_name, &config->ca_pem,
                             &config->ca_file,  &config->chain_pem, &config->key_pem,     &config->chain_file,
                             &config->key_file, &config->token,     &config->token_file,  &config->ns};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        drop(members[i]);
    mem_free(config);
}

/* ---- files ---- */

static bool read_file(struct str *text, struct str file, size_t limit, struct err *err)
{
    switch (file_read(file.ptr, limit, text, err)) {
    case FILE_READ_OK: return true;
    case FILE_READ_UNSTEADY: (void)err_set(err, "is being written"); break;
    case FILE_READ_FAILED: break;
    }
    return err_wrap(err, "%.*s", STR_ARG(file));
}

static struct str trim_lines(struct str text)
{
    while (text.len && strchr(" \t\r\n", text.ptr[text.len - 1]))
        text.len--;
    return str_trim(text);
}

bool config_take_token(struct str *token, struct str text, struct err *err)
{
    struct str trimmed = trim_lines(text);
    if (!trimmed.len)
        return err_set(err, "the token is empty");
    if (trimmed.len > KUBE_TOKEN_MAX)
        return err_set(err, "the token is longer than %d bytes", KUBE_TOKEN_MAX);
    for (size_t i = 0; i < trimmed.len; i++) {
        if (trimmed.ptr[i] <= ' ' || trimmed.ptr[i] >= 0x7f)
            return err_set(err, "the token has bytes that none can have");
    }
    config_set(token, trimmed);
    return true;
}

bool config_read_token(struct str *token, struct str file, struct err *err)
{
    struct str text;
    if (!read_file(&text, file, KUBE_TOKEN_MAX + 16, err))
        return false;
    bool is_good = config_take_token(token, text, err) || err_wrap(err, "%.*s", STR_ARG(file));
    drop(&text);
    return is_good;
}

bool config_read_pem(struct str *pem, struct str file, struct err *err)
{
    struct str text;
    if (!read_file(&text, file, KUBE_PEM_MAX, err))
        return false;
    config_set(pem, text);
    drop(&text);
    return true;
}

bool config_check_tls(const struct kube_config *config, struct err *err)
{
    if (!tls_bundle_check(config->ca_pem, err))
        return err_wrap(err, "certificate-authority");
    if (!config->chain_pem.len && !config->key_pem.len)
        return true;
    struct tls_identity *identity = tls_identity_new(config->chain_pem, config->key_pem, err);
    if (!identity)
        return err_wrap(err, "client-certificate");
    tls_identity_free(identity);
    return true;
}

/* ---- where it comes from ---- */

static void set_path_in(struct str *member, const char *dir, const char *name)
{
    struct strbuf path = STRBUF_INIT;
    strbuf_printf(&path, "%s/%s", dir, name);
    config_set(member, strbuf_str(&path));
    strbuf_deinit(&path);
}

static bool read_ns(struct kube_config *config, const char *dir, struct err *err)
{
    struct str file = STR_NONE, text;
    set_path_in(&file, dir, "namespace");
    bool is_read = read_file(&text, file, 4096, err);
    drop(&file);
    if (!is_read)
        return false;
    struct str ns = trim_lines(text);
    config_set(&config->ns, ns.len ? ns : STR("default"));
    drop(&text);
    return true;
}

static bool read_account(struct kube_config *config, const char *dir, struct err *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    uint64_t number;
    if (!host || !*host || !port || !*port)
        return err_set(err, "this is no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
    if (!str_to_u64(str_from_c(port), &number) || !number || number > UINT16_MAX)
        return err_set(err, "KUBERNETES_SERVICE_PORT is %s, and no port", port);
    config->port = (uint16_t)number;
    config_set(&config->host, str_from_c(host));
    config_set(&config->server_name, str_from_c(host));
    set_path_in(&config->token_file, dir, "token");
    set_path_in(&config->ca_file, dir, "ca.crt");
    return config_read_token(&config->token, config->token_file, err) &&
           config_read_pem(&config->ca_pem, config->ca_file, err) && read_ns(config, dir, err) &&
           config_check_tls(config, err);
}

struct kube_config *kube_config_of_pod(const char *dir, struct err *err)
{
    struct kube_config *config = mem_alloc(sizeof *config);
    if (read_account(config, dir, err))
        return config;
    kube_config_free(config);
    (void)err_wrap(err, "the pod's service account");
    return NULL;
}

struct kube_config *kube_config_of_file(const char *path, const char *context, struct err *err)
{
    struct str text;
    if (!read_file(&text, str_from_c(path), KUBE_PEM_MAX, err))
        return NULL;
    struct kube_config *config = mem_alloc(sizeof *config);
    bool is_good = kubeconfig_read(config, text, path, context, err);
    drop(&text);
    if (is_good)
        return config;
    kube_config_free(config);
    return NULL;
}

/* $KUBECONFIG or what stands in for it. */
static struct kube_config *find_named(const char *path, const char *context, struct err *err)
{
    if (!strchr(path, ':') || access(path, F_OK) == 0)
        return kube_config_of_file(path, context, err);
    (void)err_set(err, "KUBECONFIG names several files (%s), which are not merged here: name one", path);
    return NULL;
}

static struct kube_config *find_at_home(const char *context, const struct err *no_pod, struct err *err)
{
    const char *home = getenv("HOME");
    struct str path = STR_NONE;
    struct kube_config *config = NULL;
    set_path_in(&path, home ? home : "", ".kube/config");
    if (access(path.ptr, F_OK) == 0)
        config = kube_config_of_file(path.ptr, context, err);
    else
        (void)err_set(err,
                      "no Kubernetes API server is known: no kubeconfig was named, KUBECONFIG is not set, %s does not "
                      "exist, and %s",
                      path.ptr, no_pod->text);
    drop(&path);
    return config;
}

struct kube_config *kube_config_find(const char *path, const char *context, struct err *err)
{
    const char *named = path && *path ? NULL : getenv("KUBECONFIG");
    struct err no_pod;
    if (path && *path)
        return kube_config_of_file(path, context, err);
    if (named && *named)
        return find_named(named, context, err);
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    struct kube_config *config = kube_config_of_pod(KUBE_ACCOUNT_DIR, &no_pod);
    if (config || !host || !*host)
        return config ? config : find_at_home(context, &no_pod, err);
    *err = no_pod; /* it is a pod, and its account is broken: that is to be said */
    return NULL;
}

/* ---- what changes ---- */

/* True when the file has something else than `now`; `text` is then it. */
static bool has_changed(struct str now, struct str file, struct str *text, struct err *err)
{
    *text = STR_NONE;
    if (!file.len || !config_read_pem(text, file, err))
        return false;
    if (!str_eq(now, *text))
        return true;
    drop(text);
    return false;
}

/* All of TLS together: a certificate without its new key is of no use. */
static bool refresh_tls(struct kube_config *config, struct err *err)
{
    struct kube_config next = *config;
    struct str ca, chain, key;
    bool is_new_ca = has_changed(config->ca_pem, config->ca_file, &ca, err);
    bool is_new_chain = has_changed(config->chain_pem, config->chain_file, &chain, err);
    bool is_new_key = has_changed(config->key_pem, config->key_file, &key, err);
    if (!is_new_ca && !is_new_chain && !is_new_key)
        return false;
    if (is_new_ca)
        next.ca_pem = ca;
    if (is_new_chain)
        next.chain_pem = chain;
    if (is_new_key)
        next.key_pem = key;
    bool is_good = config_check_tls(&next, err);
    if (is_good && is_new_ca)
        config_set(&config->ca_pem, ca);
    if (is_good && is_new_chain)
        config_set(&config->chain_pem, chain);
    if (is_good && is_new_key)
        config_set(&config->key_pem, key);
    drop(&ca);
    drop(&chain);
    drop(&key);
    return is_good;
}

unsigned kube_config_refresh(struct kube_config *config, struct err *err)
{
    struct str token = STR_NONE;
    unsigned changes = 0;
    err->text[0] = '\0';
    if (config->token_file.len && config_read_token(&token, config->token_file, err) && !str_eq(token, config->token)) {
        config_set(&config->token, token);
        changes |= KUBE_CHANGE_TOKEN;
    }
    drop(&token);
    if (refresh_tls(config, err))
        changes |= KUBE_CHANGE_TLS;
    return changes;
}
