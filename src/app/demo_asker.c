/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_asker.h"

#include "app/admin_client.h"
#include "app/demo_child.h"
#include "base/mem.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000ull

/* Shared; written by the child alone, into the one that is not the newest. */
struct asker_answers {
    _Atomic uint32_t count; /* ever; the newest is count % 2 */
    struct demo_judgement list[2];
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
}

static void ask(const struct asker_spec *spec)
{
    uint32_t count = atomic_load_explicit(&spec->answers->count, memory_order_relaxed);
    struct demo_judgement *last = &spec->answers->list[count % 2], *next = &spec->answers->list[(count + 1) % 2];
    struct admin_reply reply;
    struct err err = {.text = ""};
    memcpy(next, last, sizeof(*next)); /* what was known stays on the page when it can't be asked */
    next->asked_at_ns = now_ns();
    bool is_read = admin_client_get(&spec->admin, STR("/api/tallies"), &reply, &err);
    if (is_read) {
        is_read = demo_judgement_read(next, strbuf_str(&reply.body), spec->labels, &err);
        admin_reply_deinit(&reply);
    }
    snprintf(next->trouble, sizeof(next->trouble), "%.*s", DEMO_SENTENCE - 1, is_read ? "" : err.text);
    atomic_store_explicit(&spec->answers->count, count + 1, memory_order_release);
}

/* False once the demo is gone. */
static bool pause_ms(uint64_t ms)
{
    struct pollfd channel = {.fd = DEMO_CHILD_CHANNEL, .events = POLLIN};
    char word;
    return poll(&channel, 1, (int)ms) <= 0 || read(DEMO_CHILD_CHANNEL, &word, 1) != 0;
}

int demo_asker_run(const void *user)
{
    const struct asker_spec *spec = user;
    uint64_t spent_ms = 0;
    while (pause_ms(spent_ms < ASKER_EACH_MS ? ASKER_EACH_MS - spent_ms : 0)) {
        uint64_t began_ns = now_ns();
        ask(spec);
        spent_ms = (now_ns() - began_ns) / NS_PER_MS;
    }
    return 0;
}

struct asker_answers *asker_answers_new(void)
{
    void *memory = mmap(NULL, sizeof(struct asker_answers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void asker_answers_free(struct asker_answers *answers)
{
    munmap(answers, sizeof(*answers));
}

void asker_take(const struct asker_answers *answers, struct demo_judgement *judgement)
{
    uint32_t count;
    do {
        count = atomic_load_explicit(&answers->count, memory_order_acquire);
        memcpy(judgement, &answers->list[count % 2], sizeof(*judgement));
    } while (atomic_load_explicit(&answers->count, memory_order_acquire) != count);
}
