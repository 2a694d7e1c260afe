/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

_Static_assert(sizeof(((struct address *)0)->path) == sizeof(((struct sockaddr_un *)0)->sun_path), "room for any path");

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static size_t ip_size(uint8_t family)
{
    return family == ADDRESS_IPV4 ? 4 : family == ADDRESS_IPV6 ? 16 : 0;
}

/* `family` says which literal it must be. */
static bool parse_ip(struct str text, uint8_t family, uint8_t *ip)
{
    char literal[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof(literal) || str_find_char(text, '\0') < text.len)
        return false;
    memcpy(literal, text.ptr, text.len);
    literal[text.len] = '\0';
    return inet_pton(family == ADDRESS_IPV4 ? AF_INET : AF_INET6, literal, ip) == 1;
}

static bool parse_port(struct str text, uint16_t *port)
{
    uint64_t value;
    if (text.len > 5 || !str_to_u64(text, &value) || value > UINT16_MAX)
        return false;
    *port = (uint16_t)value;
    return true;
}

static bool parse_path(struct str path, struct address *address)
{
    /* One byte less than the room, for the NUL that the kernel's form ends in. */
    if (path.len == 0 || path.len >= sizeof(address->path) || str_find_char(path, '\0') < path.len)
        return false;
    address->family = ADDRESS_UNIX;
    address->path_len = (uint8_t)path.len;
    memcpy(address->path, path.ptr, path.len);
    return true;
}

bool address_parse(struct str text, struct address *address)
{
    struct address parsed = {0};
    bool is_ok;
    if (str_starts_with(text, STR("unix:"))) {
        is_ok = parse_path(str_slice(text, 5, text.len), &parsed);
    } else if (str_starts_with(text, STR("["))) {
        size_t end = str_find_char(text, ']');
        parsed.family = ADDRESS_IPV6;
        is_ok = parse_ip(str_slice(text, 1, end), ADDRESS_IPV6, parsed.ip) &&
                str_starts_with(str_slice(text, end, text.len), STR("]:")) &&
                parse_port(str_slice(text, end + 2, text.len), &parsed.port);
    } else {
        size_t colon = str_find_char(text, ':');
        parsed.family = ADDRESS_IPV4;
        is_ok = parse_ip(str_slice(text, 0, colon), ADDRESS_IPV4, parsed.ip) &&
                parse_port(str_slice(text, colon + 1, text.len), &parsed.port);
    }
    if (is_ok)
        *address = parsed;
    return is_ok;
}

bool address_parse_ip(struct str text, enum address_family family, struct address *address)
{
    struct address parsed = {.family = (uint8_t)family};
    bool is_ok = parse_ip(text, parsed.family, parsed.ip);
    if (is_ok)
        *address = parsed;
    return is_ok;
}

/* By hand: every request carries one in X-Forwarded-For, and inet_ntop goes through printf. */
static struct str format_ipv4(const uint8_t *ip, char *out)
{
    char *end = out;
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *end++ = '.';
        if (ip[i] >= 100)
            *end++ = (char)('0' + ip[i] / 100);
        if (ip[i] >= 10)
            *end++ = (char)('0' + ip[i] / 10 % 10);
        *end++ = (char)('0' + ip[i] % 10);
    }
    *end = '\0';
    return (struct str){out, (size_t)(end - out)};
}

struct str address_format_ip(const struct address *address, char *out)
{
    out[0] = '\0';
    if (address->family == ADDRESS_IPV4)
        return format_ipv4(address->ip, out);
    if (address->family == ADDRESS_IPV6)
        inet_ntop(AF_INET6, address->ip, out, ADDRESS_TEXT);
    return str_from_c(out);
}

struct str address_format(const struct address *address, char *out)
{
    char ip[ADDRESS_TEXT];
    int len = 0;
    out[0] = '\0';
    switch (address->family) {
    case ADDRESS_IPV4:
        len = snprintf(out, ADDRESS_TEXT, "%s:%u", address_format_ip(address, ip).ptr, address->port);
        break;
    case ADDRESS_IPV6:
        len = snprintf(out, ADDRESS_TEXT, "[%s]:%u", address_format_ip(address, ip).ptr, address->port);
        break;
    case ADDRESS_UNIX: len = snprintf(out, ADDRESS_TEXT, "unix:%.*s", (int)address->path_len, address->path); break;
    default: break;
    }
    return (struct str){out, (size_t)len};
}

bool address_eq(const struct address *a, const struct address *b)
{
    if (a->family != b->family)
        return false;
    if (a->family == ADDRESS_UNIX)
        return a->path_len == b->path_len && memcmp(a->path, b->path, a->path_len) == 0;
    return a->port == b->port && memcmp(a->ip, b->ip, ip_size(a->family)) == 0;
}

