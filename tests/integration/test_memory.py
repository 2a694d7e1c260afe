# SPDX-License-Identifier: Apache-2.0
"""A shadow that takes nothing costs the memory that the budget says, and gives it back when it is well again."""
import os
import re
import subprocess
import threading
import time

import pytest

import cgroup
import http1
import rules
from servers import free_port
from waiting import PATIENCE, wait_for

MEGA = 1024 * 1024
BUDGET = 16 * MEGA
BODY = 20 * 1024
POST = f'wrk.method = "POST"\nwrk.body = string.rep("b", {BODY})\n'


class Stalled:
    """Reads nothing until it is healed, then all, and answers."""

    def __init__(self):
        self.healed = threading.Event()

    def __call__(self, link):
        while not self.healed.wait(0.2):
            if link.service.is_closing.is_set():
                return
        while link.request():
            link.send(http1.answer(200, b"well"))


class Watch(threading.Thread):
    """Looks at memory and budget while a load runs; the most of each."""

    def __init__(self, through, group):
        super().__init__(daemon=True)
        self.through, self.group = through, group
        self.resident = self.grouped = self.budget = 0
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.wait(0.1):
            self.resident = max(self.resident, self.through.memory())
            self.grouped = max(self.grouped, self.group.used() if self.group else 0)
            self.budget = max(self.budget, self.through.metrics().sum("umbra_mirror_budget_bytes"))

    def stop(self):
        self.is_over.set()
        self.join(10)


def wrk(address, seconds, script):
    """Requests that were answered; not one may fail."""
    done = subprocess.run(["wrk", "-c64", "-t1", f"-d{seconds}s", "-s", script, f"http://{address}/page"],
                          capture_output=True, text=True, timeout=seconds + 60, check=True)
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
    return int(re.search(r"(\d+) requests in", done.stdout)[1])


@pytest.fixture
def measured(nginx, service, ruled, ending, tmp_path):
    """measured(seconds, shadow): an umbra under that load, and what it took."""
    live = nginx("location / { return 200 'some text'; }")
    script = tmp_path / "post.lua"
    script.write_text(POST)

    def run(seconds, shadow, timeout):
        text = rules.gateway(http=free_port()) + rules.backend("v1", live)
        if shadow:
            text += rules.backend("v2", shadow) + rules.policy(f"methods: [POST]\nlimits: {{timeout: {timeout}}}")
        group = cgroup.Memory.make()
        if group:
            ending.callback(group.remove)
        through = ruled(text + rules.route(shadow="v2" if shadow else None), "--shed", "off", "--mirror-budget", str(BUDGET),
                        "--workers", "1", "--drain", "100ms", prefix=group.prefix if group else ())
        wrk(through.address, 1, os.devnull)  # GETs, which are not copied
        through.settled(lambda metrics: not metrics.sum("umbra_connections", side="client"), 30)
        idle = through.memory()
        watch = Watch(through, group)
        watch.start()
        requests = wrk(through.address, seconds, script)
        watch.stop()
        return through, watch, idle, requests

    return run


def check(measured, service, seconds, timeout, patience):
    _, off, _, _ = measured(seconds, None, timeout)
    script = Stalled()
    shadow = service(script, keep_bodies=False, receive_buffer=65536)
    through, watch, idle, requests = measured(seconds, shadow, timeout)
    metrics = through.metrics()
    assert metrics.mirror("matched") >= requests > 100 * seconds
    assert BUDGET / 4 < watch.budget <= BUDGET, "it was asked for all that one mirror may have"
    assert watch.resident <= (off.resident + BUDGET) * 1.1, f"RSS {watch.resident >> 10} KiB, off {off.resident >> 10} KiB"
    if watch.group:
        assert watch.grouped <= (off.grouped + BUDGET) * 1.1, f"cgroup {watch.grouped >> 10} KiB, off {off.grouped >> 10} KiB"
    print(f"\nMiB resident: idle {idle / MEGA:.1f}, at most {watch.resident / MEGA:.1f}, mirroring off {off.resident / MEGA:.1f}; of the "
          f"cgroup {watch.grouped / MEGA:.1f}, off {off.grouped / MEGA:.1f}; of the budget {watch.budget / MEGA:.1f}; {requests} requests")
    # What was not sent has its reason, and nothing else happened to it.
    dropped = sum(metrics.mirror("dropped", reason=reason) for reason in ("budget", "breaker", "inflight", "queue_timeout"))
    assert dropped == metrics.mirror("dropped") > 0.9 * requests
    assert metrics.mirror("failed") == metrics.mirror("failed", reason="timeout")
    script.healed.set()
    through.settled(lambda metrics: not metrics.sum("umbra_connections", side="client"), 30)
    assert metrics.requests(code="200") == metrics.requests()

    def is_well():
        with through.connect() as connection:
            for _ in range(5):
                assert connection.ask(http1.post("/", b"small")).status == 200
        return through.settled().mirror("completed") > before + 20
    before = through.metrics().mirror("completed")
    wait_for(is_well, "copies to go again", 40)
    wait_for(lambda: through.memory() < idle * 1.1, lambda: f"RSS of {through.memory() >> 10} KiB to be {idle >> 10} KiB again",
             patience)
    print(f"well again: {through.memory() / MEGA:.1f} MiB resident")
    kept = 256 * 96 * 1024
    wait_for(lambda: through.metrics().sum("umbra_mirror_budget_bytes") <= min(kept, BUDGET / 2), "the budget to be free")


def test_a_stalled_shadow_costs_no_more_than_its_budget(measured, service):
    check(measured, service, 4, "2s", 15)


@pytest.mark.long
def test_a_minute_of_a_stalled_shadow_costs_no_more_than_its_budget(measured, service):
    check(measured, service, 60, "15s", 60)
