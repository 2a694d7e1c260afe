# SPDX-License-Identifier: Apache-2.0
"""Requests reach live and answers come back, as HTTP/1.1 says, whatever their shape."""
import hashlib
import socket
import subprocess
import threading

import pytest

import http1
from http1 import answer, chunked, get, head, post
from servers import answering
from umbra import ROUTE
from waiting import wait_for, wait_until_still

MEGA = 1024 * 1024


@pytest.mark.sanitize
def test_a_connection_is_kept_alive_on_both_sides(service, gateway):
    live = service()
    through = gateway(live, "--workers", "1")
    with through.connect() as connection:
        for i in range(20):
            response = connection.ask(get(f"/{i}"))
            assert (response.status, response.body) == (200, b"hello")
            assert response.get("connection") is None
    assert [request.target for request in live.requests] == [f"/{i}" for i in range(20)]
    assert live.connections == 1
    assert through.settled().requests(route=ROUTE, backend=live.address, code="200") == 20


@pytest.mark.sanitize
def test_pipelined_requests_are_answered_in_order(service, gateway):
    live = service(answering(lambda request: answer(200, request.target.encode() + request.body)))
    through = gateway(live, "--workers", "2")
    with through.connect() as connection:
        parts = []
        for i in range(50):
            parts.append(get(f"/get/{i}") if i % 3 else post(f"/post/{i}", b"#%d" % i))
        connection.send(b"".join(parts))
        for i in range(50):
            expected = f"/get/{i}".encode() if i % 3 else f"/post/{i}#{i}".encode()
            assert connection.response().body == expected


def test_pipelined_requests_wait_for_a_slow_answer(service, gateway):
    go = threading.Event()

    def script(link):
        while request := link.request():
            if request.target == "/slow":
                go.wait(10)
            link.send(answer(200, request.target.encode()))

    live = service(script)
    through = gateway(live)
    with through.connect() as connection:
        connection.send(get("/slow") + get("/fast") + get("/last", ("Connection", "close")))
        wait_for(lambda: live.arrived, "the slow request")
        go.set()
        assert [connection.response().body for _ in range(3)] == [b"/slow", b"/fast", b"/last"]
        assert connection.is_closed()


@pytest.mark.sanitize
def test_chunked_bodies_and_trailers_pass_both_ways(service, gateway):
    trailers = [("X-Checksum", "abc"), ("x-checksum", "Abd")]

    def script(link):
        while link.request():
            link.send(head("HTTP/1.1 200 OK", [("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum")]) +
                      chunked([b"one", b"two" * 1000, b"3"], [("X-Sum", "7"), ("X-Sum", "8")]))

    live = service(script)
    through = gateway(live)
    with through.connect() as connection:
        for _ in range(2):
            response = connection.ask(head("POST /up HTTP/1.1", [
                ("Host", "h"), ("Transfer-Encoding", "chunked"), ("Trailer", "X-Checksum")]) +
                chunked([b"a" * 10, b"b" * 70000, b"c"], trailers))
            assert response.is_chunked and response.body == b"one" + b"two" * 1000 + b"3"
            assert response.trailers == [("X-Sum", "7"), ("X-Sum", "8")]
            assert response.get("Trailer") == "X-Sum"
    for request in live.wait(2):
        assert request.is_chunked and request.body == b"a" * 10 + b"b" * 70000 + b"c"
        assert request.trailers == trailers
        assert request.get("content-length") is None


def test_chunks_arrive_when_they_are_sent(service, gateway):
    """Nothing waits for the end of a body, in either direction."""
    steps = {name: threading.Event() for name in ("first", "second")}

    def script(link):
        request = link.head()
        link.send(head("HTTP/1.1 200 OK", [("Transfer-Encoding", "chunked")]))
        link.send(b"5\r\nfirst\r\n")
        steps["first"].wait(10)
        link.send(b"6\r\nsecond\r\n")
        link.body(request)
        link.send(b"0\r\n\r\n")

    live = service(script)
    with gateway(live).connect() as connection:
        connection.send(head("POST / HTTP/1.1", [("Host", "h"), ("Transfer-Encoding", "chunked")]) + b"3\r\nabc\r\n")
        assert b"first" in connection.reader.until(b"first\r\n")
        steps["first"].set()
        assert b"second" in connection.reader.until(b"second\r\n")
        connection.send(b"0\r\n\r\n")
        assert connection.reader.until(b"0\r\n\r\n")
    assert live.wait(1)[0].body == b"abc"


