/* SPDX-License-Identifier: Apache-2.0 */
#include "app/privileges_table.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#define CALL(call) .name = #call, .number = SCMP_SYS(call)
#define WORDS(words) .only = words
#define WHEN(argument, mask, value) .condition_count = 1, .conditions = {{argument, SCMP_CMP_MASKED_EQ, mask, value}}
#define WHEN_BOTH(argument, value, other_argument, other_mask, other_value) \
    .condition_count = 2, \
    .conditions = {{argument, SCMP_CMP_EQ, value, 0}, {other_argument, SCMP_CMP_MASKED_EQ, other_mask, other_value}}
#define ALL 0xffffffffu
#define CALLS(list) list, sizeof(list) / sizeof((list)[0])

#define NAMESPACES \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define WRITES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)
#define SOCKET_TYPE 0xfu /* without SOCK_CLOEXEC and SOCK_NONBLOCK */
#define SOCKET(family, type) CALL(socket), WHEN_BOTH(0, family, 1, SOCKET_TYPE, type)

static const struct call run[] = {
    {CALL(read)},
    {CALL(write)},
    {CALL(readv)},
    {CALL(writev)},
    {CALL(pread64)},
    {CALL(lseek)},
    {CALL(close)},
    {CALL(fstat)},
    {CALL(newfstatat), WORDS("AT_EMPTY_PATH: of an open descriptor"), WHEN(3, AT_EMPTY_PATH, AT_EMPTY_PATH)},
    {CALL(fcntl), WORDS("flags, seals, and duplicates"), WHEN(1, ALL, F_GETFD)},
    {CALL(fcntl), WHEN(1, ALL, F_SETFD)},
    {CALL(fcntl), WHEN(1, ALL, F_GETFL)},
    {CALL(fcntl), WHEN(1, ALL, F_SETFL)},
    {CALL(fcntl), WHEN(1, ALL, F_GET_SEALS)},
    {CALL(fcntl), WHEN(1, ALL, F_ADD_SEALS)},
    {CALL(fcntl), WHEN(1, ALL, F_DUPFD_CLOEXEC)},
    {CALL(ioctl), WORDS("whether a descriptor is a terminal"), WHEN(1, ALL, TCGETS)},
    {CALL(poll)},
    {CALL(ppoll)},
    {CALL(brk)},
    {CALL(mmap), WORDS("memory that holds no code"), WHEN(2, PROT_EXEC, 0)},
    {CALL(mprotect), WORDS("memory that holds no code"), WHEN(2, PROT_EXEC, 0)},
    {CALL(munmap)},
    {CALL(mremap)},
    {CALL(madvise)},
    {CALL(futex)},
    {CALL(sched_yield)},
    {CALL(sched_getaffinity)},
    {CALL(clock_gettime)},
    {CALL(clock_getres)},
    {CALL(clock_nanosleep)},
    {CALL(nanosleep)},
    {CALL(gettimeofday)},
    {CALL(time)},
    {CALL(getrandom)},
    {CALL(getpid)},
    {CALL(getppid)},
    {CALL(gettid)},
    {CALL(getuid)},
    {CALL(geteuid)},
    {CALL(getgid)},
    {CALL(getegid)},
    {CALL(getrlimit)},
    {CALL(prlimit64), WORDS("of the process itself"), WHEN(0, ALL, 0)},
    {CALL(getrusage)},
    {CALL(sysinfo)},
    {CALL(uname)},
    {CALL(prctl), WORDS("the name of a thread"), WHEN(0, ALL, PR_SET_NAME)},
    {CALL(rt_sigaction)},
    {CALL(rt_sigprocmask)},
    {CALL(rt_sigreturn)},
    {CALL(sigaltstack)},
    {CALL(restart_syscall)},
    {CALL(set_robust_list)},
    {CALL(rseq)},
    {CALL(membarrier)},
    {CALL(exit)},
    {CALL(exit_group)},
};

