/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include "base/assert.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEPS 10000 /* far more than any handshake has */

static SSL *raw_new(SSL_CTX *context, int fd, bool is_server)
{
    SSL *ssl = SSL_new(context);
    ASSERT(ssl && SSL_set_fd(ssl, fd) == 1);
    if (is_server)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    return ssl;
}

void pair_init(struct pair *pair, struct tls_server *server, struct tls_client *client, SSL_CTX *raw)
{
    *pair = (struct pair){0};
    ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair->fds) == 0);
    if (server)
        pair->server.session = tls_session_accept(server, pair->fds[0]);
    else
        pair->server.raw = raw_new(raw, pair->fds[0], true);
    if (client)
        pair->client.session = tls_session_connect(client, pair->fds[1]);
    else
        pair->client.raw = raw_new(raw, pair->fds[1], false);
    pair->server.result = pair->client.result = TLS_SESSION_WANT_READ;
}

static void side_deinit(struct side *side)
{
    if (side->session)
        tls_session_free(side->session);
    if (side->raw)
        SSL_set_shutdown(side->raw, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else its session counts as bad */
    SSL_free(side->raw);
}

void pair_deinit(struct pair *pair)
{
    side_deinit(&pair->server);
    side_deinit(&pair->client);
    close(pair->fds[0]);
    close(pair->fds[1]);
}

static bool is_settled(const struct side *side)
{
    return side->result == 1 || side->result == TLS_SESSION_BROKEN;
}

static void step(struct side *side)
{
    if (is_settled(side))
        return;
    if (side->session) {
        tls_session_wake(side->session, false);
        side->result = tls_session_handshake(side->session);
        return;
    }
    int result = SSL_do_handshake(side->raw);
    if (result == 1)
        side->result = 1;
    else if (SSL_get_error(side->raw, result) != SSL_ERROR_WANT_READ)
        side->result = TLS_SESSION_BROKEN;
}

/* A client of TLS 1.3 is through before the server has looked at what it proves. */
static void read_ahead(struct side *side)
{
    char byte;
    if (side->result != 1)
        return;
    if (side->session) {
        tls_session_wake(side->session, false);
        if (tls_session_read(side->session, &byte, 1) == TLS_SESSION_BROKEN)
            side->result = TLS_SESSION_BROKEN;
        return;
    }
    int result = SSL_read(side->raw, &byte, 1);
    if (result <= 0 && SSL_get_error(side->raw, result) != SSL_ERROR_WANT_READ)
        side->result = TLS_SESSION_BROKEN;
}

void pair_shake(struct pair *pair)
{
    for (int i = 0; i < STEPS && !(is_settled(&pair->server) && is_settled(&pair->client)); i++) {
        step(&pair->client);
        step(&pair->server);
        if (pair->server.result == TLS_SESSION_BROKEN)
            shutdown(pair->fds[0], SHUT_WR);
        if (pair->client.result == TLS_SESSION_BROKEN)
            shutdown(pair->fds[1], SHUT_WR);
    }
    ASSERT(is_settled(&pair->server) && is_settled(&pair->client));
    read_ahead(&pair->client);
}

static void put(struct side *side, const char *text)
{
    struct slice slice = {NULL, text, strlen(text)};
    if (side->session)
        ASSERT(tls_session_write(side->session, &slice, 1) == (ssize_t)slice.len);
    else
        ASSERT(SSL_write(side->raw, text, (int)slice.len) == (int)slice.len);
}

static ssize_t get(struct side *side, char *into, size_t room)
{
    if (!side->session)
        return SSL_read(side->raw, into, (int)room);
    tls_session_wake(side->session, false);
    return tls_session_read(side->session, into, room);
}

bool pair_carries(struct side *from, struct side *to, const char *text)
{
    char got[256];
    size_t len = 0;
    put(from, text);
    for (int i = 0; i < STEPS && len < strlen(text); i++) {
        ssize_t n = get(to, got + len, sizeof got - len);
        len += n > 0 ? (size_t)n : 0;
    }
    return str_eq((struct str){got, len}, str_from_c(text));
}
