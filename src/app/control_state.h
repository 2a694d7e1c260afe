/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the control process share; nobody else includes it. Lifetime: control_main. Thread: its only one. */
#pragma once

#include "admin/server.h"
#include "app/ipc.h"
#include "app/settings.h"
#include "base/arena.h"
#include "io/loop.h"
#include "io/timer.h"
#include "plan/build.h"
#include "plan/endpoints.h"
#include "provider/dns.h"
#include "registry/registry.h"

struct control {
    struct loop *loop;
    struct watch channel;
    struct settings settings;
    struct registry *registry;
    struct address admin; /* where `admin_fd` listens */
    int admin_fd;
    struct admin_server *admin_server;
    struct str admin_hosts[SETTINGS_MAX_HOSTS];
    int exit_code;
    bool is_draining;
    /* what the provider said */
    struct arena arena;
    struct rule_set rules;
    struct address *sockets; /* of the rules, with real ports once they are bound */
    struct dns *dns;
    struct dns_name **names; /* per host of rules.backends */
    /* what the gateway has got */
    const struct plan *plan;           /* NULL: none yet */
    const struct endpoints *endpoints; /* NULL: none yet */
    bool is_bound, is_published;
    struct timer patience; /* with names, before the first plan */
    struct timer endpoints_later;
    struct ipc_message message; /* the one being handled */
};

/* control.c: the supervisor must hear this; without it the process ends. */
void control_tell(struct control *control, enum ipc_type type, struct str payload, const int *fds, size_t fd_count);

/* control_publish.c */
/* Starts asking for the backends' names and asks the supervisor for the listeners. */
bool publish_start(struct control *control, struct err *err) __attribute__((warn_unused_result));
/* The supervisor answered IPC_BIND. */
void publish_bound(struct control *control, const struct ipc_message *message);
void publish_stop(struct control *control);
