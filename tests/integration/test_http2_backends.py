# SPDX-License-Identifier: Apache-2.0
"""Live backends and shadows that speak HTTP/2, with TLS and without, beside others that do not."""
import re
import subprocess

import pytest

import frames
import rules
from http1 import answer, get, post
from servers import answering, free_port
from waiting import wait_for

MIB = 1024 * 1024
SETTINGS, SETTINGS_ACK = b"\0\0\0\4\0\0\0\0\0", b"\0\0\0\4\1\0\0\0\0"
SAY = "return 200 '$request_method $request_uri $http_host $server_protocol';"


def curl(address, *options, path="/", version="--http1.1", stdin=None):
    """Status, version and body of an answer."""
    done = subprocess.run(["curl", "-sS", "--max-time", "20", version, "-w", "\n%{http_code} %{http_version}", *options,
                           f"http://{address}{path}"], capture_output=True, text=True, check=False, input=stdin)
    assert done.returncode == 0, done.stderr
    body, _, last = done.stdout.rpartition("\n")
    return int(last.split()[0]), last.split()[1], body


def h2load(address, count, *options):
    """Requests that got 2xx."""
    done = subprocess.run(["h2load", "-n", str(count), *options, f"http://{address}/"], capture_output=True, text=True,
                          check=True)
    return int(re.search(r"status codes: (\d+) 2xx", done.stdout)[1])


def setting(*backends, shadow="v2", policy=""):
    """One route; backends are (name, address, fields of its spec)."""
    text = rules.gateway(http=free_port()) + "".join(rules.backend(name, at, extra=extra)
                                                     for name, at, extra in backends)
    return text + rules.route(shadow=shadow) + (rules.policy(policy) if policy else "")


@pytest.fixture
def certificates(tmp_path):
    """certificates("shop.test"): a key and a certificate for the name, from the authority in ca.pem beside them."""
    def run(*arguments):
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out",
        "ca.pem", "-days", "2", "-subj", "/CN=authority of the tests")

    def make(name):
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
            f"{name}.csr", "-subj", f"/CN={name}")
        (tmp_path / "extensions").write_text(f"subjectAltName=DNS:{name}\n")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-out", f"{name}.pem", "-extfile", "extensions")
        return f"ssl_certificate {tmp_path}/{name}.pem; ssl_certificate_key {tmp_path}/{name}.key; "
    make.authority = tmp_path / "ca.pem"
    return make


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_requests_and_copies_reach_http2_backends(nginx, ruled, version):
    live, shadow = (nginx(f"location / {{ {SAY} }}", listen="http2", has_access_log=True) for _ in range(2))
    through = ruled(setting(("v1", live, "protocol: H2C"), ("v2", shadow, "protocol: H2C")))
    assert curl(through.address, "-d", "hello", path="/a?b=c", version=version) == \
        (200, "1.1" if version == "--http1.1" else "2", f"POST /a?b=c {through.address} HTTP/2.0")
    through.settled(lambda metrics: metrics.mirror("completed", code="200") == 1)
    assert [line.split()[:3] for line in shadow.lines()] == [["POST", "/a?b=c", "200"]]


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_live_and_shadow_may_speak_different_versions(nginx, service, ruled, version):
    old, behind = (service(answering(lambda request: answer(200, request.body))) for _ in range(2))
    new = nginx(f"client_max_body_size 1m; location / {{ proxy_pass http://{behind.address}; }}", listen="http2")
    body = "x" * 100000
    through = ruled(setting(("v1", old, ""), ("v2", new, "protocol: H2C")))
    assert curl(through.address, "-d", body, version=version)[2] == body
    through.settled(lambda metrics: metrics.mirror("completed", code="200") == 1)
    through = ruled(setting(("v1", new, "protocol: H2C"), ("v2", old, "")))
    assert curl(through.address, "-d", body, version=version)[2] == body
    through.settled(lambda metrics: metrics.mirror("completed", code="200") == 1)
    first, copy = old.wait(2)
    for request in first, copy:
        assert request.body == body.encode() and not request.is_chunked
        assert len(request.all("Host")) == 1 and not request.all("TE")


