/* SPDX-License-Identifier: Apache-2.0 */
/* The condition umbra.dev/CopiesFlow of a MirrorPolicy: what keeps the copies of its mirrors from flowing, the worst first.
 * Lifetime: values. Thread: any. */
#pragma once

#include "status/status.h"

/* Of all mirrors of a policy together. A shadow that fails or has no endpoint outweighs those that work; a suspended mirror counts only when
 * all are; FLOW_UNKNOWN when nothing is known of any. */
enum status_flow flow_sum(const struct outcome *policy, const enum status_flow *flow);
/* False: nothing can be said, so that what is there stays. The message is added to `text`, which must live as long as the condition. */
bool flow_condition(const struct outcome *policy, const enum status_flow *flow, struct strbuf *text,
                    struct outcome_condition *condition);
