/* SPDX-License-Identifier: Apache-2.0 */
/* ASSERT stays on in release builds. It checks Umbra's own logic only, never what a peer sent. */
#pragma once

_Noreturn void assert_failed(const char *condition, const char *file, int line);

#define ASSERT(condition) \
    do { \
        if (__builtin_expect(!(condition), 0)) \
            assert_failed(#condition, __FILE__, __LINE__); \
    } while (0)
