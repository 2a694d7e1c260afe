/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/write.h"

#include "base/map.h"
#include "base/mem.h"
#include "kube/backoff.h"
#include "kube/call.h"

#define NS_PER_MS 1000000ull
#define BURST 100
/* The time that one write's share takes; shares are counted in time that was not used. */
#define SHARE_NS (1000000000ull / KUBE_WRITES_PER_SECOND)

/* One write that waits or is under way. */
struct entry {
    struct kube_writer *writer;
    struct list node;
    struct kube_request request;
    struct str target, content_type, body; /* owned */
    kube_written_fn *on_written;
    void *user;
    unsigned tries; /* left */
    struct backoff backoff;
    uint64_t due_ns; /* not before */
    bool is_named;   /* by its target: one after the other, and the newest wins */
};

struct kube_writer {
    struct kube_client *client;
    struct loop *loop;
    struct list waiting, under_way;
    struct map waiting_by_target, busy_by_target; /* of those that are named */
    size_t waiting_count;
    unsigned under_way_count;
    uint64_t unused_ns; /* up to here the shares of time are used; BURST shares behind now at most */
    struct timer timer;
    struct task pump;
};

static void on_done(struct kube_request *request, const struct kube_answer *answer);

static uint64_t now_ns(const struct kube_writer *writer)
{
    return loop_now_ns(writer->loop);
}

/* ---- entries ---- */

static void drop(struct str *text)
{
    if (text->ptr)
        explicit_bzero((char *)(uintptr_t)text->ptr, text->len); /* perhaps a Secret */
    mem_free((char *)(uintptr_t)text->ptr);
    *text = STR_NONE;
}

static void entry_free(struct entry *entry)
{
    drop(&entry->target);
    drop(&entry->content_type);
    drop(&entry->body);
    mem_free(entry);
}

static struct str copy(struct str text)
{
    return (struct str){mem_dup(text.ptr, text.len), text.len};
}

static void set_contents(struct entry *entry, const struct kube_write *write)
{
    drop(&entry->content_type);
    drop(&entry->body);
    entry->content_type = copy(write->content_type);
    entry->body = copy(write->body);
    entry->request.method = write->method;
    entry->on_written = write->on_written;
    entry->user = write->user;
    entry->tries = write->tries ? write->tries : 1;
}

static void take_out(struct entry *entry)
{
    struct kube_writer *writer = entry->writer;
    list_remove(&entry->node);
    writer->waiting_count--;
    if (entry->is_named)
        (void)map_remove(&writer->waiting_by_target, entry->target);
}

static void put_in(struct entry *entry)
{
    struct kube_writer *writer = entry->writer;
    list_add(&writer->waiting, &entry->node);
    writer->waiting_count++;
    if (entry->is_named)
        (void)map_add(&writer->waiting_by_target, entry->target, entry);
}

/* ---- turns ---- */

static bool is_busy(const struct entry *entry)
{
    return entry->is_named && map_find(&entry->writer->busy_by_target, entry->target);
}

/* The first whose turn it is; NULL, and when there may be one: UINT64_MAX is when something else has ended. */
static struct entry *find_next(const struct kube_writer *writer, uint64_t *due_ns)
{
    *due_ns = UINT64_MAX;
    for (struct list *node = writer->waiting.next; node != &writer->waiting; node = node->next) {
        struct entry *entry = CONTAINER_OF(node, struct entry, node);
        if (is_busy(entry))
            continue;
        if (entry->due_ns <= now_ns(writer))
            return entry;
        if (entry->due_ns < *due_ns)
            *due_ns = entry->due_ns;
    }
    return NULL;
}

static void begin(struct entry *entry)
{
    struct kube_writer *writer = entry->writer;
    take_out(entry);
    list_add(&writer->under_way, &entry->node);
    writer->under_way_count++;
    if (entry->is_named)
        (void)map_add(&writer->busy_by_target, entry->target, entry);
    entry->request.target = entry->target;
    entry->request.content_type = entry->content_type;
    entry->request.body = entry->body;
    entry->request.on_done = on_done;
    entry->tries--;
    kube_send(writer->client, &entry->request);
}

static void wait_until(struct kube_writer *writer, uint64_t due_ns)
{
    if (due_ns != UINT64_MAX)
        timer_arm(writer->loop, &writer->timer, (due_ns - now_ns(writer)) / NS_PER_MS + 1);
}

