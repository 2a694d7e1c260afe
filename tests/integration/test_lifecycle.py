# SPDX-License-Identifier: Apache-2.0
"""Beginnings, ends and accidents of the processes: what clients notice of them (nothing, where it can be helped)."""
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

import http1
import rules
import servers
import umbra
from http1 import answer, get
from load import Load
from waiting import PATIENCE, wait_for, wait_until_still


class SlowService:
    """Answers /slow when it is told to, everything else at once."""

    def __init__(self, service):
        self.go = threading.Event()
        self.service = service(self.script)
        self.address = self.service.address

    def script(self, link):
        while request := link.request():
            if request.target.startswith("/slow"):
                self.go.wait(30)
            link.send(answer(200, b"hello"))


def is_refused(address):
    try:
        http1.Connection(address).close()
    except ConnectionRefusedError:
        return True
    return False


# ---- SIGTERM ----


@pytest.mark.sanitize
def test_sigterm_lets_answers_finish_and_takes_no_more(service, gateway):
    live = SlowService(service)
    shadow = service()
    through = gateway(live.address, shadow, "--drain", "20s")
    slow, idle, half = (through.connect() for _ in range(3))
    assert idle.ask(get("/")).status == 200
    slow.send(get("/slow"))
    half.send(b"GET /half HTTP/1.1\r\nHo")
    live.service.wait(2)
    through.process.terminate()
    wait_for(lambda: is_refused(through.address), "new connections to be refused")
    assert idle.is_closed()
    response = half.ask(b"st: h\r\n\r\n")
    assert (response.status, response.get("Connection")) == (200, "close")
    live.go.set()
    response = slow.response()
    assert (response.status, response.body, response.get("Connection")) == (200, b"hello", "close")
    assert slow.is_closed()
    assert through.process.wait() == 0
    assert len(shadow.requests) == 3, "copies in flight finish as well"


@pytest.mark.sanitize
def test_drain_delay_fails_readyz_first_and_still_takes_connections(service, gateway):
    through = gateway(service(), "--drain-delay", "1500ms", "--drain", "5s")
    began = time.monotonic()
    kept = through.connect()
    assert kept.ask(get("/")).get("Connection") is None
    through.process.terminate()
    wait_for(lambda: through.ask("/readyz").status == 503, "/readyz to fail", 1)
    assert through.ask("/healthz").status == 200
    assert time.monotonic() - began < 1 * PATIENCE, "at once"
    wait_for(lambda: through.get("/").get("Connection") == "close", "the gateway to be told as well", 1)
    while time.monotonic() - began < 1:
        response = through.get("/")
        assert (response.status, response.get("Connection")) == (200, "close")
    response = kept.ask(get("/"))
    assert (response.status, response.get("Connection")) == (200, "close")
    wait_for(lambda: is_refused(through.address), "the listener to be closed", 5)
    assert time.monotonic() - began > 1.4
    assert through.process.wait() == 0


@pytest.mark.sanitize
def test_rules_still_change_while_it_drains(service, ruled):
    """Clients may come for as long as --drain-delay says; a port that the new rules want is not opened any more."""
    live, other, port = service(), service(servers.answering(http1.answer(200, b"other"))), servers.free_port()
    begin = rules.gateway(http=port) + rules.route()
    through = ruled(begin + rules.backend("v1", live), "--drain-delay", "60s")
    address = f"127.0.0.1:{port}"
    assert through.status_of(address=address) == 200
    through.process.terminate()
    wait_for(lambda: not through.is_ready(), "the drain to begin")
    more = servers.free_port()
    through.rename(rules.gateway(http=port, more=more) + rules.route() + rules.backend("v1", other))
    live.close()
    wait_for(lambda: through.status_of(address=address) == 200 and other.requests, lambda: f"the new rules; {through.log()}")
    wait_for(lambda: "this umbra is ending and opens no more ports" in through.log(), through.log)
    assert is_refused(f"127.0.0.1:{more}")
    through.process.terminate()
    assert through.process.wait() == 0


def test_what_does_not_end_is_reset_at_the_drain_s_deadline(service, gateway):
    live = SlowService(service)
    through = gateway(live.address, "--drain", "500ms")
    with through.connect() as connection:
        connection.send(get("/slow"))
        live.service.wait(1)
        began = time.monotonic()
        through.process.terminate()
        assert connection.rest() == b""
        assert 0.4 < time.monotonic() - began < 3 * PATIENCE
        assert through.process.wait() == 0


def test_a_second_sigterm_ends_at_once(service, gateway):
    live = SlowService(service)
    through = gateway(live.address, "--drain", "30s")
    with through.connect() as connection:
        connection.send(get("/slow"))
        live.service.wait(1)
        through.process.terminate()
        wait_for(lambda: is_refused(through.address), "draining")
        began = time.monotonic()
        through.process.terminate()
        through.process.wait(5)
        assert time.monotonic() - began < 1 * PATIENCE


