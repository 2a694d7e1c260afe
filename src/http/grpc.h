/* SPDX-License-Identifier: Apache-2.0 */
/* What can be seen of gRPC in heads and trailers (gRPC over HTTP/2, PROTOCOL-HTTP2.md; status codes: statuscodes.md and
 * http-grpc-status-mapping.md of the gRPC project). Messages are never looked at. Thread: any; pure functions. */
#pragma once

#include "http/head.h"

enum grpc_status {
    GRPC_OK,
    GRPC_CANCELLED,
    GRPC_UNKNOWN,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16, /* the last one */
    GRPC_OTHER,                /* a grpc-status that is none */
    GRPC_NONE,                 /* no grpc-status came */
    GRPC_STATUS_COUNT
};

/* The request is a call: its content-type is application/grpc, with a "+format" or parameters or neither. Those of gRPC-Web are not. */
bool grpc_is_call(const struct head *request);

/* The call's deadline from now on, in ms rounded up; false when it has none, or one beyond any clock here. */
bool grpc_deadline_ms(const struct head *request, uint32_t *ms);

/* The grpc-status among the fields of an answer's head or trailers. */
enum grpc_status grpc_find_status(const struct field *fields, uint16_t count);

/* What a caller is told in place of an HTTP status of Umbra's own. A backendRef that can't be resolved (500) is UNAVAILABLE, as GRPCRoute
 * says. */
enum grpc_status grpc_status_from_http(uint16_t status);
/* Its number as text. */
struct str grpc_status_text(enum grpc_status status);
