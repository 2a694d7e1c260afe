/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/samples.h"

#include "base/mem.h"

#include <time.h>
#include <xxhash.h>

struct waiting_sample {
    struct list node;
    char finding[FINDING_ID];
    uint64_t at_ns;
    char *text;
    size_t len;
};

void samples_init(struct samples *samples, struct store *store)
{
    *samples = (struct samples){.store = store, .allowance = SAMPLES_PER_SECOND};
    list_init(&samples->waiting);
    samples->table = mem_alloc(SAMPLES_FOLLOWED * sizeof(struct followed));
}

static void waiting_free(struct samples *samples, struct waiting_sample *sample)
{
    list_remove(&sample->node);
    samples->waiting_bytes -= sample->len;
    mem_free(sample->text);
    mem_free(sample);
}

void samples_deinit(struct samples *samples)
{
    while (!list_is_empty(&samples->waiting))
        waiting_free(samples, CONTAINER_OF(samples->waiting.next, struct waiting_sample, node));
    mem_free(samples->table);
    strbuf_deinit(&samples->text);
    strbuf_deinit(&samples->value);
}

void samples_tick(struct samples *samples)
{
    samples->allowance = SAMPLES_PER_SECOND;
}

bool samples_save(struct samples *samples)
{
    if (list_is_empty(&samples->waiting))
        return true;
    if (!store_begin(samples->store))
        return false;
    while (!list_is_empty(&samples->waiting)) {
        struct waiting_sample *sample = CONTAINER_OF(samples->waiting.next, struct waiting_sample, node);
        store_add_sample(samples->store, str_from_c(sample->finding), sample->at_ns,
                         (struct str){sample->text, sample->len});
        waiting_free(samples, sample);
    }
    return store_commit(samples->store);
}

static struct followed *follow(struct samples *samples, uint64_t hash)
{
    if (samples->count >= SAMPLES_FOLLOWED / 2) {
        memset(samples->table, 0, SAMPLES_FOLLOWED * sizeof(struct followed));
        samples->count = 0;
    }
    size_t at = hash & (SAMPLES_FOLLOWED - 1);
    while (samples->table[at].hash != 0 && samples->table[at].hash != hash)
        at = (at + 1) & (SAMPLES_FOLLOWED - 1);
    if (samples->table[at].hash == 0) {
        samples->table[at] = (struct followed){.hash = hash, .next = 1};
        samples->count++;
    }
    return &samples->table[at];
}

bool samples_is_due(struct samples *samples, const struct group *group, struct str endpoint, struct str field)
{
    uint64_t seed = XXH3_64bits_withSeed(endpoint.ptr, endpoint.len, (uint64_t)(uintptr_t)group);
    uint64_t hash = XXH3_64bits_withSeed(field.ptr, field.len, seed);
    struct followed *followed = follow(samples, hash ? hash : 1);
    if (followed->seen < UINT32_MAX)
        followed->seen++;
    if (followed->seen < followed->next)
        return false;
    followed->next = followed->seen < SAMPLES_AT_ONCE ? followed->seen + 1 : followed->seen + followed->seen / 2;
    return true;
}

void add_time(struct strbuf *out, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    struct tm tm;
    char text[40] = "";
    if (gmtime_r(&seconds, &tm))
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    strbuf_printf(out, "%s.%03uZ", text, (unsigned)(wall_ns / 1000000u % 1000u));
}

static void add_fields(struct samples *samples, const struct policy *policy, const char *name,
                       const struct record_message *message)
{
    struct field field;
    size_t at = 0;
    strbuf_printf(&samples->text, ",\"%s\":[", name);
    for (unsigned i = 0; i < RECORD_MAX_FIELDS && message->is_there && record_next_field(message, &at, &field); i++) {
        strbuf_add(&samples->text, i > 0 ? STR(",[") : STR("["));
        strbuf_add_json(&samples->text, field.name);
        strbuf_add_char(&samples->text, ',');
        strbuf_clear(&samples->value);
        redaction_add_value(policy->redaction, field.name, field.value, &samples->value);
        strbuf_add_json(&samples->text, strbuf_str(&samples->value));
        strbuf_add_char(&samples->text, ']');
    }
    strbuf_add_char(&samples->text, ']');
}

static struct str content_type_of(const struct field *fields, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++) {
        if (str_eq_nocase(fields[i].name, STR("content-type")))
            return fields[i].value;
    }
    return STR_NONE;
}

static void add_body(struct samples *samples, struct observer *observer, const struct policy *policy,
                     const struct record_message *message, struct str body, uint64_t whole_bytes)
{
    struct field fields[RECORD_MAX_FIELDS];
    uint16_t count = leg_fields(message, fields);
    struct str decoded;
    strbuf_add(&samples->text, STR(",\"body\":"));
    if (body.len == 0) {
        strbuf_add(&samples->text, whole_bytes > 0 ? STR("null") : STR("\"\""));
        return;
    }
    if (!content_decode(observer_comparer(observer), fields, count, body, &decoded)) {
        strbuf_add(&samples->text, STR("null"));
        return;
    }
    strbuf_clear(&samples->value);
    redaction_add_body(policy->redaction, content_type_of(fields, count), decoded, body.len < whole_bytes, false,
                       &samples->value);
    struct str kept = strbuf_str(&samples->value);
    bool is_long = kept.len > SAMPLE_BODY_MAX;
    size_t end = is_long ? SAMPLE_BODY_MAX : kept.len;
    while (is_long && end > 0 && ((unsigned char)kept.ptr[end] & 0xC0) == 0x80)
        end--;
    strbuf_add_json(&samples->text, str_slice(kept, 0, end));
    if (is_long || body.len < whole_bytes)
        strbuf_add(&samples->text, STR(",\"is_cut\":true"));
}

