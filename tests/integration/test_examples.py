# SPDX-License-Identifier: Apache-2.0
"""Each file in examples/ is in order, starts, and does what it says. One without a test here fails."""
import collections
import re
import subprocess

import pytest

import certificates
import http1
import umbra
from grpc_calls import LONG, Echo, client
from http1 import answer
from servers import answering, free_port
from waiting import PATIENCE

DIRECTORY = umbra.ROOT / "examples"
FILES = sorted(path.name for path in DIRECTORY.glob("*.yaml"))
SAYS = re.compile(r"^# umbra check says: (.*)$", re.M)  # in an example on which check has something to say


def only_copies(service):
    return [request for request in service.requests if request.get("X-Umbra-Shadow")]


class Needs:
    """What an example speaks of and can't have: `text` are further manifests."""

    def __init__(self, example, directory):
        self.text = ""
        if example == "https.yaml":
            self.authority = certificates.Authority(directory)
            self.text = "---\n" + self.authority.issue("shop", "DNS:shop.test").secret("shop-tls")


class Shop:
    """An example with its ports replaced: of the Gateway by a free one, of each backend by that of a service."""

    def __init__(self, text, ruled, service, needs):
        self.needs = needs
        self.live, self.second, self.third = (service(answering(self.answer(name))) for name in ("v1", "v2", "v3"))
        self.text = text
        self.ports = {8080: free_port(), 3000: self.live.port, 3001: self.second.port, 3002: self.third.port}
        self.umbra = ruled(self.replaced() + needs.text, "--shed", "off")

    def replaced(self):
        return re.sub(r"\b(port|number): (8080|300[0-2])\b", lambda match: f"{match[1]}: {self.ports[int(match[2])]}",
                      self.text)

    @staticmethod
    def answer(name):
        return lambda request: answer(200, name.encode(), ("X-Powered-By", "test"))

    def ask(self, target="/", *fields, method="GET", host="shop.test", body=b""):
        length = [("Content-Length", len(body))] if body else []
        with self.umbra.connect() as connection:
            return connection.ask(http1.get(target, *fields, *length, method=method, host=host) + body, method)

    def ask_many(self, targets, *fields, host="shop.test"):
        """{who answered: how often}, on one connection."""
        with self.umbra.connect() as connection:
            return collections.Counter(connection.ask(http1.get(target, *fields, host=host)).body.decode()
                                       for target in targets)

    def copies(self, *asks, at=None, **options):
        """How many of these targets (or targets with fields) are copied; all are answered by live."""
        at = at or self.second
        before = len(only_copies(at))
        for ask in asks:
            target, *fields = ask if isinstance(ask, tuple) else (ask,)
            reply = self.ask(target, *fields, **options)
            assert (reply.status, reply.body) == (200, b"v1"), ask
        self.umbra.settled()
        return len(only_copies(at)) - before


def does_mirror_all(shop):
    assert shop.copies("/", "/a?b=c", "/d") == 3
    assert shop.copies("/", method="POST", body=b"x=1") == 0
    assert len(shop.live.requests) == 4


def does_percent(shop):
    assert shop.copies(*(f"/search?n={n}" for n in range(100))) == 20
    assert shop.copies("/", "/searching") == 0
    for user in range(50):
        for target in ("/account", "/account/orders"):
            shop.ask(target, ("X-User-Id", f"u{user}"))
    shop.umbra.settled()
    assert {copy.get("X-User-Id") for copy in only_copies(shop.second)[:20]} == {None}
    users = collections.Counter(copy.get("X-User-Id") for copy in only_copies(shop.second)[20:])
    assert set(users.values()) == {2}, "of a user all requests are copied, or none"
    assert 2 <= len(users) <= 25


