# SPDX-License-Identifier: Apache-2.0
"""A client of the Kubernetes API for tests: objects are dicts, as the server has them; manifests are YAML."""
import http.client
import json
import shutil
import ssl
import subprocess
import threading
import urllib.parse

import pytest
import yaml

from waiting import PATIENCE, wait_for

JSON, MERGE_PATCH, APPLY_PATCH = "application/json", "application/merge-patch+json", "application/apply-patch+yaml"


class Refused(Exception):
    """An answer that is no success, with what the server says in its Status."""

    def __init__(self, code, status, request):
        self.code = code
        self.reason = status.get("reason", "")
        self.message = status.get("message", "")
        self.causes = {cause.get("field"): cause.get("message")
                       for cause in (status.get("details") or {}).get("causes") or []}
        super().__init__(f"{request}: {code} {self.reason}: {self.message}")


def documents(manifests):
    """Objects from YAML of any number of documents, from one object, or from a list of them."""
    if isinstance(manifests, str):
        manifests = list(yaml.safe_load_all(manifests))
    if isinstance(manifests, dict):
        manifests = [manifests]
    for document in manifests:
        if document and document.get("kind") == "List":
            yield from document["items"]
        elif document:
            yield document


def write_kubeconfig(path, address, ca_file, token=None, identity=None):
    """For a token, or a client certificate (certificates.Identity)."""
    user = {"token": token} if token else {}
    if identity:
        user.update({"client-certificate": str(identity.chain_file), "client-key": str(identity.key_file)})
    path.write_text(json.dumps({  # JSON is YAML
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": f"https://{address}", "certificate-authority": str(ca_file)}}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}))
    return path


def write_account(directory, ca_file, token, namespace):
    """What a kubelet mounts into a pod for its ServiceAccount: token, ca.crt and namespace; again to renew it."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in (("token", token), ("namespace", namespace), ("ca.crt", ca_file.read_text())):
        new = directory / f".{name}"
        new.write_text(text)
        new.rename(directory / name)
    return directory


def trusting(ca_file):
    """A TLS context that trusts one authority."""
    return ssl.create_default_context(cafile=str(ca_file))


def condition(thing, kind):
    """The condition of that type among an object's, or any other holder's, `conditions`; {} when there is none."""
    found = thing.get("status", thing).get("conditions") or []
    return next((one for one in found if one["type"] == kind), {})


def assert_within(wanted, made, path):
    """All that was written is there; what the server filled in is beside it."""
    if isinstance(wanted, dict):
        for name in wanted:
            assert name in made, f"{path}.{name} was dropped"
            assert_within(wanted[name], made[name], f"{path}.{name}")
    elif isinstance(wanted, list):
        assert len(wanted) == len(made), path
        for i, item in enumerate(wanted):
            assert_within(item, made[i], f"{path}[{i}]")
    else:
        assert wanted == made, path


class Kube:
    """One user of one server, or of what stands at `address` in front of it. Any thread may use it: each has its own
    connection."""

    def __init__(self, cluster, token=None, identity=None, address=None):
        self.cluster = cluster
        self.port = int((address or cluster.address).rsplit(":", 1)[1])
        self.token = token
        self.context = trusting(cluster.ca_file)
        self.identity = identity
        if identity:
            self.context.load_cert_chain(identity.chain_file, identity.key_file)
        self.local = threading.local()
        self.resources = {}  # (apiVersion, kind): (plural, is namespaced)

    # ---- requests ----

    def _connection(self, timeout):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=timeout * PATIENCE)

    def _send(self, method, path, body, content_type):
        fields = {"Accept": "application/json"}
        if self.token:
            fields["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            fields["Content-Type"] = content_type
            body = body if isinstance(body, (str, bytes)) else json.dumps(body)
        kept = getattr(self.local, "connection", None)
        if kept:
            try:
                kept.request(method, path, body, fields)
                return kept.getresponse()
            except (OSError, http.client.HTTPException):  # it was idle while the server ended
                kept.close()
        self.local.connection = self._connection(60)
        self.local.connection.request(method, path, body, fields)
        return self.local.connection.getresponse()

    def raw(self, method, path, body=None, content_type=JSON, **query):
        """(status, headers, bytes) of any answer."""
        if query:
            path += "?" + urllib.parse.urlencode(query)
        try:
            response = self._send(method, path, body, content_type)
            return response.status, response.headers, response.read()
        except BaseException:
            self.local.connection.close()
            self.local.connection = None
            raise

    def ask(self, method, path, body=None, content_type=JSON, **query):
        """The object of a success; raises Refused."""
        status, _, data = self.raw(method, path, body, content_type, **query)
        if status < 300:
            return json.loads(data)
        try:
            said = json.loads(data)
        except ValueError:
            said = {"message": data.decode(errors="replace")}
        raise Refused(status, said, f"{method} {path}")

    # ---- names ----

    def _discover(self, api_version):
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        status, _, data = self.raw("GET", path)
        if status != 200:
            return
        for resource in json.loads(data)["resources"]:
            if "/" not in resource["name"]:
                self.resources[(api_version, resource["kind"])] = (resource["name"], resource["namespaced"])

    def _resource(self, api_version, kind):
        if (api_version, kind) not in self.resources:
            self._discover(api_version)
        assert (api_version, kind) in self.resources, f"the API server has no {api_version} {kind}"
        return self.resources[(api_version, kind)]

    def api_version(self, kind):
        """The preferred apiVersion of a kind that stands alone with its name; of others say "group/version Kind"."""
        if " " in kind:
            return kind.split(" ")
        for api_version, name in self.resources:
            if name == kind:
                return api_version, kind
        self._discover("v1")
        for group in self.ask("GET", "/apis")["groups"]:
            self._discover(group["preferredVersion"]["groupVersion"])
        found = [api_version for api_version, name in self.resources if name == kind]
        assert found, f"the API server has no kind {kind}"
        return found[0], kind

    def path(self, kind, name=None, namespace=None, subresource=None):
        """kind: "HTTPRoute", or "networking.istio.io/v1 Gateway" where the name alone is not enough."""
        api_version, kind = self.api_version(kind)
        plural, is_namespaced = self._resource(api_version, kind)
        words = ["apis", api_version] if "/" in api_version else ["api", api_version]
        if is_namespaced and (namespace or name):
            words += ["namespaces", namespace or "default"]
        return "/" + "/".join([*words, plural, *([name] if name else []), *([subresource] if subresource else [])])

    @staticmethod
    def _kind(thing):
        return f"{thing['apiVersion']} {thing['kind']}"

    def _place(self, thing, namespace):
        """Where an object is: (kind, name, namespace)."""
        meta = thing["metadata"]
        return self._kind(thing), meta.get("name"), meta.get("namespace") or namespace or "default"

    # ---- objects ----

    def create(self, manifests, namespace=None, **query):
        """Creates what is written there, in `namespace` where it says nothing, and returns the last. dryRun="All" only tries."""
        made = None
        for thing in documents(manifests):
            kind, _, place = self._place(thing, namespace)
            api_version, _ = self.api_version(kind)
            plural, is_namespaced = self._resource(api_version, thing["kind"])
            self.cluster.kinds[place].add(kind)
            root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            made = self.ask("POST", f"{root}/namespaces/{place}/{plural}" if is_namespaced else f"{root}/{plural}", thing,
                            **query)
        return made

    def apply(self, manifests, namespace=None):
        """Creates what is not there and replaces what is (all of it but its status); returns the last."""
        made = None
        for thing in documents(manifests):
            try:
                made = self.create(thing, namespace)
            except Refused as refused:
                if refused.reason != "AlreadyExists":
                    raise
                made = self._replace(thing, namespace)
        return made

    def _replace(self, thing, namespace):
        """Others write to it too: a conflict is tried again."""
        while True:
            there = self.get(*self._place(thing, namespace))
            kept = {name: there["metadata"][name] for name in ("resourceVersion", "finalizers") if name in there["metadata"]}
            new = {**thing, "metadata": {**kept, **thing["metadata"]}}
            if "clusterIP" in there.get("spec", {}):
                new["spec"] = {"clusterIP": there["spec"]["clusterIP"], **thing["spec"]}
            try:
                return self.ask("PUT", self.path(*self._place(thing, namespace)), new)
            except Refused as refused:
                if refused.reason != "Conflict":
                    raise

    def get(self, kind, name, namespace=None):
        return self.ask("GET", self.path(kind, name, namespace))

    def find(self, kind, name, namespace=None):
        """As get, None when it is not there."""
        try:
            return self.get(kind, name, namespace)
        except Refused as refused:
            if refused.code != 404:
                raise
            return None

    def list(self, kind, namespace=None, **query):
        """The objects of a namespace, or of all."""
        return self.ask("GET", self.path(kind, None, namespace), **query)["items"]

    def patch(self, kind, name, namespace=None, *, subresource=None, **fields):
        """A merge patch: patch("HTTPRoute", "shop", ns, spec={…}); null deletes."""
        return self.ask("PATCH", self.path(kind, name, namespace, subresource), fields, MERGE_PATCH)

    def patch_status(self, kind, name, namespace=None, **status):
        return self.patch(kind, name, namespace, subresource="status", status=status)

    def delete(self, kind, name, namespace=None):
        return self.ask("DELETE", self.path(kind, name, namespace))

    def delete_all(self, kind, namespace):
        if not self._resource(*self.api_version(kind))[1]:
            return
        try:
            self.ask("DELETE", self.path(kind, None, namespace))
        except Refused as refused:
            if refused.code != 405:  # of Services each has to be named
                raise
            for thing in self.list(kind, namespace):
                self.delete(kind, thing["metadata"]["name"], namespace)

    # ---- waiting ----

    def wait(self, kind, name, namespace, holds, what, timeout=20):
        """Until holds(object) of an object that is there; returns it."""
        last = None

        def look():
            nonlocal last
            last = self.find(kind, name, namespace)
            return last is not None and holds(last) and last
        return wait_for(look, lambda: f"{what} of {kind} {namespace}/{name}, which is: " +
                        (yaml.safe_dump({key: last[key] for key in ("spec", "status") if key in last}) if last else "not there"),
                        timeout)

    def wait_condition(self, kind, name, namespace, condition_type, status="True", reason=None, timeout=20):
        """A condition of the object itself; of those per parent or ancestor see wait()."""
        def holds(thing):
            found = condition(thing, condition_type)
            return (found.get("status") == status and reason in (None, found.get("reason"))
                    and found.get("observedGeneration") in (None, thing["metadata"].get("generation")))
        return self.wait(kind, name, namespace, holds, f"{condition_type}={status}{f' ({reason})' if reason else ''}", timeout)

    def watch(self, kind, namespace=None, **query):
        """with kube.watch("HTTPRoute", ns) as seen: … seen.events"""
        return Watch(self, self.path(kind, None, namespace), query)

    # ---- kubectl ----

    def kubectl(self, *words, stdin=None, is_ok=True):
        """Runs kubectl as this user: the finished process, with its output as text."""
        if not shutil.which("kubectl"):
            pytest.skip("kubectl is not installed (./dev setup e2e)")
        done = subprocess.run(["kubectl", "--kubeconfig", str(self.cluster.kubeconfig(self.token, self.identity, f"127.0.0.1:{self.port}")), *words],
                              input=stdin or "", capture_output=True, text=True, check=False, timeout=120 * PATIENCE)
        assert not is_ok or done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr or done.stdout}"
        return done


class Watch:
    """What happens to objects from now on, collected by a thread: `events` are (type, object)."""

    def __init__(self, kube, path, query):
        self.kube = kube
        self.path = path
        self.query = query
        self.events = []
        self.connection = self.thread = None

    def __enter__(self):
        version = self.kube.ask("GET", self.path, limit=1)["metadata"]["resourceVersion"]
        query = urllib.parse.urlencode({"watch": 1, "resourceVersion": version, **self.query})
        self.connection = self.kube._connection(3600)
        fields = {"Authorization": f"Bearer {self.kube.token}"} if self.kube.token else {}
        self.connection.request("GET", f"{self.path}?{query}", headers=fields)
        self.socket = self.connection.sock  # a response that ends with its connection takes it from there
        response = self.connection.getresponse()
        assert response.status == 200, f"watch of {self.path}: {response.status} {response.read()}"
        self.thread = threading.Thread(target=self._collect, args=(response,), daemon=True)
        self.thread.start()
        return self

    def _collect(self, response):
        try:
            for line in response:
                event = json.loads(line)
                self.events.append((event["type"], event["object"]))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass  # the end

    def of(self, name):
        """(type, object) of one object's events."""
        return [event for event in list(self.events) if event[1]["metadata"].get("name") == name]

    def wait(self, holds, what, timeout=20):
        """Until holds(type, object) of an event; returns its object."""
        return wait_for(lambda: next((thing for kind, thing in list(self.events) if holds(kind, thing)), None), what, timeout)

    def __exit__(self, *_):
        try:
            self.socket.shutdown(2)
        except OSError:
            pass
        self.thread.join(10)
        self.connection.close()
