/* SPDX-License-Identifier: Apache-2.0 */
/* Slots of time: read in order, and rolled up as they get old. */
#include "base/mem.h"
#include "store/state.h"

#define HOUR_NS (3600 * STORE_SECOND_NS)
#define DAY_NS (24 * HOUR_NS)
/* What is merged in one step: bounds the memory that texts take. What is left of an hour comes in the next step. */
#define MERGE_ROWS 64
#define MERGE_BYTES (4u * 1024 * 1024)
#define STEPS_EACH 128 /* per call and level */

/* From one level to the next: `span_ns` is what becomes one, when it is older than `age_ns` (on disk, in memory). */
static const struct level {
    int from;
    uint64_t span_ns, age_ns[2];
} levels[] = {
    {0, HOUR_NS, {DAY_NS, HOUR_NS}},
    {1, DAY_NS, {30 * DAY_NS, DAY_NS}},
};

static bool is_wanted(const struct row *row, const struct store_key *key, uint64_t since_ns)
{
    const struct str wanted[] = {key->route, key->mirror, key->live_revision, key->shadow_revision};
    bool is_it = row->kind == ROW_SLOT && row->end_ns > since_ns;
    for (size_t i = 0; is_it && i < ROW_TALLY; i++)
        is_it = wanted[i].len == 0 || str_eq(wanted[i], row->texts[i]);
    return is_it;
}

static void read_queue(struct store *store, const struct store_key *key, uint64_t since_ns, store_slot_fn *each,
                       void *user)
{
    for (struct list *at = store->queue.rows.next; at != &store->queue.rows; at = at->next) {
        struct row *row = CONTAINER_OF(at, struct row, node);
        if (!is_wanted(row, key, since_ns))
            continue;
        const struct store_key found = {row->texts[ROW_ROUTE], row->texts[ROW_MIRROR], row->texts[ROW_LIVE],
                                        row->texts[ROW_SHADOW]};
        each(user, &found, row->begin_ns, row->end_ns, row->texts[ROW_TALLY]);
    }
}

/* Without a key by time; with one by its keys, whatever else there is. */
#define SLOT_COLUMNS "SELECT route, mirror, live, shadow, begin_ns, end_ns, tally FROM "
#define OF_REVISIONS " AND (length(?3) = 0 OR live = ?3) AND (length(?4) = 0 OR shadow = ?4) ORDER BY end_ns, begin_ns"
static const char slots_of_all[] = SLOT_COLUMNS
    "slots INDEXED BY slots_by_end CROSS JOIN keys ON keys.id = slots.key WHERE end_ns > ?5"
    " AND (length(?1) = 0 OR route = ?1) AND (length(?2) = 0 OR mirror = ?2)" OF_REVISIONS;
static const char slots_of_one[] = SLOT_COLUMNS
    "keys CROSS JOIN slots INDEXED BY slots_by_key ON slots.key = keys.id WHERE end_ns > ?5"
    " AND route = ?1 AND mirror = ?2" OF_REVISIONS;

bool store_slots(struct store *store, const struct store_key *key, uint64_t since_ns, store_slot_fn *each, void *user)
{
    bool is_one = key->route.len > 0 && key->mirror.len > 0;
    sqlite3_stmt *statement = is_one
                                  ? statement_get(&store->statements, store->db, STATEMENT_SLOTS_OF_ONE, slots_of_one)
                                  : database_prepare(store->db, slots_of_all);
    int code = statement ? SQLITE_ROW : sqlite3_extended_errcode(store->db);
    if (statement) {
        bind_str(statement, 1, key->route);
        bind_str(statement, 2, key->mirror);
        bind_str(statement, 3, key->live_revision);
        bind_str(statement, 4, key->shadow_revision);
        bind_u64(statement, 5, since_ns);
    }
    while (code == SQLITE_ROW && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const struct store_key found = {column_str(statement, 0), column_str(statement, 1), column_str(statement, 2),
                                        column_str(statement, 3)};
        each(user, &found, column_u64(statement, 4), column_u64(statement, 5), column_str(statement, 6));
    }
    if (is_one && statement)
        sqlite3_reset(statement);
    else
        sqlite3_finalize(statement);
    if (code != SQLITE_DONE)
        store_read_failed(store, code);
    read_queue(store, key, since_ns, each, user);
    return code == SQLITE_DONE;
}

/* Slots of one key and one span, in the order of their beginning. */
struct group {
    uint64_t key, begin_ns, end_ns, bytes;
    size_t count;
    uint64_t ids[MERGE_ROWS];
    struct str tallies[MERGE_ROWS];
};

static void group_deinit(struct group *group)
{
    for (size_t i = 0; i < group->count; i++)
        mem_free((char *)group->tallies[i].ptr);
}

/* The key of the oldest slot that is due, and the beginning of its span. SQLITE_DONE: none is. */
static int group_find(struct store *store, const struct level *level, uint64_t due_ns, struct group *group)
{
    sqlite3_stmt *statement = database_prepare(
        store->db, "SELECT key, begin_ns FROM slots WHERE level = ?1 AND end_ns <= ?2 ORDER BY end_ns LIMIT 1");
    if (!statement)
        return sqlite3_extended_errcode(store->db);
    bind_u64(statement, 1, (uint64_t)level->from);
    bind_u64(statement, 2, due_ns);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *group = (struct group){.key = column_u64(statement, 0), .begin_ns = column_u64(statement, 1)};
        group->begin_ns -= group->begin_ns % level->span_ns;
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return code;
}

