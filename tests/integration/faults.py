# SPDX-License-Identifier: Apache-2.0
"""Shadows as they should not be, for every test that wants one: each a script for servers.Service, or a peer of its own. The
`fault` fixture starts them by name."""
import socket
import time

import http1
import servers
from http1 import answer, head

HALF = head("HTTP/1.1 200 OK", [("Content-Length", 100)]) + b"half of it"


def hangs(link):
    """Takes the request and says nothing."""
    link.request()
    link.wait_close()


def never_reads(link):
    """The kernel takes what fits into its buffers."""
    link.wait_close()


def slow(seconds):
    """Answers well, each time so late."""
    def script(link):
        while link.request():
            if link.service.is_closing.wait(seconds):
                return
            link.send(answer(200, b"late"))
    return script


def trickles(link):
    """One byte a second."""
    link.request()
    for byte in answer(200, b"so slow"):
        link.send(bytes([byte]))
        if link.service.is_closing.wait(1):
            return


def resets_reading(count):
    """After so many bytes of the request."""
    def script(link):
        while count > 0 and len(link.reader.buffer) < count:
            link.reader._more()
        link.reset()
    return script


def resets_answering(count):
    """After so many bytes of its answer."""
    def script(link):
        link.request()
        link.send(HALF[:count])
        link.reset()
    return script


def closes_answering(count):
    def script(link):
        link.request()
        link.send(HALF[:count])
    return script


def closes(_):
    """At once, without a look."""


def half_closes(link):
    """Says its last word before it was asked, and reads on."""
    link.sock.shutdown(socket.SHUT_WR)
    link.wait_end()


def half_closes_answering(link):
    link.request()
    link.send(HALF)
    link.sock.shutdown(socket.SHUT_WR)
    link.wait_end()


def garbage(link):
    link.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 garbage \r\n\r\n" * 10)
    link.wait_end()


def answers_early(link):
    """Before it is asked, and more than it is asked for."""
    link.send(answer(200, b"too early") * 3)
    link.wait_end()


def floods_with_100(link):
    link.request()
    while True:
        link.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def huge_line(link):
    """10 MiB of one field."""
    link.request()
    link.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(160):
        link.send(b"l" * 65536)
    link.wait_end()


def busy(link):
    """Overloaded, and says so."""
    while link.request():
        link.send(answer(503, b"busy", reason="Service Unavailable"))


SCRIPTS = {
    "hangs": hangs, "never reads": never_reads, "1 s slow": slow(1), "30 s slow": slow(30), "1 byte a second": trickles,
    "closes": closes, "closes in its answer": closes_answering(50), "half-closes": half_closes,
    "half-closes in its answer": half_closes_answering, "garbage": garbage, "early": answers_early, "flood of 100": floods_with_100,
    "huge line": huge_line, "503": busy, "resets unread": resets_reading(0), "resets in the request": resets_reading(20),
    "resets before its answer": resets_answering(0), "resets after 1 byte": resets_answering(1),
    "resets in its head": resets_answering(30), "resets in its body": resets_answering(len(HALF)),
}
PEERS = {"black hole": servers.BlackHole, "endless": servers.Endless}
NAMES = [*SCRIPTS, *PEERS, "refuses"]


def start(name, ending, **options):
    """Started, ended by `ending`; it has an address, and is a servers.Service when it has a script."""
    if name == "refuses":
        class Refusing:
            address = servers.refused_address()
        return Refusing
    started = PEERS[name]() if name in PEERS else servers.Service(SCRIPTS[name], **options)
    ending.callback(started.close)
    return started


class Moody:
    """A script that is well until `mood` is the name of a fault, from the next request on."""

    def __init__(self):
        self.mood = None

    def __call__(self, link):
        while True:
            mood = self.mood
            if mood:
                SCRIPTS[mood](link)
                return
            if not link.request():
                return
            link.send(answer(200, b"well"))


def timed(address, count, request=None):
    """The seconds that each of `count` requests on one connection took, and the bytes of the answers."""
    times, answers = [], []
    with http1.Connection(address) as connection:
        for i in range(count):
            began = time.monotonic()
            response = connection.ask(request or http1.get(f"/{i}"))
            times.append(time.monotonic() - began)
            answers.append(response.raw_head + response.body)
    return times, answers
