/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/record_checksum.h"

#include <xxh_x86dispatch.h>

uint64_t record_checksum(struct str bytes)
{
    return XXH3_64bits_dispatch(bytes.ptr, bytes.len);
}
