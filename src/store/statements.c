/* SPDX-License-Identifier: Apache-2.0 */
#include "store/statements.h"

sqlite3_stmt *statement_get(struct statements *statements, sqlite3 *db, enum statement which, const char *text)
{
    if (!statements->list[which])
        statements->list[which] = database_prepare(db, text);
    return statements->list[which];
}

struct row_writer *statements_writer(struct statements *statements, sqlite3 *db)
{
    if (statements->writer.db)
        return &statements->writer;
    if (row_writer_init(&statements->writer, db))
        return &statements->writer;
    row_writer_deinit(&statements->writer);
    statements->writer.db = NULL;
    return NULL;
}

void statements_free(struct statements *statements)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(statements->list[i]);
    if (statements->writer.db)
        row_writer_deinit(&statements->writer);
    *statements = (struct statements){0};
}
