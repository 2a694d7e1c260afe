/* SPDX-License-Identifier: Apache-2.0 */
/* What the table says, and what the kernel makes of it: each attempt is made in a process that has given up what its role
 * gives up, and fails there exactly when the role may not do it. */
#include "app/privileges_table.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the table ---- */

static bool has_call(unsigned groups, const char *name)
{
    for (unsigned group = 0; group < CALL_GROUP_COUNT; group++) {
        for (size_t i = 0; groups & (1u << group) && i < calls_table[group].count; i++) {
            if (strcmp(calls_table[group].list[i].name, name) == 0)
                return true;
        }
    }
    return false;
}

static void test_no_role_but_the_supervisor_has_what_starts_ends_or_binds(void **state)
{
    (void)state;
    static const char *const names[] = {"execve", "wait4", "kill", "bind", "listen", "socketpair", "capset"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_true(has_call(role_table[ROLE_SUPERVISOR].groups, names[i]));
        assert_false(has_call(role_table[ROLE_CONTROL].groups, names[i]));
        assert_false(has_call(role_table[ROLE_GATEWAY].groups, names[i]));
        assert_false(has_call(role_table[ROLE_ANALYST].groups, names[i]));
    }
}

static void test_only_the_analyst_and_the_supervisor_write_files(void **state)
{
    (void)state;
    static const char *const names[] = {"unlink", "rename", "pwrite64", "fsync", "fchmod", "landlock_restrict_self"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_true(has_call(role_table[ROLE_SUPERVISOR].groups, names[i]));
        assert_false(has_call(role_table[ROLE_CONTROL].groups, names[i]));
        assert_false(has_call(role_table[ROLE_GATEWAY].groups, names[i]));
    }
    assert_true(has_call(role_table[ROLE_ANALYST].groups, "pwrite64"));
}

static void test_the_analyst_has_no_network_no_thread_and_no_code(void **state)
{
    (void)state;
    static const char *const names[] = {"socket",  "connect", "accept4", "sendto",
                                        "sendmsg", "clone",   "seccomp", "landlock_add_rule"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_false(has_call(role_table[ROLE_ANALYST].groups, names[i]));
}

static void test_no_role_has_calls_for_other_processes_the_machine_or_more_rights(void **state)
{
    (void)state;
    static const char *const names[] = {"ptrace",
                                        "process_vm_readv",
                                        "process_vm_writev",
                                        "mount",
                                        "bpf",
                                        "unshare",
                                        "setns",
                                        "io_uring_setup",
                                        "keyctl",
                                        "init_module",
                                        "setuid",
                                        "execveat",
                                        "pidfd_getfd",
                                        "chroot",
                                        "perf_event_open",
                                        "chmod",
                                        "link",
                                        "symlink",
                                        "mkdir",
                                        "userfaultfd"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (size_t role = 0; role < ROLE_COUNT; role++)
            assert_false(has_call(role_table[role].groups, names[i]));
    }
}

static void test_the_supervisor_s_filter_has_what_its_children_need(void **state)
{
    (void)state;
    for (size_t role = 0; role < ROLE_COUNT; role++) {
        for (unsigned group = 0; group < CALL_GROUP_COUNT; group++) {
            for (size_t i = 0; role_table[role].groups & (1u << group) && i < calls_table[group].count; i++)
                assert_true(has_call(role_table[ROLE_SUPERVISOR].groups, calls_table[group].list[i].name));
        }
    }
}

static void test_threads_give_up_what_their_process_has(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        const struct role *role = &role_table[i];
        assert_int_equal(role->groups_for_main & ~role->groups, 0);
        assert_int_equal(role->groups_for_main & ~role->groups_for_worker, 0);
        assert_true(role->name && role->purpose && role->capabilities_kept);
    }
    const struct role *gateway = &role_table[ROLE_GATEWAY];
    assert_false(has_call(gateway->groups & ~gateway->groups_for_main, "openat"));
    assert_false(has_call(gateway->groups & ~gateway->groups_for_main, "clone"));
}

static void test_no_call_is_in_the_table_twice_without_a_condition(void **state)
{
    (void)state;
    for (size_t group = 0; group < CALL_GROUP_COUNT; group++) {
        const struct calls *calls = &calls_table[group];
        assert_true(calls->count > 0 && calls->name && calls->meaning);
        for (size_t i = 0; i < calls->count; i++) {
            const struct call *call = &calls->list[i];
            assert_int_not_equal(call->number, __NR_SCMP_ERROR);
            bool is_alone = (i == 0 || strcmp(call->name, call[-1].name) != 0) &&
                            (i + 1 == calls->count || strcmp(call->name, call[1].name) != 0);
            assert_true(is_alone || call->condition_count > 0);
        }
    }
}

/* ---- the kernel ---- */

/* Who makes the attempts. */
enum actor { SUPERVISOR, CONTROL, GATEWAY_START, GATEWAY_MAIN, GATEWAY_WORKER, ANALYST, ACTOR_COUNT };

