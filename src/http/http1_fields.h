/* SPDX-License-Identifier: Apache-2.0 */
/* Field lines, the part that request heads, response heads and trailer sections share. Internal to the HTTP/1 codec.
 * Lifetime: fields point into the bytes. Thread: any; pure functions. */
#pragma once

#include "http/http1_parse.h"

/* Reads field lines from `at` up to the empty line that must stand right before `end`; the caller has checked that
 * the bytes end in CR LF. Fills `fields` (room for HEAD_MAX_FIELDS); *count is set when none was refused. */
enum refusal http1_parse_fields(const char *at, const char *end, struct field *fields, uint16_t *count)
    __attribute__((warn_unused_result));
