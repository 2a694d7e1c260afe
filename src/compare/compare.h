/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two answers of the same request. Status first: when that differs, bodies are not compared. Then headers and trailers,
 * then bodies: equal hashes settle it; else they are decoded (gzip, deflate, br, zstd; several after one another), and compared as what
 * their Content-Type and first bytes say: JSON by structure, gRPC by messages and protobuf wire fields, text and all else by content.
 * An answer with content coding and one without are compared by what they decode to.
 * All work is bounded (struct compare_limits): what goes beyond is counted, and compared by content or not at all.
 * Fields are named `status`, `grpc-status`, `headers.NAME` (lower case), `trailers.NAME`, `body` where there is no structure, `body.$.a.b`
 * with `[*]` for elements of arrays, a name that is no identifier as `['odd name']` (RFC 9535 2.3.1), and for messages `body[*].3.1` (the n-th message's numbers of protobuf
 * fields).
 * Lifetime: a comparer is one thread's and is used again and again; differences are valid until its next use. */
#pragma once

#include "compare/answer.h"

struct compare_limits {
    size_t decoded_bytes;   /* of one body; absent coding counts too: 16 MiB */
    unsigned decoded_ratio; /* of decoded to coded bytes, from 1 MiB on: 1000 */
    unsigned depth;         /* of JSON and messages: 512 */
    size_t values;          /* of one JSON document or message: 2 million */
    unsigned differences;   /* that are named; the rest is counted: COMPARE_MOST */
};
extern const struct compare_limits compare_limits_default;

#define COMPARE_MOST 64
/* Of a value as it is shown. */
#define COMPARE_SHOWN 200

enum difference_kind {
    DIFFERENCE_VALUE,
    DIFFERENCE_TYPE,    /* "12" and 12; null and an object */
    DIFFERENCE_MISSING, /* live has it, the other has not */
    DIFFERENCE_EXTRA,   /* the other has it, live has not */
    DIFFERENCE_ORDER,   /* the same elements in another order */
    DIFFERENCE_LENGTH,  /* of arrays; live and other are the numbers of elements */
    DIFFERENCE_KIND_COUNT
};
const char *difference_kind_name(enum difference_kind kind);

struct difference {
    struct str field;
    enum difference_kind kind;
    struct str live,
        other; /* as people read them: JSON text of the value, at most COMPARE_SHOWN bytes, UTF-8; empty: absent */
    bool
        is_volatile; /* both look like ids, times, tokens or counters of the same form: what changes with every answer */
};

enum body_verdict {
    BODY_NOT_COMPARED, /* the status differs, or a side has none by definition (HEAD, 204, 304) */
    BODY_SAME,
    BODY_DIFFERENT,
    BODY_BLIND, /* cut, undecodable or beyond the limits, with different hashes; undecodable on one side only is BODY_DIFFERENT */
};

struct differences {
    const struct difference *list; /* each field once, in the order in which they were met */
    size_t count;
    size_t unnamed; /* beyond limits.differences */
    bool is_status_different;
    enum body_verdict body;
};

/* What is not compared, and how arrays are. Paths are JSON paths of the subset: `$`, `.name`, `['name']`, `[*]`, `[n]`, `.*`, and `..name`; a
 * path stands for all below it as well. */
enum array_kind { ARRAY_SET, ARRAY_KEYED };
struct compare_array {
    struct str path;
    enum array_kind kind;
    struct str key; /* ARRAY_KEYED: the member that tells elements apart */
};
struct compare_spec {
    const struct str *headers; /* only these; count 0: all but the noisy ones */
    size_t header_count;
    const struct str *ignored_headers;
    size_t ignored_header_count;
    const struct str *ignored_paths;
    size_t ignored_path_count;
    const struct compare_array *arrays;
    size_t array_count;
};
struct compare_rules;
/* Copies what it needs. */
struct compare_rules *compare_rules_new(const struct compare_spec *spec);
void compare_rules_free(struct compare_rules *rules);
/* Noisy headers that are never compared unless asked for; ends with an empty one. */
extern const struct str compare_noisy_headers[];

struct compare_counts {
    uint64_t bodies, same_by_hash, decoded_too_large, undecodable, too_deep, too_many_values, invalid;
};

struct comparer;
struct comparer *comparer_new(const struct compare_limits *limits);
void comparer_free(struct comparer *comparer);
void compare_answers(struct comparer *comparer, const struct compare_rules *rules, const struct answer *live,
                     const struct answer *other, struct differences *out);
const struct compare_counts *comparer_counts(const struct comparer *comparer);
