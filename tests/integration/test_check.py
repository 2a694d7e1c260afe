# SPDX-License-Identifier: Apache-2.0
"""`umbra check` and `umbra print`: where rules come from, what is said at the end, and that what is printed are the rules."""
import json
import re
import subprocess

import pytest

import rules
import umbra
from gateway_api import free_offset
from http1 import answer
from servers import answering, free_port
from waiting import PATIENCE

MIRRORED = rules.gateway(http=8080) + rules.backend("v1", "127.0.0.1:3000") + rules.backend("v2", "127.0.0.1:3001")
READS = ("apiVersion: umbra.dev/v1alpha1\nkind: MirrorPolicy\nmetadata: {name: reads}\nspec:\n"
         "  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]\n"
         "  methods: [GET, HEAD, OPTIONS]\n---\n")


def command(*words, text=None):
    return subprocess.run([umbra.BINARY, *map(str, words)], input=text, capture_output=True, text=True,
                          timeout=20 * PATIENCE, check=False, stdin=None if text is not None else subprocess.DEVNULL)


def check(*words, text=None):
    return command("check", *words, text=text)


def write(directory, text, name="rules.yaml"):
    path = directory / name
    path.write_text(text)
    return path


# ---- the last line, exit codes ----


@pytest.mark.parametrize("text, last, code", [
    ("", "mirrors 0 of 0 routes; 0 need attention", 0),
    (MIRRORED + READS + rules.route("a", shadow="v2") + rules.route("b", path="/b"),
     "mirrors 1 of 2 routes; 0 need attention", 0),
    # A warning, here of a copied write, is a need for attention and no failure.
    (MIRRORED + rules.route("a", shadow="v2"), "mirrors 1 of 1 routes; 1 need attention", 0),
    # Resources are counted, not what is wrong with them; the route counts, though it is left out.
    (MIRRORED + READS + rules.route("a", shadow="v2") + rules.route("b", path="b", extra="    timeout: {request: 1}\n"),
     "mirrors 1 of 2 routes; 1 need attention", 1),
    # Mirrors that are suspended copy nothing.
    (MIRRORED + READS.replace("methods", "suspend: true\n  methods") + rules.route("a", shadow="v2"),
     "mirrors 0 of 1 routes; 0 need attention", 0),
    # Neither do those of a route that nothing comes in by, nor those that lead nowhere.
    (MIRRORED + READS + rules.route("a", shadow="v2", parent="none"), "mirrors 0 of 1 routes; 1 need attention", 1),
    (MIRRORED + READS + rules.route("a", shadow="v3"), "mirrors 0 of 1 routes; 1 need attention", 1),
], ids=["nothing", "right", "warning", "error", "suspended", "no-gateway", "no-shadow"])
def test_the_last_line_says_what_would_happen(text, last, code, tmp_path):
    found = check("-f", write(tmp_path, text))
    assert (found.stdout, found.returncode) == (last + "\n", code)


@pytest.mark.parametrize("words, said", [
    ([], "umbra check: nothing to check: give rules with -f FILE_OR_DIR (- is standard input)"),
    (["rules.yaml"], "umbra check: `umbra check` does not expect the word \"rules.yaml\"; rules in a file are given with "
                     "-f rules.yaml"),
    (["-f"], "umbra check: --file needs a value: --file FILE_OR_DIR"),
    (["-f", "x", "--shadow", "127.0.0.1:1"], "umbra check: --shadow is an option of `umbra run`, not of `umbra check`"),
    (["--fiel", "x"], "umbra check: unknown option --fiel; did you mean --file?"),
], ids=["no-rules", "no-option", "no-value", "option-of-run", "misspelt"])
def test_usage_is_2(words, said):
    found = check(*words)
    assert (found.stdout, found.returncode) == ("", 2)
    assert found.stderr.splitlines()[0] == said


def test_a_file_that_is_not_there_is_1(tmp_path):
    found = check("-f", tmp_path / "none.yaml")
    assert (found.stderr, found.returncode) == (f"umbra check: -f {tmp_path}/none.yaml: No such file or directory\n", 1)


# ---- where rules come from ----


def test_standard_input_is_read(tmp_path):
    found = check("-f", "-", text=MIRRORED + rules.route("a", path="api"))
    assert found.returncode == 1
    where, _, what = found.stderr.partition(": ")
    assert re.fullmatch(r"\S+:\d+:\d+", where)
    assert what == 'HTTPRoute/a: spec.rules[0].matches[0].path.value: "api" must begin with "/"\n'