static void on_pump(struct task *task)
{
    struct kube_writer *writer = CONTAINER_OF(task, struct kube_writer, pump);
    uint64_t now = now_ns(writer), due_ns;
    if (writer->unused_ns + BURST * SHARE_NS < now)
        writer->unused_ns = now - BURST * SHARE_NS;
    while (writer->under_way_count < KUBE_WRITES_AT_ONCE) {
        struct entry *entry = find_next(writer, &due_ns);
        if (entry && writer->unused_ns + SHARE_NS > now) {
            entry = NULL;
            due_ns = writer->unused_ns + SHARE_NS;
        }
        if (!entry) {
            wait_until(writer, due_ns);
            return;
        }
        writer->unused_ns += SHARE_NS;
        begin(entry);
    }
}

static void on_timer(struct timer *timer)
{
    struct kube_writer *writer = CONTAINER_OF(timer, struct kube_writer, timer);
    loop_soon(writer->loop, &writer->pump);
}

/* ---- answers ---- */

static bool may_pass(int status)
{
    return status == 0 || status == 401 || status == 429 || status >= 500;
}

static void end(struct entry *entry)
{
    struct kube_writer *writer = entry->writer;
    list_remove(&entry->node);
    writer->under_way_count--;
    if (entry->is_named)
        (void)map_remove(&writer->busy_by_target, entry->target);
    loop_soon(writer->loop, &writer->pump);
}

static void on_done(struct kube_request *request, const struct kube_answer *answer)
{
    struct entry *entry = CONTAINER_OF(request, struct entry, request);
    struct kube_writer *writer = entry->writer;
    bool is_passing = may_pass(answer->status);
    end(entry);
    if (is_passing && entry->is_named && map_find(&writer->waiting_by_target, entry->target)) {
        entry_free(entry); /* a newer one waits */
        return;
    }
    if (is_passing && entry->tries) {
        entry->due_ns = now_ns(writer) + backoff_next_ms(&entry->backoff, answer->retry_after_ms) * NS_PER_MS;
        put_in(entry);
        return;
    }
    const struct kube_write_result result = {answer->status, answer->reason, answer->body, answer->problem};
    if (entry->on_written)
        entry->on_written(entry->user, entry->target, &result);
    entry_free(entry);
}

/* ---- a writer's life ---- */

struct kube_writer *kube_writer_new(struct kube_client *client)
{
    struct kube_writer *writer = mem_alloc(sizeof *writer);
    writer->client = client;
    writer->loop = client->loop;
    list_init(&writer->waiting);
    list_init(&writer->under_way);
    map_init(&writer->waiting_by_target);
    map_init(&writer->busy_by_target);
    timer_init(&writer->timer, on_timer);
    task_init(&writer->pump, on_pump);
    return writer;
}

void kube_writer_clear(struct kube_writer *writer)
{
    struct list *node;
    while ((node = writer->waiting.next) != &writer->waiting) {
        struct entry *entry = CONTAINER_OF(node, struct entry, node);
        take_out(entry);
        entry_free(entry);
    }
    while ((node = writer->under_way.next) != &writer->under_way) {
        struct entry *entry = CONTAINER_OF(node, struct entry, node);
        kube_cancel(&entry->request);
        end(entry);
        entry_free(entry);
    }
}

void kube_writer_free(struct kube_writer *writer)
{
    kube_writer_clear(writer);
    timer_disarm(&writer->timer);
    task_cancel(&writer->pump);
    map_deinit(&writer->waiting_by_target);
    map_deinit(&writer->busy_by_target);
    mem_free(writer);
}

void kube_writer_add(struct kube_writer *writer, const struct kube_write *write)
{
    bool is_named = !str_eq(str_from_c(write->method), STR("POST"));
    struct entry *entry = is_named ? map_find(&writer->waiting_by_target, write->target) : NULL;
    if (entry) {
        set_contents(entry, write);
        return;
    }
    if (writer->waiting_count == KUBE_WRITES_WAITING) {
        const struct kube_write_result result = {.problem = "too many writes wait for the API server"};
        if (write->on_written)
            write->on_written(write->user, write->target, &result);
        return;
    }
    entry = mem_alloc(sizeof *entry);
    entry->writer = writer;
    entry->target = copy(write->target);
    entry->is_named = is_named;
    list_init(&entry->node);
    set_contents(entry, write);
    put_in(entry);
    loop_soon(writer->loop, &writer->pump);
}

bool kube_writer_is_idle(const struct kube_writer *writer)
{
    return !writer->waiting_count && !writer->under_way_count;
}
