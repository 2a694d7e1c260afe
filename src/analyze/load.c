/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/load.h"

void loads_init(struct loads *loads)
{
    *loads = (struct loads){.count = 0};
    arena_init(&loads->texts, NULL, 0);
}

void loads_deinit(struct loads *loads)
{
    arena_deinit(&loads->texts);
}

void loads_look(struct loads *loads, const struct services *services, uint64_t wall_ns)
{
    (void)loads;
    (void)services;
    (void)wall_ns;
}
