# SPDX-License-Identifier: Apache-2.0
"""Thousands of clients that only hold connections, and descriptors that run out: those who ask are served meanwhile."""
import os
import resource
import socket
import statistics
import time

import pytest

import http1
import rules
import servers
from http1 import get, head
from load import Load
from servers import free_port
from waiting import PATIENCE, wait_for

SLOW = 5000  # connections that are slow


@pytest.fixture
def many_descriptors():
    """For this process, as many as it may have; skips when these are too few for SLOW clients and their live connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = SLOW * 2 + 500
    enough = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if enough < needed:
        pytest.skip(f"{SLOW} slow clients need {needed} descriptors, and {hard} are allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def hall(ending):
    started = servers.Hall()
    ending.callback(started.close)
    return started


class Loris:
    """Many connections that send one byte of their message at a time."""

    def __init__(self, address, data, count):
        host, port = address.rsplit(":", 1)
        self.data, self.at = data, 1
        self.socks = []
        for _ in range(count):
            sock = socket.create_connection((host, int(port)), timeout=10)
            sock.sendall(data[:1])
            sock.setblocking(False)
            self.socks.append(sock)

    def send_more(self, count=1):
        """To those that are still open."""
        piece = self.data[self.at:self.at + count]
        self.at += count
        for sock in self.socks:
            try:
                sock.send(piece)
            except OSError:
                pass

    def received(self):
        """{what was received before the close: how many}; None: still open."""
        found = {}
        for sock in self.socks:
            data = b""
            try:
                while piece := sock.recv(4096):
                    data += piece
                what = data.split(b"\r\n")[0]
            except BlockingIOError:
                what = None if not data else data.split(b"\r\n")[0]
            except OSError as error:
                what = error.strerror
            found[what] = found.get(what, 0) + 1
        return found

    def close(self):
        for sock in self.socks:
            sock.close()


def times_of(address, count):
    """Seconds that requests took, each on a connection of its own."""
    found = []
    for _ in range(count):
        began = time.monotonic()
        with http1.Connection(address) as connection:
            assert connection.ask(get("/", ("Connection", "close"))).status == 200
        found.append(time.monotonic() - began)
    return found


def test_five_thousand_slow_clients_cost_others_nothing_and_are_cut_off(many_descriptors, hall, service, gateway):
    """Half of them are slow in their heads, and hear 408 after 10 s; half in their bodies, which may last as long as something
    comes. No copy is begun for the first, and none becomes whole for the others."""
    del many_descriptors
    shadow = service()
    through = gateway(hall, shadow, "--shed", "off", "--mirror-writes", "--drain", "100ms")
    without = times_of(through.address, 200)
    before = through.memory()
    began = time.monotonic()
    heads = Loris(through.address, b"GET /slow HTTP/1.1\r\nHost: h\r\nX-A: " + b"a" * 100, SLOW // 2)
    body = b"b" * 100000  # far more than there are turns below
    first = head("POST /slow HTTP/1.1", [("Host", "h"), ("Content-Length", len(body))])
    bodies = Loris(through.address, first + body, SLOW // 2)
    bodies.send_more(len(first))
    wait_for(lambda: through.metrics().sum("umbra_connections", side="client") >= SLOW, "all to be accepted")
    assert through.memory() - before < SLOW * 16 * 1024, "what they hold is bounded"
    with Load(through.address, is_kept_alive=True) as load:
        beside = []
        while time.monotonic() - began < 9:
            beside += times_of(through.address, 20)
            heads.send_more()
            bodies.send_more()
            load.wait(10)
        wait_for(lambda: through.metrics().refused(reason="timeout") >= SLOW // 2, "slow heads to be cut off", 10)
        beside += times_of(through.address, 20)
    load.check()
    assert time.monotonic() - began < 14 * PATIENCE
    assert statistics.median(beside) < 3 * statistics.median(without) + 0.02 * PATIENCE
    assert set(heads.received()) == {b"HTTP/1.1 408 Request Timeout"}
    assert bodies.received() == {None: SLOW // 2}, "as long as something comes"
    metrics = through.metrics()
    assert metrics.refused() == metrics.refused(reason="timeout") == SLOW // 2
    assert not [copy for copy in shadow.arrived if copy.method == "GET" and copy.target == "/slow"]
    bodies.close()
    heads.close()
    metrics = through.settled(lambda metrics: metrics.sum("umbra_connections", side="client") == 0, 30)
    assert not [copy for copy in shadow.requests if copy.target == "/slow"]
    aborted = metrics.mirror("failed", reason="client_abort") + metrics.mirror("dropped", reason="client_abort")
    refused = metrics.mirror("dropped", reason="inflight") + metrics.mirror("dropped", reason="budget")
    assert aborted + refused >= SLOW // 2, "each of them is accounted for"
    assert metrics.requests(code="499") == SLOW // 2


# ---- the limit of connections ----

@pytest.fixture
def arrive(ending):
    """arrive(address): a client that stays. True when its request was answered."""
    def come(address):
        try:
            connection = ending.enter_context(http1.Connection(address))
            return connection.ask(get("/")).status == 200
        except (OSError, http1.Broken):
            return False
    return come


@pytest.mark.sanitize
def test_at_the_limit_newcomers_take_the_place_of_those_that_only_wait(service, gateway, arrive):
    """Silent ones, ones that are slow in their heads, and idle ones; not those that have a request under way."""
    def script(link):
        while request := link.request():
            if request.target == "/long":
                link.service.is_closing.wait(2.5)
            link.send(http1.answer(200, b"hello"))

    through = gateway(service(script), "--max-connections", "40", "--workers", "2", "--drain", "100ms")
    busy = [through.connect() for _ in range(10)]
    for connection in busy:
        connection.send(get("/long"))
    waiting = [through.connect() for _ in range(30)]
    for connection in waiting[:10]:
        connection.send(b"GET /slow HT")
    for connection in waiting[10:20]:
        assert connection.ask(get("/")).status == 200
    time.sleep(1.2)  # so long they may wait undisturbed
    for _ in range(30):
        # A worker whose connections are all new or busy has no room; whoever comes again meets the other.
        wait_for(lambda: arrive(through.address), "a newcomer to be served", 5)
    for connection in busy:
        assert connection.response().status == 200
        connection.close()
    refused = through.metrics().refused(reason="connections")
    assert refused >= 30 and through.metrics().refused() == refused
    for connection in waiting:
        connection.close()


@pytest.mark.sanitize
def test_clients_in_use_outlive_a_flood_and_newcomers_are_served(service, gateway, ending, arrive):
    """Far more connections than are allowed come and stay, though fewer in a second than there are places."""
    through = gateway(service(), "--max-connections", "80", "--workers", "1", "--drain", "100ms")
    flood = 0
    with Load(through.address, threads=3, is_kept_alive=True) as load, through.connect() as seldom:
        for _ in range(40):
            for _ in range(4):
                ending.enter_context(socket.create_connection(through.address.split(":"), timeout=5))
                flood += 1
            assert arrive(through.address), "a newcomer"
            assert seldom.ask(get("/")).status == 200, "one that asks now and then"
            load.wait(1)
            time.sleep(0.1)
    load.check()
    metrics = through.metrics()
    assert metrics.sum("umbra_connections", side="client") <= 80 + 16
    assert metrics.refused(reason="connections") >= flood + 40 - 80


# ---- no descriptor left ----

@pytest.mark.sanitize
def test_running_out_of_descriptors_is_survived(service, ruled):
    """More clients than descriptors: what is connected is served as far as it goes, nobody spins, and it passes."""
    live, shadow = service(), service()
    text = rules.gateway(http=free_port()) + rules.backend("v1", live) + rules.backend("v2", shadow)
    through = ruled(text + rules.route(shadow="v2"), "--max-connections", "1000", "--workers", "2",
                    prefix=("prlimit", "--nofile=110:110"))
    pid = through.pids()["gateway"]
    early = through.connect()
    assert early.ask(get("/")).status == 200
    crowd = []
    while len(crowd) < 300:
        sock = socket.create_connection(through.address.split(":"), timeout=5)
        sock.sendall(get("/"))
        crowd.append(sock)
    wait_for(lambda: len(os.listdir(f"/proc/{pid}/fd")) >= 108, "all descriptors to be in use")
    before = cpu_seconds(pid)
    time.sleep(1)
    assert cpu_seconds(pid) - before < 0.1, "it waits and does not spin"
    assert early.ask(get("/")).status in (200, 503), "a connection is served, with live's answer or without"
    for sock in crowd:
        sock.close()
    early.close()
    wait_for(lambda: through.get("/").status == 200, "it to be served as before")
    for _ in range(20):
        assert through.get("/").status == 200
    assert through.pids()["gateway"] == pid
    through.settled(lambda metrics: metrics.mirror("completed") > 0)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        words = file.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
