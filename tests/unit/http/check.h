/* SPDX-License-Identifier: Apache-2.0 */
/* What the HTTP/1 tests share. Lifetime: a test process. Thread: one. */
#pragma once

#include "http/http1_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline void check_str(struct str got, const char *want, const char *where)
{
    if (!str_eq(got, str_from_c(want)))
        fail_msg("%s: got \"%.*s\", want \"%s\"", where, STR_ARG(got), want);
}

static inline void check_refusal(enum refusal got, enum refusal want, struct str where)
{
    if (got != want)
        fail_msg("%.*s: got %s, want %s", STR_ARG(where), refusal_name(got), refusal_name(want));
}

/* The refusal of a request as a connection would meet it: in finding the head's end or in parsing it. The fields stay
 * valid until the next call. */
static inline enum refusal parse_request(struct str bytes, struct head *head)
{
    static struct field fields[HEAD_MAX_FIELDS];
    size_t scanned = 0, len = 0;
    enum refusal refusal = REFUSAL_NONE;
    head->fields = fields;
    enum parse found = http1_find_head_end(bytes, &scanned, &len, &refusal);
    if (found == PARSE_MORE)
        fail_msg("no end of head in \"%.*s\"", STR_ARG(bytes));
    if (found == PARSE_DONE) {
        enum parse parsed = http1_parse_request(str_slice(bytes, 0, len), head, &refusal);
        assert_int_equal(parsed, refusal == REFUSAL_NONE ? PARSE_DONE : PARSE_BAD);
    }
    return refusal;
}

static inline enum refusal parse_response(struct str bytes, enum http_method method, struct head *head)
{
    static struct field fields[HEAD_MAX_FIELDS];
    enum refusal refusal = REFUSAL_NONE;
    head->fields = fields;
    enum parse parsed = http1_parse_response(bytes, method, head, &refusal);
    assert_int_equal(parsed, refusal == REFUSAL_NONE ? PARSE_DONE : PARSE_BAD);
    return refusal;
}
