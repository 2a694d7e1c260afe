/* SPDX-License-Identifier: Apache-2.0 */
#include "app/privileges_table.h"

static void add_groups(struct strbuf *out, unsigned groups)
{
    const char *before = "";
    for (unsigned group = 0; group < CALL_GROUP_COUNT; group++) {
        if (!(groups & (1u << group)))
            continue;
        strbuf_printf(out, "%s%s", before, calls_table[group].name);
        before = ", ";
    }
    if (!groups)
        strbuf_printf(out, "none");
}

static void add_role(struct strbuf *out, const struct role *role)
{
    strbuf_printf(out, "\n## %s\n\nPurpose: %s.\n\n", role->name, role->purpose);
    strbuf_printf(out, "- Capabilities: %s.\n- System calls: ", role->capabilities_kept);
    add_groups(out, role->groups);
    strbuf_printf(out, ".\n");
    if (!role->groups_for_main)
        return;
    strbuf_printf(out, "- Of these given up before a byte of a client is read: by the main thread ");
    add_groups(out, role->groups_for_main);
    strbuf_printf(out, "; by the workers ");
    add_groups(out, role->groups_for_worker);
    strbuf_printf(out, ".\n");
}

static void add_calls(struct strbuf *out, const struct calls *calls)
{
    const char *before = "";
    for (size_t i = 0; i < calls->count; i++) {
        const struct call *call = &calls->list[i];
        if (i > 0 && strcmp(call->name, calls->list[i - 1].name) == 0)
            continue;
        strbuf_printf(out, "%s`%s`", before, call->name);
        if (call->only)
            strbuf_printf(out, " (%s)", call->only);
        before = ", ";
    }
}

void privileges_reference(struct strbuf *out)
{
    strbuf_printf(
        out, "# What each process may do\n\n"
             "Made by `umbra docs` from the table in `src/app/privileges_table.c`; do not edit.\n\n"
             "Once the admin port is bound, no process of `umbra run` can gain a privilege (`no_new_privs`), and each "
             "has only the capabilities and system calls that are listed here. What is not listed fails with `EPERM`, "
             "and the kernel's log names it (audit type 1326), so that a surprising call of a library costs an error "
             "and not the process.\n\n"
             "Newer forms of calls, whose arguments a filter can't see (");
    add_calls(out, &calls_newer);
    strbuf_printf(
        out, "), fail with `ENOSYS` in all processes, and the C library takes the older form. Two kinds of lines in "
             "the kernel's log are therefore usual when a gateway starts: call 435 (`clone3`), once for each thread, "
             "and 257 (`openat`) of a worker, by which glibc's allocator would learn how the system overcommits "
             "memory.\n\n"
             "`--sandbox off` leaves system calls alone and says so in the log, as does a system without such filters "
             "(seccomp). Capabilities are given up all the same. `sandbox` in `umbra status --format json` says "
             "whether the filters are there.\n\n"
             "Without capabilities root is an owner like any other: it reads its own files and those that are open to "
             "all, but not the private ones of other users.\n");
    for (size_t i = 0; i < ROLE_COUNT; i++)
        add_role(out, &role_table[i]);
    strbuf_printf(out, "\n## Groups of system calls\n\n| group | for | system calls |\n|---|---|---|\n");
    for (size_t i = 0; i < CALL_GROUP_COUNT; i++) {
        strbuf_printf(out, "| %s | %s | ", calls_table[i].name, calls_table[i].meaning);
        add_calls(out, &calls_table[i]);
        strbuf_printf(out, " |\n");
    }
}
