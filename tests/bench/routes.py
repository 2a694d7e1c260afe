# SPDX-License-Identifier: Apache-2.0
"""Many routes: what they cost each request, how soon they are in force, what they take of memory, and what reloads do to
requests."""
import http.client
import json
import subprocess
import time

import checks
import cost
import measure
import origins
import peers
import rules
from report import Row

FEW = 10
KIB = 1 << 10
RELOADED = 1000  # routes in the rules that are reloaded again and again
PATIENCE = 20  # seconds for rules to come into force


def start(run, live, shape, count):
    return peers.Umbra(run.stage, live, rules=lambda port: rules.manifests(shape, count, port, live.port))


# ------------------------------------------------------------------------------------------------- CPU and memory

class Side(cost.Side):
    """A gateway and the requests that it gets, in turn."""

    def __init__(self, proxy, live, asked):
        super().__init__("umbra", proxy, live)
        self.asked = asked

    def load(self, run, seconds):
        return run.stage.load.run(self.proxy.port, seconds, requests=self.asked)


class Shape:
    """A gateway with few routes and one with many, and three ways to ask them: the few; all of the many; and of the many
    those that the few are, with the very same requests."""

    def __init__(self, run, name):
        many = run.many_routes
        self.name, self.many = name, many
        live = origins.Origin(run.stage)
        self.gateways = {count: start(run, live, name, count) for count in (FEW, many)}
        asked = {count: rules.write_requests(run.stage, name, count, many) for count in (FEW, many)}
        self.few = Side(self.gateways[FEW], live, asked[FEW])
        self.all = Side(self.gateways[many], live, asked[many])
        self.same = Side(self.gateways[many], live, asked[FEW])

    def memory(self):
        """By role: PSS for each route that the one gateway has more than the other."""
        used = {}
        for count, sign in ((FEW, -1), (self.many, 1)):
            for pid in self.gateways[count].pids:
                role = measure.role_of(pid)
                used[role] = used.get(role, 0) + sign * measure.pss_bytes([pid]) / (self.many - FEW)
        return used

    def measure(self, run):
        sides = [self.few, self.all, self.same]
        for side in sides:
            side.load(run, max(0.3, run.seconds / 4))
        for _ in run.each_round():
            for side in sides:
                run.clock.check()
                side.measure_cpu(run)
            sides.append(sides.pop(0))  # nobody is always the first

    def rows(self):
        def row(suffix, side):
            value, low, high = measure.summary(measure.ratios(side.figures, self.few.figures))
            return Row(f"CPU per request, {self.many:,} routes ÷ {FEW}, by {self.name}{suffix}", value, low, high,
                       must=1.05, aim=1.01, ours=side.shown("µs"), theirs=f"{FEW} routes {self.few.shown('µs')}",
                       problems=sorted(set(side.problems + self.few.problems)))
        return [row(", all asked", self.all), row(f", {FEW} asked", self.same)]

    def stop(self):
        for gateway in self.gateways.values():
            gateway.stop()


def routes(run):
    """CPU per request with many routes beside few, and memory per route."""
    rows, memory = [], []
    for name in rules.SHAPES:
        shape = Shape(run, name)
        fresh = shape.memory()
        shape.measure(run)
        memory.append((fresh, shape.memory()))
        rows += shape.rows()
        shape.stop()
    return rows + memory_rows(run, memory)


def memory_rows(run, memory):
    def row(role, which, words):
        value, low, high = measure.summary([found[which][role] / KIB for found in memory])
        return Row(f"{role}, PSS per route above {FEW}, {words}", value, low, high, unit="KiB")

    few, many = ([steps(run, shape, count)["plan_bytes"] for shape in rules.SHAPES] for count in (FEW, run.many_routes))
    plans = [(more - less) / (run.many_routes - FEW) for less, more in zip(few, many)]
    return [
        Row(f"plan, bytes per route above {FEW}", *measure.summary(plans), unit="B"),
        row("control", 1, "all asked"),
        row("gateway", 0, "none asked yet"),
        row("gateway", 1, "all asked"),
    ]


# -------------------------------------------------------------------------------------------------------- loading

