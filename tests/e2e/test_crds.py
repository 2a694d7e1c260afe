# SPDX-License-Identifier: Apache-2.0
"""Umbra's CRDs on a real API server: what they refuse, what they fill in, and what they tell people. CEL is not tried: the
server that these tests have ignores it."""
import copy
import pathlib
import re

import pytest
import yaml

import crds
import kube
from waiting import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = sorted(ROOT.glob("examples/*.yaml"))

POLICY = yaml.safe_load("""
apiVersion: umbra.dev/v1alpha1
kind: MirrorPolicy
metadata: {name: policy}
spec:
  targetRefs: [{kind: HTTPRoute, name: checkout, sectionName: rule}]
  mirrorRef: {group: umbra.dev, kind: Backend, namespace: shop, name: shop-v2, port: 80}
  suspend: true
  methods: [GET, HEAD]
  sources: [10.0.0.0/8, "fd00::/8", "::ffff:10.0.0.1", 192.0.2.7]
  sampling: {mode: Hash, key: {header: x-user-id}, salt: spring}
  limits: {requestsPerSecond: 200, inFlight: 64, connections: 32, window: 1Mi, timeout: 1m30s, connectTimeout: 500ms}
  request:
    host: {type: Literal, value: "shadow.example.com:80"}
    headers: {set: [{name: X-A, value: a}], add: [{name: X-B, value: b}], remove: [X-C]}
    redact: {headers: [authorization], cookies: [session], query: [token]}
    marker: {header: X-Shadow, baggage: false, trace: Inherit}
    keepCredentials: true
  compare:
    samples: Full
    bodyBytes: 65536
    control: {backendRef: {name: shop-v1-twin, port: 80}}
    headers: [content-type]
    ignore: {headers: [x-build], jsonPaths: ["$.requestId", "$..id", "$['a b'][*].c[0]"]}
    arrays: [{path: $.items, type: Keyed, key: id}, {path: $.tags, type: Set}]
    redact: {headers: [x-a], cookies: [b], query: [c], jsonPaths: [$.d]}
  verdict:
    minPairs: 50
    minPairsP99: 500
    maxShadowFailures: 2.5%
    maxLost: 100%
    maxBlind: 5%
    maxDifferent: 0.0001%
    maxNewErrors: 0%
    findingLatencyAdded: 2ms
    findingLatencyShare: 250%
    maxLatencyAdded: 1s
    maxLatencyShare: 50%
""")
BACKEND = yaml.safe_load("""
apiVersion: umbra.dev/v1alpha1
kind: Backend
metadata: {name: backend}
spec:
  endpoints: [{host: 127.0.0.1, port: 3000}, {host: shop.local, port: 80}, {host: "unix:/run/shop"}]
  protocol: AUTO
  tls: {serverName: shop.local, caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}], clientCertificateRef: {name: me}}
""")

