/* SPDX-License-Identifier: Apache-2.0 */
/* Tells AddressSanitizer that bytes in a free list or cache must not be touched; nothing in ordinary builds.
 * Lifetime: until unpoisoned, which must happen before the memory is freed. Thread: any. */
#pragma once

#if defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define POISON_ON 1
#    endif
#elif defined(__SANITIZE_ADDRESS__)
#    define POISON_ON 1
#endif

#ifdef POISON_ON
#    include <sanitizer/asan_interface.h>
#    define POISON(ptr, size) ASAN_POISON_MEMORY_REGION(ptr, size)
#    define UNPOISON(ptr, size) ASAN_UNPOISON_MEMORY_REGION(ptr, size)
#else
#    define POISON(ptr, size) ((void)(ptr), (void)(size))
#    define UNPOISON(ptr, size) ((void)(ptr), (void)(size))
#endif
