/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/rules_tls.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "tls/identity.h"

#include <sodium.h>
#include <stdatomic.h>

/* One context per worker, all made of the same. */
struct set {
    _Atomic uint32_t refs; /* of struct rules_tls that have it */
    const struct set_ops *ops;
    unsigned workers;
    void *contexts[];
};

/* What sets are of: listening sockets or backends. */
struct set_ops {
    const char *name;
    /* `first` is the one that was made of the same spec for the first worker; NULL: this is it. */
    void *(*make)(const void *spec, const void *first, struct err *err);
    void (*unref)(void *context);
};

struct rules_tls {
    _Atomic uint32_t refs;
    struct map sets;      /* digest of what it is made of → struct set; one reference each */
    struct set **servers; /* per plan.sockets; NULL: none */
    struct set **clients; /* per plan.backends */
};

/* What makes one. */
struct maker {
    const struct plan *plan;
    const struct credentials *credentials; /* NULL: none */
    unsigned workers;
    struct tls_tickets *tickets;
    const struct rules_tls *before;
    struct rules_tls *tls;
    struct map
        trusting; /* label of authorities → the first struct tls_client that trusts them: the system's are a MiB */
    struct arena arena; /* of the socket or backend at hand */
};

/* ---- sets ---- */

static void set_unref(struct set *set)
{
    if (atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; i < set->workers; i++)
        set->ops->unref(set->contexts[i]);
    mem_free(set);
}

/* Of this plan, or of the one before. NULL: new. */
static struct set *find_set(struct maker *maker, struct str digest)
{
    struct set *set = map_find(&maker->tls->sets, digest);
    if (set || !maker->before)
        return set;
    set = map_find(&maker->before->sets, digest);
    if (!set || set->workers != maker->workers)
        return NULL;
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    map_add(&maker->tls->sets, digest, set);
    return set;
}

/* NULL when its contexts can't be made. */
static struct set *make_set(struct maker *maker, const struct set_ops *ops, struct str digest, const void *spec,
                            struct err *err)
{
    struct set *set = mem_alloc(sizeof *set + maker->workers * sizeof set->contexts[0]);
    atomic_init(&set->refs, 1);
    set->ops = ops;
    for (; set->workers < maker->workers; set->workers++) {
        set->contexts[set->workers] = ops->make(spec, set->workers ? set->contexts[0] : NULL, err);
        if (!set->contexts[set->workers]) {
            set_unref(set);
            return NULL;
        }
    }
    map_add(&maker->tls->sets, digest, set);
    return set;
}

/* ---- digests: of secrets too, so that nothing but the same bytes can pass for them ---- */

struct digest {
    crypto_generichash_state state;
    unsigned char bytes[crypto_generichash_BYTES];
};

static void digest_begin(struct digest *digest, const struct set_ops *ops)
{
    crypto_generichash_init(&digest->state, NULL, 0, sizeof digest->bytes);
    crypto_generichash_update(&digest->state, (const unsigned char *)ops->name, strlen(ops->name) + 1);
}

static void digest_add_number(struct digest *digest, uint64_t number)
{
    crypto_generichash_update(&digest->state, (const unsigned char *)&number, sizeof number);
}

static void digest_add(struct digest *digest, struct str bytes)
{
    digest_add_number(digest, bytes.len);
    crypto_generichash_update(&digest->state, (const unsigned char *)bytes.ptr, bytes.len);
}

static struct str digest_end(struct digest *digest)
{
    crypto_generichash_final(&digest->state, digest->bytes, sizeof digest->bytes);
    return (struct str){(const char *)digest->bytes, sizeof digest->bytes};
}

static bool find_credential(const struct maker *maker, struct str label, enum credential_kind kind,
                            struct credential *found)
{
    return maker->credentials && credentials_find(maker->credentials, label, kind, found);
}

/* ---- listening sockets ---- */

/* A listener's name, and what people call it and its identities. */
struct server_name {
    struct str host, listener;
    struct tls_pem *identities;
    struct str *labels; /* of the identities */
    size_t identity_count;
};

struct server_spec {
    struct server_name *found; /* what the credentials have */
    size_t found_count;
    struct tls_name *names; /* what of that can be used */
    size_t name_count;
    struct tls_tickets *tickets;
};

static void *make_server(const void *spec, const void *first, struct err *err)
{
    (void)first;
    const struct server_spec *server = spec;
    return tls_server_new(server->names, server->name_count, server->tickets, err);
}

static void unref_server(void *context)
{
    tls_server_unref(context);
}

static const struct set_ops server_ops = {"server", make_server, unref_server};

