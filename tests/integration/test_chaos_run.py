# SPDX-License-Identifier: Apache-2.0
"""All that can go wrong around live, at once and from one seed: the peers and rules of test_chaos_rules, steady loads and large
uploads beside them, shadows that are dead, deaf, slow or mad, reloads without end, and control killed again and again. Live has
no error and each answer its bytes; at the end the accounts are exact, and descriptors and memory are what they were.
`./dev chaos` runs it for as long as one likes."""
import contextlib
import os
import random
import signal
import statistics
import threading
import time
import zlib

import pytest

import http1
import rules
import servers
from chaos import live, pattern
from load import Load
from test_chaos_rules import SEED, Chaos
from waiting import wait_for

SECONDS = float(os.environ.get("UMBRA_CHAOS_SECONDS", "6"))
MEGA = 1024 * 1024
FAULTS = {1: ("refuses", "1 s slow", "resets in its body", "503"),
          2: ("black hole", "hangs", "never reads", "garbage", "flood of 100", "half-closes", "1 byte a second", "endless")}


class Uploader(threading.Thread):
    """Large bodies, whose check sum live tells."""

    def __init__(self, address, seed):
        super().__init__(daemon=True)
        self.address, self.rng = address, random.Random(seed)
        self.is_over = threading.Event()
        self.count, self.wrong = 0, []

    def run(self):
        while not self.is_over.is_set():
            try:
                self.upload()
            except (OSError, http1.Broken) as error:
                self.wrong.append(f"upload {self.count}: {error!r}")
                return
            self.is_over.wait(self.rng.random() * 0.5)

    def upload(self):
        target = f"/good/upload?n=10&f=l&i={self.rng.randrange(1 << 30)}"
        body = pattern(target, self.rng.choice((1, 3, 6)) * MEGA)
        crc = str(zlib.crc32(body))
        with http1.Connection(self.address, timeout=60) as connection:
            answer = connection.ask(http1.post(target, body, ("X-Crc", crc), ("Connection", "close"), method="PUT"))
        if answer.status != 200 or answer.get("x-body") != crc or answer.body != pattern(target, 10):
            self.wrong.append(f"{target}: {answer.raw_head[:300]}")
        self.count += 1


class Run(Chaos):
    def __init__(self, service, ruled, fault):
        super().__init__(service, ruled)
        for number, names in FAULTS.items():
            self.rules.shadows[number].extend(fault(name) for name in names)
        text, more = self.rules.text, self.more_rules(service(live, keep_bodies=False))
        self.rules.text = lambda is_last=False: text(is_last) + "---\n" + more
        # A control that is started anew has not heard who began to write, and this writer may be starved for long.
        self.is_in_place = False
        self.kills = 0
        self.resident = []  # the gateway's, once a second

    @staticmethod
    def more_rules(quiet):
        """Uploads have a live of their own: the others close kept connections without a word, and a body that is larger than what can
        be sent again is lost with such a connection. And whatever other policies leave open, what hangs is over soon when all is over."""
        limits = "limits: {timeout: 3s}"
        return (rules.backend("quiet", quiet) + rules.policy(limits, "more", route="chaos") +
                rules.policy(limits, "uploads", route="uploads") +
                rules.route("uploads", live="quiet", path="/good/upload", parent="other", shadow=[f"shadow{i}" for i in range(3)]))

    def disturb(self):
        through = self.through
        if self.is_time("hang up", 0.5):
            through.reload()
        if self.is_time("kill", 2) and (pid := through.pids().get("control")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
        if self.is_time("look", 1):
            self.resident.append(through.memory())
            for peer in [*self.rules.lives, *sum(self.rules.shadows, [])]:
                if isinstance(peer, servers.Service):
                    peer.forget()  # what it has been asked in half an hour is gigabytes

    def go(self, seconds):
        """The loads beside the play; all of them have to be right."""
        address = f"127.0.0.1:{self.rules.port}"
        targets = ["/good/steady?n=700&f=c", "/good/steady?n=3000&f=l"]
        loads = [Load(address, 1, is_kept_alive=is_kept, request=http1.get(target, *([] if is_kept else [("Connection", "close")])),
                      body=pattern(target, int(target.split("n=")[1].split("&")[0])))
                 for target, is_kept in zip(targets, (True, False))]
        uploader = Uploader(f"127.0.0.1:{self.rules.other_port}", SEED)
        with contextlib.ExitStack() as running:
            for load in loads:
                running.enter_context(load)
            uploader.start()
            self.play(seconds, self.disturb)
            uploader.is_over.set()
            uploader.join(90)
        for load in loads:
            load.check()
        assert not uploader.wrong, uploader.wrong[:5]
        assert uploader.count and all(load.count > seconds for load in loads)

    def finish(self):
        """Nothing is left, the accounts are exact, and no figure of live tells of an error."""
        wait_for(lambda: "control" in self.through.pids() and self.through.is_ready(), "control to be back", 20)
        self.check_nothing_is_left(("was ended by signal 9 (Killed)", "does not take messages"))
        metrics = self.through.metrics()
        assert not metrics.broken_equations()
        return metrics

    def summary(self, metrics):
        lines = [f"{self.reloads} changes of rules, {self.kills} controls killed, {int(metrics.requests())} requests"]
        for mirror in sorted(metrics.mirrors()):
            counts = ", ".join(f"{name} {count}" for name, count in metrics.summary(mirror).items())
            lines.append(f"  {mirror}: {counts}")
        lines.append("  gateway's memory by the tenth of the run, MiB: " +
                     " ".join(f"{self.resident[len(self.resident) * i // 10] / MEGA:.1f}" for i in range(10)))
        return "\n".join(lines)


@pytest.mark.sanitize
def test_chaos_leaves_live_without_an_error_and_nothing_behind(service, ruled, fault):
    run = Run(service, ruled, fault)
    pid, descriptors = run.through.pids()["gateway"], run.before
    run.go(SECONDS)
    metrics = run.finish()
    print(f"\nchaos with seed {SEED}: " + run.summary(metrics))
    assert run.through.pids()["gateway"] == pid, "the gateway was restarted"
    assert run.through.descriptors()["gateway"] <= descriptors["gateway"]
    if SECONDS >= 30:  # before, what is reached for the first time counts as growth
        third = len(run.resident) // 3
        before, after = statistics.median(run.resident[third:2 * third]), statistics.median(run.resident[2 * third:])
        assert after <= before * 1.1 + MEGA, f"memory grows: {before / MEGA:.1f} MiB, then {after / MEGA:.1f} MiB"
