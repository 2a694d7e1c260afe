/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void assert_failed(const char *condition, const char *file, int line)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "umbra: %s:%d: assertion failed: %s\n", file, line, condition);
    size_t size = len < (int)sizeof(text) ? (size_t)len : sizeof(text) - 1;
    /* Straight to the descriptor: stdio may allocate, and memory may be what is broken. */
    if (len > 0 && write(STDERR_FILENO, text, size) < 0)
        _exit(134);
    abort();
}
