# SPDX-License-Identifier: Apache-2.0
"""What the processes of a run may still do. Which system calls each of them has is tested beside the table, in
tests/unit/app/test_privileges.c; here: that they are all confined, and that it hinders nobody."""
import os
import pathlib
import platform
import shutil
import signal
import socket
import struct
import sys
import tempfile

import pytest

import http1
import rules
import umbra
from load import Load
from servers import free_port
from waiting import wait_for

SETPCAP = 1 << 8
BIND = 1 << 10  # CAP_NET_BIND_SERVICE
NOBODY = 65534
IS_ROOT = os.geteuid() == 0
SETS = ("CapInh", "CapPrm", "CapEff", "CapAmb")
SANITIZED = "asan" in umbra.BINARY or "tsan" in umbra.BINARY


def rights(pid):
    """The fields of /proc/PID/status, of each thread."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        found.append({name: value.strip() for name, _, value in (line.partition(":") for line in lines)})
    return found


OURS = int(rights(os.getpid())[0]["CapEff"], 16)


def everyone(through):
    """(name, fields) of all threads of a run."""
    pids = {"supervisor": through.process.popen.pid, **through.pids()}
    assert set(pids) - {"analyst"} == {"supervisor", "control", "gateway"}
    return [(name, thread) for name, pid in pids.items() for thread in rights(pid)]


def check_confined(through, of_supervisor=0):
    threads = everyone(through)
    for name, thread in threads:
        for which in SETS:
            wanted = of_supervisor if name == "supervisor" and which in ("CapPrm", "CapEff") else 0
            assert int(thread[which], 16) == wanted, (name, which, thread["Name"])
        if OURS & SETPCAP:
            assert int(thread["CapBnd"], 16) == 0, (name, thread["Name"])
        assert thread["NoNewPrivs"] == "1", (name, thread["Name"])
        assert thread["Seccomp"] == ("0" if SANITIZED else "2"), (name, thread["Name"])
    return threads


def killed(through, role):
    pid = through.pids()[role]
    os.kill(pid, signal.SIGKILL)

    def is_back():
        try:
            return through.pids().get(role, pid) != pid and through.ask("/readyz").status == 200
        except (OSError, http1.Broken):
            return False
    wait_for(is_back, f"{role} to be back")


@pytest.mark.sanitize
def test_no_process_and_no_thread_has_a_right_left(service, gateway):
    through = gateway(service(), service(), "--workers", "3")
    wait_for(lambda: "analyst" in through.pids() and through.metrics().sum("umbra_analyst_up"), "the analyst to answer")
    threads = check_confined(through)
    workers = [thread["Name"] for name, thread in threads if name == "gateway" and "work" in thread["Name"]]
    assert len(workers) == 3  # and the main thread, and one of ThreadSanitizer's
    assert through.status()["sandbox"] is not SANITIZED
    through.may_complain = True
    for role in ("gateway", "control", "analyst"):
        killed(through, role)
        check_confined(through)
    assert through.replace().wait() == 0
    check_confined(through)


def free_low_port():
    for port in range(900, 1000):
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise AssertionError("no port from 900 to 999 is free")


def text(port, live, shadow, more=""):
    return (rules.gateway(http=port) + rules.backend("v1", live) + rules.backend("v2", shadow) +
            rules.route(shadow="v2") + more)


def test_with_files_the_supervisor_can_bind_a_low_port_later_if_it_could_before(service, ruled):
    through = ruled(text(free_port(), service(), service()))
    check_confined(through, OURS & BIND)
    if not OURS & BIND:
        pytest.skip("it could not be bound before either")
    port = free_low_port()
    through.change(text(port, service(), service()))
    assert through.status_of(address=f"127.0.0.1:{port}") == 200
    check_confined(through, BIND)


def test_sandbox_off_says_so_and_leaves_capabilities_none(service, gateway):
    through = gateway(service(), "--sandbox", "off")
    ours = rights(os.getpid())[0]["Seccomp"]
    for name, thread in everyone(through):
        assert (thread["Seccomp"], thread["NoNewPrivs"]) == (ours, "1"), name
        assert [int(thread[which], 16) for which in SETS] == [0] * 4, name
    assert through.log().count("--sandbox off") == 1
    assert through.status()["sandbox"] is False
    assert through.get("/").status == 200


# ---- where there are no filters ----

NUMBERS = {"x86_64": (157, 317), "aarch64": (167, 277)}  # prctl, seccomp


def without_seccomp():
    """A command in front of others that run as on a kernel without seccomp."""
    prctl, seccomp = NUMBERS[platform.machine()]
    program = b"".join(struct.pack("HBBI", *line) for line in (
        (0x20, 0, 0, 0),         # the call's number
        (0x15, 3, 0, seccomp),   # seccomp: refused
        (0x15, 0, 3, prctl),     # anything but prctl: allowed
        (0x20, 0, 0, 16),        # the first argument
        (0x15, 0, 1, 22),        # PR_SET_SECCOMP: refused
        (0x06, 0, 0, 0x50000 + 22),
        (0x06, 0, 0, 0x7fff0000)))
    return [sys.executable, "-c", f"""
