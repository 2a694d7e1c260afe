/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to one Kubernetes API server on a loop, over Umbra's own HTTP client and TLS: always verified, with the token of the moment.
 * Knows addresses, connections, credentials and status codes; nothing of objects. Each name is resolved anew when connecting fails, and when a
 * connection is made after 30 s. A 401 makes it read the token again and ask once more. Nothing else is repeated here: backing off is
 * the caller's (kube/backoff.h), for whom `retry_after_ms` is handed on.
 * Lifetime: kube_client_new to kube_client_free; a request is the caller's memory until its on_done, or kube_cancel. Thread: the loop's. */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "http/stream.h"

struct loop;
struct kube_config;
struct kube_client;
struct kube_request;

/* An answer's body beyond this ends the request (one list page, one object with its status: API servers refuse objects over about 1.5 MB). */
#define KUBE_BODY_MAX (32u * 1024 * 1024)
/* Resolving, connecting, handshake and head together, unless the request says another time; then the longest silence within an answer that is
 * not streamed. */
#define KUBE_ANSWER_MS 15000
/* For what takes a server long, as pages of lists do when it is busy: its own limit for requests. */
#define KUBE_SLOW_MS 60000
/* Of this for one address, as long as there are others. */
#define KUBE_CONNECT_MS 4000
/* A connection on which nothing is heard for so long is asked whether it is alive (TCP keep-alive), and given up soon after: a server that
 * vanished without a word would else be watched in silence. */
#define KUBE_ALIVE_S 15

struct kube_answer {
    int status;          /* HTTP's; 0: none came, or its body did not end */
    struct str body;     /* whole; of a streaming request empty */
    struct str reason;   /* of a Kubernetes Status in it ("Conflict"); else empty */
    const char *problem; /* a sentence for people when status is not 2xx: "connect 10.0.0.1:443: Connection refused",
                                "403 Forbidden: httproutes is forbidden: User … cannot list …"; else NULL */
    uint32_t retry_after_ms; /* Retry-After; 0: none */
};

/* Embedded in the caller's object; zeroed, then the members up to the blank line are set. Strs must live until on_done. */
struct kube_request {
    const char *method;      /* "GET", "PUT", "POST", "PATCH", "DELETE" */
    struct str target;       /* path and query, as they go on the wire, below the server's base path */
    struct str content_type; /* of the body; empty: no body */
    struct str body;
    bool is_streaming;  /* on_part gets a 2xx answer's body as it comes */
    uint32_t idle_ms;   /* of streaming: longest silence; 0: none */
    uint32_t answer_ms; /* to the head; 0: KUBE_ANSWER_MS */
    /* Of streaming: a 2xx answer has begun. May be NULL. */
    void (*on_begin)(struct kube_request *request);
    void (*on_part)(struct kube_request *request, struct str part);
    /* Exactly once, unless cancelled. Everything in the answer is borrowed for the call. The request may be sent again from in here. */
    void (*on_done)(struct kube_request *request, const struct kube_answer *answer);

    struct kube_client *client;
    void *state; /* the client's; NULL: not under way */
};

/* Takes over the config. */
struct kube_client *kube_client_new(struct loop *loop, struct kube_config *config, struct err *err)
    __attribute__((warn_unused_result));
/* Requests under way are cancelled. */
void kube_client_free(struct kube_client *client);
const struct kube_config *kube_client_config(const struct kube_client *client);

/* May call back before it returns. */
void kube_send(struct kube_client *client, struct kube_request *request);
/* No callback comes any more; harmless when it is not under way. */
void kube_cancel(struct kube_request *request);
