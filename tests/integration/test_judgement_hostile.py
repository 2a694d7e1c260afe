# SPDX-License-Identifier: Apache-2.0
"""Answers that are made to harm who reads them: live has no error, the analyst stays within its memory, counts what it gave up, and
judges the mirror beside. And an analyst that is killed, or starved of CPU, under load."""
import contextlib
import gzip
import json
import os
import pathlib
import signal
import sqlite3
import threading
import time
import zlib

import pytest

import cgroup
from faults import timed
from http1 import answer
from judged import Reply, ask_all, ask_paced, item, manifests, shop, taken, targets, verdict, wait_pairs, wait_verdict
from load import Load
from servers import answering
from waiting import PATIENCE, wait_for

MEGA = 1024 * 1024
MEMORY = 128 * MEGA


def bomb(size):
    """gzip of so many zeros, made of one piece that repeats; nobody gets to its check sum."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(b"\0" * MEGA) + packer.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    return b"\x1f\x8b\x08\0\0\0\0\0\0\3" + piece * (size // MEGA) + last + b"\0" * 8


def nested(text):
    return text * 100_000


def big_json(size):
    return b"[" + b",".join([b'{"key": "value", "number": 1234.5}'] * (size // 35)) + b"]"


def many_keys(count):
    return b"{" + b",".join(b'"key%d":%d' % (number, number) for number in range(count)) + b"}"


GZIP = (("Content-Encoding", "gzip"),)
BODIES = {  # what a shadow answers, its fields besides the type; all of them claim to be JSON
    "garbage": (bytes(range(256)) * 64, ()),
    "nothing": (b"", ()),
    "garbage that claims to be gzip": (bytes(range(256)) * 64, GZIP),
    "a bomb of 1 MiB": (bomb(MEGA), GZIP),
    "a bomb of 64 MiB": (bomb(64 * MEGA), GZIP),
    "a bomb of 1 GiB": (bomb(1024 * MEGA), GZIP),
    "a bomb in a bomb": (gzip.compress(bomb(256 * MEGA)), (("Content-Encoding", "gzip, gzip"),)),
    "an encoding that there is not": (b"{}", (("Content-Encoding", "rot13, gzip, gzip, br, zstd, deflate, x, y, z"),)),
    "plain that claims to be brotli": (b'{"id": 1}', (("Content-Encoding", "br"),)),
    "plain that claims to be zstd": (b'{"id": 1}', (("Content-Encoding", "zstd"),)),
    "JSON of 10 MiB": (big_json(10 * MEGA), ()),
    "a million keys": (many_keys(1_000_000), ()),
    "arrays 100,000 deep": (nested(b"["), ()),
    "objects 100,000 deep": (nested(b'{"a":'), ()),
    "invalid UTF-8": (b'{"name": "\xff\xfe\xc0\x80\xed\xa0\x80"}', ()),
    "half of a string": (b'{"name": "half', ()),
    "a number without an end": (b"1" * 500_000, ()),
    "an exponent": (b'{"price": 1e999999999, "id": -0e-999999999}', ()),
    "keys that are one": (b"{" + b'"id":1,' * 20000 + b'"id":2}', ()),
    "NUL bytes": (b'{"name\0": "\\u0000"}\0\0', ()),
    "escapes": (b'{"name": "' + b"\\ud800" * 20000 + b'"}', ()),
}


def hostile(request):
    """/items/… as the shop has it, /bad/NAME as BODIES says."""
    reply = list(BODIES.values())[int(request.target.split("/")[2].split("?")[0])] if request.target.startswith("/bad/") else None
    if reply is None:
        return Reply(0, request.target, *item(request.target.split("?")[0].rsplit("/", 1)[1])).bytes()
    return answer(200, reply[0], ("Content-Type", "application/json"), *reply[1])


def peak(pid):
    """The most that a process was ever resident with; 0 when it is gone."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


