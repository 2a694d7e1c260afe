/* SPDX-License-Identifier: Apache-2.0 */
/* The page of the record's format. Offsets and sizes are the compiler's, so that only the words can be wrong. */
#include "exchange/record.h"

#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct member {
    const char *name;
    size_t offset, size;
    const char *meaning;
};
#define MEMBER(type, member, meaning) \
    { \
#        member, offsetof(struct type, member), sizeof(((struct type *)NULL)->member), meaning \
    }

static const struct member part_members[] = {
    MEMBER(record_part, magic, "`55 52 65 63`: \"URec\""),
    MEMBER(record_part, size, "bytes of the whole part, this head included; a multiple of 8"),
    MEMBER(record_part, checksum, "XXH3-64 (seed 0) of all bytes behind this field"),
    MEMBER(record_part, version, "of this format"),
    MEMBER(record_part, leg, "which leg of the exchange, see below"),
    MEMBER(record_part, flags, "bits, see below"),
    MEMBER(record_part, number, "of the part in its leg, from 0"),
    MEMBER(record_part, id_hi, "the exchange: first half of the request id, the same in all its legs"),
    MEMBER(record_part, id_lo, "second half"),
    MEMBER(record_part, leg_id,
           "tells the legs of an exchange apart: 0 for live, else from 1 per copy; a control has that of its shadow"),
};

static const struct member section_members[] = {
    MEMBER(record_section, kind, "see below"),
    MEMBER(record_section, size, "bytes that follow, without the padding"),
};

static const struct member label_members[] = {
    MEMBER(record_label_sizes, route, "bytes of the route's label, as in the accounting"),
    MEMBER(record_label_sizes, mirror, "of the mirror's label; of live 0"),
    MEMBER(record_label_sizes, backend, "of the backend's label: who answered"),
    MEMBER(record_label_sizes, revision, "of that backend's revision"),
};

static const struct member head_members[] = {
    MEMBER(record_head, status, "of an answer, else 0"),
    MEMBER(record_head, field_count, "number of fields"),
    MEMBER(record_head, method_size, "bytes of a request's method, else 0"),
    MEMBER(record_head, is_cut,
           "1: the head did not fit into a part; fields at its end, and bytes of a huge target, are missing"),
    MEMBER(record_head, reserved, "0"),
    MEMBER(record_head, authority_size, "bytes of a request's authority, else 0"),
    MEMBER(record_head, target_size, "bytes of a request's target, else 0"),
};

static const struct member field_members[] = {
    MEMBER(record_field, name_size, "bytes of the name"),
    MEMBER(record_field, reserved, "0"),
    MEMBER(record_field, value_size, "bytes of the value"),
};

static const struct member end_members[] = {
    MEMBER(record_end, outcome, "how the leg ended, see below"),
    MEMBER(record_end, reason, "0 for a complete leg; else the place of the reason among those that metrics.md lists"),
    MEMBER(record_end, is_fresh, "1: the connection was made for this request"),
    MEMBER(record_end, grpc_status, "of a call: 0 to 16, 17 for any other; 18: there was none"),
    MEMBER(record_end, status, "of the answer; 0: no head came"),
    MEMBER(record_end, copies, "live: how many copies were made of it, controls included"),
    MEMBER(record_end, wall_ns, "Unix time of begin_ns"),
    MEMBER(record_end, begin_ns, "live: the request's head was there; a copy: it was made"),
    MEMBER(record_end, sent_ns,
           "first byte sent to the backend; what lies between is waiting for a connection. 0: never"),
    MEMBER(record_end, head_ns, "the answer's head came; 0: never"),
    MEMBER(record_end, end_ns, "last byte of the answer, or the failure"),
    MEMBER(record_end, request_bytes, "of the whole body; of a copy 0, since live's is the same"),
    MEMBER(record_end, request_hash, "XXH64 (seed 0) of the whole body"),
    MEMBER(record_end, answer_bytes, "of the whole body, also of what was not kept"),
    MEMBER(record_end, answer_hash, "XXH64 (seed 0) of the whole body"),
};

struct value {
    const char *name;
    unsigned value;
    const char *meaning;
};

