# SPDX-License-Identifier: Apache-2.0
"""Services to stand behind a gateway: scripted ones that record each byte, and Debian's nginx."""
import os
import pathlib
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading

import http1
from waiting import wait_for


class Link:
    """One connection as a script sees it."""

    def __init__(self, service, sock, number):
        self.service = service
        self.sock = sock
        self.number = number
        self.reader = http1.Reader(sock, service.keep_bodies)

    def head(self):
        """The next request's head, recorded as arrived (incomplete until body() was read); None at the end."""
        message = self.reader.head()
        if message:
            message.connection = self.number
            with self.service.lock:
                self.service.arrived.append(message)
        return message

    def body(self, message):
        self.reader.body(message)
        return message

    def request(self):
        message = self.head()
        return message and self.body(message)

    def send(self, data):
        self.sock.sendall(data)

    def reset(self):
        http1.reset(self.sock)

    def wait_end(self):
        """Reads and forgets until the peer is gone."""
        try:
            while self.sock.recv(65536):
                pass
        except OSError:
            pass

    def wait_close(self):
        """Reads nothing until the service ends."""
        self.service.is_closing.wait()


def answering(answer):
    """A script that answers each request; `answer` is bytes or a function of the request, None ends the connection."""
    def script(link):
        while request := link.request():
            data = answer(request) if callable(answer) else answer
            if data is None:
                return
            link.send(data)
    return script


class Service:
    """A threaded server on loopback, at 127.0.0.1 unless `host` says "::1" or "unix:/path". Its script runs once per connection; what
    the peer breaks off ends it."""

    def __init__(self, script=None, keep_bodies=True, backlog=512, receive_buffer=None, port=0, host="127.0.0.1"):
        self.script = script or answering(http1.answer(200, b"hello"))
        self.keep_bodies = keep_bodies
        self.arrived = []  # every head, in the order of arrival
        self.connections = 0
        self.lock = threading.Lock()
        self.is_closing = threading.Event()
        self.error = None
        self.links = set()
        is_unix, is_ipv6 = host.startswith("unix:"), ":" in host
        self.listener = socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET6 if is_ipv6 else socket.AF_INET)
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(host.removeprefix("unix:") if is_unix else (host, port))
        self.listener.listen(backlog)
        self.port = port if is_unix else self.listener.getsockname()[1]
        self.address = host if is_unix else f"[{host}]:{self.port}" if is_ipv6 else f"{host}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def requests(self):
        """Those that arrived whole."""
        with self.lock:
            return [message for message in self.arrived if message.is_complete]

    @property
    def broken(self):
        with self.lock:
            return [message for message in self.arrived if not message.is_complete]

    def wait(self, count, timeout=10):
        """Waits until `count` whole requests have arrived, and returns them."""
        wait_for(lambda: len(self.requests) >= count,
                 lambda: f"{count} requests at {self.address}, {len(self.requests)} arrived", timeout)
        return self.requests

    def forget(self):
        with self.lock:
            self.arrived.clear()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(self, sock, self.connections)
            with self.lock:
                self.connections += 1
                self.links.add(link)
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        try:
            self.script(link)
        except (http1.Broken, OSError):
            pass
        except Exception as error:  # told by close(): a test must not pass on a script that failed
            self.error = error
        finally:
            link.sock.close()
            with self.lock:
                self.links.discard(link)

    def close(self):
        self.is_closing.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        with self.lock:
            links = list(self.links)
        for link in links:
            try:
                link.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if self.error:
            raise self.error


class Hall:
    """A service for thousands of connections, in one thread: answers each request that is whole with "hello". Bodies have a
    length."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.whole = self.begun = self.open = 0
        self.waker, self.wakes = socket.socketpair()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(self.wakes, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.wakes:
                    return
                if key.fileobj is self.listener:
                    self._accept()
                else:
                    self._read(key.fileobj, key.data)

    def _accept(self):
        try:
            while True:
                sock, _ = self.listener.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.open += 1
                self.selector.register(sock, selectors.EVENT_READ, {"head": b"", "left": None})
        except BlockingIOError:
            pass

    def _read(self, sock, state):
        try:
            data = sock.recv(65536)
            if data:
                self._take(sock, state, data)
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.open -= 1
        self.selector.unregister(sock)
        sock.close()

    def _take(self, sock, state, data):
        while data or state["left"] == 0:
            if state["left"] is None:
                state["head"] += data
                head, end, data = state["head"].partition(b"\r\n\r\n")
                if not end:
                    return
                self.begun += 1
                state["left"] = int(http1.Message(head + end).get("Content-Length", 0))
            used = min(state["left"], len(data))
            state["left"] -= used
            data = data[used:]
            if state["left"] == 0:
                self.whole += 1
                state.update(head=b"", left=None)
                sock.send(http1.answer(200, b"hello"))

    def close(self):
        self.waker.send(b"x")
        self.thread.join(10)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
        self.waker.close()


class BlackHole:
    """An address that lets nobody in: the queue of its socket is full, so connecting gets no answer."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.listener.getsockname())
            self.fillers.append(filler)

    def close(self):
        for sock in [self.listener, *self.fillers]:
            sock.close()


