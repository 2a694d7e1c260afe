# SPDX-License-Identifier: Apache-2.0
"""What the leader says of objects: in their status, and in events."""
import itertools

import pytest

import actors
import clustered
import kube
from waiting import wait_for, wait_until_still

services = itertools.count(1)


class Scene:
    """One replica, its Gateway `edge` and a Service v1 with one endpoint."""

    def __init__(self, replica, admin, namespace, service, **gateway):
        self.replica, self.admin, self.namespace = replica, admin, namespace
        self.live = service()
        self.gateway = clustered.gateway(replica.class_name, **gateway)
        self.port = clustered.port_of(self.gateway)
        actors.serve(admin, namespace, "v1", self.live.address)
        admin.apply(self.gateway, namespace)

    def route(self, *, namespace=None, **words):
        """Applies it; its generation."""
        made = self.admin.apply(clustered.http_route(**words), namespace or self.namespace)
        return made["metadata"]["generation"]

    def wait_route(self, condition_type, status, reason=None, *, name="shop", namespace=None, generation=1):
        """The condition, of this generation."""
        def holds(route):
            found = clustered.parent_condition(route, condition_type)
            return (found.get("status") == status and reason in (None, found.get("reason"))
                    and found.get("observedGeneration") == generation)
        route = self.admin.wait("HTTPRoute", name, namespace or self.namespace, holds, f"{condition_type}={status} ({reason})")
        return clustered.parent_condition(route, condition_type)


@pytest.fixture
def scene(clustered_umbra, admin, namespace, service):
    return Scene(clustered_umbra(), admin, namespace, service)


def test_a_class_is_accepted_with_the_features_that_there_are(scene):
    found = scene.admin.wait_condition("GatewayClass", scene.replica.class_name, None, "Accepted")
    names = [feature["name"] for feature in found["status"]["supportedFeatures"]]
    assert {"Gateway", "HTTPRoute", "ReferenceGrant", "HTTPRouteRequestMirror"} <= set(names)
    assert names == sorted(names)


@pytest.fixture
def bundle(admin):
    """bundle("v1.6.1"): the CRDs of the Gateway API say that they are of this version; None: of none. Until the test ends."""
    name, annotation = "gatewayclasses.gateway.networking.k8s.io", "gateway.networking.k8s.io/bundle-version"
    path = admin.path("CustomResourceDefinition", name)

    def change(version):
        admin.ask("PATCH", path, {"metadata": {"annotations": {annotation: version}}}, "application/merge-patch+json")
    before = (admin.get("CustomResourceDefinition", name)["metadata"].get("annotations") or {}).get(annotation)
    yield change
    change(before)


def test_a_class_says_whether_the_installed_version_is_supported(clustered_umbra, admin, bundle):
    bundle("v1.6.1")
    replica = clustered_umbra()
    found = admin.wait_condition("GatewayClass", replica.class_name, None, "SupportedVersion")
    assert kube.condition(found, "SupportedVersion")["reason"] == "SupportedVersion"
    bundle("v2.0.0")
    found = admin.wait_condition("GatewayClass", replica.class_name, None, "SupportedVersion", "False", "UnsupportedVersion")
    assert "v2.0.0" in kube.condition(found, "SupportedVersion")["message"]
    assert kube.condition(found, "Accepted")["status"] == "True"
    bundle(None)
    admin.wait("GatewayClass", replica.class_name, None, lambda thing: not kube.condition(thing, "SupportedVersion"),
               "no SupportedVersion")
    assert kube.condition(admin.get("GatewayClass", replica.class_name), "Accepted")["status"] == "True"


def test_a_class_of_another_controller_is_left_alone(clustered_umbra, admin, namespace):
    name = f"of-others-{namespace}"
    other = clustered.gateway_class(name)
    other["spec"]["controllerName"] = "other.test/controller"
    made = admin.apply([other, clustered.gateway_class(f"own-{namespace}")])
    clustered_umbra(class_name=made["metadata"]["name"])
    admin.wait_condition("GatewayClass", made["metadata"]["name"], None, "Accepted")
    conditions = (admin.get("GatewayClass", name).get("status") or {}).get("conditions") or []
    assert not [one for one in conditions if one["status"] == "True"]


def test_two_classes_leave_each_other_what_they_wrote(clustered_umbra, admin, namespace, service):
    """Both are of one controller, and the route is at a Gateway of each."""
    actors.serve(admin, namespace, "v1", service().address)
    for name in ("east", "west"):
        replica = clustered_umbra(class_name=f"{name}-{namespace}")
        admin.apply(clustered.gateway(replica.class_name, name=name), namespace)

    def is_whole(route):
        parents = (route.get("status") or {}).get("parents") or []
        return {parent["parentRef"]["name"] for parent in parents if kube.condition(parent, "Accepted")} == {"east", "west"}
    versions = []
    for name in ("first", "second"):
        admin.apply(clustered.http_route(name, parentRefs=[{"name": "east"}, {"name": "west"}]), namespace)
        admin.wait("HTTPRoute", name, namespace, is_whole, "an entry of each class")
        versions.append(admin.get("HTTPRoute", "first", namespace)["metadata"]["resourceVersion"])
    assert versions[0] == versions[1], "what is whole is not written again"


