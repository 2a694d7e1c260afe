# SPDX-License-Identifier: Apache-2.0
"""Gateway API: RequestMirror, and what the shadows really got: target, fields, body and share."""
import pytest

from gateway_api import gateway, route, stage

pytestmark = pytest.mark.sanitize

EDIT = ("{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Colour, value: blue}], "
        "add: [{name: X-Tag, value: new}], remove: [X-Secret]}}")


def mirror(shadow, share="", namespace=""):
    ref = f"{{name: {shadow}, port: 8080{', namespace: ' + namespace if namespace else ''}}}"
    return f"{{type: RequestMirror, requestMirror: {{backendRef: {ref}{', ' + share if share else ''}}}}}"


def rule(path, *filters, name="", refs="[{name: live, port: 8080}]"):
    return (f"  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]\n    name: {name or path.strip('/')}\n"
            f"    filters: [{', '.join(filters)}]\n    backendRefs: {refs}\n")


RULES = gateway("front", 80)
RULES += route("mirrors", "shop.test", rule("/single", mirror("two")) + rule("/edited", EDIT, mirror("two")) +
               rule("/edited-after", mirror("two"), EDIT) + rule("/several", mirror("two"), mirror("three")) +
               rule("/several-edited", EDIT, mirror("two"), mirror("three")) +
               rule("/rewritten", "{type: URLRewrite, urlRewrite: {hostname: other.test, path: "
                    "{type: ReplacePrefixMatch, replacePrefixMatch: /new}}}", mirror("two")) +
               rule("/fifth", mirror("two", "percent: 20")) +
               rule("/half", mirror("two", "fraction: {numerator: 25, denominator: 50}")) +
               rule("/third-edited", EDIT, mirror("two", "percent: 35")) +
               rule("/thousandth", mirror("two", "fraction: {numerator: 2, denominator: 1000}")))
RULES += route("more", "shop.test", rule("/never", mirror("two", "percent: 0"), mirror("three", "percent: 100")) +
               rule("/same", mirror("two"), mirror("two")) +
               rule("/lost", mirror("missing"), mirror("two")).replace("missing, port: 8080", "two, port: 1") +
               rule("/abroad", mirror("far", namespace="away")) +
               rule("/redirected", "{type: RequestRedirect, requestRedirect: {hostname: new.test}}",
                    mirror("two")).replace("    backendRefs: [{name: live, port: 8080}]\n", "") +
               rule("/unknown", mirror("two"), refs="[{name: live, port: 1}]") +
               rule("/of-backend", refs="[{name: live, port: 8080, filters: [" + mirror("two") + "]}, "
                    "{name: live-2, port: 8080, filters: [" + mirror("three") + "]}]"))

play = stage(RULES, "live", "live-2", "two", "three", "away/far")

FIELDS = [("X-Colour", "red"), ("X-Tag", "old"), ("X-Secret", "s"), ("Cookie", "a=b"), ("X-Kept", "k")]


def check_copy(reply, shadows, body=b"", live="live"):
    """Live's request and its copies are the same, but for the two fields that say of a copy that it is one."""
    request, = reply.arrived(live, 1)
    assert request.get("X-Umbra-Shadow") is None
    for shadow in shadows:
        copy, = reply.arrived(shadow, 1)
        *fields, (marker, _), baggage = copy.fields
        assert (copy.first_line, fields, copy.body) == (request.first_line, request.fields, body)
        assert (marker, baggage) == ("X-Umbra-Shadow", ("baggage", "umbra.shadow=true"))
    return request


@pytest.mark.parametrize("path, shadows", [("/single", ["two"]), ("/several", ["two", "three"])])
@pytest.mark.parametrize("method, body", [("GET", b""), ("POST", b"written twice")])
def test_a_mirror_gets_what_live_gets(play, path, shadows, method, body):
    reply = play.ask(f"shop.test{path}/a%20b;c?d=e&f", *FIELDS, method=method, body=body)
    assert reply.by == "live"
    request = check_copy(reply, shadows, body)
    assert (request.target, request.get("X-Colour")) == (f"{path}/a%20b;c?d=e&f", "red")


@pytest.mark.parametrize("path, shadows", [
    ("/edited", ["two"]), ("/edited-after", ["two"]), ("/several-edited", ["two", "three"])])
def test_edits_of_the_rule_are_in_the_copy_too(play, path, shadows):
    """Upstream looks at the answer alone; whether the filter stands before or behind the mirror makes no difference."""
    request = check_copy(play.ask("shop.test" + path, *FIELDS), shadows)
    assert (request.all("X-Colour"), request.all("X-Tag"), request.all("X-Secret")) == (["blue"], ["old", "new"], [])


