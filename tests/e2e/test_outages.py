# SPDX-License-Identifier: Apache-2.0
"""Bad days of an API server: live goes on as it was, and all is in step again after."""
import pytest

import actors
import clustered
import kube_standin as standins
from waiting import wait_for


def begin(clustered_umbra, admin, namespace, service, **words):
    """A replica with one route to live: (replica, port)."""
    live, replica = service(), clustered_umbra(**words)
    gateway = clustered.gateway(replica.class_name)
    actors.serve(admin, namespace, "v1", live.address)
    admin.apply([gateway, clustered.http_route()], namespace)
    port = clustered.port_of(gateway)
    replica.wait_answer(port, 200, timeout=20)
    return replica, port


def change(admin, namespace, replica, port, host="changed.test", timeout=20):
    """The route is of another host from now on, and that comes into force."""
    admin.apply(clustered.http_route(hostnames=[host]), namespace)
    replica.wait_answer(port, 200, host=host, timeout=timeout)
    replica.wait_answer(port, 404, host="gone.test", timeout=timeout)


def check_live(replica, port, count=50):
    for _ in range(count):
        assert replica.answers(port) == 200
    assert replica.is_ready()


def test_a_server_that_begins_anew_and_has_forgotten_old_versions(clustered_umbra, cluster, admin, namespace, service):
    replica, port = begin(clustered_umbra, admin, namespace, service)
    cluster.compact()
    cluster.kill()
    cluster.start()
    check_live(replica, port)
    change(admin, namespace, replica, port)


def test_what_was_deleted_meanwhile_is_gone_after(clustered_umbra, cluster, admin, namespace, service):
    """While the watches can't be served, the object goes: no event ever says so."""
    replica, port = begin(clustered_umbra, admin, namespace, service)
    cluster.kill()
    check_live(replica, port)
    cluster.start()
    admin.delete("HTTPRoute", "shop", namespace)
    replica.wait_answer(port, 404, timeout=20)


def test_a_frozen_server_that_thaws(clustered_umbra, cluster, admin, namespace, service):
    replica, port = begin(clustered_umbra, admin, namespace, service)
    cluster.freeze()
    check_live(replica, port)
    cluster.thaw()
    change(admin, namespace, replica, port)


@pytest.mark.parametrize("fault", [standins.gone_event(), standins.gone()], ids=["event", "status"])
def test_watches_that_are_too_old(clustered_umbra, admin, namespace, service, standin, cluster, fault):
    replica, port = begin(clustered_umbra, admin, namespace, service, kubeconfig=cluster.kubeconfig(address=standin.address))
    rule = standin.rule(fault, path="httproutes", is_watch=True, times=3)
    standin.cut_all()
    wait_for(lambda: len(rule.calls) >= 3, "watches to be too old", 60)
    check_live(replica, port)
    change(admin, namespace, replica, port)


def test_streams_that_are_cut(clustered_umbra, admin, namespace, service, standin, cluster):
    replica, port = begin(clustered_umbra, admin, namespace, service, kubeconfig=cluster.kubeconfig(address=standin.address))
    standin.rule(standins.cut(after_events=1), path="httproutes|endpointslices", is_watch=True, times=6)
    standin.cut_all()
    for number in range(4):
        change(admin, namespace, replica, port, f"changed-{number}.test", timeout=30)
    assert {replica.answers(port, host="changed-3.test") for _ in range(20)} == {200}


def test_a_server_that_is_too_busy(clustered_umbra, admin, namespace, service, standin, cluster):
    replica, port = begin(clustered_umbra, admin, namespace, service, kubeconfig=cluster.kubeconfig(address=standin.address))
    rule = standin.rule(standins.refuse(429, "TooManyRequests", retry_after=1), path="httproutes", times=3)
    standin.cut_all()
    wait_for(lambda: len(rule.calls) >= 3, "requests to be refused", 60)
    check_live(replica, port)
    change(admin, namespace, replica, port)


def test_a_token_that_is_rotated(clustered_umbra, admin, namespace, service, standin, cluster, tmp_path):
    """The old one gets 401 from now on; the new one stands in the file."""
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    account = cluster.account("rotated", namespace, everything)
    path = tmp_path / "token"
    path.write_text(account.token)
    config = cluster.kubeconfig(address=standin.address)
    text = config.read_text().replace(f'"token": "{cluster.admin.token}"', f'"tokenFile": "{path}"')
    assert "tokenFile" in text
    config.write_text(text)
    replica, port = begin(clustered_umbra, admin, namespace, service, kubeconfig=config)
    new = cluster.token("rotated", namespace, 7200)
    assert new != account.token
    standin.rule(standins.only_token(new))
    standin.cut_all()
    wait_for(lambda: standin.count(status=401) > 0, "the old token to be refused", 60)
    check_live(replica, port)
    path.write_text(new)
    change(admin, namespace, replica, port, timeout=60)


def test_a_kind_that_may_not_be_read_costs_that_kind(clustered_umbra, admin, namespace, service, standin, cluster):
    standin.rule(standins.refuse(403, "Forbidden", "grpcroutes is forbidden"), path="grpcroutes")
    replica, port = begin(clustered_umbra, admin, namespace, service, kubeconfig=cluster.kubeconfig(address=standin.address))
    problem, = [problem for problem in replica.problems("warning") if "grpcroutes" in problem["message"]]
    assert "get, list and watch" in problem["message"]
    check_live(replica, port)
    change(admin, namespace, replica, port)
    standin.clear()
    wait_for(lambda: not [one for one in replica.problems("warning") if "grpcroutes" in one["message"]],
             lambda: f"the kind to be read; {replica.status()['problems']}", 60, longest_pause=0.1)


def test_objects_of_a_megabyte_and_a_half(clustered_umbra, admin, namespace, service, standin, cluster):
    standin.rule(standins.padded(1_500_000), path="httproutes")
    replica, port = begin(clustered_umbra, admin, namespace, service, kubeconfig=cluster.kubeconfig(address=standin.address))
    change(admin, namespace, replica, port)
    standin.cut_all()
    change(admin, namespace, replica, port, "again.test")


def test_a_flood_of_routes_is_in_force_and_is_few_loads(clustered_umbra, admin, namespace, service):
    replica, port = begin(clustered_umbra, admin, namespace, service)
    change(admin, namespace, replica, port, "shop.test")
    before = replica.generation()
    count = 300
    for number in range(count):
        admin.create(clustered.http_route(f"flood-{number}", hostnames=[f"host-{number}.test"]), namespace)
    for number in (0, count // 2, count - 1):
        replica.wait_answer(port, 200, host=f"host-{number}.test", timeout=30)
    for number in range(count):
        assert replica.answers(port, host=f"host-{number}.test") == 200
    generations = replica.generation() - before
    assert generations <= count // 2, f"{generations} loads of {count} changes"
    for number in range(count):
        admin.delete("HTTPRoute", f"flood-{number}", namespace)
    replica.wait_answer(port, 200, host="shop.test", timeout=30)
    wait_for(lambda: replica.answers(port) == 200, "the first route")
