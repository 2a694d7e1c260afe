# SPDX-License-Identifier: Apache-2.0
"""`umbra demo`: a demo that proves what it shows, ends by itself, and leaves nothing behind."""
import fcntl
import http.client
import os
import pathlib
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest

from umbra import BINARY
from waiting import PATIENCE, wait_for

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"


def children(pid):
    """{pid: command line} of all processes below this one."""
    found = {}
    try:
        listed = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return found
    for child in map(int, listed):
        try:
            command = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            name = pathlib.Path(f"/proc/{child}/comm").read_text().strip()
        except OSError:
            continue
        found[child] = f"{name}: {command}"
        found.update(children(child))
    return found


def is_gone(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return True
    return state == "Z"  # ended; its parent, not the demo, has yet to look


def is_refused(address):
    host, port = address.rsplit(":", 1)
    with socket.socket() as sock:
        return sock.connect_ex((host, int(port))) != 0


class Demo:
    """A demo without a terminal; its output is a file."""

    def __init__(self, directory, *options, stdin=subprocess.DEVNULL, has_usual_admin=False):
        self.path = directory / "demo.txt"
        if not has_usual_admin:
            options = (*options, "--admin", "127.0.0.1:0")
        with open(self.path, "wb") as out:
            self.popen = subprocess.Popen([BINARY, "demo", *options], stdin=stdin, stdout=out, stderr=out)
        self.known = {}

    def text(self):
        self.known.update(children(self.popen.pid))
        return self.path.read_text(errors="replace")

    def wait_for_text(self, pattern, timeout=20):
        return wait_for(lambda: re.search(pattern, self.text(), re.M),
                        lambda: f"{pattern!r} in the output:\n{self.text()}", timeout)

    def address(self, name):
        return self.wait_for_text(rf"^  {name} +http://([^/\s]+)")[1]

    def is_running(self):
        self.known.update(children(self.popen.pid))
        return self.popen.poll() is None

    def code(self, timeout=30):
        wait_for(lambda: not self.is_running(), lambda: f"the demo to end:\n{self.text()}", timeout)
        return self.popen.returncode

    def assert_nothing_is_left(self):
        assert len(self.known) >= 9, self.known  # live, two shadows, load, asker; supervisor, control, gateway, analyst
        wait_for(lambda: all(is_gone(pid) for pid in self.known),
                 lambda: "to end: " + str({pid: name for pid, name in self.known.items() if not is_gone(pid)}), 5)
        for name in ("gateway", "live", "shadow", "clean", "admin"):
            assert is_refused(self.address(name)), f"{name} still answers"

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()


@pytest.fixture
def demo(ending, tmp_path):
    def start(*options, **more):
        started = Demo(tmp_path, *options, **more)
        ending.callback(started.kill)
        return started
    return start


def get(address, target):
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.sanitize
def test_a_run_of_some_seconds_ends_by_itself_and_well(demo):
    run = demo("--duration", "3s")
    assert run.code() == 0, run.text()
    text = run.text()
    requests = int(re.search(r"^umbra demo: (\d+) requests in 3 s, 0 errors$", text, re.M)[1])
    assert 500 <= requests <= 800
    assert len(re.findall(r"^ +0:0\d  healthy .* 0 errors", text, re.M)) >= 2
    assert len(re.findall(r" holds$", text, re.M)) == 2
    run.assert_nothing_is_left()


# What is planted, as the verdict names it.
FAULTS = (r"^ +GET /items/\{id\}: body\.\$\.price differs in \d+ of \d+ pairs .*more than the 0\.1 % allowed"
          r"; for example (\d+(?:\.\d+)?) became (\d+(?:\.\d+)?)",
          r"^ +GET /users/\{id\}: status differs in \d+ of \d+ pairs .*for example 200 became 404",
          r"^ +GET /search: the shadow's p50 is (\d+)(\.\d+)? ms above live's .*more than the 5 ms allowed")


def verdict(text, name, kind):
    """What was said last of this shadow, if it was this verdict: its sentences."""
    said = re.findall(rf"^[ \d:]* {name} \S+  (\w+)  [\d,]+ pairs.*\n((?: {{4,}}\S.*\n)*)", text, re.M)
    return said[-1][1] if said and said[-1][0] == kind else None


@pytest.mark.sanitize
def test_the_shadow_fails_for_each_planted_fault_and_the_clean_one_passes(demo):
    run = demo()
    run.wait_for_text(r"^  admin ")

    def is_judged():
        failed = verdict(run.text(), "shadow", "FAIL") or ""
        return all(re.search(fault, failed, re.M) for fault in FAULTS) and verdict(run.text(), "clean", "PASS")

    wait_for(is_judged, lambda: f"both verdicts:\n{run.text()}", 60)
    run.popen.send_signal(signal.SIGINT)
    assert run.code() == 0, run.text()
    summary = run.text()[run.text().index("umbra demo: ", 1):]
    failed = verdict(summary, "shadow", "FAIL")
    before, after = re.search(FAULTS[0], failed, re.M).groups()
    assert round(float(after) - float(before), 2) == 1
    assert re.search(FAULTS[1], failed, re.M)
    assert 15 <= int(re.search(FAULTS[2], failed, re.M)[1]) <= 60
    assert "No difference in " in verdict(summary, "clean", "PASS")
    assert re.search(r"^  every 25th item costs 1\.00 more +GET /items/\{id\}: body\.\$\.price differs", summary, re.M)
    assert re.search(r"^  every 25th user is a 404 +GET /users/\{id\}: .*200 became 404", summary, re.M)
    assert re.search(r"^  a search takes 20 ms longer +GET /search: the shadow's p50 is ", summary, re.M)


def test_the_play_walks_through_all_faults_and_live_never_notices(demo):
    run = demo("--play")
    assert run.code(60) == 0, run.text()
    text = run.text()
    summary = text[text.index("umbra demo: ", 1):]
    for condition in ("healthy", "killed", "hung", "slow", "garbled", "mirror off"):
        row = re.search(rf"^  {condition} +[\d.]+ s +(\d+) +0 ", summary, re.M)
        assert row and int(row[1]) > 150, summary
    assert re.search(r"dropped: .*breaker \d", summary)
    assert re.search(r"failed: .*connect \d", summary)
    assert re.search(r"failed: .*protocol \d", summary)
    assert re.search(r"filtered: off \d+, method \d", summary)
    assert re.search(r"^  shadow \S+  FAIL  [\d,]+ pairs; \d+\.\d+ % of copies failed$", summary, re.M), summary
    assert verdict(summary, "clean", "PASS"), summary
    first = {word: text.index(word) for word in ("  PASS  ", "  FAIL  ", "  killed ")}
    assert first["  PASS  "] < first["  killed "] and first["  FAIL  "] < first["  killed "]
    run.assert_nothing_is_left()


def test_the_services_are_a_shop_and_the_shadow_has_its_faults(demo):
    run = demo("--rate", "50")
    gateway, live, shadow = run.address("gateway"), run.address("live"), run.address("shadow")
    clean = run.address("clean")
    for target in ("/items/25", "/users/50", "/search?q=mug"):
        assert get(gateway, target) == get(live, target) == get(clean, target)
    assert get(live, "/items/25") != get(shadow, "/items/25")
    assert get(live, "/items/26") == get(shadow, "/items/26")
    assert (get(live, "/users/50")[0], get(shadow, "/users/50")[0]) == (200, 404)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_everything(demo, name):
    run = demo()
    run.wait_for_text(r"^ +0:01 ")
    run.popen.send_signal(getattr(signal, name))
    assert run.code(15) == 0, run.text()
    assert re.search(r"^umbra demo: [\d,]+ requests in \d+ s, 0 errors$", run.text(), re.M), run.text()
    run.assert_nothing_is_left()


def test_a_demo_that_is_killed_leaves_nothing_behind(demo):
    run = demo()
    run.wait_for_text(r"^ +0:01 ")
    run.popen.kill()
    run.popen.wait()
    run.assert_nothing_is_left()


def test_keys_are_not_read_from_what_is_no_terminal(demo):
    read, write = os.pipe()
    try:
        os.write(write, b"kkqq")
        run = demo("--duration", "2s", stdin=read)
        assert run.code() == 0, run.text()
        assert os.read(read, 10) == b"kkqq"
    finally:
        os.close(read)
        os.close(write)


def test_a_reader_that_goes_away_ends_the_demo(ending):
    process = subprocess.Popen([BINARY, "demo", "--admin", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    ending.callback(process.wait)
    ending.callback(process.kill)
    assert process.stdout.readline().startswith(b"umbra demo: ")
    process.stdout.close()
    process.wait(15 * PATIENCE)


def test_when_the_usual_admin_port_is_taken_another_is_and_it_says_so(demo, ending):
    sock = ending.enter_context(socket.socket())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", 9900))
        sock.listen()
    except OSError:
        pass  # somebody else has it, which is just as well
    run = demo("--duration", "1s", has_usual_admin=True)
    assert run.code() == 0, run.text()
    assert re.search(r"^  admin +http://127\.0\.0\.1:(?!9900)\d+/ \(9900 is taken\)$", run.text(), re.M)


def test_errors_of_live_are_seen_and_told_by_the_exit_code(demo):
    run = demo("--duration", "8s")
    run.wait_for_text(r"^ +0:01 ")
    live = next(pid for pid, name in children(run.popen.pid).items() if name.startswith("demo-live"))
    os.kill(live, signal.SIGSTOP)  # clients give up after 5 s
    assert run.code() == 1
    assert re.search(r"^umbra demo: live had \d+ errors$", run.text(), re.M), run.text()
    assert re.search(r"errors, no answer in 5 s \d+(, |$)", run.text(), re.M), run.text()
    run.assert_nothing_is_left()


@pytest.mark.parametrize("name, words", [("demo-live", "the live service"), ("demo-clean", "the clean shadow")])
def test_a_service_that_dies_ends_the_demo(demo, name, words):
    run = demo()
    run.wait_for_text(r"^ +0:01 ")
    os.kill(next(pid for pid, what in children(run.popen.pid).items() if what.startswith(name)), signal.SIGKILL)
    assert run.code() == 1
    assert f"umbra demo: {words} was ended by signal 9" in run.text()
    run.assert_nothing_is_left()


@pytest.mark.parametrize("options, says", [
    (["--duration", "soon"], "--duration soon: not a time"),
    (["--rate", "0"], "--rate 0: write a number"),
    (["--admin", "0.0.0.0:9900"], "the demo's admin port asks for no token"),
    (["--live", "127.0.0.1:1"], "--live is an option of `umbra run`"),
])
def test_wrong_options_are_explained(options, says):
    ended = subprocess.run([BINARY, "demo", *options], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=10 * PATIENCE, check=False)
    assert ended.returncode == 2
    assert says in ended.stderr


def test_what_keeps_the_gateway_from_serving_is_said():
    ended = subprocess.run([BINARY, "demo", "--listen", "192.0.2.1:80"], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=20 * PATIENCE, check=False)
    assert ended.returncode == 1
    assert "192.0.2.1:80" in ended.stderr


# ---- on a terminal ----

class Terminal:
    """A demo on a terminal of 80 columns and 24 lines."""

    def __init__(self, *options):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.output = ""
        environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
        self.popen = subprocess.Popen([BINARY, "demo", "--admin", "127.0.0.1:0", *options], stdin=self.slave,
                                      stdout=self.slave, stderr=self.slave, env=environment, start_new_session=True)

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            self.output += os.read(self.master, 65536).decode(errors="replace")
        return self.output

    def page(self):
        """The page that was drawn last."""
        drawn = self.read().split(LEAVE)[0].split("\x1b[H")
        return drawn[-2] if len(drawn) > 2 else ""

    def wait_for_page(self, pattern, timeout=15):
        return wait_for(lambda: re.search(pattern, self.page()), lambda: f"{pattern!r} on:\n{self.page()}", timeout)

    def clock(self):
        return self.wait_for_page(r"\d+:\d\d\b(?=\x1b)")[0]

    def press(self, keys):
        os.write(self.master, keys.encode())

    def code(self):
        def is_over():
            self.read()
            return self.popen.poll() is not None
        wait_for(is_over, lambda: f"the demo to end: {self.output[-3000:]}", 15)
        return self.popen.returncode

    def assert_restored(self):
        assert termios.tcgetattr(self.slave) == self.before
        assert self.read().count(ENTER) == self.output.count(LEAVE) == 1
        assert self.output.rindex("\x1b[?25h") > self.output.rindex("\x1b[?25l")

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(ending):
    def start(*options):
        started = Terminal(*options)
        ending.callback(started.close)
        return started
    return start


def test_keys_make_the_shadow_suffer_and_live_goes_on(terminal):
    run = terminal()
    run.wait_for_page(r"LIVE +\d+ requests/s +0 errors +p50 [\d.]+ ms +p99 [\d.]+ ms")
    run.wait_for_page(r"[1-9]\d+ copies/s +breaker closed")
    run.press("k")
    run.wait_for_page(r"SHADOW +● killed.*\n(.*\n)? +0.0 copies/s +breaker open for")
    run.wait_for_page(r"dropped: breaker \d")
    run.press("h")
    run.wait_for_page(r"SHADOW +● hung")
    run.press("s")
    run.wait_for_page(r"SHADOW +● slow")
    run.press("g")
    run.wait_for_page(r"SHADOW +● garbled")
    run.press("m")
    run.wait_for_page(r"SHADOW +● mirror off")
    run.wait_for_page(r"filtered: off \d")
    run.press("m")
    run.press("r")
    run.wait_for_page(r"SHADOW +● healthy")
    run.wait_for_page(r"[1-9]\d+ copies/s +breaker closed", 40)
    assert re.search(r"LIVE +\d+ requests/s +0 errors", run.page())
    assert run.page().count("✓ holds") == 2
    run.press("q")
    assert run.code() == 0, run.output[-3000:]
    assert "0 errors" in run.output.split(LEAVE)[1]  # the summary stays on the ordinary screen
    run.assert_restored()


def test_function_keys_do_nothing(terminal):
    run = terminal()
    run.wait_for_page("LIVE")
    run.press("\x1bOQ\x1bOS\x1b[A\x1b[5~\x1b")
    pressed_at = run.clock()
    wait_for(lambda: run.clock() != pressed_at, "time to go on")  # ESC and m at once are one key
    run.press("m")
    run.wait_for_page("mirror off ")
    assert run.popen.poll() is None
    run.press("Q")
    assert run.code() == 0
    assert "  slow " not in run.output.split(LEAVE)[1]


@pytest.mark.parametrize("end", ["\x03", signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_terminal_is_given_back_however_it_ends(terminal, end):
    run = terminal()
    run.wait_for_page("LIVE")
    if end == "\x03":
        os.killpg(os.getpgid(run.popen.pid), signal.SIGINT)  # as a terminal does to all in front
    else:
        run.popen.send_signal(end)
    assert run.code() == 0, run.output[-2000:]
    run.assert_restored()


def test_a_program_error_gives_the_terminal_back_too(terminal):
    run = terminal()
    run.wait_for_page("LIVE")
    below = children(run.popen.pid)
    run.popen.send_signal(signal.SIGABRT)  # what a failed ASSERT does; sent from outside it needs a second one
    wait_for(lambda: LEAVE in run.read(), "the ordinary screen")
    run.popen.send_signal(signal.SIGABRT)
    assert run.code() == -signal.SIGABRT
    assert termios.tcgetattr(run.slave) == run.before
    wait_for(lambda: all(is_gone(pid) for pid in below), lambda: f"to end: {below}")


def test_the_page_fits_a_small_terminal_with_both_verdicts(terminal):
    run = terminal()
    run.wait_for_page(r" VERDICT +shadow 127\.0\.0\.1:\d+ +✗ FAIL +[\d,]+ pairs[^\n]*\n +[^\n]{40}", 60)
    run.wait_for_page(r"\n +clean +127\.0\.0\.1:\d+ +✓ PASS +[\d,]+ pairs", 60)
    run.press("q")
    assert run.code() == 0
    page = run.page()
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", page).splitlines()
    assert max(len(line) for line in lines) <= 80
    assert page.count("\r\n") <= 23
    assert "q quit" in page


def test_time_and_screen_go_on_while_nobody_presses_a_key(terminal):
    run = terminal()
    run.wait_for_page("0:00")
    started = time.monotonic()
    run.wait_for_page("0:02")
    assert time.monotonic() - started > 1
    run.press("q")
    assert run.code() == 0
