# SPDX-License-Identifier: Apache-2.0
"""Each matched request ends in exactly one figure, with the reason that is true. The fixture checks both equations
again at the end of every test."""
import socket
import threading
import time

import pytest

import servers
from http1 import answer, get, head, post
from servers import BlackHole, answering
from waiting import wait_for

MEGA = 1024 * 1024


def ask(through, count, request=None):
    with through.connect() as connection:
        for i in range(count):
            assert connection.ask(request or get(f"/{i}")).status == 200


@pytest.mark.sanitize
def test_what_a_healthy_shadow_gets_is_completed_by_status(service, gateway):
    statuses = {"/ok": 200, "/created": 201, "/moved": 302, "/missing": 404, "/broken": 500, "/odd": 799}
    live = service()
    shadow = service(answering(lambda request: answer(statuses[request.target], b"shadow")))
    through = gateway(live, shadow, "--workers", "2")
    for target in statuses:
        for _ in range(2):
            assert through.get(target).body == b"hello"
    metrics = through.settled(lambda metrics: metrics.mirror("completed") == 12)
    for status in (200, 201, 302, 404, 500):
        assert metrics.mirror("completed", code=str(status)) == 2
    assert metrics.mirror("completed", code="other") == 2
    assert metrics.mirror("bytes", direction="sent") == sum(len(copy.raw_head) for copy in shadow.requests)
    assert metrics.mirror("bytes", direction="received") == sum(
        2 * len(answer(status, b"shadow")) for status in statuses.values())
    assert metrics.sum("umbra_mirror_duration_seconds_count") == 12


def test_requests_are_counted_by_route_backend_and_code(service, gateway):
    live = service(answering(lambda request: answer(int(request.target[1:]), b"")))
    through = gateway(live)
    for status in (200, 200, 404, 503):
        assert through.get(f"/{status}").status == status
    metrics = through.settled(lambda metrics: metrics.requests() == 4)
    for code, count in (("200", 2), ("404", 1), ("503", 1)):
        assert metrics.requests(route="default/quickstart#0", backend=live.address, code=code) == count
    assert metrics.sum("umbra_request_duration_seconds_count", backend=live.address) == 4


@pytest.mark.sanitize
def test_a_refusing_shadow_fails_and_then_the_breaker_opens_and_probes(service, gateway):
    live = service()
    address = servers.refused_address()
    through = gateway(live, address, "--shed", "off")
    for i in range(30):
        through.get(f"/{i}")
    metrics = through.settled()
    assert metrics.mirror("matched") == 30
    assert 5 <= metrics.mirror("failed", reason="connect") <= 7
    assert metrics.mirror("dropped", reason="breaker") == 30 - metrics.mirror("failed")
    # It comes back: one copy probes, and its success lets all others through.
    servers.refused_address.holders[-1].close()
    shadow = service(port=int(address.split(":")[1]))

    def is_back():
        through.get("/probe")
        return shadow.requests
    wait_for(is_back, "the breaker to probe", 10)
    before = through.settled(lambda metrics: metrics.mirror("completed") > 0)
    ask(through, 20)
    after = through.settled()
    assert after.mirror("completed") - before.mirror("completed") == 20
    assert after.mirror("dropped") == before.mirror("dropped")


def test_a_black_hole_fails_to_connect_within_a_second(service, gateway, ending):
    hole = BlackHole()
    ending.callback(hole.close)
    through = gateway(service(), hole.address)
    began = time.monotonic()
    through.get("/")
    metrics = through.settled(lambda metrics: metrics.mirror("failed"))
    assert metrics.mirror("failed", reason="connect") == 1
    assert time.monotonic() - began > 0.8


def reset_at_once(link):
    link.request()
    link.reset()


def reset_in_answer(link):
    link.request()
    link.send(head("HTTP/1.1 200 OK", [("Content-Length", "100")]) + b"half")
    link.reset()


def close_in_answer(link):
    link.request()
    link.send(head("HTTP/1.1 200 OK", [("Transfer-Encoding", "chunked")]) + b"5\r\nhalf")


def close_in_head(link):
    link.request()
    link.send(b"HTTP/1.1 200 OK\r\nX-Half")


def close_unread(link):
    link.sock.shutdown(socket.SHUT_RDWR)