LONG_NAME = "n" * 254
# What a field may not be: (path, value) of POLICY, without `spec`.
WRONG_POLICIES = [
    ("targetRefs", [{"kind": "HTTPRoute", "name": f"r{i}"} for i in range(17)]),
    ("targetRefs.0.kind", "Service"),
    ("targetRefs.0.kind", None),
    ("targetRefs.0.name", None),
    ("targetRefs.0.name", ""),
    ("targetRefs.0.name", LONG_NAME),
    ("targetRefs.0.group", "umbra.dev"),
    ("targetRefs.0.sectionName", "Rule"),
    ("mirrorRef.name", None),
    ("mirrorRef.name", LONG_NAME),
    ("mirrorRef.group", "Umbra"),
    ("mirrorRef.kind", "1"),
    ("mirrorRef.namespace", "a.b"),
    ("mirrorRef.port", 0),
    ("mirrorRef.port", 65536),
    ("suspend", "yes"),
    ("methods", ["LINK"]),
    ("methods", ["get"]),
    ("methods", ["GET", "GET"]),
    ("methods", "GET"),
    ("sources", ["everywhere"]),
    ("sources", ["10.0.0.0/1234"]),
    ("sources", ["10.0.0.0/8"] * 129),
    ("sampling.mode", "Odd"),
    ("sampling.mode", "even"),
    ("sampling.salt", "s" * 257),
    ("sampling.key.header", "x user"),
    ("sampling.key.cookie", ""),
    ("sampling.key.query", ""),
    ("sampling.key.clientIP", "yes"),
    ("sampling.key.traceID", 1),
    ("limits.requestsPerSecond", 0),
    ("limits.requestsPerSecond", 1.5),
    ("limits.requestsPerSecond", 10000001),
    ("limits.inFlight", 0),
    ("limits.inFlight", 1000001),
    ("limits.connections", 0),
    ("limits.connections", 65536),
    ("limits.window", "1 MB"),
    ("limits.window", "-1"),
    ("limits.window", True),
    ("limits.timeout", "15"),
    ("limits.timeout", 15),
    ("limits.timeout", "1d"),
    ("limits.connectTimeout", "-1s"),
    ("request.host.type", "Prefix"),
    ("request.host.value", "a b"),
    ("request.host.value", ""),
    ("request.headers.set", [{"name": "a b", "value": "c"}]),
    ("request.headers.set", [{"name": "a"}]),
    ("request.headers.set", [{"name": f"x-{i}", "value": "v"} for i in range(17)]),
    ("request.headers.set", [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]),
    ("request.headers.add", [{"name": "", "value": "c"}]),
    ("request.headers.remove", ["a", "a"]),
    ("request.headers.remove", [f"x-{i}" for i in range(17)]),
    ("request.redact.headers", ["a b"]),
    ("request.redact.headers", [f"x-{i}" for i in range(65)]),
    ("request.redact.cookies", [f"x-{i}" for i in range(17)]),
    ("request.redact.query", [""]),
    ("request.marker.header", "a:b"),
    ("request.marker.baggage", "on"),
    ("request.marker.trace", "Off"),
    ("request.keepCredentials", "yes"),
    ("compare.samples", "All"),
    ("compare.bodyBytes", "256KiB"),
    ("compare.control", {}),
    ("compare.control.backendRef.name", None),
    ("compare.control.backendRef.port", 70000),
    ("compare.headers", []),
    ("compare.headers", ["a b"]),
    ("compare.ignore.headers", [f"x-{i}" for i in range(65)]),
    ("compare.ignore.jsonPaths", ["items"]),
    ("compare.ignore.jsonPaths", ["$.items[-1]"]),
    ("compare.ignore.jsonPaths", ["$.items["]),
    ("compare.ignore.jsonPaths", [f"$.a{i}" for i in range(257)]),
    ("compare.arrays", [{"path": "$.a", "type": "Set"}] * 2),
    ("compare.arrays", [{"path": f"$.a{i}", "type": "Set"} for i in range(65)]),
    ("compare.arrays.0.path", None),
    ("compare.arrays.0.type", None),
    ("compare.arrays.0.type", "Bag"),
    ("compare.arrays.0.key", ""),
    ("compare.redact.headers", [""]),
    ("compare.redact.cookies", ["a=b"]),
    ("compare.redact.query", [f"x-{i}" for i in range(65)]),
    ("compare.redact.jsonPaths", ["a.b"]),
    ("verdict.minPairs", 0),
    ("verdict.minPairs", 1000000001),
    ("verdict.minPairsP99", 0),
    ("verdict.maxShadowFailures", "1"),
    ("verdict.maxShadowFailures", 1),
    ("verdict.maxShadowFailures", "101%"),
    ("verdict.maxShadowFailures", "100.1%"),
    ("verdict.maxLost", "-1%"),
    ("verdict.maxBlind", "1.00001%"),
    ("verdict.maxDifferent", "200%"),
    ("verdict.maxNewErrors", "%"),
    ("verdict.findingLatencyAdded", "1"),
    ("verdict.findingLatencyShare", "10"),
    ("verdict.maxLatencyAdded", "5 ms"),
    ("verdict.maxLatencyShare", "1e2%"),
]
WRONG_BACKENDS = [
    ("endpoints", None),
    ("endpoints", []),
    ("endpoints", [{"host": "a", "port": 1}] * 257),
    ("endpoints.0.host", None),
    ("endpoints.0.host", ""),
    ("endpoints.0.host", "http://a"),
    ("endpoints.0.host", "h" * 254),
    ("endpoints.0.port", 0),
    ("endpoints.0.port", 65536),
    ("endpoints.0.port", "80"),
    ("protocol", "HTTP2"),
    ("protocol", "http"),
    ("tls.serverName", ""),
    ("tls.serverName", "a b"),
    ("tls.caFile", "f" * 4097),
    ("tls.certFile", ""),
    ("tls.keyFile", ""),
    ("tls.caCertificateRefs", [{"group": "", "kind": "ConfigMap", "name": f"c{i}"} for i in range(9)]),
    ("tls.caCertificateRefs.0.name", None),
    ("tls.caCertificateRefs.0.kind", None),
    ("tls.clientCertificateRef.name", None),
    ("tls.clientCertificateRef.namespace", "A"),
]


