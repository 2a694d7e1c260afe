# SPDX-License-Identifier: Apache-2.0
"""Steady requests from several threads, of which not one may fail."""
import threading

import http1
from waiting import wait_for


class Load:
    """Runs while the with block does. A connection carries one request, or with `is_kept_alive` as many as the gateway
    allows. `failures` are what went wrong, with the number of the request."""

    def __init__(self, address, threads=3, is_kept_alive=False, request=None, body=b"hello"):
        self.address = address
        self.is_kept_alive = is_kept_alive
        fields = [] if is_kept_alive else [("Connection", "close")]
        self.request = request or http1.get("/load", *fields)
        self.body = body
        self.failures = []
        self.counts = [0] * threads
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(threads)]

    @property
    def count(self):
        return sum(self.counts)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait(10)
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(30)

    def wait(self, count, timeout=20):
        """Until so many further requests are answered (or one failed)."""
        target = self.count + count
        wait_for(lambda: self.count >= target or self.failures, f"{count} more requests to be answered", timeout)

    def check(self):
        assert not self.failures, f"{len(self.failures)} of {self.count} failed, first: {self.failures[:3]}"

    def _run(self, number):
        while not self.is_over.is_set():
            try:
                with http1.Connection(self.address, timeout=10) as connection:
                    self._use(number, connection)
            except (OSError, http1.Broken, AssertionError) as error:
                self.failures.append(f"request {self.counts[number]} of thread {number}: {error!r}")

    def _use(self, number, connection):
        while not self.is_over.is_set():
            response = connection.ask(self.request)
            assert response.status == 200, response
            assert response.body == self.body, response.body
            self.counts[number] += 1
            if not self.is_kept_alive or response.get("Connection") == "close":
                return
