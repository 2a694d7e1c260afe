# SPDX-License-Identifier: Apache-2.0
"""Istio's kinds from a real API server: which Gateways are served, by whom a request is, subsets by Pods, mirrors and their shares,
TLS, and an Event for each field that is not acted on."""
import subprocess

import pytest

import actors
import certificates
import cluster as control_plane
import http1
import servers
from waiting import wait_for

SELECTOR = {"istio": "umbra"}
VERSIONS = ["v1", "v1beta1", "v1alpha3"]


def istio(kind, name, spec, version="v1"):
    return {"apiVersion": f"networking.istio.io/{version}", "kind": kind, "metadata": {"name": name}, "spec": spec}


def ingress(port, name="ingress", *, selector=None, protocol="HTTP", hosts=("*",), version="v1", **server):
    return istio("Gateway", name, {"selector": selector or SELECTOR, "servers": [
        {"port": {"number": port, "name": "web", "protocol": protocol}, "hosts": list(hosts), **server}]}, version)


def to(host, subset=None, **more):
    return {"destination": {"host": host, **({"port": {"number": 80}} if "." not in host else {}), **({"subset": subset} if subset else {})}, **more}


def http(name, match=None, *, route="live", **more):
    return {"name": name, **({"match": [match]} if match else {}), "route": [to(route)] if isinstance(route, str) else route, **more}


def virtual(*routes, name="shop", hosts=("shop.test",), gateways=("ingress",), version="v1"):
    return istio("VirtualService", name, {"hosts": list(hosts), "gateways": list(gateways), "http": list(routes)}, version)


class Mesh:
    """A replica that serves the Istio Gateway "ingress" at `port`, and services that say who they are."""

    def __init__(self, clustered_umbra, admin, namespace, service, *options):
        self.admin, self.namespace, self.service = admin, namespace, service
        self.port, self.services = control_plane.free_port(), {}
        self.replica = clustered_umbra(*(options or ("--istio-selector", "istio=umbra,app=umbra")))

    def serve(self, name, **pods):
        """A Service with an endpoint; or with some, serve("pods", v1={"version": "v1"}), which are Pods with these labels."""
        if not pods:
            self.services[name] = self._echo(name)
            actors.serve(self.admin, self.namespace, name, self.services[name].address)
            return
        endpoints = []
        for number, (pod, labels) in enumerate(pods.items(), 1):
            self.services[pod] = self._echo(pod)
            actors.pod(self.admin, self.namespace, pod, ip=f"10.1.0.{number}", **labels)
            endpoints.append(actors.endpoint(self.services[pod].address, pod=pod, namespace=self.namespace))
        actors.serve(self.admin, self.namespace, name, *endpoints)

    def _echo(self, name):
        return self.service(servers.answering(http1.answer(200, name.encode())))

    def apply(self, *things):
        self.admin.apply(list(things), self.namespace)

    def ask(self, target="/", *fields, source=None, host="shop.test", port=None):
        """Who answered, or the status when Umbra itself did; 0: nobody listens."""
        try:
            with http1.Connection(f"{self.replica.host}:{port or self.port}", source=source) as connection:
                answer = connection.ask(http1.get(target, ("Connection", "close"), *fields, host=host))
                return answer.body.decode() if answer.status == 200 else answer.status
        except OSError:
            return 0

    def wait_by(self, who, *ask, **more):
        wait_for(lambda: self.ask(*ask, **more) == who, lambda: f"{who}, not {self.ask(*ask, **more)}; {self.replica.log()}", 20)

    def events(self, name):
        return [event["note"] for event in self.admin.list("events.k8s.io/v1 Event", self.namespace) if event["regarding"]["name"] == name]

    def listeners(self):
        return {(row["gateway"], row["name"]): row for row in self.replica.status()["listeners"]}


@pytest.fixture
def mesh(clustered_umbra, admin, namespace, service):
    def start(*options):
        started = Mesh(clustered_umbra, admin, namespace, service, *options)
        started.serve("live")
        return started
    return start


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_is_served_and_mirrored(mesh, version):
    scene = mesh()
    scene.serve("v2")
    scene.apply(ingress(scene.port, version=version),
                virtual(http("all", mirror={"host": "v2", "port": {"number": 80}}, mirrorPercentage={"value": 100}), version=version))
    scene.wait_by("live")
    wait_for(lambda: scene.ask() == "live" and scene.services["v2"].requests, "a copy", 20)
    assert scene.services["v2"].requests[0].get("X-Umbra-Shadow")