import ctypes, os, sys
class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
libc = ctypes.CDLL(None, use_errno=True)
program = Program({len(program) // 8}, {program!r})
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(program)) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""]


@pytest.mark.skipif(platform.machine() not in NUMBERS, reason="numbers of this machine's calls are not known here")
def test_a_system_without_filters_is_told_once_and_served(service, ruled):
    through = ruled(text(free_port(), service(), service()), prefix=without_seccomp())
    assert through.status_of() == 200
    assert through.log().count("is kept to the system calls that it needs") == 1, through.log()
    assert through.status()["sandbox"] is False


# ---- an unprivileged user ----


@pytest.fixture
def unprivileged(ending, monkeypatch):
    """unprivileged(text): a running umbra with rules from a file, of a user who may nothing."""
    def start(rules_text):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="umbra-test-"))
        ending.callback(shutil.rmtree, directory)
        shutil.copy(umbra.BINARY, directory / "umbra")
        os.chmod(directory, 0o755)
        (directory / "run").mkdir()
        prefix = []
        if IS_ROOT:
            os.chown(directory / "run", NOBODY, NOBODY)
            prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        os.chmod(directory / "run", 0o700)
        monkeypatch.setattr(umbra, "BINARY", str(directory / "umbra"))
        started = rules.Ruled(directory, rules_text, ["--workers", "2", "--shed", "off", "--drain", "10s"],
                              prefix=prefix, environment={"XDG_RUNTIME_DIR": str(directory / "run")})
        ending.callback(started.stop)
        return started
    return start


def check_unprivileged(through):
    for name, thread in everyone(through):
        assert not IS_ROOT or thread["Uid"].split() == [str(NOBODY)] * 4, name
        assert [int(thread[which], 16) for which in SETS] == [0] * 4, name
        assert (thread["NoNewPrivs"], thread["Seccomp"]) == ("1", "0" if SANITIZED else "2"), name


def test_an_unprivileged_user_can_do_all_of_it(service, unprivileged):
    port, live, shadow = free_port(), service(), service()
    through = unprivileged(text(port, live, shadow))
    through.may_complain = True
    check_unprivileged(through)
    with Load(through.address) as load:
        load.wait(50)
        generation = through.generation()
        through.change(text(port, live, shadow, rules.route("more", shadow="v2", path="/more")))
        through.write(text(port, live, shadow))
        through.reload()
        wait_for(lambda: through.generation() >= generation + 2, "the reload")
        killed(through, "control")
        load.wait(50)
        assert through.replace().wait() == 0
        check_unprivileged(through)
        load.wait(50)
    load.check()
    through.settled()  # copies in flight would end with it
    killed(through, "gateway")
    check_unprivileged(through)
    assert through.status_of() == 200
    metrics = through.settled()
    assert metrics.mirror("completed") == metrics.mirror("matched") == metrics.requests(code="200") == load.count + 1
