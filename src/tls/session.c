/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/session.h"

#include "base/assert.h"
#include "base/mem.h"
#include "tls/context.h"
#include "tls/words.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>

#include <openssl/err.h>

#define RECORD_MAX 16384 /* plain bytes of a record (RFC 8446 5.1) */
/* What may wait for room in the kernel: a record of the caller, with what the handshake or a change of keys adds. A peer that asks for
 * answers and reads none ends here. */
#define UNSENT_MAX (RECORD_MAX + 64 * 1024)

struct tls_session {
    struct tls_link link;
    SSL *ssl;
    struct tls_server *server; /* one of both */
    struct tls_client *client;
    char *failure;
    char *unsent; /* sealed, not taken by the kernel: [unsent_at, unsent_len) */
    size_t unsent_at, unsent_len;
    int error;         /* errno of the transport */
    ssize_t ended;     /* END or BROKEN, when a read has met it after bytes */
    bool has_ended;    /* `ended` counts */
    bool is_drained;   /* the last receive came up short: another would be in vain until tls_session_wake */
    bool has_hangup;   /* the peer will send no more, of which nobody will be told again */
    bool is_open;      /* the handshake is over */
    bool is_begun;     /* the handshake has begun */
    bool is_eof;       /* the transport ended */
    bool is_held_back; /* a byte that has been sealed counts as not taken */
    bool is_broken, is_shut;
};

/* ---- the transport ---- */

static bool is_blocked(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

static void break_off(struct tls_session *session, int error)
{
    session->is_broken = true;
    session->error = error;
    session->unsent_at = session->unsent_len;
}

/* Bytes taken; 0 when there is no room or the transport is broken. */
static size_t send_some(struct tls_session *session, const char *bytes, size_t len)
{
    ssize_t n;
    do
        n = send(session->link.fd, bytes, len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return (size_t)n;
    if (!is_blocked(errno))
        break_off(session, errno);
    return 0;
}

static bool has_unsent(const struct tls_session *session)
{
    return session->unsent_at < session->unsent_len;
}

void tls_session_wake(struct tls_session *session, bool has_hangup)
{
    session->is_drained = false;
    session->has_hangup |= has_hangup;
}

bool tls_session_flush(struct tls_session *session)
{
    if (has_unsent(session))
        session->unsent_at += send_some(session, session->unsent + session->unsent_at,
                                        session->unsent_len - session->unsent_at);
    if (has_unsent(session))
        return false;
    mem_free(session->unsent);
    session->unsent = NULL;
    session->unsent_at = session->unsent_len = 0;
    return true;
}

static bool keep_unsent(struct tls_session *session, const char *bytes, size_t len)
{
    size_t left = session->unsent_len - session->unsent_at;
    if (left + len > UNSENT_MAX)
        return false;
    if (session->unsent_at) {
        memmove(session->unsent, session->unsent + session->unsent_at, left);
        session->unsent_at = 0;
    }
    session->unsent = mem_grow(session->unsent, left + len);
    memcpy(session->unsent + left, bytes, len);
    session->unsent_len = left + len;
    return true;
}

/* All or nothing: what the kernel does not take waits here, so that OpenSSL never has a half-written record to be called again for. */
static int bio_write(BIO *bio, const char *bytes, size_t len, size_t *written)
{
    struct tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t sent = has_unsent(session) ? 0 : send_some(session, bytes, len);
    if (session->is_broken)
        return 0;
    if (sent < len && !keep_unsent(session, bytes + sent, len - sent)) {
        break_off(session, ENOBUFS);
        return 0;
    }
    *written = len;
    return 1;
}

static int bio_read(BIO *bio, char *into, size_t room, size_t *got)
{
    struct tls_session *session = BIO_get_data(bio);
    ssize_t n = -1;
    BIO_clear_retry_flags(bio);
    if (session->is_drained && !session->has_hangup) {
        BIO_set_retry_read(bio);
        return 0;
    }
    do
        n = recv(session->link.fd, into, room, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        session->is_drained = (size_t)n < room;
        *got = (size_t)n;
        return 1;
    }
    if (n == 0) {
        session->is_eof = true;
    } else if (is_blocked(errno)) {
        session->is_drained = true;
        BIO_set_retry_read(bio);
    } else {
        session->error = errno;
    }
    return 0;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    const struct tls_session *session = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return session->is_eof;
    default: return 0;
    }
}

static BIO_METHOD *bio_method;
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;

static void make_bio_method(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    ASSERT(bio_method);
    BIO_meth_set_write_ex(bio_method, bio_write);
    BIO_meth_set_read_ex(bio_method, bio_read);
    BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

/* ---- a session's life ---- */

static struct tls_session *session_new(SSL *ssl, int fd)
{
    ASSERT(pthread_once(&bio_once, make_bio_method) == 0);
    struct tls_session *session = mem_alloc(sizeof *session);
    session->ssl = ssl;
    session->link = (struct tls_link){.fd = fd};
    BIO *bio = BIO_new(bio_method);
    ASSERT(bio);
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, &session->link);
    return session;
}

struct tls_session *tls_session_accept(struct tls_server *server, int fd)
{
    struct tls_session *session = session_new(tls_server_accept(server), fd);
    session->server = tls_server_ref(server);
    return session;
}

struct tls_session *tls_session_connect(struct tls_client *client, int fd)
{
    struct tls_session *session = session_new(tls_client_connect(client), fd);
    session->client = tls_client_ref(client);
    return session;
}

void tls_session_free(struct tls_session *session)
{
    /* As if it had ended well, else OpenSSL forbids to resume what was agreed; it does so by itself after a failure of TLS. */
    SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(session->ssl);
    if (session->server)
        tls_server_unref(session->server);
    if (session->client)
        tls_client_unref(session->client);
    mem_free(session->unsent);
    mem_free(session->failure);
    mem_free(session);
}

/* ---- handshake ---- */

static void set_failure(struct tls_session *session)
{
    char words[256];
    struct tls_trouble trouble = {
        .ssl = session->ssl,
        .is_server = session->server != NULL,
        .is_open = session->is_open,
        .is_eof = session->is_eof,
        .error = session->error,
        .expected = session->client ? tls_client_expects(session->client) : STR_NONE,
    };
    tls_words(&trouble, words, sizeof words);
    if (!session->failure)
        session->failure = mem_dup(words, strlen(words));
    session->is_broken = true;
}

/* What a call of OpenSSL that gave no bytes means. Its error queue is the thread's: it is emptied before each call and read right after. */
static int judge(struct tls_session *session, int result)
{
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        session->is_drained = false; /* the next call asks the kernel, even when nobody was told of anything new */
        return TLS_SESSION_WANT_READ;
    case SSL_ERROR_WANT_WRITE: return TLS_SESSION_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN: return TLS_SESSION_END;
    default:
        set_failure(session);
        ERR_clear_error();
        return TLS_SESSION_BROKEN;
    }
}

