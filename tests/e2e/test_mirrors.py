# SPDX-License-Identifier: Apache-2.0
"""Copies by the cluster's rules: what is in them, how many there are, and that live never notices."""
import pytest

import actors
import clustered
import http1
import kube
from waiting import wait_for

EDIT = {"type": "RequestHeaderModifier", "requestHeaderModifier": {
    "set": [{"name": "X-Colour", "value": "blue"}], "add": [{"name": "X-Tag", "value": "new"}], "remove": ["X-Secret"]}}


class Scene:
    """One replica with a Gateway, live `v1`, and shadows by name."""

    def __init__(self, replica, admin, namespace, service, *shadows):
        self.replica, self.admin, self.namespace = replica, admin, namespace
        self.live = service()
        self.shadows = {name: service() for name in shadows}
        self.gateway = clustered.gateway(replica.class_name)
        self.port = clustered.port_of(self.gateway)
        for name, one in {"v1": self.live, **self.shadows}.items():
            actors.serve(admin, namespace, name, one.address)
        admin.apply(self.gateway, namespace)

    def mirror_to(self, *filters, **words):
        """The route is in force with these filters."""
        self.admin.apply(clustered.http_route(filters=filters, **words), self.namespace)
        self.replica.wait_answer(self.port, 200)

    def wait_refs(self, state, reason, says=""):
        """What the route's status says of its references; it is accepted all the same, for live goes on."""
        def holds(route):
            found = clustered.parent_condition(route, "ResolvedRefs")
            return ((found.get("status"), found.get("reason")) == (state, reason) and says in found["message"]
                    and clustered.parent_condition(route, "Accepted").get("status") == "True")
        self.admin.wait("HTTPRoute", "shop", self.namespace, holds, f"ResolvedRefs={state} ({reason}) that names {says}")

    def label(self, name):
        return f"{self.namespace}/{name}:80"

    def wait_mirrors(self, *names):
        """Until the key is read and copies are sent to each; then all is forgotten."""
        def does_mirror():
            assert self.replica.answers(self.port) == 200
            return all(self.replica.total("completed", self.label(name)) > 0 for name in names)
        wait_for(does_mirror, lambda: f"copies to {names}; {self.replica.log()}", 30)
        self.forget()

    def forget(self):
        self.replica.settled()
        for one in [self.live, *self.shadows.values()]:
            one.forget()

    def send(self, data, method="GET"):
        with http1.Connection(f"{self.replica.host}:{self.port}") as connection:
            return connection.ask(data, method)

    def copies(self, name, count):
        """Those that arrived, once nothing moves."""
        self.replica.settled()
        return self.shadows[name].wait(count) if count else self.shadows[name].requests


@pytest.fixture
def scene(clustered_umbra, admin, namespace, service):
    """scene("v2", …): these shadows"""
    return lambda *shadows: Scene(clustered_umbra(), admin, namespace, service, *shadows)


def test_a_copy_has_the_target_the_fields_and_the_body(scene):
    play = scene("v2")
    play.mirror_to(clustered.mirror("v2"))
    play.wait_mirrors("v2")
    body = bytes(range(256)) * 300
    fields = [("X-Colour", "red"), ("Cookie", "a=b"), ("Authorization", "Basic eA==")]
    assert play.send(http1.post("/a%20b;c?d=e&d=f&g", body, *fields), "POST").status == 200
    live, = play.live.requests
    copy, = play.copies("v2", 1)
    assert (copy.method, copy.target, copy.body) == (live.method, live.target, live.body) == ("POST", "/a%20b;c?d=e&d=f&g", body)
    assert [copy.get(name) for name, _ in fields] == [value for _, value in fields]
    assert copy.get("X-Umbra-Shadow") and not live.get("X-Umbra-Shadow")


def test_a_copy_has_the_trailers(scene):
    play = scene("v2")
    play.mirror_to(clustered.mirror("v2"))
    play.wait_mirrors("v2")
    request = http1.head("POST / HTTP/1.1", [("Host", "shop.test"), ("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum")])
    assert play.send(request + http1.chunked([b"one", b"two"], [("X-Sum", "6")]), "POST").status == 200
    live, = play.live.requests
    copy, = play.copies("v2", 1)
    assert (live.body, live.trailers) == (copy.body, copy.trailers) == (b"onetwo", [("X-Sum", "6")])


