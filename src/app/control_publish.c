/* SPDX-License-Identifier: Apache-2.0 */
/* From a load to what the gateway gets. Its sockets are asked for and its names resolved; then plan and endpoints go out
 * together, and endpoints alone whenever addresses change. A later load takes the place of one that still waits. What is the same as before is
 * not sent again. */
#include "app/control_state.h"
#include "base/log.h"
#include "base/mem.h"
#include "plan/check.h"
#include "plan/credentials.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

/* Longest wait for names that have no address yet: a request that came before the first answer would get a 503 for nothing, and a
 * name server that does not answer must not hold up the rules. */
#define NAMES_MS 250
/* Changes of addresses within this time go out together. */
#define ENDPOINTS_MS 50
/* A port that this umbra has just let go of is free in a moment: a load that wants it back waits so long, and asks so often. */
#define REBIND_SOON_MS 500
#define REBIND_EACH_MS 50
/* Sockets that others have. */
#define REBIND_MS 3000

/* ---- endpoints ---- */

/* Builds those of the load; -1 when they are the same as those that are given out, or can't be made. */
static int build_endpoints(struct control *control, const struct load *load, const struct endpoints **built)
{
    struct err err;
    uint64_t generation = control->endpoints ? endpoints_generation(control->endpoints) + 1 : 1;
    int fd = load_endpoints(load, generation, &err);
    *built = fd >= 0 ? endpoints_map(fd, &err) : NULL;
    if (!*built)
        log_error("new addresses are not in force: %s", err.text);
    else if (!control->endpoints || !endpoints_eq(control->endpoints, *built))
        return fd;
    if (*built)
        endpoints_unmap(*built);
    if (fd >= 0)
        close(fd);
    *built = NULL;
    return -1;
}

static void keep_endpoints(struct control *control, const struct endpoints *built)
{
    if (control->endpoints)
        endpoints_unmap(control->endpoints);
    control->endpoints = built;
}

static void send_endpoints(struct control *control)
{
    const struct endpoints *built;
    int fd = control->current->is_refused ? -1 : build_endpoints(control, control->current, &built);
    if (fd < 0)
        return;
    struct ipc_parts news = IPC_PARTS_NONE;
    news.fds[IPC_PART_ENDPOINTS] = fd;
    control_tell_parts(control, &news);
    keep_endpoints(control, built);
    report_status(control);
    close(fd);
}

static void on_endpoints_later(struct timer *timer)
{
    send_endpoints(CONTAINER_OF(timer, struct control, endpoints_later));
}

/* ---- credentials ---- */

/* Likewise. */
static int build_credentials(struct control *control, const struct load *load, const struct credentials **built)
{
    struct err err;
    uint64_t generation = control->credentials ? credentials_generation(control->credentials) + 1 : 1;
    int fd = load_credentials(load, generation, &err);
    *built = fd >= 0 ? credentials_map(fd, &err) : NULL;
    if (!*built)
        log_error("new certificates are not in force: %s", err.text);
    else if (!control->credentials || !credentials_eq(control->credentials, *built))
        return fd;
    if (*built)
        credentials_unmap(*built);
    if (fd >= 0)
        close(fd);
    *built = NULL;
    return -1;
}

static void keep_credentials(struct control *control, const struct credentials *built)
{
    if (control->credentials)
        credentials_unmap(control->credentials);
    control->credentials = built;
}

/* ---- plan ---- */

static uint64_t next_generation(const struct control *control)
{
    const struct registry_totals *totals = registry_totals(control->registry);
    uint64_t given = atomic_load_explicit(&totals->config_generation, memory_order_relaxed);
    if (control->plan && control->plan->generation > given)
        given = control->plan->generation;
    return given + 1;
}

/* Whether both say the same; the generation is no difference. */
static bool is_same_plan(const struct plan *a, const struct plan *b)
{
    size_t from = offsetof(struct plan, generation) + sizeof(a->generation);
    return a->size == b->size && memcmp((const char *)a + from, (const char *)b + from, a->size - from) == 0;
}

static void keep_plan(struct control *control, const struct plan *plan, int fd)
{
    if (control->plan) {
        plan_unmap(control->plan);
        close(control->plan_fd);
    }
    control->plan = plan;
    control->plan_fd = fd;
}

/* The plan of a load, or NULL with the reason. */
static const struct plan *build_plan(struct control *control, struct load *load, int *fd, struct err *err)
{
    load->rules.generation = next_generation(control);
    *fd = plan_build(&load->rules, err);
    const struct plan *plan = *fd >= 0 ? plan_map(*fd, err) : NULL;
    if (!plan && *fd >= 0)
        close(*fd);
    return plan;
}

/* The plan, and what is new beside it: -1 where nothing is. */
static void send_plan(struct control *control, int endpoints_fd, int credentials_fd)
{
    struct ipc_parts news = IPC_PARTS_NONE;
    news.fds[IPC_PART_PLAN] = control->plan_fd;
    news.fds[IPC_PART_ENDPOINTS] = endpoints_fd;
    news.fds[IPC_PART_CREDENTIALS] = credentials_fd;
    control_tell_parts(control, &news);
    control_compare(control);
    control->is_report_due = true;
}

