# SPDX-License-Identifier: Apache-2.0
"""A name server on loopback that answers what a test says, and the way to make one umbra ask it."""
import os
import shutil
import socket
import struct
import subprocess
import threading

A, AAAA = 1, 28


class NameServer:
    """`zone` is {"shop.test": ["127.0.0.1", "::1"]}; a name that is not in it does not exist. Each answer begins one address
    further than the one before. Raises PermissionError where port 53 is not for us."""

    count = 0

    def __init__(self, ttl=1):
        self.zone = {}
        self.ttl = ttl
        self.is_silent = False
        self.is_failing = False
        self.questions = []  # (name, type)
        self.lock = threading.Lock()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self.address = f"127.53.{os.getpid() % 250 + 1}.{NameServer.count % 250 + 1}"
        NameServer.count += 1
        self.sock.bind((self.address, 53))  # /etc/resolv.conf knows no other port
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self.sock.close()

    def asked(self, name):
        with self.lock:
            return sum(1 for asked, _ in self.questions if asked == name)

    def _serve(self):
        while True:
            try:
                packet, peer = self.sock.recvfrom(4096)
            except OSError:
                return
            answer = self._answer(packet)
            if answer:
                self.sock.sendto(answer, peer)

    def _answer(self, packet):
        at, labels = 12, []
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode())
            at += packet[at] + 1
        name, end = ".".join(labels).lower(), at + 5
        kind = struct.unpack("!H", packet[at + 1:at + 3])[0]
        with self.lock:
            self.questions.append((name, kind))
            turn = len(self.questions)
        if self.is_silent:
            return None
        code = 2 if self.is_failing else 0 if name in self.zone else 3
        family = socket.AF_INET if kind == A else socket.AF_INET6
        wanted = [address for address in self.zone.get(name, []) if (":" in address) == (kind == AAAA)]
        if code or kind not in (A, AAAA):
            wanted = []
        if wanted:
            wanted = wanted[turn % len(wanted):] + wanted[:turn % len(wanted)]
        records = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, self.ttl, 4 if kind == A else 16) +
                           socket.inet_pton(family, address) for address in wanted)
        head = packet[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(wanted), 0, 0)
        return head + packet[12:end] + records


def asking(server, directory):
    """What stands in front of a command, so that it sees this name server alone: a /etc/resolv.conf of its own. None when the
    system does not let us."""
    path = os.path.join(directory, "resolv.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"nameserver {server.address}\noptions timeout:1 attempts:1\n")
    prefix = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', path]
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode:
        return None
    return prefix