def test_edits_of_the_rule_are_in_the_copy(scene):
    play = scene("v2")
    play.mirror_to(EDIT, clustered.mirror("v2"))
    play.wait_mirrors("v2")
    fields = [("X-Colour", "red"), ("X-Tag", "old"), ("X-Secret", "s")]
    assert play.send(http1.get("/", *fields)).status == 200
    for request in (*play.live.requests, *play.copies("v2", 1)):
        assert (request.all("X-Colour"), request.all("X-Tag"), request.all("X-Secret")) == (["blue"], ["old", "new"], [])


def test_edits_of_a_policy_are_in_the_copy_alone(scene):
    play = scene("v2")
    play.mirror_to(clustered.mirror("v2"))
    headers = {"set": [{"name": "X-Env", "value": "shadow"}], "remove": ["X-Secret"]}
    play.admin.apply(clustered.policy({"request": {"headers": headers}}), play.namespace)
    play.wait_mirrors("v2")

    def is_in_force():
        play.forget()
        assert play.send(http1.get("/", ("X-Secret", "s"))).status == 200
        return play.copies("v2", 1)[0].get("X-Env") == "shadow"
    wait_for(is_in_force, "the policy to be in force")
    live, = play.live.requests
    copy, = play.copies("v2", 1)
    assert (live.get("X-Env"), live.get("X-Secret"), copy.get("X-Secret")) == (None, "s", None)


@pytest.mark.parametrize("share, sent", [
    ({"percent": 0}, 0), ({"percent": 20}, 30), ({"percent": 100}, 150), ({"fraction": {"numerator": 1, "denominator": 3}}, 50),
    ({"fraction": {"numerator": 25, "denominator": 50}}, 75)], ids=["0", "20", "100", "third", "half"])
def test_a_share_is_exact(scene, share, sent):
    play = scene("v2", "all")
    play.mirror_to(clustered.mirror("all"))
    play.wait_mirrors("all")  # the key is read
    play.mirror_to(clustered.mirror("v2", **share), clustered.mirror("all"))
    label = play.label("v2")
    wait_for(lambda: play.replica.answers(play.port) == 200 and play.replica.total("matched", label) > 0, "the mirror to be in force")
    play.forget()
    before = play.replica.total("matched", label)
    for _ in range(-before % 150):  # to the end of a period
        assert play.replica.answers(play.port) == 200
    play.forget()
    figures = {name: play.replica.total(name, label) for name in ("matched", "completed", "sampled_out")}
    for _ in range(150):
        assert play.replica.answers(play.port) == 200
    play.replica.settled()
    changes = {name: play.replica.total(name, label) - before for name, before in figures.items()}
    assert changes == {"matched": 150, "completed": sent, "sampled_out": 150 - sent}
    assert (len(play.live.requests), len(play.copies("v2", sent)), len(play.copies("all", 150))) == (150, sent, 150)


def test_two_mirrors_get_a_copy_each(scene):
    play = scene("v2", "v3")
    play.mirror_to(clustered.mirror("v2"), clustered.mirror("v3"))
    play.wait_mirrors("v2", "v3")
    for _ in range(10):
        assert play.replica.answers(play.port) == 200
    assert (len(play.copies("v2", 10)), len(play.copies("v3", 10))) == (10, 10)


