/* SPDX-License-Identifier: Apache-2.0 */
/* Which fields differ, and in how many pairs: docs/judging.md, "Differences". */
#include "base/mem.h"
#include "judge/confidence.h"
#include "judge/judging.h"

#include <math.h>
#include <stdlib.h>

/* Sentences about single fields; findings have them all. */
#define FIELD_REASONS 8
/* The test over all fields has three quarters of the share, those of single fields together one. */
#define PAIR_SHARE 0.75
/* Once it is sure that something differs, a field is named when its own evidence is above this. */
#define NAMED 20.0
/* Of an endpoint's pairs without a control: a field that differs in as many and looks volatile in as many is taken for noise. */
#define NOISE_RATE 0.9
/* Before it is proposed to leave it out. */
#define NOISE_PAIRS 50
/* Share of an endpoint's pairs in which control differs, from which on a field can't be judged. */
#define BLIND_RATE 0.5

static int by_appearance(const void *a, const void *b)
{
    const struct judged_field *x = a, *y = b;
    if (x->field->seen_ns != y->field->seen_ns)
        return x->field->seen_ns < y->field->seen_ns ? -1 : 1;
    int order = strcmp(x->endpoint->name.ptr, y->endpoint->name.ptr); /* the map's: ended by a NUL, and without one */
    return order != 0 ? order : strcmp(x->field->name.ptr, y->field->name.ptr);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_noise(const struct endpoint_counts *endpoint, const struct field_counts *field)
{
    double pairs = (double)(endpoint->pairs - least(endpoint->control_pairs, endpoint->pairs));
    return field->alone > 0 && (double)field->alone >= NOISE_RATE * pairs &&
           (double)field->alone_volatile >= NOISE_RATE * (double)field->alone;
}

static void gather(struct judging *judging)
{
    const struct map *endpoints = &judging->tally->endpoints;
    judging->fields = arena_alloc(judging->memory, (judging->tally->field_count + 1) * sizeof(*judging->fields));
    for (size_t i = 0; i < endpoints->count; i++) {
        const struct endpoint_counts *endpoint = endpoints->entries[i].value;
        for (size_t f = 0; endpoint && f < endpoint->fields.count; f++) {
            const struct field_counts *field = endpoint->fields.entries[f].value;
            if (!field)
                continue;
            struct judged_field judged = {.endpoint = endpoint, .field = field};
            judged.count = judging->is_controlled ? field->signal : field->alone;
            judged.against = judging->is_controlled ? field->noise : 0;
            judged.count = least(judged.count, judging->judged_pairs);
            judged.against = least(judged.against, judging->judged_pairs);
            judged.is_noise = !judging->is_controlled && is_noise(endpoint, field);
            if (judging->judged_pairs > 0)
                judged.rate = (double)judged.count / (double)judging->judged_pairs;
            judging->fields[judging->field_count++] = judged;
        }
    }
    qsort(judging->fields, judging->field_count, sizeof(*judging->fields), by_appearance);
}

/* With a control. The evidence that the shadow differs in more pairs than control: the test over all pairs and those of the fields, mixed; rank r of the
 * fields that tell the two apart has 6 / (pi^2 r^2) of their share. */
static bool is_different(struct judging *judging)
{
    double mixed = PAIR_SHARE * exp(fmin(sign_evidence(judging->sum.only_signal, judging->sum.only_noise), 600));
    double rank = 0;
    for (size_t i = 0; i < judging->field_count; i++) {
        struct judged_field *field = &judging->fields[i];
        if (field->count + field->against == 0)
            continue;
        rank++;
        field->evidence = sign_evidence(field->count, field->against);
        mixed += (1 - PAIR_SHARE) * 6 / (M_PI * M_PI * rank * rank) * exp(fmin(field->evidence, 600));
    }
    return mixed >= 1 / ALPHA_DIFFERENT;
}

/* Without a control the rate alone decides. */
static double alpha_of(const struct judging *judging)
{
    return judging->is_controlled ? ALPHA_RATE : ALPHA_DIFFERENT;
}

static void confirm(struct judging *judging)
{
    bool is_sure = judging->is_controlled && is_different(judging);
    struct judged_field *best = NULL;
    bool is_any = false;
    for (size_t i = 0; i < judging->field_count; i++) {
        struct judged_field *field = &judging->fields[i];
        if (judging->is_controlled)
            field->is_confirmed = is_sure && field->count > field->against && field->evidence >= log(NAMED);
        else
            field->is_confirmed = field->count > 0 && !field->is_noise;
        is_any |= field->is_confirmed;
        if (field->count > field->against && (!best || field->evidence > best->evidence))
            best = field;
        if (field->count > 0 && judging->judged_pairs > 0) {
            double low = rate_low(field->count, judging->judged_pairs, alpha_of(judging)) -
                         (double)field->against / (double)judging->judged_pairs;
            field->low = low > 0 ? low : 0;
        }
    }
    if (is_sure && !is_any && best)
        best->is_confirmed = true;
}

/* -------------------------------------------------------------------------------------------------------------- sets */

static bool is_of_body(struct str name)
{
    return str_starts_with(name, STR("body")) || str_eq(name, STR(TALLY_OTHER));
}

static bool is_of_headers(struct str name)
{
    return str_starts_with(name, STR("headers.")) || str_starts_with(name, STR("trailers."));
}

struct unions {
    uint64_t any, body, headers;
    uint64_t against;
};

/* Fields of one endpoint that are confirmed, to find them by name. */
static void count_sets(const struct endpoint_counts *endpoint, const struct map *confirmed, char mode,
                       struct unions *unions)
{
    for (size_t i = 0; i < endpoint->sets.count; i++) {
        const struct map_entry *entry = &endpoint->sets.entries[i];
        if (!entry->value || entry->key.len == 0 || entry->key.ptr[0] != mode)
            continue;
        bool is_body = false, is_headers = false, is_any = false;
        struct str rest = str_slice(entry->key, 2, entry->key.len), name;
        while (rest.len > 0) {
            size_t end = str_find_char(rest, '\0');
            name = str_slice(rest, 0, end);
            rest = str_slice(rest, end + 1, rest.len);
            if (!map_find(confirmed, name))
                continue;
            is_any = true;
            is_body |= is_of_body(name);
            is_headers |= is_of_headers(name);
        }
        uint64_t count = ((const struct set_count *)entry->value)->count;
        unions->any += is_any ? count : 0;
        unions->body += is_body ? count : 0;
        unions->headers += is_headers ? count : 0;
    }
}

static void raise(uint64_t *count, uint64_t least_count)
{
    if (*count < least_count)
        *count = least_count;
}

/* Pairs of one endpoint with any confirmed field. Where sets had no room, the field that was seen most is the lower bound. */
static void unite_endpoint(const struct judging *judging, const struct endpoint_counts *endpoint, struct unions *unions)
{
    struct unions own = {0};
    uint64_t any = 0, body = 0, headers = 0;
    struct map confirmed;
    map_init(&confirmed);
    for (size_t i = 0; i < judging->field_count; i++) {
        const struct judged_field *field = &judging->fields[i];
        if (field->endpoint != endpoint || !field->is_confirmed)
            continue;
        map_add(&confirmed, field->field->name, (void *)field);
        own.against += field->against;
        raise(&any, field->count);
        raise(is_of_body(field->field->name)      ? &body
              : is_of_headers(field->field->name) ? &headers
                                                  : &any,
              field->count);
    }
    if (confirmed.live > 0)
        count_sets(endpoint, &confirmed, judging->is_controlled ? 'c' : 'a', &own);
    map_deinit(&confirmed);
    raise(&own.any, any);
    raise(&own.body, body);
    raise(&own.headers, headers);
    unions->any += own.any;
    unions->body += own.body;
    unions->headers += own.headers;
    unions->against += own.against;
}

static struct unions unite(const struct judging *judging)
{
    struct unions unions = {0};
    bool is_any = false;
    for (size_t i = 0; i < judging->field_count; i++)
        is_any |= judging->fields[i].is_confirmed;
    const struct map *endpoints = &judging->tally->endpoints;
    for (size_t i = 0; is_any && i < endpoints->count; i++) {
        if (endpoints->entries[i].value)
            unite_endpoint(judging, endpoints->entries[i].value, &unions);
    }
    return unions;
}

/* ------------------------------------------------------------------------------------------------- reasons, findings */

static struct str counted(const struct judging *judging, const struct judged_field *field)
{
    char rate[SHARE_TEXT], low[SHARE_TEXT], own[SHARE_TEXT];
    uint64_t pairs = judging->is_controlled ? field->endpoint->control_pairs : field->endpoint->pairs;
    struct str text = arena_printf(judging->memory, "%s in %llu of %llu pairs (%s, at least %s",
                                   field_verb(field->field), (unsigned long long)field->count,
                                   (unsigned long long)judging->judged_pairs, share_text(rate, field->rate),
                                   share_text(low, field->low));
    if (pairs < judging->judged_pairs && pairs > 0)
        text = arena_printf(judging->memory, "%.*s; %s of the endpoint's", STR_ARG(text),
                            share_text(own, (double)field->count / (double)pairs));
    if (field->against > 0)
        return arena_printf(judging->memory, "%.*s; control alone in %llu)", STR_ARG(text),
                            (unsigned long long)field->against);
    return arena_printf(judging->memory, "%.*s)", STR_ARG(text));
}

static void add_field_finding(struct judging *judging, const struct judged_field *field, enum finding_severity severity)
{
    const struct field_counts *counts = field->field;
    struct finding *finding = judging_add_finding(judging, FINDING_DIFFERENCE, severity, field->endpoint->name,
                                                  counts->name);
    uint64_t pairs = judging->is_controlled ? field->endpoint->control_pairs : field->endpoint->pairs;
    finding->count = field->count;
    finding->rate = pairs > 0 ? fmin((double)field->count / (double)pairs, 1) : 0;
    finding->first_ns = counts->first_ns;
    finding->last_ns = counts->last_ns;
    if (field->is_noise)
        finding->summary = arena_printf(
            judging->memory,
            "%.*s: %.*s differs in nearly every pair and looks like an id, a time or a token; to leave it out write "
            "compare.ignore.%s: [%.*s]",
            STR_ARG(field->endpoint->name), STR_ARG(counts->name),
            str_starts_with(counts->name, STR("headers.")) ? "headers" : "jsonPaths",
            STR_ARG(str_slice(counts->name, str_find_char(counts->name, '.') + 1, counts->name.len)));
    else
        finding->summary = arena_printf(judging->memory, "%.*s: %.*s %.*s%.*s%s", STR_ARG(field->endpoint->name),
                                        STR_ARG(counts->name), STR_ARG(counted(judging, field)),
                                        STR_ARG(field_example(judging->memory, counts)),
                                        field->is_confirmed ? "" : "; not certain yet");
}

static int by_count(const void *a, const void *b)
{
    const struct judged_field *x = *(struct judged_field *const *)a, *y = *(struct judged_field *const *)b;
    if (x->low != y->low)
        return x->low > y->low ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return by_appearance(x, y);
}

static struct judged_field **sorted_fields(struct judging *judging)
{
    struct judged_field **list = arena_alloc(judging->memory,
                                             (judging->field_count + 1) * sizeof(struct judged_field *));
    for (size_t i = 0; i < judging->field_count; i++)
        list[i] = &judging->fields[i];
    qsort(list, judging->field_count, sizeof(struct judged_field *), by_count);
    return list;
}

/* A sentence for each field that is above the limit by itself, then one for all together. */
static void add_failures(struct judging *judging, struct judged_field **fields, const struct unions *unions, double low)
{
    char limit[SHARE_TEXT], rate[SHARE_TEXT], least_rate[SHARE_TEXT];
    size_t named = 0, more = 0;
    share_text(limit, judging->thresholds.max_different);
    for (size_t i = 0; i < judging->field_count; i++) {
        const struct judged_field *field = fields[i];
        if (!field->is_confirmed || !(field->low > judging->thresholds.max_different))
            continue;
        if (named++ >= FIELD_REASONS) {
            more++;
            continue;
        }
        judging_add_reason(judging, REASON_FAIL, field->low, "%.*s: %.*s %.*s, more than the %s allowed%.*s.",
                           STR_ARG(field->endpoint->name), STR_ARG(field->field->name),
                           STR_ARG(counted(judging, field)), limit,
                           STR_ARG(field_example(judging->memory, field->field)));
    }
    if (more > 0)
        judging_add_reason(judging, REASON_FAIL, 0, "%zu further fields differ in more pairs than allowed.", more);
    if (named > 0)
        return;
    judging_add_reason(
        judging, REASON_FAIL, low,
        "Fields differ in %llu of %llu pairs (%s, at least %s), more than the %s allowed; most often %.*s "
        "of %.*s.",
        (unsigned long long)unions->any, (unsigned long long)judging->judged_pairs,
        share_text(rate, (double)unions->any / (double)judging->judged_pairs), share_text(least_rate, low), limit,
        STR_ARG(fields[0]->field->name), STR_ARG(fields[0]->endpoint->name));
}

/* What is not sure, but too much for a PASS. */
static void suspect(struct judging *judging, const struct unions *unions)
{
    double pairs = (double)judging->judged_pairs, limit = judging->thresholds.max_different;
    char rate[SHARE_TEXT], allowed[SHARE_TEXT];
    if (!judging->is_controlled) {
        if ((double)unions->any / pairs > limit)
            judging_add_reason(
                judging, REASON_INSUFFICIENT, 2,
                "%llu of %llu pairs differ (%s); if it goes on like this that is more than the %s allowed, "
                "but it is not certain yet.",
                (unsigned long long)unions->any, (unsigned long long)judging->judged_pairs,
                share_text(rate, (double)unions->any / pairs), share_text(allowed, limit));
        return;
    }
    double tested = 0;
    for (size_t i = 0; i < judging->field_count; i++)
        tested += judging->fields[i].count + judging->fields[i].against > 0;
    for (size_t i = 0; i < judging->field_count; i++) {
        struct judged_field *field = &judging->fields[i];
        double excess = field->rate - (double)field->against / pairs;
        field->is_suspicious = excess > limit && sign_tail(field->count, field->against) < SUSPICIOUS / tested;
        if (field->is_suspicious)
            judging_add_reason(
                judging, REASON_INSUFFICIENT, 2,
                "%.*s: %.*s %.*s%.*s; that looks like more than the %s allowed, but it is not certain yet.",
                STR_ARG(field->endpoint->name), STR_ARG(field->field->name), STR_ARG(counted(judging, field)),
                STR_ARG(field_example(judging->memory, field->field)), share_text(allowed, limit));
    }
}

static void list_blind(struct judging *judging)
{
    struct verdict *verdict = judging->verdict;
    verdict->blind = arena_alloc(judging->memory, (judging->field_count + 1) * sizeof(*verdict->blind));
    for (size_t i = 0; i < judging->field_count; i++) {
        const struct judged_field *field = &judging->fields[i];
        uint64_t pairs = judging->is_controlled ? field->endpoint->control_pairs : field->endpoint->pairs;
        uint64_t noise = judging->is_controlled ? field->field->noise + field->field->both : field->field->alone;
        double rate = pairs > 0 ? fmin((double)noise / (double)pairs, 1) : 0;
        if (judging->is_controlled ? rate < BLIND_RATE || field->is_confirmed : !field->is_noise)
            continue;
        verdict->blind[verdict->blind_count++] = (struct blind_field){.endpoint = field->endpoint->name,
                                                                      .field = field->field->name,
                                                                      .rate = rate,
                                                                      .is_proposed = field->is_noise};
    }
}

void judge_fields(struct judging *judging)
{
    struct verdict *verdict = judging->verdict;
    gather(judging);
    confirm(judging);
    struct unions unions = unite(judging);
    uint64_t pairs = judging->judged_pairs;
    double low = 0;
    if (pairs > 0) {
        low = rate_low(least(unions.any, pairs), pairs, alpha_of(judging)) - (double)unions.against / (double)pairs;
    }
    bool is_enough = pairs >= judging->thresholds.min_pairs && pairs > 0;
    bool is_failure = is_enough && unions.any > 0 && low > judging->thresholds.max_different;
    struct judged_field **sorted = sorted_fields(judging);
    if (is_failure)
        add_failures(judging, sorted, &unions, low);
    else if (is_enough)
        suspect(judging, &unions);
    for (size_t i = 0; i < judging->field_count; i++) {
        const struct judged_field *field = sorted[i];
        if (field->is_confirmed)
            add_field_finding(judging, field, is_failure ? SEVERITY_OF_FAILURE : SEVERITY_OF_WARNING);
        else if (field->is_suspicious || (field->is_noise && field->count >= NOISE_PAIRS))
            add_field_finding(judging, field, SEVERITY_OF_INFO);
    }
    list_blind(judging);
    uint64_t changed = verdict->bodies_compared - verdict->bodies_same;
    verdict->bodies_different = least(unions.body, changed);
    verdict->bodies_noise = changed - verdict->bodies_different;
    verdict->headers_different = unions.headers;
}
