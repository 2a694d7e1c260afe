/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the admin port of a running umbra, for the commands: one blocking request on a connection of its own.
 * Lifetime: a reply is freed with admin_reply_deinit. Thread: main. */
#pragma once

#include "app/options.h"
#include "base/err.h"
#include "base/strbuf.h"

/* Longest wait for the connection, and for each next piece of the answer. */
#define ADMIN_CLIENT_TIMEOUT_MS 3000

struct admin_reply {
    uint16_t status;
    struct strbuf body;
};

/* A POST carries X-Umbra: 1 and its body as JSON; `body` is STR_NONE for GET. True for any answer that is HTTP and whole, except
 * 401 and 403; else false with what is wrong and how to mend it. */
bool admin_client_ask(const struct client_options *options, const char *method, struct str target, struct str body,
                      struct admin_reply *reply, struct err *err) __attribute__((warn_unused_result));
void admin_reply_deinit(struct admin_reply *reply);
/* GET of a page: the reply is 200, or what the server says against it stands in `err`. */
bool admin_client_get(const struct client_options *options, struct str target, struct admin_reply *reply,
                      struct err *err) __attribute__((warn_unused_result));
