# SPDX-License-Identifier: Apache-2.0
"""Three replicas under load, as a Deployment runs them: a rolling restart while nodes lag behind, one switch for all, one copy of
each request, one leader."""
import base64
import time

import pytest
import yaml

import actors
import clustered
import http1
import kube_standin
import rolling
import servers
from replicated import kill
from test_deploy import DEPLOY, virtual_service
from waiting import PATIENCE, wait_for

LEADS, LEADS_NO_MORE = "this replica writes status from now on", "this replica writes no status any more"


def deployed_options():
    """What deploy/ says of a pod's end: the options, and when the kubelet kills."""
    pod = yaml.safe_load((DEPLOY / "workload/deployment.yaml").read_text())["spec"]["template"]["spec"]
    words = [word for word in pod["containers"][0]["args"] if word.startswith("--drain")]
    assert "lifecycle" not in pod["containers"][0], "a preStop hook would have to be played here"
    assert len(words) == 2
    return [part for word in words for part in word.split("=")], pod["terminationGracePeriodSeconds"]


def serve_slowly(link):
    while request := link.request():
        if request.target == "/slow":
            link.service.is_closing.wait(1)
        link.send(http1.answer(200, b"hello"))


def end_at_once(replica):
    """Without the delay of its drain."""
    if replica.is_ready():
        replica.process.terminate()
    wait_for(lambda: "draining for" in replica.log(), "the drain to begin")
    replica.process.terminate()
    replica.process.wait()


def said(metrics):
    """What became of copies that were not sent or not answered: {reason: count}."""
    return {key: value for mirror in metrics.mirrors() for key, value in metrics.summary(mirror).items() if " " in key}


def last_metrics(replica, grace):
    """Its figures as near to its end as can be read; it ends in the time that it has, with 0."""
    last = [replica.metrics()]

    def is_over():
        try:
            last[0] = replica.metrics()
        except (OSError, http1.Broken):
            pass
        return replica.process.popen.poll() is not None
    wait_for(is_over, lambda: f"{replica.name} to end; it says:\n{replica.log()}", grace)
    assert replica.process.popen.returncode == 0
    return last[0]


def is_off(group, replica):
    before = replica.total("filtered", reason="off")
    assert replica.answers(group.port) == 200
    return replica.total("filtered", reason="off") > before


def settled_totals(group, condition=lambda totals: True):
    """{name: of all replicas} once nothing moves."""
    found = {}

    def look():
        metrics = [replica.settled() for replica in group]
        found.update({name: int(sum(one.mirror(name) for one in metrics)) for name in ("matched", "filtered", "sent")})
        return condition(found)
    wait_for(look, lambda: f"totals to be there: {found}", 30)
    return dict(found)


def check_copies(group, clients, metrics):
    """One of each request, but for those of which the replicas say that they were not sent or not answered."""
    copies = rolling.asks(group.shadow)
    lost = set(clients.asked) - set(copies)
    assert max(copies.values()) == 1 and set(copies) <= set(clients.asked)
    assert len(lost) <= sum(sum(said(one).values()) for one in metrics), (lost, [said(one) for one in metrics])


def check_one_leads(group):
    """The log lines of all, by their time: nobody begins before the one before has ended."""
    lines = sorted((line[:24], replica.name, LEADS in line) for replica in group for line in replica.log().splitlines()
                   if LEADS in line or LEADS_NO_MORE in line)
    leaders = set()
    for when, name, does_lead in lines:
        leaders = leaders | {name} if does_lead else leaders - {name}
        assert len(leaders) <= 1, (when, lines)
    assert [name for _, name, does_lead in lines if does_lead], "nobody ever led"


@pytest.fixture
def many(replicas):
    """many("--option", …): three that are ready, behind a Service of their own."""
    def start(*options, **more):
        group = replicas(3, *options, **more)
        endpoints = rolling.Endpoints(group)
        for replica in group:
            endpoints.add(replica)
        return group, endpoints
    return start


def test_a_rolling_restart_under_load_costs_no_request_and_no_copy(many, admin, namespace):
    options, grace = deployed_options()
    group, endpoints = many(*options, live=serve_slowly)
    node = rolling.Node(admin, namespace)
    olds = list(group)
    group.wait_leader()
    group.shadow.forget()
    with rolling.Clients(node.addresses) as clients:
        for old in olds:
            endpoints.add(group.start())  # maxSurge 1, maxUnavailable 0
            clients.wait(50)
            endpoints.end(old)
        metrics = []
        for old in olds:
            metrics.append(last_metrics(old, grace))
            endpoints.remove(old)
        clients.wait(200)
    node.close()
    clients.check()
    assert all(clients.by_style[style] > 10 for style in clients.STYLES), clients.by_style
    news = group.list[3:]
    metrics += [replica.settled() for replica in news]
    group.wait_leader()
    check_copies(group, clients, metrics)
    check_one_leads(group)
    for replica in group:
        assert not [line for line in replica.log().splitlines() if replica.is_complaint(line)]
    for replica in news:
        end_at_once(replica)


