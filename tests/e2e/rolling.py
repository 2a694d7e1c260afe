# SPDX-License-Identifier: Apache-2.0
"""What stands between clients and replicas in a cluster: the EndpointSlice of Umbra's own Service, as kubelets and controllers
write it, nodes that follow it late, and clients that nothing may go wrong for."""
import collections
import itertools
import random
import threading
import time

import actors
import http1
from waiting import wait_for

LAG = 5  # s that a node is behind the API server


class Endpoints:
    """Writes the EndpointSlice of the Service that leads to replicas. One is ready as long as /readyz says so; once it was asked to
    end, it is terminating at once."""

    def __init__(self, replicas, service="umbra"):
        self.replicas, self.service = replicas, service
        self.listed = {}  # {replica: whether it is asked to end}
        actors.serve(replicas.admin, replicas.namespace, service, port=replicas.port)

    def _write(self):
        actors.set_endpoints(self.replicas.admin, self.replicas.namespace, self.service, *(
            actors.endpoint(self.replicas.address(replica), ready=not is_ending, serving=True, terminating=is_ending)
            for replica, is_ending in self.listed.items()))

    def add(self, replica):
        """It is listed once it is ready."""
        replica.wait_ready()
        self.listed[replica] = False
        self._write()

    def end(self, replica):
        """The pod is deleted: at the same time endpoints change and the kubelet sends SIGTERM."""
        self.listed[replica] = True
        self._write()
        replica.process.terminate()

    def remove(self, replica):
        """The pod is gone."""
        del self.listed[replica]
        self._write()


class Node:
    """Sends connections to the endpoints that were ready LAG ago, as kube-proxy does."""

    def __init__(self, admin, namespace, service="umbra"):
        self.admin, self.namespace, self.service = admin, namespace, service
        self.views = collections.deque([(0, self._read())])  # (when, addresses)
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _read(self):
        slices = self.admin.list("EndpointSlice", self.namespace, labelSelector=f"kubernetes.io/service-name={self.service}")
        return [f"{address}:{one['ports'][0]['port']}" for one in slices for endpoint in one["endpoints"]
                if endpoint["conditions"]["ready"] for address in endpoint["addresses"]]

    def _follow(self):
        while not self.is_over.wait(0.1):
            addresses = self._read()
            if addresses != self.views[-1][1]:
                self.views.append((time.monotonic(), addresses))

    def addresses(self):
        """Where a new connection may go now."""
        until = time.monotonic() - LAG
        return [addresses for when, addresses in list(self.views) if when <= until][-1]

    def close(self):
        self.is_over.set()
        self.thread.join(10)


class Clients:
    """Ask as long as the with block lasts, each request with a number of its own in X-Ask. Some come with a connection for each
    request, some keep theirs as long as they may, busy or nearly idle, and some ask for what takes long."""

    STYLES = {"new": (2, False, 0.005, "/"), "kept": (2, True, 0.005, "/"), "idle": (3, True, 0.8, "/"), "slow": (2, True, 0.005, "/slow")}

    def __init__(self, choose, host="shop.test"):
        self.choose, self.host = choose, host  # choose(): the addresses for a new connection
        self.numbers = itertools.count(1)
        self.asked = {}  # {number: when it was answered}
        self.by_style = collections.Counter()
        self.failures = []
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(style, *how), daemon=True)
                        for style, (count, *how) in self.STYLES.items() for _ in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait(20)
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(30)

    def wait(self, count, timeout=30):
        """Until so many more are answered, or one failed."""
        target = len(self.asked) + count
        wait_for(lambda: len(self.asked) >= target or self.failures, f"{count} more answers", timeout)

    def check(self):
        assert not self.failures, f"{len(self.failures)} of {len(self.asked)} failed, first: {self.failures[:5]}"

    def _run(self, style, is_kept, pause, path):
        while not self.is_over.is_set():
            address = random.choice(self.choose())
            try:
                with http1.Connection(address, timeout=20) as connection:
                    self._use(connection, style, is_kept, pause, path)
            except (OSError, http1.Broken, AssertionError) as error:
                self.failures.append(f"{style} at {address}: {error!r}")

    def _use(self, connection, style, is_kept, pause, path):
        fields = [] if is_kept else [("Connection", "close")]
        while not self.is_over.wait(pause):
            number = next(self.numbers)
            answer = connection.ask(http1.get(path, ("X-Ask", number), *fields, host=self.host))
            assert answer.status == 200, (answer, answer.body)
            self.asked[number] = time.monotonic()
            self.by_style[style] += 1
            if not is_kept or answer.get("Connection") == "close":
                return


def asks(service, is_copy=None):
    """Counter of the numbers that arrived at a service."""
    return collections.Counter(int(request.get("X-Ask")) for request in service.requests if request.get("X-Ask") and
                               is_copy in (None, request.get("X-Umbra-Shadow") is not None))
