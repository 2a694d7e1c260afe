/* SPDX-License-Identifier: Apache-2.0 */
/* The record: one leg of an exchange (live, shadow or control) in a flat, versioned, checksummed form. The same bytes lie in the ring, and
 * later in journal files and streams. A leg is one or more parts with numbers from 0; each is a record of its own in the ring, at
 * most RECORD_PART_MAX bytes. A leg without one of its parts is void. A part is struct record_part, then sections: struct record_section and
 * its bytes, padded to 8. All integers are little-endian, all times CLOCK_MONOTONIC nanoseconds of the turn in which it happened, so that
 * legs of one exchange can be subtracted.
 * The first part begins with SECTION_LABELS and, of live, SECTION_REQUEST; the last one ends with SECTION_END. Between them the answer's
 * sections come in the order of the enum, and the request's body wherever it came, since answers may be early. A part has at most one
 * section of each kind; a body that does not fit goes on in a section of the next part. docs/reference/records.md is made from the tables
 * in record_reference.c. Lifetime: borrowed bytes. Thread: any; pure functions. */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"
#include "exchange/marker.h"
#include "http/field.h"

#define RECORD_MAGIC 0x63655255u /* "URec" read as bytes */
#define RECORD_VERSION 1
#define RECORD_PART_MAX (64u * 1024)

enum record_leg { LEG_LIVE, LEG_SHADOW, LEG_CONTROL, LEG_COUNT };

enum record_flags { RECORD_FIRST = 1, RECORD_LAST = 2 };

struct record_part {
    uint32_t magic;
    uint32_t size;     /* of the whole part */
    uint64_t checksum; /* XXH3-64 of what follows this field */
    uint16_t version;
    uint8_t leg;     /* enum record_leg */
    uint8_t flags;   /* enum record_flags */
    uint32_t number; /* of the part in its leg */
    uint64_t id_hi, id_lo;
    uint64_t
        leg_id; /* tells legs of one exchange apart: 0 for live, else from 1 per copy; a control has that of its shadow */
};

enum record_section_kind {
    SECTION_LABELS = 1, /* struct record_labels; every leg, first */
    SECTION_REQUEST,    /* request line and fields; live */
    SECTION_REQUEST_BODY,
    SECTION_ANSWER,      /* status and fields, as the backend sent them */
    SECTION_ANSWER_BODY, /* the first bytes, as they came (content-encoded); at most the mirror's bodyBytes */
    SECTION_TRAILERS,
    SECTION_END, /* struct record_end; every leg, last */
    SECTION_KIND_COUNT
};
struct record_section {
    uint32_t kind;
    uint32_t size; /* of its bytes, without the padding */
};

/* What sections begin with. SECTION_LABELS: these, then the four texts. */
struct record_label_sizes {
    uint16_t route, mirror, backend, revision;
};
/* SECTION_REQUEST, SECTION_ANSWER, SECTION_TRAILERS: this, then method, authority and target (of a request), then the fields, each of
 * them struct record_field, its name and its value, one after the other without padding. */
struct record_head {
    uint16_t status; /* of an answer */
    uint16_t field_count;
    uint16_t method_size;
    uint8_t
        is_cut; /* the head was too large for a part: fields at its end (and, of a huge target, bytes) are missing */
    uint8_t reserved;
    uint32_t authority_size, target_size;
};
struct record_field {
    uint16_t name_size;
    uint16_t reserved;
    uint32_t value_size;
};

/* How a leg ended. */
enum record_outcome {
    OUTCOME_COMPLETE, /* the answer is whole */
    OUTCOME_FAILED,   /* by the backend's fault, `reason`; live: Umbra answered in its place, or broke the answer off */
    OUTCOME_ABORTED,  /* by the client */
    OUTCOME_LOST,     /* by Umbra: the copy was given up (lag) or dropped after it had passed the gates */
    OUTCOME_COUNT
};

