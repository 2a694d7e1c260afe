# SPDX-License-Identifier: Apache-2.0
"""Two configurations of Debian's nginx, over files that Debian's packages have brought: what `umbra report` has to say of them. They are
examples/nginx, and the README shows this report."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sysconfig

import pytest

import http1
import umbra
from judged import ask_paced, taken, wait_verdict
from servers import free_port
from waiting import PATIENCE, wait_for

EXAMPLE = umbra.ROOT / "examples" / "nginx"
LIBRARY = sysconfig.get_path("stdlib")
ZONES = pathlib.Path("/usr/share/zoneinfo")
# Requests that are asked before what was asked earlier is judged: a ring has room for their answers, some 15 KB each and four of each.
AHEAD = 32
ROUNDS_MOST = 36

pytestmark = pytest.mark.skipif(not (ZONES / "posix").is_dir(), reason="Debian's tzdata is not installed")


class Site:
    """nginx with a configuration of the example, on a free port."""

    def __init__(self, directory, version):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        directory.mkdir()
        text = (EXAMPLE / f"{version}.conf").read_text()
        text = re.sub(r"/tmp/umbra-nginx-\d+", str(directory / "nginx"), text)
        text = re.sub(r"127\.0\.0\.1:300\d", self.address, text).replace("/usr/lib/python3.11", LIBRARY)
        config = directory / "nginx.conf"
        config.write_text(text)
        self.process = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(directory), "-c", str(config)],
                                        stdin=subprocess.DEVNULL)
        wait_for(self.is_listening, f"nginx on {self.address}")

    def is_listening(self):
        assert self.process.poll() is None, "nginx ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self):
        self.process.terminate()
        self.process.wait(10)


class Trial:
    """The example with ports of its own, and the traffic of its list of addresses."""

    def __init__(self, ruled, ending, directory, change=lambda text: text):
        self.sites, self.sent = {}, 0
        ports = {8080: free_port()}
        for port, version in ((3000, "v1"), (3001, "v2"), (3002, "v1"), (3003, "v1")):
            site = self.sites[port] = Site(directory / f"nginx-{port}", version)
            ending.callback(site.close)
            ports[port] = site.port
        text = change((EXAMPLE / "rules.yaml").read_text())
        text = re.sub(r"\bport: (8080|300[0-3])\b", lambda match: f"port: {ports[int(match[1])]}", text)
        self.umbra = ruled(text, "--shed", "off", "--data", "", "--workers", "2")
        self.targets = subprocess.run([EXAMPLE / "urls.sh", ""], capture_output=True, text=True, check=True,
                                      env={**os.environ, "PYTHON_LIBRARY": LIBRARY}).stdout.split()

    def send(self, rounds):
        """Each address so often, of clients that take gzip, as fast as the answers of the mirror that is not slow are judged."""
        asked = [http1.get(target, ("Accept-Encoding", "gzip")) for target in self.targets]
        self.sent += ask_paced(self.umbra, asked * rounds, "default/site-v1-again", AHEAD)
        wait_verdict(self.umbra, lambda one: taken(one) == self.sent, f"{self.sent} copies to be taken", "default/site-v2")

    def send_until(self, is_found):
        """Rounds until there are enough pairs for what has to be found; what many of them do not show, the caller looks for in vain."""
        for _ in range(ROUNDS_MOST // 3):
            self.send(3)
            if is_found():
                return

    def get(self, page):
        reply = self.umbra.ask(page)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def verdicts(self):
        return {verdict["mirror"]: verdict for verdict in self.get("/api/verdict")["verdicts"]}

    def findings(self, mirror="default/site-v2"):
        return self.get(f"/api/findings?mirror={mirror}&limit=500")["findings"]

    def differences(self):
        return {(finding["endpoint"], finding["field"]) for finding in self.findings() if finding["kind"] == "difference"}

    def report(self, *options):
        return subprocess.run([umbra.BINARY, "report", "--admin", self.umbra.admin, *options], capture_output=True, text=True,
                              timeout=30 * PATIENCE, check=False)


def gone():
    """What is in the listing of v1 and not in that of v2, and answers 404 there."""
    return {path.name for path in ZONES.iterdir() if "." in path.name and not (ZONES / "posix" / path.name).exists()}


def test_the_report_names_what_the_second_configuration_breaks_and_nothing_else(ruled, ending, tmp_path):
    trial = Trial(ruled, ending, tmp_path)
    missing = {f"GET /zones/{name}" for name in gone()}
    expected = {("GET /orders/{id}", "status"), ("GET /robots.txt", "status"), ("GET /favicon.ico", "status")}
    expected |= {(endpoint, "status") for endpoint in missing}

    def is_found():
        slower = {finding["endpoint"] for finding in trial.findings() if finding["kind"] == "latency"}
        return (expected | {("GET /zones", "body.$")} <= trial.differences() and "GET /source/{id}" in slower and
                trial.verdicts()["default/site-v1-again"]["verdict"] == "PASS")
    trial.send_until(is_found)
    verdicts = trial.verdicts()

    same = verdicts["default/site-v1-again"]
    assert same["verdict"] == "PASS", same
    assert (same["status"]["mismatched"], same["body"]["different"], same["headers"]["different"]) == (0, 0, 0)
    assert trial.findings("default/site-v1-again") == []

    worse = verdicts["default/site-v2"]
    assert worse["verdict"] == "FAIL"
    assert worse["revision"] == {"live": "v1", "shadow": "v2"}
    reasons = "\n".join(worse["reasons"])
    assert re.search(r"GET /source/\{id\}: the shadow's p50 is [0-9.e+]+ ms above live's", reasons)
    assert re.search(r"GET /orders/\{id\}: status differs .* 404 became 200", reasons)
    assert re.search(r"answers are errors where live's are not .* 200 became 404", reasons)

    differences = trial.differences()
    assert expected <= differences
    assert ("GET /zones", "body.$") in differences, "the listing is shorter"
    allowed = expected | {(endpoint, "headers.content-type") for endpoint in missing}
    unexpected = {(endpoint, field) for endpoint, field in differences - allowed if endpoint != "GET /zones"}
    assert not unexpected, "gzip, ETag, Date and Last-Modified are no differences"
    assert "GET /source/{id}" in {finding["endpoint"] for finding in trial.findings() if finding["kind"] == "latency"}

    printed = trial.report()
    assert printed.returncode == 1
    assert "FAIL  default/site#all -> default/site-v2" in printed.stdout.splitlines()
    assert "PASS  default/site#all -> default/site-v1-again" in printed.stdout.splitlines()
    assert trial.report("--mirror", "default/site-v1-again").returncode == 0
    assert "### Umbra: FAIL for default/site" in trial.report("--format", "markdown").stdout


def test_what_is_not_declared_is_found(ruled, ending, tmp_path):
    """A header that was added, and Accept-Ranges, which gzip takes away."""
    trial = Trial(ruled, ending, tmp_path, lambda text: re.sub(r"\n +ignore:\n.*", "", text))
    replies = []
    for port in (3000, 3001):
        with http1.Connection(trial.sites[port].address) as connection:
            replies.append(connection.ask(http1.get("/licenses/GPL-3", ("Accept-Encoding", "gzip"))))
    assert [reply.get("Content-Encoding") for reply in replies] == [None, "gzip"]
    assert replies[0].get("ETag") and not replies[1].get("ETag")
    added, taken_away = "headers.x-content-type-options", "headers.accept-ranges"
    trial.send_until(lambda: {added, taken_away} <= {field for _, field in trial.differences()})
    found = {finding["field"]: finding["summary"] for finding in trial.findings() if finding["kind"] == "difference"}
    assert "is there although live has none" in found[added]
    assert "is missing" in found[taken_away]
    assert not {"headers.etag", "headers.content-encoding", "headers.content-length", "headers.last-modified", "headers.date",
                "headers.vary"} & set(found)
    assert trial.verdicts()["default/site-v1-again"]["body"]["different"] == 0
