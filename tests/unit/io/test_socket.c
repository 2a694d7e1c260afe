/* SPDX-License-Identifier: Apache-2.0 */
#include "io/socket.h"

#include "../tls/certificates.h"
#include "base/assert.h"
#include "base/mem.h"
#include "io/timer.h"
#include "tls/client.h"
#include "tls/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 60000
#define LARGE (3u * 1024 * 1024 + 77)
#define SMALL_BUFFER 4096

static struct certificate root, leaf;
static struct tls_server *server;
static struct tls_client *client, *client_elsewhere;
static struct loop *loop;

static struct tls_client *client_for(const char *name)
{
    struct err err = {""};
    struct tls_client *made = tls_client_new(
        &(struct tls_client_spec){.server_name = str_from_c(name), .ca_pem = root.pem, .alpn = TLS_ALPN_ANY}, &err);
    assert_non_null(made);
    return made;
}

static int set_up(void **state)
{
    struct err err = {""};
    (void)state;
    certificate_init(&root, &(struct certificate_spec){.name = "root", .is_authority = true});
    certificate_init(&leaf, &(struct certificate_spec){.name = "", .sans = "DNS:a.test", .issuer = &root});
    struct tls_pem pem = {leaf.pem, leaf.key_pem};
    server = tls_server_new(&(struct tls_name){STR("*.test"), &pem, 1}, 1, NULL, &err);
    assert_non_null(server);
    client = client_for("a.test");
    client_elsewhere = client_for("b.test");
    loop = loop_new(&err);
    assert_non_null(loop);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    tls_client_unref(client);
    tls_client_unref(client_elsewhere);
    tls_server_unref(server);
    certificate_deinit(&root);
    certificate_deinit(&leaf);
    certificates_end();
    return 0;
}

/* ---- one end of a connection: sends and checks a pattern ---- */

enum ended { NOT_ENDED, ENDED, BROKEN };

struct end {
    struct socket sock;
    size_t to_send, sent, to_receive, received;
    size_t read_room; /* of one read; 0: 16 KiB */
    size_t read_max;  /* stops reading there; 0: never */
    bool is_corrupt, is_shut, shuts_when_sent;
    unsigned writable, readable;
    enum ended ended;
    int error; /* of on_broken */
    void (*on_received)(struct end *end);
};

static bool (*is_over)(void);

static void look(void)
{
    if (is_over())
        loop_stop(loop);
}

