/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/server.h"

#include "base/arena.h"
#include "base/mem.h"
#include "http/codec.h"
#include "http/server.h"
#include "io/listener.h"
#include "io/timer.h"

#include <unistd.h>

/* From here on connections that wait for a request are closed to make room. */
#define CROWDED (ADMIN_MAX_CONNECTIONS * 3 / 4)
#define SAMPLE_MS 1000

static const struct server_timeouts timeouts = {
    .head_ms = 5000, .body_idle_ms = 10000, .keep_alive_ms = 30000, .linger_ms = 1000};

struct admin_server {
    struct loop *loop;
    struct admin admin;
    struct rates *rates;
    struct codec codec;
    struct server server;
    struct listener listener;
    struct timer sampling;
    const struct relay_ops *relay; /* NULL: none */
    void *relay_user;
    struct task turn_over; /* while it is freed */
};

/* One request being received or answered; the stream's user. */
struct call {
    struct admin_server *owner;
    struct stream *stream;
    struct relay_call relay; /* with a question: the answer is another process's */
    struct arena arena;      /* of the head */
    struct head head;
    struct strbuf body;
    struct admin_response response;
    bool is_received; /* the request is whole */
    bool is_answering;
};

static void call_free(struct call *call)
{
    if (call->relay.question)
        call->owner->relay->cancel(&call->relay);
    strbuf_deinit(&call->body);
    admin_response_deinit(&call->response);
    arena_deinit(&call->arena);
    mem_free(call);
}

/* The answer is whole, and the call gone. */
static void end_answer(struct stream *stream)
{
    struct call *call = stream->user;
    bool is_received = call->is_received;
    stream->user = NULL;
    call_free(call);
    stream_send_end(stream, NULL, 0);
    if (!is_received)
        stream_reset(stream, RESET_CANCEL);
}

/* Sends pieces while the client takes them. The call is gone when the answer is whole. */
static void send_pieces(struct stream *stream)
{
    struct call *call = stream->user;
    bool is_head = call->head.method_id == METHOD_HEAD;
    while (!is_head && call->response.body.len) {
        struct slice piece = slice_copy(strbuf_str(&call->response.body));
        stream_send_data(stream, piece);
        chunk_unref(piece.chunk);
        strbuf_clear(&call->response.body);
        if (!call->response.has_more)
            break;
        if (!stream->send_credit)
            return; /* on_credit goes on */
        admin_next(&call->owner->admin, &call->response);
    }
    end_answer(stream);
}

#define FIELD(label, text) ((struct field){STR(label), text, FIELD_OTHER})

/* The head of an answer; `length` counts unless the body goes on. */
static void send_response_head(struct stream *stream, const struct admin_response *response, uint64_t length)
{
    struct field fields[6] = {
        FIELD("Content-Type", str_from_c(response->content_type)),
        FIELD("Cache-Control", STR("no-store")),
        FIELD("X-Content-Type-Options", STR("nosniff")),
        FIELD("Content-Security-Policy", STR("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")),
    };
    struct head head = {
        .version = HTTP_1_1,
        .status = response->status,
        .body = response->has_more ? BODY_STREAM : BODY_LENGTH,
        .content_length = length,
        .fields = fields,
        .field_count = 4,
    };
    if (response->allow.len)
        fields[head.field_count++] = FIELD("Allow", strbuf_str(&response->allow));
    if (response->has_challenge)
        fields[head.field_count++] = FIELD("WWW-Authenticate", STR("Bearer"));
    stream_send_head(stream, &head);
}

static void send_response(struct stream *stream)
{
    struct call *call = stream->user;
    call->is_answering = true;
    send_response_head(stream, &call->response, call->response.body.len);
    send_pieces(stream);
}

/* ---- pages of another process ---- */

static void send_sentence(struct stream *stream, uint16_t status, const char *sentence)
{
    struct admin_response *response = &((struct call *)stream->user)->response;
    response->is_relayed = false;
    response->status = status;
    response->content_type = "text/plain; charset=utf-8";
    strbuf_clear(&response->body);
    strbuf_printf(&response->body, "%s\n", sentence);
    send_response(stream);
}

