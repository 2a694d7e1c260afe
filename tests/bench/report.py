# SPDX-License-Identifier: Apache-2.0
"""The bench's figures: what a row is, whether it meets its target, and how that is printed and written down."""
import dataclasses
import os
import pathlib
import platform
import re
import subprocess

import peers


@dataclasses.dataclass
class Row:
    """One figure. `value` is the median over rounds of ours ÷ theirs (or of an amount with its unit), `low` and `high`
    its spread. Without `must` it is information."""

    figure: str
    value: float
    low: float
    high: float
    must: float | None = None
    aim: float | None = None
    more_is_better: bool = False
    unit: str = ""  # empty: a ratio
    ours: str = ""
    theirs: str = ""
    must_says: str = ""  # where the limit is not a plain number
    is_noisy: bool = False  # the limit is so wide that keeping it proves nothing
    problems: list = dataclasses.field(default_factory=list)

    def is_met(self, limit):
        return self.value >= limit if self.more_is_better else self.value <= limit

    def verdict(self):
        if self.problems:
            return "WRONG"
        if self.must is None:
            return "info"
        if not self.is_met(self.must):
            return "MISS"
        if self.is_noisy:
            return "noisy"
        return "aim" if self.aim is not None and self.is_met(self.aim) else "pass"

    def is_failure(self):
        return self.verdict() in ("MISS", "WRONG")

    def number(self, value):
        if value >= 1000:
            return f"{value:,.0f}{' ' + self.unit if self.unit else ''}"
        return f"{value:.{2 if value >= 0.1 or value <= 0 else 4}f}{' ' + self.unit if self.unit else ''}"

    def limit(self, limit):
        if limit is None:
            return ""
        return f"{'≥' if self.more_is_better else '≤'} {self.number(limit)}"

    def spread(self):
        digits = 0 if self.low >= 1000 else 2
        return f"{self.low:,.{digits}f}–{self.high:,.{digits}f}"

    def cells(self):
        must = self.must_says or self.limit(self.must)
        return [self.figure, self.ours, self.theirs, self.number(self.value), self.spread(), must,
                self.limit(self.aim), self.verdict()]


HEADINGS = ["figure", "umbra", "beside it", "result", "spread", "must", "aim", "verdict"]


def text_table(rows):
    table = [HEADINGS] + [row.cells() for row in rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADINGS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in table)


