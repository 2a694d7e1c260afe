# SPDX-License-Identifier: Apache-2.0
"""Istio's VirtualServices with real requests: what matches in which order, what is done, who gets copies; and that what is
not acted on is said."""
import pytest

from gateway_api import NAMESPACE, gateway, route, stage

pytestmark = pytest.mark.sanitize


def istio(kind, name, spec, namespace=NAMESPACE, more=""):
    return (f"apiVersion: networking.istio.io/v1\nkind: {kind}\n"
            f"metadata: {{name: {name}, namespace: {namespace}{more}}}\nspec:\n{spec}---\n")


def ingress(name, port, hosts, extra=""):
    return istio("Gateway", name, f"  selector: {{istio: ingressgateway}}\n  servers:\n"
                 f"  - port: {{number: {port}, name: http, protocol: HTTP}}\n    hosts: [{hosts}]\n{extra}")


def to(host, subset="", more=""):
    subset = f", subset: {subset}" if subset else ""
    return f"{{destination: {{host: {host}, port: {{number: 8080}}{subset}}}{more}}}"


def http(name, match="", *lines):
    """A route: live, unless a line says otherwise."""
    text = f"  - name: {name}\n" + (f"    match: [{match}]\n" if match else "")
    if not any(line.startswith(("route:", "redirect:", "directResponse:", "delegate:")) for line in lines):
        lines += (f"route: [{to('live')}]",)
    return text + "".join(f"    {line}\n" for line in lines)


def virtual(name, hosts, text, gateways="ingress", more=""):
    return istio("VirtualService", name, f"  hosts: [{hosts}]\n  gateways: [{gateways}]\n  http:\n{text}", more=more)


def mirror(host, percentage=None):
    share = [f"mirrorPercentage: {{value: {percentage}}}"] if percentage is not None else []
    return [f"mirror: {{host: {host}, port: {{number: 8080}}}}", *share]


def pod(name, version, ip):
    return (f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {NAMESPACE}, labels: {{version: {version}}}}}\n"
            f"status: {{phase: Running, podIP: {ip}}}\n---\n")


def pod_slice(version):
    return ("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
            f"metadata: {{name: pods-{version}, namespace: {NAMESPACE}, labels: {{kubernetes.io/service-name: pods}}}}\n"
            f"addressType: IPv4\nports: [{{name: http, port: <{version}>}}]\n"
            f"endpoints: [{{addresses: [127.0.0.1], targetRef: {{kind: Pod, name: pod-{version}}}}}]\n---\n")


MATCHES = virtual(
    "matches", "match.test",
    http("exact", "{uri: {exact: /exact}}", f"route: [{to('two')}]") +
    http("late", "{uri: {exact: /exact}}", f"route: [{to('three')}]") +
    http("prefix", "{uri: {prefix: /pre}, method: {exact: GET}}", f"route: [{to('two')}]") +
    http("regex", "{uri: {regex: '/re[0-9]+'}}", f"route: [{to('two')}]") +
    http("case", "{uri: {prefix: /Case}, ignoreUriCase: true}", f"route: [{to('two')}]") +
    http("header", "{headers: {x-user: {prefix: jo}, x-there: {}}}", f"route: [{to('two')}]") +
    http("without", "{uri: {prefix: /without}, withoutHeaders: {x-off: {exact: '1'}}}", f"route: [{to('two')}]") +
    http("query", "{queryParams: {v: {exact: '2'}}}", f"route: [{to('two')}]") +
    http("either", "{uri: {exact: /one}}, {uri: {exact: /other}}", f"route: [{to('two')}]") +
    http("port", "{uri: {prefix: /port}, port: 81}", f"route: [{to('two')}]") +
    http("source", "{uri: {prefix: /source}, sourceLabels: {version: local}}", f"route: [{to('two')}]") +
    http("nobody", "{uri: {prefix: /nobody}, sourceLabels: {version: gone}}", f"route: [{to('two')}]") +
    http("rest"), gateways="ingress, inner")

