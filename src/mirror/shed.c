/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/shed.h"

#include "io/loop.h"

#include <fcntl.h>
#include <unistd.h>

#define LONG_WAIT 4    /* of the time, 1/4 */
#define SHORT_WAIT 20  /* 1/20 */
#define NO_SLEEP 16    /* less than 1/16 */
#define ENOUGH_SLEEP 5 /* more than 1/5 */
#define SHORT_LOOKS 3
#define LESS 4 /* a quarter still goes */
#define MORE (SHED_ALL / 16)

/* "running waiting slices", nanoseconds. */
static bool read_account(const struct shed *shed, uint64_t *ran_ns, uint64_t *waited_ns)
{
    char text[96];
    ssize_t len = pread(shed->fd, text, sizeof text, 0);
    struct str rest = {text, len > 0 ? (size_t)len : 0}, ran, waited;
    return str_next(&rest, ' ', &ran) && str_next(&rest, ' ', &waited) && str_to_u64(ran, ran_ns) &&
           str_to_u64(waited, waited_ns);
}

static void return_some(struct shed_judge *judge, unsigned parts)
{
    judge->shed -= judge->shed < parts ? judge->shed : parts;
}

void shed_judge_look(struct shed_judge *judge, uint64_t ran_ns, uint64_t waited_ns, uint64_t elapsed_ns)
{
    uint64_t busy_ns = ran_ns + waited_ns, slept_ns = elapsed_ns > busy_ns ? elapsed_ns - busy_ns : 0;
    bool is_short = waited_ns * LONG_WAIT > elapsed_ns || slept_ns * NO_SLEEP < elapsed_ns;
    bool is_calm = waited_ns * SHORT_WAIT < elapsed_ns && slept_ns * ENOUGH_SLEEP > elapsed_ns;
    judge->streak = is_short ? judge->streak + 1 : 0;
    if (judge->streak >= SHORT_LOOKS)
        judge->shed = SHED_ALL - (SHED_ALL - judge->shed) / LESS;
    else if (!is_short)
        return_some(judge, is_calm ? MORE : 1);
}

bool shed_judge_next(struct shed_judge *judge)
{
    judge->turn += judge->shed;
    if (judge->turn < SHED_ALL)
        return false;
    judge->turn -= SHED_ALL;
    return true;
}

static void look(struct timer *timer)
{
    struct shed *shed = CONTAINER_OF(timer, struct shed, timer);
    uint64_t now_ns = loop_now_ns(shed->loop), ran_ns, waited_ns;
    bool was_shedding = shed->judge.shed;
    if (read_account(shed, &ran_ns, &waited_ns)) {
        shed_judge_look(&shed->judge, ran_ns - shed->ran_ns, waited_ns - shed->waited_ns, now_ns - shed->looked_at_ns);
        if (was_shedding != (shed->judge.shed > 0))
            atomic_fetch_add_explicit(&shed->gateway->is_shedding, was_shedding ? -1u : 1u, memory_order_relaxed);
        shed->ran_ns = ran_ns;
        shed->waited_ns = waited_ns;
        shed->looked_at_ns = now_ns;
    }
    if (shed->had_copies || shed->judge.shed)
        timer_arm(shed->loop, timer, SHED_INTERVAL_MS);
    shed->had_copies = false;
}

void shed_init(struct shed *shed, struct loop *loop, struct registry_gateway *gateway, bool is_on)
{
    *shed = (struct shed){.loop = loop, .gateway = gateway, .fd = -1};
    timer_init(&shed->timer, look);
    if (is_on)
        shed->fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}

void shed_deinit(struct shed *shed)
{
    timer_disarm(&shed->timer);
    if (shed->fd >= 0)
        close(shed->fd);
}

bool shed_now(struct shed *shed)
{
    if (shed->fd < 0)
        return false;
    shed->had_copies = true;
    if (!timer_is_armed(&shed->timer)) {
        shed->looked_at_ns = loop_now_ns(shed->loop);
        (void)read_account(shed, &shed->ran_ns, &shed->waited_ns);
        timer_arm(shed->loop, &shed->timer, SHED_INTERVAL_MS);
    }
    return shed_judge_next(&shed->judge);
}
