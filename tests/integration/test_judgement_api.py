# SPDX-License-Identifier: Apache-2.0
"""The pages of judgement: /api/verdict, /api/findings, /api/services, /api/events, and the series of /metrics."""
import contextlib
import itertools
import json
import re
import subprocess
import time
import urllib.parse

import pytest

import http1
from judged import QUICKSTART, ROUTE, Origin, ask_all, every, findings, judged, manifests, page, shop, targets
from waiting import PATIENCE, wait_for

TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
FINDING_KEYS = {"id", "kind", "severity", "route", "mirror", "endpoint", "field", "count", "rate", "first_seen", "last_seen", "summary"}
KINDS = ("name", "place", "colour", "size", "shape")


def many_faults(reply):
    """Five fields that live has not."""
    reply.value = {**reply.value, **{f"new_{kind}": 1 for kind in KINDS}}


@pytest.fixture
def differing(service, ruled):
    through = ruled(manifests(service(shop()), service(shop(many_faults))))
    judged(through, targets(120))
    return through


# ---- findings ----

def test_findings_have_all_their_members(differing):
    listed = findings(differing)
    assert {one["field"] for one in listed} == {f"body.$.new_{kind}" for kind in KINDS}
    for one in listed:
        assert FINDING_KEYS <= set(one)
        assert (one["kind"], one["severity"], one["route"], one["mirror"]) == ("difference", "failure", ROUTE, "default/v2")
        assert (one["count"], one["rate"], one["endpoint"]) == (120, 1, "GET /items/{id}")
        assert TIME.fullmatch(one["first_seen"]) and TIME.fullmatch(one["last_seen"])
        assert one["first_seen"] <= one["last_seen"]
        assert one["summary"]


def test_a_finding_has_samples_of_both_sides(differing):
    one = findings(differing)[0]
    whole = page(differing, f"/api/findings/{one['id']}")
    assert {**one, "samples": whole["samples"]} == whole
    assert whole["samples"]
    for sample in whole["samples"]:
        assert TIME.fullmatch(sample["at"])
        assert sample["request"]["method"] == "GET" and sample["request"]["target"].startswith("/items/")
        assert ["Host", "shop.test"] in sample["request"]["headers"]
        assert sample["request"]["body"] == ""
        for side in ("live", "shadow"):
            assert sample[side]["status"] == 200
            assert ["Content-Type", "application/json"] in sample[side]["headers"]
        name = one["field"].removeprefix("body.$.")
        assert name not in json.loads(sample["live"]["body"])
        assert json.loads(sample["shadow"]["body"])[name] == 1


def test_pages_of_findings_follow_each_other(differing):
    seen, target = [], "/api/findings?limit=2"
    sizes = []
    while target:
        listed = page(differing, target)
        seen += [one["id"] for one in listed["findings"]]
        sizes.append(len(listed["findings"]))
        after = listed.get("next")
        target = after and "/api/findings?limit=2&after=" + urllib.parse.quote(after)
        assert len(sizes) < 10
    assert sizes == [2, 2, 1]
    assert seen == [one["id"] for one in findings(differing)]


def test_findings_are_chosen_by_kind_route_mirror_and_time(differing):
    assert len(page(differing, "/api/findings?kind=difference")["findings"]) == 5
    assert len(page(differing, f"/api/findings?route={urllib.parse.quote(ROUTE, '')}&mirror=default/v2&since=10m")["findings"]) == 5
    for nothing in ("kind=security", "route=default/other%23all", "mirror=default/v3", "since=2100-01-01T00:00:00Z"):
        assert page(differing, f"/api/findings?{nothing}")["findings"] == [], nothing


@pytest.mark.parametrize("target, word", [
    ("/api/findings?colour=red", "colour"), ("/api/findings?kind=odd", "difference"), ("/api/findings?limit=0", "limit"),
    ("/api/findings?limit=many", "limit"), ("/api/findings?after=x", "after"), ("/api/verdict?since=tomorrow", "since"),
    ("/api/verdict?kind=load", "kind"), ("/api/services?mirror=x", "mirror"), ("/api/verdict?route=a&route=b", "route"),
    ("/api/verdict?route=%zz", "percent")])
def test_wrong_parameters_are_400_with_a_sentence(service, gateway, target, word):
    through = gateway(service(), service())
    wait_for(lambda: through.ask("/api/verdict").status == 200, "the analyst")
    text = page(through, target, 400)
    assert word in text and text.count("\n") == 1 and text.endswith("\n"), text


def test_what_is_not_there_is_404_with_a_sentence(service, gateway):
    through = gateway(service(), service())
    wait_for(lambda: through.ask("/api/verdict").status == 200, "the analyst")
    for target in ("/api/findings/none", "/api/findings/0123456789abcdef"):
        text = page(through, target, 404)
        assert "/api/findings" in text and text.count("\n") == 1, text
    assert through.ask("/api/nothing").status == 404


# ---- events ----

def pieces_of(connection):
    """Of a chunked body, as text."""
    deadline = time.monotonic() + 30 * PATIENCE
    while size := int(connection.reader.until(b"\r\n"), 16):
        yield connection.reader.bytes(size).decode()
        connection.reader.until(b"\r\n")
        assert time.monotonic() < deadline, "an event in vain"


