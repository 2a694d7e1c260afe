/* SPDX-License-Identifier: Apache-2.0 */
/* Questions of control to the analyst, and the analyst's side of them. Control makes a pipe for each question and sends the writing end
 * with it (IPC_QUESTION); the analyst writes struct ask_answer and the body, and closes it. Control believes nothing of what comes, and
 * closes its end when it has lost interest. A page is made when it is asked for and waits at the analyst until it is read; who asks for
 * events gets those that there are, and new ones as they come.
 * Lifetime: answers_init to answers_deinit. Thread: the analyst's only one. */
#pragma once

#include "analyze/analyze.h"
#include "app/ipc.h"
#include "io/loop.h"

enum ask_kind { ASK_PAGE, ASK_METRICS, ASK_EVENTS };

struct ask_question {
    uint32_t kind; /* enum ask_kind */
    uint32_t path_len, query_len;
    uint32_t reserved;
    uint64_t last_event; /* ASK_EVENTS: those after this one; 0: all that are kept */
};
/* The path and the query follow; longer ones are not asked. */
#define ASK_MAX_TEXT (16u * 1024)

enum ask_content { ASK_TEXT, ASK_JSON, ASK_EVENT_STREAM, ASK_CONTENT_COUNT };

#define ASK_MAGIC 0x736e4155u /* "UAns" read as bytes */
struct ask_answer {
    uint32_t magic;
    uint16_t status;
    uint8_t content; /* enum ask_content */
    uint8_t reserved;
    uint64_t length; /* of the body; ASK_STREAM: it ends when somebody has enough */
};
#define ASK_STREAM UINT64_MAX

/* Pages that were made and not yet read, and who hears of events; more are refused with 503. */
#define ASK_MAX_PAGES 16
#define ASK_MAX_LISTENERS 32
/* A page is forgotten when nobody reads on for so long. */
#define ASK_PATIENCE_MS 30000
/* A comment goes to those who hear of events as often, so that what lies between does not take them for dead. */
#define ASK_HEARTBEAT_MS 15000

struct answers {
    struct loop *loop;
    struct analyze *analyze;
    struct list list; /* struct reply */
    unsigned pages, listeners;
};

void answers_init(struct answers *answers, struct loop *loop, struct analyze *analyze);
void answers_deinit(struct answers *answers);
/* An IPC_QUESTION: takes over its descriptor. */
void answers_take(struct answers *answers, struct ipc_message *message);
/* Events that are new, heartbeats, pages that nobody reads: ten times a second. */
void answers_tick(struct answers *answers);
