# SPDX-License-Identifier: Apache-2.0
"""Sizes, times and bad weather: what is refused and how, and what passes. What is malformed is in test_malformed.py."""
import threading
import time

import pytest

import servers
from http1 import answer, get, head, post
from waiting import PATIENCE, wait_for

HOST = ("Host", "h")
CHUNKED = head("POST /up HTTP/1.1", [HOST, ("Transfer-Encoding", "chunked")])


class Trio:
    """A gateway between two captures."""

    def __init__(self, live, shadow, through):
        self.live = live
        self.shadow = shadow
        self.through = through


@pytest.fixture
def trio(service, gateway):
    def start(*options):
        live, shadow = service(), service()
        return Trio(live, shadow, gateway(live, shadow, "--mirror-writes", "--shed", "off", *options))
    return start


def test_what_is_just_within_the_limits_passes(trio):
    with_trio = trio("--workers", "1")
    empty = len(get("/", ("X-A", "")))
    within = {
        "64 KiB": get("/", ("X-A", "v" * (65536 - empty))),
        "128 fields": get("/", *[(f"X-{i}", i) for i in range(127)]),
        "16 KiB": get("/" + "u" * 16383),
        "empty lines first": b"\r\n\r\n" + get("/"),
        "all at once": get("/" + "u" * 16383, *[(f"X-{i}", "v" * 300) for i in range(127)]),
        "CL 0": get("/", ("Content-Length", 0)),
        "dots": get("/a/b/../../c/./d/..."),
    }
    for name, data in within.items():
        with with_trio.through.connect() as connection:
            assert connection.ask(data).status == 200, name
    assert with_trio.through.settled().mirror("completed") == len(within)
    assert with_trio.live.requests[0].get("X-A") == with_trio.shadow.requests[0].get("X-A")


def test_heads_in_small_pieces_are_understood(trio):
    data = post("/pieces", b"0123456789", ("X-A", "b")) + CHUNKED + b"5;ext=1\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"
    with_trio = trio("--workers", "1")
    with with_trio.through.connect() as connection:
        for at in range(len(data)):
            connection.send(data[at:at + 1])
        assert [connection.response().status for _ in range(2)] == [200, 200]
    assert [request.body for request in with_trio.shadow.wait(2)] == [b"0123456789", b"hello"]


@pytest.mark.sanitize
def test_slow_heads_are_cut_off_after_10_seconds(trio):
    """Nothing at all, a part, a trickle: the last two hear why. Meanwhile everybody else is served."""
    with_trio = trio("--workers", "1")
    silent, partial, trickle = (with_trio.through.connect(timeout=30) for _ in range(3))
    began = time.monotonic()
    partial.send(b"GET / HTTP/1.1\r\nHo")
    for byte in b"GET /trickle HTTP/1.1\r\nHost: h\r\nX-Endless: " + b"x" * 100:
        try:
            trickle.send(bytes([byte]))
        except OSError:
            break
        if time.monotonic() - began > 9 * PATIENCE or trickle_is_over(trickle):
            break
        assert with_trio.through.get("/").status == 200
    assert partial.response().status == 408 and 9.5 < time.monotonic() - began < 13 * PATIENCE
    assert trickle.response().status == 408 and time.monotonic() - began < 13 * PATIENCE
    assert silent.rest() == b"" and time.monotonic() - began < 13 * PATIENCE
    metrics = with_trio.through.metrics()
    assert metrics.refused(reason="timeout") >= 2
    assert with_trio.through.metrics().mirror("dropped") == 0
    for connection in (silent, partial, trickle):
        connection.close()


def trickle_is_over(connection):
    """Waits for what comes within the pause between two bytes."""
    connection.sock.settimeout(0.2)
    try:
        connection.reader._more()
        return True
    except TimeoutError:
        return False
    finally:
        connection.sock.settimeout(30)


@pytest.mark.long
def test_idle_bodies_and_connections_end(trio):
    with_trio = trio("--workers", "1")
    body, idle = (with_trio.through.connect(timeout=100) for _ in range(2))
    began = time.monotonic()
    assert idle.ask(get("/")).status == 200
    body.send(head("POST / HTTP/1.1", [HOST, ("Content-Length", 10)]) + b"half")
    assert body.response().status == 408 and 59 < time.monotonic() - began < 65
    assert idle.rest() == b"" and 74 < time.monotonic() - began < 80
    assert not [request for request in with_trio.shadow.requests if request.method == "POST"]


