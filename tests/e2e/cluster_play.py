# SPDX-License-Identifier: Apache-2.0
"""Plays of the Gateway API (gateway_api.Play) whose rules come from an API server, and what the status of their objects says."""
import itertools
import time

import clustered
import gateway_api
import kube
from waiting import wait_for

NUMBERS = itertools.count(1)
GROUP = "gateway.networking.k8s.io"
SPACES = ("namespace", "kubernetes.io/metadata.name")  # members whose value is the name of a namespace


class ClusterPlay(gateway_api.Play):
    """Its namespaces are its own, and end with it; so is its GatewayClass. Objects of the text are applied one by one, in its
    order; then umbra is started."""
    is_clustered = True

    def __init__(self, stack, directory, cluster, text, names, **more):
        self.cluster, self.admin = cluster, cluster.admin
        self.number = next(NUMBERS)
        self.class_name = f"play-{self.number}"
        self.namespaces = {}
        self.things = {}  # (apiVersion, kind, namespace, name): object
        super().__init__(stack, directory, text, names, **more)

    # ---- objects ----

    def namespace(self, name=gateway_api.NAMESPACE):
        return self._space(name) if name not in self.namespaces else self.namespaces[name]

    def _space(self, name, labels=None):
        """Made when it is first heard of, or with labels."""
        made = self.namespaces.setdefault(name, f"{name}-{self.number}")
        labels = {"kubernetes.io/metadata.name": made, **(labels or {})}  # as newer servers do
        self.admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made, "labels": labels}})
        self.stack.callback(self.cluster.empty, made)
        return made

    def _renamed(self, thing):
        """With the names of namespaces and of the class that are used here."""
        if isinstance(thing, list):
            return [self._renamed(one) for one in thing]
        if not isinstance(thing, dict):
            return thing
        return {key: self.namespace(value) if key in SPACES and isinstance(value, str) else
                self.class_name if key == "gatewayClassName" else self._renamed(value) for key, value in thing.items()}

    def _objects(self, manifests):
        for thing in kube.documents(manifests):
            if thing["kind"] == "Namespace":
                self._space(thing["metadata"]["name"], thing["metadata"].get("labels"))
                continue
            thing = self._renamed(thing)
            yield (thing["apiVersion"], thing["kind"], thing["metadata"]["namespace"], thing["metadata"]["name"]), thing

    def _apply(self, manifests):
        wanted = dict(self._objects(manifests))
        second = 0
        for place, thing in wanted.items():
            if thing["metadata"].pop("creationTimestamp", None):  # the server says when, to the second: older ones come first
                wait_for(lambda second=second: int(time.time()) > second, "the next second")
            if self.things.get(place) != thing:
                self.admin.apply(thing)
            second = int(time.time())
        for place in self.things.keys() - wanted.keys():
            self.admin.delete(f"{place[0]} {place[1]}", place[3], place[2])
        self.things = wanted

    # ---- the provider ----

    def _start(self, manifests, options):
        self._apply(manifests)
        started = clustered.Clustered(self.directory, self.cluster, self.namespace(), options, class_name=self.class_name)
        self.stack.callback(started.stop)
        started.wait_ready()
        wait_for(lambda: b"suspended" not in started.ask("/status").body, "the key of copies to be read", 20)
        return started

    def change(self, text):
        self._apply(self._manifests(text))

    def listeners(self, name):
        """As the status of the Gateway says."""
        rows = settled(self, "Gateway", name)["status"]["listeners"]
        return {row["name"]: row["attachedRoutes"] if kube.condition(row, "Programmed")["status"] == "True" else None
                for row in rows}


    def places(self, *kinds):
        """(kind, name, namespace of the text, namespace) of what was applied."""
        names = {there: name for name, there in self.namespaces.items()}
        return [(kind, name, names[namespace], namespace) for _, kind, namespace, name in self.things if kind in kinds]


# ---- status ----

# What the suite expects where nothing is wrong; (status, reason) by type.
GATEWAY = {"Accepted": ("True", "Accepted"), "Programmed": ("True", "Programmed")}
LISTENER = {**GATEWAY, "ResolvedRefs": ("True", "ResolvedRefs"), "Conflicted": ("False", "NoConflicts")}
ROUTE = {"Accepted": ("True", "Accepted"), "ResolvedRefs": ("True", "ResolvedRefs")}
CLASS = {"Accepted": ("True", "Accepted")}  # SupportedVersion as well, where the CRDs say theirs
KINDS = ["HTTPRoute", "GRPCRoute"]  # of a listener that asks for none


