# SPDX-License-Identifier: Apache-2.0
"""Listeners with TLS: which certificate a client is shown, what it may ask for then, and what stays while certificates,
gateways and whole runs are replaced."""
import json
import os
import signal
import ssl
import subprocess

import pytest

import http1
import rules
from certificates import Certificate, https
from http1 import get
from servers import free_port
from waiting import wait_for

pytestmark = pytest.mark.sanitize


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("shop"), "shop.test")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("other"), "other.test")


class Secure(http1.Connection):
    """A client over TLS; `server` is a running umbra."""

    def __init__(self, server, certificate, name=None, context=None, session=None):
        super().__init__(server.address)
        self.sock = (context or certificate.context("http/1.1")).wrap_socket(
            self.sock, server_hostname=name or certificate.host, session=session)
        self.reader = http1.Reader(self.sock)

    def status(self, target="/", host="shop.test"):
        return self.ask(get(target, host=host)).status


def handshakes(through, result):
    return through.metrics().sum("umbra_tls_handshakes_total", result=result)


def test_the_server_name_chooses_the_certificate_and_live_hears_of_https(service, ruled, shop, other):
    live = service()
    through = ruled(https(free_port(), a=("shop.test", "a"), b=("other.test", "b")) + shop.secret("a") + other.secret("b") +
                    rules.backend("v1", live) + rules.route())
    for certificate in (shop, other):
        with Secure(through, certificate) as connection:
            assert connection.status(host=certificate.host) == 200
            assert connection.status(host=certificate.host.upper()) == 200
    assert {request.get("X-Forwarded-Proto") for request in live.requests} == {"https"}
    assert handshakes(through, "ok") == 2


def test_a_host_of_another_listener_is_misdirected_whatever_the_protocol(service, ruled, shop, other):
    live = service()
    through = ruled(https(free_port(), a=("shop.test", "a"), b=("other.test", "b"), c=("", "a")) + shop.secret("a") +
                    other.secret("b") + rules.backend("v1", live) + rules.route())
    with Secure(through, shop) as connection:
        answer = connection.ask(get("/", host="other.test"))
        assert (answer.status, answer.body) == (421, b"this host is served on connections to its own name\n")
        assert connection.status() == 200 # the connection goes on
        assert connection.status(host="nobody.test") == 421
    with Secure(through, shop, context=untrusting(), name="nobody.test") as connection:
        assert connection.status(host="somebody.test") == 200 # the same listener, for all others
        assert connection.status() == 421
    port = through.address.rsplit(":", 1)[1]
    for version in ("--http1.1", "--http2"):
        done = subprocess.run(["curl", "-sS", version, "--cacert", shop.file, "--resolve", f"shop.test:{port}:127.0.0.1", "-H", "Host: other.test",
                               "-w", " %{http_code} %{http_version}", f"https://shop.test:{port}/"], capture_output=True, text=True, check=True)
        assert done.stdout.split()[-2] == "421"
    assert through.metrics().refused(reason="misdirected") == 5
    assert through.metrics().requests(route="", code="421") == 5
    assert {request.get("Host") for request in live.requests} == {"shop.test", "somebody.test"}


def untrusting():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_a_host_that_no_listener_has_is_not_found(service, ruled, shop):
    through = ruled(https(free_port(), a=("shop.test", "a")) + shop.secret("a") + rules.backend("v1", service()) + rules.route())
    with Secure(through, shop) as connection:
        assert connection.status(host="nobody.test") == 404


def test_what_is_no_handshake_is_counted_and_said_once_a_second(service, ruled, shop):
    through = ruled(https(free_port(), a=("shop.test", "a")) + shop.secret("a") + rules.backend("v1", service()) + rules.route())
    with pytest.raises(ssl.SSLError):
        Secure(through, shop, name="nobody.test", context=untrusting())
    with through.connect() as plain:
        plain.send(get("/"))
        assert not plain.rest().startswith(b"HTTP/")
    with through.connect(): # a check of the port says nothing
        pass
    with pytest.raises(ssl.SSLError):
        old = untrusting()
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        Secure(through, shop, context=old)
    wait_for(lambda: handshakes(through, "failed") == 3, "three failures")
    assert through.metrics().refused(reason="tls") == 3
    assert 1 <= through.log().count("TLS with 127.0.0.1:") <= 3
    wait_for(lambda: not through.metrics().sum("umbra_connections", side="client"), "connections to be gone")


def test_clients_resume_at_any_worker(service, ruled, shop):
    through = ruled(https(free_port(), a=("shop.test", "a")) + shop.secret("a") + rules.backend("v1", service()) + rules.route(),
                    "--workers", "2")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = shop.context("http/1.1")
        context.minimum_version = context.maximum_version = version
        session = None
        for _ in range(10):
            with Secure(through, shop, context=context, session=session) as connection:
                assert connection.status() == 200
                assert connection.sock.session_reused == (session is not None)
                session = session or connection.sock.session
    metrics = through.metrics()
    for version in ("1.2", "1.3"):
        assert metrics.sum("umbra_tls_handshakes_total", version=version, resumed="yes") == 9
        assert metrics.sum("umbra_tls_handshakes_total", version=version, resumed="no") == 1


