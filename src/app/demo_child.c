/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EACH_MS 2

static void ignore_terminal(void)
{
    static const int defaults[] = {SIGTERM, SIGHUP, SIGQUIT};
    setpgid(0, 0);
    signal(SIGINT, SIG_IGN);
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
        signal(defaults[i], SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Places the descriptors by way of high numbers, so that none overwrites another. */
static bool place_descriptors(const struct demo_child_spec *spec, int channel)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int fd = spec->fd < 0 ? null : spec->fd;
    int log = fcntl(spec->log_fd, F_DUPFD, DEMO_CHILD_CHANNEL + 1);
    fd = fcntl(fd, F_DUPFD, DEMO_CHILD_CHANNEL + 1);
    channel = fcntl(channel, F_DUPFD, DEMO_CHILD_CHANNEL + 1);
    if (null < 0 || log < 0 || fd < 0 || channel < 0)
        return false;
    return dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0 &&
           dup3(fd, DEMO_CHILD_FD, O_CLOEXEC) >= 0 && dup3(channel, DEMO_CHILD_CHANNEL, O_CLOEXEC) >= 0 &&
           close_range(DEMO_CHILD_CHANNEL + 1, ~0u, 0) == 0;
}

_Noreturn static void become(const struct demo_child_spec *spec, int channel, pid_t parent)
{
    /* SIGKILL, since a stopped process takes no other. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(1);
    ignore_terminal();
    if (!place_descriptors(spec, channel))
        _exit(1);
    prctl(PR_SET_NAME, spec->name);
    _exit(spec->run(spec->user));
}

bool demo_child_start(struct demo_child *child, const struct demo_child_spec *spec, struct err *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return err_errno(err, "socketpair");
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(spec, ends[1], parent);
    int error = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = error;
        return err_errno(err, "can't start %s", spec->name);
    }
    *child = (struct demo_child){.pid = pid, .channel = ends[0]};
    return true;
}

void demo_child_tell(struct demo_child *child, char word)
{
    if (child->channel >= 0)
        (void)send(child->channel, &word, 1, MSG_NOSIGNAL);
}

static void forget(struct demo_child *child)
{
    child->pid = 0;
    if (child->channel >= 0)
        close(child->channel);
    child->channel = -1;
}

bool demo_child_is_alive(struct demo_child *child)
{
    if (child->pid && waitpid(child->pid, &child->status, WNOHANG) == child->pid)
        forget(child);
    return child->pid != 0;
}

void demo_child_stop(struct demo_child *child, int signal, int wait_ms)
{
    const struct timespec pause = {0, LOOK_EACH_MS * 1000000l};
    if (!demo_child_is_alive(child))
        return;
    kill(child->pid, signal);
    for (int waited = 0; waited < wait_ms; waited += LOOK_EACH_MS) {
        if (!demo_child_is_alive(child))
            return;
        nanosleep(&pause, NULL);
    }
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
        ;
    forget(child);
}

void demo_child_explain(const struct demo_child *child, struct err *err)
{
    if (WIFSIGNALED(child->status))
        (void)err_set(err, "was ended by signal %d (%s)", WTERMSIG(child->status), strsignal(WTERMSIG(child->status)));
    else
        (void)err_set(err, "ended with code %d", WEXITSTATUS(child->status));
}
