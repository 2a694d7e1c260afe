/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's processes and what can be done to them: live, a shadow, a clean shadow, gateway (a real `umbra run`), load, and who asks for
 * the verdicts.
 * Lifetime: demo_stage_start (also when it failed) to demo_stage_stop. Thread: main. */
#pragma once

#include "app/demo_asker.h"
#include "app/demo_child.h"
#include "app/demo_load.h"
#include "app/demo_log.h"
#include "app/demo_record.h"
#include "app/options.h"

struct demo_stage {
    struct demo_child services[SHOP_ROLES], gateway, load, asker; /* services by role */
    struct demo_log log;
    struct address addresses[SHOP_ROLES];
    char labels[SHOP_ROLES][ADDRESS_TEXT]; /* of the mirrors: the addresses */
    int shadow_port; /* a socket that keeps the shadow's port from others while the shadow is gone */
    enum demo_condition shadow_is;
    bool is_admin_elsewhere; /* the usual admin port was taken */
    struct load_spec load_spec;
    struct asker_spec asker_spec;
    struct client_options admin; /* to ask the gateway with */
};

/* All but the gateway's readiness, the load and who asks. */
bool demo_stage_start(struct demo_stage *stage, const struct options *options, struct err *err)
    __attribute__((warn_unused_result));
/* Reads the log; once it says that the gateway serves, starts the load and who asks, and sets *is_up. */
bool demo_stage_go_on(struct demo_stage *stage, bool *is_up, struct err *err) __attribute__((warn_unused_result));
/* False when a process that nobody ended is gone. A shadow that somebody killed counts as killed. */
bool demo_stage_is_whole(struct demo_stage *stage, struct err *err) __attribute__((warn_unused_result));

/* Brings the shadow into this condition (not OFF), whatever it was. */
bool demo_stage_shadow(struct demo_stage *stage, enum demo_condition condition, struct err *err)
    __attribute__((warn_unused_result));
/* The gateway's kill switch. */
bool demo_stage_mirror(struct demo_stage *stage, bool is_off, struct err *err) __attribute__((warn_unused_result));
/* The last answer, whenever it came. */
void demo_stage_judgement(struct demo_stage *stage, struct demo_judgement *judgement);
/* Both sides now; false when the gateway can't be asked. */
bool demo_stage_look(struct demo_stage *stage, struct demo_look *look, struct err *err)
    __attribute__((warn_unused_result));

/* Nothing more is sent. */
void demo_stage_quiet(struct demo_stage *stage);
/* Ends and waits for all. */
void demo_stage_stop(struct demo_stage *stage);
