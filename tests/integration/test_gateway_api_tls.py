# SPDX-License-Identifier: Apache-2.0
"""Gateway API: HTTPS listeners, whose Secrets they may use, what a connection may ask for, and BackendTLSPolicies."""
import json
import ssl
import subprocess

import pytest

import certificates
import http1
from gateway_api import Echo, gateway, route, service

pytestmark = pytest.mark.sanitize

NAMES = ["port.test", "pier.test", "*.isle.test", "east.isle.test"]


class TlsEcho(Echo):
    """Over TLS, with the certificate `identity`; `server_names` are those that clients asked for."""

    def __init__(self, name, scripts, identity, host="127.0.0.1"):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity.chain_file, identity.key_file)
        self.context.sni_callback = lambda sock, name, context: self.server_names.append(name)
        self.server_names = []
        super().__init__(name, scripts, host=host)

    def _serve_requests(self, link):
        link.sock = self.context.wrap_socket(link.sock, server_side=True)
        link.reader = http1.Reader(link.sock)
        super()._serve_requests(link)


class Chains:
    """What is trusted, what listeners show, and what services show."""

    def __init__(self, directory):
        self.trusted = certificates.Authority(directory, "trusted")
        self.other = certificates.Authority(directory, "other")
        self.listener = self.trusted.issue("listener", *(f"DNS:{name}" for name in NAMES))
        self.service = self.trusted.issue("service", "DNS:store.test", "DNS:second.test", "URI:spiffe://isle.test/store")

    def config_map(self, name, text=None):
        text = self.trusted.file.read_text() if text is None else text
        return ("apiVersion: v1\nkind: ConfigMap\n"
                f"metadata: {{name: {name}, namespace: shop}}\ndata: {{ca.crt: {json.dumps(text)}}}\n---\n")

    def secret(self, name, namespace="shop"):
        return self.listener.secret(name).replace(f"{{name: {name}}}", f"{{name: {name}, namespace: {namespace}}}")


def listener(port, refs, name="https", more=""):
    return f"name: {name}, port: {port}, protocol: HTTPS, {more}tls: {{certificateRefs: [{refs}]}}"


def to(name):
    return f"  - backendRefs: [{{name: {name}, port: 8080}}]\n"


def on(path, name, more=""):
    return (f"  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n"
            f"    backendRefs: [{{name: {name}, port: 8080{more}}}]\n")


# ---- listeners ----

RULES = gateway("harbour", listener(443, "{name: shown}", "any"),
                listener(443, "{name: shown}", "pier", "hostname: pier.test, "),
                listener(443, "{name: shown}", "isle", "hostname: '*.isle.test', "),
                listener(443, "{name: shown}", "east", "hostname: east.isle.test, "))
RULES += route("at-any", "port.test", on("/", "one"), "{name: harbour, sectionName: any}")
RULES += route("at-pier", "", on("/", "two"), "{name: harbour, sectionName: pier}")
RULES += route("at-isle", "", on("/", "three"), "{name: harbour, sectionName: isle}")
RULES += route("at-east", "", on("/", "one"), "{name: harbour, sectionName: east}")

# (what the filter says, where it leads from port 443)
MOVED = [("statusCode: 302", "https://port.test/moved"), ("port: 8080", "https://port.test:8080/moved"),
         ("scheme: https", "https://port.test/moved"), ("scheme: https, port: 443", "https://port.test/moved"),
         ("scheme: https, port: 8443", "https://port.test:8443/moved"), ("scheme: http", "http://port.test/moved"),
         ("scheme: http, port: 80", "http://port.test/moved"),
         ("scheme: http, port: 8080", "http://port.test:8080/moved")]
RULES += route("moved", "port.test", "".join(
    f"  - matches: [{{path: {{type: Exact, value: /moved}}, headers: [{{name: x-number, value: '{number}'}}]}}]\n"
    f"    filters: [{{type: RequestRedirect, requestRedirect: {{{filter}}}}}]\n"
    for number, (filter, _) in enumerate(MOVED)), "{name: harbour, sectionName: any}")

# What can't be used, each at a Gateway of its own.
BAD = {"no-secret": "{name: nowhere}", "odd-group": "{group: odd.test, kind: Secret, name: shown}",
       "odd-kind": "{kind: Oddity, name: shown}", "no-certificate": "{name: garbage}"}
for number, (bad, refs) in enumerate(BAD.items()):
    RULES += gateway(bad, listener(450 + number, refs))
RULES += ("apiVersion: v1\nkind: Secret\nmetadata: {name: garbage, namespace: shop}\ntype: kubernetes.io/tls\n"
          "data: {tls.crt: bm90aGluZwo=, tls.key: bm90aGluZwo=}\n---\n")


