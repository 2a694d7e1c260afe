/* SPDX-License-Identifier: Apache-2.0 */
/* The tap that sends copies of live requests to shadows. Live only offers; a copy that can't be had is counted with its reason and
 * forgotten. All work on shadows is done at the end of a turn, after live's. Nothing in this folder can reach a live stream.
 * Lifetime: the worker's. Thread: the worker's. */
#pragma once

#include "base/map.h"
#include "base/random.h"
#include "exchange/capture.h"
#include "exchange/tap.h"
#include "http/codec.h"
#include "mirror/budget.h"
#include "mirror/shed.h"

struct mirror_settings {
    unsigned gateway_slot;
    unsigned worker;                 /* whose TLS contexts of the rules are used */
    bool is_shedding;                /* --shed auto */
    bool is_safe_methods;            /* --safe-methods */
    const unsigned char *marker_key; /* MARKER_KEY_BYTES */
    struct ring_writer *ring;        /* of records; NULL: nothing is captured */
    uint32_t max_connections;        /* to all shadows; 0: no limit but each mirror's */
};

struct mirror {
    struct tap tap; /* first: what the source calls */
    struct codec *codec;
    struct registry_totals *totals;
    struct mirror_settings settings;
    struct budget budget;
    struct shed shed;
    struct random random;
    struct map targets;  /* struct target_key → struct target */
    struct list leaving; /* targets that the rules no longer have, until their last copy and connection */
    struct slab *copies, *watches;
    struct capture_sink sink; /* of records */
    struct timer wake;        /* of the analyst, armed when records were made */
    uint64_t records_head;    /* of the ring, when its reader was looked at last */
    size_t in_flight;         /* copies not over */
    struct timer tidy;        /* armed from a burst of copies until all of its memory is back with the system */
    int64_t tidy_peak;        /* most bytes held since it was last given back */
    unsigned tidy_waited_ms;  /* for a quiet moment */
    uint64_t turn_ns;         /* the turn that answer_room is of */
    size_t answer_room;       /* bytes of shadows' answers that may still be read in this turn */
    struct list paced;        /* copies whose answers are far longer than live's */
    struct timer pace;        /* armed while there are some */
    void (*on_records)(struct mirror *mirror);    /* the analyst sleeps and there are records for it; may be NULL */
    void (*on_idle)(struct mirror *mirror);       /* the last copy is over; may be NULL */
    bool (*is_live_quiet)(struct mirror *mirror); /* no exchange is in flight; may be NULL: always so */
};

void mirror_init(struct mirror *mirror, struct codec *codec, struct registry *registry,
                 const struct mirror_settings *settings);
/* No copy may be left: mirror_abort_all first, and one more turn. */
void mirror_deinit(struct mirror *mirror);
/* Copies that wait for a mirror or address that the rules no longer have are dropped (removed). */
void mirror_set_rules(struct mirror *mirror, const struct rules *rules);
/* The end of a drain: what waits is dropped (shutdown), what is on its way fails (reset). */
void mirror_abort_all(struct mirror *mirror);
