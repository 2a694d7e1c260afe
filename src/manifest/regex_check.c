/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "manifest/regex_check.h"

#include "base/pattern.h"
#include "manifest/quote.h"

#include <pcre2.h>

void regex_check(struct str pattern, const struct node *at, struct problems *problems)
{
    int error;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)(pattern.ptr ? pattern.ptr : ""), pattern.len, PATTERN_OPTIONS, &error,
                                     &offset, NULL);
    if (code) {
        pcre2_code_free(code);
        return;
    }
    PCRE2_UCHAR why[160];
    if (pcre2_get_error_message(error, why, sizeof(why)) < 0)
        why[0] = '\0';
    char quoted[QUOTE_TEXT];
    problems_add(problems, SEVERITY_ERROR, STR_NONE, at, "%s is no valid regular expression: %s at character %zu",
                 quote_short(pattern, quoted), (const char *)why, offset);
}
