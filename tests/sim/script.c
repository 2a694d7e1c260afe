/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

uint64_t script_hash(uint64_t seed, uint64_t what)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15ull + what * 0xbf58476d1ce4e5b9ull + 1;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

struct draw {
    uint64_t seed, count;
};

static uint64_t below(struct draw *draw, uint64_t limit)
{
    return script_hash(draw->seed, ++draw->count) % limit;
}

static bool one_in(struct draw *draw, unsigned times)
{
    return below(draw, times) == 0;
}

/* Small mostly, sometimes large. */
static size_t some_bytes(struct draw *draw)
{
    static const unsigned most[] = {10, 300, 5000, 40000, 90000};
    return below(draw, most[below(draw, 5)]);
}

static void add_letters(struct strbuf *out, size_t from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        strbuf_add_char(out, (char)('a' + (from + i) % 26));
}

static void add_chunked(struct strbuf *out, size_t bytes, size_t chunk, const char *trailers)
{
    for (size_t at = 0; at < bytes;) {
        size_t len = bytes - at < chunk ? bytes - at : chunk;
        strbuf_printf(out, "%zx\r\n", len);
        add_letters(out, at, len);
        strbuf_add(out, STR("\r\n"));
        at += len;
    }
    strbuf_printf(out, "0\r\n%s\r\n", trailers);
}

static void add_request(struct draw *draw, struct strbuf *out, unsigned number)
{
    static const char *const methods[] = {"GET", "GET", "GET", "PUT", "PUT", "POST", "DELETE", "HEAD"};
    const char *method = methods[below(draw, 8)];
    bool has_body = method[0] == 'P';
    size_t body = has_body ? some_bytes(draw) : 0;
    strbuf_printf(out, "%s /%u HTTP/1.1\r\nHost: a\r\n", method, number);
    if (one_in(draw, 20))
        strbuf_add(out, STR("Connection: close\r\n"));
    if (!has_body) {
        strbuf_add(out, STR("\r\n"));
    } else if (one_in(draw, 2)) {
        strbuf_printf(out, "%sContent-Length: %zu\r\n\r\n", one_in(draw, 10) ? "Expect: 100-continue\r\n" : "", body);
        add_letters(out, 0, body);
    } else {
        strbuf_add(out, STR("Transfer-Encoding: chunked\r\n\r\n"));
        add_chunked(out, body, 1 + some_bytes(draw), one_in(draw, 3) ? "Sum: 1\r\n" : "");
    }
}

static void make_client(struct draw *draw, struct script_client *client, unsigned *number)
{
    unsigned requests = 1 + (unsigned)below(draw, SCRIPT_REQUESTS);
    for (unsigned i = 0; i < requests; i++)
        add_request(draw, &client->bytes, (*number)++);
    if (one_in(draw, 15))
        strbuf_add(&client->bytes, STR("G\x01RBAGE\r\n\r\n"));
    client->burst = one_in(draw, 3) ? SIZE_MAX : 1 + some_bytes(draw);
    client->segment = 1 + below(draw, one_in(draw, 4) ? 50 : 8000);
    if (client->bytes.len / client->segment > 2000)
        client->segment = client->bytes.len / 2000 + 1;
    client->write_max = one_in(draw, 3) ? 1 + below(draw, 3000) : 0;
    if (one_in(draw, 3)) {
        client->fault = (enum script_fault)(FAULT_CLOSE + below(draw, 3));
        client->fault_at = below(draw, client->bytes.len + 1);
    }
    client->begin = (unsigned)below(draw, 4);
    client->capacity = 128 * 1024;
    if (one_in(draw, 4)) {
        client->deaf_from = (unsigned)below(draw, SCRIPT_STEPS);
        client->deaf_until = client->deaf_from + (unsigned)below(draw, SCRIPT_STEPS);
        client->capacity = 1 + below(draw, 20000);
    }
}

static void make_answer(struct draw *draw, struct script_answer *answer)
{
    static const unsigned statuses[] = {200, 200, 200, 200, 201, 204, 304, 404, 413, 500, 503};
    answer->status = statuses[below(draw, sizeof statuses / sizeof *statuses)];
    answer->body = some_bytes(draw);
    answer->framing = below(draw, 3);
    if (answer->framing == BODY_BY_CLOSE && !one_in(draw, 4))
        answer->framing = BODY_BY_LENGTH;
    answer->delay_steps = one_in(draw, 2) ? 0 : (unsigned)below(draw, 6);
    answer->is_early = one_in(draw, 6);
    answer->has_informational = one_in(draw, 8);
    answer->has_trailers = one_in(draw, 3);
    answer->is_last = one_in(draw, 8);
    if (one_in(draw, 6)) {
        answer->fault = (enum script_fault)(FAULT_CLOSE + below(draw, FAULT_COUNT - 1));
        answer->fault_at = one_in(draw, 2) ? below(draw, 60) : below(draw, answer->body + 60);
    }
}

