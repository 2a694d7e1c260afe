# SPDX-License-Identifier: Apache-2.0
"""TLS in manifests: mistakes are said so that the line alone is enough to mend them, private keys are never shown, and what is
renewed on disk is in force soon without breaking a connection."""
import base64
import http.server
import socket
import ssl
import subprocess
import threading

import pytest

import rules
from servers import free_port
from umbra import BINARY
from waiting import wait_for

RENEWED_WITHIN_S = 2


class Certificates:
    """Makes certificates that sign themselves; `name` is that of the files."""

    def __init__(self, directory):
        self.directory = directory

    def make(self, name, host):
        key, chain = self.directory / f"{name}.key", self.directory / f"{name}.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", key, "-out", chain, "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-days", "30"],
                       check=True, stderr=subprocess.DEVNULL)
        return chain.read_text(), key.read_text()

    def make_expired(self, name, host):
        """Signed anew by itself, for a day that is over: only `openssl ca` takes one."""
        self.make(name, host)
        key, request, chain = (self.directory / f"{name}.{end}" for end in ("key", "csr", "crt"))
        config = self.directory / "ca.conf"
        (self.directory / "index").write_text("")
        (self.directory / "serial").write_text("01\n")
        config.write_text(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {self.directory}/index\nserial = {self.directory}/serial\n"
                          f"new_certs_dir = {self.directory}\ndefault_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n")
        subprocess.run(["openssl", "req", "-new", "-key", key, "-out", request, "-subj", f"/CN={host}"], check=True)
        subprocess.run(["openssl", "ca", "-batch", "-selfsign", "-notext", "-config", config, "-keyfile", key, "-in", request, "-out",
                        chain, "-startdate", "20250101000000Z", "-enddate", "20250102000000Z"], check=True,
                       stderr=subprocess.DEVNULL)
        return chain.read_text(), key.read_text()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def shop(certificates):
    return certificates.make("shop", "shop.test")


@pytest.fixture(scope="module")
def other(certificates):
    return certificates.make("other", "other.test")


def secret(name, chain, key, namespace="default"):
    def coded(text):
        return base64.b64encode(text.encode()).decode()
    return (f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\ntype: kubernetes.io/tls\n"
            f"data:\n  tls.crt: {coded(chain)}\n  tls.key: {coded(key)}\n---\n")


def https(*names, port=443, hostname=None, more=""):
    refs = ", ".join(f"{{name: {name}}}" for name in names)
    host = f", hostname: '{hostname}'" if hostname else ""
    return ("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw}\n"
            f"spec:\n  gatewayClassName: umbra\n{more}  listeners:\n"
            f"  - {{name: https, port: {port}, protocol: HTTPS{host}, tls: {{certificateRefs: [{refs}]}}}}\n---\n")


def check(text, directory):
    path = directory / "rules.yaml"
    path.write_text(text)
    done = subprocess.run([BINARY, "check", "-f", path], capture_output=True, text=True)
    return done.returncode, [line.removeprefix(f"{path}:") for line in done.stderr.splitlines()]


def policy(validation, more=""):
    return ("apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {name: shop}\nspec:\n"
            f"  targetRefs: [{{group: '', kind: Service, name: shop{more}}}]\n  validation: {{{validation}}}\n---\n")


def to_service(port=443):
    return (rules.gateway(http=80) +
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n  parentRefs: [{name: gw}]\n"
            f"  rules: [{{name: all, backendRefs: [{{name: shop, port: {port}}}]}}]\n---\n")


def config_map(text, key="ca.crt"):
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: ca}}\ndata:\n  {key}: |\n{indented}---\n"


CA_REF = "caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]"