/* A close with bytes unread is a reset, which could overtake the alert: they are read away, once. */
static void discard_input(const struct tls_session *session)
{
    char unread[RECORD_MAX];
    (void)!recv(session->link.fd, unread, sizeof unread, 0);
}

int tls_session_handshake(struct tls_session *session)
{
    if (session->is_broken)
        return TLS_SESSION_BROKEN;
    if (session->is_open)
        return 1;
    if (!session->is_begun && session->client)
        tls_client_resume(session->client, session->ssl, session->link.fd);
    session->is_begun = true;
    if (!tls_session_flush(session))
        return TLS_SESSION_WANT_WRITE;
    ERR_clear_error();
    int result = SSL_do_handshake(session->ssl);
    if (result == 1) {
        session->is_open = true;
        return 1;
    }
    int judged = judge(session, result);
    if (judged == TLS_SESSION_END) {
        set_failure(session);
        judged = TLS_SESSION_BROKEN;
    }
    if (judged == TLS_SESSION_BROKEN)
        discard_input(session);
    return judged;
}

/* ---- bytes ---- */

ssize_t tls_session_read(struct tls_session *session, void *into, size_t room)
{
    size_t total = 0;
    if (session->has_ended)
        return session->ended;
    if (!session->is_open)
        return session->is_broken ? TLS_SESSION_BROKEN : TLS_SESSION_WANT_READ;
    while (total < room) {
        size_t got = 0;
        ERR_clear_error();
        int result = SSL_read_ex(session->ssl, (char *)into + total, room - total, &got);
        total += got;
        if (result == 1)
            continue;
        int judged = judge(session, result);
        if (judged == TLS_SESSION_END || judged == TLS_SESSION_BROKEN) {
            session->has_ended = true;
            session->ended = judged;
        } else if (total) {
            session->is_drained = true; /* known already: the next call need not find out again */
        }
        return total ? (ssize_t)total : judged;
    }
    return (ssize_t)total;
}