def said(holder):
    """{type: (status, reason)}"""
    return {one["type"]: (one["status"], one["reason"]) for one in holder.get("conditions") or []}


def holders(thing):
    """All of an object's status that may have conditions, with what is usual: itself, its listeners, its parents or ancestors."""
    status = thing.get("status") or {}
    if thing["kind"] in ("Gateway", "GatewayClass"):
        yield "", status, GATEWAY if thing["kind"] == "Gateway" else CLASS
    for listener in status.get("listeners") or []:
        yield f"#{listener['name']}", listener, LISTENER
    for parent in [*(status.get("parents") or []), *(status.get("ancestors") or [])]:
        if parent["controllerName"] == clustered.CONTROLLER:
            ref = parent.get("parentRef") or parent["ancestorRef"]
            yield f" at {ref['name']}" + (f"#{ref['sectionName']}" if "sectionName" in ref else ""), parent, ROUTE


def is_current(thing):
    """There are conditions, and all are of this version of the object."""
    found = [one for _, holder, _ in holders(thing) for one in holder.get("conditions") or []]
    return bool(found) and all(one.get("observedGeneration") == thing["metadata"]["generation"] for one in found)


def settled(play, kind, name, namespace=gateway_api.NAMESPACE):
    """An object whose status is of its present version."""
    return play.admin.wait(kind, name, play.namespace(namespace), is_current, "conditions of this generation")


def differences(holder, usual):
    """{type: "status reason"} of the conditions that are not as usual, and kinds that are not all."""
    found = said(holder)
    if found.get("SupportedVersion", ("",))[0] == "True":
        del found["SupportedVersion"]
    unusual = {name: " ".join(found.get(name) or ["missing"]) for name in {**usual, **found} if found.get(name) != usual.get(name)}
    if "attachedRoutes" in holder:
        kinds = [kind["kind"] for kind in holder["supportedKinds"]]
        if kinds != KINDS:
            unusual["supportedKinds"] = ", ".join(kinds)
        assert all(kind["group"] == GROUP for kind in holder["supportedKinds"])
    return unusual


def unusual(play):
    """{"HTTPRoute/x at gateway#section": differences()} of all Gateways, routes and policies of the play that have any; one
    without any status, or with an old one, is "none"."""
    found = {}
    for kind, name, _, namespace in play.places("Gateway", "HTTPRoute", "GRPCRoute", "BackendTLSPolicy"):
        thing = play.admin.get(kind, name, namespace)
        if not is_current(thing):
            found[f"{kind}/{name}"] = "none"
            continue
        for place, holder, usual in holders(thing):
            if differences(holder, usual):
                found[f"{kind}/{name}{place}"] = differences(holder, usual)
    return found


def check_status(play, expected):
    """All that was applied is said to work, but for `expected`: the form is that of unusual()."""
    last = None

    def look():
        nonlocal last
        last = unusual(play)
        return last == expected

    def what():
        keys = sorted(key for key in {**last, **expected} if last.get(key) != expected.get(key))
        return "status: " + "; ".join(f"{key} is {last.get(key, 'as usual')}, not {expected.get(key, 'as usual')}" for key in keys)
    wait_for(look, what, 20, longest_pause=0.5)


def check_counts(play):
    """attachedRoutes, as many as umbra itself counts."""
    counted = {(row["gateway"], row["name"]): row["routes"] for row in play.umbra.status()["listeners"]}
    for kind, name, space, namespace in play.places("Gateway"):
        for listener in settled(play, kind, name, space)["status"]["listeners"]:
            assert listener["attachedRoutes"] == counted[f"{namespace}/{name}", listener["name"]], (name, listener["name"])


def check_generation(play, kind, name, **spec):
    """Once the spec was changed, all conditions are of the new version, and say that it works."""
    space = None if kind == "GatewayClass" else play.namespace()
    before = play.admin.wait(kind, name, space, is_current, "conditions of this generation")
    play.admin.patch(kind, name, space, spec=spec)
    after = play.admin.wait(kind, name, space, lambda thing: is_current(thing) and
                            thing["metadata"]["generation"] > before["metadata"]["generation"], "conditions of the next generation")
    assert all(not differences(holder, usual) for _, holder, usual in holders(after))
    return after
