/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a version of an object says something new to who makes rules of it. Most changes in a cluster do not: controllers write statuses,
 * the server counts versions, tools leave annotations. What can't be told counts as news.
 * Lifetime: none; texts are borrowed. Thread: any. */
#pragma once

#include "base/str.h"

/* All but metadata.resourceVersion, metadata.managedFields, annotations that are not of umbra.dev, and the status unless that is read. Members
 * in another order are news. */
bool object_is_news(struct str before, struct str after, bool is_status_read) __attribute__((warn_unused_result));
