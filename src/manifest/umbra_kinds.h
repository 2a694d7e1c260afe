/* SPDX-License-Identifier: Apache-2.0 */
/* Umbra's own kinds, umbra.dev/v1alpha1: Backend, an address outside Kubernetes Services, and MirrorPolicy, what is
 * copied and how (a direct policy attachment in the manner of GEP-713). All fields of MirrorPolicy are optional.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/http_route.h"

enum backend_protocol { BACKEND_HTTP, BACKEND_H2C, BACKEND_HTTPS, BACKEND_AUTO };
struct backend_endpoint {
    const struct node *node;
    struct str host;        /* name, IP without brackets, or unix:/path */
    struct schema_int port; /* not set for unix:/path, else always */
};
struct backend_tls {
    const struct node *node;
    struct str server_name, ca_file, cert_file, key_file;
    struct schema_list ca_refs; /* struct object_ref */
    struct object_ref *client_certificate;
};
struct backend_spec {
    const struct node *node;
    struct schema_list endpoints; /* struct backend_endpoint */
    struct schema_int protocol;   /* enum backend_protocol */
    struct backend_tls *tls;
};
/* Whether it is spoken to over TLS. */
bool backend_has_tls(const struct backend_spec *spec);
struct backend {
    struct object_head head;
    struct backend_spec *spec;
};

enum sampling_mode { MODE_EVEN, MODE_RANDOM, MODE_HASH };
struct sampling_key {
    const struct node *node;
    struct str header, cookie, query;      /* exactly one of the five */
    struct schema_int client_ip, trace_id; /* true */
};
struct policy_sampling {
    const struct node *node;
    struct schema_int mode;   /* enum sampling_mode */
    struct sampling_key *key; /* for Hash */
    struct str salt;
};
struct policy_limits {
    const struct node *node;
    struct schema_int requests_per_second, in_flight, connections, window, timeout, connect_timeout;
};

enum copy_host { HOST_PRESERVE, HOST_SUFFIX, HOST_LITERAL };
struct policy_host {
    const struct node *node;
    struct schema_int type; /* enum copy_host */
    struct str value;       /* of Literal */
};
struct policy_redact {
    const struct node *node;
    struct schema_list headers, cookies, query; /* struct str: names */
};
enum copy_trace { TRACE_UNSAMPLED, TRACE_INHERIT, TRACE_NEW_ROOT };
struct policy_marker {
    const struct node *node;
    struct str header;         /* default X-Umbra-Shadow */
    struct schema_int baggage; /* default true */
    struct schema_int trace;   /* enum copy_trace; default Unsampled */
};
struct policy_request {
    const struct node *node;
    struct policy_host *host;
    struct http_header_filter *headers;
    struct policy_redact *redact;
    struct policy_marker *marker;
    struct schema_int keep_credentials;
};

enum compare_samples { SAMPLES_NONE, SAMPLES_FIELDS, SAMPLES_FULL };
struct policy_control {
    const struct node *node;
    struct object_ref *backend;
};
struct policy_ignore {
    const struct node *node;
    struct schema_list headers, json_paths; /* struct str */
};
enum array_type { ARRAY_OF_SET, ARRAY_OF_KEYED };
struct policy_array {
    const struct node *node;
    struct str path;
    struct schema_int type; /* enum array_type */
    struct str key;         /* of Keyed */
};
struct policy_sample_redact {
    const struct node *node;
    struct schema_list headers, cookies, query, json_paths; /* struct str */
};
struct policy_compare {
    const struct node *node;
    struct schema_int samples; /* enum compare_samples */
    struct schema_int body_bytes;
    struct policy_control *control;
    struct schema_list headers; /* struct str; none: all but the noisy ones */
    struct policy_ignore *ignore;
    struct schema_list arrays; /* struct policy_array */
    struct policy_sample_redact *redact;
};
struct policy_verdict {
    const struct node *node;
    struct schema_int min_pairs, min_pairs_p99;
    struct schema_int max_shadow_failures, max_lost, max_different, max_new_errors, max_blind; /* millionths */
    /* Added to live's p50 or p99, in milliseconds and in millionths of live's; the larger of the two counts. */
    struct schema_int finding_latency_added, finding_latency_share; /* a finding is raised above */
    struct schema_int max_latency_added, max_latency_share;         /* the verdict is FAIL above */
};

struct mirror_policy_spec {
    const struct node *node;
    struct schema_list target_refs; /* struct object_ref */
    struct object_ref *mirror_ref;  /* group and kind absent: any */
    struct schema_int suspend;
    struct schema_list methods; /* struct str */
    struct schema_list sources; /* struct str: CIDRs */
    struct policy_sampling *sampling;
    struct policy_limits *limits;
    struct policy_request *request;
    struct policy_compare *compare;
    struct policy_verdict *verdict;
};
struct mirror_policy {
    struct object_head head;
    struct mirror_policy_spec *spec; /* never NULL */
};

extern const struct schema backend_schema, mirror_policy_schema;
