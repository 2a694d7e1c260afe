# SPDX-License-Identifier: Apache-2.0
"""Gateway API: how long a request may take, and how often it is tried."""
import time

import pytest

import servers
from gateway_api import gateway, route, service, stage
from waiting import PATIENCE

pytestmark = pytest.mark.sanitize

LONG_MS = int(1000 * PATIENCE)  # what a service takes when it is too slow
SHORT_MS = int(200 * PATIENCE)  # a timeout


def rule(path, members, name="", refs="[{name: one, port: 8080}]"):
    return (f"  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n    name: {name or path.strip('/')}\n"
            f"    {members}\n    backendRefs: {refs}\n")


RULES = gateway("front", 80)
RULES += route("timeouts", "time.test", rule("/request", f"timeouts: {{request: {SHORT_MS}ms}}") +
               rule("/no-request", "timeouts: {request: 0s}") +
               rule("/backend", f"timeouts: {{backendRequest: {SHORT_MS}ms}}") +
               rule("/no-backend", "timeouts: {backendRequest: 0s}") +
               rule("/both", f"timeouts: {{request: {LONG_MS}ms, backendRequest: {SHORT_MS}ms}}"))
RULES += route("retries", "again.test", rule("/one-code", "retry: {codes: [500], attempts: 3, backoff: 1ms}") +
               rule("/all-codes", "retry: {codes: [500, 502, 503, 504], attempts: 2, backoff: 1ms}") +
               rule("/no-codes", "retry: {attempts: 3, backoff: 1ms}") +
               rule("/default", "retry: {codes: [503]}") +
               rule("/backoff", "retry: {codes: [503], attempts: 2, backoff: 120ms}") +
               rule("/unreached", "retry: {attempts: 2, backoff: 1ms}", refs="[{name: refuses, port: 8080}]") +
               rule("/timeout", "retry: {attempts: 2, backoff: 1ms}\n    "
                    f"timeouts: {{backendRequest: {SHORT_MS}ms}}") +
               rule("/in-time", "retry: {codes: [500], attempts: 5, backoff: 1ms}\n    "
                    f"timeouts: {{request: {2 * SHORT_MS}ms, backendRequest: {SHORT_MS}ms}}") +
               rule("/mirrored", "retry: {codes: [500], attempts: 2, backoff: 1ms}\n    "
                    "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: two, port: 8080}}}]"))
RULES += service("refuses", servers.refused_address())

play = stage(RULES, "one", "two")


def slowly(ms, status=200):
    def script(link):
        link.service.is_closing.wait(ms / 1000)
        link.send(link.service.answer(status))
    return script


def failing(play, status, times):
    """So many bad answers, then good ones."""
    one = play.services["one"]
    return [one.answer(status)] * times + [one.answer()]


# ---- timeouts ----


@pytest.mark.parametrize("path, ms, by", [
    ("/request", 0, "one"), ("/request", LONG_MS, 504), ("/no-request", 2 * SHORT_MS, "one"),
    ("/backend", 0, "one"), ("/backend", LONG_MS, 504), ("/no-backend", 2 * SHORT_MS, "one"),
    ("/both", LONG_MS, 504),
])
def test_a_timeout_ends_a_request_with_504(play, path, ms, by):
    began = time.monotonic()
    assert play.ask("time.test" + path, answers=[slowly(ms)]).by == by
    took = time.monotonic() - began
    if by == 504:
        assert SHORT_MS / 1000 <= took < LONG_MS / 1000


# ---- retries ----


@pytest.mark.parametrize("path, status, fails, by, attempts", [
    ("/one-code", 500, 2, "one", 3),
    ("/one-code", 500, 3, "one", 4),
    ("/one-code", 500, 4, 500, 4),
    ("/one-code", 503, 2, 503, 1),
    ("/all-codes", 500, 1, "one", 2),
    ("/all-codes", 500, 3, 500, 3),
    ("/all-codes", 502, 1, "one", 2),
    ("/all-codes", 502, 3, 502, 3),
    ("/all-codes", 503, 1, "one", 2),
    ("/all-codes", 503, 3, 503, 3),
    ("/all-codes", 504, 1, "one", 2),
    ("/all-codes", 504, 3, 504, 3),
    ("/all-codes", 501, 1, 501, 1),
    ("/default", 503, 1, "one", 2),
    ("/default", 503, 2, 503, 2),
    ("/no-codes", 500, 1, 500, 1),
])
def test_codes_are_retried_as_often_as_the_rule_says(play, path, status, fails, by, attempts):
    reply = play.ask("again.test" + path, answers=failing(play, status, fails))
    assert reply.by == by
    assert len(reply.arrived("one")) == attempts


@pytest.mark.parametrize("fails, by, attempts", [(2, "one", 3), (3, "one", 4), (4, 503, 4)])
def test_connections_that_break_are_retried(play, fails, by, attempts):
    one = play.services["one"]
    reply = play.ask("again.test/no-codes", method="POST", body=b"again", answers=[None] * fails + [one.answer()])
    assert reply.by == by
    arrived = reply.arrived("one")
    assert (len(arrived), {request.body for request in arrived}) == (attempts, {b"again"})


def test_a_service_that_can_not_be_reached_is_tried_again_and_answers_503(play):
    assert play.ask("again.test/unreached").by == 503


def test_retries_wait_at_least_the_backoff(play):
    began = time.monotonic()
    assert play.ask("again.test/backoff", answers=failing(play, 503, 2)).by == "one"
    assert time.monotonic() - began >= 2 * 0.120


@pytest.mark.parametrize("slow, by", [(2, "one"), (3, 504)])
def test_attempts_that_time_out_are_retried(play, slow, by):
    reply = play.ask("again.test/timeout", answers=[slowly(LONG_MS)] * slow + [play.services["one"].answer()])
    assert reply.by == by
    assert len(reply.arrived("one")) == 3


def test_the_request_timeout_is_for_all_attempts_together(play):
    assert play.ask("again.test/in-time", answers=failing(play, 500, 1)).by == "one"
    began = time.monotonic()
    reply = play.ask("again.test/in-time", answers=[slowly(SHORT_MS * 6 // 10, 500)])
    took = time.monotonic() - began
    assert reply.by == 504
    assert 2 <= len(reply.arrived("one")) <= 4
    assert took >= 2 * SHORT_MS / 1000


def test_a_request_is_copied_once_however_often_it_is_tried(play):
    reply = play.ask("again.test/mirrored", answers=failing(play, 500, 2))
    assert (reply.by, len(reply.arrived("one"))) == ("one", 3)
    assert len(reply.arrived("two", 1)) == 1
    assert play.umbra.settled().mirror("matched", route=f"{play.namespace()}/retries#mirrored") == 1
