# SPDX-License-Identifier: Apache-2.0
"""The analyst as a process: that it is there when it is needed and not otherwise, that nothing which happens to it
touches live, and that the admin port says what is the matter. What it makes of records is not looked at here."""
import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import time

import pytest

import http1
import rules
import servers
from http1 import answer
from load import Load
from servers import answering, free_port
from test_privileges import rights
from waiting import PATIENCE, wait_for, wait_until_still

PAGES = ("/api/verdict", "/api/findings", "/api/findings/some-id", "/api/services", "/api/tallies")
RESTART = 1.0  # an analyst is back within a second of its end


def analyst(through):
    return through.pids().get("analyst")


def wait_for_analyst(through, other_than=None, timeout=10):
    return wait_for(lambda: (pid := analyst(through)) != other_than and pid, "an analyst to run", timeout)


def wait_up(through):
    wait_for(lambda: through.metrics().sum("umbra_analyst_up") == 1, "the analyst to answer")


def losses(through):
    metrics = through.metrics()
    return sum(metrics.sum("umbra_records_dropped_total", reason=reason) for reason in ("analyst", "poison"))


def pairs(through):
    """Those that a verdict was made of."""
    return sum(verdict["pairs"] for verdict in json.loads(through.ask("/api/verdict").body)["verdicts"])


# ---- when there is one ----

def test_it_is_started_for_a_mirror_and_confined(service, gateway):
    through = gateway(service(), service())
    pid = wait_for_analyst(through)
    wait_up(through)
    assert pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"
    assert os.getpriority(os.PRIO_PROCESS, pid) == 10
    assert os.sched_getscheduler(pid) == os.SCHED_BATCH
    assert len(rights(pid)) == 1  # thread
    assert not [line for line in through.log().splitlines() if "analyst" in line]


def test_compare_off_starts_none_and_says_so(service, gateway):
    through = gateway(service(), service(), "--compare", "off")
    through.get("/")
    through.settled(lambda metrics: metrics.mirror("completed") == 1)
    for path in PAGES + ("/api/events",):
        response = through.ask(path)
        assert (response.status, b"--compare off" in response.body) == (503, True), path
    assert analyst(through) is None
    metrics = through.metrics()
    assert (metrics.sum("umbra_analyst_up"), metrics.sum("umbra_records_total")) == (0, 0)


def test_a_budget_without_room_for_rings_starts_none_and_says_so(service, gateway):
    through = gateway(service(), service(), "--mirror-budget", "256Ki", "--workers", "1")
    through.get("/")
    through.settled(lambda metrics: metrics.mirror("matched") == 1)
    response = through.ask("/api/verdict")
    assert (response.status, b"--mirror-budget" in response.body) == (503, True)
    assert analyst(through) is None


def test_rules_without_a_mirror_start_none_until_they_have_one(service, ruled):
    live, shadow, port = service(), service(), free_port()
    base = rules.gateway(http=port) + rules.backend("v1", live) + rules.backend("v2", shadow)
    through = ruled(base + rules.route())
    response = through.ask("/api/verdict")
    assert (response.status, b"no mirror" in response.body) == (503, True)
    assert analyst(through) is None
    through.change(base + rules.route(shadow="v2"))
    wait_for_analyst(through)
    wait_for(lambda: through.ask("/api/verdict").status == 200, "an answer")


# ---- pages ----

def test_pages_are_guarded_like_all_others(service, gateway, tmp_path):
    token = tmp_path / "token"
    token.write_text("secret")
    through = gateway(service(), service(), "--admin-token-file", token)
    wait_for_analyst(through)
    right = ("Authorization", "Bearer secret")
    wait_for(lambda: through.ask("/api/verdict", right).status == 200, "an answer")
    for path in PAGES + ("/api/events",):
        assert through.ask(path).status == 401, path
        assert through.ask(path, ("Host", "evil.example"), right).status == 403, path
        refused = through.ask(path, right, method="DELETE")
        assert (refused.status, refused.get("Allow")) == (405, "GET, HEAD"), path
    assert through.ask("/api/findings/", right).status == 404
    seen = through.ask("/api/verdict", right, method="HEAD")
    assert (seen.status, seen.get("Content-Type"), seen.body) == (200, "application/json", b"")


def read_event(connection, patience=20):
    """Until an empty line."""
    connection.sock.settimeout(patience * PATIENCE)
    return connection.reader.until(b"\n\n")


@contextlib.contextmanager
def listening(through, *fields):
    with http1.Connection(through.admin) as connection:
        connection.send(http1.head("GET /api/events HTTP/1.1", [("Host", through.admin), *fields]))
        head = connection.reader.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        assert b"text/event-stream" in head
        yield connection


