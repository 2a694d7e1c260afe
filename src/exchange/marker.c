/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/marker.h"

#include <sodium.h>

#define SIG_HEX (2 * crypto_shorthash_siphashx24_BYTES)
#define MAX_NAME (MARKER_MAX - 128)

_Static_assert(MARKER_KEY_BYTES == crypto_shorthash_siphashx24_KEYBYTES, "the key is SipHash's");

static const char hex_digits[] = "0123456789abcdef";

static void hex_u64(char *out, uint64_t value)
{
    for (int i = 0; i < 16; i++)
        out[i] = hex_digits[(value >> (60 - 4 * i)) & 15];
}

void request_id_format(char out[32], struct request_id id)
{
    hex_u64(out, id.hi);
    hex_u64(out + 16, id.lo);
}

static void sign(char out[SIG_HEX], struct str bytes, const unsigned char *key)
{
    unsigned char sig[crypto_shorthash_siphashx24_BYTES];
    crypto_shorthash_siphashx24(sig, (const unsigned char *)bytes.ptr, bytes.len, key);
    for (size_t i = 0; i < sizeof sig; i++) {
        out[2 * i] = hex_digits[sig[i] >> 4];
        out[2 * i + 1] = hex_digits[sig[i] & 15];
    }
}

static char *put(char *out, struct str s)
{
    return mempcpy(out, s.ptr, s.len);
}

static char *put_u64(char *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    return mempcpy(out, digits + at, sizeof digits - at);
}

size_t marker_format(char *out, struct str mirror, struct request_id id, uint64_t unix_s, const unsigned char *key)
{
    char *end = put(out, STR("mirror="));
    end = put(end, str_slice(mirror, 0, MAX_NAME));
    end = put(end, STR("; id="));
    request_id_format(end, id);
    end = put(end + 32, STR("; t="));
    end = put_u64(end, unix_s);
    struct str signed_part = {out, (size_t)(end - out)};
    end = put(end, STR("; sig="));
    sign(end, signed_part, key);
    return (size_t)(end + SIG_HEX - out);
}

/* The number in "…; t=N" at the end of the signed part. */
static bool find_time(struct str signed_part, uint64_t *unix_s)
{
    size_t from = signed_part.len;
    while (from && signed_part.ptr[from - 1] >= '0' && signed_part.ptr[from - 1] <= '9')
        from--;
    return str_ends_with(str_slice(signed_part, 0, from), STR("; t=")) &&
           str_to_u64(str_slice(signed_part, from, signed_part.len), unix_s);
}

bool marker_verify(struct str value, uint64_t unix_s, const unsigned char *key)
{
    size_t tail = SIG_HEX + sizeof "; sig=" - 1;
    if (value.len <= tail || value.len > MARKER_MAX)
        return false;
    struct str signed_part = str_slice(value, 0, value.len - tail);
    char expected[SIG_HEX];
    uint64_t at;
    if (!str_starts_with(str_slice(value, signed_part.len, value.len), STR("; sig=")) || !find_time(signed_part, &at))
        return false;
    sign(expected, signed_part, key);
    if (sodium_memcmp(expected, value.ptr + value.len - SIG_HEX, SIG_HEX) != 0)
        return false;
    return at <= unix_s + MARKER_MAX_AGE_S && at + MARKER_MAX_AGE_S >= unix_s;
}
