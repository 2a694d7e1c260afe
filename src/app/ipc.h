/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between the supervisor and its children (and a successor under --replace): one SOCK_SEQPACKET datagram each,
 * a fixed header, a payload and at most IPC_MAX_FDS descriptors (SCM_RIGHTS). A child finds its end as descriptor IPC_FD.
 * The supervisor keeps the last plan, endpoints, credentials, listeners and registry, and gives them to every child that it starts, so that a restarted
 * gateway serves at once, also without control. Lifetime: received descriptors belong to the caller. Thread: one per end. */
#pragma once

#include "base/address.h"
#include "base/err.h"

#define IPC_FD 3
#define IPC_MAX_FDS 16
#define IPC_MAX_PAYLOAD (40 * 1024)
/* Listening sockets of one umbra: as many as one IPC_BOUND holds. */
#define IPC_MAX_SOCKETS 240

enum ipc_type {
    IPC_SETTINGS = 1, /* supervisor → child, first: struct settings (app/settings.h) */
    IPC_REGISTRY, /* supervisor → child: the registry's descriptor; payload struct ipc_registry. For the analyst: for reading only, and the
                         last message of its start */
    IPC_LISTENERS, /* supervisor → gateway: struct address[] and as many listening sockets; the whole set comes as one or more
                         messages (an empty one for the empty set) before the IPC_PLAN that uses them, and not again for a plan
                         with the same set */
    IPC_ADMIN, /* supervisor → control: the admin listening socket and its address; the last message of a control's start */
    IPC_BIND, /* control → supervisor: struct ipc_bind, then as many addresses: the whole set that the next plan needs */
    IPC_BOUND, /* supervisor → control: the same struct ipc_bind, then as many struct ipc_bound */
    IPC_PLAN, /* control → supervisor → gateway (and, the plan alone, analyst): struct ipc_parts, which come into force together; what is not among them stays as it was.
                         Also supervisor → control at its start, so that it knows what is in force */
    IPC_READY, /* gateway → supervisor: listeners are served with a plan; control → supervisor: its first plan is in force */
    IPC_DRAIN, /* supervisor → gateway and control: struct ipc_drain. Supervisor → analyst, empty: no record comes any more; it finishes those
                         that there are, and exits 0 */
    IPC_DRAINED,  /* gateway → supervisor: nothing is in flight any more; the gateway then exits 0 */
    IPC_RELOAD,   /* supervisor → control: SIGHUP */
    IPC_TAKEOVER, /* successor → supervisor: give me your sockets, registry and marker key. Answered by IPC_REGISTRY,
                         IPC_ADMIN and IPC_LISTENERS (both with struct ipc_handed[]), IPC_PLAN (without the plan) and IPC_LAST_GOOD if there are
                         any, and IPC_TAKEOVER as the last; request and answer carry struct ipc_takeover */
    IPC_TAKEN,    /* successor → supervisor: I serve; drain now */
    IPC_IN_FORCE, /* gateway → supervisor → control: all workers serve the plan of this generation (uint64_t) */
    IPC_SOURCE, /* supervisor → control at its start: the text that stands for the path of -f with this index (uint32_t) */
    IPC_LAST_GOOD, /* control → supervisor, and back to the next control: an archive (app/archive.h) of each file's last good text,
                         without which a control that is started anew would not know what a bad resource was; no descriptor: there is none */
    IPC_RECORDS, /* supervisor → gateway, analyst and control, at their start: the rings (app/records.h), struct ipc_records and their
                         descriptors; none comes when there are no rings */
    IPC_COMPARING, /* control → supervisor, with each plan: whether it has mirrors whose answers are compared (uint32_t): the analyst is
                         started when it is first so, and not before */
    IPC_ANALYST, /* supervisor → control: one end of a channel to the analyst that runs, for questions (app/ask.h), and supervisor → analyst:
                         the other end; whenever either was started */
    IPC_QUESTION, /* control → analyst on that channel: struct ask_question, and the end of a pipe for the answer */
    IPC_FAILED,   /* control → supervisor: said why this run can't begin; ends it while it is starting */
};

/* What a gateway serves by: descriptors, -1 for those that there are not. The message's payload is a uint32_t with a bit for each that it
 * carries, in this order. */
enum ipc_part { IPC_PART_PLAN, IPC_PART_ENDPOINTS, IPC_PART_CREDENTIALS, IPC_PART_COUNT };
struct ipc_parts {
    int fds[IPC_PART_COUNT];
};
#define IPC_PARTS_NONE ((struct ipc_parts){{-1, -1, -1}})

struct ipc_bind {
    uint32_t sequence; /* of the question; an answer to an older one is for nobody */
    uint32_t count;
};

struct ipc_registry {
    uint32_t gateway_slot; /* for a gateway: its slot, taken by the supervisor */
};

struct ipc_records {
    uint32_t workers;
    uint32_t reserved;
    uint64_t capacity; /* of one ring */
};

struct ipc_bound {
    struct address address; /* with the real port where 0 was asked */
    int32_t error;          /* errno, 0 when bound */
};

struct ipc_drain {
    uint32_t delay_ms;    /* go on accepting, answers say Connection: close, /readyz fails */
    uint32_t deadline_ms; /* after the delay: longest wait for what is in flight */
    uint32_t
        is_takeover; /* a successor accepts on the same sockets: stop accepting at once, close nothing that is idle early */
};

/* One socket that goes from a supervisor to its successor. */
struct ipc_handed {
    struct address asked; /* as the options said, possibly with port 0 */
    struct address real;
};

#define IPC_TAKEOVER_PROTOCOL 2
struct ipc_takeover {
    uint32_t protocol; /* other versions are refused */
    int32_t pid;
    char version[32];
    unsigned char marker_key[32]; /* in the answer */
};

struct ipc_message {
    enum ipc_type type;
    size_t len;
    size_t fd_count;
    int fds[IPC_MAX_FDS]; /* received ones are close-on-exec */
    _Alignas(8) char payload[IPC_MAX_PAYLOAD];
};

enum ipc_result { IPC_OK, IPC_AGAIN, IPC_CLOSED, IPC_BROKEN };

/* Both ends close-on-exec and non-blocking. */
bool ipc_pair(int fds[2], struct err *err) __attribute__((warn_unused_result));
/* Sends one message; the descriptors stay the caller's. Waits up to 1 s when the peer's queue is full, then false. */
bool ipc_send(int fd, enum ipc_type type, struct str payload, const int *fds, size_t fd_count)
    __attribute__((warn_unused_result));
/* Likewise without waiting: false when the peer's queue is full. */
bool ipc_offer(int fd, enum ipc_type type, struct str payload, const int *fds, size_t fd_count)
    __attribute__((warn_unused_result));
enum ipc_result ipc_receive(int fd, struct ipc_message *message) __attribute__((warn_unused_result));
/* Blocks until a message comes, for a child's start. False: the peer is gone, or what came is none. */
bool ipc_wait(int fd, struct ipc_message *message) __attribute__((warn_unused_result));
/* Closes the descriptors of a message that nobody took. */
void ipc_discard(struct ipc_message *message);

/* An IPC_PLAN with what there is of these; the descriptors stay the caller's. True without a message when there is nothing. */
bool ipc_send_parts(int fd, const struct ipc_parts *parts) __attribute__((warn_unused_result));
/* Takes the descriptors of an IPC_PLAN, in place of those that are there, which are closed. Returns the bits of those that came; 0 when the
 * message is none. */
uint32_t ipc_take_parts(struct ipc_message *message, struct ipc_parts *parts);
void ipc_close_parts(struct ipc_parts *parts);
