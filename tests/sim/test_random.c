/* SPDX-License-Identifier: Apache-2.0 */
/* Thousands of short random plays with faults at random bytes. Each is played with shadows that do their worst and again without any:
 * what clients and live see, and when, must be the same to the byte (and to a tick or two of the timers); the equations hold whenever nothing moves, the
 * budget is never exceeded, and at the end nothing is left. A failure names its seed; SIM_SEED=n plays that one alone, SIM_SCRIPTS=n so many. */
#include "play.h"

#include "script.h"
#include "sim_message.h"
#include "sim_records.h"

#include "base/mem.h"

#include <signal.h>
#include <stdlib.h>

#define DEFAULT_SCRIPTS 1000
#define MAX_ACTORS 200

/* A connection of live or of a shadow, and what it is about to do. */
struct server_part {
    struct actor *actor;
    size_t seen; /* of what the actor has read */
    struct strbuf transcript;
    struct strbuf answer; /* being sent */
    bool has_request;     /* an answer is due */
    unsigned due;         /* step */
    enum script_fault fault;
    size_t fault_at;
    bool is_closing; /* after the answer */
    bool is_mute;    /* stalled, or gone */
};

/* What a client has seen by then. */
struct sight {
    uint64_t at_ms;
    size_t bytes;
    bool is_shut, is_closed, is_reset;
};
#define TICKS 3

struct run {
    const struct script *script;
    struct sim *sim;
    struct actor *clients[SCRIPT_CLIENTS];
    size_t sent[SCRIPT_CLIENTS];
    bool is_client_done[SCRIPT_CLIENTS];
    struct strbuf sights[SCRIPT_CLIENTS]; /* struct sight, each different from the one before */
    struct server_part parts[MAX_ACTORS];
    unsigned part_count;
    unsigned step;
    bool has_shadows;
    struct random shadow_random;
};

static void fail_script(const struct run *run, const char *what)
{
    print_error("seed %llu: %s\n", (unsigned long long)run->script->seed, what);
    fail();
}

/* ---- clients ---- */

static void end_client(struct run *run, unsigned i, enum script_fault fault)
{
    run->is_client_done[i] = true;
    if (fault == FAULT_RESET)
        actor_resets(run->clients[i]);
    else if (fault == FAULT_CLOSE)
        actor_closes(run->clients[i]);
}

static void client_step(struct run *run, unsigned i)
{
    const struct script_client *play = &run->script->client[i];
    struct actor *client = run->clients[i];
    if (run->step < play->begin || run->is_client_done[i])
        return;
    if (!client) {
        client = run->clients[i] = sim_client(run->sim);
        client->wire->segment = play->segment;
        client->wire->write_max = play->write_max;
        client->wire->capacity = play->capacity;
    }
    client->is_deaf = run->step >= play->deaf_from && run->step < play->deaf_until;
    size_t end = play->fault ? play->fault_at : play->bytes.len;
    size_t len = end - run->sent[i] < play->burst ? end - run->sent[i] : play->burst;
    actor_sends_bytes(client, str_slice(strbuf_str(&play->bytes), run->sent[i], run->sent[i] + len));
    run->sent[i] += len;
    if (play->fault && run->sent[i] == end)
        end_client(run, i, play->fault);
}

static const struct sight *sights(const struct run *run, unsigned i, size_t *count)
{
    *count = run->sights[i].len / sizeof(struct sight);
    return (const struct sight *)(const void *)run->sights[i].ptr;
}

static void look(struct run *run)
{
    for (unsigned i = 0; i < run->script->clients; i++) {
        const struct actor *client = run->clients[i];
        size_t count;
        const struct sight *seen = sights(run, i, &count), *last = count ? &seen[count - 1] : NULL;
        if (!client)
            continue;
        const struct wire *wire = client->wire;
        struct sight sight = {sim_now_ms(run->sim), client->total, wire->is_shut, wire->is_closed,
                              wire->is_closed_hard};
        if (!last || last->bytes != sight.bytes || last->is_shut != sight.is_shut || last->is_closed != sight.is_closed)
            strbuf_add(&run->sights[i], (struct str){(const char *)&sight, sizeof sight});
    }
}