DOES = virtual(
    "does", "do.test",
    http("weights", "{uri: {prefix: /weights}}", f"route: [{to('live', more=', weight: 75')}, {to('two', more=', weight: 25')}]") +
    http("rewrite", "{uri: {prefix: /old/}}", "rewrite: {uri: /new/, authority: other.test}") +
    http("redirect", "{uri: {prefix: /moved}}", "redirect: {uri: /here, authority: new.test, redirectCode: 308}") +
    http("answer", "{uri: {exact: /teapot}}", "directResponse: {status: 418, body: {string: short and stout}}") +
    http("headers", "{uri: {prefix: /headers}}",
         "headers: {request: {set: {x-set: new}, add: {x-add: more}, remove: [x-gone]}, response: {set: {x-from: umbra}}}") +
    http("retried", "{uri: {prefix: /retried}}", "retries: {attempts: 2, retryOn: '5xx', backoff: 1ms}") +
    http("plain", "{uri: {prefix: /plain}}") +
    http("v1", "{uri: {prefix: /v1}}", f"route: [{to('pods', 'v1')}]") +
    http("v2", "{uri: {prefix: /v2}}", f"route: [{to('pods', 'v2')}]") +
    http("v3", "{uri: {prefix: /v3}}", f"route: [{to('pods', 'v3')}]") +
    http("outside", "{uri: {prefix: /outside}}", f"route: [{to('api.outside.test')}]") +
    http("delegated", "{uri: {prefix: /delegated}}", "delegate: {name: other}"))

COPIES = virtual(
    "copies", "copy.test",
    http("all", "{uri: {prefix: /all}}", *mirror("two")) +
    http("half", "{uri: {prefix: /half}}", *mirror("two", 50)) +
    http("tenth", "{uri: {prefix: /tenth}}", *mirror("two", 0.5)) +
    http("none", "{uri: {prefix: /none}}", *mirror("two", 0)) +
    http("old", "{uri: {prefix: /percent}}", *mirror("two"), "mirrorPercent: 25") +
    http("several", "{uri: {prefix: /several}}",
         "mirrors: [{destination: {host: two, port: {number: 8080}}, percentage: {value: 20}}, "
         "{destination: {host: three, port: {number: 8080}}}]") +
    http("subset", "{uri: {prefix: /subset}}", "mirror: {host: pods, subset: v2, port: {number: 8080}}") +
    http("nopod", "{uri: {prefix: /nopod}}", "mirror: {host: pods, subset: v3, port: {number: 8080}}") +
    http("rewritten", "{uri: {prefix: /short}}", "rewrite: {uri: /long, authority: other.test}", *mirror("two")))

HOSTS = virtual("wild", "'*.wild.test'", http("wild", "", f"route: [{to('two')}]"))
HOSTS += virtual("precise", "one.wild.test", http("precise", "", f"route: [{to('three')}]"))
HOSTS += virtual("first", "shared.test", http("all") + http("never", "{uri: {prefix: /b}}", f"route: [{to('three')}]"),
                 more=", creationTimestamp: 2026-01-01T00:00:00Z")
HOSTS += virtual("second", "shared.test", http("a", "{uri: {prefix: /a}}", f"route: [{to('two')}]"),
                 more=", creationTimestamp: 2026-01-02T00:00:00Z")
HOSTS += virtual("api", "api.test", http("api", "", f"route: [{to('two')}]"), gateways=f"{NAMESPACE}/front")
HOSTS += route("beside", "api.test", "  - matches: [{path: {type: PathPrefix, value: /http}}]\n"
               "    backendRefs: [{name: three, port: 8080}]\n")
HOSTS += virtual("meshed", "mesh.test", http("meshed"), gateways="mesh")

RULES = (gateway("front", 82) + ingress("ingress", 80, "'*'") + ingress("inner", 81, f"'{NAMESPACE}/match.test', other/copy.test") +
         ingress("secure", 83, "'*'", "    tls: {httpsRedirect: true}\n") + MATCHES + DOES + COPIES + HOSTS +
         istio("DestinationRule", "pods", "  host: pods\n  subsets:\n" + "".join(
             f"  - {{name: {version}, labels: {{version: {version}}}}}\n" for version in ("v1", "v2", "v3"))) +
         istio("ServiceEntry", "outside", "  hosts: [api.outside.test]\n  resolution: STATIC\n"
               "  ports: [{number: 8080, name: http, protocol: HTTP}]\n"
               "  endpoints: [{address: 127.0.0.1, ports: {http: <three>}}]\n") +
         f"apiVersion: v1\nkind: Service\nmetadata: {{name: pods, namespace: {NAMESPACE}}}\n"
         "spec: {ports: [{name: http, port: 8080}]}\n---\n" + pod_slice("v1") + pod_slice("v2") +
         pod("pod-v1", "v1", "10.0.0.1") + pod("pod-v2", "v2", "10.0.0.2") + pod("local", "local", "127.0.0.1"))