def test_words_behind_f_are_files_too(tmp_path):
    first, second = write(tmp_path, MIRRORED, "a.yaml"), write(tmp_path, rules.route("a"), "b.yaml")
    found = check("-f", first, second)
    assert (found.stdout, found.stderr) == ("mirrors 0 of 1 routes; 0 need attention\n", "")
    again = check("-f", first, "-f", second)
    assert again.stdout == found.stdout


def test_of_a_directory_manifests_are_read_and_nothing_else(tmp_path):
    write(tmp_path, MIRRORED, "b.yaml")
    write(tmp_path, rules.route("a"), "a.yml")
    write(tmp_path, json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "Wrong"},
                                "spec": {"ports": [{"port": 80}]}}), "c.json")
    write(tmp_path, "no manifest", "README.md")
    write(tmp_path, "no: [manifest", ".hidden.yaml")
    (tmp_path / "below").mkdir()
    write(tmp_path / "below", "no: [manifest", "d.yaml")
    found = check("-f", tmp_path)
    line, = found.stderr.splitlines()
    assert line.startswith(f"{tmp_path}/c.json:1:") and "Service/Wrong: metadata.name: " in line
    assert found.stdout == "mirrors 0 of 1 routes; 1 need attention\n"


def as_a_server_has_it(kind, version, name, spec, **more):
    """An object with what an API server adds to it."""
    return {
        "apiVersion": version, "kind": kind,
        "metadata": {
            "name": name, "namespace": "default", "uid": "8f0c2f7e-6c0e-4a53-8d4b-5b6a0e1f2a3b", "generation": 3,
            "resourceVersion": "184467", "creationTimestamp": "2026-03-01T09:30:00Z", "selfLink": "/apis/x",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"kind\":\"" + kind + "\"}\n"},
            "managedFields": [{"apiVersion": version, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {".": {}}},
                               "manager": "kubectl", "operation": "Update", "time": "2026-03-01T09:30:00Z"}],
            "ownerReferences": [], "finalizers": ["example.com/finalizer"]},
        "spec": spec, **more}


LIST = {
    "apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": [
        as_a_server_has_it("Gateway", "gateway.networking.k8s.io/v1", "gw", {
            "gatewayClassName": "umbra", "listeners": [{
                "name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Same"}}}]},
            status={"addresses": [{"type": "IPAddress", "value": "10.0.0.1"}], "listeners": [{"attachedRoutes": 1}]}),
        as_a_server_has_it("HTTPRoute", "gateway.networking.k8s.io/v1", "shop", {
            "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}],
            "rules": [{"name": "all", "matches": [{"path": {"type": "PathPrefix", "value": "/"}, "method": "GET"}],
                       "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {
                           "group": "", "kind": "Service", "name": "shop-v2", "port": 80}}}],
                       "backendRefs": [{"group": "", "kind": "Service", "name": "shop", "port": 80, "weight": 1}]}]},
            status={"parents": [{"conditions": [{"type": "Accepted", "status": "True"}]}]}),
        as_a_server_has_it("Service", "v1", "shop", {
            "clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10"], "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "selector": {"app": "shop"},
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": "http"}], "sessionAffinity": "None",
            "type": "ClusterIP"}, status={"loadBalancer": {}}),
    ]}


@pytest.mark.parametrize("is_yaml", [False, True], ids=["json", "yaml"])
def test_a_list_as_kubectl_prints_it_is_right(is_yaml):
    text = json.dumps(LIST, indent=4)
    if is_yaml:  # kubectl's own form: block style, items not indented
        text = to_yaml(LIST)
    found = check("-f", "-", text=text)
    assert (found.stderr, found.stdout) == ("", "mirrors 1 of 1 routes; 0 need attention\n")


def test_a_mistake_in_a_list_is_said_of_the_item():
    broken = json.loads(json.dumps(LIST))
    broken["items"][1]["spec"]["rules"][0]["nmae"] = "all"
    found = check("-f", "-", text=to_yaml(broken))
    assert re.search(r':\d+:\d+: HTTPRoute/shop: spec.rules\[0\].nmae: unknown field; did you mean "name"\?\n$',
                     found.stderr), found.stderr
    assert found.returncode == 1