/* ---- live and shadows ---- */

static struct server_part *part_of(struct run *run, struct actor *actor)
{
    for (unsigned i = 0; i < run->part_count; i++) {
        if (run->parts[i].actor == actor)
            return &run->parts[i];
    }
    if (run->part_count == MAX_ACTORS)
        fail_script(run, "too many connections");
    struct server_part *part = &run->parts[run->part_count++];
    part->actor = actor;
    return part;
}

static void absorb(struct server_part *part)
{
    struct str got = flow_peek(&part->actor->got);
    size_t fresh = part->actor->total - part->seen;
    part->seen = part->actor->total;
    strbuf_add(&part->transcript, str_slice(got, got.len - fresh, got.len));
}

/* The number in "/N", and whether the request at the front is whole. */
static bool find_request(struct actor *actor, unsigned *number, bool *is_head, size_t *len, bool *is_whole)
{
    struct str got = flow_peek(&actor->got), line = got, method, target;
    uint64_t value;
    if (!message_head_len(got, len) || !str_next(&line, ' ', &method) || !str_next(&line, ' ', &target) ||
        !str_to_u64(str_slice(target, 1, target.len), &value))
        return false;
    *is_head = str_eq(method, STR("HEAD"));
    *number = (unsigned)value;
    *is_whole = message_request_len(got, len);
    return true;
}

static void live_takes_request(struct run *run, struct server_part *part)
{
    const struct script *script = run->script;
    unsigned number;
    bool is_head, is_whole;
    size_t len;
    if (!find_request(part->actor, &number, &is_head, &len, &is_whole))
        return;
    const struct script_answer *answer = &script->answer[number];
    if (!is_whole && !answer->is_early)
        return;
    if (is_whole)
        flow_take(&part->actor->got, len);
    script_format_answer(script, number, is_head, &part->answer);
    part->has_request = true;
    part->due = run->step + answer->delay_steps;
    part->fault = answer->fault;
    part->fault_at = answer->fault_at;
    /* One that answers early does not read on, as it does not know where the next request would begin. */
    part->is_closing = !is_whole || answer->is_last || answer->framing == BODY_BY_CLOSE;
}

static void shadow_takes_request(struct run *run, struct server_part *part)
{
    struct random *random = &run->shadow_random;
    unsigned number;
    bool is_head, is_whole;
    size_t len;
    if (!find_request(part->actor, &number, &is_head, &len, &is_whole) || (!is_whole && random_next(random) % 8))
        return;
    if (is_whole)
        flow_take(&part->actor->got, len);
    script_format_answer(run->script, (unsigned)(random_next(random) % run->script->requests), is_head, &part->answer);
    part->has_request = true;
    part->due = run->step + (unsigned)(random_next(random) % 8);
    part->fault = random_next(random) % 2 ? FAULT_NONE : (enum script_fault)(random_next(random) % FAULT_COUNT);
    part->fault_at = random_next(random) % (part->answer.len + 1);
    part->is_closing = !is_whole || random_next(random) % 8 == 0;
}

/* Acts without turns: they belong to the rest that is going on. */
static void finish_answer(struct server_part *part, enum script_fault fault)
{
    struct wire *wire = part->actor->wire;
    part->has_request = false;
    strbuf_clear(&part->answer);
    if (fault == FAULT_NONE && !part->is_closing)
        return;
    part->is_mute = true;
    if (fault == FAULT_RESET) {
        wire_reset(wire);
    } else if (fault != FAULT_STALL) {
        wire_end(wire);
        wire->is_gone = true;
        part->actor->is_deaf = true;
    }
}

