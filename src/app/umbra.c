/* SPDX-License-Identifier: Apache-2.0 */
/* umbra: one program; the first word says which command, or which process of a run, it is. */
#include "app/analyst.h"
#include "app/commands.h"
#include "app/control.h"
#include "app/gateway.h"
#include "app/ipc.h"
#include "app/options.h"

#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The processes of a run, started by the supervisor only. */
static const struct {
    struct str name;
    const char *title; /* in ps and top */
    int (*run)(void);
} roles[] = {
    {STR_INIT("gateway"), "umbra-gateway", gateway_main},
    {STR_INIT("control"), "umbra-control", control_main},
    {STR_INIT("analyst"), "umbra-analyst", analyst_main},
};

/* The supervisor leaves a channel at IPC_FD whose other end it made itself. */
static bool is_supervised(void)
{
    int type = 0;
    socklen_t len = sizeof(type);
    struct ucred peer;
    socklen_t peer_len = sizeof(peer);
    return getsockopt(IPC_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET &&
           getsockopt(IPC_FD, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) == 0 && peer.pid == getppid();
}

/* Descriptors 0 to 2 exist, so that no socket becomes standard output. */
static void open_standard_streams(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
            return;
    }
}

static int run_command(int argc, char **argv)
{
    struct str name = str_from_c(argv[1]);
    if (str_eq(name, STR("--help")) || str_eq(name, STR("-h")))
        name = STR("help");
    else if (str_eq(name, STR("--version")) || str_eq(name, STR("-V")))
        name = STR("version");
    const struct command *command = command_find(name);
    if (command)
        return command->run(argc - 1, argv + 1);
    const char *nearest = command_nearest(name);
    if (nearest)
        fprintf(stderr, "umbra: there is no command \"%s\"; did you mean `umbra %s`?\n", argv[1], nearest);
    else
        fprintf(stderr, "umbra: there is no command \"%s\"; `umbra help` lists them.\n", argv[1]);
    return EXIT_USAGE;
}

/* A core would hold private keys, tokens and bodies, and goes where others read. A limit of 1 byte, unlike one of 0, also keeps the kernel from
 * giving it to a program (core(5)). Holds for all processes of a run. */
static void forbid_core_dumps(void)
{
    const struct rlimit none = {1, 1};
    (void)setrlimit(RLIMIT_CORE, &none);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    forbid_core_dumps();
    open_standard_streams();
    if (sodium_init() < 0) {
        fprintf(stderr, "umbra: libsodium can't be used here\n");
        return EXIT_FAILED;
    }
    if (argc < 2) {
        struct strbuf text = STRBUF_INIT;
        options_overview(&text);
        fwrite(text.ptr, 1, text.len, stderr);
        strbuf_deinit(&text);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (!str_eq(str_from_c(argv[1]), roles[i].name))
            continue;
        if (!is_supervised()) {
            fprintf(stderr, "umbra %s is a part of `umbra run`, which starts it; it can't be started by hand.\n",
                    argv[1]);
            return EXIT_USAGE;
        }
        prctl(PR_SET_NAME, roles[i].title);
        return roles[i].run();
    }
    return run_command(argc, argv);
}
