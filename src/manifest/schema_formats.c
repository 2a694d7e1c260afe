/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/schema_formats.h"

#include "base/address.h"

#define LABEL "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define NAME LABEL "(\\." LABEL ")*"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_letter_or_digit(char c)
{
    return is_letter(c) || is_digit(c);
}

/* Letters or digits, as `is_inner` has them, with "-" between them. */
static bool is_dashed(struct str text, bool (*is_inner)(char c))
{
    if (text.len == 0 || text.ptr[0] == '-' || text.ptr[text.len - 1] == '-')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_inner(text.ptr[i]) && text.ptr[i] != '-')
            return false;
    }
    return true;
}

static bool has_only(struct str text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!is_letter_or_digit(c) && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return text.len > 0;
}

static bool is_label(struct str text)
{
    return is_dashed(text, is_lower_or_digit);
}

static bool is_name(struct str text)
{
    for (;;) {
        size_t dot = str_find_char(text, '.');
        if (!is_label(str_slice(text, 0, dot)))
            return false;
        if (dot == text.len)
            return true;
        text = str_slice(text, dot + 1, text.len);
    }
}

static bool is_hostname(struct str text)
{
    return is_name(str_starts_with(text, STR("*.")) ? str_slice(text, 2, text.len) : text);
}

static bool is_group(struct str text)
{
    return text.len == 0 || is_name(text);
}

static bool is_kind(struct str text)
{
    return text.len > 0 && is_letter(text.ptr[0]) && is_dashed(text, is_letter_or_digit);
}

static bool is_header_name(struct str text)
{
    return has_only(text, "!#$%&'*+-.^_`|~");
}

static bool is_domain_path(struct str text)
{
    size_t slash = str_find_char(text, '/');
    return is_name(str_slice(text, 0, slash)) && slash < text.len &&
           has_only(str_slice(text, slash + 1, text.len), "/-._~%!$&'()*+,;=:");
}

/* Letters, digits and "-", with single dots between. */
static bool is_origin_host(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_dot = c == '.' && i > 0 && i + 1 < text.len && text.ptr[i - 1] != '.';
        if (!is_letter_or_digit(c) && c != '-' && !is_dot)
            return false;
    }
    return text.len > 0;
}

static bool is_origin(struct str text)
{
    if (str_eq(text, STR("*")))
        return true;
    bool is_https = str_starts_with(text, STR("https://"));
    if (!is_https && !str_starts_with(text, STR("http://")))
        return false;
    text = str_slice(text, is_https ? 8 : 7, text.len);
    size_t colon = str_find_char(text, ':');
    struct str host = str_slice(text, 0, colon), port = str_slice(text, colon + 1, text.len);
    uint64_t number;
    if (colon < text.len && (port.len > 5 || !str_to_u64(port, &number)))
        return false;
    if (str_eq(host, STR("*")))
        return true;
    return is_origin_host(str_starts_with(host, STR("*.")) ? str_slice(host, 2, host.len) : host);
}

static bool is_cidr(struct str text)
{
    struct cidr cidr;
    return cidr_parse(text, &cidr);
}

static bool is_ip(struct str text)
{
    return str_find_char(text, '/') == text.len && is_cidr(text);
}

static bool is_base64(struct str text)
{
    size_t letters = 0, padding = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n' || c == '\r')
            continue;
        if (c == '=')
            padding++;
        else if (padding == 0 && (is_letter_or_digit(c) || c == '+' || c == '/'))
            letters++;
        else
            return false;
    }
    return padding <= 2 && (letters + padding) % 4 == 0;
}

static bool is_duration(struct str text)
{
    uint64_t ms;
    return str_to_ms(text, &ms);
}

#define NS_PER_MS 1000000u
#define DURATION_DIGITS 9 /* before and after the point of a part */
#define DURATION_PARTS 8

/* The unit at the start of the text in nanoseconds, or 0. */
static uint64_t take_unit(struct str *text)
{
    static const struct {
        struct str name;
        uint64_t ns;
    } units[] = {
        {STR_INIT("ns"), 1},
        {STR_INIT("us"), 1000},
        {STR_INIT("µs"), 1000},
        {STR_INIT("ms"), NS_PER_MS},
        {STR_INIT("s"), 1000ull * NS_PER_MS},
        {STR_INIT("m"), 60ull * 1000 * NS_PER_MS},
        {STR_INIT("h"), 3600ull * 1000 * NS_PER_MS},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!str_starts_with(*text, units[i].name))
            continue;
        *text = str_slice(*text, units[i].name.len, text->len);
        return units[i].ns;
    }
    return 0;
}

static struct str take_digits(struct str *text)
{
    size_t len = 0;
    while (len < text->len && text->ptr[len] >= '0' && text->ptr[len] <= '9')
        len++;
    struct str digits = str_slice(*text, 0, len);
    *text = str_slice(*text, len, text->len);
    return digits;
}

/* A number with an optional fraction and its unit, in nanoseconds. */
static bool take_part(struct str *text, uint64_t *ns)
{
    struct str whole = take_digits(text), fraction = STR("");
    uint64_t value = 0, part = 0, scale = 1, sum;
    if (str_starts_with(*text, STR("."))) {
        *text = str_slice(*text, 1, text->len);
        fraction = take_digits(text);
    }
    if (whole.len + fraction.len == 0 || whole.len > DURATION_DIGITS || fraction.len > DURATION_DIGITS)
        return false;
    if ((whole.len > 0 && !str_to_u64(whole, &value)) || (fraction.len > 0 && !str_to_u64(fraction, &part)))
        return false;
    for (size_t i = 0; i < fraction.len; i++)
        scale *= 10;
    uint64_t unit = take_unit(text);
    if (unit == 0 || __builtin_mul_overflow(value, unit, &sum))
        return false;
    /* No more than an hour's 3.6e12 ns, so that a double has every digit that counts. */
    return !__builtin_add_overflow(sum, (uint64_t)((double)part / (double)scale * (double)unit), ns);
}

