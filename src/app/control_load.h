/* SPDX-License-Identifier: Apache-2.0 */
/* One load of rules: what the provider said at one moment, compiled, with all that is wrong in it, and what it holds outside of
 * itself: names that are asked for. Sockets are the supervisor's.
 * Lifetime: load_new to load_free. Thread: control's. */
#pragma once

#include "admin/status.h"
#include "app/settings.h"
#include "base/arena.h"
#include "compile/outcome.h"
#include "kube/marker_secret.h"
#include "manifest/problem.h"
#include "plan/build.h"
#include "plan/endpoints.h"
#include "provider/dns.h"
#include "provider/files.h"

struct manifests;
struct compiled;
struct credentials;
struct key_files;

struct load {
    struct arena arena;
    struct manifests *manifests;
    struct compiled *compiled;
    struct rule_set rules;    /* its sockets are `sockets` */
    struct address *sockets;  /* as they are bound, or to be bound */
    struct address *asked;    /* the same as the rules said */
    int *socket_errors;       /* why a socket could not be bound: errno; 0 */
    struct problems problems; /* all: of reading, compiling and binding */
    struct outcomes outcomes; /* those of the rules, with what became of their sockets; of a cluster */
    uint64_t editions;        /* of the outcomes */
    struct arena ports;       /* of the outcomes that the sockets changed */
    struct status_listener *listeners;
    size_t listener_count;
    struct dns_name **names; /* per host of rules.backends; NULL: needs no question. NULL: none was taken yet */
    size_t host_count;
    size_t routes;            /* as people count them: HTTPRoutes */
    bool is_of_flags;         /* the quick start */
    uint64_t rebind_until_ns; /* sockets that are taken are asked for again before it counts; 0: none was taken */
    struct marker_keys keys;  /* of all replicas */
    bool is_refused;          /* no plan could be made of it: nothing of it is in force */
};

/* What a load is made of. */
struct load_from {
    const struct settings *settings;
    struct manifests *manifests;           /* the load takes over the reference */
    struct manifests *before;              /* what is bad keeps its last good version of these; NULL: there is none */
    struct key_files *key_files;           /* set to what the manifests name; NULL: files can't be read */
    const struct credentials *credentials; /* in force; NULL */
    struct str gateway_api_version;        /* of the installed CRDs; empty: not known */
    const struct marker_keys *keys;        /* of all replicas; NULL: the run's own counts */
};
struct load *load_new(const struct load_from *from);
/* Gives the names back. */
void load_free(struct load *load);

/* The problems anew, once it is known which sockets could be bound. `admin` is where this umbra has its own port. */
void load_say_sockets(struct load *load, const struct address *admin);
/* Adds that the rules as a whole are not in force. */
void load_say_refused(struct load *load, const char *why);

/* Asks for the names of all hosts. `known` has addresses from an earlier run; NULL: none. */
void load_take_names(struct load *load, struct dns *dns, const struct endpoints *known);
/* The addresses of all backends as they are known now: a sealed memory file, or -1. */
int load_endpoints(const struct load *load, uint64_t generation, struct err *err);
/* What the load's rules need for TLS: likewise. */
int load_credentials(const struct load *load, uint64_t generation, struct err *err);
