# SPDX-License-Identifier: Apache-2.0
"""Captures on both sides differ in what is documented and in nothing else. Compared are raw bytes."""
import re

import pytest

import http1
from http1 import answer, chunked, head
from servers import answering

FORWARDED = [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Host", "shop.test"), ("X-Forwarded-Proto", "http")]
MARKER = re.compile(r"mirror=(\S+); id=([0-9a-f]{32}); t=(\d{10,}); sig=([0-9a-f]{32})")


@pytest.fixture
def pair(service, gateway):
    """pair(raw request): what live got and what the shadow got."""
    live, shadow = service(), service()
    through = gateway(live, shadow, "--mirror-writes", "--workers", "1")

    def capture(request, method="GET"):
        live.forget()
        shadow.forget()
        with through.connect() as connection:
            assert connection.ask(request, method).status == 200
        return live.wait(1)[0], shadow.wait(1)[0]

    capture.shadow = shadow
    capture.through = through
    return capture


def expected_copy(live_head, marker, baggage="baggage: umbra.shadow=true"):
    """Live's head with the two fields that every copy gets, at its end."""
    assert live_head.endswith(b"\r\n\r\n")
    added = f"X-Umbra-Shadow: {marker}\r\n" + (f"{baggage}\r\n" if baggage else "")
    return live_head[:-2] + added.encode("latin-1") + b"\r\n"


TARGETS = [
    "/", "/a/b/c", "/a%2Fb%2fc", "/%41%7e%7E", "//", "//double//slash//", "/?", "/a?", "/?&=&", "/a?b=c&b=d&a",
    "/a?q=%zz%", "/%zz", "/a/../b/./c", "/.", "/a;b=c;d,e", "/a?x=/../..//", "/~user/!$&'()*+,;=:@", "/a//?//",
    "/" + "long" * 2000, "/a?" + "k=v&" * 500, "/a%00b", "/%e4%F6", "/[a]{b}|c^d`e\"<>\\",
]


@pytest.mark.sanitize
def test_targets_keep_their_bytes(pair):
    for target in TARGETS:
        live, shadow = pair(http1.get(target))
        assert live.raw_head == head(f"GET {target} HTTP/1.1", [("Host", "shop.test"), *FORWARDED]), target
        assert shadow.first_line == live.first_line, target


@pytest.mark.sanitize
def test_fields_keep_order_case_duplicates_and_bytes(pair):
    fields = [
        ("X-b", "2"), ("hOsT", "shop.test"), ("x-A", "1"), ("X-B", "3"), ("x-b", ""), ("Cookie", "a=1; b=\"2\""),
        ("Cookie", "c=3"), ("ACCEPT", "*/*"), ("User-Agent", "test (umbra; \xe4\xf6\xfc \x80\xff)"),
        ("Accept-Encoding", "gzip,  deflate"), ("X-Tab", "a\tb"), ("X_under_score", "1"), ("X-1.2!#$%&'*+^`|~", "odd"),
        ("Authorization", "Bearer x.y.z"), ("Content-length", "5"), ("If-None-Match", 'W/"1"'), ("Via", "1.1 other"),
        ("X-Long", "v" * 8000),
    ]
    live, shadow = pair(head("POST /order HTTP/1.1", fields) + b"12345")
    assert live.raw_head == head("POST /order HTTP/1.1", fields + FORWARDED)
    assert shadow.raw_head == expected_copy(live.raw_head, shadow.get("X-Umbra-Shadow"))
    assert live.body == shadow.body == b"12345"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE",
                                    "BREW-coffee", "get"])
def test_methods_keep_their_bytes(pair, method):
    live, shadow = pair(http1.get("/", method=method), method)
    assert live.first_line == shadow.first_line == f"{method} / HTTP/1.1"


@pytest.mark.sanitize
def test_bodies_and_trailers_are_the_same_bytes(pair):
    body = bytes(range(256)) * 3000
    live, shadow = pair(http1.post("/length", body))
    assert live.body == shadow.body == body
    assert not live.is_chunked and not shadow.is_chunked

    pieces = [body[i:i + 7919] for i in range(0, len(body), 7919)]
    trailers = [("X-Sum", "1"), ("x-sum", "2"), ("Other", "z")]
    request = head("POST /chunked HTTP/1.1", [("Host", "shop.test"), ("Transfer-Encoding", "chunked"),
                                              ("Trailer", "X-Sum, Other")])
    live, shadow = pair(request + chunked(pieces, trailers))
    assert live.body == shadow.body == body
    assert live.is_chunked and shadow.is_chunked
    assert live.trailers == shadow.trailers == trailers
    assert live.raw_head == head("POST /chunked HTTP/1.1", [
        ("Host", "shop.test"), ("Trailer", "X-Sum, Other"), *FORWARDED, ("Transfer-Encoding", "chunked")])
    marker = shadow.get("X-Umbra-Shadow")
    assert shadow.raw_head == head("POST /chunked HTTP/1.1", [
        ("Host", "shop.test"), ("Trailer", "X-Sum, Other"), *FORWARDED, ("X-Umbra-Shadow", marker),
        ("baggage", "umbra.shadow=true"), ("Transfer-Encoding", "chunked")])

    live, shadow = pair(request + chunked([]))
    assert live.body == shadow.body == b"" and shadow.is_chunked
    live, shadow = pair(http1.post("/empty", b""))
    assert live.get("Content-Length") == shadow.get("Content-Length") == "0"


