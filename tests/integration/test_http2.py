# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 from clients, by prior knowledge, to services that speak HTTP/1.1: what arrives, what comes back, and that each
copy is counted."""
import hashlib
import os
import re

import pytest

import h2
import http1
import servers
from http1 import answer
from waiting import wait_for

MEGA = 1024 * 1024


def url(through, path="/"):
    return f"http://{through.address}{path}"


def echo(request):
    return answer(200, request.body, ("X-Got", request.body_length))


@pytest.mark.sanitize
def test_a_request_arrives_as_http1_with_host_first(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, shadow)
    body, head = h2.curl(url(through, "/a/b?c=d"), "-H", "Host: shop.test", "-H", "X-Case: Kept", "-H", "Cookie: a=1; b=2")
    assert body == b"hello" and h2.status_of(head) == 200
    arrived = live.wait(1)[0]
    assert arrived.first_line == "GET /a/b?c=d HTTP/1.1"
    assert arrived.fields[0] == ("host", "shop.test")
    assert arrived.get("x-case") == "Kept" and arrived.get("cookie") == "a=1; b=2"
    copy = shadow.wait(1)[0]
    assert copy.first_line == arrived.first_line and copy.get("cookie") == "a=1; b=2"


@pytest.mark.sanitize
def test_head_and_answers_without_a_body(service, gateway):
    live = service(servers.answering(lambda request: answer(200, b"hello") if request.method == "GET" else
                                     http1.head("HTTP/1.1 200 OK", [("Content-Length", "5")])))
    through = gateway(live)
    body, head = h2.curl(url(through), "-I")
    assert body == b"" or b"HTTP/2 200" in body
    assert "content-length: 5" in head
    empty = service(servers.answering(http1.head("HTTP/1.1 204 No Content", [])))
    assert h2.status_of(h2.curl(url(gateway(empty)))[1]) == 204


@pytest.mark.sanitize
@pytest.mark.parametrize("size", [0, 1, 70000, 8 * MEGA])
def test_bodies_pass_both_ways(service, gateway, size):
    live, shadow = service(servers.answering(echo)), service()
    through = gateway(live, shadow, "--mirror-writes")
    sent = os.urandom(size)
    body, head = h2.curl(url(through), "-X", "POST", "--data-binary", "@-", data=sent)
    assert h2.status_of(head) == 200 and f"x-got: {size}" in head
    assert hashlib.sha256(body).digest() == hashlib.sha256(sent).digest()
    assert shadow.wait(1)[0].body == sent
    assert through.settled(lambda metrics: metrics.mirror("completed") == 1)


@pytest.mark.sanitize
def test_body_of_unknown_length_is_chunked_for_http1(service, gateway):
    live = service(servers.answering(echo))
    through = gateway(live)
    body, _ = h2.curl(url(through), "-T", "-", data=b"piece" * 1000)
    assert body == b"piece" * 1000
    assert live.requests[0].is_chunked


@pytest.mark.sanitize
def test_continue_is_waited_for(service, gateway):
    def script(link):
        message = link.head()
        link.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        link.body(message)
        link.send(answer(200, b"hello"))
    live = service(script)
    body, head = h2.curl(url(gateway(live)), "-H", "Expect: 100-continue", "--data-binary", "@-", data=b"x" * 2000)
    assert body == b"hello"
    assert re.findall(r"^HTTP/2 (\d+)", head, re.M) == ["100", "200"]


@pytest.mark.sanitize
def test_trailers_of_an_answer_come_after_it(service, gateway):
    live = service(servers.answering(http1.head("HTTP/1.1 200 OK", [("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum")]) +
                                     http1.chunked([b"hello"], [("X-Sum", "1")])))
    body, head = h2.curl(url(gateway(live)))
    assert body == b"hello" and "x-sum: 1" in head
    assert "transfer-encoding" not in head.lower()


@pytest.mark.sanitize
def test_live_that_breaks_off_resets_the_stream_and_not_the_connection(service, gateway):
    live = service(lambda link: (link.request(), link.send(http1.head("HTTP/1.1 200 OK", [("Content-Length", "100")]) + b"part")))
    through = gateway(live)
    with pytest.raises(AssertionError, match="INTERNAL_ERROR"):
        h2.curl(url(through))


@pytest.mark.sanitize
def test_many_streams_are_served_and_copied_exactly(nginx, gateway):
    live, shadow = nginx("location / { return 200 hello; }"), nginx("location / { return 200 shadow; }")
    through = gateway(live, shadow)
    load = h2.h2load(url(through), "-n", 3000, "-c", 4, "-m", 32)
    assert load.succeeded == 3000 and load.failed == 0
    metrics = through.settled(lambda metrics: metrics.mirror("matched") == 3000)
    assert metrics.requests(code="200") == 3000
    assert metrics.mirror("sent") == metrics.mirror("completed")
    assert metrics.mirror("failed") == 0


@pytest.mark.long
def test_a_hundred_thousand_requests_are_served_and_copied_exactly(nginx, gateway):
    live, shadow = nginx("location / { return 200 hello; }"), nginx("location / { return 200 shadow; }", has_access_log=True)
    through = gateway(live, shadow)
    load = h2.h2load(url(through), "-n", 100000, "-c", 16, "-m", 32, timeout=300)
    assert load.succeeded == 100000 and load.failed == 0 and load.errored == 0
    metrics = through.settled(lambda metrics: metrics.mirror("matched") == 100000, timeout=60)
    assert metrics.requests(code="200") == 100000
    assert metrics.mirror("sent") == metrics.mirror("completed") > 0
    wait_for(lambda: len(shadow.lines()) == metrics.mirror("sent"), "nginx to have written down each copy")


@pytest.mark.sanitize
def test_many_large_answers_share_a_connection(nginx, gateway):
    live = nginx()
    live.write("large", os.urandom(MEGA))
    load = h2.h2load(url(gateway(live), "/large"), "-n", 64, "-c", 2, "-m", 16)
    assert load.succeeded == 64


@pytest.mark.sanitize
def test_uploads_share_a_connection(service, gateway, tmp_path):
    live, shadow = service(keep_bodies=False), service(keep_bodies=False)
    through = gateway(live, shadow, "--mirror-writes")
    (tmp_path / "body").write_bytes(os.urandom(MEGA))
    load = h2.h2load(url(through), "-n", 32, "-c", 2, "-m", 8, "-d", tmp_path / "body")
    assert load.succeeded == 32
    assert all(request.body_length == MEGA for request in live.wait(32))
    metrics = through.settled(lambda metrics: metrics.mirror("matched") == 32)
    assert metrics.mirror("failed", reason="reset") == 0


@pytest.mark.sanitize
def test_http1_and_http2_share_a_port(service, gateway):
    through = gateway(service())
    with http1.Connection(through.address) as connection:
        assert connection.ask(http1.get()).status == 200
        assert h2.curl(url(through))[0] == b"hello"
        assert connection.ask(http1.get()).status == 200


@pytest.mark.sanitize
def test_preface_that_goes_wrong_is_refused(service, gateway):
    through = gateway(service())
    with http1.Connection(through.address) as connection:
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n")
        assert connection.response().status == 505
    assert through.metrics().refused(reason="version") == 1


@pytest.mark.sanitize
def test_what_is_too_large_is_refused_and_counted(service, gateway):
    through = gateway(service())
    _, head = h2.curl(url(through), *[word for i in range(130) for word in ("-H", f"X-{i}: y")])
    assert h2.status_of(head) == 431
    _, head = h2.curl(url(through, "/" + "x" * 20000))
    assert h2.status_of(head) == 414
    metrics = through.metrics()
    assert metrics.refused(reason="header_size") == 1 and metrics.refused(reason="uri_size") == 1


@pytest.mark.sanitize
def test_a_take_over_loses_no_request_of_http2(nginx, gateway):
    live = nginx("location / { return 200 hello; }")
    through = gateway(live)
    for _ in range(3):
        assert h2.h2load(url(through), "-n", 500, "-c", 4, "-m", 8).succeeded == 500
        through.replace()
    assert h2.h2load(url(through), "-n", 500, "-c", 4, "-m", 8).succeeded == 500
