/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/record_checksum.h"

#include <xxhash.h>

uint64_t record_checksum(struct str bytes)
{
    return XXH3_64bits(bytes.ptr, bytes.len);
}