def test_a_gateway_is_served_when_its_selector_fits_and_never_else(mesh):
    scene = mesh()
    others = [control_plane.free_port() for _ in range(2)]
    scene.apply(ingress(others[0], "of-the-mesh", selector={"istio": "ingressgateway"}),
                ingress(others[1], "nearly", selector={**SELECTOR, "app": "another"}),
                ingress(scene.port, hosts=["shop.test", "*.other.test"]),
                virtual(http("all"), gateways=["ingress", "of-the-mesh", "nearly"]))
    scene.wait_by("live")
    assert [scene.ask(port=port) for port in others] == [0, 0]
    rows = scene.listeners()
    gateway = f"{scene.namespace}/ingress"
    assert {key: row["routes"] for key, row in rows.items()} == {(gateway, "web shop.test"): 1, (gateway, "web *.other.test"): 0}
    assert all(row["address"] == f"127.0.0.1:{scene.port}" for row in rows.values())


def test_without_the_option_no_gateway_of_istio_is_served(mesh):
    scene = mesh("--drain", "1s")
    scene.apply(ingress(scene.port), virtual(http("all")))
    wait_for(lambda: "--istio-selector" in str(scene.replica.status()["problems"]), lambda: scene.replica.status()["problems"], 20)
    assert scene.ask() == 0
    assert not scene.listeners()


def test_a_port_that_another_process_has_is_said_on_the_gateway(mesh, service):
    scene = mesh()
    taken = service()
    scene.apply(ingress(taken.port), virtual(http("all")))
    wait_for(lambda: any("another process has the port" in note for note in scene.events("ingress")), lambda: scene.replica.log(), 30)
    row, = scene.listeners().values()
    assert not row["address"]
    scene.replica.may_complain = True


def test_requests_are_told_apart_by_the_pod_that_they_come_from(mesh, cluster, ending):
    scene = mesh()
    for name in ("two", "three"):
        scene.serve(name)
    elsewhere = cluster.namespace("elsewhere")
    ending.callback(cluster.empty, elsewhere)
    actors.pod(scene.admin, scene.namespace, "canary", ip="127.0.0.11", app="shop", track="canary")
    actors.pod(scene.admin, scene.namespace, "stable", ip="127.0.0.12", app="shop", track="stable")
    actors.pod(scene.admin, elsewhere, "visitor", ip="127.0.0.13", app="shop", track="stable")
    scene.apply(ingress(scene.port), virtual(
        http("canary", {"sourceLabels": {"app": "shop", "track": "canary"}}, route="two"),
        http("elsewhere", {"sourceNamespace": elsewhere}, route="three"), http("rest")))
    scene.wait_by("two", source="127.0.0.11")
    scene.wait_by("three", source="127.0.0.13")
    assert [scene.ask(source=f"127.0.0.{last}") for last in (12, 14, 1)] == ["live"] * 3
    actors.pod(scene.admin, scene.namespace, "stable", ip="127.0.0.12", app="shop", track="canary")
    scene.wait_by("two", source="127.0.0.12")


def test_subsets_are_told_by_labels_of_pods(mesh):
    scene = mesh()
    scene.serve("pods", v1={"version": "v1"}, v2={"version": "v2"})
    rule = istio("DestinationRule", "pods", {"host": "pods", "subsets": [
        {"name": name, "labels": {"version": version}} for name, version in (("old", "v1"), ("new", "v2"), ("none", "v3"))]})
    scene.apply(ingress(scene.port), rule, virtual(
        http("old", {"uri": {"prefix": "/old"}}, route=[to("pods", "old")], mirror={"host": "pods", "subset": "new"}),
        http("none", {"uri": {"prefix": "/none"}}, route=[to("pods", "none")]),
        http("new", route=[to("pods", "new")])))
    scene.wait_by("v1", "/old")
    assert {scene.ask("/old") for _ in range(5)} == {"v1"} and {scene.ask("/new") for _ in range(5)} == {"v2"}
    assert scene.ask("/none") == 503
    scene.replica.settled(lambda metrics: metrics.mirror("sent", mirror="pods:80|new") > 0)
    assert {request.target for request in scene.services["v2"].requests if request.get("X-Umbra-Shadow")} == {"/old"}
    actors.pod(scene.admin, scene.namespace, "v2", ip="10.1.0.2", version="v3")
    scene.wait_by("v2", "/none")
    assert scene.ask("/new") == 503


