/* SPDX-License-Identifier: Apache-2.0 */
#include "io/proxy_header.h"

/* ---- version 1 (section 2.1): a line of text ---- */

/* Up to the next space, of which there is exactly one between two words. */
static struct str take_word(struct str *line)
{
    size_t len = str_find_char(*line, ' ');
    struct str word = str_slice(*line, 0, len);
    *line = str_slice(*line, len + 1, line->len);
    return word;
}

/* 0 to 65535, without leading zeroes. */
static bool parse_port(struct str text, uint16_t *port)
{
    uint64_t value;
    bool has_leading_zero = text.len > 1 && text.ptr[0] == '0';
    if (text.len > 5 || has_leading_zero || !str_to_u64(text, &value) || value > UINT16_MAX)
        return false;
    *port = (uint16_t)value;
    return true;
}

static bool parse_addresses(struct str line, enum address_family family, struct proxy_header *header)
{
    struct str source = take_word(&line), destination = take_word(&line), source_port = take_word(&line);
    return address_parse_ip(source, family, &header->source) &&
           address_parse_ip(destination, family, &header->destination) &&
           parse_port(source_port, &header->source.port) && parse_port(line, &header->destination.port);
}

/* Whether `bytes` are a beginning of `whole`, or begin with it. */
static bool is_beginning(struct str bytes, struct str whole)
{
    return str_starts_with(bytes.len < whole.len ? whole : bytes, bytes.len < whole.len ? bytes : whole);
}

static enum proxy_header_parse parse_v1(struct str bytes, struct proxy_header *header)
{
    size_t end = str_find_char(bytes, '\r');
    if (end + 2 > PROXY_HEADER_V1_MAX)
        return PROXY_HEADER_BAD;
    if (end + 2 > bytes.len)
        return PROXY_HEADER_MORE;
    if (bytes.ptr[end + 1] != '\n')
        return PROXY_HEADER_BAD;
    struct str line = str_slice(bytes, 0, end);
    (void)take_word(&line);
    struct str protocol = take_word(&line);
    header->len = end + 2;
    if (str_eq(protocol, STR("UNKNOWN"))) /* whatever follows is to be ignored */
        return PROXY_HEADER_WHOLE;
    header->has_addresses = true;
    if (str_eq(protocol, STR("TCP4")))
        return parse_addresses(line, ADDRESS_IPV4, header) ? PROXY_HEADER_WHOLE : PROXY_HEADER_BAD;
    if (str_eq(protocol, STR("TCP6")))
        return parse_addresses(line, ADDRESS_IPV6, header) ? PROXY_HEADER_WHOLE : PROXY_HEADER_BAD;
    return PROXY_HEADER_BAD;
}

/* ---- version 2 (section 2.2): binary ---- */

#define V2_FIXED 16
#define V2_VERSION 0x20
#define V2_PATH 108

enum v2_command { V2_LOCAL, V2_PROXY };

/* What may stand in the byte of family and transport, and how many bytes of addresses follow. */
static const struct {
    uint8_t byte;
    uint8_t family; /* enum address_family */
    uint16_t size;
} v2_families[] = {
    {0x00, ADDRESS_NONE, 0},           /* UNSPEC */
    {0x11, ADDRESS_IPV4, 2 * 4 + 4},   /* TCP */
    {0x12, ADDRESS_IPV4, 2 * 4 + 4},   /* UDP, for what a relay made a connection of */
    {0x21, ADDRESS_IPV6, 2 * 16 + 4},  /* TCP */
    {0x22, ADDRESS_IPV6, 2 * 16 + 4},  /* UDP */
    {0x31, ADDRESS_UNIX, 2 * V2_PATH}, /* stream */
    {0x32, ADDRESS_UNIX, 2 * V2_PATH}, /* datagram */
};

static uint16_t get_u16(const char *at)
{
    return (uint16_t)((uint8_t)at[0] << 8 | (uint8_t)at[1]);
}

static void read_path(struct address *address, const char *at)
{
    address->family = ADDRESS_UNIX;
    address->path_len = (uint8_t)strnlen(at, sizeof address->path - 1);
    memcpy(address->path, at, address->path_len);
}

/* Both addresses, then both ports. */
static void read_ips(struct proxy_header *header, const char *at, uint8_t family)
{
    size_t size = family == ADDRESS_IPV4 ? 4 : 16;
    header->source.family = header->destination.family = family;
    memcpy(header->source.ip, at, size);
    memcpy(header->destination.ip, at + size, size);
    header->source.port = get_u16(at + 2 * size);
    header->destination.port = get_u16(at + 2 * size + 2);
}

static bool read_addresses(struct proxy_header *header, struct str block, uint8_t byte)
{
    for (size_t i = 0; i < sizeof v2_families / sizeof v2_families[0]; i++) {
        uint8_t family = v2_families[i].family;
        if (v2_families[i].byte != byte)
            continue;
        if (block.len < v2_families[i].size)
            return false;
        header->has_addresses = family != ADDRESS_NONE;
        if (family == ADDRESS_UNIX) {
            read_path(&header->source, block.ptr);
            read_path(&header->destination, block.ptr + V2_PATH);
        } else if (family != ADDRESS_NONE) {
            read_ips(header, block.ptr, family);
        }
        return true;
    }
    return false;
}

static enum proxy_header_parse parse_v2(struct str bytes, struct proxy_header *header)
{
    if (bytes.len < V2_FIXED)
        return PROXY_HEADER_MORE;
    uint8_t command = (uint8_t)bytes.ptr[12] ^ V2_VERSION;
    header->len = V2_FIXED + (size_t)get_u16(bytes.ptr + 14);
    if (command > V2_PROXY || header->len > PROXY_HEADER_MAX)
        return PROXY_HEADER_BAD;
    if (bytes.len < header->len)
        return PROXY_HEADER_MORE;
    if (command == V2_LOCAL) /* a check of the balancer's own: family and addresses are to be ignored */
        return PROXY_HEADER_WHOLE;
    struct str block = str_slice(bytes, V2_FIXED, header->len);
    return read_addresses(header, block, (uint8_t)bytes.ptr[13]) ? PROXY_HEADER_WHOLE : PROXY_HEADER_BAD;
}

enum proxy_header_parse proxy_header_parse(struct str bytes, struct proxy_header *header)
{
    static const struct str v1 = STR_INIT("PROXY ");
    static const struct str v2 = STR_INIT("\r\n\r\n\0\r\nQUIT\n");
    *header = (struct proxy_header){0};
    bool may_be_v1 = is_beginning(bytes, v1), may_be_v2 = is_beginning(bytes, v2);
    if (may_be_v1 && bytes.len >= v1.len)
        return parse_v1(bytes, header);
    if (may_be_v2 && bytes.len >= v2.len)
        return parse_v2(bytes, header);
    return may_be_v1 || may_be_v2 ? PROXY_HEADER_MORE : PROXY_HEADER_BAD;
}
