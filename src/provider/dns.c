/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/dns.h"

#include "base/log.h"
#include "base/mem.h"
#include "io/timer.h"
#include "provider/resolver.h"

#include <stdlib.h>

#define MIN_TTL_MS 1000
#define MAX_TTL_MS 60000 /* a wrong long TTL must not outlive a repair by more */
#define FILE_MS 5000     /* /etc/hosts has no TTL */
#define FIRST_RETRY_MS 1000
#define MAX_RETRY_MS 10000

struct dns_name {
    struct list node;
    struct dns *dns;
    char *host;
    uint16_t port;
    bool is_settled, is_failing;
    uint32_t retry_ms;
    struct timer again;
    struct resolver_query query;
    size_t count;
    struct address addresses[DNS_MAX_ADDRESSES];
};

struct dns {
    struct loop *loop;
    struct resolver *resolver;
    struct list names;
    void (*on_change)(void *user);
    void *user;
};

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

/* Sorted and without duplicates; true when that differs from what was known. */
static bool set_addresses(struct dns_name *name, struct address *addresses, size_t count)
{
    qsort(addresses, count, sizeof(addresses[0]), compare);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare(&addresses[kept - 1], &addresses[i]) != 0)
            addresses[kept++] = addresses[i];
    }
    if (kept == name->count && memcmp(name->addresses, addresses, kept * sizeof(addresses[0])) == 0)
        return false;
    name->count = kept;
    memcpy(name->addresses, addresses, kept * sizeof(addresses[0]));
    return true;
}

static uint64_t next_wait(struct dns_name *name, const struct resolver_answer *answer)
{
    if (!answer->is_found) {
        uint32_t wait = name->retry_ms ? name->retry_ms : FIRST_RETRY_MS;
        name->retry_ms = wait * 2 < MAX_RETRY_MS ? wait * 2 : MAX_RETRY_MS;
        return wait;
    }
    name->retry_ms = 0;
    if (answer->is_from_file)
        return FILE_MS;
    if (answer->ttl_ms < MIN_TTL_MS)
        return MIN_TTL_MS;
    return answer->ttl_ms < MAX_TTL_MS ? answer->ttl_ms : MAX_TTL_MS;
}

static void say_state(struct dns_name *name, const struct resolver_answer *answer)
{
    if (!answer->is_found && !name->is_failing)
        log_warn("%s can't be resolved (%s)%s", name->host, answer->problem,
                 name->count > 0 ? "; its last good addresses stay in use" : "");
    else if (answer->is_found && name->is_failing)
        log_info("%s is resolved again", name->host);
    name->is_failing = !answer->is_found;
}

static void on_answer(struct resolver_query *query, const struct resolver_answer *answer)
{
    struct dns_name *name = CONTAINER_OF(query, struct dns_name, query);
    struct dns *dns = name->dns;
    say_state(name, answer);
    bool is_changed = !name->is_settled;
    name->is_settled = true;
    if (answer->is_found) {
        struct address addresses[DNS_MAX_ADDRESSES];
        size_t count = answer->count < DNS_MAX_ADDRESSES ? answer->count : DNS_MAX_ADDRESSES;
        memcpy(addresses, answer->addresses, count * sizeof(addresses[0]));
        for (size_t i = 0; i < count; i++)
            addresses[i].port = name->port;
        is_changed = set_addresses(name, addresses, count) || is_changed;
    }
    timer_arm(dns->loop, &name->again, next_wait(name, answer));
    if (is_changed)
        dns->on_change(dns->user);
}

static void on_again(struct timer *timer)
{
    struct dns_name *name = CONTAINER_OF(timer, struct dns_name, again);
    if (name->is_failing)
        resolver_refresh(name->dns->resolver); /* perhaps the system has other servers by now */
    resolver_ask(name->dns->resolver, &name->query, name->host);
}

struct dns *dns_new(struct loop *loop, const struct dns_options *options, struct err *err)
{
    struct resolver *resolver = resolver_new(loop, options->servers, err);
    if (!resolver)
        return NULL;
    struct dns *dns = mem_alloc(sizeof(*dns));
    dns->loop = loop;
    dns->resolver = resolver;
    dns->on_change = options->on_change;
    dns->user = options->user;
    list_init(&dns->names);
    return dns;
}

void dns_free(struct dns *dns)
{
    resolver_free(dns->resolver);
    struct list *node;
    while ((node = list_take_first(&dns->names))) {
        struct dns_name *name = CONTAINER_OF(node, struct dns_name, node);
        timer_disarm(&name->again);
        mem_free(name->host);
        mem_free(name);
    }
    mem_free(dns);
}

/* A Unix path or an IP literal. */
static bool literal_address(struct str host, uint16_t port, struct address *address)
{
    if (str_starts_with(host, STR("unix:")))
        return address_parse(host, address);
    struct cidr ip;
    if (str_find_char(host, '/') < host.len || !cidr_parse(host, &ip))
        return false;
    *address = (struct address){.family = ip.family, .port = port};
    memcpy(address->ip, ip.ip, sizeof(ip.ip));
    return true;
}

struct dns_name *dns_add(struct dns *dns, struct str host, uint16_t port, const struct address *known,
                         size_t known_count)
{
    struct dns_name *name = mem_alloc(sizeof(*name));
    name->dns = dns;
    name->host = mem_dup(host.ptr, host.len);
    name->port = port;
    timer_init(&name->again, on_again);
    name->query.on_answer = on_answer;
    list_add(&dns->names, &name->node);
    if (literal_address(host, port, &name->addresses[0])) {
        name->count = 1;
        name->is_settled = true;
        return name;
    }
    name->count = known_count < DNS_MAX_ADDRESSES ? known_count : DNS_MAX_ADDRESSES;
    if (name->count > 0)
        memcpy(name->addresses, known, name->count * sizeof(known[0]));
    name->is_settled = name->count > 0;
    resolver_ask(dns->resolver, &name->query, name->host);
    return name;
}

const struct address *dns_get(const struct dns_name *name, size_t *count)
{
    *count = name->count;
    return name->addresses;
}

bool dns_is_settled(const struct dns_name *name)
{
    return name->is_settled;
}