static char pattern(size_t at)
{
    return (char)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static struct end *end_of(struct socket *sock)
{
    return CONTAINER_OF(sock, struct end, sock);
}

/* Slices of all sizes: single bytes, a few, and some that are larger than a record. */
static size_t piece(size_t number)
{
    static const size_t sizes[] = {1, 9, 700, 16384, 3, 5000, 1, 40000, 16385, 12};
    return sizes[number % (sizeof sizes / sizeof *sizes)];
}

static void send_pattern(struct end *end)
{
    static char bytes[5][40000];
    while (end->sent < end->to_send && socket_is_open(&end->sock)) {
        struct slice slices[5];
        size_t at = end->sent, count = 0;
        for (; count < 5 && at < end->to_send; count++) {
            size_t len = piece(at + count);
            len = len < end->to_send - at ? len : end->to_send - at;
            for (size_t i = 0; i < len; i++)
                bytes[count][i] = pattern(at + i);
            slices[count] = (struct slice){NULL, bytes[count], len};
            at += len;
        }
        ssize_t n = socket_write(&end->sock, slices, count);
        if (n == SOCKET_BROKEN)
            end->ended = BROKEN;
        if (n < 0)
            return;
        end->sent += (size_t)n;
    }
    if (end->shuts_when_sent && !end->is_shut && end->sent == end->to_send) {
        end->is_shut = true;
        socket_shutdown(&end->sock);
    }
}

static void receive(struct end *end)
{
    static char bytes[16384];
    while (!end->ended && socket_is_open(&end->sock) && (!end->read_max || end->received < end->read_max)) {
        ssize_t n = socket_read(&end->sock, bytes, end->read_room ? end->read_room : sizeof bytes);
        if (n == SOCKET_AGAIN)
            return;
        if (n == SOCKET_END)
            end->ended = ENDED;
        if (n == SOCKET_BROKEN)
            end->ended = BROKEN;
        for (ssize_t i = 0; i < n; i++)
            end->is_corrupt |= bytes[i] != pattern(end->received + (size_t)i);
        end->received += n > 0 ? (size_t)n : 0;
        if (end->on_received)
            end->on_received(end);
    }
}

static void on_writable(struct socket *sock)
{
    end_of(sock)->writable++;
    send_pattern(end_of(sock));
    look();
}

static void on_readable(struct socket *sock)
{
    end_of(sock)->readable++;
    receive(end_of(sock));
    look();
}

static void on_broken(struct socket *sock, int error)
{
    end_of(sock)->ended = BROKEN;
    end_of(sock)->error = error;
    look();
}

static const struct socket_ops ops = {"end", on_readable, on_writable, on_broken};

/* ---- scenes ---- */

static struct end near, far, moved; /* client, server */

static void on_deadline(struct timer *timer)
{
    (void)timer;
    loop_stop(loop);
}

/* Until `over` says so, which must be before the deadline. */
static void play(bool (*over)(void))
{
    struct timer deadline;
    timer_init(&deadline, on_deadline);
    timer_arm(loop, &deadline, DEADLINE_MS);
    is_over = over;
    if (!over())
        loop_run(loop);
    bool is_late = !timer_is_armed(&deadline);
    timer_disarm(&deadline);
    if (is_late)
        fail_msg("nothing came: near %s, far %s; near sent %zu received %zu, far sent %zu received %zu",
                 socket_tls_failure(&near.sock), socket_tls_failure(&far.sock), near.sent, near.received, far.sent,
                 far.received);
}

static void open_plain(bool is_small)
{
    int fds[2], size = SMALL_BUFFER;
    near = far = moved = (struct end){.sock = {.watch = {.fd = -1}}};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    for (int i = 0; is_small && i < 2; i++)
        assert_int_equal(setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    socket_open(&near.sock, loop, fds[0], &ops);
    socket_open(&far.sock, loop, fds[1], &ops);
}

static void open_tls(bool is_small)
{
    open_plain(is_small);
    socket_accept_tls(&far.sock, server);
    socket_connect_tls(&near.sock, client);
}

static void close_all(void)
{
    socket_close(&near.sock, false);
    socket_close(&far.sock, false);
    socket_close(&moved.sock, false);
}

static bool are_ready(void)
{
    return near.ended || far.ended || (socket_is_ready(&near.sock) && socket_is_ready(&far.sock));
}

static bool are_received(void)
{
    return near.ended || far.ended || (near.received >= near.to_receive && far.received >= far.to_receive);
}

static bool has_far_ended(void)
{
    return far.ended != NOT_ENDED;
}

static bool have_both_ended(void)
{
    return near.ended && far.ended;
}

static bool has_moved_received(void)
{
    return moved.ended || moved.received >= moved.to_receive;
}

/* ---- tests ---- */

static void test_nothing_passes_until_the_handshake_is_over(void **state)
{
    struct slice slice = {NULL, "x", 1};
    char byte;
    (void)state;
    open_tls(false);
    assert_false(socket_is_ready(&near.sock));
    assert_false(socket_is_ready(&far.sock));
    assert_int_equal(socket_write(&near.sock, &slice, 1), SOCKET_AGAIN);
    assert_int_equal(socket_read(&near.sock, &byte, 1), SOCKET_AGAIN);
    assert_int_equal(socket_write(&far.sock, &slice, 1), SOCKET_AGAIN);
    assert_int_equal(socket_tls_name(&far.sock).len, 0);
    play(are_ready);
    assert_int_equal(near.ended, NOT_ENDED);
    assert_int_equal(near.writable, 1);
    assert_true(str_eq(socket_tls_name(&far.sock), STR("*.test")));
    assert_true(str_eq(socket_alpn(&near.sock), STR("h2")));
    assert_true(str_eq(socket_alpn(&far.sock), STR("h2")));
    assert_string_equal(socket_tls_failure(&near.sock), "");
    close_all();
}

static void transfer(bool is_tls, bool is_small)
{
    is_tls ? open_tls(is_small) : open_plain(is_small);
    near.to_send = far.to_receive = LARGE;
    far.to_send = near.to_receive = LARGE + 12345;
    near.read_room = 1000; /* less than a record: OpenSSL keeps the rest, of which no edge tells */
    if (!is_tls) {
        send_pattern(&near);
        send_pattern(&far);
    }
    play(are_received);
    assert_int_equal(near.ended, NOT_ENDED);
    assert_int_equal(far.ended, NOT_ENDED);
    assert_int_equal(near.received, near.to_receive);
    assert_int_equal(far.received, far.to_receive);
    assert_false(near.is_corrupt || far.is_corrupt);
    close_all();
}

static void test_large_transfers_both_ways_arrive_whole(void **state)
{
    (void)state;
    transfer(false, true);
    transfer(true, false);
}

static void test_short_writes_lose_nothing(void **state)
{
    (void)state;
    transfer(true, true);
}

static void test_paused_reader_goes_on_where_it_stopped(void **state)
{
    (void)state;
    open_tls(false);
    near.to_send = far.to_receive = LARGE;
    far.read_max = 5;
    far.read_room = 5;
    play(are_ready);
    while (far.received < LARGE && !far.ended) {
        far.read_max = far.received + 100000;
        far.to_receive = far.read_max < LARGE ? far.read_max : LARGE;
        far.read_room = 0;
        receive(&far);
        play(are_received);
    }
    assert_int_equal(far.received, LARGE);
    assert_false(far.is_corrupt);
    close_all();
}

static void close_near(struct end *end, bool is_reset)
{
    play(are_received);
    socket_close(&near.sock, is_reset);
    play(has_far_ended);
    assert_int_equal(end->received, end->to_receive);
}

static void test_close_is_the_end_and_a_cut_is_not(void **state)
{
    (void)state;
    open_tls(false);
    near.to_send = far.to_receive = 1000;
    close_near(&far, false);
    assert_int_equal(far.ended, ENDED);
    close_all();
    open_tls(false);
    near.to_send = far.to_receive = 1000;
    close_near(&far, true);
    assert_int_equal(far.ended, BROKEN);
    assert_non_null(strstr(socket_tls_failure(&far.sock), "ended without close_notify"));
    close_all();
}

static void test_half_closed_connection_still_carries_the_answer(void **state)
{
    (void)state;
    open_tls(true);
    near.to_send = far.to_receive = 100000;
    near.shuts_when_sent = true;
    play(has_far_ended);
    assert_int_equal(far.ended, ENDED);
    assert_int_equal(far.received, 100000);
    far.to_send = near.to_receive = LARGE;
    far.shuts_when_sent = true;
    send_pattern(&far);
    play(have_both_ended);
    assert_int_equal(near.ended, ENDED);
    assert_int_equal(near.received, LARGE);
    assert_false(near.is_corrupt || far.is_corrupt);
    close_all();
}

static void test_failed_check_breaks_both_with_words(void **state)
{
    (void)state;
    open_plain(false);
    socket_accept_tls(&far.sock, server);
    socket_connect_tls(&near.sock, client_elsewhere);
    play(have_both_ended);
    assert_int_equal(near.error, EPROTO);
    assert_string_equal(socket_tls_failure(&near.sock), "the peer's certificate is not for b.test");
    assert_int_equal(near.writable, 0);
    assert_int_equal(far.ended, BROKEN);
    assert_non_null(strstr(socket_tls_failure(&far.sock), "the peer refuses our certificate"));
    close_all();
}

static void test_plain_bytes_to_a_tls_socket_break_it_with_words(void **state)
{
    struct slice request = {NULL, "GET / HTTP/1.1\r\n\r\n", 18};
    (void)state;
    open_plain(false);
    socket_accept_tls(&far.sock, server);
    assert_int_equal(socket_write(&near.sock, &request, 1), 18);
    play(has_far_ended);
    assert_int_equal(far.error, EPROTO);
    assert_string_equal(socket_tls_failure(&far.sock), "the peer speaks plain HTTP, not TLS");
    assert_int_equal(far.writable, 0);
    close_all();
}

static void test_peer_that_goes_away_in_the_handshake_breaks_it(void **state)
{
    (void)state;
    open_plain(false);
    socket_connect_tls(&near.sock, client);
    socket_close(&far.sock, false);
    far.ended = ENDED;
    play(have_both_ended);
    assert_int_equal(near.error, EPROTO);
    assert_non_null(strstr(socket_tls_failure(&near.sock), "during the handshake"));
    close_all();
}

/* After 10 bytes the connection goes on elsewhere. */
static void move_far(struct end *end)
{
    if (end->received < 10)
        return;
    moved.received = end->received;
    socket_move(&moved.sock, &end->sock, &ops);
    assert_false(socket_is_open(&end->sock));
}

static void move(bool is_tls)
{
    is_tls ? open_tls(false) : open_plain(false);
    near.to_send = moved.to_receive = 5000; /* one record: its rest is inside of OpenSSL when the socket moves */
    near.shuts_when_sent = true;
    far.read_room = 10;
    far.on_received = move_far;
    moved.to_send = near.to_receive = 20000;
    if (!is_tls)
        send_pattern(&near);
    play(has_moved_received);
    assert_int_equal(moved.received, 5000);
    send_pattern(&moved);
    play(are_received);
    assert_int_equal(near.received, 20000);
    assert_false(near.is_corrupt || moved.is_corrupt);
    if (is_tls)
        assert_true(str_eq(socket_tls_name(&moved.sock), STR("*.test")));
    close_all();
}

static void test_moved_socket_goes_on_with_what_was_not_read(void **state)
{
    (void)state;
    move(false);
    move(true);
}

/* As with a PROXY header: the hello has arrived behind it, of which no further edge tells. */
static void begin_tls_after_header(struct end *end)
{
    if (end->received < 10)
        return;
    end->on_received = NULL;
    end->read_room = end->received = 0;
    socket_accept_tls(&end->sock, server);
}

static void test_tls_may_begin_behind_a_plain_header(void **state)
{
    char header[10];
    (void)state;
    open_plain(false);
    for (size_t i = 0; i < sizeof header; i++)
        header[i] = pattern(i);
    struct slice slice = {NULL, header, sizeof header};
    assert_int_equal(socket_write(&near.sock, &slice, 1), 10);
    socket_connect_tls(&near.sock, client);
    far.read_room = 10;
    far.on_received = begin_tls_after_header;
    near.to_send = far.to_receive = 1000;
    play(are_received);
    assert_int_equal(far.received, 1000);
    assert_false(far.is_corrupt);
    close_all();
}

static bool is_near_received(void)
{
    return near.ended || near.received >= near.to_receive;
}

static void test_connecting_socket_is_writable_after_the_handshake_only(void **state)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    struct sockaddr_storage storage = {0};
    struct address address;
    (void)state;
    near = far = moved = (struct end){.sock = {.watch = {.fd = -1}}};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&name, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &len), 0);
    memcpy(&storage, &name, sizeof name);
    assert_true(address_from_sockaddr(&storage, &address));
    assert_true(socket_connect(&near.sock, loop, &address, &ops, 16384));
    socket_connect_tls(&near.sock, client);
    assert_false(socket_is_ready(&near.sock));
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(fd >= 0);
    socket_open(&far.sock, loop, fd, &ops);
    socket_accept_tls(&far.sock, server);
    far.to_send = near.to_receive = LARGE;
    play(is_near_received);
    assert_int_equal(near.writable, 1);
    assert_int_equal(near.received, LARGE);
    assert_false(near.is_corrupt);
    close_all();
    close(listener);
}

