# SPDX-License-Identifier: Apache-2.0
"""Clients of HTTP/2: Debian's curl and h2load, both by prior knowledge."""
import re
import subprocess

from waiting import PATIENCE


def curl(url, *options, data=None, timeout=30):
    """(body, head): the head is curl's, each line as it came."""
    command = ["curl", "--http2-prior-knowledge", "-sS", "-D", "/dev/stderr", "-m", str(timeout * PATIENCE), *options, url]
    done = subprocess.run(command, input=data, capture_output=True, timeout=2 * timeout * PATIENCE, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}: {done.stderr.decode(errors='replace')}"
    return done.stdout, done.stderr.decode(errors="replace")


def status_of(head):
    """Of the last answer; interim ones come before it."""
    return int(re.findall(r"^HTTP/2 (\d+)", head, re.M)[-1])


class Load:
    """What h2load says at its end."""

    def __init__(self, text):
        self.text = text
        found = re.search(r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, "
                          r"(\d+) errored, (\d+) timeout", text)
        assert found, text
        self.total, _, self.done, self.succeeded, self.failed, self.errored, self.timeout = map(int, found.groups())


def h2load(url, *options, timeout=120):
    command = ["h2load", *map(str, options), url]
    done = subprocess.run(command, capture_output=True, timeout=timeout * PATIENCE, check=False)
    text = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    assert done.returncode == 0, f"{' '.join(command)}: {text}"
    return Load(text)
