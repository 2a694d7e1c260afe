/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/comparer.h"

bool compare_messages(struct comparer *comparer, const struct compare_rules *rules, const struct answer *live,
                      const struct answer *other, struct str live_body, struct str other_body)
{
    (void)comparer, (void)rules, (void)live, (void)other, (void)live_body, (void)other_body;
    return false;
}