BAD_SHADOWS = {
    "reset at once": (reset_at_once, "reset"),
    "reset in its answer": (reset_in_answer, "reset"),
    "close in its answer": (close_in_answer, "reset"),
    "close in its head": (close_in_head, "reset"),
    "close unread": (close_unread, "reset"),
    "garbage": (answering(b"\x00\x01garbage\r\n\r\n"), "protocol"),
    "smtp": (answering(b"220 mail.test ESMTP\r\n250 ok\r\n\r\n"), "protocol"),
    "bad chunk": (answering(head("HTTP/1.1 200 OK", [("Transfer-Encoding", "chunked")]) + b"-5\r\n"), "protocol"),
    "two lengths": (answering(head("HTTP/1.1 200 OK", [("Content-Length", 1), ("Content-Length", 2)])), "protocol"),
    "endless head": (answering(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000), "protocol"),
    "many hints": (answering(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100), "protocol"),
    "switches unasked": (answering(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), "protocol"),
}


@pytest.mark.parametrize("kind", BAD_SHADOWS)
def test_bad_shadows_fail_with_their_reason(service, gateway, kind):
    script, reason = BAD_SHADOWS[kind]
    live = service()
    through = gateway(live, service(script))
    for i in range(3):
        assert through.get(f"/{i}").body == b"hello"
        through.settled(lambda metrics, i=i: metrics.mirror("failed") == i + 1)
    assert through.settled().mirror("failed", reason=reason) == 3


def test_a_shadow_that_answers_early_and_closes_is_completed(service, gateway):
    def script(link):
        link.head()
        link.send(answer(413, b"", ("Connection", "close")))

    live = service()
    through = gateway(live, service(script), "--mirror-writes")
    assert through.connect().ask(post("/", b"x" * 100000)).status == 200
    through.settled(lambda metrics: metrics.mirror("completed", code="413") == 1)


@pytest.mark.sanitize
def test_a_client_abort_is_visible_to_the_shadow(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, shadow, "--mirror-writes")
    for request in (head("POST / HTTP/1.1", [("Host", "h"), ("Content-Length", "100")]) + b"half",
                    head("POST / HTTP/1.1", [("Host", "h"), ("Transfer-Encoding", "chunked")]) + b"4\r\nhalf\r\n"):
        live.forget()
        shadow.forget()
        connection = through.connect()
        connection.send(request)
        wait_for(lambda: [message.body for message in shadow.broken] == [b"half"], "half of the copy")
        connection.reset()
        through.settled(lambda metrics: metrics.mirror("matched") == metrics.mirror("failed"))
        assert not shadow.requests and not live.requests, "what was cut must not look whole"
    metrics = through.settled()
    assert metrics.mirror("failed", reason="client_abort") == 2
    assert metrics.requests(code="499") == 2