static void group_add(struct group *group, sqlite3_stmt *row)
{
    struct str tally = column_str(row, 2);
    if (column_u64(row, 1) > group->end_ns)
        group->end_ns = column_u64(row, 1);
    group->ids[group->count] = column_u64(row, 0);
    group->tallies[group->count++] = (struct str){mem_dup(tally.ptr, tally.len), tally.len};
    group->bytes += tally.len;
}

/* What is there already of the coarser level is part of it, so that latecomers are added to it. */
static int group_read(struct store *store, const struct level *level, uint64_t due_ns, struct group *group)
{
    sqlite3_stmt *statement = database_prepare(
        store->db, "SELECT id, end_ns, tally, begin_ns FROM slots WHERE key = ?1 AND begin_ns >= ?2 AND"
                   " begin_ns < ?3 AND end_ns <= ?4 AND level IN (?5, ?5 + 1) ORDER BY begin_ns");
    if (!statement)
        return sqlite3_extended_errcode(store->db);
    uint64_t span_begin_ns = group->begin_ns;
    bind_u64(statement, 1, group->key);
    bind_u64(statement, 2, span_begin_ns);
    bind_u64(statement, 3, span_begin_ns + level->span_ns);
    bind_u64(statement, 4, due_ns);
    bind_u64(statement, 5, (uint64_t)level->from);
    int code = SQLITE_ROW;
    while (group->count < 2 || (group->count < MERGE_ROWS && group->bytes < MERGE_BYTES)) {
        code = sqlite3_step(statement);
        if (code != SQLITE_ROW)
            break;
        if (group->count == 0)
            group->begin_ns = column_u64(statement, 3);
        group_add(group, statement);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static int lift(struct store *store, const struct group *group, int level)
{
    sqlite3_stmt *statement = database_prepare(store->db, "UPDATE slots SET level = ?2 WHERE id = ?1");
    int code = statement ? SQLITE_OK : sqlite3_extended_errcode(store->db);
    for (size_t i = 0; i < group->count && code == SQLITE_OK; i++) {
        bind_u64(statement, 1, group->ids[i]);
        bind_u64(statement, 2, (uint64_t)level);
        code = statement_run(statement);
    }
    sqlite3_finalize(statement);
    return code;
}

/* The first row becomes the sum, the others go. */
static int put_sum(struct store *store, const struct group *group, int level, struct str sum)
{
    sqlite3_stmt *set = database_prepare(
        store->db, "UPDATE slots SET level = ?2, begin_ns = ?3, end_ns = ?4, tally = ?5 WHERE id = ?1");
    sqlite3_stmt *remove = database_prepare(store->db, "DELETE FROM slots WHERE id = ?1");
    int code = set && remove ? SQLITE_OK : sqlite3_extended_errcode(store->db);
    if (code == SQLITE_OK) {
        bind_u64(set, 1, group->ids[0]);
        bind_u64(set, 2, (uint64_t)level);
        bind_u64(set, 3, group->begin_ns);
        bind_u64(set, 4, group->end_ns);
        bind_str(set, 5, sum);
        code = statement_run(set);
    }
    for (size_t i = 1; i < group->count && code == SQLITE_OK; i++) {
        bind_u64(remove, 1, group->ids[i]);
        code = statement_run(remove);
    }
    sqlite3_finalize(set);
    sqlite3_finalize(remove);
    return code;
}

/* One step, within a transaction; SQLITE_DONE: nothing is due. */
static int merge_some(struct store *store, const struct level *level, uint64_t due_ns, store_merge_fn *merge,
                      void *user)
{
    struct group *group = mem_alloc(sizeof(*group));
    int code = group_find(store, level, due_ns, group);
    if (code == SQLITE_OK)
        code = group_read(store, level, due_ns, group);
    if (code == SQLITE_OK) {
        char *sum = group->count > 1 ? merge(user, group->tallies, group->count) : NULL;
        code = sum ? put_sum(store, group, level->from + 1, str_from_c(sum)) : lift(store, group, level->from + 1);
        mem_free(sum);
    }
    group_deinit(group);
    mem_free(group);
    return code;
}

bool store_roll_up(struct store *store, uint64_t now_ns, store_merge_fn *merge, void *user)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        const struct level *level = &levels[i];
        uint64_t age_ns = level->age_ns[STORE_AGES(store)];
        uint64_t due_ns = now_ns > age_ns ? now_ns - age_ns : 0;
        due_ns -= due_ns % level->span_ns;
        int code = SQLITE_OK;
        for (int step = 0; step < STEPS_EACH && code == SQLITE_OK; step++) {
            if (!store_transaction(store))
                return false;
            code = merge_some(store, level, due_ns, merge, user);
            if (!store_transaction_end(store, code == SQLITE_DONE ? SQLITE_OK : code))
                return false;
        }
    }
    return true;
}
