# SPDX-License-Identifier: Apache-2.0
"""A canary in every place that a redaction rule names: live gets it, and nothing else that umbra writes or sends has it."""
import socket
import subprocess

import pytest

import http1
import rules
from http1 import answer, chunked, get, head
from servers import answering, free_port
from umbra import BINARY
from waiting import wait_for

CANARY = "k4n4ry"

REDACT = """
request:
  redact:
    headers: [Authorization, x-api-key, X-Session-Token, x-empty, baggage, proxy-authorization, x-request-id]
    cookies: [sid, __Host-token, "a.b"]
    query: [token, "access token", "p[0]", "p&q"]
"""

# What carries a secret in a name that is redacted, however it is written. {} is the canary.
FIELDS = [
    ("authorization", "Bearer {}"), ("AUTHORIZATION", "Basic {}"), ("X-API-Key", "{}"), ("x-api-key", "second {}"),
    ("x-session-token", "a, {}"), ("X-Empty", ""), ("baggage", "user={},umbra.x=1"), ("X-Request-Id", "{}"),
]
COOKIES = [
    "sid={}", "a=1; sid={}", "sid={}; a=1", "a=1;sid={};b=2", "a=1;  sid  =  {} ; b=2", "a=1;\tsid={}\t;b=2", 'sid="{}"',
    "sid=x={}; a=1", "a=1; sid={}; sid={}; __Host-token={}; a.b={}", "; ;sid={};", "sid={};", "a; sid={}; b",
]
QUERIES = [
    "token={}", "a=1&token={}", "token={}&a=1", "a=1&token={}&b=2&token={}", "&&token={}&&", "%74oken={}", "%74%6F%6b%65%6E={}",
    "tok%65n={}&a=%74oken", "token=%41{}", "access+token={}", "access%20token={}", "p[0]={}", "p%5B0%5D={}", "p%5b0]={}", "p%26q={}",
    "token=a=b={}", "token=?{}", "a=1;token={}", "a=1;b=2;token={}&c=3", "token={};a=1", "a=1&x;%74oken={};y",
]
# What looks like it and is none stays, byte for byte.
HARMLESS_FIELDS = [("X-Authorization", "stays"), ("X-Api-Key-Id", "stays"), ("Cookie", "sida=1; xsid=2; SID=3; a.b.c=4")]
HARMLESS_QUERY = "tokens=1&xtoken=2&Token=3&a=token&to%2520ken=4&%2574oken=5"


def secret_requests():
    """All of it one by one, and together. Each with the harmless as well."""
    def request(query="", fields=(), body=None, trailers=(), start="/shop"):
        fields = [(name, value.replace("{}", CANARY)) for name, value in fields]
        target = start + "?" + (query.replace("{}", CANARY) + "&" if query else "") + HARMLESS_QUERY
        if body is None:
            return get(target, *fields, *HARMLESS_FIELDS)
        fields.append(("Transfer-Encoding", "chunked"))
        trailers = [(name, value.replace("{}", CANARY)) for name, value in trailers]
        return head(f"POST {target} HTTP/1.1", [("Host", "shop.test"), *fields, *HARMLESS_FIELDS]) + chunked([body], trailers)
    for field in FIELDS:
        yield request(fields=[field])
    for cookie in COOKIES:
        yield request(fields=[("Cookie", cookie)])
    for query in QUERIES:
        yield request(query)
    cookies = [("Cookie", cookie) for cookie in COOKIES]
    yield request("&".join(QUERIES), FIELDS + cookies)
    yield request("&".join(QUERIES), FIELDS + cookies, start="http://shop.test/shop")
    yield request("&".join(QUERIES), FIELDS + cookies, b"body")
    yield request(body=b"body", trailers=[("X-Api-Key", "{}"), ("x-session-TOKEN", "{}"), ("X-Kept", "stays")])
    yield request(fields=[("Connection", "x-api-key"), ("X-Api-Key", "{}")])
    yield request(fields=[("Proxy-Authorization", "Basic {}")])
    yield request(fields=[("Expect", "100-continue"), ("Authorization", "{}")], body=b"body")


REQUESTS = list(secret_requests())


@pytest.fixture
def watched(service, ruled):
    """An umbra that logs all it has to say, with live and a shadow; `more` follows the redactions in the policy."""
    def start(shadow, more="", *options):
        live = service()
        text = rules.gateway(http=free_port()) + rules.backend("v1", live) + rules.backend("v2", shadow)
        text += rules.route(shadow="v2") + rules.policy(REDACT + more)
        through = ruled(text, "--shed", "off", "--log-level", "debug", "--access-log", "--drain", "100ms", *options)
        return through, live
    return start


def send_all(through):
    for request in REQUESTS:
        with through.connect() as connection:
            assert connection.ask(request).status == 200


def everything(message):
    return message.raw_head.decode("latin-1") + message.body.decode("latin-1") + str(message.trailers)


def check_nothing_is_written(through):
    """Not in logs, metrics, status in both forms, nor in what is printed of the rules."""
    written = {"the log": through.log()}
    for page in ("/metrics", "/status", "/"):
        written[page] = through.ask(page).body.decode("latin-1")
    for command in ("status", "top"):
        options = ["--count", "1"] if command == "top" else []
        done = subprocess.run([BINARY, command, "--admin", through.admin, *options], capture_output=True, text=True,
                              check=False, timeout=20)
        written[command] = done.stdout + done.stderr
    for what, text in written.items():
        lines = [line for line in text.splitlines() if CANARY in line]
        assert not lines, f"{what}: {lines[:3]}"


