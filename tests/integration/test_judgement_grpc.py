# SPDX-License-Identifier: Apache-2.0
"""Calls of gRPC and answers over two versions of HTTP are compared by what they say."""
import grpc
import pytest

import rules
from grpc_calls import SERVICE, Echo, client, mirror, refs, route
from judged import CALM, findings, judged, manifests, samples, targets, wait_pairs
from servers import free_port


@pytest.fixture
def echo(ending):
    def start(script):
        started = Echo("echo", script)
        ending.callback(started.close)
        return started
    return start


def called(ruled, live, shadow, count=120):
    """The umbra after so many calls, and its verdict."""
    text = rules.gateway(http=free_port()) + rules.backend("v1", live) + rules.backend("v2", shadow)
    text += route("calls", f"  - name: all\n    {refs('v1')}\n    filters: [{mirror('v2')}]\n")
    text += rules.policy(f"verdict: {CALM}", route="calls").replace("kind: HTTPRoute", "kind: GRPCRoute")
    through = ruled(text)
    with client(through.address) as calls:
        for number in range(count):
            calls.status(b"\x08%c" % (number % 100))
    return through, wait_pairs(through, count)


def message(number, text):
    """{1: number, 2: text} as protobuf writes it."""
    return b"\x08%c\x12%c%s" % (number, len(text), text)


def says(make):
    def script(service, call, context, messages):
        for one in messages:
            call.messages.append(one)
            yield make(one[1])
    return script


def test_a_field_of_a_message_is_found_by_its_number(echo, ruled):
    live = echo(says(lambda number: message(number, b"same")))
    shadow = echo(says(lambda number: message(number, b"diff" if number % 4 == 1 else b"same")))
    through, seen = called(ruled, live, shadow)
    assert seen["verdict"] == "FAIL", seen["reasons"]
    assert seen["body"]["different"] == 30
    found, = findings(through, kind="difference")
    assert (found["endpoint"], found["field"], found["count"]) == (f"/{SERVICE}/Unary", "body[*].2", 30), found
    assert samples(through, found)


def test_the_same_messages_are_the_same(echo, ruled):
    live, shadow = (echo(says(lambda number: message(number, b"same"))) for _ in "ab")
    through, seen = called(ruled, live, shadow)
    assert (seen["verdict"], seen["body"]["same"]) == ("PASS", 120), seen
    assert not findings(through, kind="difference")


def test_another_status_is_found_as_such(echo, ruled):
    def refuses(service, call, context, messages):
        for one in messages:
            if one[1] % 4 == 1:
                context.abort(grpc.StatusCode.NOT_FOUND, "none")
            yield b""
    live, shadow = echo(says(lambda number: b"")), echo(refuses)
    through, seen = called(ruled, live, shadow)
    assert seen["verdict"] == "FAIL", seen["reasons"]
    assert "grpc-status" in {one["field"] for one in findings(through, kind="difference")}, findings(through)


H2 = "location /items/ { default_type application/json; return 200 '{\"uri\": \"$uri\", \"price\": 1.5}'; add_header X-Kind $arg_kind; }"


def test_an_answer_over_http_2_is_that_over_http_1(nginx, ruled):
    live, shadow = nginx(H2, listen="http2"), nginx(H2)
    text = manifests(live.address, shadow.address)
    text = text.replace(rules.backend("v1", live.address), rules.backend("v1", live.address, extra="protocol: H2C"))
    assert "H2C" in text
    through = ruled(text)
    seen = judged(through, targets(120))
    assert (seen["verdict"], seen["body"]["same"], seen["headers"]["different"]) == ("PASS", 120, 0), seen
    assert not findings(through, kind="difference")
