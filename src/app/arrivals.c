/* SPDX-License-Identifier: Apache-2.0 */
#include "app/arrivals.h"

struct arrival {
    struct intake intake;
    struct arrivals *owner;
    struct list node;
    struct peer peer;
};

const size_t arrival_size = sizeof(struct arrival);

static struct arrival *of(struct list *node)
{
    return CONTAINER_OF(node, struct arrival, node);
}

static void on_intake_over(struct intake *intake, enum intake_end end, const struct proxy_header *header)
{
    struct arrival *arrival = CONTAINER_OF(intake, struct arrival, intake);
    struct arrivals *arrivals = arrival->owner;
    struct peer peer = arrival->peer;
    int fd = intake->watch.fd;
    if (header && header->has_addresses)
        peer.remote = header->source;
    list_remove(&arrival->node);
    slab_give(arrivals->slab, arrival);
    arrivals->on_over(arrivals, fd, end, &peer);
}

/* False when the header has come meanwhile, or the peer has left: then it is over already. */
static bool give_up(struct arrival *arrival, enum intake_end end)
{
    if (intake_look(&arrival->intake))
        return false;
    intake_stop(&arrival->intake);
    on_intake_over(&arrival->intake, end, NULL);
    return true;
}

void arrivals_init(struct arrivals *arrivals, struct loop *loop, struct slab *slab)
{
    arrivals->loop = loop;
    arrivals->slab = slab;
    list_init(&arrivals->list);
}

void arrivals_add(struct arrivals *arrivals, int fd, const struct peer *peer)
{
    struct arrival *arrival = slab_take(arrivals->slab);
    arrival->owner = arrivals;
    arrival->peer = *peer;
    arrival->intake.on_over = on_intake_over;
    list_add(&arrivals->list, &arrival->node);
    intake_start(&arrival->intake, arrivals->loop, fd, server_default_timeouts.head_ms);
}

bool arrivals_make_room(struct arrivals *arrivals)
{
    if (list_is_empty(&arrivals->list))
        return false;
    struct arrival *oldest = of(arrivals->list.next);
    if (loop_now_ns(arrivals->loop) - oldest->intake.began_ns < SERVER_PATIENCE_MS * 1000000ull)
        return false;
    return give_up(oldest, INTAKE_TIMEOUT);
}

void arrivals_give_up(struct arrivals *arrivals)
{
    while (!list_is_empty(&arrivals->list))
        (void)give_up(of(arrivals->list.next), INTAKE_GONE);
}
