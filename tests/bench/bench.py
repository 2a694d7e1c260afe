#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures umbra beside nginx and HAProxy on this machine, compares with the targets, and writes docs/performance.md.
`./dev bench` builds what it needs and calls it. Exit status: 0 all targets met, 1 a target is missed or a row is wrong,
2 it could not run."""
import argparse
import os
import pathlib
import resource
import signal
import subprocess
import sys

import comparing
import cost
import kubernetes
import latency
import measure
import memory
import peers
import protocols
import report
import routes

ROOT = pathlib.Path(__file__).resolve().parents[2]

# In the order in which they run and are printed.
GROUPS = {
    "cost": cost.cost,
    "rate": cost.rate,
    "shed": cost.shed,
    "comparing": comparing.comparing,
    "judging": comparing.judging,
    "http2": protocols.http2,
    "tls": protocols.tls,
    "latency": latency.latency,
    "upload": memory.upload,
    "clients": memory.clients,
    "idle": memory.idle,
    "slow": cost.slow,
    "routes": routes.routes,
    "loading": routes.loading,
    "reloads": routes.reloads,
    "cluster": kubernetes.cluster,
}
STOLEN_SAID = 0.05  # of the CPUs' time, from where on the page says it


class Run:
    """What a group needs to know; it adds its notes."""

    def __init__(self, arguments):
        is_quick = arguments.quick
        self.rounds = arguments.rounds or (2 if is_quick else 5)
        self.seconds = arguments.seconds or (0.6 if is_quick else 2)
        self.upload_bytes = 250_000_000 if is_quick else 1_000_000_000
        self.many_routes = 10000
        self.reloads = 10 if is_quick else 100
        self.changes = 10 if is_quick else 100  # of one thing in a cluster
        self.idle_clients = 2000 if is_quick else 10000
        self.clock = measure.Clock(arguments.limit or (120 if is_quick else 900))
        self.notes = []
        self.stage = None

    def each_round(self, at_most=1000):
        return range(min(self.rounds, at_most))


def parse_arguments(words):
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help=f"which groups (default: all): {' '.join(GROUPS)}")
    parser.add_argument("--rounds", type=int, help="A B rounds per figure (default 5)")
    parser.add_argument("--seconds", type=float, help="length of a measurement (default 2)")
    parser.add_argument("--quick", action="store_true", help="2 short rounds, smaller amounts: a look, not a result")
    parser.add_argument("--limit", type=float, help="seconds after which the run stops (default 900, quick 120)")
    parser.add_argument("--output", type=pathlib.Path,
                        help="write the page here (default: docs/performance.md, after a whole run without --quick)")
    arguments = parser.parse_args(words)
    for row in arguments.rows:
        if row not in GROUPS:
            parser.error(f"there is no row '{row}'; there are: {' '.join(GROUPS)}")
    return arguments


def open_stage():
    cpus = sorted(os.sched_getaffinity(0))
    umbra = pathlib.Path(os.environ.get("UMBRA_BIN", ROOT / "build/umbra")).resolve()
    if not umbra.exists():
        raise measure.Broken(f"{umbra} is missing; ./dev bench builds it")
    for program in ("nginx", "haproxy", "wrk", "h2load", "openssl"):
        if not peers.find_program(program):
            raise measure.Broken(f"{program} is missing; ./dev setup bench installs it")
    tools = os.environ.get("BENCH_TOOLS", ROOT / "build/release/tests/bench")
    return peers.Stage(umbra, tools, cpus[0], cpus[-1] if len(cpus) > 1 else None)


def run_groups(run, names):
    """One stage for each group, so that nothing of one is alive in the next. Returns rows and what went wrong."""
    rows, failures = [], []
    for name in names:
        print(f"-- {name}: {GROUPS[name].__doc__.splitlines()[0]}", file=sys.stderr, flush=True)
        theft = measure.Theft()
        try:
            with open_stage() as run.stage:
                done = GROUPS[name](run)
        except measure.LeftOut as why:
            run.notes.append(f"The group {name} is left out: {why}")
            print(f"   left out: {why}", file=sys.stderr)
            continue
        # OSError: a process that was measured is gone.
        except (measure.Broken, subprocess.TimeoutExpired, OSError) as broken:
            failures.append(f"{name}: {broken}")
            print(f"   {broken}", file=sys.stderr)
            continue
        if theft.share() >= STOLEN_SAID:
            run.notes.append(f"While {name} was measured, others on the host had {theft.share():.0%} of the CPUs' time.")
        print(report.text_table(done), file=sys.stderr, flush=True)
        rows += done
    return rows, failures


def unmet_sentence(rows, failures):
    missed = [row.figure for row in rows if row.is_failure()]
    noisy = [row.figure for row in rows if row.verdict() == "noisy"]
    if not missed and not failures:
        return f"Not judged: {'; '.join(noisy)}. No must is missed." if noisy else "Every must is met."
    return "Not met: " + "; ".join(missed + failures) + "."


def main():
    arguments = parse_arguments(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    run = Run(arguments)
    try:
        umbra = open_stage()
        umbra.close()
    except measure.Broken as broken:
        print(f"bench: {broken}", file=sys.stderr)
        return 2
    rows, failures = run_groups(run, arguments.rows or GROUPS)
    about = report.machine(umbra.umbra)

    print(report.text_table(rows))
    for line in run.notes + [f"{what}: {which}" for what, which in about]:
        print(line)
    for problem in sorted({problem for row in rows for problem in row.problems}):
        print(f"WRONG  {problem}")
    print(unmet_sentence(rows, failures), f"({run.clock.spent():.0f} s)")

    output = arguments.output
    if not output and not arguments.rows and not arguments.quick and not failures:
        output = ROOT / "docs/performance.md"
    if output:
        settings = {"rounds": run.rounds, "seconds": run.seconds, "took": run.clock.spent(), "groups": GROUPS}
        output.write_text(report.document(rows, run.notes, about, settings, unmet_sentence(rows, failures)))
    else:
        print("docs/performance.md is as it was: only a whole run without --quick writes it")
    return 1 if failures or any(row.is_failure() for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