static bool is_mapped(const uint8_t *ip)
{
    return memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

bool address_is_loopback(const struct address *address)
{
    static const uint8_t ipv6_loopback[16] = {[15] = 1};
    switch (address->family) {
    case ADDRESS_IPV4: return address->ip[0] == 127;
    case ADDRESS_IPV6:
        return memcmp(address->ip, ipv6_loopback, 16) == 0 || (is_mapped(address->ip) && address->ip[12] == 127);
    default: return address->family == ADDRESS_UNIX;
    }
}

static bool is_near_ipv4(const uint8_t *ip)
{
    return ip[0] == 0 || ip[0] == 127 || (ip[0] == 169 && ip[1] == 254);
}

bool address_is_near(const struct address *address)
{
    static const uint8_t unspecified[16];
    if (address->family == ADDRESS_IPV4)
        return is_near_ipv4(address->ip);
    if (address->family != ADDRESS_IPV6)
        return address->family == ADDRESS_UNIX;
    bool is_link_local = address->ip[0] == 0xfe && (address->ip[1] & 0xc0) == 0x80;
    return is_link_local || address_is_loopback(address) || memcmp(address->ip, unspecified, 16) == 0 ||
           (is_mapped(address->ip) && is_near_ipv4(address->ip + 12));
}

socklen_t address_to_sockaddr(const struct address *address, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    switch (address->family) {
    case ADDRESS_IPV4: {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(address->port);
        memcpy(&in->sin_addr, address->ip, 4);
        return sizeof(*in);
    }
    case ADDRESS_IPV6: {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(address->port);
        memcpy(&in6->sin6_addr, address->ip, 16);
        return sizeof(*in6);
    }
    case ADDRESS_UNIX: {
        struct sockaddr_un *un = (struct sockaddr_un *)out;
        un->sun_family = AF_UNIX;
        memcpy(un->sun_path, address->path, address->path_len);
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + address->path_len + 1u);
    }
    default: return 0;
    }
}

bool address_from_sockaddr(const struct sockaddr_storage *in, struct address *address)
{
    struct address found = {0};
    switch (in->ss_family) {
    case AF_INET: {
        const struct sockaddr_in *in4 = (const struct sockaddr_in *)in;
        found.family = ADDRESS_IPV4;
        found.port = ntohs(in4->sin_port);
        memcpy(found.ip, &in4->sin_addr, 4);
        break;
    }
    case AF_INET6: {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)in;
        found.family = ADDRESS_IPV6;
        found.port = ntohs(in6->sin6_port);
        memcpy(found.ip, &in6->sin6_addr, 16);
        break;
    }
    case AF_UNIX: {
        const struct sockaddr_un *un = (const struct sockaddr_un *)in;
        found.family = ADDRESS_UNIX;
        found.path_len = (uint8_t)strnlen(un->sun_path, sizeof(un->sun_path) - 1);
        memcpy(found.path, un->sun_path, found.path_len);
        break;
    }
    default: return false;
    }
    *address = found;
    return true;
}

/* Clears all bits of `ip` behind the first `bits`. */
static void clear_host_bits(uint8_t *ip, size_t size, unsigned bits)
{
    for (size_t i = 0; i < size; i++) {
        unsigned kept = bits > i * 8 ? bits - (unsigned)i * 8 : 0;
        if (kept < 8)
            ip[i] &= (uint8_t)(0xff00u >> kept);
    }
}

bool cidr_parse(struct str text, struct cidr *cidr)
{
    struct cidr parsed = {0};
    size_t slash = str_find_char(text, '/');
    struct str ip = str_slice(text, 0, slash);
    struct str bits = str_slice(text, slash + 1, text.len);
    parsed.family = str_find_char(ip, ':') < ip.len ? ADDRESS_IPV6 : ADDRESS_IPV4;
    if (!parse_ip(ip, parsed.family, parsed.ip))
        return false;

    uint64_t value = ip_size(parsed.family) * 8;
    uint64_t max = value;
    if (slash < text.len && (bits.len > 3 || !str_to_u64(bits, &value) || value > max))
        return false;
    if (parsed.family == ADDRESS_IPV6 && value >= 96 && is_mapped(parsed.ip)) {
        parsed.family = ADDRESS_IPV4;
        memmove(parsed.ip, parsed.ip + 12, 4);
        memset(parsed.ip + 4, 0, 12);
        value -= 96;
    }
    parsed.bits = (uint8_t)value;
    clear_host_bits(parsed.ip, ip_size(parsed.family), parsed.bits);
    *cidr = parsed;
    return true;
}

bool cidr_has(const struct cidr *cidr, const struct address *address)
{
    const uint8_t *ip = address->ip;
    uint8_t family = address->family;
    if (family == ADDRESS_IPV6 && is_mapped(ip)) {
        family = ADDRESS_IPV4;
        ip += 12;
    }
    if (family != cidr->family || ip_size(family) == 0)
        return false;
    size_t whole = cidr->bits / 8;
    if (memcmp(ip, cidr->ip, whole) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00u >> (cidr->bits % 8));
    return mask == 0 || ((ip[whole] ^ cidr->ip[whole]) & mask) == 0;
}
