/* SPDX-License-Identifier: Apache-2.0 */
#include "play.h"

#include "../tls/certificates.h"
#include "base/mem.h"
#include "kube/kubeconfig.h"
#include "provider/resolver.h"

#include <errno.h>
#include <stdio.h>

/* ---- the twin ---- */

static bool on_connect(void *user, struct wire *wire, int send_buffer)
{
    struct play *play = user;
    uint8_t last = wire->remote.ip[3];
    (void)send_buffer;
    play->connects++;
    wire->alpn = "http/1.1";
    wire->tls_failure = play->tls_failure;
    wire->outcome = play->outcomes[last] ? play->outcomes[last] : play->outcomes[0];
    uint64_t delay_ms = play->delays_ms[last] ? play->delays_ms[last] : play->delays_ms[0];
    wire->outcome_at_ns = delay_ms == TWIN_NEVER ? TWIN_NEVER : play->loop->now_ns + delay_ms * NS_PER_MS;
    if (wire->outcome == ENETUNREACH && !delay_ms) {
        errno = ENETUNREACH;
        return false;
    }
    return true;
}

void play_settle(struct play *play)
{
    while (!twin_is_quiet(play->loop))
        twin_turn(play->loop);
}

void play_advance_ms(struct play *play, uint64_t ms)
{
    uint64_t until = twin_now_ms(play->loop) + ms;
    play_settle(play);
    for (;;) {
        uint64_t next = twin_next_ms(play->loop);
        if (next > until)
            break;
        twin_set_ms(play->loop, next);
        twin_turn(play->loop);
        play_settle(play);
    }
    twin_set_ms(play->loop, until);
    play_settle(play);
}

/* ---- names: provider/resolver.h ---- */

struct resolver {
    struct loop *loop;
};

struct resolver *resolver_new(struct loop *loop, const char *servers, struct err *err)
{
    (void)servers;
    (void)err;
    struct resolver *resolver = mem_alloc(sizeof *resolver);
    resolver->loop = loop;
    return resolver;
}

void resolver_free(struct resolver *resolver)
{
    mem_free(resolver);
}

void resolver_refresh(struct resolver *resolver)
{
    (void)resolver;
}

void play_resolve(struct play *play)
{
    struct address addresses[4];
    struct resolver_query *query = play->query;
    for (size_t i = 0; i < play->name_count; i++)
        addresses[i] = (struct address){.family = ADDRESS_IPV4, .ip = {10, 0, 0, play->names[i]}};
    play->query = NULL;
    query->is_asking = false;
    query->on_answer(query, &(struct resolver_answer){.is_found = play->name_count > 0,
                                                      .problem = "it is unknown",
                                                      .addresses = addresses,
                                                      .count = play->name_count});
}

void resolver_ask(struct resolver *resolver, struct resolver_query *query, const char *host)
{
    struct play *play = resolver->loop->user;
    (void)host;
    play->questions++;
    play->query = query;
    query->is_asking = true;
    if (!play->is_name_slow)
        play_resolve(play);
}

/* ---- a play's life ---- */

struct play *play_open_with(const char *host, const char *token_file)
{
    struct play *play = mem_alloc(sizeof *play);
    struct certificate ca;
    struct err err;
    play->loop = loop_new(&err);
    play->loop->on_connect = on_connect;
    play->loop->user = play;
    list_init(&play->asks);
    certificate_init(&ca, &(struct certificate_spec){.name = "ca", .is_authority = true});
    struct kube_config *config = mem_alloc(sizeof *config);
    config_set(&config->host, str_from_c(host ? host : PLAY_HOST));
    config_set(&config->server_name, config->host);
    config->port = 6443;
    config_set(&config->ca_pem, ca.pem);
    config_set(&config->ns, STR("default"));
    if (token_file) {
        config_set(&config->token_file, str_from_c(token_file));
        assert_true(config_read_token(&config->token, config->token_file, &err));
    } else {
        config_set(&config->token, STR(PLAY_TOKEN));
    }
    certificate_deinit(&ca);
    play->client = kube_client_new(play->loop, config, &err);
    assert_non_null(play->client);
    return play;
}

struct play *play_open(const char *host)
{
    return play_open_with(host, NULL);
}

void play_close(struct play *play)
{
    struct list *node;
    kube_client_free(play->client);
    play_settle(play);
    while ((node = list_take_first(&play->asks))) {
        struct ask *ask = CONTAINER_OF(node, struct ask, node);
        mem_free(ask->text);
        mem_free(ask);
    }
    while ((node = play->loop->wires.next) != &play->loop->wires)
        wire_free(CONTAINER_OF(node, struct wire, node));
    loop_free(play->loop);
    chunk_cache_trim();
    certificates_end();
    mem_free(play);
}

/* ---- requests ---- */

static size_t find(struct str text, struct str part)
{
    const char *at = text.len ? memmem(text.ptr, text.len, part.ptr, part.len) : NULL;
    return at ? (size_t)(at - text.ptr) : text.len;
}

