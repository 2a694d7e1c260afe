/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal as a page that is drawn again and again, with single keys read from it. The alternate screen, the cursor and the
 * modes are given back by screen_close, also after a signal that ends the program, and before a failed ASSERT ends it.
 * Lifetime: screen_open to screen_close. Thread: main; one at a time. */
#pragma once

#include "base/str.h"

struct screen;

/* From now on SIGINT, SIGTERM, SIGHUP and SIGQUIT end screen_wait instead of the process. */
void screen_catch_signals(void);
/* Standard input and output are a terminal. Never NULL. */
struct screen *screen_open(void);
/* NULL is no screen. */
void screen_close(struct screen *screen);

/* Draws as many lines of the page as there is room for, and the footer in the last one; false when the terminal is gone. */
bool screen_show(struct screen *screen, struct str page, struct str footer);
/* Waits that long for a key, also without a screen (NULL: no keys). Returns the key in lower case, 'q' as well for Ctrl-C and for the
 * signals above and at the end of input, 0 when time is over. */
int screen_wait(struct screen *screen, int timeout_ms);