static bool part_acts(struct run *run, struct server_part *part)
{
    struct wire *wire = part->actor->wire;
    if (part->is_mute || wire->is_closed || wire->is_reset)
        return false;
    if (!part->has_request) {
        if (part->actor->host->is_shadow)
            shadow_takes_request(run, part);
        else
            live_takes_request(run, part);
    }
    if (!part->has_request || part->due > run->step)
        return false;
    struct str bytes = strbuf_str(&part->answer);
    enum script_fault fault = part->fault_at < bytes.len ? part->fault : FAULT_NONE;
    if (fault)
        bytes.len = part->fault_at;
    wire_send(wire, bytes.ptr, bytes.len);
    if (fault == FAULT_GARBAGE)
        wire_send(wire, "\x01\r\n\x02 garbage \r\n", 15);
    finish_answer(part, fault);
    return true;
}

static void greet(struct run *run, struct actor *actor)
{
    const struct script *script = run->script;
    actor->is_seen = true;
    if (actor->host->is_shadow) {
        struct random *random = &run->shadow_random;
        actor->wire->segment = 1 + random_next(random) % 8000;
        actor->wire->write_max = random_next(random) % 3 ? 0 : 1 + random_next(random) % 3000;
        if (random_next(random) % 4 == 0)
            actor_stops_reading(actor, 1 + random_next(random) % 60000);
    } else {
        actor->wire->segment = script->live_segment;
        actor->wire->write_max = script->live_write_max;
        if (script->live_capacity)
            actor->wire->capacity = script->live_capacity;
    }
}

/* Whenever nothing moves: live and shadows look at what has come and act. */
static void on_rest(struct sim *sim)
{
    struct run *run = sim->user;
    for (struct list *node = sim->actors.next; node != &sim->actors; node = node->next) {
        struct actor *actor = CONTAINER_OF(node, struct actor, node);
        if (!actor->host)
            continue;
        if (!actor->is_seen)
            greet(run, actor);
        struct server_part *part = part_of(run, actor);
        absorb(part);
        (void)part_acts(run, part);
    }
    look(run);
    if (sim_budget_used(sim) > (int64_t)run->script->budget)
        fail_script(run, "the budget is exceeded");
}

/* Idle connections of live close now and then; shadows do worse. */
static void servers_step(struct run *run)
{
    const struct script *script = run->script;
    unsigned lives = 0;
    for (unsigned i = 0; i < run->part_count; i++) {
        struct server_part *part = &run->parts[i];
        struct wire *wire = part->actor->wire;
        if (part->actor->host->is_shadow) {
            if (random_next(&run->shadow_random) % 10 == 0)
                part->actor->is_deaf = random_next(&run->shadow_random) % 2;
            if (random_next(&run->shadow_random) % 30 == 0 && !part->is_mute && !wire->is_reset) {
                part->is_mute = true;
                wire_reset(wire);
            }
            continue;
        }
        uint64_t draw = script_hash(script->seed, 1000000 + run->step * 1000 + lives++);
        if (script->idle_close && draw % script->idle_close == 0 && !part->is_mute && !part->has_request &&
            !flow_len(&part->actor->got))
            actor_closes(part->actor), part->is_mute = true;
    }
}

static void shadow_hosts_step(struct run *run)
{
    struct random *random = &run->shadow_random;
    for (unsigned i = 0; run->has_shadows && i < 4; i++) {
        for (unsigned k = 0; k < 2; k++) {
            struct host *host = sim_shadow_host(run->sim, i, k);
            host->is_refusing = random_next(random) % 8 == 0;
            host->is_black_hole = random_next(random) % 12 == 0;
            host->is_unreachable = random_next(random) % 16 == 0;
            host->latency_ms = random_next(random) % 4 ? 0 : (uint32_t)(random_next(random) % 1500);
        }
    }
}

/* ---- a whole play ---- */

static void open_run(struct run *run, const struct script *script, bool has_shadows)
{
    *run = (struct run){.script = script, .has_shadows = has_shadows};
    for (int i = 0; i < 4; i++)
        run->shadow_random.state[i] = script_hash(script->shadow_seed, (uint64_t)i);
    struct sim_rules plain = script->rules[0];
    plain.mirrors = 0;
    run->sim = sim_open(has_shadows ? &script->rules[0] : &plain);
    sim_set_budget(run->sim, script->budget);
    run->sim->on_rest = on_rest;
    run->sim->user = run;
    for (unsigned i = 0; i < SIM_ENDPOINTS; i++) {
        sim_live_host(run->sim, i)->is_refusing = script->is_live_failing[i];
        sim_live_host(run->sim, i)->latency_ms = script->live_latency_ms;
    }
}

