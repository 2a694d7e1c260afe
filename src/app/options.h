/* SPDX-License-Identifier: Apache-2.0 */
/* The one option table: it parses command lines, prints --help and makes docs/reference/cli.md. Errors name the option,
 * what is wrong with it and how to mend it. Lifetime: parsed options are a value; words are borrowed from argv.
 * Thread: main. */
#pragma once

#include "app/commands.h"
#include "app/settings.h"
#include "base/err.h"
#include "base/strbuf.h"

#define OPTIONS_MAX_WORDS 8

/* Of the commands that ask a running umbra (status, top, mirror). */
struct client_options {
    struct settings_target admin;    /* a name or an IP */
    char admin_token[SETTINGS_NAME]; /* "" when there is none */
    char route[2 * SETTINGS_NAME];   /* label; "" for all */
    char mirror[2 * SETTINGS_NAME];  /* label; "" for all */
    bool is_json;                    /* status: --format json */
    uint32_t count;                  /* top: pages before it ends; 0: until it is told to */
};

#define REPORT_ADMINS 32
struct report_options {
    struct settings_target admins[REPORT_ADMINS];
    uint32_t admin_count;
    uint32_t format;  /* enum report_format */
    uint32_t wait_ms; /* 0: ask once */
    char since[32];   /* a duration as it was written; "": of all time */
};

struct demo_options {
    uint32_t rate;        /* requests a second */
    uint32_t duration_ms; /* 0: until it is told to end */
    bool is_play;         /* walks through all faults by itself */
};

struct options {
    struct settings settings; /* run, demo (listen and admin) */
    bool is_replace;
    bool is_token_made;   /* the file of --admin-token-file was not there and was made */
    bool has_data;        /* --data is given, if only as "" */
    bool is_samples_only; /* purge: --samples */
    struct client_options client;
    struct report_options report;
    struct demo_options demo;
    const char *words[OPTIONS_MAX_WORDS]; /* what is no option, in order */
    size_t word_count;
};

/* One row. `fallback` is given to `parse` before the command line is read, so that the documented default is the real one. */
struct option {
    const char *name;     /* "--listen" */
    const char *form;     /* "HOST:PORT"; NULL: a switch, parse gets an empty value */
    const char *fallback; /* NULL: none */
    const char *help;
    unsigned commands; /* enum command_bit */
    bool is_repeatable;
    bool (*parse)(struct options *options, struct str value, struct err *err);
};

extern const struct option option_table[];
extern const size_t option_count;
/* "-f" for --file; NULL when an option has no short form. */
const char *option_short(const struct option *option);

enum options_result { OPTIONS_OK, OPTIONS_HELP, OPTIONS_USAGE };

/* Fills `options` from the table's defaults and the command line; argv[0] is the command's name. OPTIONS_HELP when
 * --help or -h was given; OPTIONS_USAGE with a sentence in `err`. Reads the files that options name, and makes
 * --admin-token-file's when there is none. */
enum options_result options_parse(const struct command *command, int argc, char **argv, struct options *options,
                                  struct err *err) __attribute__((warn_unused_result));

/* What every command begins with: parses, prints help (exit 0) or the error (exit 2). -1: go on; else the exit code. */
int options_read(const char *command, int argc, char **argv, struct options *options)
    __attribute__((warn_unused_result));

/* The text of `umbra <command> --help`. */
void options_help(struct strbuf *out, const struct command *command);
/* The text of `umbra help`. */
void options_overview(struct strbuf *out);
/* docs/reference/cli.md. */
void options_reference(struct strbuf *out);
