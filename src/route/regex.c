/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "route/regex.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/pattern.h"

#include <pcre2.h>

#define REGEX_MAX_DEPTH 2000          /* of backtracking, without JIT */
#define REGEX_MAX_HEAP_KIB 1024       /* of backtracking, without JIT */
#define REGEX_MIN_STACK (16 * 1024)   /* of backtracking, with JIT */
#define REGEX_MAX_STACK (1024 * 1024) /* likewise */
#define REGEX_MESSAGE 256

struct regexes {
    uint32_t count;
    pcre2_code **codes;
};

struct regex_scratch {
    pcre2_match_data *data;   /* of whole matches, whose groups nobody asks for */
    pcre2_match_data *groups; /* of searches */
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

static pcre2_code *compile(pcre2_compile_context *context, struct str pattern, bool is_search, struct err *err)
{
    uint32_t options = is_search ? PATTERN_SEARCH_OPTIONS : PATTERN_OPTIONS;
    int error;
    size_t at;
    PCRE2_UCHAR message[REGEX_MESSAGE];
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, options, &error, &at, context);
    if (!code) {
        pcre2_get_error_message(error, message, sizeof(message));
        err_set(err, "the regular expression \"%.*s\" is wrong at byte %zu: %s", STR_ARG(pattern), at, (char *)message);
        return NULL;
    }
    /* Where the system allows no code to be made at run time, the interpreter does it. */
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    return code;
}

struct regexes *regexes_new(const struct plan *plan, struct err *err)
{
    struct regexes *regexes = mem_alloc(sizeof(*regexes));
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    ASSERT(context);
    pcre2_set_max_pattern_length(context, PATTERN_MAX_BYTES);
    regexes->codes = mem_alloc((plan->regexes.count + 1) * sizeof(pcre2_code *));
    bool is_right = true;
    while (is_right && regexes->count < plan->regexes.count) {
        const struct plan_regex *regex = PLAN_REGEX(plan, regexes->count);
        regexes->codes[regexes->count] = compile(context, plan_text(plan, regex->pattern), regex->is_search, err);
        is_right = regexes->codes[regexes->count++];
    }
    pcre2_compile_context_free(context);
    if (is_right)
        return regexes;
    regexes_free(regexes);
    return NULL;
}

void regexes_free(struct regexes *regexes)
{
    if (!regexes)
        return;
    for (uint32_t i = 0; i < regexes->count; i++)
        pcre2_code_free(regexes->codes[i]);
    mem_free(regexes->codes);
    mem_free(regexes);
}

struct regex_scratch *regex_scratch_new(void)
{
    struct regex_scratch *scratch = mem_alloc(sizeof(*scratch));
    scratch->data = pcre2_match_data_create(1, NULL);
    scratch->groups = pcre2_match_data_create(REGEX_GROUPS, NULL);
    scratch->context = pcre2_match_context_create(NULL);
    scratch->stack = pcre2_jit_stack_create(REGEX_MIN_STACK, REGEX_MAX_STACK, NULL);
    ASSERT(scratch->data && scratch->groups && scratch->context);
    pcre2_set_depth_limit(scratch->context, REGEX_MAX_DEPTH);
    pcre2_set_heap_limit(scratch->context, REGEX_MAX_HEAP_KIB);
    pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
    return scratch;
}

void regex_scratch_free(struct regex_scratch *scratch)
{
    if (!scratch)
        return;
    pcre2_jit_stack_free(scratch->stack);
    pcre2_match_context_free(scratch->context);
    pcre2_match_data_free(scratch->groups);
    pcre2_match_data_free(scratch->data);
    mem_free(scratch);
}

static uint32_t match_limit(size_t len)
{
    size_t limit = REGEX_MAX_WORK / (len + 1);
    return limit < REGEX_MATCH_LIMIT ? (uint32_t)limit : REGEX_MATCH_LIMIT;
}

/* The number of groups that are known, the whole included; 0: none, below 0: a limit. */
static int match(const pcre2_code *code, struct regex_scratch *scratch, struct str subject, size_t from,
                 pcre2_match_data *data)
{
    if (subject.len > REGEX_MAX_SUBJECT)
        return PCRE2_ERROR_MATCHLIMIT;
    pcre2_set_match_limit(scratch->context, match_limit(subject.len));
    PCRE2_SPTR bytes = (PCRE2_SPTR)(subject.len > 0 ? subject.ptr : "");
    int result = pcre2_match(code, bytes, subject.len, from, 0, data, scratch->context);
    if (result == PCRE2_ERROR_NOMATCH)
        return 0;
    return result == 0 ? (int)pcre2_get_ovector_count(data) : result; /* 0: there are more of them */
}

enum regex_result regexes_match(const struct regexes *regexes, struct regex_scratch *scratch, uint32_t index,
                                struct str subject)
{
    ASSERT(index < regexes->count);
    int count = match(regexes->codes[index], scratch, subject, 0, scratch->data);
    return count > 0 ? REGEX_YES : count < 0 ? REGEX_LIMIT : REGEX_NO;
}

enum regex_result regexes_search(const struct regexes *regexes, struct regex_scratch *scratch, uint32_t index,
                                 struct str subject, size_t from, struct regex_groups *groups)
{
    ASSERT(index < regexes->count && from <= subject.len);
    int count = match(regexes->codes[index], scratch, subject, from, scratch->groups);
    *groups = (struct regex_groups){0};
    if (count <= 0)
        return count < 0 ? REGEX_LIMIT : REGEX_NO;
    const size_t *ends = pcre2_get_ovector_pointer(scratch->groups);
    /* "\K" in an assertion can put the beginning of the whole behind its end, or before `from`. */
    if (ends[0] > ends[1] || ends[0] < from)
        return REGEX_NO;
    for (int i = 0; i < count && i < REGEX_GROUPS; i++) {
        if (ends[2 * i] != PCRE2_UNSET)
            groups->list[i] = (struct str){subject.len > 0 ? subject.ptr + ends[2 * i] : "",
                                           ends[2 * i + 1] - ends[2 * i]};
    }
    return REGEX_YES;
}
