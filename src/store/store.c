/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "base/mem.h"
#include "store/schema.h"
#include "store/state.h"

#include <stdio.h>
#include <time.h>

#define MEMORY_BYTES (16u * 1024 * 1024)
#define MIN_MEMORY_BYTES (8u * 1024 * 1024)
#define FIRST_PAUSE_NS (STORE_SECOND_NS / 4)
#define LAST_PAUSE_NS (30 * STORE_SECOND_NS)

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * STORE_SECOND_NS + (uint64_t)now.tv_nsec;
}

/* Pages beyond the limit are refused (SQLITE_FULL) before SQLite is out of memory altogether. */
static sqlite3 *open_memory(size_t memory_bytes, struct err *err)
{
    int code;
    int64_t version;
    char limit[64];
    sqlite3 *db = database_open(":memory:", memory_bytes, &code, err);
    if (!db)
        return NULL;
    snprintf(limit, sizeof(limit), "PRAGMA max_page_count=%zu", memory_bytes / 2 / 4096);
    if (database_run(db, limit) == SQLITE_OK &&
        schema_apply(db, schema_steps, schema_step_count, &version, &code) == SCHEMA_OK)
        return db;
    (void)database_explain(db, code, err);
    database_close(db);
    return NULL;
}

struct store *store_open(const struct store_options *options, struct err *note)
{
    struct store *store = mem_alloc(sizeof(*store));
    struct err err = {""};
    note->text[0] = '\0';
    row_queue_init(&store->queue);
    size_t memory_bytes = options->memory_bytes ? options->memory_bytes : MEMORY_BYTES;
    store->memory_bytes = memory_bytes < MIN_MEMORY_BYTES ? MIN_MEMORY_BYTES : memory_bytes;
    store->sample_ttl_ns = options->sample_ttl_ms * 1000000;
    store->sample_bytes = options->sample_bytes ? options->sample_bytes : STORE_SAMPLE_BYTES;
    store->has_place = options->directory && options->directory[0] &&
                       place_init(&store->place, options->directory, &err);
    if (store->has_place)
        store->db = place_open(&store->place, store->memory_bytes, note, &err);
    store->is_on_disk = store->db != NULL;
    if (!store->db) {
        if (err.text[0])
            (void)err_set(note, "%s; until it can, all is kept in memory only", err.text);
        store->trouble = *note;
        store->db = open_memory(store->memory_bytes, &err);
    }
    if (store->db) {
        samples_measure(store);
        return store;
    }
    *note = err;
    row_queue_deinit(&store->queue);
    mem_free(store);
    return NULL;
}

const char *store_trouble(const struct store *store)
{
    return store->trouble.text;
}

static uint64_t file_bytes(sqlite3 *db, int which)
{
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    if (sqlite3_file_control(db, "main", which, &file) != SQLITE_OK || !file || !file->pMethods ||
        file->pMethods->xFileSize(file, &size) != SQLITE_OK)
        return 0;
    return size > 0 ? (uint64_t)size : 0;
}

struct store_counts store_counts(struct store *store)
{
    struct store_counts counts = store->counts;
    int64_t number = 0;
    int code = database_number(store->db, "SELECT count(*) FROM samples", &number);
    if (code != SQLITE_OK)
        store_read_failed(store, code);
    counts.samples = (uint64_t)number;
    if (store->is_on_disk) {
        counts.bytes = file_bytes(store->db, SQLITE_FCNTL_FILE_POINTER);
        counts.bytes += file_bytes(store->db, SQLITE_FCNTL_JOURNAL_POINTER);
    } else if (database_number(store->db, "PRAGMA page_count", &number) == SQLITE_OK) {
        counts.bytes = (uint64_t)number * 4096;
    }
    counts.lost += store->queue.lost;
    counts.waiting = store->queue.count;
    return counts;
}

void store_take_database(struct store *store, sqlite3 *db)
{
    statements_free(&store->statements);
    database_close(store->db);
    store->db = db;
}

/* Rows of the queue go with the new database, those of the old one are in the file that was set aside. */
static void replace_damaged(struct store *store)
{
    struct err note = {""}, err = {""};
    sqlite3 *db = place_reopen(&store->place, store->db, store->memory_bytes, &note, &err);
    if (!db) {
        store->trouble = err;
        return;
    }
    store_take_database(store, db);
    samples_measure(store);
    store->trouble = note;
}

static void write_failed(struct store *store, int code)
{
    struct err why;
    store->counts.failures++;
    store->is_full = (code & 0xff) == SQLITE_FULL || (code & 0xff) == SQLITE_NOMEM;
    store->pause_ns = store->pause_ns == 0 ? FIRST_PAUSE_NS : store->pause_ns * 2;
    if (store->pause_ns > LAST_PAUSE_NS)
        store->pause_ns = LAST_PAUSE_NS;
    store->retry_at_ns = now_ns() + store->pause_ns;
    (void)database_explain(store->db, code, &why);
    (void)err_set(&store->trouble, "%s can't be written: %s; %zu rows wait in memory",
                  store->is_on_disk ? store->place.path : "the store in memory", why.text, store->queue.count);
    if (store->is_on_disk && database_is_damage(code))
        replace_damaged(store);
}

