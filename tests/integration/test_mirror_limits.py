# SPDX-License-Identifier: Apache-2.0
"""Limits of one mirror, from a MirrorPolicy, and mirrors beside each other: at a limit the copy is refused or given up and
counted with its reason, the mirror beside it gets all, and live notices nothing."""
import random
import socket
import statistics
import threading
import time

import pytest

import http1
import rules
from http1 import answer, get, head
from servers import free_port
from waiting import PATIENCE, wait_for

MEGA = 1024 * 1024


class Gate:
    """A script that answers nothing until it is opened."""

    def __init__(self):
        self.opened = threading.Event()

    def __call__(self, link):
        while link.request():
            while not self.opened.wait(0.1):
                if link.service.is_closing.is_set():
                    return
            link.send(answer(200, b"at last"))


class Beside:
    """Live and two mirrors: the policy is for `limited` alone, `free` is well and has none."""

    def __init__(self, service, ruled, limited, limits, *options):
        self.live, self.free, self.limited = service(keep_bodies=False), service(keep_bodies=False), limited
        text = rules.gateway(http=free_port()) + rules.backend("v1", self.live) + rules.backend("free", self.free)
        text += rules.backend("limited", limited) + rules.route(shadow=["limited", "free"])
        self.text = text
        self.through = ruled(text + rules.policy(limits, mirror="limited"), "--shed", "off", "--drain", "100ms", *options)
        self.slowest = 0

    def ask(self, count, pause=0.0):
        with self.through.connect() as connection:
            for i in range(count):
                began = time.monotonic()
                received = connection.ask(get(f"/{i}"))
                self.slowest = max(self.slowest, time.monotonic() - began)
                assert (received.status, received.body) == (200, b"hello")
                time.sleep(pause)

    def limited_is(self, **counts):
        """Waits until these counters of the limited mirror have these values: dropped_rate=5, in_flight=2."""
        def now():
            metrics = self.through.metrics()
            return {name: int(metrics.mirror(name.split("_")[0], mirror="default/limited", reason=name.split("_", 1)[1])
                              if name.split("_")[0] in ("dropped", "failed", "filtered") else
                              metrics.mirror(name, mirror="default/limited")) for name in counts}
        wait_for(lambda: now() == counts, lambda: f"{counts}; it is {now()}")

    def check(self, count, slowest=0.5):
        """All were answered, none waited, the mirror beside got all, and each copy is accounted for."""
        assert self.slowest < slowest * PATIENCE
        self.free.wait(count)
        metrics = self.through.settled()
        assert metrics.requests(code="200") == metrics.requests() == count
        assert metrics.summary("default/free") == {"matched": count, "sent": count, "completed": count}
        assert metrics.mirror("matched", mirror="default/limited") == count
        return metrics.summary("default/limited")


@pytest.mark.sanitize
def test_requests_per_second_are_a_cap(service, ruled):
    shadow = service()
    beside = Beside(service, ruled, shadow, "limits: {requestsPerSecond: 50}")
    began = time.monotonic()
    beside.ask(300, pause=0.002)
    lasted = time.monotonic() - began
    counted = beside.check(300)
    assert counted["dropped"] == counted["dropped rate"] == 300 - counted["completed"]
    # A burst of a tenth of a second, and one to begin with.
    assert 0.7 * 50 * lasted < counted["completed"] <= 50 * lasted + 5 + 1
    assert len(shadow.requests) == counted["completed"]


@pytest.mark.sanitize
def test_in_flight_is_a_cap(service, ruled):
    gate = Gate()
    beside = Beside(service, ruled, service(gate), "limits: {inFlight: 5}")
    beside.ask(20)
    beside.limited_is(in_flight=5, queued=0, dropped_inflight=15)
    gate.opened.set()
    beside.limited_is(completed=5)
    beside.ask(3)
    assert beside.check(23) == {"matched": 23, "dropped": 15, "dropped inflight": 15, "sent": 8, "completed": 8}


@pytest.mark.sanitize
def test_connections_are_a_cap_and_the_rest_waits(service, ruled):
    gate = Gate()
    shadow = service(gate)
    beside = Beside(service, ruled, shadow, "limits: {connections: 2}", "--workers", "2")
    beside.ask(12)
    beside.limited_is(in_flight=2, queued=10, dropped_inflight=0)
    assert len(shadow.links) == 2
    gate.opened.set()
    assert beside.check(12) == {"matched": 12, "sent": 12, "completed": 12}


