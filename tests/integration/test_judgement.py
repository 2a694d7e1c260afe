# SPDX-License-Identifier: Apache-2.0
"""Verdicts: the same version passes however noisy it is, and each kind of fault fails with the endpoint and field that it is in."""
import gzip
import json
import re
import time

import pytest

from http1 import chunked, head
from judged import (CALM, MIRROR, ROUTE, Reply, ask_all, ask_paced, every, findings, item, judged, manifests, number_of, report_of, samples, shop,
                    targets, wait_verdict)
from servers import answering, refused_address
from waiting import PATIENCE, wait_for

ITEM = "GET /items/{id}"


# ---- the same version ----

def test_the_same_version_passes_however_noisy_it_is(service, ruled):
    live, shadow, control = (service(shop(noise=seed), keep_bodies=False) for seed in "abc")
    through = ruled(manifests(live, shadow, control=control))
    few = judged(through, targets(10))
    assert few["verdict"] == "INSUFFICIENT"
    assert "10 pairs" in " ".join(few["reasons"]), few["reasons"]
    assert report_of(through).code == 3
    whole = judged(through, targets(390, first=10))
    assert (whole["verdict"], whole["route"], whole["mirror"]) == ("PASS", ROUTE, MIRROR), whole["reasons"]
    assert whole["pairs"] == 400 and whole["body"]["compared"] == 400
    assert whole["body"]["different"] <= 0.001 * whole["body"]["compared"]
    assert whole["headers"]["different"] == 0
    assert whole["status"]["mismatched"] == 0
    blind = {one["field"] for one in whole["blind"]}
    assert {"body.$.request_id", "body.$.at"} <= blind, blind
    assert not blind & {"body.$.price", "body.$.score"}
    done = report_of(through)
    assert (done.code, done.text.split()[0]) == (0, "PASS"), done
    assert not findings(through, kind="difference")


def test_ids_and_times_are_proposed_as_rules_where_there_is_no_control(service, ruled):
    def stamped(seed):
        def spoil(reply):
            reply.value = {**reply.value, "at": 1763700000.5 + reply.number + seed,
                           "request_id": f"{seed:08x}-1d2e-4f3a-9b4c-{reply.number:012x}"}
        return spoil
    through = ruled(manifests(service(shop(stamped(1))), service(shop(stamped(2)))))
    seen = judged(through, targets(200))
    assert seen["verdict"] == "PASS", seen["reasons"]
    assert {one["field"] for one in seen["blind"]} == {"body.$.request_id", "body.$.at"}
    proposed = {one["field"]: one["summary"] for one in findings(through, kind="difference")}
    assert set(proposed) == {"body.$.request_id", "body.$.at"}
    assert all("ignore" in summary for summary in proposed.values()), proposed


# ---- shadows that do not answer ----

def test_a_dead_shadow_fails(service, gateway):
    through = gateway(service(shop()), refused_address())
    wait_for(lambda: through.ask("/api/verdict").status == 200, "the analyst")
    ask_all(through.address, targets(200))
    seen = wait_verdict(through, lambda one: one["verdict"] == "FAIL", "a dead shadow to fail")
    assert re.search(r"100 %.*connect|connect.*100 %", " ".join(seen["reasons"])), seen["reasons"]
    assert seen["pairs"] == 0 and seen["delivery"]["shadow_failed"] > 0
    assert report_of(through).code == 1


def reset(reply):
    reply.is_reset = True


def be_silent(reply):
    reply.is_silent = True


@pytest.mark.parametrize("fault, word", [(reset, "reset"), (be_silent, "timeout")])
def test_a_shadow_that_owes_one_answer_in_twenty_fails_with_its_share(service, ruled, fault, word):
    shadow = service(shop(every(20, fault)), keep_bodies=False)
    through = ruled(manifests(service(shop()), shadow, policy="limits: {timeout: 3s}"))
    count = ask_paced(through, targets(400), ahead=200)
    metrics = through.settled(lambda metrics: metrics.mirror("failed") + metrics.mirror("completed") + metrics.mirror("dropped") == count)
    failed = metrics.mirror("failed") + metrics.mirror("dropped", reason="breaker")  # which opens when a busy machine makes more of them late
    assert failed >= 20
    seen = wait_verdict(through, lambda one: one["pairs"] + one["delivery"]["shadow_failed"] >= count, "all to be judged")
    assert (seen["verdict"], seen["delivery"]["shadow_failed"]) == ("FAIL", failed), seen
    text = seen["reasons"][0]
    shares = [float(number) for number in re.findall(r"([0-9.]+) %", text)]
    assert any(abs(share - 100 * failed / count) < 0.6 for share in shares), text
    assert word in text, text


