/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

#include "app/options.h"
#include "base/nearest.h"

const struct command commands[] = {
    {.name = "run",
     .usage = "-f FILE_OR_DIR ... | --listen HOST:PORT --live HOST:PORT [--shadow HOST:PORT ...]",
     .summary = "Take requests, let live answer them, send copies to shadows.",
     .details =
         "SIGTERM or Ctrl-C drains and ends; a second one ends at once. `umbra run --replace` with the same --admin "
         "address takes over from a running one without a reset connection.",
     .bit = FOR_RUN,
     .run = cmd_run},
    {.name = "check",
     .usage = "-f FILE_OR_DIR ...",
     .summary = "Say everything that is wrong with rules, and what they would do.",
     .details =
         "Problems go to standard error, each as file:line:col: Kind/name: field: what is wrong and how to mend it; "
         "the "
         "last line tells how many routes would be mirrored and how many resources need a look. Nothing is started and "
         "no name is resolved. Exit code 1: something is wrong; warnings alone are 0. `kubectl get -o yaml ... | umbra "
         "check -f -` checks what a cluster has.",
     .bit = FOR_CHECK,
     .run = cmd_check},
    {.name = "print",
     .usage = "-f FILE_OR_DIR ... | --listen HOST:PORT --live HOST:PORT [--shadow HOST:PORT[=PERCENT] ...]",
     .summary = "Print rules as manifests, with all defaults written out.",
     .details =
         "With the quick start's options it shows the manifests that they stand for: a file to begin with. Resources "
         "with errors are left out and said on standard error, and the exit code is 1.",
     .bit = FOR_PRINT,
     .run = cmd_print},
    {.name = "status",
     .usage = "[--route LABEL] [--mirror LABEL] [--format text|json]",
     .summary = "Show what a running umbra does, with all numbers, and why copies are not sent.",
     .details = "Rates are those of the last second. Exit code 1: nothing answers at the admin port.",
     .bit = FOR_STATUS,
     .run = cmd_status},
    {.name = "top",
     .usage = "[--route LABEL] [--mirror LABEL] [--count N]",
     .summary = "Show that again each second, until q.",
     .details = "Without a terminal it prints page after page.",
     .bit = FOR_TOP,
     .run = cmd_top},
    {.name = "report",
     .usage = "[--route LABEL] [--mirror LABEL] [--since TIME] [--wait TIME] [--format F]",
     .summary = "Say what the shadows would have broken: PASS, FAIL or INSUFFICIENT, and why.",
     .details =
         "Several --admin are replicas: what they counted is added up and judged as one. --wait asks each second until "
         "no verdict is INSUFFICIENT, or the time is up. Exit code 0: all PASS; 1: any FAIL; 3: any INSUFFICIENT, or "
         "nothing to judge; 4: an admin port could not be asked.",
     .bit = FOR_REPORT,
     .run = cmd_report},
    {.name = "mirror",
     .usage = "off|on [--route LABEL] [--mirror LABEL]",
     .summary = "Switch mirroring off or on, at once; live is not touched.",
     .details =
         "Without --route and --mirror: all mirroring. A mirror that was switched off alone stays off until it is "
         "switched on alone. Switches last until umbra ends, across --replace as well.",
     .bit = FOR_MIRROR,
     .min_words = 1,
     .max_words = 1,
     .run = cmd_mirror},
    {.name = "purge",
     .usage = "[--data DIR] [--samples]",
     .summary = "Erase what was kept of traffic: samples, findings and history.",
     .details =
         "Afterwards no byte of it is left in the files of the directory. A running umbra may go on meanwhile; what it "
         "has in memory it keeps, and what it sees later is kept anew. Without --data: all directories below the "
         "default one, of all --admin addresses. Nothing is asked. Exit code 1: something is left, and is said.",
     .bit = FOR_PURGE,
     .run = cmd_purge},
    {.name = "demo",
     .usage = "[--play] [--duration TIME] [--rate N]",
     .summary = "See what a shadow would have broken, and live stay as it is while the shadow suffers.",
     .details =
         "Starts a small shop as live, the same with planted faults as shadow, a clean one as a second shadow, a "
         "gateway "
         "between them and steady traffic through it, all on free ports of this machine. Shows what clients and the "
         "gateway count, and the verdict on each shadow: FAIL for the first, with what was found of each planted "
         "fault, "
         "and PASS for the clean one, within 20 s. Keys: k kill, h hang, s slow, g garble, r restore the first shadow, "
         "m "
         "mirror off and on, q quit. Without a terminal it prints a line a second, and verdicts as they come. Exit "
         "code "
         "1: live had an error, no copy completed, or an equation does not hold.",
     .bit = FOR_DEMO,
     .run = cmd_demo},
    {.name = "docs",
     .usage = "[DIR]",
     .summary = "Write docs/reference and deploy/crd below DIR (default: here).",
     .max_words = 1,
     .is_hidden = true,
     .run = cmd_docs},
    {.name = "version", .usage = "", .summary = "Print the version.", .run = cmd_version},
    {.name = "help",
     .usage = "[COMMAND]",
     .summary = "Print this list, or the options of a command.",
     .max_words = 1,
     .run = cmd_help},
};

const size_t command_count = sizeof(commands) / sizeof(commands[0]);

const struct command *command_find(struct str name)
{
    for (size_t i = 0; i < command_count; i++) {
        if (str_eq(name, str_from_c(commands[i].name)))
            return &commands[i];
    }
    return NULL;
}

static const char *next_command(size_t index, const void *user)
{
    (void)user;
    return index < command_count ? commands[index].name : NULL;
}

const char *command_nearest(struct str name)
{
    return nearest_word(name, next_command, NULL);
}
