/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be written: a queue of rows in memory, bounded, and how each kind of row gets into the database.
 * Lifetime: row_queue_init to row_queue_deinit; a row from row_new to row_free. Thread: that of the store. */
#pragma once

#include "base/list.h"
#include "store/database.h"

enum row_kind { ROW_SLOT, ROW_SAMPLE, ROW_FINDING };
/* Texts of a slot: route, mirror, revisions of live and shadow, tally. Of a sample: finding, sample. Of a finding: its name. */
enum { ROW_ROUTE, ROW_MIRROR, ROW_LIVE, ROW_SHADOW, ROW_TALLY, ROW_TEXTS, ROW_NAME = 0, ROW_BODY = 1 };

struct row {
    struct list node;
    enum row_kind kind;
    uint64_t begin_ns, end_ns; /* of samples and findings the first is their time */
    struct str texts[ROW_TEXTS];
    size_t bytes; /* of memory */
};

struct row_queue {
    struct list rows; /* oldest first */
    size_t count, bytes;
    uint64_t lost; /* did not fit, or can't be written at all */
};

void row_queue_init(struct row_queue *queue);
void row_queue_deinit(struct row_queue *queue);
/* The texts are copied. A row for which there is no room is lost, and counted. */
void row_queue_add(struct row_queue *queue, const struct row *row);
bool row_queue_is_full(const struct row_queue *queue);
void row_queue_remove(struct row_queue *queue, struct row *row);

/* The statements that rows need. */
struct row_writer {
    sqlite3 *db;
    sqlite3_stmt *statements[8];
};
bool row_writer_init(struct row_writer *writer, sqlite3 *db);
void row_writer_deinit(struct row_writer *writer);
/* SQLITE_OK, or SQLite's result; within a transaction. */
int row_write(struct row_writer *writer, const struct row *row) __attribute__((warn_unused_result));
/* The row is to blame and not the database: it would fail again. */
bool row_is_to_blame(int code);