@pytest.mark.sanitize
def test_a_body_without_length_is_chunked_for_http1_and_only_there(nginx, service, ruled):
    old = service(answering(lambda request: answer(200, request.body)))
    through = ruled(setting(("v1", old, ""), shadow=None))
    assert curl(through.address, "-T", "-", version="--http2-prior-knowledge",
                stdin="of unknown length")[2] == "of unknown length"
    assert old.wait(1)[0].is_chunked


@pytest.mark.sanitize
def test_an_answer_that_is_a_head_alone_ends_for_http1_too(service, ruled):
    """The backend says no length, but that nothing follows."""
    def answers_with_heads(link):
        link.reader.until(frames.PREFACE)
        link.send(SETTINGS)
        while True:
            head = link.reader.bytes(9)
            frame = frames.Frame(head, link.reader.bytes(int.from_bytes(head[:3], "big")))
            if frame.kind == frames.SETTINGS and not frame.flags & frames.ACK:
                link.send(SETTINGS_ACK)
            elif frame.kind == frames.HEADERS:
                link.send(frames.frame(frames.HEADERS, frames.END_STREAM | frames.END_HEADERS, frame.stream, b"\x88"))

    through = ruled(setting(("v1", service(answers_with_heads), "protocol: H2C"), shadow=None))
    with through.connect() as connection:
        for _ in range(2):
            got = connection.ask(get("/"))
            assert (got.status, got.get("content-length"), got.body) == (200, "0", b"")


@pytest.mark.sanitize
def test_many_requests_share_few_connections(nginx, ruled):
    live, shadow = (nginx(f"location / {{ {SAY} }}", listen="http2") for _ in range(2))
    through = ruled(setting(("v1", live, "protocol: H2C"), ("v2", shadow, "protocol: H2C")), "--shed", "off",
                    "--workers", "1")
    assert h2load(through.address, 5000, "-c", "10", "-m", "10") == 5000
    page = through.settled(lambda metrics: metrics.mirror("matched") == 5000)
    assert page.mirror("completed", code="200") + page.mirror("dropped") == 5000 and not page.mirror("failed")
    assert page.sum("umbra_connections", side="live") <= 10


def test_connections_that_the_backend_ends_in_order_cost_no_request(nginx, ruled):
    """After so many requests nginx says GOAWAY."""
    config = f"keepalive_requests 100; location / {{ {SAY} }}"
    live, shadow = nginx(config, listen="http2"), nginx(config, listen="http2")
    through = ruled(setting(("v1", live, "protocol: H2C"), ("v2", shadow, "protocol: H2C")), "--shed", "off")
    assert h2load(through.address, 3000, "-c", "5", "-m", "10") == 3000
    page = through.settled(lambda metrics: metrics.mirror("matched") == 3000)
    assert page.mirror("completed", code="200") + page.mirror("dropped") == 3000 and not page.mirror("failed")


@pytest.mark.parametrize("protocol", ["HTTPS", "AUTO"])
def test_tls_to_live_and_shadow(nginx, ruled, certificates, protocol):
    config = certificates("shop.test") + f"location / {{ {SAY} }}"
    live, shadow = (nginx(config, listen="ssl http2") for _ in range(2))
    extra = f"protocol: {protocol}, tls: {{serverName: shop.test, caFile: {certificates.authority}}}"
    through = ruled(setting(("v1", live, extra), ("v2", shadow, extra)))
    expected = "HTTP/2.0" if protocol == "AUTO" else "HTTP/1.1"
    for _ in range(3):
        assert curl(through.address)[2] == f"GET / {through.address} {expected}"
    through.settled(lambda metrics: metrics.mirror("completed", code="200") == 3)


@pytest.mark.parametrize("what", ["another name", "another authority", "no TLS at all"])
def test_a_peer_that_fails_its_check_gets_nothing(nginx, service, ruled, certificates, what):
    config = certificates("shop.test") + f"location / {{ {SAY} }}"
    authority = certificates.authority
    if what == "another authority":
        authority = authority.with_name("other.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", "other.key", "-out", "other.pem", "-subj", "/CN=nobody"], cwd=authority.parent,
                       check=True, capture_output=True)
    is_plain = what == "no TLS at all"
    peer = nginx(f"location / {{ {SAY} }}" if is_plain else config, listen="" if is_plain else "ssl http2",
                 has_access_log=True)
    name = "other.test" if what == "another name" else "shop.test"
    extra = f"protocol: HTTPS, tls: {{serverName: {name}, caFile: {authority}}}"
    good = service()
    through = ruled(setting(("v1", good, ""), ("v2", peer, extra)))
    assert curl(through.address)[0] == 200
    page = through.settled(lambda metrics: metrics.mirror("matched") == 1)
    assert page.mirror("failed", reason="tls") == 1
    through = ruled(setting(("v1", peer, extra), shadow=None))
    for _ in range(3):
        assert curl(through.address)[0] == 502
    wait_for(lambda: "no TLS with the live endpoint" in through.log(), lambda: f"a line in the log: {through.log()}")
    assert not [line for line in peer.lines() if line.startswith("GET")]


