/* SPDX-License-Identifier: Apache-2.0 */
/* From memory to the disk once the directory can be used, to a new file when the old one was taken away, and to a new connection when
 * the old one has failed for long: whatever state it is in. */
#include "store/state.h"

#define LONG_PAUSE_NS (8 * STORE_SECOND_NS)

/* What is in memory as rows, in the order in which it came. */
static const struct {
    enum row_kind kind;
    const char *text;
} parts[] = {
    {ROW_SLOT, "SELECT begin_ns, end_ns, route, mirror, live, shadow, tally FROM slots JOIN keys ON keys.id = key"},
    {ROW_FINDING, "SELECT first_seen_ns, 0, name, x'' FROM findings"},
    {ROW_SAMPLE, "SELECT at_ns, 0, name, sample FROM findings CROSS JOIN samples ON findings.id = finding"
                 " ORDER BY findings.id, is_first DESC, samples.id"},
};

static int copy_part(sqlite3 *memory, struct row_writer *writer, enum row_kind kind, const char *text)
{
    sqlite3_stmt *statement = database_prepare(memory, text);
    int code = statement ? SQLITE_OK : sqlite3_extended_errcode(memory);
    int step = SQLITE_DONE;
    while (code == SQLITE_OK && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct row row = {.kind = kind, .begin_ns = column_u64(statement, 0), .end_ns = column_u64(statement, 1)};
        for (int i = 2; i < sqlite3_column_count(statement); i++)
            row.texts[i - 2] = column_str(statement, i);
        code = row_write(writer, &row);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_OK && step != SQLITE_DONE ? step : code;
}

static int copy(sqlite3 *memory, sqlite3 *disk)
{
    struct row_writer writer;
    int code = database_run(disk, "BEGIN IMMEDIATE");
    if (code != SQLITE_OK)
        return code;
    if (!row_writer_init(&writer, disk))
        code = sqlite3_extended_errcode(disk);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && code == SQLITE_OK; i++)
        code = copy_part(memory, &writer, parts[i].kind, parts[i].text);
    row_writer_deinit(&writer);
    if (code == SQLITE_OK)
        code = database_run(disk, "COMMIT");
    if (code != SQLITE_OK && !sqlite3_get_autocommit(disk))
        database_try(disk, "ROLLBACK");
    return code;
}

void store_renew(struct store *store)
{
    struct err note = {""}, why = {""};
    bool is_good = store->is_on_disk && store->pause_ns < LONG_PAUSE_NS && !place_is_gone(store->db);
    if (!store->has_place || is_good)
        return;
    sqlite3 *disk = place_open(&store->place, store->memory_bytes, &note, &why);
    if (!disk) {
        (void)err_set(&store->trouble, "%s; until it can, all is kept in memory only", why.text);
        return;
    }
    int code = store->is_on_disk ? SQLITE_OK : copy(store->db, disk);
    if (code != SQLITE_OK) {
        (void)database_explain(disk, code, &why);
        (void)err_set(&store->trouble, "%s can't be written: %s", store->place.path, why.text);
        database_close(disk);
        return;
    }
    store_take_database(store, disk);
    store->is_on_disk = true;
    store->trouble = note;
    store->retry_at_ns = store->pause_ns = 0;
    samples_measure(store);
}
