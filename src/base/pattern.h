/* SPDX-License-Identifier: Apache-2.0 */
/* How the regular expressions of rules are read: whoever checks them and whoever matches by them must agree, or the gateway refuses
 * what control has let pass. To be used with <pcre2.h>. Thread: any. */
#pragma once

/* Matched against the whole subject. Bytes, not UTF-8: what comes from a client may be anything. */
#define PATTERN_OPTIONS \
    (PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | \
     PCRE2_NEVER_BACKSLASH_C)
/* Found anywhere in it. */
#define PATTERN_SEARCH_OPTIONS (PATTERN_OPTIONS & ~(PCRE2_ANCHORED | PCRE2_ENDANCHORED))
/* More than any field of the Gateway API holds. */
#define PATTERN_MAX_BYTES 8192