static void collect_name(struct maker *maker, const struct plan_listener *listener, struct server_spec *spec)
{
    const struct plan *plan = maker->plan;
    struct plan_range range = listener->certificates;
    struct server_name *name = &spec->found[spec->found_count++];
    *name = (struct server_name){plan_text(plan, listener->hostname), plan_text(plan, listener->label), NULL, NULL, 0};
    name->identities = arena_alloc(&maker->arena, range.count * sizeof *name->identities);
    name->labels = arena_alloc(&maker->arena, range.count * sizeof *name->labels);
    for (uint32_t i = 0; i < range.count; i++) {
        struct str label = plan_text(plan, PLAN_TEXT(plan, range.first + i));
        struct credential found;
        if (!find_credential(maker, label, CREDENTIAL_IDENTITY, &found)) {
            log_error("listener %.*s: the certificate %.*s is not there", STR_ARG(name->listener), STR_ARG(label));
            continue;
        }
        name->labels[name->identity_count] = label;
        name->identities[name->identity_count++] = (struct tls_pem){found.chain, found.key};
    }
}

static struct str digest_server(const struct server_spec *spec, struct digest *digest)
{
    digest_begin(digest, &server_ops);
    for (size_t i = 0; i < spec->found_count; i++) {
        const struct server_name *name = &spec->found[i];
        digest_add(digest, name->host);
        digest_add_number(digest, name->identity_count);
        for (size_t k = 0; k < name->identity_count; k++) {
            digest_add(digest, name->identities[k].chain);
            digest_add(digest, name->identities[k].key);
        }
    }
    return digest_end(digest);
}

/* Each is looked at by itself first: a bad one must not cost the others of its socket. */
static bool is_usable(const struct server_name *name, size_t index)
{
    struct err err;
    const struct tls_pem *pem = &name->identities[index];
    struct tls_identity *identity = tls_identity_new(pem->chain, pem->key, &err);
    if (!identity) {
        log_error("listener %.*s: the certificate %.*s can't be used: %s", STR_ARG(name->listener),
                  STR_ARG(name->labels[index]), err.text);
        return false;
    }
    tls_identity_free(identity);
    return true;
}

static void keep_usable(struct server_spec *spec)
{
    for (size_t i = 0; i < spec->found_count; i++) {
        struct server_name *name = &spec->found[i];
        size_t count = 0;
        for (size_t k = 0; k < name->identity_count; k++) {
            if (is_usable(name, k))
                name->identities[count++] = name->identities[k];
        }
        if (count > 0)
            spec->names[spec->name_count++] = (struct tls_name){name->host, name->identities, count};
        else
            log_error("listener %.*s is not served: it has no certificate that can be used", STR_ARG(name->listener));
    }
}

static struct set *find_server(struct maker *maker, uint32_t socket)
{
    const struct plan *plan = maker->plan;
    struct server_spec spec = {.tickets = maker->tickets};
    struct digest digest;
    struct err err;
    spec.found = arena_alloc(&maker->arena, plan->listeners.count * sizeof *spec.found);
    spec.names = arena_alloc(&maker->arena, plan->listeners.count * sizeof *spec.names);
    for (uint32_t i = 0; i < plan->listeners.count; i++) {
        const struct plan_listener *listener = PLAN_LISTENER(plan, i);
        if (listener->socket == socket)
            collect_name(maker, listener, &spec);
    }
    struct str key = digest_server(&spec, &digest);
    struct set *set = find_set(maker, key);
    if (set)
        return set;
    keep_usable(&spec);
    if (spec.name_count > 0)
        set = make_set(maker, &server_ops, key, &spec, &err);
    if (spec.name_count > 0 && !set)
        log_error("listener %.*s and those beside it are not served: %s", STR_ARG(spec.found->listener), err.text);
    return set;
}

/* ---- backends ---- */

static void *make_client(const void *spec, const void *first, struct err *err)
{
    struct tls_client_spec client = *(const struct tls_client_spec *)spec;
    if (!client.like)
        client.like = first;
    return tls_client_new(&client, err);
}

static void unref_client(void *context)
{
    tls_client_unref(context);
}

static const struct set_ops client_ops = {"client", make_client, unref_client};

static struct str digest_client(const struct tls_client_spec *spec, struct digest *digest)
{
    digest_begin(digest, &client_ops);
    digest_add(digest, spec->server_name);
    digest_add(digest, spec->ca_pem);
    digest_add(digest, spec->chain_pem);
    digest_add(digest, spec->key_pem);
    digest_add_number(digest, spec->alpn);
    for (size_t i = 0; i < spec->san_count; i++) {
        digest_add_number(digest, spec->sans[i].kind);
        digest_add(digest, spec->sans[i].name);
    }
    return digest_end(digest);
}

static const struct tls_san *list_sans(struct maker *maker, struct plan_range range)
{
    struct tls_san *sans = arena_alloc(&maker->arena, (range.count + 1) * sizeof *sans);
    for (uint32_t i = 0; i < range.count; i++) {
        const struct plan_san *san = PLAN_SAN(maker->plan, range.first + i);
        sans[i].kind = san->kind == SAN_URI ? TLS_SAN_URI : TLS_SAN_DNS;
        sans[i].name = plan_text(maker->plan, san->name);
    }
    return sans;
}