def test_a_renewed_certificate_is_shown_to_new_connections_and_old_ones_go_on(service, ruled, shop, tmp_path):
    renewed = Certificate(tmp_path, "shop.test", 2)
    port = free_port()
    more = rules.backend("v1", service()) + rules.route()
    through = ruled(https(port, a=("shop.test", "a")) + shop.secret("a") + more)
    with Secure(through, shop) as old:
        assert old.status() == 200
        through.rename(https(port, a=("shop.test", "a")) + renewed.secret("a") + more)

        def is_renewed():
            try:
                with Secure(through, renewed) as new:
                    return new.status() == 200
            except ssl.SSLCertVerificationError:
                return False

        wait_for(is_renewed, "the new certificate", 5)
        assert old.status() == 200


def test_a_listener_without_a_certificate_that_can_be_used_is_never_plain(service, ruled, shop):
    """Its Secret is gone: others are served."""
    port, plain = free_port(), free_port()
    text = https(port, a=("shop.test", "a")).replace("---\n", f"  - {{name: plain, port: {plain}, protocol: HTTP}}\n---\n")
    through = ruled(text + shop.secret("a") + rules.backend("v1", service()) + rules.route())
    through.address = f"127.0.0.1:{port}"
    with Secure(through, shop) as connection:
        assert connection.status() == 200
    through.may_complain = True
    through.rename(text + rules.backend("v1", service()) + rules.route())
    wait_for(lambda: through.errors(), "the mistake to be seen")
    assert through.status_of(address=f"127.0.0.1:{plain}") == 200
    with pytest.raises(ConnectionRefusedError):
        through.connect()


def test_a_gateway_that_is_started_anew_and_a_successor_have_the_certificates(service, ruled, shop):
    through = ruled(https(free_port(), a=("shop.test", "a")) + shop.secret("a") + rules.backend("v1", service()) + rules.route())
    through.may_complain = True

    def is_served():
        try:
            with Secure(through, shop) as connection:
                return connection.status() == 200
        except (OSError, http1.Broken, AttributeError):
            return False

    assert is_served()
    for role in ("control", "gateway"):
        pid = through.pids()[role]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: through.pids().get(role) not in (None, pid), f"another {role}")
        wait_for(is_served, f"TLS after another {role}")
    with Secure(through, shop) as connection:
        assert connection.status() == 200
        before = through.replace()
        assert is_served()
        assert connection.status() == 200
    assert before.wait() == 0
    before.kill()


def test_no_private_key_is_ever_written_anywhere(service, ruled, shop, tmp_path):
    """Logs, pages, and what a process leaves when it dies."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    through = ruled(https(free_port(), a=("shop.test", "a")) + shop.secret("a") + rules.backend("v1", service()) + rules.route(),
                    "--log-format", "json", prefix=["sh", "-c", f"cd {scratch} && ulimit -c unlimited 2>/dev/null; exec \"$0\" \"$@\""])
    through.may_complain = True
    with Secure(through, shop) as connection:
        assert connection.status() == 200
    written = through.log() + json.dumps(through.status()) + through.ask("/metrics").body.decode()
    lines = shop.key.splitlines()[1:-1]
    assert lines and not any(line in written for line in lines)
    for role in ("gateway", "control"):
        pid = through.pids()[role]
        limits = open(f"/proc/{pid}/limits", encoding="ascii").read()
        assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")] == [["1", "1"]]
        os.kill(pid, signal.SIGABRT)
        wait_for(lambda: through.pids().get(role) not in (None, pid), f"another {role}")
    assert "was ended by signal 6 (Aborted)" in through.log() and "dumped" not in through.log()
    assert not list(scratch.iterdir())
    assert not any(line in through.log() for line in lines)


# (scheme, port of the filter; where it leads from a listener for HTTPS at 443)
REDIRECTS = [(None, None, "https://shop.test/x"), (None, 8080, "https://shop.test:8080/x"), ("https", None, "https://shop.test/x"),
             ("https", 443, "https://shop.test/x"), ("https", 8443, "https://shop.test:8443/x"), ("http", None, "http://shop.test/x"),
             ("http", 80, "http://shop.test/x"), ("http", 8080, "http://shop.test:8080/x")]


def test_redirects_of_a_listener_at_443_leave_out_the_usual_port(ruled, shop):
    text = ("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: moved}\n"
            "spec:\n  parentRefs: [{name: gw}]\n  rules:\n")
    for number, (scheme, port, _) in enumerate(REDIRECTS):
        said = ", ".join([f"scheme: {scheme}"] * bool(scheme) + [f"port: {port}"] * bool(port) + ["statusCode: 302"])
        text += (f"  - matches: [{{headers: [{{name: x-number, value: '{number}'}}]}}]\n"
                 f"    filters: [{{type: RequestRedirect, requestRedirect: {{{said}}}}}]\n")
    through = ruled(https(443, a=("shop.test", "a")) + shop.secret("a") + text, "--port-offset", str(free_port() - 443))
    with Secure(through, shop) as connection:
        for number, (_, _, location) in enumerate(REDIRECTS):
            moved = connection.ask(get("/x", ("X-Number", str(number)), host="shop.test"))
            assert (moved.status, moved.get("Location")) == (302, location)
