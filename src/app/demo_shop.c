/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_shop.h"

#include <stdio.h>

static const char *const colours[] = {"Blue", "Red", "Green", "White", "Black", "Amber", "Grey"};
static const char *const things[] = {"mug", "lamp", "chair", "clock", "scarf", "kettle", "pen", "bowl", "vase", "rug"};
static const char *const people[] = {"Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Ken"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define AT(array, n) (array)[(n) % COUNT(array)]
#define SEARCH_RESULTS 3

const struct shop_fault shop_planted_faults[SHOP_FAULTS] = {
    {"every 25th item costs 1.00 more", "GET /items/{id}"},
    {"every 25th user is a 404", "GET /users/{id}"},
    {"a search takes 20 ms longer", "GET /search"},
};

/* Well mixed bits of a small number (the finaliser of SplitMix64). */
static uint64_t mix(uint64_t n)
{
    n += 0x9e3779b97f4a7c15u;
    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9u;
    n = (n ^ n >> 27) * 0x94d049bb133111ebu;
    return n ^ n >> 31;
}

static uint64_t item_cents(uint64_t id)
{
    return 199 + mix(id) % 9800;
}

static void add_item(struct strbuf *body, uint64_t id, uint64_t cents)
{
    strbuf_printf(
        body, "{\"id\": %llu, \"name\": \"%s %s\", \"price\": %llu.%02llu, \"currency\": \"EUR\", \"stock\": %llu}",
        (unsigned long long)id, AT(colours, id), AT(things, id / COUNT(colours)), (unsigned long long)(cents / 100),
        (unsigned long long)(cents % 100), (unsigned long long)(mix(id + 1) % 40));
}

static void answer_error(struct shop_answer *answer, uint16_t status, const char *text)
{
    answer->status = status;
    strbuf_printf(&answer->body, "{\"error\": \"%s\"}", text);
}

static void answer_item(enum shop_role role, uint64_t id, struct shop_answer *answer)
{
    bool is_wrong = role == SHOP_SHADOW && id % SHOP_WRONG_PRICE_EACH == 0;
    add_item(&answer->body, id, item_cents(id) + (is_wrong ? 100 : 0));
}

static void answer_user(enum shop_role role, uint64_t id, struct shop_answer *answer)
{
    if (role == SHOP_SHADOW && id % SHOP_MISSING_USER_EACH == 0) {
        answer_error(answer, 404, "no such user");
        return;
    }
    strbuf_printf(&answer->body,
                  "{\"id\": %llu, \"name\": \"%s\", \"email\": \"user%llu@shop.example\", \"orders\": %llu}",
                  (unsigned long long)id, AT(people, id), (unsigned long long)id, (unsigned long long)(mix(id) % 30));
}

static void answer_search(enum shop_role role, struct str word, struct shop_answer *answer)
{
    uint64_t first = word.len;
    for (size_t i = 0; i < word.len; i++)
        first = mix(first ^ (unsigned char)word.ptr[i]);
    strbuf_add(&answer->body, STR("{\"query\": "));
    strbuf_add_json(&answer->body, word);
    strbuf_add(&answer->body, STR(", \"results\": ["));
    for (uint64_t i = 0; i < SEARCH_RESULTS; i++) {
        uint64_t id = (first + i) % SHOP_ITEMS + 1;
        strbuf_add(&answer->body, i == 0 ? STR("") : STR(", "));
        add_item(&answer->body, id, item_cents(id));
    }
    strbuf_add(&answer->body, STR("]}"));
    if (role == SHOP_SHADOW)
        answer->delay_ms = SHOP_SLOW_SEARCH_MS;
}

static void answer_checkout(struct str body, struct shop_answer *answer)
{
    uint64_t order = body.len;
    for (size_t i = 0; i < body.len; i++)
        order = mix(order ^ (unsigned char)body.ptr[i]);
    answer->status = 201;
    strbuf_printf(&answer->body, "{\"order\": %llu, \"state\": \"paid\"}", (unsigned long long)(order % 1000000));
}

/* "/items/17" with the prefix "/items/" is 17. */
static bool take_id(struct str path, struct str prefix, uint64_t last, uint64_t *id)
{
    return str_starts_with(path, prefix) && str_to_u64(str_slice(path, prefix.len, path.len), id) && *id >= 1 &&
           *id <= last;
}

void shop_answer(enum shop_role role, enum http_method method, struct str target, struct str body,
                 struct shop_answer *answer)
{
    size_t question = str_find_char(target, '?');
    struct str path = str_slice(target, 0, question);
    struct str query = str_slice(target, question + 1, target.len);
    bool is_checkout = str_eq(path, STR("/checkout"));
    uint64_t id;
    answer->status = 200;
    answer->delay_ms = 0;
    if (is_checkout ? method != METHOD_POST : method != METHOD_GET && method != METHOD_HEAD)
        answer_error(answer, 405, "not in this shop");
    else if (is_checkout)
        answer_checkout(body, answer);
    else if (take_id(path, STR("/items/"), SHOP_ITEMS, &id))
        answer_item(role, id, answer);
    else if (take_id(path, STR("/users/"), SHOP_USERS, &id))
        answer_user(role, id, answer);
    else if (str_eq(path, STR("/search")) && str_starts_with(query, STR("q=")))
        answer_search(role, str_slice(query, 2, query.len), answer);
    else if (str_eq(path, STR("/")))
        strbuf_add(&answer->body, STR("{\"try\": [\"/items/25\", \"/users/50\", \"/search?q=mug\"]}"));
    else
        answer_error(answer, 404, "no such page");
}

void shop_request(uint64_t n, struct shop_request *request)
{
    uint64_t kind = mix(n) % 100, pick = mix(n ^ 0x5bd1e995u);
    *request = (struct shop_request){.method = METHOD_GET};
    if (kind < 55) {
        snprintf(request->target, sizeof(request->target), "/items/%llu", (unsigned long long)(pick % SHOP_ITEMS + 1));
    } else if (kind < 80) {
        snprintf(request->target, sizeof(request->target), "/users/%llu", (unsigned long long)(pick % SHOP_USERS + 1));
    } else if (kind < 95) {
        snprintf(request->target, sizeof(request->target), "/search?q=%s", AT(things, pick));
    } else {
        request->method = METHOD_POST;
        snprintf(request->target, sizeof(request->target), "/checkout");
        snprintf(request->body, sizeof(request->body), "{\"item\": %llu, \"quantity\": %llu}",
                 (unsigned long long)(pick % SHOP_ITEMS + 1), (unsigned long long)(pick % 3 + 1));
    }
}