def test_connections_in_the_queue_are_answered_when_it_ends(service, gateway):
    """Who was let in by the kernel gets an answer; who was not is refused. Nobody is reset."""
    for workers in (1, 4):
        through = gateway(service(), "--workers", workers, "--drain", "5s")
        with Load(through.address, threads=6) as load:
            load.wait(100)
            through.process.terminate()
            through.process.wait()
        others = [failure for failure in load.failures if "ConnectionRefusedError" not in failure]
        assert not others, others[:3]


def test_sighup_keeps_serving(service, gateway):
    through = gateway(service(), service())
    with Load(through.address) as load:
        for _ in range(3):
            through.process.popen.send_signal(signal.SIGHUP)
            load.wait(20)
    load.check()


# ---- processes that die ----


def killed(through, role):
    """Kills a child; returns once another has its place."""
    pid = through.pids()[role]
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()

    def is_back():
        try:
            return through.pids().get(role, pid) != pid and through.ask("/readyz").status == 200
        except (OSError, http1.Broken):
            return False

    wait_for(is_back, f"{role} to be back", 5)
    return time.monotonic() - began


@pytest.mark.sanitize
def test_control_may_die_under_load(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, shadow, "--workers", "2", "--shed", "off")
    through.may_complain = True
    with Load(through.address) as load, Load(through.address, is_kept_alive=True) as kept:
        for number in range(3):
            assert killed(through, "control") < 1 * PATIENCE if number == 0 else killed(through, "control")
            load.wait(50)
            kept.wait(50)
    load.check()
    kept.check()
    assert through.settled().requests(code="200") == load.count + kept.count, "counters go on"


@pytest.mark.sanitize
def test_the_gateway_is_back_within_a_second_and_the_equations_hold(service, gateway):
    hanging = service(lambda link: (link.request(), link.wait_close()))
    live, shadow = service(), service()
    through = gateway(live, shadow, hanging, "--shed", "off", "--workers", "2")
    through.may_complain = True
    with through.connect() as connection:
        for i in range(300):
            connection.ask(get(f"/{i}"))
    before = through.metrics()
    assert before.mirror("in_flight", mirror=hanging.address) > 0
    assert killed(through, "gateway") < 1 * PATIENCE
    metrics = through.settled()
    assert metrics.mirror("matched") == before.mirror("matched")
    assert metrics.mirror("failed", mirror=hanging.address, reason="reset") + metrics.mirror(
        "dropped", mirror=hanging.address, reason="shutdown") == 300
    assert metrics.sum("umbra_mirror_budget_bytes") == 0
    assert through.get("/").status == 200
    shadow.wait(301)


def test_the_gateway_may_die_under_load(service, gateway):
    through = gateway(service(), service(), "--shed", "off", "--workers", "2")
    through.may_complain = True
    with Load(through.address) as load:
        for _ in range(2):
            killed(through, "gateway")
            load.wait(50 + len(load.failures))
    # What it had in hand is lost, connections that were queued are not.
    assert len(load.failures) < 60
    assert all("Refused" not in failure for failure in load.failures), load.failures[:3]
    metrics = through.settled()
    assert load.count <= metrics.requests(code="200") <= load.count + len(load.failures)


def test_the_children_end_with_the_supervisor(service, gateway):
    through = gateway(service())
    pids = through.pids()
    assert set(pids) == {"gateway", "control"}
    through.process.popen.kill()
    through.process.wait()
    wait_for(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids.values()), "its children to end")


# ---- umbra run --replace ----


def take_over_under_load(service, gateway, count):
    live, shadow = service(), service()
    through = gateway(live, (shadow, 20), "--workers", "2", "--shed", "off", "--drain", "10s")
    with Load(through.address, threads=2) as load, Load(through.address, threads=2, is_kept_alive=True) as kept:
        for _ in range(count):
            predecessor = through.replace()
            load.wait(10)
            kept.wait(10)
            assert predecessor.wait() == 0
            predecessor.kill()
            assert not load.failures and not kept.failures, (load.failures + kept.failures)[:3]
    load.check()
    kept.check()
    metrics = through.settled()
    total = load.count + kept.count
    assert metrics.requests(code="200") == metrics.requests() == total, "counters go on"
    assert metrics.mirror("matched") == total
    chosen = metrics.mirror("matched") - metrics.mirror("sampled_out")  # a busy machine may drop some of them
    assert total // 5 <= chosen <= total // 5 + 1, "so does the Even sequence"
    assert metrics.mirror("completed") == metrics.mirror("sent") == len(shadow.requests)


def test_20_take_overs_under_load_lose_nothing(service, gateway):
    take_over_under_load(service, gateway, 20)


@pytest.mark.long
def test_100_take_overs_under_load_lose_nothing(service, gateway):
    take_over_under_load(service, gateway, 100)


