/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a path, as an authority and as a query. */
#include "base/arena.h"
#include "base/assert.h"
#include "http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool has_dot_segment(struct str path)
{
    struct str segment;
    for (struct str rest = path; str_next(&rest, '/', &segment);) {
        if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
            return true;
    }
    return false;
}

static void check_path(struct str path)
{
    struct arena arena;
    struct str normal, again;
    arena_init(&arena, NULL, 0);
    if (url_normalise_path(path, &arena, &normal)) {
        ASSERT(normal.len <= path.len);
        ASSERT(path.len == 0 || path.ptr[0] != '/' || normal.ptr[0] == '/');
        /* Normal is normal: the same bytes, not even copied. */
        ASSERT(url_normalise_path(normal, &arena, &again));
        ASSERT(again.ptr == normal.ptr && again.len == normal.len);
        /* str_next trims blanks, which no target holds. */
        if (path.len > 0 && path.ptr[0] == '/' && memchr(path.ptr, ' ', path.len) == NULL &&
            memchr(path.ptr, '\t', path.len) == NULL)
            ASSERT(!has_dot_segment(normal));
    }
    arena_deinit(&arena);
}

static void check_authority(struct str authority)
{
    struct str host;
    uint16_t port;
    bool is_valid = url_split_authority(authority, &host, &port);
    ASSERT(is_valid == url_authority_is_valid(authority));
    if (!is_valid)
        return;
    ASSERT(host.len > 0 && host.ptr >= authority.ptr && host.ptr + host.len <= authority.ptr + authority.len);
    for (size_t i = 0; i < authority.len; i++)
        ASSERT(authority.ptr[i] > ' ' && authority.ptr[i] < 0x7f && strchr("@/?#\\\"", authority.ptr[i]) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct str bytes = {(const char *)data, len}, value;
    check_path(bytes);
    check_authority(bytes);
    size_t name_len = str_find_char(bytes, '=');
    if (url_query_find(bytes, str_slice(bytes, 0, name_len), &value))
        ASSERT(value.len <= bytes.len);
    return 0;
}
