/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slab.h"

#include "base/assert.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/poison.h"

#include <stdint.h>
#include <stdio.h>

#define SLAB_ALIGN 16
#define SLAB_PAGE_MIN (16 * 1024)
#define SLAB_OBJECTS_MIN 8
/* What malloc puts in front of a block. Leaving room for it lets aligned pages stand side by side without gaps. */
#define SLAB_MALLOC_HEAD 8

/* A free object holds the link to the next one. */
struct slab_link {
    struct slab_link *next;
};

/* The head of a page; objects follow. Pages are aligned at their size, so an object's address leads to its page. */
struct slab_page {
    struct slab *slab;
    struct slab_link *free; /* given back */
    uint32_t fresh;         /* objects that were never taken; they come last, so that their memory stays untouched */
    uint32_t in_use;
    struct list node; /* in slab->partial; in no list when full or slab->spare */
} __attribute__((aligned(SLAB_ALIGN)));

struct slab {
    const char *name;
    size_t object_size;
    size_t page_size;
    uint32_t page_objects;
    size_t in_use;
    struct list partial;     /* pages with objects in use and room */
    struct slab_page *spare; /* the one page without objects in use that is kept */
};

struct slab *slab_new(const char *name, size_t object_size)
{
    ASSERT(object_size <= UINT32_MAX / 2);
    struct slab *slab = mem_alloc(sizeof(*slab));
    if (object_size < sizeof(struct slab_link))
        object_size = sizeof(struct slab_link);
    slab->name = name;
    slab->object_size = (object_size + SLAB_ALIGN - 1) / SLAB_ALIGN * SLAB_ALIGN;
    slab->page_size = SLAB_PAGE_MIN;
    size_t overhead = sizeof(struct slab_page) + SLAB_MALLOC_HEAD;
    while (slab->page_size < slab->object_size * SLAB_OBJECTS_MIN + overhead)
        slab->page_size *= 2;
    slab->page_objects = (uint32_t)((slab->page_size - overhead) / slab->object_size);
    list_init(&slab->partial);
    return slab;
}

static struct slab_page *page_new(struct slab *slab)
{
    struct slab_page *page = mem_alloc_aligned(slab->page_size, slab->page_size - SLAB_MALLOC_HEAD);
    page->slab = slab;
    page->free = NULL;
    page->fresh = slab->page_objects;
    page->in_use = 0;
    list_init(&page->node);
    POISON(page + 1, slab->object_size * slab->page_objects);
    return page;
}

static void page_free(struct slab_page *page)
{
    UNPOISON(page + 1, page->slab->object_size * page->slab->page_objects);
    mem_free(page);
}

void slab_free(struct slab *slab)
{
    if (!slab)
        return;
    if (slab->in_use != 0) {
        char text[128];
        snprintf(text, sizeof(text), "slab %s: %zu objects were not given back", slab->name, slab->in_use);
        assert_failed(text, __FILE__, __LINE__);
    }
    if (slab->spare)
        page_free(slab->spare);
    mem_free(slab);
}

/* The page to take from when none is partly used. */
static struct slab_page *page_open(struct slab *slab)
{
    struct slab_page *page = slab->spare ? slab->spare : page_new(slab);
    slab->spare = NULL;
    list_add_front(&slab->partial, &page->node);
    return page;
}

void *slab_take(struct slab *slab)
{
    struct slab_page *page;
    if (__builtin_expect(list_is_empty(&slab->partial), 0))
        page = page_open(slab);
    else
        page = CONTAINER_OF(slab->partial.next, struct slab_page, node);

    struct slab_link *object = page->free;
    if (object) {
        UNPOISON(object, slab->object_size);
        page->free = object->next;
    } else {
        uint32_t index = slab->page_objects - page->fresh--;
        object = (struct slab_link *)((char *)(page + 1) + index * slab->object_size);
        UNPOISON(object, slab->object_size);
    }
    slab->in_use++;
    page->in_use++;
    if (page->in_use == slab->page_objects)
        list_remove(&page->node);
    return object;
}

void slab_give(struct slab *slab, void *object)
{
    struct slab_page *page = (struct slab_page *)((uintptr_t)object & ~(uintptr_t)(slab->page_size - 1));
    ASSERT(page->slab == slab && page->in_use > 0);

    struct slab_link *link = object;
    link->next = page->free;
    page->free = link;
    POISON(object, slab->object_size);
    slab->in_use--;
    page->in_use--;
    if (page->in_use == 0) {
        list_remove(&page->node);
        if (slab->spare)
            page_free(page);
        else
            slab->spare = page;
    } else if (page->in_use == slab->page_objects - 1) {
        list_add_front(&slab->partial, &page->node);
    }
}

size_t slab_in_use(const struct slab *slab)
{
    return slab->in_use;
}
