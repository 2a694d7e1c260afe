/* SPDX-License-Identifier: Apache-2.0 */
/* Free list of objects of one size, for long-lived types that come and go at the rate of requests.
 * Memory is taken from the system in pages of several objects; a page whose objects are all free goes back once
 * more than one page is free, so that a burst does not stay resident. Objects are not zeroed.
 * Lifetime: the worker's. Thread: one. */
#pragma once

#include <stddef.h>

struct slab;

struct slab *slab_new(const char *name, size_t object_size);
/* All objects must have been given back. */
void slab_free(struct slab *slab);
void *slab_take(struct slab *slab) __attribute__((returns_nonnull, warn_unused_result));
void slab_give(struct slab *slab, void *object);
/* Objects taken and not given back. */
size_t slab_in_use(const struct slab *slab);
