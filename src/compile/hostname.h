/* SPDX-License-Identifier: Apache-2.0 */
/* Hostnames of listeners and routes: names, wildcards ("*.example.com", any number of labels in front), or "" for all.
 * Lifetime: the arguments'. Thread: any. */
#pragma once

#include "base/str.h"

/* The more specific of both, when one covers the other: what a route takes at a listener. */
bool hostname_intersect(struct str listener, struct str route, struct str *both);
