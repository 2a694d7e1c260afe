/* SPDX-License-Identifier: Apache-2.0 */
/* A marker and a request head from a stranger, as a gateway meets them. No value passes for a marker without the key, and what live gets
 * never says that it is a copy unless it is one. The first byte says whether the peer is trusted, whether the head's %M becomes a valid
 * marker, and how old that is. */
#include "base/arena.h"
#include "base/assert.h"
#include "base/strbuf.h"
#include "http/http1_format.h"
#include "http/http1_parse.h"
#include "proxy/edit.h"

#include <stdio.h>

#define NOW 1767312000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const unsigned char key[MARKER_KEY_BYTES] = "the gateway's ow";
static const unsigned char other_key[MARKER_KEY_BYTES] = "somebody else's.";

static struct {
    struct plan plan;
    struct cidr trusted;
} rules = {.trusted = {.family = ADDRESS_IPV4, .bits = 8, .ip = {10}}};

/* Puts a marker in place of each %M, so that the fuzzer need not guess a signature. */
static struct str fill_in(struct strbuf *out, struct str bytes, bool is_ours, uint64_t at_s)
{
    char marker[MARKER_MAX];
    size_t n = marker_format(marker, STR("m"), (struct request_id){1, 2}, at_s, is_ours ? key : other_key);
    for (size_t i = 0; i < bytes.len; i++) {
        if (i + 1 < bytes.len && bytes.ptr[i] == '%' && bytes.ptr[i + 1] == 'M' && out->len < HEAD_MAX_BYTES) {
            strbuf_add(out, (struct str){marker, n});
            i++;
        } else {
            strbuf_add_char(out, bytes.ptr[i]);
        }
    }
    return strbuf_str(out);
}

static bool has_shadow_member(const struct head *head)
{
    for (uint16_t i = 0; i < head->field_count; i++) {
        struct str rest = head->fields[i].value, member;
        while (head->fields[i].id == FIELD_BAGGAGE && str_next(&rest, ',', &member)) {
            if (str_eq(str_trim(str_slice(member, 0, str_find_char(member, '='))), STR("umbra.shadow")))
                return true;
        }
    }
    return false;
}

/* Written and read again it must be one request, the same one. */
static void check_is_sound(const struct head *head, struct arena *arena)
{
    struct field fields[HEAD_MAX_FIELDS + EDIT_SPARE];
    struct head again = {.fields = fields};
    enum refusal refusal;
    struct http1_framing framing = {.is_chunked = head->body == BODY_STREAM, .has_length = head->body == BODY_LENGTH};
    char *out = arena_alloc(arena, http1_head_bound(head));
    size_t len = http1_format_request(out, head, &framing);
    ASSERT(len <= http1_head_bound(head));
    if (head->field_count + 1 > HEAD_MAX_FIELDS || len > HEAD_MAX_BYTES)
        return;
    enum parse parsed = http1_parse_request((struct str){out, len}, &again, &refusal);
    ASSERT(parsed == PARSE_DONE);
    ASSERT(again.body == head->body && again.content_length == head->content_length);
    ASSERT(str_eq(again.authority, head->authority));
}

static void check_edited(const struct head *head, const struct edit_result *result, bool can_be_ours)
{
    ASSERT(!result->is_copy || can_be_ours);
    ASSERT(result->is_copy || (!head_find(head, FIELD_X_UMBRA_SHADOW) && !has_shadow_member(head)));
    ASSERT(head_find(head, FIELD_HOST) && head_find(head, FIELD_X_FORWARDED_FOR));
    ASSERT(head_find(head, FIELD_X_FORWARDED_HOST) && head_find(head, FIELD_X_FORWARDED_PROTO));
    for (uint16_t i = 0; i < head->field_count; i++)
        ASSERT(!field_is_hop_by_hop(head->fields[i].id));
}

static void check_head(struct str bytes, bool is_trusted, bool can_be_ours)
{
    struct field fields[HEAD_MAX_FIELDS];
    struct head parsed = {.fields = fields}, head;
    struct arena arena;
    struct edit_result result;
    enum refusal refusal;
    size_t scanned = 0, len;
    struct peer peer = {.remote = {.family = ADDRESS_IPV4, .port = 1, .ip = {is_trusted ? 10 : 192, 0, 2, 1}},
                        .local = {.family = ADDRESS_IPV4, .port = 80, .ip = {192, 0, 2, 80}}};
    if (http1_find_head_end(bytes, &scanned, &len, &refusal) != PARSE_DONE ||
        http1_parse_request(str_slice(bytes, 0, len), &parsed, &refusal) != PARSE_DONE)
        return;
    arena_init(&arena, NULL, 0);
    head_copy(&head, &parsed, &arena, EDIT_SPARE);
    edit_request(&head, &arena, &(struct edit_context){&rules.plan, &peer, key, NOW, NULL, 0, NULL}, &result);
    check_edited(&head, &result, can_be_ours);
    check_is_sound(&head, &arena);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    struct str bytes = {(const char *)data + 1, len - 1};
    struct strbuf filled = STRBUF_INIT;
    bool is_trusted = data[0] & 1, is_ours = data[0] & 2, is_old = data[0] & 4;
    rules.plan.trusted_proxies = (struct plan_array){offsetof(__typeof__(rules), trusted), 1};
    ASSERT(!marker_verify(bytes, NOW, key)); /* without %M nobody can have signed it */
    struct str request = fill_in(&filled, bytes, is_ours, is_old ? NOW - MARKER_MAX_AGE_S - 1 : NOW);
    check_head(request, is_trusted, is_ours && !is_old);
    strbuf_deinit(&filled);
    return 0;
}
