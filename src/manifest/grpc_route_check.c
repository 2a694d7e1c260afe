/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/grpc_route_check.h"

#include "manifest/http_route_check.h"
#include "manifest/quote.h"
#include "manifest/regex_check.h"

#include <ctype.h>

/* A letter or an underscore, then letters, digits and underscores. */
static bool is_identifier(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool is_letter = (c < 0x80 && isalpha(c)) || c == '_';
        if (!is_letter && (i == 0 || c >= 0x80 || !isdigit(c)))
            return false;
    }
    return text.len > 0;
}

/* Identifiers with dots between, and one before them where one likes. */
static bool is_service(struct str text)
{
    struct str rest = str_slice(text, str_starts_with(text, STR(".")) ? 1 : 0, text.len);
    size_t dot;
    while ((dot = str_find_char(rest, '.')) < rest.len) {
        if (!is_identifier(str_slice(rest, 0, dot)))
            return false;
        rest = str_slice(rest, dot + 1, rest.len);
    }
    return is_identifier(rest);
}

static void check_exact(const struct grpc_method_match *match, struct problems *problems)
{
    char quoted[QUOTE_TEXT];
    if (match->service.ptr && !is_service(match->service))
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(match->node, "service"),
                     "%s is no name of a service, as shop.v1.Checkout; write one, leave it out for all, or set type: "
                     "RegularExpression",
                     quote_short(match->service, quoted));
    if (match->method.ptr && !is_identifier(match->method))
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(match->node, "method"),
                     "%s is no name of a method, as GetCart (without service and slash); write one, leave it out for "
                     "all, or set type: RegularExpression",
                     quote_short(match->method, quoted));
}

/* Each alone, so that the message has what was written; then both in the path, where what stands alone may not end. */
static void check_patterns(const struct grpc_method_match *match, struct problems *problems)
{
    size_t errors = problems->errors;
    regex_check(match->service, place_of(match->node, "service"), problems);
    regex_check(match->method, place_of(match->node, "method"), problems);
    if (problems->errors > errors)
        return;
    struct strbuf pattern = STRBUF_INIT;
    grpc_path_pattern(match, &pattern);
    regex_check(strbuf_str(&pattern), match->node, problems);
    strbuf_deinit(&pattern);
}

void check_grpc_method_match(const void *object, struct problems *problems)
{
    const struct grpc_method_match *match = object;
    if (!match->service.ptr && !match->method.ptr)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, match->node,
                     "has neither service nor method: add one, or leave the whole of it out to match all calls");
    else if (match->type.value == VALUE_REGEX)
        check_patterns(match, problems);
    else
        check_exact(match, problems);
}

void check_grpc_rule(const void *object, struct problems *problems)
{
    const struct http_route_rule *rule = object;
    check_filters(&rule->filters, problems);
}

void grpc_path_pattern(const struct grpc_method_match *match, struct strbuf *out)
{
    static const struct str any = STR_INIT("[^/]+");
    bool is_regex = match->type.value == VALUE_REGEX;
    const struct str parts[] = {match->service, match->method};
    for (size_t i = 0; i < 2; i++) {
        struct str part = parts[i].len > 0 ? parts[i] : any;
        if (is_regex) {
            strbuf_printf(out, "/(?:%.*s)", STR_ARG(part));
            continue;
        }
        strbuf_add_char(out, '/');
        for (size_t k = 0; k < part.len; k++) /* the only character of a name that means something else */
            strbuf_printf(out, part.ptr[k] == '.' ? "\\%c" : "%c", part.ptr[k]);
    }
}
