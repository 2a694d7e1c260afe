/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong in cold code that can fail: one sentence that says what, where and how to mend it.
 * Functions that take one return bool and are warn_unused_result. Lifetime: the caller's memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err {
    char text[512];
};

/* Sets the sentence and returns false, so that `return err_set(err, …)` reads well. `err` may be NULL. */
bool err_set(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "context: " in front of what is there and returns false. */
bool err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As err_set, with ": " and strerror(errno) at the end. */
bool err_errno(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
