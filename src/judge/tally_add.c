/* SPDX-License-Identifier: Apache-2.0 */
#include "http/grpc.h"
#include "judge/tally_layout.h"

#include <stdlib.h>

/* How bad an answer is: 0, an error of the client's making, an error of the service's. */
enum { WELL, REFUSED, BROKEN };

static int badness(const struct leg_seen *leg)
{
    switch ((int)leg->grpc_status) {
    case GRPC_OK:
    case GRPC_NONE: break;
    case 3: /* INVALID_ARGUMENT; NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, FAILED_PRECONDITION, OUT_OF_RANGE, UNAUTHENTICATED */
    case 5:
    case 6:
    case 7:
    case 9:
    case 11:
    case GRPC_UNAUTHENTICATED: return REFUSED;
    default: return BROKEN;
    }
    return leg->status >= 500 ? BROKEN : leg->status >= 400 ? REFUSED : WELL;
}

static bool is_bad(const struct leg_seen *leg)
{
    return leg->state == LEG_FAILED_OWN || (leg->state == LEG_ANSWERED && badness(leg) == BROKEN);
}

static int level(bool is_there, enum difference_kind kind)
{
    if (!is_there)
        return 0;
    return kind == DIFFERENCE_TYPE || kind == DIFFERENCE_MISSING || kind == DIFFERENCE_EXTRA ? 2 : 1;
}

/* The names of what the shadow differs in, in order, for the set's key. */
struct set_names {
    struct str names[COMPARE_MOST + 2];
    size_t count;
};

struct counting {
    struct tally *tally;
    struct endpoint_counts *endpoint;
    const struct pair_seen *pair;
    bool has_control;         /* and it answered */
    bool is_signal, is_noise; /* some field differs more in the shadow, in control */
    struct set_names set;
};

/* Whether the field's own difference counts as the shadow's in this pair. */
static void count_field(struct counting *counting, const struct field_seen *seen, bool is_error)
{
    uint64_t at = counting->pair->wall_ns;
    int shadow = level(seen->is_in_shadow, seen->kind);
    int control = counting->has_control ? level(seen->is_in_control, seen->control_kind) : 0;
    if (shadow == 0 && control == 0)
        return;
    struct field_counts *field = tally_field(counting->tally, counting->endpoint, seen->field);
    bool is_own = shadow > control;
    counting->is_signal |= is_own;
    counting->is_noise |= control > shadow;
    field->seen_ns = tally_first(field->seen_ns, at);
    if (!counting->has_control && is_error)
        field->alone_errors++;
    else if (!counting->has_control)
        field->alone++;
    else if (is_own)
        field->signal++;
    else if (control > shadow)
        field->noise++;
    else
        field->both++;
    if (!counting->has_control && seen->is_volatile)
        field->alone_volatile++;
    if (!is_own)
        return;
    if ((unsigned)seen->kind < DIFFERENCE_KIND_COUNT)
        field->kinds[seen->kind]++;
    if (!field->live || at <= field->first_ns)
        field_take_example(field, at, seen->live, seen->shadow);
    field_widen(field, at, at);
    if (counting->set.count < sizeof(counting->set.names) / sizeof(counting->set.names[0]) &&
        !(is_error && !counting->has_control))
        counting->set.names[counting->set.count++] = field->name;
}

