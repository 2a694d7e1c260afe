/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/client.h"

#include "base/log.h"
#include "base/mem.h"
#include "http/client_conn.h"
#include "kube/call.h"
#include "kube/config.h"
#include "tls/client.h"

#define NS_PER_S 1000000000ull
#define RESOLVE_AGAIN_S 30
#define REFRESH_S 60

static bool count_connection(void *user)
{
    ((struct kube_client *)user)->connections++;
    return true;
}

static void uncount_connection(void *user)
{
    ((struct kube_client *)user)->connections--;
}

static const struct client_pool_ops pool_ops = {"kube", count_connection, uncount_connection, NULL};

/* ---- TLS and pools ---- */

static struct tls_client *make_tls(const struct kube_config *config, struct err *err)
{
    const struct tls_client_spec spec = {
        .server_name = config->server_name,
        .ca_pem = config->ca_pem,
        .chain_pem = config->chain_pem,
        .key_pem = config->key_pem,
        .alpn = TLS_ALPN_ANY,
    };
    return tls_client_new(&spec, err);
}

/* Streams on it go on; the next request makes another. */
static void drop_pool(struct kube_client *client)
{
    struct client_pool *pool = client->pool;
    client->pool = NULL;
    if (pool)
        client_pool_drop(pool);
}

static void drop_tls(struct kube_client *client)
{
    drop_pool(client);
    if (client->tls)
        tls_client_unref(client->tls);
    client->tls = NULL;
}

struct client_pool *kube_client_pool(struct kube_client *client, struct err *err)
{
    if (!client->tls)
        client->tls = make_tls(client->config, err);
    if (!client->tls)
        return NULL;
    const struct client_how how = {
        .protocol = CLIENT_ALPN, .is_tls = true, .tls = client->tls, .keep_alive_s = KUBE_ALIVE_S};
    if (!client->pool)
        client->pool = client_pool_new(&client->codec, &client->addresses[client->current], &how, &pool_ops, client);
    return client->pool;
}

void kube_client_avoid(struct kube_client *client, const struct client_pool *pool)
{
    if (!client->is_address)
        client->resolved_ns = 0;
    if (pool != client->pool)
        return; /* another call was faster */
    drop_pool(client);
    client->current = client->address_count ? (client->current + 1) % client->address_count : 0;
}

static void wake(struct kube_client *client)
{
    struct list waiters, *node;
    list_init(&waiters);
    list_move_all(&waiters, &client->waiters);
    while ((node = list_take_first(&waiters))) {
        struct kube_waiter *waiter = CONTAINER_OF(node, struct kube_waiter, node);
        waiter->on_reachable(waiter);
    }
}

bool kube_client_refresh(struct kube_client *client)
{
    struct err err;
    unsigned changes = kube_config_refresh(client->config, &err);
    client->refreshed_ns = loop_now_ns(client->loop);
    if (err.text[0])
        log_warn("credentials for the Kubernetes API server stay as they are: %s", err.text);
    if (changes & KUBE_CHANGE_TLS)
        drop_tls(client);
    if (changes & KUBE_CHANGE_TOKEN)
        wake(client);
    return changes & KUBE_CHANGE_TOKEN;
}

void kube_client_note(struct kube_client *client, bool is_answering)
{
    bool is_back = client->is_away && is_answering;
    client->is_away = !is_answering;
    if (is_back)
        wake(client);
}

/* ---- names ---- */

/* The one in use stays in use while it is among them. */
static void take_addresses(struct kube_client *client, const struct resolver_answer *answer)
{
    struct address now = client->addresses[client->current];
    bool had_any = client->address_count > 0;
    size_t current = KUBE_ADDRESSES;
    client->address_count = 0;
    for (size_t i = 0; i < answer->count && client->address_count < KUBE_ADDRESSES; i++) {
        struct address *address = &client->addresses[client->address_count];
        *address = answer->addresses[i];
        address->port = client->config->port;
        if (had_any && address_eq(address, &now))
            current = client->address_count;
        client->address_count++;
    }
    if (current == KUBE_ADDRESSES) {
        drop_pool(client);
        current = 0;
    }
    client->current = current;
}

