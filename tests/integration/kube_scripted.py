# SPDX-License-Identifier: Apache-2.0
"""Objects of Kubernetes that a test holds in its hands, as the origin of a kube_standin.StandIn: what a client needs of an
API server (lists in pages, watches, versions, status apart, conflicts), without one. It validates nothing and fills in
nothing; a real server's ways are tested in tests/e2e."""
import base64
import copy
import json
import re
import threading
import time
import uuid

from kube_standin import Answer, event, status_object, EXPIRED
from waiting import wait_for

PATH = re.compile(r"^/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[^/]+)(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/"
                  r"(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?$")
WELL_KNOWN = {
    "v1": {"namespaces": "Namespace", "services": "Service", "secrets": "Secret", "configmaps": "ConfigMap", "pods": "Pod",
           "events": "Event"},
    "coordination.k8s.io/v1": {"leases": "Lease"},
    "discovery.k8s.io/v1": {"endpointslices": "EndpointSlice"},
    "events.k8s.io/v1": {"events": "Event"},
    "gateway.networking.k8s.io/v1": {"gatewayclasses": "GatewayClass", "gateways": "Gateway", "httproutes": "HTTPRoute",
                                     "grpcroutes": "GRPCRoute", "backendtlspolicies": "BackendTLSPolicy",
                                     "referencegrants": "ReferenceGrant"},
    "gateway.networking.k8s.io/v1beta1": {"referencegrants": "ReferenceGrant"},
    "networking.istio.io/v1": {"gateways": "Gateway", "virtualservices": "VirtualService",
                               "destinationrules": "DestinationRule", "serviceentries": "ServiceEntry"},
    "umbra.dev/v1alpha1": {"backends": "Backend", "mirrorpolicies": "MirrorPolicy"},
}


