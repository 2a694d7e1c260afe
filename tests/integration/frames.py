# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 as frames (RFC 9113 4), for a client that may say anything: nothing is checked before it is sent. Header blocks are made and read
with Debian's hpack, which is no part of what is tested."""
import socket
import struct
import time

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 32
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL,
 COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM) = range(12)
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = range(1, 7)
CODES = ("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
         "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM")


class Closed(Exception):
    """The peer has closed the connection."""


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """`length` may lie."""
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *pair) for pair in pairs))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, stream=stream, payload=struct.pack(">I", increment))


def rst_stream(stream, code=CANCEL):
    return frame(RST_STREAM, stream=stream, payload=struct.pack(">I", code))


def request(method="GET", path="/", *more, authority="h", scheme="http"):
    return [(":method", method), (":scheme", scheme), (":path", path), (":authority", authority), *more]


class Frame:
    def __init__(self, head, payload):
        self.kind, self.flags = head[3], head[4]
        self.stream = struct.unpack(">I", head[5:9])[0] & 0x7fffffff
        self.payload = payload

    @property
    def code(self):
        """What RST_STREAM and GOAWAY say."""
        return struct.unpack(">I", self.payload[:4] if self.kind == RST_STREAM else self.payload[4:8])[0]

    @property
    def is_last(self):
        return self.kind in (DATA, HEADERS) and bool(self.flags & END_STREAM)

    def __repr__(self):
        names = "DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY WINDOW_UPDATE CONTINUATION".split()
        name = names[self.kind] if self.kind < len(names) else str(self.kind)
        return f"{name}({self.stream}, flags {self.flags}, {len(self.payload)} bytes)"


class Link:
    """A connection; `begin` is sent at once."""

    def __init__(self, address, begin=PREFACE + settings(), timeout=10):
        host, port = address.rsplit(":", 1)
        self.sock = socket.create_connection((host.strip("[]"), int(port)), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.buffer = b""
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.send(begin)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.sock.close()

    def send(self, *pieces):
        """What the peer does not want any more is lost: that it does not is seen when reading."""
        try:
            self.sock.sendall(b"".join(pieces))
        except OSError:
            pass

    def block(self, fields):
        return self.encoder.encode(fields)

    def headers(self, stream, fields, flags=END_STREAM | END_HEADERS):
        block = fields if isinstance(fields, bytes) else self.block(fields)
        return frame(HEADERS, flags, stream, block)

    def _take(self, size, deadline):
        while len(self.buffer) < size:
            self.sock.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                data = self.sock.recv(65536)
            except socket.timeout:
                raise
            except OSError as error:
                raise Closed(str(error)) from error
            if not data:
                raise Closed("closed")
            self.buffer += data
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def read(self, timeout=None):
        """The next frame. Closed when there is none any more; socket.timeout when none comes."""
        deadline = time.monotonic() + (timeout or self.timeout)
        head = self._take(9, deadline)
        return Frame(head, self._take(int.from_bytes(head[:3], "big"), deadline))

    def until(self, is_it, timeout=None):
        """Frames up to the one that is asked for; its SETTINGS are acknowledged, its header blocks are read."""
        deadline = time.monotonic() + (timeout or self.timeout)
        seen = []
        while True:
            found = self.read(max(deadline - time.monotonic(), 0.001))
            if found.kind == SETTINGS and not found.flags & ACK:
                self.send(frame(SETTINGS, ACK))
            if found.kind == HEADERS:
                found.fields = self.decoder.decode(found.payload)
            seen.append(found)
            if is_it(found):
                return seen

    def greet(self):
        """Goes on when both sides have acknowledged each other's SETTINGS; those of the peer."""
        theirs = {}
        for found in self.until(lambda one: one.kind == SETTINGS and one.flags & ACK):
            if found.kind == SETTINGS and not found.flags & ACK:
                theirs = dict(struct.iter_unpack(">HI", found.payload))
        return theirs

    def answer(self, stream, timeout=None):
        """(status, body, trailers) of a stream; what ends it otherwise is raised as Reset."""
        status, body, trailers = None, b"", None
        for found in self.until(lambda one: (one.stream == stream and (one.is_last or one.kind == RST_STREAM)) or one.kind == GOAWAY,
                                timeout):
            if found.kind == GOAWAY or (found.kind == RST_STREAM and found.stream == stream):
                raise Reset(found)
            if found.stream != stream:
                continue
            if found.kind == HEADERS:
                fields = dict(found.fields)
                if ":status" not in fields:
                    trailers = fields
                elif not fields[":status"].startswith("1"):
                    status = int(fields[":status"])
            elif found.kind == DATA:
                body += found.payload
        return status, body, trailers

    def ask(self, stream, *arguments, **more):
        self.send(self.headers(stream, request(*arguments, **more)))
        return self.answer(stream)


class Reset(Exception):
    """RST_STREAM or GOAWAY in place of an answer."""

    def __init__(self, found):
        super().__init__(f"{found!r}: {CODES[found.code] if found.code < len(CODES) else found.code}")
        self.kind, self.code = found.kind, found.code
