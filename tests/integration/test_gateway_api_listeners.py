# SPDX-License-Identifier: Apache-2.0
"""Gateway API: which listener a request comes in by, which routes are attached to it, and for which hosts."""
import pytest

from gateway_api import gateway, route, stage

pytestmark = pytest.mark.sanitize


def to(service):
    return f"  - backendRefs: [{{name: {service}, port: 8080}}]\n"


def below(path, service="one"):
    return (f"  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n"
            f"    backendRefs: [{{name: {service}, port: 8080}}]\n")


# Port 80: hostnames of listeners and of routes meet.
RULES = gateway("meeting", "name: exact, port: 80, protocol: HTTP, hostname: the.exact.test",
                "name: some, port: 80, protocol: HTTP, hostname: '*.some.test'",
                "name: other, port: 80, protocol: HTTP, hostname: '*.other.test'")
RULES += route("exact-in-exact", "stray.test, '*.unheard.test', the.exact.test", below("/a"), "{name: meeting}")
RULES += route("exact-in-wildcard", "stray.test, some.test, x.some.test, y.some.test, x.y.some.test",
               below("/b", "two"), "{name: meeting}")
RULES += route("wildcard-in-exact", "stray.test, '*.exact.test'", below("/c", "three"), "{name: meeting}")
RULES += route("wildcard-in-wildcard", "'*.other.test'", below("/d"), "{name: meeting}")
RULES += route("in-none", "the.wrong.test, some.test", below("/e", "two"), "{name: meeting}")

# Port 81: a listener for all hosts takes those of its routes.
RULES += gateway("open", 81)
RULES += route("four-hosts", "left.test, in.left.test, right.test, in.right.test", to("two"), "{name: open}")

# Port 82: listeners by hostname, each with its route.
RULES += gateway("named", "name: bare, port: 82, protocol: HTTP, hostname: isle.test",
                 "name: harbour, port: 82, protocol: HTTP, hostname: harbour.isle.test",
                 "name: rest, port: 82, protocol: HTTP, hostname: '*.isle.test'",
                 "name: sea, port: 82, protocol: HTTP, hostname: '*.sea.test'")
RULES += route("on-bare", "", to("one"), "{name: named, sectionName: bare}")
RULES += route("on-harbour", "", to("two"), "{name: named, sectionName: harbour}")
RULES += route("on-two", "", to("three"), "{name: named, sectionName: rest}, {name: named, sectionName: sea}")

# Ports 83 to 85: listeners by port.
RULES += gateway("ports", "name: l1, port: 83, protocol: HTTP, hostname: quay.test",
                 "name: l2, port: 84, protocol: HTTP, hostname: quay.test",
                 "name: l3, port: 84, protocol: HTTP, hostname: pier.test",
                 "name: l4, port: 85, protocol: HTTP, hostname: quay.test",
                 "name: l5, port: 85, protocol: HTTP, hostname: pier.test")
RULES += route("on-83", "", to("one"), "{name: ports, port: 83}")
RULES += route("on-84", "", to("two"), "{name: ports, port: 84}")
RULES += route("on-85", "", to("three"), "{name: ports, port: 85, sectionName: l4}")


def nested(name, port):
    """Listeners each of which has some of the hosts of the one before."""
    return gateway(name, f"name: any, port: {port}, protocol: HTTP",
                   f"name: wide, port: {port}, protocol: HTTP, hostname: '*.wood.test'",
                   f"name: narrow, port: {port}, protocol: HTTP, hostname: '*.oak.wood.test'",
                   f"name: one, port: {port}, protocol: HTTP, hostname: old.oak.wood.test")


# Ports 86 and 87: the most specific listener has a request alone, whatever hosts its and others' routes name.
RULES += nested("isolated", 86)
RULES += nested("isolated-too", 87)
for section in ("any", "wide", "narrow", "one"):
    RULES += route(f"in-{section}", "", below(f"/{section}"), f"{{name: isolated, sectionName: {section}}}")
    RULES += route(f"in-{section}-too", "field.test, '*.wood.test', '*.oak.wood.test', old.oak.wood.test",
                   below(f"/{section}"), f"{{name: isolated-too, sectionName: {section}}}")

