/* SPDX-License-Identifier: Apache-2.0 */
/* Control's side of questions to the analyst (app/ask.h): pages that the admin port relays, events, and the analyst's own metrics, once a
 * second. The analyst may be subverted, hang or be gone: its answers are bounded and checked, and nobody waits for it.
 * Lifetime: asker_new to asker_free, after the admin server's. Thread: control's. */
#pragma once

#include "admin/analyst_figures.h"
#include "admin/relay.h"
#include "app/records.h"
#include "io/loop.h"

/* To the head of an answer. */
#define ASKER_HEAD_MS 5000
/* From piece to piece of a page that is read on. */
#define ASKER_PIECE_MS 10000
/* Pages at once; more get 503. */
#define ASKER_MAX_PAGES 16
/* Of the analyst's metrics; what is beyond is left out. */
#define ASKER_MAX_METRICS (1024u * 1024)
/* Without an answer for so long it is not up. */
#define ASKER_STALE_MS 3000

struct asker;

struct asker *asker_new(struct loop *loop);
void asker_free(struct asker *asker);
/* A sentence when there is nothing to ask as long as the run lasts or until the rules change; NULL: there is, or will be. Borrowed. */
void asker_set_off(struct asker *asker, const char *why);
/* The reader's pages; become its own. */
void asker_set_records(struct asker *asker, const struct records *records);
/* An analyst was started, or control: the descriptor becomes its own. */
void asker_set_channel(struct asker *asker, int fd);
const struct analyst_figures *asker_figures(const struct asker *asker);

/* `user` is the asker. */
extern const struct relay_ops asker_relay;