static void test_refused_connection_is_no_failure_of_tls(void **state)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    struct sockaddr_storage storage = {0};
    struct address address;
    (void)state;
    near = far = moved = (struct end){.sock = {.watch = {.fd = -1}}};
    int unused = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(unused, (struct sockaddr *)&name, len), 0);
    assert_int_equal(getsockname(unused, (struct sockaddr *)&name, &len), 0);
    memcpy(&storage, &name, sizeof name);
    assert_true(address_from_sockaddr(&storage, &address));
    assert_true(socket_connect(&near.sock, loop, &address, &ops, 0));
    socket_connect_tls(&near.sock, client);
    far.ended = ENDED;
    play(have_both_ended);
    assert_int_equal(near.error, ECONNREFUSED);
    close_all();
    close(unused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_passes_until_the_handshake_is_over),
        cmocka_unit_test(test_large_transfers_both_ways_arrive_whole),
        cmocka_unit_test(test_short_writes_lose_nothing),
        cmocka_unit_test(test_paused_reader_goes_on_where_it_stopped),
        cmocka_unit_test(test_close_is_the_end_and_a_cut_is_not),
        cmocka_unit_test(test_half_closed_connection_still_carries_the_answer),
        cmocka_unit_test(test_failed_check_breaks_both_with_words),
        cmocka_unit_test(test_plain_bytes_to_a_tls_socket_break_it_with_words),
        cmocka_unit_test(test_peer_that_goes_away_in_the_handshake_breaks_it),
        cmocka_unit_test(test_moved_socket_goes_on_with_what_was_not_read),
        cmocka_unit_test(test_tls_may_begin_behind_a_plain_header),
        cmocka_unit_test(test_connecting_socket_is_writable_after_the_handshake_only),
        cmocka_unit_test(test_refused_connection_is_no_failure_of_tls),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
