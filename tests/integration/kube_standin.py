# SPDX-License-Identifier: Apache-2.0
"""An API server of Kubernetes as it can be on a bad day. A StandIn speaks TLS and HTTP/1.1 and hands each request to an
origin: a real API server (Real), or objects that the test holds (kube_scripted.Objects). Faults change the answers on
their way, by rules:

    standin.rule(cut(after_events=2), path="httproutes", is_watch=True, times=1)

The first rule that fits a request and is not used up counts for it; without one the answer goes through as it is. What is
in between is a function of the call and of `proceed`, which asks the origin: it returns the Answer that is sent, and may
raise Cut. Several are joined with both()."""
import json
import re
import select
import ssl
import threading
import time
import urllib.parse

import http1
import servers
from waiting import wait_for

EXPIRED = "too old resource version: 1 (2)"


class Cut(Exception):
    """The connection ends here, in the middle of whatever it is in."""

    def __init__(self, is_reset=False):
        super().__init__()
        self.is_reset = is_reset


class Answer:
    """An answer on its way: with a whole body, or a stream, whose `pieces` are bytes, one chunk each, or None while there is
    nothing to send."""

    def __init__(self, status, body=b"", fields=(), pieces=None, content_type="application/json"):
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.pieces = pieces
        self.fields = list(fields)
        self.content_type = content_type
        self.write_size = None  # so many bytes of the body at a time, each in its own TLS record
        self.cut_at = None  # the connection ends after so many bytes of a whole body

    @property
    def is_stream(self):
        return self.pieces is not None


def status_object(code, reason, message="", **more):
    """What Kubernetes says of a failure."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message or reason,
            "reason": reason, "code": code, **more}


class Call:
    """One request, as the rules see it."""

    def __init__(self, standin, link, message):
        self.standin = standin
        self.link = link
        self.message = message
        self.method = message.method
        self.target = message.target
        path, _, query = message.target.partition("?")
        self.path = urllib.parse.unquote(path)
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.body = message.body
        self.at = time.monotonic()
        self.status = None  # once it is answered
        self.is_over = False

    @property
    def is_watch(self):
        return self.query.get("watch") in ("1", "true")

    @property
    def is_list(self):
        """A GET of a collection, or of anything else that is no watch."""
        return self.method == "GET" and not self.is_watch

    @property
    def token(self):
        kind, _, token = (self.message.get("authorization") or "").partition(" ")
        return token if kind == "Bearer" else None

    def object(self):
        return json.loads(self.body)

    def is_gone(self):
        """Whether the client has closed, or the test is over."""
        sock = self.link.sock
        if self.standin.is_closing.is_set():
            return True
        if sock.pending() or not select.select([sock], [], [], 0)[0]:
            return False
        try:
            sock.settimeout(0.01)
            data = sock.recv(16384)
            self.link.reader.buffer += data
            return not data
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        finally:
            sock.settimeout(None)

    def sleep(self, seconds):
        """Raises Cut when nobody waits for the answer any more."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.is_gone():
                raise Cut
            self.standin.is_closing.wait(0.02)

    def __repr__(self):
        return f"<{self.method} {self.target} {self.status or '…'}>"


class Rule:
    """Which requests a fault is for; `calls` are those that it had."""

    def __init__(self, fault, path, method, is_watch, times, when):
        self.fault = fault
        self.path = re.compile(path or "")
        self.method = method
        self.is_watch = is_watch
        self.times = times
        self.when = when
        self.calls = []

    def fits(self, call):
        return (self.times is None or len(self.calls) < self.times) and bool(self.path.search(call.path)) and \
            self.method in (None, call.method) and self.is_watch in (None, call.is_watch) and \
            (self.when is None or self.when(call))


