/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of subcommands: what `umbra help` lists, what main runs and what docs/reference/cli.md describes.
 * One file cmd_<name>.c each; adding one is that file and a row in commands.c. Lifetime: static. Thread: main. */
#pragma once

#include "base/str.h"

#define EXIT_OK 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2
/* Of report. */
#define EXIT_INSUFFICIENT 3
#define EXIT_UNREACHED 4

/* Bits that say which commands an option belongs to (app/options.c). */
enum command_bit {
    FOR_RUN = 1 << 0,
    FOR_STATUS = 1 << 1,
    FOR_TOP = 1 << 2,
    FOR_MIRROR = 1 << 3,
    FOR_DEMO = 1 << 4,
    FOR_CHECK = 1 << 5,
    FOR_PRINT = 1 << 6,
    FOR_PURGE = 1 << 7,
    FOR_REPORT = 1 << 8,
    FOR_RULES = FOR_RUN | FOR_CHECK | FOR_PRINT,     /* those that take rules; words without a dash are further files */
    FOR_CLIENTS = FOR_STATUS | FOR_TOP | FOR_MIRROR, /* those that ask the admin port of a running umbra */
};

struct command {
    const char *name;
    const char *usage;                 /* what follows the name */
    const char *summary;               /* one line for the list */
    const char *details;               /* a paragraph for its --help, or NULL */
    unsigned bit;                      /* enum command_bit; 0: the command has no options but --help */
    size_t min_words, max_words;       /* words that are no options */
    bool is_hidden;                    /* not in the list of `umbra help` */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit code */
};

extern const struct command commands[];
extern const size_t command_count;

/* NULL when there is none. */
const struct command *command_find(struct str name);
/* The name that looks most like this one, or NULL. */
const char *command_nearest(struct str name);

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_print(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_mirror(int argc, char **argv);
int cmd_purge(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_docs(int argc, char **argv);
