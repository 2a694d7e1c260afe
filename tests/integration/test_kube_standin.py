# SPDX-License-Identifier: Apache-2.0
"""The stand-in of an API server does what tests of its clients rely on."""
import json

import pytest

import http1
import kube
import kube_standin
from waiting import wait_for

ROUTES = "/apis/gateway.networking.k8s.io/v1/httproutes"
IN_SHOP = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes"


def route(name, **spec):
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "spec": spec,
            "metadata": {"name": name, "namespace": "shop", "labels": {"name": name}}}


class Client(http1.Connection):
    """A connection over TLS."""

    def __init__(self, standin):
        super().__init__(standin.address)
        self.standin = standin
        self.sock = kube.trusting(standin.ca_file).wrap_socket(self.sock, server_hostname="127.0.0.1")
        self.reader = http1.Reader(self.sock)

    def call(self, method, target, thing=None, *fields):
        body = b"" if thing is None else json.dumps(thing).encode()
        return self.ask(http1.head(f"{method} {target} HTTP/1.1", [("Host", "kubernetes"), ("Content-Length", len(body)), *fields]) + body)

    def get(self, target, *fields):
        return json.loads(self.call("GET", target, None, *fields).body)

    def watch(self, target=ROUTES, version="100", more=""):
        self.send(http1.get(f"{target}?watch=1&resourceVersion={version}{more}"))
        head = self.reader.head()
        assert head.status == 200 and head.get("transfer-encoding") == "chunked"
        return self

    def chunk(self):
        """None at the stream's end."""
        size = int(self.reader.until(b"\r\n"), 16)
        data = self.reader.bytes(size + 2)[:-2]
        return data or None

    def event(self):
        """(type, object) of a chunk that is one."""
        found = json.loads(self.chunk())
        return found["type"], found["object"]


@pytest.fixture
def objects(kube_objects):
    return kube_objects


@pytest.fixture
def standin(kube_server):
    return kube_server


@pytest.fixture
def client(ending, standin):
    def connect():
        return ending.enter_context(Client(standin))
    return connect


# -------------------------------------------------------------------------------------------------------------- the objects


def test_lists_come_in_pages(client, objects):
    for i in range(5):
        objects.put(route(f"r{i}"))
    here, names, target = client(), [], f"{ROUTES}?limit=2"
    for left in (3, 1, None):
        page = here.get(target)
        names += [item["metadata"]["name"] for item in page["items"]]
        assert page["metadata"].get("remainingItemCount") == left
        assert page["metadata"]["resourceVersion"] == "105" and page["kind"] == "HTTPRouteList"
        target = f"{ROUTES}?limit=2&continue={page['metadata'].get('continue')}"
    assert names == ["r0", "r1", "r2", "r3", "r4"]


def test_a_continuation_can_be_too_old(client, objects):
    for i in range(3):
        objects.put(route(f"r{i}"))
    here = client()
    page = here.get(f"{ROUTES}?limit=2")
    objects.forget()
    answer = here.call("GET", f"{ROUTES}?limit=2&continue={page['metadata']['continue']}")
    assert answer.status == 410 and json.loads(answer.body)["reason"] == "Expired"


def test_watches_resume_where_they_are_told(client, objects):
    objects.put(route("a"))
    objects.put(route("a", hostnames=["h"]))
    here = client().watch(version="101")
    assert here.event()[0] == "MODIFIED"
    objects.remove("HTTPRoute", "a", "shop")
    what, thing = here.event()
    assert what == "DELETED" and thing["metadata"]["resourceVersion"] == "103" and thing["metadata"]["generation"] == 2
    old = client()
    objects.forget()
    old.watch(version="101")
    what, thing = old.event()
    assert what == "ERROR" and thing["code"] == 410
    assert old.chunk() is None


def test_watches_have_a_namespace_labels_and_names(client, objects):
    here, all_of_it = client().watch(IN_SHOP, more="&labelSelector=name%3Db"), client().watch()
    objects.put(route("a"))
    objects.put(route("b"))
    assert here.event()[1]["metadata"]["name"] == "b"
    assert all_of_it.event()[1]["metadata"]["name"] == "a"
    assert [item["metadata"]["name"] for item in client().get(f"{IN_SHOP}?fieldSelector=metadata.name%3Da")["items"]] == ["a"]


def test_bookmarks_go_to_those_who_asked(client, objects):
    here, other = client().watch(more="&allowWatchBookmarks=true"), client().watch()
    objects.bookmark()
    assert here.event() == ("BOOKMARK", {"kind": "HTTPRoute", "apiVersion": "gateway.networking.k8s.io/v1",
                                         "metadata": {"resourceVersion": "101"}})
    objects.put(route("a"))
    assert other.event()[0] == "ADDED"


def test_a_status_is_written_apart_and_conflicts_are_told(client, objects):
    made, here = objects.put(route("a", hostnames=["h"])), client()
    first = json.loads(here.call("PUT", f"{IN_SHOP}/a/status", {**made, "spec": {}, "status": {"parents": []}}).body)
    assert first["status"] == {"parents": []} and first["spec"] == made["spec"] and first["metadata"]["generation"] == 1
    assert here.call("PUT", f"{IN_SHOP}/a/status", {**made, "status": {}}).status == 409
    again = json.loads(here.call("PUT", f"{IN_SHOP}/a/status", first).body)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    main = json.loads(here.call("PUT", f"{IN_SHOP}/a", {**first, "spec": {}, "status": {}}).body)
    assert main["status"] == {"parents": []} and main["metadata"]["generation"] == 2


