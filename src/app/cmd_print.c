/* SPDX-License-Identifier: Apache-2.0 */
#include "app/options.h"
#include "app/rules_read.h"

#include <stdio.h>

int cmd_print(int argc, char **argv)
{
    struct options options;
    struct manifests *manifests;
    struct err err;
    int code = options_read("print", argc, argv, &options);
    if (code >= 0)
        return code;
    if (!rules_read_once(&options.settings, &manifests, &err)) {
        fprintf(stderr, "umbra print: %s\n", err.text);
        return EXIT_FAILED;
    }
    rules_say_problems(&manifests->problems, NULL);
    struct strbuf text = STRBUF_INIT;
    if (!options.settings.is_comparing)
        strbuf_add(&text, STR("# --compare off belongs to `umbra run`: rules have no field for it.\n"));
    manifests_print(manifests, &text);
    fwrite(text.ptr, 1, text.len, stdout);
    strbuf_deinit(&text);
    size_t errors = manifests->problems.errors;
    manifests_unref(manifests);
    return errors == 0 && fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}
