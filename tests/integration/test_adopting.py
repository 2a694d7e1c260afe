# SPDX-License-Identifier: Apache-2.0
"""Every manifest of docs/adopting.md, docs/coming-from, docs/kubernetes.md and examples/adopting is one that `umbra check` has no error in."""
import re
import subprocess

import pytest

import umbra

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
