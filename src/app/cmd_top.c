/* SPDX-License-Identifier: Apache-2.0 */
/* umbra top: what umbra status shows, once a second. On a terminal it takes the screen until q or a signal and gives it back on
 * every way out; elsewhere it prints page after page. */
#include "app/screen.h"
#include "app/status_page.h"

#include <stdio.h>
#include <unistd.h>

#define REFRESH_MS 1000

/* One page; false when there is nobody to ask. */
static bool show(const struct client_options *client, struct screen *screen, bool is_first, struct err *err)
{
    struct admin_reply reply;
    if (!status_page_get(client, &reply, err)) {
        if (is_first || !screen)
            return false;
        /* It may be restarting. */
        screen_show(screen, str_from_c(err->text), STR("q quits"));
        return true;
    }
    struct str page = strbuf_str(&reply.body);
    bool is_shown;
    if (screen)
        is_shown = screen_show(screen, page, STR("q quits"));
    else
        is_shown = fwrite(page.ptr, 1, page.len, stdout) == page.len && fputs("\n", stdout) >= 0 && fflush(stdout) == 0;
    admin_reply_deinit(&reply);
    return is_shown || err_errno(err, "standard output");
}

int cmd_top(int argc, char **argv)
{
    struct options options;
    int code = options_read("top", argc, argv, &options);
    if (code >= 0)
        return code;
    struct err err;
    struct screen *screen = NULL;
    bool is_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    screen_catch_signals();
    bool is_well = true;
    for (uint32_t shown = 0;; shown++) {
        is_well = show(&options.client, screen, shown == 0, &err);
        if (!is_well || shown + 1 == options.client.count)
            break;
        if (is_terminal && !screen) {
            screen = screen_open();
            is_well = show(&options.client, screen, false, &err);
        }
        if (!is_well || screen_wait(screen, REFRESH_MS) == 'q')
            break;
    }
    screen_close(screen);
    if (is_well)
        return EXIT_OK;
    fprintf(stderr, "umbra top: %s\n", err.text);
    return EXIT_FAILED;
}
