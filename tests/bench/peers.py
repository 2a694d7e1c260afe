# SPDX-License-Identifier: Apache-2.0
"""The proxies that are compared, each with one worker and its best configuration for the task. Ports are free ones,
configurations and logs are in the stage's temporary directory, and no system service is touched."""
import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import pathlib

import measure


class Stage(contextlib.ExitStack):
    """Where a run takes place: its CPUs, tools and directory. Ends all that was started, last first."""

    def __init__(self, umbra, tools, shared_cpu, proxy_cpu):
        super().__init__()
        self.umbra = pathlib.Path(umbra)
        self.tools = pathlib.Path(tools)
        self.shared_cpu = shared_cpu
        self.proxy_cpu = proxy_cpu  # where the proxy goes in the rows that set it apart; None on one CPU
        self.directory = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory(prefix="umbra-bench-")))
        if os.geteuid() == 0:
            self.directory.chmod(0o755)
        # Batch: whoever is woken by the proxy's send waits for the end of the proxy's turn. Otherwise half of what is
        # measured is the scheduler going back and forth, the same for every proxy.
        self.aside = ["taskset", "-c", str(shared_cpu), "chrt", "--batch", "0"]
        self.load = measure.Load(self.tool("bench_load"), self.aside)
        self.next_name = 0

    at_end = contextlib.ExitStack.callback

    def tool(self, name):
        path = self.tools / name
        if not path.exists():
            raise measure.Broken(f"{path} is missing; ./dev bench builds it")
        return path

    def new_directory(self, name):
        self.next_name += 1
        path = self.directory / f"{name}-{self.next_name}"
        path.mkdir()
        return path


def free_port():
    """Below the range of outgoing connections, so that none of these can take it meanwhile."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as lines:
        first = int(lines.read().split()[0])
    free_port.last = getattr(free_port, "last", max(1024, first - 1000 - os.getpid() % 4000))
    while True:
        free_port.last -= 1
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", free_port.last))
            except OSError:
                continue
        return free_port.last


def find_program(name):
    """Debian keeps servers in /usr/sbin, which is not in everybody's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


class Proxy:
    """A running proxy. `workers` are the processes whose CPU is the figure."""

    name = ""
    is_pinned = True  # to the CPU that it shares with load and services
    patience = 10  # seconds until it is ready

    def __init__(self, stage, command, directory, environment=None):
        self.stage = stage
        self.log = directory / "log"
        begin = time.monotonic()
        where = ["taskset", "-c", str(stage.shared_cpu)] if self.is_pinned else []
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*where, *map(str, command)], cwd=directory, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=environment)
        stage.at_end(self.stop)
        try:
            measure.wait_until(self.is_ready, self.patience, f"{self.name} to answer")
        except measure.Broken as broken:
            raise measure.Broken(f"{broken}; its log ends: {self.log.read_text()[-800:]}") from broken
        self.started_s = time.monotonic() - begin
        self.pids = measure.family(self.process.pid)
        self.workers = self.find_workers()

    def is_ready(self):
        if self.process.poll() is not None:
            raise measure.Broken(f"{self.name} ended with status {self.process.returncode}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def find_workers(self):
        return self.pids

    def is_alive(self):
        return self.process.poll() is None

    def pin(self, cpu):
        measure.pin(self.pids, cpu)

    def stop(self):
        """SIGTERM, and what is left of it after five seconds is killed; by pid."""
        members = measure.family(self.process.pid) if self.is_alive() else []
        if self.is_alive():
            self.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 5
        while self.is_alive() and time.monotonic() < end:
            time.sleep(0.01)
        for pid in members if self.is_alive() else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


# ------------------------------------------------------------------------------------------------------------ nginx

NGINX = """
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/error.log;
{user}
events {{ worker_connections 16384; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 75s;
    client_max_body_size 0;
    {temporary}
    upstream live {{ server 127.0.0.1:{live}; keepalive 1024; keepalive_requests 1000000000; }}
    {shadow_upstream}
    {tls}
    server {{
        listen 127.0.0.1:{port} {listen} backlog=4096;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        location / {{ {mirror} {unbuffered} proxy_pass http://live; }}
        {shadow_location}
    }}
}}
"""


def nginx_command(directory):
    return [find_program("nginx"), "-p", directory, "-e", directory / "error.log", "-c", directory / "nginx.conf"]


class Nginx(Proxy):
    name = "nginx"

    def __init__(self, stage, live, shadow=None, is_unbuffered=False, listen="", identity=None):
        """`listen` says more of the listener, such as http2; with an identity it speaks TLS."""
        directory = stage.new_directory("nginx")
        self.port = free_port()
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        parts = {"user": "", "shadow_upstream": "", "mirror": "", "shadow_location": "", "unbuffered": "", "tls": "",
                 "listen": listen}
        if identity:
            parts["listen"] += " ssl"
            parts["tls"] = (f"ssl_certificate {identity.chain_file}; ssl_certificate_key {identity.key_file}; "
                            "ssl_protocols TLSv1.2 TLSv1.3;")
        if os.geteuid() == 0:
            parts["user"] = f"user {pwd.getpwuid(0).pw_name};"
        if shadow:
            parts["shadow_upstream"] = (f"upstream shadow {{ server 127.0.0.1:{shadow.port}; keepalive 1024; "
                                        "keepalive_requests 1000000000; }")
            parts["mirror"] = "mirror /shadow;"
            parts["shadow_location"] = "location = /shadow { internal; proxy_pass http://shadow$request_uri; }"
        if is_unbuffered:
            parts["unbuffered"] = "proxy_request_buffering off;"
        (directory / "nginx.conf").write_text(NGINX.format(
            directory=directory, live=live.port, port=self.port,
            temporary=" ".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds), **parts))
        super().__init__(stage, nginx_command(directory), directory)

    def is_ready(self):
        """The master listens before it has a worker, and the worker is what is measured."""
        return super().is_ready() and len(measure.family(self.process.pid)) == 2