@pytest.mark.parametrize("reads", [True, False])
def test_a_stalled_http2_shadow_holds_nobody_up(service, ruled, reads):
    """It gives no window beyond the first, or does not even read."""
    def stalls(link):
        link.send(SETTINGS + SETTINGS_ACK)
        if reads:
            link.wait_end()
        else:
            link.wait_close()

    live = service(answering(lambda request: answer(200, b"taken")), keep_bodies=False)
    shadow = service(stalls)
    through = ruled(setting(("v1", live, ""), ("v2", shadow, "protocol: H2C"), policy="limits: {timeout: 2s}"),
                    "--shed", "off", "--mirror-budget", "8Mi")
    body = b"b" * MIB
    with through.connect() as connection:
        for _ in range(40):
            assert connection.ask(post("/upload", body)).body == b"taken"
            assert through.metrics().sum("umbra_mirror_budget_bytes") <= 8 * MIB
    page = through.settled(lambda metrics: metrics.mirror("matched") == 40, 40)
    assert not page.mirror("completed")
    assert page.mirror("failed") + page.mirror("dropped") == 40
    wait_for(lambda: through.metrics().sum("umbra_mirror_budget_bytes") == 0, "the budget to be given back", 30)


def test_unix_sockets_are_backends(service, ruled, tmp_path):
    live = service(answering(lambda request: answer(200, request.body)), host=f"unix:{tmp_path}/live")
    shadow = service(host=f"unix:{tmp_path}/shadow")
    through = ruled(setting(("v1", live, ""), ("v2", shadow, "")))
    with through.connect() as connection:
        for i in range(20):
            assert connection.ask(post("/local", b"body %d" % i)).body == b"body %d" % i
    copies = shadow.wait(20)
    assert sorted(copy.body for copy in copies) == sorted(request.body for request in live.requests)
    through.settled(lambda metrics: metrics.mirror("completed", code="200") == 20)


def test_a_unix_socket_that_is_gone_is_a_503(service, ruled, tmp_path):
    shadow = service()
    through = ruled(setting(("v1", f"unix:{tmp_path}/nobody", ""), ("v2", shadow, "")))
    assert through.get("/").status == 503
    through = ruled(setting(("v1", shadow, ""), ("v2", f"unix:{tmp_path}/nobody", "")))
    assert through.get("/").status == 200
    page = through.settled(lambda metrics: metrics.mirror("matched") == 1)
    assert page.mirror("failed", reason="connect") == 1


def test_a_service_port_says_that_http2_is_spoken(nginx, ruled):
    """With `appProtocol: kubernetes.io/h2c`, as in a cluster."""
    live, shadow = (nginx(f"location / {{ {SAY} }}", listen="http2", has_access_log=True) for _ in range(2))
    text = rules.gateway(http=free_port()) + rules.backend("v2", shadow, extra="protocol: H2C") + rules.route(shadow="v2")
    text = text.replace("{group: umbra.dev, kind: Backend, name: v1}", "{name: shop, port: 80}")
    port = live.address.rsplit(":", 1)[1]
    text += ("apiVersion: v1\nkind: Service\nmetadata: {name: shop}\n"
             "spec: {ports: [{name: web, port: 80, appProtocol: kubernetes.io/h2c}]}\n---\n"
             "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
             "metadata: {name: shop-1, labels: {kubernetes.io/service-name: shop}}\naddressType: IPv4\n"
             f"ports: [{{name: web, port: {port}}}]\nendpoints: [{{addresses: [127.0.0.1]}}]\n---\n")
    through = ruled(text)
    assert curl(through.address) == (200, "1.1", f"GET / {through.address} HTTP/2.0")
    through.settled(lambda metrics: metrics.mirror("completed", code="200") == 1)
    assert len(shadow.lines()) == 1
