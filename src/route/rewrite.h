/* SPDX-License-Identifier: Apache-2.0 */
/* URLRewrite, and the paths of RequestRedirect: what becomes of host and path by the Gateway API's rules, or as enum plan_path_kind says.
 * The query keeps its bytes.
 * What stands behind a replaced prefix keeps its bytes too when the path as sent is the path as matched; else it is taken from the path
 * as matched, so that "/a/../.." can't lead out of the new prefix. Bytes that may not stand in a path are sent as escapes.
 * Thread: any; pure functions. */
#pragma once

#include "base/arena.h"
#include "http/head.h"
#include "plan/layout.h"
#include "route/regex.h"

/* Longer paths are not made by a regular expression, nor with more places that it finds. */
#define REWRITE_MAX_PATH (16u * 1024)
#define REWRITE_MAX_PLACES 64

/* A path as the rules see it. */
struct rewrite_path {
    struct str normal;    /* of url_normalise_path */
    size_t prefix_len;    /* of it: what a prefix match covers, as in struct route_match */
    struct regex_use use; /* for REWRITE_REGEX */
};

/* The path with its prefix, or all of it, replaced; never empty. `kind` is neither REWRITE_NO_PATH nor REWRITE_REGEX. */
struct str rewrite_make_path(const struct plan *plan, enum plan_path_kind kind, struct plan_str replacement,
                             const struct rewrite_path *path, struct arena *arena);

/* Changes target and path. A target that is no path ("*", CONNECT's) stays. False when a regular expression came to a limit: nothing has
 * changed then. */
bool rewrite_target(const struct plan *plan, const struct plan_rewrite *rewrite, const struct rewrite_path *path,
                    struct head *head, struct arena *arena) __attribute__((warn_unused_result));
/* Nothing happens when `host` is none. */
void rewrite_host(struct str host, struct head *head);