def test_what_umbra_lost_is_insufficient_and_said(service, ruled):
    through = ruled(manifests(service(shop()), service(shop()), policy="limits: {requestsPerSecond: 10}\nverdict: {minPairs: 20, " + CALM[1:]))
    wait_for(lambda: through.ask("/api/verdict").status == 200, "the analyst")
    asked, until = 0, time.monotonic() + 60 * PATIENCE
    while through.metrics().mirror("completed") < 24 or through.metrics().mirror("dropped") < 0.5 * asked:
        asked += ask_paced(through, targets(40, first=asked))
        assert time.monotonic() < until, f"{asked} were asked"
    metrics = through.settled()
    lost = metrics.mirror("dropped", reason="rate")
    assert lost > 0.3 * asked
    seen = wait_verdict(through, lambda one: one["pairs"] >= metrics.mirror("completed") and one["delivery"]["lost"] >= lost, "all")
    assert seen["verdict"] == "INSUFFICIENT"
    assert (seen["delivery"]["attempted"], seen["delivery"]["lost"]) == (asked, lost)
    assert "lost" in " ".join(seen["reasons"]), seen["reasons"]
    assert f"{100 * lost / asked:.0f} %" in " ".join(seen["reasons"]), seen["reasons"]
    assert report_of(through).code == 3


# ---- faults in answers ----

def test_a_price_in_one_answer_of_a_hundred_is_on_the_first_screen(service, gateway):
    def dearer(reply):
        reply.value = {**reply.value, "price": reply.value["price"] + 1}
    through = gateway(service(shop(), keep_bodies=False), service(shop(every(100, dearer)), keep_bodies=False))
    seen = judged(through, targets(1000))
    assert seen["verdict"] == "FAIL"
    assert (seen["body"]["different"], seen["body"]["same"]) == (10, 990)
    done = report_of(through)
    first = "\n".join(done.text.splitlines()[:24])
    assert done.code == 1 and first.startswith("FAIL")
    assert ITEM in first and "body.$.price" in first, first
    found, = findings(through, kind="difference")
    assert (found["endpoint"], found["field"], found["count"]) == (ITEM, "body.$.price", 10)
    assert found["rate"] == pytest.approx(0.01)
    for one in samples(through, found):
        old, new = (json.loads(one[side]["body"])["price"] for side in ("live", "shadow"))
        assert new == pytest.approx(old + 1)


def changed(**members):
    def spoil(reply):
        reply.value = {**reply.value, **members}
    return spoil


def without_note(reply):
    reply.value = {key: value for key, value in reply.value.items() if key != "note"}


def without_count(reply):
    reply.value = {**reply.value, "stock": {"place": "A"}}


def with_more(reply):
    reply.value = {**reply.value, "secret": "s"}


def as_text(reply):
    reply.value = {**reply.value, "price": str(reply.value["price"])}


def reordered(reply):
    reply.value = {**reply.value, "tags": reply.value["tags"][::-1]}


def other_tag(reply):
    reply.value = {**reply.value, "tags": ["old", *reply.value["tags"][1:]]}


def found_anyway(reply):
    reply.status, reply.value = 200, {"id": 0}


def other_header(reply):
    reply.fields["Cache-Control"] = "no-store"


def not_json(reply):
    reply.fields["Content-Type"], reply.body = "text/plain", b"thing"