def mistakes(shop, other):
    """What is written, and what the line that is said of it has."""
    chain, key = shop
    cut = chain[:len(chain) // 2]
    backend = rules.backend("v1", "127.0.0.1:1")
    return {
        "key of another": (https("a") + secret("a", chain, other[1]), "Secret/a: data[\"tls.key\"]", "not the one of the certificate"),
        "cut off": (https("a") + secret("a", cut, key), "Secret/a: data[\"tls.crt\"]", "can't be read"),
        "no PEM": (https("a") + secret("a", "hello", key), "Secret/a: data[\"tls.crt\"]", "not PEM"),
        "key and certificate the wrong way round": (https("a") + secret("a", key, chain), "Secret/a: data[\"tls.crt\"]", "no block -----BEGIN CERTIFICATE-----"),
        "misspelt": (https("shop-tsl") + secret("shop-tls", chain, key), "certificateRefs[0].name: there is no Secret default/shop-tsl", 'did you mean "shop-tls"?'),
        "in another namespace": (https("a") + secret("a", chain, key, "keys"), "there is no Secret default/a", "write namespace: keys"),
        "no certificate": (https(), "spec.listeners[0].tls.certificateRefs", "needs a certificate"),
        "name of another": (https("a", hostname="www.test") + secret("a", chain, key), "spec.listeners[0].hostname", "none of the listener's certificates is for www.test"),
        "HTTP and HTTPS on one port": (https("a", port=80) + rules.gateway("gx", http=80) + secret("a", chain, key), "Gateway/gx: spec.listeners[0].port", "taken for HTTPS by listener https of Gateway default/gw"),
        "ConfigMap misspelt": (to_service() + policy(CA_REF.replace("ca}", "cas}") + ", hostname: a") + config_map(chain), "caCertificateRefs[0].name: there is no ConfigMap default/cas", 'did you mean "ca"?'),
        "ConfigMap with another key": (to_service() + policy(CA_REF + ", hostname: a") + config_map(chain, "ca.pem"), "has no ca.crt", "it has ca.pem"),
        "nobody trusted": (to_service() + policy("hostname: a"), "spec.validation.caCertificateRefs", "wellKnownCACertificates: System"),
        "https without a policy": (to_service() + "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {ports: [{port: 443, appProtocol: https}]}\n", "backendRefs[0]", "add a BackendTLSPolicy"),
        "file that is not there": (rules.gateway(http=80) + rules.route() + backend.replace("spec: {", "spec: {tls: {caFile: gone.pem, serverName: a}, "), "Backend/v1: spec.tls.caFile", "gone.pem: there is no such file"),
    }


def test_the_line_of_a_mistake_is_enough_to_mend_it(shop, other, tmp_path):
    for name, (text, place, words) in mistakes(shop, other).items():
        _, lines = check(text, tmp_path)
        assert any(place in line and words in line for line in lines), (name, lines)
        # Where it stands, and no secret in it.
        assert all(line.split(":")[0].isdigit() for line in lines), (name, lines)
        assert not any("PRIVATE KEY-----\n" in line or shop[1].splitlines()[1] in line for line in lines), name


def test_what_is_right_is_said_to_be(shop, tmp_path):
    text = https("a", hostname="shop.test") + secret("a", *shop)
    assert check(text, tmp_path) == (0, [])


def test_expired_certificates_are_a_warning(certificates, tmp_path):
    past = certificates.make_expired("past", "shop.test")
    code, lines = check(https("a") + secret("a", *past), tmp_path)
    assert code == 0
    assert len(lines) == 1 and "the certificate has expired on 2025-01-02" in lines[0] and "tls.crt" in lines[0]


def test_printed_rules_have_no_secret_and_may_be_applied(shop, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(https("a") + secret("a", *shop))
    done = subprocess.run([BINARY, "print", "-f", path], capture_output=True, text=True, check=True)
    assert "# Secret default/a is not shown" in done.stdout
    assert "\nkind: Secret" not in done.stdout
    for text in shop:
        assert base64.b64encode(text.encode()).decode()[:40] not in done.stdout


# ---- in force ----

def shown(port, name, timeout=5):
    """The certificate that a client gets, in PEM, and the connection."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout), server_hostname=name)
    return ssl.DER_cert_to_PEM_cert(connection.getpeercert(True)), connection


def ask(connection, host="shop.test"):
    connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        more = connection.recv(65536)
        assert more, answer
        answer += more
    return int(answer.split()[1])


def same(one, other):
    return "".join(one.split()) == "".join(other.split())


def served(text, service):
    return text + rules.backend("v1", service) + rules.route(parent="gw")


def test_a_renewed_certificate_is_in_force_and_connections_stay(ruled, service, certificates, shop):
    live, port = service(), free_port()
    renewed = certificates.make("renewed", "shop.test")
    through = ruled(served(https("a", port=port, hostname="shop.test") + secret("a", *shop), live))
    certificate, old = shown(port, "shop.test")
    assert same(certificate, shop[0])
    assert ask(old) == 200
    through.rules.write_text(through.rules.read_text().replace(secret("a", *shop), secret("a", *renewed)))
    wait_for(lambda: same(shown(port, "shop.test")[0], renewed[0]), "the renewed certificate", RENEWED_WITHIN_S + 8)
    assert ask(old) == 200, "the connection of before"


def test_a_certificate_that_becomes_bad_stays_as_it_was(ruled, service, shop, other):
    live, port = service(), free_port()
    through = ruled(served(https("a", port=port, hostname="shop.test") + secret("a", *shop), live))
    through.rules.write_text(through.rules.read_text().replace(secret("a", *shop), secret("a", shop[0], other[1])))
    through.may_complain = True
    wait_for(lambda: "what it was before stays in force" in through.log(), "the error in the log")
    certificate, connection = shown(port, "shop.test")
    assert same(certificate, shop[0])
    assert ask(connection) == 200
    assert shop[1].splitlines()[1] not in through.log()


# ---- to backends ----

class Secure:
    """A service that speaks HTTP/1.1 over TLS with a certificate, or plain without one, and counts what comes."""

    def __init__(self, certificate=None):
        outer, self.count = self, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.count += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # handshakes that fail are part of the tests
        self.port = self.server.server_address[1]
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def secure(ending, certificates):
    """secure("shop"): a service with that certificate; secure(): without."""
    def start(name=None):
        ends = [certificates.directory / f"{name}.{end}" for end in ("crt", "key")] if name else None
        started = Secure(ends)
        ending.callback(started.close)
        return started
    return start


def to_port(port):
    """An HTTPRoute to port 443 of the Service shop, which is at a port of this machine."""
    return (to_service().split("---\n", 1)[1] +
            "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {ports: [{name: web, port: 443}]}\n---\n"
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
            "metadata: {name: shop-1, labels: {kubernetes.io/service-name: shop}}\naddressType: IPv4\n"
            f"ports: [{{name: web, port: {port}}}]\nendpoints: [{{addresses: [127.0.0.1]}}]\n---\n")


def status(through):
    with through.connect() as connection:
        return connection.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").status


def test_a_policy_speaks_tls_to_a_service_and_checks_who_it_is(ruled, secure, shop, other):
    live = secure("shop")
    through = ruled(rules.gateway(http=free_port()) + to_port(live.port) +
                    policy(CA_REF + ", hostname: shop.test") + config_map(shop[0]))
    assert status(through) == 200
    right = through.rules.read_text()
    # Of another name; from others.
    for wrong in (right.replace("hostname: shop.test", "hostname: www.test"), right.replace(config_map(shop[0]), config_map(other[0]))):
        through.rules.write_text(wrong)
        wait_for(lambda: status(through) == 502, "the check to fail")
        through.rules.write_text(right)
        wait_for(lambda: status(through) == 200, "the right rules")


def test_where_tls_can_not_be_had_no_plain_text_is_sent(ruled, secure):
    live = secure()  # would take it
    through = ruled(rules.gateway(http=free_port()) + to_port(live.port) + policy(CA_REF + ", hostname: shop.test"))
    through.may_complain = True
    assert status(through) == 500
    assert live.count == 0


def test_files_of_a_backend_are_read_again_when_they_change(ruled, secure, shop, other):
    live = secure("shop")
    backend = rules.backend("v1", f"127.0.0.1:{live.port}").replace(
        "spec: {", "spec: {protocol: HTTPS, tls: {serverName: shop.test, caFile: ca.pem}, ")
    through = ruled(rules.gateway(http=free_port()) + backend + rules.route())
    through.may_complain = True
    assert status(through) == 500  # there is no such file yet
    for bundle, code in ((other[0], 502), (shop[0], 200)):
        (through.directory / "ca.pem").write_text(bundle)
        wait_for(lambda: status(through) == code, f"{code}")
    # What becomes bad stays as it was.
    (through.directory / "ca.pem").write_text("nothing")
    wait_for(lambda: "what it was before stays in force" in through.log(), "the error in the log")
    assert status(through) == 200