static void write_worked(struct store *store)
{
    store->counts.writes++;
    store->retry_at_ns = store->pause_ns = 0;
    store->is_full = false;
    if (store->is_on_disk || !store->has_place)
        store->trouble.text[0] = '\0';
}

void store_read_failed(struct store *store, int code)
{
    if (store->is_on_disk && database_is_damage(code))
        replace_damaged(store);
}

bool store_transaction(struct store *store)
{
    int code = database_run(store->db, "BEGIN IMMEDIATE");
    if (code != SQLITE_OK)
        write_failed(store, code);
    return code == SQLITE_OK;
}

bool store_transaction_end(struct store *store, int code)
{
    if (code == SQLITE_OK)
        code = database_run(store->db, "COMMIT");
    if (code == SQLITE_OK) {
        write_worked(store);
        return true;
    }
    if (!sqlite3_get_autocommit(store->db))
        database_try(store->db, "ROLLBACK");
    write_failed(store, code);
    return false;
}

/* All that waits, in the order in which it came. */
static int write_queue(struct store *store)
{
    struct row_writer *writer = statements_writer(&store->statements, store->db);
    int code = writer ? SQLITE_OK : sqlite3_extended_errcode(store->db);
    struct list *next;
    for (struct list *at = store->queue.rows.next; code == SQLITE_OK && at != &store->queue.rows; at = next) {
        struct row *row = CONTAINER_OF(at, struct row, node);
        next = at->next;
        code = row_write(writer, row);
        if (code == SQLITE_OK && row->kind == ROW_SAMPLE)
            store->sample_bytes_used += row->texts[ROW_BODY].len;
        if (row_is_to_blame(code)) {
            row_queue_remove(&store->queue, row);
            store->queue.lost++;
            code = SQLITE_OK;
        }
    }
    if (code == SQLITE_OK && store->sample_bytes_used > store->sample_bytes)
        code = samples_trim(store);
    return code;
}

/* In memory alone the oldest makes room: half of the samples, then an eighth of the slots. */
static void make_room(struct store *store)
{
    if (store->is_on_disk || !store_transaction(store))
        return;
    int code = database_run(store->db,
                            "DELETE FROM samples WHERE id IN"
                            " (SELECT id FROM samples ORDER BY id LIMIT (SELECT (count(*) + 1) / 2 FROM samples))");
    if (code == SQLITE_OK && sqlite3_changes(store->db) == 0) {
        code = database_run(store->db, "DELETE FROM slots WHERE id IN (SELECT id FROM slots ORDER BY end_ns"
                                       " LIMIT (SELECT (count(*) + 7) / 8 FROM slots))");
    }
    if (code == SQLITE_OK)
        store->counts.lost += (uint64_t)sqlite3_changes(store->db);
    store_transaction_end(store, code);
}

static bool flush(struct store *store)
{
    if (store->queue.count == 0)
        return true;
    if (store->retry_at_ns > now_ns() || !store_transaction(store))
        return false;
    if (!store_transaction_end(store, write_queue(store)))
        return false;
    uint64_t lost = store->queue.lost;
    row_queue_deinit(&store->queue);
    row_queue_init(&store->queue);
    store->queue.lost = lost;
    return true;
}

static bool write_all(struct store *store)
{
    bool is_done = flush(store);
    /* In memory alone, a full database is made less full, as often as it takes to halve it several times. */
    for (int i = 0; !is_done && store->is_full && !store->is_on_disk && i < 8; i++) {
        make_room(store);
        is_done = flush(store);
    }
    return is_done;
}

bool store_begin(struct store *store)
{
    if (row_queue_is_full(&store->queue))
        write_all(store);
    return !row_queue_is_full(&store->queue);
}

bool store_commit(struct store *store)
{
    return write_all(store);
}

void store_add_slot(struct store *store, const struct store_key *key, uint64_t begin_ns, uint64_t end_ns,
                    struct str tally)
{
    row_queue_add(&store->queue, &(struct row){.kind = ROW_SLOT,
                                               .begin_ns = begin_ns,
                                               .end_ns = end_ns,
                                               .texts = {[ROW_ROUTE] = key->route,
                                                         [ROW_MIRROR] = key->mirror,
                                                         [ROW_LIVE] = key->live_revision,
                                                         [ROW_SHADOW] = key->shadow_revision,
                                                         [ROW_TALLY] = tally}});
}

void store_add_sample(struct store *store, struct str finding, uint64_t at_ns, struct str sample)
{
    row_queue_add(
        &store->queue,
        &(struct row){.kind = ROW_SAMPLE, .begin_ns = at_ns, .texts = {[ROW_NAME] = finding, [ROW_BODY] = sample}});
}

void store_note_finding(struct store *store, struct str finding, uint64_t at_ns)
{
    row_queue_add(&store->queue,
                  &(struct row){.kind = ROW_FINDING, .begin_ns = at_ns, .texts = {[ROW_NAME] = finding}});
}

void store_close(struct store *store)
{
    store->retry_at_ns = 0;
    flush(store);
    row_queue_deinit(&store->queue);
    store_take_database(store, NULL);
    mem_free(store);
}
