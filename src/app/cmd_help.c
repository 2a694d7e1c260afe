/* SPDX-License-Identifier: Apache-2.0 */
#include "app/options.h"

#include <stdio.h>

static int print(struct strbuf *text)
{
    fwrite(text->ptr, 1, text->len, stdout);
    strbuf_deinit(text);
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

int cmd_version(int argc, char **argv)
{
    struct options options;
    int code = options_read("version", argc, argv, &options);
    if (code >= 0)
        return code;
    struct strbuf text = STRBUF_INIT;
    strbuf_printf(&text, "umbra %s\n", UMBRA_VERSION);
    return print(&text);
}

int cmd_help(int argc, char **argv)
{
    struct options options;
    int code = options_read("help", argc, argv, &options);
    if (code >= 0)
        return code;
    struct strbuf text = STRBUF_INIT;
    if (options.word_count == 0) {
        options_overview(&text);
        return print(&text);
    }
    const struct command *command = command_find(str_from_c(options.words[0]));
    if (!command) {
        fprintf(stderr, "umbra help: there is no command \"%s\"; `umbra help` lists them.\n", options.words[0]);
        return EXIT_USAGE;
    }
    options_help(&text, command);
    return print(&text);
}
