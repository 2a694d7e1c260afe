/* SPDX-License-Identifier: Apache-2.0 */
/* The shop that `umbra demo` serves and asks: a small JSON API, as live, as a shadow with planted faults and as a clean one, and the
 * requests of its customers. Answers depend on the request alone, so that whoever asked can tell whether each byte is right.
 * Lifetime: values. Thread: any; pure functions. */
#pragma once

#include "base/strbuf.h"
#include "http/head.h"

enum shop_role { SHOP_LIVE, SHOP_SHADOW, SHOP_CLEAN, SHOP_ROLES }; /* a clean one answers as live does */

/* What is wrong in the shadow. */
#define SHOP_WRONG_PRICE_EACH 25  /* items whose id this divides cost 1.00 more */
#define SHOP_MISSING_USER_EACH 25 /* users whose id this divides are 404 */
#define SHOP_SLOW_SEARCH_MS 20    /* added to every search */
#define SHOP_FAULTS 3
/* The same for people, and where it can be seen. */
struct shop_fault {
    const char *words, *endpoint;
};
extern const struct shop_fault shop_planted_faults[SHOP_FAULTS];

#define SHOP_ITEMS 500
#define SHOP_USERS 200

struct shop_answer {
    uint16_t status;
    uint32_t delay_ms;  /* to wait before it is sent */
    struct strbuf body; /* JSON; the caller's, strbuf_deinit */
};

/* Fills an answer whose body is STRBUF_INIT or empty. HEAD is answered as GET; not sending its body is the caller's matter. */
void shop_answer(enum shop_role role, enum http_method method, struct str target, struct str body,
                 struct shop_answer *answer);

struct shop_request {
    enum http_method method;
    char target[64];
    char body[64]; /* "" when there is none */
};

/* The n-th request: 55 % items, 25 % users, 15 % searches, 5 % checkouts (POST). */
void shop_request(uint64_t n, struct shop_request *request);
