/* SPDX-License-Identifier: Apache-2.0 */
/* Header and trailer fields. Names that Umbra acts on have an id, so that nothing compares strings twice.
 * Lifetime: borrowed bytes. Thread: any. */
#pragma once

#include "base/str.h"

enum field_id {
    FIELD_OTHER,
    FIELD_HOST,
    FIELD_CONNECTION,
    FIELD_KEEP_ALIVE,
    FIELD_PROXY_CONNECTION,
    FIELD_TRANSFER_ENCODING,
    FIELD_CONTENT_LENGTH,
    FIELD_TE,
    FIELD_TRAILER,
    FIELD_UPGRADE,
    FIELD_EXPECT,
    FIELD_PROXY_AUTHENTICATE,
    FIELD_PROXY_AUTHORIZATION,
    FIELD_X_FORWARDED_FOR,
    FIELD_X_FORWARDED_PROTO,
    FIELD_X_FORWARDED_HOST,
    FIELD_FORWARDED,
    FIELD_AUTHORIZATION,
    FIELD_COOKIE,
    FIELD_SET_COOKIE,
    FIELD_DATE,
    FIELD_SERVER,
    FIELD_VIA,
    FIELD_BAGGAGE,
    FIELD_TRACEPARENT,
    FIELD_RETRY_AFTER,
    FIELD_X_UMBRA_SHADOW,
    FIELD_ID_COUNT
};

struct field {
    struct str name;  /* as received */
    struct str value; /* without surrounding OWS */
    enum field_id id;
};

/* The id of a name, ASCII case-insensitive; FIELD_OTHER when Umbra does not act on it. */
enum field_id field_id_from_name(struct str name);
/* The canonical spelling ("Content-Length"). */
struct str field_id_name(enum field_id id);

/* True for fields that end at this hop (RFC 9110 7.6.1): Connection, Keep-Alive, Proxy-Connection,
 * Transfer-Encoding, TE and Upgrade are; what a Connection field names is besides. Proxy-Authorization and
 * Proxy-Authenticate are as well. */
bool field_is_hop_by_hop(enum field_id id);

/* True for what a rule may set, add or remove; not for what frames a message, ends at this hop, names its host, or tells
 * copies from requests. */
bool field_may_be_edited(enum field_id id);

/* True when the name may not stand in trailers (RFC 9110 6.5.1): framing, routing, authentication, Host, … */
bool field_is_forbidden_in_trailers(enum field_id id);
