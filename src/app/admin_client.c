/* SPDX-License-Identifier: Apache-2.0 */
#include "app/admin_client.h"

#include "app/option_values.h"
#include "http/http1_parse.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* The largest status of tens of thousands of mirrors is well below. */
#define MAX_BODY (256u * 1024 * 1024)
#define PIECE (64 * 1024)

/* One request under way. */
struct ask {
    const struct client_options *options;
    struct str where; /* the admin address as it was given */
    char where_text[TARGET_TEXT];
    struct err *err;
    int fd;
    struct strbuf in; /* received, from the head on */
};

static bool no_answer(struct ask *ask)
{
    return err_set(ask->err, "no answer from %.*s within %d s", STR_ARG(ask->where), ADMIN_CLIENT_TIMEOUT_MS / 1000);
}

static bool nobody(struct ask *ask, int error)
{
    if (error == ETIMEDOUT)
        return no_answer(ask);
    if (error != ECONNREFUSED && error != ENOENT)
        return err_set(ask->err, "can't reach %.*s: %s", STR_ARG(ask->where), strerror(error));
    return err_set(ask->err,
                   "nothing answers at %.*s: is umbra running? Start it with `umbra run --listen HOST:PORT --live "
                   "HOST:PORT`, or name another port with --admin HOST:PORT",
                   STR_ARG(ask->where));
}