def test_a_shadow_elsewhere_needs_a_grant_and_gets_no_credentials(scene, service, cluster):
    play = scene("near")
    away, far = cluster.namespace("away"), service()
    actors.serve(play.admin, away, "v2", far.address)
    play.mirror_to(clustered.mirror("near"), clustered.mirror("v2", namespace=away))
    play.wait_mirrors("near")
    assert not far.arrived, "nothing may go there without a grant"
    play.wait_refs("False", "RefNotPermitted", away)
    play.admin.apply(clustered.grant("open", play.namespace), away)
    play.wait_refs("True", "ResolvedRefs")
    secrets = [("Authorization", "Basic eA=="), ("Cookie", "a=b"), ("X-Api-Key", "k"), ("X-Other", "o")]

    def ask():
        assert play.send(http1.get("/", *secrets)).status == 200
        return play.replica.settled() and far.requests
    wait_for(ask, "a copy in the other namespace")
    assert [far.requests[-1].get(name) for name, _ in secrets] == [None, None, None, "o"]
    assert all(request.get("Authorization") for request in play.shadows["near"].requests if request.get("X-Other"))
    play.admin.apply(clustered.policy({"request": {"keepCredentials": True}}), play.namespace)
    wait_for(lambda: ask() and far.requests[-1].get("Authorization") == "Basic eA==", "credentials that are kept")
    assert [far.requests[-1].get(name) for name, _ in secrets] == [value for _, value in secrets]
    play.admin.delete("ReferenceGrant", "open", away)

    def is_over():
        ask()
        far.forget()
        assert play.send(http1.get("/", *secrets)).status == 200
        return play.replica.settled() and not far.arrived
    wait_for(is_over, "copies to end with the grant")
    play.wait_refs("False", "RefNotPermitted", away)
    cluster.empty(away)


def test_a_shadow_that_is_not_there_is_said_and_gets_copies_once_it_is(scene, service):
    play = scene("near")
    late = service()
    play.mirror_to(clustered.mirror("late"), clustered.mirror("near"))
    play.wait_mirrors("near")
    play.wait_refs("False", "BackendNotFound", "late")
    for _ in range(20):
        assert play.replica.answers(play.port) == 200
    assert (len(play.live.requests), len(play.copies("near", 20))) == (20, 20)
    actors.serve(play.admin, play.namespace, "late", late.address)
    play.wait_refs("True", "ResolvedRefs")
    wait_for(lambda: play.replica.answers(play.port) == 200 and late.requests, "a copy at the new Service")
    play.admin.delete("Service", "late", play.namespace)
    play.wait_refs("False", "BackendNotFound", "late")
    assert play.replica.answers(play.port) == 200


def test_a_shadow_without_endpoints_gets_some(scene, service):
    play = scene("near")
    late = service()
    actors.serve(play.admin, play.namespace, "v2")
    play.mirror_to(clustered.mirror("near"), clustered.mirror("v2"))
    play.wait_mirrors("near")
    play.wait_refs("True", "ResolvedRefs")  # the Service is there; that nothing flows is said by the mirror's policy
    only = clustered.policy({"mirrorRef": {"name": "v2", "port": 80}})
    play.admin.apply(only, play.namespace)

    def is_said(policy):
        return [ancestor for ancestor in (policy.get("status") or {}).get("ancestors") or []
                if kube.condition(ancestor, "umbra.dev/CopiesFlow").get("reason") == "NoEndpoints"]
    play.admin.wait("MirrorPolicy", "policy", play.namespace, is_said, "NoEndpoints")
    label = play.label("v2")
    dropped = play.replica.total("dropped", label, reason="no_endpoint")
    for _ in range(10):
        assert play.replica.answers(play.port) == 200
    play.replica.settled()
    assert play.replica.total("dropped", label, reason="no_endpoint") == dropped + 10
    actors.set_endpoints(play.admin, play.namespace, "v2", late.address)
    wait_for(lambda: play.replica.answers(play.port) == 200 and late.requests, "a copy at the new endpoint")
    actors.set_endpoints(play.admin, play.namespace, "v2")

    def is_dropped():
        before = play.replica.total("dropped", label, reason="no_endpoint")
        assert play.replica.answers(play.port) == 200
        play.replica.settled()
        return play.replica.total("dropped", label, reason="no_endpoint") > before
    wait_for(is_dropped, "copies without an endpoint to be dropped again")


def test_a_mirror_that_is_taken_away_ends_and_live_goes_on(scene):
    play = scene("v2")
    play.mirror_to(clustered.mirror("v2"))
    play.wait_mirrors("v2")
    play.admin.apply(clustered.http_route(), play.namespace)

    def is_over():
        play.forget()
        assert play.replica.answers(play.port) == 200
        return play.replica.settled() and not play.shadows["v2"].arrived
    wait_for(is_over, "copies to end")