def changed(good, path, value):
    """A copy in which the field is another; without it where the value is None."""
    wrong = copy.deepcopy(good)
    *above, last = [int(word) if word.isdigit() else word for word in path.split(".")]
    at = wrong["spec"]
    for word in above:
        at = at[word]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return wrong


def check_refused(admin, good, path, value):
    admin.create(good, dryRun="All")
    with pytest.raises(kube.Refused) as refused:
        admin.create(changed(good, path, value), dryRun="All")
    assert refused.value.code == 422
    # The server names places as a.b[0], or b[0] behind the path of the list; what is missing is named by what lacks it.
    field = path.split(".")[-1] if not path.split(".")[-1].isdigit() else path.split(".")[-2]
    assert field in str(refused.value), refused.value


def named(cases):
    return [f"{path}={str(value)[:30]}" for path, value in cases]


# ----------------------------------------------------------------------------------------------------------- what is served


def test_they_are_served(admin):
    for crd in crds.shipped():
        there = admin.get("CustomResourceDefinition", crd["metadata"]["name"])
        assert kube.condition(there, "Established")["status"] == "True"
        assert not kube.condition(there, "NonStructuralSchema"), kube.condition(there, "NonStructuralSchema")


@pytest.mark.parametrize("good", [POLICY, BACKEND], ids=["MirrorPolicy", "Backend"])
def test_every_field_is_kept(admin, namespace, good):
    made = admin.create(good, namespace)["spec"]
    kube.assert_within(good["spec"], made, "spec")


@pytest.mark.parametrize("kind, good, wrong", [("MirrorPolicy", POLICY, WRONG_POLICIES), ("Backend", BACKEND, WRONG_BACKENDS)],
                         ids=["MirrorPolicy", "Backend"])
def test_every_field_is_tried(kind, good, wrong):
    """A new field gets its place in POLICY or BACKEND, and its limits in the lists of what is wrong."""
    crd = next(crd for crd in crds.shipped() if crd["spec"]["names"]["kind"] == kind)
    fields = set(leaves(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]))
    alternatives = {"sampling.key.cookie", "sampling.key.query", "sampling.key.clientIP", "sampling.key.traceID",
                    "tls.caFile", "tls.certFile", "tls.keyFile"}
    shared = {path for path in fields if re.search(r"(Ref|Refs)\.(group|kind|name|namespace|port)$|headers\.(set|add)\.", path)}
    assert fields - shared - alternatives <= set(written(good["spec"]))
    assert fields - shared <= {path.replace(".0", "") for path, _ in wrong}


def written(spec, path=""):
    for name, value in spec.items():
        here = f"{path}.{name}".lstrip(".")
        items = value if isinstance(value, list) else [value]
        for item in items:
            yield from written(item, here) if isinstance(item, dict) else [here]


def leaves(schema, path=""):
    for name, field in schema["properties"].items():
        here = f"{path}.{name}".lstrip(".")
        inner = field.get("items", field)
        if "properties" in inner:
            yield from leaves(inner, here)
        else:
            yield here


# ---------------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("path, value", WRONG_POLICIES, ids=named(WRONG_POLICIES))
def test_a_wrong_policy_is_refused(admin, path, value):
    check_refused(admin, POLICY, path, value)


@pytest.mark.parametrize("path, value", WRONG_BACKENDS, ids=named(WRONG_BACKENDS))
def test_a_wrong_backend_is_refused(admin, path, value):
    check_refused(admin, BACKEND, path, value)


