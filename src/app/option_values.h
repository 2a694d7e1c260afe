/* SPDX-License-Identifier: Apache-2.0 */
/* The values of options: one function per kind of value, with errors that say how to write it. Called through the
 * table in options.c. Lifetime: results are copied into `options`. Thread: main. */
#pragma once

#include "app/options.h"

#define OPTION_PARSER(name) bool name(struct options *options, struct str value, struct err *err)

OPTION_PARSER(option_file);
OPTION_PARSER(option_kube);
OPTION_PARSER(option_kubeconfig);
OPTION_PARSER(option_kube_context);
OPTION_PARSER(option_class);
OPTION_PARSER(option_namespace);
OPTION_PARSER(option_allow_backends);
OPTION_PARSER(option_publish_service);
OPTION_PARSER(option_bind);
OPTION_PARSER(option_port_offset);
OPTION_PARSER(option_listen);
OPTION_PARSER(option_live);
OPTION_PARSER(option_shadow);
OPTION_PARSER(option_control);
OPTION_PARSER(option_sampling);
OPTION_PARSER(option_sampling_key);
OPTION_PARSER(option_mirror_writes);
OPTION_PARSER(option_safe_methods);
OPTION_PARSER(option_trusted_proxies);
OPTION_PARSER(option_marker_key_file);
OPTION_PARSER(option_admin);
OPTION_PARSER(option_admin_token_file);
OPTION_PARSER(option_admin_host);
OPTION_PARSER(option_drain);
OPTION_PARSER(option_drain_delay);
OPTION_PARSER(option_max_connections);
OPTION_PARSER(option_workers);
OPTION_PARSER(option_mirror_budget);
OPTION_PARSER(option_data);
OPTION_PARSER(option_sample_ttl);
OPTION_PARSER(option_analyst_memory);
OPTION_PARSER(option_purge_samples);
OPTION_PARSER(option_shed);
OPTION_PARSER(option_compare);
OPTION_PARSER(option_sandbox);
OPTION_PARSER(option_log_format);
OPTION_PARSER(option_log_level);
OPTION_PARSER(option_access_log);
OPTION_PARSER(option_replace);
OPTION_PARSER(option_client_admin);
OPTION_PARSER(option_client_token_file);
OPTION_PARSER(option_client_route);
OPTION_PARSER(option_client_mirror);
OPTION_PARSER(option_client_format);
OPTION_PARSER(option_client_count);
OPTION_PARSER(option_report_admin);
OPTION_PARSER(option_report_since);
OPTION_PARSER(option_report_wait);
OPTION_PARSER(option_report_format);
OPTION_PARSER(option_demo_admin);
OPTION_PARSER(option_demo_rate);
OPTION_PARSER(option_demo_duration);
OPTION_PARSER(option_demo_play);

/* "HOST:PORT", "[IPv6]:PORT" or "unix:/path" into `target`; leaves the percentage alone. */
bool target_parse(struct str text, struct settings_target *target, struct err *err) __attribute__((warn_unused_result));
/* The reverse, as it was given: the label of section 6. `out` has TARGET_TEXT bytes. */
#define TARGET_TEXT (SETTINGS_NAME + 16)
struct str target_format(const struct settings_target *target, char *out);
/* "20", "33.3333", "0.5%" into numerator / denominator, denominator 100 to 1000000. */
bool percent_parse(struct str text, uint32_t *numerator, uint32_t *denominator, struct err *err)
    __attribute__((warn_unused_result));
