# SPDX-License-Identifier: Apache-2.0
"""Peers that do what they please, and one client that behaves and must notice nothing. All choices come from a seed; the
client says in the target what live is to do, shadows choose for themselves."""
import random
import re
import threading
import time
import zlib

import http1
from http1 import Broken, chunked, head

TARGET = re.compile(r"(http://[a-z.]+)?/(good|bad)/[a-z0-9_]+\?[a-z0-9=&]*$")


def pattern(text, length):
    """Bytes that only this text has."""
    piece = b"%08x" % zlib.crc32(text.encode())
    return (piece * (length // len(piece) + 1))[:length]


def query(target):
    return dict(pair.split("=") for pair in target.split("?")[1].split("&") if pair)


def check_request(message):
    """What arrives whole is what a client meant to send: neither cut, nor made of parts of others."""
    if message.method == "CONNECT":
        return
    assert TARGET.match(message.target), f"a request that nobody sent: {message.raw_head[:300]}"
    crc = message.get("x-crc")
    if message.is_complete and crc is not None:
        assert int(crc) == message.body_crc, f"a request that was cut and looks whole: {message.raw_head[:300]}"


# ---- what a backend does with a request whose head has come ----

def good(link, message, rng):
    """The answer that the target asks for."""
    del rng
    link.body(message)
    check_request(message)
    asked = query(message.target)
    body = pattern(message.target, int(asked.get("n", 10)))
    fields = [("X-Target", message.target), ("X-Body", message.body_crc)]
    if asked.get("f") == "c":
        data = head("HTTP/1.1 200 OK", [*fields, ("Transfer-Encoding", "chunked")])
        data += b"" if message.method == "HEAD" else chunked([body[:7], body[7:]] if len(body) > 7 else [], [("X-T", "1")])
    else:
        data = head("HTTP/1.1 200 OK", [*fields, ("Content-Length", len(body))])
        data += b"" if message.method == "HEAD" else body
    link.send(data)
    return True


def close(link, message, rng):
    return False


def reset(link, message, rng):
    link.reset()
    return False


def half_and_close(link, message, rng):
    link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"[:rng.randrange(1, 42)])
    return False


def half_and_reset(link, message, rng):
    link.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf"[:rng.randrange(1, 55)])
    time.sleep(rng.random() * 0.01)
    link.reset()
    return False


def garbage(link, message, rng):
    link.send(rng.choice([b"\0\1garbage\r\n\r\n", b"220 mail ESMTP\r\n", b"HTTP/1.1 20\r\n\r\n", b"\r\n" * 40,
                          b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
                          b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                          b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
                          b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello_\n",
                          b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
                          b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000]))
    time.sleep(rng.random() * 0.05)
    return False


def early(link, message, rng):
    """Answers before the body, keeps the connection and reads on."""
    link.send(http1.answer(rng.choice((200, 413)), b"e" * rng.choice((0, 5, 300000))))
    if rng.random() < 0.2:
        return rng.random() < 0.5 and reset(link, message, rng)
    link.body(message)
    check_request(message)
    return True


def early_and_close(link, message, rng):
    link.send(http1.answer(413, b"e" * rng.choice((0, 5, 100000)), ("Connection", "close")))
    time.sleep(rng.random() * 0.02)
    return False


def early_half_close(link, message, rng):
    """Says its last word, and reads on for a while."""
    link.send(http1.answer(200, b"e"))
    finish(link)
    link.sock.settimeout(0.3)
    link.wait_end()
    return False


def finish(link):
    try:
        link.sock.shutdown(1)
    except OSError:
        pass


def and_junk(link, message, rng):
    """More than was asked for, in one go."""
    link.body(message)
    junk = rng.choice([b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"HTTP/1.1 2", b"\r\n"])
    link.send((head("HTTP/1.1 200 OK", [("Content-Length", 2)]) + b"ok" if message.method != "HEAD" else
               head("HTTP/1.1 200 OK", [("Content-Length", 2)])) + junk)
    if rng.random() < 0.5:
        return False
    link.sock.settimeout(1)
    link.wait_end()
    return False


def informational(link, message, rng):
    link.send(b"".join(rng.choice([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"])
                       for _ in range(rng.choice((1, 3, 15, 40)))))
    return good(link, message, rng)


def no_body_but_body(link, message, rng):
    link.body(message)
    link.send(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\nhello" % rng.choice((204, 304, 205)))
    return False


def until_close(link, message, rng):
    link.body(message)
    link.send(b"HTTP/1.%d 200 OK\r\n\r\n" % rng.choice((0, 1)))
    link.send(b"c" * rng.choice((0, 10, 400000)))
    return False


def big(link, message, rng):
    """Much, chunked with extensions and trailers."""
    link.body(message)
    link.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(rng.choice((1, 20, 60))):
        size = rng.choice((1, 10, 5000, 50000))
        link.send(b"%X;a=\"b\";c\r\n%s\r\n" % (size, b"b" * size))
    link.send(b"0;last\r\nX-T: 1\r\nContent-Length: 7\r\n\r\n")
    return True


def big_head(link, message, rng):
    link.body(message)
    fields = [(f"X-{i}", "v" * rng.choice((1, 400))) for i in range(rng.choice((100, 123)))]
    link.send(head("HTTP/1.1 200 OK", [*fields, ("Content-Length", 0)]))
    return True


def slow(link, message, rng):
    data = head("HTTP/1.1 200 OK", [("Content-Length", 20)]) + b"s" * 20
    at = 0
    while at < len(data):
        step = rng.randrange(1, 30)
        link.send(data[at:at + step])
        at += step
        time.sleep(rng.random() * 0.02)
    link.body(message)
    return True


def never_reads(link, message, rng):
    link.service.is_closing.wait(rng.random() * 1.5)
    return False


def interim_and_tunnel(link, message, rng):
    """Switches, asked or not, and echoes for a while."""
    first = b"200 OK" if message.method == "CONNECT" else b"101 Switching Protocols"
    link.send(b"HTTP/1.1 " + first + b"\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\nhi")
    link.sock.settimeout(0.5)
    for _ in range(rng.randrange(5)):
        data = link.sock.recv(65536)
        if not data:
            break
        link.send(data)
    if rng.random() < 0.5:
        finish(link)
        link.wait_end()
    return False


def declines(link, message, rng):
    """No upgrade; with and without a body, and keeps the connection."""
    if message.method == "CONNECT":
        link.send(http1.answer(405, b""))
        return True
    link.body(message)
    link.send(rng.choice([http1.answer(400, b""), http1.answer(426, b"no"), b"HTTP/1.1 204 No\r\n\r\n"]))
    return True


BEHAVIOURS = {behaviour.__name__: behaviour for behaviour in (
    good, close, reset, half_and_close, half_and_reset, garbage, early, early_and_close, early_half_close, and_junk,
    informational, no_body_but_body, until_close, big, big_head, slow, never_reads, interim_and_tunnel, declines)}
RUDE = list(BEHAVIOURS)
# What would follow an answer to HEAD later than in one go: nobody can tell it from the answer to the next request.
LATE = (early, until_close, big, slow)


def live(link):
    """Does what the target says; what is good is answered right whatever happened before."""
    while message := link.head():
        check_request(message)
        is_connect = message.method == "CONNECT"
        name = "interim_and_tunnel" if is_connect else re.split(r"[/?]", message.target.replace("http://", ""))[-2]
        rng = random.Random(message.target)
        if is_connect and rng.random() < 0.5:
            name = "declines"
        behaviour = BEHAVIOURS.get(name, good)
        if message.method == "HEAD" and behaviour in LATE:
            behaviour = good
        if not behaviour(link, message, rng):
            return


def shadow(seed, rudeness):
    """A shadow that is rude to this share of its copies; what is left keeps the breaker closed."""
    rng = random.Random(seed)

    def script(link):
        while message := link.head():
            check_request(message)
            name = rng.choice(RUDE) if rng.random() < rudeness else "good"
            if not BEHAVIOURS[name](link, message, rng):
                return
    return script


# ---- the client that behaves ----

class GoodClient(threading.Thread):
    """Asks for what it knows the answer of, alone and pipelined; `wrong` says what was not right."""

    def __init__(self, address, seed, is_patient=False):
        super().__init__(daemon=True)
        self.address, self.rng, self.is_patient = address, random.Random(seed), is_patient
        self.answers, self.lost, self.wrong, self.slowest = 0, 0, [], 0.0
        self.is_over = threading.Event()
        self.connection = None

    def request(self):
        rng = self.rng
        method = rng.choice(("GET", "GET", "GET", "HEAD", "PUT"))
        size = rng.choice((0, 10, 10, 1000, 70000, 300000))
        target = f"/good/x?n={size}&f={rng.choice('lc')}&i={rng.randrange(1 << 30)}"
        body = pattern(target[::-1], rng.choice((0, 5, 3000, 30000))) if method == "PUT" else b""
        fields = [("X-Crc", zlib.crc32(body))]
        if method == "PUT" and rng.random() < 0.5:
            data = http1.get(target, *fields, ("Transfer-Encoding", "chunked"), method=method)
            data += chunked([body[i:i + 900] for i in range(0, len(body), 900)])
        elif method == "PUT":
            data = http1.post(target, body, *fields, method=method)
        else:
            data = http1.get(target, *fields, method=method)
        return method, target, body, data

    def judge(self, asked, answer):
        method, target, body, _ = asked
        size = int(query(target)["n"])
        wanted = b"" if method == "HEAD" else pattern(target, size)
        if query(target)["f"] == "c" and size <= 7:
            wanted = b""
        is_right = (answer.status == 200 and answer.get("x-target") == target and answer.body == wanted
                    and answer.get("x-body") == str(zlib.crc32(body)))
        if not is_right:
            self.wrong.append(f"{method} {target}: {answer.raw_head[:300]} {answer.body[:100]!r} "
                              f"({len(answer.body)} of {len(wanted)})")
        self.answers += 1

    def ask(self, asked):
        """Sends all at once; returns those that the peer closed on without an answer."""
        is_new = self.connection is None
        if is_new:
            self.connection = http1.Connection(self.address, timeout=20)
        first = True
        try:
            self.connection.send(b"".join(one[3] for one in asked))
            while asked:
                answer = self.connection.response(asked[0][0])
                self.judge(asked.pop(0), answer)
                first = False
                if "close" in answer.get("connection", ""):
                    raise Broken("said so")
        except (Broken, OSError) as error:
            is_cut = isinstance(error, Broken) and error.message is not None
            self.connection.close()
            self.connection = None
            if (is_new and first or is_cut) and not self.is_patient:
                self.wrong.append(f"{[one[:2] for one in asked]}: {error!r} {'on a new connection' if is_new else ''}")
                return []
        return asked

    def run(self):
        while not self.is_over.is_set():
            asked = [self.request() for _ in range(self.rng.choice((1, 1, 1, 2, 6)))]
            tries = 0
            while asked and tries < 10:
                began = time.monotonic()
                before = len(asked)
                try:
                    asked = self.ask(asked)
                except OSError as error:
                    if not self.is_patient:
                        self.wrong.append(repr(error))
                    time.sleep(0.05)
                self.slowest = max(self.slowest, time.monotonic() - began)
                tries = tries + 1 if len(asked) == before else 0
            self.lost += len(asked)
            if asked and not self.is_patient:
                self.wrong.append(f"never answered: {[one[:2] for one in asked]}")
        if self.connection:
            self.connection.close()


# ---- clients that do not ----

class BadClient(threading.Thread):
    def __init__(self, address, seed):
        super().__init__(daemon=True)
        self.address, self.rng = address, random.Random(seed)
        self.is_over = threading.Event()
        self.count = 0
        self.doing = None

    def target(self):
        return f"/bad/{self.rng.choice(RUDE)}?s={self.rng.randrange(1 << 30)}"

    def message(self):
        """A request that is right, with one body or another."""
        rng = self.rng
        body = b"d" * rng.choice((0, 1, 100, 5000, 70000, 400000))
        fields = [("X-Crc", zlib.crc32(body))]
        if rng.random() < 0.2:
            fields.append(("Connection", rng.choice(("close", "keep-alive", "x-a, x-b"))))
        if rng.random() < 0.1:
            fields.append(("Expect", "100-continue"))
        if rng.random() < 0.1:
            fields += [("Connection", "upgrade"), ("Upgrade", rng.choice(("chat", "websocket", "h2c")))]
        if rng.random() < 0.1:
            fields += [("X-Umbra-Shadow", "mirror=a; id=1; t=1; sig=0"), ("Baggage", "a=b,umbra.shadow=true,c=d")]
        kind = rng.randrange(4)
        if kind == 0:
            return http1.get(self.target(), ("X-Crc", 0), *fields[1:], method=rng.choice(("GET", "HEAD", "OPTIONS", "DELETE")))
        if kind == 1:
            return http1.post(self.target(), body, *fields, method=rng.choice(("POST", "PUT", "PATCH")))
        size = rng.choice((1, 7, 900, 20000))
        pieces = [body[i:i + size] for i in range(0, min(len(body), 3000 * size), size)]
        fields[0] = ("X-Crc", zlib.crc32(b"".join(pieces)))
        framed = b"".join(b"%x%s\r\n%s\r\n" % (len(p), rng.choice((b"", b";e=1", b";e=\"a b\"")), p) for p in pieces)
        framed += b"0\r\n" + rng.choice((b"", b"X-Trailer: 1\r\n", b"X-Trailer: 1\r\nContent-Length: 3\r\n")) + b"\r\n"
        return http1.get(self.target(), *fields, ("Transfer-Encoding", "chunked"), method="POST") + framed

    def nonsense(self):
        rng = self.rng
        return rng.choice([
            bytes(rng.randrange(256) for _ in range(rng.choice((5, 500)))), b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n",
            b"GET /" + b"a" * 17000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70000 + b"\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", b"GET /../x HTTP/1.1\r\nHost: a\r\n\r\n",
            b"POST /bad/good?s=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
            b"POST /bad/early?s=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n",
            b"POST /bad/good?s=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nBad Trailer\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"GET /\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\r\n\r\n\r\n\r\n\r\n",
            b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\ntunnel", b"GET /bad/good?s=2 HTTP/1.0\r\n\r\n"])

    def send(self, connection, data):
        """In pieces."""
        rng = self.rng
        if rng.random() < 0.4:
            connection.send(data)
            return
        at, pieces = 0, 0
        while at < len(data):
            step = rng.choice((1, 3, 50, 1400, 100000)) if pieces < 60 else len(data)
            connection.send(data[at:at + step])
            at, pieces = at + step, pieces + 1
            if rng.random() < 0.1:
                time.sleep(rng.random() * 0.01)

    def read(self, connection, seconds):
        connection.sock.settimeout(max(seconds, 0.001))
        end = time.monotonic() + seconds
        while time.monotonic() < end and connection.sock.recv(65536):
            pass

    def once(self):
        rng = self.rng
        connection = http1.Connection(self.address, timeout=3, receive_buffer=rng.choice((None, None, 4096)))
        with connection:
            self.doing = rng.choice(("asks", "pipelines", "nonsense", "aborts", "half", "never reads", "two"))
            data = self.message()
            if self.doing == "asks":
                self.send(connection, data)
                self.read(connection, rng.random())
            elif self.doing == "pipelines":
                data = b"".join(self.message() for _ in range(rng.randrange(2, 9)))
                data += rng.choice((b"", self.nonsense()))
                self.send(connection, data)
                self.read(connection, rng.random())
            elif self.doing == "nonsense":
                self.send(connection, rng.choice((b"", data)) + self.nonsense())
                self.read(connection, rng.random() * 0.3)
            elif self.doing == "aborts":
                self.send(connection, data[:rng.randrange(len(data))])
                if rng.random() < 0.5:
                    self.read(connection, rng.random() * 0.1)
                if rng.random() < 0.5:
                    connection.reset()
            elif self.doing == "half":
                self.send(connection, data[:rng.choice((len(data), len(data), rng.randrange(len(data))))])
                connection.finish()
                time.sleep(rng.random() * 0.1)
                self.read(connection, rng.random())
            elif self.doing == "never reads":
                self.send(connection, http1.get(f"/bad/big?s={rng.randrange(1 << 30)}") * rng.randrange(1, 5))
                time.sleep(rng.random())
            else:
                self.send(connection, data)
                self.read(connection, 0.05)

    def run(self):
        while not self.is_over.is_set():
            try:
                self.once()
            except (OSError, Broken):
                pass
            self.count += 1
