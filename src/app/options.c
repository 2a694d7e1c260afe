/* SPDX-License-Identifier: Apache-2.0 */
#include "app/options.h"

#include "app/cpus.h"
#include "app/option_values.h"
#include "base/assert.h"
#include "base/nearest.h"
#include "plan/layout.h"
#include "registry/registry.h"

#include <stdio.h>

static const struct option *find_option(struct str name, unsigned bits)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *option = &option_table[i];
        const char *word = option_short(option);
        if ((option->commands & bits) &&
            (str_eq(name, str_from_c(option->name)) || (word && str_eq(name, str_from_c(word)))))
            return option;
    }
    return NULL;
}

static const char *next_option(size_t index, const void *user)
{
    const struct command *command = user;
    for (size_t i = 0; i < option_count; i++) {
        if ((option_table[i].commands & command->bit) && index-- == 0)
            return option_table[i].name;
    }
    return index == 0 ? "--help" : NULL;
}

static bool unknown_option(const struct command *command, struct str name, struct err *err)
{
    const struct option *elsewhere = find_option(name, ~0u);
    for (size_t i = 0; elsewhere && i < command_count; i++) {
        if (elsewhere->commands & commands[i].bit)
            return err_set(err, "%.*s is an option of `umbra %s`, not of `umbra %s`", STR_ARG(name), commands[i].name,
                           command->name);
    }
    const char *nearest = nearest_word(name, next_option, command);
    if (nearest)
        return err_set(err, "unknown option %.*s; did you mean %s?", STR_ARG(name), nearest);
    return err_set(err, "unknown option %.*s", STR_ARG(name));
}

/* The row's defaults, and what can't be written as a text. */
static void set_defaults(const struct command *command, struct options *options)
{
    memset(options, 0, sizeof(*options));
    unsigned cpus = cpus_usable();
    options->settings.workers = cpus < REGISTRY_WORKERS ? cpus : REGISTRY_WORKERS;
    struct err err;
    for (size_t i = 0; i < option_count; i++) {
        const struct option *option = &option_table[i];
        if ((option->commands & command->bit) && option->fallback &&
            !option->parse(options, str_from_c(option->fallback), &err)) {
            fprintf(stderr, "umbra: default of %s: %s\n", option->name, err.text);
            ASSERT(!"defaults parse");
        }
    }
}

/* One option with its value, which may stand in the next word. */
static bool take_option(const struct command *command, int argc, char **argv, int *at, struct options *options,
                        uint64_t *seen, struct err *err)
{
    struct str word = str_from_c(argv[*at]);
    size_t equals = str_find_char(word, '=');
    struct str name = str_slice(word, 0, equals);
    const struct option *option = find_option(name, command->bit);
    if (!option)
        return unknown_option(command, name, err);
    uint64_t bit = 1ull << (option - option_table);
    if ((*seen & bit) && !option->is_repeatable)
        return err_set(err, "%s is given twice; leave one out", option->name);
    *seen |= bit;
    struct str value = STR("");
    if (!option->form) {
        if (equals < word.len)
            return err_set(err, "%s takes no value; write it alone", option->name);
    } else if (equals < word.len) {
        value = str_slice(word, equals + 1, word.len);
    } else if (*at + 1 < argc) {
        value = str_from_c(argv[++*at]);
    } else {
        return err_set(err, "%s needs a value: %s %s", option->name, option->name, option->form);
    }
    if (!option->parse(options, value, err))
        return option->form ? err_wrap(err, "%s %.*s", option->name, STR_ARG(value))
                            : err_wrap(err, "%s", option->name);
    return true;
}

static bool has_words(const struct command *command, const struct options *options, struct err *err)
{
    const struct option *file = find_option(STR("--file"), command->bit);
    const char *word = options->word_count > command->max_words ? options->words[command->max_words] : NULL;
    if (word && file && options->settings.file_count == 0)
        return err_set(err, "`umbra %s` does not expect the word \"%s\"; rules in a file are given with -f %s",
                       command->name, word, word);
    if (word)
        return err_set(err, "`umbra %s` does not expect the word \"%s\"", command->name, word);
    if (options->word_count < command->min_words)
        return err_set(err, "something is missing: umbra %s %s", command->name, command->usage);
    return true;
}

/* An option of the quick start that was given, or NULL. */
static const char *quick_start_option(const struct settings *settings)
{
    const struct {
        const char *name;
        bool is_given;
    } all[] = {
        {"--listen", settings->listen.family != ADDRESS_NONE},
        {"--live", settings->live.host[0] != '\0'},
        {"--shadow", settings->shadow_count > 0},
        {"--control", settings->has_control != 0},
        {"--mirror-writes", settings->is_mirroring_writes != 0},
        {"--sampling", settings->sampling != SAMPLING_EVEN},
        {"--sampling-key", settings->key != KEY_NONE},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].is_given)
            return all[i].name;
    }
    return NULL;
}