def test_what_changes_while_a_replica_drains_is_in_force_there(replicas, admin, namespace, service):
    """Its Service leads to it still, for as long as endpoints lag."""
    group = replicas(1, "--drain-delay", "60s")
    (replica,) = group
    other = service(servers.answering(http1.answer(200, b"other")))
    replica.process.terminate()
    wait_for(lambda: not replica.is_ready(), "the drain to begin")
    actors.set_endpoints(admin, namespace, "v1", other.address)
    group.live.close()
    wait_for(lambda: other.requests or not replica.answers(group.port), "the other endpoint to be used", 10)
    assert replica.answers(group.port) == 200
    admin.apply(clustered.policy({"suspend": True}), namespace)
    wait_for(lambda: is_off(group, replica), lambda: f"copies to be off; {replica.log()}", 10)
    end_at_once(replica)


def mirror_to_itself(group, endpoints):
    """Copies come in by any of the replicas."""
    group.admin.apply(clustered.http_route(filters=[clustered.mirror(endpoints.service, group.port)]), group.namespace)

    def comes_back(replica):
        before = sum(one.total("filtered", reason="loop") for one in group)
        assert replica.answers(group.port) == 200
        return sum(one.total("filtered", reason="loop") for one in group) > before
    for replica in group:
        wait_for(lambda replica=replica: comes_back(replica), lambda: f"copies to come back; {replica.log()}", 20)


def check_one_copy_each(group, clients):
    """Live got each request, and once more what was copied of it."""
    for is_copy in (False, True):
        wait_for(lambda is_copy=is_copy: set(rolling.asks(group.live, is_copy)) >= set(clients.asked), "the last of them", 20)
        assert set(rolling.asks(group.live, is_copy).items()) == {(number, 1) for number in clients.asked}


def test_a_service_of_its_own_as_shadow_gets_one_copy_of_each_request(many):
    """Replicas know them by their marker: no further one comes of a copy."""
    group, endpoints = many()
    mirror_to_itself(group, endpoints)
    before = settled_totals(group)
    group.live.forget()
    with rolling.Clients(lambda: [group.address(replica) for replica in group]) as clients:
        clients.wait(300)
    clients.check()
    count = len(clients.asked)
    after = settled_totals(group, lambda totals: totals["filtered"] >= before["filtered"] + count)
    assert {name: after[name] - before[name] for name in after} == {"matched": 2 * count, "filtered": count, "sent": count}
    check_one_copy_each(group, clients)
    assert all(replica.total("filtered", reason="loop") for replica in group)


def test_a_key_that_is_changed_while_replicas_run_lets_no_copy_be_copied(replicas, cluster, admin, namespace, standin):
    """One of them sees the new key seconds after the other."""
    group = replicas(1)
    group.more = {"kubeconfig": cluster.kubeconfig(address=standin.address)}
    late = group.start()
    late.wait_answer(group.port, 200)
    group.wait_keys()
    endpoints = rolling.Endpoints(group)
    for replica in group:
        endpoints.add(replica)
    mirror_to_itself(group, endpoints)
    group.live.forget()
    with rolling.Clients(lambda: [group.address(replica) for replica in group]) as clients:
        clients.wait(100)
        standin.rule(kube_standin.late(3), path="/secrets$", times=2)
        standin.cut_all()
        admin.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "umbra-marker-key"},
                     "data": {"key": base64.b64encode(b"a key that somebody has made").decode()}}, namespace)
        for replica in group:
            wait_for(lambda replica=replica: "copies are signed with the new key" in replica.log(), replica.log, 40)
        clients.wait(100)
    clients.check()
    check_one_copy_each(group, clients)


def test_one_suspend_stops_all_within_two_seconds(many, admin, namespace, record_property):
    group, _ = many()
    arrivals = []
    group.shadow.script = servers.answering(lambda request: arrivals.append(time.monotonic()) or http1.answer(200, b"hello"))
    with rolling.Clients(lambda: [group.address(replica) for replica in group]) as clients:
        clients.wait(100)
        admin.apply(clustered.policy({"suspend": True}), namespace)
        acknowledged = time.monotonic()
        for replica in group:
            wait_for(lambda replica=replica: is_off(group, replica), lambda: f"copies to be off; {replica.log()}", 10)
        for replica in group:
            replica.settled()
        clients.wait(100)
    clients.check()
    late_s = max(arrivals) - acknowledged
    record_property("suspended_after_ms", round(1000 * late_s))
    print(f"the last copy came {1000 * late_s:.0f} ms after the API server had the suspend")
    assert late_s < 2 * PATIENCE


def test_the_next_leader_says_no_event_twice(replicas, cluster, admin, namespace, standin):
    group = replicas(2, kubeconfig=cluster.kubeconfig(address=standin.address))
    admin.apply(virtual_service(), namespace)

    def events():
        return [event for event in admin.list("events.k8s.io/v1 Event", namespace) if event["regarding"]["name"] == "odd"]
    first = wait_for(events, "an Event", 20)
    leader = group.wait_leader()
    assert first[0]["reportingInstance"].startswith(f"{leader.name}_")
    kill(leader)
    group.wait_leader(but=leader)
    wait_for(lambda: standin.count("/events", method="POST", status=409), lambda: f"the Event to be offered again; {standin.calls[-20:]}", 20)
    assert not [call for call in standin.calls if call.status == 422]
    assert events() == first
