# SPDX-License-Identifier: Apache-2.0
"""GRPCRoute as the upstream conformance suite plays it, with grpcio as clients and services."""
import collections
import re

import grpc
import pytest

import rules
from grpc_calls import LONG, Echo, client, refs, route
from servers import free_port
from waiting import wait_for

UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED


@pytest.fixture
def play(ruled, ending):
    """play(text, name, …): an umbra with the rules and a service of each name; its Gateway is `gw` unless the text has one."""
    def start(text, *names, gateway=None):
        services = {}
        for name in names:
            services[name] = Echo(name)
            ending.callback(services[name].close)
        text = (gateway or rules.gateway(http=free_port())) + text + "".join(
            rules.backend(name, service) for name, service in services.items())
        umbra = ruled(text)
        umbra.services = services
        return umbra
    return start


def ask(address, service, method="Unary", host="shop.test", **metadata):
    """Who answers, or the status of the error."""
    with client(address, host) as calls:
        try:
            answer, _ = calls.unary(b"x", method=method, service=service, metadata=tuple(metadata.items()))
        except grpc.RpcError as error:
            return error.code()
    return answer.decode().split(":")[0]


def rule(match, *backends):
    return f"  - {{matches: [{match}], {refs(*backends)}}}\n"


def test_a_service_and_its_method_are_matched_exactly(play):
    umbra = play(route("calls", rule("{method: {service: a.Echo, method: UnaryOne}}", "v1")
                       + rule("{method: {service: a.Echo, method: UnaryTwo}}", "v2")), "v1", "v2")
    assert ask(umbra.address, "a.Echo", "UnaryOne") == "v1"
    assert ask(umbra.address, "a.Echo", "UnaryTwo") == "v2"
    for service, method in [("a.Echo", "UnaryThree"), ("a.Echo", "unaryone"), ("a.Echo2", "UnaryOne"), ("Echo", "UnaryOne"),
                            ("a.Echo", "UnaryOneMore")]:
        assert ask(umbra.address, service, method) == UNIMPLEMENTED, (service, method)


def test_a_service_or_a_method_alone_is_enough(play):
    umbra = play(route("calls", rule("{method: {service: a.Echo}}", "v1") + rule("{method: {method: UnaryTwo}}", "v2")
                       + rule("{}", "v3")), "v1", "v2", "v3")
    assert ask(umbra.address, "a.Echo", "UnaryTwo") == "v1", "more of the service comes before more of the method"
    assert ask(umbra.address, "a.Other", "UnaryTwo") == "v2"
    assert ask(umbra.address, "a.Other", "Unary") == "v3"
    assert ask(umbra.address, "a.Echo.More", "Unary") == "v3"


def test_services_and_methods_may_be_regular_expressions(play):
    umbra = play(route("calls", rule("{method: {type: RegularExpression, service: 'a\\..*', method: 'Unary(One|Two)'}}", "v1")
                       + rule("{method: {type: RegularExpression, service: 'b|c'}}", "v2")), "v1", "v2")
    assert ask(umbra.address, "a.Echo", "UnaryOne") == "v1"
    assert ask(umbra.address, "a.Echo", "UnaryThree") == UNIMPLEMENTED
    assert ask(umbra.address, "aXEcho", "UnaryOne") == UNIMPLEMENTED
    assert ask(umbra.address, "c") == "v2"
    assert ask(umbra.address, "bc") == UNIMPLEMENTED


def test_more_of_service_then_method_then_headers_wins(play):
    umbra = play(route("calls", rule("{method: {service: a.Echo}, headers: [{name: t-a, value: '1'}]}", "v1")
                       + rule("{method: {service: a.Echo}}", "v2")
                       + rule("{method: {service: a.Echo, method: UnaryOne}}", "v3")
                       + rule("{headers: [{name: t-a, value: '1'}, {name: t-b, value: '2'}]}", "v4")), "v1", "v2", "v3", "v4")
    both = {"t-a": "1", "t-b": "2"}
    assert ask(umbra.address, "a.Echo", "UnaryOne", **both) == "v3"
    assert ask(umbra.address, "a.Echo", **both) == "v1"
    assert ask(umbra.address, "a.Echo") == "v2"
    assert ask(umbra.address, "b.Echo", **both) == "v4"