static void on_answer(struct resolver_query *query, const struct resolver_answer *answer)
{
    struct kube_client *client = CONTAINER_OF(query, struct kube_client, query);
    struct err err = {""};
    if (answer->is_found) {
        take_addresses(client, answer);
        client->resolved_ns = loop_now_ns(client->loop);
    } else {
        (void)err_set(&err, "%.*s can't be resolved (%s)", STR_ARG(client->config->host), answer->problem);
    }
    struct list waiting;
    struct list *node;
    list_init(&waiting);
    list_move_all(&waiting, &client->waiting);
    while ((node = list_take_first(&waiting))) {
        struct kube_call *call = CONTAINER_OF(node, struct kube_call, by_wait);
        if (client->address_count) /* of old, if need be */
            kube_call_start(call);
        else
            kube_call_fail(call, err.text);
    }
}

static bool knows_addresses(const struct kube_client *client)
{
    uint64_t age_ns = loop_now_ns(client->loop) - client->resolved_ns;
    return client->is_address || (client->resolved_ns && age_ns < RESOLVE_AGAIN_S * NS_PER_S);
}

static bool ask_name(struct kube_client *client, struct err *err)
{
    if (client->query.is_asking)
        return true;
    if (!client->resolver)
        client->resolver = resolver_new(client->loop, NULL, err);
    if (!client->resolver)
        return false;
    client->query.on_answer = on_answer;
    resolver_refresh(client->resolver);
    resolver_ask(client->resolver, &client->query, client->config->host.ptr);
    return true;
}

void kube_client_place(struct kube_client *client, struct kube_call *call)
{
    struct err err;
    if ((loop_now_ns(client->loop) - client->refreshed_ns) / NS_PER_S >= REFRESH_S)
        (void)kube_client_refresh(client);
    if (knows_addresses(client)) {
        kube_call_start(call);
        return;
    }
    list_add(&client->waiting, &call->by_wait);
    if (!ask_name(client, &err)) {
        list_remove(&call->by_wait);
        kube_call_fail(call, err.text);
    }
}

/* ---- a client's life ---- */

static void find_address(struct kube_client *client)
{
    struct address *address = &client->addresses[0];
    client->is_address = address_parse_ip(client->config->host, ADDRESS_IPV4, address) ||
                         address_parse_ip(client->config->host, ADDRESS_IPV6, address);
    address->port = client->config->port;
    client->address_count = client->is_address;
}

struct kube_client *kube_client_new(struct loop *loop, struct kube_config *config, struct err *err)
{
    struct tls_client *tls = make_tls(config, err);
    if (!tls) {
        kube_config_free(config);
        return NULL;
    }
    struct kube_client *client = mem_alloc(sizeof *client);
    client->loop = loop;
    client->config = config;
    client->tls = tls;
    client->refreshed_ns = loop_now_ns(loop);
    codec_init(&client->codec, loop);
    list_init(&client->calls);
    list_init(&client->waiting);
    list_init(&client->waiters);
    find_address(client);
    return client;
}

void kube_client_free(struct kube_client *client)
{
    struct list *node;
    while ((node = client->calls.next) != &client->calls) {
        struct kube_call *call = CONTAINER_OF(node, struct kube_call, node);
        struct client_conn *conn = call->stream ? call->stream->conn : NULL;
        kube_call_cancel(call);
        if (conn)
            conn->ops->close(conn);
    }
    drop_tls(client);
    if (client->resolver)
        resolver_free(client->resolver);
    loop_settle(client->loop);
    codec_deinit(&client->codec);
    kube_config_free(client->config);
    mem_free(client);
}

const struct kube_config *kube_client_config(const struct kube_client *client)
{
    return client->config;
}

void kube_send(struct kube_client *client, struct kube_request *request)
{
    kube_client_place(client, kube_call_new(client, request));
}

void kube_cancel(struct kube_request *request)
{
    if (request->state)
        kube_call_cancel(request->state);
}