class Watch(threading.Thread):
    """The peaks of all analysts that there are meanwhile."""

    def __init__(self, through):
        super().__init__(daemon=True)
        self.through, self.peaks = through, {}
        self.is_over = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def look(self):
        with contextlib.suppress(OSError):
            pid = self.through.pids().get("analyst")
            if pid:
                self.peaks[pid] = max(self.peaks.get(pid, 0), peak(pid))

    def run(self):
        while not self.is_over.wait(0.02):
            self.look()

    def __exit__(self, *_):
        self.is_over.set()
        self.join()
        self.look()


def test_hostile_bodies_stop_nothing_and_cost_no_more_than_the_analyst_s_memory(service, ruled):
    good, bad = service(shop(), keep_bodies=False), service(answering(hostile), keep_bodies=False)
    through = ruled(manifests(service(shop(), keep_bodies=False), bad, good, compare="bodyBytes: 16Mi"), "--analyst-memory", MEMORY,
                    "--mirror-budget", "512Mi")
    through.may_complain = True
    wait_for(lambda: through.ask("/api/verdict").status == 200, "the analyst")
    with Watch(through) as watch:
        for turn in range(2):
            ask_paced(through, targets(120, first=120 * turn), "default/v3")
            for number in range(len(BODIES)):  # a ring holds no two of the large ones
                before, pid = taken(verdict(through, "default/v3")), through.pids().get("analyst")
                ask_all(through.address, [f"/bad/{number}?turn={turn}"])
                with contextlib.suppress(AssertionError):  # it may have been lost
                    wait_for(lambda: taken(verdict(through, "default/v3")) > before or through.pids().get("analyst") != pid,
                             "the analyst to take it, or to begin anew", 20, 0.2)
        ask_all(through.address, targets(10))  # what was lost is shared out among mirrors that have copies
        through.settled(timeout=60)
        metrics = wait_for(lambda: (at := through.metrics()).sum("umbra_analyst_up") == 1 and at, "the analyst")
        seen = wait_verdict(through, lambda one: one["pairs"] + one["delivery"]["lost"] >= metrics.mirror("completed", mirror="default/v3"),
                            "all pairs of the good mirror", mirror="default/v3")
        bad_one = wait_verdict(through, lambda one: one["pairs"] + one["delivery"]["lost"] >= 240 + len(BODIES), "those of the bad one",
                               mirror="default/v2")
    assert metrics.mirror("failed", mirror="default/v3") == 0
    assert seen["verdict"] == "PASS" and seen["pairs"] >= 200, seen
    assert bad_one["verdict"] != "PASS", bad_one
    assert watch.peaks and max(watch.peaks.values()) <= MEMORY, watch.peaks
    print(f"\nanalysts {len(watch.peaks)}, peak {max(watch.peaks.values()) / MEGA:.0f} MiB, lost {seen['delivery']['lost']}")


@pytest.mark.parametrize("name, counter", [
    ("a bomb of 1 GiB", "too_large"), ("garbage that claims to be gzip", "undecodable"), ("arrays 100,000 deep", "too_deep"),
    ("plain that claims to be zstd", "undecodable"), ("a bomb in a bomb", "too_large")])
def test_what_is_given_up_is_counted_and_blind(service, ruled, name, counter):
    body, fields = BODIES[name]
    live = service(answering(answer(200, b'{"id": 1}', ("Content-Type", "application/json"))))
    shadow = service(answering(answer(200, body, ("Content-Type", "application/json"), *fields)))
    through = ruled(manifests(live, shadow, compare="bodyBytes: 4Mi", policy="verdict: {minPairs: 2}"))
    pid = wait_for(lambda: through.pids().get("analyst"), "the analyst")
    ask_all(through.address, targets(3))
    wait_pairs(through, 3, timeout=60)
    wait_for(lambda: through.metrics().sum(f"umbra_analyst_bodies_{counter}_total") >= 3, "the counter")
    seen = verdict(through)
    assert seen["verdict"] in ("FAIL", "INSUFFICIENT"), seen
    assert seen["body"]["same"] == 0
    assert through.pids()["analyst"] == pid


# ---- an analyst that is killed ----

