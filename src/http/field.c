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
    [FIELD_TRAILER] = {STR_INIT("Trailer"), F_NO_TRAILER},
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
#define LETTER(byte) ((byte)&0x1f) /* the same for both cases */

/* No two names have both length and first letter in common. */
static const uint8_t ids[LONGEST_NAME + 1][32] = {
    [2][LETTER('T')] = FIELD_TE,
    [3][LETTER('V')] = FIELD_VIA,
    [4][LETTER('H')] = FIELD_HOST,
    [4][LETTER('D')] = FIELD_DATE,
    [6][LETTER('C')] = FIELD_COOKIE,
    [6][LETTER('E')] = FIELD_EXPECT,
    [6][LETTER('S')] = FIELD_SERVER,
    [7][LETTER('B')] = FIELD_BAGGAGE,
    [7][LETTER('T')] = FIELD_TRAILER,
    [7][LETTER('U')] = FIELD_UPGRADE,
    [9][LETTER('F')] = FIELD_FORWARDED,
    [10][LETTER('C')] = FIELD_CONNECTION,
    [10][LETTER('K')] = FIELD_KEEP_ALIVE,
    [10][LETTER('S')] = FIELD_SET_COOKIE,
    [11][LETTER('R')] = FIELD_RETRY_AFTER,
    [11][LETTER('T')] = FIELD_TRACEPARENT,
    [13][LETTER('A')] = FIELD_AUTHORIZATION,
    [14][LETTER('C')] = FIELD_CONTENT_LENGTH,
    [14][LETTER('X')] = FIELD_X_UMBRA_SHADOW,
    [15][LETTER('X')] = FIELD_X_FORWARDED_FOR,
    [16][LETTER('P')] = FIELD_PROXY_CONNECTION,
    [16][LETTER('X')] = FIELD_X_FORWARDED_HOST,
    [17][LETTER('T')] = FIELD_TRANSFER_ENCODING,
    [17][LETTER('X')] = FIELD_X_FORWARDED_PROTO,
    [18][LETTER('P')] = FIELD_PROXY_AUTHENTICATE,
    [19][LETTER('P')] = FIELD_PROXY_AUTHORIZATION,
};

enum field_id field_id_from_name(struct str name)
{
    if (name.len == 0 || name.len > LONGEST_NAME)
        return FIELD_OTHER;
    enum field_id id = ids[name.len][LETTER(name.ptr[0])];
    if (id == FIELD_OTHER)
        return id;
    return str_eq(name, fields[id].name) || str_eq_nocase(name, fields[id].name) ? id : FIELD_OTHER;
}

struct str field_id_name(enum field_id id)
{
    return fields[id].name;
}

bool field_is_hop_by_hop(enum field_id id)
{
    return fields[id].flags & F_HOP;
}

bool field_may_be_edited(enum field_id id)
{
    switch (id) {
    case FIELD_HOST:           /* URLRewrite is there for it */
    case FIELD_CONTENT_LENGTH: /* what the body is */
    case FIELD_TRAILER:
    case FIELD_EXPECT: /* who waits for whom */
    case FIELD_X_UMBRA_SHADOW: return false;
    default: return !field_is_hop_by_hop(id);
    }
}

bool field_is_forbidden_in_trailers(enum field_id id)
{
    return fields[id].flags & F_NO_TRAILER;
}
