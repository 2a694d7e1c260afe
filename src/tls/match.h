/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a certificate is for: its subject alternative names, never its common name (RFC 9525 2).
 * Lifetime: none. Thread: any. */
#pragma once

#include "base/str.h"

#include <openssl/x509v3.h>

#define TLS_MATCH_FLAGS (X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)

bool tls_is_ip(struct str host);
/* A DNS name, an IP address, or "*.example.com", for which that very name must be there. Anything is for "". */
bool tls_certificate_is_for(X509 *certificate, struct str host);
bool tls_certificate_has_uri(X509 *certificate, struct str uri);
