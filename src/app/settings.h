/* SPDX-License-Identifier: Apache-2.0 */
/* What a run was told on its command line, in the flat form in which the supervisor hands it to every child
 * (IPC_SETTINGS): children parse no options. Defaults are those of docs/reference/cli.md. Lifetime: a value. */
#pragma once

#include "base/address.h"
#include "base/log.h"

#define SETTINGS_MAX_SHADOWS 16
#define SETTINGS_MAX_TRUSTED 64
#define SETTINGS_MAX_HOSTS 16
#define SETTINGS_MARKER_KEY 32
#define SETTINGS_NAME 256
#define SETTINGS_MAX_FILES 64
#define SETTINGS_FILES 8192 /* bytes of the paths of -f together */
#define SETTINGS_MAX_NAMESPACES 64
#define SETTINGS_NAMESPACES 4096 /* bytes of the names of --namespace together */

struct settings_target {
    char host[SETTINGS_NAME]; /* name or IP, NUL-terminated, without brackets; "unix:/path" with port 0 */
    uint16_t port;
    uint16_t reserved;
    uint32_t numerator, denominator; /* shadows: HOST:PORT=PERCENT; 100/100 when absent */
};

/* Where the rules come from. */
enum rules_source { RULES_OF_FLAGS, RULES_OF_FILES, RULES_OF_CLUSTER };

struct settings {
    char files[SETTINGS_FILES];              /* -f: paths, each ended by a NUL; "-": standard input */
    uint32_t file_count;                     /* 0: none */
    uint32_t is_kube;                        /* --kube */
    char kubeconfig[4096];                   /* --kubeconfig; "": as kube/config.h finds one */
    char kube_context[SETTINGS_NAME];        /* --context; "": the current one */
    char gateway_class[SETTINGS_NAME];       /* --class; "": all that are Umbra's */
    char namespaces[SETTINGS_NAMESPACES];    /* --namespace: names, each ended by a NUL */
    uint32_t namespace_count;                /* 0: all namespaces */
    char publish_service[2 * SETTINGS_NAME]; /* --publish-service NAMESPACE/NAME; "": none */
    uint32_t allows_backends;                /* --allow-backends */
    struct address bind;                     /* --bind: only the IP counts; family ADDRESS_NONE: all */
    uint32_t port_offset;                    /* --port-offset */
    struct address listen;                   /* quick start; family ADDRESS_NONE when rules come from elsewhere */
    struct settings_target live;
    struct settings_target shadows[SETTINGS_MAX_SHADOWS];
    uint32_t shadow_count;
    uint32_t is_mirroring_writes; /* --mirror-writes */
    uint32_t is_safe_methods;     /* --safe-methods: only GET, HEAD, OPTIONS are copied, whatever the rules say */
    uint32_t sampling;            /* enum plan_sampling of the quick start's shadows: --sampling even|random|hash */
    uint32_t key; /* enum plan_key: --sampling-key header:NAME|cookie:NAME|query:NAME|clientIP|traceID */
    char key_name[SETTINGS_NAME];
    struct cidr trusted_proxies[SETTINGS_MAX_TRUSTED];
    uint32_t trusted_proxy_count;
    struct address admin;
    char admin_token[SETTINGS_NAME]; /* contents of --admin-token-file; "" when there is none */
    char admin_hosts[SETTINGS_MAX_HOSTS][SETTINGS_NAME];
    uint32_t admin_host_count;
    unsigned char marker_key[SETTINGS_MARKER_KEY]; /* of --marker-key-file (hashed to this size), else random per run */
    uint32_t has_marker_key_file;
    uint32_t drain_ms, drain_delay_ms;
    uint32_t max_connections; /* 0: from RLIMIT_NOFILE */
    uint32_t workers;         /* already resolved: >= 1 */
    uint64_t mirror_budget;
    uint32_t has_control; /* quick start: --control */
    struct settings_target control;
    uint64_t begin_ns;           /* CLOCK_REALTIME at which the run began */
    uint32_t has_counted_before; /* its registry was a predecessor's */
    uint32_t is_comparing;       /* --compare auto */
    uint64_t analyst_memory;     /* --analyst-memory */
    uint64_t sample_ttl_ms;      /* --sample-ttl */
    char data[4096];             /* directory of the store, made and writable; "": in memory only */
    uint32_t is_shedding;        /* --shed auto */
    uint32_t is_sandboxed;       /* --sandbox on, and the supervisor's own filter is in place */
    uint32_t is_access_log;
    enum log_format log_format;
    enum log_level log_level;
};

static inline enum rules_source settings_rules(const struct settings *settings)
{
    if (settings->is_kube)
        return RULES_OF_CLUSTER;
    return settings->file_count > 0 ? RULES_OF_FILES : RULES_OF_FLAGS;
}