def test_a_route_that_works_is_accepted_and_counted(scene):
    scene.route()
    scene.wait_route("Accepted", "True", "Accepted")
    scene.wait_route("ResolvedRefs", "True", "ResolvedRefs")
    gateway = scene.admin.wait("Gateway", "edge", scene.namespace, lambda thing: [
        listener["attachedRoutes"] for listener in thing.get("status", {}).get("listeners", [])] == [1], "attachedRoutes 1")
    assert kube.condition(gateway, "Accepted")["status"] == "True"
    scene.admin.wait_condition("Gateway", "edge", scene.namespace, "Programmed")


def test_a_missing_service_is_said_and_costs_500(scene):
    scene.route(live="missing")
    found = scene.wait_route("ResolvedRefs", "False", "BackendNotFound")
    assert "missing" in found["message"]
    scene.wait_route("Accepted", "True")
    scene.replica.wait_answer(scene.port, 500)
    actors.serve(scene.admin, scene.namespace, "missing", scene.live.address)
    scene.wait_route("ResolvedRefs", "True")
    scene.replica.wait_answer(scene.port, 200)


def test_a_service_elsewhere_needs_a_grant(scene, cluster):
    away = cluster.namespace("away")
    actors.serve(scene.admin, away, "far", scene.live.address)
    rule = {"name": "all", "backendRefs": [{"name": "far", "namespace": away, "port": 80}]}
    scene.route(rules=[rule])
    scene.wait_route("ResolvedRefs", "False", "RefNotPermitted")
    scene.replica.wait_answer(scene.port, 500)
    scene.admin.apply(clustered.grant("open", scene.namespace), away)
    scene.wait_route("ResolvedRefs", "True")
    scene.replica.wait_answer(scene.port, 200)
    scene.admin.delete("ReferenceGrant", "open", away)
    scene.wait_route("ResolvedRefs", "False", "RefNotPermitted")
    cluster.empty(away)


def test_a_section_that_is_not_there_is_no_parent(scene):
    scene.route(parentRefs=[{"name": "edge", "sectionName": "nowhere"}])
    scene.wait_route("Accepted", "False", "NoMatchingParent")


def test_a_route_of_another_namespace_is_not_allowed(scene, cluster):
    away = cluster.namespace("away")
    scene.route(namespace=away, parentRefs=[{"name": "edge", "namespace": scene.namespace}])
    scene.wait_route("Accepted", "False", "NotAllowedByListeners", namespace=away)
    cluster.empty(away)


def test_a_mirror_to_nowhere_is_said_and_the_route_goes_on(scene):
    scene.route(filters=[clustered.mirror("gone")])
    found = scene.wait_route("ResolvedRefs", "False", "BackendNotFound")
    assert "gone" in found["message"]
    scene.wait_route("Accepted", "True")
    scene.replica.wait_answer(scene.port, 200)


def conflicts(gateway):
    """{listener's name: reason of Conflicted=True, or ""}"""
    found = {listener["name"]: kube.condition(listener, "Conflicted")
             for listener in (gateway.get("status") or {}).get("listeners") or []}
    return {name: one.get("reason") if one.get("status") == "True" else "" for name, one in found.items()}


def test_listeners_of_one_port_that_conflict_are_both_said(scene, cluster):
    identity = cluster.authority.issue("b.test", "DNS:b.test")
    files = {"tls.crt": identity.chain_file, "tls.key": identity.key_file}
    scene.admin.apply({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": "tls"},
                       "stringData": {name: path.read_text() for name, path in files.items()}}, scene.namespace)
    port = clustered.port_of(scene.gateway)
    listeners = [{"name": "a", "port": port, "protocol": "HTTP"},
                 {"name": "b", "port": port, "protocol": "HTTPS", "hostname": "b.test", "tls": {"certificateRefs": [{"name": "tls"}]}},
                 {"name": "c", "port": clustered.control_plane.free_port(), "protocol": "HTTP"}]
    scene.admin.patch("Gateway", "edge", scene.namespace, spec={"listeners": listeners})
    wanted = {"a": "ProtocolConflict", "b": "ProtocolConflict", "c": ""}
    scene.admin.wait("Gateway", "edge", scene.namespace, lambda gateway: conflicts(gateway) == wanted, f"Conflicted {wanted}")


