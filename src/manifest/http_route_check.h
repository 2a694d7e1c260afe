/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of HTTPRoute that concern several fields: those that the Gateway API's CRD has in CEL, and what else can be seen to be
 * wrong in the route alone. Called by schema_decode. Lifetime: the manifests'. Thread: any. */
#pragma once

#include "manifest/http_route.h"

/* Text that a path may have (RFC 3986), and a header's value (RFC 9110 5.5, without obs-text). */
extern const struct schema_format format_path, format_header_value;

void check_path_match(const void *match, struct problems *problems);
void check_value_match(const void *match, struct problems *problems);
void check_path_modifier(const void *modifier, struct problems *problems);
void check_fraction(const void *fraction, struct problems *problems);
void check_mirror(const void *mirror, struct problems *problems);
void check_cors(const void *cors, struct problems *problems);
void check_filter(const void *filter, struct problems *problems);
/* The filters of one list together. */
void check_filters(const struct schema_list *filters, struct problems *problems);
void check_http_backend_ref(const void *backend, struct problems *problems);
void check_timeouts(const void *timeouts, struct problems *problems);
void check_http_rule(const void *rule, struct problems *problems);
void check_http_route_spec(const void *spec, struct problems *problems);
