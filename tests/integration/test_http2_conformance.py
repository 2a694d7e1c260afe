# SPDX-License-Identifier: Apache-2.0
"""Each case of http2_cases.py gets what RFC 9113 says, live sees exactly the requests that it may see, and flow control, settings and
floods are kept to. docs/http2.md lists the sections."""
import socket
import struct

import pytest

import http1
from frames import (ACK, CODES, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE,
                    MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE, PING, PREFACE, RST_STREAM, SETTINGS, Closed, Link, Reset, frame, request,
                    rst_stream, settings, window_update)
from http2_cases import CASES, SECTIONS, Answer, Close, Connection, Ignored, Stream
from umbra import ROOT
from waiting import wait_for


def names(codes):
    return " or ".join(CODES[code] for code in codes)


def is_closed(link):
    """Whether nothing but frames that were on their way comes, and then the end."""
    try:
        link.until(lambda found: False)
    except Closed:
        return True
    except socket.timeout:
        return False


def goes_on(link):
    """Whether the connection is still of use."""
    link.send(frame(PING, payload=b"are you?"))
    try:
        seen = link.until(lambda found: found.kind == PING and found.flags & ACK and found.payload == b"are you?")
        return not any(found.kind == GOAWAY for found in seen)
    except (Closed, socket.timeout):
        return False


def check_connection(link, expected):
    try:
        last = link.until(lambda found: found.kind == GOAWAY)[-1]
    except Closed:
        raise AssertionError(f"closed without GOAWAY; expected {names(expected.codes)}") from None
    assert last.code in expected.codes, f"GOAWAY with {CODES[last.code]}, expected {names(expected.codes)}"
    assert is_closed(link), "the connection goes on after GOAWAY"


def check_stream(link, expected):
    def is_it(found):
        return found.kind == GOAWAY or (found.kind == RST_STREAM and found.stream == expected.stream)
    last = link.until(is_it)[-1]
    assert last.code in expected.codes, f"{last!r} with {CODES[last.code]}, expected {names(expected.codes)}"
    if last.kind == GOAWAY:
        assert expected.may_end, "the whole connection ends"
        assert is_closed(link)
    else:
        assert goes_on(link)


def check_answer(link, expected):
    status, _, _ = link.answer(expected.stream)
    assert status == expected.status
    assert goes_on(link)


def check_close(link, expected):
    del expected
    try:
        while link.sock.recv(65536):
            pass
    except ConnectionError:
        pass


def check_ignored(link, expected):
    del expected
    assert goes_on(link)


CHECKS = {Connection: check_connection, Stream: check_stream, Answer: check_answer, Close: check_close, Ignored: check_ignored}


def play(address, case):
    with Link(address, begin=b"" if case.is_raw else PREFACE + settings()) as link:
        said = case.say(link)
        for piece in said if isinstance(said, list) else [said]:
            link.send(piece)
        CHECKS[type(case.expected)](link, case.expected)


@pytest.mark.sanitize
@pytest.mark.parametrize("section", SECTIONS)
def test_section(section, service, gateway):
    live = service()
    through = gateway(live)
    wrong = []
    for case in (case for case in CASES if case.section == section):
        live.forget()
        try:
            play(through.address, case)
            wait_for(lambda: not through.metrics().sum("umbra_connections", side="client"), "the connection to be gone")
            if case.seen is not None:
                assert len(live.requests) == case.seen, f"live saw {live.arrived}"
        except (AssertionError, Reset, Closed, socket.timeout) as error:
            wrong.append(f"{section}, {case.name}: {error!r}")
    assert not wrong, "\n".join(wrong)


def test_the_document_has_each_section_with_its_departures():
    text = (ROOT / "docs" / "http2.md").read_text()
    rows = {cells[1]: (cells[2], bool(cells[3])) for line in text.split("## Conformance")[1].splitlines()
            if len(cells := [cell.strip() for cell in line.split("|")]) == 5 and cells[2].isdigit()}
    wanted = {}
    for section in SECTIONS:
        cases = [case for case in CASES if case.section == section]
        wanted[section] = (str(len(cases)), any(case.departs for case in cases))
    assert rows == wanted


# ---- what a single exchange of frames does not show ----

@pytest.fixture
def through(service, gateway):
    return gateway(service(lambda link: serve(link)))


