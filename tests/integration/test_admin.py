# SPDX-License-Identifier: Apache-2.0
"""What operators see and do: metrics, health, status, the kill switch, the command line and the log."""
import json
import os
import re
import subprocess
import time

import pytest

import http1
import servers
import umbra
from http1 import answer, get, head, post
from servers import answering
from waiting import PATIENCE, wait_for


def run(*arguments, check=None, timeout=20, **options):
    """umbra with these arguments; `check` is the expected exit code."""
    done = subprocess.run([umbra.BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          check=False, **options)
    if check is not None:
        assert done.returncode == check, done
    return done


# ---- pages ----


@pytest.mark.sanitize
def test_metrics_please_promtool(service, gateway):
    live = service(answering(lambda request: answer(404 if request.target == "/missing" else 200, b"")))
    through = gateway(live, (service(), 50), servers.refused_address(), "--workers", "2", "--shed", "off")
    for i in range(20):
        through.get("/missing" if i % 2 else "/")
    through.settled()
    page = through.ask("/metrics")
    assert page.get("Content-Type").startswith("text/plain; version=0.0.4")
    done = subprocess.run(["promtool", "check", "metrics"], input=page.body, capture_output=True, timeout=30,
                          check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


DOCUMENTED = """
umbra_requests_total umbra_request_duration_seconds_bucket umbra_mirror_matched_total umbra_mirror_sampled_out_total
umbra_mirror_filtered_total umbra_mirror_dropped_total umbra_mirror_sent_total umbra_mirror_completed_total
umbra_mirror_failed_total umbra_mirror_in_flight umbra_mirror_queued umbra_mirror_bytes_total
umbra_mirror_duration_seconds_bucket umbra_mirror_budget_bytes umbra_mirror_budget_limit_bytes umbra_refused_total
umbra_connections umbra_config_generation umbra_config_errors umbra_build_info process_cpu_seconds_total
process_resident_memory_bytes process_open_fds process_start_time_seconds
""".split()


def test_metrics_have_the_documented_names_and_labels(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, shadow)
    through.get("/")
    metrics = through.settled(lambda metrics: metrics.mirror("completed") == 1)
    names = {name for name, _, _ in metrics.samples}
    assert not [name for name in DOCUMENTED if name not in names]
    labels = {"route": "default/quickstart#0", "mirror": shadow.address}
    assert metrics.sum("umbra_mirror_completed_total", code="200", **labels) == 1
    assert metrics.labels("umbra_mirror_filtered_total", "reason") == {"off", "loop", "upgrade", "method", "source"}
    assert metrics.labels("umbra_mirror_dropped_total", "reason") == {
        "no_endpoint", "breaker", "rate", "shed", "inflight", "budget", "queue_timeout", "client_abort", "removed",
        "shutdown"}
    assert metrics.labels("umbra_mirror_failed_total", "reason") == {
        "connect", "timeout", "reset", "lag", "client_abort", "protocol", "tls"}
    assert metrics.labels("umbra_mirror_bytes_total", "direction") == {"sent", "received"}
    assert metrics.labels("umbra_connections", "side") == {"client", "live", "shadow"}
    assert {"framing", "header_size", "uri_size", "timeout"} <= metrics.labels("umbra_refused_total", "reason")


def test_open_connections_are_counted_by_side(service, gateway):
    through = gateway(service(), service(), "--workers", "1")
    with through.connect() as one, through.connect() as two:
        one.ask(get("/"))
        two.ask(get("/"))
        metrics = through.settled()
        assert metrics.sum("umbra_connections", side="client") == 2
        assert metrics.sum("umbra_connections", side="live") >= 1
        assert metrics.sum("umbra_connections", side="shadow") >= 1
    wait_for(lambda: through.metrics().sum("umbra_connections", side="client") == 0, "clients to be gone")


@pytest.mark.sanitize
def test_health_readiness_and_unknown_pages(service, gateway):
    through = gateway(service())
    assert through.ask("/healthz").status == through.ask("/readyz").status == 200
    assert through.ask("/nothing").status == 404
    response = through.ask("/metrics", method="POST")
    assert response.status == 405 and "GET" in response.get("Allow")
    response = through.ask("/metrics", method="HEAD")
    assert response.status == 200 and response.body == b""
    assert through.ask("/").status == 200


def test_the_admin_port_survives_bad_requests(service, gateway):
    through = gateway(service())
    for data in (b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"A" * 70000,
                 head("POST /api/mirror HTTP/1.1", [("Host", "localhost"), ("X-Umbra", "1"), ("Content-Length", 4)]) +
                 b"{\"o}",
                 head("POST /api/mirror HTTP/1.1", [("Host", "localhost"), ("X-Umbra", "1"),
                                                    ("Content-Length", 10 ** 9)]) + b"x" * 100000):
        with http1.Connection(through.admin) as connection:
            assert 400 <= connection.ask(data).status < 500, data[:40]
    assert through.is_ready()


# ---- who may ----


@pytest.mark.sanitize
def test_browsers_can_not_be_tricked(service, gateway):
    """A page that makes a browser ask names its own host, and can't add X-Umbra."""
    through = gateway(service(), service(), "--admin-host", "umbra.example")
    for host, status in (("evil.test", 403), ("evil.test:80", 403), ("127.0.0.1.evil.test", 403), ("localhost", 200),
                         ("LOCALHOST:9900", 200), ("127.0.0.1:1", 200), ("[::1]:9900", 200), ("10.1.2.3", 200),
                         ("umbra.example", 200), ("Umbra.Example:80", 200), ("x.umbra.example", 403)):
        for path in ("/metrics", "/status", "/healthz", "/"):
            assert through.ask(path, ("Host", host)).status == status, (host, path)
    off = b'{"off": true}'
    for fields in ([], [("X-Umbra", "0")], [("X-Umbra", "")], [("Host", "evil.test"), ("X-Umbra", "1")]):
        assert through.ask("/api/mirror", *fields, method="POST", body=off).status == 403
    assert not through.status()["off"]
    assert through.ask("/api/mirror", ("X-Umbra", "1"), method="POST", body=off).status == 200
    assert through.status()["off"]


def test_a_token_is_asked_for(service, gateway, tmp_path):
    token = tmp_path / "token"
    token.write_text("s3cret-s3cret-s3cret\n")
    token.chmod(0o600)
    through = gateway(service(), service(), "--admin-token-file", token)
    for path in ("/healthz", "/readyz", "/metrics"):
        assert through.ask(path).status == 200
    for fields in ([], [("Authorization", "Bearer wrong")], [("Authorization", "Bearer s3cret-s3cret-s3cre")],
                   [("Authorization", "s3cret-s3cret-s3cret")], [("Authorization", "Basic s3cret-s3cret-s3cret")]):
        assert through.ask("/status", *fields).status == 401
        assert through.ask("/api/mirror", ("X-Umbra", "1"), *fields, method="POST", body=b'{"off":true}').status == 401
    assert through.ask("/status", ("Authorization", "Bearer s3cret-s3cret-s3cret")).status == 200
    assert run("status", "--admin", through.admin).returncode == 1
    assert "ready" in run("status", "--admin", through.admin, "--admin-token-file", token, check=0).stdout


def test_an_open_admin_address_needs_a_token():
    done = run("run", "--listen", "127.0.0.1:0", "--live", "127.0.0.1:1", "--admin", "0.0.0.0:0", check=2)
    assert "--admin-token-file" in done.stderr


# ---- status, top, mirror ----


def test_status_is_the_same_for_people_and_programs(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, (shadow, 50), servers.refused_address(), "--workers", "2", "--shed", "off")
    for i in range(40):
        through.get(f"/{i}")
    through.settled()
    text = run("status", "--admin", through.admin, check=0).stdout
    assert "default/quickstart#0" in text and live.address in text and shadow.address in text
    assert "no connection" in text or "connect" in text, "why copies are not sent"
    data = json.loads(run("status", "--admin", through.admin, "--format", "json", check=0).stdout)
    assert data["ready"] and data["workers"] == 2
    mirrors = {mirror["mirror"]: mirror for mirror in data["mirrors"]}
    assert mirrors[shadow.address]["matched"] == 40 and mirrors[shadow.address]["completed"] == 20
    assert all(mirror["equations"][name]["holds"] for mirror in data["mirrors"] for name in ("matched", "sent"))
    metrics = through.metrics()
    for label, mirror in mirrors.items():
        for name in ("matched", "sampled_out", "filtered", "dropped", "sent", "completed", "failed"):
            assert mirror[name] == metrics.mirror(name, mirror=label), (label, name)
    only = json.loads(run("status", "--admin", through.admin, "--format", "json", "--mirror", shadow.address,
                          check=0).stdout)
    assert [mirror["mirror"] for mirror in only["mirrors"]] == [shadow.address]


def test_top_prints_pages_where_there_is_no_terminal(service, gateway):
    through = gateway(service(), service())
    pages = run("top", "--admin", through.admin, "--count", "2", check=0).stdout
    assert pages.count("ready") == 2


@pytest.mark.sanitize
def test_the_kill_switch_is_in_force_within_a_second(service, gateway):
    live, shadow = service(), service()
    through = gateway(live, shadow, "--workers", "2", "--shed", "off")
    through.get("/")
    shadow.wait(1)
    began = time.monotonic()
    run("mirror", "off", "--admin", through.admin, check=0)
    assert time.monotonic() - began < 1 * PATIENCE
    for i in range(20):
        assert through.get(f"/{i}").status == 200
    metrics = through.settled()
    assert metrics.mirror("filtered", reason="off") == 20 and len(shadow.requests) == 1
    assert "off" in run("status", "--admin", through.admin, check=0).stdout
    run("mirror", "on", "--admin", through.admin, check=0)
    for i in range(20):
        through.get(f"/{i}")
    shadow.wait(21)
    assert through.settled().mirror("completed") == 21


def test_one_mirror_can_be_switched_off_alone(service, gateway):
    live, one, two = service(), service(), service()
    through = gateway(live, one, two)
    run("mirror", "off", "--mirror", one.address, "--admin", through.admin, check=0)
    through.get("/")
    metrics = through.settled(lambda metrics: metrics.mirror("completed", mirror=two.address) == 1)
    assert metrics.mirror("filtered", mirror=one.address, reason="off") == 1
    assert not one.arrived
    run("mirror", "on", "--mirror", one.address, "--route", umbra.ROUTE, "--admin", through.admin, check=0)
    through.get("/")
    through.settled(lambda metrics: metrics.mirror("completed", mirror=one.address) == 1)
    done = run("mirror", "off", "--mirror", "nosuch:1", "--admin", through.admin, check=1)
    assert "nosuch:1" in done.stderr


def test_a_switch_survives_control(service, gateway):
    through = gateway(service(), service())
    through.may_complain = True
    run("mirror", "off", "--admin", through.admin, check=0)
    pid = through.pids()["control"]
    os.kill(pid, 9)
    wait_for(lambda: through.pids().get("control", pid) != pid and through.is_ready(), "control to be back")
    assert through.status()["off"]
    through.get("/")
    through.settled(lambda metrics: metrics.mirror("filtered", reason="off") == 1)


# ---- the command line ----

COMMANDS = ["run", "status", "top", "mirror", "demo", "version", "help"]


def test_help_is_everywhere():
    overview = run("--help", check=0).stdout
    assert run("help", check=0).stdout == overview
    for command in COMMANDS:
        assert f"umbra {command}" in overview
        done = run(command, "--help", check=0)
        assert done.stdout.startswith(f"umbra {command}") and done.stderr == ""
        assert run("help", command, check=0).stdout == done.stdout
    documented = """--listen --live --shadow --mirror-writes --admin --admin-token-file --trusted-proxies
        --marker-key-file --drain --drain-delay --max-connections --safe-methods --workers --mirror-budget --log-format
        --access-log --shed --replace""".split()
    text = run("run", "--help", check=0).stdout
    assert not [option for option in documented if option not in text]


def test_the_version_is_printed():
    assert re.fullmatch(r"umbra \d+\.\d+\.\d+\n", run("version", check=0).stdout)
    assert run("--version").stdout == run("version").stdout


RUN = ["run", "--listen", "127.0.0.1:0", "--live", "127.0.0.1:1"]


@pytest.mark.parametrize("arguments, word", [
    ([], "umbra run"),
    (["rnu"], "umbra run"),
    (["run"], "--listen"),
    (["run", "--listen", "127.0.0.1:0"], "--live"),
    (["run", "--live", "127.0.0.1:1"], "--listen"),
    ([*RUN, "--shadw", "x:1"], "--shadow"),
    ([*RUN, "--shadow"], "--shadow"),
    ([*RUN, "--shadow", "x"], "x"),
    ([*RUN, "--shadow", "127.0.0.1:1=101"], "101"),
    ([*RUN, "--shadow", "127.0.0.1:1=-1"], "-1"),
    ([*RUN, "--live", "127.0.0.1:2"], "--live"),
    ([*RUN, "--workers", "0"], "--workers"),
    ([*RUN, "--workers", "many"], "many"),
    ([*RUN, "--drain", "30"], "--drain"),
    ([*RUN, "--mirror-budget", "1"], "--mirror-budget"),
    ([*RUN, "--shed", "maybe"], "maybe"),
    ([*RUN, "--trusted-proxies", "10.0.0.0/99"], "10.0.0.0/99"),
    ([*RUN, "--sampling", "hash"], "--sampling-key"),
    ([*RUN, "--mirror-writes=yes"], "--mirror-writes"),
    ([*RUN, "word"], "word"),
    ([*RUN, "--admin-token-file", "/nonexistent/token"], "/nonexistent/token"),
    ([*RUN, "--marker-key-file", "/nonexistent"], "/nonexistent"),
    (["status", "--listen", "127.0.0.1:1"], "--listen"),
    (["mirror"], "off|on"),
    (["mirror", "maybe"], "maybe"),
])
def test_usage_errors_name_what_is_wrong(arguments, word):
    done = run(*arguments, check=2)
    assert word in done.stderr and done.stdout == ""
    assert len(done.stderr.splitlines()) < 20


def test_commands_that_reach_nobody_end_with_1():
    nobody = servers.refused_address()
    for command in (["status"], ["mirror", "off"], ["top", "--count", "1"]):
        done = run(*command, "--admin", nobody, check=1)
        assert nobody in done.stderr, done


def test_an_address_in_use_is_said(service):
    taken = service()
    done = run("run", "--listen", taken.address, "--live", "127.0.0.1:1", "--admin", "127.0.0.1:0", check=1)
    assert taken.address in done.stderr and "--listen" in done.stderr


# ---- the log ----


def test_the_start_up_block_says_what_is_served(service, gateway):
    live, shadow = service(), service()
    log = gateway(live, (shadow, 12.5)).log()
    for words in (f"live +{live.address}", rf"shadow +{shadow.address} +12\.5 %", "GET, HEAD, OPTIONS",
                  "--mirror-writes", "pid +[0-9]+"):
        assert re.search(words, log), words
    assert len(log.splitlines()) < 10


def test_json_logs_are_lines_of_json(service, tmp_path, ending):
    process = umbra.Process(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--live", service().address,
                             "--log-format", "json", "--access-log"], tmp_path / "log")
    ending.callback(process.kill)
    wait_for(lambda: "serves" in process.text(), process.text)
    serves = next(json.loads(line) for line in process.text().splitlines() if "serves" in line)
    listen = re.search(r"listening http://(\S+?),", serves["message"])[1]
    with http1.Connection(listen) as connection:
        connection.ask(get('/a"b?secret=1', ("Connection", "close")))
    process.terminate()
    assert process.wait() == 0
    lines = [json.loads(line) for line in process.text().splitlines()]
    assert all({"level", "message"} <= set(line) for line in lines), lines
    assert any('/a"b' in line["message"] for line in lines)


def test_the_access_log_has_a_line_per_request(service, gateway):
    through = gateway(service(), "--access-log")
    assert through.get("/page?q=secret").status == 200
    with through.connect() as connection:
        assert connection.ask(post("/form", b"x")).status == 200
    wait_for(lambda: "/form" in through.log(), "the access log")
    lines = [line for line in through.log().splitlines() if "route=default/quickstart#0" in line]
    assert len(lines) == 2
    assert re.search(r"GET shop\.test/page 200 [0-9.]+ms client=127\.0\.0\.1 ", lines[0]), lines[0]
    assert "secret" not in "".join(lines), "queries may hold what is not for logs"
