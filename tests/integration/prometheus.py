# SPDX-License-Identifier: Apache-2.0
"""Debian's prometheus for tests."""
import json
import shutil
import subprocess
import urllib.parse

import pytest

import http1
from servers import free_port
from waiting import wait_for


class NotYet(Exception):
    """It has not read its storage."""


class Prometheus:
    """Runs with a configuration, in a directory that it may write."""

    def __init__(self, directory, configuration):
        if not shutil.which("prometheus"):
            pytest.skip("Debian's prometheus is not installed")
        self.address = f"127.0.0.1:{free_port()}"
        (directory / "prometheus.yaml").write_text(configuration + "\n")
        with open(directory / "prometheus.log", "wb") as log:
            self.process = subprocess.Popen(["prometheus", f"--config.file={directory}/prometheus.yaml", f"--storage.tsdb.path={directory}/tsdb",
                                             f"--web.listen-address={self.address}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def get(self, page):
        with http1.Connection(self.address) as connection:
            reply = connection.ask(http1.get(page, host=self.address))
        if reply.status == 503:
            raise NotYet
        answer = json.loads(reply.body)
        assert answer["status"] == "success", (page, answer)
        return answer["data"]

    def values(self, query):
        """Of all series."""
        series = self.get("/api/v1/query?" + urllib.parse.urlencode({"query": query}))["result"]
        return [float(one["value"][1]) for one in series]

    def value(self, query):
        """Of the one series that there is; None without one."""
        values = self.values(query)
        assert len(values) <= 1, values
        return values[0] if values else None

    def wait_series(self, name):
        def look():
            try:
                return self.value(f"count({name})")
            except (OSError, NotYet):
                assert self.process.poll() is None, "prometheus ended"
                return False
        wait_for(look, f"prometheus to have {name}", 30)

    def close(self):
        self.process.terminate()
        self.process.wait(20)
