/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/dns.h"

#include "base/log.h"
#include "base/map.h"
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
    struct dns *dns;
    struct str host; /* owned, NUL-terminated */
    size_t holders;
    struct list node; /* of `waiting` or `leaving` */
    bool is_awaited, is_failing;
    uint32_t retry_ms;
    struct timer again;
    struct resolver_query query;
    struct address *addresses;
    size_t count;
};

struct dns {
    struct loop *loop;
    struct resolver *resolver;
    struct map names;    /* host → struct dns_name */
    struct list waiting; /* for a question to be possible */
    struct list leaving; /* names that nobody holds, until their answer */
    struct task ask_more;
    size_t asking, awaited;
    bool is_taking; /* answers from a file come before the question returns: nobody is told of them */
    void (*on_change)(void *user);
    void *user;
};

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

/* Sorted and without duplicates; true when that differs from what was known. */
static bool set_addresses(struct dns_name *name, const struct address *answered, size_t count)
{
    struct address *addresses = mem_alloc((count + 1) * sizeof(*addresses));
    memcpy(addresses, answered, count * sizeof(*addresses));
    qsort(addresses, count, sizeof(*addresses), compare);
    size_t kept = 0;
    for (size_t i = 0; i < count && kept < DNS_MAX_ADDRESSES; i++) {
        if (kept == 0 || compare(&addresses[kept - 1], &addresses[i]) != 0)
            addresses[kept++] = addresses[i];
    }
    if (kept == name->count && (kept == 0 || memcmp(name->addresses, addresses, kept * sizeof(*addresses)) == 0)) {
        mem_free(addresses);
        return false;
    }
    mem_free(name->addresses);
    name->addresses = mem_grow(addresses, (kept + 1) * sizeof(*addresses));
    name->count = kept;
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
        log_warn("%s can't be resolved (%s)%s", name->host.ptr, answer->problem,
                 name->count > 0 ? "; its last good addresses stay in use" : "");
    else if (answer->is_found && name->is_failing)
        log_info("%s is resolved again", name->host.ptr);
    name->is_failing = !answer->is_found;
}

static void stop_awaiting(struct dns_name *name)
{
    if (!name->is_awaited)
        return;
    name->is_awaited = false;
    name->dns->awaited--;
}

static void ask(struct dns_name *name)
{
    struct dns *dns = name->dns;
    if (dns->asking == DNS_MAX_ASKING) {
        list_add(&dns->waiting, &name->node);
        return;
    }
    dns->asking++;
    resolver_ask(dns->resolver, &name->query, name->host.ptr);
}

static void name_free(struct dns_name *name)
{
    timer_disarm(&name->again);
    list_remove(&name->node);
    stop_awaiting(name);
    mem_free(name->addresses);
    mem_free((char *)(uintptr_t)name->host.ptr);
    mem_free(name);
}

/* Not from within an answer: those from files come at once, and would pile up. */
static void ask_more(struct task *task)
{
    struct dns *dns = CONTAINER_OF(task, struct dns, ask_more);
    while (dns->asking < DNS_MAX_ASKING && !list_is_empty(&dns->waiting))
        ask(CONTAINER_OF(list_take_first(&dns->waiting), struct dns_name, node));
}

static void on_answer(struct resolver_query *query, const struct resolver_answer *answer)
{
    struct dns_name *name = CONTAINER_OF(query, struct dns_name, query);
    struct dns *dns = name->dns;
    dns->asking--;
    loop_soon(dns->loop, &dns->ask_more);
    if (name->holders == 0) {
        name_free(name);
        return;
    }
    say_state(name, answer);
    bool was_awaiting = dns_is_awaiting(dns);
    stop_awaiting(name);
    bool is_changed = answer->is_found && set_addresses(name, answer->addresses, answer->count);
    timer_arm(dns->loop, &name->again, next_wait(name, answer));
    if (!dns->is_taking && (is_changed || (was_awaiting && !dns_is_awaiting(dns))))
        dns->on_change(dns->user);
}

static void on_again(struct timer *timer)
{
    struct dns_name *name = CONTAINER_OF(timer, struct dns_name, again);
    if (name->is_failing)
        resolver_refresh(name->dns->resolver); /* perhaps the system has other servers by now */
    ask(name);
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
    map_init(&dns->names);
    list_init(&dns->waiting);
    list_init(&dns->leaving);
    task_init(&dns->ask_more, ask_more);
    return dns;
}

void dns_free(struct dns *dns)
{
    resolver_free(dns->resolver);
    task_cancel(&dns->ask_more);
    struct list *node;
    while ((node = list_take_first(&dns->leaving)))
        name_free(CONTAINER_OF(node, struct dns_name, node));
    for (size_t i = 0; i < dns->names.count; i++) {
        if (dns->names.entries[i].value)
            name_free(dns->names.entries[i].value);
    }
    map_deinit(&dns->names);
    mem_free(dns);
}

bool dns_literal(struct str host, uint16_t port, struct address *address)
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

struct dns_name *dns_take(struct dns *dns, struct str host)
{
    struct dns_name *name = map_find(&dns->names, host);
    if (name) {
        name->holders++;
        return name;
    }
    name = mem_alloc(sizeof(*name));
    name->dns = dns;
    name->host = (struct str){mem_dup(host.ptr, host.len), host.len};
    name->holders = 1;
    name->is_awaited = true;
    dns->awaited++;
    list_init(&name->node);
    timer_init(&name->again, on_again);
    name->query.on_answer = on_answer;
    map_add(&dns->names, host, name);
    bool was_taking = dns->is_taking;
    dns->is_taking = true;
    ask(name);
    dns->is_taking = was_taking;
    return name;
}

void dns_give(struct dns_name *name)
{
    if (--name->holders > 0)
        return;
    map_remove(&name->dns->names, name->host);
    stop_awaiting(name);
    timer_disarm(&name->again);
    if (name->query.is_asking)
        list_add(&name->dns->leaving, &name->node);
    else
        name_free(name);
}

void dns_know(struct dns_name *name, const struct address *address)
{
    struct address *addresses = mem_alloc((name->count + 1) * sizeof(*addresses));
    if (name->count > 0)
        memcpy(addresses, name->addresses, name->count * sizeof(*addresses));
    addresses[name->count] = *address;
    addresses[name->count].port = 0;
    (void)set_addresses(name, addresses, name->count + 1);
    mem_free(addresses);
    stop_awaiting(name);
}

const struct address *dns_get(const struct dns_name *name, size_t *count)
{
    *count = name->count;
    return name->addresses;
}

bool dns_is_awaiting(const struct dns *dns)
{
    return dns->awaited > 0;
}

void dns_stop_awaiting(struct dns *dns)
{
    for (size_t i = 0; i < dns->names.count; i++) {
        if (dns->names.entries[i].value)
            stop_awaiting(dns->names.entries[i].value);
    }
}
