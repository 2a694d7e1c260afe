/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the control process share; nobody else includes it. Lifetime: control_main. Thread: its only one. */
#pragma once

#include "admin/server.h"
#include "app/control_ask.h"
#include "app/control_load.h"
#include "app/ipc.h"
#include "app/settings.h"
#include "app/sources.h"
#include "base/map.h"
#include "io/loop.h"
#include "io/timer.h"
#include "registry/registry.h"

/* Of a run with --kube (control_cluster.c). */
struct cluster_rules {
    struct kube_client *client;
    struct cluster *cluster; /* NULL: rules come from elsewhere */
    struct bundle_version
        *version; /* of the Gateway API; NULL: only some namespaces are served, and nothing cluster-wide is asked for */
    bool has_said_version; /* that it can't be known */
    struct timer later;
    bool is_loaded;     /* once: everything was read */
    uint64_t loaded_ns; /* when the last load was made; 0: never */
    uint64_t load_ns;   /* how long it took */
    uint64_t edition;   /* of what the last one was read from */
    char identity[320]; /* of this replica */
    struct kube_lease *lease;
    struct kube_writer *writer; /* of status and events */
    struct kube_events *events;
    struct control_status *status;
    struct timer report_again;
    bool is_report_soon;          /* the timer is armed for news */
    uint64_t load_number;         /* of the current load */
    uint64_t said_load;           /* whose events were written; 0: none's */
    uint64_t logged[4];           /* of the load that was logged last: what makes it news */
    struct marker_secret *marker; /* NULL: --marker-key-file */
    char problem[512];            /* of this replica, as the last load says it; "": none */
    char trouble[256];            /* as it was logged; "": none */
    char awaited[384];
};

struct control {
    struct loop *loop;
    struct watch channel;
    struct settings settings;
    struct registry *registry;
    struct address admin; /* where `admin_fd` listens */
    int admin_fd;
    struct admin_server *admin_server;
    struct asker *asker;
    struct records records; /* came, and not yet the asker's */
    bool has_rings;         /* of records: answers can be compared */
    struct str admin_hosts[SETTINGS_MAX_HOSTS];
    int exit_code;
    bool is_succeeded; /* a successor reads the rules from now on */
    /* where rules come from */
    struct sources sources;
    struct files *files; /* NULL: no files */
    struct cluster_rules cluster_rules;
    struct key_files *key_files; /* what they name for TLS */
    struct manifests *manifests; /* of the last load: what is good in them stays when it is bad in the next */
    uint64_t loads;              /* so many were made to be in force */
    int last_good_fd;            /* of the control before this one; -1 */
    struct map good_texts;       /* file → struct str: its text when nothing in it was wrong */
    bool has_left_good;          /* the supervisor keeps them */
    /* loads */
    struct load *pending;   /* waits for sockets and names; NULL */
    struct load *current;   /* given out; NULL */
    uint32_t bind_sequence; /* of the last IPC_BIND */
    bool is_bound;          /* it was answered, for the pending load */
    struct dns *dns;
    struct timer patience; /* with names, before a plan */
    struct timer rebind;   /* sockets that could not be bound are asked for again */
    struct timer endpoints_later;
    /* what the gateway has got */
    const struct plan *plan;               /* NULL: none yet */
    const struct endpoints *endpoints;     /* NULL: none yet */
    const struct credentials *credentials; /* NULL: none yet */
    int plan_fd;                           /* of `plan` */
    bool has_told_ready;
    bool is_report_due;         /* once the gateway serves the plan */
    struct ipc_message message; /* the one being handled */
};

/* control.c: the supervisor must hear this; without it the process ends. */
void control_tell(struct control *control, enum ipc_type type, struct str payload, const int *fds, size_t fd_count);
void control_tell_parts(struct control *control, const struct ipc_parts *parts);

/* control.c: what was given out last may have something to compare, or nothing any more. */
void control_compare(struct control *control);

/* control_rules.c: from flags, files or a cluster to loads. False with the reason why this run can't begin. */
bool rules_start(struct control *control, struct err *err) __attribute__((warn_unused_result));
/* SIGHUP. */
void rules_reload(struct control *control);
void rules_stop(struct control *control);

/* control_cluster.c: from a cluster to loads. False with the reason why this run can't begin. */
bool cluster_rules_start(struct control *control, struct err *err) __attribute__((warn_unused_result));
void cluster_rules_stop(struct control *control);
/* That of the Gateway API in the cluster; empty: not known. Borrowed until the loop goes on. */
struct str cluster_rules_version(const struct control *control);
/* Something that a load depends on is different: one is made in a moment. */
void cluster_rules_again(struct control *control);
/* From time to time: whether what is said of this replica is still so. */
void cluster_rules_check(struct control *control);
/* Why rules of a cluster are not known yet; NULL: they are. Borrowed until the loop goes on. */
const char *cluster_rules_awaited(struct control *control);

/* control_replica.c: what replicas of a cluster have in common. */
void replica_start(struct control *control, struct str ns);
/* SIGTERM: another replica may lead at once. */
void replica_drain(struct control *control);
void replica_stop(struct control *control);
/* What all replicas sign copies with and know them by; NULL: the run's own key counts. */
const struct marker_keys *replica_keys(const struct control *control);
/* Why this replica can't do its part, a sentence; NULL. Borrowed until the loop goes on. */
const char *replica_problem(const struct control *control);

/* control_report_cluster.c: status and events of the objects that the current load was made of; the leader alone writes. */
void cluster_report_start(struct control *control);
void cluster_report_stop(struct control *control);
/* What was to be written will not be: this replica leads no more. */
void cluster_report_forget(struct control *control);
/* The current load, the objects or the leader are others: in a moment. */
void cluster_report(struct control *control);

/* control_events.c: of the current load. */
void events_say(struct control *control);

/* control_rules.c: a load of these manifests, whose reference it takes over; nothing is different yet. */
struct load *rules_make(struct control *control, struct manifests *manifests);
/* This load shall be in force; takes it over. */
void rules_load(struct control *control, struct load *load);

/* control_last_good.c: what a control that is started anew needs, to know what a bad resource was. */
/* What the control before this one left; NULL: nothing. The caller's reference. */
struct manifests *last_good_take(struct control *control);
/* A load was made of the files' present texts. */
void last_good_keep(struct control *control);
void last_good_stop(struct control *control);

/* control_publish.c: from loads to what the gateway gets. */
bool publish_start(struct control *control, struct err *err) __attribute__((warn_unused_result));
/* This load shall be in force; it becomes the publisher's. The one before that is not yet given out is forgotten. */
void publish_load(struct control *control, struct load *load);
/* The supervisor answered IPC_BIND. */
void publish_bound(struct control *control, const struct ipc_message *message);
/* The gateway serves the plan of this generation. */
void publish_in_force(struct control *control, uint64_t generation);
void publish_stop(struct control *control);

/* control_report.c */
/* Counters, log lines and the admin port say what the current load is. */
void report_load(struct control *control);
/* The admin port says it. */
void report_status(struct control *control);
/* A run that can't begin: all problems, one line each. */
void report_failure(const struct load *load);