struct str ask_field(const struct ask *ask, const char *name)
{
    struct str rest = ask->head, line;
    while (str_next(&rest, '\n', &line)) {
        size_t colon = str_find_char(line, ':');
        if (str_eq_nocase(str_slice(line, 0, colon), str_from_c(name))) {
            struct str value = str_slice(line, colon + 1, line.len);
            if (value.len && value.ptr[value.len - 1] == '\r')
                value.len--;
            return str_trim(value);
        }
    }
    return STR_NONE;
}

static bool take(struct ask *ask)
{
    struct str bytes = flow_peek(&ask->wire->written);
    size_t end = find(bytes, STR("\r\n\r\n"));
    uint64_t length = 0;
    if (end == bytes.len)
        return false;
    ask->head = str_slice(bytes, 0, end);
    struct str value = ask_field(ask, "Content-Length");
    if (value.len && !str_to_u64(value, &length))
        return false;
    if (bytes.len < end + 4 + length)
        return false;
    ask->text = mem_dup(bytes.ptr, end + 4 + length);
    ask->head = (struct str){ask->text, end};
    ask->line = str_slice(ask->head, 0, find(ask->head, STR("\r\n")));
    ask->body = (struct str){ask->text + end + 4, length};
    wire_receive(ask->wire, end + 4 + length);
    return true;
}

struct ask *play_next(struct play *play)
{
    play_settle(play);
    for (struct list *node = play->loop->wires.next; node != &play->loop->wires; node = node->next) {
        struct wire *wire = CONTAINER_OF(node, struct wire, node);
        struct ask ask = {.play = play, .wire = wire};
        if (!wire->sock || !take(&ask))
            continue;
        struct ask *kept = mem_alloc(sizeof *kept);
        *kept = ask;
        list_add(&play->asks, &kept->node);
        return kept;
    }
    return NULL;
}

static void check_line(const struct ask *ask, const char *line)
{
    if (!ask)
        fail_msg("no request where this was expected: %s", line);
    else if (!str_starts_with(ask->line, str_from_c(line)))
        fail_msg("%.*s: this was expected: %s", STR_ARG(ask->line), line);
}

struct ask *play_expect(struct play *play, const char *line)
{
    struct ask *ask = play_next(play);
    check_line(ask, line);
    return ask;
}

struct ask *play_expect_within(struct play *play, const char *line, uint64_t most_ms, uint64_t *waited_ms)
{
    uint64_t begin = twin_now_ms(play->loop);
    struct ask *ask = play_next(play);
    while (!ask && twin_now_ms(play->loop) - begin < most_ms) {
        uint64_t left = most_ms - (twin_now_ms(play->loop) - begin);
        uint64_t next = twin_next_ms(play->loop), now = twin_now_ms(play->loop);
        uint64_t step = next == UINT64_MAX || next - now > left ? left : next - now;
        play_advance_ms(play, step ? step : 1);
        ask = play_next(play);
    }
    if (waited_ms)
        *waited_ms = twin_now_ms(play->loop) - begin;
    check_line(ask, line);
    return ask;
}

void play_expect_nothing(struct play *play)
{
    struct ask *ask = play_next(play);
    if (ask)
        fail_msg("%.*s: nothing was expected", STR_ARG(ask->line));
}

bool ask_line_has(const struct ask *ask, const char *part)
{
    return find(ask->line, str_from_c(part)) < ask->line.len;
}

/* ---- answers ---- */

void play_answer_with(struct ask *ask, int status, const char *fields, struct str body)
{
    char head[512];
    int len = snprintf(head, sizeof head, "HTTP/1.1 %d Said\r\nContent-Length: %zu\r\n%s\r\n", status, body.len,
                       fields);
    wire_send(ask->wire, head, (size_t)len);
    wire_send(ask->wire, body.ptr, body.len);
    play_settle(ask->play);
}

void play_answer(struct ask *ask, int status, const char *body)
{
    play_answer_with(ask, status, "Content-Type: application/json\r\n", str_from_c(body));
}

void play_begin(struct ask *ask)
{
    static const struct str head = STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    wire_send(ask->wire, head.ptr, head.len);
    play_settle(ask->play);
}

void play_send_str(struct ask *ask, struct str text)
{
    char size[32];
    int len = snprintf(size, sizeof size, "%zx\r\n", text.len);
    wire_send(ask->wire, size, (size_t)len);
    wire_send(ask->wire, text.ptr, text.len);
    wire_send(ask->wire, "\r\n", 2);
    play_settle(ask->play);
}

void play_send(struct ask *ask, const char *text)
{
    play_send_str(ask, str_from_c(text));
}

void play_end(struct ask *ask)
{
    wire_send(ask->wire, "0\r\n\r\n", 5);
    play_settle(ask->play);
}

void play_cut(struct ask *ask)
{
    wire_end(ask->wire);
    play_settle(ask->play);
}

bool play_is_closed(const struct ask *ask)
{
    return ask->wire->is_closed;
}
