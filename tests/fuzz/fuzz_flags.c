/* SPDX-License-Identifier: Apache-2.0 */
/* The option parser of every command: one word per line, the first is the command. Whatever comes, there is either a
 * result or a sentence, and what is accepted stays inside the settings. Options that name files are left out: a fuzzer must not
 * open what it happens to spell. */
#include "app/option_values.h"
#include "base/assert.h"

#define MAX_WORDS 64
#define MAX_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_target(const struct settings_target *target)
{
    char text[TARGET_TEXT];
    struct settings_target again = {0};
    struct err err;
    ASSERT(memchr(target->host, '\0', sizeof(target->host)));
    ASSERT(target_parse(target_format(target, text), &again, &err));
    ASSERT(again.port == target->port);
}

static void check_settings(const struct settings *settings)
{
    ASSERT(settings->workers >= 1 && settings->mirror_budget > 0);
    ASSERT(settings->shadow_count <= SETTINGS_MAX_SHADOWS && settings->admin_host_count <= SETTINGS_MAX_HOSTS);
    ASSERT(settings->trusted_proxy_count <= SETTINGS_MAX_TRUSTED);
    ASSERT(address_is_loopback(&settings->admin) || settings->admin_token[0]);
    check_target(&settings->live);
    for (uint32_t i = 0; i < settings->shadow_count; i++) {
        check_target(&settings->shadows[i]);
        ASSERT(settings->shadows[i].denominator >= 100);
        ASSERT(settings->shadows[i].numerator <= settings->shadows[i].denominator);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[MAX_BYTES + 1];
    char *argv[MAX_WORDS] = {text};
    int argc = 0;
    if (size > MAX_BYTES)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    struct str rest = {text, strlen(text)}, word;
    while (argc < MAX_WORDS && str_next(&rest, '\n', &word)) {
        if (str_starts_with(word, STR("--")) && str_slice(word, 0, str_find_char(word, '=')).len >= 6 &&
            str_ends_with(str_slice(word, 0, str_find_char(word, '=')), STR("-file")))
            return 0;
        argv[argc] = (char *)(uintptr_t)word.ptr;
        argv[argc++][word.len] = '\0';
    }
    const struct command *command = command_find(str_from_c(argv[0]));
    if (!command)
        return 0;
    struct options options;
    struct err err = {""};
    switch (options_parse(command, argc, argv, &options, &err)) {
    case OPTIONS_OK:
        if (command->bit == FOR_RUN)
            check_settings(&options.settings);
        break;
    case OPTIONS_HELP: break;
    case OPTIONS_USAGE: ASSERT(err.text[0]); break;
    }
    return 0;
}
