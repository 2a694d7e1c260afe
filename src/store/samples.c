/* SPDX-License-Identifier: Apache-2.0 */
/* Samples and findings: read, bounded, expired. */
#include "store/state.h"

/* Findings whose samples are gone are still known, so that they are not new again; the oldest are forgotten beyond this many. */
#define MAX_FINDINGS "50000"

static void read_waiting(struct store *store, struct str finding, store_sample_fn *each, void *user)
{
    for (struct list *at = store->queue.rows.prev; at != &store->queue.rows; at = at->prev) {
        struct row *row = CONTAINER_OF(at, struct row, node);
        if (row->kind == ROW_SAMPLE && str_eq(row->texts[ROW_NAME], finding))
            each(user, row->begin_ns, row->texts[ROW_BODY]);
    }
}

bool store_samples(struct store *store, struct str finding, store_sample_fn *each, void *user)
{
    read_waiting(store, finding, each, user);
    sqlite3_stmt *statement = database_prepare(
        store->db, "SELECT at_ns, sample FROM samples WHERE id IN (SELECT samples.id FROM findings JOIN samples ON"
                   " samples.finding = findings.id WHERE findings.name = ?1) ORDER BY id DESC");
    int code = statement ? SQLITE_ROW : sqlite3_extended_errcode(store->db);
    if (statement)
        bind_str(statement, 1, finding);
    while (code == SQLITE_ROW && (code = sqlite3_step(statement)) == SQLITE_ROW)
        each(user, column_u64(statement, 0), column_str(statement, 1));
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE)
        store_read_failed(store, code);
    return code == SQLITE_DONE;
}

static uint64_t since_in_queue(const struct store *store, struct str finding)
{
    uint64_t since_ns = 0;
    for (const struct list *at = store->queue.rows.next; at != &store->queue.rows; at = at->next) {
        const struct row *row = CONTAINER_OF(at, struct row, node);
        bool is_it = row->kind != ROW_SLOT && str_eq(row->texts[ROW_NAME], finding);
        if (is_it && (since_ns == 0 || row->begin_ns < since_ns))
            since_ns = row->begin_ns;
    }
    return since_ns;
}

uint64_t store_finding_since(struct store *store, struct str finding)
{
    uint64_t waiting_ns = since_in_queue(store, finding), since_ns = 0;
    sqlite3_stmt *statement = statement_get(&store->statements, store->db, STATEMENT_FINDING_SINCE,
                                            "SELECT first_seen_ns FROM findings WHERE name = ?1");
    int code = statement ? SQLITE_OK : sqlite3_extended_errcode(store->db);
    if (statement) {
        bind_str(statement, 1, finding);
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW)
            since_ns = column_u64(statement, 0);
        sqlite3_reset(statement);
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        store_read_failed(store, code);
    return since_ns == 0 || (waiting_ns != 0 && waiting_ns < since_ns) ? waiting_ns : since_ns;
}

void samples_measure(struct store *store)
{
    int64_t used = 0;
    store->sample_bytes_used = 0;
    if (database_number(store->db, "SELECT total(size) FROM samples", &used) == SQLITE_OK && used > 0)
        store->sample_bytes_used = (uint64_t)used;
}

/* Keeps the newest of those that fit together; what is removed at once is bounded by what was added since. */
int samples_trim(struct store *store)
{
    int64_t used = 0;
    sqlite3_stmt *oldest = database_prepare(store->db, "SELECT id, size FROM samples ORDER BY at_ns LIMIT 1");
    sqlite3_stmt *remove = database_prepare(store->db, "DELETE FROM samples WHERE id = ?1");
    int code = oldest && remove ? database_number(store->db, "SELECT total(size) FROM samples", &used)
                                : sqlite3_extended_errcode(store->db);
    /* A sixteenth more than must go, so that this is not done for every sample. */
    uint64_t wanted = store->sample_bytes - store->sample_bytes / 16;
    bool is_over = (uint64_t)used > store->sample_bytes;
    while (code == SQLITE_OK && is_over && (uint64_t)used > wanted && sqlite3_step(oldest) == SQLITE_ROW) {
        used -= sqlite3_column_int64(oldest, 1);
        bind_u64(remove, 1, column_u64(oldest, 0));
        sqlite3_reset(oldest);
        code = statement_run(remove);
    }
    sqlite3_finalize(oldest);
    sqlite3_finalize(remove);
    if (code == SQLITE_OK)
        store->sample_bytes_used = used > 0 ? (uint64_t)used : 0;
    return code;
}

static int remove_expired(struct store *store, uint64_t now_ns)
{
    if (store->sample_ttl_ns == 0 || now_ns <= store->sample_ttl_ns)
        return SQLITE_OK;
    sqlite3_stmt *statement = database_prepare(store->db, "DELETE FROM samples WHERE at_ns < ?1");
    if (!statement)
        return sqlite3_extended_errcode(store->db);
    bind_u64(statement, 1, now_ns - store->sample_ttl_ns);
    int code = statement_run(statement);
    sqlite3_finalize(statement);
    return code;
}

void store_expire(struct store *store, uint64_t now_ns)
{
    store_renew(store);
    if (!store_transaction(store))
        return;
    int code = remove_expired(store, now_ns);
    if (code == SQLITE_OK)
        code = samples_trim(store);
    if (code == SQLITE_OK)
        code = database_run(
            store->db,
            "DELETE FROM findings WHERE id IN (SELECT id FROM findings WHERE NOT EXISTS"
            " (SELECT 1 FROM samples WHERE finding = findings.id) ORDER BY id DESC LIMIT -1 OFFSET " MAX_FINDINGS ")");
    store_transaction_end(store, code);
}