play = stage(RULES, "live", "two", "three", "v1", "v2")


# ---- which route ----

@pytest.mark.parametrize("target, fields, by", [
    ("/exact", [], "two"), ("/exact/", [], "live"), ("/pre", [], "two"), ("/prefix/a", [], "two"),
    ("/re12", [], "two"), ("/re12/a", [], "live"), ("/cASE/a", [], "two"), ("/case", [], "two"),
    ("/h", [("X-User", "joe"), ("X-There", "")], "two"), ("/h", [("X-User", "joe")], "live"),
    ("/h", [("X-User", "ann"), ("X-There", "1")], "live"),
    ("/without", [], "two"), ("/without", [("X-Off", "0")], "two"), ("/without", [("X-Off", "1")], "live"),
    ("/q?v=2", [], "two"), ("/q?v=3", [], "live"), ("/one", [], "two"), ("/other", [], "two"),
    ("/source", [], "two"), ("/nobody", [], "live"), ("/", [], "live")])
def test_the_first_route_that_matches_counts(play, target, fields, by):
    assert play.ask("match.test" + target, *fields).by == by


def test_the_method_and_the_port_count_too(play):
    assert play.ask("match.test/pre", method="POST").by == "live"
    assert (play.ask("match.test/port").by, play.ask("match.test/port", port=81).by) == ("live", "two")


def test_hosts_are_matched_the_most_specific_first(play):
    assert play.ask("a.wild.test/").by == "two"
    assert play.ask("one.wild.test/").by == "three"
    assert play.ask("wild.test/").by == 404
    assert play.ask("mesh.test/").by == 404


def test_what_takes_everything_comes_last_on_a_shared_host(play):
    assert play.ask("shared.test/a").by == "two"
    assert play.ask("shared.test/b").by == "live"


def test_hosts_of_servers_are_listed_beside_listeners(play):
    assert play.listeners("ingress") == {"http": 7}
    assert play.listeners("inner") == {"http match.test": 1, "http copy.test": 0}
    assert len(play.listeners("front")) == 1


def test_a_server_is_for_the_namespaces_that_it_names(play):
    assert play.ask("copy.test/all", port=81).by == 404


def test_a_gateway_of_the_gateway_api_takes_virtual_services_beside_routes(play):
    assert play.ask("api.test/", port=82).by == "two"
    assert play.ask("api.test/http", port=82).by == "three"


# ---- what is done ----

def test_weights_share_the_requests(play):
    counts = play.count("do.test/weights", 400)
    assert counts["live"] + counts["two"] == 400
    assert 50 < counts["two"] < 150


def test_a_rewrite_changes_path_and_host(play):
    request, = play.ask("do.test/old/x?a=b").arrived("live", 1)
    assert (request.target, request.all("Host")) == ("/new/x?a=b", ["other.test"])


def test_a_redirect_is_answered_at_once(play):
    reply = play.ask("do.test/moved/x")
    assert (reply.status, reply.get("Location")) == (308, "http://new.test/here")


def test_a_direct_response_needs_no_backend(play):
    reply = play.ask("do.test/teapot")
    assert (reply.status, reply.message.body) == (418, b"short and stout")


def test_headers_are_edited_both_ways(play):
    reply = play.ask("do.test/headers", ("X-Set", "old"), ("X-Add", "one"), ("X-Gone", "1"))
    request, = reply.arrived("live", 1)
    assert (request.all("X-Set"), request.all("X-Add"), request.all("X-Gone")) == (["new"], ["one", "more"], [])
    assert reply.get("X-From") == "umbra"


def test_retries_are_made_as_the_route_says(play):
    echo = play.services["live"]
    reply = play.ask("do.test/retried", answers=[echo.answer(503), echo.answer(502), echo.answer(200)])
    assert (reply.by, len(reply.arrived("live", 3))) == ("live", 3)
    reply = play.ask("do.test/plain", answers=[echo.answer(503)])
    assert (reply.status, len(reply.arrived("live"))) == (503, 1)


def test_subsets_are_told_by_the_labels_of_pods(play):
    assert [play.ask("do.test/" + path).by for path in ("v1", "v2", "v3")] == ["v1", "v2", 503]


def test_hosts_of_service_entries_are_reached(play):
    assert play.ask("do.test/outside").by == "three"


