/* SPDX-License-Identifier: Apache-2.0 */
/* Why copies are not sent, in one plain sentence that says how to mend it.
 * Lifetime: none. Thread: any; pure functions. */
#pragma once

#include "admin/status.h"

enum why {
    WHY_SENDING, /* nothing to say */
    WHY_IDLE,    /* nothing has matched yet */
    WHY_PARTLY,  /* copies are sent, but some are lost */
    WHY_STOPPED, /* none is sent */
    WHY_OFF,     /* by a kill switch or the rule */
};

const char *why_name(enum why why);
/* Appends the sentence, none for WHY_SENDING. */
enum why why_not_sent(const struct status_mirror *mirror, const struct status_totals *totals, struct strbuf *sentence);
/* "connect refused", "timeout", "reset: connection reset by peer" */
void why_failed(enum failed reason, int error, struct strbuf *out);