class StandIn:
    """The server. `authority` is a certificates.Authority, whose file clients trust; `origin` answers what no rule does."""

    def __init__(self, authority, origin, port=0):
        self.origin = origin
        self.ca_file = authority.file
        identity = authority.issue("stand-in", "IP:127.0.0.1", "DNS:localhost", "DNS:kubernetes.default.svc")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity.chain_file, identity.key_file)
        self.context.set_alpn_protocols(["http/1.1"])
        self.lock = threading.Lock()
        self.rules = []
        self.calls = []  # all, in the order of arrival
        self.is_refusing = False
        self.service = servers.Service(self._serve, port=port)
        self.is_closing = self.service.is_closing
        self.port, self.address = self.service.port, self.service.address

    def rule(self, fault, path=None, method=None, is_watch=None, times=None, when=None):
        """`path` is searched for as a regular expression, `when` a function of the call. Counts from the next request on."""
        rule = Rule(fault, path, method, is_watch, times, when)
        with self.lock:
            self.rules.append(rule)
        return rule

    def clear(self):
        """All is well again, for new requests."""
        with self.lock:
            self.rules.clear()

    def watches(self, path=""):
        """Those that are open."""
        with self.lock:
            return [call for call in self.calls if call.is_watch and not call.is_over and re.search(path, call.path)]

    def count(self, path="", **attributes):
        """count("httproutes", is_watch=True): how many requests there were."""
        with self.lock:
            return sum(bool(re.search(path, call.path)) and all(getattr(call, name) == value for name, value in attributes.items())
                       for call in self.calls)

    def wait_watched(self, path, count=1, timeout=20):
        """Until so many watches are open."""
        wait_for(lambda: len(self.watches(path)) >= count, lambda: f"{count} watches of {path}; there were {self.calls[-20:]}", timeout)

    def cut_all(self):
        """Every connection, now."""
        with self.service.lock:
            links = list(self.service.links)
        for link in links:
            try:
                link.sock.shutdown(2)
            except OSError:
                pass

    def refuse(self, is_refusing=True):
        """Connections are closed before their first byte, as of a port forwarder whose server is gone."""
        self.is_refusing = is_refusing
        if is_refusing:
            self.cut_all()

    def close(self):
        self.service.close()

    # ---- one connection ----

    def _serve(self, link):
        if self.is_refusing:
            return
        try:
            link.sock = self.context.wrap_socket(link.sock, server_side=True)
        except (ssl.SSLError, OSError):
            return  # a client that does not trust, or goes away
        link.reader = http1.Reader(link.sock)
        while (message := link.request()) and not self.is_refusing:
            call = Call(self, link, message)
            with self.lock:
                self.calls.append(call)
                rule = next((rule for rule in self.rules if rule.fits(call)), None)
                if rule:
                    rule.calls.append(call)
            try:
                self._answer(call, rule)
            except Cut as cut:
                if cut.is_reset:
                    link.reset()
                return
            finally:
                call.is_over = True

    def _answer(self, call, rule):
        def proceed():
            return self.origin.answer(call)
        answer = rule.fault(call, proceed) if rule else proceed()
        call.status = answer.status
        fields = [("Content-Type", answer.content_type), *answer.fields]
        fields.append(("Transfer-Encoding", "chunked") if answer.is_stream else ("Content-Length", len(answer.body)))
        call.link.send(http1.head(f"HTTP/1.1 {answer.status} -", fields))
        if answer.is_stream:
            self._stream(call, answer)
        else:
            whole = answer.body if answer.cut_at is None else answer.body[:answer.cut_at]
            for piece in sliced(whole, answer.write_size):
                call.link.send(piece)
            if answer.cut_at is not None:
                raise Cut

    @staticmethod
    def _stream(call, answer):
        try:
            for piece in answer.pieces:
                if piece:
                    call.link.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                elif call.is_gone():
                    raise Cut
            call.link.send(b"0\r\n\r\n")
        finally:
            answer.pieces.close()


def sliced(data, size):
    size = size or max(len(data), 1)
    return [data[at:at + size] for at in range(0, len(data), size)]


def lines(pieces):
    """A stream's events, whole; None in between stays."""
    buffer = b""
    try:
        for piece in pieces:
            if piece is None:
                yield None
                continue
            *whole, buffer = (buffer + piece).split(b"\n")
            for line in whole:
                yield line + b"\n"
    finally:
        pieces.close()