ENDLESS = """
import os, socket, threading
os.nice(10)
listener = socket.create_server(("127.0.0.1", 0), backlog=512)
print(listener.getsockname()[1], flush=True)
def serve(sock):
    try:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
        while True:
            sock.sendall(b"40000\\r\\n" + b"e" * 0x40000 + b"\\r\\n")
    except OSError:
        sock.close()
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


class Endless:
    """A service whose answers have no end; a process of its own, so that it takes no time from the test's threads."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-c", ENDLESS], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE)
        self.address = f"127.0.0.1:{int(self.process.stdout.readline())}"

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


SINK = """
import hashlib, re, socket, threading
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listener.getsockname()[1], flush=True)
def serve(sock):
    data, buffer = b"", memoryview(bytearray(1 << 18))
    while True:
        while b"\\r\\n\\r\\n" not in data:
            piece = sock.recv(65536)
            if not piece:
                return
            data += piece
        head, _, data = data.partition(b"\\r\\n\\r\\n")
        left = int(re.search(rb"(?i)\\r\\ncontent-length: *([0-9]+)", head)[1])
        digest = hashlib.sha256(data[:left])
        left, data = left - len(data[:left]), data[left:]
        while left:
            count = sock.recv_into(buffer[:min(left, len(buffer))])
            if not count:
                print("cut", flush=True)
                return
            digest.update(buffer[:count])
            if left >> 20 != (left - count) >> 20:
                print("left", (left - count) >> 20, flush=True)
            left -= count
        print(digest.hexdigest(), flush=True)
        sock.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello")
def guard(sock):
    try:
        serve(sock)
    except OSError:
        print("cut", flush=True)
    sock.close()
while True:
    threading.Thread(target=guard, args=(listener.accept()[0],), daemon=True).start()
"""


class Sink:
    """A service that takes uploads of any size as fast as it can; a process of its own. `digests` are the SHA-256 of the bodies
    that came, "cut" for one that did not come whole; `left` is how many MiB of the last one are still to come."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-c", SINK], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        text=True)
        self.address = f"127.0.0.1:{int(self.process.stdout.readline())}"
        self.digests = []
        self.left = 0
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        for line in self.process.stdout:
            word, _, count = line.strip().partition(" ")
            if count:
                self.left = int(count)
            else:
                self.digests.append(word)

    def close(self):
        self.process.kill()
        self.process.wait()


def refused_address():
    """An address at which nobody listens; its port stays ours, so that nobody else gets it meanwhile."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    refused_address.holders.append(holder)
    return f"127.0.0.1:{holder.getsockname()[1]}"


refused_address.holders = []


def free_port():
    """Below the range of outgoing connections, so that none of these takes it meanwhile."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as lines:
        first = int(lines.read().split()[0])
    while True:
        free_port.last = getattr(free_port, "last", first - os.getpid() % 8000) - 1
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", free_port.last))
            except OSError:
                continue
        return free_port.last


NGINX = """
{user}
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    log_format line '$request_method $request_uri $status $request_length';
    access_log {access};
    keepalive_requests 1000000;
    server_tokens off;
    default_type text/plain;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    scgi_temp_path {directory}/scgi;
    uwsgi_temp_path {directory}/uwsgi;
    server {{
        listen 127.0.0.1:{port} {listen} backlog=4096;
        root {directory}/root;
        {config}
    }}
}}
"""


class Nginx:
    """Debian's nginx on a free port, with all it writes in a directory of its own. `listen`: "http2", "ssl http2"."""

    def __init__(self, directory, config="", has_access_log=False, listen=""):
        self.directory = pathlib.Path(directory)
        (self.directory / "root").mkdir(parents=True)
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.access_log = self.directory / "access.log"
        self.config = self.directory / "nginx.conf"
        self.config.write_text(NGINX.format(
            user="user root;" if os.geteuid() == 0 else "", directory=self.directory, port=self.port, config=config, listen=listen,
            access=f"{self.access_log} line" if has_access_log else "off"))
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        with open(self.directory / "stderr", "wb") as errors:
            self.process = subprocess.Popen([program, "-p", str(self.directory), "-c", str(self.config)],
                                            stdin=subprocess.DEVNULL, stderr=errors)
        wait_for(self._is_listening, f"nginx on {self.address}, see {self.directory}/stderr")

    def _is_listening(self):
        assert self.process.poll() is None, f"nginx ended: {(self.directory / 'stderr').read_text()}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def write(self, name, data):
        (self.directory / "root" / name).write_bytes(data)

    def lines(self):
        return self.access_log.read_text().splitlines()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
