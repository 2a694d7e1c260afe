/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of plan, endpoints object and credentials. Each input is read as it is and once more as a block whose head (magic,
 * version, size, checksum) was put right, so that the checks behind the checksum are reached. What they accept is followed
 * to its last byte, and requests are matched by it. */
#include "base/assert.h"
#include "base/mem.h"
#include "plan/check.h"
#include "plan/credentials.h"
#include "plan/endpoints.h"
#include "plan/flat.h"
#include "route/cors.h"
#include "route/match.h"
#include "route/redirect.h"
#include "route/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Keeps reads from being optimised away. */
static volatile unsigned sink;

static void touch(const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += at[i];
    sink = sum;
}

static void touch_text(const struct plan *plan, struct plan_str text)
{
    struct str s = plan_text(plan, text);
    touch(s.ptr, s.len);
}

static void touch_address(const struct address *address)
{
    char text[ADDRESS_TEXT];
    struct sockaddr_storage storage;
    touch(text, address_format(address, text).len);
    ASSERT(address_to_sockaddr(address, &storage) > 0);
}

static void follow_mirrors(const struct plan *plan)
{
    static const struct address client = {.family = ADDRESS_IPV4};
    for (uint32_t i = 0; i < plan->mirrors.count; i++) {
        const struct plan_mirror *mirror = PLAN_MIRROR(plan, i);
        touch_text(plan, mirror->label);
        touch_text(plan, mirror->key_name);
        touch(PLAN_BACKEND(plan, mirror->backend), sizeof(struct plan_backend));
        sample_even(i, mirror->numerator, mirror->denominator, plan->generation);
        sample_random(i, mirror->numerator, mirror->denominator);
        sample_hash(plan_text(plan, mirror->label), plan_text(plan, mirror->salt), mirror->numerator,
                    mirror->denominator);
        /* ranges may overlap, so a small plan can say very much */
        for (uint32_t j = 0; j < mirror->sources.count && j < 64; j++)
            sink = cidr_has(PLAN_CIDR(plan, mirror->sources.first + mirror->sources.count - 1 - j), &client);
    }
}

static void follow_texts(const struct plan *plan, struct plan_range texts)
{
    for (uint32_t i = 0; i < texts.count && i < 64; i++)
        touch_text(plan, PLAN_TEXT(plan, texts.first + texts.count - 1 - i));
}

static void follow_comparison(const struct plan *plan, const struct plan_comparison *comparison)
{
    follow_texts(plan, comparison->headers);
    follow_texts(plan, comparison->ignored_headers);
    follow_texts(plan, comparison->ignored_paths);
    follow_texts(plan, comparison->redacted_headers);
    follow_texts(plan, comparison->redacted_cookies);
    follow_texts(plan, comparison->redacted_query);
    follow_texts(plan, comparison->redacted_paths);
    for (uint32_t i = 0; i < comparison->arrays.count && i < 64; i++) {
        const struct plan_array_rule *rule = PLAN_ARRAY_RULE(plan, comparison->arrays.first + comparison->arrays.count -
                                                                       1 - i);
        touch_text(plan, rule->path);
        touch_text(plan, rule->key);
    }
}

/* As status and the mirrors do: a control's mirror is the one before it. */
static void follow_controls(const struct plan *plan)
{
    for (uint32_t i = 0; i < plan->mirrors.count; i++) {
        const struct plan_mirror *mirror = PLAN_MIRROR(plan, i);
        if (mirror->comparison != PLAN_NONE && i < 64)
            follow_comparison(plan, PLAN_COMPARISON(plan, mirror->comparison));
        if (!mirror->is_control)
            continue;
        ASSERT(i > 0 && !mirror[-1].is_control && mirror[-1].comparison == mirror->comparison);
        touch_text(plan, mirror[-1].label);
    }
}

static void follow_edits(const struct plan *plan)
{
    for (uint32_t i = 0; i < plan->edits.count; i++) {
        touch_text(plan, PLAN_EDIT(plan, i)->name);
        touch_text(plan, PLAN_EDIT(plan, i)->value);
    }
    for (uint32_t i = 0; i < plan->answers.count; i++)
        touch_text(plan, PLAN_ANSWER(plan, i)->body);
    for (uint32_t i = 0; i < plan->peer_sets.count; i++)
        touch_text(plan, PLAN_PEER_SET(plan, i));
    for (uint32_t i = 0; i < plan->texts.count; i++)
        touch_text(plan, PLAN_TEXT(plan, i));
    for (uint32_t i = 0; i < plan->redactions.count; i++)
        touch_text(plan, PLAN_REDACTION(plan, i)->name);
}