def test_what_can_not_be_routed_gets_500(play):
    assert play.ask("do.test/delegated").status == 500


def test_https_redirect_sends_everybody_there(play):
    reply = play.ask("match.test/exact?a=b", port=83)
    assert reply.status == 301
    assert reply.get("Location").startswith("https://match.test") and reply.get("Location").endswith("/exact?a=b")


# ---- copies ----

def copies(play, path, times, name="two"):
    """How many of so many requests are copied."""
    before = len(play.services[name].requests)
    assert play.count("copy.test" + path, times) == {"live": times}
    play.umbra.settled()
    return len(play.services[name].requests) - before


@pytest.mark.parametrize("path, times, number", [
    ("/all", 20, 20), ("/half", 20, 10), ("/tenth", 200, 1), ("/none", 20, 0), ("/percent", 20, 5), ("/several", 20, 4)])
def test_a_mirror_gets_its_share(play, path, times, number):
    assert copies(play, path, times) == number


def test_each_of_several_mirrors_has_its_own_share(play):
    assert copies(play, "/several", 10, "three") == 10


def test_a_mirror_may_be_a_subset(play):
    assert copies(play, "/subset", 5, "v2") == 5
    before = play.umbra.metrics().mirror("dropped", reason="no_endpoint")
    assert play.count("copy.test/nopod", 3) == {"live": 3}
    metrics = play.umbra.settled()
    assert metrics.mirror("dropped", reason="no_endpoint") - before == 3


def test_copies_are_rewritten_like_live(play):
    reply = play.ask("copy.test/short/x", ("Cookie", "a=b"), method="POST", body=b"twice")
    copy, = reply.arrived("two", 1)
    request, = reply.arrived("live", 1)
    assert (copy.target, copy.get("Host"), copy.body) == (request.target, request.get("Host"), request.body)
    assert (copy.target, copy.get("Host"), copy.body) == ("/long/x", "other.test", b"twice")


def test_labels_name_the_virtual_service_and_the_destination(play):
    assert play.ask("copy.test/subset").by == "live"
    metrics = play.umbra.settled()
    assert metrics.mirror("sent", route=f"virtualservice/{NAMESPACE}/copies#subset", mirror="pods:8080|v2") > 0
    assert metrics.requests(route=f"virtualservice/{NAMESPACE}/copies#subset", backend="live:8080", code="200") > 0


# ---- a change ----

def test_a_changed_virtual_service_is_in_force(play):
    changed = RULES.replace(MATCHES, MATCHES.replace("{uri: {exact: /one}}", "{uri: {exact: /changed}}"))
    play.change(changed)
    play.eventually(lambda: (play.ask("match.test/one").by, play.ask("match.test/changed").by), ("live", "two"))
    play.change(RULES)
    play.eventually(lambda: play.ask("match.test/one").by, "two")


# ---- what is said ----

NOT_DONE = (ingress("gate", 80, "'*'") + virtual(
    "said", "said.test", http("said", "", "fault: {abort: {httpStatus: 500, percentage: {value: 1}}}") +
    http("gone", "", "delegate: {name: other}"), gateways="gate") + istio(
        "DestinationRule", "said", "  host: live\n  trafficPolicy: {outlierDetection: {consecutive5xxErrors: 3}, "
        "connectionPool: {tcp: {maxConnections: 1}}, tls: {mode: ISTIO_MUTUAL}}\n") +
            istio("VirtualService", "mesh", "  hosts: [a]\n  http: [{route: [{destination: {host: a}}]}]\n"))


def test_each_field_that_is_not_acted_on_is_named_by_check(tmp_path):
    import subprocess
    import umbra
    path = tmp_path / "rules.yaml"
    path.write_text(NOT_DONE)
    done = subprocess.run([umbra.BINARY, "check", "-f", path], capture_output=True, text=True, check=False)
    for words in ("VirtualService/said: spec.http[0].fault: is not acted on",
                  "VirtualService/said: spec.http[1].delegate: is not acted on",
                  "DestinationRule/said: spec.trafficPolicy.outlierDetection: is not acted on",
                  "DestinationRule/said: spec.trafficPolicy.connectionPool: is not acted on",
                  "DestinationRule/said: spec.trafficPolicy.tls.mode: ISTIO_MUTUAL needs certificates of Istio",
                  "VirtualService/mesh: spec.gateways: is missing, which stands for the mesh"):
        assert words in done.stderr, words
    assert done.returncode == 1
