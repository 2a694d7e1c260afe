# SPDX-License-Identifier: Apache-2.0
"""Live services and shadows: bench_origin in its modes, and two addresses where nobody answers."""
import json
import socket
import subprocess


class Origin:
    """One bench_origin process; it ends when its stdin does."""

    def __init__(self, stage, mode="body"):
        self.process = subprocess.Popen([*stage.aside, str(stage.tool("bench_origin")), mode], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        stage.at_end(self.stop)
        self.port = int(self.process.stdout.readline().split()[1])

    def counts(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def requests(self):
        return self.counts()["requests"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()


class Dead:
    """A port that is taken but not listened on: every connection is refused."""

    def __init__(self, stage):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        stage.at_end(self.socket.close)


class BlackHole:
    """A listener whose queue is full: the kernel drops every further SYN, so that a connection is never made."""

    def __init__(self, stage):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(0)
        self.port = self.socket.getsockname()[1]
        stage.at_end(self.socket.close)
        for _ in range(8):
            filler = socket.socket()
            stage.at_end(filler.close)
            filler.settimeout(0.2)
            try:
                filler.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return
        raise RuntimeError("this kernel queues connections without end")
