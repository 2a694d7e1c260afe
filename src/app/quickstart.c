/* SPDX-License-Identifier: Apache-2.0 */
#include "app/quickstart.h"

#include "app/option_values.h"

static struct flags_target target(const struct settings_target *from, char label[TARGET_TEXT])
{
    return (struct flags_target){
        .label = target_format(from, label),
        .host = str_from_c(from->host),
        .port = from->port,
        .numerator = from->numerator,
        .denominator = from->denominator,
    };
}

void quickstart_manifest(const struct settings *settings, struct strbuf *out)
{
    char labels[2 + SETTINGS_MAX_SHADOWS][TARGET_TEXT];
    struct flags_target shadows[SETTINGS_MAX_SHADOWS];
    for (uint32_t i = 0; i < settings->shadow_count; i++)
        shadows[i] = target(&settings->shadows[i], labels[1 + i]);
    struct flags_target control = target(&settings->control, labels[1 + SETTINGS_MAX_SHADOWS]);
    struct flags_input input = {
        .listen = settings->listen,
        .live = target(&settings->live, labels[0]),
        .shadows = shadows,
        .shadow_count = settings->shadow_count,
        .control = settings->has_control ? &control : NULL,
        .is_mirroring_writes = settings->is_mirroring_writes,
        .sampling = (enum plan_sampling)settings->sampling,
        .key = (enum plan_key)settings->key,
        .key_name = str_from_c(settings->key_name),
    };
    flags_manifest(&input, out);
}
