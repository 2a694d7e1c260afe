/* SPDX-License-Identifier: Apache-2.0 */
/* The filters, through libseccomp. Builds with a sanitizer have privileges_no_filter.c instead. */
#include "app/privileges_table.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* An `action` for each row of the group. Calls that this machine does not have need none. */
static int add_calls(scmp_filter_ctx filter, uint32_t action, const struct calls *calls)
{
    for (size_t i = 0; i < calls->count; i++) {
        const struct call *call = &calls->list[i];
        struct scmp_arg_cmp conditions[CALL_MAX_CONDITIONS + 1];
        unsigned count = call->condition_count;
        if (call->number < 0)
            continue;
        memcpy(conditions, call->conditions, sizeof(call->conditions));
        if (call->is_own_process)
            conditions[count++] = (struct scmp_arg_cmp){0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};
        int result = seccomp_rule_add_array(filter, action, call->number, count, conditions);
        if (result < 0 && result != -EEXIST) /* a row of another group says the same */
            return result;
    }
    return 0;
}

static int add_groups(scmp_filter_ctx filter, uint32_t action, unsigned groups)
{
    for (unsigned group = 0; group < CALL_GROUP_COUNT; group++) {
        int result = groups & (1u << group) ? add_calls(filter, action, &calls_table[group]) : 0;
        if (result < 0)
            return result;
    }
    return 0;
}

/* What only older kernels or libraries don't know is asked for without looking whether it was understood. */
static int set_attributes(scmp_filter_ctx filter)
{
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree over the numbers */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);      /* the kernel's log names what was refused */
    /* No code of strangers runs here; the default of kernels before 5.16 would slow down every branch. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    return seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0); /* privileges_keep() has done it */
}

static bool load(scmp_filter_ctx filter, int result, struct err *err)
{
    if (result == 0)
        result = set_attributes(filter);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    return result == 0 || err_set(err, "%s", strerror(-result));
}

bool privileges_confine(enum role_id role, struct err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return err_set(err, "libseccomp does not know this machine");
    int result = add_groups(filter, SCMP_ACT_ALLOW, role_table[role].groups);
    if (result == 0)
        result = add_calls(filter, SCMP_ACT_ERRNO(ENOSYS), &calls_newer);
    return load(filter, result, err);
}

bool privileges_seal(enum role_id role, bool is_worker, struct err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return err_set(err, "libseccomp does not know this machine");
    const struct role *row = &role_table[role];
    return load(filter,
                add_groups(filter, SCMP_ACT_ERRNO(EPERM), is_worker ? row->groups_for_worker : row->groups_for_main),
                err);
}

bool privileges_limit_memory(uint64_t bytes, struct err *err)
{
    const struct rlimit limit = {bytes, bytes};
    return setrlimit(RLIMIT_DATA, &limit) == 0 || err_errno(err, "RLIMIT_DATA");
}
