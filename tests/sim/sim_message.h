/* SPDX-License-Identifier: Apache-2.0 */
/* Whole HTTP/1 messages in a run of bytes, as an actor sees them. Lifetime: borrowed bytes. Thread: any. */
#pragma once

#include "http/http1_parse.h"

/* The length of the first request with its body, when all of it is there. */
bool message_request_len(struct str bytes, size_t *len);
/* The length of the first head, when all of it is there. */
bool message_head_len(struct str bytes, size_t *len);
/* The length of the trailer section at the front; all of bytes when it is not whole. */
size_t message_trailers_len(struct str bytes);
/* Decodes a chunked body at the front of bytes into `data` (as large as bytes): false when it is not whole. *used covers the trailers. */
bool message_unchunk(struct str bytes, char *data, size_t *len, size_t *used);