# Ports 88 and 89: one route at two Gateways, and one at each.
RULES += gateway("east", 88) + gateway("west", 89)
RULES += route("shared", "", below("/shared"), "{name: east}, {name: west}")
RULES += route("eastern", "", below("/", "two"), "{name: east}")
RULES += route("western", "", below("/", "three"), "{name: west}")

play = stage(RULES, "one", "two", "three")


@pytest.mark.parametrize("url, by", [
    ("the.exact.test/a", "one"),
    ("the.exact.test:1234/a", "one"),
    ("THE.Exact.test/a", "one"),
    ("stray.test/a", 404),
    ("x.unheard.test/a", 404),
    ("x.some.test/a", 404),
    ("the.exact.test/nothing", 404),
    ("x.some.test/b", "two"),
    ("y.some.test/b", "two"),
    ("x.y.some.test/b", "two"),
    ("z.some.test/b", 404),
    ("stray.test/b", 404),
    ("some.test/b", 404),
    ("the.exact.test/b", 404),
    ("x.some.test/nothing", 404),
    ("the.exact.test/c", "three"),
    ("stray.test/c", 404),
    ("an.exact.test/c", 404),
    ("x.some.test/c", 404),
    ("x.other.test/d", "one"),
    ("y.other.test/d", "one"),
    ("x.y.other.test/d", "one"),
    ("other.test/d", 404),
    ("x.some.test/d", 404),
    ("the.exact.test/d", 404),
    ("the.wrong.test/e", 404),
    ("some.test/e", 404),
])
def test_a_route_is_served_where_its_hosts_and_the_listeners_meet(play, url, by):
    assert play.ask(url).by == by


def test_only_routes_that_meet_a_listener_are_attached_to_it(play):
    assert play.problems("HTTPRoute", "in-none") == ["NoMatchingListenerHostname"]
    assert play.listeners("meeting") == {"exact": 2, "some": 1, "other": 1}


@pytest.mark.parametrize("url, by", [
    ("left.test/", "two"), ("in.left.test/", "two"), ("right.test/", "two"), ("in.right.test/", "two"),
    ("up.test/", 404), ("in.up.test/", 404),
])
def test_a_listener_without_a_hostname_takes_the_hosts_of_its_routes(play, url, by):
    assert play.ask(url, port=81).by == by


@pytest.mark.parametrize("url, by", [
    ("isle.test/", "one"), ("harbour.isle.test/", "two"), ("hill.isle.test/", "three"), ("town.isle.test/", "three"),
    ("in.a.isle.test/", "three"), ("in.a.sea.test/", "three"), ("sea.test/", 404), ("land.test/", 404),
])
def test_a_request_comes_in_by_the_most_specific_hostname(play, url, by):
    assert play.ask(url, port=82).by == by


@pytest.mark.parametrize("url, port, by", [
    ("quay.test/", 83, "one"), ("quay.test/", 84, "two"), ("pier.test/", 84, "two"), ("quay.test/", 85, "three"),
    ("pier.test/", 85, 404), ("pier.test/", 83, 404), ("quay.test:84/", 83, "one"),
])
def test_a_parent_port_chooses_listeners_by_where_the_request_came_in(play, url, port, by):
    assert play.ask(url, port=port).by == by


@pytest.mark.parametrize("port", [86, 87])
@pytest.mark.parametrize("host, own", [
    ("field.test", "any"), ("elm.wood.test", "wide"), ("young.oak.wood.test", "narrow"), ("old.oak.wood.test", "one")])
def test_listeners_are_isolated_from_each_other(play, port, host, own):
    found = {section: play.ask(f"{host}/{section}", port=port).by for section in ("any", "wide", "narrow", "one")}
    assert found == {**dict.fromkeys(found, 404), own: "one"}


def test_a_route_may_have_several_gateways(play):
    assert play.ask("any.test/shared", port=88).by == play.ask("any.test/shared", port=89).by == "one"
    assert play.ask("any.test/", port=88).by == "two"
    assert play.ask("any.test/", port=89).by == "three"


# ---- attachment, across namespaces too ----

