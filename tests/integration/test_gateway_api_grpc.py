# SPDX-License-Identifier: Apache-2.0
"""GRPCRoute as the upstream conformance suite plays it, with grpcio as clients and services."""
import collections
import re

import grpc
import pytest

import gateway_api
from gateway_api import gateway
from grpc_calls import LONG, Echo, client
from waiting import wait_for

UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED
FRONT = gateway("gw", 80)


@pytest.fixture
def play(plays, ending):
    """play(text, name, …): a gateway_api.Play with the rules and a service of each name, which speak gRPC; its Gateway is `gw` unless
    another is given."""
    def start(text, *names, front=FRONT):
        return ending.enter_context(plays(front + text, *names, echo=lambda name, scripts, host: Echo(name)))
    return start


def route(name, rules, hosts="shop.test", parents="{name: gw}"):
    """A GRPCRoute; `rules` are its rules as YAML."""
    return gateway_api.route(name, hosts, rules, parents).replace("HTTPRoute", "GRPCRoute")


def refs(*names):
    """backendRefs; a name may have a weight: ("b", 3)."""
    pairs = [one if isinstance(one, tuple) else (one, 1) for one in names]
    return "backendRefs: [%s]" % ", ".join(f"{{name: {name}, port: 8080, weight: {weight}}}" for name, weight in pairs)


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
    through = play(route("calls", rule("{method: {service: a.Echo, method: UnaryOne}}", "v1")
                       + rule("{method: {service: a.Echo, method: UnaryTwo}}", "v2")), "v1", "v2")
    assert ask(through.address(), "a.Echo", "UnaryOne") == "v1"
    assert ask(through.address(), "a.Echo", "UnaryTwo") == "v2"
    for service, method in [("a.Echo", "UnaryThree"), ("a.Echo", "unaryone"), ("a.Echo2", "UnaryOne"), ("Echo", "UnaryOne"),
                            ("a.Echo", "UnaryOneMore")]:
        assert ask(through.address(), service, method) == UNIMPLEMENTED, (service, method)


def test_a_service_or_a_method_alone_is_enough(play):
    through = play(route("calls", rule("{method: {service: a.Echo}}", "v1") + rule("{method: {method: UnaryTwo}}", "v2")
                       + rule("{}", "v3")), "v1", "v2", "v3")
    assert ask(through.address(), "a.Echo", "UnaryTwo") == "v1", "more of the service comes before more of the method"
    assert ask(through.address(), "a.Other", "UnaryTwo") == "v2"
    assert ask(through.address(), "a.Other", "Unary") == "v3"
    assert ask(through.address(), "a.Echo.More", "Unary") == "v3"


def test_services_and_methods_may_be_regular_expressions(play):
    through = play(route("calls", rule("{method: {type: RegularExpression, service: 'a\\..*', method: 'Unary(One|Two)'}}", "v1")
                       + rule("{method: {type: RegularExpression, service: 'b|c'}}", "v2")), "v1", "v2")
    assert ask(through.address(), "a.Echo", "UnaryOne") == "v1"
    assert ask(through.address(), "a.Echo", "UnaryThree") == UNIMPLEMENTED
    assert ask(through.address(), "aXEcho", "UnaryOne") == UNIMPLEMENTED
    assert ask(through.address(), "c") == "v2"
    assert ask(through.address(), "bc") == UNIMPLEMENTED


def test_more_of_service_then_method_then_headers_wins(play):
    through = play(route("calls", rule("{method: {service: a.Echo}, headers: [{name: t-a, value: '1'}]}", "v1")
                       + rule("{method: {service: a.Echo}}", "v2")
                       + rule("{method: {service: a.Echo, method: UnaryOne}}", "v3")
                       + rule("{headers: [{name: t-a, value: '1'}, {name: t-b, value: '2'}]}", "v4")), "v1", "v2", "v3", "v4")
    both = {"t-a": "1", "t-b": "2"}
    assert ask(through.address(), "a.Echo", "UnaryOne", **both) == "v3"
    assert ask(through.address(), "a.Echo", **both) == "v1"
    assert ask(through.address(), "a.Echo") == "v2"
    assert ask(through.address(), "b.Echo", **both) == "v4"