def test_a_backend_needs_a_spec(admin, namespace):
    with pytest.raises(kube.Refused) as refused:
        admin.create({**BACKEND, "spec": None}, namespace)
    assert refused.value.code == 422


# --------------------------------------------------------------------------------------------------------- what is filled in


def test_a_policy_stays_as_it_was_written(admin, namespace):
    """Absent fields are what a wider policy says, so that no default may be written into them."""
    spec = {"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}], "sampling": {"salt": "s"},
            "limits": {"timeout": "5s"}, "request": {"host": {}, "marker": {}}, "compare": {}, "verdict": {}}
    made = admin.create({**POLICY, "spec": spec}, namespace)
    assert made["spec"] == spec


def test_references_are_completed(admin, namespace):
    spec = {"targetRefs": [{"kind": "HTTPRoute", "name": "a"}], "compare": {"control": {"backendRef": {"name": "b", "port": 80}}}}
    made = admin.create({**POLICY, "spec": spec}, namespace)["spec"]
    assert made["targetRefs"][0]["group"] == "gateway.networking.k8s.io"
    assert made["compare"]["control"]["backendRef"] == {"group": "", "kind": "Service", "name": "b", "port": 80}


def test_a_backend_gets_its_default_protocol(admin, namespace):
    made = admin.create({**BACKEND, "spec": {"endpoints": [{"host": "a", "port": 80}]}}, namespace)
    assert made["spec"]["protocol"] == "HTTP"


