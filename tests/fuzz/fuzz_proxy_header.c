/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the first bytes of a connection on which a balancer puts a PROXY header. However they are cut into pieces, the header is
 * the same; a limit is kept, and what is no header can't become one. */
#include "base/assert.h"
#include "base/mem.h"
#include "io/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* In a block of its own, so that a sanitizer sees the first byte behind it. */
static enum proxy_header_parse parse(const uint8_t *data, size_t len, struct proxy_header *header)
{
    char *bytes = mem_alloc_raw(len + !len);
    if (len > 0)
        memcpy(bytes, data, len);
    enum proxy_header_parse parsed = proxy_header_parse((struct str){bytes, len}, header);
    mem_free(bytes);
    return parsed;
}

static void check_address(const struct address *address)
{
    char text[ADDRESS_TEXT];
    ASSERT(address->family >= ADDRESS_IPV4 && address->family <= ADDRESS_UNIX);
    ASSERT(address->path_len < sizeof address->path);
    ASSERT(address_format(address, text).len < sizeof text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct proxy_header header, piece;
    if (len > 2 * PROXY_HEADER_MAX)
        return 0;
    enum proxy_header_parse whole = parse(data, len, &header);
    if (whole == PROXY_HEADER_WHOLE) {
        ASSERT(header.len > 0 && header.len <= len && header.len <= PROXY_HEADER_MAX);
        ASSERT(parse(data, header.len, &piece) == PROXY_HEADER_WHOLE && piece.len == header.len);
        ASSERT(parse(data, header.len - 1, &piece) == PROXY_HEADER_MORE);
    }
    if (whole == PROXY_HEADER_WHOLE && header.has_addresses) {
        check_address(&header.source);
        check_address(&header.destination);
    }
    ASSERT(whole != PROXY_HEADER_MORE || len < PROXY_HEADER_MAX);
    bool is_bad = false;
    for (size_t cut = 0; cut <= len && cut <= 2 * PROXY_HEADER_V1_MAX; cut++) {
        enum proxy_header_parse parsed = parse(data, cut, &piece);
        ASSERT(!is_bad || parsed == PROXY_HEADER_BAD);
        ASSERT(whole != PROXY_HEADER_MORE || parsed == PROXY_HEADER_MORE);
        is_bad = parsed == PROXY_HEADER_BAD;
    }
    return 0;
}
