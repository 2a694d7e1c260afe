# SPDX-License-Identifier: Apache-2.0
"""TLS at listeners and to backends, with curl, openssl and nginx as peers: who is served with which certificate, who is refused and
told so, and that nothing is taken for whole that was cut."""
import hashlib
import os
import re
import socket
import ssl
import subprocess

import pytest

import certificates
import http1
import rules
import servers
from waiting import wait_for

pytestmark = pytest.mark.sanitize
BIG = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def shop(authority):
    return authority.issue("shop", "DNS:shop.test", "DNS:*.shop.test", "IP:127.0.0.1")


# ---- rules ----

def listener(name, port, *secrets, hostname=None):
    refs = ", ".join(f"{{name: {secret}}}" for secret in secrets)
    host = f", hostname: '{hostname}'" if hostname else ""
    return f"  - {{name: {name}, port: {port}, protocol: HTTPS{host}, tls: {{certificateRefs: [{refs}]}}}}\n"


def edge(*listeners):
    return ("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw}\n"
            "spec:\n  gatewayClassName: umbra\n  listeners:\n" + "".join(listeners) + "---\n")


def secured(name, address, authority, server_name="shop.test", more=""):
    """A Backend that is spoken to over TLS."""
    host, port = address.rsplit(":", 1)
    return (f"apiVersion: umbra.dev/v1alpha1\nkind: Backend\nmetadata: {{name: {name}}}\n"
            f"spec: {{endpoints: [{{host: {host}, port: {port}}}], protocol: HTTPS, "
            f"tls: {{serverName: {server_name}, caFile: {authority.file}{more}}}}}\n---\n")


@pytest.fixture
def front(ruled, service, shop):
    """front(options): an umbra with one listener of TLS for all names, a service behind it, and its port."""
    def start(*options, live=None, shadow=None, more=""):
        port = servers.free_port()
        live = live or service()
        text = (edge(listener("https", port, "shop")) + shop.secret("shop") + rules.backend("v1", live) +
                rules.route(shadow="v2" if shadow else None) + (rules.backend("v2", shadow) if shadow else "") + more)
        return ruled(text, *options), live, port
    return start


# ---- peers ----

def curl(port, authority, *words, path="/", host="shop.test", scheme="https"):
    """[code, version, bytes, …] and the body; .returncode as curl's."""
    done = subprocess.run(["curl", "-sS", "--max-time", "60", "--cacert", authority.file, "--resolve", f"{host}:{port}:127.0.0.1",
                           "-w", "%{stderr}%{http_code} %{http_version}", *words, f"{scheme}://{host}:{port}{path}"],
                          capture_output=True, check=False)
    done.text = done.stderr.decode()
    return done


def s_client(port, *words, authority=None, data=b""):
    """What openssl says of a connection."""
    trust = ["-CAfile", authority.file] if authority else []
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *trust, *words], input=data,
                          capture_output=True, timeout=60, check=False)
    return done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


def client_context(authority, alpn=("http/1.1",)):
    context = ssl.create_default_context(cafile=authority.file)
    context.set_alpn_protocols(list(alpn))
    return context


def connect(port, authority, name="shop.test", context=None):
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    return (context or client_context(authority)).wrap_socket(sock, server_hostname=name)


def refusals(through, count, reason="tls"):
    wait_for(lambda: through.metrics().refused(reason=reason) >= count, f"{count} refusals of kind {reason}")


# ---- listeners ----

@pytest.mark.parametrize("words, version", [(["--http1.1", "--tls-max", "1.2"], "1.1"), (["--http1.1"], "1.1"),
                                            (["--http2", "--tls-max", "1.2"], "2"), (["--http2"], "2")])
def test_curl_is_answered_and_copied(front, service, authority, words, version):
    shadow = service()
    through, live, port = front(shadow=shadow)
    done = curl(port, authority, *words, "-d", "a body")
    assert (done.returncode, done.stdout, done.text) == (0, b"hello", f"200 {version}")
    request = live.wait(1)[0]
    assert request.body == b"a body"
    assert request.get("x-forwarded-proto") == "https"
    assert shadow.wait(1)[0].body == b"a body"
    through.settled(lambda metrics: metrics.mirror("completed") == 1)


def test_large_bodies_pass_whole_both_ways(front, service, authority, tmp_path):
    sent = os.urandom(BIG)
    (tmp_path / "sent").write_bytes(sent)
    digests = []

    def script(link):
        while message := link.request():
            digests.append(hashlib.sha256(message.body).digest())
            link.send(http1.answer(200, message.body))

    _, _, port = front(live=service(script))
    for words in (["--http1.1"], ["--http2"], ["--http1.1", "-H", "Transfer-Encoding: chunked"]):
        done = curl(port, authority, *words, "-H", "Expect:", "-T", tmp_path / "sent")
        assert done.returncode == 0, done.text
        assert done.stdout == sent
        assert digests.pop() == hashlib.sha256(sent).digest()


