/* SPDX-License-Identifier: Apache-2.0 */
/* What actors do and must see. The macros that note the play's line are for the plays. */
#include "sim.h"

#include "base/mem.h"
#include "sim_message.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

/* Of received bytes shown in a message. */
#define SHOWN 300

static const char *name(const struct actor *actor)
{
    return !actor->host ? "the client" : actor->host->is_shadow ? "the shadow" : "live";
}

/* ---- who ---- */

static struct actor *next_of(struct sim *sim, bool is_shadow)
{
    for (struct list *node = sim->actors.next; node != &sim->actors; node = node->next) {
        struct actor *actor = CONTAINER_OF(node, struct actor, node);
        if (actor->host && actor->host->is_shadow == is_shadow && !actor->is_seen && !actor->host->answer)
            return actor;
    }
    return NULL;
}

static struct actor *hand_out(struct sim *sim, bool is_shadow)
{
    struct actor *actor = next_of(sim, is_shadow);
    if (!actor)
        sim_fail("no new connection to %s", is_shadow ? "the shadow" : "live");
    actor->is_seen = true;
    return actor;
}

struct actor *(sim_live)(struct sim *sim)
{
    return hand_out(sim, false);
}

struct actor *(sim_shadow)(struct sim *sim)
{
    return hand_out(sim, true);
}

void(sim_expects_no_live)(struct sim *sim)
{
    if (next_of(sim, false))
        sim_fail("a connection to live that nobody expected");
}

void(sim_expects_no_shadow)(struct sim *sim)
{
    if (next_of(sim, true))
        sim_fail("a connection to the shadow that nobody expected");
}

/* ---- acts ---- */

/* What is sent to a gateway that has closed is lost. */
void(actor_sends_bytes)(struct actor *actor, struct str bytes)
{
    if (!actor->wire->is_closed)
        wire_send(actor->wire, bytes.ptr, bytes.len);
    (sim_rest)(actor->sim);
}

void(actor_sends)(struct actor *actor, const char *text)
{
    (actor_sends_bytes)(actor, str_from_c(text));
}

static char letter(size_t at)
{
    return (char)('a' + at % 26);
}

static char *body_new(size_t from, size_t count)
{
    char *body = mem_alloc_raw(count + 1);
    for (size_t i = 0; i < count; i++)
        body[i] = letter(from + i);
    return body;
}

void(actor_sends_body)(struct actor *actor, size_t from, size_t count)
{
    char *body = body_new(from, count);
    (actor_sends_bytes)(actor, (struct str){body, count});
    mem_free(body);
}

void actor_sends_in_pieces(struct actor *actor, size_t bytes)
{
    actor->wire->segment = bytes;
}

void actor_shuts(struct actor *actor)
{
    wire_end(actor->wire);
    (sim_rest)(actor->sim);
}

void actor_closes(struct actor *actor)
{
    wire_end(actor->wire);
    actor->wire->is_gone = true;
    actor->is_deaf = true;
    (sim_rest)(actor->sim);
}

void actor_resets(struct actor *actor)
{
    wire_reset(actor->wire);
    (sim_rest)(actor->sim);
}

void actor_stops_reading(struct actor *actor, size_t capacity)
{
    actor->is_deaf = true;
    actor->wire->capacity = capacity;
}

void actor_reads_again(struct actor *actor)
{
    actor->is_deaf = false;
    (sim_rest)(actor->sim);
}

void actor_reads_bytes(struct actor *actor, size_t bytes)
{
    struct str waiting = str_slice(flow_peek(&actor->wire->written), 0, bytes);
    if (waiting.len) {
        flow_add(&actor->got, waiting.ptr, waiting.len);
        actor->total += waiting.len;
        wire_receive(actor->wire, waiting.len);
    }
    (sim_rest)(actor->sim);
}

size_t actor_unread(const struct actor *actor)
{
    return flow_len(&actor->wire->sent) + flow_len(&actor->wire->arrived);
}

/* ---- expectations ---- */

static void expect_bytes(struct actor *actor, struct str want)
{
    struct str got = flow_peek(&actor->got);
    if (!str_starts_with(got, want)) {
        size_t at = 0;
        while (at < got.len && at < want.len && got.ptr[at] == want.ptr[at])
            at++;
        size_t from = at < 40 ? 0 : at - 40;
        struct str has = str_slice(got, from, from + SHOWN), wants = str_slice(want, from, from + SHOWN);
        sim_fail("%s differs at byte %zu of %zu expected: got %zu:\n\"%.*s\"\nnot \"%.*s\"", name(actor), at, want.len,
                 got.len, STR_ARG(has), STR_ARG(wants));
    }
    flow_take(&actor->got, want.len);
}

void(actor_expects)(struct actor *actor, const char *text)
{
    expect_bytes(actor, str_from_c(text));
}

void(actor_expects_body)(struct actor *actor, size_t from, size_t count)
{
    char *body = body_new(from, count);
    expect_bytes(actor, (struct str){body, count});
    mem_free(body);
}