static void make_mirror(struct draw *draw, struct sim_mirror *mirror)
{
    mirror->endpoints = one_in(draw, 12) ? SIM_NONE : 1 + (unsigned)below(draw, 2);
    if (one_in(draw, 4)) {
        mirror->denominator = 4;
        mirror->numerator = (uint32_t)below(draw, 5);
    }
    mirror->max_in_flight = one_in(draw, 4) ? 1 + (uint32_t)below(draw, 4) : 0;
    mirror->max_connections = one_in(draw, 3) ? 1 + (uint32_t)below(draw, 3) : 0;
    mirror->window_bytes = one_in(draw, 3) ? below(draw, 100000) : 0;
    mirror->timeout_ms = one_in(draw, 3) ? 100 + (uint32_t)below(draw, 20000) : 0;
    mirror->connect_timeout_ms = one_in(draw, 3) ? 1 + (uint32_t)below(draw, 2000) : 0;
    mirror->rate_per_second = one_in(draw, 8) ? 1 + below(draw, 20) : 0;
    mirror->is_compared = !one_in(draw, 3);
    mirror->body_bytes = one_in(draw, 2) ? 1 + below(draw, 3000) : 0;
}

static void make_rules(struct draw *draw, const struct script *script, struct sim_rules *rules)
{
    rules->live_endpoints = script->live_endpoints;
    rules->request_timeout_ms = script->request_timeout_ms;
    rules->backend_timeout_ms = script->backend_timeout_ms;
    rules->retry_attempts = script->retry_attempts;
    rules->retry_codes[0] = 503;
    rules->retry_codes[1] = 404;
    rules->mirrors = 1 + (unsigned)below(draw, 3);
    rules->first_mirror = (unsigned)below(draw, 2);
    rules->ring_bytes = one_in(draw, 4) ? 0 : (size_t)65536 << below(draw, 6);
    for (unsigned i = 0; i < rules->mirrors; i++) {
        make_mirror(draw, &rules->mirror[i]);
        rules->mirror[i].is_control = i > 0 && !rules->mirror[i - 1].is_control && one_in(draw, 3);
    }
}

static void make_live(struct draw *draw, struct script *script)
{
    script->live_endpoints = one_in(draw, 3) ? 1 + (unsigned)below(draw, SIM_ENDPOINTS) : 1;
    for (unsigned i = 0; i < SIM_ENDPOINTS; i++)
        script->is_live_failing[i] = one_in(draw, 12);
    script->live_latency_ms = one_in(draw, 3) ? (unsigned)below(draw, 2000) : 0;
    script->live_segment = 1 + below(draw, one_in(draw, 4) ? 100 : 8000);
    script->live_write_max = one_in(draw, 3) ? 1 + below(draw, 3000) : 0;
    script->live_capacity = one_in(draw, 3) ? 1000 + below(draw, 30000) : 0;
    script->idle_close = one_in(draw, 2) ? 2 + (unsigned)below(draw, 10) : 0;
    script->request_timeout_ms = one_in(draw, 4) ? 50 + (unsigned)below(draw, 5000) : 0;
    script->backend_timeout_ms = one_in(draw, 6) ? 50 + (unsigned)below(draw, 3000) : 0;
    script->retry_attempts = one_in(draw, 4) ? 1 + (unsigned)below(draw, 3) : 0;
}

void script_init(struct script *script, uint64_t seed)
{
    static const unsigned paces[] = {1, 20, 800, 5000, 30000};
    struct draw draw = {seed, 0};
    *script = (struct script){.seed = seed};
    script->clients = 1 + (unsigned)below(&draw, SCRIPT_CLIENTS);
    make_live(&draw, script);
    for (unsigned i = 0; i < script->clients; i++)
        make_client(&draw, &script->client[i], &script->requests);
    for (unsigned i = 0; i < script->requests; i++)
        make_answer(&draw, &script->answer[i]);
    unsigned pace = paces[below(&draw, 5)];
    for (unsigned i = 0; i < SCRIPT_STEPS; i++)
        script->step_ms[i] = (unsigned)below(&draw, pace + 1);
    make_rules(&draw, script, &script->rules[0]);
    make_rules(&draw, script, &script->rules[1]);
    script->rules_change = one_in(&draw, 2) ? (unsigned)below(&draw, SCRIPT_STEPS) : SCRIPT_STEPS;
    script->budget = one_in(&draw, 3) ? below(&draw, 1000000) : 64u * 1024 * 1024;
    script->shadow_seed = below(&draw, UINT64_MAX);
}

void script_deinit(struct script *script)
{
    for (unsigned i = 0; i < script->clients; i++)
        strbuf_deinit(&script->client[i].bytes);
}

void script_format_answer(const struct script *script, unsigned number, bool is_head, struct strbuf *out)
{
    const struct script_answer *answer = &script->answer[number];
    bool has_body = !is_head && answer->status != 204 && answer->status != 304;
    if (answer->has_informational)
        strbuf_add(out, STR("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"));
    strbuf_printf(out, "HTTP/1.1 %u \r\nNumber: %u\r\n", answer->status, number);
    if (answer->is_last)
        strbuf_add(out, STR("Connection: close\r\n"));
    if (answer->framing == BODY_BY_CHUNKS && answer->status != 204) {
        strbuf_add(out, STR("Transfer-Encoding: chunked\r\n\r\n"));
        if (has_body)
            add_chunked(out, answer->body, 3000, answer->has_trailers ? "Total: all\r\n" : "");
        return;
    }
    if (answer->framing == BODY_BY_LENGTH && answer->status != 204)
        strbuf_printf(out, "Content-Length: %zu\r\n", answer->body);
    strbuf_add(out, STR("\r\n"));
    if (has_body)
        add_letters(out, number, answer->body);
}
