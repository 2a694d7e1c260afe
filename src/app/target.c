/* SPDX-License-Identifier: Apache-2.0 */
#include "app/option_values.h"

#include <stdio.h>

#define MAX_DECIMALS 4
#define MAX_UNIX_PATH 107

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
}

static bool is_name(struct str host)
{
    for (size_t i = 0; i < host.len; i++) {
        if (!is_name_byte(host.ptr[i]))
            return false;
    }
    return host.len > 0 && host.len <= 253;
}

static void set_host(struct settings_target *target, struct str host, uint16_t port)
{
    memcpy(target->host, host.ptr, host.len);
    target->host[host.len] = '\0';
    target->port = port;
}

static bool target_unix(struct str text, struct settings_target *target, struct err *err)
{
    size_t path_len = text.len - 5;
    if (path_len < 1 || path_len > MAX_UNIX_PATH)
        return err_set(err, "a Unix path has 1 to %d bytes", MAX_UNIX_PATH);
    if (str_find_char(text, '\0') < text.len)
        return err_set(err, "a path holds no NUL");
    set_host(target, text, 0);
    return true;
}

static bool target_port(struct str text, uint16_t *port, struct err *err)
{
    uint64_t value;
    if (!str_to_u64(text, &value) || value < 1 || value > UINT16_MAX)
        return err_set(err, "port \"%.*s\" is no number from 1 to 65535", STR_ARG(text));
    *port = (uint16_t)value;
    return true;
}

static bool target_ipv6(struct str text, struct settings_target *target, struct err *err)
{
    size_t end = str_find_char(text, ']');
    struct str host = str_slice(text, 1, end);
    struct str rest = str_slice(text, end, text.len);
    struct cidr ip;
    uint16_t port = 0;
    if (!str_starts_with(rest, STR("]:")))
        return err_set(err, "write an IPv6 address as [::1]:80");
    if (str_find_char(host, '/') < host.len || !cidr_parse(host, &ip) || ip.family != ADDRESS_IPV6)
        return err_set(err, "\"%.*s\" is no IPv6 address", STR_ARG(host));
    if (!target_port(str_slice(rest, 2, rest.len), &port, err))
        return false;
    set_host(target, host, port);
    return true;
}

bool target_parse(struct str text, struct settings_target *target, struct err *err)
{
    if (str_starts_with(text, STR("unix:")))
        return target_unix(text, target, err);
    if (str_starts_with(text, STR("http://")) || str_starts_with(text, STR("https://")))
        return err_set(err, "write HOST:PORT alone, without a scheme");
    if (text.len > 0 && text.ptr[0] == '[')
        return target_ipv6(text, target, err);
    size_t colon = str_find_char(text, ':');
    struct str host = str_slice(text, 0, colon);
    struct str rest = str_slice(text, colon + 1, text.len);
    uint16_t port = 0;
    if (str_find_char(rest, ':') < rest.len)
        return err_set(err, "write an IPv6 address in brackets: [::1]:80");
    if (host.len == 0)
        return err_set(err, "no host; write HOST:PORT, for instance 127.0.0.1:3000");
    if (!is_name(host))
        return err_set(err, "\"%.*s\" is no host name; write HOST:PORT alone, for instance 127.0.0.1:3000",
                       STR_ARG(host));
    if (rest.len == 0)
        return err_set(err, "no port; write HOST:PORT, for instance %.*s:80", STR_ARG(host));
    if (!target_port(rest, &port, err))
        return false;
    set_host(target, host, port);
    return true;
}

struct str target_format(const struct settings_target *target, char *out)
{
    struct str host = str_from_c(target->host);
    int len;
    if (str_starts_with(host, STR("unix:")))
        len = snprintf(out, TARGET_TEXT, "%s", target->host);
    else if (str_find_char(host, ':') < host.len)
        len = snprintf(out, TARGET_TEXT, "[%s]:%u", target->host, target->port);
    else
        len = snprintf(out, TARGET_TEXT, "%s:%u", target->host, target->port);
    return (struct str){out, (size_t)len};
}

bool percent_parse(struct str text, uint32_t *numerator, uint32_t *denominator, struct err *err)
{
    if (str_ends_with(text, STR("%")))
        text.len--;
    size_t dot = str_find_char(text, '.');
    struct str whole = str_slice(text, 0, dot);
    struct str decimals = str_slice(text, dot + 1, text.len);
    uint64_t value, fraction = 0;
    bool is_number = str_to_u64(whole, &value) && (dot == text.len || str_to_u64(decimals, &fraction));
    if (!is_number)
        return err_set(err, "\"%.*s\" is no percentage; write HOST:PORT=20 or HOST:PORT=0.5", STR_ARG(text));
    if (decimals.len > MAX_DECIMALS)
        return err_set(err, "a percentage has at most %d decimals", MAX_DECIMALS);
    if (value > 100 || (value == 100 && fraction > 0))
        return err_set(err, "%.*s is more than 100 percent", STR_ARG(text));
    uint32_t scale = 1;
    for (size_t i = 0; i < decimals.len; i++)
        scale *= 10;
    *numerator = (uint32_t)(value * scale + fraction);
    *denominator = 100 * scale;
    return true;
}