def test_certificate_is_the_one_for_the_name(ruled, service, authority):
    identities = {host: authority.issue(host.replace("*", "any"), f"DNS:{host}") for host in ("a.test", "*.b.test")}
    port = servers.free_port()
    text = (edge(listener("a", port, "a", hostname="a.test"), listener("b", port, "b", hostname="*.b.test")) +
            identities["a.test"].secret("a") + identities["*.b.test"].secret("b") + rules.backend("v1", service()) + rules.route())
    through = ruled(text)
    for host in ("a.test", "x.b.test", "x.y.b.test"):
        shown = s_client(port, "-servername", host, authority=authority)
        assert f"CN = {'a.test' if host == 'a.test' else 'any.b.test'}" in shown, shown
    for words in (["-servername", "b.test"], ["-servername", "c.test"], ["-noservername"]):
        assert "alert number 112" in s_client(port, *words)
    refusals(through, 3)
    # A connection that was made for one listener does not reach the other's routes.
    with connect(port, authority, "a.test") as connection:
        connection.sendall(http1.get(host="x.b.test"))
        assert http1.Reader(connection).response("GET").status == 421


def test_of_two_certificates_the_client_gets_the_one_it_takes(ruled, service, authority):
    both = [authority.issue(kind, "DNS:shop.test", kind=kind) for kind in ("rsa", "ec")]
    port = servers.free_port()
    ruled(edge(listener("https", port, "rsa", "ec")) + both[0].secret("rsa") + both[1].secret("ec") +
          rules.backend("v1", service()) + rules.route())
    for words, name in ((["-sigalgs", "ECDSA+SHA256"], "ec"), (["-sigalgs", "RSA-PSS+SHA256"], "rsa"), ([], "rsa"),
                        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "ec")):
        shown = s_client(port, "-servername", "shop.test", *words, authority=authority)
        assert f"subject=CN = {name}\n" in shown, shown
        assert "Verify return code: 0 (ok)" in shown


def test_old_versions_are_refused(front):
    through, _, port = front()
    for version in ("-tls1", "-tls1_1"):
        shown = s_client(port, version, "-cipher", "ALL:@SECLEVEL=0")
        assert "alert protocol version" in shown, shown
    refusals(through, 2)


def test_sessions_are_resumed_at_any_worker_without_early_data(front, authority, tmp_path):
    _, _, port = front("--workers", "2")
    request = http1.get("/", ("Connection", "close"))
    for version in ("-tls1_2", "-tls1_3"):
        kept = tmp_path / version
        first = s_client(port, version, "-ign_eof", "-sess_out", kept, authority=authority, data=request)
        assert "200 OK" in first
        assert version != "-tls1_3" or "Max Early Data: 0" in first, first
        for _ in range(6):
            again = s_client(port, version, "-ign_eof", "-sess_in", kept, authority=authority, data=request)
            assert "Reused, TLS" in again and "200 OK" in again, again


def test_a_resumed_session_of_tls_1_3_gets_another_ticket(front, authority, tmp_path):
    """A client that keeps to RFC 8446 C.4 uses each of them once."""
    _, _, port = front("--workers", "2")
    request = http1.get("/", ("Connection", "close"))
    kept = [tmp_path / f"session-{number}" for number in range(4)]
    s_client(port, "-tls1_3", "-ign_eof", "-sess_out", kept[0], authority=authority, data=request)
    for before, after in zip(kept, kept[1:]):
        shown = s_client(port, "-tls1_3", "-ign_eof", "-sess_in", before, "-sess_out", after, authority=authority, data=request)
        assert "Reused, TLS" in shown and "Post-Handshake New Session Ticket arrived" in shown, shown


def test_what_is_no_tls_is_closed_and_counted(front, authority):
    through, live, port = front()
    for bytes_ in (http1.get(), b"\x00" * 300, b"SSH-2.0-x\r\n", b"\x16\x03\x01\x40\x00" + os.urandom(0x4000)):
        with http1.Connection(f"127.0.0.1:{port}") as peer:
            peer.send(bytes_)
            assert peer.is_closed() or not peer.rest().startswith(b"HTTP")
    refusals(through, 4)
    assert "speaks plain HTTP, not TLS" in through.log()
    assert curl(port, authority).returncode == 0
    assert len(live.requests) == 1


