/* SPDX-License-Identifier: Apache-2.0 */
/* In place of privileges_filter.c where a sanitizer is built in: it makes calls of its own, which no row has. */
#include "app/privileges.h"

bool privileges_confine(enum role_id role, struct err *err)
{
    (void)role;
    return err_set(err, "this build has a sanitizer, which needs calls of its own");
}

bool privileges_seal(enum role_id role, bool is_worker, struct err *err)
{
    (void)is_worker;
    return privileges_confine(role, err);
}

bool privileges_limit_memory(uint64_t bytes, struct err *err)
{
    (void)bytes;
    return err_set(err, "built with a sanitizer, which maps far more than it uses");
}
