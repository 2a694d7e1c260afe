/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_load.h"

#include "app/demo_child.h"
#include "app/demo_shop.h"
#include "base/mem.h"
#include "http/client.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull
#define TICK_MS 1
#define MAX_BEHIND_NS (NS_PER_S / 2) /* a process that was held up longer does not make up for it: no bursts */
#define MAX_ANSWER (64 * 1024)

#define X(name, label) label,
static const char *const error_names[] = {LOAD_ERRORS(X)};
#undef X

const char *load_error_name(enum load_error error)
{
    return error_names[error];
}

struct load {
    const struct load_spec *spec;
    struct loop *loop;
    struct codec codec;
    struct client_pool *pool;
    struct timer tick;
    struct watch channel;
    struct list waiting; /* struct shot, oldest first */
    size_t waiting_count;
    uint64_t next_at_ns, number;
    bool is_stopped;
    char host[ADDRESS_TEXT];
};

/* One request under way. */
struct shot {
    struct client_call call; /* first */
    struct load *load;
    struct list node;
    struct stream *stream; /* NULL: not connected yet */
    uint64_t at_ns;
    struct shop_request request;
    uint16_t status;
    struct strbuf body;
};

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void shot_free(struct shot *shot)
{
    list_remove(&shot->node);
    shot->load->waiting_count--;
    strbuf_deinit(&shot->body);
    mem_free(shot);
}

static void shot_fail(struct shot *shot, enum load_error error)
{
    count(&shot->load->spec->figures->errors[error]);
    shot_free(shot);
}

/* Compares with what live must have said. */
static void shot_judge(struct shot *shot)
{
    struct load_figures *figures = shot->load->spec->figures;
    struct shop_answer expected = {.body = STRBUF_INIT};
    shop_answer(SHOP_LIVE, shot->request.method, str_from_c(shot->request.target), str_from_c(shot->request.body),
                &expected);
    bool is_status_right = expected.status == shot->status;
    bool is_body_right = str_eq(strbuf_str(&expected.body), strbuf_str(&shot->body));
    strbuf_deinit(&expected.body);
    if (!is_status_right || !is_body_right) {
        shot_fail(shot, is_status_right ? LOAD_ERROR_BODY : LOAD_ERROR_STATUS);
        return;
    }
    count(&figures->latency[demo_latency_bucket(loop_now_ns(shot->load->loop) - shot->at_ns)]);
    count(&figures->answered);
    shot_free(shot);
}

/* ---- answers ---- */

static void on_head(struct stream *stream, const struct head *head)
{
    struct shot *shot = stream->user;
    shot->status = head->status;
    stream_pull(stream, MAX_ANSWER);
}

static void on_data(struct stream *stream, struct slice data)
{
    struct shot *shot = stream->user;
    if (shot->body.len + data.len > MAX_ANSWER) {
        stream_reset(stream, RESET_CANCEL);
        shot_fail(shot, LOAD_ERROR_BODY);
        return;
    }
    strbuf_add(&shot->body, (struct str){data.ptr, data.len});
    stream_pull(stream, MAX_ANSWER);
}

static void on_end(struct stream *stream, const struct field *trailers, uint16_t trailer_count)
{
    (void)trailers, (void)trailer_count;
    shot_judge(stream->user);
}

static void on_reset(struct stream *stream, enum reset why)
{
    (void)why;
    shot_fail(stream->user, LOAD_ERROR_RESET);
}

static void on_credit(struct stream *stream)
{
    (void)stream;
}

static const struct stream_handler handler = {"load", on_head, on_data, on_end, on_reset, on_credit};

/* ---- requests ---- */

static void on_open(struct client_call *call, struct stream *stream, bool is_reused)
{
    (void)is_reused;
    struct shot *shot = CONTAINER_OF(call, struct shot, call);
    const struct shop_request *request = &shot->request;
    struct str body = str_from_c(request->body);
    struct field fields[4] = {
        {STR("Host"), str_from_c(shot->load->host), FIELD_HOST},
        {STR("User-Agent"), STR("umbra-demo"), FIELD_OTHER},
        {STR("Accept"), STR("application/json"), FIELD_OTHER},
        {STR("Content-Type"), STR("application/json"), FIELD_OTHER},
    };
    struct head head = {
        .version = HTTP_1_1,
        .method_id = request->method,
        .method = request->method == METHOD_POST ? STR("POST") : STR("GET"),
        .target = str_from_c(request->target),
        .body = body.len ? BODY_LENGTH : BODY_NONE,
        .content_length = body.len,
        .fields = fields,
        .field_count = body.len ? 4 : 3,
    };
    shot->stream = stream;
    stream->handler = &handler;
    stream->user = shot;
    stream_send_head(stream, &head);
    if (body.len) {
        struct slice piece = slice_copy(body);
        stream_send_data(stream, piece);
        chunk_unref(piece.chunk);
    }
    stream_send_end(stream, NULL, 0);
}

