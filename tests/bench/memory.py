# SPDX-License-Identifier: Apache-2.0
"""Large uploads, idle clients and idle processes: throughput and memory."""
import checks
import measure
import origins
import peers
from report import Row

KIB, MIB = 1 << 10, 1 << 20


class Uploader:
    """One proxy under uploads; throughput per round, and the most memory it had beyond what it began with."""

    def __init__(self, proxy, live, shadow=None):
        self.proxy = proxy
        self.live = live
        self.shadow = shadow
        self.rates = []
        self.extra = []
        self.problems = []
        self.resting = 0

    def measure(self, run, size):
        run.clock.check()
        watch = checks.Watch(self.proxy, self.live, self.shadow)
        before = [side.counts()["bytes"] for side in (self.live, self.shadow) if side]
        self.resting = self.resting or measure.status_bytes(self.proxy.workers, "VmRSS")
        measure.reset_peak(self.proxy.workers)
        result = run.stage.load.upload(self.proxy.port, size)
        self.problems += watch.settled(result)
        self.extra.append((measure.status_bytes(self.proxy.workers, "VmHWM") - self.resting) / MIB)
        self.rates.append(result["bytes"] / result["seconds"] / 1e9)
        after = [side.counts()["bytes"] for side in (self.live, self.shadow) if side]
        for name, got in zip(("live", "shadow"), (b - a for a, b in zip(before, after))):
            if got != size:
                self.problems.append(f"{self.proxy.name}: {name} got {got} of {size} bytes")


def upload(run):
    """1 GB with a healthy mirror beside nginx unbuffered without one."""
    stage = run.stage
    live, shadow = origins.Origin(stage), origins.Origin(stage)
    umbra = Uploader(peers.Umbra(stage, live, shadow, has_writes=True), live, shadow)
    off = Uploader(peers.Umbra(stage, live), live)
    nginx = Uploader(peers.Nginx(stage, live, is_unbuffered=True), live)
    for _ in run.each_round():
        for side in (umbra, nginx, off):
            side.measure(run, run.upload_bytes)
    value, low, high = measure.summary(measure.ratios(umbra.rates, nginx.rates))
    bare, bare_low, bare_high = measure.summary(measure.ratios(off.rates, nginx.rates))

    def shown(side):
        return f"{measure.summary(side.rates)[0]:.2f} GB/s"

    amount = f"{run.upload_bytes / 1e9:g} GB upload"
    return [
        Row(f"{amount}, throughput with a healthy mirror ÷ nginx unbuffered without", value, low, high,
            0.90, 1.20, True, ours=shown(umbra), theirs=f"nginx {shown(nginx)}", problems=umbra.problems + nginx.problems),
        Row(f"{amount}, extra RSS with a healthy mirror (peak of all rounds)", max(umbra.extra), min(umbra.extra),
            max(umbra.extra), 4, 2, unit="MiB", theirs=f"nginx {max(nginx.extra):.2f} MiB", problems=umbra.problems),
        Row(f"{amount}, throughput without a mirror ÷ nginx unbuffered", bare, bare_low, bare_high, more_is_better=True,
            ours=shown(off), theirs=f"nginx {shown(nginx)}", problems=off.problems),
    ]


def clients(run):
    """Memory per idle keep-alive client that has been served once."""
    stage = run.stage
    count = run.idle_clients
    live = origins.Origin(stage)
    grown, problems = {}, []
    for kind in (peers.Umbra, peers.Nginx):
        run.clock.check()
        proxy = kind(stage, live)
        stage.load.run(proxy.port, 0.2)
        before = measure.status_bytes(proxy.pids, "VmRSS")
        held = stage.load.hold(proxy.port, count)
        grown[kind.name] = (measure.status_bytes(proxy.pids, "VmRSS") - before) / count / KIB
        result = stage.load.release(held)
        if result["errors"]:
            problems.append(f"{kind.name}: {result['errors']} of {count} idle clients were not served again")
    ours = grown["umbra"]
    return [Row(f"RSS per idle keep-alive client, {count:,} of them", ours, ours, ours, 4, 1, unit="KiB",
                theirs=f"nginx {grown['nginx']:.2f} KiB beyond what it reserves at start", problems=problems)]


def idle(run):
    """All processes together, started with a mirror and having served a little; comparing and not."""
    stage = run.stage
    live, shadow = origins.Origin(stage, "json"), origins.Origin(stage, "edited")
    used, problems = {}, []
    kinds = {"umbra": (peers.Umbra, {}), "comparing": (peers.Umbra, {"compare": "auto"}), "nginx": (peers.Nginx, {})}
    for name, (kind, words) in kinds.items():
        run.clock.check()
        proxy = kind(stage, live, shadow, **words)
        watch = checks.Watch(proxy, live, shadow)
        problems += watch.settled(stage.load.run(proxy.port, 0.2, rate=1000, has_json=True))
        used[name] = measure.pss_bytes(proxy.pids) / MIB
        if kind is peers.Umbra:
            roles = ", ".join(f"{measure.role_of(pid)} {measure.pss_bytes([pid]) / MIB:.2f} MiB" for pid in proxy.pids)
            run.notes.append(f"Idle PSS by process, {'comparing' if words else 'not comparing'}: {roles}")
        proxy.stop()  # what is shared is counted where it is: nobody else may share it

    def row(figure, name):
        return Row(figure, used[name], used[name], used[name], 16, 8, unit="MiB",
                   theirs=f"nginx {used['nginx']:.2f} MiB", problems=problems)
    return [row("idle, all processes together: PSS", "umbra"), row("idle, comparing, all processes together: PSS", "comparing")]