def kill_again_and_again(service, gateway, tmp_path, seconds):
    live, shadow = (service(answering(answer(200, b'{"id": 1}', ("Content-Type", "application/json"))), keep_bodies=False) for _ in "ab")
    data = tmp_path / "data"
    through = gateway(live, shadow, "--data", data, "--workers", "2")
    through.may_complain = True
    wait_for(lambda: through.ask("/api/verdict").status == 200, "the analyst")
    kills, began = 0, time.monotonic()
    with Load(through.address, is_kept_alive=True, body=b'{"id": 1}') as load:
        while time.monotonic() < began + seconds:
            asked = load.count
            pid = wait_for(lambda: through.pids().get("analyst"), "an analyst")
            wait_for(lambda: load.count >= asked + 20 and time.monotonic() > began + kills + 1, "a second of load", 20)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            kills += 1
            wait_for(lambda: through.pids().get("analyst") not in (None, pid), "another analyst")
            live.forget()
            shadow.forget()
    load.check()
    assert kills >= seconds / 2
    metrics = through.settled()
    copies = metrics.mirror("completed")
    assert metrics.mirror("failed") == metrics.mirror("dropped") == 0
    assert metrics.requests(code="200") == metrics.requests() == load.count == copies
    # Two legs a copy, each judged or counted as lost; nothing twice.
    # A leg is judged, or counted as lost, or waits for one that was; nothing is counted twice.
    def account():
        page, one = through.metrics(), verdict(through)
        lost = page.sum("umbra_records_dropped_total")
        return one and page.sum("umbra_analyst_up") == 1 and (lost, one["pairs"],
                                                            one["unpaired"] + page.sum("umbra_analyst_waiting"))
    lost, pairs, alone = wait_for(lambda: (at := account()) and 2 * at[1] + at[0] + at[2] >= 2 * copies and at,
                                           lambda: f"the account of {copies} copies: {account()}", 60)
    print(f"\n{kills} kills, {copies} copies, {lost} legs lost, {pairs} pairs, {alone} legs alone")
    assert 2 * pairs + lost <= 2 * copies
    through.stop()
    store = data / "umbra.db"
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("SELECT count(*) FROM slots").fetchone()[0] > 0
    assert not list(data.glob("*damaged*"))


def test_an_analyst_that_is_killed_every_second_costs_live_nothing_and_loses_what_it_counts(service, gateway, tmp_path):
    kill_again_and_again(service, gateway, tmp_path, 10)


@pytest.mark.long
def test_an_analyst_that_is_killed_every_second_for_a_minute(service, gateway, tmp_path):
    kill_again_and_again(service, gateway, tmp_path, 60)


# ---- an analyst without CPU ----

def test_an_analyst_with_hardly_any_cpu_does_not_slow_live(service, gateway, ending):
    """A hundredth of a CPU is too little for what comes: records are dropped and counted, live is as ever."""
    group = cgroup.Cpu.make(quota=0.01)
    if not group:
        pytest.skip("needs the right to make a control group for CPU time")
    ending.callback(group.remove)
    body = json.dumps(item("7")[1]).encode()
    live, shadow = (service(answering(answer(200, text, ("Content-Type", "application/json"))), keep_bodies=False)
                    for text in (body, body.replace(b"blue", b"red!")))
    through = gateway(live, shadow)
    through.may_complain = True
    pid = wait_for(lambda: through.pids().get("analyst"), "the analyst")
    ask_all(through.address, targets(200))

    def p99():
        times = sorted(timed(through.address, 600)[0])
        return times[int(len(times) * 0.99)]

    def round_trips():
        """Before and beside; what else the machine does may come between any two looks, but not each time."""
        before = p99()
        group.add(pid)
        with Load(through.address, 1, is_kept_alive=True, body=body) as load:
            load.wait(1500, 60)
        load.check()
        beside = p99()
        assert through.pids()["analyst"] == pid
        group.add_back(pid)
        print(f"\np99 {before * 1000:.2f} ms before, {beside * 1000:.2f} ms beside")
        return beside < 2 * before + 0.01 * PATIENCE
    assert any(round_trips() for _ in range(5))
    metrics = through.settled()
    assert metrics.mirror("failed") == metrics.mirror("dropped") == 0