def test_a_host_of_a_service_entry_is_known_and_never_this_machine(mesh):
    """Whoever may write one could reach what only Umbra can: addresses of its own machine are refused."""
    scene = mesh()
    entry = istio("ServiceEntry", "outside", {
        "hosts": ["api.outside.test"], "resolution": "STATIC", "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        "endpoints": [{"address": "127.0.0.1", "ports": {"http": scene.services["live"].port}}]})
    route = [to("api.outside.test")]
    scene.apply(ingress(scene.port), virtual(http("outside", {"uri": {"prefix": "/outside"}}, route=route), http("rest")))
    scene.wait_by("live")
    assert scene.ask("/outside") == 500, "no such host"
    scene.apply(entry)
    scene.wait_by(503, "/outside")
    assert not [request for request in scene.services["live"].requests if request.target == "/outside"]


SHARES = {"half": ({"mirrorPercentage": {"value": 50}}, 20), "fortieth": ({"mirrorPercentage": {"value": 2.5}}, 1),
          "none": ({"mirrorPercentage": {"value": 0}}, 0), "old": ({"mirrorPercent": 25}, 10), "all": ({}, 40)}


def test_shares_are_exact(mesh):
    """One of a mirror, or of each of several."""
    scene, period = mesh(), 40
    for name in ("two", "three"):
        scene.serve(name)
    mirror = {"mirror": {"host": "two", "port": {"number": 80}}}
    several = http("several", mirrors=[to("two", percentage={"value": 20}), to("three")])
    scene.apply(ingress(scene.port), virtual(*(
        http(name, {"uri": {"prefix": f"/{name}"}}, **mirror, **share) for name, (share, _) in SHARES.items()), several))
    scene.wait_by("live")
    wait_for(lambda: not [one for one in scene.replica.problems("warning") if "nothing is mirrored" in one["message"]],
             lambda: scene.replica.status()["problems"], 30)

    def total(name, route, mirror):
        return scene.replica.total(name, mirror, route=f"virtualservice/{scene.namespace}/shop#{route}")

    def sent_of_a_period(route, *mirrors):
        """After the period that is under way, in which the key was not there yet."""
        def ask(count):
            for _ in range(count):
                assert scene.ask(f"/{route}") == "live"
            scene.replica.settled()
        ask(-total("matched", route, mirrors[0]) % period)
        before = [total("sent", route, mirror) for mirror in mirrors]
        ask(period)
        return tuple(total("sent", route, mirror) - sent for mirror, sent in zip(mirrors, before))
    assert {name: sent_of_a_period(name, "two:80")[0] for name in SHARES} == {name: sent for name, (_, sent) in SHARES.items()}
    assert sent_of_a_period("several", "two:80", "three:80") == (8, 40)


def test_an_event_names_each_field_that_is_not_acted_on(mesh):
    scene = mesh()
    scene.apply(ingress(scene.port), virtual(
        http("all", fault={"abort": {"httpStatus": 500, "percentage": {"value": 1}}}), http("other", delegate={"name": "other"})))
    scene.apply(istio("DestinationRule", "live", {"host": "live", "trafficPolicy": {"outlierDetection": {"consecutive5xxErrors": 3}}}))
    for name, fields in (("shop", ["spec.http[0].fault", "spec.http[1].delegate"]), ("live", ["spec.trafficPolicy.outlierDetection"])):
        for field in fields:
            wait_for(lambda name=name, field=field: any(note.startswith(field) for note in scene.events(name)),
                     lambda name=name: f"Events of {name}: {scene.events(name)}", 30)


def test_tls_of_a_server_is_that_of_its_credential_name(mesh, tmp_path):
    scene = mesh()
    authority = certificates.Authority(tmp_path)
    scene.admin.apply(authority.issue("shop", "DNS:shop.test").secret("shop-tls"), scene.namespace)
    plain = control_plane.free_port()
    scene.apply(ingress(scene.port, protocol="HTTPS", hosts=["shop.test"], tls={"mode": "SIMPLE", "credentialName": "shop-tls"}),
                ingress(plain, "plain", tls={"httpsRedirect": True}),
                virtual(http("all"), gateways=["ingress", "plain"]))

    def curl(*words):
        return subprocess.run(["curl", "-sS", "--max-time", "20", "--cacert", authority.file, "--resolve", f"shop.test:{scene.port}:127.0.0.1",
                               *words, f"https://shop.test:{scene.port}/"], capture_output=True, text=True, check=False)
    wait_for(lambda: curl().stdout == "live", lambda: f"{curl()}; {scene.replica.log()}", 20)
    assert curl("--http2", "-w", " %{http_version} %{ssl_verify_result}").stdout == "live 2 0"
    assert scene.ask(port=plain) == 301
    # Renewed: the next connection has the new certificate.
    other = certificates.Authority(tmp_path, "other")
    scene.admin.apply(other.issue("shop", "DNS:shop.test").secret("shop-tls"), scene.namespace)
    wait_for(lambda: curl("--cacert", str(other.file)).stdout == "live", lambda: f"{curl('--cacert', str(other.file))}", 20)
    assert curl().returncode == 60
