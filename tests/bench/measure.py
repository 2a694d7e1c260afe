# SPDX-License-Identifier: Apache-2.0
"""What the bench reads from the kernel, how it makes load, and how it sums up rounds. No policy."""
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
CONNECTIONS = 64
BODY_BYTES = 64  # of an answer
ENDLESS = 3600  # seconds: longer than any run
PATIENCE = 30  # seconds beyond its own time that a load may take before the bench gives up


class Broken(Exception):
    """The bench cannot go on: a peer does not start, a tool is missing."""


class LeftOut(Exception):
    """A group can't be measured on this machine, which is no failure; the text says why."""


class OutOfTime(Broken):
    """The run's own limit is reached."""


class Clock:
    """The bound of a whole run; asked before each measurement."""

    def __init__(self, limit_seconds):
        self.limit_seconds = limit_seconds
        self.start = time.monotonic()

    def spent(self):
        return time.monotonic() - self.start

    def check(self):
        if self.spent() > self.limit_seconds:
            raise OutOfTime(f"stopped after {self.limit_seconds:.0f} s")


class Theft:
    """How much of the CPUs' time others on the host had since this was made: "steal" of /proc/stat (proc(5)), of all its columns
    but guests', which are in others. 0 on a machine that is none's guest."""

    def __init__(self):
        self.before = self._ticks()

    @staticmethod
    def _ticks():
        columns = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return columns[7], sum(columns)

    def share(self):
        stolen, all_of_it = (now - before for now, before in zip(self._ticks(), self.before))
        return stolen / all_of_it if all_of_it > 0 else 0


def wait_until(condition, seconds, what):
    """Polls until the condition gives something true and returns that."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Broken(f"waited {seconds} s for {what}")
        time.sleep(0.01)


# ------------------------------------------------------------------------------------------------------- processes

def parent_of(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat[stat.rindex(")") + 2:].split()[1])


def family(pid):
    """The process and all its descendants."""
    parents = {int(entry): parent_of(entry) for entry in os.listdir("/proc") if entry.isdigit()}
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def role_of(pid):
    """The second word of a command line: what an Umbra process is for."""
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    role = words[1].decode() if len(words) > 1 else ""
    return "supervisor" if role == "run" else role


def cpu_seconds(pids):
    """User and system time of the processes with all their threads: by the scheduler's own account, which is the sum that
    /proc/PID/stat rounds to ticks of 10 ms."""
    return sum(scheduled_seconds(pid) or ticked_seconds(pid) for pid in pids)


def scheduled_seconds(pid):
    """0 on a kernel without the account."""
    files = pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def ticked_seconds(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    user, system = stat[stat.rindex(")") + 2:].split()[11:13]
    return (int(user) + int(system)) * TICK_SECONDS


def status_bytes(pids, field):
    """Sum of a field of /proc/PID/status that is given in kB, such as VmRSS or VmHWM."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                total += int(line.split()[1]) * 1024
    return total


def pss_bytes(pids):
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def reset_peak(pids):
    """VmHWM begins anew at what is resident now."""
    for pid in pids:
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def pin(pids, cpu):
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(thread), {cpu})


# ------------------------------------------------------------------------------------------------------------- load

H2LOAD = re.compile(r"finished in ([\d.]+)(us|ms|s|m),.*^requests: .* (\d+) done,.*^status codes: (\d+) 2xx,.*"
                    r"^traffic: .*\((\d+)\) data", re.M | re.S)
H2LOAD_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}


class Load:
    """Runs bench_load, wrk, h2load and resume.py; every result is a dict with at least requests, errors and seconds. `aside` is the
    command that makes another one run where load and services belong."""

    def __init__(self, binary, aside):
        self.binary = str(binary)
        self.aside = aside

    def command(self, *words):
        return [*self.aside, *(str(word) for word in words)]

    def run(self, port, seconds, rate=0, requests=None, has_json=False):
        """`requests`: a file of those that are sent in turn; without it all are alike. `has_json`: the answers have."""
        words = [self.binary, f"127.0.0.1:{port}", "--connections", CONNECTIONS, "--seconds", seconds]
        if requests:
            words += ["--requests", requests]
        if rate:
            words += ["--rate", rate]
        if has_json:
            words += ["--json"]
        return json.loads(self._output(self.command(*words), seconds))

    def start(self, port, requests):
        """The same without an end; stop() gives the result."""
        command = self.command(self.binary, f"127.0.0.1:{port}", "--connections", CONNECTIONS, "--seconds", ENDLESS,
                               "--requests", requests)
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    @staticmethod
    def stop(process):
        process.terminate()
        try:
            return json.loads(process.communicate(timeout=PATIENCE)[0])
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def upload(self, port, size):
        return json.loads(self._output(self.command(self.binary, f"127.0.0.1:{port}", "--upload", size), 60))

    def hold(self, port, clients):
        """Starts idle clients; they are all there when this returns. End them with release()."""
        command = self.command(self.binary, f"127.0.0.1:{port}", "--hold", clients)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if process.stdout.readline() != "ready\n":
            process.kill()
            process.wait()
            raise Broken(f"{clients} clients could not connect")
        return process

    @staticmethod
    def release(process):
        return json.loads(process.communicate(timeout=60)[0])

    def wrk(self, port, seconds):
        """wrk leaves up to one request per connection unanswered at its end."""
        script = pathlib.Path(__file__).with_name("wrk.lua")
        words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", script,
                 f"http://127.0.0.1:{port}/bench"]
        return json.loads(self._output(self.command(*words), seconds).splitlines()[-1])

    def h2load(self, url, requests, connections, streams=1, is_http1=False):
        """Exactly so many requests. One that is not answered with 200 and a whole body is an error."""
        words = ["h2load", "-n", requests, "-c", connections, "-m", streams, *(["--h1"] if is_http1 else []), url]
        text = self._output(self.command(*words), PATIENCE)
        found = H2LOAD.search(text)
        if not found:
            raise Broken(f"{' '.join(map(str, words))}: {text}")
        value, unit, done, answered, size = found.groups()
        wrong = f"{answered} of {requests} got a status of 2xx, with {size} bytes of bodies"
        is_right = int(done) == int(answered) == requests and int(size) == requests * BODY_BYTES
        return {"requests": int(done), "errors": 0 if is_right else max(1, requests - int(answered)), "why": wrong,
                "seconds": float(value) * H2LOAD_UNITS[unit]}

    def resume(self, port, requests):
        """One connection after the other, of which each but the first resumes a session."""
        script = pathlib.Path(__file__).with_name("resume.py")
        return json.loads(self._output(self.command(sys.executable, script, port, requests), PATIENCE))

    @staticmethod
    def _output(command, seconds):
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + PATIENCE, check=False)
        if done.returncode != 0:
            raise Broken(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout


# ---------------------------------------------------------------------------------------------------------- figures

def summary(values):
    """Median, lowest, highest."""
    return statistics.median(values), min(values), max(values)


def ratios(ours, theirs):
    """Round by round, since neighbours in time share the machine's mood."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def middle(*values):
    """Geometric mean, which treats a ratio and its inverse alike."""
    return statistics.geometric_mean(values)


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(q * (len(ordered) - 1)))]
