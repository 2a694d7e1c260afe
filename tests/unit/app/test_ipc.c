/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ipc.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int ends[2];
static struct ipc_message message;

static int setup(void **state)
{
    (void)state;
    struct err err;
    return ipc_pair(ends, &err) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static bool is_same_file(int a, int b)
{
    struct stat first, second;
    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

static void test_a_message_arrives_with_payload_and_descriptors(void **state)
{
    (void)state;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_true(ipc_send(ends[0], IPC_LISTENERS, STR("hello"), pipes, 2));
    assert_int_equal(ipc_receive(ends[1], &message), IPC_OK);
    assert_int_equal(message.type, IPC_LISTENERS);
    assert_int_equal(message.len, 5);
    assert_memory_equal(message.payload, "hello", 5);
    assert_int_equal(message.fd_count, 2);
    assert_true(is_same_file(message.fds[0], pipes[0]));
    assert_true(fcntl(message.fds[0], F_GETFD) & FD_CLOEXEC);
    int received = message.fds[0];
    ipc_discard(&message);
    assert_int_equal(fcntl(received, F_GETFD), -1);
    close(pipes[0]);
    close(pipes[1]);
}

static void test_the_largest_message_fits(void **state)
{
    (void)state;
    static char payload[IPC_MAX_PAYLOAD];
    int fds[IPC_MAX_FDS];
    for (size_t i = 0; i < IPC_MAX_FDS; i++)
        fds[i] = STDERR_FILENO;
    payload[sizeof(payload) - 1] = 'x';
    assert_true(ipc_send(ends[0], IPC_PLAN, (struct str){payload, sizeof(payload)}, fds, IPC_MAX_FDS));
    assert_int_equal(ipc_receive(ends[1], &message), IPC_OK);
    assert_int_equal(message.len, IPC_MAX_PAYLOAD);
    assert_int_equal(message.fd_count, IPC_MAX_FDS);
    assert_int_equal(message.payload[sizeof(payload) - 1], 'x');
    ipc_discard(&message);
}

static void test_messages_keep_their_borders_and_order(void **state)
{
    (void)state;
    assert_true(ipc_send(ends[0], IPC_READY, STR_NONE, NULL, 0));
    assert_true(ipc_send(ends[0], IPC_DRAINED, STR("x"), NULL, 0));
    assert_int_equal(ipc_receive(ends[1], &message), IPC_OK);
    assert_int_equal(message.type, IPC_READY);
    assert_int_equal(message.len, 0);
    assert_int_equal(ipc_receive(ends[1], &message), IPC_OK);
    assert_int_equal(message.type, IPC_DRAINED);
    assert_int_equal(ipc_receive(ends[1], &message), IPC_AGAIN);
}

static void test_a_closed_peer_is_told(void **state)
{
    (void)state;
    close(ends[0]);
    assert_int_equal(ipc_receive(ends[1], &message), IPC_CLOSED);
    assert_false(ipc_send(ends[1], IPC_READY, STR_NONE, NULL, 0));
    ends[0] = dup(ends[1]);
}

static void test_a_peer_that_does_not_read_fails_the_send(void **state)
{
    (void)state;
    static const char payload[IPC_MAX_PAYLOAD];
    bool is_sent = true;
    for (int i = 0; i < 1000 && is_sent; i++)
        is_sent = ipc_send(ends[0], IPC_PLAN, (struct str){payload, sizeof(payload)}, NULL, 0);
    assert_false(is_sent);
}

static void test_bytes_that_are_no_message_are_refused(void **state)
{
    (void)state;
    assert_int_equal(send(ends[0], "abc", 3, 0), 3);
    assert_int_equal(ipc_receive(ends[1], &message), IPC_BROKEN);
    uint32_t lying[3] = {IPC_READY, 100, 0};
    assert_int_equal(send(ends[0], lying, sizeof(lying), 0), sizeof(lying));
    assert_int_equal(ipc_receive(ends[1], &message), IPC_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_message_arrives_with_payload_and_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_largest_message_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_messages_keep_their_borders_and_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_closed_peer_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_peer_that_does_not_read_fails_the_send, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes_that_are_no_message_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