static int by_bytes(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = len > 0 ? memcmp(x->ptr, y->ptr, len) : 0;
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

static void count_set(struct counting *counting)
{
    struct set_names *set = &counting->set;
    if (set->count == 0)
        return;
    qsort(set->names, set->count, sizeof(set->names[0]), by_bytes);
    char key[TALLY_SET_FIELDS * (TALLY_NAME + 1) + 1];
    size_t len = 0, fields = 0;
    key[len++] = counting->has_control ? 'c' : 'a';
    for (size_t i = 0; i < set->count && fields < TALLY_SET_FIELDS; i++) {
        if (i > 0 && str_eq(set->names[i], set->names[i - 1])) /* two that are "other" */
            continue;
        key[len++] = '\0';
        memcpy(key + len, set->names[i].ptr, set->names[i].len);
        len += set->names[i].len;
        fields++;
    }
    (void)tally_count_set(counting->tally, counting->endpoint, (struct str){key, len}, 1);
}

static void count_status_field(struct counting *counting, struct str name, const uint16_t codes[3], bool is_error)
{
    if (codes[0] == codes[1] && (!counting->has_control || codes[0] == codes[2]))
        return;
    char live[8], shadow[8];
    struct strbuf text = STRBUF_INIT;
    strbuf_printf(&text, "%u", codes[0]);
    size_t live_len = text.len < sizeof(live) ? text.len : sizeof(live);
    memcpy(live, text.ptr, live_len);
    strbuf_clear(&text);
    strbuf_printf(&text, "%u", codes[1]);
    size_t shadow_len = text.len < sizeof(shadow) ? text.len : sizeof(shadow);
    memcpy(shadow, text.ptr, shadow_len);
    strbuf_deinit(&text);
    struct field_seen seen = {.field = name,
                              .kind = DIFFERENCE_VALUE,
                              .control_kind = DIFFERENCE_VALUE,
                              .is_in_shadow = codes[0] != codes[1],
                              .is_in_control = counting->has_control && codes[0] != codes[2],
                              .live = {live, live_len},
                              .shadow = {shadow, shadow_len}};
    count_field(counting, &seen, is_error);
}

static void count_statuses(struct counting *counting)
{
    struct tally *tally = counting->tally;
    const struct leg_seen *live = &counting->pair->live, *shadow = &counting->pair->shadow,
                          *control = &counting->pair->control;
    unsigned live_class = live->status / 100u, shadow_class = shadow->status / 100u;
    tally->live_status[live_class < 6 ? live_class : 0]++;
    tally->shadow_status[shadow_class < 6 ? shadow_class : 0]++;
    bool is_other_grpc = live->grpc_status != shadow->grpc_status;
    if (live->status != shadow->status || is_other_grpc)
        tally->mismatched++;
    bool is_error = (badness(live) == BROKEN) != (badness(shadow) == BROKEN);
    count_status_field(counting, STR("status"), (uint16_t[]){live->status, shadow->status, control->status}, is_error);
    count_status_field(counting, STR("grpc-status"),
                       (uint16_t[]){live->grpc_status, shadow->grpc_status, control->grpc_status}, is_error);
}

static void count_errors(struct counting *counting)
{
    struct endpoint_counts *endpoint = counting->endpoint;
    int live = badness(&counting->pair->live), shadow = badness(&counting->pair->shadow);
    if (!counting->has_control) {
        endpoint->errors_alone += shadow > live;
        endpoint->errors_reverse += live > shadow;
        return;
    }
    int control = badness(&counting->pair->control);
    endpoint->errors_signal += shadow > live && control <= live;
    endpoint->errors_noise += control > live && shadow <= live;
}

static void count_body(struct endpoint_counts *endpoint, enum body_verdict body)
{
    endpoint->compared += body == BODY_SAME || body == BODY_DIFFERENT;
    endpoint->same += body == BODY_SAME;
    endpoint->blind += body == BODY_BLIND;
}

static void count_latency(struct counting *counting)
{
    struct tally *tally = counting->tally;
    const struct pair_seen *pair = counting->pair;
    if (pair->live.duration_ns == 0 || pair->shadow.duration_ns == 0)
        return;
    if (pair->live.is_fresh || pair->shadow.is_fresh) {
        tally->fresh++;
        return;
    }
    unsigned live = latency_bucket(pair->live.duration_ns), shadow = latency_bucket(pair->shadow.duration_ns);
    if (!tally_count_cell(&counting->endpoint->cells, &tally->cell_count, live, shadow, 1))
        tally->cells_lost++;
    if (counting->has_control && pair->control.duration_ns > 0 && !pair->control.is_fresh) {
        (void)tally_count_cell(&counting->endpoint->control_cells, &tally->control_cell_count, live,
                               latency_bucket(pair->control.duration_ns), 1);
    }
}

static bool is_status_name(struct str name)
{
    return str_eq(name, STR("status")) || str_eq(name, STR("grpc-status"));
}

/* Bodies of answers with different statuses are not compared. Where that holds for the shadow alone, or for control alone, the other's body says nothing for or against
 * it. */
static bool is_out(const struct counting *counting, struct str field)
{
    const struct pair_seen *pair = counting->pair;
    return counting->has_control && str_starts_with(field, STR("body")) &&
           (pair->live.status != pair->shadow.status || pair->live.status != pair->control.status);
}

static void count_pair(struct tally *tally, struct endpoint_counts *endpoint, const struct pair_seen *pair)
{
    struct counting counting = {
        .tally = tally,
        .endpoint = endpoint,
        .pair = pair,
        .has_control = pair->has_control && pair->control.state == LEG_ANSWERED,
    };
    endpoint->pairs++;
    endpoint->control_pairs += counting.has_control;
    count_statuses(&counting);
    count_errors(&counting);
    count_body(endpoint, pair->body);
    count_latency(&counting);
    for (size_t i = 0; i < pair->field_count; i++) {
        if (!is_status_name(pair->fields[i].field) && !is_out(&counting, pair->fields[i].field))
            count_field(&counting, &pair->fields[i], false);
    }
    endpoint->only_signal += counting.has_control && counting.is_signal && !counting.is_noise;
    endpoint->only_noise += counting.has_control && counting.is_noise && !counting.is_signal;
    count_set(&counting);
}

/* Whose fault it was that a copy got no answer. */
static void count_outcome(struct tally *tally, struct endpoint_counts *endpoint, const struct pair_seen *pair)
{
    bool is_live_bad = is_bad(&pair->live);
    bool is_shadow_failed = pair->shadow.state == LEG_FAILED_OWN;
    tally->copies++;
    tally->live_bad += is_live_bad;
    tally->reverse += is_live_bad && !is_bad(&pair->shadow);
    if (!is_live_bad && is_shadow_failed) {
        tally->failed++;
        endpoint->failed++;
        tally_count_failure(tally, str_from_c(pair->shadow.failure ? pair->shadow.failure : TALLY_OTHER), 1);
    }
    if (!pair->has_control || pair->control.state == LEG_ABSENT)
        return;
    bool is_control_failed = pair->control.state == LEG_FAILED_OWN;
    tally->control_copies++;
    tally->failed_signal += !is_live_bad && is_shadow_failed && !is_control_failed;
    tally->failed_noise += !is_live_bad && is_control_failed && !is_shadow_failed;
}

static struct tally *recent_of(struct tally *tally)
{
    if (!tally->recent)
        tally->recent = tally_new(&tally->key);
    return tally->recent;
}

void tally_add_pair(struct tally *whole, const struct pair_seen *pair)
{
    struct tally *tally = recent_of(whole);
    tally->since_ns = tally_first(tally->since_ns, pair->wall_ns);
    tally->until_ns = pair->wall_ns > tally->until_ns ? pair->wall_ns : tally->until_ns;
    if (pair->live.state == LEG_ABSENT || pair->shadow.state == LEG_ABSENT)
        return;
    struct endpoint_counts *endpoint = tally_endpoint(tally, pair->endpoint);
    count_outcome(tally, endpoint, pair);
    if (pair->live.state == LEG_ANSWERED && pair->shadow.state == LEG_ANSWERED)
        count_pair(tally, endpoint, pair);
}

void tally_add_delivery(struct tally *whole, uint64_t attempted, uint64_t lost, uint64_t unpaired)
{
    if (attempted == 0 && lost == 0 && unpaired == 0)
        return;
    struct tally *tally = recent_of(whole);
    tally->attempted += attempted;
    tally->lost += lost;
    tally->unpaired += unpaired;
}

void tally_add_kept_away(struct tally *whole, const char *why, uint64_t count)
{
    if (count == 0)
        return;
    struct tally *tally = recent_of(whole);
    tally->copies += count;
    tally->failed += count;
    tally_count_failure(tally, str_from_c(why), count);
}

struct tally *tally_take_news(struct tally *tally)
{
    tally_settle(tally);
    struct tally *news = tally->news;
    tally->news = NULL;
    return news;
}