struct record_end {
    uint8_t outcome;     /* enum record_outcome */
    uint8_t reason;      /* enum failed or enum dropped (registry/registry.h); 0 for OUTCOME_COMPLETE */
    uint8_t is_fresh;    /* the connection was made for this request */
    uint8_t grpc_status; /* enum grpc_status; GRPC_NONE when it is no call */
    uint16_t status;     /* 0: no head came */
    uint16_t copies;     /* live: how many copies were made of it, controls included */
    uint64_t wall_ns;    /* CLOCK_REALTIME of begin_ns */
    uint64_t begin_ns;   /* live: the request's head was there; copy: it was made */
    uint64_t sent_ns;    /* first byte sent to the backend; what lies between is waiting for a connection. 0: never */
    uint64_t head_ns;    /* the answer's head came; 0: never */
    uint64_t end_ns;     /* last byte of the answer, or the failure */
    uint64_t request_bytes; /* of the whole body */
    uint64_t request_hash;  /* XXH64 of the whole body; 0 bytes have the hash of nothing */
    uint64_t answer_bytes;
    uint64_t answer_hash;
};

/* ---- writing: `out` holds one part and nothing else; the caller keeps parts below RECORD_PART_MAX (each function says what it adds) ---- */

#define RECORD_LABEL_MAX 1024 /* bytes of each label; longer ones are cut */
#define RECORD_MAX_FIELDS 256 /* of a head; more than any codec lets pass */

struct record_labels {
    struct str route, mirror; /* as in the accounting; live: mirror is empty */
    struct str backend;       /* who answered */
    struct str revision;      /* of that backend (plan_backend.revision) */
};
/* Empties `out`. */
void record_begin_part(struct strbuf *out, enum record_leg leg, struct request_id id, uint64_t leg_id, uint32_t number);
void record_add_labels(struct strbuf *out, const struct record_labels *labels);
/* Heads, so that the part stays within RECORD_PART_MAX: what does not fit is left out, and is_cut says so. */
void record_add_request(struct strbuf *out, struct str method, struct str authority, struct str target,
                        const struct field *fields, uint16_t count);
void record_add_answer(struct strbuf *out, uint16_t status, const struct field *fields, uint16_t count);
void record_add_trailers(struct strbuf *out, const struct field *fields, uint16_t count);
/* Of any kind of head, within `most` bytes of the part. */
struct record_lines {
    struct str method, authority, target;
    uint16_t status;
    uint16_t count;
    const struct field *fields;
};
size_t record_head_size(const struct record_lines *lines); /* what it adds, when nothing is cut */
void record_add_head(struct strbuf *out, enum record_section_kind kind, const struct record_lines *lines, size_t most);
void record_add_body(struct strbuf *out, enum record_section_kind kind, struct str bytes);
/* More bytes for the body that is the last section of `out`, at this offset. */
void record_grow_body(struct strbuf *out, size_t section, struct str bytes);
void record_add_end(struct strbuf *out, const struct record_end *end);
/* Size, flags and checksum; the part is then ready for the ring. */
void record_end_part(struct strbuf *out, bool is_first, bool is_last);
/* What a section of so many bytes takes. */
static inline size_t record_section_size(size_t bytes)
{
    return sizeof(struct record_section) + ((bytes + 7) & ~(size_t)7);
}

/* ---- reading: hostile bytes ---- */

struct record_message {
    bool is_there;
    bool is_cut;                          /* see struct record_head: what is missing says nothing */
    struct str method, authority, target; /* of a request */
    uint16_t status;                      /* of an answer */
    uint16_t field_count;
    const char *fields; /* encoded: record_next_field */
    size_t fields_size;
};
struct record_view {
    struct record_part part; /* a copy */
    bool has_labels, has_end;
    struct record_labels labels;
    struct record_message request, answer, trailers;
    struct record_end end;
    struct str request_body, answer_body; /* of this part */
};
/* Checks all of it, and gives views into `bytes`, which must not change any more (a record in the ring can: copy it before). What can't
 * be checked in one part, and is the reader's matter: that a leg's parts go on from 0, that its heads come once. */
bool record_read(struct str bytes, struct record_view *view, struct err *err) __attribute__((warn_unused_result));
/* `at` is a cursor from 0; names are as they came, with their id. */
bool record_next_field(const struct record_message *message, size_t *at, struct field *field);

/* docs/reference/records.md */
void record_reference(struct strbuf *page);