/* They meet every look-up of the corpus' plan-matching and plan-order; the last one finds nothing. */
static const struct {
    struct str host, method, path, query;
} requests[] = {
    {STR_INIT("a.example.com"), STR_INIT("GET"), STR_INIT("/shop/cart/7"), STR_INIT("v=2&w=%41+")},
    {STR_INIT("x.y.example.com:80"), STR_INIT("POST"), STR_INIT("/api/v1/users"), STR_INIT("q")},
    {STR_INIT("[::1]"), STR_INIT("PUT"), STR_INIT("/"), STR_INIT("")},
    {STR_INIT(""), STR_INIT("OPTIONS"), STR_INIT("*"), STR_INIT("")},
    {STR_INIT("a.example.com:8080"), STR_INIT("GET"), STR_INIT("/Shop/Cart"), STR_INIT("v=2")},
    {STR_INIT("b.example.com"), STR_INIT("GET"), STR_INIT("/shopping/ab"), STR_INIT("v=2")},
    {STR_INIT("a.b.c.d.e.f.g."), STR_INIT("GET"), STR_INIT("//a/b/c/d/e/f/g//"), STR_INIT("&&==&")},
};
#define REQUESTS (sizeof(requests) / sizeof(requests[0]))

/* ---- what is done to requests ---- */

static void redirect_request(const struct plan *plan, const struct rewrite_path *path, const struct head *head,
                             struct arena *arena)
{
    for (uint32_t i = 0; i < plan->redirects.count && i < 16; i++) {
        const struct redirect_from from = {head, *path, i % 2, 8080};
        struct str location = redirect_location(plan, PLAN_REDIRECT(plan, i), &from, arena);
        touch(location.ptr, location.len);
    }
}

static void rewrite_request(const struct plan *plan, const struct rewrite_path *path, const struct head *head,
                            struct arena *arena)
{
    for (uint32_t i = 0; i < plan->rewrites.count && i < 16; i++) {
        struct head rewritten = *head;
        bool is_made = rewrite_target(plan, PLAN_REWRITE(plan, i), path, &rewritten, arena);
        ASSERT(is_made || PLAN_REWRITE(plan, i)->path_kind == REWRITE_REGEX);
        touch(rewritten.target.ptr, rewritten.target.len);
    }
}

/* Work is bounded here: a small plan can name one list many times. */
static void allow_origins(const struct plan *plan, struct regex_use use)
{
    for (uint32_t i = 0; i < plan->cors.count && i < 16; i++) {
        const struct plan_cors *cors = PLAN_CORS(plan, i);
        const struct cors_rule rule = {plan, cors, use};
        if (cors->origins.count < 64)
            sink = cors_allows(&rule, STR("https://b1.example.com"));
    }
}

static void follow_actions(const struct plan *plan, struct regex_use use)
{
    struct arena arena;
    allow_origins(plan, use);
    arena_init(&arena, NULL, 0);
    for (size_t i = 0; i < REQUESTS; i++) {
        const struct rewrite_path path = {.normal = requests[i].path, .prefix_len = i % 2, .use = use};
        const struct head head = {.target = requests[i].path,
                                  .path = requests[i].path,
                                  .query = requests[i].query,
                                  .authority = requests[i].host};
        redirect_request(plan, &path, &head, &arena);
        rewrite_request(plan, &path, &head, &arena);
    }
    arena_deinit(&arena);
}

/* ---- matching ---- */

/* Each set has the client in it, or nobody. */
static struct endpoint_peers *make_peer_sets(const struct plan *plan)
{
    static const struct endpoint_peer client = {ADDRESS_IPV4, {10, 0, 0, 1}};
    struct endpoint_peers *sets = mem_alloc((plan->peer_sets.count + 1) * sizeof *sets);
    for (uint32_t i = 0; i < plan->peer_sets.count; i++)
        sets[i] = (struct endpoint_peers){&client, i % 2};
    return sets;
}

static void match_requests(const struct plan *plan, struct route_scratch *scratch, const struct regexes *regexes,
                           uint32_t socket)
{
    static const struct address client = {.family = ADDRESS_IPV4, .ip = {10, 0, 0, 1}};
    struct endpoint_peers *peer_sets = make_peer_sets(plan);
    struct field fields[] = {{.name = STR("X-Version"), .value = STR("two")},
                             {.name = STR("x-user"), .value = STR("1")},
                             {.name = STR("X-User"), .value = STR("2")}};
    for (size_t i = 0; i < REQUESTS; i++) {
        struct head head = {.method = requests[i].method,
                            .path = requests[i].path,
                            .query = requests[i].query,
                            .authority = requests[i].host,
                            .fields = fields,
                            .field_count = 3};
        struct route_match match;
        route_match(plan, regexes, scratch,
                    &(struct route_request){
                        .socket = socket, .head = &head, .path = head.path, .peer = &client, .peer_sets = peer_sets},
                    &match);
        if (match.route != PLAN_NONE)
            touch_text(plan, PLAN_ROUTE(plan, match.route)->label);
        if (match.listener != PLAN_NONE)
            touch_text(plan, PLAN_LISTENER(plan, match.listener)->label);
        touch(head.path.ptr, match.prefix_len);
    }
    mem_free(peer_sets);
}