def markdown_table(rows):
    lines = [HEADINGS, ["---"] * len(HEADINGS)] + [row.cells() for row in rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# ---------------------------------------------------------------------------------------------------------- machine

def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return ""
    return (done.stdout + done.stderr).strip().partition("\n")[0]


def machine(umbra):
    """Pairs of what and which."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text(), re.M)
    haproxy = first_line(peers.find_program("haproxy") or "haproxy", "-v")
    version = re.search(r"version (\S+)", haproxy)
    return [
        ("CPU", f"{cpu.group(1) if cpu else platform.machine()}, {os.cpu_count()} of them"),
        ("memory", f"{int(memory.group(1)) / 2**20:.0f} GiB"),
        ("kernel", platform.release()),
        ("TCP", pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()),
        ("umbra", first_line(umbra, "--version")),
        ("nginx", first_line(peers.find_program("nginx") or "nginx", "-v").partition("/")[2]),
        ("HAProxy", version.group(1) if version else haproxy),
        ("wrk", " ".join(first_line("wrk", "-v").split()[:2])),
        ("h2load", first_line("h2load", "--version").partition(" ")[2]),
        ("OpenSSL", first_line("openssl", "version").partition(" ")[2]),
    ]


# --------------------------------------------------------------------------------------------------------- document

INTRODUCTION = """# Performance

Written by `./dev bench`; do not edit. Run it again on your own machine: `./dev bench` takes about {minutes} minutes,
`./dev bench --quick` less than two, `./dev bench cost latency` only these groups ({groups}).

**Quote ratios, never absolute times.** Both sides of a ratio were measured in the same run, in turn (A B A B,
{rounds} rounds of {seconds:g} s), so that the machine's mood falls out of it; a figure is the median of the rounds'
ratios, its spread the lowest and the highest. The columns with µs and requests/s are context for this machine and
day.

- One worker on each side, `--shed off`, `--compare off` but in the rows that say *comparing*, no access logs. The load, the services and the proxy share one CPU unless a
  row says *apart*: then the proxy has a CPU for itself and everything else shares the other. Load and services run as
  SCHED_BATCH, so that they do not interrupt the proxy in the middle of its turn.
- CPU is the user and system time of the proxy's processes, with all their threads, from `/proc`, divided by the
  requests that were answered. For Umbra that is the gateway with all its threads; supervisor and control, which see no traffic, are
  given separately below.
- Every proxy has its best configuration for the task: keep-alive to clients, live service and shadow. nginx opens a
  connection for each copy that is answered with a body, because it does not read that body; hence the row with 204.
- The services answer 64 bytes. The load checks status, length and bytes of every answer; one error in a row, or one
  copy more or less than requests where the shadow is healthy (counted by the shadow itself and by `umbra_mirror_*`,
  both equations included), and the row is WRONG, however fast it was.
- Where answers are compared, live service and shadow answer 1 KiB of JSON that differs in three values, and the answer's type
  is the only header. *comparing on ÷ off* is the gateway's CPU alone; what the analyst takes stands below. It has the lowest
  priority: on a CPU that the load keeps busy it falls behind, and what finds no room in its ring is counted and left out;
  *analyst apart* gives it the other CPU.
- *analyst:* rows are made of records as the gateway writes them, fed to the analyst's code in one thread of a process for each row, with its ticks and
  its store on disk: all of its work but reading the ring. Every pair differs in three values and is judged; in larger bodies
  three values of one item differ. CPU per byte says whether the cost grows with the size only.
- Latency is measured at half of what the proxy can do without a mirror, at a constant rate, from the moment a request
  was due, so that a stall is seen in all requests that it delays. The noise is off ÷ off of neighbouring rounds in
  the same run; the limit is 1.05 or the 90th percentile of that noise.
- With 10,000 routes each has a host of its own, or a path prefix, or a value of one header under one path; the rules
  are manifests in a file. *all asked*: the requests go to all of them in turn, in a scattered order. So what a request
  needs of its route is no longer in the CPU's caches, and the load is told 10,000 different requests on both sides, all
  of one length. *10 asked*: both sides get the very same requests, which shows the rules alone without the caches.
- HTTP/2 is spoken by prior knowledge: h2load with 16 connections of 32 streams each, a fixed number of requests, all
  answered with 200 and a whole body, by both proxies from the same service with keep-alive. In HTTP/2 to a service nginx
  has nothing to set beside; that service is another nginx.
- TLS is TLS 1.3 with the same ECDSA P-256 certificate on both sides. The keep-alive rows are made by h2load in HTTP/1.1, and
  so are the full handshakes: all connections at once, each with one request. The resumed ones come one after the other, each
  with the last ticket that was given. A handshake's CPU includes its connection and its request. These rows have no must.
- Rules are in force when a request is answered by them; a change is the renaming of a file. PSS per route is the
  difference to the same processes with 10 routes.
- *cluster:* Umbra reads a real kube-apiserver with etcd on the same machine, all of them on all CPUs: 1,000 HTTPRoutes, each with a
  mirror and an edit of the answer that says which edition it is, 500 Services and an EndpointSlice of 20 endpoints for each. *Start to
  ready* ends when `/readyz` is 200 and the last route answers. A change is one PATCH of a route, or of the one endpoint of a Service,
  on a server that is quiet again; its time goes from the API server's answer until a request is answered by it. In a flood all
  routes are changed by 8 clients at once, while the replica writes their statuses (50 writes a second); the time is that of the change that was
  acknowledged last, and all routes have to answer by theirs then. The group needs an API server: it is left out where none was built
  yet, which `./dev bench cluster` does.
- *black hole* drops every SYN; *mute* accepts, reads and never answers; *resetting* resets in place of an answer; *endless*
  answers as fast as it is read and never ends.
"""


def document(rows, notes, about, settings, unmet):
    minutes = max(1, round(settings["took"] / 60))
    groups = ", ".join(f"`{name}`" for name in settings["groups"])
    lines = [INTRODUCTION.format(**{**settings, "groups": groups}, minutes=minutes)]
    lines += ["## This run", "", markdown_table(rows), ""]
    lines += ["`pass`: the must is met; `aim`: the aim as well; `info`: no target; `noisy`: the machine was too busy "
              "to tell. " + unmet, ""]
    if notes:
        lines += ["## Beside the targets", ""] + [f"- {note}" for note in notes] + [""]
    lines += ["## The machine", "", "| what | which |", "| --- | --- |"]
    lines += [f"| {what} | {which} |" for what, which in about]
    return "\n".join(lines) + "\n"
