/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/words.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

/* Alerts that the peer sent: OpenSSL's reasons are their numbers (RFC 8446 6) and a thousand. */
#define ALERT_FIRST SSL_AD_REASON_OFFSET
#define ALERT_LAST (SSL_AD_REASON_OFFSET + 255)

static const struct {
    int reason;
    const char *words;
} reasons[] = {
    {SSL_R_HTTP_REQUEST, "the peer speaks plain HTTP, not TLS"},
    {SSL_R_HTTPS_PROXY_REQUEST, "the peer speaks plain HTTP, not TLS"},
    {SSL_R_WRONG_VERSION_NUMBER, "the peer does not speak TLS"},
    {SSL_R_UNEXPECTED_MESSAGE, "the peer sent a message that has no place here"},
    {SSL_R_BAD_RECORD_TYPE, "the peer does not speak TLS"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "the peer does not speak TLS"},
    {SSL_R_ENCRYPTED_LENGTH_TOO_LONG, "the peer sent a record that is too long"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "no protocol version in common: TLS 1.2 and 1.3 are served"},
    {SSL_R_NO_SHARED_CIPHER, "no cipher in common"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "no signature algorithm in common"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, "no key exchange group in common"},
    {SSL_R_NO_SUITABLE_GROUPS, "no key exchange group in common"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "no application protocol (ALPN) in common: h2 and http/1.1 are served"},
    {SSL_R_CALLBACK_FAILED, "the server name that was asked for is not served here"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a record was damaged on its way"},
};

/* What a client's refusal says about our certificate, and a server's about the client's. */
static const struct {
    int alert;
    const char *words;
} alerts[] = {
    {SSL_AD_HANDSHAKE_FAILURE, "the peer found nothing in common with us (alert handshake_failure)"},
    {SSL_AD_BAD_CERTIFICATE, "the peer refuses our certificate (alert bad_certificate)"},
    {SSL_AD_UNSUPPORTED_CERTIFICATE, "the peer refuses our kind of certificate (alert unsupported_certificate)"},
    {SSL_AD_CERTIFICATE_REVOKED, "the peer says that our certificate was revoked (alert certificate_revoked)"},
    {SSL_AD_CERTIFICATE_EXPIRED, "the peer says that our certificate has expired (alert certificate_expired)"},
    {SSL_AD_CERTIFICATE_UNKNOWN, "the peer refuses our certificate (alert certificate_unknown)"},
    {SSL_AD_UNKNOWN_CA, "the peer does not trust the CA of our certificate (alert unknown_ca)"},
    {SSL_AD_ACCESS_DENIED, "the peer denies access (alert access_denied)"},
    {SSL_AD_PROTOCOL_VERSION, "no protocol version in common with the peer (alert protocol_version)"},
    {SSL_AD_INSUFFICIENT_SECURITY, "the peer wants stronger ciphers (alert insufficient_security)"},
    {SSL_AD_UNRECOGNIZED_NAME, "the peer does not serve the server name that was sent (alert unrecognized_name)"},
    {SSL_AD_CERTIFICATE_REQUIRED, "the peer wants a client certificate (alert certificate_required)"},
    {SSL_AD_NO_APPLICATION_PROTOCOL,
     "no application protocol (ALPN) in common with the peer (alert no_application_protocol)"},
    {SSL_AD_INTERNAL_ERROR, "the peer had a failure of its own (alert internal_error)"},
};

#define CUT "the connection ended without close_notify: what came last may be cut short"
#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const char *words_of_reason(int reason)
{
    for (size_t i = 0; i < COUNT(reasons); i++)
        if (reasons[i].reason == reason)
            return reasons[i].words;
    return NULL;
}

static const char *words_of_alert(int alert)
{
    for (size_t i = 0; i < COUNT(alerts); i++)
        if (alerts[i].alert == alert)
            return alerts[i].words;
    return NULL;
}

static bool is_of_name(long verified)
{
    return verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

static void words_of_certificate(const struct tls_trouble *trouble, long verified, char *words, size_t room)
{
    if (is_of_name(verified))
        snprintf(words, room, "the peer's certificate is not for %.*s", STR_ARG(trouble->expected));
    else
        snprintf(words, room, "the peer's certificate is refused: %s", X509_verify_cert_error_string(verified));
}

static void words_of_error(unsigned long error, char *words, size_t room)
{
    int reason = ERR_GET_REASON(error);
    bool is_ssl = ERR_GET_LIB(error) == ERR_LIB_SSL;
    bool is_alert = is_ssl && reason >= ALERT_FIRST && reason <= ALERT_LAST;
    const char *known = is_alert ? words_of_alert(reason - ALERT_FIRST) : is_ssl ? words_of_reason(reason) : NULL;
    const char *theirs = ERR_reason_error_string(error);
    if (known)
        snprintf(words, room, "%s", known);
    else if (is_alert)
        snprintf(words, room, "the peer sent the alert %s", SSL_alert_desc_string_long(reason - ALERT_FIRST));
    else
        snprintf(words, room, "%s", theirs ? theirs : "unknown failure");
}

void tls_words(const struct tls_trouble *trouble, char *words, size_t room)
{
    long verified = trouble->is_server ? X509_V_OK : SSL_get_verify_result(trouble->ssl);
    unsigned long error = ERR_peek_error();
    /* The first cause is looked for first: after it OpenSSL sends an alert, which may fail by itself. */
    if (verified != X509_V_OK && !trouble->is_open)
        words_of_certificate(trouble, verified, words, room);
    else if (trouble->is_eof)
        snprintf(words, room, "%s", trouble->is_open ? CUT : "the peer closed the connection during the handshake");
    else if (error || !trouble->error)
        words_of_error(error, words, room);
    else
        snprintf(words, room, "the connection broke%s: %s", trouble->is_open ? "" : " during the handshake",
                 strerror(trouble->error));
}

bool tls_err(struct err *err, const char *what)
{
    char words[256];
    words_of_error(ERR_peek_error(), words, sizeof words);
    ERR_clear_error();
    return err_set(err, "%s: %s", what, words);
}