def test_what_waits_longer_than_the_timeout_for_a_connection_is_dropped(service, ruled):
    beside = Beside(service, ruled, service(Gate()), "limits: {connections: 1, timeout: 500ms}")
    beside.ask(6)
    # One of them was sent; when it has failed, another may still get the connection.
    counted = beside.check(6)
    assert counted["dropped queue_timeout"] == counted["dropped"] and counted["failed timeout"] == counted["failed"]
    assert 1 <= counted["failed"] <= 2 and counted["failed"] + counted["dropped"] == 6


@pytest.mark.sanitize
def test_the_timeout_is_the_policy_s(service, ruled):
    beside = Beside(service, ruled, service(Gate()), "limits: {timeout: 300ms}")
    began = time.monotonic()
    beside.ask(4)
    beside.limited_is(failed_timeout=4)
    assert 0.25 < time.monotonic() - began < 2 * PATIENCE, "the default is 15 s"
    assert beside.check(4) == {"matched": 4, "sent": 4, "failed": 4, "failed timeout": 4}


def test_the_time_to_connect_is_the_policy_s(service, ruled, fault):
    hole = fault("black hole")
    beside = Beside(service, ruled, hole, "limits: {connectTimeout: 150ms}")
    began = time.monotonic()
    beside.ask(1)
    beside.limited_is(failed_connect=1)
    assert 0.1 < time.monotonic() - began < 0.9 * PATIENCE, "the default is 1 s"
    assert beside.check(1) == {"matched": 1, "sent": 1, "failed": 1, "failed connect": 1}


class Stalling:
    """Reads a head, and then nothing more. `taken` is what the kernel had taken for it when it was cut."""

    def __init__(self):
        self.taken = []

    def __call__(self, link):
        link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.head()
        link.service.is_closing.wait(20)


def upload(beside, size):
    """The rest of it when the copy is under way: before, it would be dropped with all that is beyond the window."""
    with beside.through.connect() as connection:
        connection.send(head("PUT /up HTTP/1.1", [("Host", "h"), ("Content-Length", size)]) + b"u")
        beside.limited_is(in_flight=1)
        connection.send(b"u" * (size - 1))
        return connection.response()


@pytest.mark.sanitize
def test_the_window_is_the_policy_s(service, ruled):
    """Of two shadows that read nothing, the one with the small window is given up early: what it was sent, and what
    waited for it, stays within window and kernel buffers."""
    stalled = service(Stalling(), receive_buffer=4096)
    beside = Beside(service, ruled, stalled, "limits: {window: 64Ki, connections: 1}")
    size = MEGA
    assert upload(beside, size).status == 200
    beside.limited_is(failed_lag=1)
    sent = beside.through.metrics().mirror("bytes", mirror="default/limited", direction="sent")
    assert sent < 600 * 1024, "64 KiB, and what kernels on both sides take"
    assert beside.check(1) == {"matched": 1, "sent": 1, "failed": 1, "failed lag": 1}
    assert [request.body_length for request in beside.free.requests] == [size]
    assert not stalled.requests, "what was cut does not look whole"


def test_a_wide_window_bears_what_a_narrow_one_does_not(service, ruled):
    """The same upload, to a shadow that reads only when it is over."""
    def late(link):
        message = link.head()
        go.wait(20)
        link.body(message)
        link.send(answer(200, b""))

    go = threading.Event()
    beside = Beside(service, ruled, service(late), "limits: {window: 8Mi}", "--mirror-budget", "64Mi")
    assert upload(beside, 4 * MEGA).status == 200
    beside.limited_is(in_flight=1, failed_lag=0)
    go.set()
    assert beside.check(1) == {"matched": 1, "sent": 1, "completed": 1}
    assert beside.limited.requests[0].body_crc == beside.live.requests[0].body_crc


# ---- gates of a policy ----

