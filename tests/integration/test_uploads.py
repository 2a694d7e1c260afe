# SPDX-License-Identifier: Apache-2.0
"""Uploads of any size are copied piece by piece: the same bytes on three sides, in bounded memory, and at full speed whatever
the shadow does with them."""
import functools
import hashlib
import os
import pathlib
import statistics
import threading
import time

import pytest

import http1
import servers
from http1 import answer, head
from waiting import PATIENCE, wait_for

MEGA = 1024 * 1024
BLOCK = os.urandom(2 * MEGA)  # what a body is made of, begun at another place each time


def pieces(size):
    return (memoryview(BLOCK)[i % 4093 * 256:][:MEGA] for i in range(size // MEGA))


@functools.cache
def digest_of(size):
    found = hashlib.sha256()
    for piece in pieces(size):
        found.update(piece)
    return found.hexdigest()


def upload(address, size, after_each=lambda sent: None):
    """Seconds until the answer is there. `after_each` is called with the MiB that were sent."""
    with http1.Connection(address, timeout=60) as connection:
        began = time.monotonic()
        connection.send(head("PUT /big HTTP/1.1", [("Host", "h"), ("Content-Length", size)]))
        for number, piece in enumerate(pieces(size)):
            connection.send(piece)
            after_each(number + 1)
        assert connection.response().status == 200
        return time.monotonic() - began


class Peak:
    """The most memory that the gateway had, beyond what it has now."""

    def __init__(self, through):
        self.process = pathlib.Path(f"/proc/{through.pids()['gateway']}")
        self.before = self.read("VmRSS")
        (self.process / "clear_refs").write_text("5")

    def read(self, name):
        line = next(line for line in (self.process / "status").read_text().splitlines() if line.startswith(name + ":"))
        return int(line.split()[1]) * 1024

    def extra(self):
        return self.read("VmHWM") - self.before


@pytest.fixture
def sink(ending):
    def start():
        started = servers.Sink()
        ending.callback(started.close)
        return started
    return start


def check_healthy(sink, gateway, size, tries):
    """A shadow that is as fast as live, and has to share the machine with all others, is not fast enough for a client without
    a pause: then it is seen to lag, and tried again more slowly; at last by a client that waits for the shadow itself."""
    def keep_pace(number):
        def after_each(sent):
            if number < tries - 1:
                time.sleep(0.004 * 2 ** number)
            else:
                wait_for(lambda: shadow.left <= size // MEGA - sent + 1, "the shadow to keep up", 20)
        return after_each

    live, shadow = sink(), sink()
    through = gateway(live, shadow, "--mirror-writes", "--shed", "off", "--workers", "1")
    upload(through.address, MEGA)
    expected = [digest_of(MEGA)]
    through.settled()
    for number in range(tries):
        peak = Peak(through)
        shadow.left = size // MEGA
        upload(through.address, size, keep_pace(number))
        assert peak.extra() <= 4 * MEGA
        expected.append(digest_of(size))
        metrics = through.settled()
        wait_for(lambda: live.digests == expected, "live to have got all")
        wait_for(lambda: len(shadow.digests) == len(expected), "the shadow to be told the end")
        assert set(shadow.digests) <= {*expected, "cut"}, "what came whole is what was sent"
        assert metrics.mirror("failed") == metrics.mirror("failed", reason="lag") == shadow.digests.count("cut")
        if shadow.digests[-1] == digest_of(size):
            print(f"\n{peak.extra() / MEGA:.2f} MiB more resident, at try {number + 1}")
            return
    raise AssertionError(f"no copy of {tries} came through: {shadow.digests}")


def test_64_mib_are_the_same_on_three_sides(sink, gateway):
    check_healthy(sink, gateway, 64 * MEGA, 6)


@pytest.mark.long
def test_a_gibibyte_is_the_same_on_three_sides(sink, gateway):
    check_healthy(sink, gateway, 1024 * MEGA, 4)


def noise(values):
    """By how much one value differs from the next, nearly always."""
    steps = sorted(max(after / before, before / after) for before, after in zip(values, values[1:]))
    return steps[int(0.9 * (len(steps) - 1))]


def check_stalled(sink, gateway, fault, size, rounds, factor):
    """Paired rounds: with the mirror between two without."""
    live = sink()
    off = gateway(live, "--workers", "1")
    through = gateway(live, fault("never reads"), "--mirror-writes", "--shed", "off", "--workers", "1", "--drain", "100ms")
    for warm in (off, through):
        upload(warm.address, 8 * MEGA)
    without, beside, extra = [upload(off.address, size)], [], []
    for _ in range(rounds):
        peak = Peak(through)
        beside.append(upload(through.address, size))
        extra.append(peak.extra())
        without.append(upload(off.address, size))
    around = [(before + after) / 2 for before, after in zip(without, without[1:])]
    ratio = statistics.median(with_it / base for with_it, base in zip(beside, around))
    print(f"\ntime with a stalled shadow ÷ without: {ratio:.3f}, off ÷ off {noise(without):.2f}; {max(extra) / MEGA:.2f} MiB more resident")
    assert ratio <= max(factor, noise(without)), f"{ratio:.3f}; off: {without}, beside a stalled shadow: {beside}"
    assert max(extra) <= 6 * MEGA, "the window and a wide socket's own"
    metrics = through.settled()
    assert metrics.mirror("failed") == metrics.mirror("failed", reason="lag") == metrics.mirror("matched") == rounds + 1
    assert set(live.digests) == {digest_of(size), digest_of(8 * MEGA)}


def test_a_stalled_shadow_does_not_slow_64_mib_down(sink, gateway, fault):
    check_stalled(sink, gateway, fault, 64 * MEGA, 5, 1.3 * PATIENCE)


@pytest.mark.long
def test_a_stalled_shadow_does_not_slow_a_gibibyte_down(sink, gateway, fault):
    check_stalled(sink, gateway, fault, 1024 * MEGA, 7, 1.05)


@pytest.mark.sanitize
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_what_a_lagging_shadow_got_does_not_look_whole(service, gateway, framing):
    """It reads on when it was given up, and finds neither all of the length nor a last chunk."""
    def late(link):
        message = link.head()
        go.wait(20)
        link.body(message)
        link.send(answer(200, b"late"))

    go = threading.Event()
    live, shadow = service(keep_bodies=False), service(late, keep_bodies=False)
    through = gateway(live, shadow, "--mirror-writes", "--shed", "off")
    size = 24 * MEGA
    field = ("Content-Length", size) if framing == "length" else ("Transfer-Encoding", "chunked")
    with through.connect() as connection:
        connection.send(head("POST /x HTTP/1.1", [("Host", "h"), field]))
        for piece in pieces(size):
            connection.send(piece if framing == "length" else b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.send(b"" if framing == "length" else b"0\r\n\r\n")
        assert connection.response().status == 200
    through.settled(lambda metrics: metrics.mirror("failed", reason="lag") == 1)
    go.set()
    wait_for(lambda: not shadow.links, "the shadow to have read all that it got")
    assert live.requests[0].body_length == size
    assert not shadow.requests and shadow.broken[0].body_length < size


def test_the_first_byte_of_an_upload_is_at_live_at_once(service, gateway, fault):
    """Before the rest is sent, whatever the shadow does."""
    def script(link):
        message = link.head()
        link.reader._bytes(message, 1)
        arrived.append(time.monotonic())
        link.reader._bytes(message, 99)
        link.send(answer(200, b"hello"))

    arrived = []
    through = gateway(service(script), fault("never reads"), "--mirror-writes", "--shed", "off", "--drain", "100ms")
    waits = []
    for i in range(10):
        with through.connect() as connection:
            began = time.monotonic()
            connection.send(head("PUT / HTTP/1.1", [("Host", "h"), ("Content-Length", 100)]) + b"1")
            wait_for(lambda i=i: len(arrived) > i, "the first byte")
            waits.append(arrived[i] - began)
            connection.send(b"2" * 99)
            assert connection.response().status == 200
    assert statistics.median(waits) < 0.05 * PATIENCE, waits
