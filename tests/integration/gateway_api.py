# SPDX-License-Identifier: Apache-2.0
"""Plays of the Gateway API: one umbra with manifests as in a cluster, and the services that they name. Everything is in
namespace `shop` unless it says otherwise. Services are of kind Service, at port 8080, with an EndpointSlice each.

Here the manifests are in a file. The same tests run with an API server in between (tests/e2e/cluster_play.py), where namespaces
have other names: tests ask the play for them."""
import collections
import contextlib
import itertools
import re
import socket
import subprocess

import pytest

import http1
import rules
import servers
import umbra
from waiting import wait_for

NAMESPACE = "shop"
SERVICE_PORT = 8080
NUMBERS = itertools.count(1)


def gateway(name, *listeners, namespace=NAMESPACE):
    """A Gateway; a listener is a port, or its text as YAML."""
    lines = "".join("  - {name: http, port: %d, protocol: HTTP}\n" % listener if isinstance(listener, int)
                    else "  - {%s}\n" % listener for listener in listeners)
    return ("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
            f"metadata: {{name: {name}, namespace: {namespace}}}\n"
            f"spec:\n  gatewayClassName: umbra\n  listeners:\n{lines}---\n")


def route(name, hosts, text, parents="{name: front}", namespace=NAMESPACE):
    """An HTTPRoute; `hosts` is "a.test, b.test" or "", `text` its rules as YAML."""
    hostnames = f"  hostnames: [{hosts}]\n" if hosts else ""
    return ("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
            f"metadata: {{name: {name}, namespace: {namespace}}}\n"
            f"spec:\n  parentRefs: [{parents}]\n{hostnames}  rules:\n{text}---\n")


def slices(name, addresses, namespace=NAMESPACE):
    """An EndpointSlice of a service for each of the addresses."""
    text = ""
    for i, address in enumerate(addresses):
        host, port = address.rsplit(":", 1)
        family = "IPv6" if host.startswith("[") else "IPv4"
        text += ("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
                 f"metadata: {{name: {name}-{i}, namespace: {namespace}, "
                 f"labels: {{kubernetes.io/service-name: {name}}}}}\naddressType: {family}\n"
                 f"ports: [{{name: http, port: {port}}}]\nendpoints: [{{addresses: ['{host.strip('[]')}']}}]\n---\n")
    return text


def service(name, *addresses, namespace=NAMESPACE, spec="", port=""):
    """A Service and its EndpointSlices; `spec` and `port` are further members, as YAML."""
    return ("apiVersion: v1\nkind: Service\n"
            f"metadata: {{name: {name}, namespace: {namespace}}}\n"
            f"spec: {{{spec}ports: [{{name: http, port: {SERVICE_PORT}{port}}}]}}\n---\n") + slices(
                name, addresses, namespace)


def free_offset(ports):
    """An offset with which all these ports are free."""
    while True:
        offset = servers.free_port() - max(ports)
        with contextlib.ExitStack() as stack:
            try:
                for port in ports:
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", offset + port))
            except OSError:
                continue
            return offset


class Echo(servers.Service):
    """Answers 200 and says who it is. What else it does to a request is what Play.ask() was told: an answer for each
    attempt, as bytes, or a function of the link, or None for a reset; the last one stays. Copies have scripts of their
    own."""

    def __init__(self, name, scripts, **options):
        self.name = name
        self.scripts = scripts
        super().__init__(self._serve_requests, **options)

    def _serve_requests(self, link):
        while request := link.request():
            key = (request.get("X-Ask"), request.get("X-Umbra-Shadow") is not None)
            script = self.scripts.get(key, [self.answer()])
            turn = script.pop(0) if len(script) > 1 else script[0]
            if turn is None:
                link.reset()
                return
            if callable(turn):
                turn(link)
            else:
                link.send(turn)

    def answer(self, status=200, *fields):
        return http1.answer(status, self.name.encode(), *fields)


class Reply:
    """What came back, who answered, and what the services got of this request."""

    def __init__(self, play, ask, message):
        self.play = play
        self.ask = ask
        self.message = message
        self.status = message.status

    @property
    def by(self):
        """The service that answered, or the status when it was Umbra itself."""
        body = self.message.body.decode("latin-1")
        return body if self.status == 200 and body in self.play.services else self.status

    def get(self, name):
        """A field's values, joined as HTTP says; None when there is none."""
        return ", ".join(self.message.all(name)) if self.message.all(name) else None

    def arrived(self, name, count=None):
        """The requests of this ask at a service; waits for `count` of them."""
        service = self.play.services[name]

        def find():
            return [request for request in service.requests if request.get("X-Ask") == self.ask]
        if count is not None:
            wait_for(lambda: len(find()) >= count, lambda: f"{count} requests at {name}, {find()} are there")
        return find()


