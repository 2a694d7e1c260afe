/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_service.h"

#include "app/demo_child.h"
#include "app/demo_garble.h"
#include "base/arena.h"
#include "base/mem.h"
#include "http/server.h"
#include "io/listener.h"
#include "io/timer.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define MAX_BODY 4096 /* of a request; the rest is read and left out */
#define ID_TEXT 24
#define DATE_TEXT 32

struct service {
    enum shop_role role;
    enum service_word mode;
    struct loop *loop;
    struct codec codec;
    struct server server;
    struct garble garble;
    struct listener listener;
    struct watch channel;
    uint64_t answered; /* makes request ids */
};

/* One request until its answer is sent; the stream's user. */
struct visit {
    struct service *service;
    struct stream *stream;
    struct arena arena; /* of the head */
    struct head head;
    struct strbuf body;
    struct shop_answer answer;
    struct timer delay;
};

static void visit_free(struct visit *visit)
{
    timer_disarm(&visit->delay);
    strbuf_deinit(&visit->body);
    strbuf_deinit(&visit->answer.body);
    arena_deinit(&visit->arena);
    mem_free(visit);
}

/* IMF-fixdate (RFC 9110 5.6.7). */
static struct str date_text(char *out)
{
    time_t now = time(NULL);
    struct tm tm;
    return (struct str){out, strftime(out, DATE_TEXT, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm))};
}

static void send_answer(struct visit *visit)
{
    static const struct str versions[] = {STR_INIT("shop/1.4"), STR_INIT("shop/2.0"), STR_INIT("shop/1.5")};
    struct service *service = visit->service;
    struct stream *stream = visit->stream;
    struct str body = strbuf_str(&visit->answer.body);
    char id[ID_TEXT];
    int id_len = snprintf(id, sizeof(id), "%x-%llu", (unsigned)getpid(), (unsigned long long)++service->answered);
    char date[DATE_TEXT];
    struct field fields[] = {
        {STR("Date"), date_text(date), FIELD_DATE},
        {STR("Server"), versions[service->role], FIELD_SERVER},
        {STR("Content-Type"), STR("application/json"), FIELD_OTHER},
        {STR("X-Request-Id"), {id, (size_t)id_len}, FIELD_OTHER},
    };
    struct head head = {
        .version = HTTP_1_1,
        .status = visit->answer.status,
        .body = BODY_LENGTH,
        .content_length = body.len,
        .fields = fields,
        .field_count = sizeof(fields) / sizeof(fields[0]),
    };
    stream_send_head(stream, &head);
    if (visit->head.method_id != METHOD_HEAD) {
        struct slice piece = slice_copy(body);
        stream_send_data(stream, piece);
        chunk_unref(piece.chunk);
    }
    stream->user = NULL;
    visit_free(visit);
    stream_send_end(stream, NULL, 0);
}

static void on_delay(struct timer *timer)
{
    send_answer(CONTAINER_OF(timer, struct visit, delay));
}

/* ---- requests ---- */

static void on_head(struct stream *stream, const struct head *head)
{
    struct visit *visit = mem_alloc(sizeof(*visit));
    visit->service = stream->user;
    visit->stream = stream;
    arena_init(&visit->arena, NULL, 0);
    head_copy(&visit->head, head, &visit->arena, 0);
    timer_init(&visit->delay, on_delay);
    stream->user = visit;
    if (head->has_upgrade || head->method_id == METHOD_CONNECT) {
        stream->user = NULL;
        visit_free(visit);
        server_answer(stream, 405, STR("not in this shop\n"));
        return;
    }
    if (head->has_expect_continue)
        stream_send_head(stream, &(struct head){.version = HTTP_1_1, .status = 100});
    if (head->body != BODY_NONE)
        stream_pull(stream, MAX_BODY);
}

static void on_data(struct stream *stream, struct slice data)
{
    struct visit *visit = stream->user;
    size_t room = MAX_BODY - visit->body.len;
    strbuf_add(&visit->body, (struct str){data.ptr, data.len < room ? data.len : room});
    stream_pull(stream, MAX_BODY);
}

static void on_end(struct stream *stream, const struct field *trailers, uint16_t count)
{
    (void)trailers, (void)count;
    struct visit *visit = stream->user;
    struct service *service = visit->service;
    shop_answer(service->role, visit->head.method_id, visit->head.target, strbuf_str(&visit->body), &visit->answer);
    uint32_t delay_ms = visit->answer.delay_ms + (service->mode == SERVICE_SLOW ? SERVICE_SLOW_MS : 0);
    if (delay_ms)
        timer_arm(service->loop, &visit->delay, delay_ms);
    else
        send_answer(visit);
}

static void on_reset(struct stream *stream, enum reset why)
{
    (void)why;
    if (stream->user)
        visit_free(stream->user);
    stream->user = NULL;
}

static void on_credit(struct stream *stream)
{
    (void)stream;
}

static const struct stream_handler handler = {"shop", on_head, on_data, on_end, on_reset, on_credit};

/* ---- the process ---- */

static void on_accept(struct listener *listener, int fd, const struct address *remote)
{
    struct service *service = CONTAINER_OF(listener, struct service, listener);
    if (service->mode == SERVICE_GARBLE)
        garble_accept(&service->garble, fd);
    else
        server_accept(&service->server, fd, &(struct peer){.remote = *remote});
}

/* Connections of the other kind end, so that all that comes from now on is as the word says. */
static void set_mode(struct service *service, enum service_word mode)
{
    if (service->mode == SERVICE_GARBLE)
        garble_close_all(&service->garble);
    else if (mode == SERVICE_GARBLE)
        server_close_all(&service->server);
    service->mode = mode;
}

static void on_channel(struct watch *watch, uint32_t events)
{
    (void)events;
    struct service *service = CONTAINER_OF(watch, struct service, channel);
    char word;
    ssize_t n;
    while ((n = read(watch->fd, &word, 1)) == 1) {
        if (word == SERVICE_WELL || word == SERVICE_SLOW || word == SERVICE_GARBLE)
            set_mode(service, (enum service_word)word);
    }
    if (n == 0)
        loop_stop(service->loop);
}

int demo_service_run(const void *role)
{
    struct err err;
    struct service *service = mem_alloc(sizeof(*service));
    service->role = *(const enum shop_role *)role;
    service->mode = SERVICE_WELL;
    service->loop = loop_new(&err);
    if (!service->loop) {
        fprintf(stderr, "umbra demo: %s\n", err.text);
        return 1;
    }
    codec_init(&service->codec, service->loop);
    server_init(&service->server, &service->codec, &handler, service);
    garble_init(&service->garble, service->loop);
    service->channel = (struct watch){.fd = DEMO_CHILD_CHANNEL, .on_ready = on_channel};
    loop_add(service->loop, &service->channel);
    listener_start(&service->listener, service->loop, DEMO_CHILD_FD, on_accept);
    loop_run(service->loop);
    return 0; /* memory and connections go with the process */
}