SELECTED = "allowedRoutes: {kinds: [{kind: HTTPRoute}], namespaces: {from: Selector, selector: {matchLabels: {%s}}}}"
TEAM = ("apiVersion: v1\nkind: Namespace\nmetadata: {name: orchard, labels: {team: fruit}}\n---\n"
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: kitchen, labels: {team: food}}\n---\n")
ATTACHED = TEAM + gateway(
    "one-route", "name: http, port: 80, protocol: HTTP, " + SELECTED % "kubernetes.io/metadata.name: shop")
ATTACHED += route("first", "", to("one"), "{name: one-route, kind: Gateway, namespace: shop}")
ATTACHED += gateway("two-routes", "name: http, port: 81, protocol: HTTP, hostname: gate.test, " +
                    SELECTED % "kubernetes.io/metadata.name: shop")
ATTACHED += route("second", "", below("/a"), "{name: two-routes}") + route("third", "", below("/b"),
                                                                           "{name: two-routes}")
ATTACHED += route("stranger", "stranger.test", to("one"), "{name: two-routes}")
ATTACHED += gateway("two-listeners", "name: empty, port: 82, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}",
                    "name: http, port: 83, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}")
ATTACHED += route("fourth", "", to("one"), "{name: two-listeners, sectionName: http}")
ATTACHED += gateway("for-fruit", "name: http, port: 84, protocol: HTTP, " + SELECTED % "team: fruit")
ATTACHED += route("pear", "", to("pear"), "{name: for-fruit, namespace: shop}", "orchard")
ATTACHED += route("soup", "", to("one"), "{name: for-fruit, namespace: shop}", "kitchen")
ATTACHED += gateway("at-home", 85)
ATTACHED += route("abroad", "", to("pear"), "{name: at-home, namespace: shop}", "orchard")
ATTACHED += route("no-port", "", to("one"), "{name: at-home, port: 8585}")
ATTACHED += route("no-section", "", to("one"), "{name: at-home, port: 85, sectionName: https}")
ATTACHED += route("section-elsewhere", "", to("one"), "{name: at-home, port: 8585, sectionName: http}")
ATTACHED += route("no-gateway", "", to("one"), "{name: at-work}")
ATTACHED += gateway("strange-kind", "name: http, port: 86, protocol: HTTP, allowedRoutes: {kinds: [{kind: OddRoute}]}",
                    "name: both, port: 87, protocol: HTTP, "
                    "allowedRoutes: {kinds: [{kind: OddRoute}, {kind: HTTPRoute}]}")
ATTACHED += route("odd", "", to("one"), "{name: strange-kind, sectionName: http}")
ATTACHED += route("even", "", to("one"), "{name: strange-kind, sectionName: both}")
ATTACHED += gateway("for-tls", "name: tls, port: 90, protocol: TLS, tls: {mode: Passthrough}, "
                    "allowedRoutes: {kinds: [{kind: TLSRoute}]}")
ATTACHED += route("disallowed", "", to("one"), "{name: for-tls}")
ATTACHED += gateway("strange-protocol", "name: http, port: 88, protocol: HTTP", "name: odd, port: 89, protocol: ODD")
ATTACHED += route("half", "", to("one"), "{name: strange-protocol}")
ATTACHED += gateway("strange-protocol-only", "name: odd, port: 91, protocol: ODD")
ATTACHED += gateway("secure", "name: tls, port: 92, protocol: HTTPS, tls: {certificateRefs: [{name: nowhere}]}")
ATTACHED += route("secured", "", to("one"), "{name: secure}")
ATTACHED += gateway("with-parameters", 93).replace(
    "  listeners:", "  infrastructure: {parametersRef: {group: odd.test, kind: Odd, name: odd}}\n  listeners:")

attached = stage(ATTACHED, "one", "orchard/pear")


@pytest.mark.parametrize("name, listeners", [
    ("one-route", {"http": 1}),
    ("two-routes", {"http": 2}),
    ("two-listeners", {"empty": 0, "http": 1}),
    ("at-home", {"http": 0}),
])
def test_listeners_count_the_routes_attached_to_them(attached, name, listeners):
    assert attached.listeners(name) == listeners


def test_a_route_that_meets_no_hostname_is_said(attached):
    assert attached.problems("HTTPRoute", "stranger") == ["NoMatchingListenerHostname"]
    assert attached.ask("stranger.test/", port=81).by == 404
    assert attached.ask("gate.test/b", port=81).by == "one"