def test_the_later_of_two_gateways_with_one_port_is_conflicted(scene):
    scene.route()
    scene.replica.wait_answer(scene.port, 200)
    scene.admin.apply(clustered.gateway(scene.replica.class_name, scene.port, name="later"), scene.namespace)
    scene.admin.wait("Gateway", "later", scene.namespace,
                     lambda gateway: conflicts(gateway) == {"listener-1": "HostnameConflict"}, "Conflicted")
    assert conflicts(scene.admin.get("Gateway", "edge", scene.namespace)) == {"listener-1": ""}
    assert scene.replica.answers(scene.port) == 200


def test_status_follows_the_generation(scene):
    assert scene.route() == 1
    scene.wait_route("Accepted", "True")
    assert scene.route(hostnames=["new.test"]) == 2
    scene.wait_route("Accepted", "True", generation=2)
    scene.wait_route("ResolvedRefs", "True", generation=2)


def test_a_status_that_somebody_writes_loads_nothing(scene):
    def loads():
        return scene.replica.status()["config"]["loads"]

    def parents(route):
        return {parent["controllerName"]: parent for parent in (route.get("status") or {}).get("parents") or []}
    scene.route()
    scene.wait_route("Accepted", "True")
    scene.replica.wait_answer(scene.port, 200)
    before = wait_until_still(loads, "no more loads", still=1)
    other = {"parentRef": {"name": "elsewhere"}, "controllerName": "other.test/controller", "conditions": []}
    for reason in ("First", "Second", "Third"):
        # Somebody who does not know that a status has several writers; Umbra's entry comes back each time.
        condition = {"type": "Accepted", "status": "True", "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        scene.admin.patch_status("HTTPRoute", "shop", scene.namespace, parents=[{**other, "conditions": [condition]}])
        route = scene.admin.wait("HTTPRoute", "shop", scene.namespace, lambda thing: clustered.CONTROLLER in parents(thing),
                                 "Umbra's entry")
        assert kube.condition(parents(route)["other.test/controller"], "Accepted")["reason"] == reason
    scene.admin.patch("HTTPRoute", "shop", scene.namespace, metadata={"annotations": {"other.test/seen": "yes"}})
    wait_until_still(loads, "no more loads", still=1)
    assert loads() == before, scene.replica.log()
    scene.route(live="missing")
    scene.replica.wait_answer(scene.port, 500)
    assert loads() > before


def test_a_policy_names_what_it_is_for_and_whether_copies_flow(scene, service):
    shadow = service()
    actors.serve(scene.admin, scene.namespace, "v2", shadow.address)
    scene.route(filters=[clustered.mirror("v2")])

    def does_mirror():
        return scene.replica.answers(scene.port) == 200 and scene.replica.total("completed") > 0
    wait_for(does_mirror, "a copy", 30)
    scene.admin.apply(clustered.policy(), scene.namespace)
    policy = scene.admin.wait("MirrorPolicy", "policy", scene.namespace, lambda thing: [
        ancestor for ancestor in (thing.get("status") or {}).get("ancestors") or []
        if kube.condition(ancestor, "umbra.dev/CopiesFlow").get("status") == "True"], "CopiesFlow")
    ancestor, = policy["status"]["ancestors"]
    assert ancestor["controllerName"] == clustered.CONTROLLER
    assert (ancestor["ancestorRef"]["kind"], ancestor["ancestorRef"]["name"]) in (("HTTPRoute", "shop"), ("Gateway", "edge"))
    assert kube.condition(ancestor, "Accepted")["status"] == "True"


def test_a_policy_says_that_a_shadow_has_no_endpoints(scene):
    actors.serve(scene.admin, scene.namespace, "v2")
    scene.route(filters=[clustered.mirror("v2")])
    scene.replica.wait_answer(scene.port, 200)
    scene.admin.apply(clustered.policy(), scene.namespace)

    def holds(thing):
        return [ancestor for ancestor in (thing.get("status") or {}).get("ancestors") or []
                if kube.condition(ancestor, "umbra.dev/CopiesFlow").get("reason") == "NoEndpoints"]
    scene.admin.wait("MirrorPolicy", "policy", scene.namespace, holds, "NoEndpoints", timeout=90)


def test_what_is_not_supported_is_an_event_of_its_object(scene):
    extension = {"type": "ExtensionRef", "extensionRef": {"group": "other.test", "kind": "Thing", "name": "thing"}}
    scene.route(filters=[extension])
    scene.wait_route("ResolvedRefs", "False")

    def events():
        return [event for event in scene.admin.list("events.k8s.io/v1 Event", scene.namespace)
                if event["regarding"]["name"] == "shop" and event["type"] == "Warning"]
    found = wait_for(events, lambda: f"an event; {scene.admin.list('events.k8s.io/v1 Event', scene.namespace)}", 20)
    assert any("rules[0].filters[0]" in event["note"] for event in found)
    assert {event["reportingController"] for event in found} == {clustered.CONTROLLER}
    shown = scene.admin.kubectl("describe", "httproute", "shop", "-n", scene.namespace).stdout
    assert found[0]["note"][:40] in shown
