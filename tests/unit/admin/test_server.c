/* SPDX-License-Identifier: Apache-2.0 */
/* The admin port over real connections, asked by the commands' client and by raw bytes. */
#include "admin/server.h"

#include "app/admin_client.h"
#include "base/chunk.h"
#include "fixture.h"
#include "io/worker.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

struct port {
    struct registry *registry;
    struct admin_config config;
    struct admin_server *server;
    struct worker *worker;
    int fd;
    struct client_options options;
};

static void on_start(struct loop *loop, unsigned index, void *arg)
{
    (void)index;
    struct port *port = arg;
    port->server = admin_server_new(loop, &port->config);
    admin_server_listen(port->server, port->fd);
}

static void on_stop(struct loop *loop, unsigned index, void *arg)
{
    (void)loop, (void)index;
    struct port *port = arg;
    admin_server_free(port->server);
    chunk_cache_trim(); /* the thread ends */
}

static const struct worker_ops ops = {"admin", on_start, on_stop};

static int listen_anywhere(uint16_t *number)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 128), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *number = ntohs(address.sin_port);
    return fd;
}

static void open_port(struct port *port, const char *token)
{
    struct err err;
    *port = (struct port){.registry = fixture_registry()};
    port->config = (struct admin_config){.registry = port->registry, .token = str_from_c(token)};
    port->fd = listen_anywhere(&port->options.admin.port);
    snprintf(port->options.admin.host, sizeof(port->options.admin.host), "127.0.0.1");
    port->worker = worker_start(&ops, 0, port, &err);
    if (!port->worker)
        fail_msg("%s", err.text);
}

static void close_port(struct port *port)
{
    worker_join(port->worker);
    close(port->fd);
    registry_close(port->registry);
}