def test_events_stay_open_and_end_with_their_analyst(service, gateway):
    through = gateway(service(), service())
    through.may_complain = True
    pid = wait_for_analyst(through)
    wait_up(through)
    with listening(through) as connection:
        first = read_event(connection)
        assert first
        # longer than any timeout of the admin port between a client's bytes
        assert b":" in read_event(connection, 30)
        os.kill(pid, signal.SIGKILL)
        connection.reader.until(b"0\r\n\r\n")
    wait_for_analyst(through, pid)


def test_more_listeners_than_there_may_be_are_told_so(service, gateway):
    through = gateway(service(), service())
    wait_for_analyst(through)
    wait_up(through)
    with contextlib.ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(listening(through))
        refused = through.ask("/api/events")
        assert (refused.status, refused.body.count(b"\n")) == (503, 1)
        assert through.ask("/api/verdict").status == 200
        assert through.ask("/status").status == 200
    wait_for(lambda: can_listen(through), "a place")


def can_listen(through):
    with contextlib.suppress(AssertionError), listening(through):
        return True
    return False


# ---- its end ----

def test_killed_again_and_again_it_comes_back_and_live_does_not_notice(service, gateway):
    live, shadow = service(answering(answer(200, b"hello"))), service(answering(answer(200, b"hello")))
    through = gateway(live, shadow, "--workers", "2")
    through.may_complain = True
    pid = wait_for_analyst(through)
    with Load(through.address, is_kept_alive=True) as load:
        for _ in range(8):
            load.wait(50)
            wait_for(lambda: through.metrics().sum("umbra_analyst_pairs_total") > 0, "this analyst to have taken some", 60)
            killed_at = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            pid = wait_for_analyst(through, pid)
            assert time.monotonic() - killed_at < RESTART * PATIENCE
    load.check()
    wait_up(through)
    metrics = through.settled()
    assert metrics.mirror("failed") == 0
    assert metrics.requests(code="200") == load.count
    wait_until_still(lambda: (pairs(through), losses(through)), "the rings to be empty", still=2, timeout=60)
    # What it had taken and not stored is counted as lost, and nothing is judged twice.
    assert losses(through) > 0
    assert 0 < pairs(through) <= load.count
    assert 2 * pairs(through) + losses(through) <= through.metrics().sum("umbra_records_total")


def test_a_gateway_that_is_killed_leaves_the_rings_in_order(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, shadow, "--workers", "2")
    through.may_complain = True
    pid = wait_for_analyst(through)
    for _ in range(3):
        before = through.pids()["gateway"]
        with contextlib.suppress(OSError, http1.Broken):
            through.get("/")
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: through.pids().get("gateway", before) != before and through.ask("/readyz").status == 200,
                 "another gateway")
    for _ in range(20):
        through.get("/")
    records = wait_for(lambda: (at := through.metrics()).sum("umbra_records_total") >= 40 and at, "records")
    assert records.sum("umbra_records_dropped_total", reason="damaged") == 0
    assert analyst(through) == pid


def test_control_that_is_killed_finds_the_analyst_again(service, gateway):
    through = gateway(service(), service())
    through.may_complain = True
    pid = wait_for_analyst(through)
    os.kill(through.pids()["control"], signal.SIGKILL)

    def is_answered():
        with contextlib.suppress(OSError, http1.Broken):
            return through.ask("/api/verdict").status == 200
    wait_for(is_answered, "an answer")
    assert analyst(through) == pid


def test_it_ends_with_its_supervisor(service, gateway):
    through = gateway(service(), service())
    through.may_complain = True
    pid = wait_for_analyst(through)
    os.kill(through.process.popen.pid, signal.SIGKILL)
    through.process.popen.wait()

    def is_gone():
        with contextlib.suppress(OSError):
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return True
    wait_for(is_gone, "the analyst to be gone")


def test_a_successor_has_its_own(service, gateway):
    through = gateway(service(), service())
    first = wait_for_analyst(through)
    assert through.replace().wait() == 0
    second = wait_for_analyst(through)
    assert first != second
    through.get("/")
    wait_for(lambda: through.ask("/api/verdict").status == 200, "an answer")
    assert not [line for line in through.log().splitlines() if " error " in line]


