/* SPDX-License-Identifier: Apache-2.0 */
#include "mux_play.h"

#include "base/mem.h"
#include "plan/layout.h"

/* ---- frames as actors see them ---- */

bool mux_frame_at(struct str bytes, size_t begin, struct mux_frame *frame)
{
    struct str rest = str_slice(bytes, begin, bytes.len);
    struct str line = str_slice(rest, 0, str_find_char(rest, '\n')), cursor = line, id, len;
    uint64_t number, size;
    if (line.len == rest.len || !str_next(&cursor, ' ', &id) || !str_next(&cursor, ' ', &frame->kind) ||
        !str_next(&cursor, ' ', &len) || !str_to_u64(id, &number) || !str_to_u64(len, &size))
        return false;
    frame->id = (unsigned)number;
    frame->payload = str_slice(rest, line.len + 1, line.len + 1 + size);
    frame->begin = begin;
    frame->end = begin + line.len + 1 + size;
    return frame->end <= bytes.len;
}

/* Takes the frame out of what the actor got; its bytes move to the test's memory. */
static struct str take_frame(struct actor *actor, const struct mux_frame *frame)
{
    static struct strbuf taken;
    struct str got = flow_peek(&actor->got);
    struct strbuf rest = STRBUF_INIT;
    strbuf_clear(&taken);
    strbuf_add(&taken, frame->payload);
    strbuf_add(&rest, str_slice(got, 0, frame->begin));
    strbuf_add(&rest, str_slice(got, frame->end, got.len));
    flow_take(&actor->got, got.len);
    flow_add(&actor->got, rest.ptr, rest.len);
    strbuf_deinit(&rest);
    return strbuf_str(&taken);
}

static bool find_frame(struct actor *actor, unsigned id, bool is_credit, struct mux_frame *frame)
{
    struct str got = flow_peek(&actor->got);
    for (size_t at = 0; mux_frame_at(got, at, frame); at = frame->end) {
        if (frame->id == id && str_eq(frame->kind, STR("CREDIT")) == is_credit)
            return true;
    }
    return false;
}

void(mux_sends)(struct actor *actor, unsigned id, const char *kind, const char *payload)
{
    char line[64];
    snprintf(line, sizeof line, "%u %s %zu\n", id, kind, strlen(payload));
    wire_send(actor->wire, line, strlen(line));
    (actor_sends)(actor, payload);
}

void mux_sends_data(struct actor *actor, unsigned id, size_t from, size_t count)
{
    char line[64];
    snprintf(line, sizeof line, "%u DATA %zu\n", id, count);
    wire_send(actor->wire, line, strlen(line));
    (actor_sends_body)(actor, from, count);
}

/* The next frame of the stream besides CREDIT. */
struct str(mux_expects)(struct actor *actor, unsigned id, const char *kind, const char *payload)
{
    struct mux_frame frame;
    if (!find_frame(actor, id, false, &frame))
        sim_fail("no frame of stream %u; there is \"%.*s\"", id, STR_ARG(str_slice(flow_peek(&actor->got), 0, 500)));
    if (!str_eq(frame.kind, str_from_c(kind)))
        sim_fail("stream %u has %.*s \"%.*s\", not %s", id, STR_ARG(frame.kind), STR_ARG(frame.payload), kind);
    struct str got = take_frame(actor, &frame);
    if (payload && !str_starts_with(got, str_from_c(payload)))
        sim_fail("stream %u: %s is \"%.*s\", not \"%s\"", id, kind, STR_ARG(got), payload);
    return got;
}

/* DATA frames of the stream, together this body. */
void(mux_expects_body)(struct actor *actor, unsigned id, size_t from, size_t count)
{
    for (size_t at = 0; at < count;) {
        struct str data = (mux_expects)(actor, id, "DATA", NULL);
        for (size_t i = 0; i < data.len; i++) {
            if (data.ptr[i] != (char)('a' + (from + at + i) % 26))
                sim_fail("stream %u: byte %zu of the body differs", id, at + i);
        }
        at += data.len;
        if (at > count)
            sim_fail("stream %u has %zu bytes, not %zu", id, at, count);
    }
}

void(mux_expects_nothing)(struct actor *actor, unsigned id)
{
    struct mux_frame frame;
    if (find_frame(actor, id, false, &frame))
        sim_fail("stream %u has %.*s that nobody expected", id, STR_ARG(frame.kind));
}

/* What the gateway gave the actor to send in this stream so far; taken. */
uint64_t mux_credit(struct actor *actor, unsigned id)
{
    struct mux_frame frame;
    uint64_t total = 0, credit;
    while (find_frame(actor, id, true, &frame)) {
        if (str_to_u64(take_frame(actor, &frame), &credit))
            total += credit;
    }
    return total;
}

/* ---- a play's beginning ---- */

struct sim *mux_open(const struct sim_rules *rules, struct actor **client)
{
    struct sim_rules all = *rules;
    all.live_protocol = PROTOCOL_HTTP2;
    for (unsigned i = 0; i < SIM_MIRRORS; i++)
        all.mirror[i].protocol = PROTOCOL_HTTP2;
    struct sim *sim = sim_open(&all);
    sim->accept = fake_mux_accept;
    *client = sim_client(sim);
    return sim;
}

void mux_asks(struct actor *client, unsigned id)
{
    mux_sends(client, id, "LAST", GET);
    mux_sends(client, id, "CREDIT", "1000");
}

/* The far end's stream numbers are its connection's own. */
void mux_answers(struct actor *live, unsigned id, const char *body)
{
    mux_expects(live, id, "HEAD", "GET / HTTP/1.1\r\n");
    mux_expects(live, id, "END", "");
    mux_sends(live, id, "HEAD", HEAD_OK);
    mux_sends(live, id, "DATA", body);
    mux_sends(live, id, "END", "");
}

void mux_expects_answer(struct actor *client, unsigned id, const char *body)
{
    mux_expects(client, id, "HEAD", "HTTP/1.1 200 OK\r\n");
    mux_expects(client, id, "DATA", body);
    mux_expects(client, id, "END", "");
    mux_expects_nothing(client, id);
}
