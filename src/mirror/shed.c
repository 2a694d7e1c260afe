/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/shed.h"

#include "io/loop.h"

#include <fcntl.h>
#include <unistd.h>

#define START_SHARE 4 /* of the time, 1/4 */
#define STOP_SHARE 20
#define START_LOOKS 3
#define STOP_LOOKS 10

/* "running waiting slices", nanoseconds. */
static bool read_waited_ns(const struct shed *shed, uint64_t *waited_ns)
{
    char text[96];
    ssize_t len = pread(shed->fd, text, sizeof text, 0);
    struct str rest = {text, len > 0 ? (size_t)len : 0}, running, waited;
    return str_next(&rest, ' ', &running) && str_next(&rest, ' ', &waited) && str_to_u64(waited, waited_ns);
}

bool shed_judge_look(struct shed_judge *judge, uint64_t waited_ns, uint64_t elapsed_ns)
{
    bool is_calm = waited_ns * STOP_SHARE < elapsed_ns;
    bool is_saturated = waited_ns * START_SHARE > elapsed_ns;
    bool is_against = judge->is_shedding ? is_calm : is_saturated;
    judge->streak = is_against ? judge->streak + 1 : 0;
    if (judge->streak < (judge->is_shedding ? STOP_LOOKS : START_LOOKS))
        return false;
    judge->streak = 0;
    judge->is_shedding = !judge->is_shedding;
    return true;
}

static void look(struct timer *timer)
{
    struct shed *shed = CONTAINER_OF(timer, struct shed, timer);
    uint64_t now_ns = loop_now_ns(shed->loop), waited_ns;
    if (read_waited_ns(shed, &waited_ns)) {
        if (shed_judge_look(&shed->judge, waited_ns - shed->waited_ns, now_ns - shed->looked_at_ns))
            atomic_fetch_add_explicit(&shed->gateway->is_shedding, shed->judge.is_shedding ? 1u : -1u,
                                      memory_order_relaxed);
        shed->waited_ns = waited_ns;
        shed->looked_at_ns = now_ns;
    }
    if (shed->had_copies || shed->judge.is_shedding)
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
        (void)read_waited_ns(shed, &shed->waited_ns);
        timer_arm(shed->loop, &shed->timer, SHED_INTERVAL_MS);
    }
    return shed->judge.is_shedding;
}
