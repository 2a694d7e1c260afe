/* SPDX-License-Identifier: Apache-2.0 */
/* A watch from within: what kube/watch.c, which decides what is asked next, and kube/watch_take.c, which takes what comes, share.
 * Lifetime: the watch's. Thread: the loop's. */
#pragma once

#include "io/loop.h"
#include "io/timer.h"
#include "kube/backoff.h"
#include "kube/call.h"
#include "kube/lines.h"
#include "kube/list_reader.h"
#include "kube/objects.h"
#include "kube/watch.h"

enum watch_step { STEP_LIST, STEP_WATCH };

/* What an event line made of the stream. */
enum watch_end {
    END_NONE,
    END_EXPIRED, /* 410: list anew */
    END_ERROR,   /* another ERROR event */
    END_BROKEN,  /* no event, or a line that is too long: something was missed */
};

struct kube_watch {
    struct kube_client *client;
    struct loop *loop;
    const struct kube_watch_ops *ops;
    void *user;
    struct str path, selector, api_version, kind; /* owned */
    bool is_status_read;

    struct objects objects;
    uint64_t edition;
    enum kube_watch_state state;
    struct strbuf problem;
    uint64_t synced_ns;
    size_t left_out; /* of the limits, since the last list began */
    bool is_dirty;   /* on_change is due when the list is over */

    enum watch_step step; /* under way, or what the timer begins */
    struct kube_request request;
    struct strbuf target;
    struct timer timer;
    struct kube_waiter waiter; /* for the server to be back */
    struct task change;
    struct backoff backoff;       /* of questions */
    struct backoff relist;        /* of lists that became necessary */
    struct strbuf version, token; /* to go on from: a watch, a list */
    uint32_t listing;             /* number of the list */
    struct list_reader reader;
    struct lines lines;
    enum watch_end end;
    struct strbuf error;   /* of an ERROR event, for people */
    bool has_begun;        /* the watch's answer */
    bool is_unpaged;       /* the next list: pages expired while they were read */
    bool is_watch_refused; /* listing alone is allowed: not in step before the watch begins */
    uint64_t begun_ns;
    uint64_t refused_ns;    /* since when 403 or 404 is said; 0: it is not */
    unsigned watch_refused; /* watches in a row that the server could not begin, for reasons that no waiting cures */
};

/* on_change in this turn. */
void watch_note_change(struct kube_watch *watch);
/* A list's item; something that is no object is left out, and logged. */
void watch_take_item(void *user, struct str item);
void watch_take_large(void *user, struct str beginning);
/* An event; false when the stream is of no use any more, watch->end says why. */
bool watch_take_line(void *user, struct str line);