def serve(link):
    """A body of as many bytes as the path says."""
    while message := link.request():
        link.send(http1.answer(200, b"x" * int(message.target[1:] or 0)))


def test_settings_are_acknowledged_and_ours_are_bounded(through):
    with Link(through.address) as link:
        theirs = link.greet()
        assert 100 <= theirs[MAX_CONCURRENT_STREAMS] <= 1000
        assert 16384 <= theirs[MAX_HEADER_LIST_SIZE] <= 65536 * 2
        link.send(settings((INITIAL_WINDOW_SIZE, 100)))
        link.until(lambda found: found.kind == SETTINGS and found.flags & ACK)


def test_a_ping_is_answered_with_its_bytes(through):
    with Link(through.address) as link:
        link.send(frame(PING, payload=b"12345678"))
        assert link.until(lambda found: found.kind == PING)[-1].payload == b"12345678"


def received(link, stream, size, timeout=10):
    """Bytes of DATA until there are so many; fails when more come."""
    count = 0

    def is_enough(found):
        nonlocal count
        count += len(found.payload) if found.kind == DATA and found.stream == stream else 0
        return count >= size
    link.until(is_enough, timeout)
    assert count == size, f"{count} bytes came"


def comes_nothing(link, stream):
    """A PING overtakes nothing that may be sent."""
    link.send(frame(PING, payload=b"any more"))
    seen = link.until(lambda found: found.kind == PING and found.flags & ACK)
    return not any(found.kind == DATA and found.stream == stream and found.payload for found in seen)


def test_no_more_is_sent_than_a_streams_window_lets_through(through):
    with Link(through.address, PREFACE + settings((INITIAL_WINDOW_SIZE, 10))) as link:
        link.send(link.headers(1, request("GET", "/30")))
        received(link, 1, 10)
        assert comes_nothing(link, 1)
        link.send(window_update(1, 5))
        received(link, 1, 5)
        assert comes_nothing(link, 1)
        link.send(settings((INITIAL_WINDOW_SIZE, 20)))  # of streams that there are as well
        received(link, 1, 10)
        assert comes_nothing(link, 1)
        link.send(window_update(1, 100))
        received(link, 1, 5)
        assert goes_on(link)


def test_a_window_may_become_negative_and_is_awaited(through):
    with Link(through.address, PREFACE + settings((INITIAL_WINDOW_SIZE, 10))) as link:
        link.send(link.headers(1, request("GET", "/30")))
        received(link, 1, 10)
        link.send(settings((INITIAL_WINDOW_SIZE, 2)), window_update(1, 8))  # 0 now
        assert comes_nothing(link, 1)
        link.send(window_update(1, 1))
        received(link, 1, 1)


def test_no_more_is_sent_than_the_connections_window_lets_through(through):
    with Link(through.address, PREFACE + settings((INITIAL_WINDOW_SIZE, 1 << 20))) as link:
        link.send(link.headers(1, request("GET", "/100000")))
        received(link, 1, 65535)
        assert comes_nothing(link, 1)
        link.send(window_update(0, 34465))
        received(link, 1, 34465)


def test_one_stream_without_a_window_stalls_no_other(through):
    with Link(through.address, PREFACE + settings((INITIAL_WINDOW_SIZE, 0))) as link:
        link.send(link.headers(1, request("GET", "/1000")), link.headers(3, request("GET", "/1000")))
        link.send(window_update(3, 1000))
        status, body, _ = link.answer(3)
        assert status == 200 and len(body) == 1000
        assert comes_nothing(link, 1)


def test_windows_are_returned_for_large_bodies(service, gateway):
    live = service()
    through = gateway(live)
    size = 3 * 1024 * 1024
    with Link(through.address) as link:
        link.send(link.headers(1, request("POST", "/"), END_HEADERS))
        left, stream_window, window = size, 65535, 65535
        while left:
            amount = min(left, stream_window, window, 16384)
            if amount:
                left, stream_window, window = left - amount, stream_window - amount, window - amount
                link.send(frame(DATA, 0 if left else END_STREAM, 1, b"x" * amount))
                continue
            for found in link.until(lambda found: found.kind == 8 or found.kind == SETTINGS):
                if found.kind == 8:
                    more = struct.unpack(">I", found.payload)[0]
                    window, stream_window = (window, stream_window + more) if found.stream else (window + more, stream_window)
                elif not found.flags & ACK:
                    stream_window += dict(struct.iter_unpack(">HI", found.payload)).get(INITIAL_WINDOW_SIZE, 65535) - 65535
        assert link.answer(1)[0] == 200
    assert live.wait(1)[0].body_length == size


