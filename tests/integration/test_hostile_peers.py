# SPDX-License-Identifier: Apache-2.0
"""Single moves of hostile and unlucky peers that need a test of their own; test_chaos.py plays them all at once."""
import os
import pathlib
import re
import subprocess
import threading

import pytest

import http1
from http1 import answer, get, head, post
from servers import refused_address
from umbra import BINARY
from waiting import wait_for


def connections(through, side):
    return through.metrics().sum("umbra_connections", side=side)


@pytest.mark.sanitize
@pytest.mark.parametrize("declined", [answer(400, b""), b"HTTP/1.1 204 No Content\r\n\r\n", answer(426, b"no")])
def test_an_upgrade_that_is_declined_is_an_answer_like_others(service, gateway, declined):
    live = service(lambda link: [link.send(declined) for _ in iter(link.head, None)])
    through = gateway(live, "--workers", "1")
    with through.connect() as connection:
        for _ in range(3):
            status = connection.ask(get("/", ("Connection", "upgrade"), ("Upgrade", "h2c"))).status
            assert status == int(declined.split()[1])
        assert live.connections == 1
    wait_for(lambda: not connections(through, "client"), "the client to be gone")
    assert through.settled().requests() == 3


def is_read(port):
    """True when nothing is on its way on the connections to this port: both ends have read all that was sent."""
    ends = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = "0A"
    return all(queues == "00000000:00000000" for _, own, other, state, queues, *_ in ends
               if f"{port:04X}" in (own.split(":")[1], other.split(":")[1]) and state != listening)


@pytest.mark.sanitize
def test_a_client_that_stops_sending_while_an_early_answer_is_on_its_way_gets_it_and_is_gone(service, gateway):
    """The request will not become whole: live and the shadow see that, although the answer goes on."""
    size = 200000
    sent = threading.Event()

    def early(link):
        link.head()
        link.send(answer(200, b"x" * size))
        sent.set()
        link.wait_end()

    live, shadow = service(early), service()
    through = gateway(live, shadow, "--mirror-writes", "--workers", "1")
    with through.connect(receive_buffer=4096) as connection:
        connection.send(head("POST / HTTP/1.1", [("Host", "h"), ("Content-Length", 100)]) + b"half")
        wait_for(lambda: shadow.arrived, "the copy to begin")
        wait_for(lambda: sent.is_set() and is_read(live.port), "the gateway to have the answer")
        connection.finish()
        through.settled(lambda metrics: metrics.mirror("failed", reason="client_abort") == 1)
        assert connection.response().body == b"x" * size
        assert connection.is_closed()
    through.settled(lambda metrics: metrics.requests(code="200") == 1)
    wait_for(lambda: not connections(through, "live") and not connections(through, "client"), "all to be gone")
    assert not shadow.requests


@pytest.mark.sanitize
def test_what_a_backend_sends_unasked_does_not_begin_the_next_answer(service, gateway):
    """It says more than its answer while the request is still on its way to it."""
    size = 4 << 20

    def script(link):
        request = link.head()
        if request.method == "GET":
            link.body(request)
            link.send(answer(200, b"right"))
            link.request()
            return
        link.send(answer(200, b"early"))
        go.wait(60)
        link.send(b"HTTP/1.1 200 OK\r\nX-Junk: ")
        link.body(request)
        while link.request():
            link.send(answer(200, b"wrong"))

    go = threading.Event()
    through = gateway(service(script, receive_buffer=4096), "--workers", "1")
    with through.connect() as connection:
        sender = threading.Thread(target=connection.send, args=(post("/", b"u" * size),))
        sender.start()
        assert connection.response().body == b"early"
        go.set()
        sender.join(20)
        for _ in range(2):
            received = connection.ask(get("/"))
            assert received.body == b"right" and received.get("x-junk") is None


@pytest.mark.sanitize
def test_a_log_that_nobody_reads_does_not_stop_traffic(service, ending):
    """A failing shadow is told in the log, which is a pipe and full."""
    reader, writer = os.pipe()
    live = service()
    umbra = subprocess.Popen([BINARY, "run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--live", live.address,
                              "--shadow", refused_address(), "--workers", "1", "--access-log", "--drain", "1s"],
                             stdin=subprocess.DEVNULL, stdout=writer, stderr=writer)
    ending.callback(umbra.wait, 20)
    ending.callback(umbra.terminate)
    text = b""
    while not re.search(rb"pid +[0-9]+\n", text):
        text += os.read(reader, 4096)
    os.set_blocking(writer, False)
    try:
        while os.write(writer, b"x" * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(writer, True)
    address = re.search(rb"listening +http://(\S+)", text)[1].decode()
    for _ in range(20):
        with http1.Connection(address) as connection:
            assert connection.ask(get("/")).body == b"hello"
    os.close(writer)
    ending.callback(os.close, reader)


@pytest.mark.sanitize
@pytest.mark.parametrize("what", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"])
def test_live_that_floods_with_informational_answers_is_a_broken_one(service, gateway, what):
    """A few of them pass; who sends no end of them costs no memory, and its own request alone."""
    def script(link):
        while request := link.request():
            while request.target == "/flood":
                link.send(what * 1000)
            link.send(answer(200, b"hello"))

    through = gateway(service(script), "--workers", "1")
    assert through.get("/").status == 200
    before = through.memory()
    with through.connect() as connection:
        connection.send(get("/flood"))
        for _ in range(20):
            assert through.get("/").body == b"hello"
        assert connection.response().status == 502
    assert through.memory() < before + (16 << 20), "what comes in a moment is far more; sanitizers keep some of what was freed"
    through.settled(lambda metrics: metrics.requests(code="502") == 1)
