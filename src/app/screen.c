/* SPDX-License-Identifier: Apache-2.0 */
#include "app/screen.h"

#include "base/mem.h"
#include "base/strbuf.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Alternate screen, no cursor, no wrapping of long lines; and back. */
#define ENTER "\x1b[?1049h\x1b[?25l\x1b[?7l"
#define LEAVE "\x1b[?7h\x1b[?25h\x1b[?1049l"

struct screen {
    struct termios before;
    bool has_modes;
};

static volatile sig_atomic_t is_ended;
static struct screen *volatile open_screen; /* what a failed ASSERT has to give back */
static sigset_t waiting;                    /* the signal mask while waiting; else the ending signals are blocked */

static void on_end(int signal)
{
    (void)signal;
    is_ended = 1;
}

void screen_catch_signals(void)
{
    static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on_end};
    sigset_t blocked;
    sigemptyset(&action.sa_mask);
    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        sigaction(endings[i], &action, NULL);
        sigaddset(&blocked, endings[i]);
    }
    /* Delivered while waiting only, so that none falls between the check and the wait. */
    sigprocmask(SIG_BLOCK, &blocked, &waiting);
}

static bool write_all(struct str bytes)
{
    while (bytes.len) {
        ssize_t n = write(STDOUT_FILENO, bytes.ptr, bytes.len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            bytes = str_slice(bytes, (size_t)n, bytes.len);
    }
    return true;
}

static void give_back(const struct screen *screen)
{
    write_all(STR(LEAVE));
    if (screen->has_modes)
        tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
}

static void on_abort(int signal)
{
    (void)signal; /* once this returns, abort() ends the process */
    if (open_screen)
        give_back(open_screen);
}

struct screen *screen_open(void)
{
    struct sigaction action = {.sa_handler = on_abort, .sa_flags = (int)SA_RESETHAND};
    struct screen *screen = mem_alloc(sizeof(*screen));
    screen->has_modes = tcgetattr(STDIN_FILENO, &screen->before) == 0;
    if (screen->has_modes) {
        struct termios modes = screen->before;
        modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        modes.c_cc[VMIN] = 1;
        modes.c_cc[VTIME] = 0;
        modes.c_cc[VSUSP] = _POSIX_VDISABLE; /* stopped, it would leave the terminal like this */
        tcsetattr(STDIN_FILENO, TCSANOW, &modes);
    }
    open_screen = screen;
    sigemptyset(&action.sa_mask);
    sigaction(SIGABRT, &action, NULL);
    write_all(STR(ENTER));
    return screen;
}

void screen_close(struct screen *screen)
{
    if (!screen)
        return;
    give_back(screen);
    open_screen = NULL;
    mem_free(screen);
}

bool screen_show(struct screen *screen, struct str page, struct str footer)
{
    (void)screen;
    struct winsize size = {.ws_row = 24};
    struct strbuf out = STRBUF_INIT;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row < 2)
        size.ws_row = 24;
    strbuf_add(&out, STR("\x1b[H"));
    for (unsigned row = 1; row < size.ws_row && page.len; row++) {
        size_t end = str_find_char(page, '\n');
        strbuf_add(&out, str_slice(page, 0, end));
        strbuf_add(&out, STR("\x1b[K\r\n"));
        page = str_slice(page, end + 1, page.len);
    }
    strbuf_add(&out, STR("\x1b[J"));
    strbuf_printf(&out, "\x1b[%u;1H%.*s", size.ws_row, STR_ARG(footer));
    bool is_drawn = write_all(strbuf_str(&out));
    strbuf_deinit(&out);
    return is_drawn;
}

/* The rest of what an arrow or function key sends (ECMA-48 5.4), which ends like a letter: F2 must not be a 'q'. */
static void skip_sequence(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte = 0;
    for (bool is_first = true; poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) == 1; is_first = false) {
        bool is_introducer = is_first && (byte == '[' || byte == 'O');
        if (!is_introducer && byte >= '@' && byte <= '~')
            return;
    }
}

static int read_key(void)
{
    char key;
    ssize_t n = read(STDIN_FILENO, &key, 1);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        return 'q';
    if (n == 1 && key == '\x1b') {
        skip_sequence();
        return 0;
    }
    return n < 0 ? 0 : key >= 'A' && key <= 'Z' ? key + 32 : key;
}

int screen_wait(struct screen *screen, int timeout_ms)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};
    int ready = ppoll(&input, screen ? 1 : 0, &timeout, &waiting);
    if (is_ended)
        return 'q';
    return ready > 0 ? read_key() : 0;
}