def events_of(pieces):
    """Each event as {field: value}; comments, which come from time to time, are left out."""
    buffer = ""
    for piece in pieces:
        buffer += piece
        while "\n\n" in buffer:
            text, _, buffer = buffer.partition("\n\n")
            event = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith(":"))
            if event:
                yield event


@contextlib.contextmanager
def listening(through, *fields):
    """The events from now on: the first piece says that somebody listens."""
    with http1.Connection(through.admin, timeout=20 * PATIENCE) as connection:
        connection.send(http1.head("GET /api/events HTTP/1.1", [("Host", through.admin), *fields]))
        assert connection.reader.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        pieces = pieces_of(connection)
        yield events_of(itertools.chain([next(pieces)], pieces))


def test_a_new_finding_comes_as_an_event_and_again_for_who_missed_it(service, gateway):
    through = gateway(service(shop()), service(shop(many_faults)))
    wait_for(lambda: through.ask("/api/verdict").status == 200, "the analyst")
    with listening(through) as events:
        ask_all(through.address, targets(120))
        found = {}
        while len(found) < len(KINDS):
            event = next(events)
            if event["event"] == "finding":
                data = json.loads(event["data"])
                assert FINDING_KEYS <= set(data)
                assert data["id"] not in {one["id"] for one in found.values()}, "told once"
                found[event["id"]] = data
        assert {one["field"] for one in found.values()} == {f"body.$.new_{kind}" for kind in KINDS}
    first = min(found, key=int)
    with listening(through, ("Last-Event-ID", first)) as events:
        assert int(next(events)["id"]) > int(first)


def test_a_verdict_that_changes_comes_as_an_event(service, ruled):
    through = ruled(manifests(service(shop()), service(shop())))
    wait_for(lambda: through.ask("/api/verdict").status == 200, "the analyst")
    with listening(through) as events:
        ask_all(through.address, targets(150))
        while (event := next(events))["event"] != "verdict" or json.loads(event["data"])["verdict"] != "PASS":
            pass
        assert json.loads(event["data"])["route"] == ROUTE


# ---- services ----

def test_services_have_a_row_per_role_with_their_figures(ending, gateway):
    origins = [Origin(delay) for delay in (10, 30, 10)]
    for origin in origins:
        ending.callback(origin.close)
    live, shadow, control = origins
    through = gateway(live, shadow, "--control", control.address)
    judged(through, targets(200), connections=4)
    rows = {one["role"]: one for one in page(through, "/api/services")["services"] if one["endpoint"] == "GET /items/{id}"}
    assert set(rows) == {"live", "shadow", "control"}, rows
    for role, origin, delay in (("live", live, 10), ("shadow", shadow, 30), ("control", control, 10)):
        row = rows[role]
        assert row["route"] == QUICKSTART
        assert 0.95 * delay <= row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"], row  # the width of a bucket
        assert row["p50_ms"] < delay + 3000 * PATIENCE, row  # it is milliseconds; a busy machine wakes a service late
        assert row["errors"] == 0 and row["rate"] > 0, row
    assert origins[1].address in rows["shadow"]["backend"] and origins[2].address in rows["control"]["backend"]
    assert rows["shadow"]["in_flight"] > 0
    assert page(through, "/api/services?route=default/none%23all")["services"] == []


def test_errors_of_a_service_are_a_share(service, gateway):
    def broken(reply):
        reply.status = 500
    through = gateway(service(shop()), service(shop(every(4, broken))))
    judged(through, targets(120))
    rows = {one["role"]: one for one in page(through, "/api/services")["services"]}
    assert rows["live"]["errors"] == 0 and rows["shadow"]["errors"] == pytest.approx(0.25)


# ---- metrics ----

def test_verdicts_are_series_that_promtool_likes(differing):
    def look():
        metrics = differing.metrics()
        return metrics.sum("umbra_pairs_total") == 120 and metrics
    metrics = wait_for(look, "the analyst's series")
    labels = {"route": ROUTE, "mirror": "default/v2"}
    assert {verdict: metrics.sum("umbra_verdict", verdict=verdict, **labels) for verdict in ("PASS", "FAIL", "INSUFFICIENT")} == {
        "PASS": 0, "FAIL": 1, "INSUFFICIENT": 0}
    assert metrics.sum("umbra_pairs_total", result="different", **labels) == 120
    assert {found["quantile"] for name, found, _ in metrics.samples if name == "umbra_latency_delta_seconds"} >= {"0.5"}
    bounds = {found["bound"]: value for name, found, value in metrics.samples
              if name == "umbra_latency_delta_seconds" and found["quantile"] == "0.5"}
    assert len(bounds) == 3 and min(bounds.values()) <= max(bounds.values()) and max(map(abs, bounds.values())) < 1, bounds
    done = subprocess.run(["promtool", "check", "metrics"], input=differing.ask("/metrics").body, capture_output=True, timeout=30,
                          check=False)
    # The label is the contract's, though promtool would keep it to summaries.
    complaints = [line for line in (done.stdout + done.stderr).decode().splitlines()
                  if not (line.startswith("umbra_latency_delta_seconds ") and "quantile" in line)]
    assert not complaints, complaints