/* The next record's bytes: a slice's own where it is large, else as many slices as fit, copied one behind the other into `scratch`. */
static struct str next_record(const struct slice *slices, size_t count, size_t skip, char scratch[RECORD_MAX])
{
    size_t len = slices->len - skip;
    if (count == 1 || len >= RECORD_MAX)
        return (struct str){slices->ptr + skip, len < RECORD_MAX ? len : RECORD_MAX};
    len = 0;
    for (size_t i = 0; i < count && len < RECORD_MAX; i++) {
        size_t left = slices[i].len - skip;
        size_t part = left < RECORD_MAX - len ? left : RECORD_MAX - len;
        memcpy(scratch + len, slices[i].ptr + skip, part);
        len += part;
        skip = 0;
    }
    return (struct str){scratch, len};
}

/* Past `taken` bytes and past what is empty. */
static void advance(const struct slice **slices, size_t *count, size_t *skip, size_t taken)
{
    *skip += taken;
    while (*count && *skip >= (*slices)->len) {
        *skip -= (*slices)->len;
        (*slices)++;
        (*count)--;
    }
}

ssize_t tls_session_write(struct tls_session *session, const struct slice *slices, size_t count)
{
    char scratch[RECORD_MAX];
    size_t skip = 0, total = 0;
    if (session->is_broken)
        return TLS_SESSION_BROKEN;
    ASSERT(!session->is_shut);
    if (!session->is_open || !tls_session_flush(session))
        return TLS_SESSION_WANT_WRITE;
    advance(&slices, &count, &skip, 0);
    if (session->is_held_back && count) {
        session->is_held_back = false;
        total = 1;
        advance(&slices, &count, &skip, 1);
    }
    while (count) {
        struct str record = next_record(slices, count, skip, scratch);
        ERR_clear_error();
        size_t taken = 0;
        int result = SSL_write_ex(session->ssl, record.ptr, record.len, &taken);
        if (result != 1) {
            int judged = judge(session, result);
            return total && judged != TLS_SESSION_BROKEN ? (ssize_t)total : judged;
        }
        total += taken;
        advance(&slices, &count, &skip, taken);
        if (!has_unsent(session))
            continue;
        session->is_held_back = true;
        return (ssize_t)(total - 1);
    }
    return (ssize_t)total;
}

void tls_session_shutdown(struct tls_session *session)
{
    if (session->is_shut)
        return;
    session->is_shut = true;
    if (session->is_broken || !session->is_open)
        return;
    ERR_clear_error();
    (void)SSL_shutdown(session->ssl);
    ERR_clear_error();
}

/* ---- what is known ---- */

bool tls_session_is_open(const struct tls_session *session)
{
    return session->is_open;
}

bool tls_session_is_shut(const struct tls_session *session)
{
    return session->is_shut;
}

struct str tls_session_name(const struct tls_session *session)
{
    return session->link.taken ? tls_server_name_host(session->link.taken) : STR("");
}

struct str tls_session_alpn(const struct tls_session *session)
{
    const unsigned char *name = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(session->ssl, &name, &len);
    return len ? (struct str){(const char *)name, len} : STR("");
}

const char *tls_session_failure(const struct tls_session *session)
{
    return session->failure ? session->failure : "";
}

static enum tls_version find_version(const struct tls_session *session)
{
    switch (SSL_version(session->ssl)) {
    case TLS1_2_VERSION: return TLS_VERSION_1_2;
    case TLS1_3_VERSION: return TLS_VERSION_1_3;
    default: return TLS_VERSION_NONE;
    }
}

struct tls_facts tls_session_facts(const struct tls_session *session)
{
    struct tls_facts facts = {.is_silent = BIO_number_read(SSL_get_rbio(session->ssl)) == 0};
    if (!session->is_open) {
        facts.failure = session->failure ? session->failure : "the handshake was not done in time";
        return facts;
    }
    facts.version = find_version(session);
    facts.is_resumed = SSL_session_reused(session->ssl);
    return facts;
}
