/* SPDX-License-Identifier: Apache-2.0 */
/* The features of the Gateway API that a GatewayClass of Umbra claims in its status (GEP-2162): what the data plane has, by the
 * names of the Gateway API v1.6. docs/gateway-api.md says the same for people. Lifetime: constant. Thread: any. */
#pragma once

#include <stddef.h>

/* Sorted by bytes, as the API asks for; NULL-terminated. */
extern const char *const gateway_features[];
extern const size_t gateway_feature_count;
