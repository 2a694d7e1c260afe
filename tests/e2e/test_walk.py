# SPDX-License-Identifier: Apache-2.0
"""What docs/kubernetes.md tells people to type, as far as it needs no kubelet: its objects and commands, on a real API server."""
import re
import shlex

import pytest

import actors
import clustered
import deployed
import kube
import umbra
from waiting import wait_for

PAGE = (umbra.ROOT / "docs/kubernetes.md").read_text()
# Of a kubelet, of a controller, of an image, or what other tests do in their own way (test_deploy).
ELSEWHERE = re.compile(r"kubectl ((-n \S+ )?(exec|rollout|set image|delete deployment)|(apply|delete) -k|create namespace)")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


def commands():
    lines = [line.split(" #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("kubectl ") and not ELSEWHERE.match(line)]


@pytest.fixture
def shop(cluster, admin):
    """The namespace of the page's examples."""
    if not admin.find("Namespace", "shop"):
        admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    yield "shop"
    cluster.empty("shop")


def test_what_the_page_tells_people_to_type_works(install, cluster, admin, shop, service, tmp_path, ending):
    things, live, shadow = install("base"), service(), service()
    actors.serve(admin, shop, "shop-v1", live.address)
    actors.serve(admin, shop, "shop-v2", shadow.address)
    manifests, = (block for block in blocks("yaml") if "kind: Gateway" in block)
    admin.apply(list(kube.documents(manifests)), shop)
    admin.apply(clustered.policy(), shop)
    directory = tmp_path / "replica"
    directory.mkdir()
    replica = deployed.Installed(directory, cluster, things)
    ending.callback(replica.stop)
    ending.callback(admin.delete, "rbac.authorization.k8s.io/v1 RoleBinding", "umbra-secrets", shop)
    admin.wait("HTTPRoute", "shop", shop, lambda route: clustered.parent_condition(route, "Accepted").get("status") == "True", "Accepted", 60)
    wait_for(lambda: (admin.find("Lease", "umbra-gateway-controller", deployed.OWN) or {}).get("spec", {}).get("holderIdentity"), "the Lease", 30)
    typed = commands()
    assert len(typed) > 10
    said = {line: admin.kubectl(*shlex.split(line)[1:]).stdout.strip() for line in typed if "explain" not in line}
    assert all(said.values()), said
    (conditions,) = (text for line, text in said.items() if "jsonpath='{range" in line)
    assert "Accepted=True Accepted" in conditions and "ResolvedRefs=True ResolvedRefs" in conditions
    assert [text for line, text in said.items() if "can-i" in line] == ["yes"] * len([line for line in said if "can-i" in line])
    (holder,) = (text for line, text in said.items() if "holderIdentity" in line)
    assert holder.startswith("umbra-0_")
    for line in typed:
        if "explain" in line:  # which the server tells some seconds late
            wait_for(lambda words=shlex.split(line)[1:]: admin.kubectl(*words, is_ok=False).returncode == 0, line, 120)