def test_connections_beyond_the_limit_are_closed_and_counted(service, gateway):
    live = service()
    through = gateway(live, "--max-connections", "5", "--workers", "2")
    held = [through.connect() for _ in range(5)]
    for connection in held:
        assert connection.ask(get("/")).status == 200
    for _ in range(3):
        with through.connect() as connection:
            assert connection.rest() == b""
    assert through.metrics().refused(reason="connections") == 3
    held.pop().close()
    wait_for(lambda: through.metrics().sum("umbra_connections", side="client") == 4, "a place to be free")
    assert through.get("/").status == 200
    for connection in held:
        assert connection.ask(get("/")).status == 200
        connection.close()


# ---- live's weather ----


@pytest.mark.sanitize
def test_a_refused_live_is_503(service, gateway):
    shadow = service()
    through = gateway(servers.refused_address(), shadow, "--mirror-writes")
    with through.connect() as connection:
        for request, is_kept in ((get("/"), True), (get("/"), True), (post("/", b"body"), False)):
            response = connection.ask(request)
            assert response.status == 503 and response.body
            assert response.get("Content-Type").startswith("text/plain")
            assert response.get("Connection") == (None if is_kept else "close")
        assert connection.is_closed(), "nobody wants the body"
    metrics = through.settled(lambda metrics: metrics.requests(code="503") > 0)
    assert metrics.mirror("matched") == 0, "what the gateway answers itself is not copied"
    assert not shadow.arrived


@pytest.mark.parametrize("how", ["closes", "resets", "half a head", "garbage", "two lengths", "bad chunk size"])
def test_live_that_breaks_before_its_head_is_502(service, gateway, how):
    def script(link):
        link.request()
        if how == "resets":
            link.reset()
        elif how == "half a head":
            link.send(b"HTTP/1.1 200 OK\r\nX-Ha")
        elif how == "garbage":
            link.send(b"garbage\r\n\r\n")
        elif how == "two lengths":
            link.send(head("HTTP/1.1 200 OK", [("Content-Length", 1), ("Content-Length", 2)]) + b"12")
        elif how == "bad chunk size":
            link.send(head("HTTP/1.1 200 OK", [("Content-Length", 1), ("Transfer-Encoding", "chunked")]) + b"x\r\n")

    shadow = service()
    through = gateway(service(script), shadow)
    with through.connect() as connection:
        response = connection.ask(get("/"))
        assert response.status == 502 and response.body
    metrics = through.settled(lambda metrics: metrics.mirror("completed") == 1)
    assert metrics.requests(code="502") == 1


@pytest.mark.sanitize
@pytest.mark.parametrize("how", ["closes", "resets"])
@pytest.mark.parametrize("request_data, status", [
    (get("/again"), 200), (post("/again", b"p" * 60000, method="PUT"), 200),
    (get("/again", method="DELETE"), 200), (post("/again", b"x"), 502),
    (post("/again", b"p" * 200000, method="PUT"), 502),
], ids=["GET", "PUT", "DELETE", "POST", "large PUT"])
def test_a_stale_connection_is_replaced_for_what_can_be_repeated(service, gateway, how, request_data, status):
    """Live closes a kept connection when the next request comes on it."""
    def script(link):
        link.request()
        link.send(answer(200, b"first"))
        if message := link.head():
            if message.get("Content-Length"):
                link.body(message)
            if how == "resets":
                link.reset()

    live, shadow = service(script), service()
    through = gateway(live, shadow, "--mirror-writes", "--workers", "1")
    with through.connect() as connection:
        assert connection.ask(get("/")).status == 200
        response = connection.ask(request_data)
        assert response.status == status
        assert response.body == (b"first" if status == 200 else response.body)
    assert live.connections == (2 if status == 200 else 1)
    assert sorted(copy.target for copy in shadow.wait(2)) == ["/", "/again"], "one copy, however often live was asked"
    metrics = through.settled(lambda metrics: metrics.mirror("completed") == 2)
    assert metrics.requests(code=str(status)) == (2 if status == 200 else 1)


def test_a_fresh_connection_that_breaks_is_not_replaced(service, gateway):
    def script(link):
        link.request()
        link.reset()

    live = service(script)
    assert gateway(live).get("/").status == 502
    assert live.connections == 1


def test_live_that_says_more_than_was_asked_loses_its_connection(service, gateway):
    """What stands behind an answer must not become the next client's."""
    def script(link):
        while request := link.request():
            link.send(answer(200, request.target.encode()) + answer(200, b"poison"))

    live = service(script)
    through = gateway(live, "--workers", "1")
    for i in range(5):
        assert through.get(f"/{i}").body == f"/{i}".encode()


def test_slow_live_does_not_hold_others(service, gateway):
    go = threading.Event()

    def script(link):
        while request := link.request():
            if request.target == "/slow":
                go.wait(20)
            link.send(answer(200, b""))

    through = gateway(service(script), "--workers", "1")
    with through.connect() as slow:
        slow.send(get("/slow"))
        for _ in range(20):
            assert through.get("/fast").status == 200
        go.set()
        assert slow.response().status == 200