static int connect_port(const struct port *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port->options.admin.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Receives until `end` has come, or the connection ends when it is NULL. */
static void receive(int fd, const char *end, struct strbuf *in)
{
    char piece[4096];
    ssize_t n;
    while (!(end && in->ptr && strstr(in->ptr, end)) && (n = recv(fd, piece, sizeof(piece), 0)) > 0)
        strbuf_add(in, (struct str){piece, (size_t)n});
}

static void get(struct port *port, struct str target, uint16_t status, const char *piece)
{
    struct admin_reply reply;
    struct err err;
    if (!admin_client_ask(&port->options, "GET", target, STR_NONE, &reply, &err))
        fail_msg("%s", err.text);
    assert_has(&reply.body, piece);
    assert_int_equal(reply.status, status);
    admin_reply_deinit(&reply);
}

static void test_pages_come_over_a_connection(void **state)
{
    (void)state;
    struct port port;
    open_port(&port, NULL);
    fixture_gateway(port.registry, 77);
    get(&port, STR("/healthz"), 200, "ok\n");
    get(&port, STR("/readyz"), 200, "ready\n");
    get(&port, STR("/status?format=text"), 200, "gateway pid 77");
    get(&port, STR("/metrics"), 200, "process_start_time_seconds");
    get(&port, STR("/nowhere"), 404, "no such page");
    close_port(&port);
}

static void test_a_long_page_comes_whole_in_pieces(void **state)
{
    (void)state;
    struct port port;
    open_port(&port, NULL);
    for (int i = 0; i < 1000; i++) {
        char label[32];
        int len = snprintf(label, sizeof(label), "default/r%d#0", i);
        struct registry_mirror *mirror = registry_mirror(port.registry, (struct str){label, (size_t)len}, SHADOW);
        counter_add(&mirror->matched, 1);
        registry_duration_add(&mirror->duration, 1000000);
    }
    struct admin_reply reply;
    struct err err;
    assert_true(admin_client_ask(&port.options, "GET", STR("/metrics"), STR_NONE, &reply, &err));
    assert_true(reply.body.len > 3u << 20);
    assert_has(&reply.body,
               "umbra_mirror_duration_seconds_count{route=\"default/r999#0\",mirror=\"127.0.0.1:3001\"} 1\n");
    assert_has(&reply.body, "\nprocess_start_time_seconds ");
    assert_int_equal(reply.body.ptr[reply.body.len - 1], '\n');
    admin_reply_deinit(&reply);
    close_port(&port);
}

static void test_a_reader_that_stops_half_way_harms_nobody(void **state)
{
    (void)state;
    struct port port;
    open_port(&port, NULL);
    for (int i = 0; i < 2000; i++) {
        char label[32];
        int len = snprintf(label, sizeof(label), "default/r%d#0", i);
        registry_mirror(port.registry, (struct str){label, (size_t)len}, SHADOW);
    }
    struct strbuf in = STRBUF_INIT;
    struct str request = STR("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    int fd = connect_port(&port);
    assert_int_equal(send(fd, request.ptr, request.len, 0), request.len);
    receive(fd, "umbra_", &in);
    get(&port, STR("/healthz"), 200, "ok\n");
    close(fd);
    get(&port, STR("/healthz"), 200, "ok\n");
    strbuf_deinit(&in);
    close_port(&port);
}

static void test_the_kill_switch_is_thrown_by_the_client(void **state)
{
    (void)state;
    struct port port;
    struct admin_reply reply;
    struct err err;
    open_port(&port, NULL);
    struct registry_mirror *mirror = registry_mirror(port.registry, ROUTE, SHADOW);
    struct str body = STR("{\"off\":true,\"route\":\"default/quickstart#0\"}");
    assert_true(admin_client_ask(&port.options, "POST", STR("/api/mirror"), body, &reply, &err));
    assert_int_equal(reply.status, 200);
    assert_has(&reply.body, "1 mirror of route default/quickstart#0 is off");
    assert_int_equal(mirror->is_off, 1);
    admin_reply_deinit(&reply);
    close_port(&port);
}

static void test_a_token_is_asked_for_and_taken(void **state)
{
    (void)state;
    struct port port;
    struct admin_reply reply;
    struct err err;
    open_port(&port, "s3cret");
    assert_false(admin_client_get(&port.options, STR("/status"), &reply, &err));
    assert_non_null(strstr(err.text, "needs a token: --admin-token-file FILE"));
    snprintf(port.options.admin_token, sizeof(port.options.admin_token), "wrong");
    assert_false(admin_client_get(&port.options, STR("/status"), &reply, &err));
    assert_non_null(strstr(err.text, "does not take this token"));
    snprintf(port.options.admin_token, sizeof(port.options.admin_token), "s3cret");
    get(&port, STR("/status"), 200, "\"ready\":false");
    close_port(&port);
}

/* What one connection gets for these bytes; the last request closes it. */
static void exchange(const struct port *port, struct str request, struct strbuf *in)
{
    int fd = connect_port(port);
    strbuf_clear(in);
    assert_int_equal(send(fd, request.ptr, request.len, MSG_NOSIGNAL), request.len);
    receive(fd, NULL, in);
    close(fd);
}

static void test_requests_follow_each_other_on_one_connection(void **state)
{
    (void)state;
    struct port port;
    struct strbuf in = STRBUF_INIT;
    open_port(&port, NULL);
    exchange(&port,
             STR("HEAD /status HTTP/1.1\r\nHost: localhost\r\n\r\n"
                 "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
                 "POST /api/mirror HTTP/1.1\r\nHost: localhost\r\nX-Umbra: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "6\r\n{\"off\"\r\n6\r\n:true}\r\n0\r\n\r\n"
                 "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
                 "GET /api/mirror HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
             &in);
    assert_has(&in, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
                    "X-Content-Type-Options: nosniff\r\n");
    assert_lacks(&in, "\"version\"");
    assert_lacks(&in, "umbra_build_info");
    assert_has(&in, "mirroring is off for 0 mirrors");
    assert_has(&in, "\r\n\r\nok\nHTTP/1.1 200 OK\r\n");
    assert_has(&in, "\r\n\r\n{\"off\":true,\"mirrors\":[]}\n");
    strbuf_deinit(&in);
    close_port(&port);
}

static void test_what_is_too_large_or_wrong_is_refused(void **state)
{
    (void)state;
    struct port port;
    struct strbuf in = STRBUF_INIT;
    open_port(&port, NULL);
    exchange(&port, STR("POST /api/mirror HTTP/1.1\r\nHost: localhost\r\nX-Umbra: 1\r\nContent-Length: 65537\r\n\r\n"),
             &in);
    assert_has(&in, "HTTP/1.1 413 ");
    exchange(&port, STR("GET /status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"), &in);
    assert_has(&in, "HTTP/1.1 403 ");
    exchange(&port, STR("DELETE /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), &in);
    assert_has(&in, "HTTP/1.1 405 ");
    assert_has(&in, "\r\nAllow: GET, HEAD\r\n");
    exchange(&port, STR("GET /status\r\n\r\n"), &in);
    assert_has(&in, "HTTP/1.1 400 ");
    get(&port, STR("/healthz"), 200, "ok\n");
    strbuf_deinit(&in);
    close_port(&port);
}

static void test_idle_connections_give_way_when_it_is_crowded(void **state)
{
    (void)state;
    struct port port;
    int fds[3 * ADMIN_MAX_CONNECTIONS];
    open_port(&port, NULL);
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        fds[i] = connect_port(&port);
    /* Accepted after all of them; may itself be one too many while they leave. */
    struct admin_reply reply;
    struct err err;
    int attempts = 0;
    while (!admin_client_ask(&port.options, "GET", STR("/healthz"), STR_NONE, &reply, &err))
        assert_true(++attempts < 100);
    assert_int_equal(reply.status, 200);
    admin_reply_deinit(&reply);
    struct pollfd first = {.fd = fds[0], .events = POLLIN};
    assert_int_equal(poll(&first, 1, 5000), 1);
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        close(fds[i]);
    close_port(&port);
}

static void test_the_client_says_what_is_wrong(void **state)
{
    (void)state;
    struct client_options options = {.admin.host = "127.0.0.1"};
    struct admin_reply reply;
    struct err err;
    int fd = listen_anywhere(&options.admin.port);
    close(fd);
    assert_false(admin_client_get(&options, STR("/status"), &reply, &err));
    assert_non_null(strstr(err.text, "nothing answers at 127.0.0.1:"));
    assert_non_null(strstr(err.text, "is umbra running?"));
    assert_non_null(strstr(err.text, "--admin HOST:PORT"));

    options = (struct client_options){.admin.host = "unix:/nonexistent/umbra"};
    assert_false(admin_client_get(&options, STR("/status"), &reply, &err));
    assert_non_null(strstr(err.text, "nothing answers at unix:/nonexistent/umbra"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_come_over_a_connection),
        cmocka_unit_test(test_a_long_page_comes_whole_in_pieces),
        cmocka_unit_test(test_a_reader_that_stops_half_way_harms_nobody),
        cmocka_unit_test(test_the_kill_switch_is_thrown_by_the_client),
        cmocka_unit_test(test_a_token_is_asked_for_and_taken),
        cmocka_unit_test(test_requests_follow_each_other_on_one_connection),
        cmocka_unit_test(test_what_is_too_large_or_wrong_is_refused),
        cmocka_unit_test(test_idle_connections_give_way_when_it_is_crowded),
        cmocka_unit_test(test_the_client_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
