/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one flat JSON object (RFC 8259) into a table of expected members: what API calls carry, in both directions.
 * Strict: a member that the table does not name, a second one of the same name, another type or anything after the object is an
 * error that says so. Lifetime: the table's strbufs are the caller's. Thread: any. */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"

enum flat_kind { FLAT_TEXT, FLAT_BOOL, FLAT_COUNT };

struct flat_member {
    const char *name;
    enum flat_kind kind;
    bool is_set; /* the object has it; null counts as absent */
    bool is_true;
    uint64_t count;
    struct strbuf text; /* UTF-8 */
};

bool flat_json_parse(struct str json, struct flat_member *members, size_t member_count, struct err *err)
    __attribute__((warn_unused_result));
/* Frees the texts. */
void flat_json_deinit(struct flat_member *members, size_t member_count);
