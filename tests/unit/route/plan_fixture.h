/* SPDX-License-Identifier: Apache-2.0 */
/* A plan made by hand, for functions that need only a few of its tables. Zeroed, then filled. Lifetime: one test. Thread: one. */
#pragma once

#include "plan/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct plan_fixture {
    struct plan plan;
    struct plan_edit edits[300];
    struct plan_str texts[32];
    struct plan_redaction redactions[8];
    struct plan_mirror mirror;
    struct plan_regex regexes[4];
    struct plan_condition conditions[8];
    char strings[4096];
    uint32_t used;
};

#define FIXTURE_OFFSET(member) ((uint32_t)offsetof(struct plan_fixture, member))

static inline struct plan_str plan_fixture_text(struct plan_fixture *fixture, const char *text)
{
    size_t len = strlen(text);
    assert_true(fixture->used + len <= sizeof fixture->strings);
    memcpy(fixture->strings + fixture->used, text, len);
    struct plan_str str = {FIXTURE_OFFSET(strings) + fixture->used, (uint32_t)len};
    fixture->used += (uint32_t)len;
    return str;
}

static inline void plan_fixture_edit(struct plan_fixture *fixture, enum plan_edit_kind kind, const char *name,
                                     const char *value)
{
    fixture->plan.edits.off = FIXTURE_OFFSET(edits);
    assert_true(fixture->plan.edits.count < sizeof fixture->edits / sizeof *fixture->edits);
    fixture->edits[fixture->plan.edits.count++] = (struct plan_edit){kind, plan_fixture_text(fixture, name),
                                                                     plan_fixture_text(fixture, value)};
}

static inline void plan_fixture_redact(struct plan_fixture *fixture, enum plan_redaction_kind kind, const char *name)
{
    fixture->plan.redactions.off = FIXTURE_OFFSET(redactions);
    assert_true(fixture->plan.redactions.count < sizeof fixture->redactions / sizeof *fixture->redactions);
    fixture->redactions[fixture->plan.redactions.count++] = (struct plan_redaction){kind,
                                                                                    plan_fixture_text(fixture, name)};
}

/* Its number; whoever uses it compiles the plan's afterwards. */
static inline uint32_t plan_fixture_regex(struct plan_fixture *fixture, const char *pattern, bool is_search)
{
    fixture->plan.regexes.off = FIXTURE_OFFSET(regexes);
    assert_true(fixture->plan.regexes.count < sizeof fixture->regexes / sizeof *fixture->regexes);
    fixture->regexes[fixture->plan.regexes.count] = (struct plan_regex){plan_fixture_text(fixture, pattern), is_search};
    return fixture->plan.regexes.count++;
}

static inline struct plan_range plan_fixture_edits(const struct plan_fixture *fixture)
{
    return (struct plan_range){0, fixture->plan.edits.count};
}

/* "a b c" as a range of texts. */
static inline struct plan_range plan_fixture_list(struct plan_fixture *fixture, const char *words)
{
    struct plan_range range = {fixture->plan.texts.count, 0};
    struct str rest = str_from_c(words), word;
    fixture->plan.texts.off = FIXTURE_OFFSET(texts);
    while (rest.len && str_next(&rest, ' ', &word)) {
        char text[128];
        snprintf(text, sizeof text, "%.*s", STR_ARG(word));
        assert_true(fixture->plan.texts.count < sizeof fixture->texts / sizeof *fixture->texts);
        fixture->texts[fixture->plan.texts.count++] = plan_fixture_text(fixture, text);
        range.count++;
    }
    return range;
}