/* Other addresses and renewed certificates change nothing else. */
static void send_beside(struct control *control, int endpoints_fd, int credentials_fd)
{
    struct ipc_parts news = IPC_PARTS_NONE;
    news.fds[IPC_PART_ENDPOINTS] = endpoints_fd;
    news.fds[IPC_PART_CREDENTIALS] = credentials_fd;
    control_tell_parts(control, &news);
}

/* ---- sockets ---- */

/* What became of the objects of the current load is another. */
static void tell_cluster(struct control *control)
{
    control->cluster_rules.load_number++;
    cluster_report(control);
}

static void ask_for_sockets(struct control *control, const struct load *load)
{
    size_t count = load->rules.socket_count < IPC_MAX_SOCKETS ? load->rules.socket_count : IPC_MAX_SOCKETS;
    struct ipc_bind head = {.sequence = ++control->bind_sequence, .count = (uint32_t)count};
    struct strbuf payload = STRBUF_INIT;
    strbuf_add(&payload, (struct str){(const char *)&head, sizeof(head)});
    strbuf_add(&payload, (struct str){(const char *)load->asked, count * sizeof(*load->asked)});
    control_tell(control, IPC_BIND, strbuf_str(&payload), NULL, 0);
    strbuf_deinit(&payload);
}

static bool has_error(const struct load *load)
{
    for (size_t i = 0; i < load->rules.socket_count; i++) {
        if (load->socket_errors[i] != 0)
            return true;
    }
    return false;
}

/* Whether a socket is wanted and taken by others already. */
static bool is_taken(const struct load *load, const struct address *asked)
{
    for (size_t i = 0; load && i < load->rules.socket_count; i++) {
        if (load->socket_errors[i] == EADDRINUSE && address_eq(&load->asked[i], asked))
            return true;
    }
    return false;
}

/* Whether a socket is taken that was not known to be. */
static bool is_newly_taken(const struct control *control, const struct load *load)
{
    for (size_t i = 0; i < load->rules.socket_count; i++) {
        if (load->socket_errors[i] == EADDRINUSE && !is_taken(control->current, &load->asked[i]))
            return true;
    }
    return false;
}

/* True when the pending load is to wait for a socket a little longer. */
static bool waits_for_sockets(struct control *control, struct load *load)
{
    uint64_t now_ns = loop_now_ns(control->loop);
    if (!control->plan || !is_newly_taken(control, load))
        return false;
    if (load->rebind_until_ns == 0)
        load->rebind_until_ns = now_ns + REBIND_SOON_MS * 1000000ull;
    if (now_ns >= load->rebind_until_ns)
        return false;
    timer_arm(control->loop, &control->rebind, REBIND_EACH_MS);
    return true;
}

static bool has_socket(const struct load *load)
{
    for (size_t i = 0; i < load->rules.socket_count; i++) {
        if (load->socket_errors[i] == 0)
            return true;
    }
    return false;
}

/* True when one is bound that was not. */
static bool take_sockets(struct load *load, const struct ipc_message *message, uint32_t count)
{
    bool has_more = false;
    for (size_t i = 0; i < load->rules.socket_count; i++) {
        struct ipc_bound bound = {.address = load->asked[i], .error = ENOBUFS}; /* beyond IPC_MAX_SOCKETS */
        if (i < count)
            memcpy(&bound, message->payload + sizeof(struct ipc_bind) + i * sizeof(bound), sizeof(bound));
        has_more = has_more || (bound.error == 0 && load->socket_errors[i] != 0);
        load->socket_errors[i] = bound.error;
        load->sockets[i] = bound.address;
    }
    return has_more;
}

/* Two loads with one plan: one may have sockets that others had before. */
static bool has_more_sockets(const struct load *before, const struct load *after)
{
    for (size_t i = 0; i < after->rules.socket_count && i < before->rules.socket_count; i++) {
        if (before->socket_errors[i] != 0 && after->socket_errors[i] == 0)
            return true;
    }
    return false;
}

static void arm_rebind(struct control *control)
{
    if (has_error(control->current))
        timer_arm(control->loop, &control->rebind, REBIND_MS);
}

/* ---- loads ---- */

/* What the gateway has is as it was: the supervisor is to keep the sockets of that. */
static void refuse_load(struct control *control, struct load *load, const char *why)
{
    log_error("the rules are not in force: %s", why);
    load_say_refused(load, why);
    if (!control->plan)
        control_tell(control, IPC_FAILED, STR_NONE, NULL, 0);
    if (!control->current) {
        control->current = load; /* for its problems alone */
    } else {
        ask_for_sockets(control, control->current);
        load_free(load);
    }
    report_status(control);
}

