/* SPDX-License-Identifier: Apache-2.0 */
/* What the admin port answers, without I/O: a request and the state of this umbra go in, a response comes out. One table in
 * api.c holds every route: it dispatches, makes the page at / and docs/reference/api.md.
 * Guards, in this order (docs/reference/api.md): a Host that is no IP address, localhost or --admin-host: 403 (a browser that was led here
 * by DNS); unknown path 404; wrong method 405; token wrong or missing 401; a change without `X-Umbra: 1`: 403 (a browser's form).
 * Lifetime: values; a response is freed with admin_response_deinit. Thread: control's. */
#pragma once

#include "admin/metrics.h"
#include "admin/relay.h"
#include "admin/status.h"
#include "http/head.h"

/* Largest request body that any route takes; the server refuses more with 413. */
#define ADMIN_MAX_BODY (64u * 1024)
/* Pages that may be long are made in pieces of about this size. */
#define ADMIN_PIECE (64u * 1024)

/* What answers are made of. */
struct admin {
    struct status_source status; /* its clocks are set for each request */
    struct process process;
    struct str token; /* empty: none is asked for */
    const struct str *hosts;
    size_t host_count;
};

struct admin_request {
    const struct head *head;
    struct str body;
};

struct admin_response {
    uint16_t status;
    const char *content_type;
    struct strbuf body;
    struct strbuf allow; /* value of Allow, for 405; else empty */
    bool has_challenge;  /* WWW-Authenticate: Bearer */
    bool has_more;       /* the body goes on: admin_next */
    bool is_relayed;     /* another process makes the page: `question`; the rest is not set */
    struct relay_question question;
    struct metrics_cursor cursor;
};

#define ADMIN_RESPONSE_INIT \
    { \
        .status = 200 \
    }

/* Fills a response that was initialised with ADMIN_RESPONSE_INIT. The answer to HEAD is that to GET; its body is not to be
 * sent. May set the kill switches in the registry. */
void admin_handle(const struct admin *admin, const struct admin_request *request, struct admin_response *response);
/* Replaces the body with the next piece while has_more is set. */
void admin_next(const struct admin *admin, struct admin_response *response);
void admin_response_deinit(struct admin_response *response);

/* docs/reference/api.md */
void admin_reference(struct strbuf *page);