/* Whom the backend is to be trusted by, and as whom Umbra presents itself. */
static bool find_client_credentials(const struct maker *maker, const struct plan_tls *tls, struct tls_client_spec *spec,
                                    struct err *err)
{
    struct str authorities = plan_text(maker->plan, tls->authorities), identity = plan_text(maker->plan, tls->identity);
    struct credential found;
    if (!find_credential(maker, authorities, CREDENTIAL_AUTHORITIES, &found))
        return err_set(err, "the CA certificates %.*s are not there", STR_ARG(authorities));
    spec->ca_pem = found.chain;
    if (identity.len == 0)
        return true;
    if (!find_credential(maker, identity, CREDENTIAL_IDENTITY, &found))
        return err_set(err, "the client certificate %.*s is not there", STR_ARG(identity));
    spec->chain_pem = found.chain;
    spec->key_pem = found.key;
    return true;
}

static struct set *find_client(struct maker *maker, uint32_t index)
{
    static const enum tls_alpn alpn[] = {
        [PROTOCOL_HTTP1] = TLS_ALPN_HTTP1, [PROTOCOL_HTTP2] = TLS_ALPN_HTTP2, [PROTOCOL_ALPN] = TLS_ALPN_ANY};
    const struct plan *plan = maker->plan;
    const struct plan_backend *backend = PLAN_BACKEND(plan, index);
    const struct plan_tls *tls = PLAN_TLS(plan, backend->tls);
    struct tls_client_spec spec = {
        .server_name = plan_text(plan, tls->server_name),
        .sans = list_sans(maker, tls->sans),
        .san_count = tls->sans.count,
        .alpn = alpn[backend->protocol],
    };
    struct set *set = NULL;
    struct digest digest;
    struct err err;
    if (find_client_credentials(maker, tls, &spec, &err)) {
        struct str key = digest_client(&spec, &digest), authorities = plan_text(plan, tls->authorities);
        set = find_set(maker, key);
        spec.like = map_find(&maker->trusting, authorities);
        if (!set)
            set = make_set(maker, &client_ops, key, &spec, &err);
        if (set && !spec.like)
            map_add(&maker->trusting, authorities, set->contexts[0]);
    }
    if (!set)
        log_error("backend %.*s: no connection is made to it: %s", STR_ARG(plan_text(plan, backend->label)), err.text);
    return set;
}

/* ---- all of a plan ---- */

struct rules_tls *rules_tls_new(const struct plan *plan, const struct credentials *credentials, unsigned workers,
                                struct tls_tickets *tickets, const struct rules_tls *before)
{
    struct rules_tls *tls = mem_alloc(sizeof *tls);
    struct maker maker = {plan, credentials, workers, tickets, before, tls, {0}, {0}};
    atomic_init(&tls->refs, 1);
    map_init(&tls->sets);
    map_init(&maker.trusting);
    tls->servers = mem_alloc((plan->sockets.count + 1) * sizeof(struct set *));
    tls->clients = mem_alloc((plan->backends.count + 1) * sizeof(struct set *));
    for (uint32_t i = 0; i < plan->sockets.count; i++) {
        arena_init(&maker.arena, NULL, 0);
        if (PLAN_SOCKET(plan, i)->is_tls)
            tls->servers[i] = find_server(&maker, i);
        arena_deinit(&maker.arena);
    }
    for (uint32_t i = 0; i < plan->backends.count; i++) {
        arena_init(&maker.arena, NULL, 0);
        if (PLAN_BACKEND(plan, i)->tls != PLAN_NONE)
            tls->clients[i] = find_client(&maker, i);
        arena_deinit(&maker.arena);
    }
    map_deinit(&maker.trusting);
    return tls;
}

struct rules_tls *rules_tls_ref(struct rules_tls *tls)
{
    atomic_fetch_add_explicit(&tls->refs, 1, memory_order_relaxed);
    return tls;
}

void rules_tls_unref(struct rules_tls *tls)
{
    if (!tls || atomic_fetch_sub_explicit(&tls->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < tls->sets.count; i++)
        set_unref(tls->sets.entries[i].value);
    map_deinit(&tls->sets);
    mem_free(tls->servers);
    mem_free(tls->clients);
    mem_free(tls);
}

struct tls_server *rules_tls_server(const struct rules_tls *tls, unsigned worker, uint32_t socket)
{
    const struct set *set = tls ? tls->servers[socket] : NULL;
    return set ? set->contexts[worker] : NULL;
}

struct tls_client *rules_tls_client(const struct rules_tls *tls, unsigned worker, uint32_t backend)
{
    const struct set *set = tls ? tls->clients[backend] : NULL;
    return set ? set->contexts[worker] : NULL;
}
