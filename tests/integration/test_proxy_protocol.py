# SPDX-License-Identifier: Apache-2.0
"""PROXY headers in front of connections: the client that they name is the one that counts, and a connection without one is
closed. Real balancers send them, HAProxy in both versions and curl."""
import shutil
import socket
import struct
import subprocess

import pytest

import rules
from http1 import Connection, get
from servers import free_port
from waiting import wait_for

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LINE = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n"


def gateway(port, is_on=True):
    text = rules.gateway(http=port)
    return text.replace("metadata: {name: gw}", 'metadata: {name: gw, annotations: {umbra.dev/proxy-protocol: "true"}}') if is_on else text


def binary(command=1, family=0x11, body=b"", tlvs=b""):
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(body) + len(tlvs)) + body + tlvs


def addresses(family, source, destination=None):
    packed = socket.inet_pton(family, source)
    return packed + (socket.inet_pton(family, destination) if destination else packed) + struct.pack("!HH", 4711, 80)


IPV4, IPV6 = addresses(socket.AF_INET, "192.0.2.7"), addresses(socket.AF_INET6, "2001:db8::7")
UNIX = b"/run/client".ljust(108, b"\0") + b"/run/server".ljust(108, b"\0")

# What live hears in X-Forwarded-For.
HEADERS = {
    "version 1": (LINE, "192.0.2.7"),
    "version 1 over IPv6": (b"PROXY TCP6 2001:db8::7 ::1 4711 80\r\n", "2001:db8::7"),
    "version 1, unknown": (b"PROXY UNKNOWN whatever it is\r\n", "127.0.0.1"),
    "version 2": (binary(body=IPV4), "192.0.2.7"),
    "version 2 over IPv6": (binary(family=0x21, body=IPV6), "2001:db8::7"),
    "version 2 with TLVs": (binary(body=IPV4, tlvs=b"\x04\x0f\x00" + b"." * 3840), "192.0.2.7"),
    "version 2, local": (binary(command=0, family=0, tlvs=b"\x04\x00\x01."), "127.0.0.1"),
    "version 2, unspecified": (binary(family=0), "127.0.0.1"),
    "version 2, Unix": (binary(family=0x31, body=UNIX), "unknown"),
}

BAD = {
    "HTTP at once": get("/"),
    "TLS at once": b"\x16\x03\x01\x00\x10",
    "cut short": LINE.replace(b" 80", b""),
    "a name": b"PROXY TCP4 localhost 198.51.100.1 4711 80\r\n",
    "no line": b"PROXY TCP4 " + b"1" * 100,
    "version 3": SIGNATURE + b"\x31\x11\x00\x00",
    "too long": SIGNATURE + b"\x21\x11\xff\xff",
}


@pytest.fixture
def through(service, ruled):
    live = service()
    started = ruled(gateway(free_port()) + rules.backend("v1", live) + rules.route())
    started.service = live
    return started


@pytest.mark.sanitize
@pytest.mark.parametrize("name", HEADERS)
def test_the_client_that_counts_is_the_one_of_the_header(through, name):
    header, client = HEADERS[name]
    with through.connect() as connection:
        connection.send(header + get("/1"))
        assert connection.response().status == 200
        assert connection.ask(get("/2")).status == 200 # once a connection, not once a request
    assert [request.get("X-Forwarded-For") for request in through.service.requests] == [client, client]


@pytest.mark.sanitize
def test_a_header_may_come_in_pieces(through):
    for header in (LINE, binary(body=IPV4)):
        with through.connect() as connection:
            for i in range(len(header)):
                connection.send(header[i:i + 1])
            assert connection.ask(get("/")).status == 200
    assert {request.get("X-Forwarded-For") for request in through.service.requests} == {"192.0.2.7"}


@pytest.mark.sanitize
@pytest.mark.parametrize("name", BAD)
def test_a_connection_without_a_header_is_closed_and_counted(through, name):
    with through.connect() as connection:
        connection.send(BAD[name])
        assert connection.rest() == b""
    assert through.metrics().refused(reason="proxy_header") == 1
    assert not through.service.arrived
    assert "began without a PROXY header" in through.log()
    with through.connect() as connection:
        connection.send(LINE)
        assert connection.ask(get("/")).status == 200