@pytest.mark.sanitize
def test_answers_without_a_body_keep_the_connection(service, gateway):
    answers = {
        "/head": head("HTTP/1.1 200 OK", [("Content-Length", "1234"), ("X-Kind", "head")]),
        "/head-chunked": head("HTTP/1.1 200 OK", [("Transfer-Encoding", "chunked")]),
        "/204": head("HTTP/1.1 204 No Content", [("X-Kind", "204")]),
        "/304": head("HTTP/1.1 304 Not Modified", [("ETag", '"1"'), ("Content-Length", "99")]),
        "/empty": answer(200, b""),
        "/end": answer(200, b"end"),
    }
    live = service(answering(lambda request: answers[request.target]))
    through = gateway(live)
    with through.connect() as connection:
        response = connection.ask(get("/head", method="HEAD"), "HEAD")
        assert (response.status, response.get("Content-Length"), response.get("X-Kind")) == (200, "1234", "head")
        assert connection.ask(get("/head-chunked", method="HEAD"), "HEAD").status == 200
        response = connection.ask(get("/204"))
        assert (response.status, response.get("X-Kind")) == (204, "204")
        assert response.get("Content-Length") is None and response.get("Transfer-Encoding") is None
        response = connection.ask(get("/304"))
        assert (response.status, response.get("ETag"), response.get("Content-Length")) == (304, '"1"', "99")
        assert connection.ask(get("/empty")).body == b""
        assert connection.ask(get("/end")).body == b"end"


def test_informational_answers_pass(service, gateway):
    live = service(answering(head("HTTP/1.1 103 Early Hints", [("Link", "</style.css>; rel=preload")]) +
                             answer(200, b"done")))
    response = gateway(live).get("/")
    assert [message.status for message in response.informational] == [103]
    assert response.informational[0].get("Link") == "</style.css>; rel=preload"
    assert response.body == b"done"


# ---- Expect: 100-continue ----


@pytest.mark.sanitize
def test_live_decides_that_the_body_is_wanted(service, gateway):
    def script(link):
        while request := link.head():
            link.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            link.body(request)
            link.send(answer(200, request.body))

    live, shadow = service(script), service()
    through = gateway(live, shadow, "--mirror-writes")
    with through.connect() as connection:
        connection.send(head("PUT /file HTTP/1.1", [("Host", "h"), ("Content-Length", "5"),
                                                    ("Expect", "100-continue")]))
        assert connection.reader.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        assert not live.requests, "the body was sent before live asked for it"
        assert connection.ask(b"12345").body == b"12345"
    assert live.requests[0].get("Expect") == "100-continue"
    assert shadow.wait(1)[0].body == b"12345"
    assert shadow.requests[0].get("Expect") is None


def test_live_decides_that_the_body_is_not_wanted(service, gateway):
    def script(link):
        link.head()
        link.send(answer(417, b"no", ("Connection", "close")))

    live, shadow = service(script), service()
    through = gateway(live, shadow, "--mirror-writes")
    with through.connect() as connection:
        response = connection.ask(head("PUT /file HTTP/1.1", [("Host", "h"), ("Content-Length", "5"),
                                                              ("Expect", "100-continue")]))
        assert (response.status, response.body) == (417, b"no")
        assert connection.is_closed(), "the body that was not sent can't be told from a next request"
    metrics = through.settled(lambda metrics: metrics.requests(code="417") == 1)
    assert metrics.mirror("matched") == 0, "nothing was to be copied"
    assert not shadow.arrived


def test_a_client_that_does_not_wait_for_100_is_served(service, gateway):
    live, shadow = service(answering(lambda request: answer(200, request.body))), service()
    through = gateway(live, shadow, "--mirror-writes")
    with through.connect() as connection:
        request = head("PUT / HTTP/1.1", [("Host", "h"), ("Content-Length", "5"), ("Expect", "100-continue")])
        assert connection.ask(request + b"12345").body == b"12345"
        assert connection.ask(get("/next")).status == 200
    assert sorted(request.body for request in shadow.wait(2)) == [b"", b"12345"]


