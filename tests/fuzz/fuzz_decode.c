/* SPDX-License-Identifier: Apache-2.0 */
/* A coded body: the first byte chooses the codings. Output stays within its limits, and a decoder forgets what it did before. */
#include "base/assert.h"
#include "compare/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct str codings[] = {STR_INIT("gzip"), STR_INIT("deflate"),    STR_INIT("br"),
                                         STR_INIT("zstd"), STR_INIT("gzip, zstd"), STR_INIT("br,deflate,gzip,br"),
                                         STR_INIT(""),     STR_INIT("gzip,gzip")};
    static struct decoder decoder;
    const struct decode_limits limits = {(size_t)1 << 21, 200};
    if (len < 1)
        return 0;
    struct str body = {(const char *)data + 1, len - 1}, decoded, again;
    struct str coding = codings[data[0] % 8];
    enum decode_result result = decode_body(&decoder, limits, coding, body, &decoded);
    if (result == DECODE_OK)
        ASSERT(decoded.len <= limits.bytes);
    struct decoder fresh;
    decoder_init(&fresh);
    ASSERT(decode_body(&fresh, limits, coding, body, &again) == result);
    ASSERT(result != DECODE_OK || str_eq(decoded, again));
    decoder_deinit(&fresh);
    decoder_trim(&decoder);
    for (int i = 0; i < 2; i++)
        ASSERT(decoder.buffers[i].capacity <= (size_t)256 * 1024);
    return 0;
}