static bool quick_start_is_complete(const struct settings *settings, struct err *err)
{
    bool has_listen = settings->listen.family != ADDRESS_NONE;
    bool has_live = settings->live.host[0] != '\0';
    if (settings->bind.family != ADDRESS_NONE || settings->port_offset > 0)
        return err_set(err, "%s needs -f: with --listen the address is given whole",
                       settings->port_offset > 0 ? "--port-offset" : "--bind");
    if (!has_listen && !has_live)
        return err_set(err, "nothing to serve: give rules with -f FILE_OR_DIR, or begin without a file: --listen "
                            "127.0.0.1:8080 --live 127.0.0.1:3000 --shadow 127.0.0.1:3001");
    if (!has_listen)
        return err_set(err, "--listen is missing: where are requests taken? For instance --listen 127.0.0.1:8080");
    if (!has_live)
        return err_set(err, "--live is missing: which service answers? For instance --live 127.0.0.1:3000");
    if (settings->has_control && settings->shadow_count == 0)
        return err_set(err, "--control needs --shadow: it shows which differences between live and a shadow are only "
                            "noise; for instance --shadow 127.0.0.1:3001");
    if (address_eq(&settings->listen, &settings->admin) && settings->admin.port != 0)
        return err_set(err, "--listen and --admin are the same address; give one of them another port");
    if (settings->sampling == SAMPLING_HASH && settings->key == KEY_NONE)
        return err_set(err, "--sampling hash needs --sampling-key, for instance --sampling-key header:x-user-id");
    if (settings->sampling != SAMPLING_HASH && settings->key != KEY_NONE)
        return err_set(err, "--sampling-key needs --sampling hash");
    return true;
}

/* An option that only --kube has a use for, or NULL. */
static const char *cluster_option(const struct settings *settings)
{
    const struct {
        const char *name;
        bool is_given;
    } all[] = {
        {"--kubeconfig", settings->kubeconfig[0] != '\0'},
        {"--context", settings->kube_context[0] != '\0'},
        {"--class", settings->gateway_class[0] != '\0'},
        {"--namespace", settings->namespace_count > 0},
        {"--publish-service", settings->publish_service[0] != '\0'},
        {"--allow-backends", settings->allows_backends != 0},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].is_given)
            return all[i].name;
    }
    return NULL;
}

/* One of --kube, -f and the quick start. */
static bool rules_are_complete(const struct settings *settings, struct err *err)
{
    enum rules_source source = settings_rules(settings);
    const char *quick = source == RULES_OF_FLAGS ? NULL : quick_start_option(settings);
    const char *cluster = source == RULES_OF_CLUSTER ? NULL : cluster_option(settings);
    if (settings->is_kube && settings->file_count > 0)
        return err_set(err, "--kube and -f exclude each other: rules come from the Kubernetes API or from files; leave "
                            "one of both out");
    if (quick)
        return err_set(err,
                       "%s and %s exclude each other: either all rules come from %s, or the quick start's options "
                       "say them; leave one of both out",
                       settings->is_kube ? "--kube" : "-f", quick, settings->is_kube ? "the cluster" : "files");
    if (cluster)
        return err_set(err, "%s needs --kube: it says how rules are read from a cluster", cluster);
    return source != RULES_OF_FLAGS || quick_start_is_complete(settings, err);
}

static bool admin_is_safe(const struct settings *settings, struct err *err)
{
    if (!address_is_loopback(&settings->admin) && settings->admin_token[0] == '\0')
        return err_set(err, "--admin is not a loopback address, so it needs --admin-token-file FILE with a secret that "
                            "clients must show; or use 127.0.0.1");
    return true;
}

static bool is_complete(const struct command *command, const struct options *options, struct err *err)
{
    const struct settings *settings = &options->settings;
    switch (command->bit) {
    case FOR_RUN: return rules_are_complete(settings, err) && admin_is_safe(settings, err);
    case FOR_PRINT: return rules_are_complete(settings, err);
    case FOR_CHECK:
        return settings->file_count > 0 ||
               err_set(err, "nothing to check: give rules with -f FILE_OR_DIR (- is standard "
                            "input)");
    default: return true;
    }
}

/* What a shell makes of a pattern after -f are further files. */
static bool take_word(const struct command *command, char *word, struct options *options, struct err *err)
{
    if ((command->bit & FOR_RULES) && options->settings.file_count > 0)
        return option_file(options, str_from_c(word), err) || err_wrap(err, "%s", word);
    if (options->word_count < OPTIONS_MAX_WORDS)
        options->words[options->word_count++] = word;
    return true;
}

enum options_result options_parse(const struct command *command, int argc, char **argv, struct options *options,
                                  struct err *err)
{
    set_defaults(command, options);
    uint64_t seen = 0;
    bool is_words_only = false;
    for (int i = 1; i < argc; i++) {
        struct str word = str_from_c(argv[i]);
        if (!is_words_only && str_eq(word, STR("--"))) {
            is_words_only = true;
        } else if (is_words_only || word.len < 2 || word.ptr[0] != '-') {
            if (!take_word(command, argv[i], options, err))
                return OPTIONS_USAGE;
        } else if (str_eq(word, STR("--help")) || str_eq(word, STR("-h"))) {
            return OPTIONS_HELP;
        } else if (!take_option(command, argc, argv, &i, options, &seen, err)) {
            return OPTIONS_USAGE;
        }
    }
    return has_words(command, options, err) && is_complete(command, options, err) ? OPTIONS_OK : OPTIONS_USAGE;
}

int options_read(const char *name, int argc, char **argv, struct options *options)
{
    const struct command *command = command_find(str_from_c(name));
    ASSERT(command);
    struct err err;
    switch (options_parse(command, argc, argv, options, &err)) {
    case OPTIONS_OK: return -1;
    case OPTIONS_HELP: {
        struct strbuf text = STRBUF_INIT;
        options_help(&text, command);
        fwrite(text.ptr, 1, text.len, stdout);
        strbuf_deinit(&text);
        return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
    }
    case OPTIONS_USAGE: break;
    }
    fprintf(stderr, "umbra %s: %s\n`umbra %s --help` lists all options.\n", name, err.text, name);
    return EXIT_USAGE;
}
