/* SPDX-License-Identifier: Apache-2.0 */
#include "app/key_files.h"
#include "app/options.h"
#include "app/rules_read.h"

#include <stdio.h>

int cmd_check(int argc, char **argv)
{
    struct options options;
    struct manifests *manifests;
    struct err err;
    int code = options_read("check", argc, argv, &options);
    if (code >= 0)
        return code;
    if (!rules_read_once(&options.settings, &manifests, &err)) {
        fprintf(stderr, "umbra check: %s\n", err.text);
        return EXIT_FAILED;
    }
    struct compile_options how = rules_options(&options.settings);
    struct key_files *key_files = key_files_new(NULL, NULL, NULL);
    key_files_set(key_files, manifests);
    key_files_give(key_files, &how);
    struct compiled *compiled = compile(manifests, &how);
    rules_say_problems(&manifests->problems, &compiled->problems);
    printf("mirrors %zu of %zu routes; %zu need attention\n", compiled->mirrored, compiled->routes,
           compiled->attention);
    size_t errors = manifests->problems.errors + compiled->problems.errors;
    compiled_free(compiled);
    key_files_free(key_files);
    manifests_unref(manifests);
    return errors == 0 && fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}
