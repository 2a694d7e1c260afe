# SPDX-License-Identifier: Apache-2.0
"""The API server of these tests, and what stands in front of it, are what the other tests take them for."""
import json

import pytest

import actors
import http1
import kube
import kube_standin
from waiting import wait_for

CONFIG_MAPS = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]


def config_map(name="map", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def through(standin, user):
    """The same user by way of the stand-in."""
    return kube.Kube(user.cluster, user.token, user.identity, standin.address)


# ------------------------------------------------------------------------------------------------------------------- users


def test_an_account_may_do_what_it_was_given(cluster, admin, namespace):
    admin.apply(config_map(a="1"), namespace)
    user = cluster.account("reader", namespace, CONFIG_MAPS)
    wait_for(lambda: may_list(user, namespace), "the role to be in force")
    with pytest.raises(kube.Refused) as refused:
        user.list("Secret", namespace)
    assert (refused.value.code, refused.value.reason) == (403, "Forbidden")


def may_list(user, namespace):
    try:
        return user.list("ConfigMap", namespace)
    except kube.Refused as refused:
        assert refused.code == 403
        return False


def test_a_role_is_for_one_namespace(cluster, admin, namespace):
    other = cluster.namespace()
    admin.apply(config_map(), other)
    user = cluster.account("reader", namespace, CONFIG_MAPS, role_in=[other])
    wait_for(lambda: may_list(user, other), "the role to be in force")
    assert not may_list(user, namespace)


def test_a_wrong_token_is_refused(cluster):
    with pytest.raises(kube.Refused) as refused:
        kube.Kube(cluster, "nobody").list("ConfigMap", "default")
    assert refused.value.code == 401


def test_a_client_certificate_is_a_user(cluster, namespace):
    user = kube.Kube(cluster, identity=cluster.authority.issue("visitor"))
    with pytest.raises(kube.Refused) as refused:
        user.list("ConfigMap", namespace)
    assert refused.value.code == 403 and '"visitor"' in refused.value.message


def test_kubectl_works_with_its_kubeconfig(admin, namespace):
    admin.kubectl("create", "-n", namespace, "configmap", "made", "--from-literal=a=1")
    assert admin.get("ConfigMap", "made", namespace)["data"] == {"a": "1"}


# --------------------------------------------------------------------------------------------------------- coming and going


def test_what_was_there_is_there_after_a_restart(cluster, admin, namespace):
    admin.apply(config_map(a="1"), namespace)
    cluster.kill()
    with pytest.raises(OSError):
        admin.get("ConfigMap", "map", namespace)
    cluster.start()
    assert admin.get("ConfigMap", "map", namespace)["data"] == {"a": "1"}


def test_a_frozen_server_takes_connections(cluster, admin, namespace):
    admin.apply(config_map(), namespace)
    cluster.freeze()
    connection = http1.Connection(cluster.address)
    connection.close()
    cluster.thaw()
    assert admin.get("ConfigMap", "map", namespace)


def test_lists_can_be_made_too_old(cluster, admin, namespace):
    for i in range(3):
        admin.apply(config_map(f"map-{i}"), namespace)
    page = admin.ask("GET", admin.path("ConfigMap", None, namespace), limit=1)
    cluster.compact()
    with pytest.raises(kube.Refused) as refused:
        admin.ask("GET", admin.path("ConfigMap", None, namespace), limit=1, **{"continue": page["metadata"]["continue"]})
    assert (refused.value.code, refused.value.reason) == (410, "Expired")


def test_watches_can_be_too_old(cluster, admin, namespace):
    version = admin.create(config_map("old"), namespace)["metadata"]["resourceVersion"]
    admin.create(config_map("new"), namespace)
    cluster.restart()
    status, _, data = admin.raw("GET", admin.path("ConfigMap", None, namespace), watch=1, resourceVersion=version, timeoutSeconds=5)
    event = json.loads(data.splitlines()[0])
    assert (status, event["type"], event["object"]["code"]) == (200, "ERROR", 410)


# -------------------------------------------------------------------------------------------------------------------- actors


def test_services_have_the_endpoints_that_were_set(admin, namespace):
    actors.serve(admin, namespace, "shop", "127.0.0.1:3000", "127.0.0.2:3000", "127.0.0.1:3001", "[::1]:3000")

    def addresses():
        return sorted((slice_["ports"][0]["port"], *endpoint["addresses"]) for slice_ in admin.list("EndpointSlice", namespace)
                      for endpoint in slice_["endpoints"])
    assert addresses() == [(3000, "127.0.0.1"), (3000, "127.0.0.2"), (3000, "::1"), (3001, "127.0.0.1")]
    actors.set_endpoints(admin, namespace, "shop", "127.0.0.1:3001")
    assert addresses() == [(3001, "127.0.0.1")]
    actors.set_endpoints(admin, namespace, "shop")
    assert addresses() == []
    assert admin.get("Service", "shop", namespace)["spec"]["clusterIP"].startswith("10.0.")


def test_pods_are_ready_when_they_are_said_to_be(admin, namespace):
    actors.pod(admin, namespace, "shop-1", ip="127.0.0.9", app="shop")
    there = admin.get("Pod", "shop-1", namespace)
    assert kube.condition(there, "Ready")["status"] == "True" and there["status"]["podIP"] == "127.0.0.9"
    actors.set_ready(admin, namespace, "shop-1", False)
    assert kube.condition(admin.get("Pod", "shop-1", namespace), "Ready")["status"] == "False"


def test_changes_are_seen(admin, namespace):
    with admin.watch("ConfigMap", namespace) as seen:
        admin.apply(config_map(a="1"), namespace)
        admin.apply(config_map(a="2"), namespace)
        admin.delete("ConfigMap", "map", namespace)
        seen.wait(lambda kind, thing: kind == "DELETED", "its end")
    assert [kind for kind, _ in seen.of("map")] == ["ADDED", "MODIFIED", "DELETED"]


# ----------------------------------------------------------------------------------------------------- faults on a real server


@pytest.mark.parametrize("fault", [None, kube_standin.split(1), kube_standin.joined(3)], ids=["as it is", "split", "joined"])
def test_a_watch_goes_through_the_stand_in(standin, admin, namespace, fault):
    if fault:
        standin.rule(fault)
    with through(standin, admin).watch("ConfigMap", namespace) as seen:
        for i in range(3):
            admin.apply(config_map(f"map-{i}", text="ä" * 1000), namespace)
        seen.wait(lambda kind, thing: thing["metadata"]["name"] == "map-2", "the last")
    assert [kind for kind, _ in seen.events] == ["ADDED"] * 3


def test_a_watch_is_cut(standin, admin, namespace):
    standin.rule(kube_standin.cut(after_events=1), is_watch=True)
    with through(standin, admin).watch("ConfigMap", namespace) as seen:
        admin.apply(config_map("a"), namespace)
        wait_for(lambda: not standin.watches("configmaps"), "the watch to be cut")
        admin.apply(config_map("b"), namespace)
    assert len(seen.events) == 1


def test_writes_go_through_the_stand_in(standin, admin, namespace):
    user = through(standin, admin)
    user.apply(config_map(a="1"), namespace)
    user.apply(config_map(a="2"), namespace)
    assert admin.get("ConfigMap", "map", namespace)["data"] == {"a": "2"}
    standin.rule(kube_standin.refuse(429, "TooManyRequests", retry_after=1), method="PUT")
    with pytest.raises(kube.Refused) as refused:
        user.apply(config_map(a="3"), namespace)
    assert refused.value.code == 429
