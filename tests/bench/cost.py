# SPDX-License-Identifier: Apache-2.0
"""CPU per request, requests per second, and what a slow shadow does to them."""
import dataclasses

import checks
import measure
import origins
import peers
from report import Row


@dataclasses.dataclass
class Side:
    """One proxy in one role, with what it has shown so far, round by round."""

    name: str
    proxy: peers.Proxy
    live: origins.Origin
    shadow: object = None
    is_healthy: bool = True
    figures: list = dataclasses.field(default_factory=list)
    others: list = dataclasses.field(default_factory=list)  # µs of umbra's supervisor and control
    latency: list = dataclasses.field(default_factory=list)
    problems: list = dataclasses.field(default_factory=list)

    def clear(self):
        for values in (self.figures, self.others, self.latency, self.problems):
            values.clear()

    def load(self, run, seconds):
        return run.stage.load.run(self.proxy.port, seconds)

    def measure_cpu(self, run):
        """µs of CPU per request."""
        watch = checks.Watch(self.proxy, self.live, self.shadow, self.is_healthy)
        others = [pid for pid in self.proxy.pids if pid not in self.proxy.workers]
        before = measure.cpu_seconds(self.proxy.workers), measure.cpu_seconds(others)
        result = self.load(run, run.seconds)
        meanwhile = measure.cpu_seconds(others)
        self.problems += watch.settled(result)
        requests = max(1, result["requests"])
        self.figures.append((measure.cpu_seconds(self.proxy.workers) - before[0]) * 1e6 / requests)
        self.others.append((meanwhile - before[1]) * 1e6 / requests)
        self.latency.append((result["p50_us"], result["p99_us"]))

    def measure_rate(self, run):
        """Requests per second."""
        watch = checks.Watch(self.proxy, self.live, self.shadow, self.is_healthy)
        result = run.stage.load.wrk(self.proxy.port, run.seconds)
        self.problems += watch.settled(result, slack=measure.CONNECTIONS)
        self.figures.append(result["requests"] / result["seconds"])
        self.latency.append((result["p50_us"], result["p99_us"]))

    def shown(self, unit):
        middle = measure.summary(self.figures)[0]
        return f"{middle:,.1f} {unit}" if middle < 1000 else f"{middle:,.0f} {unit}"


def compare(figure, ours, theirs, unit, **limits):
    value, low, high = measure.summary(measure.ratios(ours.figures, theirs.figures))
    return Row(figure, value, low, high, ours=ours.shown(unit), theirs=f"{theirs.proxy.name} {theirs.shown(unit)}",
               problems=sorted(set(ours.problems + theirs.problems)), **limits)


def warm_up(run, sides):
    for side in sides:
        run.stage.load.run(side.proxy.port, 0.2)


def note_details(run, sides, where):
    """p50 and p99 of the closed loop, and what the processes beside the gateway cost."""
    for side in sides:
        p50, p99 = (measure.summary(values)[0] for values in zip(*side.latency))
        line = f"{side.name}, {where}: {side.shown('µs')} of CPU per request, p50 {p50:,.0f} µs, p99 {p99:,.0f} µs"
        if side.proxy.name == "umbra":
            line += f"; supervisor and control together {measure.summary(side.others)[0]:.3f} µs per request"
        run.notes.append(line)


def cost(run):
    """CPU per request: plain, with one healthy mirror at 100 %, and that beside nginx without one."""
    stage = run.stage
    live, body, empty = (origins.Origin(stage, mode) for mode in ("body", "body", "204"))
    sides = {
        "umbra": Side("umbra", peers.Umbra(stage, live), live),
        "nginx": Side("nginx", peers.Nginx(stage, live), live),
        "haproxy": Side("HAProxy", peers.Haproxy(stage, live), live),
        "umbra mirror": Side("umbra with a mirror", peers.Umbra(stage, live, body), live, body),
        "nginx mirror": Side("nginx with a mirror", peers.Nginx(stage, live, body), live, body),
        "umbra 204": Side("umbra with a mirror (204)", peers.Umbra(stage, live, empty), live, empty),
        "nginx 204": Side("nginx with a mirror (204)", peers.Nginx(stage, live, empty), live, empty),
    }
    warm_up(run, sides.values())
    together = cost_rounds(run, sides, "", {"plain": (0.70, 0.55), "body": (0.20, 0.15), "204": (0.55, 0.42),
                                            "with ÷ without": (1.00, 0.80)}, "all on one CPU")
    if stage.proxy_cpu is None:
        run.notes.append("There is one CPU only: no rows with the proxy apart.")
        return together
    for side in sides.values():
        side.clear()
        side.proxy.pin(stage.proxy_cpu)
    apart = {"plain": (0.85, None), "with ÷ without": (1.25, None)}
    return together + cost_rounds(run, sides, ", apart", apart, "apart")