# ---- floods (DESIGN section 7): ENHANCE_YOUR_CALM, and counted ----

def resets(link):
    return b"".join(link.headers(2 * i + 1, request()) + rst_stream(2 * i + 1) for i in range(2000))


def pings(link):
    del link
    return frame(PING, payload=b"12345678") * 20000


def many_settings(link):
    del link
    return settings((INITIAL_WINDOW_SIZE, 70000)) * 20000


def empty_data(link):
    return link.headers(1, request("POST"), END_HEADERS) + frame(DATA, 0, 1) * 20000


def continuations(link):
    return frame(HEADERS, END_STREAM, 1, link.block(request())) + frame(CONTINUATION, 0, 1, b"") * 20000


def large_continuations(link):
    length = 16000
    field = b"\x00\x01x\x7f" + bytes([(length - 127) & 127 | 128, (length - 127) >> 7]) + b"y" * length  # RFC 7541 5.1
    return frame(HEADERS, END_STREAM, 1, link.block(request())) + frame(CONTINUATION, 0, 1, field) * 200


def window_updates(link):
    return link.headers(1, request("POST"), END_HEADERS) + window_update(1, 1) * 20000


FLOODS = [resets, pings, many_settings, empty_data, continuations, large_continuations, window_updates]


@pytest.mark.sanitize
@pytest.mark.parametrize("flood", FLOODS, ids=lambda flood: flood.__name__)
def test_a_flood_ends_the_connection_and_is_counted(flood, service, gateway):
    through = gateway(service())
    before = through.memory()
    with Link(through.address) as beside:
        assert beside.ask(1)[0] == 200
        with Link(through.address) as link:
            link.send(flood(link))
            try:
                last = link.until(lambda found: found.kind == GOAWAY, 20)[-1]
                assert last.code == ENHANCE_YOUR_CALM, CODES[last.code]
            except Closed:
                pass  # what it had not read turned the close into a reset
        wait_for(lambda: through.metrics().refused() >= 1, "the flood to be counted")
        assert beside.ask(3)[0] == 200
    assert through.memory() - before < 8 * 1024 * 1024


def test_a_small_block_that_becomes_a_large_head_is_refused(service, gateway):
    """An HPACK bomb: one large field in the table, named many times."""
    live = service()
    through = gateway(live)
    with Link(through.address) as link:
        first = link.block([*request(), ("x-large", "y" * 3000)])
        index = bytes([0x80 | 62])
        link.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, first), frame(HEADERS, END_STREAM | END_HEADERS, 3,
                                                                             link.block(request()) + index * 5000))
        try:
            status = link.answer(3)[0]
        except (Reset, Closed):
            status = None
        assert status in (431, None)
    wait_for(lambda: through.metrics().refused() >= 1, "the bomb to be counted")
    assert len(live.requests) <= 1


@pytest.mark.parametrize("fields, status", [
    ([("x-large", "y" * 70000)], 431),
    ([(f"x-{i}", "y") for i in range(140)], 431),
], ids=["bytes", "fields"])
def test_a_head_that_is_too_large_gets_431(fields, status, service, gateway):
    live = service()
    through = gateway(live)
    with Link(through.address) as link:
        block = link.block([*request(), *fields])
        pieces = [block[at:at + 16384] for at in range(0, len(block), 16384)]
        link.send(frame(HEADERS, END_STREAM | (END_HEADERS if len(pieces) == 1 else 0), 1, pieces[0]))
        for i, piece in enumerate(pieces[1:], 2):
            link.send(frame(CONTINUATION, END_HEADERS if i == len(pieces) else 0, 1, piece))
        assert link.answer(1)[0] == status
        assert link.ask(3)[0] == 200, "the connection goes on"
    assert len(live.requests) == 1


def test_a_long_target_gets_414(service, gateway):
    through = gateway(service())
    with Link(through.address) as link:
        link.send(link.headers(1, request("GET", "/" + "y" * 17000), END_STREAM | END_HEADERS)[:9 + 16384])
    with Link(through.address) as link:
        block = link.block(request("GET", "/" + "a" * 20000))
        assert len(block) <= 16384, "Huffman code makes it fit"
        link.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, block))
        assert link.answer(1)[0] == 414
