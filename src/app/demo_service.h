/* SPDX-License-Identifier: Apache-2.0 */
/* The services of the demo: the shop behind an HTTP server of its own process. A shadow takes words on its channel that make it
 * misbehave. Lifetime: the process. Thread: main of a demo child. */
#pragma once

#include "app/demo_shop.h"

/* Words on the channel. */
enum service_word {
    SERVICE_WELL = 'w',   /* as it should */
    SERVICE_SLOW = 's',   /* every answer SERVICE_SLOW_MS later */
    SERVICE_GARBLE = 'g', /* bytes that are no HTTP, or break it */
};
#define SERVICE_SLOW_MS 1000

/* Serves the listening socket at DEMO_CHILD_FD until the channel closes; `role` points at an enum shop_role. */
int demo_service_run(const void *role);
