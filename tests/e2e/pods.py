# SPDX-License-Identifier: Apache-2.0
"""A pod as a kubelet and a container runtime would run it: a root of its own that can't be written, a user without capabilities, the
calls of RuntimeDefault, namespaces of its own for network, mounts and processes, its ServiceAccount's token; and the probes."""
import ctypes
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from waiting import PATIENCE, wait_for

HERE = pathlib.Path(__file__).resolve().parent
ADDRESS = "10.1.2.3"  # the pod's, in its own network
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
CLONE_NEWNET = 0x40000000
UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
SIZES = {"Ki": "k", "Mi": "m", "Gi": "g"}


def need():
    """Skips where this can't be done."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a container")
    if subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no namespaces and mounts can be made here")


def within(pid, make):
    """make() by a thread that is in the network of the process: its sockets are of that network wherever they are used."""
    made = []

    def run():
        with open(f"/proc/{pid}/ns/net", "rb") as network:
            if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET) != 0:
                made.append(OSError(ctypes.get_errno(), "setns"))
                return
        try:
            made.append(make())
        except OSError as error:
            made.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def pass_on(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for sock in (source, target):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Road:
    """What a process in the pod connects to at an address of the test's machine leads there."""

    def __init__(self, pid, address):
        host, port = address.rsplit(":", 1)
        self.to = (host, int(port))
        self.listener = within(pid, lambda: socket.create_server(self.to))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.to)
            except OSError:
                near.close()
                continue
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pass_on, args=pair, daemon=True).start()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


class Image:
    """A container's root and what its image says of it."""

    def __init__(self, root, entry, environment, user):
        self.root, self.entry, self.environment, self.user = root, entry, environment, user

    @classmethod
    def of_containerfile(cls, root, text):
        """The root is one that deploy/image-root made."""
        entry = json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.M)[1])
        environment = dict(word.split("=", 1) for word in re.search(r"^ENV (.*)$", text, re.M)[1].split())
        return cls(root, entry, environment, re.search(r"^USER (.*)$", text, re.M)[1])


class Pod:
    """The first container of a Deployment's pods. `account` are the files of its ServiceAccount; the API server is at `apiserver`."""

    def __init__(self, directory, deployment, image, account, apiserver):
        self.spec = deployment["spec"]["template"]["spec"]
        (self.container,) = self.spec["containers"]
        self.image, self.log_path = image, directory / "pod.log"
        self.roads = []
        security = self.spec["securityContext"]
        assert image.user == f"{security['runAsUser']}:{security['runAsGroup']}"
        spec = directory / "pod.json"
        spec.write_text(json.dumps({
            "root": str(image.root), "address": ADDRESS, "uid": security["runAsUser"], "gid": security["fsGroup"],
            "volumes": self._volumes(), "files": {ACCOUNT: account},
            "command": [*image.entry, *self.container["args"]], "environment": self._environment(apiserver)}))
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen([*UNSHARE, "--", sys.executable, HERE / "pod_init.py", spec], stdout=log, stderr=log,
                                          stdin=subprocess.DEVNULL)
        self.pid = wait_for(self._find_first, lambda: f"the pod to begin:\n{self.log()}", 20)
        self.connect(apiserver)

    def _volumes(self):
        """{where it is mounted: size}."""
        volumes = {volume["name"]: volume["emptyDir"] for volume in self.spec["volumes"]}
        sizes = {mount["mountPath"]: volumes[mount["name"]]["sizeLimit"] for mount in self.container["volumeMounts"]}
        return {path: size[:-2] + SIZES[size[-2:]] for path, size in sizes.items()}

    def _environment(self, apiserver):
        host, port = apiserver.rsplit(":", 1)
        fields = {"metadata.name": "umbra-0"}
        given = {one["name"]: one.get("value") or fields[one["valueFrom"]["fieldRef"]["fieldPath"]] for one in self.container["env"]}
        return {"PATH": "/usr/bin", "HOSTNAME": "umbra-0", "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port,
                **self.image.environment, **given}

    def _find_first(self):
        """The pid of its first process, once that is what it shall be."""
        assert self.popen.poll() is None, f"the pod ended with {self.popen.returncode}:\n{self.log()}"
        children = pathlib.Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children").read_text().split()
        if not children:
            return None
        name = pathlib.Path(f"/proc/{children[0]}/cmdline").read_bytes().split(b"\0")[0].decode()
        return int(children[0]) if name == self.image.entry[0] else None

    def connect(self, address):
        """An address of the test's machine can be reached from the pod."""
        self.roads.append(Road(self.pid, address))

    def log(self):
        return self.log_path.read_text(errors="replace")

    # ---- the network ----

    def get(self, port, path="/", host=None, timeout=10):
        """The status of an answer at the pod's address."""
        connection = self.begin(port, path, host, timeout)
        return self.finish(connection)

    def begin(self, port, path="/", host=None, timeout=10):
        """Sends a request."""
        sock = within(self.pid, lambda: socket.create_connection((ADDRESS, port), timeout))
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host or f'{ADDRESS}:{port}'}\r\nUser-Agent: kube-probe/1.31\r\n"
                     "Connection: close\r\n\r\n".encode())
        return sock

    @staticmethod
    def finish(sock):
        """The status of its answer, which has to come whole."""
        with sock:
            said = b""
            while data := sock.recv(65536):
                said += data
        assert b"\r\n\r\n" in said, said
        return int(said.split(b" ", 2)[1])

    # ---- the kubelet ----

    def port_named(self, name):
        return next(port["containerPort"] for port in self.container["ports"] if port["name"] == name)

    def probe(self, which):
        """Whether a probe succeeds: once, within its time."""
        probe = self.container[which]
        at = probe["httpGet"]
        port = at["port"] if isinstance(at["port"], int) else self.port_named(at["port"])
        try:
            return 200 <= self.get(port, at["path"], timeout=probe.get("timeoutSeconds", 1) * PATIENCE) < 400
        except OSError:
            return False

    def pass_probe(self, which):
        """Tries the probe as often as it may fail."""
        probe = self.container[which]
        for _ in range(probe.get("failureThreshold", 3)):
            if self.probe(which):
                return
            time.sleep(probe.get("periodSeconds", 10))
        raise AssertionError(f"{which} fails; umbra says:\n{self.log()}")

    def terminate(self):
        """What begins the pod's end; the time."""
        os.kill(self.pid, signal.SIGTERM)
        return time.monotonic()

    def wait_end(self, began):
        """The exit status; it comes before the kubelet would kill."""
        left = began + self.spec["terminationGracePeriodSeconds"] - time.monotonic()
        return self.popen.wait(left)

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()  # and the pod with it
            self.popen.wait()
        for road in self.roads:
            road.close()