static void play(struct run *run)
{
    const struct script *script = run->script;
    for (run->step = 0; run->step < SCRIPT_STEPS; run->step++) {
        shadow_hosts_step(run);
        if (run->has_shadows && run->step == script->rules_change)
            sim_apply(run->sim, &script->rules[1]);
        sim_rest(run->sim); /* in both runs at the same points, because that is when live acts */
        for (unsigned i = 0; i < script->clients; i++)
            client_step(run, i);
        servers_step(run);
        if (run->sim->records && script->seed % 2)
            sim_reads_records(run->sim);
        sim_advance_ms(run->sim, script->step_ms[run->step]);
    }
    for (unsigned i = 0; i < script->clients; i++) {
        if (run->clients[i] && !run->is_client_done[i])
            run->clients[i]->is_deaf = false;
    }
    sim_advance_ms(run->sim, 250000); /* past every timeout */
    for (unsigned i = 0; run->has_shadows && i < 4; i++)
        sim_expects_under_way(run->sim, i, 0);
}

static void compare_sights(const struct run *with, const struct run *without, unsigned client)
{
    size_t count, other_count;
    const struct sight *a = sights(with, client, &count), *b = sights(without, client, &other_count);
    for (size_t i = 0; i < count || i < other_count; i++) {
        if (i == count || i == other_count)
            fail_script(with, "a client sees more, or less, than without shadows");
        uint64_t apart = a[i].at_ms > b[i].at_ms ? a[i].at_ms - b[i].at_ms : b[i].at_ms - a[i].at_ms;
        if (a[i].bytes != b[i].bytes || a[i].is_shut != b[i].is_shut || a[i].is_closed != b[i].is_closed ||
            a[i].is_reset != b[i].is_reset || apart > TICKS) {
            print_error("client %u: %zu bytes at %llu ms%s, without shadows %zu at %llu%s\n", client, a[i].bytes,
                        (unsigned long long)a[i].at_ms, a[i].is_closed ? ", closed" : "", b[i].bytes,
                        (unsigned long long)b[i].at_ms, b[i].is_closed ? ", closed" : "");
            fail_script(with, "a client sees it differently, or at another time, than without shadows");
        }
    }
}

static const struct server_part *next_live(const struct run *run, unsigned *at)
{
    while (*at < run->part_count && run->parts[*at].actor->host->is_shadow)
        ++*at;
    return *at < run->part_count ? &run->parts[(*at)++] : NULL;
}

static size_t add_chunks(struct strbuf *out, struct str bytes)
{
    struct chunked state = {0};
    enum parse result = PARSE_MORE;
    size_t used = 0;
    while (result == PARSE_MORE && used < bytes.len) {
        struct str data;
        size_t n;
        result = http1_chunked(&state, str_slice(bytes, used, bytes.len), &n, &data);
        strbuf_add(out, data);
        used += n;
    }
    return result == PARSE_DONE ? used : bytes.len;
}

/* Requests with their chunked bodies put together: where one chunk ends and the next begins is the gateway's own affair. */
static void add_unchunked(struct strbuf *out, struct str bytes)
{
    struct field fields[HEAD_MAX_FIELDS];
    struct head head = {.fields = fields};
    enum refusal refusal;
    size_t len;
    while (message_head_len(bytes, &len) &&
           http1_parse_request(str_slice(bytes, 0, len), &head, &refusal) == PARSE_DONE) {
        if (head.body == BODY_LENGTH)
            len += head.content_length;
        strbuf_add(out, str_slice(bytes, 0, len));
        bytes = str_slice(bytes, len, bytes.len);
        if (head.body == BODY_STREAM) {
            len = add_chunks(out, bytes);
            bytes = str_slice(bytes, len, bytes.len);
            size_t end = message_trailers_len(bytes);
            strbuf_add(out, str_slice(bytes, 0, end));
            bytes = str_slice(bytes, end, bytes.len);
        }
    }
    strbuf_add(out, bytes);
}