HTTP2_SERVICE = """
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/error.log;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    server {{ listen 127.0.0.1:{port} http2 backlog=4096; location / {{ return 200 "{body}"; }} }}
    server {{ listen 127.0.0.1:{status}; location / {{ stub_status; }} }}
}}
"""


class Http2Service(Proxy):
    """An nginx that answers itself, in HTTP/2 by prior knowledge; to a Watch it is what an Origin is."""

    name = "service"

    def __init__(self, stage):
        directory = stage.new_directory("service")
        self.port, self.status = free_port(), free_port()
        self.asked = 0  # its status, which it counts too
        (directory / "nginx.conf").write_text(HTTP2_SERVICE.format(
            directory=directory, port=self.port, status=self.status, body="x" * measure.BODY_BYTES))
        super().__init__(stage, nginx_command(directory), directory)

    def requests(self):
        self.asked += 1
        with urllib.request.urlopen(f"http://127.0.0.1:{self.status}/", timeout=5) as answer:
            return int(answer.read().split()[9]) - self.asked


# ---------------------------------------------------------------------------------------------------------- haproxy

HAPROXY = """
global
    nbthread 1
    maxconn 8000
defaults
    mode http
    timeout connect 5s
    timeout client 75s
    timeout server 75s
    http-reuse always
frontend in
    bind 127.0.0.1:{port} backlog 4096
    default_backend live
backend live
    server live 127.0.0.1:{live} pool-max-conn 256
"""


class Haproxy(Proxy):
    name = "haproxy"

    def __init__(self, stage, live):
        directory = stage.new_directory("haproxy")
        self.port = free_port()
        (directory / "haproxy.cfg").write_text(HAPROXY.format(port=self.port, live=live.port))
        super().__init__(stage, [find_program("haproxy"), "-db", "-f", directory / "haproxy.cfg"], directory)


# ------------------------------------------------------------------------------------------------------------ umbra

SAMPLE = re.compile(r"^(umbra_[a-z_]+)(?:\{(.*)\})? (\S+)$", re.M)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Umbra(Proxy):
    name = "umbra"

    def __init__(self, stage, live, shadow=None, has_writes=False, rules=None, shed="off", compare="off"):
        """`rules` makes the manifests for a port; then live is theirs to say. Answers are compared where a row is about that only."""
        directory = stage.new_directory("umbra")
        self.port = free_port()
        self.admin = free_port()
        self.rules = directory / "rules.yaml"
        where = ["--listen", f"127.0.0.1:{self.port}", "--live", f"127.0.0.1:{live.port}"]
        if rules:
            self.rules.write_text(rules(self.port))
            where = ["-f", self.rules, "--bind", "127.0.0.1"]
        words = [*where, "--max-connections", 12000]
        if shadow:
            words += ["--shadow", f"127.0.0.1:{shadow.port}"]
        if has_writes:
            words += ["--mirror-writes"]
        self.start(stage, directory, words, shed, compare)

    def start(self, stage, directory, words, shed="off", compare="off"):
        command = [stage.umbra, "run", *words, "--admin", f"127.0.0.1:{self.admin}", "--workers", 1, "--shed", shed,
                   "--drain", "1s", "--compare", compare]
        state = {"HOME": str(directory), "XDG_STATE_HOME": str(directory)}
        super().__init__(stage, command, directory, {**os.environ, **state})

    def is_ready(self):
        try:
            return super().is_ready() and self.get("/readyz") is not None
        except OSError:  # HTTPError is one: 503 until the gateway serves
            return False

    def find_workers(self):
        gateways = self.find("gateway")
        if not gateways:
            raise measure.Broken("umbra has no gateway process")
        return gateways

    def find(self, role):
        return [pid for pid in self.pids if measure.role_of(pid) == role]

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=5) as answer:
            return answer.read().decode()

    def metrics(self):
        """Sums over routes and mirrors: {"umbra_mirror_failed_total": 3, "umbra_mirror_failed_total/reset": 3, …}."""
        sums = {}
        for name, labels, value in SAMPLE.findall(self.get("/metrics")):
            found = dict(LABEL.findall(labels))
            for key in [name] + [f"{name}/{found[kind]}" for kind in ("reason", "code") if kind in found]:
                sums[key] = sums.get(key, 0) + float(value)
        return sums