def to_yaml(value, indent=""):
    if isinstance(value, dict) and value:
        return "".join(f"{indent}{key}:{nested(each, indent)}" for key, each in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{indent}- {to_yaml(each, indent + '  ').lstrip()}" for each in value)
    return json.dumps(value) + "\n"


def nested(value, indent):
    is_block = isinstance(value, (dict, list)) and value
    deeper = indent + ("  " if isinstance(value, dict) else "")
    return "\n" + to_yaml(value, deeper) if is_block else " " + to_yaml(value)


def test_kinds_that_umbra_does_not_know_are_noted_once_a_file_and_need_no_attention(tmp_path):
    deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: NAME}\nspec: {anything: [goes]}\n---\n"
    path = write(tmp_path, MIRRORED + deployment.replace("NAME", "one") + deployment.replace("NAME", "two") +
                 rules.route("a"))
    found = check("-f", path)
    assert found.stderr.splitlines() == [
        f"{path}:20:7: Deployment/one: kind: Umbra does not read Deployment of apps/v1; all such are skipped in this file"]
    assert (found.stdout, found.returncode) == ("mirrors 0 of 1 routes; 0 need attention\n", 0)


# ---- what is right and still worth a look ----


def said_of(tmp_path, text, *options):
    found = check("-f", write(tmp_path, text), *options)
    assert found.returncode == 0, found.stderr
    return re.sub(rf"^{re.escape(str(tmp_path))}/rules\.yaml:\d+:\d+: ", "", found.stderr, flags=re.M).splitlines()


def test_copied_writes_are_warned_of(tmp_path):
    said, = said_of(tmp_path, MIRRORED + rules.route("a", shadow="v2"))
    assert said.startswith("HTTPRoute/a: spec.rules[0].filters[0]: writes are copied to default/v2 as well")
    assert "add a MirrorPolicy with methods: [GET, HEAD, OPTIONS]" in said
    assert said_of(tmp_path, MIRRORED + READS + rules.route("a", shadow="v2")) == []
    assert said_of(tmp_path, MIRRORED + rules.route("a", shadow="v2"), "--safe-methods") == []


def test_mirrors_of_rules_without_a_name_are_warned_of(tmp_path):
    unnamed = rules.route("a", shadow="v2").replace("  - name: all\n    matches", "  - matches")
    assert said_of(tmp_path, MIRRORED + READS + unnamed) == [
        "HTTPRoute/a: spec.rules[0].name: this rule has a mirror and no name: its label is default/a#0 and changes when "
        "rules are moved; give it a name"]
    assert said_of(tmp_path, MIRRORED + rules.route("a").replace("  - name: all\n    m", "  - m")) == []


def test_mirrors_that_lead_back_are_warned_of(tmp_path):
    loop = MIRRORED.replace("port: 3001", "port: 8080")
    assert said_of(tmp_path, loop + READS + rules.route("a", shadow="v2")) == [
        "HTTPRoute/a: spec.rules[0].filters[0].requestMirror.backendRef: this leads back to one of Umbra's own listeners, "
        "which would serve every copy like a request of a client; name the shadow itself"]
    # Where the listeners are is what counts.
    assert said_of(tmp_path, loop + READS + rules.route("a", shadow="v2"), "--port-offset", 1000) == []
    assert said_of(tmp_path, loop + READS + rules.route("a", shadow="v2"), "--bind", "127.0.0.9") == []
    assert said_of(tmp_path, MIRRORED + READS + rules.route("a", shadow="v1")) == [
        "HTTPRoute/a: spec.rules[0].filters[0].requestMirror.backendRef: default/v1 is a live backend of this rule too, so "
        "it gets some requests twice; name another shadow"]


# ---- a manifest as the pages of other gateways have it ----

ELSEWHERE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: elsewhere
spec:
  controllerName: example.com/gateway-controller
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: elsewhere
spec:
  gatewayClassName: elsewhere
  listeners:
    - name: http
      protocol: HTTP
      port: 80
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: echo
---
apiVersion: v1
kind: Service
metadata:
  name: echo
  labels:
    app: echo
spec:
  ports:
    - name: http
      port: 3000
      targetPort: 3000
  selector:
    app: echo
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: echo
spec:
  replicas: 1
  selector:
    matchLabels:
      app: echo
  template:
    metadata:
      labels:
        app: echo
    spec:
      containers:
        - image: registry.example.com/echo:1
          name: echo
          ports:
            - containerPort: 3000
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: echo
spec:
  parentRefs:
    - name: elsewhere
  hostnames:
    - "www.example.com"
  rules:
    - backendRefs:
        - group: ""
          kind: Service
          name: echo
          port: 3000
          weight: 1
      matches:
        - path:
            type: PathPrefix
            value: /
      filters:
        - type: RequestMirror
          requestMirror:
            backendRef:
              kind: Service
              name: echo-2
              port: 3000