static const struct call own_signals[] = {
    {CALL(tgkill), WORDS("to itself, when it aborts"), .is_own_process = true},
};

static const struct call loop[] = {
    {CALL(epoll_create1)}, {CALL(epoll_ctl)}, {CALL(epoll_wait)}, {CALL(epoll_pwait)}, {CALL(eventfd2)},
};

static const struct call messages[] = {
    {CALL(recvmsg)},
};

static const struct call connections[] = {
    {CALL(accept4)},    {CALL(recvfrom)},   {CALL(sendto)},      {CALL(sendmsg)},     {CALL(shutdown)},
    {CALL(getsockopt)}, {CALL(setsockopt)}, {CALL(getsockname)}, {CALL(getpeername)},
};

static const struct call streams[] = {
    {SOCKET(AF_INET, SOCK_STREAM), WORDS("TCP over IPv4 and IPv6, and Unix streams")},
    {SOCKET(AF_INET6, SOCK_STREAM)},
    {SOCKET(AF_UNIX, SOCK_STREAM)},
    {CALL(connect)},
};

static const struct call datagrams[] = {
    {SOCKET(AF_INET, SOCK_DGRAM), WORDS("UDP over IPv4 and IPv6")},
    {SOCKET(AF_INET6, SOCK_DGRAM)},
    {CALL(ioctl), WORDS("the number of a network interface"), WHEN(1, ALL, 0x8933 /* SIOCGIFINDEX */)},
};

static const struct call files[] = {
    {CALL(openat), WORDS("for reading"), WHEN(2, WRITES, 0)},
    {CALL(open), WORDS("for reading"), WHEN(1, WRITES, 0)},
    {CALL(newfstatat), WORDS("by path"), WHEN(3, AT_EMPTY_PATH, 0)},
    {CALL(stat)},
    {CALL(lstat)},
    {CALL(access)},
    {CALL(faccessat)},
    {CALL(readlink)},
    {CALL(readlinkat)},
    {CALL(getcwd)},
    {CALL(getdents64)},
    {CALL(fcntl), WORDS("leases, which tell who writes a file"), WHEN(1, ALL, F_SETLEASE)},
    {CALL(fcntl), WHEN(1, ALL, F_SETSIG)},
    {CALL(inotify_init1)},
    {CALL(inotify_add_watch)},
    {CALL(inotify_rm_watch)},
};

/* What SQLite does to its files; Landlock says where they may be. */
static const struct call store[] = {
    {CALL(openat)},
    {CALL(open)},
    {CALL(newfstatat), WORDS("by path"), WHEN(3, AT_EMPTY_PATH, 0)},
    {CALL(stat)},
    {CALL(lstat)},
    {CALL(access)},
    {CALL(faccessat)},
    {CALL(readlink)},
    {CALL(readlinkat)},
    {CALL(getcwd)},
    {CALL(pwrite64)},
    {CALL(ftruncate)},
    {CALL(fallocate)},
    {CALL(fsync)},
    {CALL(fdatasync)},
    {CALL(fchmod)},
    {CALL(fchown)},
    {CALL(fstatfs)},
    {CALL(fcntl), WORDS("locks"), WHEN(1, ALL, F_GETLK)},
    {CALL(fcntl), WHEN(1, ALL, F_SETLK)},
    {CALL(fcntl), WHEN(1, ALL, F_OFD_SETLK)},
    {CALL(unlink)},
    {CALL(unlinkat)},
    {CALL(rename)},
    {CALL(renameat)},
    {CALL(renameat2)},
};

static const struct call pipes[] = {
    {CALL(pipe2)},
};

static const struct call memory_files[] = {
    {CALL(memfd_create)},
    {CALL(ftruncate)},
};

static const struct call threads[] = {
    {CALL(clone), WORDS("a thread, in the same namespaces"), WHEN(0, CLONE_THREAD | NAMESPACES, CLONE_THREAD)},
};

