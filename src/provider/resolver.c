/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/resolver.h"

#include "base/log.h"
#include "base/mem.h"
#include "io/timer.h"

#include <ares.h>
#include <poll.h>
#include <sys/epoll.h>

#define TRY_MS 2000
#define TRIES 3
#define MAX_ADDRESSES 256
#define READS_PER_EVENT 64 /* c-ares reads a TCP answer in pieces; readiness is told only once */

struct resolver {
    struct loop *loop;
    ares_channel channel;
    const char *servers;
    struct list sockets;
    struct timer timeout;
    unsigned asking;
    bool is_in_call; /* of ares_getaddrinfo: an answer now comes from a file */
};

struct resolver_socket {
    struct list node;
    struct watch watch;
    struct resolver *resolver;
};

static struct resolver_socket *find_socket(struct resolver *resolver, int fd)
{
    for (struct list *node = resolver->sockets.next; node != &resolver->sockets; node = node->next) {
        struct resolver_socket *sock = CONTAINER_OF(node, struct resolver_socket, node);
        if (sock->watch.fd == fd)
            return sock;
    }
    return NULL;
}

static void arm_timeout(struct resolver *resolver)
{
    struct timeval left;
    if (ares_timeout(resolver->channel, NULL, &left))
        timer_arm(resolver->loop, &resolver->timeout, (uint64_t)left.tv_sec * 1000 + (uint64_t)left.tv_usec / 1000 + 1);
    else
        timer_disarm(&resolver->timeout);
}

static void on_timeout(struct timer *timer)
{
    struct resolver *resolver = CONTAINER_OF(timer, struct resolver, timeout);
    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timeout(resolver);
}

static bool is_readable(int fd)
{
    struct pollfd state = {.fd = fd, .events = POLLIN};
    return poll(&state, 1, 0) == 1;
}

/* c-ares may close the socket, and so free its watch, within ares_process_fd. */
static void on_ready(struct watch *watch, uint32_t events)
{
    struct resolver *resolver = CONTAINER_OF(watch, struct resolver_socket, watch)->resolver;
    int fd = watch->fd;
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
        ares_process_fd(resolver->channel, ARES_SOCKET_BAD, fd);
    for (int i = 0; i < READS_PER_EVENT && find_socket(resolver, fd) && is_readable(fd); i++)
        ares_process_fd(resolver->channel, fd, ARES_SOCKET_BAD);
    arm_timeout(resolver);
}

static void on_socket_state(void *user, ares_socket_t fd, int is_wanting_read, int is_wanting_write)
{
    struct resolver *resolver = user;
    struct resolver_socket *sock = find_socket(resolver, fd);
    if (sock)
        loop_remove(resolver->loop, &sock->watch);
    if (!is_wanting_read && !is_wanting_write) {
        if (sock) {
            list_remove(&sock->node);
            mem_free(sock);
        }
        return;
    }
    if (!sock) {
        sock = mem_alloc(sizeof(*sock));
        sock->watch = (struct watch){.fd = fd, .on_ready = on_ready};
        sock->resolver = resolver;
        list_add(&resolver->sockets, &sock->node);
    }
    /* Watching anew tells of readiness anew, also of what was ready before c-ares wanted it. */
    loop_add(resolver->loop, &sock->watch);
}

static bool channel_open(struct resolver *resolver, struct err *err)
{
    struct ares_options options = {
        .timeout = TRY_MS, .tries = TRIES, .sock_state_cb = on_socket_state, .sock_state_cb_data = resolver};
    int code = ares_init_options(&resolver->channel, &options,
                                 ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (code != ARES_SUCCESS)
        return err_set(err, "the resolver can't be set up: %s", ares_strerror(code));
    if (resolver->servers) {
        code = ares_set_servers_ports_csv(resolver->channel, resolver->servers);
        if (code != ARES_SUCCESS) {
            ares_destroy(resolver->channel);
            return err_set(err, "%s: %s", resolver->servers, ares_strerror(code));
        }
    }
    return true;
}

struct resolver *resolver_new(struct loop *loop, const char *servers, struct err *err)
{
    int code = ares_library_init(ARES_LIB_INIT_ALL);
    if (code != ARES_SUCCESS) {
        (void)err_set(err, "the resolver can't be set up: %s", ares_strerror(code));
        return NULL;
    }
    struct resolver *resolver = mem_alloc(sizeof(*resolver));
    resolver->loop = loop;
    resolver->servers = servers;
    list_init(&resolver->sockets);
    timer_init(&resolver->timeout, on_timeout);
    if (channel_open(resolver, err))
        return resolver;
    mem_free(resolver);
    ares_library_cleanup();
    return NULL;
}

void resolver_free(struct resolver *resolver)
{
    timer_disarm(&resolver->timeout);
    ares_destroy(resolver->channel); /* closes its sockets: on_socket_state frees their watches */
    mem_free(resolver);
    ares_library_cleanup();
}

void resolver_refresh(struct resolver *resolver)
{
    if (resolver->asking > 0)
        return;
    ares_channel old = resolver->channel;
    struct err err;
    if (!channel_open(resolver, &err)) {
        log_debug("%s", err.text);
        resolver->channel = old;
        return;
    }
    ares_destroy(old);
}

static bool node_address(const struct ares_addrinfo_node *node, struct address *address)
{
    struct sockaddr_storage name = {0};
    if (node->ai_addrlen > sizeof(name) || (node->ai_family != AF_INET && node->ai_family != AF_INET6))
        return false;
    memcpy(&name, node->ai_addr, node->ai_addrlen);
    return address_from_sockaddr(&name, address);
}

static void on_addrinfo(void *user, int status, int timeouts, struct ares_addrinfo *info)
{
    (void)timeouts;
    struct resolver_query *query = user;
    struct resolver *resolver = query->resolver;
    query->is_asking = false;
    resolver->asking--;
    if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED)
        return;
    struct address addresses[MAX_ADDRESSES];
    size_t count = 0;
    int ttl = INT32_MAX;
    const struct ares_addrinfo_node *node = status == ARES_SUCCESS && info ? info->nodes : NULL;
    for (; node && count < MAX_ADDRESSES; node = node->ai_next) {
        if (node_address(node, &addresses[count]))
            count++;
        if (node->ai_ttl < ttl)
            ttl = node->ai_ttl;
    }
    for (const struct ares_addrinfo_cname *alias = info ? info->cnames : NULL; alias; alias = alias->next) {
        if (alias->ttl < ttl)
            ttl = alias->ttl;
    }
    struct resolver_answer answer = {
        .is_found = count > 0,
        .is_from_file = resolver->is_in_call,
        .problem = status == ARES_SUCCESS ? "it has no address" : ares_strerror(status),
        .ttl_ms = ttl > 0 ? (uint64_t)ttl * 1000 : 0,
        .addresses = addresses,
        .count = count,
    };
    if (info)
        ares_freeaddrinfo(info);
    query->on_answer(query, &answer);
}

void resolver_ask(struct resolver *resolver, struct resolver_query *query, const char *host)
{
    if (query->is_asking)
        return;
    query->resolver = resolver;
    query->is_asking = true;
    resolver->asking++;
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT, .ai_socktype = SOCK_STREAM};
    resolver->is_in_call = true;
    ares_getaddrinfo(resolver->channel, host, NULL, &hints, on_addrinfo, query);
    resolver->is_in_call = false;
    arm_timeout(resolver);
}
