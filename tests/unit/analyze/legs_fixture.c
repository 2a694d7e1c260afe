/* SPDX-License-Identifier: Apache-2.0 */
#include "legs_fixture.h"

#include "http/grpc.h"

#include <xxhash.h>

#define SOME_TIME_NS 1790000000000000000ull

static struct str or (const char *text, const char *otherwise)
{
    return str_from_c(text ? text : otherwise);
}

static uint16_t header_of(const char *text, struct field *field)
{
    struct str line = str_from_c(text);
    size_t colon = str_find_char(line, ':');
    if (!text)
        return 0;
    field->name = str_slice(line, 0, colon);
    field->value = str_trim(str_slice(line, colon + 1, line.len));
    field->id = field_id_from_name(field->name);
    return 1;
}

static void add_heads(const struct leg_text *text, struct strbuf *out)
{
    struct field fields[2] = {{STR("content-type"), or (text->content_type, "application/json"), FIELD_OTHER}};
    bool is_copy = text->leg != LEG_LIVE;
    record_add_labels(out, &(struct record_labels){ or (text->route, "r"), is_copy ? or (text->mirror, "m") : STR_NONE,
                                                    or (text->backend, "b"), or (text->revision, "1")});
    if (!is_copy) {
        struct field request;
        uint16_t count = header_of(text->request_header, &request);
        record_add_request(out, or (text->method, "GET"), STR("shop.test"), or (text->target, "/"), &request, count);
        if (text->request_body)
            record_add_body(out, SECTION_REQUEST_BODY, str_from_c(text->request_body));
    }
    if (text->outcome == OUTCOME_COMPLETE) {
        uint16_t count = (uint16_t)(1 + header_of(text->header, &fields[1]));
        record_add_answer(out, text->status ? text->status : 200, fields, count);
    }
}

static void add_end(const struct leg_text *text, struct str body, struct strbuf *out)
{
    struct str request_body = str_from_c(text->request_body);
    uint64_t ms = (uint64_t)((text->ms > 0 ? text->ms : 10) * 1000000);
    struct record_end end = {.outcome = (uint8_t)text->outcome,
                             .reason = text->reason,
                             .is_fresh = text->is_fresh,
                             .grpc_status = text->grpc_status ? text->grpc_status : GRPC_NONE,
                             .copies = text->copies,
                             .wall_ns = text->wall_ns ? text->wall_ns : SOME_TIME_NS,
                             .begin_ns = 1000,
                             .sent_ns = 2000,
                             .head_ns = 2000 + ms / 2,
                             .end_ns = 2000 + ms,
                             .request_bytes = request_body.len,
                             .request_hash = XXH64(request_body.ptr, request_body.len, 0),
                             .answer_bytes = body.len,
                             .answer_hash = XXH64(body.ptr, body.len, 0)};
    if (text->outcome == OUTCOME_COMPLETE)
        end.status = text->status ? text->status : 200;
    record_add_end(out, &end);
}

void leg_text_write(const struct leg_text *text, unsigned part, struct strbuf *out)
{
    struct str body = str_from_c(text->body);
    size_t piece = body.len / (text->body_parts + 1);
    bool is_last = part == text->body_parts;
    record_begin_part(out, text->leg, (struct request_id){7, text->id}, text->leg_id, part);
    if (part == 0)
        add_heads(text, out);
    struct str here = str_slice(body, part * piece, is_last ? body.len : (part + 1) * piece);
    if (here.len > 0 && text->outcome == OUTCOME_COMPLETE)
        record_add_body(out, SECTION_ANSWER_BODY, here);
    if (is_last)
        add_end(text, body, out);
    record_end_part(out, part == 0, is_last);
}
