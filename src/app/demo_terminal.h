/* SPDX-License-Identifier: Apache-2.0 */
/* What the terminal is like. Lifetime: a value. Thread: main. */
#pragma once

#include <stdbool.h>

struct demo_terminal {
    bool is_there;   /* standard input and output are one */
    bool has_colour; /* NO_COLOR is not set, TERM is not dumb */
    bool has_utf8;
};

struct demo_terminal demo_terminal_look(void);
/* Now; 24 x 80 when it can't be known. */
void demo_terminal_size(unsigned *rows, unsigned *columns);
/* Whether an environment speaks for UTF-8: a locale that names it; one that says nothing of characters ("", C, POSIX) does unless the
 * terminal is known to go by the locale (tmux, screen) or to lack the glyphs (Linux console). */
bool demo_terminal_is_utf8(const char *locale, const char *term, bool is_multiplexed);
