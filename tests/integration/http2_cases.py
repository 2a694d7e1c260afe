# SPDX-License-Identifier: Apache-2.0
"""What a client of HTTP/2 may do wrong, or unusually, by the sections of RFC 9113 and RFC 7541 that say what it then gets."""
import struct

from frames import (ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, ENABLE_PUSH, END_HEADERS, END_STREAM, FLOW_CONTROL_ERROR,
                    FRAME_SIZE_ERROR, GOAWAY, HEADER_TABLE_SIZE, HEADERS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, PADDED, PING, PREFACE, PRIORITY,
                    PROTOCOL_ERROR, PUSH_PROMISE, REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, WITH_PRIORITY, frame,
                    request, rst_stream, settings, window_update)

POST = request("POST")


class Case:
    """`say(link)` gives the bytes that follow the preface and SETTINGS, or all of them when `is_raw`. `seen` are the requests that live gets
    whole."""

    def __init__(self, section, name, say, expected, seen=0, is_raw=False, departs=False):
        self.section, self.name, self.say, self.expected, self.seen, self.is_raw = section, name, say, expected, seen, is_raw
        self.departs = departs  # from the RFC; docs/http2.md says why


# ---- what is expected ----

class Connection:
    """GOAWAY with one of these codes, then the connection is closed."""

    def __init__(self, *codes):
        self.codes = codes


class Stream:
    """RST_STREAM with one of these codes; the connection goes on. Where `may_end` the peer may as well end the connection with them."""

    def __init__(self, *codes, stream=1, may_end=False):
        self.codes, self.stream, self.may_end = codes, stream, may_end


class Answer:
    """The answer of this status; the connection goes on."""

    def __init__(self, status=200, stream=1):
        self.status, self.stream = status, stream


class Close:
    """The connection is closed, whatever is said before."""


class Ignored:
    """The connection goes on as if nothing had been said."""