@pytest.mark.parametrize("revision, known", [("1.4", 200), (None, 0)])
def test_what_came_last_is_judged_before_the_end_and_known_after(service, ruled, tmp_path, revision, known):
    """Of revisions that have a name. What has none may be anything in the next run, so that is judged anew."""
    live, shadow = service(answering(answer(200, b"hello"))), service(answering(answer(200, b"hello")))
    name = f", annotations: {{umbra.dev/revision: \"{revision}\"}}" if revision else ""
    text = rules.gateway(http=free_port()) + rules.route(shadow="v2") + "".join(
        rules.backend(backend, at).replace(f"name: {backend}", f"name: {backend}{name}")
        for backend, at in (("v1", live), ("v2", shadow)))
    options = ("--data", tmp_path / "data", "--workers", "2")
    through = ruled(text, *options)
    wait_for_analyst(through)
    with through.connect() as connection:
        for number in range(200):
            if number == 180:  # what is left at the end, a busy machine can judge in the second that there is
                wait_for(lambda: through.ask("/api/verdict").status == 200 and pairs(through) == 180, "most to be judged", 60)
            connection.ask(http1.get("/"))
    through.stop()
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "umbra.db")) as store:
        tallies = [json.loads(tally) for tally, in store.execute("SELECT tally FROM slots")]
    assert sum(endpoint["pairs"] for tally in tallies for endpoint in tally["endpoints"].values()) == 200
    again = ruled(text, *options)
    wait_for_analyst(again)
    wait_for(lambda: again.ask("/api/verdict").status == 200, "an answer")
    wait_for(lambda: pairs(again) == known, lambda: f"{pairs(again)} to be {known}")


# ---- an analyst that hangs ----

def test_one_that_hangs_delays_nothing_and_is_said(service, gateway):
    live = service(answering(answer(200, b"hello")))
    through = gateway(live, service())
    pid = wait_for_analyst(through)
    wait_up(through)
    os.kill(pid, signal.SIGSTOP)
    try:
        with Load(through.address, is_kept_alive=True) as load:
            began = time.monotonic()
            with http1.Connection(through.admin) as waiting:
                waiting.send(http1.head("GET /api/verdict HTTP/1.1", [("Host", through.admin)]))
                while time.monotonic() - began < 3 * PATIENCE:
                    asked = time.monotonic()
                    assert through.ask("/status").status == through.ask("/metrics").status == 200
                    assert time.monotonic() - asked < 1 * PATIENCE
                load.wait(100)
                response = waiting.response()
            assert (response.status, b"does not answer" in response.body) == (504, True)
        load.check()
        wait_for(lambda: through.metrics().sum("umbra_analyst_up") == 0, "the metrics to say so")
        assert not through.metrics().labels("umbra_pairs_total", "result")
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_up(through)
    assert through.ask("/api/verdict").status == 200
    assert analyst(through) == pid


def test_questions_to_one_that_hangs_are_bounded(service, gateway):
    through = gateway(service(), service())
    pid = wait_for_analyst(through)
    wait_up(through)
    os.kill(pid, signal.SIGSTOP)
    try:
        with contextlib.ExitStack() as stack:
            asking = []
            for _ in range(24):
                connection = stack.enter_context(http1.Connection(through.admin))
                connection.send(http1.head("GET /api/verdict HTTP/1.1", [("Host", through.admin)]))
                asking.append(connection)
            statuses = [connection.response().status for connection in asking]
        assert sorted(set(statuses)) == [503, 504]
        assert statuses.count(504) == 16
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_up(through)


# ---- its limits ----

def garbage(number):
    return os.urandom(2000 + number % 20000)


def test_with_hardly_any_memory_live_is_as_ever(service, gateway):
    body = garbage(18000)
    live = service(answering(answer(200, body, ("Content-Type", "application/json"))))
    shadow = service(answering(answer(200, body[::-1], ("Content-Type", "application/json"))))
    through = gateway(live, shadow, "--analyst-memory", "64Mi")
    through.may_complain = True
    wait_for_analyst(through)
    with Load(through.address, is_kept_alive=True, body=body) as load:
        load.wait(600)
    load.check()
    through.settled(lambda metrics: metrics.mirror("failed") == 0)
    wait_for_analyst(through)
    wait_up(through)


def filled(directory):
    """A file system of a megabyte on `directory`, full; None when this user may not mount one."""
    directory.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(directory)], check=False,
                          capture_output=True)
    if done.returncode:
        return False
    with contextlib.suppress(OSError):
        (directory / "filler").write_bytes(b"x" * 1024 * 1024)
    return True


def test_a_full_disk_is_no_matter_of_live_s(service, gateway, tmp_path):
    data = tmp_path / "data"
    if not filled(data):
        pytest.skip("needs the right to mount")
    try:
        live = service(answering(answer(200, b"hello")))
        through = gateway(live, service(), "--data", data)
        through.may_complain = True
        wait_for_analyst(through)
        with Load(through.address, is_kept_alive=True) as load:
            load.wait(300)
        load.check()
        wait_up(through)
        assert through.ask("/api/verdict").status == 200
        wait_for(lambda: "full" in through.log(), lambda: f"the log to say so:\n{through.log()}")
        through.stop()
    finally:
        subprocess.run(["umount", str(data)], check=True)


def test_it_sees_no_file_but_its_own(service, gateway, tmp_path):
    """The rights are tested beside their table; here: that its store is where it should be, and made by it alone."""
    data = tmp_path / "data"
    through = gateway(service(), service(), "--data", data)
    wait_for_analyst(through)
    wait_up(through)
    wait_for(lambda: list(data.iterdir()), "the store")
    for path in data.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
