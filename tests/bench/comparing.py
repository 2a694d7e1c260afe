# SPDX-License-Identifier: Apache-2.0
"""What it costs to compare answers: the gateway's part, which is to record them, and the analyst's, which is to judge them."""
import json
import subprocess
import time

import cost
import measure
import origins
import peers
from report import Row

# Rows of analyze_bench.
SIZES = ("1 KiB", "10 KiB", "100 KiB", "1 MiB")
FEW, MORE, MANY = "10 routes", "1,000 routes", "10,000 routes"


# ------------------------------------------------------------------------------------------------ the gateway's part

class Side(cost.Side):
    """A gateway whose live service and shadow answer 1 KiB of JSON that differs in three values."""

    def __init__(self, name, run, compare):
        live, shadow = origins.Origin(run.stage, "json"), origins.Origin(run.stage, "edited")
        super().__init__(name, peers.Umbra(run.stage, live, shadow, compare=compare), live, shadow)
        self.analysts = self.proxy.find("analyst")
        self.judging = []  # µs of the analyst's CPU per request
        self.lost = []  # share of the records that found no room

    def load(self, run, seconds):
        return run.stage.load.run(self.proxy.port, seconds, has_json=True)

    def clear(self):
        super().clear()
        self.judging.clear()
        self.lost.clear()

    def records(self):
        counted = self.proxy.metrics()
        return {name: counted.get(f"umbra_records_{name}", 0) for name in ("total", "dropped_total")}

    def measure_cpu(self, run):
        """The gateway's as everywhere; the analyst's until it has taken what was recorded."""
        records, judging, requests = self.records(), measure.cpu_seconds(self.analysts), self.live.requests()
        super().measure_cpu(run)
        if not self.analysts:
            return
        self.await_analyst()
        requests = self.live.requests() - requests
        written, lost = (count - records[name] for name, count in self.records().items())
        self.judging.append((measure.cpu_seconds(self.analysts) - judging) * 1e6 / max(1, requests))
        self.lost.append(lost / max(1, written + lost))
        if written + lost != 2 * requests:
            self.problems.append(f"umbra: {written + lost:.0f} records, {requests} requests with a copy each")

    def await_analyst(self):
        """Until it has nothing to do but to look at the clock."""
        def is_quiet():
            before = measure.cpu_seconds(self.analysts)
            time.sleep(0.1)
            return measure.cpu_seconds(self.analysts) - before < 0.01
        measure.wait_until(is_quiet, 20, "the analyst to be done")


def comparing(run):
    """The gateway's CPU per request when answers are compared and when not, and the analyst's."""
    stage = run.stage
    on, off = Side("umbra, comparing", run, "auto"), Side("umbra, not comparing", run, "off")
    cost.warm_up(run, (on, off))
    rows = []
    for suffix in ("", ", analyst apart"):
        if suffix:
            if stage.proxy_cpu is None:
                break
            on.clear()
            off.clear()
            measure.pin(on.analysts, stage.proxy_cpu)
        cost.measure_in_turn(run, (on, off))
        note_analyst(run, on, suffix)
        must, aim = (None, None) if suffix else (1.20, 1.10)
        row = cost.compare(f"gateway CPU per request, comparing on ÷ off (1 KiB JSON){suffix}", on, off, "µs", must=must, aim=aim)
        row.theirs = f"off {off.shown('µs')}"
        rows.append(row)
    return rows


def note_analyst(run, side, suffix):
    judging, lost = measure.summary(side.judging)[0], measure.summary(side.lost)[0]
    run.notes.append(f"Comparing 1 KiB JSON{suffix or ', all on one CPU'}: {side.shown('µs')} of the gateway's CPU per request, "
                     f"{judging:.1f} µs of the analyst's; {lost:.1%} of the records found no room and were counted")


# ------------------------------------------------------------------------------------------------ the analyst's part

def analyze_bench(run):
    """By row: bytes of a body, and µs of each round."""
    run.clock.check()
    stage = run.stage
    command = [*stage.aside, str(stage.tool("analyze_bench")), "--rounds", str(run.rounds), "--ms", str(round(run.seconds * 250)),
               "--data", str(stage.new_directory("analyst"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise measure.Broken(f"analyze_bench: {done.stderr.strip()}")
    return json.loads(done.stdout)


def judging(run):
    """Pairs that the analyst judges per second of CPU, by size of their bodies and by number of routes."""
    found = analyze_bench(run)

    def shown(name):
        return f"{name}: {measure.summary(found[name]['us'])[0]:,.1f} µs"

    def rate(name, **limits):
        value, low, high = measure.summary([1e6 / us for us in found[name]["us"]])
        return Row(f"analyst: {name} JSON pairs compared per second and core", value, low, high, more_is_better=True,
                   unit="/s", **limits)

    def ratio(figure, ours, theirs, scale=1, **limits):
        value, low, high = measure.summary(measure.ratios(found[ours]["us"], found[theirs]["us"]))
        return Row(figure, value * scale, low * scale, high * scale, ours=shown(ours), theirs=shown(theirs), **limits)

    rows = [rate("1 KiB", must=100_000, aim=250_000), rate("1 KiB, equal"), rate("1 KiB, with a control")]
    rows += [ratio(f"analyst: CPU per byte of a pair, {size} ÷ 1 KiB bodies", size, "1 KiB",
                   found["1 KiB"]["bytes"] / found[size]["bytes"], must=1.25 if size == SIZES[-1] else None) for size in SIZES[1:]]
    run.notes.append(f"analyst: the first {MANY.split()[0]} pairs, {found[MANY]['first_us']:,.1f} µs of CPU each when every one makes a "
                     f"group, {found[FEW]['first_us']:,.1f} µs in {FEW}")
    return rows + [ratio(f"analyst: CPU per pair, {count} ÷ {FEW}", count, FEW, must=2.00, aim=1.25) for count in (MORE, MANY)]
