/* SPDX-License-Identifier: Apache-2.0 */
/* umbra top: what umbra status shows, once a second. On a terminal it takes the screen until q or a signal and gives it back on
 * every way out; elsewhere it prints page after page. */
#include "app/screen.h"
#include "app/status_page.h"

#include <stdio.h>
#include <unistd.h>

#define REFRESH_MS 1000

static bool print_page(struct str page)
{
    return fwrite(page.ptr, 1, page.len, stdout) == page.len && fputs("\n", stdout) >= 0 && fflush(stdout) == 0;
}

/* Pages until the user, the count or standard output ends it; false when the first can't be had. */
static bool show_pages(const struct client_options *client, bool is_terminal, struct err *err)
{
    struct screen *screen = NULL;
    bool is_going_on = true;
    for (uint32_t shown = 1; is_going_on; shown++) {
        struct admin_reply reply;
        bool is_there = status_page_get(client, &reply, err);
        if (!is_there && !screen)
            return false;
        if (is_terminal && !screen)
            screen = screen_open();
        /* Once it runs, an umbra that does not answer may be restarting. */
        struct str page = is_there ? strbuf_str(&reply.body) : str_from_c(err->text);
        is_going_on = screen ? screen_show(screen, page, STR("q quits")) : print_page(page);
        if (is_there)
            admin_reply_deinit(&reply);
        is_going_on = is_going_on && shown != client->count && screen_wait(screen, REFRESH_MS) != 'q';
    }
    screen_close(screen);
    return true;
}

int cmd_top(int argc, char **argv)
{
    struct options options;
    int code = options_read("top", argc, argv, &options);
    if (code >= 0)
        return code;
    struct err err;
    screen_catch_signals();
    if (show_pages(&options.client, isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), &err))
        return EXIT_OK;
    fprintf(stderr, "umbra top: %s\n", err.text);
    return EXIT_FAILED;
}
