/* SPDX-License-Identifier: Apache-2.0 */
#include "play.h"

#include "http/grpc.h"

#include <math.h>

void play_seed(struct random *random, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++)
        random->state[i] = (seed + 1) * 0x9e3779b97f4a7c15u + i * 0xbf58476d1ce4e5b9u;
    for (size_t i = 0; i < 32; i++)
        (void)random_next(random);
}

double play_uniform(struct random *random)
{
    return ((double)(random_next(random) >> 11) + 0.5) * 0x1p-53;
}

bool play_chance(struct random *random, double chance)
{
    return play_uniform(random) < chance;
}

double play_latency(struct random *random, double middle)
{
    double normal = sqrt(-2 * log(play_uniform(random))) * cos(6.283185307179586 * play_uniform(random));
    return middle * exp(0.4 * normal) * (play_chance(random, 0.02) ? 4 : 1);
}

void play_pair(struct play *play, bool has_control)
{
    uint64_t at = play->pair.wall_ns;
    struct leg_seen leg = {.state = LEG_ANSWERED, .status = 200, .grpc_status = GRPC_NONE};
    *play = (struct play){.pair = {.endpoint = STR("GET /items/{id}"),
                                   .wall_ns = (at ? at : 1700000000ull * 1000000000) + 1000000000,
                                   .live = leg,
                                   .shadow = leg,
                                   .has_control = has_control,
                                   .body = BODY_SAME,
                                   .control_body = has_control ? BODY_SAME : BODY_NOT_COMPARED}};
    if (has_control)
        play->pair.control = leg;
    play->pair.fields = play->fields;
}

void play_differ(struct play *play, const char *field, bool is_in_shadow, bool is_in_control)
{
    if (!is_in_shadow && !is_in_control)
        return;
    play->fields[play->pair.field_count++] = (struct field_seen){
        .field = str_from_c(field), .is_in_shadow = is_in_shadow, .is_in_control = is_in_control};
    bool is_body = str_starts_with(str_from_c(field), STR("body"));
    if (is_body && is_in_shadow)
        play->pair.body = BODY_DIFFERENT;
    if (is_body && is_in_control)
        play->pair.control_body = BODY_DIFFERENT;
}

void play_example(struct play *play, const char *live, const char *shadow)
{
    play->fields[play->pair.field_count - 1].live = str_from_c(live);
    play->fields[play->pair.field_count - 1].shadow = str_from_c(shadow);
}

struct tally *play_tally(void)
{
    return tally_new(&(struct tally_key){STR("default/checkout#0"), STR("default/shop-v2:80"), STR("v1"), STR("v2")});
}

bool play_says(const struct verdict *verdict, const char *text)
{
    for (size_t i = 0; i < verdict->reason_count; i++) {
        if (verdict->reasons[i].len > 0 && memmem(verdict->reasons[i].ptr, verdict->reasons[i].len, text, strlen(text)))
            return true;
    }
    return false;
}

enum verdict_kind play_verdict(struct tally *tally)
{
    struct verdict verdict;
    judge(tally, &verdict);
    enum verdict_kind kind = verdict.kind;
    verdict_deinit(&verdict);
    return kind;
}
