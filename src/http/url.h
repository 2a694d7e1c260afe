/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets and authorities (RFC 3986), pure functions on bytes. Thread: any. */
#pragma once

#include "base/str.h"

struct arena;

/* A path as routes are matched against it (so that it is judged as what the backend will make of it): unreserved escapes decoded (%7E and
 * %41, never %2F), hex digits of the other escapes in upper case, "." and ".." segments resolved (RFC 3986 5.2.4), an
 * encoded dot (%2e) counting as a dot. Returns `path` itself when nothing changes; else a copy in the arena. False when
 * the path climbs above '/' or holds a malformed escape ("%zz" is kept as it is, not refused: only climbing is). */
bool url_normalise_path(struct str path, struct arena *arena, struct str *normal) __attribute__((warn_unused_result));

/* Parts a request target in origin-form at its first '?'; the ptr of `query` is NULL when there is none. */
void url_split_path(struct str path_and_query, struct str *path, struct str *query);

/* True for uri-host [":" port]: reg-name, IPv4 or "[IPv6]"; no userinfo; port empty or 0 to 65535. */
bool url_authority_is_valid(struct str authority);

/* Splits host and port; the host of "[::1]:80" is "::1"; port is 0 when absent. False when not valid. */
bool url_split_authority(struct str authority, struct str *host, uint16_t *port) __attribute__((warn_unused_result));

/* The value of the first query parameter with this name, still encoded; false when there is none. */
bool url_query_find(struct str query, struct str name, struct str *value) __attribute__((warn_unused_result));