/* The bytes of a flow stay where they are until something is added to it. */
struct str(actor_expects_head)(struct actor *actor, const char *first_line)
{
    struct str got = flow_peek(&actor->got), first = str_from_c(first_line);
    size_t len;
    if (!message_head_len(got, &len) || !str_starts_with(got, first) || got.len < first.len + 2 ||
        got.ptr[first.len] != '\r') {
        struct str shown = str_slice(got, 0, SHOWN);
        sim_fail("%s has no head \"%s\" but %zu bytes: \"%.*s\"", name(actor), first_line, got.len, STR_ARG(shown));
    }
    flow_take(&actor->got, len);
    return str_slice(got, 0, len);
}

static bool find_field(struct str head, const char *wanted, struct str *value)
{
    struct str line;
    (void)str_next(&head, '\n', &line);
    while (str_next(&head, '\n', &line)) {
        size_t colon = str_find_char(line, ':');
        if (colon == line.len || !str_eq_nocase(str_slice(line, 0, colon), str_from_c(wanted)))
            continue;
        *value = str_slice(line, colon + 1, line.len);
        while (value->len && value->ptr[value->len - 1] == '\r')
            value->len--;
        *value = str_trim(*value);
        return true;
    }
    return false;
}

void(head_expects_field)(struct str head, const char *field, const char *value)
{
    struct str got;
    if (!find_field(head, field, &got))
        sim_fail("no field %s in \"%.*s\"", field, STR_ARG(head));
    if (value && !str_eq(got, str_from_c(value)))
        sim_fail("%s is \"%.*s\", not \"%s\"", field, STR_ARG(got), value);
}

void(head_expects_no_field)(struct str head, const char *field)
{
    struct str got;
    if (find_field(head, field, &got))
        sim_fail("a field %s, \"%.*s\", that nobody expected", field, STR_ARG(got));
}

void(actor_expects_chunked)(struct actor *actor, const char *want)
{
    struct str got = flow_peek(&actor->got);
    char *data = mem_alloc_raw(got.len + 1);
    size_t len, used;
    if (!message_unchunk(got, data, &len, &used))
        sim_fail("%s has no whole chunked body but \"%.*s\"", name(actor), STR_ARG(str_slice(got, 0, SHOWN)));
    if (!str_eq((struct str){data, len}, str_from_c(want)))
        sim_fail("%s got the body \"%.*s\", not \"%s\"", name(actor), (int)len, data, want);
    mem_free(data);
    flow_take(&actor->got, used);
}

void(actor_expects_answer)(struct actor *actor, const char *first_line)
{
    struct str head = (actor_expects_head)(actor, first_line), value;
    uint64_t len = 0;
    if (find_field(head, "Content-Length", &value) && !str_to_u64(value, &len))
        sim_fail("%s got the Content-Length \"%.*s\"", name(actor), STR_ARG(value));
    if (flow_len(&actor->got) < len)
        sim_fail("%s got %zu bytes of a body of %llu", name(actor), flow_len(&actor->got), (unsigned long long)len);
    flow_take(&actor->got, len);
}

void(actor_expects_nothing)(struct actor *actor)
{
    struct str got = str_slice(flow_peek(&actor->got), 0, SHOWN);
    if (got.len)
        sim_fail("%s got what nobody expected: \"%.*s\"", name(actor), STR_ARG(got));
}

void(actor_expects_open)(struct actor *actor)
{
    (actor_expects_nothing)(actor);
    if (actor->wire->is_closed || actor->wire->is_shut)
        sim_fail("%s sees its connection ended", name(actor));
}

void(actor_expects_end)(struct actor *actor)
{
    (actor_expects_nothing)(actor);
    if (actor->wire->is_closed_hard && !actor->wire->is_shut)
        sim_fail("%s sees its connection reset, not ended", name(actor));
    if (!actor->wire->is_closed && !actor->wire->is_shut)
        sim_fail("%s sees its connection open", name(actor));
}

void(actor_expects_reset)(struct actor *actor)
{
    (actor_expects_nothing)(actor);
    if (!actor->wire->is_closed_hard)
        sim_fail("%s sees its connection %s, not reset", name(actor),
                 actor->wire->is_closed || actor->wire->is_shut ? "ended" : "open");
}

void(actor_expects_gone)(struct actor *actor)
{
    if (!actor->wire->is_closed && !actor->wire->is_shut)
        sim_fail("%s sees its connection open", name(actor));
}

/* ---- whole exchanges ---- */

static void answer_all(struct sim *sim)
{
    for (struct list *node = sim->actors.next; node != &sim->actors; node = node->next) {
        struct actor *actor = CONTAINER_OF(node, struct actor, node);
        if (!actor->host || actor->host->answer || !flow_len(&actor->got))
            continue;
        (void)(actor_expects_head)(actor, "GET /warm HTTP/1.1");
        (actor_sends)(actor, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwarm");
    }
}

void(sim_warms_up)(struct sim *sim, struct actor *client)
{
    (actor_sends)(client, "GET /warm HTTP/1.1\r\nHost: a\r\n\r\n");
    answer_all(sim);
    (actor_expects_answer)(client, "HTTP/1.1 200 OK");
    (actor_expects_nothing)(client);
}