static const struct call code[] = {
    {CALL(mmap), WORDS("memory that holds code"), WHEN(2, PROT_EXEC, PROT_EXEC)},
    {CALL(mprotect), WORDS("memory that holds code"), WHEN(2, PROT_EXEC, PROT_EXEC)},
};

static const struct call give_up[] = {
    {CALL(seccomp)},
};

static const struct call limits[] = {
    {CALL(setpriority)},
    {CALL(sched_setscheduler)},
    {CALL(umask)},
    {CALL(landlock_create_ruleset)},
    {CALL(landlock_add_rule)},
    {CALL(landlock_restrict_self)},
    {CALL(prctl), WORDS("that nobody may look into it"), WHEN_BOTH(0, PR_SET_DUMPABLE, 1, ALL, 0)},
};

static const struct call alarms[] = {
    {CALL(setitimer), WORDS("of CPU time"), WHEN(0, ALL, ITIMER_PROF)},
};

static const struct call listening[] = {
    {CALL(bind)},     {CALL(listen)},    {SOCKET(AF_UNIX, SOCK_SEQPACKET), WORDS("Unix, for --replace")},
    {CALL(unlink)},   {CALL(unlinkat)},  {CALL(rename)},
    {CALL(renameat)}, {CALL(renameat2)},
};

/* The supervisor's filter holds for its children as well: they are started under it. */
static const struct call processes[] = {
    {CALL(clone), WORDS("a process, in the same namespaces"), WHEN(0, CLONE_THREAD | NAMESPACES, 0)},
    {CALL(execve)},
    {CALL(wait4)},
    {CALL(waitid)},
    {CALL(kill)},
    {CALL(tgkill)},
    {CALL(socketpair)},
    {CALL(signalfd4)},
    {CALL(dup2)},
    {CALL(dup3)},
    {CALL(arch_prctl)},
    {CALL(set_tid_address)},
    {CALL(capget)},
    {CALL(capset)},
    {CALL(prctl), WORDS("ending with the parent, and giving up rights"), WHEN(0, ALL, PR_SET_PDEATHSIG)},
    {CALL(prctl), WHEN(0, ALL, PR_SET_NO_NEW_PRIVS)},
    {CALL(prctl), WHEN(0, ALL, PR_CAPBSET_DROP)},
    {CALL(prctl), WHEN(0, ALL, PR_CAP_AMBIENT)},
    {CALL(prctl), WHEN(0, ALL, PR_GET_SECCOMP)},
};

static const struct call newer[] = {
    {CALL(clone3)}, {CALL(openat2)}, {CALL(faccessat2)}, {CALL(statx)}, {CALL(close_range)}, {CALL(epoll_pwait2)},
};

const struct calls calls_table[CALL_GROUP_COUNT] = {
    [CALLS_RUN] = {"run", "memory, time, locks, the descriptors it has", CALLS(run)},
    [CALLS_OWN_SIGNALS] = {"own signals", "signals to nobody but itself", CALLS(own_signals)},
    [CALLS_LOOP] = {"loop", "waiting for events", CALLS(loop)},
    [CALLS_MESSAGES] = {"messages", "hearing from the supervisor", CALLS(messages)},
    [CALLS_CONNECTIONS] = {"connections", "accepting on sockets that it was handed; bytes in and out",
                           CALLS(connections)},
    [CALLS_STREAMS] = {"streams", "connecting to backends and name servers", CALLS(streams)},
    [CALLS_DATAGRAMS] = {"datagrams", "asking name servers", CALLS(datagrams)},
    [CALLS_FILES] = {"files", "reading files and directories, and hearing of their changes", CALLS(files)},
    [CALLS_STORE] = {"store", "reading and writing the files of the store", CALLS(store)},
    [CALLS_PIPES] = {"pipes", "making the pipe that an answer of the analyst comes through", CALLS(pipes)},
    [CALLS_MEMORY_FILES] = {"memory files", "making the memory that plans are handed over in", CALLS(memory_files)},
    [CALLS_THREADS] = {"threads", "starting threads", CALLS(threads)},
    [CALLS_CODE] = {"code", "making machine code, as regular expressions are compiled to", CALLS(code)},
    [CALLS_GIVE_UP] = {"give up", "narrowing its own filter further", CALLS(give_up)},
    [CALLS_LIMITS] = {"limits", "taking less of the machine, and seeing less of its files", CALLS(limits)},
    [CALLS_ALARM] = {"alarm", "ending when it is stuck", CALLS(alarms)},
    [CALLS_LISTEN] = {"listen", "binding addresses; putting its own socket where a successor finds it",
                      CALLS(listening)},
    [CALLS_PROCESSES] = {"processes", "starting, watching and ending processes", CALLS(processes)},
};