def test_key_is_never_written(front, authority, shop):
    through, _, port = front("--log-level", "debug")
    curl(port, authority)
    s_client(port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    lines = [line for line in shop.key.splitlines() if line and not line.startswith("-")]
    said = through.log() + through.ask("/status").body.decode() + through.ask("/metrics").body.decode()
    assert not [line for line in lines if line in said]


# ---- backends ----

def tls_nginx(nginx, identity, more=""):
    """An nginx whose second port speaks TLS; its address."""
    port = servers.free_port()
    started = nginx(f"listen 127.0.0.1:{port} ssl; ssl_certificate {identity.chain_file}; ssl_certificate_key {identity.key_file}; ssl_protocols TLSv1.2 TLSv1.3;"
                    f"{more} location / {{ return 200 \"$ssl_protocol $ssl_server_name $ssl_session_reused $ssl_client_s_dn\"; }}")
    started.tls_address = f"127.0.0.1:{port}"
    return started


def plain_front(text):
    return rules.gateway(http=servers.free_port()) + text


def test_backend_over_tls_answers_and_sessions_are_resumed(ruled, nginx, authority, shop):
    behind = tls_nginx(nginx, shop, "keepalive_timeout 0;")
    through = ruled(plain_front(secured("v1", behind.tls_address, authority) + rules.route()), "--workers", "1")
    bodies = [through.get().body.decode() for _ in range(4)]
    assert bodies[0].split()[:2] == ["TLSv1.3", "shop.test"]
    assert [body.split()[2] for body in bodies] == [".", "r", "r", "r"]


def test_backend_gets_the_client_certificate(ruled, nginx, authority, shop):
    behind = tls_nginx(nginx, shop, f"ssl_verify_client on; ssl_client_certificate {authority.file};")
    person = authority.issue("person")
    shown = f", certFile: {person.chain_file}, keyFile: {person.key_file}"
    through = ruled(plain_front(secured("v1", behind.tls_address, authority, more=shown) + rules.route()))
    assert through.get().body.decode().endswith("CN=person")
    through = ruled(plain_front(secured("v1", behind.tls_address, authority) + rules.route()))
    assert through.get().status in (400, 502)


def speak_plainly(link):
    link.sock.recv(4096)
    link.send(http1.answer(400))
    link.wait_end()


def bad_backends(nginx, service, directory, authority, shop):
    """{words of the reason: (address, name)}"""
    stranger = certificates.Authority(directory, "stranger")
    return {
        "the peer's certificate is not for other.test": (tls_nginx(nginx, shop).tls_address, "other.test"),
        "unable to get local issuer certificate":
            (tls_nginx(nginx, stranger.issue("shop", "DNS:shop.test")).tls_address, "shop.test"),
        "the peer does not speak TLS": (service(speak_plainly).address, "shop.test"),
    }


def test_backend_that_can_not_be_trusted_is_502_and_no_request_reaches_it(ruled, nginx, service, authority, shop, tmp_path):
    for words, (address, name) in bad_backends(nginx, service, tmp_path, authority, shop).items():
        through = ruled(plain_front(secured("v1", address, authority, name) + rules.route()))
        assert through.get().status == 502
        wait_for(lambda through=through, words=words: words in through.log(), lambda through=through: f"{words} in:\n{through.log()}")


def test_shadow_that_can_not_be_trusted_is_counted_and_live_does_not_notice(ruled, nginx, service, authority, shop, tmp_path):
    for address, name in bad_backends(nginx, service, tmp_path, authority, shop).values():
        live = service()
        through = ruled(plain_front(rules.backend("v1", live) + secured("v2", address, authority, name) + rules.route(shadow="v2")))
        for _ in range(3):
            assert through.get().body == b"hello"
        through.settled(lambda metrics: metrics.mirror("failed", reason="tls") + metrics.mirror("dropped", reason="breaker") == 3 and
                        metrics.mirror("failed", reason="tls") >= 1)


def closing_service(service, identity, ends_well):
    """Answers without a length over TLS and closes, with or without close_notify."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.chain_file, identity.key_file)

    def script(link):
        with context.wrap_socket(link.sock.dup(), server_side=True, suppress_ragged_eofs=False) as secured_sock:
            http1.Reader(secured_sock).head()
            secured_sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
            if ends_well:
                secured_sock.unwrap()
            link.sock.shutdown(socket.SHUT_RDWR)

    return service(script)


def test_answer_until_close_is_whole_only_with_close_notify(ruled, service, authority, shop):
    for ends_well in (True, False):
        behind = closing_service(service, shop, ends_well)
        through = ruled(plain_front(secured("v1", behind.address, authority) + rules.route()))
        port = int(through.address.rsplit(":", 1)[1])
        done = curl(port, authority, scheme="http")
        assert (done.returncode == 0) == ends_well, done.text
        assert not ends_well or done.stdout == b"all of it"


def test_handshake_that_stalls_takes_no_worker(front, authority):
    """A client that stops in its hello holds its own connection and nothing else."""
    _, _, port = front("--workers", "1")
    stalled = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
    for sock in stalled:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    done = curl(port, authority)
    assert re.match("200", done.text), done.text
    for sock in stalled:
        sock.close()