def test_objects_are_made_patched_and_removed(client, objects):
    here = client()
    assert here.call("POST", IN_SHOP, route("a")).status == 201
    assert here.call("POST", IN_SHOP, route("a")).status == 409
    assert json.loads(here.call("PATCH", f"{IN_SHOP}/a", {"spec": {"x": 1}, "metadata": objects.find("HTTPRoute", "a", "shop")["metadata"]},
                                ("Content-Type", "application/merge-patch+json")).body)["spec"] == {"x": 1}
    assert here.call("DELETE", f"{IN_SHOP}/a").status == 200
    assert here.call("GET", f"{IN_SHOP}/a").status == 404


def test_unknown_kinds_are_no_json(client):
    answer = client().call("GET", "/apis/gateway.networking.k8s.io/v1/tcproutes")
    assert (answer.status, answer.body) == (404, b"404 page not found\n")


def test_tokens_are_looked_at(client, objects):
    objects.tokens = {"good"}
    here = client()
    assert here.call("GET", ROUTES, None, ("Authorization", "Bearer bad")).status == 401
    assert here.call("GET", ROUTES, None, ("Authorization", "Bearer good")).status == 200


# ------------------------------------------------------------------------------------------------------------------- faults


def test_a_rule_is_used_up(standin, client):
    rule = standin.rule(kube_standin.refuse(429, "TooManyRequests", retry_after=1), path="httproutes", times=1)
    here = client()
    first, second = here.call("GET", ROUTES), here.call("GET", ROUTES)
    assert (first.status, first.get("retry-after"), second.status) == (429, "1", 200)
    assert len(rule.calls) == 1 and standin.count("httproutes", status=200) == 1


def test_watches_are_counted(standin, client, objects):
    here = client().watch()
    standin.wait_watched("httproutes")
    objects.put(route("a"))
    here.event()
    here.close()
    wait_for(lambda: not standin.watches(), "the watch to be over")
    assert standin.count(is_watch=True) == 1


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_events_are_split(standin, client, objects, size):
    standin.rule(kube_standin.split(size))
    here = client().watch()
    made = objects.put(route("a", text="ä" * 100))
    data = here.chunk()
    assert len(data) == min(size, len(data))
    while not data.endswith(b"\n"):
        data += here.chunk()
    assert json.loads(data) == {"type": "ADDED", "object": made}


def test_an_event_is_split_at_a_byte(standin, client, objects):
    standin.rule(kube_standin.split_at(10))
    here = client().watch()
    objects.put(route("a"))
    assert len(here.chunk()) == 10
    assert here.chunk().endswith(b"\n")


def test_events_are_joined(standin, client, objects):
    standin.rule(kube_standin.joined(3, seconds=60))
    here = client().watch()
    for i in range(3):
        objects.put(route(f"r{i}"))
    assert here.chunk().count(b"\n") == 3


@pytest.mark.parametrize("fault, whole", [(kube_standin.cut(after_events=1), 1), (kube_standin.cut(after_events=0), 0),
                                          (kube_standin.cut(after_bytes=20), 0), (kube_standin.cut(after_bytes=20, is_reset=True), 0)],
                         ids=["after an event", "at once", "in an event", "by a reset"])
def test_streams_are_cut(standin, client, objects, fault, whole):
    standin.rule(fault)
    here = client().watch()
    objects.put(route("a"))
    for _ in range(whole):
        assert here.event()[0] == "ADDED"
    with pytest.raises((http1.Broken, OSError)):
        assert len(here.chunk()) == 20
        here.chunk()


def test_a_list_is_cut(standin, client, objects):
    objects.put(route("a"))
    standin.rule(kube_standin.cut(after_bytes=10))
    with pytest.raises(http1.Broken) as broken:
        client().get(ROUTES)
    assert broken.value.message.body_length == 10


def test_watches_end_well(standin, client, objects):
    standin.rule(kube_standin.ends(after_events=1))
    here = client().watch()
    objects.put(route("a"))
    assert here.event()[0] == "ADDED"
    assert here.chunk() is None
    assert here.call("GET", ROUTES).status == 200


def test_410_has_two_forms(standin, client):
    standin.rule(kube_standin.gone_event(), is_watch=True)
    standin.rule(kube_standin.gone(), is_watch=False)
    here = client()
    assert here.call("GET", ROUTES).status == 410
    assert here.watch().event()[1]["reason"] == "Expired"
    assert here.chunk() is None


def test_objects_are_padded(standin, client, objects):
    standin.rule(kube_standin.padded(1500000))
    objects.put(route("a"))
    here = client()
    assert len(here.call("GET", ROUTES).body) > 1500000
    here.watch()
    assert len(here.chunk()) > 1500000


def test_faults_are_joined(standin, client, objects):
    standin.rule(kube_standin.both(kube_standin.split(100), kube_standin.padded(1000)))
    here = client().watch()
    objects.put(route("a"))
    data = b""
    while not data.endswith(b"\n"):
        data += (part := here.chunk())
        assert len(part) <= 100
    assert len(data) > 1000


def test_nobody_answers(standin, client):
    rule = standin.rule(kube_standin.hang(), times=1)
    here = client()
    here.send(http1.get(ROUTES))
    wait_for(lambda: rule.calls, "the request")
    here.close()
    wait_for(lambda: rule.calls[0].is_over, "the stand-in to see that nobody waits")
    assert client().call("GET", ROUTES).status == 200


def test_the_server_goes_and_comes(standin, client):
    here = client().watch()
    standin.wait_watched("httproutes")
    standin.refuse()
    with pytest.raises((http1.Broken, OSError)):
        here.chunk()
    with pytest.raises((http1.Broken, OSError)):
        client()
    standin.refuse(False)
    assert client().call("GET", ROUTES).status == 200