static void compare_lives(const struct run *with, const struct run *without)
{
    unsigned i = 0, k = 0;
    for (unsigned n = 0;; n++) {
        const struct server_part *a = next_live(with, &i), *b = next_live(without, &k);
        if (!a && !b)
            return;
        if (!a || !b)
            fail_script(with, "live has other connections than without shadows");
        struct strbuf mine = STRBUF_INIT, theirs = STRBUF_INIT;
        add_unchunked(&mine, strbuf_str(&a->transcript));
        add_unchunked(&theirs, strbuf_str(&b->transcript));
        struct str got = strbuf_str(&mine), other = strbuf_str(&theirs);
        size_t same = 0;
        while (same < got.len && same < other.len && got.ptr[same] == other.ptr[same])
            same++;
        if (same == got.len && same == other.len) {
            strbuf_deinit(&mine);
            strbuf_deinit(&theirs);
            continue;
        }
        print_error("connection %u of live: from byte %zu \"%.*s\", without shadows \"%.*s\"\n", n, same,
                    STR_ARG(str_slice(got, same, same + 60)), STR_ARG(str_slice(other, same, same + 60)));
        fail_script(with, "live's bytes differ from those without shadows");
    }
}

static void compare(const struct run *with, const struct run *without)
{
    for (unsigned i = 0; i < with->script->clients; i++) {
        if (!with->clients[i])
            continue;
        if (!str_eq(flow_peek(&with->clients[i]->got), flow_peek(&without->clients[i]->got)))
            fail_script(with, "a client's bytes differ from those without shadows");
        compare_sights(with, without, i);
    }
    compare_lives(with, without);
}

/* What all plays together have met: a generator that misses a reason tests nothing of it. */
static struct {
    uint64_t completed, sampled_out, dropped[DROPPED_COUNT], failed[FAILED_COUNT];
    uint64_t legs[OUTCOME_COUNT], legs_dropped[RECORD_DROP_COUNT];
} met;

/* ---- records ---- */

static bool is_in_order(const struct record_end *end)
{
    uint64_t sent = end->sent_ns ? end->sent_ns : end->begin_ns, head = end->head_ns ? end->head_ns : sent;
    return end->begin_ns <= sent && sent <= head && head <= end->end_ns;
}

static unsigned count_copies(const struct run *run, const struct sim_leg *live)
{
    unsigned count = 0;
    for (struct list *node = run->sim->records->legs.next; node != &run->sim->records->legs; node = node->next) {
        const struct sim_leg *leg = CONTAINER_OF(node, struct sim_leg, node);
        count += leg->is_whole && leg->leg != LEG_LIVE && leg->id.hi == live->id.hi && leg->id.lo == live->id.lo;
    }
    return count;
}

/* Everything is over: each exchange has all of its legs, or they were counted as dropped. */
static void check_records(struct run *run)
{
    if (!run->sim->records)
        return;
    struct registry_totals *totals = registry_totals(run->sim->registry);
    uint64_t whole = 0, missing = 0, dropped = 0;
    sim_reads_records(run->sim);
    for (size_t i = 0; i < RECORD_DROP_COUNT; i++) {
        dropped += counter_get(&totals->records_dropped[i]);
        met.legs_dropped[i] += counter_get(&totals->records_dropped[i]);
    }
    for (struct list *node = run->sim->records->legs.next; node != &run->sim->records->legs; node = node->next) {
        const struct sim_leg *leg = CONTAINER_OF(node, struct sim_leg, node);
        if (!leg->is_whole)
            continue;
        whole++;
        met.legs[leg->end.outcome]++;
        if (!is_in_order(&leg->end))
            fail_script(run, "a leg's times are not in order");
        if (leg->leg != LEG_LIVE)
            continue;
        unsigned copies = count_copies(run, leg);
        if (copies > leg->end.copies)
            fail_script(run, "live's leg says that there are fewer copies than have legs");
        missing += leg->end.copies - copies;
    }
    if (whole != counter_get(&totals->records) || missing > dropped)
        fail_script(run, "legs are missing that were not counted");
}