class Play:
    """An umbra that serves `text`, with the echoes that are named. A name may be "namespace/name", with "@::1" behind
    it; "<name>" in the text is the echo's own port."""
    is_clustered = False

    def __init__(self, stack, directory, text, names, options=(), echo=Echo):
        self.stack = stack
        self.directory = directory
        self.scripts = {}  # (ask, whether it is a copy): answers
        self.services = {}
        for name in names:
            name, _, host = name.partition("@")
            self.services[name] = echo(name, self.scripts, host=host or "127.0.0.1")
            stack.callback(self.services[name].close)
        ports = {int(port) for port in re.findall(r"\b(?:port|number): (\d+),(?: name: \w+,)? protocol", text)}
        self.offset = free_offset(ports)
        self.umbra = self._start(self._manifests(text), ["--port-offset", self.offset, "--shed", "off", *options])
        self.umbra.may_complain = True

    def _manifests(self, text):
        text = re.sub(r"<([\w/-]+)>", lambda match: str(self.services[match[1]].port), text)
        for name, echo in self.services.items():
            namespace, _, bare = name.rpartition("/")
            text += service(bare, echo.address, namespace=namespace or NAMESPACE)
        return text

    # ---- where the rules are ----

    def _start(self, manifests, options):
        started = rules.Ruled(self.directory, manifests, options)
        self.stack.callback(started.stop)
        return started

    def change(self, text):
        """These are the rules from now on. They may come into force a little later: see eventually()."""
        self.umbra.rename(self._manifests(text))

    def namespace(self, name=NAMESPACE):
        """What a namespace of the text is called there."""
        return name

    def check(self):
        """What `umbra check` says of the same files, which is what is wrong here."""
        words = [umbra.BINARY, "check", "-f", self.umbra.rules]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 1, "there is something wrong"
        return done.stderr

    def listeners(self, name):
        """{listener: attached routes} of a Gateway; None for one that is not served."""
        return {row["name"]: row["routes"] if row["address"] else None for row in self.umbra.status()["listeners"]
                if row["gateway"] == f"{self.namespace()}/{name}"}

    # ---- what comes of them ----

    def eventually(self, look, expected):
        """look() is `expected` once a change is in force."""
        wait_for(lambda: look() == expected, lambda: f"{expected}, not {look()}; umbra says:\n{self.umbra.log()}")

    def problems(self, kind, name):
        """The reasons of what is wrong with a resource."""
        return [problem["reason"] for problem in self.umbra.status()["problems"]
                if (problem["kind"], problem["name"]) == (kind, name) and problem["severity"] != "note" and
                problem["reason"]]

    def address(self, port=80):
        return f"127.0.0.1:{self.offset + port}"

    def ask(self, url, *fields, method="GET", port=80, answers=None, copy_answers=None, body=b""):
        """Asks for "host/path" at the Gateway's port, on a connection of its own."""
        host, slash, path = url.partition("/")
        ask = f"ask-{next(NUMBERS)}"
        for script, is_copy in ((answers, False), (copy_answers, True)):
            if script is not None:
                self.scripts[ask, is_copy] = list(script)
        length = [("Content-Length", len(body))] if body else []
        with http1.Connection(self.address(port)) as connection:
            head = http1.get(slash + path, ("X-Ask", ask), *fields, *length, method=method, host=host)
            return Reply(self, ask, connection.ask(head + body, method))

    def count(self, url, times, *fields, port=80):
        """{service that answered: how often}, on one connection."""
        host, slash, path = url.partition("/")
        with http1.Connection(self.address(port)) as connection:
            return collections.Counter(connection.ask(http1.get(slash + path, *fields, host=host)).body.decode()
                                       for _ in range(times))

    def curl(self, url, *options, port=80):
        """What curl prints; whatever host it wants, it gets this gateway."""
        words = ["curl", "-s", "--max-time", "10", "--connect-to", f"::{self.address(port)}", *options, f"http://{url}"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def provider(make):
    """The value of the fixture `plays` for plays of one kind: plays(text, "name", …) as a context manager."""
    @contextlib.contextmanager
    def playing(text, *names, **more):
        with contextlib.ExitStack() as stack:
            yield make(stack, text, names, **more)
    return playing


def stage(text, *names, **more):
    """A fixture: one play for all tests of a file."""
    @pytest.fixture(scope="module")
    def play(plays):
        with plays(text, *names, **more) as started:
            yield started
    return play
