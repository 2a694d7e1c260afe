/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#include "store/database.h"
#include "store/store.h"

#include <stdio.h>

/* Times are nanoseconds since 1970. Level of a slot: 0 as it came, 1 an hour, 2 a day. slots_by_end is read in its order, so that texts are
 * never sorted. */
const char *const schema_steps[] = {
    "CREATE TABLE keys(id INTEGER PRIMARY KEY, route BLOB NOT NULL, mirror BLOB NOT NULL, live BLOB NOT NULL,"
    " shadow BLOB NOT NULL, UNIQUE(route, mirror, live, shadow));"
    "CREATE TABLE slots(id INTEGER PRIMARY KEY, key INTEGER NOT NULL REFERENCES keys(id), level INTEGER NOT NULL,"
    " begin_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, tally BLOB NOT NULL);"
    "CREATE INDEX slots_by_end ON slots(end_ns, begin_ns, key);"
    "CREATE INDEX slots_by_level ON slots(level, end_ns);"
    "CREATE INDEX slots_by_key ON slots(key, begin_ns, level);"
    "CREATE TABLE findings(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, first_seen_ns INTEGER NOT NULL);"
    "CREATE TABLE samples(id INTEGER PRIMARY KEY AUTOINCREMENT, finding INTEGER NOT NULL REFERENCES findings(id),"
    " is_first INTEGER NOT NULL, at_ns INTEGER NOT NULL, size INTEGER NOT NULL, sample BLOB NOT NULL);"
    "CREATE INDEX samples_by_finding ON samples(finding, is_first, id);"
    "CREATE INDEX samples_by_time ON samples(at_ns, size);",
};
const size_t schema_step_count = sizeof(schema_steps) / sizeof(schema_steps[0]);
_Static_assert(sizeof(schema_steps) / sizeof(schema_steps[0]) == STORE_SCHEMA, "a step for each version");

enum schema_result schema_look(sqlite3 *db, size_t count, int64_t *version, int *code)
{
    int64_t application = 0, tables = 0;
    *code = database_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (*code == SQLITE_OK)
        *code = database_number(db, "PRAGMA application_id", &application);
    if (*code == SQLITE_OK)
        *code = database_number(db, "PRAGMA user_version", version);
    if (*code != SQLITE_OK)
        return SCHEMA_FAILED;
    if (tables == 0 && application == 0 && *version == 0)
        return SCHEMA_OK;
    if (application != SCHEMA_APPLICATION || *version < 1)
        return SCHEMA_FOREIGN;
    return (uint64_t)*version > count ? SCHEMA_NEWER : SCHEMA_OK;
}

static int run_steps(sqlite3 *db, const char *const *steps, size_t from, size_t count)
{
    char marks[128];
    int code = SQLITE_OK;
    snprintf(marks, sizeof(marks), "PRAGMA application_id=%d; PRAGMA user_version=%zu", SCHEMA_APPLICATION, count);
    for (size_t i = from; i < count && code == SQLITE_OK; i++)
        code = database_run(db, steps[i]);
    if (code == SQLITE_OK)
        code = database_run(db, marks);
    return code == SQLITE_OK ? database_run(db, "COMMIT") : code;
}

enum schema_result schema_apply(sqlite3 *db, const char *const *steps, size_t count, int64_t *version, int *code)
{
    enum schema_result result = schema_look(db, count, version, code);
    if (result != SCHEMA_OK || (uint64_t)*version == count)
        return result;
    *code = database_run(db, "BEGIN IMMEDIATE");
    if (*code != SQLITE_OK)
        return SCHEMA_FAILED;
    result = schema_look(db, count, version, code); /* somebody may have been faster */
    if (result == SCHEMA_OK && (uint64_t)*version < count) {
        *code = run_steps(db, steps, (size_t)*version, count);
        result = *code == SQLITE_OK ? SCHEMA_OK : SCHEMA_FAILED;
        if (result == SCHEMA_OK) {
            *version = (int64_t)count;
            return SCHEMA_OK;
        }
    }
    database_try(db, "ROLLBACK");
    return result;
}
