/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of networking.istio.io's kinds, to hold our tables to them; v1, v1beta1 and v1alpha3 have the same. What is below a
 * field that is known but not read does not stand here. Lifetime: constant. Thread: any. */
#pragma once

#include "manifest/kind.h"

struct istio_fact {
    enum kind_id kind;
    const char *path; /* "[]" is an item, "{}" a value of a map */
};
extern const struct istio_fact istio_facts[];
extern const size_t istio_fact_count;
