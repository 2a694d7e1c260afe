# SPDX-License-Identifier: Apache-2.0
"""Rules from a real kube-apiserver: how soon many are in force, how soon a change is, and what they take of memory. The API
server is that of tests/e2e; where none can be had, the group is left out and says why."""
import concurrent.futures
import http.client
import json
import os
import pathlib
import subprocess
import sys
import time

import measure
import origins
import peers
from report import Row

HERE = pathlib.Path(__file__).resolve().parent
# Last in the path: of two modules with one name ours is meant.
sys.path += [str(HERE.parent / "e2e"), str(HERE.parent / "integration")]

ROUTES, SERVICES, ENDPOINTS = 1000, 500, 20  # endpoints of each Service
FEW = 10
STRIDE = 397  # a prime: changes go to routes far from each other
WRITERS = 8
SPACE = "bench"
CLASS = "bench"
PATIENCE = 60  # seconds
STATUS_PATIENCE = 300  # 1,000 statuses and as many events are written at 50 a second
QUIET_S = 0.15
MS, MIB, KIB = 1e-3, 1 << 20, 1 << 10
ROUTE_KIND, SLICE_KIND = "gateway.networking.k8s.io/v1 HTTPRoute", "discovery.k8s.io/v1 EndpointSlice"


def find_server():
    """The API server's program; raises measure.LeftOut. It is built here only by the one who asks for this group by name."""
    given = os.environ.get("UMBRA_KUBE_APISERVER")
    if given:
        return given
    done = subprocess.run([sys.executable, HERE.parent / "e2e/kube-apiserver", "--cached"], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise measure.LeftOut(f"{done.stderr.strip()}; ./dev bench cluster builds one")
    return done.stdout.splitlines()[-1]


def import_means():
    """What the tests of clusters are made with; their packages are not those of the bench."""
    try:
        import cluster as control_plane
        import crds
    except ImportError as missing:
        raise measure.LeftOut(f"{missing}; ./dev bench cluster installs what it needs") from missing
    if not peers.find_program("etcd"):
        raise measure.LeftOut("etcd is not installed; ./dev bench cluster installs it")
    return control_plane, crds


# ------------------------------------------------------------------------------------------------------------ objects

def route_name(number):
    return f"r{number:04d}"


def service_name(number):
    return f"s{number % SERVICES:03d}"


def route_rules(live, shadow, edition):
    """The answer's X-Edition says which edition of the rules it was given by."""
    edit = {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": "X-Edition", "value": edition}]}}
    copy = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": shadow, "port": 80}}}
    return [{"name": "all", "filters": [edit, *([copy] if shadow else [])], "backendRefs": [{"name": live, "port": 80}]}]


def route(name, rules):
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name},
            "spec": {"parentRefs": [{"name": "edge"}], "hostnames": [f"{name}.bench.local"], "rules": rules}}


def numbered_rules(number, edition):
    return route_rules(service_name(number // 2), service_name(number // 2 + 1), edition)


def service(name):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}


def endpoint_slice(name, port, hosts):
    endpoints = [{"addresses": [host], "conditions": {"ready": True}} for host in hosts]
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": endpoints,
            "metadata": {"name": f"{name}-1", "labels": {"kubernetes.io/service-name": name}},
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}]}


def hosts_of(number):
    return [f"127.{1 + number // 250}.{number % 250}.{last}" for last in range(1, ENDPOINTS + 1)]


