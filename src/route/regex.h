/* SPDX-License-Identifier: Apache-2.0 */
/* The plan's regular expressions, compiled with PCRE2 (JIT where the system allows it), matched against the whole subject, or searched
 * for in it, with limits on time and depth, so that no request can make a worker think for long.
 * Lifetime: compiled once per plan, by the gateway's builder thread; shared read-only by workers, each with its own scratch. */
#pragma once

#include "base/err.h"
#include "plan/layout.h"

#define REGEX_MATCH_LIMIT 20000 /* PCRE2's internal match() calls: about a millisecond on a short subject */
/* Between two of them PCRE2 may look at the whole subject without counting, above all with JIT (".*x.*y.*z"). So a long one gets so many
 * less that calls times bytes are at most this: some milliseconds, and still a call for each byte up to 4 KiB, which is what the worst
 * of those patterns want that need no more than to look once at each byte. */
#define REGEX_MAX_WORK (16u * 1024 * 1024)
#define REGEX_MAX_SUBJECT (16 * 1024) /* of a longer one it is not known: REGEX_LIMIT */

struct regexes;
struct regex_scratch;

/* NULL when one does not compile (a plan that control has checked has none). */
struct regexes *regexes_new(const struct plan *plan, struct err *err) __attribute__((warn_unused_result));
void regexes_free(struct regexes *regexes);
struct regex_scratch *regex_scratch_new(void);
void regex_scratch_free(struct regex_scratch *scratch);

/* What whoever matches by a plan has at hand. */
struct regex_use {
    const struct regexes *regexes;
    struct regex_scratch *scratch;
};

enum regex_result { REGEX_NO, REGEX_YES, REGEX_LIMIT };
/* Of one that matches the whole. */
enum regex_result regexes_match(const struct regexes *regexes, struct regex_scratch *scratch, uint32_t index,
                                struct str subject);

/* What was found, and in it the groups 1 to 9; the ptr of a group that took no part is NULL. */
#define REGEX_GROUPS 10
struct regex_groups {
    struct str list[REGEX_GROUPS];
};
/* Of one that searches: the first place from byte `from` of the subject on. */
enum regex_result regexes_search(const struct regexes *regexes, struct regex_scratch *scratch, uint32_t index,
                                 struct str subject, size_t from, struct regex_groups *groups);
