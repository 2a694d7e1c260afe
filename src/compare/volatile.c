/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/volatile.h"

bool volatile_pair(struct str live, struct str other)
{
    (void)live;
    (void)other;
    return false;
}