def cost_rounds(run, sides, suffix, limits, where):
    for _ in run.each_round():
        for side in sides.values():
            run.clock.check()
            side.measure_cpu(run)
    note_details(run, sides.values(), where)

    def row(figure, ours, theirs, kind):
        must, aim = limits.get(kind, (None, None))
        return compare(figure + suffix, sides[ours], sides[theirs], "µs", must=must, aim=aim)

    return [
        row("CPU per request, no mirror ÷ nginx", "umbra", "nginx", "plain"),
        row("CPU per request, no mirror ÷ HAProxy", "umbra", "haproxy", "none"),
        row("CPU per request, one mirror ÷ nginx mirror, shadow sends a body", "umbra mirror", "nginx mirror", "body"),
        row("CPU per request, one mirror ÷ nginx mirror, shadow sends 204", "umbra 204", "nginx 204", "204"),
        row("CPU per request, with a mirror ÷ nginx without", "umbra mirror", "nginx", "with ÷ without"),
    ]


def rate(run):
    """Requests per second with a healthy mirror ÷ without; everything on one CPU."""
    stage = run.stage
    live, shadow = origins.Origin(stage), origins.Origin(stage)
    off = Side("off", peers.Umbra(stage, live), live)
    on = Side("on", peers.Umbra(stage, live, shadow), live, shadow)
    warm_up(run, (off, on))
    for _ in run.each_round():
        for side in (off, on):
            run.clock.check()
            side.measure_rate(run)
    return [compare("requests/s, mirrored ÷ not mirrored (wrk)", on, off, "/s",
                    must=0.55, aim=0.64, more_is_better=True)]


def slow(run):
    """What a shadow that takes a second does to the clients, in umbra and in nginx."""
    stage = run.stage
    live, shadow = origins.Origin(stage), origins.Origin(stage, "slow")
    pairs = []
    for kind in (peers.Umbra, peers.Nginx):
        on = Side("on", kind(stage, live, shadow), live, shadow, is_healthy=False)
        pairs.append((kind.name, Side("off", kind(stage, live), live), on))
    warm_up(run, [off for _, off, _ in pairs])
    for _ in run.each_round(2):
        for _, off, on in pairs:
            for side in (off, on):
                run.clock.check()
                side.measure_rate(run)
    return [compare(f"requests/s, shadow takes 1 s ÷ no mirror, {name} (wrk)", on, off, "/s", more_is_better=True)
            for name, off, on in pairs]


def shed(run):
    """Requests per second with a healthy mirror and `--shed auto` ÷ without a mirror; everything on one CPU, which is saturated."""
    stage = run.stage
    live, shadow = origins.Origin(stage), origins.Origin(stage)
    off = Side("off", peers.Umbra(stage, live), live)
    on = Side("on", peers.Umbra(stage, live, shadow, shed="auto"), live, shadow, is_healthy=False)
    for _ in run.each_round():
        for side in (off, on):
            run.clock.check()
            side.load(run, 1)  # which saturates it: copies begin to be shed after three tenths of a second
            side.measure_rate(run)
    row = compare("requests/s, mirrored with --shed auto ÷ not mirrored (wrk)", on, off, "/s", must=0.90, aim=0.95,
                  more_is_better=True)
    counted = on.proxy.metrics()
    matched, left_out = (counted.get(f"umbra_mirror_{name}", 0) for name in ("matched_total", "dropped_total/shed"))
    if not left_out:
        row.problems.append("umbra: no copy was counted as shed")
    run.notes.append(f"--shed auto left {left_out / max(1, matched):.0%} of the copies out, and counted them.")
    return [row]
