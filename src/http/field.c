/* SPDX-License-Identifier: Apache-2.0 */
#include "http/field.h"

/* Where a field may not go: F_HOP ends at this hop, F_NO_TRAILER frames, routes, authenticates or controls. */
enum { F_HOP = 1, F_NO_TRAILER = 2 };

static const struct {
    struct str name;
    uint8_t flags;
} fields[FIELD_ID_COUNT] = {
    [FIELD_OTHER] = {STR_INIT(""), 0},
    [FIELD_HOST] = {STR_INIT("Host"), F_NO_TRAILER},
    [FIELD_CONNECTION] = {STR_INIT("Connection"), F_HOP | F_NO_TRAILER},
    [FIELD_KEEP_ALIVE] = {STR_INIT("Keep-Alive"), F_HOP | F_NO_TRAILER},
    [FIELD_PROXY_CONNECTION] = {STR_INIT("Proxy-Connection"), F_HOP | F_NO_TRAILER},
    [FIELD_TRANSFER_ENCODING] = {STR_INIT("Transfer-Encoding"), F_HOP | F_NO_TRAILER},
    [FIELD_CONTENT_LENGTH] = {STR_INIT("Content-Length"), F_NO_TRAILER},
    [FIELD_TE] = {STR_INIT("TE"), F_HOP | F_NO_TRAILER},
    [FIELD_TRAILER] = {STR_INIT("Trailer"), F_HOP | F_NO_TRAILER},
    [FIELD_UPGRADE] = {STR_INIT("Upgrade"), F_HOP | F_NO_TRAILER},
    [FIELD_EXPECT] = {STR_INIT("Expect"), F_NO_TRAILER},
    [FIELD_PROXY_AUTHENTICATE] = {STR_INIT("Proxy-Authenticate"), F_HOP | F_NO_TRAILER},
    [FIELD_PROXY_AUTHORIZATION] = {STR_INIT("Proxy-Authorization"), F_HOP | F_NO_TRAILER},
    [FIELD_X_FORWARDED_FOR] = {STR_INIT("X-Forwarded-For"), F_NO_TRAILER},
    [FIELD_X_FORWARDED_PROTO] = {STR_INIT("X-Forwarded-Proto"), F_NO_TRAILER},
    [FIELD_X_FORWARDED_HOST] = {STR_INIT("X-Forwarded-Host"), F_NO_TRAILER},
    [FIELD_FORWARDED] = {STR_INIT("Forwarded"), F_NO_TRAILER},
    [FIELD_AUTHORIZATION] = {STR_INIT("Authorization"), F_NO_TRAILER},
    [FIELD_COOKIE] = {STR_INIT("Cookie"), F_NO_TRAILER},
    [FIELD_SET_COOKIE] = {STR_INIT("Set-Cookie"), F_NO_TRAILER},
    [FIELD_DATE] = {STR_INIT("Date"), F_NO_TRAILER},
    [FIELD_SERVER] = {STR_INIT("Server"), 0},
    [FIELD_VIA] = {STR_INIT("Via"), 0},
    [FIELD_BAGGAGE] = {STR_INIT("Baggage"), F_NO_TRAILER},
    [FIELD_TRACEPARENT] = {STR_INIT("Traceparent"), F_NO_TRAILER},
    [FIELD_RETRY_AFTER] = {STR_INIT("Retry-After"), F_NO_TRAILER},
    [FIELD_X_UMBRA_SHADOW] = {STR_INIT("X-Umbra-Shadow"), F_NO_TRAILER},
};

#define LONGEST_NAME 19

/* The ids of names of each length, up to the first FIELD_OTHER. */
static const uint8_t ids_of_length[LONGEST_NAME + 1][4] = {
    [2] = {FIELD_TE},
    [3] = {FIELD_VIA},
    [4] = {FIELD_HOST, FIELD_DATE},
    [6] = {FIELD_COOKIE, FIELD_EXPECT, FIELD_SERVER},
    [7] = {FIELD_UPGRADE, FIELD_BAGGAGE, FIELD_TRAILER},
    [9] = {FIELD_FORWARDED},
    [10] = {FIELD_CONNECTION, FIELD_KEEP_ALIVE, FIELD_SET_COOKIE},
    [11] = {FIELD_TRACEPARENT, FIELD_RETRY_AFTER},
    [13] = {FIELD_AUTHORIZATION},
    [14] = {FIELD_CONTENT_LENGTH, FIELD_X_UMBRA_SHADOW},
    [15] = {FIELD_X_FORWARDED_FOR},
    [16] = {FIELD_X_FORWARDED_HOST, FIELD_PROXY_CONNECTION},
    [17] = {FIELD_TRANSFER_ENCODING, FIELD_X_FORWARDED_PROTO},
    [18] = {FIELD_PROXY_AUTHENTICATE},
    [19] = {FIELD_PROXY_AUTHORIZATION},
};

enum field_id field_id_from_name(struct str name)
{
    if (name.len > LONGEST_NAME)
        return FIELD_OTHER;
    for (const uint8_t *id = ids_of_length[name.len]; *id != FIELD_OTHER; id++) {
        /* Names of one length differ in their first letter: nearly all others end here. */
        if (((name.ptr[0] ^ fields[*id].name.ptr[0]) & 0xdf) == 0 && str_eq_nocase(name, fields[*id].name))
            return *id;
    }
    return FIELD_OTHER;
}

struct str field_id_name(enum field_id id)
{
    return fields[id].name;
}

bool field_is_hop_by_hop(enum field_id id)
{
    return fields[id].flags & F_HOP;
}

bool field_is_forbidden_in_trailers(enum field_id id)
{
    return fields[id].flags & F_NO_TRAILER;
}