@pytest.mark.sanitize
def test_a_suspended_mirror_stops_within_two_seconds_and_comes_back(service, ruled):
    beside = Beside(service, ruled, service(), "suspend: false")
    beside.ask(5)
    began = time.monotonic()
    beside.through.change(beside.text + rules.policy("suspend: true", mirror="limited"))
    assert time.monotonic() - began < 2 * PATIENCE
    beside.ask(5)
    beside.limited_is(completed=5, filtered_off=5)
    beside.through.change(beside.text + rules.policy("suspend: false", mirror="limited"))
    beside.ask(5)
    assert beside.check(15) == {"matched": 15, "filtered": 5, "filtered off": 5, "sent": 10, "completed": 10}


def test_methods_and_sources_of_a_policy_are_gates(service, ruled):
    limits = "methods: [GET, DELETE]\nsources: [127.0.0.2/32, \"::1/128\"]"
    shadow = service()
    beside = Beside(service, ruled, shadow, limits)
    for method, source in (("GET", "127.0.0.2"), ("DELETE", "127.0.0.2"), ("POST", "127.0.0.2"), ("GET", "127.0.0.1"),
                           ("PUT", "127.0.0.1")):
        with beside.through.connect(source=source) as connection:
            assert connection.ask(get("/", method=method)).status == 200
    counted = beside.check(5)
    assert counted == {"matched": 5, "filtered": 3, "filtered method": 2, "filtered source": 1, "sent": 2, "completed": 2}
    assert sorted(request.method for request in shadow.requests) == ["DELETE", "GET"]


# ---- mirrors beside each other ----

class Client(threading.Thread):
    """Asks for pages and sends bodies on one connection; `times` of them all, `wrong` what was not right."""

    def __init__(self, address, seed, count):
        super().__init__(daemon=True)
        self.address, self.rng, self.count = address, random.Random(seed), count
        self.times, self.wrong = [], []

    def run(self):
        try:
            with http1.Connection(self.address) as connection:
                for i in range(self.count):
                    body = b"b" * self.rng.choice((0, 100, 20000, 100000))
                    request = http1.post(f"/{i}", body) if body else get(f"/{i}")
                    began = time.monotonic()
                    received = connection.ask(request)
                    self.times.append(time.monotonic() - began)
                    if (received.status, received.body) != (200, b"hello"):
                        self.wrong.append(received)
        except (OSError, http1.Broken) as error:
            self.wrong.append(error)


def crowd(address, count, threads=4):
    """The times of threads × count requests, all of them answered well."""
    clients = [Client(address, seed, count) for seed in range(threads)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(60)
    assert not [client.wrong for client in clients if client.wrong]
    return [one for client in clients for one in client.times]


@pytest.mark.sanitize
def test_of_a_dead_a_slow_a_stalled_and_a_healthy_shadow_the_healthy_one_gets_every_copy(service, ruled, fault):
    """With so small a budget that the stalled and the slow one want all of it."""
    live, healthy = service(keep_bodies=False), service(keep_bodies=False)
    names = {"dead": fault("refuses"), "slow": fault("1 s slow"), "stalled": fault("never reads"), "healthy": healthy}
    text = rules.gateway(http=free_port()) + rules.backend("v1", live)
    text += "".join(rules.backend(name, shadow) for name, shadow in names.items())
    through = ruled(text + rules.route(), "--shed", "off", "--mirror-budget", "8Mi", "--drain", "100ms")
    without = crowd(through.address, 60)
    through.change(text + rules.route(shadow=[*names]))
    live.forget()
    beside = crowd(through.address, 60)
    assert statistics.median(beside) < 3 * statistics.median(without) + 0.02 * PATIENCE
    assert max(beside) < 0.9 * PATIENCE, "the slow one takes a second"
    count = len(beside)
    got = sorted((copy.target, copy.body_crc) for copy in healthy.wait(count))
    assert got == sorted((request.target, request.body_crc) for request in live.requests)
    wanted = {"matched": count, "sent": count, "completed": count}
    wait_for(lambda: through.metrics().summary("default/healthy") == wanted, "the last answers to be counted")
    metrics = through.metrics()
    assert metrics.mirror("failed", mirror="default/dead") == metrics.mirror("failed", mirror="default/dead", reason="connect")
    assert metrics.mirror("dropped", mirror="default/dead", reason="breaker") > 0
    assert metrics.mirror("completed", mirror="default/stalled") == 0
    for name in names:
        assert metrics.mirror("matched", mirror=f"default/{name}") == count
    assert metrics.sum("umbra_mirror_budget_bytes") <= 8 * MEGA
