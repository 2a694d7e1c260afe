# SPDX-License-Identifier: Apache-2.0
"""Everybody is hostile at once: clients, live and shadows. The one client that behaves notices nothing, nothing is lost from
the accounts, and when it is over nothing is left. UMBRA_CHAOS_SECONDS makes it longer, UMBRA_CHAOS_SEED other."""
import os
import pathlib
import signal
import time

import pytest

from chaos import BadClient, GoodClient, live, shadow
from waiting import wait_for

SECONDS = float(os.environ.get("UMBRA_CHAOS_SECONDS", "5"))
SEED = int(os.environ.get("UMBRA_CHAOS_SEED", "1"))
COMPLAINTS = ("Sanitizer", "runtime error", "assertion", " error ")


def descriptors(through):
    return len(list(pathlib.Path(f"/proc/{through.pids()['gateway']}/fd").iterdir()))


def start(service, gateway):
    shadows = [service(shadow(SEED, 0.25), keep_bodies=False), service(shadow(SEED + 1, 0.6), keep_bodies=False)]
    return gateway(service(live, keep_bodies=False), *shadows, "--workers", "2", "--mirror-writes", "--mirror-budget", "8Mi",
                   "--shed", "off", "--drain", "20s")


def play(through, seconds, disturb=None, is_patient=False):
    """All clients at once; returns those that behave."""
    good = [GoodClient(through.address, SEED * 100 + i, is_patient) for i in range(2)]
    bad = [BadClient(through.address, SEED * 100 + 50 + i) for i in range(6)]
    for client in good + bad:
        client.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not any(client.wrong for client in good):
        if disturb:
            disturb()
        time.sleep(0.05)
    for client in good + bad:
        client.is_over.set()
    for client in good + bad:
        client.join(60)
        assert not client.is_alive(), f"{client.name} waits for ever"
    wrong = [line for client in good for line in client.wrong]
    assert not wrong, "\n".join(wrong[:10]) + through.log()[-3000:]
    assert sum(client.answers for client in good) > 2 * seconds and sum(client.count for client in bad) > 2 * seconds
    return good


def check_nothing_is_left(through, descriptors_before):
    metrics = through.settled(timeout=40)
    assert metrics.mirror("matched") and metrics.mirror("completed") and metrics.mirror("failed")
    what = ("umbra_connections", "umbra_mirror_budget_bytes")
    wait_for(lambda: not any((at := through.metrics()).sum(name) for name in what),
             lambda: f"nothing to be left: {[s for s in through.metrics().samples if s[0] in what]}", 25)
    wait_for(lambda: descriptors(through) == descriptors_before,
             lambda: f"{descriptors_before} descriptors as at the start, not {descriptors(through)}")
    complaints = [line for line in through.log().splitlines() if any(word in line for word in COMPLAINTS)]
    assert not complaints, "\n".join(complaints[:20])


@pytest.mark.sanitize
def test_hostile_peers_on_all_sides_harm_nobody_else(service, gateway):
    through = start(service, gateway)
    before, pid = descriptors(through), through.pids()["gateway"]
    play(through, SECONDS)
    check_nothing_is_left(through, before)
    assert through.pids()["gateway"] == pid, "the gateway was restarted"


@pytest.mark.sanitize
def test_replacing_under_chaos_loses_no_answer(service, gateway):
    through = start(service, gateway)
    before, predecessors, next_at = descriptors(through), [], time.monotonic() + 1

    def disturb():
        nonlocal next_at
        if time.monotonic() > next_at:
            predecessors.append(through.replace())
            next_at = time.monotonic() + 4

    play(through, SECONDS, disturb)
    for process in predecessors:
        assert process.wait(40) == 0, through.log()[-3000:]
    check_nothing_is_left(through, before)


def test_a_gateway_that_is_killed_under_chaos_keeps_the_accounts(service, gateway):
    through = start(service, gateway)
    through.may_complain = True
    before, next_at = descriptors(through), time.monotonic() + 1

    def disturb():
        nonlocal next_at
        if time.monotonic() > next_at and "gateway" in through.pids():
            os.kill(through.pids()["gateway"], signal.SIGKILL)
            next_at = time.monotonic() + 3

    play(through, SECONDS, disturb, is_patient=True)
    wait_for(lambda: "gateway" in through.pids() and through.is_ready(), "the gateway to be back")
    metrics = through.settled(timeout=40)
    assert metrics.mirror("completed")
    wait_for(lambda: not through.metrics().sum("umbra_mirror_budget_bytes"), "the budget to be free again", 25)
    wait_for(lambda: descriptors(through) <= before, "descriptors as at the start")
