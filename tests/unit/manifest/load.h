/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests from texts, and what was said of them. Lifetime: manifests_unref. Thread: the test's. */
#pragma once

#include "manifest/manifests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* One file, "a.yaml". */
struct manifests *load_text(const char *text);
/* The first problem of the severity, formatted as people see it; "" when there is none. Lives until the next call. */
const char *load_first(const struct manifests *manifests, enum severity severity);
/* All problems, one in a line. Lives until the next call. */
const char *load_problems(const struct manifests *manifests);
/* Fails unless there is exactly one problem of the severity, and it holds all words (NULL-terminated). */
void load_assert_one(const struct manifests *manifests, enum severity severity, const char *const *words);