def continued(link, fields, cuts, stream=1, flags=END_STREAM):
    """A header block in pieces."""
    block = link.block(fields)
    size = -(-len(block) // (cuts + 1))
    pieces = [block[at:at + size] for at in range(0, len(block), size)]
    frames = [frame(HEADERS, flags, stream, pieces[0])]
    for i, piece in enumerate(pieces[1:], 2):
        frames.append(frame(CONTINUATION, END_HEADERS if i == len(pieces) else 0, stream, piece))
    return b"".join(frames)


def get(link, stream=1, *more):
    return link.headers(stream, request("GET", "/", *more))


def open_post(link, stream=1, *more):
    return link.headers(stream, request("POST", "/", *more), END_HEADERS)


def data(payload=b"", flags=END_STREAM, stream=1):
    return frame(DATA, flags, stream, payload)


def malformed(section, name, fields, seen=0):
    return Case(section, name, lambda link: link.headers(1, fields), Stream(PROTOCOL_ERROR), seen)


def without(name):
    return [field for field in request() if field[0] != name]


def literal(name, value):
    """A field as it is, not indexed and not Huffman-coded (RFC 7541 6.2.2); short ones."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def plain(link, *pairs):
    """A request whose further fields are sent as they are."""
    return link.block(request()) + b"".join(literal(*pair) for pair in pairs)


CASES = [
    # ---- 3.4 HTTP/2 Connection Preface ----
    Case("3.4", "something else in place of the preface", lambda link: b"PRJ * HTTP/2.0\r\n\r\nSM\r\n\r\n", Close(), is_raw=True),
    Case("3.4", "a preface that goes wrong late", lambda link: PREFACE[:-2] + b"x\n" + settings(), Close(), is_raw=True),
    Case("3.4", "a frame other than SETTINGS first", lambda link: PREFACE + frame(PING, payload=b"12345678"), Connection(PROTOCOL_ERROR),
         is_raw=True),
    Case("3.4", "the preface in pieces", lambda link: [PREFACE[:3], PREFACE[3:20], PREFACE[20:] + settings()[:5], settings()[5:] + get(link)],
         Answer(), 1, is_raw=True),
    # ---- 4.1 Frame Format ----
    Case("4.1", "a frame of an unknown kind", lambda link: frame(0x16, 0xff, 0, b"whatever") + get(link), Answer(), 1),
    Case("4.1", "flags that mean nothing", lambda link: frame(PING, 0xf6, 0, b"12345678") + get(link), Answer(), 1),
    Case("4.1", "the reserved bit of a stream's number", lambda link: frame(PING, 0, 1 << 31, b"12345678") + get(link), Answer(), 1),
    # ---- 4.2 Frame Size ----
    Case("4.2", "DATA over SETTINGS_MAX_FRAME_SIZE", lambda link: open_post(link) + data(b"x" * 16385),
         Stream(FRAME_SIZE_ERROR, may_end=True)),
    Case("4.2", "HEADERS over SETTINGS_MAX_FRAME_SIZE", lambda link: frame(HEADERS, END_STREAM | END_HEADERS, 1, b"x" * 16385),
         Connection(FRAME_SIZE_ERROR)),
    Case("4.2", "DATA of SETTINGS_MAX_FRAME_SIZE", lambda link: open_post(link) + data(b"x" * 16384), Answer(), 1),
    # ---- 4.3 Field Section Compression and Decompression ----
    Case("4.3", "a header block that can't be read", lambda link: frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"),
         Connection(COMPRESSION_ERROR)),
    Case("4.3", "PRIORITY inside a header block",
         lambda link: frame(HEADERS, END_STREAM, 1, link.block(request())) + frame(PRIORITY, 0, 3, b"\0\0\0\0\x10"), Connection(PROTOCOL_ERROR)),
    Case("4.3", "HEADERS of another stream inside a header block",
         lambda link: frame(HEADERS, END_STREAM, 1, link.block(request())) + get(link, 3), Connection(PROTOCOL_ERROR)),
    Case("4.3", "a header block in four pieces", lambda link: continued(link, request("GET", "/", ("x", "y" * 100)), 3), Answer(), 1),
    # ---- 5.1 Stream States ----
    Case("5.1", "DATA on an idle stream", lambda link: data(b"x"), Connection(PROTOCOL_ERROR)),
    Case("5.1", "RST_STREAM on an idle stream", lambda link: rst_stream(1), Connection(PROTOCOL_ERROR)),
    Case("5.1", "WINDOW_UPDATE on an idle stream", lambda link: window_update(1, 100), Connection(PROTOCOL_ERROR)),
    Case("5.1", "CONTINUATION on an idle stream", lambda link: frame(CONTINUATION, END_HEADERS, 1, link.block(request())),
         Connection(PROTOCOL_ERROR)),
    Case("5.1", "DATA after the end of a stream", lambda link: get(link) + data(b"x"), Stream(STREAM_CLOSED, may_end=True), None),
    Case("5.1", "HEADERS after the end of a stream", lambda link: get(link) + get(link), Stream(STREAM_CLOSED, may_end=True), None),
    Case("5.1", "CONTINUATION after the end of a stream",
         lambda link: get(link) + frame(CONTINUATION, END_HEADERS, 1, link.block([("x", "y")])), Connection(PROTOCOL_ERROR, STREAM_CLOSED), None),
    Case("5.1", "DATA after RST_STREAM", lambda link: open_post(link) + rst_stream(1) + data(b"x"), Ignored(), departs=True),
    Case("5.1", "HEADERS after RST_STREAM", lambda link: open_post(link) + rst_stream(1) + get(link), Ignored(), departs=True),
    # ---- 5.1.1 Stream Identifiers ----
    Case("5.1.1", "an even number", lambda link: get(link, 2), Connection(PROTOCOL_ERROR)),
    Case("5.1.1", "a number below one that was used", lambda link: get(link, 5) + get(link, 3), Answer(stream=5), 1, departs=True),
    Case("5.1.1", "numbers left out", lambda link: get(link, 101), Answer(stream=101), 1),
    # ---- 5.1.2 Stream Concurrency ----
    Case("5.1.2", "more streams than SETTINGS_MAX_CONCURRENT_STREAMS", lambda link: b"".join(open_post(link, 2 * i + 1) for i in range(129)),
         Stream(PROTOCOL_ERROR, REFUSED_STREAM, stream=257, may_end=True)),
    # ---- 5.4.1, 5.5 ----
    Case("5.5", "an extension's frame inside a header block",
         lambda link: frame(HEADERS, END_STREAM, 1, link.block(request())) + frame(0x16, 0, 0, b"whatever"), Connection(PROTOCOL_ERROR)),
    # ---- 6.1 DATA ----
    Case("6.1", "DATA on stream 0", lambda link: data(b"x", stream=0), Connection(PROTOCOL_ERROR)),
    Case("6.1", "DATA with more padding than payload", lambda link: open_post(link) + frame(DATA, END_STREAM | PADDED, 1, b"\x05xxxx"),
         Connection(PROTOCOL_ERROR)),
    Case("6.1", "DATA with padding", lambda link: open_post(link) + frame(DATA, END_STREAM | PADDED, 1, b"\x04xxxx\0\0\0\0"), Answer(), 1),
    # ---- 6.2 HEADERS ----
    Case("6.2", "HEADERS on stream 0", lambda link: get(link, 0), Connection(PROTOCOL_ERROR)),
    Case("6.2", "HEADERS with more padding than payload",
         lambda link: frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, b"\xff" + link.block(request())), Connection(PROTOCOL_ERROR)),
    Case("6.2", "HEADERS with padding",
         lambda link: frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, b"\x04" + link.block(request()) + b"\0\0\0\0"), Answer(), 1),
    Case("6.2", "HEADERS with priority",
         lambda link: frame(HEADERS, END_STREAM | END_HEADERS | WITH_PRIORITY, 1, b"\0\0\0\0\x10" + link.block(request())), Answer(), 1),
    # ---- 6.3 PRIORITY ----
    Case("6.3", "PRIORITY on stream 0", lambda link: frame(PRIORITY, 0, 0, b"\0\0\0\0\x10"), Connection(PROTOCOL_ERROR)),
    Case("6.3", "PRIORITY of 4 bytes", lambda link: frame(PRIORITY, 0, 1, b"\0\0\0\0"), Stream(FRAME_SIZE_ERROR, may_end=True)),
    Case("6.3", "PRIORITY on an idle stream", lambda link: frame(PRIORITY, 0, 1, b"\0\0\0\0\x10") + get(link), Answer(), 1),
    # ---- 6.4 RST_STREAM ----
    Case("6.4", "RST_STREAM on stream 0", lambda link: rst_stream(0), Connection(PROTOCOL_ERROR)),
    Case("6.4", "RST_STREAM of 3 bytes", lambda link: open_post(link) + frame(RST_STREAM, 0, 1, b"\0\0\0"), Connection(FRAME_SIZE_ERROR)),
    # ---- 6.5 SETTINGS ----
    Case("6.5", "an acknowledgement with a payload", lambda link: frame(SETTINGS, ACK, 0, b"\0\x03\0\0\0\x64"), Connection(FRAME_SIZE_ERROR)),
    Case("6.5", "SETTINGS on a stream", lambda link: frame(SETTINGS, 0, 1, b""), Connection(PROTOCOL_ERROR)),
    Case("6.5", "SETTINGS of 5 bytes", lambda link: frame(SETTINGS, 0, 0, b"\0\x03\0\0\0"), Connection(FRAME_SIZE_ERROR)),
    Case("6.5.2", "SETTINGS_ENABLE_PUSH of 2", lambda link: settings((ENABLE_PUSH, 2)), Connection(PROTOCOL_ERROR)),
    Case("6.5.2", "SETTINGS_INITIAL_WINDOW_SIZE over 2^31-1", lambda link: settings((INITIAL_WINDOW_SIZE, 1 << 31)),
         Connection(FLOW_CONTROL_ERROR)),
    Case("6.5.2", "SETTINGS_MAX_FRAME_SIZE below 16384", lambda link: settings((MAX_FRAME_SIZE, 16383)), Connection(PROTOCOL_ERROR)),
    Case("6.5.2", "SETTINGS_MAX_FRAME_SIZE over 2^24-1", lambda link: settings((MAX_FRAME_SIZE, 1 << 24)), Connection(PROTOCOL_ERROR)),
    Case("6.5.2", "an unknown setting", lambda link: settings((0x99, 7)) + get(link), Answer(), 1),
    Case("6.5.3", "of a setting that comes twice the last counts",
         lambda link: settings((INITIAL_WINDOW_SIZE, 0), (INITIAL_WINDOW_SIZE, 65535)) + get(link), Answer(), 1),
    # ---- 6.6 PUSH_PROMISE ----
    Case("6.6", "PUSH_PROMISE by a client",
         lambda link: get(link) + frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + link.block(request())), Connection(PROTOCOL_ERROR),
         None),
    # ---- 6.7 PING ----
    Case("6.7", "PING on a stream", lambda link: frame(PING, 0, 1, b"12345678"), Connection(PROTOCOL_ERROR)),
    Case("6.7", "PING of 6 bytes", lambda link: frame(PING, 0, 0, b"123456"), Connection(FRAME_SIZE_ERROR)),
    Case("6.7", "an acknowledgement of a PING that was not sent", lambda link: frame(PING, ACK, 0, b"12345678") + get(link), Answer(), 1),
    # ---- 6.8 GOAWAY ----
    Case("6.8", "GOAWAY on a stream", lambda link: frame(GOAWAY, 0, 1, bytes(8)), Connection(PROTOCOL_ERROR)),
    Case("6.8", "GOAWAY of 4 bytes", lambda link: frame(GOAWAY, 0, 0, bytes(4)), Connection(FRAME_SIZE_ERROR)),
    # ---- 6.9 WINDOW_UPDATE ----
    Case("6.9", "an increment of 0 for the connection", lambda link: window_update(0, 0), Connection(PROTOCOL_ERROR)),
    Case("6.9", "an increment of 0 for a stream", lambda link: open_post(link) + window_update(1, 0), Stream(PROTOCOL_ERROR, may_end=True)),
    Case("6.9", "WINDOW_UPDATE of 3 bytes", lambda link: frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"), Connection(FRAME_SIZE_ERROR)),
    Case("6.9.1", "a connection's window over 2^31-1", lambda link: window_update(0, (1 << 31) - 1), Connection(FLOW_CONTROL_ERROR)),
    Case("6.9.1", "a stream's window over 2^31-1", lambda link: open_post(link) + window_update(1, (1 << 31) - 1),
         Stream(FLOW_CONTROL_ERROR, may_end=True)),
    Case("6.9.2", "SETTINGS that make a stream's window larger than 2^31-1",
         lambda link: open_post(link) + window_update(1, (1 << 31) - 1 - 65535) + settings((INITIAL_WINDOW_SIZE, 65536)),
         Stream(FLOW_CONTROL_ERROR), departs=True),
    # ---- 6.10 CONTINUATION ----
    Case("6.10", "CONTINUATION on stream 0", lambda link: frame(HEADERS, END_STREAM, 1, link.block(request())) +
         frame(CONTINUATION, END_HEADERS, 0, b""), Connection(PROTOCOL_ERROR)),
    Case("6.10", "CONTINUATION after a whole header block",
         lambda link: open_post(link) + frame(CONTINUATION, END_HEADERS, 1, link.block([("x", "y")])), Connection(PROTOCOL_ERROR)),
    Case("6.10", "CONTINUATION after DATA",
         lambda link: open_post(link) + data(b"x", 0) + frame(CONTINUATION, END_HEADERS, 1, link.block([("x", "y")])),
         Connection(PROTOCOL_ERROR)),
    # ---- 8.1 HTTP Message Framing ----
    Case("8.1", "a second HEADERS that does not end the stream", lambda link: open_post(link) + link.headers(1, [("x", "y")], END_HEADERS),
         Stream(PROTOCOL_ERROR, may_end=True)),
    Case("8.1", "trailers", lambda link: open_post(link) + data(b"x", 0) + link.headers(1, [("x-check", "y")]), Answer(), 1),
    Case("8.1.1", "less data than Content-Length says", lambda link: open_post(link, 1, ("content-length", "3")) + data(b"xx"),
         Stream(PROTOCOL_ERROR)),
    Case("8.1.1", "more data than Content-Length says",
         lambda link: open_post(link, 1, ("content-length", "1")) + data(b"x", 0) + data(b"x"), Stream(PROTOCOL_ERROR)),
    Case("8.1.1", "Content-Length and no data", lambda link: link.headers(1, request("POST", "/", ("content-length", "1"))),
         Stream(PROTOCOL_ERROR)),
    malformed("8.1.1", "two Content-Lengths that differ", request("POST", "/", ("content-length", "0"), ("content-length", "1"))),
    malformed("8.1.1", "a Content-Length that is no number", request("POST", "/", ("content-length", "-1"))),
    # ---- 8.2 HTTP Fields ----
    Case("8.2.1", "an upper case letter in a name", lambda link: link.headers(1, plain(link, (b"X-Test", b"y"))), Stream(PROTOCOL_ERROR)),
    Case("8.2.1", "a space in a name", lambda link: link.headers(1, plain(link, (b"x test", b"y"))), Stream(PROTOCOL_ERROR)),
    Case("8.2.1", "a colon inside a name", lambda link: link.headers(1, plain(link, (b"x:test", b"y"))), Stream(PROTOCOL_ERROR)),
    Case("8.2.1", "an empty name", lambda link: link.headers(1, plain(link, (b"", b"y"))), Stream(PROTOCOL_ERROR, may_end=True)),
    Case("8.2.1", "NUL in a value", lambda link: link.headers(1, plain(link, (b"x", b"a\0b"))), Stream(PROTOCOL_ERROR)),
    Case("8.2.1", "LF in a value", lambda link: link.headers(1, plain(link, (b"x", b"a\nb: c"))), Stream(PROTOCOL_ERROR)),
    Case("8.2.1", "CR in a value", lambda link: link.headers(1, plain(link, (b"x", b"a\rb"))), Stream(PROTOCOL_ERROR)),
    Case("8.2.1", "a space before a value", lambda link: link.headers(1, plain(link, (b"x", b" a"))), Stream(PROTOCOL_ERROR)),
    Case("8.2.1", "a space after a value", lambda link: link.headers(1, plain(link, (b"x", b"a "))), Stream(PROTOCOL_ERROR)),
    malformed("8.2.2", "Connection", request("GET", "/", ("connection", "keep-alive"))),
    malformed("8.2.2", "Transfer-Encoding", request("POST", "/", ("transfer-encoding", "chunked"))),
    malformed("8.2.2", "Keep-Alive", request("GET", "/", ("keep-alive", "1"))),
    malformed("8.2.2", "Proxy-Connection", request("GET", "/", ("proxy-connection", "close"))),
    malformed("8.2.2", "Upgrade", request("GET", "/", ("upgrade", "websocket"))),
    malformed("8.2.2", "TE with something else than trailers", request("GET", "/", ("te", "trailers, deflate"))),
    Case("8.2.2", "TE with trailers", lambda link: get(link, 1, ("te", "trailers")), Answer(), 1),
    Case("8.2.3", "a Cookie in pieces", lambda link: get(link, 1, ("cookie", "a=1"), ("cookie", "b=2")), Answer(), 1),
    # ---- 8.3 HTTP Control Data ----
    malformed("8.3", "an unknown pseudo-field", [*request(), (":test", "y")]),
    malformed("8.3", "a pseudo-field of answers", [*request(), (":status", "200")]),
    malformed("8.3", "a pseudo-field after another field", [*without(":path"), ("x", "y"), (":path", "/")]),
    Case("8.3", "a pseudo-field in trailers", lambda link: open_post(link) + data(b"x", 0) + link.headers(1, [(":method", "GET")]),
         Stream(PROTOCOL_ERROR)),
    malformed("8.3.1", "no :method", without(":method")),
    malformed("8.3.1", "no :scheme", without(":scheme")),
    malformed("8.3.1", "no :path", without(":path")),
    malformed("8.3.1", "an empty :path", request("GET", "")),
    malformed("8.3.1", ":method twice", [(":method", "GET"), *request()]),
    malformed("8.3.1", ":scheme twice", [(":scheme", "http"), *request()]),
    malformed("8.3.1", ":path twice", [(":path", "/"), *request()]),
    malformed("8.3.1", ":authority twice", [(":authority", "h"), *request()]),
    malformed("8.3.1", "a :path without a slash", request("GET", "x")),
    Case("8.3.1", "Host and :authority that differ", lambda link: get(link, 1, ("host", "other")), Answer(400)),
    Case("8.3.1", "Host in place of :authority", lambda link: link.headers(1, [*without(":authority"), ("host", "h")]), Answer(), 1),
    Case("8.3.1", "OPTIONS *", lambda link: link.headers(1, request("OPTIONS", "*")), Answer(), 1),
    malformed("8.3.1", "neither Host nor :authority", without(":authority")),
    malformed("8.5", "CONNECT with :scheme and :path", request("CONNECT", "/")),
    # ---- RFC 7541 ----
    Case("HPACK 2.3.3", "an index behind the tables", lambda link: frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\xff\x80\x01"),
         Connection(COMPRESSION_ERROR)),
    Case("HPACK 4.2", "a table that is larger than allowed",
         lambda link: frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x3f\xe2\x1f" + link.block(request())), Connection(COMPRESSION_ERROR)),
    Case("HPACK 4.2", "a change of the table's size behind a field",
         lambda link: frame(HEADERS, END_STREAM | END_HEADERS, 1, link.block(request()) + b"\x20"), Connection(COMPRESSION_ERROR)),
    Case("HPACK 5.2", "padding of Huffman code over 7 bits",
         lambda link: frame(HEADERS, END_STREAM | END_HEADERS, 1, link.block(request()) + b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"),
         Connection(COMPRESSION_ERROR)),
    Case("HPACK 5.2", "padding of Huffman code with zeros",
         lambda link: frame(HEADERS, END_STREAM | END_HEADERS, 1, link.block(request()) + b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"),
         Connection(COMPRESSION_ERROR)),
    Case("HPACK 5.2", "the end symbol inside Huffman code",
         lambda link: frame(HEADERS, END_STREAM | END_HEADERS, 1, link.block(request()) + b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f"),
         Connection(COMPRESSION_ERROR)),
    Case("HPACK 6.1", "the index 0", lambda link: frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x80"), Connection(COMPRESSION_ERROR)),
    Case("HPACK 6.3", "a smaller table", lambda link: frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x20" + link.block(request())), Answer(), 1),
]
SECTIONS = list(dict.fromkeys(case.section for case in CASES))
