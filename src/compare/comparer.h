/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a comparer share; of this folder only. Lifetime and thread: the comparer's. */
#pragma once

#include "compare/compare.h"
#include "compare/decode.h"
#include "compare/json.h"
#include "compare/report.h"
#include "compare/scratch.h"

enum side { SIDE_LIVE, SIDE_OTHER, SIDE_COUNT };

struct compare_rules {
    struct arena arena;
    const struct str *headers, *ignored_headers; /* lower case not needed: compared without case */
    size_t header_count, ignored_header_count;
    struct path_set *paths; /* the ignored ones, then those of array_rules; NULL: none */
    size_t ignored_count;   /* of `paths` */
    struct compare_array *array_rules;
};

struct comparer {
    struct compare_limits limits;
    struct compare_counts counts;
    struct report report;
    struct scratch scratch;
    struct json json[SIDE_COUNT];
    struct decoder decoders[SIDE_COUNT];
    struct decoder message_decoders[SIDE_COUNT]; /* of what lies in the buffers of the others */
    uint64_t seed;                               /* of hashes, so that peers can't aim at a place in a table */
};

/* The field of this name, or NULL; only the first. */
const struct field *answer_find_field(const struct field *fields, uint16_t count, struct str name);

/* fields.c: headers and trailers. */
void compare_fields(struct comparer *comparer, const struct compare_rules *rules, const struct answer *live,
                    const struct answer *other);
/* json_compare.c: both tapes are read. */
void compare_json(struct comparer *comparer, const struct compare_rules *rules);
/* messages.c: BODY_NOT_COMPARED when a side is not made of frames. */
enum body_verdict compare_messages(struct comparer *comparer, const struct compare_rules *rules,
                                   const struct answer *live, const struct answer *other, struct str live_body,
                                   struct str other_body);
/* plain.c */
void compare_plain(struct comparer *comparer, struct str live, struct str other);