def test_headers_are_matched_whole_and_all_of_a_match(play):
    through = play(route("calls", rule("{headers: [{name: version, value: one}]}", "v1")
                       + rule("{headers: [{name: version, value: two}]}", "v2")
                       + rule("{headers: [{name: Version, value: two}, {name: color, value: orange}]}", "v1")
                       + rule("{headers: [{name: color, value: 'blue|green', type: RegularExpression}]}", "v2")), "v1", "v2")
    for metadata, answer in [({"version": "one"}, "v1"), ({"version": "two"}, "v2"),
                             ({"version": "two", "color": "orange"}, "v1"), ({"color": "green"}, "v2"),
                             ({"color": "orange"}, UNIMPLEMENTED), ({"version": "twotwo"}, UNIMPLEMENTED), ({}, UNIMPLEMENTED)]:
        assert ask(through.address(), "a.Echo", **metadata) == answer, metadata


def test_a_call_comes_in_by_the_most_specific_hostname(play):
    hosts = {"one-host": "harbour.isle.test", "isles": "*.isle.test", "seas": "*.sea.test"}
    front = gateway("gw", *(f"name: {name}, port: 80, protocol: HTTP, hostname: '{host}'" for name, host in hosts.items()))
    through = play(route("one", rule("{}", "v1"), "", "{name: gw, sectionName: one-host}")
                   + route("two", rule("{}", "v2"), "", "{name: gw, sectionName: isles}, {name: gw, sectionName: seas}"),
                   "v1", "v2", front=front)
    for host, answer in [("harbour.isle.test", "v1"), ("hill.isle.test", "v2"), ("in.a.isle.test", "v2"), ("north.sea.test", "v2"),
                         ("isle.test", UNIMPLEMENTED), ("land.test", UNIMPLEMENTED), ("in.harbour.isle.test", "v2"),
                         ("sea.test", UNIMPLEMENTED)]:
        assert ask(through.address(), "a.Echo", host=host) == answer, host
    # With the port of the authority as clients write it.
    assert ask(through.address(), "a.Echo", host="harbour.isle.test:1234") == "v1"


def test_backends_get_their_share_by_weight(play):
    through = play(route("calls", f"  - {{{refs(('v1', 70), ('v2', 30), ('v3', 0))}}}\n"), "v1", "v2", "v3")
    with client(through.address()) as calls:
        method = calls.channel.unary_unary("/a.Echo/Unary")
        futures = [method.future(b"x", timeout=LONG) for _ in range(1000)]
        answers = collections.Counter(future.result().decode().split(":")[0] for future in futures)
    assert 620 <= answers["v1"] <= 780 and answers["v1"] + answers["v2"] == 1000, answers


def test_a_rule_may_have_a_name_which_is_its_label(play):
    through = play(route("calls", f"  - {{name: named, {refs('v1')}}}\n"), "v1")
    assert ask(through.address(), "a.Echo") == "v1"
    wait_for(lambda: through.umbra.metrics().requests(route=f"grpcroute/{through.namespace()}/calls#named", code="200") == 1, "the call counted")


def test_headers_of_calls_and_answers_are_edited(play):
    edits = ("filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: t-set, value: new}], add: [{name: "
             "t-add, value: more}], remove: [t-gone]}}, {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: "
             "t-answer, value: edited}]}}]")
    through = play(route("calls", f"  - {{{refs('v1')}, {edits}}}\n"), "v1")
    with client(through.address()) as calls:
        _, call = calls.unary(b"", metadata=(("t-set", "old"), ("t-add", "first"), ("t-gone", "x"), ("t-kept", "y")))
        assert dict(call.initial_metadata())["t-answer"] == "edited"
    seen = through.services["v1"].wait(1)[0].metadata
    assert (seen["t-set"], seen["t-kept"], "t-gone" in seen) == ("new", "y", False)


def test_of_routes_of_two_kinds_for_one_host_the_first_is_accepted(play):
    other = gateway_api.route("http", "shop.test", f"  - {{{refs('v2')}}}\n", "{name: gw}")
    through = play(route("calls", rule("{}", "v1")) + other, "v1", "v2")
    assert ask(through.address(), "a.Echo") == "v1"
    said = [problem for problem in through.umbra.problems() if problem["reason"] == "HostnameConflict"]
    assert len(said) == 1 and re.search(f"GRPCRoute {through.namespace()}/calls", str(said[0]))


def test_routes_of_two_kinds_share_a_listener_by_hosts(play):
    other = gateway_api.route("http", "web.test", f"  - {{{refs('v2')}}}\n", "{name: gw}")
    through = play(route("calls", rule("{}", "v1")) + other, "v1", "v2")
    assert ask(through.address(), "a.Echo") == "v1"
    assert ask(through.address(), "a.Echo", host="none.test") == UNIMPLEMENTED