const struct calls calls_newer = {"newer", "", CALLS(newer)};

#define BIT(group) (1u << (group))
#define CONTROL_GROUPS \
    (BIT(CALLS_RUN) | BIT(CALLS_OWN_SIGNALS) | BIT(CALLS_LOOP) | BIT(CALLS_MESSAGES) | BIT(CALLS_CONNECTIONS) | \
     BIT(CALLS_STREAMS) | BIT(CALLS_DATAGRAMS) | BIT(CALLS_FILES) | BIT(CALLS_MEMORY_FILES) | BIT(CALLS_PIPES))
#define GATEWAY_START_GROUPS (BIT(CALLS_FILES) | BIT(CALLS_THREADS) | BIT(CALLS_GIVE_UP))
#define GATEWAY_GROUPS \
    (BIT(CALLS_RUN) | BIT(CALLS_OWN_SIGNALS) | BIT(CALLS_LOOP) | BIT(CALLS_MESSAGES) | BIT(CALLS_CONNECTIONS) | \
     BIT(CALLS_STREAMS) | BIT(CALLS_CODE) | GATEWAY_START_GROUPS)
#define ANALYST_GROUPS \
    (BIT(CALLS_RUN) | BIT(CALLS_OWN_SIGNALS) | BIT(CALLS_LOOP) | BIT(CALLS_MESSAGES) | BIT(CALLS_STORE) | \
     BIT(CALLS_ALARM))

const struct role role_table[ROLE_COUNT] = {
    [ROLE_SUPERVISOR] = {.name = "supervisor",
                         .purpose = "keep the others alive and keep what outlives them; no byte of a client, a backend "
                                    "or a name server reaches it",
                         .capabilities_kept =
                             "CAP_NET_BIND_SERVICE, if it had it and rules come from files, whose next "
                             "version may want another port below 1024; else none",
                         .capabilities = 1ull << CAP_NET_BIND_SERVICE,
                         .groups = (CONTROL_GROUPS | GATEWAY_GROUPS | ANALYST_GROUPS | BIT(CALLS_LIMITS) |
                                    BIT(CALLS_LISTEN) | BIT(CALLS_PROCESSES)) &
                                   ~BIT(CALLS_OWN_SIGNALS)},
    [ROLE_CONTROL] = {.name = "control",
                      .purpose = "make rules, resolve names, serve the admin port; it sees no traffic",
                      .capabilities_kept = "none",
                      .groups = CONTROL_GROUPS},
    [ROLE_GATEWAY] = {.name = "gateway",
                      .purpose = "serve live traffic and send copies",
                      .capabilities_kept = "none",
                      .groups = GATEWAY_GROUPS,
                      .groups_for_main = GATEWAY_START_GROUPS,
                      .groups_for_worker = GATEWAY_START_GROUPS | BIT(CALLS_CODE)},
    [ROLE_ANALYST] = {.name = "analyst",
                      .purpose =
                          "judge what was recorded, and keep what comes of it; no network and no socket of its own. "
                          "Where the kernel has Landlock it can open nothing but what is beneath the directory of "
                          "`--data`; without, what the user may",
                      .capabilities_kept = "none",
                      .groups = ANALYST_GROUPS},
};
