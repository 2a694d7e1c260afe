/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of Gateway that concern several fields. Lifetime: the manifests'. Thread: any. */
#pragma once

#include "manifest/gateway_extras.h"

void check_infrastructure(const void *infrastructure, struct problems *problems);
void check_gateway_address(const void *address, struct problems *problems);
void check_listener_tls(const void *tls, struct problems *problems);
void check_listener(const void *listener, struct problems *problems);
void check_gateway_spec(const void *spec, struct problems *problems);