bool format_decimal_duration_parse(struct str text, int64_t *ms)
{
    uint64_t sum = 0;
    int parts = 0;
    for (; text.len > 0 && parts < DURATION_PARTS; parts++) {
        uint64_t ns;
        if (!take_part(&text, &ns) || __builtin_add_overflow(sum, ns, &sum))
            return false;
    }
    *ms = (int64_t)(sum / NS_PER_MS + (sum % NS_PER_MS != 0));
    return parts > 0 && text.len == 0;
}

static bool is_decimal_duration(struct str text)
{
    int64_t ms;
    return format_decimal_duration_parse(text, &ms);
}

static bool is_quantity(struct str text)
{
    uint64_t bytes;
    return str_to_bytes(text, &bytes) && bytes <= INT64_MAX;
}

bool format_percent_parse(struct str text, int64_t *millionths)
{
    if (!str_ends_with(text, STR("%")))
        return false;
    text = str_slice(text, 0, text.len - 1);
    size_t dot = str_find_char(text, '.');
    struct str decimals = str_slice(text, dot + 1, text.len);
    uint64_t whole, part = 0;
    if (dot > 6 || !str_to_u64(str_slice(text, 0, dot), &whole))
        return false;
    if (dot < text.len && (decimals.len > 4 || !str_to_u64(decimals, &part)))
        return false;
    for (size_t i = decimals.len; i < 4; i++)
        part *= 10;
    *millionths = (int64_t)(whole * 10000 + part);
    return true;
}

static bool is_percent(struct str text)
{
    int64_t millionths;
    return format_percent_parse(text, &millionths);
}

const struct schema_format format_dns_label = {
    .name = "a DNS label",
    .pattern = "^" LABEL "$",
    .example = "shop-v2",
    .is_valid = is_label,
    .min_len = 1,
    .max_len = 63,
};
const struct schema_format format_dns_name = {
    .name = "a DNS name",
    .pattern = "^" NAME "$",
    .example = "shop-v2",
    .is_valid = is_name,
    .min_len = 1,
    .max_len = 253,
};
const struct schema_format format_section_name = {
    .name = "a section name",
    .pattern = "^" NAME "$",
    .example = "checkout",
    .is_valid = is_name,
    .min_len = 1,
    .max_len = 253,
};
const struct schema_format format_hostname = {
    .name = "a hostname",
    .pattern = "^(\\*\\.)?" NAME "$",
    .example = "*.example.com",
    .all = "leave the field out to take all hosts",
    .is_valid = is_hostname,
    .min_len = 1,
    .max_len = 253,
};
const struct schema_format format_precise_hostname = {
    .name = "a hostname without a wildcard",
    .pattern = "^" NAME "$",
    .example = "shop.example.com",
    .is_valid = is_name,
    .min_len = 1,
    .max_len = 253,
};
const struct schema_format format_group = {
    .name = "an API group",
    .pattern = "^$|^" NAME "$",
    .example = "gateway.networking.k8s.io",
    .is_valid = is_group,
    .max_len = 253,
};
const struct schema_format format_kind = {
    .name = "a kind",
    .pattern = "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$",
    .example = "HTTPRoute",
    .is_valid = is_kind,
    .min_len = 1,
    .max_len = 63,
};
const struct schema_format format_header_name = {
    .name = "a header name",
    .pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
    .example = "X-User-Id",
    .is_valid = is_header_name,
    .min_len = 1,
    .max_len = 256,
};
const struct schema_format format_domain_path = {
    .name = "a domain and a path",
    .pattern = "^" NAME "/[A-Za-z0-9/._~%!$&'()*+,;=:-]+$",
    .example = "example.com/controller",
    .is_valid = is_domain_path,
    .min_len = 1,
    .max_len = 253,
};
const struct schema_format format_origin = {
    .name = "an origin",
    .pattern = "^([*]|https?://([*]|([*]\\.)?([A-Za-z0-9-]+\\.)*[A-Za-z0-9-]+)(:[0-9]{1,5})?)$",
    .example = "https://*.example.com",
    .is_valid = is_origin,
    .min_len = 1,
    .max_len = 253,
};
const struct schema_format format_cidr = {
    .name = "a range of IP addresses",
    .pattern = "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$",
    .is_rough = true,
    .example = "10.0.0.0/8",
    .is_valid = is_cidr,
    .min_len = 1,
    .max_len = 49, /* an IPv4-mapped address, written out, with its bits */
};
const struct schema_format format_ip = {
    .name = "an IP address",
    .example = "192.0.2.7",
    .is_valid = is_ip,
    .min_len = 1,
    .max_len = 45,
};
const struct schema_format format_base64 = {
    .name = "base64",
    .example = "dW1icmE=",
    .is_valid = is_base64,
};
const struct schema_format format_duration = {
    .name = "a duration",
    .pattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$",
    .example = "1m30s",
    .is_valid = is_duration,
};
const struct schema_format format_decimal_duration = {
    .name = "a duration",
    .example = "1.5s",
    .is_valid = is_decimal_duration,
};
const struct schema_format format_quantity = {
    .name = "an amount of bytes",
    .pattern = "^[0-9]{1,19}([KMGTPE]i|[kMGTPE])?$",
    .example = "64Mi",
    .is_valid = is_quantity,
};
const struct schema_format format_percent = {
    .name = "a percentage",
    .pattern = "^[0-9]{1,6}(\\.[0-9]{1,4})?%$",
    .example = "0.1%",
    .is_valid = is_percent,
};
