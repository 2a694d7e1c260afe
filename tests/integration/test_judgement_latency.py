# SPDX-License-Identifier: Apache-2.0
"""How much slower a shadow is, to the millisecond, and that one of the same speed is called so."""
import os

import pytest

from judged import Origin, findings, judged, manifests, report_of, targets

# What instrumentation of the binary itself adds is no fault of a shadow's.
DELAY_MS = 20  # of live
BAND = 3.0 if os.environ.get("UMBRA_TEST_PATIENCE") else 1.0


@pytest.fixture
def origin(ending):
    def start(delay_ms):
        started = Origin(delay_ms)
        ending.callback(started.close)
        return started
    return start


def assert_measured(delta, live, shadow):
    """To the millisecond, of what the two services themselves saw: a busy machine wakes one of them later than the other. So late as it
    wakes live, it may wake the gateway, which nobody but the gateway sees."""
    true_ms, late_ms = shadow.median_ms() - live.median_ms(), live.median_ms() - DELAY_MS
    band = max(BAND, late_ms + (delta["high"] - delta["low"]) / 2)
    assert abs(delta["value"] - true_ms) <= band, (delta, true_ms, late_ms)
    assert delta["low"] <= true_ms + max(0.5, late_ms) and true_ms - max(0.5, late_ms) <= delta["high"], (delta, true_ms, late_ms)


def decided(through, **options):
    """The verdict on 600 pairs, or on as many more as a busy machine makes it need."""
    for first in range(0, 2400, 600):
        seen = judged(through, targets(600, first=first), **options)
        if seen["verdict"] != "INSUFFICIENT":
            break
    return seen


def test_ten_milliseconds_more_are_ten_milliseconds(origin, ruled):
    """Without the share of live's: on a busy machine live is so slow that ten milliseconds are little."""
    live, shadow = origin(DELAY_MS), origin(DELAY_MS + 10)
    through = ruled(manifests(live, shadow, policy="verdict: {maxLatencyShare: 0%, findingLatencyShare: 0%}"))
    seen = decided(through, connections=4)
    assert_measured(seen["latency_ms"]["delta"]["p50"], live, shadow)
    really_ms = shadow.median_ms() - live.median_ms()
    if not 8 < really_ms < 12:
        pytest.skip(f"this machine is too busy for ten milliseconds: it made {really_ms:.1f} of them")
    assert seen["verdict"] == "FAIL", "above 5 ms"
    assert "p50" in " ".join(seen["reasons"])
    latency = findings(through, kind="latency")
    assert latency and any("p50" in one["summary"] for one in latency), latency
    assert report_of(through).code == 1


def test_services_of_the_same_speed_have_no_difference(origin, gateway):
    live, shadow = origin(DELAY_MS), origin(DELAY_MS)
    through = gateway(live, shadow, "--control", origin(DELAY_MS).address)
    seen = decided(through, connections=8)
    assert_measured(seen["latency_ms"]["delta"]["p50"], live, shadow)
    assert seen["verdict"] == "PASS", seen["reasons"]
    assert not findings(through, kind="latency")


def test_too_few_pairs_have_no_interval(origin, gateway):
    through = gateway(origin(5), origin(15))
    seen = judged(through, targets(20))
    assert seen["latency_ms"]["delta"] == {"p50": None, "p99": None}
    assert "not enough data" in report_of(through).text
