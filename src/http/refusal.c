/* SPDX-License-Identifier: Apache-2.0 */
#include "http/refusal.h"

const char *refusal_name(enum refusal refusal)
{
    static const char *const names[REFUSAL_COUNT] = {
        [REFUSAL_NONE] = "none",
        [REFUSAL_FRAMING] = "framing",
        [REFUSAL_SYNTAX] = "syntax",
        [REFUSAL_HOST] = "host",
        [REFUSAL_TARGET] = "target",
        [REFUSAL_HEADER_SIZE] = "header_size",
        [REFUSAL_URI_SIZE] = "uri_size",
        [REFUSAL_VERSION] = "version",
        [REFUSAL_TIMEOUT] = "timeout",
        [REFUSAL_CONNECTIONS] = "connections",
        [REFUSAL_MARKER] = "marker",
        [REFUSAL_PROXY_HEADER] = "proxy_header",
        [REFUSAL_TLS] = "tls",
        [REFUSAL_MISDIRECTED] = "misdirected",
        [REFUSAL_HTTP2_PROTOCOL] = "http2_protocol",
        [REFUSAL_HTTP2_STREAMS] = "http2_streams",
        [REFUSAL_HTTP2_RESET_FLOOD] = "http2_reset_flood",
        [REFUSAL_HTTP2_CONTINUATION_FLOOD] = "http2_continuation_flood",
        [REFUSAL_HTTP2_PING_FLOOD] = "http2_ping_flood",
        [REFUSAL_HTTP2_SETTINGS_FLOOD] = "http2_settings_flood",
        [REFUSAL_HTTP2_EMPTY_FLOOD] = "http2_empty_flood",
        [REFUSAL_HTTP2_HEADER_BOMB] = "http2_header_bomb",
    };
    return names[refusal];
}

uint16_t refusal_status(enum refusal refusal)
{
    switch (refusal) {
    case REFUSAL_FRAMING:
    case REFUSAL_SYNTAX:
    case REFUSAL_HOST:
    case REFUSAL_TARGET: return 400;
    case REFUSAL_HEADER_SIZE: return 431;
    case REFUSAL_URI_SIZE: return 414;
    case REFUSAL_VERSION: return 505;
    case REFUSAL_TIMEOUT: return 408;
    case REFUSAL_MISDIRECTED: return 421;
    default: return 0;
    }
}
