# SPDX-License-Identifier: Apache-2.0
"""What deploy/ installs, as the API server takes it: umbra does its work with the options and under the rights that stand there."""
import os
import re
import subprocess

import cluster as control_plane
import kube
import pytest

import actors
import certificates
import clustered
import umbra
from deployed import DEPLOY, OWN, Installed, deployment_of, render
from waiting import wait_for

OFFSET = 8000



def free_gateway_port():
    """One of a Gateway, whose listener is OFFSET above at a free port."""
    return wait_for(lambda: max(control_plane.free_port() - OFFSET, 0), "a free port")


def conditions(admin, kind, name, namespace, *path):
    """{type: status} of an object, or of what stands at the path in its status."""
    found = (admin.find(kind, name, namespace) or {}).get("status", {})
    for step in path:
        found = (found.get(step) or [{}])[0]
    return {one["type"]: one["status"] for one in found.get("conditions") or []}


def wait_true(admin, replica, kind, name, namespace, wanted, *path):
    wait_for(lambda: conditions(admin, kind, name, namespace, *path).get(wanted) == "True",
             lambda: f"{wanted} of {kind} {name}: {conditions(admin, kind, name, namespace, *path)}; umbra says:\n{replica.log()}", 30)


def virtual_service():
    """One with a field that Umbra does not know, which is said by an Event."""
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "odd"},
            "spec": {"hosts": ["odd.test"], "gateways": ["edge"],
                     "http": [{"fault": {"abort": {"httpStatus": 500, "percentage": {"value": 1}}},
                               "route": [{"destination": {"host": "v1"}}]}]}}