def check_copies(shadow, count):
    for copy in shadow.wait(count):
        assert CANARY not in everything(copy), everything(copy)
        assert copy.target.endswith(HARMLESS_QUERY) and copy.target.startswith("/shop?"), copy.target
        for name, value in HARMLESS_FIELDS:
            assert value in copy.all(name), copy.raw_head
        assert dict(copy.trailers).get("X-Kept", "stays") == "stays"


@pytest.mark.sanitize
@pytest.mark.parametrize("log", ["text", "json"])
def test_a_canary_in_each_redacted_place_reaches_live_alone(watched, service, log):
    shadow = service()
    through, live = watched(shadow, "", "--log-format", log)
    send_all(through)
    check_copies(shadow, len(REQUESTS))
    # Hop-by-hop fields are not even for live, and one field was empty.
    without = [request for request in live.requests if CANARY not in everything(request)]
    assert len(live.requests) == len(REQUESTS) and len(without) == 3
    through.settled(lambda metrics: metrics.mirror("completed") == len(REQUESTS))
    check_nothing_is_written(through)


@pytest.mark.sanitize
def test_a_copy_that_is_sent_again_is_redacted_too(watched, service):
    """The shadow closes each kept connection on its next request."""
    def script(link):
        link.request()
        link.send(answer(200, b"one"))
        if link.head():
            link.reset()

    shadow = service(script)
    through, _ = watched(shadow, "", "--workers", "1")
    for i in range(6):
        with through.connect() as connection:
            assert connection.ask(get(f"/shop?{HARMLESS_QUERY}&token={CANARY}", ("Authorization", CANARY))).status == 200
        through.settled(lambda metrics, i=i: metrics.mirror("sent") == metrics.mirror("completed") == i + 1)
    assert len(shadow.arrived) > 6 and not [copy for copy in shadow.arrived if CANARY in everything(copy)]


@pytest.mark.parametrize("kind", ["refuses", "garbage", "resets in its body", "hangs"])
def test_what_is_said_of_bad_shadows_has_no_canary(watched, fault, kind):
    through, _ = watched(fault(kind), "limits: {timeout: 200ms}")
    send_all(through)
    through.settled(lambda metrics: metrics.mirror("failed") > 0)
    assert " failed: " in through.log()
    check_nothing_is_written(through)


@pytest.mark.sanitize
def test_bad_requests_with_secrets_are_not_quoted(watched, service):
    through, live = watched(service())
    for data in (f"GET /?token={CANARY} HTTP/9.9\r\nHost: h\r\n\r\n", f"GET / HTTP/1.1\r\nHost : {CANARY}\r\n\r\n",
                 f"GET / HTTP/1.1\r\nHost: h\r\nHost: {CANARY}\r\n\r\n", f"{CANARY} / HTTP/1.1\r\n\r\n",
                 f"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {CANARY}\r\n\r\n", f"GET /#{CANARY} HTTP/1.1\r\nHost: h\r\n\r\n",
                 f"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: {CANARY}\r\nX-Umbra-Shadow: {CANARY}\r\n\r\n",
                 f"GET / HTTP/1.1\r\nHost: h\r\nBaggage: umbra.shadow={CANARY}\r\n\r\n",
                 f"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;{CANARY}\r\nhello\r\n{CANARY}\r\n"):
        with through.connect(timeout=3) as connection:
            connection.send(data.encode())
            connection.sock.shutdown(socket.SHUT_WR)
            connection.rest()
    through.settled()
    wait_for(lambda: not through.metrics().sum("umbra_connections", side="client"), "all to be gone")
    check_nothing_is_written(through)
    assert live.arrived


def test_credentials_are_redacted_where_the_rule_says_so_even_if_they_are_kept(watched, service):
    """keepCredentials speaks of those that nobody has named."""
    shadow = service()
    through, _ = watched(shadow, "  keepCredentials: true")
    with through.connect() as connection:
        connection.ask(get(f"/shop?{HARMLESS_QUERY}", ("Authorization", CANARY), ("Cookie", f"sid={CANARY}; kept=1"),
                           *HARMLESS_FIELDS))
    check_copies(shadow, 1)
    assert "kept=1" in shadow.requests[0].all("Cookie")


def test_an_answer_s_secrets_are_not_written(service, ruled):
    live = service(answering(http1.answer(200, CANARY.encode(), ("Set-Cookie", f"sid={CANARY}"))))
    shadow = service(answering(http1.answer(500, CANARY.encode(), ("Set-Cookie", f"sid={CANARY}"), reason=CANARY)))
    text = rules.gateway(http=free_port()) + rules.backend("v1", live) + rules.backend("v2", shadow)
    through = ruled(text + rules.route(shadow="v2"), "--shed", "off", "--log-level", "debug", "--access-log")
    for _ in range(10):
        assert through.get("/").body.decode() == CANARY
    through.settled(lambda metrics: metrics.mirror("completed") == 10)
    check_nothing_is_written(through)