#define BY(actor) (1u << (actor))
#define NOBODY 0u
#define EVERYBODY (BY(ACTOR_COUNT) - 1)
#define GATEWAY (BY(GATEWAY_START) | BY(GATEWAY_MAIN) | BY(GATEWAY_WORKER))
#define READERS (BY(SUPERVISOR) | BY(CONTROL) | BY(GATEWAY_START) | BY(ANALYST))
#define WRITERS (BY(SUPERVISOR) | BY(ANALYST))
#define NETWORK (EVERYBODY & ~BY(ANALYST))

/* Most would fail anyway, with another error. */
static long try_open_to_read(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
}
static long try_open_to_write(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY);
}
static long try_create(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/nowhere/file", O_RDONLY | O_CREAT, 0600);
}
static long try_openat2(void)
{
    uint64_t how[3] = {O_RDONLY};
    return syscall(SYS_openat2, AT_FDCWD, "/dev/null", how, sizeof(how));
}
static long try_stat_a_path(void)
{
    char room[512];
    return syscall(SYS_newfstatat, AT_FDCWD, "/dev/null", room, 0);
}
static long try_stat_a_descriptor(void)
{
    char room[512];
    return syscall(SYS_newfstatat, 0, "", room, AT_EMPTY_PATH);
}
static long try_exec(void)
{
    return syscall(SYS_execve, "/nowhere/program", NULL, NULL);
}
static long try_execveat(void)
{
    return syscall(SYS_execveat, -1, "", NULL, NULL, AT_EMPTY_PATH);
}
static long try_fork(void)
{
    long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return pid;
}
static long try_fork_into_a_namespace(void)
{
    long pid = syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return pid;
}
static long try_thread(void)
{
    return syscall(SYS_clone, CLONE_THREAD, NULL, NULL, NULL, NULL); /* EINVAL: it lacks CLONE_SIGHAND */
}
static long try_clone3(void)
{
    return syscall(SYS_clone3, NULL, 0);
}
static long try_unshare(void)
{
    return unshare(CLONE_NEWUSER);
}
static long try_bind(void)
{
    return bind(-1, NULL, 0);
}
static long try_listen(void)
{
    return listen(-1, 0);
}
static long try_accept(void)
{
    return accept4(-1, NULL, NULL, 0);
}
static long try_connect(void)
{
    return connect(-1, NULL, 0);
}
static long try_tcp(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}
static long try_udp(void)
{
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}
static long try_unix_stream(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}
static long try_unix_datagram(void)
{
    return socket(AF_UNIX, SOCK_DGRAM, 0);
}
static long try_seqpacket(void)
{
    return socket(AF_UNIX, SOCK_SEQPACKET, 0);
}
static long try_netlink(void)
{
    return socket(AF_NETLINK, SOCK_RAW, 0);
}
static long try_raw(void)
{
    return socket(AF_INET, SOCK_RAW, 1);
}
static long try_kill_parent(void)
{
    return kill(getppid(), 0);
}
static long try_tgkill_parent(void)
{
    return syscall(SYS_tgkill, getppid(), getppid(), 0);
}
static long try_tgkill_self(void)
{
    return syscall(SYS_tgkill, getpid(), getpid(), 0);
}
static long try_memory_file(void)
{
    return memfd_create("attempt", MFD_CLOEXEC);
}
static long try_code(void)
{
    return (long)(uintptr_t)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static long try_data(void)
{
    return (long)(uintptr_t)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static long try_ptrace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static long try_set_owner(void)
{
    return fcntl(-1, F_SETOWN, 1);
}
static long try_terminal_input(void)
{
    return syscall(SYS_ioctl, -1, 0x5412 /* TIOCSTI */, "x");
}
static long try_unlink(void)
{
    return unlink("/nowhere/file");
}
static long try_pipe(void)
{
    int ends[2];
    return pipe2(ends, O_CLOEXEC);
}
static long try_lock(void)
{
    struct flock lock = {.l_type = F_WRLCK};
    return fcntl(-1, F_SETLK, &lock);
}
static long try_priority(void)
{
    return setpriority(PRIO_PROCESS, 0, 10);
}
static long try_alarm(void)
{
    const struct itimerval none = {.it_value = {0}};
    return setitimer(ITIMER_PROF, &none, NULL);
}
static long try_name(void)
{
    return prctl(PR_SET_NAME, "attempt");
}
static long try_dumpable(void)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static const struct {
    const char *name;
    long (*make)(void);
    unsigned who; /* BY(actor): may */
} attempts[] = {
    {"open a file to read", try_open_to_read, READERS},
    {"open a file to write", try_open_to_write, WRITERS},
    {"create a file", try_create, WRITERS},
    {"openat2", try_openat2, NOBODY},
    {"stat a path", try_stat_a_path, READERS},
    {"stat a descriptor", try_stat_a_descriptor, EVERYBODY},
    {"exec", try_exec, BY(SUPERVISOR)},
    {"execveat", try_execveat, NOBODY},
    {"fork", try_fork, BY(SUPERVISOR)},
    {"fork into a namespace", try_fork_into_a_namespace, NOBODY},
    {"start a thread", try_thread, BY(SUPERVISOR) | BY(GATEWAY_START)},
    {"clone3", try_clone3, NOBODY},
    {"unshare", try_unshare, NOBODY},
    {"bind", try_bind, BY(SUPERVISOR)},
    {"listen", try_listen, BY(SUPERVISOR)},
    {"accept", try_accept, NETWORK},
    {"connect", try_connect, NETWORK},
    {"make a TCP socket", try_tcp, NETWORK},
    {"make a UDP socket", try_udp, BY(SUPERVISOR) | BY(CONTROL)},
    {"make a Unix stream", try_unix_stream, NETWORK},
    {"make a Unix datagram socket", try_unix_datagram, NOBODY},
    {"make a Unix packet socket", try_seqpacket, BY(SUPERVISOR)},
    {"make a netlink socket", try_netlink, NOBODY},
    {"make a raw socket", try_raw, NOBODY},
    {"kill its parent", try_kill_parent, BY(SUPERVISOR)},
    {"tgkill its parent", try_tgkill_parent, BY(SUPERVISOR)},
    {"tgkill itself", try_tgkill_self, EVERYBODY},
    {"make a memory file", try_memory_file, BY(SUPERVISOR) | BY(CONTROL)},
    {"map code", try_code, BY(SUPERVISOR) | BY(GATEWAY_START) | BY(GATEWAY_MAIN)},
    {"map data", try_data, EVERYBODY},
    {"ptrace", try_ptrace, NOBODY},
    {"have signals sent by the kernel", try_set_owner, NOBODY},
    {"type into the terminal", try_terminal_input, NOBODY},
    {"unlink", try_unlink, WRITERS},
    {"make a pipe", try_pipe, BY(SUPERVISOR) | BY(CONTROL)},
    {"lock a file", try_lock, WRITERS},
    {"raise its priority", try_priority, BY(SUPERVISOR)},
    {"set an alarm of CPU time", try_alarm, WRITERS},
    {"name itself", try_name, EVERYBODY},
    {"prctl of another kind", try_dumpable, NOBODY},
};
#define ATTEMPTS (sizeof(attempts) / sizeof(attempts[0]))

static bool become(enum actor actor, struct err *err)
{
    enum role_id role = actor == SUPERVISOR ? ROLE_SUPERVISOR
                        : actor == CONTROL  ? ROLE_CONTROL
                        : actor == ANALYST  ? ROLE_ANALYST
                                            : ROLE_GATEWAY;
    privileges_drop(role);
    if (!privileges_confine(role, err))
        return false;
    return (actor != GATEWAY_MAIN && actor != GATEWAY_WORKER) || privileges_seal(role, actor == GATEWAY_WORKER, err);
}

#define NO_FILTERS 77

static _Noreturn void attempt_all(enum actor actor, int *errors)
{
    struct err err;
    if (!become(actor, &err))
        _exit(NO_FILTERS);
    for (size_t i = 0; i < ATTEMPTS; i++) {
        errno = 0;
        errors[i] = attempts[i].make() == -1 ? errno : 0;
    }
    _exit(0);
}

static void test_each_process_can_do_what_its_row_says_and_nothing_else(void **state)
{
    (void)state;
    size_t size = ATTEMPTS * sizeof(int);
    int *errors = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(errors != MAP_FAILED);
    for (enum actor actor = SUPERVISOR; actor < ACTOR_COUNT; actor++) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            attempt_all(actor, errors);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTERS) {
            print_message("no filter of system calls here: built with a sanitizer, or a container that allows none\n");
            skip();
        }
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        for (size_t i = 0; i < ATTEMPTS; i++) {
            bool is_refused = errors[i] == EPERM || errors[i] == ENOSYS;
            if (is_refused == ((attempts[i].who & BY(actor)) != 0))
                fail_msg("actor %d, \"%s\": errno %d", (int)actor, attempts[i].name, errors[i]);
        }
    }
    munmap(errors, size);
}