def test_a_take_over_keeps_samples_exact(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, (shadow, 20), "--workers", "2", "--shed", "off")
    for step in range(5):
        with through.connect() as connection:
            for i in range(41 if step else 36):
                assert connection.ask(get(f"/{step}/{i}")).status == 200
        if step < 4:
            assert through.replace().wait() == 0
    metrics = through.settled()
    assert (metrics.mirror("matched"), metrics.mirror("completed")) == (200, 40)


def test_the_predecessor_finishes_what_it_has(service, gateway):
    live, shadow = SlowService(service), service()
    through = gateway(live.address, shadow, "--drain", "20s")
    with through.connect() as slow, through.connect() as idle:
        slow.send(get("/slow"))
        assert idle.ask(get("/")).status == 200
        live.service.wait(2)
        predecessor = through.replace()
        assert through.get("/new").status == 200
        assert predecessor.popen.poll() is None
        response = idle.ask(get("/old"))
        assert (response.status, response.get("Connection")) == (200, "close")
        live.go.set()
        response = slow.response()
        assert (response.status, response.get("Connection")) == (200, "close")
    assert predecessor.wait() == 0
    through.settled(lambda metrics: metrics.mirror("completed") == 4)


def test_copies_that_a_predecessor_gives_up_are_counted(service, gateway):
    hanging = service(lambda link: (link.request(), link.wait_close()))
    through = gateway(service(), hanging, "--drain", "500ms", "--shed", "off")
    with through.connect() as connection:
        for _ in range(300):
            connection.ask(get("/"))
    assert through.replace().wait() == 0
    metrics = through.settled()
    assert metrics.mirror("failed", reason="reset") == 256
    assert metrics.mirror("dropped", reason="shutdown") == 44


def test_kill_switches_and_options_after_a_take_over(service, gateway):
    """Switches stay, options are the successor's."""
    live, one, two = service(), service(), service()
    through = gateway(live, one)
    subprocess.run([umbra.BINARY, "mirror", "off", "--admin", through.admin], check=True, capture_output=True)
    through.shadows = [one.address, two.address]
    assert through.replace().wait() == 0
    through.get("/")
    metrics = through.settled(lambda metrics: metrics.mirror("matched") == 2)
    assert metrics.mirror("filtered", reason="off") == 2
    subprocess.run([umbra.BINARY, "mirror", "on", "--admin", through.admin], check=True, capture_output=True)
    through.get("/")
    through.settled(lambda metrics: metrics.mirror("completed", mirror=two.address) == 1)


def test_a_successor_that_can_not_serve_leaves_the_old_one_alone(service, gateway, tmp_path, ending):
    through = gateway(service())
    taken = ending.enter_context(servers.socket.socket())
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    with Load(through.address) as load:
        done = subprocess.run([umbra.BINARY, "run", "--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--admin",
                               through.admin, "--live", through.live, "--replace"], capture_output=True, text=True,
                              timeout=30, check=False)
        assert done.returncode == 1 and "--listen" in done.stderr, done.stderr
        load.wait(20)
    load.check()
    assert through.is_ready()


def test_a_successor_that_is_killed_leaves_the_old_one_alone(service, gateway):
    """Until it has said that it serves. Nobody is refused; what it had accepted by then is lost, as with any gateway that is killed."""
    through = gateway(service())
    kills = 0
    with Load(through.address, threads=3) as load:
        for delay in (0, 0.002, 0.005, 0.01, 0.02):
            process = subprocess.Popen([umbra.BINARY, "run", "--listen", through.address, "--admin", through.admin,
                                        "--live", through.live, "--replace"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(delay)  # any moment will do, and different ones
            process.kill()
            process.wait()
            # What it has said is heard when there is nothing new.
            log = wait_until_still(through.process.text, "the old one to take notice")
            if "the successor serves" in log:
                through.process.wait()
                break
            kills += 1
            load.wait(10 + len(load.failures))
            assert through.is_ready()
            assert not [failure for failure in load.failures if "Refused" in failure], load.failures[:3]
            assert len(load.failures) <= 3 * kills, load.failures


def test_replace_without_a_predecessor_starts_as_usual(service, gateway):
    admin = f"127.0.0.1:{servers.free_port()}"
    through = gateway(service(), "--replace", "--admin", admin)
    assert through.get("/").status == 200


def test_a_second_one_at_the_same_admin_address_is_told_about_replace(service, gateway):
    through = gateway(service())
    done = subprocess.run([umbra.BINARY, "run", "--listen", "127.0.0.1:0", "--admin", through.admin, "--live",
                           through.live], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and "--replace" in done.stderr
    done = subprocess.run([umbra.BINARY, "run", "--listen", through.address, "--admin", "127.0.0.1:0", "--live",
                           through.live], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and through.address in done.stderr
    assert through.get("/").status == 200
