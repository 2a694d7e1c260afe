/* SPDX-License-Identifier: Apache-2.0 */
#include "io/listener.h"

#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static int listen_on_loopback(struct sockaddr_in *name)
{
    socklen_t len = sizeof(*name);
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)name, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)name, &len), 0);
    return fd;
}

static int connect_to(const struct sockaddr_in *name)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The gateway that calls it has none. */
static void give_up_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    assert_int_equal(syscall(SYS_capset, &head, none), 0);
}

static void test_a_fence_needs_no_capability_refuses_and_leaves_what_is_queued(void **state)
{
    (void)state;
    struct sockaddr_in name;
    int fd = listen_on_loopback(&name);
    int before = connect_to(&name);
    assert_true(before >= 0);
    give_up_capabilities();
    listener_fence(fd);
    assert_int_equal(connect_to(&name), -1);
    assert_int_equal(errno, ECONNREFUSED);
    int accepted = accept4(fd, NULL, NULL, 0);
    assert_true(accepted >= 0);
    assert_int_equal(accept4(fd, NULL, NULL, 0), -1);
    assert_int_equal(write(accepted, "x", 1), 1);
    char byte = '\0';
    assert_int_equal(read(before, &byte, 1), 1);
    close(accepted);
    close(before);
    close(fd);
}

static void test_a_handshake_that_has_begun_comes_through_the_fence(void **state)
{
    (void)state;
    struct sockaddr_in name;
    int fd = listen_on_loopback(&name), until_data = 5;
    char byte = '\0';
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &until_data, sizeof(until_data)), 0);
    int client = connect_to(&name);
    assert_true(client >= 0);
    assert_int_equal(accept4(fd, NULL, NULL, 0), -1); /* for the kernel it is not over before the first byte */
    listener_fence(fd);
    assert_int_equal(write(client, "x", 1), 1);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 5000), 1);
    int accepted = accept4(fd, NULL, NULL, 0);
    assert_int_equal(read(accepted, &byte, 1), 1);
    close(accepted);
    close(client);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_handshake_that_has_begun_comes_through_the_fence),
        cmocka_unit_test(test_a_fence_needs_no_capability_refuses_and_leaves_what_is_queued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