/* ---- capabilities ---- */

static void test_no_capability_and_no_new_privilege_is_left(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct sets[2], none[2];
        memset(none, 0, sizeof(none));
        bool had_bounding = geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_SETPCAP, 0, 0, 0) == 1;
        privileges_drop(ROLE_GATEWAY);
        bool is_empty = syscall(SYS_capget, &head, sets) == 0 && memcmp(sets, none, sizeof(sets)) == 0;
        bool is_bounded = !had_bounding || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0;
        _exit(!(is_empty && is_bounded && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_role_but_the_supervisor_has_what_starts_ends_or_binds),
        cmocka_unit_test(test_only_the_analyst_and_the_supervisor_write_files),
        cmocka_unit_test(test_the_analyst_has_no_network_no_thread_and_no_code),
        cmocka_unit_test(test_no_role_has_calls_for_other_processes_the_machine_or_more_rights),
        cmocka_unit_test(test_the_supervisor_s_filter_has_what_its_children_need),
        cmocka_unit_test(test_threads_give_up_what_their_process_has),
        cmocka_unit_test(test_no_call_is_in_the_table_twice_without_a_condition),
        cmocka_unit_test(test_each_process_can_do_what_its_row_says_and_nothing_else),
        cmocka_unit_test(test_no_capability_and_no_new_privilege_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