/* A plan whose regular expressions do not compile is never used. */
static void follow_matching(const struct plan *plan)
{
    static struct route_scratch scratch;
    struct err err;
    struct regexes *regexes = regexes_new(plan, &err);
    if (!scratch.regex)
        route_scratch_init(&scratch);
    if (regexes)
        follow_actions(plan, (struct regex_use){regexes, scratch.regex});
    for (uint32_t i = 0; i < plan->sockets.count; i++) {
        touch_address(&PLAN_SOCKET(plan, i)->address);
        if (regexes && i < 4)
            match_requests(plan, &scratch, regexes, i);
    }
    regexes_free(regexes);
}

static void follow_plan(const struct plan *plan)
{
    for (uint32_t i = 0; i < plan->routes.count; i++) {
        const struct plan_route *route = PLAN_ROUTE(plan, i);
        uint32_t weighted = route_pick_backend(plan, route, i * 0x9e3779b9u);
        if (weighted != PLAN_NONE)
            touch(PLAN_WEIGHTED(plan, weighted), sizeof(struct plan_weighted));
        if (route->mirrors.count == 0)
            continue;
        touch(PLAN_MIRROR(plan, route->mirrors.first + route->mirrors.count - 1), sizeof(struct plan_mirror));
        ASSERT(!PLAN_MIRROR(plan, route->mirrors.first)->is_control);
    }
    for (uint32_t i = 0; i < plan->backends.count; i++)
        touch_text(plan, PLAN_BACKEND(plan, i)->label), touch_text(plan, PLAN_BACKEND(plan, i)->revision);
    for (uint32_t i = 0; i < plan->trusted_proxies.count; i++)
        touch(PLAN_TRUSTED(plan, i), sizeof(struct cidr));
    follow_mirrors(plan);
    follow_controls(plan);
    follow_edits(plan);
    follow_matching(plan);
}

static void follow_endpoints(const struct endpoints *endpoints, size_t size)
{
    /* Short labels stand at the end of the block: try whatever is there. */
    for (size_t len = 0; len <= 4; len++) {
        for (size_t back = len; back <= 32 && back <= size; back++) {
            size_t count;
            struct str label = {(const char *)endpoints + size - back, len};
            const struct address *addresses = endpoints_find(endpoints, label, &count);
            for (size_t i = 0; i < count && i < 64; i++)
                touch_address(&addresses[count - 1 - i]);
            const struct endpoint_peers peers = endpoints_find_peers(endpoints, label);
            const struct address client = {.family = ADDRESS_IPV4, .ip = {10, 0, 0, 1}};
            sink = endpoint_peers_has(&peers, &client);
        }
    }
}

static void follow_credentials(const struct credentials *credentials, size_t size)
{
    for (size_t i = 0; i <= 32 && i <= size; i++) {
        for (size_t len = 0; len <= i && len <= 16; len++) {
            struct credential found;
            struct str label = {(const char *)credentials + size - i, len};
            if (credentials_find(credentials, label, CREDENTIAL_IDENTITY, &found))
                touch(found.key.ptr, found.key.len);
            if (credentials_find(credentials, label, CREDENTIAL_AUTHORITIES, &found))
                touch(found.chain.ptr, found.chain.len);
        }
    }
}

/* A copy of its own size, so that the sanitizer sees the first byte behind it. */
static void read_block(const uint8_t *data, size_t size, const struct flat_head *head)
{
    struct err err;
    char *block = mem_alloc_raw(size);
    memcpy(block, data, size);
    if (head) {
        memcpy(block, head, sizeof(*head));
        ((struct flat_head *)block)->size = (uint32_t)size;
        ((struct flat_head *)block)->checksum = flat_checksum(block, size);
    }
    if (plan_check(block, size, &err))
        follow_plan((const struct plan *)block);
    if (endpoints_check(block, size, &err))
        follow_endpoints((const struct endpoints *)block, size);
    if (credentials_check(block, size, &err))
        follow_credentials((const struct credentials *)block, size);
    mem_free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct flat_head heads[] = {
        {.magic = PLAN_MAGIC, .version = PLAN_VERSION},
        {.magic = ENDPOINTS_MAGIC, .version = ENDPOINTS_VERSION},
        {.magic = CREDENTIALS_MAGIC, .version = CREDENTIALS_VERSION},
    };
    if (size == 0)
        return 0;
    read_block(data, size, NULL);
    for (size_t i = 0; size >= sizeof(heads[0]) && i < sizeof(heads) / sizeof(heads[0]); i++)
        read_block(data, size, &heads[i]);
    return 0;
}
