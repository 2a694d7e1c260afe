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
from servers import free_port
from waiting import PATIENCE, wait_for

EXAMPLE = umbra.ROOT / "examples" / "nginx"
LIBRARY = sysconfig.get_path("stdlib")
ZONES = pathlib.Path("/usr/share/zoneinfo")
CLIENTS = 4

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
        self.sites = {}
        ports = {8080: free_port()}
        for port, version in ((3000, "v1"), (3001, "v2"), (3002, "v1"), (3003, "v1")):
            site = self.sites[port] = Site(directory / f"nginx-{port}", version)
            ending.callback(site.close)
            ports[port] = site.port
        text = change((EXAMPLE / "rules.yaml").read_text())
        text = re.sub(r"\bport: (8080|300[0-3])\b", lambda match: f"port: {ports[int(match[1])]}", text)
        self.umbra = ruled(text, "--shed", "off", "--data", "")
        self.list = directory / "urls"
        self.list.write_text(subprocess.run([EXAMPLE / "urls.sh", f"http://{self.umbra.address}"], capture_output=True, text=True,
                                            check=True, env={**os.environ, "PYTHON_LIBRARY": LIBRARY}).stdout)
        self.targets = self.list.read_text().split()

    def send(self, rounds):
        """Each address so often, of clients that take gzip. Returns how many requests that were, once all are paired."""
        count = rounds * CLIENTS * len(self.targets)
        done = subprocess.run(["h2load", "--h1", f"-c{CLIENTS}", f"-n{count}", "--rps", "60", "-i", self.list,
                               "-H", "accept-encoding: gzip"], capture_output=True, text=True, timeout=120 * PATIENCE, check=True)
        assert f"{count} done" in done.stdout and "0 errored, 0 timeout" in done.stdout
        self.umbra.settled(timeout=60)
        wait_for(lambda: all(verdict["pairs"] >= count * 0.99 for verdict in self.verdicts().values()),
                 lambda: f"{count} pairs, there are {[verdict['pairs'] for verdict in self.verdicts().values()]}", 20)
        return count

    def get(self, page):
        reply = self.umbra.ask(page)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def verdicts(self):
        return {verdict["mirror"]: verdict for verdict in self.get("/api/verdict")["verdicts"]}

    def findings(self, mirror="default/site-v2"):
        return self.get(f"/api/findings?mirror={mirror}&limit=500")["findings"]

    def report(self, *options):
        return subprocess.run([umbra.BINARY, "report", "--admin", self.umbra.admin, *options], capture_output=True, text=True,
                              timeout=30 * PATIENCE, check=False)


def gone():
    """What is in the listing of v1 and not in that of v2, and answers 404 there."""
    return {path.name for path in ZONES.iterdir() if "." in path.name and not (ZONES / "posix" / path.name).exists()}


def test_the_report_names_what_the_second_configuration_breaks_and_nothing_else(ruled, ending, tmp_path):
    trial = Trial(ruled, ending, tmp_path)
    trial.send(2)
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

    findings = trial.findings()
    differences = {(finding["endpoint"], finding["field"]) for finding in findings if finding["kind"] == "difference"}
    missing = {f"GET /zones/{name}" for name in gone()}
    assert {(endpoint, "status") for endpoint in missing} <= differences
    assert {("GET /orders/{id}", "status"), ("GET /robots.txt", "status"), ("GET /favicon.ico", "status")} <= differences
    assert ("GET /zones", "body.$") in differences, "the listing is shorter"
    expected = {("GET /orders/{id}", "status"), ("GET /robots.txt", "status"), ("GET /favicon.ico", "status")}
    expected |= {(endpoint, field) for endpoint in missing for field in ("status", "headers.content-type")}
    unexpected = {(endpoint, field) for endpoint, field in differences - expected if endpoint != "GET /zones"}
    assert not unexpected, "gzip, ETag, Date and Last-Modified are no differences"
    assert {finding["endpoint"] for finding in findings if finding["kind"] == "latency"} >= {"GET /source/{id}"}

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
    trial.send(3)
    found = {}
    for finding in trial.findings():
        if finding["kind"] == "difference":
            found.setdefault(finding["field"], []).append(finding["summary"])
    assert "is there although live has none" in found["headers.x-content-type-options"][0]
    assert "is missing" in found["headers.accept-ranges"][0]
    assert not {"headers.etag", "headers.content-encoding", "headers.content-length", "headers.last-modified", "headers.date",
                "headers.vary"} & set(found)
    assert trial.verdicts()["default/site-v1-again"]["body"]["different"] == 0