def steps(run, shape, count):
    """What rules_bench says of such rules."""
    path = run.stage.directory / f"rules-{shape}-{count}.yaml"
    if not path.exists():
        path.write_text(rules.manifests(shape, count, 80, 81))
    command = [*run.stage.aside, str(run.stage.tool("rules_bench")), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise measure.Broken(f"rules_bench: {done.stderr.strip()}")
    return json.loads(done.stdout)


def find_edition(gateway):
    """Of the rules in force, as the probe says it; empty while there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": rules.PROBE})
        location = connection.getresponse().getheader("Location") or ""
    except OSError:
        return ""
    finally:
        connection.close()
    return location.removeprefix("http://").partition(".")[0]


def change(gateway, text, edition):
    """Seconds from the renaming of the rules' file until they are in force."""
    new = gateway.rules.with_suffix(".new")
    new.write_text(text)
    begin = time.monotonic()
    new.rename(gateway.rules)
    measure.wait_until(lambda: find_edition(gateway) == edition, PATIENCE, f"edition {edition} to be in force")
    return time.monotonic() - begin


def loading(run):
    """How soon many routes are in force: after the start, and after a change of their file."""
    many = run.many_routes
    live = origins.Origin(run.stage)
    started, changed, found = [], [], []
    for _ in run.each_round():
        run.clock.check()
        gateway = start(run, live, "host", many)
        started.append(gateway.started_s)
        changed.append(change(gateway, rules.manifests("host", many, gateway.port, live.port, "e1"), "e1"))
        gateway.stop()
        found.append(steps(run, "host", many))
    read, compiled, built, mapped = (measure.summary([one[f"{step}_ms"] for one in found])[0]
                                     for step in ("read", "compile", "build", "map"))
    run.notes.append(f"CPU of loading {many:,} routes: reading YAML {read:.0f} ms, compiling {compiled:.0f} ms, building the plan "
                     f"{built:.0f} ms, the gateway's mapping and checking {mapped:.1f} ms")
    return [Row(f"{many:,} routes in force after the start", *measure.summary(started), unit="s"),
            Row(f"{many:,} routes in force after a change", *measure.summary(changed), must=2, unit="s")]


# -------------------------------------------------------------------------------------------------------- reloads

class Reloaded:
    """A gateway whose rules change under load."""

    def __init__(self, run):
        self.run = run
        self.live = origins.Origin(run.stage)
        self.gateway = start(run, self.live, "host", RELOADED)
        self.asked = rules.write_requests(run.stage, "host", RELOADED, RELOADED)
        self.problems = []

    def measure(self, count):
        """A load for the time of so many reloads, or as long as any other; the result has its "rate" besides."""
        load = self.run.stage.load
        watch = checks.Watch(self.gateway, self.live)
        if count:
            process = load.start(self.gateway.port, self.asked)
            try:
                self.reload(count)
            finally:
                result = load.stop(process)
        else:
            result = load.run(self.gateway.port, self.run.seconds, requests=self.asked)
        self.problems += watch.settled(result)
        return {**result, "rate": result["requests"] / result["seconds"]}

    def reload(self, count):
        for edition in (f"e{number}" for number in range(1, count + 1)):
            self.run.clock.check()
            change(self.gateway, rules.manifests("host", RELOADED, self.gateway.port, self.live.port, edition), edition)


def reloads(run):
    """Requests per second and failures while rules of 1,000 routes are reloaded again and again."""
    side = Reloaded(run)
    before, during, after = side.measure(0), side.measure(run.reloads), side.measure(0)
    quiet = measure.middle(before["rate"], after["rate"])
    value, low, high = measure.summary([during["rate"] / one["rate"] for one in (before, after)])
    what = f"{run.reloads} reloads of {RELOADED:,} routes"
    run.notes.append(f"{what}: {during['seconds'] / run.reloads:.2f} s each; live p99 {during['p99_us']:,.0f} µs and at most "
                     f"{during['max_us']:,.0f} µs, without reloads {before['p99_us']:,.0f} and {before['max_us']:,.0f} µs")
    return [
        Row(f"requests/s, {what} ÷ none", value, low, high, more_is_better=True, ours=f"{during['rate']:,.0f} /s",
            theirs=f"none {quiet:,.0f} /s", problems=side.problems),
        Row(f"failed requests, {what}", *measure.summary([during["errors"]]), must=0,
            theirs=f"of {during['requests']:,}", problems=side.problems),
    ]
