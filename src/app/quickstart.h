/* SPDX-License-Identifier: Apache-2.0 */
/* From the settings of a run to the manifests that the quick start's flags stand for. Thread: any. */
#pragma once

#include "app/settings.h"
#include "provider/flags.h"

/* Appends the documents. */
void quickstart_manifest(const struct settings *settings, struct strbuf *out);
