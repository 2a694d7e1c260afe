/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a CA bundle, and, before and behind its first NUL, as a chain and a private key. */
#include "base/assert.h"
#include "tls/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_identity(struct str chain, struct str key)
{
    struct err err = {""};
    struct tls_identity *identity = tls_identity_new(chain, key, &err);
    ASSERT(identity || err.text[0]);
    if (!identity)
        return;
    (void)tls_identity_not_before(identity);
    (void)tls_identity_not_after(identity);
    (void)tls_identity_is_for(identity, STR("www.example.com"));
    (void)tls_identity_is_for(identity, STR("*.example.com"));
    (void)tls_identity_is_for(identity, STR("10.1.2.3"));
    tls_identity_free(identity);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct str input = {(const char *)data, len};
    struct err err = {""};
    ASSERT(tls_bundle_check(input, &err) || err.text[0]);
    size_t end = str_find_char(input, '\0');
    check_identity(str_slice(input, 0, end), end < len ? str_slice(input, end + 1, len) : input);
    return 0;
}