def test_host_is_preserved(pair):
    for host in ("Shop.TEST:8080", "127.0.0.1", "[::1]:80", "xn--bcher-kva.example", "a_b.test"):
        live, shadow = pair(http1.get("/", host=host))
        assert live.all("Host") == shadow.all("Host") == [host]


def test_the_marker_names_mirror_id_and_time(pair):
    markers = []
    for _ in range(3):
        _, shadow = pair(http1.get("/"))
        values = shadow.all("X-Umbra-Shadow")
        assert len(values) == 1
        markers.append(MARKER.fullmatch(values[0]))
    assert all(marker and marker[1] == pair.shadow.address for marker in markers)
    assert len({marker[2] for marker in markers}) == 3, "ids are of the request"
    assert len({marker[4] for marker in markers}) == 3


def test_baggage_gets_one_member(pair):
    cases = [
        ([], ["umbra.shadow=true"]),
        ([("Baggage", "a=1, b=2;p=q")], ["a=1, b=2;p=q,umbra.shadow=true"]),
        ([("baggage", "a=1"), ("BAGGAGE", "b=2")], ["a=1", "b=2,umbra.shadow=true"]),
    ]
    for given, expected in cases:
        live, shadow = pair(http1.get("/", *given))
        assert live.all("baggage") == [value for _, value in given]
        assert shadow.all("baggage") == expected
        assert [name for name, _ in shadow.fields if name.lower() == "baggage"] == (
            [name for name, _ in given] or ["baggage"])


def test_traceparent_gets_a_new_parent_and_no_sampled_flag(pair):
    trace = "0af7651916cd43dd8448eb211c80319c"
    parents = set()
    for flags in ("01", "00", "ff"):
        value = f"00-{trace}-b7ad6b7169203331-{flags}"
        live, shadow = pair(http1.get("/", ("Traceparent", value), ("tracestate", "a=b")))
        assert live.get("traceparent") == value
        version, trace_id, parent, copied_flags = shadow.get("traceparent").split("-")
        assert (version, trace_id, copied_flags) == ("00", trace, "00")
        assert re.fullmatch("[0-9a-f]{16}", parent) and parent not in ("b7ad6b7169203331", "0" * 16)
        assert shadow.get("tracestate") == "a=b"
        parents.add(parent)
        without = [field for field in shadow.fields
                   if field[0].lower() not in ("traceparent", "x-umbra-shadow", "baggage")]
        assert without == [field for field in live.fields if field[0].lower() != "traceparent"]
    assert len(parents) == 3


def test_a_traceparent_that_is_none_is_left_alone(pair):
    for value in ("", "garbage", "00-short-1-01"):
        _, shadow = pair(http1.get("/", ("traceparent", value)))
        assert shadow.get("traceparent") == value


def test_two_shadows_get_the_same_with_a_marker_each(service, gateway):
    live, one, two = service(), service(), service()
    through = gateway(live, one, two)
    through.get("/x", ("X-A", "1"))
    copies = [shadow.wait(1)[0] for shadow in (one, two)]
    for shadow, copy in zip((one, two), copies):
        marker = MARKER.fullmatch(copy.get("X-Umbra-Shadow"))
        assert marker[1] == shadow.address
        assert copy.raw_head == expected_copy(live.requests[0].raw_head, marker[0])
    assert len({MARKER.fullmatch(copy.get("X-Umbra-Shadow"))[2] for copy in copies}) == 1, "one request, one id"


def test_answers_keep_their_bytes(service, gateway):
    fields = [
        ("dAtE", "yesterday"), ("X-b", "2"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("X-B", ""),
        ("X-Latin", "\xe4\xff"), ("Content-Type", "text/html; charset=x"), ("X-B", "3"),
    ]
    answers = {
        "/length": answer(299, b"body", *fields, reason="Quite Fine \xe4"),
        "/no-reason": b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
        "/999": answer(999, b"?", reason="Odd"),
    }
    live = service(answering(lambda request: answers[request.target]))
    through = gateway(live)
    with through.connect() as connection:
        connection.send(http1.get("/length", ("Connection", "close")))
        expected = head("HTTP/1.1 299 Quite Fine \xe4", [*fields, ("Content-Length", 4), ("Connection", "close")])
        assert connection.rest() == expected + b"body"
    with through.connect() as connection:
        assert connection.ask(http1.get("/999")).status == 999
        assert connection.ask(http1.get("/no-reason")).status == 200
    assert through.settled().requests(code="other") == 1


def test_nginx_answers_are_byte_identical_to_direct_ones(nginx, gateway):
    config = """
        location = /redirect { return 302 /elsewhere; }
        location = /missing { return 404; }
        location / { add_header X-Kind file; }
    """
    live, shadow = nginx(config), nginx()
    live.write("page.html", b"<p>" + bytes(range(256)) * 5000)
    live.write("empty", b"")
    through = gateway(live, shadow)

    def fetch(address, request):
        with http1.Connection(address) as connection:
            connection.send(request)
            # Two moments, and a field that belongs to the connection.
            return re.sub(rb"\r\n(Date|Connection): [^\r]*", b"", connection.rest())

    for target in ("/page.html", "/empty", "/redirect", "/missing", "/none", "/page.html?x=1"):
        for fields in ([], [("Range", "bytes=100-4000")], [("If-None-Match", "*")]):
            for method in ("GET", "HEAD"):
                request = http1.get(target, *fields, ("Connection", "close"), method=method, host=live.address)
                assert fetch(through.address, request) == fetch(live.address, request), (method, target, fields)