/* Waits until the socket is ready; false when it takes too long. */
static bool wait_for(struct ask *ask, short events)
{
    struct pollfd wait = {.fd = ask->fd, .events = events};
    int ready;
    do
        ready = poll(&wait, 1, ADMIN_CLIENT_TIMEOUT_MS);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* Connects to one address; 0 or an errno. */
static int connect_to(struct ask *ask, const struct sockaddr *address, socklen_t len)
{
    ask->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (ask->fd < 0)
        return errno;
    int error = connect(ask->fd, address, len) == 0 ? 0 : errno;
    socklen_t error_len = sizeof(error);
    if (error == EINPROGRESS) {
        error = ETIMEDOUT;
        if (wait_for(ask, POLLOUT) && getsockopt(ask->fd, SOL_SOCKET, SO_ERROR, &error, &error_len) < 0)
            error = errno;
    }
    if (error) {
        close(ask->fd);
        ask->fd = -1;
    }
    return error;
}

static bool connect_unix(struct ask *ask)
{
    struct address address;
    struct sockaddr_storage name;
    if (!address_parse(ask->where, &address))
        return err_set(ask->err, "%.*s is no address", STR_ARG(ask->where));
    socklen_t len = address_to_sockaddr(&address, &name);
    int error = connect_to(ask, (struct sockaddr *)&name, len);
    return error ? nobody(ask, error) : true;
}

static bool connect_name(struct ask *ask)
{
    const struct settings_target *admin = &ask->options->admin;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    char port[8];
    snprintf(port, sizeof(port), "%u", admin->port);
    int failure = getaddrinfo(admin->host, port, &hints, &found);
    if (failure)
        return err_set(ask->err, "--admin: the name \"%s\" can't be resolved: %s", admin->host, gai_strerror(failure));
    int error = 0;
    for (struct addrinfo *at = found; at && ask->fd < 0; at = at->ai_next)
        error = connect_to(ask, at->ai_addr, at->ai_addrlen);
    freeaddrinfo(found);
    return ask->fd >= 0 || nobody(ask, error);
}

static bool send_all(struct ask *ask, struct str bytes)
{
    while (bytes.len) {
        ssize_t n = send(ask->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            if (!wait_for(ask, POLLOUT))
                return no_answer(ask);
        } else if (n < 0 && errno != EINTR) {
            return err_set(ask->err, "%.*s closed the connection: %s", STR_ARG(ask->where), strerror(errno));
        } else if (n > 0) {
            bytes = str_slice(bytes, (size_t)n, bytes.len);
        }
    }
    return true;
}

static bool send_request(struct ask *ask, const char *method, struct str target, struct str body)
{
    struct strbuf request = STRBUF_INIT;
    bool is_unix = str_starts_with(ask->where, STR("unix:"));
    strbuf_printf(&request, "%s %.*s HTTP/1.1\r\nHost: %.*s\r\nConnection: close\r\n", method, STR_ARG(target),
                  STR_ARG(is_unix ? STR("localhost") : ask->where));
    if (ask->options->admin_token[0])
        strbuf_printf(&request, "Authorization: Bearer %s\r\n", ask->options->admin_token);
    if (body.ptr)
        strbuf_printf(&request, "X-Umbra: 1\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n", body.len);
    strbuf_add(&request, STR("\r\n"));
    strbuf_add(&request, body);
    bool is_sent = send_all(ask, strbuf_str(&request));
    strbuf_deinit(&request);
    return is_sent;
}

enum received { RECEIVED_MORE, RECEIVED_END, RECEIVED_ERROR };

/* One more piece behind what is there. */
static enum received receive(struct ask *ask)
{
    char piece[PIECE];
    for (;;) {
        ssize_t n = recv(ask->fd, piece, sizeof(piece), 0);
        if (n > 0) {
            strbuf_add(&ask->in, (struct str){piece, (size_t)n});
            return RECEIVED_MORE;
        }
        if (n == 0)
            return RECEIVED_END;
        if (errno == EAGAIN && !wait_for(ask, POLLIN)) {
            (void)no_answer(ask);
            return RECEIVED_ERROR;
        }
        if (errno != EAGAIN && errno != EINTR) {
            (void)err_set(ask->err, "%.*s closed the connection: %s", STR_ARG(ask->where), strerror(errno));
            return RECEIVED_ERROR;
        }
    }
}

static bool not_http(struct ask *ask)
{
    return err_set(ask->err, "what answers at %.*s is no admin port of umbra; name another with --admin HOST:PORT",
                   STR_ARG(ask->where));
}

static bool cut_short(struct ask *ask)
{
    return err_set(ask->err, "the answer of %.*s ended too early", STR_ARG(ask->where));
}

/* Receives until a final head is there; *head_len is where its body begins. */
static bool receive_head(struct ask *ask, enum http_method method, struct head *head, size_t *head_len)
{
    size_t scanned = 0;
    enum refusal refusal;
    for (;;) {
        enum parse found = http1_find_head_end(strbuf_str(&ask->in), &scanned, head_len, &refusal);
        if (found == PARSE_BAD || (found == PARSE_MORE && ask->in.len > HEAD_MAX_BYTES))
            return not_http(ask);
        if (found == PARSE_DONE) {
            struct str bytes = str_slice(strbuf_str(&ask->in), 0, *head_len);
            return http1_parse_response(bytes, method, head, &refusal) == PARSE_DONE && head->status >= 200
                       ? true
                       : not_http(ask);
        }
        enum received received = receive(ask);
        if (received == RECEIVED_ERROR)
            return false;
        if (received == RECEIVED_END)
            return ask->in.len ? not_http(ask) : cut_short(ask);
    }
}

static bool receive_chunked(struct ask *ask, size_t at, struct strbuf *body)
{
    struct chunked chunked = {0};
    for (;;) {
        size_t used;
        struct str data;
        enum parse parse = http1_chunked(&chunked, str_slice(strbuf_str(&ask->in), at, ask->in.len), &used, &data);
        at += used;
        strbuf_add(body, data);
        if (parse == PARSE_DONE)
            return true;
        if (parse == PARSE_BAD || body->len > MAX_BODY)
            return not_http(ask);
        if (data.len)
            continue;
        strbuf_clear(&ask->in);
        at = 0;
        enum received received = receive(ask);
        if (received != RECEIVED_MORE)
            return received == RECEIVED_END ? cut_short(ask) : false;
    }
}

static bool receive_plain(struct ask *ask, const struct head *head, size_t at, struct strbuf *body)
{
    bool has_length = head->body == BODY_LENGTH;
    uint64_t length = has_length ? head->content_length : MAX_BODY;
    if (length > MAX_BODY)
        return not_http(ask);
    while (ask->in.len - at < length) {
        enum received received = receive(ask);
        if (received == RECEIVED_ERROR)
            return false;
        if (received == RECEIVED_END) {
            if (has_length)
                return cut_short(ask);
            length = ask->in.len - at;
        }
    }
    strbuf_add(body, str_slice(strbuf_str(&ask->in), at, at + length));
    return true;
}

static bool receive_reply(struct ask *ask, const char *method, struct admin_reply *reply)
{
    struct field fields[HEAD_MAX_FIELDS];
    struct head head = {.fields = fields};
    size_t head_len;
    if (!receive_head(ask, method_from_str(str_from_c(method)), &head, &head_len))
        return false;
    reply->status = head.status;
    switch (head.body) {
    case BODY_NONE: return true;
    case BODY_STREAM: return receive_chunked(ask, head_len, &reply->body);
    case BODY_LENGTH:
    case BODY_CLOSE: return receive_plain(ask, &head, head_len, &reply->body);
    case BODY_TUNNEL: break;
    }
    return not_http(ask);
}

/* What the guards of the admin port said. */
static bool is_let_in(struct ask *ask, const struct admin_reply *reply)
{
    if (reply->status == 401 && ask->options->admin_token[0])
        return err_set(ask->err, "the admin port at %.*s does not take this token", STR_ARG(ask->where));
    if (reply->status == 401)
        return err_set(ask->err, "the admin port at %.*s needs a token: --admin-token-file FILE", STR_ARG(ask->where));
    if (reply->status == 403)
        return err_set(ask->err, "the admin port at %.*s refuses: %.*s", STR_ARG(ask->where),
                       STR_ARG(str_slice(strbuf_str(&reply->body), 0, str_find_char(strbuf_str(&reply->body), '\n'))));
    return true;
}

bool admin_client_ask(const struct client_options *options, const char *method, struct str target, struct str body,
                      struct admin_reply *reply, struct err *err)
{
    struct ask ask = {.options = options, .err = err, .fd = -1};
    *reply = (struct admin_reply){.status = 0};
    ask.where = target_format(&options->admin, ask.where_text);
    bool is_answered = (str_starts_with(ask.where, STR("unix:")) ? connect_unix(&ask) : connect_name(&ask)) &&
                       send_request(&ask, method, target, body) && receive_reply(&ask, method, reply) &&
                       is_let_in(&ask, reply);
    if (ask.fd >= 0)
        close(ask.fd);
    strbuf_deinit(&ask.in);
    if (!is_answered)
        admin_reply_deinit(reply);
    return is_answered;
}

void admin_reply_deinit(struct admin_reply *reply)
{
    strbuf_deinit(&reply->body);
}

bool admin_client_get(const struct client_options *options, struct str target, struct admin_reply *reply,
                      struct err *err)
{
    if (!admin_client_ask(options, "GET", target, STR_NONE, reply, err))
        return false;
    if (reply->status == 200)
        return true;
    struct str said = str_slice(strbuf_str(&reply->body), 0, str_find_char(strbuf_str(&reply->body), '\n'));
    (void)err_set(err, "the admin port answers %u: %.*s", reply->status, STR_ARG(said));
    admin_reply_deinit(reply);
    return false;
}