def test_rewrites_of_the_rule_are_in_the_copy_too(play):
    request = check_copy(play.ask("shop.test/rewritten/x"), ["two"])
    assert (request.target, request.all("Host")) == ("/new/x", ["other.test"])


@pytest.mark.parametrize("path, count, expected", [
    ("/fifth", 100, 20), ("/half", 100, 50), ("/third-edited", 200, 70), ("/thousandth", 1000, 2), ("/never", 20, 0)])
def test_a_share_is_exact(play, path, count, expected):
    """Upstream allows three standard deviations; Even sampling has none."""
    shop = play.namespace()
    label, two = f"{shop}/{'more' if path == '/never' else 'mirrors'}#{path[1:]}", f"{shop}/two:8080"
    play.services["two"].forget()
    assert play.count("shop.test" + path, count, *FIELDS) == {"live": count}
    metrics = play.umbra.settled(lambda metrics: metrics.mirror("matched", route=label, mirror=two) == count)
    arrived = [request for request in play.services["two"].requests if request.target == path]
    assert len(arrived) == metrics.mirror("sent", route=label, mirror=two) == expected
    assert metrics.mirror("sampled_out", route=label, mirror=two) == count - expected
    if path == "/third-edited":
        assert all((copy.all("X-Colour"), copy.all("X-Secret")) == (["blue"], []) for copy in arrived)


def test_mirrors_of_one_rule_have_shares_of_their_own(play):
    reply = play.ask("shop.test/never")
    assert (len(reply.arrived("three", 1)), reply.arrived("two")) == (1, [])


def test_two_mirrors_to_one_shadow_are_two_copies(play):
    reply = play.ask("shop.test/same")
    assert len(reply.arrived("two", 2)) == 2
    metrics, shop = play.umbra.settled(), play.namespace()
    assert metrics.mirror("sent", route=f"{shop}/more#same", mirror=f"{shop}/two:8080~2") == 1


def test_a_mirror_that_can_not_be_resolved_drops_itself_alone(play):
    assert play.problems("HTTPRoute", "more").count("BackendNotFound") == 2  # the mirror's, and /unknown's backend
    reply = play.ask("shop.test/lost")
    assert reply.by == "live"
    check_copy(reply, ["two"])


def test_a_shadow_in_another_namespace_needs_no_grant_in_files_and_is_said(play):
    if play.is_clustered:
        assert play.problems("HTTPRoute", "more").count("RefNotPermitted") == 1
        reply = play.ask("shop.test/abroad")
        assert reply.by == "live"
        play.umbra.settled()
        assert not play.services["away/far"].requests
        return
    check_copy(play.ask("shop.test/abroad"), ["away/far"])
    problem, = [problem for problem in play.umbra.problems("warning") if problem["reason"] == "RefNotPermitted"]
    assert problem["field"].endswith("requestMirror.backendRef.namespace")


@pytest.mark.parametrize("path, status", [("/redirected", 302), ("/unknown", 500)])
def test_what_umbra_answers_itself_is_not_copied(play, path, status):
    reply = play.ask("shop.test" + path)
    assert reply.by == status
    metrics = play.umbra.settled()
    assert metrics.mirror("matched", route=f"{play.namespace()}/more#{path[1:]}") == 0
    assert not reply.arrived("two")


def test_the_mirror_of_a_backend_copies_its_requests_alone(play):
    wanted = {"live": "two", "live-2": "three"}
    met = set()
    for _ in range(40):
        reply = play.ask("shop.test/of-backend")
        check_copy(reply, [wanted[reply.by]], live=reply.by)
        assert len(reply.arrived("two") + reply.arrived("three")) == 1
        met.add(reply.by)
    assert met == set(wanted)


def test_answers_of_a_shadow_reach_nobody(play):
    two = play.services["two"]
    for answer in (two.answer(500), two.answer(301, ("Location", "/elsewhere")), b"this is no HTTP\r\n\r\n"):
        reply = play.ask("shop.test/single", copy_answers=[answer])
        assert reply.by == "live"
        check_copy(reply, ["two"])
    metrics = play.umbra.settled()
    label = f"{play.namespace()}/mirrors#single"
    assert [metrics.mirror("completed", route=label, code=code) for code in ("500", "301")] == [1, 1]
    assert metrics.mirror("failed", route=label, reason="protocol") == 1