def check_work(replica, admin, namespace, service, lease):
    live, shadow = service(), service()
    port = free_gateway_port()
    gateway = clustered.gateway("umbra", port)
    actors.serve(admin, namespace, "v1", live.address)
    actors.serve(admin, namespace, "v2", shadow.address)
    policy = {"apiVersion": "umbra.dev/v1alpha1", "kind": "MirrorPolicy", "metadata": {"name": "shop"},
              "spec": {"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "shop"}]}}
    admin.apply([gateway, clustered.http_route(filters=[clustered.mirror("v2")]), policy, virtual_service()], namespace)
    replica.wait_answer(port + OFFSET, 200, timeout=30)
    replica.wait_ready()
    wait_for(lambda: replica.answers(port + OFFSET) == 200 and shadow.requests, "a copy", 20)
    wait_for(lambda: (admin.find("Lease", lease, OWN) or {"spec": {}})["spec"].get("holderIdentity", "").startswith("umbra-0_"),
             lambda: f"the Lease; umbra says:\n{replica.log()}", 30)
    assert admin.find("Secret", "umbra-marker-key", OWN)
    wait_true(admin, replica, "Gateway", "edge", namespace, "Programmed")
    wait_true(admin, replica, "HTTPRoute", "shop", namespace, "ResolvedRefs", "parents")
    wait_true(admin, replica, "MirrorPolicy", "shop", namespace, "Accepted", "ancestors")
    (address,) = admin.get("Gateway", "edge", namespace)["status"]["addresses"][:1]
    assert address["value"] == admin.get("Service", "umbra", OWN)["spec"]["clusterIP"]
    wait_for(lambda: [event for event in admin.list("events.k8s.io/v1 Event", namespace) if event["regarding"]["name"] == "odd"],
             lambda: f"an Event; umbra says:\n{replica.log()}", 30)


def check_silence(replica, refused=()):
    """Nothing was refused but the collections of `refused`, and the token is its own user's."""
    said = replica.log()
    assert set(re.findall(r"([\w./-]+): 403 Forbidden", said)) == set(refused), said
    assert said.lower().count("403 forbidden") == len(refused), said
    token = replica.token_file.read_text().strip()
    assert len(token) == 64 and token not in said
    assert replica.token_file.stat().st_mode & 0o777 == 0o600


def test_base_serves_all_namespaces_with_the_rights_that_it_gives(install, cluster, admin, namespace, service, tmp_path, ending):
    things = install("base")
    directory = tmp_path / "replica"
    directory.mkdir()
    replica = Installed(directory, cluster, things)
    ending.callback(replica.stop)
    check_work(replica, admin, namespace, service, "umbra-gateway-controller")
    wait_true(admin, replica, "GatewayClass", "umbra", None, "Accepted")
    check_silence(replica)


def test_base_may_read_which_version_of_the_gateway_api_there_is(install, cluster, admin, tmp_path, ending):
    crd, annotation = "gatewayclasses.gateway.networking.k8s.io", "gateway.networking.k8s.io/bundle-version"
    path, merge = admin.path("CustomResourceDefinition", crd), "application/merge-patch+json"
    before = (admin.get("CustomResourceDefinition", crd)["metadata"].get("annotations") or {}).get(annotation)
    ending.callback(admin.ask, "PATCH", path, {"metadata": {"annotations": {annotation: before}}}, merge)
    admin.ask("PATCH", path, {"metadata": {"annotations": {annotation: "v1.6.1"}}}, merge)
    things = install("base")
    directory = tmp_path / "replica"
    directory.mkdir()
    replica = Installed(directory, cluster, things)
    ending.callback(replica.stop)
    wait_true(admin, replica, "GatewayClass", "umbra", None, "SupportedVersion")
    check_silence(replica)


def test_secrets_are_read_where_a_binding_allows_it(install, cluster, admin, namespace, service, tmp_path, ending):
    things, live = install("base"), service()
    directory = tmp_path / "replica"
    directory.mkdir()
    replica = Installed(directory, cluster, things)
    ending.callback(replica.stop)
    port = free_gateway_port()
    tls = {"port": free_gateway_port(), "protocol": "HTTPS", "hostname": "shop.test", "tls": {"certificateRefs": [{"name": "shop"}]}}
    actors.serve(admin, namespace, "v1", live.address)
    authority = certificates.Authority(tmp_path)
    admin.apply(authority.issue("shop", "DNS:shop.test").secret("shop"), namespace)
    admin.apply([clustered.gateway("umbra", port, tls), clustered.http_route()], namespace)
    replica.wait_answer(port + OFFSET, 200, timeout=30)
    wait_for(lambda: f"/api/v1/namespaces/{namespace}/secrets: 403 Forbidden" in replica.log(), "the refusal to be said", 20)
    group = "rbac.authorization.k8s.io"
    admin.apply({"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": {"name": "umbra-secrets"},
                 "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "umbra-secrets"},
                 "subjects": [{"kind": "ServiceAccount", "name": "umbra", "namespace": OWN}]}, namespace)

    def is_programmed():
        listeners = admin.get("Gateway", "edge", namespace).get("status", {}).get("listeners") or []
        return len(listeners) == 2 and all(kube.condition(one, "Programmed").get("status") == "True" for one in listeners)
    wait_for(is_programmed, lambda: f"both listeners; umbra says:\n{replica.log()}", 90)


def test_namespaced_serves_its_namespace_with_roles_alone(install, cluster, admin, service, tmp_path, ending):
    things = install("namespaced")
    assert not [thing["kind"] for thing in things if thing["kind"].startswith("Cluster")]
    for kind in ("Gateway", "HTTPRoute", "MirrorPolicy", "networking.istio.io/v1 VirtualService", "EndpointSlice"):
        ending.callback(admin.delete_all, "gateway.networking.k8s.io/v1 Gateway" if kind == "Gateway" else kind, OWN)
    directory = tmp_path / "replica"
    directory.mkdir()
    replica = Installed(directory, cluster, things)
    ending.callback(replica.stop)
    check_work(replica, admin, OWN, service, "umbra-gateway-controller-umbra")
    # What is of no namespace can't be given by a Role; nothing depends on it.
    check_silence(replica, ["/apis/gateway.networking.k8s.io/v1/gatewayclasses", "/api/v1/namespaces"])


@pytest.mark.parametrize("variant", ["base", "namespaced"])
def test_the_container_has_no_rights_that_it_does_not_need(variant, tmp_path):
    deployment = deployment_of(render(variant, tmp_path))
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    words = dict(word.partition("=")[::2] for word in container["args"])
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "privileged": False,
                                            "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert pod["terminationGracePeriodSeconds"] > int(words["--drain-delay"].rstrip("s")) + int(words["--drain"].rstrip("s"))
    assert {container[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe", "startupProbe")} == {"admin"}
    writable = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert all(any(words[name].startswith(path) for path in writable) for name in ("--admin-token-file", "--data"))


def test_the_dashboard_shows_metrics_that_exist():
    known = set(re.findall(r"^\| `(\w+)", (DEPLOY.parent / "docs/reference/metrics.md").read_text(), re.M))
    dashboard = (DEPLOY / "monitoring/umbra.json").read_text()
    named = {re.sub(r"_bucket$", "", name) for name in re.findall(r"\b(?<![$.-])umbra_\w+", dashboard)}
    assert named and named <= known, named - known


def test_add_ons_for_monitoring_are_rendered(tmp_path):
    things = {thing["kind"]: thing for thing in render("monitoring", tmp_path)}
    assert set(things) == {"ConfigMap", "Service", "ServiceMonitor"}
    labels = things["Service"]["metadata"]["labels"]
    spec = things["ServiceMonitor"]["spec"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    # The names of monitoring.coreos.com/v1, of which no program here has the schema; it requires these two of a spec.
    assert set(spec) == {"selector", "endpoints"}
    (endpoint,) = spec["endpoints"]
    assert set(endpoint) <= {"port", "path", "interval", "scrapeTimeout", "scheme", "honorLabels", "relabelings", "metricRelabelings"}
    assert re.fullmatch(r"\d+s", endpoint["interval"])
    (port,) = things["Service"]["spec"]["ports"]
    assert endpoint["port"] == port["name"]
    deployment = deployment_of(render("base", tmp_path))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert port["targetPort"] in {one["name"] for one in container["ports"]}
    assert things["Service"]["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


def test_the_image_holds_all_that_umbra_needs_and_no_shell(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can change the root directory")
    root = tmp_path / "root"
    subprocess.run([DEPLOY / "image-root", umbra.BINARY, root], check=True)
    done = subprocess.run(["chroot", "--userspec=65532:65532", root, "/usr/bin/umbra", "version"], capture_output=True, text=True,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, check=False)
    assert done.returncode == 0 and done.stdout.startswith("umbra "), done.stderr
    assert {file.name for file in (root / "usr/bin").iterdir()} == {"umbra"} and not (root / "bin").exists()
    assert (root / "etc/ssl/certs/ca-certificates.crt").stat().st_size > 0
