/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/destination_rule.h"

#include "manifest/schema_formats.h"

#define SUBSETS_MAX 256
#define PORTS_MAX 256
#define LABELS_MAX 64
#define NAMES_MAX 64
#define FILE_NAME_MAX 4096

#define NOT_READ(field, text) \
    { \
        .name = field, .help = text, .type = SCHEMA_ANY, .flags = SCHEMA_UNSUPPORTED \
    }

/* ----------------------------------------------------------------------------------------------------------- TLS */

static void check_client_tls(const void *object, struct problems *problems)
{
    const struct istio_client_tls *tls = object;
    bool has_files = tls->client_certificate.len > 0 || tls->private_key.len > 0;
    if (tls->mode.value == CLIENT_MUTUAL && tls->credential_name.len == 0 && !has_files)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, tls->node, "credentialName",
                            "is missing: MUTUAL shows a certificate; name the Secret that has it");
    if (tls->credential_name.len > 0 && has_files)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(tls->node, "credentialName"),
                     "says the same as clientCertificate and privateKey: remove either");
    if (tls->insecure_skip_verify.value)
        problems_add(problems, SEVERITY_WARNING, STR_NONE, place_of(tls->node, "insecureSkipVerify"),
                     "is not acted on by this version: the certificate is checked all the same");
}
static const char *const client_modes[] = {"DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL", NULL};
static const struct schema_field client_tls_rows[] = {
    {.name = "mode",
     .help = "Whether TLS is spoken (`SIMPLE`) and a certificate shown (`MUTUAL`). `ISTIO_MUTUAL`, which needs "
             "certificates "
             "of Istio, is not served.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(istio_client_tls, mode),
     .fallback = "DISABLE",
     .values = client_modes},
    {.name = "credentialName",
     .help = "The Secret, in the rule's namespace, with authorities as `ca.crt` or `cacert` and, for `MUTUAL`, a "
             "certificate "
             "and its key.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_client_tls, credential_name),
     .max = OBJECT_NAME_MAX},
    {.name = "sni",
     .help = "The name that is asked for, and that the certificate must be for; absent: the host.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_client_tls, sni),
     .max = OBJECT_NAME_MAX},
    {.name = "subjectAltNames",
     .help = "Other names, one of which the certificate must be for.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(istio_client_tls, subject_alt_names),
     .max = NAMES_MAX,
     .item_min = 1,
     .item_max = OBJECT_NAME_MAX},
    {.name = "insecureSkipVerify",
     .help = "Whether any certificate will do. It is checked all the same.",
     .type = SCHEMA_BOOL,
     SCHEMA_AT(istio_client_tls, insecure_skip_verify)},
    {.name = "clientCertificate",
     .help = "A file of Istio's proxy, which is not read: name a Secret as `credentialName`.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_client_tls, client_certificate),
     .max = FILE_NAME_MAX},
    {.name = "privateKey",
     .help = "A file of Istio's proxy, which is not read: name a Secret as `credentialName`.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_client_tls, private_key),
     .max = FILE_NAME_MAX},
    {.name = "caCertificates",
     .help = "A file of Istio's proxy, which is not read: name a Secret as `credentialName`.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_client_tls, ca_certificates),
     .max = FILE_NAME_MAX},
    NOT_READ("caCrl", "Which certificates were called back."),
};
static const struct schema client_tls_schema = {
    .name = "ClientTLSSettings",
    .help = "How the host is spoken to over TLS.",
    .size = sizeof(struct istio_client_tls),
    SCHEMA_ROWS(client_tls_rows),
    .check = check_client_tls,
};

/* -------------------------------------------------------------------------------------------------------- policies */

static void check_load_balancer(const void *object, struct problems *problems)
{
    const struct istio_load_balancer *balancer = object;
    struct str simple = balancer->simple;
    bool is_done = simple.len == 0 || str_eq(simple, STR("UNSPECIFIED")) || str_eq(simple, STR("LEAST_REQUEST")) ||
                   str_eq(simple, STR("LEAST_CONN"));
    if (!is_done)
        problems_add(problems, SEVERITY_WARNING, STR_NONE, place_of(balancer->node, "simple"),
                     "is valid, but not acted on by this version, which balances as LEAST_REQUEST says");
}
static const char *const balancers[] = {"UNSPECIFIED", "LEAST_CONN",    "RANDOM", "PASSTHROUGH",
                                        "ROUND_ROBIN", "LEAST_REQUEST", NULL};
static const struct schema_field load_balancer_rows[] = {
    {.name = "simple",
     .help =
         "How endpoints are chosen. Umbra takes, of two at random, the one with fewer requests, as LEAST_REQUEST says.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_load_balancer, simple),
     .values = balancers},
    NOT_READ("consistentHash", "Which clients stay with an endpoint."),
    NOT_READ("localityLbSetting", "Which localities are preferred."),
    NOT_READ("zoneAwareLbSetting", "Which zones are preferred."),
    NOT_READ("warmupDurationSecs", "How long new endpoints get less."),
    NOT_READ("warmup", "How new endpoints get less."),
};
static const struct schema load_balancer_schema = {
    .name = "LoadBalancerSettings",
    .help = "How endpoints are chosen.",
    .size = sizeof(struct istio_load_balancer),
    SCHEMA_ROWS(load_balancer_rows),
    .check = check_load_balancer,
};