/* The current load is replaced, and with it plan, endpoints and credentials, as far as they differ. */
static void give_out(struct control *control, struct load *load, const struct plan *plan, int plan_fd)
{
    const struct endpoints *built;
    const struct credentials *keys;
    int endpoints_fd = build_endpoints(control, load, &built), credentials_fd = build_credentials(control, load, &keys);
    struct load *before = control->current;
    bool is_new = !control->plan || !is_same_plan(control->plan, plan) || !before || has_more_sockets(before, load);
    if (is_new) {
        keep_plan(control, plan, plan_fd);
    } else {
        plan_unmap(plan);
        close(plan_fd);
    }
    if (built)
        keep_endpoints(control, built);
    if (keys)
        keep_credentials(control, keys);
    control->current = load;
    if (is_new)
        send_plan(control, endpoints_fd, credentials_fd);
    else if (built || keys)
        send_beside(control, endpoints_fd, credentials_fd);
    if (endpoints_fd >= 0)
        close(endpoints_fd);
    if (credentials_fd >= 0)
        close(credentials_fd);
    load_free(before);
    mem_trim();
}

/* What was given out is in force. */
static void report(struct control *control)
{
    control->is_report_due = false;
    report_load(control);
    if (!control->has_told_ready)
        control_tell(control, IPC_READY, STR_NONE, NULL, 0);
    control->has_told_ready = true;
}

static void publish(struct control *control)
{
    struct load *load = control->pending;
    struct err err;
    int fd;
    control->pending = NULL;
    timer_disarm(&control->patience);
    timer_disarm(&control->rebind);
    timer_disarm(&control->endpoints_later);
    load_say_sockets(load, &control->admin);
    const struct plan *plan = build_plan(control, load, &fd, &err);
    if (!plan) {
        refuse_load(control, load, err.text);
        return;
    }
    give_out(control, load, plan, fd);
    report_status(control);
    tell_cluster(control);
    if (!control->is_report_due)
        report(control);
    arm_rebind(control);
}

static void publish_when_complete(struct control *control)
{
    if (control->pending && control->is_bound && !dns_is_awaiting(control->dns))
        publish(control);
}

void publish_load(struct control *control, struct load *load)
{
    struct load *before = control->pending;
    load_take_names(load, control->dns, control->current ? NULL : control->endpoints);
    control->pending = load;
    load->rebind_until_ns = before ? before->rebind_until_ns : 0; /* loads that come fast do not wait for ever */
    load_free(before);
    control->is_bound = false;
    timer_disarm(&control->rebind);
    ask_for_sockets(control, load);
    if (!timer_is_armed(&control->patience))
        timer_arm(control->loop, &control->patience, NAMES_MS);
}

static void on_patience_over(struct timer *timer)
{
    struct control *control = CONTAINER_OF(timer, struct control, patience);
    dns_stop_awaiting(control->dns);
    publish_when_complete(control);
}

static void on_names_changed(void *user)
{
    struct control *control = user;
    publish_when_complete(control);
    if (control->current && !timer_is_armed(&control->endpoints_later))
        timer_arm(control->loop, &control->endpoints_later, ENDPOINTS_MS);
}

static void on_rebind(struct timer *timer)
{
    struct control *control = CONTAINER_OF(timer, struct control, rebind);
    ask_for_sockets(control, control->pending ? control->pending : control->current);
}

/* Sockets of the current load that others had: their plan is given out again when one is free now. */
static void rebound(struct control *control, const struct ipc_message *message, uint32_t count)
{
    struct load *load = control->current;
    bool has_more = take_sockets(load, message, count);
    arm_rebind(control);
    if (!has_more)
        return;
    load_say_sockets(load, &control->admin);
    send_plan(control, -1, -1);
    report_status(control);
    tell_cluster(control);
}

void publish_bound(struct control *control, const struct ipc_message *message)
{
    struct ipc_bind head;
    if (message->len < sizeof(head))
        return;
    memcpy(&head, message->payload, sizeof(head));
    if (head.sequence != control->bind_sequence || message->len != sizeof(head) + head.count * sizeof(struct ipc_bound))
        return;
    struct load *load = control->pending;
    if (!load) {
        if (control->current)
            rebound(control, message, head.count);
        return;
    }
    (void)take_sockets(load, message, head.count);
    if (waits_for_sockets(control, load))
        return;
    if (!control->plan && load->rules.socket_count > 0 && !has_socket(load)) {
        load_say_sockets(load, &control->admin);
        report_failure(load);
        control_tell(control, IPC_FAILED, STR_NONE, NULL, 0);
    }
    control->is_bound = true;
    publish_when_complete(control);
}

void publish_in_force(struct control *control, uint64_t generation)
{
    if (!control->is_report_due || !control->plan || control->plan->generation != generation)
        return;
    report(control);
}

bool publish_start(struct control *control, struct err *err)
{
    timer_init(&control->patience, on_patience_over);
    timer_init(&control->rebind, on_rebind);
    timer_init(&control->endpoints_later, on_endpoints_later);
    struct dns_options options = {.on_change = on_names_changed, .user = control};
    control->dns = dns_new(control->loop, &options, err);
    return control->dns != NULL;
}

void publish_stop(struct control *control)
{
    load_free(control->pending);
    load_free(control->current);
    if (control->dns)
        dns_free(control->dns);
    keep_plan(control, NULL, -1);
    keep_endpoints(control, NULL);
    keep_credentials(control, NULL);
}