def test_headers_are_matched_whole_and_all_of_a_match(play):
    umbra = play(route("calls", rule("{headers: [{name: version, value: one}]}", "v1")
                       + rule("{headers: [{name: version, value: two}]}", "v2")
                       + rule("{headers: [{name: Version, value: two}, {name: color, value: orange}]}", "v1")
                       + rule("{headers: [{name: color, value: 'blue|green', type: RegularExpression}]}", "v2")), "v1", "v2")
    for metadata, answer in [({"version": "one"}, "v1"), ({"version": "two"}, "v2"),
                             ({"version": "two", "color": "orange"}, "v1"), ({"color": "green"}, "v2"),
                             ({"color": "orange"}, UNIMPLEMENTED), ({"version": "twotwo"}, UNIMPLEMENTED), ({}, UNIMPLEMENTED)]:
        assert ask(umbra.address, "a.Echo", **metadata) == answer, metadata


def test_a_call_comes_in_by_the_most_specific_hostname(play):
    port = free_port()
    hosts = {"exact": "very.specific.com", "star": "*.wildcard.io", "other": "*.anotherwildcard.io"}
    listeners = "".join(f"  - {{name: {name}, port: {port}, protocol: HTTP, hostname: '{host}'}}\n"
                        for name, host in hosts.items())
    gateway = ("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw}\n"
               f"spec:\n  gatewayClassName: umbra\n  listeners:\n{listeners}---\n")
    umbra = play(route("one", rule("{}", "v1"), "", "{name: gw, sectionName: exact}")
                 + route("two", rule("{}", "v2"), "", "{name: gw, sectionName: star}, {name: gw, sectionName: other}"),
                 "v1", "v2", gateway=gateway)
    for host, answer in [("very.specific.com", "v1"), ("foo.wildcard.io", "v2"), ("a.b.wildcard.io", "v2"),
                         ("foo.anotherwildcard.io", "v2"), ("wildcard.io", UNIMPLEMENTED), ("non.matching.com", UNIMPLEMENTED),
                         ("foo.very.specific.com", UNIMPLEMENTED)]:
        assert ask(umbra.address, "a.Echo", host=host) == answer, host
    # With the port of the authority as clients write it.
    assert ask(umbra.address, "a.Echo", host="very.specific.com:1234") == "v1"


def test_backends_get_their_share_by_weight(play):
    umbra = play(route("calls", f"  - {{{refs(('v1', 70), ('v2', 30), ('v3', 0))}}}\n"), "v1", "v2", "v3")
    with client(umbra.address) as calls:
        method = calls.channel.unary_unary("/a.Echo/Unary")
        futures = [method.future(b"x", timeout=LONG) for _ in range(1000)]
        answers = collections.Counter(future.result().decode().split(":")[0] for future in futures)
    assert 620 <= answers["v1"] <= 780 and answers["v1"] + answers["v2"] == 1000, answers


def test_a_rule_may_have_a_name_which_is_its_label(play):
    umbra = play(route("calls", f"  - {{name: named, {refs('v1')}}}\n"), "v1")
    assert ask(umbra.address, "a.Echo") == "v1"
    wait_for(lambda: umbra.metrics().requests(route="grpcroute/default/calls#named", code="200") == 1, "the call counted")


def test_headers_of_calls_and_answers_are_edited(play):
    edits = ("filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: t-set, value: new}], add: [{name: "
             "t-add, value: more}], remove: [t-gone]}}, {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: "
             "t-answer, value: edited}]}}]")
    umbra = play(route("calls", f"  - {{{refs('v1')}, {edits}}}\n"), "v1")
    with client(umbra.address) as calls:
        _, call = calls.unary(b"", metadata=(("t-set", "old"), ("t-add", "first"), ("t-gone", "x"), ("t-kept", "y")))
        assert dict(call.initial_metadata())["t-answer"] == "edited"
    seen = umbra.services["v1"].wait(1)[0].metadata
    assert (seen["t-set"], seen["t-kept"], "t-gone" in seen) == ("new", "y", False)


def test_of_routes_of_two_kinds_for_one_host_the_first_is_accepted(play):
    other = rules.route("http", live="v2").replace("spec:\n", "spec:\n  hostnames: [shop.test]\n", 1)
    umbra = play(route("calls", rule("{}", "v1")) + other, "v1", "v2")
    umbra.may_complain = True  # of the HTTPRoute
    assert ask(umbra.address, "a.Echo") == "v1"
    said = [problem for problem in umbra.problems() if problem["reason"] == "HostnameConflict"]
    assert len(said) == 1 and re.search("GRPCRoute default/calls", str(said[0]))


def test_routes_of_two_kinds_share_a_listener_by_hosts(play):
    other = rules.route("http", live="v2").replace("spec:\n", "spec:\n  hostnames: [web.test]\n", 1)
    umbra = play(route("calls", rule("{}", "v1")) + other, "v1", "v2")
    assert ask(umbra.address, "a.Echo") == "v1"
    assert ask(umbra.address, "a.Echo", host="none.test") == UNIMPLEMENTED