static void on_fail(struct client_call *call, int error)
{
    (void)error;
    shot_fail(CONTAINER_OF(call, struct shot, call), LOAD_ERROR_CONNECT);
}

static void shoot(struct load *load)
{
    struct load_figures *figures = load->spec->figures;
    count(&figures->begun);
    if (load->waiting_count == LOAD_MAX_WAITING) {
        count(&figures->errors[LOAD_ERROR_WAITING]);
        return;
    }
    struct shot *shot = mem_alloc(sizeof(*shot));
    shot->load = load;
    shot->at_ns = loop_now_ns(load->loop);
    shot->call.on_open = on_open;
    shot->call.on_fail = on_fail;
    shop_request(load->number++, &shot->request);
    list_add(&load->waiting, &shot->node);
    load->waiting_count++;
    client_open(load->pool, &shot->call);
}

static void give_up_on_late(struct load *load, uint64_t now)
{
    while (!list_is_empty(&load->waiting)) {
        struct shot *oldest = CONTAINER_OF(load->waiting.next, struct shot, node);
        if (now - oldest->at_ns < LOAD_TIMEOUT_MS * NS_PER_MS)
            return;
        if (oldest->stream)
            stream_reset(oldest->stream, RESET_CANCEL);
        else
            client_cancel(&oldest->call);
        shot_fail(oldest, LOAD_ERROR_TIMEOUT);
    }
}

static void on_tick(struct timer *timer)
{
    struct load *load = CONTAINER_OF(timer, struct load, tick);
    uint64_t now = loop_now_ns(load->loop);
    timer_arm(load->loop, timer, TICK_MS);
    give_up_on_late(load, now);
    if (now - load->next_at_ns > MAX_BEHIND_NS && now > load->next_at_ns)
        load->next_at_ns = now;
    while (!load->is_stopped && load->next_at_ns <= now) {
        load->next_at_ns += NS_PER_S / load->spec->rate;
        shoot(load);
    }
}

static void on_channel(struct watch *watch, uint32_t events)
{
    (void)events;
    struct load *load = CONTAINER_OF(watch, struct load, channel);
    char word;
    ssize_t n;
    while ((n = read(watch->fd, &word, 1)) == 1)
        load->is_stopped = load->is_stopped || word == LOAD_STOP;
    if (n == 0)
        loop_stop(load->loop);
}

int demo_load_run(const void *spec)
{
    static const struct client_pool_ops pool_ops = {.name = "load"};
    struct err err;
    struct load *load = mem_alloc(sizeof(*load));
    load->spec = spec;
    load->loop = loop_new(&err);
    if (!load->loop) {
        fprintf(stderr, "umbra demo: %s\n", err.text);
        return 1;
    }
    codec_init(&load->codec, load->loop);
    list_init(&load->waiting);
    load->pool = client_pool_new(&load->codec, &load->spec->gateway, &(struct client_how){0}, &pool_ops, NULL);
    if (load->spec->gateway.family == ADDRESS_UNIX)
        snprintf(load->host, sizeof(load->host), "localhost");
    else
        address_format(&load->spec->gateway, load->host);
    load->channel = (struct watch){.fd = DEMO_CHILD_CHANNEL, .on_ready = on_channel};
    loop_add(load->loop, &load->channel);
    load->next_at_ns = loop_now_ns(load->loop);
    timer_init(&load->tick, on_tick);
    on_tick(&load->tick);
    loop_run(load->loop);
    return 0; /* memory and connections go with the process */
}

/* ---- figures ---- */

struct load_figures *load_figures_new(void)
{
    void *memory = mmap(NULL, sizeof(struct load_figures), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void load_figures_free(struct load_figures *figures)
{
    munmap(figures, sizeof(*figures));
}

static uint64_t get(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void load_sample_take(struct load_figures *figures, struct load_sample *sample)
{
    *sample = (struct load_sample){.answered = get(&figures->answered)};
    for (size_t i = 0; i < LOAD_ERROR_COUNT; i++)
        sample->error_sum += sample->errors[i] = get(&figures->errors[i]);
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        sample->latency[i] = get(&figures->latency[i]);
    sample->begun = get(&figures->begun); /* last, so that waiting is never negative */
}

uint64_t load_waiting(const struct load_sample *sample)
{
    uint64_t over = sample->answered + sample->error_sum;
    return sample->begun > over ? sample->begun - over : 0;
}
