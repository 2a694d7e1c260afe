/* SPDX-License-Identifier: Apache-2.0 */
/* The input as two loads of one file, the second after a line "=====": what is in force can be printed and read again, and what was
 * good stays where the second load has it wrong. */
#include "base/assert.h"
#include "manifest/manifests.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct manifests *load(struct str text)
{
    struct manifests *manifests = manifests_new();
    manifests_read(manifests, STR("fuzz.yaml"), text);
    for (size_t i = 0; i < manifests->resource_count; i++) {
        const struct resource *resource = &manifests->resources[i];
        ASSERT(resource->is_bad == (resource->object == NULL));
        ASSERT(!resource->is_bad || manifests->problems.errors > 0);
        ASSERT(manifests_find_any(manifests, resource->kind->id, resource->ns, resource->name) == resource);
    }
    return manifests;
}

/* Secrets are not printed, so those that have some can't be read again. */
static bool has_secrets(const struct manifests *manifests)
{
    for (size_t i = 0; i < manifests->resource_count; i++) {
        if (manifests->resources[i].kind->id == KIND_SECRET)
            return true;
    }
    return false;
}

static void check_print(const struct manifests *manifests)
{
    struct strbuf once = STRBUF_INIT, twice = STRBUF_INIT;
    manifests_print(manifests, &once);
    if (!has_secrets(manifests)) {
        struct manifests *again = load(strbuf_str(&once));
        ASSERT(again->problems.errors == 0);
        manifests_print(again, &twice);
        ASSERT(str_eq(strbuf_str(&once), strbuf_str(&twice)));
        manifests_unref(again);
    }
    strbuf_deinit(&twice);
    strbuf_deinit(&once);
}

static void check_kept(const struct manifests *manifests, const struct manifests *before)
{
    for (size_t i = 0; i < before->resource_count; i++) {
        const struct resource *old = &before->resources[i];
        bool is_there = manifests_has(manifests, old->kind->id, old->ns, old->name);
        bool is_in_force = manifests_find(manifests, old->kind->id, old->ns, old->name) != NULL;
        ASSERT(!old->object || is_in_force == is_there);
        ASSERT(!old->object || is_in_force || manifests->broken_files.live == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char line[] = "\n=====\n";
    struct str text = {(const char *)data, len};
    const char *cut = len > 0 ? memmem(data, len, line, sizeof(line) - 1) : NULL;
    size_t first = cut ? (size_t)(cut - text.ptr) + 1 : len;
    struct manifests *before = load(str_slice(text, 0, first));
    struct manifests *manifests = load(cut ? str_slice(text, first + sizeof(line) - 2, len) : STR("{"));
    check_print(before);
    manifests_keep_last_good(manifests, before);
    check_kept(manifests, before);
    manifests_unref(before);
    check_print(manifests);
    manifests_unref(manifests);
    return 0;
}
