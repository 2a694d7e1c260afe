/* SPDX-License-Identifier: Apache-2.0 */
#include "app/data_dir.h"
#include "app/log_sink.h"
#include "app/options.h"
#include "app/supervisor.h"
#include "base/log.h"

#include <string.h>

int cmd_run(int argc, char **argv)
{
    struct options options;
    int code = options_read("run", argc, argv, &options);
    if (code >= 0)
        return code;
    struct err err;
    char data[DATA_DIR_PATH];
    log_sink_start("supervisor", &options.settings);
    if (options.is_token_made)
        log_info("the file of --admin-token-file was not there and was made, with a random token");
    if (!data_dir_choose(&options, data, sizeof(data), &err)) {
        log_error("%s", err.text);
        return EXIT_FAILED;
    }
    if (err.text[0])
        log_info("%s", err.text);
    memcpy(options.settings.data, data, sizeof(data));
    return supervisor_run(&options);
}
