/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/tally_counters.h"

#define OF(member, text) \
    { \
#        member, offsetof(struct tally, member), text \
    }
const struct tally_counter tally_counters[] = {
    OF(attempted, "copies that passed sampling and filters, by the gateway's accounting"),
    OF(cells_lost, "pairs that are not in the latencies for want of room"),
    OF(control_copies, "copies whose control answered or failed"),
    OF(copies,
       "copies whose live and shadow legs answered or failed, or that were kept from a shadow that could not answer"),
    OF(failed, "of `copies`, those that the shadow failed while live succeeded, or that were kept from it"),
    OF(failed_noise, "of `control_copies`, those that control alone failed while live succeeded"),
    OF(failed_signal, "of `control_copies`, those that the shadow alone failed while live succeeded"),
    OF(fresh, "pairs kept apart from the latencies, since a connection was made for them"),
    OF(live_bad,
       "of `copies`, those that live failed or answered with an error of its own (5xx, or such a grpc-status)"),
    OF(lost, "copies that Umbra lost: dropped, given up, or without a record"),
    OF(mismatched, "pairs whose status or grpc-status differs"),
    OF(reverse, "of `live_bad`, those that the shadow answered well"),
    OF(since_ns, "when the first was taken, in ns since 1970"),
    OF(unpaired, "legs that stayed alone"),
    OF(until_ns, "when the last was taken"),
    {0},
};
#undef OF

#define OF(member, text) \
    { \
#        member, offsetof(struct endpoint_counts, member), text \
    }
const struct tally_counter endpoint_counters[] = {
    OF(blind, "pairs whose bodies could not be compared: cut, undecodable or beyond the limits"),
    OF(compared, "pairs whose bodies were compared"),
    OF(control_pairs, "of `pairs`, those whose control answered too"),
    OF(errors_alone, "pairs without a control whose shadow answered with a worse class of status than live"),
    OF(errors_noise, "pairs whose control answered with a worse class of status than live, and the shadow not"),
    OF(errors_reverse, "pairs without a control whose live answered with a worse class of status than the shadow"),
    OF(errors_signal, "pairs whose shadow answered with a worse class of status than live, and control not"),
    OF(failed, "copies that the shadow failed while live succeeded"),
    OF(only_noise, "pairs with fields in which control differs more than the shadow, and none the other way round"),
    OF(only_signal, "pairs with fields in which the shadow differs more than control, and none the other way round"),
    OF(pairs, "pairs: live and shadow answered"),
    OF(same, "of `compared`, those that are the same"),
    {0},
};
#undef OF

#define OF(member, text) \
    { \
#        member, offsetof(struct field_counts, member), text \
    }
const struct tally_counter field_counters[] = {
    OF(alone, "pairs without a control in which the shadow differs"),
    OF(alone_errors,
       "pairs without a control in which a status differs and exactly one of both is an error of the service"),
    OF(alone_volatile, "of those without a control, the ones in which both values look like an id, a time or a token"),
    OF(both, "pairs in which shadow and control differ to the same degree"),
    OF(first_ns, "when the shadow first differed more than control"),
    OF(last_ns, "when it last did"),
    OF(noise, "pairs in which control differs more than the shadow"),
    OF(seen_ns, "when anything first differed"),
    OF(signal, "pairs in which the shadow differs more than control"),
    {0},
};
#undef OF

#define SHARE(member, text) \
    { \
#        member, offsetof(struct thresholds, member), false, text \
    }
#define COUNT(member, text) \
    { \
#        member, offsetof(struct thresholds, member), true, text \
    }
const struct tally_limit tally_limits[] = {
    SHARE(finding_latency_ms, "a finding when the low end of what is added is above this, and above the share"),
    SHARE(finding_latency_share, "of live's latency"),
    SHARE(max_blind, "share of the bodies that may be impossible to compare"),
    SHARE(max_different, "share of the pairs that may differ"),
    SHARE(max_latency_ms, "FAIL when the low end of what is added is above this, and above the share"),
    SHARE(max_latency_share, "of live's latency"),
    SHARE(max_lost, "share of the copies that may be lost"),
    SHARE(max_new_errors, "share of the pairs that may be new errors"),
    SHARE(max_shadow_failures, "share of the copies that the shadow may fail, beyond live's own errors"),
    COUNT(min_pairs, "pairs that a verdict needs"),
    COUNT(min_pairs_p99, "pairs that judging p99 needs"),
    {0},
};
