/* SPDX-License-Identifier: Apache-2.0 */
/* What a piece of text looks like: an id, a time, a token. Guesses from its bytes alone, made so that words, names and prices are none of
 * it. Lifetime: none. Thread: any; pure functions. */
#pragma once

#include "base/str.h"

/* Shorter ones may be words. */
#define FORM_TOKEN_MIN 16
/* Longer ones are no ids. */
#define FORM_MAX 4096

enum form {
    FORM_OTHER,
    FORM_DIGITS,   /* nothing else, at least one */
    FORM_UUID,     /* RFC 9562 4, also in braces */
    FORM_HEX,      /* at least 16 digits */
    FORM_ULID,     /* 26 digits of Crockford's base 32 */
    FORM_TOKEN,    /* base64, base64url, a JWT: at least FORM_TOKEN_MIN bytes of mixed classes */
    FORM_TIME,     /* RFC 3339 with a time of day, also without a zone; HTTP date (RFC 9110 5.6.7) */
    FORM_DATE,     /* 2024-01-31 */
    FORM_DURATION, /* "12.3ms" */
};
enum form form_of(struct str text);

/* Letters and digits that change their class as often as those drawn at random do. */
bool form_is_mixed(struct str text);
