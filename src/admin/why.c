/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/why.h"

#include "admin/text.h"
#include "http/head.h"

#include <errno.h>

/* Losses below this share of what should have been sent are no news. */
#define LOSS_SHARE 0.01

const char *why_name(enum why why)
{
    static const char *const names[] = {"sending", "idle", "partly", "stopped", "off"};
    return names[why];
}

void why_failed(enum failed reason, int error, struct strbuf *out)
{
    strbuf_add(out, str_from_c(failed_name(reason)));
    if (error == ECONNREFUSED)
        strbuf_add(out, STR(" refused"));
    else if (error == ETIMEDOUT)
        strbuf_add(out, reason == FAILED_TIMEOUT ? STR("") : STR(" timed out"));
    else if (error) {
        struct str words = str_from_c(strerror(error));
        strbuf_add(out, STR(": "));
        strbuf_add_char(out, (char)(words.ptr[0] | 32));
        strbuf_add(out, str_slice(words, 1, words.len));
    }
}

/* "all 1,200 matched requests" or "900 of 1,200 matched requests" */
static void add_part(struct strbuf *out, uint64_t part, uint64_t matched)
{
    if (part >= matched && matched == 1)
        strbuf_add(out, STR("the one matched request"));
    else if (part >= matched)
        strbuf_printf(out, "all %s matched requests", text_count(matched).ptr);
    else
        strbuf_printf(out, "%s of %s matched requests", text_count(part).ptr, text_count(matched).ptr);
}