def test_a_check_of_the_port_is_no_mistake(through):
    with through.connect():
        pass
    wait_for(lambda: not through.metrics().sum("umbra_connections", side="client"), "the connection to be gone")
    assert through.metrics().refused() == 0


def test_without_the_annotation_a_header_is_no_request(service, ruled):
    through = ruled(gateway(free_port(), is_on=False) + rules.backend("v1", service()) + rules.route())
    with through.connect() as connection:
        assert connection.ask(LINE + get("/")).status == 400


def test_gates_and_logs_see_the_client_of_the_header(service, ruled):
    live, shadow = service(), service()
    through = ruled(gateway(free_port()) + rules.backend("v1", live) + rules.backend("v2", shadow) +
                    rules.route(shadow="v2") + rules.policy("sources: [192.0.2.0/24]"), "--access-log")
    for client in ("192.0.2.7", "203.0.113.7"):
        with through.connect() as connection:
            connection.send(LINE.replace(b"192.0.2.7", client.encode()))
            assert connection.ask(get("/")).status == 200
    metrics = through.settled(lambda metrics: metrics.mirror("matched") == 2)
    assert metrics.mirror("sent") == metrics.mirror("filtered", reason="source") == 1
    assert "client=192.0.2.7" in through.log() and "client=203.0.113.7" in through.log()


def test_the_annotation_may_come_and_go_while_connections_last(service, ruled):
    port = free_port()
    more = rules.backend("v1", service()) + rules.route()
    through = ruled(gateway(port, is_on=False) + more)
    with through.connect() as old:
        assert old.ask(get("/")).status == 200
        through.change(gateway(port) + more)
        assert old.ask(get("/")).status == 200
        with through.connect() as new:
            new.send(LINE)
            assert new.ask(get("/")).status == 200
            through.change(gateway(port, is_on=False) + more)
            assert new.ask(get("/")).status == 200
        with through.connect() as last:
            assert last.ask(get("/")).status == 200


def test_those_that_have_not_said_who_they_are_make_room_for_others(service, ruled):
    through = ruled(gateway(free_port()) + rules.backend("v1", service()) + rules.route(), "--max-connections", "4")
    waiting = [through.connect() for _ in range(4)]

    def is_served():
        with through.connect() as connection:
            try:
                connection.send(LINE)
                return connection.ask(get("/")).status == 200
            except Exception:
                return False

    wait_for(is_served, "room for one that says who it is", 8)
    for connection in waiting:
        connection.close()


def test_a_drain_does_not_wait_for_headers(through):
    with through.connect() as silent, through.connect() as late:
        through.process.terminate()
        late.send(LINE + get("/"))
        assert late.response().status == 200
        assert through.process.wait(8) == 0
        assert silent.is_closed()


# ---- real balancers ----


@pytest.mark.skipif("--haproxy-protocol" not in subprocess.run(["curl", "--help", "all"], capture_output=True, text=True).stdout,
                    reason="this curl sends no PROXY header")
def test_curl_as_balancer(through):
    body = subprocess.run(["curl", "-sS", "--haproxy-protocol", f"http://{through.address}/"], capture_output=True, text=True, check=True).stdout
    assert body == "hello"


HAPROXY = """
global
    maxconn 100
defaults
    mode {mode}
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend in
    bind 127.0.0.1:{port}
    bind [::1]:{port}
    default_backend gateway
backend gateway
    server one {address} {option} {check}
"""


@pytest.mark.parametrize("option", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options unique-id,crc32c"])
def test_haproxy_as_balancer(through, tmp_path, ending, option):
    port = free_port()
    config = tmp_path / "haproxy.cfg"
    # Its checks of the gateway's port send headers too: LOCAL in version 2.
    config.write_text(HAPROXY.format(mode="tcp", port=port, address=through.address, option=option, check="check inter 200"))
    balancer = subprocess.Popen([shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", config],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ending.callback(balancer.wait)
    ending.callback(balancer.kill)

    def is_listening():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(is_listening, "HAProxy")
    for host, source in (("127.0.0.1", "127.0.0.9"), ("[::1]", None)):
        with Connection(f"{host}:{port}", source=source) as connection:
            assert connection.ask(get("/")).status == 200
        assert through.service.requests[-1].get("X-Forwarded-For") == (source or "::1")
    assert through.metrics().refused() == 0