static void on_relay_head(struct relay_call *relay, const struct relay_head *head)
{
    struct call *call = CONTAINER_OF(relay, struct call, relay);
    struct stream *stream = call->stream;
    call->response.status = head->status;
    call->response.content_type = head->content_type;
    call->response.has_more = head->is_stream;
    call->is_answering = true;
    send_response_head(stream, &call->response, head->length);
    if (call->head.method_id == METHOD_HEAD)
        end_answer(stream);
    else
        call->owner->relay->pull(relay, stream->send_credit);
}

static void on_relay_fail(struct relay_call *relay, uint16_t status, const char *sentence)
{
    send_sentence(CONTAINER_OF(relay, struct call, relay)->stream, status, sentence);
}

static void on_relay_data(struct relay_call *relay, struct str data)
{
    struct call *call = CONTAINER_OF(relay, struct call, relay);
    struct stream *stream = call->stream;
    struct slice piece = slice_copy(data);
    stream_send_data(stream, piece);
    chunk_unref(piece.chunk);
    if (stream->user == call && relay->question)
        call->owner->relay->pull(relay, stream->send_credit);
}

static void on_relay_end(struct relay_call *relay, bool is_whole)
{
    struct stream *stream = CONTAINER_OF(relay, struct call, relay)->stream;
    if (is_whole) {
        end_answer(stream);
        return;
    }
    struct call *call = stream->user;
    stream->user = NULL;
    call_free(call);
    stream_reset(stream, RESET_CANCEL);
}

static const struct relay_call_ops relay_call_ops = {"admin", on_relay_head, on_relay_fail, on_relay_data,
                                                     on_relay_end};

static void ask_other(struct stream *stream)
{
    struct call *call = stream->user;
    struct admin_server *server = call->owner;
    struct err err;
    call->relay.ops = &relay_call_ops;
    if (!server->relay)
        send_sentence(stream, 503, "there is nobody to ask");
    else if (!server->relay->ask(server->relay_user, &call->relay, &call->response.question, &err))
        send_sentence(stream, 503, err.text);
}

static void answer(struct stream *stream)
{
    struct call *call = stream->user;
    struct admin *admin = &call->owner->admin;
    struct admin_request request = {&call->head, strbuf_str(&call->body)};
    admin->status.now_wall_ns = loop_wall_ns(call->owner->loop);
    admin->status.now_ns = loop_now_ns(call->owner->loop);
    admin->process = process_read();
    admin_handle(admin, &request, &call->response);
    if (call->response.is_relayed)
        ask_other(stream);
    else
        send_response(stream);
}

static void refuse_body(struct stream *stream)
{
    struct call *call = stream->user;
    call->response.status = 413;
    call->response.content_type = "text/plain; charset=utf-8";
    strbuf_add(&call->response.body, STR("the body is too large\n"));
    send_response(stream);
}

static void on_head(struct stream *stream, const struct head *head)
{
    struct call *call = mem_alloc(sizeof(*call));
    call->owner = stream->user;
    call->stream = stream;
    call->response = (struct admin_response)ADMIN_RESPONSE_INIT;
    arena_init(&call->arena, NULL, 0);
    head_copy(&call->head, head, &call->arena, 0);
    stream->user = call;
    bool has_body = head->body != BODY_NONE;
    if (head->body == BODY_LENGTH && head->content_length > ADMIN_MAX_BODY) {
        refuse_body(stream);
    } else if (has_body) {
        if (head->has_expect_continue)
            stream_send_head(stream, &(struct head){.version = HTTP_1_1, .status = 100});
        stream_pull(stream, ADMIN_MAX_BODY);
    } else if (head->has_upgrade || head->method_id == METHOD_CONNECT) {
        answer(stream); /* its end comes only once it is clear that nothing is upgraded */
    }
}

static void on_data(struct stream *stream, struct slice data)
{
    struct call *call = stream->user;
    if (call->body.len + data.len > ADMIN_MAX_BODY) {
        refuse_body(stream);
        return;
    }
    strbuf_add(&call->body, (struct str){data.ptr, data.len});
    stream_pull(stream, ADMIN_MAX_BODY);
}

