# SPDX-License-Identifier: Apache-2.0
"""On a machine without CPU to spare, copies are left out so that live keeps its rate; each is counted, and they come back. Gateway,
services and load share one CPU, which the load saturates."""
import os
import pathlib
import re
import statistics
import subprocess

import pytest

import rules
from servers import free_port
from test_uploads import noise
from waiting import wait_for

CPU = min(os.sched_getaffinity(0))
PINNED = ("taskset", "-c", str(CPU))


def pin(pid):
    """The process and its children."""
    os.sched_setaffinity(pid, {CPU})
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pin(int(child))


def wrk(address, seconds):
    """Requests per second, of which not one may fail."""
    done = subprocess.run([*PINNED, "wrk", "-c64", "-t1", f"-d{seconds}s", f"http://{address}/page"], capture_output=True, text=True,
                          timeout=seconds + 60, check=True)
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
    return float(re.search(r"Requests/sec: +([0-9.]+)", done.stdout)[1])


@pytest.fixture
def saturated(nginx, ruled):
    """saturated(has_shadow): a gateway that the load can saturate."""
    live, shadow = (nginx("location / { return 200 'some text'; }") for _ in range(2))
    for server in (live, shadow):
        pin(server.process.pid)
    backends = rules.backend("v1", live) + rules.backend("v2", shadow)

    def start(has_shadow):
        text = rules.gateway(http=free_port()) + backends + rules.route(shadow="v2" if has_shadow else None)
        return ruled(text, "--shed", "auto", "--workers", "1", prefix=PINNED)
    return start


def check_counted(through):
    """What was not copied was shed, and what is left is well."""
    metrics = through.settled(lambda metrics: not metrics.sum("umbra_connections", side="client"), 30)
    assert metrics.mirror("dropped", reason="shed") > 0
    dropped = sum(metrics.mirror("dropped", reason=reason) for reason in ("shed", "inflight"))
    assert metrics.mirror("dropped") == dropped
    assert metrics.mirror("failed") == 0
    assert metrics.requests(code="200") == metrics.requests() == metrics.mirror("matched")


def test_copies_are_shed_while_the_cpu_is_saturated_and_come_back(saturated):
    through = saturated(True)
    wrk(through.address, 3)
    check_counted(through)

    def all_are_copied():
        before = through.settled().mirror("completed")
        for _ in range(20):
            assert through.get("/").status == 200
        return through.settled().mirror("completed") == before + 20
    wait_for(lambda: not through.status()["shedding"] and all_are_copied(), "copies to come back", 60)


@pytest.mark.long
def test_live_keeps_nine_tenths_of_its_rate_on_a_saturated_cpu(saturated):
    off, through = saturated(False), saturated(True)
    for warm in (off, through):
        wrk(warm.address, 2)
    without, beside = [wrk(off.address, 4)], []
    for _ in range(9):
        beside.append(wrk(through.address, 4))
        without.append(wrk(off.address, 4))
    around = [(before + after) / 2 for before, after in zip(without, without[1:])]
    ratio = statistics.median(with_it / base for with_it, base in zip(beside, around))
    print(f"\nlive's rate beside a mirror that is shed: {ratio:.3f}; noise {noise(without):.2f}")
    assert ratio >= min(0.9, 1 / noise(without)), f"{ratio:.3f}; off: {without}, with a mirror: {beside}"
    check_counted(through)
