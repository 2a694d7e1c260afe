# SPDX-License-Identifier: Apache-2.0
"""The ways of docs/adopting.md do what the page says, and every manifest there, in docs/coming-from and in docs/kubernetes.md is one that
`umbra check` has no error in."""
import re
import subprocess

import pytest
import yaml

import http1
import umbra
from servers import free_port

PAGES = ["docs/adopting.md", "docs/kubernetes.md",
         *sorted(str(path.relative_to(umbra.ROOT)) for path in (umbra.ROOT / "docs/coming-from").glob("*.md"))]
EXAMPLES = sorted(path.name for path in (umbra.ROOT / "examples/adopting").glob("*.yaml"))
# What pages take for granted: Umbra's class, that of another controller, and its Gateway.
BEFORE = """apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: umbra}
spec: {controllerName: umbra.dev/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: eg}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: infra}
spec:
  gatewayClassName: eg
  listeners: [{name: http, protocol: HTTP, port: 80, allowedRoutes: {namespaces: {from: All}}}]
"""


def check(text):
    return subprocess.run([umbra.BINARY, "check", "-f", "-"], input=text, capture_output=True, text=True, check=False)


def manifests(page):
    return re.findall(r"^```yaml\n(.*?)^```", (umbra.ROOT / page).read_text(), re.M | re.S)


@pytest.mark.parametrize("page", PAGES)
def test_manifests_of_a_page_are_in_order(page):
    done = check("---\n".join([BEFORE, *manifests(page)]))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_in_order(example):
    done = check((umbra.ROOT / "examples/adopting" / example).read_text())
    assert done.returncode == 0, done.stdout + done.stderr


def example(name):
    return list(yaml.safe_load_all((umbra.ROOT / "examples/adopting" / name).read_text()))


def endpoints(name, service):
    """What a cluster would say: where the pods of a Service of the examples are."""
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "ports": [{"port": service.port}],
            "metadata": {"name": f"{name}-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": name}},
            "endpoints": [{"addresses": ["127.0.0.1"]}]}


def begin(ruled, name, **services):
    """Umbra with the example's rules, and its port. Of the names of services _ is -."""
    things, ports = example(name), []
    for thing in things:
        if thing["kind"] == "Gateway":
            ports.append(free_port())
            thing["spec"]["listeners"][0]["port"] = ports[-1]
    things += [endpoints(name.replace("_", "-"), service) for name, service in services.items()]
    return ruled(yaml.safe_dump_all(things)), ports


def ask(address, count, *fields, host="shop.example.com", method="GET"):
    with http1.Connection(address) as connection:
        return {connection.ask(http1.get("/", *fields, host=host, method=method), method).status for _ in range(count)}


def test_behind_a_mirror_a_twin_answers_and_shadow_and_control_get_copies(ruled, service):
    twin, control, shadow = service(), service(), service()
    through, (port,) = begin(ruled, "behind-a-mirror.yaml", shop_v1_twin=twin, shop_v1_control=control, shop_v2=shadow)
    assert ask(f"127.0.0.1:{port}", 20, host="shop-shadow.example.com") == {200}
    through.settled()
    assert [len(one.requests) for one in (twin, control, shadow)] == [20, 20, 20]


def test_between_the_edge_and_the_service_reads_are_copied(ruled, service):
    live, shadow = service(), service()
    through, (port,) = begin(ruled, "service-sandwich.yaml", shop=live, shop_v2=shadow)
    assert ask(f"127.0.0.1:{port}", 100) == {200}
    assert ask(f"127.0.0.1:{port}", 20, ("Content-Length", 0), method="POST") == {200}
    through.settled()
    assert (len(live.requests), len(shadow.requests)) == (120, 10)


def test_beside_the_edge_only_the_own_gateway_is_served(ruled, service):
    live, shadow = service(), service()
    through, (theirs, own) = begin(ruled, "second-parent.yaml", shop=live, shop_v2=shadow)
    assert ask(f"127.0.0.1:{own}", 100) == {200}
    assert f":{own}" in through.log() and f":{theirs}" not in through.log()
    through.settled()
    assert (len(live.requests), len(shadow.requests)) == (100, 10)


def test_in_the_pod_the_flags_of_the_example_mirror(gateway, service):
    (deployment,) = (thing for thing in example("sidecar.yaml") if thing["kind"] == "Deployment")
    (container,) = (one for one in deployment["spec"]["template"]["spec"]["containers"] if one["name"] == "umbra")
    words = dict(word.partition("=")[::2] for word in container["args"][1:])
    assert words.keys() == {"--listen", "--live", "--shadow", "--data", "--drain-delay", "--drain"}
    share = words["--shadow"].partition("=")[2]
    live, shadow = service(), service()
    through = gateway(live, f"{shadow.address}={share}", "--data", words["--data"])
    assert ask(through.address, 100) == {200}
    through.settled()
    assert (len(live.requests), len(shadow.requests)) == (100, int(share))
