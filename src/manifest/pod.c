/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/pod.h"

#define ADDRESSES_MAX 16

bool pod_has_addresses(const struct pod *pod)
{
    const struct pod_status *status = pod->status;
    if (!status || (pod->spec && pod->spec->host_network.value))
        return false;
    return !str_eq(status->phase, STR("Succeeded")) && !str_eq(status->phase, STR("Failed"));
}

static const struct schema_field ip_rows[] = {
    {.name = "ip", .help = "The address.", .type = SCHEMA_STRING, SCHEMA_AT(pod_ip, ip), .max = OBJECT_NAME_MAX},
};
static const struct schema ip_schema = {
    .name = "PodIP",
    .help = "An address of the Pod.",
    .size = sizeof(struct pod_ip),
    SCHEMA_ROWS(ip_rows),
    .is_open = true,
};

static const struct schema_field spec_rows[] = {
    {.name = "hostNetwork",
     .help = "Whether the Pod has its node's addresses, which then tell nothing.",
     .type = SCHEMA_BOOL,
     SCHEMA_AT(pod_spec, host_network)},
};
static const struct schema spec_schema = {
    .name = "PodSpec",
    .help = "What runs in the Pod; most of it is of no meaning here.",
    .size = sizeof(struct pod_spec),
    SCHEMA_ROWS(spec_rows),
    .is_open = true,
};

static const struct schema_field status_rows[] = {
    {.name = "phase",
     .help = "What the Pod is at; one that is over has no addresses any more.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(pod_status, phase)},
    {.name = "podIP", .help = "The first address of the Pod.", .type = SCHEMA_STRING, SCHEMA_AT(pod_status, pod_ip)},
    {.name = "podIPs",
     .help = "All addresses of the Pod.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(pod_status, pod_ips),
     .max = ADDRESSES_MAX,
     .of = &ip_schema},
};
static const struct schema status_schema = {
    .name = "PodStatus",
    .help = "Where the Pod runs; most of it is of no meaning here.",
    .size = sizeof(struct pod_status),
    SCHEMA_ROWS(status_rows),
    .is_open = true,
};

static const struct schema_field pod_rows[] = {
    OBJECT_HEAD_ROWS("A Pod"),
    {.name = "spec", .help = "What runs in the Pod.", .type = SCHEMA_OBJECT, SCHEMA_AT(pod, spec), .of = &spec_schema},
    {.name = "status",
     .help = "Where the Pod runs.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(pod, status),
     .of = &status_schema},
};
const struct schema pod_schema = {
    .name = "Pod",
    .help = "Its labels and addresses say which subsets it is in, and whose requests are its own.",
    .size = sizeof(struct pod),
    SCHEMA_ROWS(pod_rows),
};