def grant(namespace, name, *, group="gateway.networking.k8s.io", kind="Gateway", origin="shop", to_group='""',
          to_kind="Secret", to_name="kept"):
    target = f"group: {to_group}, kind: {to_kind}" + (f", name: {to_name}" if to_name else "")
    return ("apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\n"
            f"metadata: {{name: {name}, namespace: {namespace}}}\n"
            f"spec: {{from: [{{group: {group}, kind: {kind}, namespace: {origin}}}], to: [{{{target}}}]}}\n---\n")


# Secrets of other namespaces, by the namespace's name: with a grant for it, for all, without one, and with seven wrong ones.
ABROAD = {"open": 460, "wide": 461, "closed": 462, "shut": 463}
for space, port in ABROAD.items():
    RULES += gateway(f"abroad-{space}", listener(port, f"{{name: kept, namespace: {space}}}"))
RULES += grant("open", "this") + grant("wide", "all", to_name=None)
RULES += grant("shop", "in-the-wrong-namespace") + grant("shut", "from-a-group", group="odd.test")
RULES += grant("shut", "from-a-kind", kind="HTTPRoute") + grant("shut", "from-elsewhere", origin="market")
RULES += grant("shut", "to-a-group", to_group="odd.test") + grant("shut", "to-a-kind", to_kind="Service")
RULES += grant("shut", "to-another", to_name="other")

# ---- BackendTLSPolicies ----

RULES += gateway("front", 80)


def target(name, section=None):
    return f"{{group: '', kind: Service, name: {name}" + (f", sectionName: {section}}}" if section else "}")


def policy(name, targets, refs="{group: '', kind: ConfigMap, name: trusted}", hostname="store.test", more=""):
    return ("apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\n"
            f"metadata: {{name: {name}, namespace: shop}}\n"
            f"spec: {{targetRefs: [{targets}], validation: {{caCertificateRefs: [{refs}], hostname: {hostname}{more}}}}}\n---\n")


def ref(name, kind="ConfigMap"):
    return f"{{group: '', kind: {kind}, name: {name}}}"


def names(name, *alternatives):
    """A policy that wants one of these names in the certificate; the hostname is asked for, and need not be there."""
    items = ", ".join("{type: URI, uri: '%s'}" % one if ":" in one else "{type: Hostname, hostname: %s}" % one
                      for one in alternatives)
    return policy(name, target(name), hostname="strange.test", more=f", subjectAltNames: [{items}]")


# {Service: (policy, what is answered)}; all are the one echo that speaks TLS.
POLICIES = {
    "right": (policy("right", target("right")), "store"),
    "host": (policy("host", target("host"), hostname="strange.test"), 502),
    "stranger": (policy("stranger", target("stranger"), ref("other")), 502),
    "no-map": (policy("no-map", target("no-map"), ref("nowhere")), 500),
    "bad-map": (policy("bad-map", target("bad-map"), ref("garbage")), 500),
    "odd-ref": (policy("odd-ref", target("odd-ref"), ref("trusted", "Oddity")), 500),
    # Of two the first counts; one for a port comes before one for all.
    "twice": (policy("twice-1", target("twice")) + policy("twice-2", target("twice"), hostname="strange.test"), "store"),
    "port-twice": (policy("port-twice-1", target("port-twice", "http")) +
                   policy("port-twice-2", target("port-twice", "http"), hostname="strange.test"), "store"),
    "port-and-all": (policy("port-only", target("port-and-all", "http")) +
                     policy("port-rest", target("port-and-all"), hostname="strange.test"), "store"),
    "name": (names("name", "second.test"), "store"),
    "other-name": (names("other-name", "third.test"), 502),
    "some-name": (names("some-name", "third.test", "store.test"), "store"),
    "uri": (names("uri", "spiffe://isle.test/store"), "store"),
    "other-uri": (names("other-uri", "spiffe://isle.test/other"), 502),
    "name-and-uri": (names("name-and-uri", "third.test", "spiffe://isle.test/store"), "store"),
}
RULES += "".join(service(name, "127.0.0.1:<store>") + text for name, (text, _) in POLICIES.items())
RULES += route("stores", "store.test", "".join(on(f"/{name}", name) for name in POLICIES))
RULES += route("encrypted", "port.test", on("/right", "right"), "{name: harbour, sectionName: any}")


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    return Chains(tmp_path_factory.mktemp("chains"))


@pytest.fixture(scope="module")
def play(plays, chains):
    text = RULES + chains.secret("shown") + "".join(chains.secret("kept", space) for space in ABROAD)
    text += chains.config_map("trusted") + chains.config_map("garbage", "nothing")
    text += chains.config_map("other", chains.other.file.read_text())

    def echo(name, scripts, **options):
        kind = Echo if name != "store" else lambda *words, **more: TlsEcho(*words, chains.service, **more)
        return kind(name, scripts, **options)
    with plays(text, "one", "two", "three", "store", echo=echo) as started:
        yield started


class Secure(http1.Connection):
    """A client over TLS that asks for a name, and checks the certificate for it where it has one."""

    def __init__(self, address, chains, name):
        super().__init__(address)
        context = ssl.create_default_context(cafile=str(chains.trusted.file))
        context.check_hostname = not name.startswith("nobody")
        self.sock = context.wrap_socket(self.sock, server_hostname=name)
        self.reader = http1.Reader(self.sock)