@pytest.mark.sanitize
def test_a_stalled_shadow_loses_a_big_upload_as_lag(service, gateway):
    live = service(keep_bodies=False)
    stalled = service(lambda link: (link.head(), link.wait_close()))
    healthy = service(keep_bodies=False)
    through = gateway(live, stalled, healthy, "--mirror-writes", "--shed", "off")
    size = 24 * MEGA
    with through.connect() as connection:
        connection.send(head("PUT /big HTTP/1.1", [("Host", "h"), ("Content-Length", size)]))
        for _ in range(size // MEGA):
            connection.send(b"x" * MEGA)
        assert connection.response().status == 200
    assert live.requests[0].body_length == size
    metrics = through.settled(lambda metrics: metrics.mirror("failed", mirror=stalled.address))
    assert metrics.mirror("failed", mirror=stalled.address, reason="lag") == 1
    assert metrics.sum("umbra_mirror_budget_bytes") < 4 * MEGA
    assert not stalled.requests


def test_a_budget_that_is_full_drops(service, gateway):
    go = threading.Event()

    def script(link):
        while request := link.request():
            go.wait(10)
            link.send(answer(200, request.target.encode()))

    through = gateway(service(), service(script), "--mirror-budget", "512Ki", "--shed", "off")
    ask(through, 200)
    metrics = wait_for(lambda: (at := through.metrics()).mirror("dropped", reason="budget") and at, "drops")
    assert 0 < metrics.sum("umbra_mirror_budget_bytes") <= metrics.sum("umbra_mirror_budget_limit_bytes") == 512 * 1024
    go.set()
    metrics = through.settled()
    assert metrics.mirror("completed") + metrics.mirror("dropped", reason="budget") == 200
    kept = 2 * 96 * 1024  # what the kernel may hold for the two connections that are kept
    wait_for(lambda: through.metrics().sum("umbra_mirror_budget_bytes") <= kept, "the budget to be free again")


def test_copies_in_flight_are_bounded_and_the_rest_waits_its_turn(service, gateway):
    """1024 at once on at most 256 connections; what is beyond is dropped."""
    go = threading.Event()

    def script(link):
        while request := link.request():
            go.wait(30)
            link.send(answer(200, request.target.encode()))

    shadow = service(script)
    through = gateway(service(), shadow, "--workers", "2", "--shed", "off", "--mirror-writes")
    ask(through, 1100)
    wait_for(lambda: through.metrics().mirror("in_flight") == 256, "all connections to be taken")
    metrics = through.metrics()
    assert metrics.mirror("queued") == 768
    assert metrics.mirror("dropped", reason="inflight") == 76
    assert shadow.connections <= 256
    go.set()
    metrics = through.settled(lambda metrics: metrics.mirror("completed") == 1024)
    assert metrics.mirror("dropped") == 76


def test_a_client_abort_in_the_queue_is_dropped(service, gateway):
    go = threading.Event()

    def script(link):
        while request := link.request():
            go.wait(30)
            link.send(answer(200, request.target.encode()))

    through = gateway(service(), service(script), "--workers", "1", "--shed", "off", "--mirror-writes")
    ask(through, 256)
    wait_for(lambda: through.metrics().mirror("in_flight") == 256, "all connections to be taken")
    connection = through.connect()
    connection.send(head("POST / HTTP/1.1", [("Host", "h"), ("Content-Length", "100")]) + b"half")
    wait_for(lambda: through.metrics().mirror("queued") == 1, "the copy to wait")
    connection.reset()
    wait_for(lambda: through.metrics().mirror("dropped", reason="client_abort") == 1, "it to be dropped")
    go.set()
    through.settled(lambda metrics: metrics.mirror("completed") == 256)


def test_a_shadow_without_an_address_drops_that_mirror_only(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, "nosuch.invalid:80", shadow)
    ask(through, 10)
    metrics = through.settled()
    assert metrics.mirror("dropped", mirror="nosuch.invalid:80", reason="no_endpoint") == 10
    assert metrics.mirror("completed", mirror=shadow.address) == 10


def test_what_makes_no_progress_is_given_up_after_15_seconds(service, gateway):
    """In flight: timeout. In the queue: queue_timeout, also while the others are long but alive."""
    is_over = threading.Event()

    def drip(link):
        while link.request():
            link.send(head("HTTP/1.1 200 OK", [("Transfer-Encoding", "chunked")]))
            while not is_over.wait(4):
                link.send(b"1\r\nx\r\n")
            link.send(b"0\r\n\r\n")

    def slow_live(link):
        while request := link.request():
            if request.target == "/long":
                is_over.wait(40)
            link.send(answer(200, b""))

    silent = gateway(service(), service(lambda link: (link.request(), link.wait_close())))
    busy = gateway(service(slow_live), service(drip), "--workers", "1", "--shed", "off")
    clients = [busy.connect(timeout=40) for _ in range(256)]
    for client in clients:
        client.send(get("/long"))
    wait_for(lambda: busy.metrics().mirror("in_flight") == 256, "all connections to be taken")
    began = time.monotonic()
    ask(silent, 2)
    ask(busy, 4)
    assert busy.metrics().mirror("queued") == 4
    silent.settled(lambda metrics: metrics.mirror("failed", reason="timeout") == 2, 25)
    wait_for(lambda: busy.metrics().mirror("dropped", reason="queue_timeout") == 4, "the queue to time out", 25)
    assert 14.5 < time.monotonic() - began < 20
    assert busy.metrics().mirror("in_flight") == 256, "those that move are not given up"
    is_over.set()
    for client in clients:
        assert client.response().status == 200
        client.close()
    assert busy.settled(lambda metrics: metrics.mirror("completed") == 256).mirror("failed") == 0


def test_a_stale_connection_to_the_shadow_is_replaced_once(service, gateway):
    """The shadow closes a kept connection just as the next copy is sent on it."""
    def script(link):
        link.request()
        link.send(answer(200, b"one"))
        if link.head():
            link.reset()

    shadow = service(script)
    through = gateway(service(), shadow, "--workers", "1")
    through.get("/1")
    through.settled(lambda metrics: metrics.mirror("completed") == 1)
    through.get("/2")
    metrics = through.settled(lambda metrics: metrics.mirror("matched") == 2)
    assert metrics.mirror("sent") == metrics.mirror("completed") == 2
    assert shadow.connections == 2


def test_an_idle_connection_to_a_shadow_is_closed_after_4_seconds(service, gateway):
    ends = []

    def script(link):
        while link.request():
            link.send(answer(200, b""))
            answered = time.monotonic()
        ends.append(time.monotonic() - answered)

    live, shadow = service(script), service(script)
    through = gateway(live, shadow, "--workers", "1")
    through.get("/")
    wait_for(lambda: len(ends) == 2, "both connections to be closed", 8)
    assert all(3.5 < end < 6 for end in ends), ends