# ------------------------------------------------------------------------------------------------------ a real server behind


class Real:
    """An API server that answers; see cluster.Cluster. What clients send as credentials goes through."""

    HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "host", "content-type", "date"}

    def __init__(self, cluster):
        self.cluster = cluster
        self.context = ssl.create_default_context(cafile=str(cluster.ca_file))

    def answer(self, call):
        connection = http1.Connection(self.cluster.address)
        try:
            connection.sock = self.context.wrap_socket(connection.sock, server_hostname="127.0.0.1")
            connection.reader = http1.Reader(connection.sock)
            passed = [(name, value) for name, value in call.message.fields if name.lower() not in ("connection", "content-length", "host")]
            connection.send(http1.head(call.message.first_line, [("Host", self.cluster.address), *passed, ("Connection", "close"),
                                                                 ("Content-Length", len(call.body))]) + call.body)
            if not call.is_watch:
                return self._whole(connection)
            head = connection.reader.head()
            if head is None:
                raise Cut
            if head.status != 200 or head.get("transfer-encoding") != "chunked":
                connection.reader.body(head, is_response=True)
                connection.close()
                return self._answer_of(head)
            connection.sock.settimeout(0.02)
            return Answer(200, fields=self._fields(head), pieces=self._pieces(connection), content_type=head.get("content-type"))
        except (http1.Broken, OSError) as error:
            connection.close()
            raise Cut from error

    def _fields(self, head):
        return [(name, value) for name, value in head.fields if name.lower() not in self.HOP_BY_HOP]

    def _answer_of(self, message):
        return Answer(message.status, message.body, self._fields(message), content_type=message.get("content-type", "text/plain"))

    def _whole(self, connection):
        with connection:
            return self._answer_of(connection.response())

    @staticmethod
    def _pieces(connection):
        """Chunks as the server sent them."""
        def patient(read, *what):
            while True:
                try:
                    return read(*what)
                except TimeoutError:
                    yield None
        reader = connection.reader
        try:
            while True:
                size = int((yield from patient(reader.until, b"\r\n")), 16)
                data = yield from patient(reader.bytes, size + 2)
                if size == 0:
                    return
                yield data[:-2]
        except (http1.Broken, OSError) as error:
            raise Cut from error
        finally:
            connection.close()


# ------------------------------------------------------------------------------------------------------------------- faults


def both(*faults):
    """The first is nearest to the client."""
    def fault(call, proceed):
        for inner in reversed(faults):
            def proceed(inner=inner, before=proceed):
                return inner(call, before)
        return proceed()
    return fault


def refuse(code, reason="", message="", retry_after=None, **more):
    """refuse(429, "TooManyRequests", retry_after=1)"""
    fields = [("Retry-After", retry_after)] if retry_after is not None else []
    return lambda call, proceed: Answer(code, status_object(code, reason, message, **more), fields)


def says(code, text, content_type="text/plain"):
    """An answer that is not of Kubernetes, as of a proxy in between."""
    return lambda call, proceed: Answer(code, text if isinstance(text, bytes) else text.encode(), content_type=content_type)


def gone():
    """410 as lists say it."""
    return refuse(410, "Expired", EXPIRED)


def event(kind, thing):
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"


def gone_event():
    """410 as watches say it: in a stream that began well, and ends."""
    return event_first(event("ERROR", status_object(410, "Expired", EXPIRED)), is_last=True)


def event_first(data, is_last=False):
    """A watch that begins with these bytes."""
    def fault(call, proceed):
        def pieces(rest):
            yield data
            if rest:
                yield from rest
        return Answer(200, pieces=pieces(None if is_last else proceed().pieces))
    return fault


def unauthorized():
    return refuse(401, "Unauthorized", "Unauthorized")


def only_token(*tokens):
    """All others get 401, as after a rotation."""
    def fault(call, proceed):
        return proceed() if call.token in tokens else unauthorized()(call, proceed)
    return fault


def close(is_reset=False):
    """No answer at all."""
    def fault(call, proceed):
        raise Cut(is_reset)
    return fault


