/* SPDX-License-Identifier: Apache-2.0 */
#include "app/options.h"
#include "app/supervisor.h"

int cmd_run(int argc, char **argv)
{
    struct options options;
    int code = options_read("run", argc, argv, &options);
    return code >= 0 ? code : supervisor_run(&options);
}
