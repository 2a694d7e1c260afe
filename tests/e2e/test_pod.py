# SPDX-License-Identifier: Apache-2.0
"""The pod of deploy/base as a kubelet runs it, from its first probe to its end."""
import pathlib
import subprocess
import threading

import pytest

import actors
import clustered
import deployed
import http1
import pods
import umbra
from waiting import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def image(tmp_path):
    """What the Containerfile makes, of the program under test."""
    pods.need()
    root = tmp_path / "root"
    subprocess.run([ROOT / "deploy/image-root", umbra.BINARY, root], check=True)
    return pods.Image.of_containerfile(root, (ROOT / "Containerfile").read_text())


class Slow:
    """Answers at once, but for /slow, which waits until the test says so."""

    def __init__(self):
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, link):
        while request := link.request():
            if request.target == "/slow":
                self.has_begun.set()
                self.may_end.wait(60)
            link.send(http1.answer(200, b"hello"))


def check_rights(pod):
    """Of all its processes."""
    folder = pathlib.Path(f"/proc/{pod.pid}/root")
    assert not (folder / "bin").exists()
    with pytest.raises(OSError):
        (folder / "usr/bin/odd").write_text("odd")
    children = pathlib.Path(f"/proc/{pod.pid}/task/{pod.pid}/children").read_text().split()
    assert len(children) == 3  # gateway, control, analyst
    for pid in (pod.pid, *children):
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
        assert status["Uid"].split() == ["65532"] * 4 and status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}


def test_a_kubelet_starts_and_ends_it(install, image, cluster, admin, namespace, service, tmp_path, ending):
    things = install("base")
    pod = deployed.run_pod(tmp_path, things, image, cluster)
    ending.callback(pod.close)
    pod.pass_probe("startupProbe")
    assert not pod.probe("readinessProbe"), "there is no Gateway"
    assert pod.probe("livenessProbe")

    slow = Slow()
    live, shadow = service(slow), service()
    for name, at in (("v1", live), ("v2", shadow)):
        pod.connect(at.address)
        actors.serve(admin, namespace, name, at.address)
    admin.apply([clustered.gateway("umbra", 80), clustered.http_route(filters=[clustered.mirror("v2")])], namespace)
    wait_for(lambda: pod.probe("readinessProbe"), lambda: f"the pod to be ready; umbra says:\n{pod.log()}", 60)
    http = pod.port_named("http")
    wait_for(lambda: pod.get(http, host="shop.test") == 200 and shadow.requests, lambda: f"a copy; umbra says:\n{pod.log()}", 30)
    check_rights(pod)
    admin_port = pod.port_named("admin")
    assert pod.get(admin_port, "/metrics") == 200 and pod.get(admin_port, "/status") == 401

    last = pod.begin(http, "/slow", host="shop.test", timeout=60)
    assert slow.has_begun.wait(30)
    began = pod.terminate()
    wait_for(lambda: not pod.probe("readinessProbe"), "the pod to say that it is not ready", 8)
    assert pod.get(http, host="shop.test") == 200, "endpoints lag: requests come still"
    slow.may_end.set()
    assert pod.finish(last) == 200
    assert pod.wait_end(began) == 0, pod.log()
