/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/match.h"

#include <arpa/inet.h>

#include <openssl/x509v3.h>

bool tls_is_ip(struct str host)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    if (!host.len || host.len >= sizeof text)
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static struct str name_of(const GENERAL_NAME *general, int kind)
{
    if (general->type != kind)
        return STR_NONE;
    const ASN1_IA5STRING *text = kind == GEN_URI ? general->d.uniformResourceIdentifier : general->d.dNSName;
    return (struct str){(const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)};
}

/* DNS names by ASCII without case, URIs by their bytes. */
static bool has_entry(X509 *certificate, int kind, struct str name)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool is_found = false;
    for (int i = 0; !is_found && i < sk_GENERAL_NAME_num(names); i++) {
        struct str entry = name_of(sk_GENERAL_NAME_value(names, i), kind);
        is_found = entry.len && (kind == GEN_DNS ? str_eq_nocase(entry, name) : str_eq(entry, name));
    }
    GENERAL_NAMES_free(names);
    return is_found;
}

bool tls_certificate_is_for(X509 *certificate, struct str host)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (!host.len)
        return true;
    if (str_starts_with(host, STR("*.")))
        return has_entry(certificate, GEN_DNS, host);
    if (!tls_is_ip(host))
        return X509_check_host(certificate, host.ptr, host.len, TLS_MATCH_FLAGS, NULL) == 1;
    memcpy(text, host.ptr, host.len);
    return X509_check_ip_asc(certificate, text, 0) == 1;
}

bool tls_certificate_has_uri(X509 *certificate, struct str uri)
{
    return has_entry(certificate, GEN_URI, uri);
}
