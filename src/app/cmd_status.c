/* SPDX-License-Identifier: Apache-2.0 */
/* umbra status: the state of routes and mirrors with their accounting, once. */
#include "app/status_page.h"

#include <stdio.h>

int cmd_status(int argc, char **argv)
{
    struct options options;
    int code = options_read("status", argc, argv, &options);
    if (code >= 0)
        return code;
    struct admin_reply reply;
    struct err err;
    if (!status_page_get(&options.client, &reply, &err)) {
        fprintf(stderr, "umbra status: %s\n", err.text);
        return EXIT_FAILED;
    }
    bool is_written = fwrite(reply.body.ptr, 1, reply.body.len, stdout) == reply.body.len && fflush(stdout) == 0;
    admin_reply_deinit(&reply);
    return is_written ? EXIT_OK : EXIT_FAILED;
}
