# SPDX-License-Identifier: Apache-2.0
"""Where rules come from: files, directories, standard input and pipes, and what is said when they can't be had."""
import json
import os
import signal
import socket
import subprocess
import threading

import pytest

import http1
import rules
import umbra
from http1 import answer
from servers import answering, free_port
from waiting import PATIENCE, wait_for


def simple(port, live):
    return rules.gateway(http=port) + rules.backend("v1", live) + rules.route()


def run(*arguments, stdin=subprocess.DEVNULL):
    """A run that is expected to end by itself: (exit code, what it said)."""
    ended = subprocess.run([umbra.BINARY, "run", "--admin", "127.0.0.1:0", *map(str, arguments)], stdin=stdin,
                           capture_output=True, text=True, timeout=20 * PATIENCE, check=False)
    return ended.returncode, ended.stderr


# ---- sources ----


@pytest.mark.sanitize
def test_standard_input_is_read_once_and_outlives_control(service, ruled, tmp_path):
    text = tmp_path / "piped"
    text.write_text(simple(free_port(), service()))
    cat = subprocess.Popen(["cat", text], stdout=subprocess.PIPE)
    through = ruled(None, paths=["-"], stdin=cat.stdout)
    cat.wait()
    through.may_complain = True
    text.unlink()
    control = through.pids()["control"]
    os.kill(control, signal.SIGKILL)
    wait_for(lambda: through.pids().get("control") not in (None, control), "another control")
    wait_for(lambda: through.log().count("rules of generation") >= 2, "its rules")
    through.reload()
    wait_for(lambda: through.log().count("rules of generation") >= 3, "the same again")
    assert through.status_of() == 200
    assert through.errors() == 0


def test_a_pipe_may_stand_in_for_a_file(service, ruled, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = simple(free_port(), service())
    threading.Thread(target=pipe.write_text, args=(text,), daemon=True).start()
    through = ruled(None, paths=[pipe])
    assert through.status_of() == 200


def test_several_files_and_directories_are_one_set_of_rules(service, ruled, tmp_path):
    one, two = service(answering(answer(200, b"one"))), service(answering(answer(200, b"two")))
    port = free_port()
    mount = tmp_path / "rules.d"
    (mount / "below").mkdir(parents=True)
    (mount / "20-route.yml").write_text(rules.route())
    (mount / "10-live.json").write_text(json.dumps({
        "apiVersion": "v1", "kind": "List", "items": [{
            "apiVersion": "umbra.dev/v1alpha1", "kind": "Backend", "metadata": {"name": "v1"},
            "spec": {"endpoints": [{"host": "127.0.0.1", "port": one.port}]}}]}))
    (mount / ".hidden.yaml").write_text(rules.route("hidden", path="/hidden"))
    (mount / "notes.txt").write_text("not a manifest")
    (mount / "below" / "deeper.yaml").write_text("kind: [")
    gateway = tmp_path / "gateway.conf"
    gateway.write_text(rules.gateway(http=port) + rules.backend("v2", two) + rules.route("two", "v2", path="/two"))
    through = ruled(None, paths=[gateway, mount])
    assert (through.get("/").body, through.get("/two").body) == (b"one", b"two")
    assert through.errors() == 0
    assert rules_said(through) == [str(gateway), str(mount)]


def rules_said(through):
    return [line.split(None, 1)[1] for line in through.log().splitlines() if line.startswith("  rules ")]


# ---- listeners' addresses ----


def test_port_offset_moves_all_ports(service, ruled):
    port = free_port()
    through = ruled(simple(port - 1000, service()), "--port-offset", 1000)
    assert through.address == f"127.0.0.1:{port}"
    assert through.status_of() == 200


def test_without_bind_all_addresses_are_served(service, ruled):
    port = free_port()
    through = ruled(simple(port, service()), bind=None)
    assert through.status_of("/", f"127.0.0.1:{port}") == 200
    if socket.has_ipv6:
        assert through.status_of("/", f"[::1]:{port}") == 200


# ---- what can't be read ----


def test_a_file_that_cannot_be_read_keeps_what_it_had(service, ruled, tmp_path):
    port = free_port()
    mount = tmp_path / "rules.d"
    mount.mkdir()
    more = mount / "more.yaml"
    (mount / "rules.yaml").write_text(simple(port, service()))
    more.write_text(rules.backend("v2", service(answering(answer(200, b"two")))) +
                    rules.route("more", "v2", path="/more"))
    through = ruled(None, paths=[mount])
    through.may_complain = True
    more.unlink()
    os.mkfifo(more)
    wait_for(lambda: through.errors() == 1, "the error", 3)
    problem, = through.problems()
    assert problem["file"] == str(more) and "regular file" in problem["message"]
    assert through.get("/more").body == b"two"
    more.unlink()
    with open(more, "wb") as file:
        file.truncate(33 << 20)
    wait_for(lambda: "33554432" in json.dumps(through.problems()), "the other error", 3)
    assert through.get("/more").body == b"two"
    more.unlink()
    wait_for(lambda: through.errors() == 0 and through.get("/more").body == b"hello", "the file to be forgotten", 3)


# ---- runs that can't begin ----


def test_a_path_that_does_not_exist_ends_the_run(tmp_path):
    code, said = run("-f", tmp_path / "missing.yaml")
    assert code == 1
    assert f"-f {tmp_path}/missing.yaml: No such file or directory" in said


def test_files_and_the_quick_start_exclude_each_other(tmp_path):
    code, said = run("-f", tmp_path, "--listen", "127.0.0.1:0", "--live", "127.0.0.1:1")
    assert code == 2
    assert "-f and --listen exclude each other" in said


def test_a_run_without_rules_is_told_both_ways():
    code, said = run()
    assert code == 2
    assert "-f FILE_OR_DIR" in said and "--listen 127.0.0.1:8080 --live 127.0.0.1:3000" in said


def test_a_run_ends_when_no_listener_at_all_can_be_bound(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        path = tmp_path / "rules.yaml"
        path.write_text(simple(port, "127.0.0.1:1"))
        code, said = run("-f", path, "--bind", "127.0.0.1")
    assert code == 1
    assert f"{path}:7:" in said and "Gateway/gw" in said and f"127.0.0.1:{port}" in said
    assert "another process has the port" in said


def test_the_admin_port_is_not_for_a_listener(tmp_path):
    path = tmp_path / "rules.yaml"
    port = free_port()
    path.write_text(simple(port, "127.0.0.1:1"))
    ended = subprocess.run([umbra.BINARY, "run", "--admin", f"127.0.0.1:{port}", "-f", path], capture_output=True,
                           text=True, timeout=20 * PATIENCE, check=False)
    assert ended.returncode == 1
    assert "admin port of this umbra" in ended.stderr
