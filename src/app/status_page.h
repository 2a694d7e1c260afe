/* SPDX-License-Identifier: Apache-2.0 */
/* The page that `umbra status` and `umbra top` show, from the admin port. Lifetime: as admin_client.h. Thread: main. */
#pragma once

#include "app/admin_client.h"

/* In the format and of the route and mirror that the options name; never empty. */
bool status_page_get(const struct client_options *options, struct admin_reply *reply, struct err *err)
    __attribute__((warn_unused_result));
