/* SPDX-License-Identifier: Apache-2.0 */
/* The admin port: binds api.h to HTTP connections on control's loop and samples rates once a second. At most
 * ADMIN_MAX_CONNECTIONS at a time, short timeouts, bodies up to ADMIN_MAX_BODY; long pages go out in pieces, as fast as the client
 * reads. Lifetime: admin_server_new to admin_server_free, which is called
 * when the loop no longer runs (it runs a last turn) and before it is freed. Thread: the loop's. */
#pragma once

#include "admin/api.h"
#include "io/loop.h"

/* Status readers, scrapers and probes are few; what sits idle gives way long before this. */
#define ADMIN_MAX_CONNECTIONS 64

struct admin_server;

struct admin_config {
    struct registry *registry; /* borrowed */
    struct str token;          /* borrowed; empty: none is asked for */
    const struct str *hosts;   /* --admin-host; borrowed */
    size_t host_count;
    const struct analyst_figures *analyst; /* borrowed; NULL: nothing is known of one */
    const struct relay_ops *relay;         /* whom pages are asked that are made elsewhere; NULL: nobody */
    void *relay_user;
};

struct admin_server *admin_server_new(struct loop *loop, const struct admin_config *config);
/* Starts to accept; once. The listening socket stays the caller's. */
void admin_server_listen(struct admin_server *server, int fd);
/* What control gave out last, for explanations; borrowed until the next call, either may be NULL. Mirrors of the plan appear in
 * status before their first request. */
void admin_server_set_rules(struct admin_server *server, const struct plan *plan, const struct endpoints *endpoints);
/* What is wrong with the rules, and where they are served; what it points at is borrowed until the next call. */
void admin_server_set_config(struct admin_server *server, const struct status_config *config);
/* /readyz fails from now on. When a successor took over the socket, nothing more is accepted and idle connections end. */
void admin_server_drain(struct admin_server *server, bool is_takeover);
void admin_server_free(struct admin_server *server);
