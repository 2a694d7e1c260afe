/* SPDX-License-Identifier: Apache-2.0 */
/* Why a request, or a connection, was refused; the string form is the `reason` label of umbra_refused_total.
 * Thread: any; pure functions. */
#pragma once

#include <stdint.h>

enum refusal {
    REFUSAL_NONE,
    REFUSAL_FRAMING,      /* 400: TE with CL, differing CLs, bad chunk, TE in 1.0, … */
    REFUSAL_SYNTAX,       /* 400: bad request line, field name, bare CR or LF, NUL, obs-fold, space before colon */
    REFUSAL_HOST,         /* 400: missing, double or invalid Host; :authority and Host that differ */
    REFUSAL_TARGET,       /* 400: '#', control or non-ASCII bytes, a path that climbs above '/' */
    REFUSAL_HEADER_SIZE,  /* 431 */
    REFUSAL_URI_SIZE,     /* 414 */
    REFUSAL_VERSION,      /* 505 */
    REFUSAL_TIMEOUT,      /* 408 */
    REFUSAL_CONNECTIONS,  /* closed, or made room for another: --max-connections */
    REFUSAL_MARKER,       /* not refused: a forged marker or baggage member was removed */
    REFUSAL_PROXY_HEADER, /* closed: no PROXY header where each connection begins with one */
    REFUSAL_TLS,          /* closed: the handshake failed, or the socket has no certificate that can be used */
    REFUSAL_MISDIRECTED,  /* 421: over TLS, for a host of another listener than the server name's */
    /* HTTP/2. A stream, or the connection, was ended as RFC 9113 says: */
    REFUSAL_HTTP2_PROTOCOL, /* a malformed message, a frame that breaks the protocol */
    REFUSAL_HTTP2_STREAMS,  /* REFUSED_STREAM: more at once than SETTINGS_MAX_CONCURRENT_STREAMS */
    /* The connection was ended with ENHANCE_YOUR_CALM (limits in http/http2.h): */
    REFUSAL_HTTP2_RESET_FLOOD,
    REFUSAL_HTTP2_CONTINUATION_FLOOD,
    REFUSAL_HTTP2_PING_FLOOD,
    REFUSAL_HTTP2_SETTINGS_FLOOD,
    REFUSAL_HTTP2_EMPTY_FLOOD,
    REFUSAL_HTTP2_HEADER_BOMB, /* a few bytes that unpack into far more than a header list may have */
    REFUSAL_COUNT
};

const char *refusal_name(enum refusal refusal); /* "framing", "header_size", … */
uint16_t refusal_status(enum refusal refusal);  /* 400, 431, 414, 505, 408, 421, 0 */
