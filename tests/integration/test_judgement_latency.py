# SPDX-License-Identifier: Apache-2.0
"""How much slower a shadow is, to the millisecond, and that one of the same speed is called so."""
import os

import pytest

from judged import Origin, findings, judged, report_of, targets

# What instrumentation of the binary itself adds is no fault of a shadow's.
BAND = 3.0 if os.environ.get("UMBRA_TEST_PATIENCE") else 1.0


@pytest.fixture
def origin(ending):
    def start(delay_ms):
        started = Origin(delay_ms)
        ending.callback(started.close)
        return started
    return start


def assert_measured(delta, live, shadow):
    """To the millisecond, of what the two services themselves saw: a busy machine wakes one of them later than the other."""
    true_ms = shadow.median_ms() - live.median_ms()
    assert abs(delta["value"] - true_ms) <= BAND, (delta, true_ms)
    assert delta["low"] <= true_ms + 0.5 and true_ms - 0.5 <= delta["high"], (delta, true_ms)


def test_ten_milliseconds_more_are_ten_milliseconds(origin, gateway):
    live, shadow = origin(20), origin(30)
    through = gateway(live, shadow)
    seen = judged(through, targets(600), connections=4)
    assert seen["verdict"] == "FAIL", "above 5 ms and a quarter of live's"
    assert_measured(seen["latency_ms"]["delta"]["p50"], live, shadow)
    assert "p50" in " ".join(seen["reasons"])
    latency = findings(through, kind="latency")
    assert latency and any("p50" in one["summary"] for one in latency), latency
    assert report_of(through).code == 1


def test_services_of_the_same_speed_have_no_difference(origin, gateway):
    live, shadow = origin(20), origin(20)
    through = gateway(live, shadow, "--control", origin(20).address)
    seen = judged(through, targets(600), connections=8)
    assert_measured(seen["latency_ms"]["delta"]["p50"], live, shadow)
    assert seen["verdict"] == "PASS", seen["reasons"]
    assert not findings(through, kind="latency")


def test_too_few_pairs_have_no_interval(origin, gateway):
    through = gateway(origin(5), origin(15))
    seen = judged(through, targets(20))
    assert seen["latency_ms"]["delta"] == {"p50": None, "p99": None}
    assert "not enough data" in report_of(through).text