static void count_what_was_met(struct run *run)
{
    for (unsigned i = 0; run->has_shadows && i < 4; i++) {
        struct registry_mirror *entry = sim_mirror(run->sim, i);
        for (size_t k = 0; k < REGISTRY_CODES; k++)
            met.completed += counter_get(&entry->completed[k]);
        for (size_t k = 0; k < DROPPED_COUNT; k++)
            met.dropped[k] += counter_get(&entry->dropped[k]);
        for (size_t k = 0; k < FAILED_COUNT; k++)
            met.failed[k] += counter_get(&entry->failed[k]);
        met.sampled_out += counter_get(&entry->sampled_out);
    }
    check_records(run);
}

static void check_what_was_met(void)
{
    print_message("%llu copies completed, %llu sampled out\n", (unsigned long long)met.completed,
                  (unsigned long long)met.sampled_out);
    for (size_t k = 0; k < DROPPED_COUNT; k++) {
        print_message("dropped %s: %llu\n", dropped_name(k), (unsigned long long)met.dropped[k]);
        assert_true(met.dropped[k] > 0 || k == DROPPED_SHED || k == DROPPED_SHUTDOWN);
    }
    for (size_t k = 0; k < FAILED_COUNT; k++) {
        print_message("failed %s: %llu\n", failed_name(k), (unsigned long long)met.failed[k]);
        assert_true(met.failed[k] > 0 || k == FAILED_TLS);
    }
    for (size_t k = 0; k < OUTCOME_COUNT; k++) {
        print_message("legs with outcome %zu: %llu\n", k, (unsigned long long)met.legs[k]);
        assert_true(met.legs[k] > 0);
    }
    for (size_t k = 0; k < RECORD_DROP_COUNT; k++) {
        print_message("legs dropped, %s: %llu\n", record_drop_name(k), (unsigned long long)met.legs_dropped[k]);
        assert_true(met.legs_dropped[k] > 0);
    }
}

static void close_run(struct run *run)
{
    count_what_was_met(run);
    sim_close(run->sim);
    for (unsigned i = 0; i < SCRIPT_CLIENTS; i++)
        strbuf_deinit(&run->sights[i]);
    for (unsigned i = 0; i < run->part_count; i++) {
        strbuf_deinit(&run->parts[i].transcript);
        strbuf_deinit(&run->parts[i].answer);
    }
    mem_free(run);
}

static void play_seed(uint64_t seed)
{
    struct script script;
    struct run *with = mem_alloc(sizeof *with), *without = mem_alloc(sizeof *without);
    script_init(&script, seed);
    open_run(with, &script, true);
    play(with);
    open_run(without, &script, false);
    play(without);
    compare(with, without);
    close_run(with);
    close_run(without);
    script_deinit(&script);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t value;
    return text && str_to_u64(str_from_c(text), &value) ? value : otherwise;
}

static uint64_t playing = UINT64_MAX;

static void say_seed(void)
{
    if (playing != UINT64_MAX)
        fprintf(stderr, "it was in the play of SIM_SEED=%llu\n", (unsigned long long)playing);
}

static void on_abort(int signal)
{
    (void)signal;
    say_seed();
}

/* Only in programs with a sanitizer. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

/* Also when an ASSERT or a sanitizer ends the program. */
static void name_seed_in_failures(void)
{
    sim_on_fail = say_seed;
    signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(say_seed);
}

static void test_random_plays_are_the_same_with_and_without_shadows(void **state)
{
    (void)state;
    uint64_t only = number_of("SIM_SEED", UINT64_MAX), scripts = number_of("SIM_SCRIPTS", DEFAULT_SCRIPTS);
    name_seed_in_failures();
    for (playing = only == UINT64_MAX ? 1 : only; playing <= (only == UINT64_MAX ? scripts : only); playing++)
        play_seed(playing);
    playing = UINT64_MAX;
    if (only == UINT64_MAX && scripts >= DEFAULT_SCRIPTS)
        check_what_was_met();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_plays_are_the_same_with_and_without_shadows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
