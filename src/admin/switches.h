/* SPDX-License-Identifier: Apache-2.0 */
/* The kill switches of GET and POST /api/mirror: one for all mirroring, one per mirror, in the registry, where the gateway's
 * first gate looks. Lifetime: none. Thread: control's. */
#pragma once

#include "admin/status.h"
#include "base/err.h"

/* {"off": false, "mirrors": [{"route", "mirror", "off"}]} */
void switches_json(const struct status_source *source, struct strbuf *page);
/* Does what the body {"off", "route", "mirror"} says and appends {"off", "mirrors": how many, "text": a sentence}; returns 200,
 * or 400 or 404 with a sentence that names what is wrong and which routes there are. */
uint16_t switches_set(const struct status_source *source, struct str body, struct strbuf *page, struct err *err);
