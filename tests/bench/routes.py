# SPDX-License-Identifier: Apache-2.0
"""What many routes cost: CPU per request beside few routes, time until they are in force, and memory."""
import os
import socket
import time

import cost
import measure
import origins
import peers
from report import Row

FEW, MANY = 10, 10000
ASKED = 4096  # requests that are sent in turn
KIB = 1 << 10

GATEWAY = """apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: bench}}
spec:
  gatewayClassName: umbra
  listeners:
  - {{name: http, protocol: HTTP, port: {port}}}
---
apiVersion: umbra.dev/v1alpha1
kind: Backend
metadata: {{name: live}}
spec:
  endpoints:
  - {{host: 127.0.0.1, port: {live}}}
"""
ROUTE = """---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r{i}}}
spec:
  parentRefs:
  - name: bench
  {hosts}
  rules:
  - name: all
    matches:
    - {match}
    backendRefs:
    - {{group: umbra.dev, kind: Backend, name: live}}
"""
# What the routes differ in: hostnames, match, and the request of route i.
SHAPES = {
    "hosts": ("hostnames: [h{i}.bench.local]", "path: {{value: /}}", "/bench", "h{i}.bench.local", ""),
    "path prefixes of one host": ("hostnames: [bench.local]", "path: {{value: /p{i}}}", "/p{i}/bench", "bench.local", ""),
    "values of one header": ("hostnames: [bench.local]", "headers: [{{name: x-tenant, value: t{i}}}]", "/bench",
                             "bench.local", "X-Tenant: t{i}\r\n"),
}


def manifest(shape, count, port, live):
    hosts, match, *_ = SHAPES[shape]
    routes = (ROUTE.format(i=i, hosts=hosts.format(i=i), match=match.format(i=i)) for i in range(count))
    return GATEWAY.format(port=port, live=live.port) + "".join(routes)


def requests(shape, asked, count):
    """`count` heads for the first `asked` routes in an order that jumps about, the same in each run."""
    _, _, target, host, field = SHAPES[shape]
    chosen = ((n * 7919) % asked for n in range(count))
    return "".join(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n{field}\r\n".format(i=i)
                   for i in chosen)


class Side(cost.Side):
    """An umbra with `count` routes, `asked` of which are asked for."""

    def __init__(self, run, live, shape, count, asked):
        self.heads = run.stage.new_directory("requests") / "heads"
        self.heads.write_bytes(requests(shape, asked, ASKED).encode())
        super().__init__(f"{count:,} routes", peers.Umbra(
            run.stage, live, rules=lambda port: manifest(shape, count, port, live)), live)

    def load(self, run, seconds):
        return run.stage.load.run(self.proxy.port, seconds, requests=self.heads)


def cpu(run, shape):
    """The same requests to both; and such that go to all of the many, which have more to load into the CPU's caches."""
    live = origins.Origin(run.stage)
    few, many, spread = (Side(run, live, shape, *counts) for counts in ((FEW, FEW), (MANY, FEW), (MANY, MANY)))
    sides = (few, many, spread)
    for side in sides:
        side.load(run, 0.5)
    for _ in run.each_round():
        for side in sides:
            run.clock.check()
            side.measure_cpu(run)
    figure = f"CPU per request, {MANY:,} routes ÷ {FEW} ({shape})"
    rows = [cost.compare(figure, many, few, "µs", must=1.05, aim=1.01),
            cost.compare(figure + ", every route asked for in turn", spread, few, "µs")]
    for row in rows:
        row.theirs = row.theirs.replace("umbra", few.name)
    return rows, few, many


def until_in_force(side, shape, count):
    """Seconds from the change of the file, which has a further route, until that route answers."""
    changed = side.proxy.rules.with_name("next")
    changed.write_text(manifest(shape, count, side.proxy.port, side.live))
    head = requests(shape, 1, 1).replace("t0\r", f"t{count - 1}\r")
    begin = time.monotonic()
    os.replace(changed, side.proxy.rules)

    def is_served():
        with socket.create_connection(("127.0.0.1", side.proxy.port)) as client:
            client.sendall(head.encode())
            return client.recv(64).startswith(b"HTTP/1.1 200")
    measure.wait_until(is_served, 30, "the change to be in force")
    return time.monotonic() - begin


def routes(run):
    """10,000 routes beside 10: CPU per request, time to load, memory."""
    rows = []
    for shape in SHAPES:
        compared, few, many = cpu(run, shape)
        rows += compared
    per_route = {role: (pss(many, role) - pss(few, role)) / (MANY - FEW) / KIB for role in ("gateway", "control")}
    loads = [until_in_force(many, shape, MANY + n) for n in range(1, 4)]
    start, took = many.proxy.started_s, measure.summary(loads)
    return rows + [
        Row(f"{MANY:,} routes, from the start of the process until they are served", start, start, start, unit="s"),
        Row(f"{MANY:,} routes, from a change of their file until it is in force", *took, unit="s"),
        Row("gateway, PSS per route", per_route["gateway"], per_route["gateway"], per_route["gateway"], unit="KiB"),
        Row("control, PSS per route", per_route["control"], per_route["control"], per_route["control"], unit="KiB"),
    ]


def pss(side, role):
    return measure.pss_bytes([pid for pid in side.proxy.pids if measure.role_of(pid) == role])