static void add_methods(struct strbuf *out, uint32_t mask)
{
    static const char *const names[METHOD_COUNT] = {
        [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",    [METHOD_OPTIONS] = "OPTIONS", [METHOD_POST] = "POST",
        [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH",  [METHOD_DELETE] = "DELETE",   [METHOD_TRACE] = "TRACE",
        [METHOD_CONNECT] = "CONNECT", [METHOD_OTHER] = "others",
    };
    static const uint8_t order[] = {METHOD_GET,   METHOD_HEAD,   METHOD_OPTIONS, METHOD_POST,    METHOD_PUT,
                                    METHOD_PATCH, METHOD_DELETE, METHOD_TRACE,   METHOD_CONNECT, METHOD_OTHER};
    unsigned left = (unsigned)__builtin_popcount(mask & ((1u << METHOD_COUNT) - 1));
    if (!left)
        strbuf_add(out, STR("no method"));
    for (size_t i = 0; i < sizeof(order); i++) {
        if (!(mask & 1u << order[i]))
            continue;
        strbuf_add(out, str_from_c(names[order[i]]));
        left--;
        strbuf_add(out, left > 1 ? STR(", ") : left == 1 ? STR(" and ") : STR(""));
    }
}

#define SAFE_METHODS (1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_OPTIONS)

static void explain_method(const struct status_mirror *mirror, uint64_t part, struct strbuf *out)
{
    uint32_t mask = mirror->rule ? mirror->rule->method_mask : SAFE_METHODS;
    bool is_safe_only = mask == SAFE_METHODS;
    add_part(out, part, mirror->matched);
    strbuf_add(out, mirror->matched == 1 ? STR(" was ") : STR(" were "));
    strbuf_add(out, is_safe_only ? STR("POST or another method that may write; ") : STR("of another method; "));
    strbuf_add(out, STR("only "));
    add_methods(out, mask);
    strbuf_add(out, __builtin_popcount(mask) == 1 ? STR(" is copied") : STR(" are copied"));
    if (is_safe_only)
        strbuf_add(out, STR(" without --mirror-writes"));
}

static void explain_filtered(const struct status_mirror *mirror, enum filtered reason, struct strbuf *out)
{
    uint64_t part = mirror->filtered[reason];
    if (reason == FILTERED_METHOD) {
        explain_method(mirror, part, out);
        return;
    }
    static const char *const rest[FILTERED_COUNT] = {
        [FILTERED_OFF] = "came while mirroring was switched off",
        [FILTERED_LOOP] = "had been copied before; a copy is never mirrored again",
        [FILTERED_UPGRADE] = "asked for a tunnel or an upgrade, which only live gets",
        [FILTERED_SOURCE] = "came from clients that the rule's sources leave out",
    };
    add_part(out, part, mirror->matched);
    strbuf_printf(out, " %s", rest[reason]);
}

static void explain_dropped(const struct status_mirror *mirror, const struct status_totals *totals, enum dropped reason,
                            struct strbuf *out)
{
    switch (reason) {
    case DROPPED_NO_ENDPOINT:
        strbuf_printf(out, "no endpoint: the name of %.*s does not resolve", STR_ARG(mirror->mirror));
        return;
    case DROPPED_BREAKER: strbuf_add(out, STR("the breaker was open after failures in a row")); return;
    case DROPPED_RATE:
        strbuf_add(out, STR("the mirror's limit of requests per second is reached"));
        if (mirror->rule && mirror->rule->rate_per_second)
            strbuf_printf(out, " (%s/s)", text_count(mirror->rule->rate_per_second).ptr);
        return;
    case DROPPED_SHED:
        strbuf_add(out, STR("the gateway has no CPU to spare, so copies are shed before live gets slower (--shed off "
                            "would copy nonetheless)"));
        return;
    case DROPPED_INFLIGHT:
        strbuf_add(out, STR("the shadow does not keep up: as many copies are under way as the mirror allows"));
        if (mirror->rule)
            strbuf_printf(out, " (%s)", text_count(mirror->rule->max_in_flight).ptr);
        return;
    case DROPPED_BUDGET:
        strbuf_printf(out, "the mirror budget is full (--mirror-budget, %s)", text_bytes(totals->budget_limit).ptr);
        return;
    case DROPPED_QUEUE_TIMEOUT: strbuf_add(out, STR("copies waited too long for a connection to the shadow")); return;
    case DROPPED_CLIENT_ABORT: strbuf_add(out, STR("clients went away before their copies were sent")); return;
    case DROPPED_REMOVED: strbuf_add(out, STR("the rule was removed while copies were waiting")); return;
    case DROPPED_SHUTDOWN: strbuf_add(out, STR("the gateway ended while copies were waiting")); return;
    case DROPPED_COUNT: return;
    }
}

static void explain_sampling(const struct status_mirror *mirror, struct strbuf *out)
{
    add_part(out, mirror->sampled_out, mirror->matched);
    strbuf_add(out, mirror->matched == 1 ? STR(" was") : STR(" were"));
    strbuf_add(out, STR(" left out by sampling"));
    if (mirror->rule)
        strbuf_printf(out, ", which copies %s", text_share(mirror->rule->numerator, mirror->rule->denominator).ptr);
}

static size_t largest(const uint64_t *values, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

/* Nothing was ever sent: what most requests ended as. */
static void explain_never(const struct status_mirror *mirror, const struct status_totals *totals, struct strbuf *out)
{
    size_t filtered = largest(mirror->filtered, FILTERED_COUNT);
    size_t dropped = largest(mirror->dropped, DROPPED_COUNT);
    uint64_t drops = mirror->dropped[dropped];
    /* A drop is nearest to a copy and hence the most useful to know, if there are any to speak of. */
    if (drops && drops * 10 >= mirror->filtered[filtered])
        explain_dropped(mirror, totals, (enum dropped)dropped, out);
    else if (mirror->sampled_out >= mirror->filtered[filtered])
        explain_sampling(mirror, out);
    else
        explain_filtered(mirror, (enum filtered)filtered, out);
}

/* What stops copies at this moment, whatever the counters say. */
static enum why explain_now(const struct status_mirror *mirror, const struct status_totals *totals, struct strbuf *out)
{
    if (totals->is_off) {
        strbuf_add(out, STR("mirroring is switched off: umbra mirror on"));
        return WHY_OFF;
    }
    if (mirror->is_off) {
        strbuf_printf(out, "this mirror is switched off: umbra mirror on --route %.*s", STR_ARG(mirror->route));
        return WHY_OFF;
    }
    if (mirror->is_removed) {
        strbuf_add(out, STR("no rule names this mirror any more"));
        return WHY_OFF;
    }
    if (mirror->rule && mirror->rule->is_suspended) {
        strbuf_add(out, STR("suspended: its policy says spec.suspend, or one of the problems keeps it back"));
        return WHY_OFF;
    }
    if (mirror->rule && mirror->rule->numerator == 0) {
        strbuf_add(out, STR("sampled at 0 %: give the mirror a percentage above 0"));
        return WHY_STOPPED;
    }
    if (mirror->is_without_endpoint) {
        explain_dropped(mirror, totals, DROPPED_NO_ENDPOINT, out);
        return WHY_STOPPED;
    }
    if (mirror->breaker == BREAKER_CLOSED)
        return WHY_SENDING;
    /* Half open: probe_in_ns is when a probe that did not come back is replaced. */
    bool is_open = mirror->breaker == BREAKER_OPEN;
    strbuf_add(out, is_open ? STR("breaker open, ") : STR("breaker half open, "));
    if (!mirror->probe_in_ns)
        strbuf_add(out, STR("the next request is the probe: "));
    else if (is_open)
        strbuf_printf(out, "next probe in %s: ", text_duration(mirror->probe_in_ns).ptr);
    else
        strbuf_add(out, STR("a probe is under way: "));
    why_failed(mirror->last_failure, mirror->last_errno, out);
    return WHY_STOPPED;
}

/* Copies are sent; are they lost as well? Judged by the last second while requests come, else by all there were. */
static enum why explain_losses(const struct status_mirror *mirror, const struct status_totals *totals,
                               struct strbuf *out)
{
    bool is_moving = mirror->rate.matched > 0;
    double sent = is_moving ? mirror->rate.sent : (double)mirror->sent, dropped = 0, most = 0;
    size_t reason = 0;
    for (size_t i = 0; i < DROPPED_COUNT; i++) {
        double n = is_moving ? mirror->rate.dropped[i] : (double)mirror->dropped[i];
        dropped += n;
        if (n > most) {
            most = n;
            reason = i;
        }
    }
    if (dropped > LOSS_SHARE * (dropped + sent)) {
        double share = dropped / (dropped + sent);
        strbuf_printf(out, "%s of the copies %s dropped: ", text_share((uint64_t)(share * 1e6 + 0.5), 1000000).ptr,
                      is_moving ? "are" : "were");
        explain_dropped(mirror, totals, (enum dropped)reason, out);
        return sent > 0 ? WHY_PARTLY : WHY_STOPPED;
    }
    double failed = is_moving ? mirror->rate.failed : (double)mirror->failed_sum;
    if (failed > LOSS_SHARE * sent && sent > 0) {
        strbuf_printf(out, "%s of the copies %s; the last with ",
                      text_share((uint64_t)((failed < sent ? failed / sent : 1) * 1e6 + 0.5), 1000000).ptr,
                      is_moving ? "fail" : "failed");
        why_failed(mirror->last_failure, mirror->last_errno, out);
        return WHY_PARTLY;
    }
    return WHY_SENDING;
}

enum why why_not_sent(const struct status_mirror *mirror, const struct status_totals *totals, struct strbuf *sentence)
{
    enum why why = explain_now(mirror, totals, sentence);
    if (why != WHY_SENDING)
        return why;
    if (mirror->matched == 0) {
        strbuf_add(sentence, STR("no request has matched yet"));
        return WHY_IDLE;
    }
    if (mirror->sent > 0)
        return explain_losses(mirror, totals, sentence);
    if (mirror->queued > 0)
        return WHY_SENDING;
    explain_never(mirror, totals, sentence);
    return WHY_STOPPED;
}
