/* SPDX-License-Identifier: Apache-2.0 */
/* Where a Kubernetes API server is, whom to trust there and as whom to speak: from the pod's service account, or from a kubeconfig
 * (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/). Reads files; opens no connection.
 * What would run a program (exec, auth-provider) or weaken TLS (insecure-skip-tls-verify, http://) is refused with a sentence.
 * Lifetime: kube_config_free. Thread: control's. */
#pragma once

#include "base/err.h"
#include "base/str.h"

#define KUBE_TOKEN_MAX 16384
/* Of certificates and keys. */
#define KUBE_PEM_MAX ((size_t)4 * 1024 * 1024)

/* Where a pod finds its account. */
#define KUBE_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

struct kube_config {
    struct str host; /* name or IP, without brackets */
    uint16_t port;
    struct str base_path;            /* of the server's URL, without a slash at its end; empty: none */
    struct str server_name;          /* what its certificate must be for: tls-server-name, else the host */
    struct str ca_pem;               /* never empty */
    struct str ca_file;              /* where ca_pem came from, to be read again when it changes; empty: it is inline */
    struct str chain_pem, key_pem;   /* client certificate; empty: none */
    struct str chain_file, key_file; /* where they came from; empty: inline, or none */
    struct str token;                /* empty: none */
    struct str
        token_file; /* where it came from: read again at least each minute, and after a 401; empty: it is inline */
    struct str ns;  /* the pod's, or the context's namespace; "default" when neither says one */
};

/* In a pod: KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and the files in `dir`. NULL with a sentence when this is no pod. */
struct kube_config *kube_config_of_pod(const char *dir, struct err *err) __attribute__((warn_unused_result));
/* The current context of a kubeconfig, or the one that `context` names (NULL: the current). Paths in it are relative to it. */
struct kube_config *kube_config_of_file(const char *path, const char *context, struct err *err)
    __attribute__((warn_unused_result));
/* What `umbra run --kube` means: the file if one is given, else $KUBECONFIG, else the pod's account, else ~/.kube/config; the sentence names
 * all that was tried. `path` may be NULL. */
struct kube_config *kube_config_find(const char *path, const char *context, struct err *err)
    __attribute__((warn_unused_result));
enum kube_change { KUBE_CHANGE_TOKEN = 1, KUBE_CHANGE_TLS = 2 };
/* Reads what came from files again; bits of enum kube_change, 0 when nothing is different. What can't be read, or is nothing that can be used,
 * stays as it was, said in `err` (which is emptied else). */
unsigned kube_config_refresh(struct kube_config *config, struct err *err);
/* Secrets are wiped. */
void kube_config_free(struct kube_config *config);