def ask(play, chains, name, host, path="/", *fields, port=443):
    with Secure(play.address(port), chains, name) as connection:
        return connection.ask(http1.get(path, *fields, host=host))


@pytest.mark.parametrize("host, by", [("port.test", "one"), ("pier.test", "two"), ("west.isle.test", "three")])
def test_requests_come_in_over_tls_by_the_listener_of_their_name(play, chains, host, by):
    answer = ask(play, chains, host, host)
    assert (answer.status, answer.body.decode()) == (200, by)


def test_a_host_without_a_route_is_not_found_over_tls(play, chains):
    assert ask(play, chains, "port.test", "nobody.test").status == 404


# The last is what no listener but the one for all has.
CONNECTIONS = [
    ("port.test", "port.test", "one"), ("port.test", "pier.test", 421), ("port.test", "nobody.test", 404),
    ("pier.test", "pier.test", "two"), ("pier.test", "port.test", 421), ("pier.test", "nobody.test", 421),
    ("west.isle.test", "west.isle.test", "three"), ("west.isle.test", "north.isle.test", "three"),
    ("west.isle.test", "east.isle.test", 421), ("west.isle.test", "pier.test", 421),
    ("west.isle.test", "nobody.test", 421), ("east.isle.test", "east.isle.test", "one"),
    ("east.isle.test", "west.isle.test", 421), ("nobody.test", "port.test", "one"), ("nobody.test", "nobody.test", 404)]


@pytest.mark.parametrize("name, host, by", CONNECTIONS)
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_connection_serves_the_hosts_of_its_listener_alone(play, chains, version, name, host, by):
    words = ["curl", "-sS", version, "--cacert", chains.trusted.file, "--connect-to", f"::{play.address(443)}",
             *(["--insecure"] if name == "nobody.test" else []), "-H", f"Host: {host}", "-w", "\n%{http_code}",
             f"https://{name}/"]
    body, _, status = subprocess.run(words, capture_output=True, text=True, check=True).stdout.rpartition("\n")
    assert (body if status == "200" else int(status)) == by


@pytest.mark.parametrize("number", range(len(MOVED)))
def test_redirects_of_a_listener_at_443_leave_out_the_usual_port(play, chains, number):
    answer = ask(play, chains, "port.test", "port.test", "/moved", ("X-Number", number))
    assert (answer.status, answer.get("Location")) == (302, MOVED[number][1])


@pytest.mark.parametrize("name", BAD)
def test_a_certificate_that_can_not_be_had_is_said_and_the_listener_is_not_served(play, name):
    said = play.problems("Secret", "garbage") if name == "no-certificate" else play.problems("Gateway", name)
    assert said == ["InvalidCertificateRef"]
    assert play.listeners(name) == {"https": None}


@pytest.mark.parametrize("space, port", ABROAD.items())
def test_a_secret_of_another_namespace_needs_a_grant_for_it_or_for_all(play, chains, space, port):
    if space in ("open", "wide"):
        assert play.problems("Gateway", f"abroad-{space}") == []
        assert ask(play, chains, "port.test", "port.test", port=port).status == 404
    else:
        assert play.problems("Gateway", f"abroad-{space}") == ["RefNotPermitted"]
        assert play.listeners(f"abroad-{space}") == {"https": None}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_says_how_a_service_is_spoken_to(play, name):
    reply = play.ask(f"store.test/{name}")
    assert reply.by == POLICIES[name][1]
    if reply.by == "store":
        assert set(play.services["store"].server_names) <= {"store.test", "strange.test"}
        assert "store.test" in play.services["store"].server_names


def test_what_came_over_tls_is_encrypted_again(play, chains):
    answer = ask(play, chains, "port.test", "port.test", "/right")
    assert (answer.status, answer.body) == (200, b"store")


LATE = gateway("front", 80) + service("late", "127.0.0.1:<store>") + policy("late", target("late"), ref("late"))
LATE += route("late", "late.test", to("late"))


@pytest.fixture
def late(plays, chains):
    """A play whose policy wants a ConfigMap that is not there, and what it may be: (play, good, bad)."""
    with plays(LATE, "store", echo=lambda *words, **more: TlsEcho(*words, chains.service, **more)) as play:
        yield play, LATE + chains.config_map("late"), LATE + chains.config_map("late", "")


def test_a_bundle_that_comes_goes_bad_and_is_mended_is_followed(late):
    play, good, bad = late

    def look():
        return play.ask("late.test/").by, bool(play.problems("BackendTLSPolicy", "late") + play.problems("ConfigMap", "late"))
    play.eventually(look, (500, True))
    play.change(good)
    play.eventually(look, ("store", False))
    play.change(bad)
    play.eventually(lambda: look()[1], True)  # the last good one may stay in force
    play.change(good)
    play.eventually(look, ("store", False))
