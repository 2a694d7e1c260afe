/* SPDX-License-Identifier: Apache-2.0 */
/* VirtualServices as rules, behind those of the Gateway API's routes. Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* After rules_compile. */
void istio_routes_compile(struct compiler *compiler);
