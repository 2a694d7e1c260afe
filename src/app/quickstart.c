/* SPDX-License-Identifier: Apache-2.0 */
#include "app/quickstart.h"

#include "app/option_values.h"
#include "http/head.h"
#include "provider/flags.h"

static struct flags_target target(const struct settings_target *from, struct arena *arena)
{
    char label[TARGET_TEXT];
    return (struct flags_target){
        .label = arena_copy(arena, target_format(from, label)),
        .host = str_from_c(from->host),
        .port = from->port,
        .numerator = from->numerator,
        .denominator = from->denominator,
    };
}

static uint32_t method_mask(const struct settings *settings)
{
    if (settings->is_mirroring_writes && !settings->is_safe_methods)
        return UINT32_MAX;
    return 1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_OPTIONS;
}

struct rule_set quickstart_rules(const struct settings *settings, uint64_t generation, struct arena *arena)
{
    struct flags_target shadows[SETTINGS_MAX_SHADOWS];
    for (uint32_t i = 0; i < settings->shadow_count; i++)
        shadows[i] = target(&settings->shadows[i], arena);
    struct flags_input input = {
        .listen = settings->listen,
        .live = target(&settings->live, arena),
        .shadows = shadows,
        .shadow_count = settings->shadow_count,
        .method_mask = method_mask(settings),
        .sampling = (enum plan_sampling)settings->sampling,
        .key = (enum plan_key)settings->key,
        .key_name = str_from_c(settings->key_name),
        .trusted_proxies = settings->trusted_proxies,
        .trusted_proxy_count = settings->trusted_proxy_count,
    };
    return flags_rules(&input, generation, arena);
}
