# SPDX-License-Identifier: Apache-2.0
"""Gateway API: who answers. Weights, kinds of Services, references with and without a grant, and what can't be
resolved."""
import base64
import hashlib

import pytest

import http1
from gateway_api import gateway, route, service, slices, stage

pytestmark = pytest.mark.sanitize


def on(path, refs):
    return f"  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n    backendRefs: {refs}\n"


def grant(namespace, name, origin="{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}",
          target='{group: "", kind: Service, name: barn}'):
    return ("apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\n"
            f"metadata: {{name: {name}, namespace: {namespace}}}\nspec: {{from: [{origin}], to: [{target}]}}\n---\n")


RULES = gateway("front", 80)
RULES += route("weights", "weights.test", """
  - matches: [{path: {type: PathPrefix, value: /some}}]
    backendRefs:
    - {name: one, port: 8080, weight: 70}
    - {name: two, port: 8080, weight: 30}
    - {name: three, port: 8080, weight: 0}
  - matches: [{path: {type: PathPrefix, value: /even}}]
    backendRefs: [{name: one, port: 8080}, {name: two, port: 8080}, {name: three, port: 8080}]
  - matches: [{path: {type: PathPrefix, value: /none}}]
    backendRefs: [{name: one, port: 8080, weight: 0}]
  - matches: [{path: {type: PathPrefix, value: /edited}}]
    backendRefs:
    - name: one
      port: 8080
      weight: 10
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: Meant-For, value: one}]}}]
    - name: two
      port: 8080
      weight: 10
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: Meant-For, value: two}]}}]
""")

RULES += route("nobody", "nobody.test", """
  - matches: [{path: {type: Exact, value: /absent}}]
  - matches: [{path: {type: Exact, value: /empty}}]
    backendRefs: []
  - backendRefs: [{name: one, port: 8080}]
""")

# Kinds of Services: those with EndpointSlices of either family, headless, headless with slices, and another name's.
RULES += service("by-hand") + slices("by-hand", ["127.0.0.1:<one>", "[::1]:<six>"])
RULES += service("headless-by-hand", spec="clusterIP: None, ") + slices("headless-by-hand", ["127.0.0.1:<one>"])
RULES += service("localhost", spec="clusterIP: None, ").replace("port: 8080", "port: <one>")
RULES += service("elsewhere", spec="type: ExternalName, externalName: localhost, ").replace("port: 8080", "port: <one>")
RULES += service("asleep") + slices("asleep", ["127.0.0.1:<one>"]).replace(
    "endpoints: [{", "endpoints: [{conditions: {ready: false}, ")
RULES += route("kinds", "kinds.test", on("/by-hand", "[{name: by-hand, port: 8080}]") +
               on("/headless", "[{name: localhost, port: <one>}]") +
               on("/headless-by-hand", "[{name: headless-by-hand, port: 8080}]") +
               on("/elsewhere", "[{name: elsewhere, port: <one>}]") + on("/asleep", "[{name: asleep, port: 8080}]"))

RULES += service("socket", port=", appProtocol: kubernetes.io/ws") + slices("socket", ["127.0.0.1:<one>"])
RULES += route("sockets", "sockets.test", on("/", "[{name: socket, port: 8080}]"))
RULES += service("modern", port=", appProtocol: https") + slices("modern", ["127.0.0.1:<one>"])

# What can't be resolved, each a route of its own.
BAD = {
    "unknown-kind": ("[{group: odd.test, kind: Oddity, name: one, port: 8080}]", "InvalidKind"),
    "missing-backend": ("[{group: umbra.dev, kind: Backend, name: nobody}]", "BackendNotFound"),
    "missing-port": ("[{name: one, port: 8181}]", "BackendNotFound"),
    "not-granted": ("[{name: attic, namespace: house, port: 8080}]", "RefNotPermitted"),
    "badly-granted": ("[{name: barn, namespace: farm, port: 8080}]", "RefNotPermitted"),
    "other-protocol": ("[{name: modern, port: 8080}]", "UnsupportedProtocol"),
}
for bad, (refs, _) in BAD.items():
    RULES += route(bad, f"{bad}.test", f"  - backendRefs: {refs}\n")
RULES += route("half-bad", "half-bad.test",
               "  - backendRefs: [{name: one, port: 8080}, {name: one, port: 8181}, {name: one, port: 8282, "
               "weight: 0}]\n")
RULES += route("odd-filter", "odd-filter.test", """
  - filters: [{type: ExtensionRef, extensionRef: {group: odd.test, kind: Oddity, name: any}}]
    backendRefs: [{name: one, port: 8080}]
""")

# Each of these grants is wrong in one thing.
HTTP_ROUTE = "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}"
RULES += grant("shop", "in-the-wrong-namespace")
RULES += grant("farm", "from-another-group", "{group: odd.test, kind: HTTPRoute, namespace: shop}")
RULES += grant("farm", "from-another-kind", "{group: gateway.networking.k8s.io, kind: Gateway, namespace: shop}")
RULES += grant("farm", "from-another-namespace",
               "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: market}")
RULES += grant("farm", "to-another-group", target="{group: odd.test, kind: Service, name: barn}")
RULES += grant("farm", "to-another-kind", target='{group: "", kind: Secret, name: barn}')
RULES += grant("farm", "to-another-name", target='{group: "", kind: Service, name: stable}')

RULES += route("granted", "granted.test", on("/", "[{name: stable, namespace: farm, port: 8080}]") +
               on("/barn", "[{name: barn, namespace: farm, port: 8080}]"))

play = stage(RULES, "one", "two", "three", "six@::1", "farm/barn", "farm/stable", "house/attic")


