# SPDX-License-Identifier: Apache-2.0
"""HTTP/1 as bytes, for both ends of a test: nothing is normalised, so that what a gateway changed can be seen.
Text is latin-1, one character per byte."""
import socket
import time
import zlib


class Broken(Exception):
    """The peer ended in the middle of a message. `message` is what there was of it."""

    def __init__(self, why, message=None):
        super().__init__(why)
        self.message = message


class Message:
    """A request or a response. `body` is decoded; `raw_head` are the exact bytes, the empty line included."""

    def __init__(self, raw_head):
        self.raw_head = raw_head
        lines = raw_head.decode("latin-1").split("\r\n")
        self.first_line = lines[0]
        self.fields = [tuple(part.strip(" \t") for part in line.split(":", 1)) for line in lines[1:-2]]
        self.body = b""
        self.body_length = 0
        self.body_crc = 0
        self.trailers = []
        self.is_chunked = False
        self.is_close_delimited = False
        self.is_complete = False
        self.connection = None  # number of the connection it came on
        self.began = time.monotonic()

    @property
    def method(self):
        return self.first_line.split(" ")[0]

    @property
    def target(self):
        return self.first_line.split(" ")[1]

    @property
    def status(self):
        return int(self.first_line.split(" ")[1])

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name, default=None):
        return next(iter(self.all(name)), default)

    def add_body(self, data, is_kept):
        self.body_length += len(data)
        self.body_crc = zlib.crc32(data, self.body_crc)
        if is_kept:
            self.body += data

    def __repr__(self):
        return f"<{self.first_line} +{self.body_length}{'' if self.is_complete else ' incomplete'}>"


class Reader:
    """Takes messages from a socket, one after the other."""

    def __init__(self, sock, keep_bodies=True):
        self.sock = sock
        self.buffer = b""
        self.keep_bodies = keep_bodies

    def _more(self):
        try:
            data = self.sock.recv(262144)
        except socket.timeout:
            raise
        except OSError as error:
            raise Broken(f"reset: {error}") from error
        if not data:
            raise Broken("closed")
        self.buffer += data

    def until(self, end):
        while end not in self.buffer:
            self._more()
        at = self.buffer.index(end) + len(end)
        data, self.buffer = self.buffer[:at], self.buffer[at:]
        return data

    def bytes(self, count):
        """So many, of whatever a tunnel carries."""
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def head(self):
        """The next head as a Message without its body; None when the peer closed between messages."""
        try:
            return Message(self.until(b"\r\n\r\n"))
        except Broken as broken:
            if not self.buffer and str(broken) == "closed":
                return None
            raise

    def _bytes(self, message, count):
        while count:
            if not self.buffer:
                self._more()
            data, self.buffer = self.buffer[:count], self.buffer[count:]
            count -= len(data)
            message.add_body(data, self.keep_bodies)

    def _chunked(self, message):
        message.is_chunked = True
        while True:
            size = int(self.until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                break
            self._bytes(message, size)
            assert self.until(b"\r\n") == b"\r\n", "a chunk that is longer than it says"
        while (line := self.until(b"\r\n")) != b"\r\n":
            message.trailers.append(tuple(part.strip() for part in line.decode("latin-1").split(":", 1)))

    def _to_the_end(self, message):
        message.is_close_delimited = True
        try:
            while True:
                message.add_body(self.buffer, self.keep_bodies)
                self.buffer = b""
                self._more()
        except Broken as broken:
            if str(broken) != "closed":
                raise

    def body(self, message, has_body=True, is_response=False):
        """Reads the message's body and marks it complete."""
        try:
            if not has_body:
                pass
            elif message.get("transfer-encoding", "").lower() == "chunked":
                self._chunked(message)
            elif message.get("content-length") is not None:
                self._bytes(message, int(message.get("content-length")))
            elif is_response:
                self._to_the_end(message)
        except Broken as broken:
            broken.message = message
            raise
        message.is_complete = True
        return message

    def request(self):
        message = self.head()
        return message and self.body(message)

    def response(self, method="GET"):
        """The next final response; informational ones are in its `informational`."""
        informational = []
        while True:
            message = self.head()
            if message is None:
                raise Broken("closed")
            if message.status >= 200 or message.status == 101:
                break
            informational.append(message)
        message.informational = informational
        has_body = method != "HEAD" and message.status not in (101, 204, 304)
        return self.body(message, has_body and not (method == "CONNECT" and message.status < 300), is_response=True)


class Connection:
    """A client's connection. Sends what it is given, byte by byte as it is."""

    def __init__(self, address, timeout=20, receive_buffer=None, source=None):
        host, port = address.rsplit(":", 1)
        self.sock = socket.socket(socket.AF_INET6 if host.startswith("[") else socket.AF_INET)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect((host.strip("[]"), int(port)))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = Reader(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.sock.sendall(data)

    def response(self, method="GET"):
        return self.reader.response(method)

    def ask(self, data, method="GET"):
        self.send(data)
        return self.response(method)

    def rest(self):
        """All bytes until the peer closes; a reset ends them as well."""
        data = self.reader.buffer
        try:
            while piece := self.sock.recv(65536):
                data += piece
        except ConnectionError:
            pass
        return data

    def is_closed(self):
        """True when the peer has closed, or closes within the connection's timeout."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionError:
            return True
        except socket.timeout:
            return False

    def finish(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        reset(self.sock)

    def close(self):
        self.sock.close()


def reset(sock):
    """Closes with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def head(first_line, fields):
    """A head; `fields` are pairs, or ready lines."""
    lines = [first_line] + [field if isinstance(field, str) else f"{field[0]}: {field[1]}" for field in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def get(target="/", *fields, method="GET", host="shop.test"):
    """A request without a body. `fields` are pairs."""
    return head(f"{method} {target} HTTP/1.1", [("Host", host), *fields])


def post(target, body, *fields, method="POST"):
    return head(f"{method} {target} HTTP/1.1", [("Host", "shop.test"), ("Content-Length", len(body)), *fields]) + body


def chunked(pieces, trailers=()):
    """A chunked body."""
    data = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return data + b"0\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in trailers) + b"\r\n"


def answer(status=200, body=b"", *fields, reason="OK"):
    """A response with Content-Length."""
    return head(f"HTTP/1.1 {status} {reason}", [*fields, ("Content-Length", len(body))]) + body