class Objects:
    """The objects and all that happened to them. Kinds that are not in `served` are unknown: 404 in plain text."""

    def __init__(self, served=None):
        self.served = dict(WELL_KNOWN if served is None else served)
        self.objects = {}  # (apiVersion, plural, namespace, name): object
        self.version = 100  # of the last change
        self.history = []  # (version, collection, type, object)
        self.oldest = 100  # watches from before this are too old
        self.tokens = None  # when it is a set, all others get 401
        self.changed = threading.Condition()

    # ---- what tests do ----

    def put(self, thing, status=None):
        """Creates or replaces an object, and returns it as it is then; its status stays, unless it has one."""
        thing = copy.deepcopy(thing)
        with self.changed:
            key = self._key_of(thing)
            before = self.objects.get(key)
            meta = thing["metadata"]
            meta.setdefault("uid", before["metadata"]["uid"] if before else str(uuid.uuid4()))
            changed = not before or before.get("spec") != thing.get("spec")
            generation = before["metadata"].get("generation", 1) if before else 0
            meta["generation"] = generation + 1 if changed else generation
            if before and "status" in before:
                thing.setdefault("status", before["status"])
            if status is not None:
                thing["status"] = status
            return self._store(key, "MODIFIED" if before else "ADDED", thing)

    def remove(self, kind, name, namespace=None):
        with self.changed:
            key = next(key for key, thing in self.objects.items() if thing["kind"] == kind and key[2:] == (namespace, name))
            return self._store(key, "DELETED", self.objects[key])

    def find(self, kind, name, namespace=None):
        with self.changed:
            return next((copy.deepcopy(thing) for key, thing in self.objects.items()
                         if thing["kind"] == kind and key[2:] == (namespace, name)), None)

    def wait(self, kind, name, namespace, holds, what, timeout=20):
        """Until holds(object) of one that is there."""
        return wait_for(lambda: (lambda thing: thing and holds(thing) and thing)(self.find(kind, name, namespace)), what, timeout)

    def forget(self):
        """What happened so far can't be watched or listed any more: 410."""
        with self.changed:
            self.version += 1
            self.oldest = self.version

    def bookmark(self):
        """To every watch that asked for them."""
        with self.changed:
            self.version += 1
            self.history.append((self.version, None, "BOOKMARK", None))
            self.changed.notify_all()

    # ---- inside ----

    def _key_of(self, thing):
        api_version, kind = thing["apiVersion"], thing["kind"]
        plural = next(plural for plural, name in self.served[api_version].items() if name == kind)
        return api_version, plural, thing["metadata"].get("namespace"), thing["metadata"]["name"]

    def _store(self, key, what, thing):
        self.version += 1
        thing = {**thing, "metadata": {**thing["metadata"], "resourceVersion": str(self.version)}}
        if what == "DELETED":
            del self.objects[key]
        else:
            self.objects[key] = thing
        self.history.append((self.version, key[:3], what, thing))
        self.changed.notify_all()
        return copy.deepcopy(thing)

    def answer(self, call):
        match = PATH.match(call.path)
        if self.tokens is not None and call.token not in self.tokens:
            return Answer(401, status_object(401, "Unauthorized", "Unauthorized"))
        if not match:
            return Answer(404, b"404 page not found\n", content_type="text/plain")
        api_version = f"{match['group']}/{match['version']}" if match["group"] else match["version"]
        kind = self.served.get(api_version, {}).get(match["plural"])
        if not kind:
            return Answer(404, b"404 page not found\n", content_type="text/plain")
        place = (api_version, match["plural"], match["namespace"])
        try:
            if match["name"] is None and call.is_watch:
                return self._watch(call, place)
            with self.changed:
                if match["name"] is None and call.method == "GET":
                    return self._list(call, place, kind)
                return self._one(call, place, kind, match["name"], match["subresource"])
        except Failure as failure:
            return Answer(failure.code, status_object(failure.code, failure.reason, failure.message))

    # ---- collections ----

    def _selected(self, call, place):
        def fits(thing):
            meta = thing["metadata"]
            wanted = [word.split("=", 1) for word in call.query.get("fieldSelector", "").split(",") if word]
            labels = [re.split("==?", word, maxsplit=1) for word in call.query.get("labelSelector", "").split(",") if word]
            return all({"metadata.name": meta["name"], "metadata.namespace": meta.get("namespace")}[name] == value
                       for name, value in wanted) and \
                all((meta.get("labels") or {}).get(name) == value for name, value in labels)

        def is_in(collection):
            return collection[:2] == place[:2] and place[2] in (None, collection[2])
        return fits, is_in

    def _list(self, call, place, kind):
        """In pages where a limit is asked for; the continuation says where to go on, and in which version."""
        fits, is_in = self._selected(call, place)
        found = [self.objects[key] for key in sorted(self.objects, key=str) if is_in(key[:3]) and fits(self.objects[key])]
        start, version = 0, self.version
        if "continue" in call.query:
            start, version = json.loads(base64.urlsafe_b64decode(call.query["continue"]))
            if version < self.oldest:
                raise Failure(410, "Expired", EXPIRED)
        end = start + int(call.query.get("limit") or 0) if int(call.query.get("limit") or 0) else len(found)
        meta = {"resourceVersion": str(version)}
        if end < len(found):
            meta["continue"] = base64.urlsafe_b64encode(json.dumps([end, version]).encode()).decode()
            meta["remainingItemCount"] = len(found) - end
        items = found[start:end]
        if place[0] == "v1":  # built-in kinds say it once, in front
            items = [{name: value for name, value in thing.items() if name not in ("apiVersion", "kind")} for thing in items]
        return Answer(200, {"apiVersion": place[0], "kind": kind + "List", "metadata": meta, "items": items})

    def _watch(self, call, place):
        if call.query.get("sendInitialEvents") == "true":
            raise Failure(422, "Invalid", "sendInitialEvents is forbidden for watch")
        fits, is_in = self._selected(call, place)
        version = call.query.get("resourceVersion", "0") or "0"
        if not version.isdigit():
            raise Failure(500, "", f"strconv.ParseUint: parsing \"{version}\": invalid syntax")
        return Answer(200, pieces=self._events(call, int(version), fits, is_in, place))

    def _events(self, call, version, fits, is_in, place):
        until = time.monotonic() + float(call.query.get("timeoutSeconds", 3600))
        has_bookmarks = call.query.get("allowWatchBookmarks") in ("1", "true")
        with self.changed:
            at = len(self.history)
            first = []
            if version == 0:
                first = [event("ADDED", thing) for key, thing in self.objects.items() if is_in(key[:3]) and fits(thing)]
            elif version < self.oldest:
                first = None
            else:
                at = next((i for i, entry in enumerate(self.history) if entry[0] > version), len(self.history))
        if first is None:
            yield event("ERROR", status_object(410, "Expired", EXPIRED))
            return
        yield from first
        while time.monotonic() < until:
            with self.changed:
                if at >= len(self.history):
                    self.changed.wait(0.02)
                entries = self.history[at:]
                at += len(entries)
            for number, collection, what, thing in entries:
                if what == "BOOKMARK" and has_bookmarks:
                    kind = self.served[place[0]][place[1]]
                    yield event(what, {"kind": kind, "apiVersion": place[0], "metadata": {"resourceVersion": str(number)}})
                elif collection is not None and is_in(collection) and fits(thing):
                    yield event(what, thing)
            if not entries:
                yield None

    # ---- single objects ----

    def _one(self, call, place, kind, name, subresource):
        if call.method == "POST" and name is None:
            return self._create(call, place, kind)
        key = (*place, name)
        there = self.objects.get(key)
        is_apply = call.message.get("content-type", "").startswith("application/apply-patch")
        if there is None and call.method == "PATCH" and is_apply and not subresource:
            return self._create(call, place, kind)
        if there is None:
            raise Failure(404, "NotFound", f'{place[1]} "{name}" not found')
        if call.method == "GET":
            return Answer(200, there)
        if call.method == "DELETE":
            return Answer(200, self._store(key, "DELETED", there))
        given = call.object()
        if call.method == "PATCH":
            given = merged(there, given)
        elif call.method != "PUT":
            raise Failure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        version = given["metadata"].get("resourceVersion")
        if not version and place[0] != "v1":
            raise Failure(422, "Invalid", "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update")
        if version and version != there["metadata"]["resourceVersion"]:
            raise Failure(409, "Conflict", f'Operation cannot be fulfilled on {place[1]} "{name}": the object has been modified')
        return Answer(200, self._change(key, there, given, subresource))

    def _create(self, call, place, kind):
        given = call.object()
        meta = given["metadata"]
        if "name" not in meta:
            meta["name"] = meta["generateName"] + uuid.uuid4().hex[:5]
        key = (*place, meta["name"])
        if key in self.objects:
            raise Failure(409, "AlreadyExists", f'{place[1]} "{meta["name"]}" already exists')
        meta.update({"uid": str(uuid.uuid4()), "generation": 1, **({"namespace": place[2]} if place[2] else {})})
        return Answer(201, self._store(key, "ADDED", {"apiVersion": place[0], "kind": kind, **given}))

    def _change(self, key, there, given, subresource):
        """What a server does with a status and with the rest; nothing is written when nothing is different."""
        new = {**there, "status": given.get("status")} if subresource == "status" else \
            {**given, **({"status": there["status"]} if "status" in there else {})}
        new["metadata"] = {**(there if subresource else given)["metadata"],
                           **{name: there["metadata"][name] for name in ("uid", "resourceVersion", "generation")}}
        if new == there:
            return copy.deepcopy(there)
        if new.get("spec") != there.get("spec"):
            new["metadata"]["generation"] += 1
        return self._store(key, "MODIFIED", new)


class Failure(Exception):
    """An answer that is no success."""

    def __init__(self, code, reason, message):
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message


def merged(there, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(there) if isinstance(there, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