def test_curl_expects_and_nginx_continues(nginx, gateway, tmp_path):
    live = nginx("location / { client_max_body_size 10m; return 200 'taken'; }")
    (tmp_path / "body").write_bytes(b"x" * (2 * MEGA))
    done = subprocess.run(["curl", "-sS", "-v", "-H", "Expect: 100-continue", "--data-binary",
                           f"@{tmp_path}/body", f"http://{gateway(live).address}/"],
                          capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "taken"


# ---- big bodies and slow peers ----

SIZE = 100 * MEGA


def test_a_big_answer_streams_in_bounded_memory(service, gateway, tmp_path):
    piece = bytes(range(256)) * 4096
    expected = hashlib.md5(piece * (SIZE // len(piece))).hexdigest()

    def script(link):
        while link.request():
            link.send(head("HTTP/1.1 200 OK", [("Content-Length", SIZE)]))
            for _ in range(SIZE // len(piece)):
                link.send(piece)

    through = gateway(service(script))
    before = through.memory()
    done = subprocess.run(f"curl -sS http://{through.address}/big | md5sum", shell=True, capture_output=True,
                          text=True, timeout=60, check=True)
    assert done.stdout.split()[0] == expected, done.stderr
    assert through.memory() - before < 8 * MEGA


def test_a_big_upload_streams_in_bounded_memory(service, gateway, tmp_path):
    live, shadow = service(keep_bodies=False), service(keep_bodies=False)
    through = gateway(live, shadow, "--mirror-writes")
    with open(tmp_path / "big", "wb") as file:
        for _ in range(SIZE // MEGA):
            file.write(b"0123456789abcdef" * (MEGA // 16))
    before = through.memory()
    subprocess.run(["curl", "-sS", "-f", "-T", str(tmp_path / "big"), f"http://{through.address}/big"],
                   timeout=60, check=True, stdout=subprocess.DEVNULL)
    growth = through.memory() - before
    request = live.wait(1)[0]
    assert request.body_length == SIZE
    assert growth < 16 * MEGA
    # The shadow may have been too slow for so fast a client; then its copy was given up, and it can see that.
    metrics = through.settled()
    if metrics.mirror("completed"):
        assert shadow.wait(1)[0].body_crc == request.body_crc
    else:
        assert metrics.mirror("failed", reason="lag") == 1 and not shadow.requests


def test_a_client_that_reads_slowly_pauses_live(service, gateway):
    sent = [0]
    piece = b"y" * 65536

    def script(link):
        while request := link.request():
            if request.target == "/small":
                link.send(answer(200, b"small"))
                continue
            link.send(head("HTTP/1.1 200 OK", [("Content-Length", SIZE)]))
            for _ in range(SIZE // len(piece)):
                link.send(piece)
                sent[0] += len(piece)

    through = gateway(service(script), "--workers", "1")
    before = through.memory()
    with through.connect(receive_buffer=65536) as slow:
        slow.send(get("/big"))
        stopped_at = wait_until_still(lambda: sent[0], "live to be paused")
        assert stopped_at < SIZE / 2
        assert through.memory() - before < 4 * MEGA
        assert through.get("/small").body == b"small", "others are served meanwhile"
        slow.reader.keep_bodies = False
        response = slow.response()
        assert response.body_length == SIZE


def test_live_that_reads_slowly_pauses_the_client(service, gateway):
    go = threading.Event()

    def script(link):
        request = link.head()
        go.wait(20)
        link.body(request)
        link.send(answer(200, b"taken"))

    live = service(script, keep_bodies=False, receive_buffer=65536)
    through = gateway(live)
    before = through.memory()
    sent = [0]
    with through.connect() as connection:
        connection.send(head("POST /big HTTP/1.1", [("Host", "h"), ("Content-Length", SIZE)]))

        def upload():
            for _ in range(SIZE // 65536):
                connection.send(b"z" * 65536)
                sent[0] += 65536

        thread = threading.Thread(target=upload, daemon=True)
        thread.start()
        stopped_at = wait_until_still(lambda: sent[0], "the client to be paused")
        assert stopped_at < SIZE / 2
        assert through.memory() - before < 4 * MEGA
        go.set()
        assert connection.response().body == b"taken"
        thread.join(10)
    assert live.requests[0].body_length == SIZE


# ---- versions and connection headers ----


def test_http_1_0_clients_are_served(service, gateway):
    live = service(answering(lambda request: answer(200, b"ten") if request.target == "/length" else
                             head("HTTP/1.1 200 OK", [("Transfer-Encoding", "chunked")]) + chunked([b"te", b"n"])))
    through = gateway(live)
    with through.connect() as connection:
        connection.send(b"GET /length HTTP/1.0\r\n\r\n")
        response = connection.response()
        assert (response.first_line, response.body) == ("HTTP/1.1 200 OK", b"ten")
        assert response.get("Connection") == "close" and connection.is_closed()
    with through.connect() as connection:
        for _ in range(3):
            response = connection.ask(b"GET /length HTTP/1.0\r\nHost: old\r\nConnection: keep-alive\r\n\r\n")
            assert (response.body, response.get("Connection").lower()) == (b"ten", "keep-alive")
        response = connection.ask(b"GET /chunked HTTP/1.0\r\nHost: old\r\nConnection: keep-alive\r\n\r\n")
        assert response.is_close_delimited and response.body == b"ten", "HTTP/1.0 knows no chunks"
    first, second = live.requests[:2]
    assert first.first_line == "GET /length HTTP/1.1" and first.get("Host") == through.address
    assert second.get("Host") == "old"


@pytest.mark.sanitize
def test_connection_close_is_answered_and_kept_from_live(service, gateway):
    live = service()
    through = gateway(live, "--workers", "1")
    for _ in range(3):
        with through.connect() as connection:
            response = connection.ask(get("/", ("Connection", "close")))
            assert response.get("Connection") == "close" and connection.is_closed()
    assert live.connections == 1 and live.requests[0].get("Connection") is None


def test_live_that_closes_after_each_answer_does_not_close_the_client(service, gateway):
    def script(link):
        link.request()
        link.send(answer(200, b"one", ("Connection", "close")))

    live = service(script)
    with gateway(live).connect() as connection:
        for _ in range(5):
            response = connection.ask(get("/"))
            assert (response.body, response.get("Connection")) == (b"one", None)
    assert live.connections == 5


def test_hop_by_hop_fields_stay_behind(service, gateway):
    live = service(answering(answer(200, b"", ("Connection", "x-live-hop, Keep-Alive"), ("Keep-Alive", "timeout=5"),
                                    ("X-Live-Hop", "1"), ("Proxy-Authenticate", "Basic"), ("X-End", "2"))))
    response = gateway(live).get(
        "/", ("Connection", "X-Hop , te"), ("connection", "x-other,host, content-length"), ("X-Hop", "1"),
        ("X-OTHER", "2"), ("Keep-Alive", "300"), ("TE", "trailers"), ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic eDp5"), ("X-Hopper", "3"), ("Content-Length", "0"))
    names = [name for name, _ in live.requests[0].fields]
    assert names == ["Host", "X-Hopper", "Content-Length", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"]
    assert [name for name, _ in response.fields] == ["X-End", "Content-Length"]


# ---- who asks ----

FORWARDED = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Host", "evil.test"), ("X-Forwarded-Proto", "https")]


def forwarded(request):
    return [request.all(name) for name in ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto")]


def test_forwarding_fields_say_who_asked(service, gateway):
    live = service()
    through = gateway(live)
    through.get("/plain")
    assert forwarded(live.requests[-1]) == [["127.0.0.1"], ["shop.test"], ["http"]]
    through.get("/spoofed", *FORWARDED, ("X-Forwarded-Proto", "https"))
    assert forwarded(live.requests[-1]) == [["192.0.2.1, 127.0.0.1"], ["shop.test"], ["http"]]


def test_trusted_proxies_are_believed(service, gateway):
    live = service()
    through = gateway(live, "--trusted-proxies", "10.0.0.0/8,127.0.0.1/32")
    through.get("/plain")
    assert forwarded(live.requests[-1]) == [["127.0.0.1"], ["shop.test"], ["http"]]
    through.get("/vouched", *FORWARDED)
    assert forwarded(live.requests[-1]) == [["192.0.2.1, 127.0.0.1"], ["evil.test"], ["https"]]
    with through.connect(source="127.0.0.2") as untrusted:
        untrusted.ask(get("/untrusted", *FORWARDED))
    assert forwarded(live.requests[-1]) == [["192.0.2.1, 127.0.0.2"], ["shop.test"], ["http"]]


def test_absolute_form_becomes_origin_form_with_its_authority_as_host(service, gateway):
    live = service()
    through = gateway(live)
    cases = [
        ("http://real.test/a%2Fb?x=1", "/a%2Fb?x=1", "real.test"),
        ("http://real.test:8080", "/", "real.test:8080"),
        ("http://real.test?x=1", "/?x=1", "real.test"),
        ("HTTPS://Real.test/", "/", "Real.test"),
    ]
    for target, expected, host in cases:
        through.get(target)
        request = live.requests[-1]
        assert (request.target, request.all("Host"), request.get("X-Forwarded-Host")) == (expected, [host], host)


def test_options_asterisk_passes(service, gateway):
    live = service()
    gateway(live).get("*", method="OPTIONS")
    assert live.requests[0].first_line == "OPTIONS * HTTP/1.1"


# ---- tunnels ----


def echo(link, greeting):
    link.head()
    link.send(greeting)
    link.sock.sendall(link.reader.buffer)
    while data := link.sock.recv(65536):
        link.sock.sendall(b"<" + data + b">")


@pytest.mark.sanitize
def test_upgrades_pass_live_in_both_directions_and_are_counted(service, gateway):
    live = service(lambda link: echo(link, head("HTTP/1.1 101 Switching Protocols", [
        ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Accept", "abc")])))
    shadow = service()
    through = gateway(live, shadow)
    with through.connect() as connection:
        response = connection.ask(get("/chat", ("Connection", "Upgrade"), ("Upgrade", "websocket"),
                                      ("Sec-WebSocket-Key", "xyz")))
        assert response.status == 101
        assert (response.get("Upgrade"), response.get("Sec-WebSocket-Accept")) == ("websocket", "abc")
        assert response.get("Connection").lower() == "upgrade"
        for i in range(10):
            connection.send(b"ping%d" % i)
            assert connection.reader.until(b">") == b"<ping%d>" % i
        assert live.arrived[0].get("Upgrade") == "websocket"
        assert live.arrived[0].get("Connection").lower() == "upgrade"
        connection.finish()
        assert connection.is_closed()
    metrics = through.settled(lambda metrics: metrics.requests(code="101") == 1)
    assert metrics.mirror("matched") == metrics.mirror("filtered", reason="upgrade") == 1
    assert not shadow.arrived


def test_a_tunnel_is_full_duplex(service, gateway):
    """Both directions at once, more than all buffers hold."""
    size = 8 * MEGA

    def script(link):
        link.head()
        link.send(head("HTTP/1.1 101 Switching Protocols", [("Connection", "Upgrade"), ("Upgrade", "bulk")]))
        sender = threading.Thread(target=link.sock.sendall, args=(b"L" * size,))
        sender.start()
        count = len(link.reader.buffer)
        while count < size:
            count += len(link.sock.recv(65536))
        sender.join()
        link.send(b"got it")

    live = service(script)
    with gateway(live).connect() as connection:
        assert connection.ask(get("/bulk", ("Connection", "Upgrade"), ("Upgrade", "bulk"))).status == 101
        sender = threading.Thread(target=connection.send, args=(b"C" * size,))
        sender.start()
        received = connection.rest()
        sender.join()
    assert received == b"L" * size + b"got it"


def test_live_may_decline_an_upgrade(service, gateway):
    live = service()
    with gateway(live).connect() as connection:
        for _ in range(2):
            response = connection.ask(get("/", ("Connection", "Upgrade"), ("Upgrade", "websocket")))
            assert (response.status, response.body) == (200, b"hello")
    assert live.connections == 1


def test_an_upgrade_that_nobody_asked_for_is_a_broken_upstream(service, gateway):
    """Else a client would go on with HTTP on what both others take for a tunnel."""
    live = service(answering(head("HTTP/1.1 101 Switching Protocols", [("Connection", "Upgrade"), ("Upgrade", "x")])))
    assert gateway(live).get("/").status == 502


def test_connect_passes_live_and_is_counted(service, gateway):
    live = service(lambda link: echo(link, b"HTTP/1.1 200 Connected\r\n\r\n"))
    shadow = service()
    through = gateway(live, shadow, "--mirror-writes")
    with through.connect() as connection:
        connection.send(head("CONNECT db.test:5432 HTTP/1.1", [("Host", "db.test:5432")]))
        assert connection.response("CONNECT").status == 200
        connection.send(b"query")
        assert connection.reader.until(b">") == b"<query>"
    assert live.arrived[0].first_line == "CONNECT db.test:5432 HTTP/1.1"
    metrics = through.settled(lambda metrics: metrics.mirror("matched"))
    assert metrics.mirror("filtered", reason="upgrade") == 1 and not shadow.arrived


# ---- answers that come early, late or never ----


def test_an_early_answer_reaches_a_client_that_still_uploads(service, gateway):
    def script(link):
        link.head()
        link.send(answer(413, b"too much", ("Connection", "close")))

    live = service(script)
    with gateway(live).connect() as connection:
        connection.send(head("POST / HTTP/1.1", [("Host", "h"), ("Content-Length", SIZE)]) + b"x" * 1000)
        response = connection.response()
        assert (response.status, response.body) == (413, b"too much")
        assert response.get("Connection") == "close" and connection.is_closed(), "nobody reads the rest"


def test_nginx_refuses_a_big_upload_and_curl_hears_it(nginx, gateway, tmp_path):
    live = nginx("client_max_body_size 1k;")
    with open(tmp_path / "big", "wb") as file:
        file.truncate(20 * MEGA)
    done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Expect:", "-T",
                           str(tmp_path / "big"), f"http://{gateway(live).address}/"],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "413"


def test_an_early_answer_of_live_that_reads_on_keeps_the_connection(service, gateway):
    def script(link):
        while request := link.head():
            link.send(answer(200, b"early"))
            link.body(request)

    live = service(script)
    with gateway(live).connect() as connection:
        for _ in range(2):
            response = connection.ask(head("POST / HTTP/1.1", [("Host", "h"), ("Content-Length", "8")]) + b"1234")
            assert response.body == b"early"
            connection.send(b"5678")
    assert [request.body for request in live.wait(2)] == [b"12345678"] * 2


def test_an_answer_that_ends_with_the_connection_gets_a_visible_end(service, gateway):
    def script(link):
        link.request()
        link.send(head("HTTP/1.1 200 OK", [("Content-Type", "text/plain")]) + b"until the end")

    live = service(script)
    through = gateway(live)
    with through.connect() as connection:
        for _ in range(2):
            response = connection.ask(get("/"))
            assert response.is_chunked and response.body == b"until the end"


@pytest.mark.sanitize
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_live_that_dies_in_its_answer_is_visible(service, gateway, framing):
    fields = {"length": [("Content-Length", "1000")], "chunked": [("Transfer-Encoding", "chunked")], "close": []}

    def script(link):
        link.request()
        link.send(head("HTTP/1.1 200 OK", fields[framing]) + (b"4\r\n" if framing == "chunked" else b"") + b"half")
        wait_for(lambda: has_half.is_set(), "the client to have the first half")
        link.reset()

    has_half = threading.Event()
    through = gateway(service(script))
    with through.connect() as connection:
        connection.send(get("/"))
        connection.reader.until(b"half")
        has_half.set()
        rest = connection.rest()
        assert b"0\r\n\r\n" not in rest, "an answer that was cut must not look whole"
    through.settled(lambda metrics: metrics.requests() == 1)


def test_a_client_that_ends_its_side_after_the_request_is_answered(service, gateway):
    go = threading.Event()

    def script(link):
        link.request()
        go.wait(10)
        link.send(answer(200, b"late"))

    live = service(script)
    with gateway(live).connect() as connection:
        connection.send(get("/"))
        connection.finish()
        live.wait(1)
        go.set()
        assert connection.response().body == b"late"


def test_a_client_that_goes_away_ends_the_request_at_live(service, gateway):
    ended = threading.Event()

    def script(link):
        link.head()
        link.wait_end()
        ended.set()

    live = service(script)
    through = gateway(live)
    connection = through.connect()
    connection.send(head("POST / HTTP/1.1", [("Host", "h"), ("Content-Length", "100")]) + b"half")
    wait_for(lambda: live.arrived, "the request")
    connection.reset()
    wait_for(ended.is_set, "live to hear of it")
    assert through.settled(lambda metrics: metrics.requests()).requests(code="499") == 1


def test_many_clients_at_once(service, gateway):
    live = service(answering(lambda request: answer(200, request.target.encode() * 100)))
    through = gateway(live, "--workers", "4")
    failures = []

    def client(number):
        try:
            with through.connect() as connection:
                for i in range(20):
                    target = f"/{number}/{i}"
                    assert connection.ask(get(target)).body == target.encode() * 100
        except (AssertionError, OSError, http1.Broken) as error:
            failures.append(error)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures
    assert through.settled().requests(code="200") == 400


def test_live_may_be_a_unix_socket(gateway, tmp_path, ending):
    path = tmp_path / "live.sock"
    listener = ending.enter_context(socket.socket(socket.AF_UNIX))
    listener.bind(str(path))
    listener.listen()

    def serve():
        sock, _ = listener.accept()
        with sock:
            reader = http1.Reader(sock)
            while reader.request():
                sock.sendall(answer(200, b"unix"))

    threading.Thread(target=serve, daemon=True).start()
    with gateway(f"unix:{path}").connect() as connection:
        assert connection.ask(get("/")).body == b"unix"
        assert connection.ask(get("/")).body == b"unix"
