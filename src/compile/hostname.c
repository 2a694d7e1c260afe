/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/hostname.h"

/* Whether every host that `name` means is one that `pattern` means. */
static bool covers(struct str pattern, struct str name)
{
    if (pattern.len == 0 || str_eq(pattern, name))
        return true;
    /* The suffix keeps its dot, so that "*.example.com" covers neither example.com nor badexample.com. */
    struct str suffix = str_slice(pattern, 1, pattern.len);
    return str_starts_with(pattern, STR("*.")) && name.len > suffix.len && str_ends_with(name, suffix);
}

bool hostname_intersect(struct str listener, struct str route, struct str *both)
{
    bool is_route_narrower = covers(listener, route);
    *both = is_route_narrower ? route : listener;
    return is_route_narrower || covers(route, listener);
}
