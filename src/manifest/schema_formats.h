/* SPDX-License-Identifier: Apache-2.0 */
/* The syntaxes that strings of the Gateway API and of Umbra's own kinds must have, each with the CRD's pattern and a check
 * that reads every byte once. Lifetime: constant. Thread: any. */
#pragma once

#include "manifest/schema.h"

extern const struct schema_format format_dns_label;        /* RFC 1123: namespaces, Service names */
extern const struct schema_format format_dns_name;         /* RFC 1123 subdomain: names of resources */
extern const struct schema_format format_section_name;     /* of listeners and rules */
extern const struct schema_format format_hostname;         /* may begin with "*." */
extern const struct schema_format format_precise_hostname; /* without a wildcard */
extern const struct schema_format format_group;            /* of an API; "" is the core group */
extern const struct schema_format format_kind;             /* of resources */
extern const struct schema_format format_header_name;      /* RFC 9110 5.6.2: a token */
extern const struct schema_format format_domain_path;      /* "example.com/controller" */
extern const struct schema_format format_origin;           /* of CORS: scheme, host, port; wildcards */
extern const struct schema_format format_cidr;             /* "10.0.0.0/8", "fd00::/8", or a single address */
extern const struct schema_format format_ip;               /* an address alone */
extern const struct schema_format format_base64;           /* RFC 4648 4, line breaks allowed as Kubernetes does */

/* Those of the scalars that are not kept as text. */
extern const struct schema_format format_duration;         /* GEP-2257 */
extern const struct schema_format format_decimal_duration; /* with decimals, as Go and Istio read them */
extern const struct schema_format format_quantity;         /* of bytes */
extern const struct schema_format format_percent;

/* A percentage with up to four decimals in millionths: "0.1%" is 1000. */
bool format_percent_parse(struct str text, int64_t *millionths) __attribute__((warn_unused_result));
/* "1.5s", "1h0.5m", "100us" in milliseconds, rounded up, so that no wait becomes none. */
bool format_decimal_duration_parse(struct str text, int64_t *ms) __attribute__((warn_unused_result));