def condition(condition_type, **changed):
    return {"type": condition_type, "status": "True", "reason": "Good", "message": "", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-31T12:00:00Z", **changed}


def ancestor(*conditions, **changed):
    ref = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop", "name": "checkout", "sectionName": "rule"}
    return {"ancestorRef": ref, "controllerName": "umbra.dev/gateway-controller",
            "conditions": list(conditions or [condition("Accepted")]), **changed}


def test_status_is_written_apart(admin, namespace):
    made = admin.create({**POLICY, "status": {"ancestors": []}}, namespace)
    assert "status" not in made
    admin.patch_status("MirrorPolicy", "policy", namespace, ancestors=[ancestor(condition("Accepted"), condition("umbra.dev/CopiesFlow"))])
    there = admin.get("MirrorPolicy", "policy", namespace)
    assert there["status"]["ancestors"] == [ancestor(condition("Accepted"), condition("umbra.dev/CopiesFlow"))]
    assert there["metadata"]["generation"] == made["metadata"]["generation"]


WRONG_CONDITIONS = [
    [condition("Accepted", status="Maybe")],
    [condition("Accepted", reason="two words")],
    [condition("Accepted", lastTransitionTime="yesterday")],
    [condition("not a type")],
    [{"type": "Accepted", "status": "True"}],
    [condition(f"Odd{i}") for i in range(9)],
]
WRONG_ANCESTORS = [
    [ancestor(*conditions)] for conditions in WRONG_CONDITIONS] + [
    [ancestor(conditions=[])],
    [ancestor(controllerName="umbra")],
    [ancestor(ancestorRef={"kind": "HTTPRoute"})],
    [{"controllerName": "umbra.dev/gateway-controller"}],
    [ancestor()] * 17,
]


@pytest.mark.parametrize("ancestors", WRONG_ANCESTORS, ids=range(len(WRONG_ANCESTORS)))
def test_a_wrong_status_of_a_policy_is_refused(admin, namespace, ancestors):
    admin.create(POLICY, namespace)
    with pytest.raises(kube.Refused) as refused:
        admin.patch_status("MirrorPolicy", "policy", namespace, ancestors=ancestors)
    assert refused.value.code == 422


@pytest.mark.parametrize("conditions", WRONG_CONDITIONS, ids=range(len(WRONG_CONDITIONS)))
def test_a_wrong_status_of_a_backend_is_refused(admin, namespace, conditions):
    admin.create(BACKEND, namespace)
    with pytest.raises(kube.Refused) as refused:
        admin.patch_status("Backend", "backend", namespace, conditions=conditions)
    assert refused.value.code == 422


def shown(admin, *words):
    """The rows of a table of kubectl, each as {column: cell}."""
    lines = admin.kubectl("get", *words).stdout.splitlines()
    at = [found.start() for found in re.finditer(r"\S+", lines[0])]
    cells = [[line[begin:end].strip() for begin, end in zip(at, [*at[1:], None])] for line in lines]
    return [dict(zip(cells[0], row)) for row in cells[1:]]


def test_kubectl_shows_at_a_glance_whether_it_works(admin, namespace):
    admin.create(POLICY, namespace)
    admin.create(BACKEND, namespace)
    flow = condition("umbra.dev/CopiesFlow", status="False", reason="BreakerOpen")
    admin.patch_status("MirrorPolicy", "policy", namespace, ancestors=[ancestor(condition("Accepted"), flow)])
    admin.patch_status("Backend", "backend", namespace, conditions=[condition("Accepted", status="False", reason="NotAllowed")])
    (policy,) = shown(admin, "mirrorpolicy", "-n", namespace)
    assert {**policy, "AGE": ""} == {"NAME": "policy", "TARGET": "checkout", "ACCEPTED": "True", "COPIESFLOW": "False",
                                     "SUSPENDED": "true", "AGE": ""}
    (policy,) = shown(admin, "mpol", "-n", namespace, "-o", "wide")
    assert (policy["REASON"], policy["FLOW"]) == ("Good", "BreakerOpen")
    (backend,) = shown(admin, "ubackend", "-n", namespace)
    assert {**backend, "AGE": ""} == {"NAME": "backend", "ACCEPTED": "False", "HOST": "127.0.0.1", "PORT": "3000", "PROTOCOL": "AUTO",
                                      "AGE": ""}
    (backend,) = shown(admin, "ubackend", "-n", namespace, "-o", "wide")
    assert backend["REASON"] == "NotAllowed"


def test_both_kinds_are_of_the_categories_that_people_ask_for(admin, namespace):
    admin.create(POLICY, namespace)
    admin.create(BACKEND, namespace)
    for category in ("gateway-api", "umbra"):
        names = admin.kubectl("get", category, "-n", namespace, "-o", "name").stdout.split()
        assert set(names) == {"mirrorpolicy.umbra.dev/policy", "backend.umbra.dev/backend"}


# -------------------------------------------------------------------------------------------------------- examples and people


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_accepted(admin, namespace, path):
    """As files they need no namespace; here each gets that of the test."""
    for thing in kube.documents(path.read_text()):
        thing["metadata"].pop("namespace", None)
        made = admin.apply(thing, namespace)
        if "umbra.dev" in thing["apiVersion"]:
            kube.assert_within(thing["spec"], made["spec"], "spec")


def explained(admin, path):
    """The API server publishes the schema of a CRD some seconds after it serves it."""
    done = wait_for(lambda: (lambda done: done.returncode == 0 and done)(admin.kubectl("explain", path, is_ok=False)),
                    f"kubectl to explain {path}", 120)
    return " ".join(done.stdout.split())


def test_kubectl_explains_policies(admin):
    text = explained(admin, "mirrorpolicy.spec")
    assert "suspend <boolean> Stops all copies, in all replicas, for as long as it is true. Default: false." in text
    assert "-required-" not in text
    text = explained(admin, "mirrorpolicy.status.ancestors.conditions")
    assert "lastTransitionTime <string> -required- Since when the status" in text
    text = explained(admin, "mirrorpolicy.spec.verdict")
    assert "maxDifferent <string> The share of pairs whose answers may differ. Default: 0.1%." in text
    text = explained(admin, "mirrorpolicy.spec.limits")
    assert "inFlight <integer> How many copies may be queued and on their way at a time. Default: 1024." in text


def test_every_field_is_explained():
    """By a sentence, so that kubectl explain leaves nobody alone."""
    def check(schema, path):
        for name, field in schema.get("properties", {}).items():
            here = f"{path}.{name}"
            if here.endswith(".metadata"):
                continue  # the API server's own
            assert field["description"].endswith("."), here
            assert field["description"][0].isupper() or not field["description"][0].isalpha(), here
            check(field.get("items", field), here)
    for crd in crds.shipped():
        check(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], crd["spec"]["names"]["kind"])
