# SPDX-License-Identifier: Apache-2.0
"""Control groups for memory and CPU time, of version 2 or 1, where the system lets us make one."""
import os
import pathlib
import time

ROOT = pathlib.Path("/sys/fs/cgroup")


class Memory:
    """`prefix` stands in front of a command that is to run in it. None of it without `make()`."""

    count = 0

    def __init__(self, path, is_v2):
        self.path, self.is_v2 = path, is_v2
        self.prefix = ("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(path))

    @classmethod
    def make(cls):
        """None when there is no such thing for us."""
        cls.count += 1
        name = f"umbra-test-{os.getpid()}-{cls.count}"
        is_v2 = (ROOT / "cgroup.controllers").exists()
        path = (ROOT if is_v2 else ROOT / "memory") / name
        try:
            if is_v2 and "memory" not in (ROOT / "cgroup.subtree_control").read_text().split():
                return None
            path.mkdir()
        except OSError:
            return None
        group = cls(path, is_v2)
        try:
            if not is_v2:  # the memory of sockets is counted from when it has a limit
                (path / "memory.kmem.tcp.limit_in_bytes").write_text(str(1 << 40))
            group.used()
            return group
        except OSError:
            group.remove()
            return None

    def used(self):
        """Bytes of the processes in it and of their sockets, without what is only cached."""
        if self.is_v2:
            names = {"memory.current": 1}
            cached = "file"
        else:
            names = {"memory.usage_in_bytes": 1, "memory.kmem.tcp.usage_in_bytes": 1}
            cached = "cache"
        stat = dict(line.split() for line in (self.path / "memory.stat").read_text().splitlines())
        return sum(int((self.path / name).read_text()) for name in names) - int(stat[cached])

    def remove(self):
        """When its last process has gone."""
        for _ in range(100):
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.02)


class Cpu:
    """A control group whose processes get a share of one CPU."""

    def __init__(self, path, home):
        self.path, self.home = path, home

    @classmethod
    def make(cls, quota):
        """None when there is no such thing for us."""
        is_v2 = (ROOT / "cgroup.controllers").exists()
        home = ROOT if is_v2 else ROOT / "cpu"
        path = home / f"umbra-test-cpu-{os.getpid()}"
        try:
            if is_v2 and "cpu" not in (ROOT / "cgroup.subtree_control").read_text().split():
                return None
            path.mkdir()
        except OSError:
            return None
        group = cls(path, home)
        try:
            if is_v2:
                (path / "cpu.max").write_text(f"{int(quota * 100_000)} 100000")
            else:
                (path / "cpu.cfs_quota_us").write_text(str(int(quota * 100_000)))
            return group
        except OSError:
            group.remove()
            return None

    def add(self, pid):
        (self.path / "cgroup.procs").write_text(str(pid))

    def add_back(self, pid):
        (self.home / "cgroup.procs").write_text(str(pid))

    def remove(self):
        Memory.remove(self)