static const struct value legs[] = {
    {"live", LEG_LIVE, "what the client asked, and what it was answered"},
    {"shadow", LEG_SHADOW, "a copy, and what the shadow answered"},
    {"control", LEG_CONTROL, "a copy for a second instance of the live version"},
};

static const struct value flags[] = {
    {"first", RECORD_FIRST, "part 0: it begins with the labels"},
    {"last", RECORD_LAST, "it ends with the end"},
};

static const struct value kinds[] = {
    {"labels", SECTION_LABELS, "every leg, first in part 0: sizes, then the four texts"},
    {"request", SECTION_REQUEST, "live, second in part 0: a head, as live got it"},
    {"request body", SECTION_REQUEST_BODY, "live: the first bytes; wherever they came, since answers may be early"},
    {"answer", SECTION_ANSWER, "a head, as the backend sent it"},
    {"answer body", SECTION_ANSWER_BODY,
     "the first bytes as they came (content-encoded), at most the policy's `bodyBytes`"},
    {"trailers", SECTION_TRAILERS, "of the answer: a head with fields only"},
    {"end", SECTION_END, "every leg, last in its last part"},
};

static const struct value outcomes[] = {
    {"complete", OUTCOME_COMPLETE, "the answer is whole"},
    {"failed", OUTCOME_FAILED, "by the backend's fault; of live: Umbra answered in its place, or broke the answer off"},
    {"aborted", OUTCOME_ABORTED, "by the client"},
    {"lost", OUTCOME_LOST, "by Umbra: the copy was given up, or dropped after it had passed the gates"},
};

static void add_members(struct strbuf *page, const char *title, const char *words, const struct member *members,
                        size_t count)
{
    strbuf_printf(page, "\n## %s\n\n%s\n\n| offset | bytes | field | meaning |\n|---|---|---|---|\n", title, words);
    for (size_t i = 0; i < count; i++)
        strbuf_printf(page, "| %zu | %zu | `%s` | %s |\n", members[i].offset, members[i].size, members[i].name,
                      members[i].meaning);
}

static void add_values(struct strbuf *page, const char *title, const struct value *values, size_t count)
{
    strbuf_printf(page, "\n%s\n\n| value | is | meaning |\n|---|---|---|\n", title);
    for (size_t i = 0; i < count; i++)
        strbuf_printf(page, "| %u | %s | %s |\n", values[i].value, values[i].name, values[i].meaning);
}

void record_reference(struct strbuf *page)
{
    strbuf_printf(
        page,
        "# Records\n\nMade by `./dev docs` from the tables in the code.\n\n"
        "A record is one leg of an exchange: what was asked and answered once, live, by a shadow or by a control. "
        "It consists of one or more parts of at most %u bytes; a leg without one of its parts is void. A part is a "
        "head and sections, each padded with zeros to a multiple of 8. Integers are little-endian; times are "
        "nanoseconds of one clock (CLOCK_MONOTONIC), so that those of all legs can be subtracted. This is "
        "version %u; a reader refuses any other.\n",
        RECORD_PART_MAX, RECORD_VERSION);
    add_members(page, "Part", "`struct record_part`, at the beginning of each.", part_members, COUNT(part_members));
    add_values(page, "Legs:", legs, COUNT(legs));
    add_values(page, "Flags:", flags, COUNT(flags));
    add_members(
        page, "Section",
        "`struct record_section`, then its bytes. A part has at most one section of each kind, and they come in "
        "this order, but for the request's body; a body that does not fit goes on in the next part.",
        section_members, COUNT(section_members));
    add_values(page, "Kinds:", kinds, COUNT(kinds));
    add_members(page, "Labels", "`struct record_label_sizes`, then the texts in this order, without padding between.",
                label_members, COUNT(label_members));
    add_members(
        page, "Heads",
        "`struct record_head` of request, answer and trailers; then method, authority and target, then the fields, "
        "without padding between.",
        head_members, COUNT(head_members));
    add_members(page, "Fields", "`struct record_field`, then name and value as they came.", field_members,
                COUNT(field_members));
    add_members(page, "End", "`struct record_end`.", end_members, COUNT(end_members));
    add_values(page, "Outcomes:", outcomes, COUNT(outcomes));
}
