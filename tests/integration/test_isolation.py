# SPDX-License-Identifier: Apache-2.0
"""Whatever a shadow does, no client waits for it, sees it, or gets another answer."""
import re
import statistics
import subprocess
import time

import pytest

import faults
import http1
import servers
from faults import hangs, timed
from http1 import answer, get
from waiting import PATIENCE


@pytest.mark.sanitize
@pytest.mark.parametrize("kind", faults.NAMES)
def test_no_request_waits_for_a_bad_shadow(service, gateway, fault, kind):
    live = service(servers.answering(lambda request: answer(200, request.target.encode() * 50, ("X-Live", "1"))))
    alone = gateway(live)
    mirrored = gateway(live, fault(kind), "--shed", "off", "--drain", "100ms")
    direct, expected = timed(live.address, 100)
    without, _ = timed(alone.address, 100)
    beside, answers = timed(mirrored.address, 100)
    assert answers == expected
    # Where requests waited for the shadow, each would take its second or its thirty.
    assert statistics.median(beside) < 3 * statistics.median(without) + 0.02 * PATIENCE
    assert max(beside) < 0.9 * PATIENCE
    metrics = mirrored.metrics()
    assert metrics.requests(code="200") == metrics.requests() == metrics.mirror("matched") == 100
    # Some early answers meet their request on the way, and nobody can tell; the other two do answer.
    if kind not in ("early", "503", "1 s slow"):
        assert metrics.mirror("completed") == 0


def test_uploads_do_not_wait_for_a_bad_shadow(service, gateway):
    live = service(keep_bodies=False)
    mirrored = gateway(live, service(hangs), "--mirror-writes", "--shed", "off")
    body = b"u" * (4 * 1024 * 1024)
    with mirrored.connect() as connection:
        for _ in range(5):
            began = time.monotonic()
            assert connection.ask(http1.post("/", body)).status == 200
            assert time.monotonic() - began < 2 * PATIENCE
    assert [request.body_length for request in live.requests] == [len(body)] * 5


def test_a_shadow_that_comes_back_gets_copies_again(service, gateway):
    is_bad = True

    def script(link):
        while link.request():
            if is_bad:
                link.reset()
                return
            link.send(answer(200, b"well"))

    mirrored = gateway(service(), service(script), "--shed", "off")
    timed(mirrored.address, 20)
    is_bad = False
    deadline = time.monotonic() + 20
    while not mirrored.metrics().mirror("completed"):
        assert time.monotonic() < deadline
        timed(mirrored.address, 1)
    mirrored.settled()


def test_failures_are_logged_at_most_once_a_second(service, gateway):
    """Answers that are cut short alternate with whole ones, so that the breaker stays closed."""
    def script(link):
        while request := link.request():
            if request.get("X-Cut"):
                link.send(answer(200, b"x")[:-1])
                return
            link.send(answer(200, b"x"))

    mirrored = gateway(service(), service(script), "--shed", "off", "--workers", "1")
    began = time.monotonic()
    for count in range(1, 31):
        mirrored.get("/", ("X-Cut", "1"))
        mirrored.settled(lambda metrics: metrics.mirror("failed") == count)
        mirrored.get("/")
        mirrored.settled(lambda metrics: metrics.mirror("completed") == count)
    lines = [line for line in mirrored.log().splitlines() if " failed: " in line]
    assert 1 <= len(lines) <= time.monotonic() - began + 2, lines


PACED = "function delay() return math.random(0, 10) end\n"


def wrk(address, *options, seconds=2):
    done = subprocess.run(["wrk", "-c64", "-t1", f"-d{seconds}s", *options, f"http://{address}/page"],
                          capture_output=True, text=True, timeout=60, check=True)
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
    return int(re.search(r"(\d+) requests in", done.stdout)[1])


@pytest.mark.parametrize("workers", [1, 2])
def test_wrk_through_nginx_has_no_errors_and_a_copy_per_request(nginx, gateway, workers, tmp_path):
    """As fast as it goes. On a machine that is busy with other things the shadow can be kept from its CPU for so long
    that 1024 copies are in flight; that is no fault, and the next rounds leave it more time."""
    (tmp_path / "paced.lua").write_text(PACED)
    live, shadow = nginx(has_access_log=True), nginx(has_access_log=True)
    for server in (live, shadow):
        server.write("page", b"some text\n" * 10)
    through = gateway(live, shadow, "--shed", "off", "--workers", workers)
    requests = dropped = 0
    for number in range(6):
        requests += wrk(through.address, *(["-s", str(tmp_path / "paced.lua")] if number else []))
        metrics = through.settled(lambda metrics: metrics.sum("umbra_connections", side="client") == 0)
        counted = metrics.requests()
        assert requests <= counted <= requests + 64 * (number + 1), "wrk leaves as many unread as it has connections"
        assert metrics.mirror("matched") == counted
        assert metrics.mirror("failed") == metrics.mirror("filtered") == 0
        assert metrics.mirror("dropped") == metrics.mirror("dropped", reason="inflight")
        assert metrics.mirror("completed", code="200") == counted - metrics.mirror("dropped")
        is_exact = metrics.mirror("dropped") == dropped
        dropped = metrics.mirror("dropped")
        if is_exact:
            break
    assert is_exact, "copies = requests"
    # nginx writes its line when it has answered.
    assert len(live.lines()) == counted and len(shadow.lines()) == counted - dropped


def test_wrk_beside_a_hanging_shadow_has_no_errors(nginx, gateway, service):
    live = nginx()
    live.write("page", b"some text\n")
    through = gateway(live, service(hangs), "--shed", "off")
    wrk(through.address, seconds=1)
    assert through.metrics().mirror("completed") == 0