def does_writes_redacted(shop):
    reply = shop.ask("/pay?token=secret&n=1", ("Authorization", "Bearer secret"), ("Cookie", "session=secret; theme=dark"),
                     ("X-Api-Key", "secret"), method="POST", body=b"amount=7")
    assert reply.body == b"v1"
    shop.umbra.settled()
    copy, = only_copies(shop.second)
    live, = shop.live.requests
    assert (copy.method, copy.body) == ("POST", b"amount=7") == (live.method, live.body)
    assert copy.get("Host") == "shop-v2.test" and live.get("Host") == "shop.test"
    assert copy.all("X-Api-Key") == ["shadow-only"] and live.all("X-Api-Key") == ["secret"]
    assert b"secret" not in copy.raw_head
    assert "theme=dark" in copy.get("Cookie") and "n=1" in copy.target
    assert live.target == "/pay?token=secret&n=1" and live.get("Authorization") == "Bearer secret"


def does_testers(shop):
    assert shop.copies(("/", ("X-Tester", "yes")), "/a?tester=yes", "/reports/2026/by-month") == 3
    assert shop.copies("/", ("/", ("X-Tester", "no")), "/a?tester=no", "/reports/latest", "/reports/2026/") == 0
    assert shop.copies(("/", ("X-Tester", "yes")), method="POST", body=b"x") == 0


def does_two_shadows(shop):
    assert shop.ask_many(f"/{n}" for n in range(100)) == {"v1": 100}
    metrics = shop.umbra.settled()
    assert (len(only_copies(shop.second)), metrics.mirror("sampled_out", mirror="default/shop-v3")) == (50, 90)
    limited = metrics.mirror("dropped", mirror="default/shop-v3", reason="rate")
    assert len(only_copies(shop.third)) == 10 - limited > 0
    assert shop.third.connections <= 4
    assert shop.copies("/", method="POST", body=b"x") == 0


def does_compare(shop):
    assert shop.copies("/", "/a?token=secret", "/b") == 3
    assert sorted(copy.target for copy in only_copies(shop.third)) == sorted(copy.target for copy in only_copies(shop.second))
    assert shop.copies("/", method="POST", body=b"x") == 0
    mirrors = {mirror["mirror"]: mirror for mirror in shop.umbra.status()["mirrors"]}
    assert mirrors["default/shop-v1-twin"]["control_of"] == "default/shop-v2"
    assert "control_of" not in mirrors["default/shop-v2"]


def does_hosts_and_paths(shop):
    assert shop.copies("/v1/orders", "/v1/orders/7", host="api.shop.test") == 2
    assert shop.copies("/v1/orders", host="api.shop.test", method="POST", body=b"x") == 0
    assert shop.copies("/", "/v1", "/v1/orders-of-others", host="api.shop.test") == 0
    assert shop.copies("/v1/orders", host="www.shop.test") == 0
    assert shop.copies("/v1/orders", host="help.shop.test") == 0
    assert [shop.ask(host=host).status for host in ("blog.shop.test", "shop.test", "elsewhere.test")] == [404] * 3


def does_canary(shop):
    answered = shop.ask_many((f"/{n}" for n in range(600)))
    metrics = shop.umbra.settled()
    assert 5 <= answered["v2"] <= 80 and answered["v1"] + answered["v2"] == 600
    copies = len(only_copies(shop.second))
    assert len(shop.second.requests) == answered["v2"] + copies
    assert metrics.mirror("matched") == answered["v1"]
    assert abs(copies - answered["v1"] / 10) <= 10
    shop.second.forget()
    for _ in range(20):
        assert shop.ask(method="POST", body=b"x").status == 200
    assert shop.umbra.settled().mirror("filtered", reason="method") > 0 and not only_copies(shop.second)