FAULTS = {  # the fault; its field; what its summary says; what a sample's side has
    "a dropped field": (without_count, "body.$.stock.count", "missing"),
    "a dropped null": (without_note, "body.$.note", "missing"),
    "a field more": (with_more, "body.$.secret", "although live has none"),
    "another type": (as_text, "body.$.price", "another type"),
    "another order": (reordered, "body.$.tags", "order"),
    "another element": (other_tag, "body.$.tags[*]", "differs"),
    "a header more": (other_header, "headers.cache-control", "although live has none"),
    "no JSON any more": (not_json, "body", ""),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("is_swapped", [False, True])
def test_each_fault_is_found_in_its_field_with_its_sides(service, gateway, name, is_swapped):
    """Swapped, live has what the shadow had: what was missing is there now, and samples have it on the other side."""
    spoil, field, words = FAULTS[name]
    scripts = [shop(), shop(every(4, spoil))]
    live, shadow = (service(script) for script in (scripts[::-1] if is_swapped else scripts))
    through = gateway(live, shadow)
    seen = judged(through, targets(120))
    assert seen["verdict"] == "FAIL", seen
    found = findings(through, kind="difference", field=field)
    assert len(found) == 1 and found[0]["endpoint"] == ITEM, findings(through)
    assert found[0]["count"] == 30
    if is_swapped:
        words = {"missing": "although live has none", "although live has none": "missing"}.get(words, words)
    assert words in found[0]["summary"], found[0]["summary"]
    kept = samples(through, found[0])
    assert kept
    for one in kept:
        target = one["request"]["target"]
        sides = [side_of(service, target) for service in (shop_answer(None), shop_answer(spoil))]
        for side, (status, body, header) in zip(("live", "shadow"), sides[::-1] if is_swapped else sides):
            assert one[side]["status"] == status
            assert one[side]["body"] == body
            assert (["Cache-Control", "no-store"] in one[side]["headers"]) == header


def shop_answer(spoil):
    def make(target):
        reply = Reply(number_of(target), target, *item(target.split("?")[0].rsplit("/", 1)[1]))
        if spoil:
            spoil(reply)
        return reply
    return make


def side_of(make, target):
    reply = make(target)
    return reply.status, (json.dumps(reply.value) if reply.body is None else reply.body.decode()), "Cache-Control" in reply.fields


@pytest.mark.parametrize("is_swapped", [False, True])
def test_404_become_200_is_a_difference_of_the_status(service, gateway, is_swapped):
    scripts = [shop(), shop(lambda reply: found_anyway(reply) if reply.status == 404 else None)]
    live, shadow = (service(script) for script in (scripts[::-1] if is_swapped else scripts))
    through = gateway(live, shadow)
    asked = targets(100) + targets(30, first=100, base=900)
    seen = judged(through, asked)
    assert seen["verdict"] == "FAIL"
    assert seen["status"]["mismatched"] == 30
    with_404 = "shadow" if is_swapped else "live"
    other = "live" if is_swapped else "shadow"
    assert (seen["status"][with_404]["4xx"], seen["status"][other]["2xx"]) == (30, 130), seen["status"]
    assert seen["body"]["compared"] == 100 and seen["body"]["different"] == 0
    found, = findings(through, kind="difference")
    assert (found["field"], found["endpoint"], found["count"]) == ("status", ITEM, 30)
    for one in samples(through, found):
        assert (one[with_404]["status"], one[other]["status"]) == (404, 200)


def test_new_errors_fail_and_old_ones_do_not(service, gateway):
    def broken(reply):
        reply.status, reply.value = 500, {"error": "oops"}
    live, shadow = service(shop(every(10, broken))), service(shop(every(5, broken)))
    through = gateway(live, shadow)
    seen = judged(through, targets(300), check=lambda response: response.status in (200, 500))
    assert seen["verdict"] == "FAIL"
    assert (seen["status"]["live"]["5xx"], seen["status"]["shadow"]["5xx"]) == (30, 60)
    assert "error" in " ".join(seen["reasons"]), seen["reasons"]


def test_gzip_against_identity_and_chunks_against_a_length_are_the_same(service, ruled):
    def packed(request):
        body = gzip.compress(json.dumps(item(request.target.split("?")[0].rsplit("/", 1)[1])[1]).encode())
        fields = [("Content-Type", "application/json"), ("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")]
        return head("HTTP/1.1 200 OK", fields) + chunked([body[:20], body[20:]])
    through = ruled(manifests(service(shop()), service(answering(packed))))
    seen = judged(through, targets(120))
    assert (seen["verdict"], seen["body"]["same"], seen["body"]["different"]) == ("PASS", 120, 0), seen
    assert not findings(through, kind="difference")
