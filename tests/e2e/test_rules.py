# SPDX-License-Identifier: Apache-2.0
"""Rules from a real API server come into force, change, and stay while it is away."""
import os
import signal

import actors
import clustered
from waiting import wait_for


def begin(clustered_umbra, admin, namespace, service):
    """A replica that mirrors from v1 to v2: (umbra, port, live, shadow)."""
    live, shadow, replica = service(), service(), clustered_umbra()
    gateway = clustered.gateway(replica.class_name)
    actors.serve(admin, namespace, "v1", live.address)
    actors.serve(admin, namespace, "v2", shadow.address)
    admin.apply([gateway, clustered.http_route(filters=[clustered.mirror("v2")])], namespace)
    port = clustered.port_of(gateway)
    replica.wait_answer(port, 200)
    return replica, port, live, shadow


def mirror_totals(replica, mirror):
    metrics = replica.settled()
    return {name: int(metrics.mirror(name, mirror=mirror)) for name in ("matched", "completed")}


def test_a_route_of_the_cluster_is_served_and_mirrored(clustered_umbra, admin, namespace, service):
    replica, port, live, shadow = begin(clustered_umbra, admin, namespace, service)
    before = mirror_totals(replica, f"{namespace}/v2:80")["matched"]
    for _ in range(20):
        assert replica.answers(port) == 200
    totals = mirror_totals(replica, f"{namespace}/v2:80")
    assert totals["matched"] == totals["completed"] == before + 20
    assert replica.is_ready()


def test_nothing_is_served_and_it_is_said_why_while_there_was_never_a_server(clustered_umbra, cluster, admin, namespace, service):
    live = service()
    actors.serve(admin, namespace, "v1", live.address)
    cluster.stop()
    replica = clustered_umbra(is_waited_for=False, class_name="later")
    response = replica.ask("/readyz")
    assert response.status == 503
    assert b"the rules of the cluster are not known yet" in response.body
    assert replica.ask("/healthz").status == 200
    wait_for(lambda: b"refused" in replica.ask("/readyz").body, "the reason", 20)
    cluster.start()
    gateway = clustered.gateway("later")
    admin.apply([clustered.gateway_class("later")])
    admin.apply([gateway, clustered.http_route()], namespace)
    replica.wait_answer(clustered.port_of(gateway), 200, timeout=60)
    replica.wait_ready()


def test_rules_stay_while_the_server_is_away_and_are_in_step_after(clustered_umbra, cluster, admin, namespace, service):
    replica, port, live, shadow = begin(clustered_umbra, admin, namespace, service)
    cluster.kill()
    for _ in range(50):
        assert replica.answers(port) == 200
    assert replica.is_ready()
    cluster.start()
    admin.apply(clustered.http_route(hostnames=["only.test"]), namespace)
    replica.wait_answer(port, 404, timeout=20)
    replica.wait_answer(port, 200, host="only.test")


def test_control_that_ends_while_the_server_is_away_leaves_everything_as_it_is(clustered_umbra, cluster, admin, namespace, service):
    replica, port, live, shadow = begin(clustered_umbra, admin, namespace, service)
    replica.may_complain = True
    cluster.kill()
    control = replica.pids()["control"]
    os.kill(control, signal.SIGKILL)
    wait_for(lambda: replica.pids().get("control") not in (None, control), "another control")
    for _ in range(50):
        assert replica.answers(port) == 200
    matched = mirror_totals(replica, f"{namespace}/v2:80")["matched"]
    assert replica.answers(port) == 200
    assert mirror_totals(replica, f"{namespace}/v2:80")["matched"] == matched + 1
    cluster.start()
    admin.apply(clustered.http_route(hostnames=["only.test"]), namespace)
    replica.wait_answer(port, 200, host="only.test", timeout=30)


def test_endpoints_come_and_go(clustered_umbra, admin, namespace, service):
    replica, port, live, shadow = begin(clustered_umbra, admin, namespace, service)
    generation = replica.generation()
    other = service()
    actors.set_endpoints(admin, namespace, "v1", other.address)
    wait_for(lambda: replica.answers(port) == 200 and other.requests, "the other endpoint to be asked")
    actors.set_endpoints(admin, namespace, "v1")
    replica.wait_answer(port, 503)
    actors.set_endpoints(admin, namespace, "v1", live.address)
    replica.wait_answer(port, 200)
    assert replica.generation() == generation, "addresses are no rules"


def test_sigterm_lets_the_lease_go(clustered_umbra, admin, namespace, service):
    replica, port, live, shadow = begin(clustered_umbra, admin, namespace, service)
    name = f"umbra-gateway-controller-{replica.class_name}"

    def holder():
        lease = admin.find("Lease", name, namespace)
        return lease and lease["spec"].get("holderIdentity")
    wait_for(holder, "somebody to lead", 20)
    replica.stop()
    assert not holder()
