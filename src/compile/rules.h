/* SPDX-License-Identifier: Apache-2.0 */
/* HTTPRoutes and GRPCRoutes as rules. Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* Attaches all routes and makes their rules, oldest first. After listeners, targets and policies were collected. */
void rules_compile(struct compiler *compiler);
