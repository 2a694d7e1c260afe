/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rows.h"

#include "base/mem.h"
#include "store/store.h"

#define TEXT(number) #number
#define NUMBER(macro) TEXT(macro)

enum { ADD_KEY, ADD_SLOT, ADD_FINDING, ADD_SAMPLE, TRIM_SAMPLES, STATEMENTS };

/* Ids are looked up each time: another process may have erased everything since. */
static const char *const texts[STATEMENTS] = {
    [ADD_KEY] = "INSERT INTO keys(route, mirror, live, shadow) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    [ADD_SLOT] = "INSERT INTO slots(key, level, begin_ns, end_ns, tally) SELECT id, 0, ?5, ?6, ?7 FROM keys"
                 " WHERE route = ?1 AND mirror = ?2 AND live = ?3 AND shadow = ?4",
    [ADD_FINDING] = "INSERT INTO findings(name, first_seen_ns) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE"
                    " SET first_seen_ns = min(first_seen_ns, excluded.first_seen_ns)",
    [ADD_SAMPLE] = "INSERT INTO samples(finding, is_first, at_ns, size, sample)"
                   " SELECT id, (SELECT count(*) FROM samples WHERE finding = findings.id AND is_first = 1) < " NUMBER(
                       STORE_FIRST_SAMPLES) ", ?2, length(?3), ?3 FROM findings WHERE name = ?1",
    [TRIM_SAMPLES] = "DELETE FROM samples WHERE id IN (SELECT id FROM samples WHERE is_first = 0 AND"
                     " finding = (SELECT id FROM findings WHERE name = ?1) ORDER BY id DESC LIMIT -1 OFFSET " NUMBER(
                         STORE_SAMPLES_EACH) " - " NUMBER(STORE_FIRST_SAMPLES) ")",
};

void row_queue_init(struct row_queue *queue)
{
    *queue = (struct row_queue){0};
    list_init(&queue->rows);
}

void row_queue_remove(struct row_queue *queue, struct row *row)
{
    list_remove(&row->node);
    queue->count--;
    queue->bytes -= row->bytes;
    mem_free(row);
}

void row_queue_deinit(struct row_queue *queue)
{
    while (!list_is_empty(&queue->rows))
        row_queue_remove(queue, CONTAINER_OF(queue->rows.next, struct row, node));
}

void row_queue_add(struct row_queue *queue, const struct row *row)
{
    size_t bytes = sizeof(*row);
    for (size_t i = 0; i < ROW_TEXTS; i++)
        bytes += row->texts[i].len;
    if (bytes > STORE_ROW_BYTES || queue->bytes + bytes > STORE_QUEUE_BYTES) {
        queue->lost++;
        return;
    }
    struct row *copy = mem_alloc_raw(bytes);
    char *at = (char *)(copy + 1);
    *copy = *row;
    copy->bytes = bytes;
    for (size_t i = 0; i < ROW_TEXTS; i++) {
        if (row->texts[i].len > 0)
            memcpy(at, row->texts[i].ptr, row->texts[i].len);
        copy->texts[i].ptr = at;
        at += row->texts[i].len;
    }
    list_init(&copy->node);
    list_add(&queue->rows, &copy->node);
    queue->count++;
    queue->bytes += bytes;
}

bool row_queue_is_full(const struct row_queue *queue)
{
    return queue->bytes > STORE_QUEUE_BYTES / 2;
}

bool row_writer_init(struct row_writer *writer, sqlite3 *db)
{
    *writer = (struct row_writer){.db = db};
    _Static_assert(sizeof(writer->statements) / sizeof(writer->statements[0]) >= STATEMENTS, "room for all");
    for (size_t i = 0; i < STATEMENTS; i++) {
        writer->statements[i] = database_prepare(db, texts[i]);
        if (!writer->statements[i])
            return false;
    }
    return true;
}

void row_writer_deinit(struct row_writer *writer)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(writer->statements[i]);
}

static int write_slot(struct row_writer *writer, const struct row *row)
{
    sqlite3_stmt *key = writer->statements[ADD_KEY], *slot = writer->statements[ADD_SLOT];
    for (int i = 0; i < ROW_TALLY; i++) {
        bind_str(key, i + 1, row->texts[i]);
        bind_str(slot, i + 1, row->texts[i]);
    }
    bind_u64(slot, 5, row->begin_ns);
    bind_u64(slot, 6, row->end_ns);
    bind_str(slot, 7, row->texts[ROW_TALLY]);
    int code = statement_run(slot);
    if (code != SQLITE_OK || sqlite3_changes(writer->db) > 0)
        return code;
    code = statement_run(key); /* it is the key's first slot */
    return code == SQLITE_OK ? statement_run(slot) : code;
}

static int write_finding(struct row_writer *writer, const struct row *row)
{
    sqlite3_stmt *finding = writer->statements[ADD_FINDING];
    bind_str(finding, 1, row->texts[ROW_NAME]);
    bind_u64(finding, 2, row->begin_ns);
    return statement_run(finding);
}

static int write_sample(struct row_writer *writer, const struct row *row)
{
    sqlite3_stmt *sample = writer->statements[ADD_SAMPLE], *trim = writer->statements[TRIM_SAMPLES];
    bind_str(sample, 1, row->texts[ROW_NAME]);
    bind_u64(sample, 2, row->begin_ns);
    bind_str(sample, 3, row->texts[ROW_BODY]);
    bind_str(trim, 1, row->texts[ROW_NAME]);
    int code = write_finding(writer, row);
    if (code == SQLITE_OK)
        code = statement_run(sample);
    return code == SQLITE_OK ? statement_run(trim) : code;
}

int row_write(struct row_writer *writer, const struct row *row)
{
    switch (row->kind) {
    case ROW_SLOT: return write_slot(writer, row);
    case ROW_SAMPLE: return write_sample(writer, row);
    case ROW_FINDING: return write_finding(writer, row);
    }
    return SQLITE_MISUSE;
}

bool row_is_to_blame(int code)
{
    int kind = code & 0xff;
    return kind == SQLITE_TOOBIG || kind == SQLITE_CONSTRAINT || kind == SQLITE_MISMATCH || kind == SQLITE_RANGE;
}
