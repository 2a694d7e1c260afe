# SPDX-License-Identifier: Apache-2.0
"""Live latency while a shadow misbehaves, at half of capacity and a constant rate."""
import checks
import measure
import origins
import peers
from report import Row

MUST = 1.05
TOO_NOISY = 2
# What is measured, and the origin's mode that is it.
MODES = {"mute": "mute", "1 s slow": "slow", "30 s slow": "slower", "resetting": "reset", "garbage": "garbage", "endless": "endless"}
FAULTS = ("dead", "black hole", *MODES)


def make_fault(stage, name):
    if name == "dead":
        return origins.Dead(stage)
    if name == "black hole":
        return origins.BlackHole(stage)
    return origins.Origin(stage, MODES[name])


class Leg:
    """One gateway and what it has shown: {"p50_us": […], "p99_us": […]}."""

    def __init__(self, proxy, live, shadow=None):
        self.proxy = proxy
        self.live = live
        self.shadow = shadow
        self.shown = {"p50_us": [], "p99_us": []}
        self.problems = []

    def measure(self, run, rate):
        run.clock.check()
        watch = checks.Watch(self.proxy, self.live, self.shadow, is_healthy=False)
        result = run.stage.load.run(self.proxy.port, run.seconds, rate)
        self.problems += watch.settled(result)
        for quantile, values in self.shown.items():
            values.append(result[quantile])


def latency(run):
    """p50 and p99 of live: each fault stands between two rounds with the mirror off and is divided by their mean."""
    stage = run.stage
    live = origins.Origin(stage)
    off = Leg(peers.Umbra(stage, live), live)
    faults = {}
    for name in FAULTS:
        shadow = make_fault(stage, name)
        faults[name] = Leg(peers.Umbra(stage, live, shadow), live, shadow)
    stage.load.run(off.proxy.port, 0.3)
    capacity = max(probe["requests"] / probe["seconds"] for probe in
                   (stage.load.run(off.proxy.port, min(1, run.seconds)) for _ in range(3)))
    rate = round(capacity / 2)
    for _ in run.each_round():
        for leg in faults.values():
            off.measure(run, rate)
            leg.measure(run, rate)
    off.measure(run, rate)
    rows = [row for quantile in ("p50_us", "p99_us") for row in latency_rows(quantile, off, faults, rate)]
    if any(row.is_noisy for row in rows):
        run.notes.append(f"The machine was busy with other things: with the mirror off, latency alone changed by more than "
                         f"{TOO_NOISY} times between rounds, so the latency rows prove little. Repeat it when it is idle.")
    return rows


def latency_rows(quantile, off, faults, rate):
    label = quantile.removesuffix("_us")
    base = off.shown[quantile]
    steps = [max(after / before, before / after) for before, after in zip(base, base[1:])]
    noise = measure.quantile(steps, 0.9)
    must = max(MUST, noise)
    rows = [Row(f"live {label}, mirror off ÷ off (the noise)", measure.summary(steps)[0], min(steps), max(steps),
                ours=f"{measure.summary(base)[0]:.1f} µs", theirs=f"at {rate:,} requests/s", problems=off.problems)]
    for index, (name, leg) in enumerate(faults.items()):
        # Round r measured off at r * len(faults) + index just before this fault, and the next off just after it.
        places = [turn * len(faults) + index for turn in range(len(leg.shown[quantile]))]
        around = [measure.middle(base[place], base[place + 1]) for place in places]
        value, low, high = measure.summary(measure.ratios(leg.shown[quantile], around))
        rows.append(Row(f"live {label}, shadow {name} ÷ mirror off", value, low, high, must=must, aim=1.0,
                        is_noisy=noise > TOO_NOISY and value > MUST,
                        must_says=f"≤ {MUST}" if noise <= MUST else f"≤ {noise:.2f} (noise)",
                        ours=f"{measure.summary(leg.shown[quantile])[0]:.1f} µs",
                        theirs=f"off {measure.summary(around)[0]:.1f} µs", problems=leg.problems))
    return rows
