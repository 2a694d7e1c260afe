# SPDX-License-Identifier: Apache-2.0
"""Several replicas of one class: who leads, what they have in common, and that nobody writes without need."""
import actors
import clustered
import kube
from replicated import kill
from waiting import wait_for

ALL = {"verbs": ["*"], "resources": ["*"]}
# Everything that a replica needs but Secrets.
WITHOUT_SECRETS = [{**ALL, "apiGroups": ["gateway.networking.k8s.io", "umbra.dev", "networking.istio.io",
                                         "discovery.k8s.io", "coordination.k8s.io", "events.k8s.io"]},
                   {"apiGroups": [""], "verbs": ["*"], "resources": ["services", "namespaces", "pods", "configmaps", "nodes"]}]


def check_writes_status(replicas):
    """A change is answered in status by whoever leads."""
    changed = replicas.admin.apply(clustered.http_route(filters=[clustered.mirror("v2")], hostnames=["shop.test"]),
                                   replicas.namespace)
    generation = changed["metadata"]["generation"]
    replicas.admin.wait("HTTPRoute", "shop", replicas.namespace, lambda route: clustered.parent_condition(
        route, "Accepted").get("observedGeneration") == generation, f"generation {generation} in status")


def test_one_leads_and_another_does_when_it_is_killed(replicas):
    group = replicas(3)
    first = group.wait_leader()
    group.wait_status()
    kill(first)
    second = group.wait_leader(but=first)
    assert "this replica writes status from now on" in second.log()
    check_writes_status(group)


def test_a_leader_that_is_stopped_hands_over(replicas):
    group = replicas(2)
    first = group.wait_leader()
    first.stop()
    group.wait_leader(but=first)
    check_writes_status(group)


def test_all_sign_with_the_key_of_one_secret(replicas, admin, namespace):
    group = replicas(3)
    secrets = [secret["metadata"]["name"] for secret in admin.list("Secret", namespace)]
    assert secrets == ["umbra-marker-key"]
    assert len({secret["metadata"]["uid"] for secret in admin.list("Secret", namespace)}) == 1
    for replica in group:
        assert not [problem for problem in replica.problems("warning") if "Secret" in problem["message"]]


def test_a_copy_that_comes_in_by_another_replica_is_not_copied_again(replicas, admin, namespace):
    group = replicas(2)
    first, second = group
    actors.set_endpoints(admin, namespace, "v2", f"{second.host}:{group.port}")

    def comes_back():
        before = second.total("filtered", reason="loop")
        assert first.answers(group.port) == 200
        return second.total("filtered", reason="loop") > before
    wait_for(comes_back, lambda: f"copies to come in by the other replica; {second.log()}", 20)
    first.settled()
    second.settled()
    looped, sent = second.total("filtered", reason="loop"), second.total("sent")
    for _ in range(10):
        assert first.answers(group.port) == 200
    first.settled()
    second.settled(lambda metrics: metrics.mirror("filtered", reason="loop") >= looped + 10)
    assert (second.total("filtered", reason="loop"), second.total("sent")) == (looped + 10, sent)


def test_nothing_is_copied_before_the_key_is_read(clustered_umbra, cluster, admin, namespace, service):
    account = cluster.account("blind", namespace, WITHOUT_SECRETS)
    live, shadow = service(), service()
    replica = clustered_umbra(kubeconfig=cluster.kubeconfig(account.token))
    gateway = clustered.gateway(replica.class_name)
    actors.serve(admin, namespace, "v1", live.address)
    actors.serve(admin, namespace, "v2", shadow.address)
    admin.apply([gateway, clustered.http_route(filters=[clustered.mirror("v2")])], namespace)
    replica.wait_answer(clustered.port_of(gateway), 200)

    def says_why():
        return [problem for problem in replica.problems("warning")
                if "nothing is mirrored until Secret" in problem["message"] and "forbidden" in problem["message"]]
    wait_for(says_why, lambda: f"the reason among {replica.status()['problems']}", 20)
    for _ in range(5):
        assert replica.answers(clustered.port_of(gateway)) == 200
    metrics = replica.settled()
    assert metrics.mirror("filtered", reason="off") == metrics.mirror("matched") > 0
    assert not shadow.requests


def test_nothing_is_written_in_quiet_time(replicas, admin, namespace):
    group = replicas(2)
    admin.apply(clustered.policy(), namespace)
    group.wait_status()
    admin.wait("MirrorPolicy", "policy", namespace, lambda policy: (policy.get("status") or {}).get("ancestors"), "ancestors")
    group.check_quiet()


def test_the_entry_of_another_controller_stays_as_it_is(replicas, admin, namespace):
    group = replicas(2)
    group.wait_status()
    other = {"controllerName": "other.test/controller", "parentRef": {"name": "theirs"},
             "conditions": [{"type": "Accepted", "status": "False", "reason": "Theirs", "message": "not ours",
                             "lastTransitionTime": "2026-01-01T00:00:00Z"}]}
    own = admin.get("HTTPRoute", "shop", namespace)["status"]["parents"]
    admin.patch_status("HTTPRoute", "shop", namespace, parents=[*own, other])
    written = admin.get("HTTPRoute", "shop", namespace)["status"]["parents"]
    check_writes_status(group)
    now = admin.get("HTTPRoute", "shop", namespace)["status"]["parents"]
    theirs = [[parent for parent in parents if parent["controllerName"] == other["controllerName"]] for parents in (written, now)]
    assert len(now) == 2 and theirs[0] == theirs[1] != []
    assert kube.condition(now[0], "Accepted")["status"] == "True"
    group.check_quiet()


def test_replicas_that_begin_without_a_server_come_to_serve_with_it(clustered_umbra, cluster, admin, namespace, service):
    live, class_name = service(), f"class-of-{namespace}"
    gateway = clustered.gateway(class_name)
    port = clustered.port_of(gateway)
    actors.serve(admin, namespace, "v1", live.address)
    admin.apply([clustered.gateway_class(class_name), gateway, clustered.http_route()], namespace)
    cluster.kill()
    group = [clustered_umbra(class_name=class_name, host=f"127.0.0.{number + 1}", is_waited_for=False,
                             environment={"POD_NAME": f"replica-{number}"}) for number in range(1, 4)]
    for replica in group:
        assert b"not known yet" in replica.ask("/readyz").body and replica.answers(port) == 0
    cluster.start()
    for replica in group:
        replica.wait_answer(port, 200, timeout=60)
        replica.wait_ready()
    lease = wait_for(lambda: admin.find("Lease", f"umbra-gateway-controller-{class_name}", namespace), "a leader", 20)
    assert lease["spec"]["holderIdentity"].startswith("replica-")
    wait_for(lambda: [secret["metadata"]["name"] for secret in admin.list("Secret", namespace)] == ["umbra-marker-key"], "the key", 20)
