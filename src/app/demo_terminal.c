/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_terminal.h"

#include "base/str.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ROWS 24
#define COLUMNS 80

bool demo_terminal_is_utf8(const char *locale, const char *term, bool is_multiplexed)
{
    struct str name = str_from_c(locale);
    size_t dot = str_find_char(name, '.');
    struct str charset = str_slice(name, dot + 1, str_find_char(name, '@'));
    if (str_eq_nocase(charset, STR("UTF-8")) || str_eq_nocase(charset, STR("utf8")))
        return true;
    bool is_mute = name.len == 0 || str_eq(name, STR("C")) || str_eq(name, STR("POSIX"));
    return is_mute && !is_multiplexed && !str_eq(str_from_c(term), STR("linux"));
}

/* The first that is set, as setlocale does. */
static const char *locale(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value && value[0])
            return value;
    }
    return "";
}

struct demo_terminal demo_terminal_look(void)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    bool is_dumb = !term || !term[0] || str_eq(str_from_c(term), STR("dumb"));
    return (struct demo_terminal){
        .is_there = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !is_dumb,
        .has_colour = !no_colour || !no_colour[0],
        .has_utf8 = demo_terminal_is_utf8(locale(), term, getenv("TMUX") || getenv("STY")),
    };
}

void demo_terminal_size(unsigned *rows, unsigned *columns)
{
    struct winsize size;
    bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;
    *rows = is_known ? size.ws_row : ROWS;
    *columns = is_known && size.ws_col >= 40 ? size.ws_col : COLUMNS;
}