#define POLICY_ROWS \
    {.name = "tls", \
     .help = "How the host is spoken to over TLS.", \
     .type = SCHEMA_OBJECT, \
     SCHEMA_AT(istio_traffic_policy, tls), \
     .of = &client_tls_schema}, \
        {.name = "loadBalancer", \
         .help = "How endpoints are chosen.", \
         .type = SCHEMA_OBJECT, \
         SCHEMA_AT(istio_traffic_policy, load_balancer), \
         .of = &load_balancer_schema}, \
        NOT_READ("connectionPool", "Limits of connections."), \
        NOT_READ("outlierDetection", "When endpoints are passed over.")

static const struct schema_field port_policy_rows[] = {
    {.name = "port",
     .help = "The port of the host.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_traffic_policy, port),
     .flags = SCHEMA_REQUIRED,
     .of = &istio_port_schema},
    POLICY_ROWS,
};
static const struct schema port_policy_schema = {
    .name = "PortTrafficPolicy",
    .help = "How one port is spoken to.",
    .size = sizeof(struct istio_traffic_policy),
    SCHEMA_ROWS(port_policy_rows),
};
static const struct schema_field policy_rows[] = {
    POLICY_ROWS,
    {.name = "portLevelSettings",
     .help = "The same for single ports; each counts alone, without what stands beside this list.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(istio_traffic_policy, port_settings),
     .max = PORTS_MAX,
     .of = &port_policy_schema},
    NOT_READ("tunnel", "A proxy on the way."),
    NOT_READ("proxyProtocol", "A header before the connection's bytes."),
    NOT_READ("retryBudget", "How many requests may be sent again at once."),
};
static const struct schema policy_schema = {
    .name = "TrafficPolicy",
    .help = "How the host is spoken to.",
    .size = sizeof(struct istio_traffic_policy),
    SCHEMA_ROWS(policy_rows),
};

/* ----------------------------------------------------------------------------------------------------------- rules */

static const struct schema_field subset_rows[] = {
    {.name = "name",
     .help = "The subset's name, which destinations use.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_subset, name),
     .flags = SCHEMA_REQUIRED,
     .format = &format_dns_label},
    {.name = "labels",
     .help = "The labels of the subset's Pods; absent: all Pods of the host.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(istio_subset, labels),
     .max = LABELS_MAX,
     .format = &format_label_value},
    {.name = "trafficPolicy",
     .help = "How the subset is spoken to; what is absent is as the host's.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_subset, policy),
     .of = &policy_schema},
};
static const struct schema subset_schema = {
    .name = "Subset",
    .help = "Some of a host's Pods.",
    .size = sizeof(struct istio_subset),
    SCHEMA_ROWS(subset_rows),
};

static const struct schema_field workloads_rows[] = {
    {.name = "matchLabels",
     .help = "The labels of the Pods whose requests the rule is for.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(istio_workloads, labels),
     .max = LABELS_MAX,
     .format = &format_label_value},
};
static const struct schema workloads_schema = {
    .name = "WorkloadSelector",
    .help = "Whose requests the rule is for.",
    .size = sizeof(struct istio_workloads),
    SCHEMA_ROWS(workloads_rows),
};

static bool is_rule_host(struct str text)
{
    return str_eq(text, STR("*")) || format_hostname.is_valid(text);
}
static const struct schema_format format_rule_host = {
    .name = "a host",
    .example = "shop.payments.svc.cluster.local",
    .is_valid = is_rule_host,
    .min_len = 1,
    .max_len = OBJECT_NAME_MAX,
};

static void check_rule_spec(const void *object, struct problems *problems)
{
    const struct destination_rule_spec *spec = object;
    check_export_to(&spec->export_to, problems);
    if (spec->workloads)
        problems_add(problems, SEVERITY_WARNING, STR_NONE, spec->workloads->node,
                     "is not acted on by this version: the rule is for the requests of some Pods only, and is not used "
                     "here");
}
static const struct schema_field spec_rows[] = {
    {.name = "host",
     .help = "What the rule is about: a Service, as `name` (in the rule's own namespace) or "
             "`name.namespace.svc.cluster.local`, a host of a ServiceEntry, or all names that end so (`*.name`).",
     .type = SCHEMA_STRING,
     SCHEMA_AT(destination_rule_spec, host),
     .flags = SCHEMA_REQUIRED,
     .format = &format_rule_host},
    {.name = "trafficPolicy",
     .help = "How the host is spoken to.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(destination_rule_spec, policy),
     .of = &policy_schema},
    {.name = "subsets",
     .help = "Some of the host's Pods, by their labels.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(destination_rule_spec, subsets),
     .max = SUBSETS_MAX,
     .of = &subset_schema,
     .key = "name"},
    {.name = "workloadSelector",
     .help = "Whose requests the rule is for. A rule that has this is not used.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(destination_rule_spec, workloads),
     .of = &workloads_schema},
    EXPORT_TO_ROW(destination_rule_spec),
};
static const struct schema spec_schema = {
    .name = "DestinationRuleSpec",
    .help = "The subsets of a host and how it is spoken to.",
    .size = sizeof(struct destination_rule_spec),
    SCHEMA_ROWS(spec_rows),
    .check = check_rule_spec,
};
static const struct schema_field destination_rule_rows[] = {
    OBJECT_HEAD_ROWS("DestinationRule"),
    {.name = "spec",
     .help = "The subsets of a host and how it is spoken to.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(destination_rule, spec),
     .flags = SCHEMA_REQUIRED,
     .of = &spec_schema},
    OBJECT_STATUS_ROW,
};
const struct schema destination_rule_schema = {
    .name = "DestinationRule",
    .help = "Istio's subsets of a host, and how it is spoken to.",
    .size = sizeof(struct destination_rule),
    SCHEMA_ROWS(destination_rule_rows),
};