"""


def slices(name, service):
    return ("---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
            f"metadata: {{name: {name}-1, labels: {{kubernetes.io/service-name: {name}}}}}\naddressType: IPv4\n"
            f"ports: [{{name: http, port: {service.port}}}]\nendpoints: [{{addresses: [127.0.0.1]}}]\n")


@pytest.mark.sanitize
def test_the_quick_start_of_another_gateway_runs_as_it_is(service, ruled, tmp_path):
    live, shadow = service(answering(answer(200, b"live"))), service()
    manifests = write(tmp_path, ELSEWHERE, "quickstart.yaml")
    addresses = write(tmp_path, slices("echo", live) + slices("echo-2", shadow), "addresses.yaml")
    found = check("-f", manifests, addresses)
    assert found.stdout == "mirrors 1 of 1 routes; 1 need attention\n"
    assert [line.partition(": ")[2] for line in found.stderr.splitlines()][:3] == [
        "Gateway/elsewhere: spec.gatewayClassName: served, though GatewayClass elsewhere belongs to "
        "example.com/gateway-controller: no Gateway here is of umbra.dev/gateway-controller",
        "ServiceAccount/echo: kind: Umbra does not read ServiceAccount of v1; all such are skipped in this file",
        "Deployment/echo: kind: Umbra does not read Deployment of apps/v1; all such are skipped in this file"]
    offset = free_offset([80])
    through = ruled(None, "--port-offset", offset, paths=[manifests, addresses])
    assert through.address == f"127.0.0.1:{80 + offset}"
    with through.connect() as connection:
        reply = connection.ask(b"GET /x HTTP/1.1\r\nHost: www.example.com\r\n\r\n")
    assert (reply.status, reply.body) == (200, b"live")
    copy, = shadow.wait(1)
    assert copy.target == "/x" and copy.get("Host") == "www.example.com"
    assert through.get("/x").status == 404  # of another host


# ---- print ----


def test_what_is_printed_is_printed_again_alike(tmp_path):
    text = MIRRORED + READS + rules.route("a", shadow="v2", percent=7) + rules.route("b", path="/b")
    once = command("print", "-f", write(tmp_path, text))
    assert (once.returncode, once.stderr) == (0, "")
    twice = command("print", "-f", "-", text=once.stdout)
    assert (twice.stdout, twice.stderr, twice.returncode) == (once.stdout, "", 0)
    assert "percent: 7\n" in once.stdout and "weight: 1\n" in once.stdout  # what was written, and a default
    assert check("-f", "-", text=once.stdout).stdout == "mirrors 1 of 2 routes; 0 need attention\n"


@pytest.mark.parametrize("example", sorted(path.name for path in (umbra.ROOT / "examples").glob("*.yaml")))
def test_examples_are_printed_as_they_are_meant(example):
    path = umbra.ROOT / "examples" / example
    once = command("print", "-f", path)
    assert command("print", "-f", "-", text=once.stdout).stdout == once.stdout
    assert check("-f", "-", text=once.stdout).stdout == check("-f", path).stdout


def test_what_is_wrong_is_not_printed(tmp_path):
    path = write(tmp_path, MIRRORED + rules.route("good") + rules.route("bad", path="bad"))
    found = command("print", "-f", path)
    assert found.returncode == 1
    assert "name: good\n" in found.stdout and "name: bad\n" not in found.stdout
    assert found.stderr.startswith(f"{path}:") and "HTTPRoute/bad: " in found.stderr


def labels(metrics):
    return metrics.labels("umbra_requests_total", "route"), metrics.labels("umbra_requests_total", "backend"), \
        metrics.mirrors()


@pytest.mark.sanitize
def test_the_quick_starts_options_printed_run_with_the_same_labels(service, gateway, ruled):
    live, one, two = service(), service(), service()
    port = free_port()
    options = ["--shadow", f"{one.address}=20", "--shadow", two.address, "--sampling", "hash", "--sampling-key",
               "header:x-user"]
    printed = command("print", "--listen", f"127.0.0.1:{port}", "--live", live.address, *options)
    assert (printed.returncode, printed.stderr) == (0, "")
    by_options = gateway(live, (one, 20), two, *options[4:])
    by_file = ruled(printed.stdout)
    assert by_file.address == f"127.0.0.1:{port}"
    for through in (by_options, by_file):
        assert [through.get("/", ("X-User", str(n))).status for n in range(50)] == [200] * 50
        assert through.get("/", method="POST").status == 200
    first, second = by_options.settled(), by_file.settled()
    assert labels(first) == labels(second)
    assert labels(first)[0] >= {"default/quickstart#0"}
    for mirror in (one.address, two.address):
        assert first.summary(mirror) == second.summary(mirror)  # Hash: the same users
    assert second.mirror("filtered", reason="method") == 2
