/* SPDX-License-Identifier: Apache-2.0 */
#include "app/options.h"

#define TEXT_WIDTH 100
#define HELP_INDENT 8

/* Words of `text`, wrapped at TEXT_WIDTH, each line indented. */
static void add_wrapped(struct strbuf *out, struct str text, size_t indent)
{
    size_t column = 0;
    struct str word;
    while (str_next(&text, ' ', &word)) {
        if (column > 0 && column + 1 + word.len > TEXT_WIDTH) {
            strbuf_add_char(out, '\n');
            column = 0;
        }
        if (column == 0) {
            strbuf_printf(out, "%*s", (int)indent, "");
            column = indent;
        } else {
            strbuf_add_char(out, ' ');
            column++;
        }
        strbuf_add(out, word);
        column += word.len;
    }
    strbuf_add_char(out, '\n');
}

static void add_option(struct strbuf *out, const struct option *option)
{
    const char *word = option_short(option);
    strbuf_printf(out, "\n  %s%s%s", word ? word : "", word ? ", " : "", option->name);
    if (option->form)
        strbuf_printf(out, " %s", option->form);
    if (option->is_repeatable)
        strbuf_printf(out, "  (repeatable)");
    if (option->fallback)
        strbuf_printf(out, "  (default: %s)", option->fallback);
    strbuf_add_char(out, '\n');
    add_wrapped(out, str_from_c(option->help), HELP_INDENT);
}

static bool has_options(const struct command *command)
{
    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].commands & command->bit)
            return true;
    }
    return false;
}

void options_help(struct strbuf *out, const struct command *command)
{
    strbuf_printf(out, "umbra %s", command->name);
    if (command->usage[0])
        strbuf_printf(out, " %s", command->usage);
    strbuf_printf(out, "\n\n");
    add_wrapped(out, str_from_c(command->summary), 0);
    if (command->details) {
        strbuf_add_char(out, '\n');
        add_wrapped(out, str_from_c(command->details), 0);
    }
    if (!has_options(command))
        return;
    strbuf_printf(out, "\nOptions:\n");
    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].commands & command->bit)
            add_option(out, &option_table[i]);
    }
}

void options_overview(struct strbuf *out)
{
    strbuf_printf(out,
                  "Umbra mirrors live HTTP traffic to shadow services and never lets a shadow touch the live path.\n"
                  "\nCommands:\n");
    for (size_t i = 0; i < command_count; i++) {
        if (!commands[i].is_hidden)
            strbuf_printf(out, "  umbra %-9s %s\n", commands[i].name, commands[i].summary);
    }
    strbuf_printf(out, "\nA first try:\n"
                       "  umbra run --listen 127.0.0.1:8080 --live 127.0.0.1:3000 --shadow 127.0.0.1:3001\n"
                       "\n`umbra <command> --help` lists the options of a command.\n");
}

/* A table cell: '|' would end it. */
static void add_cell(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            strbuf_add_char(out, '\\');
        strbuf_add_char(out, *text);
    }
}

static void add_reference_option(struct strbuf *out, const struct option *option)
{
    const char *word = option_short(option);
    strbuf_printf(out, "| `%s%s%s", word ? word : "", word ? ", " : "", option->name);
    if (option->form) {
        strbuf_add_char(out, ' ');
        add_cell(out, option->form);
    }
    strbuf_printf(out, "` | ");
    if (option->fallback) {
        strbuf_add_char(out, '`');
        add_cell(out, option->fallback);
        strbuf_add_char(out, '`');
    }
    strbuf_printf(out, " | ");
    add_cell(out, option->help);
    strbuf_printf(out, "%s |\n", option->is_repeatable ? " Repeatable." : "");
}

void options_reference(struct strbuf *out)
{
    strbuf_printf(out, "# Command line\n\nMade by `umbra docs` from the table that parses it; do not edit.\n\n"
                       "Exit codes: 0 ok, 1 failed, 2 usage.\n");
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        strbuf_printf(out, "\n## umbra %s%s%s\n\n%s\n", command->name, command->usage[0] ? " " : "", command->usage,
                      command->summary);
        if (command->details)
            strbuf_printf(out, "\n%s\n", command->details);
        if (!has_options(command))
            continue;
        strbuf_printf(out, "\n| option | default | |\n|---|---|---|\n");
        for (size_t o = 0; o < option_count; o++) {
            if (option_table[o].commands & command->bit)
                add_reference_option(out, &option_table[o]);
        }
    }
}
