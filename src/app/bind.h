/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets, made by the supervisor alone, and sentences that say how to mend it when one can't be made.
 * Lifetime: the descriptor is the caller's. Thread: any. */
#pragma once

#include "base/address.h"
#include "base/err.h"

/* A listening socket, non-blocking and close-on-exec; *real has the port that the kernel chose where 0 was asked. -1 with
 * errno. A Unix path that nobody listens on any more is taken over. */
int bind_listener(const struct address *asked, struct address *real);
/* "can't listen on 127.0.0.1:80: …" for people, from the errno of bind_listener. `has_offset`: --port-offset would help. */
void bind_explain(const struct address *asked, int error, bool has_offset, struct err *err);