def hang():
    """Nobody answers, and nobody closes."""
    def fault(call, proceed):
        call.sleep(3600)
        raise Cut
    return fault


def late(seconds):
    """Before the head."""
    def fault(call, proceed):
        call.sleep(seconds)
        return proceed()
    return fault


def silent_after(events=0):
    """A watch that stays open and says nothing more, as through a firewall that has forgotten the connection."""
    def change(call, pieces):
        seen = 0
        for line in lines(pieces):
            if line is None or seen < events:
                seen += line is not None
                yield line
    return _on_stream(change)


def _on_stream(change):
    """A fault that changes a watch's pieces; other answers go through."""
    def fault(call, proceed):
        answer = proceed()
        if answer.is_stream:
            answer.pieces = change(call, answer.pieces)
        return answer
    return fault


def cut(after_bytes=None, after_events=None, is_reset=False):
    """The connection ends after so many bytes of the body, or so many events of a watch."""
    def change(call, pieces):
        bytes_left, events_left = after_bytes, after_events
        if events_left == 0 or bytes_left == 0:
            raise Cut(is_reset)
        for piece in pieces if bytes_left is not None else lines(pieces):
            if piece and bytes_left is not None:
                yield piece[:bytes_left]
                bytes_left -= min(len(piece), bytes_left)
            else:
                yield piece
                events_left = events_left - 1 if piece and events_left is not None else events_left
            if bytes_left == 0 or events_left == 0:
                raise Cut(is_reset)

    def fault(call, proceed):
        answer = proceed()
        if answer.is_stream:
            answer.pieces = change(call, answer.pieces)
        else:
            answer.cut_at = after_bytes or 0
        return answer
    return fault


def ends(after_events):
    """A watch that ends well, as they do from time to time."""
    def change(call, pieces):
        seen = 0
        for line in lines(pieces) if after_events else ():
            yield line
            seen += line is not None
            if seen == after_events:
                return
    return _on_stream(change)


def split(size=1):
    """Whatever comes is sent in chunks of so many bytes, each in its own TLS record."""
    def fault(call, proceed):
        answer = proceed()
        answer.write_size = size
        if answer.is_stream:
            pieces = answer.pieces
            answer.pieces = (part for piece in pieces for part in (sliced(piece, size) if piece else [piece]))
        return answer
    return fault


def split_at(offset):
    """The stream is cut in two there: the first chunk ends after so many bytes of all events."""
    def change(call, pieces):
        left = offset
        for piece in pieces:
            if piece and 0 < left < len(piece):
                yield piece[:left]
                call.sleep(0.02)  # so that they arrive apart
                yield piece[left:]
            else:
                yield piece
            left -= len(piece or b"")
    return _on_stream(change)


def joined(count, seconds=1):
    """Events are held back until there are so many, or that time is over, and come together in one chunk."""
    def change(call, pieces):
        held, since = b"", None
        for piece in pieces:
            if piece:
                held += piece
                since = since or time.monotonic()
            if held.count(b"\n") >= count or held and time.monotonic() - since >= seconds:
                yield held
                held, since = b"", None
            else:
                yield None
        if held:
            yield held
    return _on_stream(change)


def padded(size):
    """Every object is larger by so many bytes of an annotation."""
    def pad(thing):
        thing.setdefault("metadata", {}).setdefault("annotations", {})["test/padding"] = "x" * size

    def change(call, pieces):
        for line in lines(pieces):
            if line:
                found = json.loads(line)
                if found["type"] in ("ADDED", "MODIFIED", "DELETED"):
                    pad(found["object"])
                line = json.dumps(found).encode() + b"\n"
            yield line

    def fault(call, proceed):
        answer = proceed()
        if answer.is_stream:
            answer.pieces = change(call, answer.pieces)
        elif answer.status == 200 and b'"items"' in answer.body:
            found = json.loads(answer.body)
            for thing in found["items"]:
                pad(thing)
            answer.body = json.dumps(found).encode()
        return answer
    return fault
