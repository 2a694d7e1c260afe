/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' MicroTime (meta/v1): RFC 3339 in UTC with six digits of a second, without which the API server refuses it. Thread: any. */
#pragma once

#define MICRO_TIME 32

void micro_time_now(char out[MICRO_TIME]);