class World:
    """An API server with its objects, and what answers behind them."""

    def __init__(self, run):
        control_plane, crds = import_means()
        stage = run.stage
        directory = stage.new_directory("cluster")
        self.stage = stage
        self.cluster = control_plane.Cluster(directory, find_server())
        stage.at_end(self.cluster.close)
        self.admin = self.cluster.admin
        self.live = origins.Origin(stage, "everywhere")
        self.others = [origins.Origin(stage, mode) for mode in ("body", "json")]
        self.port = peers.free_port()
        crds.load(self.admin)
        self.begin()

    def begin(self):
        """One Gateway, and one route whose endpoint moves."""
        self.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
        self.admin.create([
            {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": CLASS},
             "spec": {"controllerName": "umbra.dev/gateway-controller"}},
            {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "edge"},
             "spec": {"gatewayClassName": CLASS, "listeners": [{"name": "http", "protocol": "HTTP", "port": self.port}]}},
            service("moved"), endpoint_slice("moved", self.others[0].port, ["127.0.0.1"]),
            route("moved", route_rules("moved", None, "e0"))], SPACE)

    def each(self, action, numbers):
        with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
            return list(pool.map(action, numbers))

    def fill(self, first, end):
        """Routes of these numbers, with half as many Services, whose slices have all their endpoints."""
        def make(number):
            self.admin.create([service(service_name(number)),
                               endpoint_slice(service_name(number), self.live.port, hosts_of(number))], SPACE)
        self.each(make, range(first // 2, end // 2))
        self.each(lambda number: self.admin.create(route(route_name(number), numbered_rules(number, "e0")), SPACE),
                  range(first, end))

    def change(self, number, edition):
        """When the API server said that it has it."""
        self.admin.patch(ROUTE_KIND, route_name(number), SPACE, spec={"rules": numbered_rules(number, edition)})
        return time.monotonic()

    def move(self, to):
        """The one endpoint of a Service."""
        self.admin.patch(SLICE_KIND, "moved-1", SPACE, ports=[{"name": "http", "port": to.port, "protocol": "TCP"}])
        return time.monotonic()


# -------------------------------------------------------------------------------------------------------------- umbra

class Umbra(peers.Umbra):
    """Rules from the API server; on all CPUs, as the API server is. It is ready when `/readyz` says so and the last route answers."""

    is_pinned = False
    patience = PATIENCE

    def __init__(self, world, last):
        self.world, self.last, self.client = world, last, None
        self.port, self.admin = world.port, peers.free_port()
        directory = world.stage.new_directory("umbra")
        config = json.loads(world.cluster.kubeconfig().read_text())
        config["contexts"][0]["context"]["namespace"] = SPACE
        (directory / "kubeconfig").write_text(json.dumps(config))
        self.start(world.stage, directory, ["--kube", "--kubeconfig", directory / "kubeconfig", "--class", CLASS,
                                            "--bind", "127.0.0.1"])
        self.control = self.find("control")

    def is_ready(self):
        return super().is_ready() and self.edition(self.last) is not None

    def ask(self, name):
        """An answer's headers; None: nothing serves this host."""
        self.client = self.client or http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            self.client.request("GET", "/", headers={"Host": f"{name}.bench.local"})
            answer = self.client.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.client.close()
            self.client = None
            return None
        return answer.headers if answer.status == 200 else None

    def edition(self, name):
        return (self.ask(name) or {}).get("X-Edition")

    def settle(self):
        """Until control has nothing to do: status is written, and what came back of that is read."""
        used, since = measure.cpu_seconds(self.control), time.monotonic()
        end = since + PATIENCE
        while time.monotonic() - since < QUIET_S:
            time.sleep(QUIET_S / 5)
            now = measure.cpu_seconds(self.control)
            if now - used > QUIET_S / 50:
                used, since = now, time.monotonic()
            if time.monotonic() > end:
                raise measure.Broken(f"control did not come to rest in {PATIENCE} s")

    def generation(self):
        return round(self.metrics()["umbra_config_generation"])

    def effect(self, acknowledged, holds, what):
        """Seconds from the acknowledgement until it holds. Asked again at once: looking costs less than a millisecond."""
        end = acknowledged + PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise measure.Broken(f"waited {PATIENCE} s for {what}")
            time.sleep(0.5 * MS)
        return time.monotonic() - acknowledged


def used_by(gateway):
    """PSS in bytes by role."""
    return {measure.role_of(pid): measure.pss_bytes([pid]) for pid in gateway.pids}


def is_said(thing):
    """Whether the status of a route is that of its present version."""
    parents = (thing.get("status") or {}).get("parents") or []
    return any(condition["type"] == "Accepted" and condition["observedGeneration"] == thing["metadata"]["generation"]
               for parent in parents for condition in parent["conditions"])


def lead(run, gateway):
    """Until this replica leads, has written the statuses of all routes, and is at rest."""
    end = time.monotonic() + STATUS_PATIENCE
    while not all(is_said(thing) for thing in gateway.world.admin.list(ROUTE_KIND, SPACE)):
        run.clock.check()
        if time.monotonic() > end:
            raise measure.Broken(f"waited {STATUS_PATIENCE} s for the statuses of all routes")
        time.sleep(1)
    gateway.settle()


# -------------------------------------------------------------------------------------------------------- the figures

def starts(run, world):
    """Seconds of each; the last one stays."""
    found, gateway = [], None
    for _ in run.each_round():
        run.clock.check()
        if gateway:
            gateway.stop()
        gateway = Umbra(world, route_name(ROUTES - 1))
        found.append(gateway.started_s)
    return found, gateway


def route_changes(run, gateway):
    found = []
    for turn in range(run.changes):
        run.clock.check()
        number, edition = turn * STRIDE % ROUTES, f"c{turn}"
        gateway.settle()
        acknowledged = gateway.world.change(number, edition)
        found.append(gateway.effect(acknowledged, lambda name=route_name(number), new=edition: gateway.edition(name) == new,
                                    f"the change of {route_name(number)}"))
    return found


def endpoint_changes(run, gateway):
    world, found = gateway.world, []
    for turn in range(run.changes):
        run.clock.check()
        content = ("application/json", "text/plain")[turn % 2]
        gateway.settle()
        acknowledged = world.move(world.others[(turn + 1) % 2])
        found.append(gateway.effect(acknowledged, lambda new=content: (gateway.ask("moved") or {}).get("Content-Type") == new,
                                    "the endpoint that moved"))
    return found


class Flood:
    """All routes are changed as fast as the API server takes it."""

    def __init__(self, gateway, edition):
        world = gateway.world
        generation, used, begin = gateway.generation(), measure.cpu_seconds(gateway.control), time.monotonic()
        times = world.each(lambda number: world.change(number, edition), range(ROUTES))
        last = max(range(ROUTES), key=lambda number: times[number])
        self.effect_s = gateway.effect(times[last], lambda: gateway.edition(route_name(last)) == edition,
                                       "the last change of a flood")
        # The server tells its changes in their order: what is in force has all that came before.
        self.stale = sum(gateway.edition(route_name(number)) != edition for number in range(ROUTES))
        self.wrote_s = max(times) - begin
        self.plans = gateway.generation() - generation
        self.cpu_s = measure.cpu_seconds(gateway.control) - used


def ms(values):
    return [value / MS for value in values]


def change_rows(what, found):
    values = ms(found)
    return [Row(f"{what}: acknowledged to in effect, {name}", measure.quantile(values, q), min(values), max(values),
                must=must, unit="ms", ours=f"{len(values)} changes")
            for name, q, must in (("p50", 0.5, None), ("p99", 0.99, 250))]


def flood_rows(run, floods):
    problems = [f"{flood.stale} of {ROUTES} routes were still the old ones when a later change was in effect" for flood in floods
                if flood.stale]
    effects, plans = ms([flood.effect_s for flood in floods]), [flood.plans for flood in floods]
    wrote, cpu = (measure.summary([getattr(flood, name) for flood in floods])[0] for name in ("wrote_s", "cpu_s"))
    run.notes.append(f"A cluster's {ROUTES:,} routes changed at once: the API server took {wrote:.1f} s for it; control used {cpu:.2f} s "
                     f"of CPU until all were in effect")
    return [Row(f"{ROUTES:,} routes changed at once: last one acknowledged to in effect", *measure.summary(effects), unit="ms",
                problems=problems),
            Row(f"{ROUTES:,} routes changed at once: plans loaded", *measure.summary(plans))]


def memory_rows(few, many, gateway):
    peak = measure.status_bytes(gateway.control, "VmHWM")
    per_route = {role: (many[role] - few[role]) / (ROUTES - FEW) / KIB for role in ("control", "gateway")}

    def row(figure, value, unit):
        return Row(f"cluster: {figure}", value, value, value, unit=unit)
    return [row("control, PSS", many["control"] / MIB, "MiB"),
            row("control, peak RSS after floods", peak / MIB, "MiB"),
            row("gateway, PSS", many["gateway"] / MIB, "MiB"),
            row("all processes together, PSS", sum(many.values()) / MIB, "MiB"),
            *(row(f"{role}, PSS per route with its share of Services and endpoints", per_route[role], "KiB") for role in per_route)]


def cluster(run):
    """Rules from a real API server: start, changes to effect, a flood, memory; 1,000 routes, 10,000 endpoints."""
    world = World(run)
    world.fill(0, FEW)
    gateway = Umbra(world, route_name(FEW - 1))
    lead(run, gateway)
    few = used_by(gateway)
    world.fill(FEW, ROUTES)
    measure.wait_until(lambda: gateway.edition(route_name(ROUTES - 1)), PATIENCE, "all routes to answer")
    lead(run, gateway)
    gateway.stop()

    started, gateway = starts(run, world)
    lead(run, gateway)
    many = used_by(gateway)
    changes, moves = route_changes(run, gateway), endpoint_changes(run, gateway)
    floods = []
    for turn in run.each_round(at_most=2):
        lead(run, gateway)
        floods.append(Flood(gateway, f"f{turn}"))
    size = f"{ROUTES:,} routes, {SERVICES} Services, {SERVICES * ENDPOINTS:,} endpoints"
    return [Row(f"a cluster of {size}: start to ready", *measure.summary(started), unit="s"),
            *change_rows("one route of a cluster changed", changes),
            *change_rows("one endpoint of a cluster changed", moves),
            *flood_rows(run, floods),
            *memory_rows(few, many, gateway)]