def is_near(count, total, share):
    """Within four and a half times what chance does: one failure in 150,000."""
    return abs(count - total * share) < 4.5 * (total * share * (1 - share)) ** 0.5


def test_backends_get_their_share_by_weight(play):
    found = play.count("weights.test/some", 1000)
    assert set(found) == {"one", "two"}
    assert is_near(found["one"], 1000, 0.7), found
    even = play.count("weights.test/even", 1000)
    assert all(is_near(even[name], 1000, 1 / 3) for name in ("one", "two", "three")), even


def test_a_rule_whose_weights_are_all_0_answers_500(play):
    assert play.ask("weights.test/none").by == 500


def test_filters_of_a_backend_are_for_its_requests_alone(play):
    for _ in range(60):
        reply = play.ask("weights.test/edited", ("Meant-For", "nobody"))
        request, = reply.arrived(reply.by)
        assert request.all("Meant-For") == [reply.by]
    assert play.services["one"].requests and play.services["two"].requests


@pytest.mark.parametrize("path, by", [("/absent", 500), ("/empty", 500), ("/other", "one")])
def test_a_rule_without_backends_answers_500(play, path, by):
    assert play.ask("nobody.test" + path).by == by


def test_services_of_any_type_are_reached(play):
    assert play.ask("kinds.test/headless-by-hand").by == "one"


@pytest.mark.parametrize("path, status", [("/headless", 503), ("/elsewhere", 500)])
def test_services_without_slices_are_looked_up_in_dns_but_not_in_a_cluster(play, path, status):
    assert play.ask("kinds.test" + path).by == (status if play.is_clustered else "one")


def test_endpoint_slices_of_both_families_are_used(play):
    assert set(play.count("kinds.test/by-hand", 40)) == {"one", "six"}


def test_a_service_without_ready_endpoints_answers_503(play):
    assert play.ask("kinds.test/asleep").by == 503


def test_a_port_that_speaks_http2_is_spoken_to_in_it(plays, nginx):
    server = nginx("location / { return 200 '$server_protocol'; }", listen="http2")
    text = gateway("front", 80) + route("h2c", "h2c.test", on("/", "[{name: h2c, port: 8080}]"))
    text += service("h2c", port=", appProtocol: kubernetes.io/h2c") + slices("h2c", [server.address])
    with plays(text) as play:
        assert play.ask("h2c.test/").message.body == b"HTTP/2.0"


# ---- WebSocket ----


def frame(opcode, payload, mask):
    """A whole frame of a client (RFC 6455 5.2)."""
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked


def echo_frames(link):
    """Agrees to speak WebSocket and gives each frame back, without its mask."""
    request = link.service.requests[-1]
    accept = base64.b64encode(hashlib.sha1(
        request.get("Sec-WebSocket-Key").encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    link.send(http1.head("HTTP/1.1 101 Switching Protocols", [
        ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)]))
    while True:
        first, length = link.reader.bytes(2)
        mask = link.reader.bytes(4)
        data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(link.reader.bytes(length & 0x7f)))
        link.send(bytes([first, len(data)]) + data)


def test_websocket_frames_pass_to_a_backend_that_speaks_it(play):
    play.scripts["socket", False] = [echo_frames]
    with http1.Connection(play.address()) as connection:
        response = connection.ask(http1.get(
            "/chat", ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("X-Ask", "socket"), host="sockets.test"))
        assert (response.status, response.get("Upgrade")) == (101, "websocket")
        assert response.get("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        for opcode, payload in ((1, b"a text"), (2, bytes(range(9)))):
            connection.send(frame(opcode, payload, b"\1\2\3\4"))
            assert connection.reader.bytes(2) == bytes([0x80 | opcode, len(payload)])
            assert connection.reader.bytes(len(payload)) == payload


# ---- what can't be resolved ----


@pytest.mark.parametrize("name", BAD)
def test_a_reference_that_can_not_be_resolved_answers_500_and_is_said(play, name):
    assert play.ask(f"{name}.test/any").by == 500
    assert play.problems("HTTPRoute", name) == [BAD[name][1]]


def test_a_reference_that_can_not_be_resolved_costs_its_share_alone(play):
    found = play.count("half-bad.test/", 300)
    assert set(found) == {"one", "the route's backend is not known\n"}
    assert is_near(found["one"], 300, 0.5), found


def test_a_filter_that_is_not_known_answers_500_and_is_said(play):
    assert play.ask("odd-filter.test/").by == 500
    assert play.problems("HTTPRoute", "odd-filter") == ["UnsupportedValue"]


def test_a_grant_is_for_what_it_names_and_nothing_beside(play):
    assert play.ask("granted.test/").by == "farm/stable"
    assert play.ask("granted.test/barn").by == 500
    assert play.problems("HTTPRoute", "granted") == ["RefNotPermitted"]


def test_grants_come_and_go(plays):
    rules = gateway("front", 80) + route("barn", "", on("/", "[{name: barn, namespace: farm, port: 8080}]"))
    every = '{group: "", kind: Service}'
    with plays(rules + grant("farm", "one"), "farm/barn") as play:
        assert (play.ask("any.test/").by, play.problems("HTTPRoute", "barn")) == ("farm/barn", [])
        play.change(rules)
        play.eventually(lambda: (play.ask("any.test/").by, play.problems("HTTPRoute", "barn")), (500, ["RefNotPermitted"]))
        play.change(rules + grant("farm", "all", target=every))
        play.eventually(lambda: (play.ask("any.test/").by, play.problems("HTTPRoute", "barn")), ("farm/barn", []))