static void add_request(struct samples *samples, struct observer *observer, const struct policy *policy,
                        struct str endpoint, const struct leg *live)
{
    struct strbuf scratch = STRBUF_INIT;
    bool is_full = policy->samples == KEEP_FULL;
    strbuf_add(&samples->text, STR(",\"request\":{\"method\":"));
    strbuf_add_json(&samples->text, live->request.method);
    strbuf_add(&samples->text, STR(",\"target\":"));
    strbuf_clear(&samples->value);
    if (is_full)
        redaction_add_target(policy->redaction, live->request.target, &samples->value);
    else
        strbuf_add(&samples->value, str_slice(endpoint, str_find_char(endpoint, ' ') + 1, endpoint.len));
    strbuf_add_json(&samples->text, strbuf_str(&samples->value));
    if (is_full) {
        add_fields(samples, policy, "headers", &live->request);
        add_body(samples, observer, policy, &live->request, leg_request_body(live, &scratch), live->end.request_bytes);
    }
    strbuf_add_char(&samples->text, '}');
    strbuf_deinit(&scratch);
}

static void add_answer(struct samples *samples, struct observer *observer, const struct policy *policy,
                       const char *name, const struct leg *leg)
{
    if (!leg || leg->end.outcome == OUTCOME_ABORTED || leg->end.outcome == OUTCOME_LOST)
        return;
    strbuf_printf(&samples->text, ",\"%s\":{\"status\":%u", name, leg->end.status);
    if (policy->samples == KEEP_FULL) {
        struct strbuf scratch = STRBUF_INIT;
        add_fields(samples, policy, "headers", &leg->answer);
        if (leg->trailers.is_there && leg->trailers.field_count > 0)
            add_fields(samples, policy, "trailers", &leg->trailers);
        add_body(samples, observer, policy, &leg->answer, leg_answer_body(leg, &scratch), leg->end.answer_bytes);
        strbuf_deinit(&scratch);
    }
    strbuf_add_char(&samples->text, '}');
}

static void add_differences(struct samples *samples, const struct pair_seen *pair, uint64_t due)
{
    bool is_first = true;
    strbuf_add(&samples->text, STR(",\"differences\":["));
    for (size_t i = 0; i < pair->field_count && i < 64; i++) {
        const struct field_seen *field = &pair->fields[i];
        if (!(due >> i & 1))
            continue;
        if (!is_first)
            strbuf_add_char(&samples->text, ',');
        is_first = false;
        strbuf_add(&samples->text, STR("{\"field\":"));
        strbuf_add_json(&samples->text, field->field);
        strbuf_printf(&samples->text, ",\"kind\":\"%s\",\"live\":", difference_kind_name(field->kind));
        strbuf_add_json(&samples->text, field->live);
        strbuf_add(&samples->text, STR(",\"shadow\":"));
        strbuf_add_json(&samples->text, field->shadow);
        strbuf_add_char(&samples->text, '}');
    }
    strbuf_add_char(&samples->text, ']');
}

static void put_by(struct samples *samples, const struct finding *finding, uint64_t at_ns)
{
    if (samples->waiting_bytes + samples->text.len > SAMPLES_WAITING_MAX) {
        samples->refused++;
        return;
    }
    struct waiting_sample *sample = mem_alloc(sizeof(struct waiting_sample));
    memcpy(sample->finding, finding->id, sizeof(sample->finding));
    sample->at_ns = at_ns;
    sample->text = mem_dup(samples->text.ptr, samples->text.len);
    sample->len = samples->text.len;
    list_init(&sample->node);
    list_add(&samples->waiting, &sample->node);
    samples->waiting_bytes += sample->len;
    samples->allowance--;
    samples->written++;
}

void samples_add(struct samples *samples, struct observer *observer, const struct group *group,
                 const struct pair_seen *pair, uint64_t due, const struct leg *const legs[LEG_COUNT])
{
    const struct policy *policy = group->policy;
    if (policy->samples == KEEP_NONE || due == 0)
        return;
    if (samples->allowance == 0) {
        samples->refused++;
        return;
    }
    strbuf_clear(&samples->text);
    strbuf_add(&samples->text, STR("{\"at\":\""));
    add_time(&samples->text, pair->wall_ns);
    strbuf_add_char(&samples->text, '"');
    add_differences(samples, pair, due);
    add_request(samples, observer, policy, pair->endpoint, legs[LEG_LIVE]);
    add_answer(samples, observer, policy, "live", legs[LEG_LIVE]);
    add_answer(samples, observer, policy, "shadow", legs[LEG_SHADOW]);
    add_answer(samples, observer, policy, "control", legs[LEG_CONTROL]);
    strbuf_add_char(&samples->text, '}');
    for (size_t i = 0; i < pair->field_count && i < 64 && samples->allowance > 0; i++) {
        if (!(due >> i & 1))
            continue;
        struct finding finding = {.kind = FINDING_DIFFERENCE,
                                  .route = group->route->label,
                                  .mirror = group->mirror,
                                  .endpoint = pair->endpoint,
                                  .field = pair->fields[i].field};
        finding_set_id(&finding);
        put_by(samples, &finding, pair->wall_ns);
    }
}
