/* SPDX-License-Identifier: Apache-2.0 */
#include "http/server.h"

#include "http/http1_server.h"
#include "tls/server.h"

#include <stdio.h>

const struct server_timeouts server_default_timeouts = {
    .head_ms = 10000,
    .body_idle_ms = 60000,
    .keep_alive_ms = 75000,
    .linger_ms = 2000,
};

void server_init(struct server *server, struct codec *codec, const struct stream_handler *handler, void *user)
{
    *server = (struct server){
        .codec = codec,
        .handler = handler,
        .user = user,
        .timeouts = &server_default_timeouts,
    };
    list_init(&server->conns);
}

void server_set_tls(struct server *server, struct tls_server *tls)
{
    struct tls_server *before = server->tls;
    server->tls = tls ? tls_server_ref(tls) : NULL;
    if (before)
        tls_server_unref(before);
}

void server_accept(struct server *server, int fd, const struct peer *peer)
{
    http1_server_open(server, fd, peer);
}

void server_drain(struct server *server)
{
    if (server->is_draining)
        return;
    server->is_draining = true;
    for (struct list *node = server->conns.next; node != &server->conns; node = node->next) {
        struct server_member *member = CONTAINER_OF(node, struct server_member, node);
        if (member->drain)
            member->drain(member);
    }
}

static void close_members(struct server *server, bool is_only_if_idle)
{
    /* A closed connection leaves the list at the end of the turn, not here. */
    for (struct list *node = server->conns.next; node != &server->conns; node = node->next) {
        struct server_member *member = CONTAINER_OF(node, struct server_member, node);
        member->close(member, is_only_if_idle);
    }
}

/* Looked at for one that has to make room: few, since each newcomer may ask. */
#define ROOM_LOOKS 16

bool server_make_room(struct server *server)
{
    for (size_t i = 0; i < ROOM_LOOKS; i++) {
        struct list *node = list_take_first(&server->conns);
        if (!node)
            return false;
        struct server_member *member = CONTAINER_OF(node, struct server_member, node);
        list_add(&server->conns, node); /* the next look begins behind it */
        if (member->give_way(member, SERVER_PATIENCE_MS))
            return true;
    }
    return false;
}

void server_close_idle(struct server *server)
{
    close_members(server, true);
}

void server_close_all(struct server *server)
{
    close_members(server, false);
}

static void ignore_head(struct stream *stream, const struct head *head)
{
    (void)stream;
    (void)head;
}

static void ignore_data(struct stream *stream, struct slice data)
{
    (void)stream;
    (void)data;
}

static void ignore_end(struct stream *stream, const struct field *trailers, uint16_t count)
{
    (void)stream;
    (void)trailers;
    (void)count;
}

static void ignore_reset(struct stream *stream, enum reset why)
{
    (void)stream;
    (void)why;
}

static void ignore_credit(struct stream *stream)
{
    (void)stream;
}

static const struct stream_handler ignoring = {"ignore",   ignore_head,  ignore_data,
                                               ignore_end, ignore_reset, ignore_credit};

void server_answer_body(struct stream *stream, struct head *head, struct slice body)
{
    head->version = HTTP_1_1;
    head->body = body.len ? BODY_LENGTH : BODY_NONE;
    head->content_length = body.len;
    head->is_last = true;
    stream->handler = &ignoring; /* the user is done with it */
    stream_send_head(stream, head);
    stream_send_data(stream, body);
    stream_send_end(stream, NULL, 0);
    stream_reset(stream, RESET_CANCEL);
}

void server_answer_head(struct stream *stream, struct head *head, struct str text)
{
    server_answer_body(stream, head, (struct slice){NULL, text.ptr, text.len});
}

void server_answer(struct stream *stream, uint16_t status, struct str text)
{
    struct field fields[1] = {{STR("Content-Type"), STR("text/plain; charset=utf-8"), FIELD_OTHER}};
    struct head head = {.status = status, .fields = fields, .field_count = 1};
    server_answer_head(stream, &head, text);
}
