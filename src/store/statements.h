/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the database so often that preparing it each time would cost more than the answer: prepared at first use, for the
 * connection that is open. Each is reset by whoever used it, since one that is half way holds up the checkpoints of the WAL.
 * Lifetime: statements_free, before the connection is closed. Thread: that of the store. */
#pragma once

#include "store/rows.h"

enum statement { STATEMENT_SLOTS_OF_ONE, STATEMENT_FINDING_SINCE, STATEMENT_COUNT };

struct statements {
    sqlite3_stmt *list[STATEMENT_COUNT];
    struct row_writer writer; /* db NULL: not yet */
};

/* `text` is the same for the same statement each time. NULL: see sqlite3_errcode(). */
sqlite3_stmt *statement_get(struct statements *statements, sqlite3 *db, enum statement which, const char *text);
/* NULL: see sqlite3_errcode(). */
struct row_writer *statements_writer(struct statements *statements, sqlite3 *db);
void statements_free(struct statements *statements);
