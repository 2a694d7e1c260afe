/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON value as the text that goes to an API server. Thread: any. */
#pragma once

#include "base/strbuf.h"

#include <jansson.h>

/* Appends it, on one line. */
void json_text_add(struct strbuf *out, const json_t *value);
