/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the supervisor share; nobody else includes it. Lifetime: supervisor_run. Thread: main. */
#pragma once

#include "app/instance.h"
#include "app/ipc.h"
#include "app/options.h"
#include "app/records.h"
#include "app/sources.h"
#include "io/loop.h"
#include "io/timer.h"
#include "registry/registry.h"

/* Those in force, and those of the next rules. */
#define SUPERVISOR_MAX_LISTENERS (2 * IPC_MAX_SOCKETS)
/* A control that is busy must not find more reloads waiting than it needs. */
#define SUPERVISOR_RELOAD_MS 100

struct supervisor;
struct child;

struct bound {
    struct address asked, real;
    int fd;           /* -1: none */
    bool is_wanted;   /* the last IPC_BIND names it */
    bool is_in_force; /* the plan in force has it */
};

/* One row per kind of child. */
struct child_role {
    const char *name;
    uint32_t max_backoff_ms; /* longest pause before it is started again */
    /* The process runs and has its settings: send what else it needs. */
    void (*on_start)(struct child *child);
    /* The message's descriptors that it does not take are closed after. False: this child may not say that. */
    bool (*on_message)(struct child *child, struct ipc_message *message);
    void (*on_end)(struct child *child);
};

struct child {
    const struct child_role *role;
    struct supervisor *supervisor;
    pid_t pid; /* 0: does not run */
    struct watch watch;
    bool is_watched;
    struct timer restart;
    uint64_t started_at_ns;
    uint32_t backoff_ms;
    bool is_ready;
    unsigned slot;              /* gateway: of the registry */
    uint64_t listeners_version; /* gateway: of the set it has; 0: none */
};

enum child_id { CHILD_CONTROL, CHILD_GATEWAY, CHILD_ANALYST, CHILD_COUNT };
enum phase { PHASE_STARTING, PHASE_SERVING, PHASE_DRAINING };

/* The other supervisor in a take-over. */
struct other {
    struct watch watch; /* fd -1: there is none */
    bool is_promised;   /* a successor: it has got our sockets */
};

struct supervisor {
    struct loop *loop;
    const struct options *options;
    struct settings settings;
    enum phase phase;
    int exit_code;
    struct registry *registry;
    int registry_fd, registry_readonly_fd; /* -1: none */
    struct records_files records;          /* none without --compare */
    bool has_analyst;                      /* it was started once */
    struct bound admin;
    struct bound listeners[SUPERVISOR_MAX_LISTENERS];
    size_t listener_count;
    uint64_t listeners_version; /* grows when the set in force changes */
    struct ipc_parts parts;     /* what control said last */
    int last_good_fd;           /* what control said last with IPC_LAST_GOOD; -1 */
    struct sources sources;
    struct child children[CHILD_COUNT];
    struct watch signals;
    unsigned stop_signals;
    struct timer reload; /* armed for a while after each IPC_RELOAD */
    bool is_reload_due;  /* SIGHUP came meanwhile */
    struct timer deadline, linger;
    bool is_finishing; /* the gateway is gone, and the analyst was told */
    bool is_succeeded; /* drains because a successor serves: it has the rules */
    struct instance instance;
    struct watch callers; /* successors that connect */
    struct other successor;
    struct other predecessor;
    struct timer patience;      /* with the time this run takes to replace it */
    struct ipc_message message; /* the one being handled */
};

/* supervisor.c */
void supervisor_fail(struct supervisor *supervisor, const char *format, ...) __attribute__((format(printf, 2, 3)));
void supervisor_drain(struct supervisor *supervisor, bool is_takeover);
/* A child became ready: when all are, the run serves. */
void supervisor_check_ready(struct supervisor *supervisor);

/* supervisor_child.c */
void child_init(struct child *child, struct supervisor *supervisor, const struct child_role *role);
void child_start(struct child *child);
/* Kills and reaps; no restart. */
void child_stop(struct child *child);
/* After SIGCHLD: `status` is waitpid's. */
void child_ended(struct child *child, int status);
/* False when it does not run or does not listen. */
bool child_send(struct child *child, enum ipc_type type, struct str payload, const int *fds, size_t fd_count);
/* Likewise, an IPC_PLAN. */
bool child_send_parts(struct child *child, const struct ipc_parts *parts);

/* supervisor_roles.c */
extern const struct child_role control_role, gateway_role, analyst_role;

/* supervisor_analyst.c */
/* Makes the rings, if answers are to be compared; before the supervisor is confined. */
void analyst_prepare(struct supervisor *supervisor);
void analyst_forget(struct supervisor *supervisor);
bool analyst_send_records(struct child *child, enum records_for role);
/* Gives control and analyst a channel of their own, if both run: after either was started. */
void analyst_connect(struct supervisor *supervisor);
/* What of the plan in force and its addresses is among those that came (bits as in ipc_take_parts); true when it does not run. */
bool analyst_send_parts(struct supervisor *supervisor, uint32_t came);
/* An IPC_COMPARING. */
bool analyst_compare(struct supervisor *supervisor, const struct ipc_message *message);
/* The gateway is gone: a moment for what is in the rings. False: there is nothing to wait for. */
bool analyst_finish(struct supervisor *supervisor);

/* supervisor_listen.c */
/* The socket for an address: one that is there already, else a new one; NULL with errno. */
struct bound *listeners_get(struct supervisor *supervisor, const struct address *asked);
/* The last IPC_BIND is answered: closes what neither it nor the plan in force names. */
void listeners_close_unwanted(struct supervisor *supervisor);
/* The plan that the last IPC_BIND was for came. */
void listeners_put_in_force(struct supervisor *supervisor);
/* Their addresses are kept: rules go on to change while connections are still accepted. */
void listeners_let_go(struct supervisor *supervisor);
void listeners_close(struct supervisor *supervisor);
bool listeners_bind_admin(struct supervisor *supervisor, struct err *err) __attribute__((warn_unused_result));
/* Takes over a socket that a predecessor handed. */
void listeners_add(struct supervisor *supervisor, const struct ipc_handed *handed, int fd);

/* supervisor_replace.c */
void replace_init(struct supervisor *supervisor);
/* Gets the sockets of a running umbra, before anything is started. False: it runs but did not hand over. */
bool replace_begin(struct supervisor *supervisor, struct err *err) __attribute__((warn_unused_result));
/* This run serves: the path is ours, the predecessor drains. */
void replace_done(struct supervisor *supervisor);
void replace_stop(struct supervisor *supervisor);
