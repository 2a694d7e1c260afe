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


def test_ten_milliseconds_more_are_ten_milliseconds(origin, gateway):
    """A machine that is busy with other things wakes one of the two later than the other; it gets three chances."""
    for _ in range(3):
        through = gateway(origin(20), origin(30))
        seen = judged(through, targets(600), connections=4)
        delta = seen["latency_ms"]["delta"]["p50"]
        assert seen["verdict"] == "FAIL", "above 5 ms and a quarter of live's"
        if abs(delta["value"] - 10) <= BAND and delta["low"] <= 10 <= delta["high"]:
            break
    assert abs(delta["value"] - 10) <= BAND, delta
    assert delta["low"] <= 10 <= delta["high"], delta
    assert "p50" in " ".join(seen["reasons"])
    latency = findings(through, kind="latency")
    assert latency and any("p50" in one["summary"] for one in latency), latency
    assert report_of(through).code == 1


def test_services_of_the_same_speed_have_no_difference(origin, gateway):
    through = gateway(origin(20), origin(20), "--control", origin(20).address)
    seen = judged(through, targets(600), connections=8)
    delta = seen["latency_ms"]["delta"]["p50"]
    assert delta["low"] <= 0 <= delta["high"], delta
    assert abs(delta["value"]) <= BAND
    assert seen["verdict"] == "PASS", seen["reasons"]
    assert not findings(through, kind="latency")


def test_too_few_pairs_have_no_interval(origin, gateway):
    through = gateway(origin(5), origin(15))
    seen = judged(through, targets(20))
    assert seen["latency_ms"]["delta"] == {"p50": None, "p99": None}
    assert "not enough data" in report_of(through).text
