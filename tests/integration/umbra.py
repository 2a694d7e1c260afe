# SPDX-License-Identifier: Apache-2.0
"""A running umbra: its processes, its figures, and what must hold of them."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import http1
from waiting import PATIENCE, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("UMBRA_BIN", str(ROOT / "build" / "umbra"))
ROUTE = "default/quickstart#0"
# Of each umbra under test that does not say otherwise: a machine that is busy with tests is not to cost copies.
DEFAULTS = {"--drain": "1s", "--shed": "off"}

SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Metrics:
    """One page of /metrics."""

    def __init__(self, page):
        self.samples = []
        for line in page.splitlines():
            match = SAMPLE.match(line)
            if match:
                self.samples.append((match[1], dict(LABEL.findall(match[2] or "")), float(match[3])))

    def sum(self, name, **labels):
        return sum(value for at, found, value in self.samples
                   if at == name and all(found.get(key) == wanted for key, wanted in labels.items()))

    def labels(self, name, label):
        return {found[label] for at, found, _ in self.samples if at == name}

    def requests(self, **labels):
        return self.sum("umbra_requests_total", **labels)

    def refused(self, **labels):
        return self.sum("umbra_refused_total", **labels)

    def mirror(self, name, **labels):
        """mirror("sent"), mirror("dropped", reason="breaker"); of all mirrors unless `mirror` says which."""
        gauges = ("in_flight", "queued")
        return self.sum(f"umbra_mirror_{name}" + ("" if name in gauges else "_total"), **labels)

    def mirrors(self):
        return self.labels("umbra_mirror_matched_total", "mirror")

    def summary(self, mirror):
        """The figures of a mirror that are not 0."""
        names = ("matched", "sampled_out", "filtered", "dropped", "sent", "completed", "failed", "in_flight", "queued")
        found = {name: int(self.mirror(name, mirror=mirror)) for name in names}
        for name in ("filtered", "dropped", "failed"):
            for at, labels, value in self.samples:
                if at == f"umbra_mirror_{name}_total" and labels["mirror"] == mirror and value:
                    key = f"{name} {labels['reason']}"
                    found[key] = found.get(key, 0) + int(value)
        return {name: value for name, value in found.items() if value}

    def broken_equations(self):
        """The equations of the accounting that do not hold, as sentences."""
        broken = []
        for mirror in self.mirrors():
            def of(*names, mirror=mirror):
                return sum(self.mirror(name, mirror=mirror) for name in names)
            if of("matched") != of("sampled_out", "filtered", "dropped", "sent", "queued"):
                broken.append(f"matched of {mirror}: {self.summary(mirror)}")
            if of("sent") != of("completed", "failed", "in_flight"):
                broken.append(f"sent of {mirror}: {self.summary(mirror)}")
        return broken


def defaults(options):
    return [word for name, value in DEFAULTS.items() if name not in options for word in (name, value)]


class Process:
    """One `umbra run`. Its log is a file; `start` waits until it serves."""

    def __init__(self, arguments, log, environment=None, stdin=subprocess.DEVNULL, prefix=()):
        self.log_path = log
        self.log = open(log, "ab")
        self.command = [*prefix, BINARY, "run", *arguments]
        self.started = time.monotonic()
        self.popen = subprocess.Popen(self.command, stdin=stdin, stdout=self.log, stderr=self.log,
                                      env={**os.environ, "XDG_STATE_HOME": str(pathlib.Path(log).parent / "state"),
                                           **(environment or {})})
        self.listen = self.admin = None

    def text(self):
        return pathlib.Path(self.log_path).read_text(encoding="utf-8", errors="replace")

    def wait_serving(self):
        """Until the start-up block, or line of JSON, tells the addresses."""
        def look():
            assert self.popen.poll() is None, f"umbra ended with {self.popen.returncode}:\n{self.text()}"
            return re.search(rf"^(?:  |.*, )pid +{self.popen.pid}\b", self.text(), re.M)
        found = wait_for(look, lambda: f"umbra to serve; it says:\n{self.text()}", 20)
        block = self.text()[:found.end()]
        self.listen = next(iter(reversed(re.findall(r"\blistening +http://([^\s,]+)", block))), None)
        self.admin = re.findall(r"\badmin +http://([^\s,/]+)/", block)[-1]
        return self

    def terminate(self):
        self.popen.send_signal(signal.SIGTERM)

    def wait(self, timeout=20):
        return self.popen.wait(timeout * PATIENCE)

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        self.log.close()


class Gateway:
    """An umbra under test. `options` are those of `umbra run`; free ports and DEFAULTS unless they say otherwise."""

    def __init__(self, directory, live, shadows, options, environment=None):
        self.directory = pathlib.Path(directory)
        self.environment = environment
        self.options = [str(option) for option in options]
        asked = {name: self._take_option(name) or "127.0.0.1:0" for name in ("--listen", "--admin")}
        self.live = live
        self.shadows = shadows
        self.may_complain = False  # the test lets its processes be killed
        self.number = 0
        self.process = self._start([word for pair in asked.items() for word in pair])
        self.address, self.admin = self.process.listen, self.process.admin
        wait_for(self.is_ready, lambda: f"/readyz; umbra says:\n{self.log()}")

    def _take_option(self, name):
        if name not in self.options:
            return None
        at = self.options.index(name)
        value = self.options[at + 1]
        del self.options[at:at + 2]
        return value

    def _start(self, addresses):
        self.number += 1
        arguments = [*addresses, "--live", self.live]
        for shadow in self.shadows:
            arguments += ["--shadow", shadow]
        process = Process(arguments + defaults(self.options) + self.options, self.directory / f"umbra-{self.number}.log", self.environment)
        try:
            return process.wait_serving()
        except BaseException:
            process.kill()
            raise

    def replace(self):
        """`umbra run --replace` with the same options; returns the predecessor, which drains."""
        before = self.process
        self.process = self._start(["--listen", self.address, "--admin", self.admin, "--replace"])
        return before

    def log(self):
        return "".join(path.read_text(errors="replace") for path in sorted(self.directory.glob("umbra-*.log")))

    # ---- the admin port ----

    def ask(self, path, *fields, method="GET", body=b""):
        with http1.Connection(self.admin) as connection:
            first = f"{method} {path} HTTP/1.1"
            names = [field[0].lower() for field in fields]
            default = [] if "host" in names else [("Host", self.admin)]
            length = [("Content-Length", len(body))] if body else []
            return connection.ask(http1.head(first, [*default, *fields, ("Connection", "close"), *length]) + body,
                                  method)

    def is_ready(self):
        return self.ask("/readyz").status == 200

    def metrics(self):
        response = self.ask("/metrics")
        assert response.status == 200
        return Metrics(response.body.decode())

    def status(self):
        return json.loads(self.ask("/status").body)

    def settled(self, condition=None, timeout=20):
        """The metrics once nothing moves: both equations hold, nothing is queued or in flight, and `condition` of the
        metrics is true. A page is written while requests may still end, so that its first lines can be older than its
        last: all of it must hold on two pages, one after the other."""
        last = None

        def look():
            nonlocal last
            for _ in range(2):
                last = self.metrics()
                is_still = not last.mirror("in_flight") and not last.mirror("queued") and not last.broken_equations()
                if not is_still or (condition is not None and not condition(last)):
                    return False
            return True

        wait_for(look, lambda: "metrics to settle: " + str({name: last.summary(name) for name in last.mirrors()}) +
                 "; " + "; ".join(last.broken_equations()), timeout)
        return last

    def pids(self):
        """{"gateway": pid, "control": pid} of the present process's children."""
        found = {}
        supervisor = self.process.popen.pid
        for child in pathlib.Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
            try:
                words = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if len(words) > 1:
                found[words[1].decode()] = int(child)
        return found

    def memory(self):
        """Resident bytes of the gateway process that are its own."""
        for line in pathlib.Path(f"/proc/{self.pids()['gateway']}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no Rss")

    # ---- clients ----

    def connect(self, **options):
        return http1.Connection(self.address, **options)

    def get(self, target="/", *fields, method="GET"):
        with self.connect() as connection:
            return connection.ask(http1.get(target, *fields, method=method), method)

    # ---- the end ----

    def stop(self):
        """SIGTERM; both equations hold before, and it ends with 0, silently. Nothing is done when the test ended it."""
        if self.process.popen.poll() is not None:
            self.process.kill()
            return
        try:
            wait_for(lambda: not self.metrics().broken_equations(),
                     lambda: "equations to hold: " + "; ".join(self.metrics().broken_equations()))
            self.process.terminate()
            code = self.process.wait()
        finally:
            self.process.kill()
        log = self.log()
        assert code == 0, f"umbra ended with {code}:\n{log}"
        if not self.may_complain:
            complaints = [line for line in log.splitlines() if self.is_complaint(line)]
            assert not complaints, "\n".join(complaints)

    @staticmethod
    def is_complaint(line):
        return " error " in line or "Sanitizer" in line