def test_a_section_name_attaches_to_that_listener_alone(attached):
    assert attached.ask("any.test/", port=83).by == "one"
    assert attached.ask("any.test/", port=82).by == 404


def test_routes_of_other_namespaces_are_chosen_by_their_labels(attached):
    assert attached.ask("any.test/", port=84).by == "orchard/pear"
    assert attached.listeners("for-fruit") == {"http": 1}
    assert "NotAllowedByListeners" in attached.problems("HTTPRoute", "soup")


@pytest.mark.parametrize("name, reason", [
    ("abroad", "NotAllowedByListeners"),
    ("no-port", "NoMatchingParent"),
    ("no-section", "NoMatchingParent"),
    ("section-elsewhere", "NoMatchingParent"),
    ("odd", "NotAllowedByListeners"),
    ("disallowed", "NotAllowedByListeners"),
    ("secured", "NoMatchingParent"),
])
def test_a_parent_that_takes_no_route_is_said_with_its_reason(attached, name, reason):
    assert attached.problems("HTTPRoute", name) == [reason]
    if not attached.is_clustered:
        assert f"HTTPRoute/{name}: spec.parentRefs[0]" in attached.check()


def test_a_parent_that_is_not_there_is_said_in_files_and_may_be_anybodys_in_a_cluster(attached):
    assert attached.problems("HTTPRoute", "no-gateway") == ([] if attached.is_clustered else ["NoMatchingParent"])


def test_a_route_that_is_not_attached_gets_no_requests(attached):
    assert attached.ask("any.test/", port=85).by == 404
    assert attached.ask("any.test/", port=86).by == 404


def test_kinds_that_are_not_served_are_said_and_the_others_work(attached):
    assert attached.problems("Gateway", "strange-kind") == ["InvalidRouteKinds"] * 2
    assert attached.ask("any.test/", port=87).by == "one"


def test_a_listener_of_another_protocol_is_said_and_the_others_work(attached):
    assert attached.problems("Gateway", "strange-protocol") == ["UnsupportedProtocol"]
    assert attached.problems("Gateway", "strange-protocol-only") == ["UnsupportedProtocol"]
    assert attached.problems("Gateway", "secure") == ["InvalidCertificateRef"]
    assert attached.listeners("strange-protocol") == {"http": 1, "odd": None}
    assert attached.ask("any.test/", port=88).by == "one"


def test_parameters_of_a_gateway_are_said_to_do_nothing(attached):
    if attached.is_clustered:
        assert attached.problems("Gateway", "with-parameters") == ["InvalidParameters"]
        assert attached.listeners("with-parameters") == {"http": None}
        return
    problem, = [problem for problem in attached.umbra.problems("warning") if problem["name"] == "with-parameters"]
    assert problem["field"] == "spec.infrastructure"
    assert attached.ask("any.test/", port=93).by == 404


# ---- changes ----


def test_listeners_may_be_added_and_removed(plays):
    def rules(*listeners):
        return gateway("changing", *listeners) + route("steady", "", to("one"), "{name: changing}")
    first, second = ("name: first, port: 80, protocol: HTTP, hostname: first.test",
                     "name: second, port: 80, protocol: HTTP, hostname: second.test")
    with plays(rules(first), "one") as play:
        assert (play.ask("first.test/").by, play.ask("second.test/").by) == ("one", 404)
        play.change(rules(first, second))
        play.eventually(lambda: (play.ask("first.test/").by, play.ask("second.test/").by), ("one", "one"))
        assert play.listeners("changing") == {"first": 1, "second": 1}
        play.change(rules(second))
        play.eventually(lambda: (play.ask("first.test/").by, play.ask("second.test/").by), (404, "one"))
        assert play.listeners("changing") == {"second": 1}


def test_a_changed_backend_is_in_force(plays):
    with plays(gateway("front", 80) + route("moving", "", to("one")), "one", "two") as play:
        assert play.ask("any.test/").by == "one"
        play.change(gateway("front", 80) + route("moving", "", to("two")))
        play.eventually(lambda: play.ask("any.test/").by, "two")
