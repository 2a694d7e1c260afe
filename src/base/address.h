/* SPDX-License-Identifier: Apache-2.0 */
/* A socket address as a flat value (no descriptor): IPv4, IPv6 or a Unix path. Position-independent, so it can stand in shared
 * memory. Thread: any. */
#pragma once

#include "base/str.h"

#include <sys/socket.h>

enum address_family { ADDRESS_NONE, ADDRESS_IPV4, ADDRESS_IPV6, ADDRESS_UNIX };

struct address {
    uint8_t family; /* enum address_family */
    uint8_t path_len;
    uint16_t port;  /* host order */
    uint8_t ip[16]; /* network order; IPv4 in the first 4 */
    char path[108]; /* Unix only */
};

/* A literal "1.2.3.4:80", "[::1]:80" or "unix:/path"; no names. */
bool address_parse(struct str text, struct address *address) __attribute__((warn_unused_result));
/* "1.2.3.4" or "::1" as `family` says; the port is 0. */
bool address_parse_ip(struct str text, enum address_family family, struct address *address)
    __attribute__((warn_unused_result));
/* The reverse of address_parse; out has ADDRESS_TEXT bytes and is NUL-terminated. */
#define ADDRESS_TEXT 128
struct str address_format(const struct address *address, char *out);
/* The IP alone, without port ("::1"). */
struct str address_format_ip(const struct address *address, char *out);
bool address_eq(const struct address *a, const struct address *b);
/* 127.0.0.0/8, ::1, or a Unix socket: what only this machine can reach. */
bool address_is_loopback(const struct address *address);
/* That, 169.254.0.0/16, fe80::/10, and 0.0.0.0/8 and ::, which lead to this machine too: what is not to be sent to for somebody else. */
bool address_is_near(const struct address *address);

/* Conversions to and from the kernel's form. */
socklen_t address_to_sockaddr(const struct address *address, struct sockaddr_storage *out);
bool address_from_sockaddr(const struct sockaddr_storage *in, struct address *address)
    __attribute__((warn_unused_result));

/* "10.0.0.0/8", "fd00::/8", or a single IP. */
struct cidr {
    uint8_t family;
    uint8_t bits;
    uint8_t ip[16];
};
bool cidr_parse(struct str text, struct cidr *cidr) __attribute__((warn_unused_result));
/* IPv4-mapped IPv6 addresses count as IPv4. */
bool cidr_has(const struct cidr *cidr, const struct address *address);