def does_rewrite(shop):
    moved = shop.ask("/store/shoes?size=7")
    assert moved.status == 301
    assert re.fullmatch(r"http://shop\.test(:\d+)?/shop/shoes\?size=7", moved.get("Location"))
    reply = shop.ask("/shop/api/items?n=1", ("X-Debug", "1"), ("Origin", "https://pages.shop.test"))
    assert (reply.status, reply.body) == (200, b"v1")
    assert reply.get("X-Powered-By") is None
    assert reply.get("Access-Control-Allow-Origin") == "https://pages.shop.test"
    shop.umbra.settled()
    for request in (*shop.live.requests, *only_copies(shop.second)):
        assert (request.target, request.get("X-Tenant"), request.get("X-Debug")) == ("/items?n=1", "shop", None)
    assert len(shop.live.requests) == len(only_copies(shop.second)) == 1
    preflight = shop.ask("/shop/api/items", ("Origin", "https://pages.shop.test"),
                         ("Access-Control-Request-Method", "POST"), method="OPTIONS")
    assert preflight.get("Access-Control-Allow-Methods") == "GET, POST"
    assert shop.ask("/").status == 404


def does_kubernetes(shop):
    assert shop.copies(*(f"/{n}" for n in range(100)), host="checkout.shop.test") == 25
    assert shop.copies("/", host="checkout.shop.test", method="POST", body=b"x") == 0
    assert shop.ask(host="shop.test").status == 404


def does_virtualservice(shop):
    assert shop.ask("/", ("X-Tester", "yes")).body == b"v2"
    assert shop.ask("/", method="POST", body=b"x").body == b"v1"
    assert shop.copies(*(f"/{n}" for n in range(20))) == 10
    assert shop.ask(host="other.test").status == 404


def does_grpc(shop):
    live, shadow = Echo("v1"), Echo("v2")
    try:
        shop.ports |= {3000: live.port, 3001: shadow.port}
        shop.umbra.change(shop.replaced())
        with client(shop.umbra.address) as calls:
            for method in ("Get", "Put", "Watch"):
                answers = calls.channel.stream_stream(f"/shop.v1.Cart/{method}")(iter([b"a", b"b"]), timeout=LONG)
                assert list(answers) == [b"v1:a", b"v1:b"]
        shop.umbra.settled(lambda metrics: metrics.mirror("completed") == 2)
        assert {call.path for call in shadow.calls} == {"/shop.v1.Cart/Get", "/shop.v1.Cart/Watch"}
        assert len(live.calls) == 3
    finally:
        live.close()
        shadow.close()


def does_https(shop):
    port = shop.ports[8080]
    for version, said in (("--http1.1", "1.1"), ("--http2", "2")):
        done = subprocess.run(["curl", "-sS", version, "--cacert", shop.needs.authority.file, "--resolve", f"shop.test:{port}:127.0.0.1",
                               "-w", " %{http_version}", f"https://shop.test:{port}/"], capture_output=True, text=True, timeout=30, check=True)
        assert done.stdout == f"v1 {said}"
    shop.umbra.settled()
    assert len(only_copies(shop.second)) == len(shop.live.requests) == 2


DOES = {name[len("does_"):].replace("_", "-") + ".yaml": does for name, does in list(globals().items())
        if name.startswith("does_")}


def test_each_example_has_a_test_and_a_line_in_the_list():
    assert sorted(DOES) == FILES
    listed = re.findall(r"\]\(([\w-]+\.yaml)\)", (DIRECTORY / "README.md").read_text())
    assert sorted(listed) == FILES


@pytest.mark.parametrize("example", FILES)
def test_an_example_is_in_order(example, tmp_path):
    path = DIRECTORY / example
    needed = tmp_path / "needed.yaml"
    needed.write_text(Needs(example, tmp_path).text)
    found = subprocess.run([umbra.BINARY, "check", "-f", path, needed], capture_output=True, text=True, timeout=20 * PATIENCE,
                           check=False)
    said = [line.partition(": ")[2] for line in found.stderr.splitlines()]
    assert said == SAYS.findall(path.read_text())
    assert found.returncode == 0
    assert re.fullmatch(r"mirrors 1 of \d routes; 0 need attention\n", found.stdout) or said


@pytest.mark.parametrize("example", FILES)
def test_an_example_does_what_it_says(example, ruled, service, tmp_path):
    assert example in DOES, f"{example} has no test"
    DOES[example](Shop((DIRECTORY / example).read_text(), ruled, service, Needs(example, tmp_path)))