static void on_end(struct stream *stream, const struct field *trailers, uint16_t count)
{
    (void)trailers;
    (void)count;
    struct call *call = stream->user;
    call->is_received = true;
    if (!call->is_answering && !call->relay.question)
        answer(stream);
}

static void on_reset(struct stream *stream, enum reset why)
{
    (void)why;
    if (stream->user)
        call_free(stream->user);
    stream->user = NULL;
}

static void on_credit(struct stream *stream)
{
    struct call *call = stream->user;
    if (call && call->relay.question && call->is_answering)
        call->owner->relay->pull(&call->relay, stream->send_credit);
    if (!call || !call->is_answering || !call->response.has_more || call->response.is_relayed)
        return;
    admin_next(&call->owner->admin, &call->response);
    send_pieces(stream);
}

static const struct stream_handler handler = {"admin", on_head, on_data, on_end, on_reset, on_credit};

static void on_accept(struct listener *listener, int fd, const struct address *remote)
{
    struct admin_server *server = CONTAINER_OF(listener, struct admin_server, listener);
    if (server->server.count >= CROWDED)
        server_close_idle(&server->server);
    if (server->server.count >= ADMIN_MAX_CONNECTIONS) {
        close(fd);
        return;
    }
    server_accept(&server->server, fd, &(struct peer){.remote = *remote});
}

static void on_sample(struct timer *timer)
{
    struct admin_server *server = CONTAINER_OF(timer, struct admin_server, sampling);
    rates_sample(server->rates, server->admin.status.registry, loop_now_ns(server->loop));
    timer_arm(server->loop, timer, SAMPLE_MS);
}

struct admin_server *admin_server_new(struct loop *loop, const struct admin_config *config)
{
    struct admin_server *server = mem_alloc(sizeof(*server));
    server->loop = loop;
    server->rates = rates_new();
    server->admin = (struct admin){
        .status = {.registry = config->registry,
                   .rates = server->rates,
                   .analyst = config->analyst,
                   .started_wall_ns = loop_wall_ns(loop)},
        .token = config->token,
        .hosts = config->hosts,
        .host_count = config->host_count,
    };
    server->relay = config->relay;
    server->relay_user = config->relay_user;
    codec_init(&server->codec, loop);
    server_init(&server->server, &server->codec, &handler, server);
    server->server.timeouts = &timeouts;
    timer_init(&server->sampling, on_sample);
    on_sample(&server->sampling);
    return server;
}

void admin_server_listen(struct admin_server *server, int fd)
{
    listener_start(&server->listener, server->loop, fd, on_accept);
}

void admin_server_set_rules(struct admin_server *server, const struct plan *plan, const struct endpoints *endpoints)
{
    server->admin.status.plan = plan;
    server->admin.status.endpoints = endpoints;
    for (size_t i = 0; plan && i < plan->mirrors.count; i++) {
        const struct plan_mirror *mirror = PLAN_MIRROR(plan, i);
        registry_mirror(server->admin.status.registry, plan_text(plan, PLAN_ROUTE(plan, mirror->route)->label),
                        plan_text(plan, mirror->label));
    }
}

void admin_server_set_config(struct admin_server *server, const struct status_config *config)
{
    server->admin.status.config = *config;
}

void admin_server_drain(struct admin_server *server, bool is_takeover)
{
    server->admin.status.is_draining = true;
    if (!is_takeover)
        return;
    listener_stop(&server->listener);
    server_drain(&server->server);
    server_close_idle(&server->server);
}

static void on_turn_over(struct task *task)
{
    struct admin_server *server = CONTAINER_OF(task, struct admin_server, turn_over);
    loop_stop(server->loop);
}

void admin_server_free(struct admin_server *server)
{
    timer_disarm(&server->sampling);
    listener_stop(&server->listener);
    server_close_all(&server->server);
    task_init(&server->turn_over, on_turn_over);
    while (server->server.count) {
        /* Closed connections go at the end of a turn. */
        loop_later(server->loop, &server->turn_over);
        loop_run(server->loop);
    }
    codec_deinit(&server->codec);
    rates_free(server->rates);
    mem_free(server);
}
