/* SPDX-License-Identifier: Apache-2.0 */
/* What an API server says when it refuses: a Status object (API conventions, "Response Status Kind"), or plain text.
 * Lifetime: status_deinit. Thread: the owner's. */
#pragma once

#include "base/strbuf.h"

/* A longer answer is not looked into. */
#define STATUS_MAX_BYTES ((size_t)256 * 1024)

struct status {
    int code;              /* of a Status; 0: it says none */
    struct str reason;     /* "Expired", within the text; empty: none */
    struct strbuf message; /* as people read it; possibly empty */
};

/* `body` lives as long as the status. */
void status_read(struct status *status, struct str body);
void status_deinit(struct status *status);
/* "403 Forbidden: httproutes is forbidden: …", added to `out`; `code` is HTTP's or the event's. */
void status_format(struct strbuf *out, const struct status *status, int code);
